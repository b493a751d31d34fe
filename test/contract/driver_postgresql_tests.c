// What is particular to PostgreSQL: ownership, access lists, roles, other databases.
#include "driver_postgresql_shop.h"
#include "driver_postgresql_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static const char CUSTOMERS[] = "SELECT count(*) FROM app.customers";

static int64_t number(Work *work, const char *sql) {
    return pg_number(work->world, NULL, sql);
}

// SELECT on customers, and the right to make things in the schema.
static void plan_creates(Work *work) {
    AccessItem items[] = {select_on(work->arena, work->world, "customers"),
                          {.schema = work->world->schema}};
    string_list_add(work->arena, &items[1].privileges, "CREATE");
    string_list_add(work->arena, &items[1].privileges, "USAGE");
    plan_grants(work, items, COUNT_OF(items));
}

static void user_must(Work *work, const char *sql) {
    if (user_answer(work, sql) != ANSWER_DONE)
        fail_msg("refused: %s", sql);
}

static void what_the_account_made_goes_to_the_custodian(void **state) {
    Work *work = work_new(*state);
    plan_creates(work);
    must(work, do_grant(work));
    const char *table = text_of(work, "made_%d", work->world->accounts);
    user_must(work, text_of(work,
                            "CREATE TABLE app.%s (i int); INSERT INTO app.%s VALUES (7);"
                            "CREATE FUNCTION app.%s_f() RETURNS int LANGUAGE sql SECURITY DEFINER"
                            " AS 'SELECT 1'",
                            table, table, table));
    must(work, do_revoke(work));
    assert_true(list_has_part(&work->result.outcome.handed_over,
                              text_of(work, "table app.%s to %s", table, work->plan->custodian)));
    assert_true(list_has_part(&work->result.outcome.warnings, "runs with the rights of"));
    assert_int_equal(number(work, text_of(work, "SELECT i FROM app.%s", table)), 7);
    assert_int_equal(number(work, text_of(work,
                                          "SELECT count(*) FROM pg_class c JOIN pg_roles r"
                                          " ON r.oid = c.relowner WHERE c.relname = '%s'"
                                          " AND r.rolname = '%s'",
                                          table, work->world->custodian)),
                     1);
    // The admin's own part in it is over.
    assert_int_equal(
        number(work, text_of(work, "SELECT count(*) FROM pg_roles WHERE rolname = '%s'",
                             work->plan->account)),
        0);
    work_free(work);
}

static void without_custodian_the_account_is_locked_until_repaired(void **state) {
    Work *work = work_new(*state);
    plan_creates(work);
    work->plan->custodian = NULL;
    must(work, do_grant(work));
    const char *table = text_of(work, "kept_%d", work->world->accounts);
    user_must(work, text_of(work, "CREATE TABLE app.%s AS SELECT 7 AS i", table));
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    assert_int_equal(work->result.failure, FAILURE_CONFLICT);
    assert_string_equal(work->error.code, "account_in_use");
    const Outcome *outcome = &work->result.outcome;
    assert_true(outcome->account_present && outcome->login_refused);
    assert_int_equal(outcome->obstacles.count, 1);
    assert_non_null(strstr(outcome->obstacles.items[0].what, table));
    assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_NO_LOGIN);
    // The repair, with the role it asks for.
    const char *repair = outcome->obstacles.items[0].repair;
    const char *gap = strstr(repair, "new_owner");
    assert_non_null(gap);
    run_in(work, NULL,
           text_of(work, "%.*s%s", (int)(gap - repair), repair, work->world->custodian));
    must(work, do_revoke(work));
    assert_int_equal(number(work, text_of(work, "SELECT i FROM app.%s", table)), 7);
    work_free(work);
}

static void privileged_custodian_gets_nothing(void **state) {
    Work *work = work_new(*state);
    const char *powerful = text_of(work, "powerful_%s", work->plan->account);
    run_in(work, NULL, text_of(work, "CREATE ROLE %s CREATEDB", powerful));
    plan_creates(work);
    must(work, do_grant(work));
    const char *table = text_of(work, "mine_%d", work->world->accounts);
    user_must(work, text_of(work, "CREATE TABLE app.%s AS SELECT 7 AS i", table));
    const char *fit = work->plan->custodian;
    work->plan->custodian = powerful;
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    assert_non_null(strstr(work->result.outcome.obstacles.items[0].what, "CREATEDB"));
    work->plan->custodian = "nobody_of_that_name";
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    assert_non_null(strstr(work->result.outcome.obstacles.items[0].repair, "CREATE ROLE"));
    work->plan->custodian = fit;
    must(work, do_revoke(work));
    assert_int_equal(number(work, text_of(work, "SELECT i FROM app.%s", table)), 7);
    work_free(work);
}

// The superuser's REVOKE acts as the owner, and so would DROP OWNED: only the giver can take back.
static void privileges_given_by_somebody_else_are_taken_back(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    const char *giver = text_of(work, "giver_%s", work->plan->account);
    run_in(work, NULL,
           text_of(work,
                   "CREATE ROLE %s; GRANT USAGE ON SCHEMA app TO %s;"
                   "GRANT SELECT ON app.secrets TO %s WITH GRANT OPTION; SET ROLE %s;"
                   "GRANT SELECT ON app.secrets TO %s; RESET ROLE;"
                   "GRANT SELECT (name) ON app.customers TO %s",
                   giver, giver, giver, giver, work->plan->account, work->plan->account));
    if (work->world->limited_admin) {
        assert_int_equal(do_revoke(work), STATUS_CONFLICT);
        const Obstacles *obstacles = &work->result.outcome.obstacles;
        assert_true(obstacles->count >= 1);
        for (size_t i = 0; i < obstacles->count; i++)
            run_in(work, NULL, obstacles->items[i].repair);
    }
    must(work, do_revoke(work));
    assert_int_equal(work->result.outcome.obstacles.count, 0);
    work_free(work);
}

static void what_the_account_has_in_another_database_is_found(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    const char *beside = work->world->other_database;
    const char *table = text_of(work, "there_%d", work->world->accounts);
    run_in(work, beside,
           text_of(work,
                   "CREATE TABLE public.%s AS SELECT 7 AS i;"
                   "ALTER TABLE public.%s OWNER TO %s;"
                   "GRANT CREATE ON SCHEMA public TO %s",
                   table, table, work->plan->account, work->world->custodian));
    must(work, do_revoke(work));
    assert_true(list_has_part(&work->result.outcome.handed_over,
                              text_of(work, "%s: table public.%s to", beside, table)));
    assert_int_equal(pg_number(work->world, beside, text_of(work, "SELECT i FROM %s", table)), 7);
    work_free(work);
}

// What a user made must not make the evidence unreadable, and so the revoke endless.
static void names_that_are_no_text_are_no_obstacle(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    const char *beside = work->world->other_database;
    run_in(work, beside,
           text_of(work,
                   "SET client_encoding = 'SQL_ASCII'; CREATE SCHEMA \"\xfe %s\";"
                   "CREATE TABLE \"\xfe %s\".\"\xff\xc3\" (i int);"
                   "ALTER TABLE \"\xfe %s\".\"\xff\xc3\" OWNER TO %s;"
                   "GRANT USAGE ON SCHEMA \"\xfe %s\" TO %s",
                   work->plan->account, work->plan->account, work->plan->account,
                   work->plan->account, work->plan->account, work->plan->account));
    Status status = do_revoke(work);
    json_t *written = shape_write(work->arena, &OUTCOME_SHAPE, &work->result.outcome);
    const char *text = json_text(work->arena, written);
    Outcome read;
    assert_int_equal(
        shape_parse(work->arena, &OUTCOME_SHAPE, text, strlen(text), &read, &work->error),
        STATUS_OK);
    assert_true(text_is_utf8(work->error.message, strlen(work->error.message)));
    if (work->world->limited_admin) { // the custodian may not make anything in that schema
        assert_int_equal(status, STATUS_CONFLICT);
        assert_true(read.obstacles.count >= 1);
        work_free(work);
        return;
    }
    must(work, status);
    assert_int_equal(read.handed_over.count, 1);
    work_free(work);
}

static void custodian_without_create_is_an_obstacle_with_its_repair(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    run_in(work, NULL,
           text_of(work,
                   "CREATE SCHEMA closed_%s; CREATE TABLE closed_%s.t AS SELECT 7 AS i;"
                   "ALTER TABLE closed_%s.t OWNER TO %s",
                   work->plan->account, work->plan->account, work->plan->account,
                   work->plan->account));
    if (work->world->limited_admin) {
        assert_int_equal(do_revoke(work), STATUS_CONFLICT);
        const Obstacles *obstacles = &work->result.outcome.obstacles;
        assert_int_equal(obstacles->count, 1);
        assert_non_null(strstr(obstacles->items[0].repair, "GRANT CREATE ON SCHEMA"));
        run_in(work, NULL, obstacles->items[0].repair);
    }
    must(work, do_revoke(work));
    assert_int_equal(number(work, text_of(work, "SELECT i FROM closed_%s.t", work->plan->account)),
                     7);
    work_free(work);
}

static void settings_of_the_account_are_no_obstacle(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    user_must(work, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;"
                    "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"
                    "ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC");
    run_in(work, NULL,
           text_of(work,
                   "ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA app"
                   " GRANT INSERT ON TABLES TO PUBLIC; ALTER ROLE %s SET work_mem = '8MB'",
                   work->plan->account, work->plan->account));
    must(work, do_revoke(work));
    work_free(work);
}

static void policy_that_names_the_account_is_an_obstacle(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    run_in(work, NULL,
           text_of(work, "CREATE POLICY p_%s ON app.x TO %s USING (true)", work->plan->account,
                   work->plan->account));
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    assert_int_equal(work->result.outcome.obstacles.count, 1);
    assert_non_null(strstr(work->result.outcome.obstacles.items[0].what, "policy"));
    run_in(work, NULL, text_of(work, "DROP POLICY p_%s ON app.x", work->plan->account));
    must(work, do_revoke(work));
    work_free(work);
}

static void prepared_transaction_is_an_obstacle_with_its_repair(void **state) {
    Work *work = work_new(*state);
    plan_creates(work);
    must(work, do_grant(work));
    user_must(work,
              text_of(work, "BEGIN; CREATE TABLE app.p_%s (i int); PREPARE TRANSACTION 'it''s %s'",
                      work->plan->account, work->plan->account));
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    assert_int_equal(work->result.outcome.obstacles.count, 1);
    run_in(work, NULL, work->result.outcome.obstacles.items[0].repair);
    must(work, do_revoke(work));
    work_free(work);
}

static void session_of_a_role_dropped_by_hand_is_named(void **state) {
    Work *work = work_new(*state);
    const char *account = work->plan->account;
    run_in(work, NULL, text_of(work, "CREATE ROLE %s LOGIN PASSWORD 'theirs'", account));
    UserSession *user = work->world->engine->user_open(work->world, account, "theirs");
    assert_non_null(user);
    run_in(work, NULL, text_of(work, "DROP ROLE %s", account));
    must(work, do_revoke(work));
    assert_true(list_has_part(&work->result.outcome.warnings, "usesysid"));
    work->world->engine->user_close(user);
    work_free(work);
}

static void missing_grant_option_is_named_and_leaves_nothing(void **state) {
    Work *work = work_new(*state);
    AccessItem items[] = {select_on(work->arena, work->world, "customers"),
                          select_on(work->arena, work->world, "orders")};
    items[1].privileges.count = 0;
    string_list_add(work->arena, &items[1].privileges, "TRUNCATE");
    plan_grants(work, items, COUNT_OF(items));
    assert_int_equal(do_grant(work), STATUS_FORBIDDEN);
    assert_int_equal(work->result.failure, FAILURE_DENIED);
    assert_non_null(strstr(work->error.message, "TRUNCATE on table \"app\".\"orders\""));
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void database_closed_to_public_is_opened_for_the_account(void **state) {
    Work *work = work_new(*state);
    const char *database = work->world->target.database;
    run_in(work, NULL,
           text_of(work,
                   "REVOKE CONNECT ON DATABASE %s FROM PUBLIC;"
                   "GRANT CONNECT ON DATABASE %s TO %s WITH GRANT OPTION",
                   database, database, work->world->login.user));
    must(work, do_grant(work));
    assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_DONE);
    must(work, do_revoke(work));
    run_in(work, NULL, text_of(work, "GRANT CONNECT ON DATABASE %s TO PUBLIC", database));
    work_free(work);
}

static void admin_without_any_right_becomes_fit_by_the_repairs_of_check(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    const char *admin = text_of(work, "bare_%s", work->plan->account);
    CLEANUP(secret_freep) Secret *password = secret_new_password(24);
    run_in(work, NULL,
           text_of(work, "CREATE ROLE %s LOGIN PASSWORD '%s'", admin, secret_text(password)));
    AccessItem items[] = {
        {.schema = "app", .all_tables = true, .future_tables = true, .preset = PRESET_READ_WRITE},
        {.schema = "app", .all_functions = true},
        {.role = world->role},
    };
    string_list_add(work->arena, &items[1].privileges, "EXECUTE");
    plan_grants(work, items, COUNT_OF(items));
    DriverLogin login = world->login;
    login.user = admin;
    login.password = password;
    size_t failed = 1;
    for (int round = 0; round < 3 && failed > 0; round++) {
        CheckReport report;
        const Plan *plans[] = {work->plan};
        world->engine->driver->check(&login, work->arena, plans, 1, &report);
        failed = 0;
        for (size_t i = 0; i < report.count; i++) {
            const CheckItem *item = &report.items[i];
            bool is_right =
                strncmp(item->name, "rights", 6) == 0 || strcmp(item->name, "custodian") == 0;
            if (item->result == CHECK_OK || !is_right)
                continue;
            failed++;
            run_in(work, NULL, item->repair);
        }
        if (round == 0)
            assert_true(failed >= 5);
    }
    assert_int_equal(failed, 0);
    FailureClass failure;
    world->engine->driver->session_close(work->session);
    assert_int_equal(
        world->engine->driver->session_open(&login, &work->session, &failure, &work->error),
        STATUS_OK);
    must(work, do_grant(work));
    user_must(work, "INSERT INTO app.customers (name) VALUES ('Edsger'); SELECT app.twice(2)");
    must(work, do_revoke(work));
    work_free(work);
}

static int check_result(const CheckReport *report, const char *name) {
    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->items[i].name, name) == 0)
            return report->items[i].result;
    return -1;
}

static void check_stops_where_the_rest_makes_no_sense(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    CheckReport report;
    TargetAddress target = world->target;
    DriverLogin login = world->login;
    login.target = &target;
    world->engine->driver->check(&login, work->arena, NULL, 0, &report);
    assert_int_equal(check_result(&report, "name resolution"), CHECK_OK);
    assert_int_equal(check_result(&report, "route"), CHECK_OK);
    assert_int_equal(check_result(&report, "tls"), CHECK_WARNING);
    assert_int_equal(check_result(&report, "login"), CHECK_OK);
    assert_int_equal(check_result(&report, "version"), CHECK_OK);
    target.host = "no-such-host.invalid";
    world->engine->driver->check(&login, work->arena, NULL, 0, &report);
    assert_int_equal(check_result(&report, "name resolution"), CHECK_FAILED);
    assert_int_equal(report.count, 1);
    target = world->target;
    target.port = 1;
    world->engine->driver->check(&login, work->arena, NULL, 0, &report);
    assert_int_equal(check_result(&report, "route"), CHECK_FAILED);
    assert_int_equal(check_result(&report, "login"), -1);
    target = world->target;
    target.database = "no_such_database";
    world->engine->driver->check(&login, work->arena, NULL, 0, &report);
    assert_int_equal(check_result(&report, "login"), CHECK_FAILED);
    work_free(work);
}

static Status open_with_tls(World *world, int mode, const char *host, const char *ca,
                            Error *reterr) {
    TargetAddress target = world->target;
    target.tls = mode;
    target.host = host;
    DriverLogin login = world->login;
    login.target = &target;
    login.ca_file = ca;
    DriverSession *session = NULL;
    FailureClass failure;
    Status status = world->engine->driver->session_open(&login, &session, &failure, reterr);
    world->engine->driver->session_close(session);
    return status;
}

static void certificate_of_the_server_is_verified(void **state) {
    World *world = *state;
    const char *ca = getenv("DAYPASS_TEST_CA_FILE");
    const char *other = getenv("DAYPASS_TEST_OTHER_CA_FILE");
    assert_non_null(ca);
    assert_non_null(other);
    Error error = {0};
    assert_int_equal(open_with_tls(world, TLS_VERIFY_FULL, "localhost", ca, &error), STATUS_OK);
    assert_int_equal(open_with_tls(world, TLS_VERIFY_FULL, "localhost", other, &error),
                     STATUS_INTERNAL);
    assert_string_equal(error.code, "tls_failed");
    assert_int_equal(open_with_tls(world, TLS_VERIFY_FULL, "localhost", NULL, &error),
                     STATUS_INTERNAL);
    assert_int_equal(open_with_tls(world, TLS_VERIFY_CA, "127.0.0.1", ca, &error), STATUS_OK);
    assert_int_equal(open_with_tls(world, TLS_REQUIRE, "127.0.0.1", NULL, &error), STATUS_OK);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(what_the_account_made_goes_to_the_custodian, CROSSED | SAMPLED),
    CONTRACT_TEST(without_custodian_the_account_is_locked_until_repaired, CROSSED | SAMPLED),
    CONTRACT_TEST(privileged_custodian_gets_nothing, CROSSED | SAMPLED),
    CONTRACT_TEST(privileges_given_by_somebody_else_are_taken_back, EVERYWHERE),
    CONTRACT_TEST(what_the_account_has_in_another_database_is_found, EVERYWHERE),
    CONTRACT_TEST(names_that_are_no_text_are_no_obstacle, CROSSED | SAMPLED),
    CONTRACT_TEST(custodian_without_create_is_an_obstacle_with_its_repair, CROSSED | SAMPLED),
    CONTRACT_TEST(settings_of_the_account_are_no_obstacle, CROSSED | SAMPLED),
    CONTRACT_TEST(policy_that_names_the_account_is_an_obstacle, CROSSED | SAMPLED),
    CONTRACT_TEST(prepared_transaction_is_an_obstacle_with_its_repair, CROSSED | SAMPLED),
    CONTRACT_TEST(session_of_a_role_dropped_by_hand_is_named, CROSSED | SAMPLED),
    CONTRACT_TEST(missing_grant_option_is_named_and_leaves_nothing, WITH_LIMITED_ADMIN),
    CONTRACT_TEST(database_closed_to_public_is_opened_for_the_account, EVERYWHERE),
    CONTRACT_TEST(admin_without_any_right_becomes_fit_by_the_repairs_of_check, CROSSED | SAMPLED),
    CONTRACT_TEST(check_stops_where_the_rest_makes_no_sense, CROSSED | SAMPLED),
    CONTRACT_TEST(certificate_of_the_server_is_verified, CROSSED | SAMPLED),
};
const ContractSuite POSTGRESQL_SUITE = {TESTS, COUNT_OF(TESTS)};
