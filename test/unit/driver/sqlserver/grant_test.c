#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "driver/sqlserver/statement.h"
#include "scene.h"

static const char BEGIN[] =
    "BEGIN TRANSACTION; DECLARE @locked int; EXEC @locked = sys.sp_getapplock @Resource = "
    "N'daypass', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 10000; IF "
    "@locked < 0 THROW 51002, N'daypass: other work goes on', 1";

// What is the same in each run, but for the times in marks and deadlines.
static void expect_likes(Scene *scene, const char *const *begins, size_t count) {
    const Statements *did = &scene->result.outcome.statements;
    for (size_t i = 0; i < did->count && i < count; i++)
        if (strncmp(did->items[i].sql, begins[i], strlen(begins[i])) != 0)
            fail_msg("statement %zu is\n%s\nnot\n%s", i + 1, did->items[i].sql, begins[i]);
    assert_int_equal(did->count, count);
}

static bool was_sent(const Scene *scene, const char *text) {
    for (size_t i = 0; i < scene->sim.statements.count; i++)
        if (strstr(scene->sim.statements.items[i], text) != NULL)
            return true;
    return false;
}

static void gives_everything_in_one_transaction(void **state) {
    Scene *scene = *state;
    scene_must(scene, scene_grant(scene));
    const char *const expected[] = {
        BEGIN,
        "CREATE LOGIN [temp_john_a1b2c3] WITH PASSWORD = '(elided)' HASHED, SID = "
        "0x44415950",
        "CREATE USER [temp_john_a1b2c3] FOR LOGIN [temp_john_a1b2c3]",
        "EXEC sys.sp_addextendedproperty @name = N'daypass', @value = N'daypass {",
        "GRANT SELECT ON OBJECT::[app].[orders] TO [temp_john_a1b2c3]",
        "IF DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME()) >= ",
    };
    expect_likes(scene, expected, COUNT_OF(expected));
    const Outcome *outcome = &scene->result.outcome;
    assert_true(outcome->account_present);
    assert_false(outcome->login_refused);
    assert_string_equal(outcome->server_version, "16.0.4085.2");
    assert_int_equal(outcome->target_now_at, scene->sim.now_at);
    assert_true(outcome->target_expires_at > scene->sim.now_at + 3500000 &&
                outcome->target_expires_at <= scene->sim.now_at + 3600000);
    const SimLogin *login = sim_login(&scene->sim, scene->plan.account);
    assert_string_equal(login->sid, tsql_sid(scene->arena, "dep_1", "grt_1"));
    assert_non_null(outcome->state);
    assert_true(outcome->state->can_login);
    assert_int_equal(outcome->state->privilege_count, 1);
}

// It is reported when the session is closed.
static void what_was_found_outlives_the_session(void **state) {
    Scene *scene = *state;
    scene_must(scene, scene_grant(scene));
    scene->session = SQLSERVER_DRIVER.session_close(scene->session);
    const Outcome *outcome = &scene->result.outcome;
    assert_string_equal(outcome->state->database, "shop");
    assert_string_equal(outcome->server_version, "16.0.4085.2");
    for (size_t i = 0; i < outcome->statements.count; i++)
        assert_string_equal(outcome->statements.items[i].database, "shop");
}

static void sends_a_hash_and_never_the_password(void **state) {
    Scene *scene = *state;
    scene_must(scene, scene_grant(scene));
    assert_false(was_sent(scene, "Temporary0Word"));
    assert_true(was_sent(scene, "WITH PASSWORD = 0x0200"));
    scene_must(scene, scene_reset(scene));
    assert_false(was_sent(scene, "Temporary0Word"));
    const Statements *did = &scene->result.outcome.statements;
    for (size_t i = 0; i < did->count; i++)
        assert_null(strstr(did->items[i].sql, "0x0200"));
}

static void a_managed_instance_gets_the_password_and_a_warning(void **state) {
    Scene *scene = *state;
    scene->sim.edition = "8";
    scene->sim.version = "12.0.2000.8";
    scene_connect(scene);
    scene_must(scene, scene_grant(scene));
    assert_true(was_sent(scene, "WITH PASSWORD = N'Temporary0Word', SID"));
    assert_int_equal(scene->result.outcome.warnings.count, 1);
    const Statements *did = &scene->result.outcome.statements;
    for (size_t i = 0; i < did->count; i++)
        assert_null(strstr(did->items[i].sql, "Temporary0Word"));
}

static void gives_columns_schemas_roles_and_other_databases(void **state) {
    Scene *scene = *state;
    AccessItem items[5];
    items[0] = scene_tables(scene, (const char *const[]){"customers"}, 1);
    string_list_add(scene->arena, &items[0].columns, "name");
    string_list_add(scene->arena, &items[0].columns, "to]wn");
    items[1] = (AccessItem){.database = "billing",
                            .schema = "app",
                            .all_tables = true,
                            .future_tables = true,
                            .preset = PRESET_READ_WRITE};
    items[2] = (AccessItem){.role = "reporting", .database = "billing"};
    items[3] = (AccessItem){.schema = "app", .all_functions = true, .all_sequences = true};
    string_list_add(scene->arena, &items[3].privileges, "VIEW DEFINITION");
    items[4] = (AccessItem){.schema = "a]p'p\""};
    string_list_add(scene->arena, &items[4].tables, "it's \"odd\"][");
    string_list_add(scene->arena, &items[4].privileges, "SELECT");
    scene_grants(scene, items, COUNT_OF(items));
    scene_must(scene, scene_grant(scene));
    const char *const expected[] = {
        BEGIN,
        "CREATE LOGIN",
        "CREATE USER",
        "EXEC sys.sp_addextendedproperty",
        "GRANT SELECT ([name], [to]]wn]) ON OBJECT::[app].[customers] TO [temp_john_a1b2c3]",
        "GRANT VIEW DEFINITION ON OBJECT::[app].[ids] TO [temp_john_a1b2c3]",
        "GRANT VIEW DEFINITION ON OBJECT::[app].[refresh] TO [temp_john_a1b2c3]",
        "GRANT SELECT ON OBJECT::[a]]p'p\"].[it's \"odd\"]][] TO [temp_john_a1b2c3]",
        "CREATE USER",
        "EXEC sys.sp_addextendedproperty",
        "GRANT DELETE, INSERT, SELECT, UPDATE ON SCHEMA::[app] TO [temp_john_a1b2c3]",
        "ALTER ROLE [reporting] ADD MEMBER [temp_john_a1b2c3]",
        "IF DATEDIFF_BIG",
    };
    expect_likes(scene, expected, COUNT_OF(expected));
    const Statements *did = &scene->result.outcome.statements;
    assert_string_equal(did->items[7].database, "shop");
    assert_string_equal(did->items[8].database, "billing");
}

static void a_grant_that_finds_its_own_account_makes_it_anew(void **state) {
    Scene *scene = *state;
    scene_must(scene, scene_grant(scene));
    int key = sim_login(&scene->sim, scene->plan.account)->key;
    sim_add_session(&scene->sim, scene->plan.account, 1);
    scene_must(scene, scene_grant(scene));
    assert_int_not_equal(sim_login(&scene->sim, scene->plan.account)->key, key);
    assert_int_equal(scene->sim.now.session_count, 0);
    assert_int_equal(sim_database(&scene->sim, "shop")->user_count, 1);
}

static void somebody_else_s_login_is_not_touched(void **state) {
    Scene *scene = *state;
    scene->sim.now.logins[scene->sim.now.login_count++] =
        (SimLogin){.name = "temp_john_a1b2c3", .sid = "0x0102030405060708090A0B0C0D0E0F10"};
    assert_int_equal(scene_grant(scene), STATUS_CONFLICT);
    assert_string_equal(scene->error.code, "account_taken");
    assert_string_equal(scene_repair(scene, "SID is another"),
                        "ALTER LOGIN [temp_john_a1b2c3] DISABLE; -- then rename or drop it");
    assert_int_equal(scene_revoke(scene), STATUS_CONFLICT);
    assert_int_equal(scene->result.failure, FAILURE_CONFLICT);
    assert_false(scene->sim.now.logins[0].disabled);
}

static void what_is_absent_fails_the_grant_as_a_whole(void **state) {
    Scene *scene = *state;
    static const char *const TABLES[] = {"orders", "gone"};
    AccessItem item = scene_tables(scene, TABLES, 2);
    scene_grants(scene, &item, 1);
    assert_int_equal(scene_grant(scene), STATUS_NOT_FOUND);
    assert_string_equal(scene->error.code, "object_not_found");
    assert_non_null(strstr(scene->error.message, "table [app].[gone] in database \"shop\""));
    assert_int_equal(scene->sim.now.login_count, 0);
    item = (AccessItem){.schema = "nowhere", .all_tables = true, .preset = PRESET_READ_ONLY};
    scene_grants(scene, &item, 1);
    assert_int_equal(scene_grant(scene), STATUS_NOT_FOUND);
    item = (AccessItem){.role = "nobody"};
    scene_grants(scene, &item, 1);
    assert_int_equal(scene_grant(scene), STATUS_NOT_FOUND);
    item = scene_tables(scene, TABLES, 1);
    item.database = "nowhere";
    scene_grants(scene, &item, 1);
    assert_int_equal(scene_grant(scene), STATUS_NOT_FOUND);
    assert_string_equal(scene->error.code, "database_closed");
    item = scene_tables(scene, TABLES, 1);
    item.schema = "sys";
    scene_grants(scene, &item, 1);
    assert_int_equal(scene_grant(scene), STATUS_FORBIDDEN);
    assert_string_equal(scene->error.code, "system_schema");
    assert_int_equal(scene->sim.now.login_count, 0);
}

static void what_the_admin_may_not_give_is_named(void **state) {
    Scene *scene = *state;
    string_list_add(scene->arena, &scene->sim.lacking, "GRANT");
    assert_int_equal(scene_grant(scene), STATUS_FORBIDDEN);
    assert_int_equal(scene->result.failure, FAILURE_DENIED);
    assert_string_equal(scene->error.code, "grant_option_missing");
    assert_non_null(strstr(scene->error.message, "SELECT on object [app].[orders]"));
    const AccessItem role = {.role = "reporting"};
    scene_grants(scene, &role, 1);
    assert_int_equal(scene_grant(scene), STATUS_FORBIDDEN);
    assert_string_equal(scene->error.code, "grant_option_missing");
    scene->sim.role_refusal = "the power of db_owner";
    assert_int_equal(scene_grant(scene), STATUS_FORBIDDEN);
    assert_string_equal(scene->error.code, "role_refused");
    assert_int_equal(scene->sim.now.login_count, 0);
}

static void names_are_found_as_the_server_compares_them(void **state) {
    Scene *scene = *state;
    static const char *const TABLES[] = {"ORDERS", "orders"};
    AccessItem item = scene_tables(scene, TABLES, 1);
    scene_grants(scene, &item, 1);
    assert_int_equal(scene_grant(scene), STATUS_NOT_FOUND);
    scene->sim.ignores_case = true;
    scene_must(scene, scene_grant(scene));
    assert_true(was_sent(scene, "GRANT SELECT ON OBJECT::[app].[orders] TO"));
    // Where case counts, one of two that differ by it alone does not stand for the other.
    scene->sim.ignores_case = false;
    item = scene_tables(scene, TABLES, 2);
    scene_grants(scene, &item, 1);
    assert_int_equal(scene_grant(scene), STATUS_NOT_FOUND);
    assert_non_null(strstr(scene->error.message, "[ORDERS]"));
}

static void functions_are_given_what_fits_their_kind(void **state) {
    Scene *scene = *state;
    static const struct {
        const char *type, *grant;
    } CASES[] = {
        {"P", "GRANT EXECUTE ON OBJECT::[app].[refresh]"},
        {"FN", "GRANT EXECUTE, REFERENCES ON OBJECT::[app].[refresh]"},
        {"FS", "GRANT EXECUTE, REFERENCES ON OBJECT::[app].[refresh]"},
        {"AF", "GRANT EXECUTE, REFERENCES ON OBJECT::[app].[refresh]"},
        {"IF", "GRANT REFERENCES, SELECT ON OBJECT::[app].[refresh]"},
        {"TF", "GRANT REFERENCES, SELECT ON OBJECT::[app].[refresh]"},
        {"FT", "GRANT REFERENCES, SELECT ON OBJECT::[app].[refresh]"},
    };
    AccessItem item = {.schema = "app"};
    string_list_add(scene->arena, &item.functions, "refresh");
    string_list_add(scene->arena, &item.privileges, "EXECUTE");
    scene->sim.procedure_type = "TF";
    scene_grants(scene, &item, 1);
    assert_int_equal(scene_grant(scene), STATUS_NOT_FOUND);
    assert_non_null(strstr(scene->error.message, "to which EXECUTE could be given"));
    string_list_add(scene->arena, &item.privileges, "REFERENCES");
    string_list_add(scene->arena, &item.privileges, "SELECT");
    scene_grants(scene, &item, 1);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        scene->sim.procedure_type = CASES[i].type;
        scene_must(scene, scene_grant(scene));
        assert_true(was_sent(scene, CASES[i].grant));
        scene->sim.statements.count = 0;
    }
}

static void sequences_that_defaults_draw_from_come_with_writing(void **state) {
    Scene *scene = *state;
    AccessItem item = {.schema = "app", .preset = PRESET_READ_WRITE};
    string_list_add(scene->arena, &item.tables, "orders");
    scene->sim.draws = true;
    scene_grants(scene, &item, 1);
    scene_must(scene, scene_grant(scene));
    assert_true(was_sent(scene, "GRANT UPDATE ON OBJECT::[app].[ids] TO"));
    item.preset = PRESET_READ_ONLY;
    scene->sim.statements.count = 0;
    scene_grants(scene, &item, 1);
    scene_must(scene, scene_grant(scene));
    assert_false(was_sent(scene, "GRANT UPDATE"));
}

static void what_fails_in_the_midst_leaves_nothing(void **state) {
    Scene *scene = *state;
    static const struct {
        const char *statement;
        int native;
        FailureClass failure;
    } CASES[] = {
        {"CREATE LOGIN", 15247, FAILURE_DENIED},
        {"CREATE LOGIN", 15025, FAILURE_CONFLICT},
        {"CREATE LOGIN", 15433, FAILURE_CONFLICT},
        {"CREATE USER", 15247, FAILURE_DENIED},
        {"CREATE USER", 15023, FAILURE_CONFLICT},
        {"CREATE USER", 15063, FAILURE_CONFLICT},
        {"EXEC sys.sp_add", 229, FAILURE_DENIED},
        {"GRANT", 15151, FAILURE_DENIED},
        {"GRANT", 1222, FAILURE_RETRY},
        {"BEGIN", 51002, FAILURE_RETRY},
        {"IF DATEDIFF_BIG", 3902, FAILURE_RETRY},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        scene->sim.refused = CASES[i].statement;
        scene->sim.refuses = CASES[i].native;
        assert_int_not_equal(scene_grant(scene), STATUS_OK);
        assert_int_equal(scene->result.failure, CASES[i].failure);
        assert_non_null(strstr(scene->error.detail, "error "));
        assert_int_equal(scene->sim.now.login_count, 0);
        assert_int_equal(sim_database(&scene->sim, "shop")->user_count, 0);
    }
    scene->sim.refuses = 0;
    scene_must(scene, scene_grant(scene));
}

static void plans_of_something_else_are_refused(void **state) {
    Scene *scene = *state;
    TargetAddress other = scene->target;
    other.database = "billing";
    scene->plan.target = &other;
    assert_int_equal(scene_grant(scene), STATUS_INVALID);
    assert_string_equal(scene->error.code, "bad_plan");
    scene->plan.target = &scene->target;
    scene->plan.deployment = NULL;
    assert_int_equal(scene_grant(scene), STATUS_INVALID);
    assert_int_equal(scene->result.failure, FAILURE_FATAL);
}

static void a_password_policy_that_refuses_is_said(void **state) {
    Scene *scene = *state;
    static const int NUMBERS[] = {15116, 15117, 15118, 15119};
    for (size_t i = 0; i < COUNT_OF(NUMBERS); i++) {
        scene->sim.refuses = NUMBERS[i];
        scene->sim.refused = "CREATE LOGIN";
        assert_int_equal(scene_grant(scene), STATUS_CONFLICT);
        assert_non_null(strstr(scene->error.message, "password policy"));
        assert_null(strstr(scene->error.message, "hush"));
        assert_int_equal(scene->sim.now.login_count, 0);
    }
}

static void nothing_is_begun_or_committed_past_the_deadline(void **state) {
    Scene *scene = *state;
    assert_int_equal(scene_grant_until(scene, -1), STATUS_UNAVAILABLE);
    assert_string_equal(scene->error.code, "deadline_passed");
    assert_int_equal(scene->sim.now.login_count, 0);
    scene->sim.late_by = 40000; // the commit was held up on its way
    assert_int_equal(scene_grant_until(scene, 30000), STATUS_UNAVAILABLE);
    assert_string_equal(scene->error.code, "deadline_passed");
    assert_int_equal(scene->result.failure, FAILURE_RETRY);
    assert_int_equal(scene->sim.now.login_count, 0);
    assert_int_equal(sim_database(&scene->sim, "shop")->user_count, 0);
    scene->sim.late_by = 20000;
    scene_must(scene, scene_grant_until(scene, 30000));
}

static void extending_moves_every_mark(void **state) {
    Scene *scene = *state;
    AccessItem items[2];
    items[0] = scene_tables(scene, (const char *const[]){"orders"}, 1);
    items[1] = items[0];
    items[1].database = "billing";
    scene_grants(scene, items, 2);
    scene_must(scene, scene_grant(scene));
    int64_t before_at = scene->result.outcome.target_expires_at;
    scene_must(scene, scene_extend(scene, 7200000));
    assert_true(scene->result.outcome.target_expires_at > before_at + 3000000);
    const char *const expected[] = {BEGIN, "EXEC sys.sp_updateextendedproperty",
                                    "EXEC sys.sp_updateextendedproperty", "IF DATEDIFF_BIG"};
    expect_likes(scene, expected, COUNT_OF(expected));
    assert_string_equal(sim_user(&scene->sim, "shop", scene->plan.account)->mark,
                        sim_user(&scene->sim, "billing", scene->plan.account)->mark);
}

static void a_new_password_leaves_the_rest(void **state) {
    Scene *scene = *state;
    scene_must(scene, scene_grant(scene));
    char before[SIM_TEXT];
    snprintf(before, sizeof before, "%s", sim_login(&scene->sim, scene->plan.account)->password);
    sim_add_session(&scene->sim, scene->plan.account, 1);
    scene_must(scene, scene_reset(scene));
    const char *const expected[] = {
        BEGIN, "ALTER LOGIN [temp_john_a1b2c3] WITH PASSWORD = '(elided)' HASHED",
        "IF DATEDIFF_BIG"};
    expect_likes(scene, expected, COUNT_OF(expected));
    assert_string_not_equal(before, sim_login(&scene->sim, scene->plan.account)->password);
    assert_int_equal(scene->sim.now.session_count, 1);
}

static void nothing_to_change_is_not_found(void **state) {
    Scene *scene = *state;
    assert_int_equal(scene_extend(scene, 1000), STATUS_NOT_FOUND);
    assert_string_equal(scene->error.code, "account_gone");
    assert_int_equal(scene_reset(scene), STATUS_NOT_FOUND);
    assert_int_equal(scene->result.failure, FAILURE_NOT_FOUND);
}

static void names_that_cannot_be_are_refused(void **state) {
    Scene *scene = *state;
    char name[TSQL_NAME_MAX + 2];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const char *const tables[] = {name};
    AccessItem item = scene_tables(scene, tables, 1);
    scene_grants(scene, &item, 1);
    assert_int_equal(scene_grant(scene), STATUS_INVALID);
    assert_string_equal(scene->error.code, "bad_name");
    scene->plan.account = name;
    assert_int_equal(scene_grant(scene), STATUS_INVALID);
    assert_int_equal(scene->result.failure, FAILURE_FATAL);
}

int main(void) {
    odbc_scene_install("ODBC Driver 18 for SQL Server");
    const struct CMUnitTest tests[] = {
        SCENE_TEST(gives_everything_in_one_transaction),
        SCENE_TEST(what_was_found_outlives_the_session),
        SCENE_TEST(sends_a_hash_and_never_the_password),
        SCENE_TEST(a_managed_instance_gets_the_password_and_a_warning),
        SCENE_TEST(gives_columns_schemas_roles_and_other_databases),
        SCENE_TEST(a_grant_that_finds_its_own_account_makes_it_anew),
        SCENE_TEST(somebody_else_s_login_is_not_touched),
        SCENE_TEST(what_is_absent_fails_the_grant_as_a_whole),
        SCENE_TEST(what_the_admin_may_not_give_is_named),
        SCENE_TEST(names_are_found_as_the_server_compares_them),
        SCENE_TEST(functions_are_given_what_fits_their_kind),
        SCENE_TEST(sequences_that_defaults_draw_from_come_with_writing),
        SCENE_TEST(what_fails_in_the_midst_leaves_nothing),
        SCENE_TEST(plans_of_something_else_are_refused),
        SCENE_TEST(a_password_policy_that_refuses_is_said),
        SCENE_TEST(nothing_is_begun_or_committed_past_the_deadline),
        SCENE_TEST(extending_moves_every_mark),
        SCENE_TEST(a_new_password_leaves_the_rest),
        SCENE_TEST(nothing_to_change_is_not_found),
        SCENE_TEST(names_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
