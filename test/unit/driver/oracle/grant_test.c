#include "oracle_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static const char PASSWORD[] = "aB3_aB3_aB3_aB3_aB3_aB3_aB3_";
enum { STATEMENTS_MAX = 60 };

typedef Status Work(const Driver *driver, DriverSession *session, Arena *arena,
                    const GrantOrder *order, DriverResult *result, Error *reterr);

static Status run(OracleScene *scene, Work *work, DriverResult *result, Error *error) {
    CLEANUP(secret_freep) Secret *password = secret_new(PASSWORD, strlen(PASSWORD));
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    GrantOrder order = scene_order(scene, password);
    *error = (Error){0};
    return work(&ORACLE_DRIVER, session, scene->arena, &order, result, error);
}

static void give(OracleScene *scene) {
    DriverResult result;
    Error error;
    if (run(scene, driver_grant, &result, &error) != STATUS_OK)
        fail_msg("%s: %s", error.code, error.message);
}

static void assert_given(const OracleScene *scene) {
    assert_true(scene_is_usable(scene));
    assert_true(scene->row && scene->job && scene->job_enabled);
    assert_int_equal(scene->row_user_id, scene->user_id);
    assert_int_equal(scene->job_ends_at, scene->now_at + 3600 * SECOND_MS);
    assert_int_equal(scene->grants.count, 4);
    assert_string_equal(scene->password, PASSWORD);
}

// ---- In order -----------------------------------------------------------------------------------

static void opens_the_account_last(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    assert_int_equal(run(scene, driver_grant, &result, &error), STATUS_OK);
    static const char *const ORDER[] = {
        "CREATE TABLE \"DAYPASS_ADMIN\".\"DAYPASS_ACCOUNTS\"",
        "CREATE PROFILE \"DAYPASS_SESSIONS_10\" LIMIT SESSIONS_PER_USER 10",
        "INSERT INTO \"DAYPASS_ADMIN\".\"DAYPASS_ACCOUNTS\"",
        "CREATE USER \"" SCENE_USER "\" NO AUTHENTICATION PROFILE \"DAYPASS_SESSIONS_10\" ACCOUNT "
        "LOCK",
        "SET USER_ID = ",
        "SYS.DBMS_SCHEDULER.CREATE_JOB(",
        "GRANT CREATE SESSION TO \"" SCENE_USER "\"",
        "GRANT SELECT ON \"APP\".\"CUSTOMERS\" TO \"" SCENE_USER "\"",
        "GRANT SELECT ON \"APP\".\"ORDERS\" TO \"" SCENE_USER "\"",
        "GRANT \"REPORTING\" TO \"" SCENE_USER "\"",
        "EXECUTE IMMEDIATE 'ALTER USER \"" SCENE_USER
        "\" IDENTIFIED BY \"' || chosen || '\" ACCOUNT "
        "UNLOCK'",
    };
    const char *at = scene_changes(scene);
    for (size_t i = 0; i < COUNT_OF(ORDER); i++) {
        const char *next = strstr(at, ORDER[i]);
        if (next == NULL) {
            fail_msg("not after the one before: %s", ORDER[i]);
            return;
        }
        at = next;
    }
    assert_null(strchr(at, '\n')); // the opening is the last of all
    assert_non_null(strstr(scene->statements.items[scene->statements.count - 1], "UNLOCK"));
    assert_given(scene);
    const Outcome *outcome = &result.outcome;
    assert_true(outcome->account_present && !outcome->login_refused && outcome->end_enforced);
    assert_int_equal(outcome->warnings.count, 0);
    assert_int_equal(outcome->target_expires_at, scene->job_ends_at);
    assert_string_equal(outcome->account_key, "101");
    assert_int_equal(outcome->state->expires_at, outcome->state->mark_expires_at);
    assert_int_equal(outcome->state->connection_limit, 10);
    assert_int_equal(outcome->state->privilege_count, 2);
    assert_true(outcome->state->can_login);
    assert_string_equal(outcome->state->roles.items[0], "REPORTING");
}

static void the_password_is_nowhere_but_in_its_parameter(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    assert_int_equal(run(scene, driver_grant, &result, &error), STATUS_OK);
    for (size_t i = 0; i < scene->statements.count; i++)
        assert_null(strstr(scene->statements.items[i], PASSWORD));
    for (size_t i = 0; i < result.outcome.statements.count; i++)
        assert_null(strstr(result.outcome.statements.items[i].sql, PASSWORD));
    const Statement *last = &result.outcome.statements.items[result.outcome.statements.count - 1];
    assert_string_equal(last->sql,
                        "ALTER USER \"" SCENE_USER "\" IDENTIFIED BY '(elided)' ACCOUNT UNLOCK");
    assert_string_equal(last->database, "PDB1");
}

static void a_server_that_runs_no_jobs_is_no_end_by_itself(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    scene->runs_jobs = false;
    assert_int_equal(run(scene, driver_grant, &result, &error), STATUS_OK);
    assert_false(result.outcome.end_enforced);
    assert_non_null(strstr(result.outcome.warnings.items[0], "runs no jobs"));
    scene->runs_jobs = true;
    scene->lacking[scene->lacking_count++] = (Lacking){"SELECT NAME, VALUE", 942};
    assert_int_equal(run(scene, driver_extend, &result, &error), STATUS_OK);
    assert_false(result.outcome.end_enforced);
    assert_non_null(strstr(result.outcome.warnings.items[0], "cannot be seen"));
}

// ---- Anything fails -----------------------------------------------------------------------------

// Whatever the n-th statement comes to: nothing usable is left that is not whole, and the repeat
// gives the account.
static size_t fail_each(OracleScene *scene, Trouble trouble, int native) {
    DriverResult result;
    Error error;
    size_t failures = 0;
    int at = 1;
    for (; at < STATEMENTS_MAX; at++) {
        scene->user = scene->row = scene->job = scene->profile = scene->marks_table = false;
        scene->trouble = trouble;
        scene->trouble_at = at;
        scene->trouble_native = native;
        Status status = run(scene, driver_grant, &result, &error);
        bool reached = scene->count >= at;
        if (!reached)
            break;
        bool was_last = trouble == TROUBLE_CUT_AFTER && scene_is_usable(scene);
        // What is only told, and not done, is left out of the outcome.
        bool only_told = trouble == TROUBLE_REFUSES && status == STATUS_OK &&
                         !result.outcome.end_enforced && result.outcome.warnings.count == 1;
        if (only_told) {
            assert_given(scene);
            continue;
        }
        if (status == STATUS_OK || (scene_is_usable(scene) && !was_last))
            fail_msg("statement %d failed and left an account: %s", at,
                     scene->statements.items[at - 1]);
        assert_int_not_equal(result.failure, FAILURE_NONE);
        assert_null(strstr(error.message, "hush"));
        failures++;
        if (was_last)
            assert_given(scene);
        scene->trouble = TROUBLE_NONE;
        give(scene);
        assert_given(scene);
    }
    assert_true(at < STATEMENTS_MAX);
    return failures;
}

static void each_statement_cut_before_it_is_carried_out(void **state) {
    assert_true(fail_each(*state, TROUBLE_CUT_BEFORE, 0) > 15);
}

static void each_statement_cut_after_it_is_carried_out(void **state) {
    assert_true(fail_each(*state, TROUBLE_CUT_AFTER, 0) > 15);
}

static void each_statement_refused(void **state) {
    assert_true(fail_each(*state, TROUBLE_REFUSES, 1031) > 15);
    assert_true(fail_each(*state, TROUBLE_REFUSES, 3113) > 15);
}

// ---- Time ---------------------------------------------------------------------------------------

static void let_time_pass(OracleScene *scene, const char *sql) {
    if (strstr(sql, "CREATE USER ") != NULL)
        scene->now_at += 61 * SECOND_MS; // by the server's clock alone: the answer is held up
}

static void nothing_is_made_past_the_deadline_by_the_servers_clock(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    scene->before_each = let_time_pass;
    assert_int_not_equal(run(scene, driver_grant, &result, &error), STATUS_OK);
    assert_string_equal(error.code, "deadline_passed");
    assert_int_equal(result.failure, FAILURE_RETRY);
    assert_false(scene->user);
}

static void hold_up_the_opening(OracleScene *scene, const char *sql) {
    if (strstr(sql, "UNLOCK") != NULL)
        scene->clock.at_ms += 61 * SECOND_MS;
}

static void an_opening_that_took_too_long_is_closed_again(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    scene->before_each = hold_up_the_opening;
    assert_int_not_equal(run(scene, driver_grant, &result, &error), STATUS_OK);
    assert_string_equal(error.code, "deadline_passed");
    assert_true(scene->user && scene->locked);
    assert_true(result.outcome.login_refused);
}

static void a_late_order_is_not_begun(void **state) {
    OracleScene *scene = *state;
    CLEANUP(secret_freep) Secret *password = secret_new(PASSWORD, strlen(PASSWORD));
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    GrantOrder order = scene_order(scene, password);
    order.deadline_ms = clock_monotonic_ms(&scene->clock.clock);
    DriverResult result;
    Error error = {0};
    assert_int_not_equal(
        driver_grant(&ORACLE_DRIVER, session, scene->arena, &order, &result, &error), STATUS_OK);
    assert_string_equal(error.code, "deadline_passed");
    assert_int_equal(scene->statements.count, 0);
}

// ---- What is there already ----------------------------------------------------------------------

static void assert_not_touched(OracleScene *scene, Work *work) {
    DriverResult result;
    Error error;
    assert_int_not_equal(run(scene, work, &result, &error), STATUS_OK);
    assert_string_equal(error.code, "account_taken");
    assert_int_equal(result.failure, FAILURE_CONFLICT);
    assert_int_equal(result.outcome.obstacles.count, 1);
    assert_string_equal(scene_changes(scene), "");
    assert_true(scene->user && !scene->locked);
}

static void a_user_of_somebody_else_is_not_touched(void **state) {
    OracleScene *scene = *state;
    scene->marks_table = scene->user = scene->login_right = true;
    assert_not_touched(scene, driver_grant);
    assert_not_touched(scene, driver_extend);
    assert_not_touched(scene, driver_reset);
}

static void a_user_made_anew_by_somebody_else_is_not_touched(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->user_id++; // dropped, and made again under the same name
    assert_not_touched(scene, driver_grant);
    assert_not_touched(scene, driver_extend);
}

static void a_user_older_than_its_half_written_mark_is_not_touched(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->row_user_id = 0;
    scene->row_is_old = true;
    assert_not_touched(scene, driver_grant);
}

static void an_account_of_another_grant_is_not_touched(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->mark = "daypass {\"connector\":\"conn\",\"database\":\"pdb1.test\",\"deployment\":"
                  "\"dep_1\",\"expires\":\"2030-01-01T00:00:00Z\",\"grant\":\"grt_2\",\"v\":1}";
    assert_not_touched(scene, driver_grant);
}

static void its_own_account_is_made_again(void **state) {
    OracleScene *scene = *state;
    give(scene);
    int64_t before = scene->user_id;
    scene->sessions = 2;
    give(scene);
    assert_int_equal(scene->sessions, 0);
    assert_int_not_equal(scene->user_id, before);
    assert_given(scene);
}

static void what_is_for_all_may_be_made_by_another_meanwhile(void **state) {
    OracleScene *scene = *state;
    scene->lacking[scene->lacking_count++] = (Lacking){"CREATE PROFILE", 2379};
    give(scene);
    assert_given(scene);
    scene->user = scene->row = scene->job = false;
    scene->marks_table = false;
    DriverResult result;
    Error error;
    scene->lacking[scene->lacking_count++] = (Lacking){"CREATE TABLE", 955};
    assert_int_not_equal(run(scene, driver_grant, &result, &error), STATUS_OK);
    assert_non_null(strstr(error.message, "marking the account")); // came as far as that
}

// ---- Refusals -----------------------------------------------------------------------------------

static void a_refused_password_is_explained(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    scene->lacking[scene->lacking_count++] = (Lacking){"DECLARE chosen ", 28003};
    assert_int_not_equal(run(scene, driver_grant, &result, &error), STATUS_OK);
    assert_int_equal(result.failure, FAILURE_FATAL);
    assert_non_null(strstr(error.message, "PASSWORD_VERIFY_FUNCTION"));
    assert_null(strstr(error.message, PASSWORD));
    assert_false(scene_is_usable(scene));
}

static void a_powerful_role_is_refused_before_anything_is_made(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    scene->reason_against_role = "CREATE USER of DBA_LITE";
    assert_int_not_equal(run(scene, driver_grant, &result, &error), STATUS_OK);
    assert_string_equal(error.code, "role_refused");
    assert_int_equal(result.failure, FAILURE_REFUSED);
    assert_non_null(strstr(error.message, "CREATE USER of DBA_LITE"));
    assert_string_equal(scene_changes(scene), "");
}

static void a_right_the_admin_cannot_hand_on_is_named(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    scene->any_object = false;
    ((AccessItem *)scene_plan(scene)->access.items)->privileges.count = 1;
    assert_int_equal(run(scene, driver_grant, &result, &error), STATUS_OK);
    CLEANUP(secret_freep) Secret *password = secret_new(PASSWORD, strlen(PASSWORD));
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    GrantOrder order = scene_order(scene, password);
    AccessItem item = {.schema = "APP"};
    string_list_add(scene->arena, &item.tables, "CUSTOMERS");
    string_list_add(scene->arena, &item.privileges, "DELETE");
    Plan plan = *order.plan;
    plan.access = (AccessItems){.items = &item, .count = 1};
    order.plan = &plan;
    assert_int_not_equal(
        driver_grant(&ORACLE_DRIVER, session, scene->arena, &order, &result, &error), STATUS_OK);
    assert_int_equal(result.failure, FAILURE_DENIED);
    assert_non_null(strstr(error.message, "GRANT DELETE ON \"APP\".\"CUSTOMERS\" TO "
                                          "\"DAYPASS_ADMIN\" WITH GRANT OPTION"));
    assert_string_equal(scene_changes(scene), "");
}

static void a_dictionary_that_cannot_be_read_is_a_missing_right(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    scene->lacking[scene->lacking_count++] = (Lacking){"SELECT u.USER_ID, u.ACCOUNT_STATUS", 942};
    assert_int_not_equal(run(scene, driver_grant, &result, &error), STATUS_OK);
    assert_int_equal(result.failure, FAILURE_DENIED);
    assert_non_null(strstr(error.message, "daypass-connector check"));
}

static void a_table_that_vanished_fails_the_whole_grant(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    scene->lacking[scene->lacking_count++] = (Lacking){"GRANT SELECT ON \"APP\".\"ORDERS\"", 942};
    assert_int_not_equal(run(scene, driver_grant, &result, &error), STATUS_OK);
    assert_int_equal(result.failure, FAILURE_NOT_FOUND);
    assert_non_null(strstr(error.message, "a table or view is not there"));
    assert_false(scene_is_usable(scene));
}

static void refuse_item(OracleScene *scene, const AccessItem *item, const char *code,
                        const char *word) {
    CLEANUP(secret_freep) Secret *password = secret_new(PASSWORD, strlen(PASSWORD));
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    GrantOrder order = scene_order(scene, password);
    Plan plan = *order.plan;
    AccessItem copy = *item;
    plan.access = (AccessItems){.items = &copy, .count = 1};
    order.plan = &plan;
    DriverResult result;
    Error error = {0};
    assert_int_not_equal(
        driver_grant(&ORACLE_DRIVER, session, scene->arena, &order, &result, &error), STATUS_OK);
    assert_string_equal(error.code, code);
    assert_non_null(strstr(error.message, word));
    assert_string_equal(scene_changes(scene), "");
}

static void an_object_named_twice_is_granted_once(void **state) {
    OracleScene *scene = *state;
    CLEANUP(secret_freep) Secret *password = secret_new(PASSWORD, strlen(PASSWORD));
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    GrantOrder order = scene_order(scene, password);
    AccessItem items[] = {{.schema = "APP"}, {.schema = "APP", .all_tables = true}};
    string_list_add(scene->arena, &items[0].tables, "ORDERS");
    string_list_add(scene->arena, &items[0].privileges, "DELETE");
    string_list_add(scene->arena, &items[1].privileges, "INDEX"); // left out for views
    Plan plan = *order.plan;
    plan.access = (AccessItems){.items = items, .count = 2};
    plan.connection_limit = 0;
    order.plan = &plan;
    DriverResult result;
    Error error = {0};
    assert_int_equal(driver_grant(&ORACLE_DRIVER, session, scene->arena, &order, &result, &error),
                     STATUS_OK);
    const char *changes = scene_changes(scene);
    const char *first = strstr(changes, "\"ORDERS\"");
    assert_non_null(first);
    assert_null(strstr(first + 1, "\"ORDERS\""));
    assert_non_null(strstr(changes, "DELETE"));
    assert_non_null(strstr(changes, "INDEX"));
    assert_null(strstr(changes, "CUSTOMERS"));
    assert_non_null(strstr(changes, "PROFILE DEFAULT"));
    assert_null(strstr(changes, "CREATE PROFILE"));
}

static void what_is_not_there_is_named(void **state) {
    OracleScene *scene = *state;
    AccessItem item = {.schema = "APP"};
    string_list_add(scene->arena, &item.tables, "GONE'\"; DROP");
    string_list_add(scene->arena, &item.tables, "orders");
    string_list_add(scene->arena, &item.privileges, "SELECT");
    refuse_item(scene, &item, "object_not_found", "\"orders\" (names are as Oracle's dictionary");
    item.schema = "app";
    refuse_item(scene, &item, "object_not_found", "schema \"app\"");
    item.schema = "DAYPASS_ADMIN";
    refuse_item(scene, &item, "role_refused", "the connector's own");
    item.schema = "SYS";
    item.functions = item.tables;
    refuse_item(scene, &item, "role_refused", "came with Oracle");
    AccessItem view = {.schema = "APP"};
    string_list_add(scene->arena, &view.tables, "CUSTOMERS");
    string_list_add(scene->arena, &view.privileges, "INDEX");
    refuse_item(scene, &view, "role_refused", "INDEX on view");
}

// ---- Extending and resetting --------------------------------------------------------------------

static void an_extension_moves_mark_and_job(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    give(scene);
    scene->now_at += 600 * SECOND_MS;
    assert_int_equal(run(scene, driver_extend, &result, &error), STATUS_OK);
    assert_given(scene);
    assert_int_equal(result.outcome.state->mark_expires_at, scene->job_ends_at);
    const char *changes = scene_changes(scene);
    assert_true(strstr(changes, "SET MARK") < strstr(changes, "'start_date'"));
}

static void an_extension_cut_anywhere_ends_at_neither_a_later_time_than_its_mark(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    for (int at = 1; at < STATEMENTS_MAX; at++) {
        scene->user = scene->row = scene->job = false;
        scene->trouble = TROUBLE_NONE;
        give(scene);
        int64_t first_end = scene->job_ends_at;
        scene->now_at += 600 * SECOND_MS;
        scene->trouble = TROUBLE_CUT_AFTER;
        scene->trouble_at = at;
        Status status = run(scene, driver_extend, &result, &error);
        if (scene->count < at)
            return;
        assert_int_not_equal(status, STATUS_OK);
        bool mark_is_old = strstr(scene->mark, "23:13:20") != NULL && first_end != 0;
        assert_true(!mark_is_old || scene->job_ends_at == first_end);
        scene->trouble = TROUBLE_NONE;
        assert_int_equal(run(scene, driver_extend, &result, &error), STATUS_OK);
        assert_given(scene);
        scene->now_at = 1700000000 * (int64_t)SECOND_MS;
    }
    fail();
}

static void a_locked_account_is_neither_extended_nor_reset(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    give(scene);
    scene->locked = true;
    assert_int_not_equal(run(scene, driver_extend, &result, &error), STATUS_OK);
    assert_string_equal(error.code, "account_locked");
    assert_int_not_equal(run(scene, driver_reset, &result, &error), STATUS_OK);
    assert_string_equal(error.code, "account_locked");
    assert_true(scene->locked);
    scene->user = false;
    assert_int_not_equal(run(scene, driver_extend, &result, &error), STATUS_OK);
    assert_int_equal(result.failure, FAILURE_NOT_FOUND);
}

static void a_reset_changes_the_password_and_nothing_else(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    give(scene);
    snprintf(scene->password, sizeof scene->password, "old");
    assert_int_equal(run(scene, driver_reset, &result, &error), STATUS_OK);
    assert_given(scene);
    assert_string_equal(scene_changes(scene),
                        "DECLARE chosen VARCHAR2(30) := ?; BEGIN EXECUTE IMMEDIATE 'ALTER USER "
                        "\"" SCENE_USER "\" IDENTIFIED BY \"' || chosen || '\"'; END; END;");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, oracle_scene_setup, oracle_scene_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(opens_the_account_last),
        CASE(the_password_is_nowhere_but_in_its_parameter),
        CASE(a_server_that_runs_no_jobs_is_no_end_by_itself),
        CASE(each_statement_cut_before_it_is_carried_out),
        CASE(each_statement_cut_after_it_is_carried_out),
        CASE(each_statement_refused),
        CASE(nothing_is_made_past_the_deadline_by_the_servers_clock),
        CASE(an_opening_that_took_too_long_is_closed_again),
        CASE(a_late_order_is_not_begun),
        CASE(a_user_of_somebody_else_is_not_touched),
        CASE(a_user_made_anew_by_somebody_else_is_not_touched),
        CASE(a_user_older_than_its_half_written_mark_is_not_touched),
        CASE(an_account_of_another_grant_is_not_touched),
        CASE(its_own_account_is_made_again),
        CASE(what_is_for_all_may_be_made_by_another_meanwhile),
        CASE(a_refused_password_is_explained),
        CASE(a_powerful_role_is_refused_before_anything_is_made),
        CASE(a_right_the_admin_cannot_hand_on_is_named),
        CASE(a_dictionary_that_cannot_be_read_is_a_missing_right),
        CASE(a_table_that_vanished_fails_the_whole_grant),
        CASE(an_object_named_twice_is_granted_once),
        CASE(what_is_not_there_is_named),
        CASE(an_extension_moves_mark_and_job),
        CASE(an_extension_cut_anywhere_ends_at_neither_a_later_time_than_its_mark),
        CASE(a_locked_account_is_neither_extended_nor_reset),
        CASE(a_reset_changes_the_password_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, oracle_scene_install, NULL);
}
