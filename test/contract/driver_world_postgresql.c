#include "driver_world_postgresql.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/buffer.h"
#include "driver/postgresql/driver.h"
#include "driver/postgresql/statement.h"
#include "driver/sqlstate.h"

typedef struct PostgresqlWorld {
    World world;
    const PostgresqlServer *server;
    PGconn *root;
    PGconn *root_beside;
} PostgresqlWorld;

struct UserSession {
    PGconn *connection;
};

static const char *const SERVERS[POSTGRESQL_SERVER_COUNT] = {"postgresql-15", "postgresql-18"};

int postgresql_server(const char *name, PostgresqlServer *ret_server) {
    for (int i = 0; i < POSTGRESQL_SERVER_COUNT; i++) {
        if (strcmp(name, SERVERS[i]) != 0)
            continue;
        world_fact("DAYPASS_TEST_SUPERUSER");
        *ret_server = (PostgresqlServer){
            .name = SERVERS[i],
            .host = world_fact("DAYPASS_TEST_HOST"),
            .port = world_port_fact(i == 0 ? "DAYPASS_TEST_PG15_PORT" : "DAYPASS_TEST_PG18_PORT"),
            .log = world_fact(i == 0 ? "DAYPASS_TEST_PG15_LOG" : "DAYPASS_TEST_PG18_LOG")};
        return i;
    }
    return -1;
}

static PGconn *connect_as(const PostgresqlServer *server, const char *database, const char *user,
                          const char *password) {
    char port[16];
    snprintf(port, sizeof port, "%d", server->port);
    const char *keywords[] = {"host", "port", "dbname", "user", "password", "sslmode", NULL};
    const char *values[] = {server->host, port, database, user, password, "disable", NULL};
    return PQconnectdbParams(keywords, values, 0);
}

static void run_on(PGconn *connection, const char *sql) {
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    PQclear(result);
}

void pg_run(World *world, const char *database, const char *sql) {
    PostgresqlWorld *here = (PostgresqlWorld *)world;
    bool beside = database != NULL && strcmp(database, world->other_database) == 0;
    run_on(beside ? here->root_beside : here->root, sql);
}

int64_t pg_number(World *world, const char *database, const char *sql) {
    PostgresqlWorld *here = (PostgresqlWorld *)world;
    bool beside = database != NULL && strcmp(database, world->other_database) == 0;
    PGconn *connection = beside ? here->root_beside : here->root;
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) == 0)
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    int64_t value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return value;
}

Answer pg_answer(World *world, const char *account, const char *password, const char *sql) {
    UserSession *user = world->engine->user_open(world, account, password);
    if (user == NULL)
        return ANSWER_NO_LOGIN;
    bool done = pg_user_run(user, sql);
    world->engine->user_close(user);
    return done ? ANSWER_DONE : ANSWER_REFUSED;
}

static UserSession *user_open(World *world, const char *account, const char *password) {
    PostgresqlWorld *here = (PostgresqlWorld *)world;
    PGconn *connection = connect_as(here->server, world->target.database, account, password);
    if (PQstatus(connection) != CONNECTION_OK) {
        PQfinish(connection);
        return NULL;
    }
    UserSession *user = mem_alloc(sizeof *user);
    user->connection = connection;
    return user;
}

bool pg_user_run(UserSession *user, const char *sql) {
    PGresult *result = PQexec(user->connection, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static bool user_does(UserSession *user, Deed deed, const char *name) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *table = name == NULL ? NULL : pg_sql_identifier(arena, name);
    switch (deed) {
    case DEED_LOGIN:
        return pg_user_run(user, "SELECT 1");
    case DEED_READ:
        return pg_user_run(user, arena_printf(arena, "SELECT * FROM app.%s", table));
    case DEED_WRITE:
        return pg_user_run(user, arena_printf(arena, "INSERT INTO app.%s DEFAULT VALUES", table));
    case DEED_BEGIN:
        return pg_user_run(user, "BEGIN");
    }
    return false;
}

static void user_close(UserSession *user) {
    PQfinish(user->connection);
    mem_free(user);
}

// Names that would do harm if they were ever not quoted, and the longest one there can be.
static const char SHOP_SQL[] =
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
    "CREATE SCHEMA %1$s AUTHORIZATION %2$s; SET ROLE %2$s;"
    "CREATE TABLE %1$s.customers (id serial PRIMARY KEY, name text);"
    "INSERT INTO %1$s.customers (name) VALUES ('Ada'), ('Grace');"
    "CREATE TABLE %1$s.orders (id int GENERATED ALWAYS AS IDENTITY, customer int);"
    "CREATE TABLE %1$s.secrets (text text); INSERT INTO %1$s.secrets VALUES ('none');"
    "CREATE VIEW %1$s.names AS SELECT name FROM %1$s.customers;"
    "CREATE SEQUENCE %1$s.tickets;"
    "CREATE FUNCTION %1$s.twice(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 * 2';"
    "CREATE FUNCTION %1$s.twice(text) RETURNS text LANGUAGE sql AS 'SELECT $1 || $1';"
    "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA %1$s FROM PUBLIC;"
    "CREATE TABLE %1$s.x (i int);"
    "CREATE TABLE %1$s.\"weird; DROP TABLE x; --\" (i int);"
    "CREATE TABLE %1$s.\"qu\"\"ote's\" (i int);"
    "CREATE TABLE %1$s.\"back\\slash\\\" (i int);"
    "CREATE TABLE %1$s.\" spaces \" (i int);"
    "CREATE TABLE %1$s.\"t\xc3\xa4glich \xf0\x9f\x90\x98\" (i int);"
    "CREATE TABLE %1$s.\"n23456789012345678901234567890123456789012345678901234567890123\" (i int);"
    "RESET ROLE;"
    "GRANT USAGE ON SCHEMA %1$s TO %3$s; GRANT SELECT ON %1$s.secrets TO %3$s;"
    "GRANT CREATE ON SCHEMA %1$s TO %4$s;";

// docs/postgresql.md names these, and nothing else.
static const char LIMITED_SQL[] =
    "ALTER ROLE %5$s CREATEROLE; GRANT pg_signal_backend TO %5$s; GRANT %4$s TO %5$s;"
    "GRANT %3$s TO %5$s WITH ADMIN OPTION; SET ROLE %2$s;"
    "GRANT USAGE, CREATE ON SCHEMA %1$s TO %5$s WITH GRANT OPTION;"
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %1$s TO %5$s WITH GRANT OPTION;"
    "GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA %1$s TO %5$s WITH GRANT OPTION;"
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %1$s TO %5$s WITH GRANT OPTION;"
    "RESET ROLE;";

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static const char *fill(Arena *arena, const char *format, const PostgresqlWorld *here,
                        const char *owner) {
    return arena_printf(arena, format, here->world.schema, owner, here->world.role,
                        here->world.custodian, here->world.admin);
}
#pragma GCC diagnostic pop

static void make_shop(PostgresqlWorld *here) {
    World *world = &here->world;
    const char *owner = arena_printf(world->arena, "owner%s", world->suffix);
    const char *sql =
        arena_printf(world->arena,
                     "CREATE ROLE %s NOLOGIN; CREATE ROLE %s NOLOGIN; CREATE ROLE %s NOLOGIN;"
                     "CREATE ROLE %s LOGIN %s PASSWORD '%s'",
                     owner, world->custodian, world->role, world->admin,
                     world->limited_admin ? "" : "SUPERUSER", secret_text(world->admin_password));
    run_on(here->root, sql);
    run_on(here->root, arena_printf(world->arena, "GRANT CREATE ON DATABASE %s TO %s",
                                    world->target.database, owner));
    run_on(here->root, fill(world->arena, SHOP_SQL, here, owner));
    if (world->limited_admin)
        run_on(here->root, fill(world->arena, LIMITED_SQL, here, owner));
}

static PGconn *connect_as_root(const PostgresqlWorld *here, const char *database) {
    PGconn *connection = connect_as(here->server, database, world_fact("DAYPASS_TEST_SUPERUSER"),
                                    secret_text(here->world.root_password));
    if (PQstatus(connection) != CONNECTION_OK)
        fail_msg("%s: %s", here->server->name, PQerrorMessage(connection));
    return connection;
}

static void make_databases(PostgresqlWorld *here) {
    World *world = &here->world;
    PGconn *first = connect_as_root(here, "postgres");
    run_on(first, arena_printf(world->arena, "CREATE DATABASE %s", world->target.database));
    run_on(first, arena_printf(world->arena,
                               "CREATE DATABASE %s ENCODING 'SQL_ASCII' LC_COLLATE 'C'"
                               " LC_CTYPE 'C' TEMPLATE template0",
                               world->other_database));
    PQfinish(first);
    here->root = connect_as_root(here, world->target.database);
    here->root_beside = connect_as_root(here, world->other_database);
    run_on(here->root, "SET client_min_messages = error");
    run_on(here->root_beside, "SET client_min_messages = error");
}

// The server is as it was, for whoever tests on it next: accounts, shared roles (whose marks name
// the database) and what tests made beside them.
static void remove_all(const PostgresqlWorld *here) {
    const World *world = &here->world;
    PGconn *first = connect_as_root(here, "postgres");
    run_on(first, "SET client_min_messages = error");
    run_on(first,
           arena_printf(world->arena, "DROP DATABASE %s WITH (FORCE)", world->target.database));
    run_on(first,
           arena_printf(world->arena, "DROP DATABASE %s WITH (FORCE)", world->other_database));
    run_on(first, arena_printf(world->arena,
                               "DO $$ BEGIN EXECUTE (SELECT 'DROP ROLE '"
                               " || string_agg(quote_ident(rolname), ', ') FROM pg_roles"
                               " WHERE position('%s' IN rolname) > 0"
                               " OR shobj_description(oid, 'pg_authid') LIKE"
                               "  'daypass-role {%%\"database\":\"%s\"%%'); END $$",
                               world->suffix, world->target.database));
    PQfinish(first);
}

static World *world_new(const void *server_, bool limited_admin, int privilege_mode) {
    const PostgresqlServer *server = server_;
    PostgresqlWorld *here = mem_alloc(sizeof *here);
    World *world = &here->world;
    here->server = server;
    world_begin(world, &(WorldStart){.engine = &POSTGRESQL_ENGINE,
                                     .host = server->host,
                                     .port = server->port,
                                     .log = server->log,
                                     .admin = "admin",
                                     .limited_admin = limited_admin,
                                     .privilege_mode = privilege_mode});
    world->schema = "app";
    world->custodian = arena_printf(world->arena, "custodian%s", world->suffix);
    world->role = arena_printf(world->arena, "reader%s", world->suffix);
    world->other_database = arena_printf(world->arena, "beside%s", world->suffix);
    make_databases(here);
    make_shop(here);
    return world;
}

static void world_free(World *world) {
    PostgresqlWorld *here = (PostgresqlWorld *)world;
    PQfinish(here->root);
    PQfinish(here->root_beside);
    remove_all(here);
    world_end(world);
}

// ---- By hand ------------------------------------------------------------------------------------

static bool counts_one(World *world, const char *sql) {
    return pg_number(world, NULL, sql) == 1;
}

static bool has_table(World *world, const char *name) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    return counts_one(world, arena_printf(arena,
                                          "SELECT count(*) FROM pg_tables WHERE schemaname = 'app'"
                                          " AND tablename = %s",
                                          pg_sql_literal(arena, name)));
}

static bool has_account_where(World *world, const char *account, const char *condition) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    return counts_one(world, arena_printf(arena,
                                          "SELECT count(*) FROM pg_authid WHERE rolname = %s AND "
                                          "%s",
                                          pg_sql_literal(arena, account), condition));
}

static bool has_account(World *world, const char *account) {
    return has_account_where(world, account, "true");
}

static bool has_no_end(World *world, const char *account) {
    return has_account_where(world, account, "rolvaliduntil IS NULL");
}

static bool holds_verifier(World *world, const char *account) {
    return has_account_where(world, account, "rolpassword LIKE 'SCRAM-SHA-256$%'");
}

// Text before the account's name, and after it.
static void run_with(World *world, const char *before, const char *account, const char *after) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    pg_run(world, NULL,
           arena_printf(arena, "%s %s %s", before, pg_sql_identifier(arena, account), after));
}

static void stranger_make(World *world, const char *account, const char *password) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    run_with(world, "CREATE ROLE", account,
             password == NULL
                 ? "LOGIN"
                 : arena_printf(arena, "LOGIN PASSWORD %s", pg_sql_literal(arena, password)));
}

static void stranger_remove(World *world, const char *account) {
    run_with(world, "DROP ROLE", account, "");
}

static void alter(World *world, const char *account, Alteration alteration, bool undo) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *way = undo ? "FROM" : "TO";
    const char *verb = undo ? "REVOKE" : "GRANT";
    switch (alteration) {
    case ALTERATION_ROLE:
        run_with(world, arena_printf(arena, "%s %s %s", verb, world->role, way), account, "");
        break;
    case ALTERATION_PRIVILEGE:
        run_with(world, arena_printf(arena, "%s SELECT ON app.secrets %s", verb, way), account, "");
        break;
    case ALTERATION_POWER:
        run_with(world, "ALTER ROLE", account, undo ? "NOCREATEDB" : "CREATEDB");
        break;
    case ALTERATION_LOCK:
        run_with(world, "ALTER ROLE", account, undo ? "LOGIN" : "NOLOGIN");
        break;
    case ALTERATION_COUNT:
        break;
    }
}

static void set_end(World *world, const char *account, const char *end) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    run_with(world, "ALTER ROLE", account, arena_printf(arena, "VALID UNTIL '%s'", end));
}

static void set_mark(World *world, const char *account, const char *mark) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    run_with(world, "COMMENT ON ROLE", account,
             arena_printf(arena, "IS %s", pg_sql_literal(arena, mark)));
}

static void table_make(World *world, const char *name) {
    run_with(world, "CREATE TABLE app.", name, "(i int)");
}

static void table_remove(World *world, const char *name) {
    run_with(world, "DROP TABLE app.", name, "");
}

// The server wakes us.
static void await_end(World *world, const char *account) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    pg_run(world, NULL,
           arena_printf(arena,
                        "SELECT pg_sleep_until(rolvaliduntil) FROM pg_roles WHERE rolname = %s",
                        pg_sql_literal(arena, account)));
}

static const char *making_statement(World *world, const char *account) {
    return arena_printf(world->arena, "CREATE ROLE \"%s\" LOGIN", account);
}

// ---- What an account makes, in two databases ----------------------------------------------------

static const char *made(World *world, const char *format, const char *account) {
    CLEANUP(buffer_done) Buffer text = {0};
    for (const char *rest = format; *rest != '\0'; rest++)
        if (*rest == '#')
            buffer_addf(&text, "made_%s", account);
        else
            buffer_add_bytes(&text, rest, 1);
    return arena_strdup(world->arena, buffer_text(&text));
}

static void things_make(World *world, const char *account, const char *password) {
    const char *sql = made(world,
                           "CREATE TABLE app.# AS SELECT 7 AS i; ALTER DEFAULT PRIVILEGES GRANT"
                           " SELECT ON TABLES TO PUBLIC; GRANT SELECT ON app.# TO PUBLIC",
                           account);
    if (pg_answer(world, account, password, sql) != ANSWER_DONE)
        fail_msg("refused: %s", sql);
    pg_run(world, world->other_database,
           arena_printf(world->arena,
                        "%s; ALTER TABLE %s OWNER TO %s; GRANT CREATE ON SCHEMA public"
                        " TO %s",
                        made(world, "CREATE TABLE public.# AS SELECT 7 AS i", account),
                        made(world, "public.#", account), account, world->custodian));
}

static void things_check(World *world, const char *account) {
    assert_int_equal(pg_number(world, NULL, made(world, "SELECT i FROM app.#", account)), 7);
    assert_int_equal(
        pg_number(world, world->other_database, made(world, "SELECT i FROM public.#", account)), 7);
}

static void things_check_handed_over(World *world, const char *account) {
    const char *sql =
        arena_printf(world->arena, "%s AND relowner = '%s'::regrole",
                     made(world, "SELECT count(*) FROM pg_class WHERE relname = '#'", account),
                     world->custodian);
    assert_int_equal(pg_number(world, NULL, sql), 1);
    assert_int_equal(pg_number(world, world->other_database, sql), 1);
}

static void things_remove(World *world, const char *account) {
    pg_run(world, NULL, made(world, "DROP TABLE app.#", account));
    pg_run(world, world->other_database, made(world, "DROP TABLE public.#", account));
}

static const char *things_line(World *world, const char *account, int n) {
    static const char *const LINES[] = {"table app.#", "table public.#"};
    return n < (int)COUNT_OF(LINES) ? made(world, LINES[n], account) : NULL;
}

static const MadeThings MADE_THINGS = {
    .make = things_make,
    .check = things_check,
    .check_handed_over = things_check_handed_over,
    .remove = things_remove,
    .line = things_line,
    .owned = 2,
    .fewest_statements = 20,
    .fewest_connections = 2,
};

// ---- What PostgreSQL is -------------------------------------------------------------------------

static const char *const STRANGE_NAMES[] = {
    "weird; DROP TABLE x; --",
    "qu\"ote's",
    "back\\slash\\",
    " spaces ",
    "t\xc3\xa4glich \xf0\x9f\x90\x98",
    "n23456789012345678901234567890123456789012345678901234567890123",
    NULL,
};

// Too many connections, serialization, cancelled, a right missing, read-only, internal.
static const char *const ERRORS[] = {"53300", "40001", "57014", "42501", "25006", "XX000", NULL};

static const char *const LATER_ENDS[] = {"infinity", "2099-01-01", "99999-12-31", NULL};
static const char *const PAST_ENDS[] = {"-infinity", "1969-01-01", "2020-01-01", NULL};

static const char *const MAKES[] = {"CREATE", "USAGE", NULL};

const Engine POSTGRESQL_ENGINE = {
    .driver = &POSTGRESQL_DRIVER,
    .traits = TRAIT_NAMED_TABLES | TRAIT_ROLES | TRAIT_TRANSACTIONS | TRAIT_CONNECTION_LIMIT |
              TRAIT_SETTABLE_END | TRAIT_OWNED_OBJECTS | TRAIT_DISCOVERY | TRAIT_STATEMENT_LOG,
    .longest_name = 63,
    .strange_names = STRANGE_NAMES,
    .errors = ERRORS,
    .fewest_statements = 3,
    .error_class = sqlstate_class,
    .alterations = {[ALTERATION_ROLE] = {"roles", NULL, true},
                    [ALTERATION_PRIVILEGE] = {"privileges", "SELECT on table app.secrets", true},
                    [ALTERATION_POWER] = {"attributes", NULL, true},
                    [ALTERATION_LOCK] = {"login", NULL, false}},
    .later_ends = LATER_ENDS,
    .past_ends = PAST_ENDS,
    .broken_marks = WORLD_BROKEN_MARKS,
    .makes = MAKES,
    .discoverable = {.view = "names",
                     .strange_table = "weird; DROP TABLE x; --",
                     .sequence = "tickets",
                     .function = "twice(integer)",
                     .hidden_schema = "pg_catalog"},
    .elided = "PASSWORD '(elided)'",
    .verifier_prefix = "SCRAM-SHA-256$",
    .made = &MADE_THINGS,
    .wire = &POSTGRESQL_WIRE,
    .world_new = world_new,
    .world_free = world_free,
    .access = world_access,
    .user_open = user_open,
    .user_does = user_does,
    .user_close = user_close,
    .has_table = has_table,
    .has_account = has_account,
    .stranger_make = stranger_make,
    .stranger_remove = stranger_remove,
    .alter = alter,
    .set_end = set_end,
    .has_no_end = has_no_end,
    .set_mark = set_mark,
    .table_make = table_make,
    .table_remove = table_remove,
    .await_end = await_end,
    .holds_verifier = holds_verifier,
    .log_begin = world_log_begin,
    .log_has = world_log_has,
    .making_statement = making_statement,
};
