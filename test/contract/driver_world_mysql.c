#include "driver_world_mysql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "driver_hands_mysql.h"
#include "base/buffer.h"
#include "driver/mysql/driver.h"
#include "driver/mysql/failure.h"
#include "driver/mysql/statement.h"

typedef struct MysqlWorld {
    World world;
    const MysqlServer *server;
    MYSQL *root;
} MysqlWorld;

struct UserSession {
    MYSQL *connection;
    const World *world;
};

// ---- Servers and sessions -----------------------------------------------------------------------

static const struct {
    const char *name, *port, *log, *defaults_file;
    const Engine *engine;
    int number, count;
} SERVERS[] = {
    {"mysql-9.7", "DAYPASS_TEST_MYSQL97_PORT", "DAYPASS_TEST_MYSQL97_LOG",
     "DAYPASS_TEST_MYSQL97_DEFAULTS_FILE", &MYSQL_ENGINE, 0, 1},
    {"mariadb-10.11", "DAYPASS_TEST_MARIADB1011_PORT", "DAYPASS_TEST_MARIADB1011_LOG",
     "DAYPASS_TEST_MARIADB1011_DEFAULTS_FILE", &MARIADB_ENGINE, 0, 2},
    {"mariadb-11.8", "DAYPASS_TEST_MARIADB118_PORT", "DAYPASS_TEST_MARIADB118_LOG",
     "DAYPASS_TEST_MARIADB118_DEFAULTS_FILE", &MARIADB_ENGINE, 1, 2},
};

bool mysql_server(const char *name, MysqlServer *ret_server) {
    for (size_t i = 0; i < COUNT_OF(SERVERS); i++) {
        if (strcmp(name, SERVERS[i].name) != 0)
            continue;
        *ret_server = (MysqlServer){.name = SERVERS[i].name,
                                    .engine = SERVERS[i].engine,
                                    .number = SERVERS[i].number,
                                    .count = SERVERS[i].count,
                                    .host = world_fact("DAYPASS_TEST_HOST"),
                                    .port = world_port_fact(SERVERS[i].port),
                                    .log = world_fact(SERVERS[i].log),
                                    .defaults_file = world_fact(SERVERS[i].defaults_file)};
        return true;
    }
    return false;
}

const MysqlServer *mysql_server_of(const World *world) {
    return ((const MysqlWorld *)world)->server;
}

bool is_mariadb(const World *world) {
    return world->engine == &MARIADB_ENGINE;
}

MYSQL *my_connect(const World *world, const MyLogin *login) {
    const MysqlServer *server = mysql_server_of(world);
    MYSQL *connection = mysql_init(NULL);
    my_bool tls = login->tls;
    my_bool verify = 0;
    unsigned timeout_s = 30;
    mysql_optionsv(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(connection, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
    mysql_optionsv(connection, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
    mysql_optionsv(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    if (login->tls)
        mysql_optionsv(connection, MYSQL_OPT_SSL_ENFORCE, &tls);
    if (login->host != NULL)
        mysql_optionsv(connection, MYSQL_OPT_BIND, login->host);
    mysql_real_connect(connection, server->host, login->user, login->password, NULL,
                       (unsigned)(login->port != 0 ? login->port : server->port), NULL,
                       CLIENT_MULTI_STATEMENTS);
    return connection;
}

bool my_execute(MYSQL *connection, const char *sql) {
    if (mysql_real_query(connection, sql, strlen(sql)) != 0)
        return false;
    for (;;) {
        mysql_free_result(mysql_store_result(connection));
        int next = mysql_next_result(connection);
        if (next != 0)
            return next < 0;
    }
}

void my_run(World *world, const char *sql) {
    MYSQL *root = ((MysqlWorld *)world)->root;
    if (!my_execute(root, sql))
        fail_msg("%s: %s", sql, mysql_error(root));
}

const char *my_text(World *world, const char *sql) {
    MYSQL *root = ((MysqlWorld *)world)->root;
    MYSQL_RES *result =
        mysql_real_query(root, sql, strlen(sql)) == 0 ? mysql_store_result(root) : NULL;
    MYSQL_ROW row = result != NULL ? mysql_fetch_row(result) : NULL;
    if (row == NULL)
        fail_msg("%s: %s", sql, mysql_error(root));
    const char *text = arena_strdup(world->arena, row[0]);
    mysql_free_result(result);
    return text;
}

int64_t my_number(World *world, const char *sql) {
    const char *text = my_text(world, sql);
    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

const char *my_fill(World *world, const char *format, const char *account) {
    CLEANUP(buffer_done) Buffer text = {0};
    for (const char *rest = format; *rest != '\0'; rest++)
        if (*rest == '#')
            buffer_add(&text, account);
        else if (*rest == '~')
            buffer_add(&text, world->schema);
        else
            buffer_add_bytes(&text, rest, 1);
    return arena_strdup(world->arena, buffer_text(&text));
}

static UserSession *user_open(World *world, const char *account, const char *password) {
    MYSQL *connection = my_connect(world, &(MyLogin){.user = account, .password = password});
    if (mysql_errno(connection) != 0) {
        mysql_close(connection);
        return NULL;
    }
    UserSession *user = mem_alloc(sizeof *user);
    *user = (UserSession){.connection = connection, .world = world};
    return user;
}

bool my_user_run(UserSession *user, const char *sql) {
    return my_execute(user->connection, sql);
}

unsigned my_user_error(const UserSession *user) {
    return mysql_errno(user->connection);
}

static void user_close(UserSession *user) {
    mysql_close(user->connection);
    mem_free(user);
}

Answer my_answer(World *world, const char *account, const char *password, const char *sql) {
    UserSession *user = user_open(world, account, password);
    if (user == NULL)
        return ANSWER_NO_LOGIN;
    bool done = my_user_run(user, sql);
    user_close(user);
    return done ? ANSWER_DONE : ANSWER_REFUSED;
}

const char *my_table_of(const World *world, Arena *arena, const char *name) {
    return arena_printf(arena, "%s.%s", world->schema, my_sql_identifier(arena, name));
}

static bool user_does(UserSession *user, Deed deed, const char *name) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *table = name == NULL ? NULL : my_table_of(user->world, arena, name);
    switch (deed) {
    case DEED_LOGIN:
        return my_user_run(user, "SELECT 1");
    case DEED_READ:
        return my_user_run(user, arena_printf(arena, "SELECT * FROM %s", table));
    case DEED_WRITE:
        return my_user_run(user, arena_printf(arena, "INSERT INTO %s () VALUES ()", table));
    case DEED_BEGIN:
        return my_user_run(user, "START TRANSACTION");
    }
    return false;
}

static const char *making_statement(World *world, const char *account) {
    return arena_printf(world->arena, "CREATE USER `%s`@", account);
}

// In a name: `from` to `to`.
static const char *replaced(Arena *arena, const char *text, char from, const char *to) {
    CLEANUP(buffer_done) Buffer out = {0};
    for (; *text != '\0'; text++)
        if (*text == from)
            buffer_add(&out, to);
        else
            buffer_add_bytes(&out, text, 1);
    return arena_strdup(arena, buffer_text(&out));
}

// ---- The shop -----------------------------------------------------------------------------------

// Names that would do harm if they were ever not quoted, and the longest one there can be. The
// schema beside it is one that the shop's name would match as a pattern.
static const char SHOP_SQL[] =
    "CREATE DATABASE %1$s; CREATE DATABASE %2$s; CREATE TABLE %2$s.customers (id int);"
    "CREATE TABLE %1$s.customers (id int AUTO_INCREMENT PRIMARY KEY, name varchar(40));"
    "INSERT INTO %1$s.customers (name) VALUES ('Ada'), ('Grace');"
    "CREATE TABLE %1$s.orders (id int AUTO_INCREMENT PRIMARY KEY, customer int);"
    "CREATE TABLE %1$s.secrets (text varchar(40)); INSERT INTO %1$s.secrets VALUES ('none');"
    "CREATE VIEW %1$s.names AS SELECT name FROM %1$s.customers;"
    "CREATE FUNCTION %1$s.twice(i int) RETURNS int DETERMINISTIC RETURN i * 2;"
    "CREATE PROCEDURE %1$s.twice(i int) SELECT i * 2;"
    "CREATE TABLE %1$s.x (i int);"
    "CREATE TABLE %1$s.`weird; DROP TABLE x; --` (i int);"
    "CREATE TABLE %1$s.`qu``ote's\"` (i int);"
    "CREATE TABLE %1$s.`back\\slash\\` (i int);"
    "CREATE TABLE %1$s.` spaces` (i int);"
    "CREATE TABLE %1$s.`p_t%%` (i int);"
    "CREATE TABLE %1$s.`t\xc3\xa4glich \xe2\x98\x83` (i int);"
    "CREATE TABLE %1$s.`n234567890123456789012345678901234567890123456789012345678901234` (i int);"
    "CREATE ROLE %3$s; GRANT SELECT ON %1$s.secrets TO %3$s;"
    "CREATE USER %4$s ACCOUNT LOCK; GRANT SELECT ON %1$s.* TO %4$s;"
    "CREATE USER %5$s IDENTIFIED BY '%6$s';";

static const char *const STRANGE_NAMES[] = {
    "weird; DROP TABLE x; --",
    "qu`ote's\"",
    "back\\slash\\",
    " spaces",
    "p_t%",
    "t\xc3\xa4glich \xe2\x98\x83",
    "n234567890123456789012345678901234567890123456789012345678901234",
    NULL,
};

enum { SHOW_CREATE_ROUTINE_SINCE = 110301 };

// docs/mysql.md names these, and nothing else: for flows that grant all of a schema, let accounts
// make things there, and (on MariaDB) have roles active at login.
static const char MYSQL_LIMITED_SQL[] =
    "GRANT CREATE USER, PROCESS, CONNECTION_ADMIN ON *.* TO %5$s;"
    "GRANT SELECT ON mysql.* TO %5$s; GRANT CREATE, EVENT ON daypass.* TO %5$s;"
    "GRANT SHOW VIEW, TRIGGER, EVENT, SHOW_ROUTINE, SET_ANY_DEFINER ON *.* TO %5$s;"
    "GRANT ALL ON `%7$s`.* TO %5$s WITH GRANT OPTION; GRANT %3$s TO %5$s WITH ADMIN OPTION;";
static const char MARIADB_LIMITED_SQL[] =
    "GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO %5$s;"
    "GRANT SELECT, UPDATE ON mysql.* TO %5$s;"
    "GRANT CREATE, EVENT, SELECT, INSERT, UPDATE, DELETE ON daypass.* TO %5$s;"
    "GRANT SHOW VIEW, TRIGGER, EVENT, SET USER ON *.* TO %5$s;"
    "GRANT ALL ON `%7$s`.* TO %5$s WITH GRANT OPTION; GRANT %3$s TO %5$s WITH ADMIN OPTION;";
static const char SUPERUSER_SQL[] = "GRANT ALL PRIVILEGES ON *.* TO %5$s WITH GRANT OPTION;"
                                    "GRANT %3$s TO %5$s WITH ADMIN OPTION;";

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void run_filled(MysqlWorld *here, const char *format) {
    World *world = &here->world;
    const char *pattern = replaced(world->arena, world->schema, '_', "\\_");
    my_run(world, arena_printf(world->arena, format, world->schema, world->other_database,
                               world->role, world->custodian, world->admin,
                               secret_text(world->admin_password), pattern));
}
#pragma GCC diagnostic pop

static void make_shop(MysqlWorld *here) {
    World *world = &here->world;
    const char *limited = is_mariadb(world) ? MARIADB_LIMITED_SQL : MYSQL_LIMITED_SQL;
    run_filled(here, SHOP_SQL);
    run_filled(here, world->limited_admin ? limited : SUPERUSER_SQL);
    // A privilege that 10.11 does not know yet.
    if (world->limited_admin && is_mariadb(world) &&
        mysql_get_server_version(here->root) >= SHOW_CREATE_ROUTINE_SINCE)
        run_filled(here, "GRANT SHOW CREATE ROUTINE ON *.* TO %5$s");
}

// The server is as it was, for whoever tests on it next: schemas, accounts, and what is kept of
// accounts.
static void drop_all(World *world, const char *what, const char *names_sql) {
    const char *names = my_text(world, names_sql);
    for (char *rest = NULL, *name = strtok_r(arena_strdup(world->arena, names), "\n", &rest);
         name != NULL; name = strtok_r(NULL, "\n", &rest))
        my_run(world, arena_printf(world->arena, "DROP %s %s", what, name));
}

static void remove_all(MysqlWorld *here) {
    World *world = &here->world;
    Arena *arena = world->arena;
    my_run(world, "SET SESSION group_concat_max_len = 1000000");
    drop_all(world, "EVENT",
             arena_printf(arena,
                          "SELECT COALESCE(GROUP_CONCAT(CONCAT('daypass.`', EVENT_NAME, '`')"
                          " SEPARATOR '\n'), '') FROM information_schema.EVENTS WHERE EVENT_SCHEMA"
                          " = 'daypass' AND INSTR(EVENT_NAME, '%s') > 0",
                          world->suffix));
    my_run(world, arena_printf(arena, "DROP DATABASE %s; DROP DATABASE %s; DROP ROLE %s",
                               world->schema, world->other_database, world->role));
    drop_all(world, "USER",
             arena_printf(arena,
                          "SELECT COALESCE(GROUP_CONCAT(CONCAT('`', User, '`@`', Host, '`')"
                          " SEPARATOR '\n'), '') FROM mysql.user WHERE INSTR(User, '%s') > 0",
                          world->suffix));
    if (is_mariadb(world) && my_number(world, "SELECT COUNT(*) FROM information_schema.TABLES"
                                              " WHERE TABLE_SCHEMA = 'daypass'"
                                              " AND TABLE_NAME = 'accounts'") > 0)
        my_run(world,
               arena_printf(arena, "DELETE FROM daypass.accounts WHERE INSTR(user, '%s') > 0",
                            world->suffix));
}

static void connect_as_root(MysqlWorld *here) {
    here->root =
        my_connect(&here->world,
                   &(MyLogin){.user = "root", .password = secret_text(here->world.root_password)});
    if (mysql_errno(here->root) != 0)
        fail_msg("%s: %s", here->server->name, mysql_error(here->root));
    // Of the password of the admin, the log is not told.
    my_run(&here->world, "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES',"
                         " time_zone = '+00:00', sql_log_off = ON");
}

static World *world_new(const void *server_, bool limited_admin, int privilege_mode) {
    const MysqlServer *server = server_;
    MysqlWorld *here = mem_alloc(sizeof *here);
    World *world = &here->world;
    here->server = server;
    world_begin(world, &(WorldStart){.engine = server->engine,
                                     .host = server->host,
                                     .port = server->port,
                                     .log = server->log,
                                     .admin = "admin",
                                     .limited_admin = limited_admin,
                                     .privilege_mode = privilege_mode});
    world->schema = world->name_part;
    world->other_database = replaced(world->arena, world->schema, '_', "x");
    world->custodian = arena_printf(world->arena, "custodian%s", world->suffix);
    world->role = arena_printf(world->arena, "reader%s", world->suffix);
    connect_as_root(here);
    make_shop(here);
    return world;
}

static void world_free(World *world) {
    MysqlWorld *here = (MysqlWorld *)world;
    remove_all(here);
    mysql_close(here->root);
    world_end(world);
}

// ---- What the engines are -----------------------------------------------------------------------

// Too many connections, deadlock, a lock not had in time, a right missing, read-only, unknown.
static const char *const ERRORS[] = {"1040", "1213", "1205", "1227", "1290", "1105", NULL};

static FailureClass error_class(const char *error) {
    return my_failure_class((unsigned)strtoul(error, NULL, 10));
}

static const char *const LATER_ENDS[] = {"never", "2037-01-01 00:00:00", NULL};
static const char *const PAST_ENDS[] = {"1990-01-01 00:00:00", "2020-01-01 00:00:00", NULL};
static const char *const BROKEN_MARKS[] = {
    "{\"v\": 2}",
    "{}",
    "[]",
    "\"daypass\"",
    "{\"connector\": \"c\", \"database\": \"d\", \"deployment\": \"x\", \"expires\": \"never\","
    " \"grant\": \"g\", \"v\": 1}",
    NULL,
};

static const char *const MAKES[] = {"CREATE VIEW", "EVENT", NULL};

#define BOTH_ENGINES                                                                               \
    .traits = TRAIT_NAMED_TABLES | TRAIT_ROLES | TRAIT_TRANSACTIONS | TRAIT_CONNECTION_LIMIT |     \
              TRAIT_SETTABLE_END | TRAIT_OWNED_OBJECTS | TRAIT_DISCOVERY | TRAIT_STATEMENT_LOG,    \
    .longest_name = 64, .strange_names = STRANGE_NAMES, .errors = ERRORS, .fewest_statements = 3,  \
    .error_class = error_class,                                                                    \
    .alterations = {[ALTERATION_ROLE] = {"roles", NULL, true},                                     \
                    [ALTERATION_PRIVILEGE] = {"privileges", "secrets", true},                      \
                    [ALTERATION_POWER] = {"attributes", NULL, true},                               \
                    [ALTERATION_LOCK] = {"login", NULL, false}},                                   \
    .later_ends = LATER_ENDS, .past_ends = PAST_ENDS, .broken_marks = BROKEN_MARKS,                \
    .makes = MAKES,                                                                                \
    .discoverable = {.view = "names",                                                              \
                     .strange_table = "weird; DROP TABLE x; --",                                   \
                     .function = "twice",                                                          \
                     .hidden_schema = "mysql"},                                                    \
    .elided = "'(elided)'", .made = &MYSQL_MADE_THINGS, .world_new = world_new,                    \
    .world_free = world_free, .access = world_access, .user_open = user_open,                      \
    .user_does = user_does, .user_close = user_close, .has_table = my_has_table,                   \
    .has_account = my_has_account, .stranger_make = my_stranger_make,                              \
    .stranger_remove = my_stranger_remove, .alter = my_alter, .set_end = my_set_end,               \
    .has_no_end = my_has_no_end, .set_mark = my_set_mark, .table_make = my_table_make,             \
    .table_remove = my_table_remove, .await_end = my_await_end,                                    \
    .holds_verifier = my_holds_verifier, .log_begin = world_log_begin, .log_has = world_log_has,   \
    .making_statement = making_statement

const Engine MYSQL_ENGINE = {
    .driver = &MYSQL_DRIVER,
    .wire = &MYSQL_WIRE,
    .verifier_prefix = "$A$",
    BOTH_ENGINES,
};
const Engine MARIADB_ENGINE = {
    .driver = &MARIADB_DRIVER,
    .wire = &MYSQL_WIRE,
    .verifier_prefix = "'*",
    BOTH_ENGINES,
};
