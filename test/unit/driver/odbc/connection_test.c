#include "driver/odbc/connection.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sql.h>
#include <sqlext.h>
#include <string.h>

#include "base/clock.h"
#include "driver/odbc/environment.h"
#include "support/odbc_scene.h"

static const char DRIVER[] = "Scripted";
enum { GRACE_MS = 200, PATIENCE_MS = 20000 };

typedef struct Scene {
    Arena *arena;
    OdbcScript script;
    OdbcConnection *connection;
    OdbcAnswer answer;
    Error error;
} Scene;

static const OdbcSetting SETTINGS[] = {
    {"DRIVER", "Scripted"}, {"SERVER", "db.test"}, {"UID", "adm}in"}, {"PWD", "h;u}s{h"}};

static int setup(void **state) {
    Scene *scene = mem_alloc(sizeof *scene);
    scene->arena = arena_new();
    scene->script.arena = scene->arena;
    *state = scene;
    return 0;
}

static int teardown(void **state) {
    Scene *scene = *state;
    odbc_scene_let_go();
    odbc_connection_close(scene->connection);
    arena_free(scene->arena);
    mem_free(scene);
    return 0;
}

static OdbcConnection *connect_with(Scene *scene, const OdbcLogin *login) {
    OdbcConnection *connection = NULL;
    scene->error = (Error){0};
    assert_int_equal(
        odbc_connection_open(login, scene->arena, &scene->answer, &connection, &scene->error),
        STATUS_OK);
    return connection;
}

static const OdbcLogin LOGIN = {.settings = SETTINGS,
                                .setting_count = COUNT_OF(SETTINGS),
                                .connect_timeout_ms = 1500,
                                .statement_timeout_ms = 300,
                                .grace_ms = GRACE_MS};

static void play(Scene *scene, const ScriptStep *steps, size_t count) {
    odbc_script_start(&scene->script, steps, count);
    if (scene->connection == NULL)
        scene->connection = connect_with(scene, &LOGIN);
    assert_non_null(scene->connection);
    assert_int_equal(scene->answer.kind, ODBC_DONE);
}

static OdbcAnswerKind run(Scene *scene, const char *sql) {
    odbc_connection_run(scene->connection, scene->arena, &(OdbcQuery){.sql = sql}, &scene->answer);
    return scene->answer.kind;
}

// ---- Connecting ---------------------------------------------------------------------------------

static void connects_with_what_was_said(void **state) {
    Scene *scene = *state;
    play(scene, NULL, 0);
    assert_int_equal(scene->script.connection_strings.count, 1);
    assert_string_equal(scene->script.connection_strings.items[0],
                        "DRIVER=Scripted;SERVER=db.test;UID={adm}}in};PWD={h;u}}s{h};");
    const char *limit = arena_printf(scene->arena, "connection %d = 2", SQL_ATTR_LOGIN_TIMEOUT);
    assert_true(string_list_has(&scene->script.attributes, limit));
    scene->connection = odbc_connection_close(scene->connection);
    assert_int_equal(scene->script.disconnects, 1);
    odbc_script_end(&scene->script);
}

static void nothing_is_traced(void **state) {
    Scene *scene = *state;
    static const ScriptStep STEPS[] = {{.sql = "CREATE LOGIN hush"}};
    play(scene, STEPS, 1);
    assert_int_equal(run(scene, "CREATE LOGIN hush"), ODBC_DONE);
    scene->connection = odbc_connection_close(scene->connection);
    odbc_script_end(&scene->script);
    char path[128];
    snprintf(path, sizeof path, "%s/trace.log", odbc_scene_folder());
    FILE *trace = fopen(path, "re");
    assert_non_null(trace); // the driver manager began to
    char text[65536];
    size_t length = fread(text, 1, sizeof text - 1, trace);
    fclose(trace);
    text[length] = '\0';
    assert_null(strstr(text, "hush"));
    assert_null(strstr(text, "CREATE"));
    assert_null(strstr(text, "db.test"));
}

static void a_refused_connection_says_why(void **state) {
    Scene *scene = *state;
    static const ScriptedRecord RECORDS[] = {
        {"28000", 18456, "[Scripted] Login failed for user 'adm}in'."},
        {"01000", 20002, "[Scripted] second"}};
    scene->script.connecting =
        (ScriptedAnswer){.fails = true, .records = RECORDS, .record_count = 2};
    odbc_script_start(&scene->script, NULL, 0);
    assert_null(connect_with(scene, &LOGIN));
    assert_int_equal(scene->answer.kind, ODBC_REFUSED);
    assert_int_equal(scene->answer.diagnostic_count, 2);
    assert_string_equal(scene->answer.diagnostics[0].sqlstate, "28000");
    assert_int_equal(scene->answer.diagnostics[0].native, 18456);
    assert_non_null(odbc_answer_find(&scene->answer, 20002));
    assert_null(odbc_answer_find(&scene->answer, 1));
    assert_int_equal(scene->script.disconnects, 0);
}

static void a_driver_without_its_library_is_refused(void **state) {
    Scene *scene = *state;
    const OdbcSetting broken[] = {{"DRIVER", "Broken"}};
    OdbcLogin login = LOGIN;
    login.settings = broken;
    login.setting_count = 1;
    assert_null(connect_with(scene, &login));
    assert_int_equal(scene->answer.kind, ODBC_REFUSED);
    assert_true(scene->answer.diagnostic_count > 0);
    assert_non_null(strstr(scene->answer.diagnostics[0].text, "open lib"));
}

static void a_setting_that_cannot_be_said_opens_nothing(void **state) {
    Scene *scene = *state;
    odbc_script_start(&scene->script, NULL, 0);
    OdbcLogin login = LOGIN;
    login.braces = ODBC_BRACES_REFUSED;
    OdbcConnection *connection = NULL;
    assert_int_equal(
        odbc_connection_open(&login, scene->arena, &scene->answer, &connection, &scene->error),
        STATUS_INVALID);
    assert_string_equal(scene->error.code, "bad_connection_value");
    assert_int_equal(scene->script.connection_strings.count, 0);
}

static void a_login_that_hangs_is_left_behind(void **state) {
    Scene *scene = *state;
    scene->script.connecting = (ScriptedAnswer){.hang = SCRIPTED_HANGS_UNTIL_LET_GO};
    odbc_script_start(&scene->script, NULL, 0);
    OdbcLogin login = LOGIN;
    login.connect_timeout_ms = 100;
    int64_t began_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    assert_null(connect_with(scene, &login));
    assert_int_equal(scene->answer.kind, ODBC_TOO_LATE);
    int64_t took_ms = clock_monotonic_ms(&SYSTEM_CLOCK) - began_ms;
    assert_true(took_ms >= 300 && took_ms < PATIENCE_MS);
}

static void installed_drivers_are_found(void **state) {
    Scene *scene = *state;
    static const char *const SECOND[] = {"ODBC Driver 18 for SQL Server", "scripted"};
    static const char *const NONE[] = {"FreeTDS", "ODBC Driver 18 for SQL Server"};
    const char *driver = NULL;
    assert_int_equal(odbc_driver_choose(scene->arena, "Testbase", SECOND, 2, "", &driver, NULL),
                     STATUS_OK);
    assert_string_equal(driver, DRIVER);
    assert_int_equal(odbc_driver_choose(scene->arena, "Testbase", NONE, 2,
                                        "install the package tdsodbc", &driver, &scene->error),
                     STATUS_UNSUPPORTED);
    assert_string_equal(scene->error.code, "odbc_driver_missing");
    assert_non_null(strstr(scene->error.message, "FreeTDS, ODBC Driver 18 for SQL Server"));
    assert_non_null(strstr(scene->error.message, "tdsodbc"));
}

// ---- Rows ---------------------------------------------------------------------------------------

static void rows_come_as_text(void **state) {
    Scene *scene = *state;
    static const char *const VALUES[] = {"1", "Grüße", NULL, "2", "🔑", ""};
    static const ScriptStep STEPS[] = {
        {"SELECT N'é'", {.values = VALUES, .row_count = 2, .column_count = 3}},
        {"SELECT none", {.column_count = 1}},
        {"UPDATE*", {.affected = 7}}};
    play(scene, STEPS, 3);
    assert_int_equal(run(scene, "SELECT N'é'"), ODBC_DONE);
    assert_int_equal(scene->answer.row_count, 2);
    assert_int_equal(scene->answer.column_count, 3);
    for (size_t i = 0; i < COUNT_OF(VALUES); i++) {
        const char *value = odbc_value(&scene->answer, i / 3, i % 3);
        if (VALUES[i] == NULL)
            assert_null(value);
        else
            assert_string_equal(value, VALUES[i]);
    }
    assert_int_equal(run(scene, "SELECT none"), ODBC_DONE);
    assert_int_equal(scene->answer.row_count, 0);
    assert_int_equal(scene->answer.column_count, 1);
    assert_int_equal(run(scene, "UPDATE t SET a = 1"), ODBC_DONE);
    assert_int_equal(scene->answer.affected, 7);
    odbc_script_end(&scene->script);
}

static char *long_text(Arena *arena, size_t characters) {
    char *text = arena_alloc(arena, characters * 3 + 1);
    for (size_t i = 0; i < characters; i++)
        memcpy(text + 3 * i, "€", 3);
    return text;
}

static void long_values_come_in_pieces_up_to_a_bound(void **state) {
    Scene *scene = *state;
    enum { FITS = 300000, TOO_LONG = ODBC_VALUE_MAX_BYTES / 2 + 1 };
    const char *fits = long_text(scene->arena, FITS);
    const char *too_long = long_text(scene->arena, TOO_LONG);
    const ScriptedAnswer good = {.values = &fits, .row_count = 1, .column_count = 1};
    ScriptedAnswer untold = good, bad = good;
    untold.tells_no_length = true;
    bad.values = &too_long;
    const ScriptStep steps[] = {{"a", good}, {"b", untold}, {"c", bad}, {"d", good}};
    play(scene, steps, 4);
    assert_int_equal(run(scene, "a"), ODBC_DONE);
    assert_string_equal(odbc_value(&scene->answer, 0, 0), fits);
    assert_int_equal(run(scene, "b"), ODBC_DONE);
    assert_string_equal(odbc_value(&scene->answer, 0, 0), fits);
    assert_int_equal(run(scene, "c"), ODBC_TOO_MUCH);
    assert_int_equal(run(scene, "d"), ODBC_DONE); // nothing is wrong with the connection
    odbc_script_end(&scene->script);
}

static void a_value_may_end_with_a_piece(void **state) {
    Scene *scene = *state;
    for (size_t characters = 4094; characters <= 4097; characters++) {
        const char *text = long_text(scene->arena, characters);
        const ScriptStep steps[] = {
            {"a", {.values = &text, .row_count = 1, .column_count = 1}},
            {"b", {.values = &text, .row_count = 1, .column_count = 1, .tells_no_length = true}}};
        play(scene, steps, 2);
        assert_int_equal(run(scene, "a"), ODBC_DONE);
        assert_string_equal(odbc_value(&scene->answer, 0, 0), text);
        assert_int_equal(run(scene, "b"), ODBC_DONE);
        assert_string_equal(odbc_value(&scene->answer, 0, 0), text);
    }
}

static void garbage_is_still_text(void **state) {
    Scene *scene = *state;
    static const uint16_t UNITS[] = {'a', 0xD800, 0, 'b'};
    const ScriptStep steps[] = {
        {"a", {.units = UNITS, .unit_count = 4, .row_count = 1, .column_count = 1}}};
    play(scene, steps, 1);
    assert_int_equal(run(scene, "a"), ODBC_DONE);
    assert_string_equal(odbc_value(&scene->answer, 0, 0), "a\xEF\xBF\xBD\xEF\xBF\xBD"
                                                          "b");
}

static void of_a_batch_the_first_rows_and_every_error_count(void **state) {
    Scene *scene = *state;
    static const char *const FIRST[] = {"first"}, *const SECOND[] = {"second"};
    static const ScriptedRecord RECORD = {"42000", 15151, "[Scripted] cannot drop"};
    const ScriptedAnswer failure = {.fails = true, .records = &RECORD, .record_count = 1};
    const ScriptedAnswer second = {.values = SECOND, .row_count = 1, .column_count = 1};
    const ScriptedAnswer count = {.affected = 3, .next = &second};
    const ScriptedAnswer first = {
        .values = FIRST, .row_count = 1, .column_count = 1, .next = &failure};
    const ScriptStep steps[] = {{"good", count}, {"bad", first}};
    play(scene, steps, 2);
    assert_int_equal(run(scene, "good"), ODBC_DONE);
    assert_int_equal(scene->answer.affected, 3);
    assert_string_equal(odbc_value(&scene->answer, 0, 0), "second");
    assert_int_equal(run(scene, "bad"), ODBC_REFUSED);
    assert_int_equal(scene->answer.diagnostics[0].native, 15151);
}

static void an_error_after_some_rows_is_an_error(void **state) {
    Scene *scene = *state;
    static const char *const VALUES[] = {"1"};
    static const ScriptedRecord RECORD = {"40001", 1205, "[Scripted] deadlock"};
    const ScriptStep steps[] = {{"a",
                                 {.values = VALUES,
                                  .row_count = 1,
                                  .column_count = 1,
                                  .fails_to_fetch = true,
                                  .fails = true,
                                  .records = &RECORD,
                                  .record_count = 1}}};
    play(scene, steps, 1);
    assert_int_equal(run(scene, "a"), ODBC_REFUSED);
    assert_int_equal(scene->answer.diagnostics[0].native, 1205);
}

static void many_records_are_kept_up_to_a_bound(void **state) {
    Scene *scene = *state;
    enum { MANY = 150 };
    ScriptedRecord records[MANY];
    char *text = arena_alloc(scene->arena, 5000);
    memset(text, 'x', 4999);
    for (int i = 0; i < MANY; i++)
        records[i] = (ScriptedRecord){"01000", 1000 + i, text};
    const ScriptStep steps[] = {{"warns", {.records = records, .record_count = MANY}},
                                {"fails", {.fails = true, .records = records, .record_count = 3}}};
    play(scene, steps, 2);
    assert_int_equal(run(scene, "warns"), ODBC_DONE);
    assert_int_equal(scene->answer.diagnostic_count, ODBC_DIAGNOSTICS_MAX);
    assert_int_equal(scene->answer.diagnostics[ODBC_DIAGNOSTICS_MAX - 1].native,
                     1000 + ODBC_DIAGNOSTICS_MAX - 1);
    assert_true(strlen(scene->answer.diagnostics[0].text) <= 1023);
    assert_int_equal(run(scene, "fails"), ODBC_REFUSED);
    assert_int_equal(scene->answer.diagnostic_count, 3);
}

static void values_from_outside_are_bound(void **state) {
    Scene *scene = *state;
    static const ScriptStep STEPS[] = {{.sql = "SELECT ? , ?, ?"}};
    const char *const values[] = {"a'; DROP TABLE t --", NULL, "🔑"};
    play(scene, STEPS, 1);
    const OdbcQuery query = {.sql = "SELECT ? , ?, ?", .parameters = values, .parameter_count = 3};
    odbc_connection_run(scene->connection, scene->arena, &query, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_DONE);
    assert_int_equal(scene->script.parameters.count, 3);
    assert_string_equal(scene->script.parameters.items[0], values[0]);
    assert_string_equal(scene->script.parameters.items[1], "(null)");
    assert_string_equal(scene->script.parameters.items[2], values[2]);
    odbc_script_end(&scene->script);
}

static void what_is_no_text_is_not_sent(void **state) {
    Scene *scene = *state;
    play(scene, NULL, 0);
    assert_int_equal(run(scene, "SELECT '\xFF'"), ODBC_REFUSED);
    const char *const values[] = {"\xFF"};
    const OdbcQuery query = {.sql = "SELECT ?", .parameters = values, .parameter_count = 1};
    odbc_connection_run(scene->connection, scene->arena, &query, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_REFUSED);
    odbc_script_end(&scene->script);
}

// ---- Transactions -------------------------------------------------------------------------------

static void transactions_are_ended_as_told(void **state) {
    Scene *scene = *state;
    static const ScriptStep STEPS[] = {{.sql = "a"},        {.sql = "COMMIT"}, {.sql = "b"},
                                       {.sql = "ROLLBACK"}, {.sql = "c"},      {.sql = "ROLLBACK"}};
    play(scene, STEPS, COUNT_OF(STEPS));
    odbc_connection_autocommit(scene->connection, scene->arena, false, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_DONE);
    assert_true(string_list_has(&scene->script.attributes,
                                arena_printf(scene->arena, "connection %d = %d",
                                             SQL_ATTR_AUTOCOMMIT, (int)SQL_AUTOCOMMIT_OFF)));
    assert_int_equal(run(scene, "a"), ODBC_DONE);
    odbc_connection_end(scene->connection, scene->arena, true, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_DONE);
    assert_int_equal(run(scene, "b"), ODBC_DONE);
    odbc_connection_end(scene->connection, scene->arena, false, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_DONE);
    assert_int_equal(run(scene, "c"), ODBC_DONE);
    scene->connection = odbc_connection_close(scene->connection); // rolls back
    odbc_script_end(&scene->script);
}

static void a_commit_that_fails_says_so(void **state) {
    Scene *scene = *state;
    static const ScriptedRecord RECORD = {"40001", 1205, "[Scripted] deadlock"};
    const ScriptStep steps[] = {{"COMMIT", {.fails = true, .records = &RECORD, .record_count = 1}},
                                {"COMMIT", {.drops = true}}};
    play(scene, steps, 2);
    odbc_connection_autocommit(scene->connection, scene->arena, false, &scene->answer);
    odbc_connection_end(scene->connection, scene->arena, true, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_REFUSED);
    odbc_connection_end(scene->connection, scene->arena, true, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_LOST);
    odbc_connection_end(scene->connection, scene->arena, true, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_LOST);
    odbc_connection_autocommit(scene->connection, scene->arena, true, &scene->answer);
    assert_int_equal(scene->answer.kind, ODBC_LOST);
}

// ---- Time ---------------------------------------------------------------------------------------

static void a_driver_is_told_its_limit(void **state) {
    Scene *scene = *state;
    static const ScriptStep STEPS[] = {{"slow", {.hang = SCRIPTED_HANGS_TO_ITS_LIMIT}},
                                       {.sql = "next"}};
    play(scene, STEPS, 2);
    assert_int_equal(run(scene, "slow"), ODBC_TOO_LATE);
    assert_true(
        string_list_has(&scene->script.attributes,
                        arena_printf(scene->arena, "statement %d = 1", SQL_ATTR_QUERY_TIMEOUT)));
    assert_int_equal(scene->script.cancels, 0);
    assert_false(odbc_connection_is_lost(scene->connection));
    assert_int_equal(run(scene, "next"), ODBC_DONE);
    odbc_script_end(&scene->script);
}

static void a_statement_without_end_is_cancelled(void **state) {
    Scene *scene = *state;
    static const ScriptStep STEPS[] = {{"slow", {.hang = SCRIPTED_HANGS_UNTIL_CANCELLED}},
                                       {.sql = "next"}};
    play(scene, STEPS, 2);
    assert_int_equal(run(scene, "slow"), ODBC_TOO_LATE);
    assert_int_equal(scene->script.cancels, 1);
    assert_false(odbc_connection_is_lost(scene->connection));
    assert_int_equal(run(scene, "next"), ODBC_DONE);
    odbc_script_end(&scene->script);
}

static void a_driver_that_hangs_all_the_same_is_left_behind(void **state) {
    Scene *scene = *state;
    static const ScriptStep STEPS[] = {{"slow", {.hang = SCRIPTED_HANGS_UNTIL_LET_GO}}};
    play(scene, STEPS, 1);
    int64_t began_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    assert_int_equal(run(scene, "slow"), ODBC_TOO_LATE);
    assert_int_equal(scene->script.cancels, 1);
    assert_true(odbc_connection_is_lost(scene->connection));
    assert_int_equal(run(scene, "next"), ODBC_LOST);
    scene->connection = odbc_connection_close(scene->connection);
    assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) - began_ms < PATIENCE_MS);
    odbc_script_end(&scene->script);
}

static void too_many_left_behind_are_no_more(void **state) {
    Scene *scene = *state;
    scene->script.connecting = (ScriptedAnswer){.hang = SCRIPTED_HANGS_UNTIL_LET_GO};
    odbc_script_start(&scene->script, NULL, 0);
    OdbcLogin login = LOGIN;
    login.connect_timeout_ms = 1;
    login.grace_ms = 1;
    OdbcConnection *connection = NULL;
    Status status = STATUS_OK;
    for (int i = 0; i < 100 && status == STATUS_OK; i++) {
        status =
            odbc_connection_open(&login, scene->arena, &scene->answer, &connection, &scene->error);
        assert_null(connection);
    }
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_string_equal(scene->error.code, "odbc_exhausted");
    odbc_scene_let_go();
    scene->script.connecting = (ScriptedAnswer){0};
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + PATIENCE_MS;
    while (status != STATUS_OK && clock_monotonic_ms(&SYSTEM_CLOCK) < until_ms)
        status = odbc_connection_open(&LOGIN, scene->arena, &scene->answer, &scene->connection,
                                      &scene->error);
    assert_int_equal(status, STATUS_OK); // they came back, and there is room again
    assert_non_null(scene->connection);
}

// ---- Lost connections ---------------------------------------------------------------------------

static void a_dead_connection_is_lost_for_good(void **state) {
    Scene *scene = *state;
    static const ScriptStep STEPS[] = {{.sql = "a"}, {"b", {.drops = true}}};
    play(scene, STEPS, 2);
    assert_int_equal(run(scene, "a"), ODBC_DONE);
    assert_false(odbc_connection_is_lost(scene->connection));
    assert_int_equal(run(scene, "b"), ODBC_LOST);
    assert_true(odbc_connection_is_lost(scene->connection));
    assert_int_equal(run(scene, "c"), ODBC_LOST);
    odbc_script_end(&scene->script);
}

typedef struct Worker {
    pthread_t thread;
    int rounds_done;
} Worker;

static void answer_any(void *context, const ScriptedStatement *statement, ScriptedAnswer *answer) {
    static const char *const ONE[] = {"1"};
    (void)context, (void)statement;
    *answer = (ScriptedAnswer){.values = ONE, .row_count = 1, .column_count = 1};
}

static void *work(void *worker_pointer) {
    Worker *worker = worker_pointer;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    OdbcLogin login = LOGIN;
    login.statement_timeout_ms = PATIENCE_MS;
    login.connect_timeout_ms = PATIENCE_MS;
    for (int i = 0; i < 5; i++) {
        OdbcConnection *connection = NULL;
        OdbcAnswer answer;
        if (odbc_connection_open(&login, arena, &answer, &connection, NULL) != STATUS_OK ||
            connection == NULL)
            break;
        for (int j = 0; j < 10; j++) {
            odbc_connection_run(connection, arena, &(OdbcQuery){.sql = "SELECT 1"}, &answer);
            if (answer.kind == ODBC_DONE && strcmp(odbc_value(&answer, 0, 0), "1") == 0)
                worker->rounds_done++;
        }
        odbc_drivers(arena);
        odbc_connection_close(connection);
    }
    return NULL;
}

static void many_sessions_work_at_once(void **state) {
    (void)state;
    enum { WORKERS = 8 };
    odbc_scene_serve(&(ScriptedServer){.on_statement = answer_any});
    Worker workers[WORKERS] = {0};
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(workers[i].rounds_done, 50);
}

#define SCENE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    odbc_scene_install(DRIVER);
    const struct CMUnitTest tests[] = {
        SCENE_TEST(connects_with_what_was_said),
        SCENE_TEST(nothing_is_traced),
        SCENE_TEST(a_refused_connection_says_why),
        SCENE_TEST(a_driver_without_its_library_is_refused),
        SCENE_TEST(a_setting_that_cannot_be_said_opens_nothing),
        SCENE_TEST(a_login_that_hangs_is_left_behind),
        SCENE_TEST(installed_drivers_are_found),
        SCENE_TEST(rows_come_as_text),
        SCENE_TEST(long_values_come_in_pieces_up_to_a_bound),
        SCENE_TEST(a_value_may_end_with_a_piece),
        SCENE_TEST(garbage_is_still_text),
        SCENE_TEST(of_a_batch_the_first_rows_and_every_error_count),
        SCENE_TEST(an_error_after_some_rows_is_an_error),
        SCENE_TEST(many_records_are_kept_up_to_a_bound),
        SCENE_TEST(values_from_outside_are_bound),
        SCENE_TEST(what_is_no_text_is_not_sent),
        SCENE_TEST(transactions_are_ended_as_told),
        SCENE_TEST(a_commit_that_fails_says_so),
        SCENE_TEST(a_driver_is_told_its_limit),
        SCENE_TEST(a_statement_without_end_is_cancelled),
        SCENE_TEST(a_driver_that_hangs_all_the_same_is_left_behind),
        SCENE_TEST(too_many_left_behind_are_no_more),
        SCENE_TEST(a_dead_connection_is_lost_for_good),
        SCENE_TEST(many_sessions_work_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
