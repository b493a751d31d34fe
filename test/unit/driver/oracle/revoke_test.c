#include "oracle_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static const char PASSWORD[] = "aB3_aB3_aB3_aB3_aB3_aB3_aB3_";
enum { STATEMENTS_MAX = 80 };

static void give(OracleScene *scene) {
    CLEANUP(secret_freep) Secret *password = secret_new(PASSWORD, strlen(PASSWORD));
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    GrantOrder order = scene_order(scene, password);
    DriverResult result;
    Error error = {0};
    scene->trouble = TROUBLE_NONE;
    if (driver_grant(&ORACLE_DRIVER, session, scene->arena, &order, &result, &error) != STATUS_OK)
        fail_msg("%s: %s", error.code, error.message);
}

static Status take(OracleScene *scene, DriverResult *result, Error *error) {
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    *error = (Error){0};
    return driver_revoke(&ORACLE_DRIVER, session, scene->arena, scene_plan(scene), result, error);
}

static void assert_gone(const OracleScene *scene) {
    assert_false(scene->user || scene->row || scene->job);
    assert_int_equal(scene->sessions, 0);
}

static Outcome take_whole(OracleScene *scene) {
    DriverResult result;
    Error error;
    if (take(scene, &result, &error) != STATUS_OK)
        fail_msg("%s: %s", error.code, error.message);
    assert_gone(scene);
    return result.outcome;
}

static Outcome take_in_vain(OracleScene *scene, FailureClass failure, const char *code) {
    DriverResult result;
    Error error;
    assert_int_not_equal(take(scene, &result, &error), STATUS_OK);
    assert_int_equal(result.failure, failure);
    assert_string_equal(error.code, code);
    return result.outcome;
}

// The admin lacks a right, and is told the statement that gives it.
static Outcome take_lacking(OracleScene *scene, Lacking lacking, const char *repair) {
    scene->lacking[scene->lacking_count++] = lacking;
    Outcome outcome = take_in_vain(scene, FAILURE_DENIED, "target_denied");
    assert_string_equal(outcome.obstacles.items[0].repair, repair);
    return outcome;
}

// ---- In order -----------------------------------------------------------------------------------

static void locks_first_and_forgets_last(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->sessions = 2;
    Outcome outcome = take_whole(scene);
    assert_string_equal(
        scene_changes(scene),
        "ALTER USER \"" SCENE_USER "\" ACCOUNT LOCK\n"
        "ALTER SYSTEM KILL SESSION '100,7,@1' IMMEDIATE\n"
        "ALTER SYSTEM KILL SESSION '101,7,@1' IMMEDIATE\n"
        "REVOKE CREATE SESSION FROM \"" SCENE_USER "\"\n"
        "REVOKE \"REPORTING\" FROM \"" SCENE_USER "\"\n"
        "REVOKE SELECT ON \"APP\".\"CUSTOMERS\" FROM \"" SCENE_USER "\"\n"
        "REVOKE SELECT ON \"APP\".\"ORDERS\" FROM \"" SCENE_USER "\"\n"
        "DROP USER \"" SCENE_USER "\"\n"
        "BEGIN SYS.DBMS_SCHEDULER.DROP_JOB(job_name => '\"DAYPASS_ADMIN\".\"DAYPASS_" SCENE_USER
        "\"', force => TRUE); END;\n"
        "DELETE FROM \"DAYPASS_ADMIN\".\"DAYPASS_ACCOUNTS\" WHERE ACCOUNT = '" SCENE_USER "'");
    assert_false(outcome.account_present);
    assert_true(outcome.login_refused);
    assert_int_equal(outcome.sessions_ended, 2);
    assert_int_equal(outcome.sessions_left, 0);
}

static void what_is_gone_already_is_success(void **state) {
    OracleScene *scene = *state;
    assert_false(take_whole(scene).account_present); // never there, no table of marks
    assert_string_equal(scene_changes(scene), "");
    give(scene);
    scene->user = false; // dropped by hand: job and mark are left
    take_whole(scene);
}

static void vanish_when_dropped(OracleScene *scene, const char *sql) {
    if (strncmp(sql, "DROP USER ", strlen("DROP USER ")) == 0)
        scene->user = scene->job = false;
}

static void what_goes_meanwhile_is_success(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->before_each = vanish_when_dropped; // ORA-01918, then ORA-27475
    take_whole(scene);
}

// ---- Anything fails -----------------------------------------------------------------------------

static bool tolerates(const char *sql) {
    return strncmp(sql, "REVOKE ", strlen("REVOKE ")) == 0;
}

static void fail_each(OracleScene *scene, Trouble trouble, int native) {
    DriverResult result;
    Error error;
    int at = 1;
    for (; at < STATEMENTS_MAX; at++) {
        give(scene);
        scene->sessions = 1;
        scene->trouble = trouble;
        scene->trouble_at = at;
        scene->trouble_native = native;
        Status status = take(scene, &result, &error);
        if (scene->count < at)
            break;
        const char *failed = scene->statements.items[at - 1];
        if (status == STATUS_OK && !(trouble == TROUBLE_REFUSES && tolerates(failed)))
            fail_msg("statement %d failed and nobody noticed: %s", at, failed);
        // With a mark as long as there is an account.
        assert_true(scene->row || !scene->user);
        scene->trouble = TROUBLE_NONE;
        if (take(scene, &result, &error) != STATUS_OK)
            fail_msg("after statement %d (%s): %s %s", at, failed, error.code, error.message);
        assert_gone(scene);
    }
    assert_in_range(at, 15, STATEMENTS_MAX - 1);
}

static void each_statement_cut_before_it_is_carried_out(void **state) {
    fail_each(*state, TROUBLE_CUT_BEFORE, 0);
}

static void each_statement_cut_after_it_is_carried_out(void **state) {
    fail_each(*state, TROUBLE_CUT_AFTER, 0);
}

static void each_statement_refused(void **state) {
    fail_each(*state, TROUBLE_REFUSES, 1031);
}

// ---- Sessions -----------------------------------------------------------------------------------

static void sessions_are_read_again_until_none_is_left(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->sessions = 1;
    scene->kills_needed = 4; // ORA-00031 until then
    assert_int_equal(take_whole(scene).sessions_ended, 1);
    assert_int_equal(scene->kills, 4);
}

static void leave_by_itself(OracleScene *scene, const char *sql) {
    if (strncmp(sql, "ALTER SYSTEM KILL ", strlen("ALTER SYSTEM KILL ")) == 0)
        scene->sessions = 0; // ORA-00030
}

static void a_session_that_leaves_by_itself_is_ended(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->sessions = 1;
    scene->before_each = leave_by_itself;
    assert_int_equal(take_whole(scene).sessions_ended, 1);
}

static void a_session_that_never_ends_keeps_the_account_locked_and_marked(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->sessions = 1;
    scene->kills_needed = 1000;
    Outcome outcome = take_in_vain(scene, FAILURE_RETRY, "sessions_left");
    assert_int_equal(outcome.sessions_left, 1);
    assert_int_equal(outcome.sessions_ended, 0);
    assert_true(outcome.login_refused);
    assert_true(scene->user && scene->locked && scene->row);
    scene->kills_needed = 0;
    take_whole(scene);
}

static void a_login_under_way_at_the_lock_is_ended_too(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->lets_one_in = true;
    assert_int_equal(take_whole(scene).sessions_ended, 1);
}

static void let_one_in_at_the_drop(OracleScene *scene, const char *sql) {
    if (strncmp(sql, "DROP USER ", strlen("DROP USER ")) == 0 && scene->kills == 0)
        scene->sessions = 1;
}

static void a_drop_that_finds_a_session_is_repeated(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->before_each = let_one_in_at_the_drop;
    take_in_vain(scene, FAILURE_RETRY, "target_failed");
    assert_true(scene->locked && scene->row);
    take_whole(scene);
}

static void hosted_servers_have_their_own_procedure(void **state) {
    OracleScene *scene = *state;
    scene->hosted = true;
    give(scene);
    scene->sessions = 1;
    scene->kills_needed = 8;
    take_whole(scene);
    assert_null(strstr(scene_changes(scene), "ALTER SYSTEM"));
    assert_non_null(strstr(scene_changes(scene), "BEGIN RDSADMIN.RDSADMIN_UTIL.KILL(sid => 100,"));
    assert_int_equal(scene->kills_of_process, 2); // only after the gentle way did not help
}

static void sessions_that_may_not_be_ended_are_said_with_the_grant_that_lets(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->sessions = 1;
    take_lacking(scene, (Lacking){"ALTER SYSTEM", 1031},
                 "GRANT ALTER SYSTEM TO \"DAYPASS_ADMIN\";");
    assert_true(scene->locked);
}

static void a_hosted_admin_without_its_procedure_is_told_so(void **state) {
    OracleScene *scene = *state;
    scene->hosted = true;
    give(scene);
    scene->sessions = 1;
    take_lacking(scene, (Lacking){"BEGIN RDSADMIN", 6550},
                 "GRANT EXECUTE ON RDSADMIN.RDSADMIN_UTIL TO \"DAYPASS_ADMIN\";");
}

static void an_account_that_may_not_be_locked_loses_its_sessions(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->sessions = 2;
    Outcome outcome = take_lacking(scene, (Lacking){"ALTER USER", 1031},
                                   "GRANT ALTER USER TO \"DAYPASS_ADMIN\";");
    assert_false(outcome.login_refused);
    assert_int_equal(scene->sessions, 0);
}

// ---- What it owns -------------------------------------------------------------------------------

static void what_it_owns_is_never_dropped_with_it(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->owned[0] = "NOTES";
    scene->owned[1] = "it's";
    scene->owned_count = 2;
    Outcome outcome = take_in_vain(scene, FAILURE_CONFLICT, "account_in_use");
    assert_true(scene->user && scene->locked && scene->row && scene->job);
    assert_false(scene->login_right);
    assert_null(strstr(scene_changes(scene), "DROP USER"));
    assert_null(strstr(scene_changes(scene), "CASCADE"));
    assert_int_equal(outcome.obstacles.count, 2);
    assert_string_equal(outcome.obstacles.items[0].repair,
                        "CREATE TABLE \"NEW_OWNER\".\"NOTES\" AS SELECT * FROM \"" SCENE_USER
                        "\".\"NOTES\"; DROP TABLE \"" SCENE_USER "\".\"NOTES\";");
    scene->owned_count = 0;
    take_whole(scene);
}

static void each_kind_of_object_has_its_words(void **state) {
    OracleScene *scene = *state;
    static const struct {
        const char *type;
        const char *repair;
    } CASES[] = {
        {"JOB", "BEGIN DBMS_SCHEDULER.DROP_JOB('\"" SCENE_USER "\".\"IT''S\"', TRUE); END;"},
        {"VIEW", "DROP VIEW \"" SCENE_USER "\".\"IT'S\"; -- to keep it"},
    };
    give(scene);
    scene->owned[0] = "IT'S";
    scene->owned_count = 1;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        scene->owned_type = CASES[i].type;
        Outcome outcome = take_in_vain(scene, FAILURE_CONFLICT, "account_in_use");
        const char *repair = outcome.obstacles.items[0].repair;
        assert_int_equal(strncmp(repair, CASES[i].repair, strlen(CASES[i].repair)), 0);
    }
}

static void make_a_table_at_the_drop(OracleScene *scene, const char *sql) {
    if (strncmp(sql, "DROP USER ", strlen("DROP USER ")) == 0) {
        scene->owned[0] = "LATE";
        scene->owned_count = 1;
    }
}

static void what_appears_at_the_last_moment_is_not_dropped_either(void **state) {
    OracleScene *scene = *state;
    DriverResult result;
    Error error;
    give(scene);
    scene->before_each = make_a_table_at_the_drop; // ORA-01922
    assert_int_not_equal(take(scene, &result, &error), STATUS_OK);
    assert_string_equal(error.code, "account_in_use");
    assert_non_null(strstr(error.message, "LATE"));
    assert_true(scene->user && scene->row);
}

// ---- Others -------------------------------------------------------------------------------------

static void a_user_without_this_grants_mark_is_not_touched(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->row = false; // the table was lost
    take_in_vain(scene, FAILURE_CONFLICT, "account_taken");
    assert_string_equal(scene_changes(scene), "");
    assert_true(scene_is_usable(scene));
    scene->row = true;
    scene->user_id++;
    take_in_vain(scene, FAILURE_CONFLICT, "account_taken");
    assert_true(scene_is_usable(scene));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, oracle_scene_setup, oracle_scene_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(locks_first_and_forgets_last),
        CASE(what_is_gone_already_is_success),
        CASE(what_goes_meanwhile_is_success),
        CASE(each_statement_cut_before_it_is_carried_out),
        CASE(each_statement_cut_after_it_is_carried_out),
        CASE(each_statement_refused),
        CASE(sessions_are_read_again_until_none_is_left),
        CASE(a_session_that_leaves_by_itself_is_ended),
        CASE(a_session_that_never_ends_keeps_the_account_locked_and_marked),
        CASE(a_login_under_way_at_the_lock_is_ended_too),
        CASE(a_drop_that_finds_a_session_is_repeated),
        CASE(hosted_servers_have_their_own_procedure),
        CASE(sessions_that_may_not_be_ended_are_said_with_the_grant_that_lets),
        CASE(a_hosted_admin_without_its_procedure_is_told_so),
        CASE(an_account_that_may_not_be_locked_loses_its_sessions),
        CASE(what_it_owns_is_never_dropped_with_it),
        CASE(each_kind_of_object_has_its_words),
        CASE(what_appears_at_the_last_moment_is_not_dropped_either),
        CASE(a_user_without_this_grants_mark_is_not_touched),
    };
    return cmocka_run_group_tests(tests, oracle_scene_install, NULL);
}
