// The plumbing of src/driver/odbc against real servers, through drivers that others wrote.
#include "driver/odbc/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "sandbox/sandbox.h"

enum { LONG_CHARACTERS = 200000, STATEMENT_MS = 20000 };

// What differs from engine to engine.
typedef struct Place {
    const char *driver;
    const char *port_fact;
    const char *user;
    const char *database;
    const char *more_keyword; // a setting of its own
    const char *more_value;
    const char *long_value; // a SELECT of LONG_CHARACTERS times €
    const char *slow;
    const char *own_id;
    const char *end_session; // %s: the id
    const char *two_parameters;
    const char *make_table;
} Place;

static const Place PLACES[] = {
    {.driver = "PostgreSQL Unicode",
     .port_fact = "DAYPASS_TEST_PG15_PORT",
     .user = "postgres",
     .database = "postgres",
     .more_keyword = "SSLmode",
     .more_value = "require",
     .long_value = "SELECT repeat('€', 200000)",
     .slow = "SELECT pg_sleep(300)",
     .own_id = "SELECT pg_backend_pid()",
     .end_session = "SELECT pg_terminate_backend(%s)",
     .two_parameters = "SELECT ?::text, ?::text",
     .make_table = "CREATE TEMPORARY TABLE odbc_t (v text)"},
    {.driver = "MariaDB Unicode",
     .port_fact = "DAYPASS_TEST_MARIADB1011_PORT",
     .user = "root",
     .database = "mysql",
     .more_keyword = "CHARSET",
     .more_value = "utf8mb4",
     .long_value = "SELECT repeat('€', 200000)",
     .slow = "SELECT SLEEP(300)",
     .own_id = "SELECT CONNECTION_ID()",
     .end_session = "KILL %s",
     .two_parameters = "SELECT ?, ?",
     .make_table = "CREATE TEMPORARY TABLE odbc_t (v text) ENGINE=InnoDB"},
};

typedef struct Scene {
    const Place *place;
    Arena *arena;
    Secret *password;
    OdbcConnection *connection;
    OdbcAnswer answer;
} Scene;

static const char *fact(const char *name) {
    const char *value = getenv(name);
    if (value == NULL)
        fail_msg("%s is not set: run scripts/test-servers", name);
    return value;
}

static OdbcConnection *connect_as(Scene *scene, const char *password, int statement_ms) {
    const Place *place = scene->place;
    const OdbcSetting settings[] = {
        {"DRIVER", place->driver},
        {"SERVER", fact("DAYPASS_TEST_HOST")},
        {"PORT", fact(place->port_fact)},
        {"DATABASE", place->database},
        {"UID", place->user},
        {place->more_keyword, place->more_value},
        {"PWD", password},
    };
    const OdbcLogin login = {.settings = settings,
                             .setting_count = COUNT_OF(settings),
                             .connect_timeout_ms = STATEMENT_MS,
                             .statement_timeout_ms = statement_ms};
    OdbcConnection *connection = NULL;
    Error error = {0};
    if (odbc_connection_open(&login, scene->arena, &scene->answer, &connection, &error) !=
        STATUS_OK)
        fail_msg("%s", error.message);
    return connection;
}

static void ask(Scene *scene, OdbcConnection *connection, const char *sql, OdbcAnswerKind kind) {
    odbc_connection_run(connection, scene->arena, &(OdbcQuery){.sql = sql}, &scene->answer);
    if (scene->answer.kind != kind)
        fail_msg("%s gave %d, not %d: %s", sql, scene->answer.kind, kind,
                 scene->answer.diagnostic_count > 0 ? scene->answer.diagnostics[0].text : "");
}

static void must(Scene *scene, const char *sql) {
    ask(scene, scene->connection, sql, ODBC_DONE);
}

static int setup(void **state) {
    const Place *place = *state;
    Scene *scene = mem_alloc(sizeof *scene);
    scene->place = place;
    scene->arena = arena_new();
    Error error = {0};
    if (secret_read_file(fact("DAYPASS_TEST_PASSWORD_FILE"), true, &scene->password, &error) !=
        STATUS_OK)
        fail_msg("%s", error.message);
    scene->connection = connect_as(scene, secret_text(scene->password), STATEMENT_MS);
    if (scene->connection == NULL)
        fail_msg("%s: %s", place->driver, scene->answer.diagnostics[0].text);
    *state = scene;
    return 0;
}

static int teardown(void **state) {
    Scene *scene = *state;
    odbc_connection_close(scene->connection);
    secret_free(scene->password);
    arena_free(scene->arena);
    mem_free(scene);
    return 0;
}

// A connector loads drivers when it has given up what it can do without.
static int work_in_sandbox(const Place *place) {
    const SandboxNeeds needs = {.connects = true, .for_sanitizers = SANITIZED};
    void *scene = (void *)(uintptr_t)place;
    Error error = {0};
    if (sandbox_enter(&needs, &error) != STATUS_OK || setup(&scene) != 0)
        return 1;
    must(scene, "SELECT 1");
    return strcmp(odbc_value(&((Scene *)scene)->answer, 0, 0), "1") == 0 ? 0 : 2;
}

static void drivers_work_in_the_connector_s_sandbox(void **state) {
    const Place *place = *state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(work_in_sandbox(place));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void text_and_nulls_are_read(void **state) {
    Scene *scene = *state;
    must(scene, "SELECT 'Grüße 🔑', NULL, '', 42 UNION ALL SELECT 'b', 'c', 'd', 43");
    assert_int_equal(scene->answer.row_count, 2);
    assert_int_equal(scene->answer.column_count, 4);
    assert_string_equal(odbc_value(&scene->answer, 0, 0), "Grüße 🔑");
    assert_null(odbc_value(&scene->answer, 0, 1));
    assert_string_equal(odbc_value(&scene->answer, 0, 2), "");
    assert_string_equal(odbc_value(&scene->answer, 1, 3), "43");
}

static void a_long_value_is_read_whole(void **state) {
    Scene *scene = *state;
    must(scene, scene->place->long_value);
    const char *value = odbc_value(&scene->answer, 0, 0);
    assert_int_equal(strlen(value), 3 * LONG_CHARACTERS);
    for (size_t i = 0; i < LONG_CHARACTERS; i++)
        assert_memory_equal(value + 3 * i, "€", 3);
}

static void parameters_stay_values(void **state) {
    Scene *scene = *state;
    const char *const values[] = {"'; SELECT '🔑", NULL};
    const OdbcQuery query = {
        .sql = scene->place->two_parameters, .parameters = values, .parameter_count = 2};
    odbc_connection_run(scene->connection, scene->arena, &query, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_DONE);
    assert_string_equal(odbc_value(&scene->answer, 0, 0), values[0]);
    assert_null(odbc_value(&scene->answer, 0, 1));
}

static void transactions_end_as_told(void **state) {
    Scene *scene = *state;
    must(scene, scene->place->make_table);
    odbc_connection_autocommit(scene->connection, scene->arena, false, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_DONE);
    must(scene, "INSERT INTO odbc_t VALUES ('a'), ('b')");
    assert_int_equal(scene->answer.affected, 2);
    odbc_connection_end(scene->connection, scene->arena, true, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_DONE);
    must(scene, "DELETE FROM odbc_t");
    odbc_connection_end(scene->connection, scene->arena, false, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_DONE);
    must(scene, "SELECT count(*) FROM odbc_t");
    assert_string_equal(odbc_value(&scene->answer, 0, 0), "2");
}

static void a_refused_statement_leaves_the_connection(void **state) {
    Scene *scene = *state;
    ask(scene, scene->connection, "SELECT nothing FROM nowhere_at_all", ODBC_REFUSED);
    assert_true(scene->answer.diagnostic_count > 0);
    assert_false(odbc_connection_is_lost(scene->connection));
    must(scene, "SELECT 1");
}

static void a_wrong_password_is_refused(void **state) {
    Scene *scene = *state;
    assert_null(connect_as(scene, "not {the; pass}word", STATEMENT_MS));
    assert_true(scene->answer.diagnostic_count > 0);
}

static void a_slow_statement_ends(void **state) {
    Scene *scene = *state;
    OdbcConnection *hasty = connect_as(scene, secret_text(scene->password), 500);
    assert_non_null(hasty);
    int64_t began_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    odbc_connection_run(hasty, scene->arena, &(OdbcQuery){.sql = scene->place->slow},
                        &scene->answer);
    assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) - began_ms < 60 * SECOND_MS);
    // MariaDB's SLEEP calls itself done when it is interrupted.
    assert_true(
        scene->answer.kind == ODBC_TOO_LATE || scene->answer.kind == ODBC_REFUSED ||
        (scene->answer.kind == ODBC_DONE && strcmp(odbc_value(&scene->answer, 0, 0), "1") == 0));
    ask(scene, hasty, "SELECT 1", ODBC_DONE);
    odbc_connection_close(hasty);
}

static void an_ended_session_is_lost(void **state) {
    Scene *scene = *state;
    OdbcConnection *victim = connect_as(scene, secret_text(scene->password), STATEMENT_MS);
    assert_non_null(victim);
    ask(scene, victim, scene->place->own_id, ODBC_DONE);
    char end[128];
    const char *id = odbc_value(&scene->answer, 0, 0);
    const char *format = scene->place->end_session;
    size_t before = (size_t)(strstr(format, "%s") - format);
    snprintf(end, sizeof end, "%.*s%s%s", (int)before, format, id, format + before + 2);
    must(scene, end);
    odbc_connection_run(victim, scene->arena, &(OdbcQuery){.sql = "SELECT 1"}, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_LOST);
    assert_true(odbc_connection_is_lost(victim));
    odbc_connection_close(victim);
}

#define PLACE_TEST(function, index)                                                                \
    { #function, function, setup, teardown, (void *)(uintptr_t)&PLACES[index] }
#define BARE_TEST(function, index)                                                                 \
    { #function, function, NULL, NULL, (void *)(uintptr_t)&PLACES[index] }
#define ALL_TESTS(index)                                                                           \
    PLACE_TEST(text_and_nulls_are_read, index), PLACE_TEST(a_long_value_is_read_whole, index),     \
        PLACE_TEST(parameters_stay_values, index), PLACE_TEST(transactions_end_as_told, index),    \
        PLACE_TEST(a_refused_statement_leaves_the_connection, index),                              \
        PLACE_TEST(a_wrong_password_is_refused, index), PLACE_TEST(a_slow_statement_ends, index),  \
        PLACE_TEST(an_ended_session_is_lost, index)

int main(void) {
    // First what needs a process that has loaded nothing yet.
    const struct CMUnitTest tests[] = {BARE_TEST(drivers_work_in_the_connector_s_sandbox, 0),
                                       BARE_TEST(drivers_work_in_the_connector_s_sandbox, 1),
                                       ALL_TESTS(0), ALL_TESTS(1)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
