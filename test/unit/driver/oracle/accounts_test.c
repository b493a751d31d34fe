#include "oracle_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static void give(OracleScene *scene) {
    static const char PASSWORD[] = "aB3_aB3_aB3_aB3_aB3_aB3_aB3_";
    CLEANUP(secret_freep) Secret *password = secret_new(PASSWORD, strlen(PASSWORD));
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    GrantOrder order = scene_order(scene, password);
    DriverResult result;
    assert_int_equal(driver_grant(&ORACLE_DRIVER, session, scene->arena, &order, &result, NULL),
                     STATUS_OK);
}

static FoundAccounts list(OracleScene *scene, const StringList *leftovers) {
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    FoundAccounts found = {0};
    FailureClass failure;
    Error error = {0};
    if (driver_list_accounts(&ORACLE_DRIVER, session, scene->arena,
                             &(AccountQuery){.leftovers = leftovers}, &found, &failure,
                             &error) != STATUS_OK)
        fail_msg("%s: %s", error.code, error.message);
    return found;
}

// ---- Listing ------------------------------------------------------------------------------------

static void an_account_is_listed_by_its_mark(void **state) {
    OracleScene *scene = *state;
    assert_int_equal(list(scene, NULL).count, 0); // no table of marks yet
    give(scene);
    scene->sessions = 3;
    FoundAccounts found = list(scene, NULL);
    assert_int_equal(found.count, 1);
    const FoundAccount *account = &found.items[0];
    assert_string_equal(account->account, SCENE_ACCOUNT);
    assert_string_equal(account->grant_id, "grt_1");
    assert_string_equal(account->deployment, "dep_1");
    assert_int_equal(account->sessions, 3);
    assert_true(account->can_login && !account->expired);
    assert_int_equal(account->expires_at, scene->job_ends_at);
    assert_int_equal(account->state->privilege_count, 2);
    assert_non_null(account->state->privilege_hash);
    assert_string_equal(account->state->privileges.items[1], "SELECT on table APP.ORDERS");
}

static void the_mark_holds_where_the_job_was_put_off_or_stopped(void **state) {
    OracleScene *scene = *state;
    give(scene);
    int64_t end = scene->job_ends_at;
    scene->job_ends_at += 3600 * SECOND_MS;
    FoundAccounts found = list(scene, NULL);
    assert_int_equal(found.items[0].expires_at, end);
    assert_int_equal(found.items[0].state->expires_at, end + 3600 * SECOND_MS);
    scene->job_enabled = false;
    found = list(scene, NULL);
    assert_int_equal(found.items[0].expires_at, end);
    assert_int_equal(found.items[0].state->expires_at, 0); // drift: never
    scene->now_at = end;
    assert_true(list(scene, NULL).items[0].expired);
}

static void who_can_log_in_says_the_status(void **state) {
    OracleScene *scene = *state;
    static const struct {
        const char *status;
        bool can_login;
    } CASES[] = {
        {"OPEN", true},
        {"EXPIRED(GRACE)", true},
        {"LOCKED", false},
        {"EXPIRED", true},
        {"EXPIRED & LOCKED", false},
        {"LOCKED(TIMED)", true},
        {"OPEN & IN ROLLOVER", true},
    };
    give(scene);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        scene->status = CASES[i].status;
        assert_int_equal(list(scene, NULL).items[0].can_login, CASES[i].can_login);
    }
}

static void leftovers_are_those_without_a_mark(void **state) {
    OracleScene *scene = *state;
    StringList patterns = {0};
    string_list_add(scene->arena, &patterns, "temp_*");
    FoundAccounts found = list(scene, &patterns);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.items[0].account, "temp_old");
    assert_non_null(strstr(found.items[0].leftover, "temp_*"));
    assert_true(found.items[0].can_login);
    assert_int_equal(found.items[0].sessions, 2);
    assert_string_equal(found.items[1].account, "lost_one"); // its job is left, its mark is not
    assert_null(found.items[1].grant_id);
}

// ---- Holding to the mark ------------------------------------------------------------------------

static void restrain(OracleScene *scene) {
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    DriverResult result;
    Error error = {0};
    if (driver_restrain(&ORACLE_DRIVER, session, scene->arena, scene_plan(scene), &result,
                        &error) != STATUS_OK)
        fail_msg("%s: %s", error.code, error.message);
}

static void an_end_that_was_put_off_is_set_back(void **state) {
    OracleScene *scene = *state;
    restrain(scene); // nothing there
    give(scene);
    int64_t end = scene->job_ends_at;
    restrain(scene);
    assert_string_equal(scene_changes(scene), "");
    scene->job_ends_at += 1;
    restrain(scene);
    assert_int_equal(scene->job_ends_at, end);
    scene->job_enabled = false;
    restrain(scene);
    assert_true(scene->job_enabled);
    scene->job = false;
    restrain(scene);
    assert_true(scene->job && scene->job_ends_at == end);
    scene->job_ends_at = end - 1; // never gives time
    restrain(scene);
    assert_int_equal(scene->job_ends_at, end - 1);
}

// ---- Looking ------------------------------------------------------------------------------------

static void an_inspection_changes_nothing(void **state) {
    OracleScene *scene = *state;
    give(scene);
    scene->owned[0] = "NOTES";
    scene->owned_count = 1;
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    AccountInspection inspection;
    FailureClass failure;
    assert_int_equal(driver_inspect(&ORACLE_DRIVER, session, scene->arena, scene_plan(scene),
                                    &inspection, &failure, NULL),
                     STATUS_OK);
    assert_true(inspection.present && inspection.marked && inspection.can_login);
    assert_int_equal(inspection.owned_count, 1);
    assert_string_equal(inspection.owned.items[0], "PDB1: TABLE NOTES");
    assert_int_equal(inspection.obstacles.count, 1);
    assert_int_equal(inspection.privilege_count, 2);
    assert_string_equal(scene_changes(scene), "");
}

static void discovery_is_of_what_users_made(void **state) {
    OracleScene *scene = *state;
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    Discovery found;
    FailureClass failure;
    assert_int_equal(driver_discover(&ORACLE_DRIVER, session, scene->arena, &found, &failure, NULL),
                     STATUS_OK);
    assert_string_equal(found.schemas.items[0], "APP");
    assert_string_equal(found.tables.items[0].name, "ORDERS");
    assert_string_equal(found.sequences.items[0], "APP.SEQ");
    assert_string_equal(found.functions.items[0], "APP.PKG");
    assert_string_equal(found.roles.items[0], "REPORTING");
    assert_false(found.cut);
    for (size_t i = 0; i < scene->statements.count; i++)
        assert_non_null(strstr(scene->statements.items[i], "FETCH FIRST 10001 ROWS ONLY"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, oracle_scene_setup, oracle_scene_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(an_account_is_listed_by_its_mark),
        CASE(the_mark_holds_where_the_job_was_put_off_or_stopped),
        CASE(who_can_log_in_says_the_status),
        CASE(leftovers_are_those_without_a_mark),
        CASE(an_end_that_was_put_off_is_set_back),
        CASE(an_inspection_changes_nothing),
        CASE(discovery_is_of_what_users_made),
    };
    return cmocka_run_group_tests(tests, oracle_scene_install, NULL);
}
