#include "driver_world_postgresql.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "cutting_proxy.h"
#include "base/buffer.h"
#include "base/file.h"
#include "driver/postgresql/driver.h"

typedef struct PostgresqlWorld {
    World world;
    const PostgresqlServer *server;
    Secret *root_password;
    PGconn *root;
    PGconn *root_beside;
    const char *admin;
    const char *suffix; // in the name of everything of this world, and of no other
    size_t log_start;
} PostgresqlWorld;

struct UserSession {
    PGconn *connection;
};

static PostgresqlServer servers[2];

static const char *must_have(const char *variable) {
    const char *value = getenv(variable);
    if (value == NULL || value[0] == '\0') {
        printf("Bail out! %s is not set: start servers with scripts/test-servers start DIR, then "
               "set -a; . DIR/facts, or run ./check --only contract\n",
               variable);
        exit(1);
    }
    return value;
}

size_t postgresql_servers(const PostgresqlServer **ret_servers) {
    servers[0] =
        (PostgresqlServer){.name = "postgresql-15",
                           .host = must_have("DAYPASS_TEST_HOST"),
                           .port = (int)strtol(must_have("DAYPASS_TEST_PG15_PORT"), NULL, 10),
                           .log = must_have("DAYPASS_TEST_PG15_LOG")};
    servers[1] =
        (PostgresqlServer){.name = "postgresql-18",
                           .host = must_have("DAYPASS_TEST_HOST"),
                           .port = (int)strtol(must_have("DAYPASS_TEST_PG18_PORT"), NULL, 10),
                           .log = must_have("DAYPASS_TEST_PG18_LOG")};
    must_have("DAYPASS_TEST_SUPERUSER");
    must_have("DAYPASS_TEST_PASSWORD_FILE");
    *ret_servers = servers;
    return COUNT_OF(servers);
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

static void run(World *world, const char *database, const char *sql) {
    PostgresqlWorld *here = (PostgresqlWorld *)world;
    bool beside = database != NULL && strcmp(database, world->other_database) == 0;
    run_on(beside ? here->root_beside : here->root, sql);
}

static int64_t number(World *world, const char *database, const char *sql) {
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

static Answer answer(World *world, const char *account, const char *password, const char *sql) {
    UserSession *user = world->engine->user_open(world, account, password);
    if (user == NULL)
        return ANSWER_NO_LOGIN;
    bool done = world->engine->user_run(user, sql);
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

static bool user_run(UserSession *user, const char *sql) {
    PGresult *result = PQexec(user->connection, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static void user_close(UserSession *user) {
    PQfinish(user->connection);
    mem_free(user);
}

static void *cutter_new(World *world, const Cut *cut, DriverLogin *ret_login) {
    PostgresqlWorld *here = (PostgresqlWorld *)world;
    CuttingPlan plan = {
        .at = cut->at, .after = cut->after, .sqlstate = cut->error, .refuses = cut->refuses};
    CuttingProxy *proxy = cutting_proxy_start(here->server->port, &plan, cut->ret_statements);
    TargetAddress *target = arena_copy(world->arena, &world->target, sizeof *target);
    target->port = cutting_proxy_port(proxy);
    *ret_login = world->login;
    ret_login->target = target;
    return proxy;
}

static void cutter_free(void *cutter) {
    cutting_proxy_stop(cutter);
}

static bool log_has(World *world, const char *text) {
    PostgresqlWorld *here = (PostgresqlWorld *)world;
    CLEANUP(buffer_done) Buffer log = {0};
    Error error = {0};
    if (file_read(here->server->log, &log, &error) != STATUS_OK)
        fail_msg("%s: %s", here->server->log, error.message);
    return memmem(log.bytes + here->log_start, log.length - here->log_start, text, strlen(text)) !=
           NULL;
}

static size_t log_size(const char *path) {
    CLEANUP(buffer_done) Buffer log = {0};
    Error error = {0};
    if (file_read(path, &log, &error) != STATUS_OK)
        fail_msg("%s: %s", path, error.message);
    return log.length;
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
                        here->world.custodian, here->admin);
}
#pragma GCC diagnostic pop

static void make_shop(PostgresqlWorld *here, const char *suffix) {
    World *world = &here->world;
    const char *owner = arena_printf(world->arena, "owner%s", suffix);
    const char *sql =
        arena_printf(world->arena,
                     "CREATE ROLE %s NOLOGIN; CREATE ROLE %s NOLOGIN; CREATE ROLE %s NOLOGIN;"
                     "CREATE ROLE %s LOGIN %s PASSWORD '%s'",
                     owner, world->custodian, world->role, here->admin,
                     world->limited_admin ? "" : "SUPERUSER", secret_text(world->admin_password));
    run_on(here->root, sql);
    run_on(here->root, arena_printf(world->arena, "GRANT CREATE ON DATABASE %s TO %s",
                                    world->target.database, owner));
    run_on(here->root, fill(world->arena, SHOP_SQL, here, owner));
    if (world->limited_admin)
        run_on(here->root, fill(world->arena, LIMITED_SQL, here, owner));
}

static PGconn *connect_as_root(const PostgresqlWorld *here, const char *database) {
    PGconn *connection = connect_as(here->server, database, getenv("DAYPASS_TEST_SUPERUSER"),
                                    secret_text(here->root_password));
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
                               here->suffix, world->target.database));
    PQfinish(first);
}

static World *world_new(const void *server, bool limited_admin, int privilege_mode) {
    static int worlds;
    PostgresqlWorld *here = mem_alloc(sizeof *here);
    World *world = &here->world;
    world->engine = &POSTGRESQL_ENGINE;
    world->arena = arena_new();
    here->server = server;
    const char *suffix = arena_printf(world->arena, "_%d_%d", (int)getpid(), worlds++);
    here->suffix = suffix;
    Error error = {0};
    if (secret_read_file(getenv("DAYPASS_TEST_PASSWORD_FILE"), true, &here->root_password,
                         &error) != STATUS_OK)
        fail_msg("%s", error.message);
    here->log_start = log_size(here->server->log);
    here->admin = arena_printf(world->arena, "admin%s", suffix);
    world->admin_password = secret_new_password(24);
    world->limited_admin = limited_admin;
    world->privilege_mode = privilege_mode;
    world->schema = "app";
    world->custodian = arena_printf(world->arena, "custodian%s", suffix);
    world->role = arena_printf(world->arena, "reader%s", suffix);
    world->other_database = arena_printf(world->arena, "beside%s", suffix);
    world->target = (TargetAddress){.kind = TARGET_POSTGRESQL,
                                    .host = here->server->host,
                                    .port = here->server->port,
                                    .database = arena_printf(world->arena, "shop%s", suffix),
                                    .tls = TLS_DISABLE};
    world->login = (DriverLogin){.target = &world->target,
                                 .user = here->admin,
                                 .password = world->admin_password,
                                 .connect_timeout_ms = 10000,
                                 .statement_timeout_ms = 20000,
                                 .clock = &SYSTEM_CLOCK};
    make_databases(here);
    make_shop(here, suffix);
    return world;
}

static void world_free(World *world) {
    PostgresqlWorld *here = (PostgresqlWorld *)world;
    PQfinish(here->root);
    PQfinish(here->root_beside);
    remove_all(here);
    secret_free(here->root_password);
    secret_free(world->admin_password);
    arena_free(world->arena);
    mem_free(here);
}

const Engine POSTGRESQL_ENGINE = {
    .driver = &POSTGRESQL_DRIVER,
    .world_new = world_new,
    .world_free = world_free,
    .run = run,
    .number = number,
    .answer = answer,
    .user_open = user_open,
    .user_run = user_run,
    .user_close = user_close,
    .cutter_new = cutter_new,
    .cutter_free = cutter_free,
    .log_has = log_has,
};
