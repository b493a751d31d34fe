#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "scene.h"

static void given(Scene *scene) {
    AccessItem items[3];
    items[0] = scene_tables(scene, (const char *const[]){"orders"}, 1);
    items[1] = (AccessItem){.role = "reporting"};
    items[2] = items[0];
    items[2].database = "billing";
    scene_grants(scene, items, COUNT_OF(items));
    scene_must(scene, scene_grant(scene));
}

static void takes_everything_back_in_order(void **state) {
    Scene *scene = *state;
    given(scene);
    scene->sim.insists = true;
    sim_add_session(&scene->sim, scene->plan.account, 1);
    sim_add_session(&scene->sim, "somebody", -1);
    int id = scene->sim.now.sessions[0].id;
    scene_must(scene, scene_revoke(scene));
    const char *const expected[] = {
        "BEGIN TRANSACTION; DECLARE @locked int; EXEC @locked = sys.sp_getapplock @Resource = "
        "N'daypass', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 10000; "
        "IF @locked < 0 THROW 51002, N'daypass: other work goes on', 1",
        "ALTER LOGIN [temp_john_a1b2c3] DISABLE",
        "COMMIT TRANSACTION",
        arena_printf(scene->arena, "KILL %d", id),
        "REVOKE SELECT ON OBJECT::[app].[orders] FROM [temp_john_a1b2c3] CASCADE",
        "DROP USER [temp_john_a1b2c3]",
        "ALTER ROLE [reporting] DROP MEMBER [temp_john_a1b2c3]",
        "REVOKE SELECT ON OBJECT::[app].[orders] FROM [temp_john_a1b2c3] CASCADE",
        "DROP USER [temp_john_a1b2c3]",
        "DROP LOGIN [temp_john_a1b2c3]",
    };
    scene_expect(scene, expected, COUNT_OF(expected));
    const Outcome *outcome = &scene->result.outcome;
    assert_false(outcome->account_present);
    assert_true(outcome->login_refused);
    assert_int_equal(outcome->sessions_ended, 1);
    assert_int_equal(outcome->sessions_left, 0);
    assert_int_equal(outcome->target_now_at, scene->sim.now_at);
    assert_int_equal(scene->sim.now.login_count, 0);
    assert_int_equal(scene->sim.now.session_count, 1); // somebody's
}

static void already_gone_is_success(void **state) {
    Scene *scene = *state;
    scene_must(scene, scene_revoke(scene));
    assert_false(scene->result.outcome.account_present);
    assert_true(scene->result.outcome.login_refused);
    given(scene);
    scene_must(scene, scene_revoke(scene));
    scene_must(scene, scene_revoke(scene));
}

static void users_whose_login_somebody_dropped_go_too(void **state) {
    Scene *scene = *state;
    given(scene);
    scene->sim.now.login_count = 0;
    scene_must(scene, scene_revoke(scene));
    assert_int_equal(sim_database(&scene->sim, "shop")->user_count, 0);
    assert_int_equal(sim_database(&scene->sim, "billing")->user_count, 0);
}

static void a_renamed_login_is_found_by_its_sid(void **state) {
    Scene *scene = *state;
    given(scene);
    snprintf(scene->sim.now.logins[0].name, SIM_TEXT, "re]named");
    sim_add_session(&scene->sim, "re]named", 1);
    scene_must(scene, scene_revoke(scene));
    assert_int_equal(scene->sim.now.login_count, 0);
    assert_int_equal(scene->sim.now.session_count, 0);
}

static void sessions_are_told_to_end_until_they_do(void **state) {
    Scene *scene = *state;
    given(scene);
    sim_add_session(&scene->sim, scene->plan.account, 3);
    sim_add_session(&scene->sim, scene->plan.account, 1);
    scene_must(scene, scene_revoke(scene));
    assert_int_equal(scene->result.outcome.sessions_ended, 2);
    assert_int_equal(scene->sim.now.session_count, 0);
}

static void sessions_that_stay_keep_the_account_disabled(void **state) {
    Scene *scene = *state;
    given(scene);
    sim_add_session(&scene->sim, scene->plan.account, -1);
    assert_int_equal(scene_revoke(scene), STATUS_UNAVAILABLE);
    assert_string_equal(scene->error.code, "sessions_left");
    assert_int_equal(scene->result.failure, FAILURE_RETRY);
    assert_int_equal(scene->result.outcome.sessions_left, 1);
    assert_true(scene->result.outcome.login_refused);
    assert_true(scene->result.outcome.account_present);
    assert_true(sim_login(&scene->sim, scene->plan.account)->disabled);
}

static void a_session_that_ends_by_itself_is_no_failure(void **state) {
    Scene *scene = *state;
    given(scene);
    scene->sim.refuses = 6106;
    scene->sim.refused = "KILL";
    sim_add_session(&scene->sim, scene->plan.account, 1);
    assert_int_equal(scene_revoke(scene), STATUS_UNAVAILABLE); // it is still in the list here
    assert_string_equal(scene->error.code, "sessions_left");
}

static void who_may_not_see_or_end_sessions_is_told_what_lacks(void **state) {
    Scene *scene = *state;
    given(scene);
    string_list_add(scene->arena, &scene->sim.lacking, "VIEW SERVER STATE");
    assert_int_equal(scene_revoke(scene), STATUS_FORBIDDEN);
    assert_string_equal(scene_repair(scene, "may not see other sessions"),
                        "USE [master]; GRANT VIEW SERVER STATE TO [daypass_admin];");
    assert_true(sim_login(&scene->sim, scene->plan.account)->disabled);
    scene->sim.lacking.count = 0;
    sim_add_session(&scene->sim, scene->plan.account, 1);
    scene->sim.refuses = 6102;
    scene->sim.refused = "KILL";
    assert_int_equal(scene_revoke(scene), STATUS_FORBIDDEN);
    assert_string_equal(scene_repair(scene, "may not end other sessions"),
                        "USE [master]; GRANT ALTER ANY CONNECTION TO [daypass_admin];");
    scene->sim.refuses = 0;
    scene_must(scene, scene_revoke(scene));
}

static void a_login_beyond_reach_is_an_obstacle_and_loses_its_sessions(void **state) {
    Scene *scene = *state;
    given(scene);
    sim_add_session(&scene->sim, scene->plan.account, 1);
    scene->sim.refuses = 15151;
    scene->sim.refused = "ALTER LOGIN";
    assert_int_equal(scene_revoke(scene), STATUS_FORBIDDEN);
    assert_int_equal(scene->result.failure, FAILURE_DENIED);
    assert_string_equal(scene_repair(scene, "may not change login"),
                        "ALTER LOGIN [temp_john_a1b2c3] DISABLE; -- and: USE [master]; GRANT ALTER "
                        "ANY LOGIN TO [daypass_admin];");
    assert_false(scene->result.outcome.login_refused);
    assert_int_equal(scene->sim.now.session_count, 0);
}

static void a_login_that_is_still_counted_is_tried_again(void **state) {
    Scene *scene = *state;
    given(scene);
    scene->sim.now.logins[0].lingers = 3;
    scene_must(scene, scene_revoke(scene));
    given(scene);
    scene->sim.now.logins[0].lingers = 1000;
    assert_int_equal(scene_revoke(scene), STATUS_UNAVAILABLE);
    assert_int_equal(scene->result.failure, FAILURE_RETRY);
    assert_string_equal(scene_repair(scene, "still counted as connected"),
                        "DROP LOGIN [temp_john_a1b2c3];");
    assert_true(scene->sim.now.logins[0].disabled);
}

static void schemas_go_to_the_custodian(void **state) {
    Scene *scene = *state;
    given(scene);
    scene->plan.custodian = "keeper";
    snprintf(sim_user(&scene->sim, "shop", scene->plan.account)->schema, SIM_TEXT, "mi]ne");
    scene_must(scene, scene_revoke(scene));
    assert_int_equal(scene->result.outcome.handed_over.count, 1);
    assert_string_equal(scene->result.outcome.handed_over.items[0],
                        "shop: schema [mi]]ne] to keeper");
    bool sent = false;
    for (size_t i = 0; i < scene->sim.statements.count; i++)
        sent |= strcmp(scene->sim.statements.items[i],
                       "ALTER AUTHORIZATION ON SCHEMA::[mi]]ne] TO [keeper]") == 0;
    assert_true(sent);
}

static void what_nobody_may_have_stays_and_is_said(void **state) {
    Scene *scene = *state;
    static const char *const CUSTODIANS[] = {NULL, "nobody"};
    static const char *const REASONS[] = {"no custodian may receive it",
                                          "custodian \"nobody\" is not there"};
    given(scene);
    snprintf(sim_user(&scene->sim, "shop", scene->plan.account)->schema, SIM_TEXT, "mine");
    for (size_t i = 0; i < COUNT_OF(CUSTODIANS); i++) {
        scene->plan.custodian = CUSTODIANS[i];
        assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
        assert_string_equal(scene->error.code, "account_in_use");
        assert_string_equal(scene_repair(scene, REASONS[i]),
                            "USE [shop]; ALTER AUTHORIZATION ON SCHEMA::[mine] TO [dbo];");
        assert_true(sim_login(&scene->sim, scene->plan.account)->disabled);
        assert_true(scene->result.outcome.login_refused);
    }
    sim_user(&scene->sim, "shop", scene->plan.account)->schema[0] = '\0';
    scene_must(scene, scene_revoke(scene));
}

static void a_custodian_with_power_gets_nothing(void **state) {
    Scene *scene = *state;
    given(scene);
    scene->plan.custodian = "keeper";
    scene->sim.custodian_rules = true;
    snprintf(sim_user(&scene->sim, "shop", scene->plan.account)->schema, SIM_TEXT, "mine");
    assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
    assert_non_null(scene_repair(scene, "has power over the database"));
    assert_int_equal(scene->result.outcome.handed_over.count, 0);
}

static void what_cannot_be_handed_over_is_an_obstacle_or_tried_again(void **state) {
    Scene *scene = *state;
    given(scene);
    scene->plan.custodian = "keeper";
    snprintf(sim_user(&scene->sim, "shop", scene->plan.account)->schema, SIM_TEXT, "mine");
    scene->sim.refused = "ALTER AUTHORIZATION";
    scene->sim.refuses = 15151;
    assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
    assert_string_equal(scene_repair(scene, "which cannot be handed over"),
                        "USE [shop]; ALTER AUTHORIZATION ON SCHEMA::[mine] TO [keeper];");
    scene->sim.refuses = 1222;
    assert_int_equal(scene_revoke(scene), STATUS_UNAVAILABLE);
    assert_int_equal(scene->result.failure, FAILURE_RETRY);
    scene->sim.refuses = 0;
    scene_must(scene, scene_revoke(scene));
}

static void what_others_gave_goes_with_the_user(void **state) {
    Scene *scene = *state;
    static const char *const STATEMENTS[] = {"REVOKE", "ALTER ROLE"};
    for (size_t i = 0; i < COUNT_OF(STATEMENTS); i++) {
        given(scene);
        scene->sim.refused = STATEMENTS[i];
        scene->sim.refuses = 1222;
        assert_int_equal(scene_revoke(scene), STATUS_UNAVAILABLE);
        scene->sim.refuses = 15151; // somebody else gave it, and DROP USER takes it
        scene_must(scene, scene_revoke(scene));
        scene->sim.refuses = 0;
    }
}

static void a_module_that_runs_as_the_account_is_named(void **state) {
    Scene *scene = *state;
    given(scene);
    scene->sim.refused = "DROP USER";
    scene->sim.refuses = 15136;
    scene->sim.has_module = true;
    assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
    assert_string_equal(scene_repair(scene, "object [app].[run]]s] runs as account"),
                        "USE [billing]; -- alter object [app].[run]]s] to run as its caller");
}

static void a_database_that_the_login_owns_is_named(void **state) {
    Scene *scene = *state;
    given(scene);
    scene->sim.owned_database = "its]own";
    assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
    assert_string_equal(scene_repair(scene, "owns database"),
                        "ALTER AUTHORIZATION ON DATABASE::[its]]own] TO [sa];");
    assert_int_equal(scene->sim.now.login_count, 1);
    assert_true(scene->sim.now.logins[0].disabled);
}

static void an_orphan_that_owns_something_is_not_called_gone(void **state) {
    Scene *scene = *state;
    given(scene);
    scene->sim.now.login_count = 0;
    snprintf(sim_user(&scene->sim, "shop", scene->plan.account)->schema, SIM_TEXT, "mine");
    sim_database(&scene->sim, "billing")->open = false; // which is no reason
    assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
    assert_int_equal(scene->result.outcome.obstacles.count, 1);
}

static void a_user_that_cannot_be_dropped_is_an_obstacle(void **state) {
    Scene *scene = *state;
    given(scene);
    scene->sim.refuses = 15136;
    scene->sim.refused = "DROP USER";
    assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
    assert_string_equal(scene_repair(scene, "cannot be removed"),
                        "USE [billing]; DROP USER [temp_john_a1b2c3];");
    assert_true(sim_login(&scene->sim, scene->plan.account)->disabled);
}

static void what_somebody_else_removes_meanwhile_is_gone(void **state) {
    Scene *scene = *state;
    static const char *const STATEMENTS[] = {"DROP USER", "DROP LOGIN"};
    for (size_t i = 0; i < COUNT_OF(STATEMENTS); i++) {
        given(scene);
        scene->sim.refuses = 15151;
        scene->sim.refused = STATEMENTS[i];
        scene->sim.vanishes = true;
        scene_must(scene, scene_revoke(scene));
        assert_false(scene->result.outcome.account_present);
        scene->sim.vanishes = false;
        given(scene);
        assert_int_not_equal(scene_revoke(scene), STATUS_OK); // it is there, and denied
        scene->sim.refuses = 0;
        scene_must(scene, scene_revoke(scene));
    }
}

static void a_login_that_owns_something_of_the_server_is_an_obstacle(void **state) {
    Scene *scene = *state;
    static const int NUMBERS[] = {15141, 15170, 15173, 15174};
    for (size_t i = 0; i < COUNT_OF(NUMBERS); i++) {
        given(scene);
        scene->sim.refuses = NUMBERS[i];
        scene->sim.refused = "DROP LOGIN";
        assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
        assert_string_equal(scene_repair(scene, "cannot be removed"),
                            "DROP LOGIN [temp_john_a1b2c3];");
        scene->sim.refuses = 0;
        scene_must(scene, scene_revoke(scene));
    }
}

static void a_closed_database_of_the_plan_is_an_obstacle(void **state) {
    Scene *scene = *state;
    given(scene);
    sim_database(&scene->sim, "billing")->state = "OFFLINE";
    assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
    assert_string_equal(scene_repair(scene, "\"billing\", which is OFFLINE"),
                        "ALTER DATABASE [billing] SET ONLINE;");
    assert_true(sim_login(&scene->sim, scene->plan.account)->disabled);
    assert_int_equal(sim_database(&scene->sim, "shop")->user_count, 0); // as far as it could
    sim_database(&scene->sim, "billing")->state = "ONLINE";
    sim_database(&scene->sim, "billing")->open = false;
    assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
    assert_string_equal(scene_repair(scene, "where the admin account has no user"),
                        "USE [billing]; CREATE USER [daypass_admin] FOR LOGIN [daypass_admin]; "
                        "GRANT ALTER ANY USER TO [daypass_admin];");
    sim_database(&scene->sim, "billing")->name = "Billing"; // as the server calls it
    assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
    sim_database(&scene->sim, "Billing")->open = true;
    scene_must(scene, scene_revoke(scene));
}

static void a_closed_database_of_others_is_only_told(void **state) {
    Scene *scene = *state;
    scene_must(scene, scene_grant(scene)); // in shop alone
    sim_database(&scene->sim, "billing")->state = "RESTORING";
    scene_must(scene, scene_revoke(scene));
    assert_int_equal(scene->result.outcome.warnings.count, 1);
    assert_non_null(strstr(scene->result.outcome.warnings.items[0], "\"billing\""));
}

static void restraining_disables_what_is_over(void **state) {
    Scene *scene = *state;
    DriverResult *result = &scene->result;
    assert_int_equal(driver_restrain(&SQLSERVER_DRIVER, scene->session, scene->arena, &scene->plan,
                                     result, &scene->error),
                     STATUS_OK);
    assert_false(result->outcome.account_present);
    scene_must(scene, scene_grant(scene));
    scene_must(scene, driver_restrain(&SQLSERVER_DRIVER, scene->session, scene->arena, &scene->plan,
                                      result, &scene->error));
    assert_false(sim_login(&scene->sim, scene->plan.account)->disabled);
    scene->sim.now_at += 3600001;
    scene_must(scene, driver_restrain(&SQLSERVER_DRIVER, scene->session, scene->arena, &scene->plan,
                                      result, &scene->error));
    assert_true(sim_login(&scene->sim, scene->plan.account)->disabled);
}

int main(void) {
    odbc_scene_install("ODBC Driver 18 for SQL Server");
    const struct CMUnitTest tests[] = {
        SCENE_TEST(takes_everything_back_in_order),
        SCENE_TEST(already_gone_is_success),
        SCENE_TEST(users_whose_login_somebody_dropped_go_too),
        SCENE_TEST(a_renamed_login_is_found_by_its_sid),
        SCENE_TEST(sessions_are_told_to_end_until_they_do),
        SCENE_TEST(sessions_that_stay_keep_the_account_disabled),
        SCENE_TEST(a_session_that_ends_by_itself_is_no_failure),
        SCENE_TEST(who_may_not_see_or_end_sessions_is_told_what_lacks),
        SCENE_TEST(a_login_beyond_reach_is_an_obstacle_and_loses_its_sessions),
        SCENE_TEST(a_login_that_is_still_counted_is_tried_again),
        SCENE_TEST(schemas_go_to_the_custodian),
        SCENE_TEST(what_nobody_may_have_stays_and_is_said),
        SCENE_TEST(a_custodian_with_power_gets_nothing),
        SCENE_TEST(what_cannot_be_handed_over_is_an_obstacle_or_tried_again),
        SCENE_TEST(what_others_gave_goes_with_the_user),
        SCENE_TEST(a_module_that_runs_as_the_account_is_named),
        SCENE_TEST(a_database_that_the_login_owns_is_named),
        SCENE_TEST(an_orphan_that_owns_something_is_not_called_gone),
        SCENE_TEST(a_user_that_cannot_be_dropped_is_an_obstacle),
        SCENE_TEST(what_somebody_else_removes_meanwhile_is_gone),
        SCENE_TEST(a_login_that_owns_something_of_the_server_is_an_obstacle),
        SCENE_TEST(a_closed_database_of_the_plan_is_an_obstacle),
        SCENE_TEST(a_closed_database_of_others_is_only_told),
        SCENE_TEST(restraining_disables_what_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
