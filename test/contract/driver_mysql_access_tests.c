// What MySQL and MariaDB give: columns, routines, roles, whole schemas; whatever their names are,
// and whatever way of quoting the server was set to.
#include "driver_mysql_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "driver/mysql/statement.h"

static void must_do(Work *work, const char *sql, Answer expected) {
    Answer answer = user_sql(work, sql);
    if (answer != expected)
        fail_msg("%s: %s", sql, answer == ANSWER_DONE ? "done" : "refused");
}

static void grant_one(Work *work, AccessItem item) {
    plan_grants(work, &item, 1);
    must(work, do_grant(work));
}

static StringList listed(Work *work, const char *word) {
    StringList list = {0};
    string_list_add(work->arena, &list, word);
    return list;
}

static void columns_alone_are_given(void **state) {
    Work *work = work_new(*state);
    AccessItem item = may_read(work, "customers");
    string_list_add(work->arena, &item.privileges, "UPDATE");
    item.columns = listed(work, "name");
    grant_one(work, item);
    must_do(work, "SELECT name FROM ~.customers", ANSWER_DONE);
    must_do(work, "UPDATE ~.customers SET name = 'Ada'", ANSWER_DONE);
    must_do(work, "SELECT id FROM ~.customers", ANSWER_REFUSED);
    must_do(work, "SELECT * FROM ~.customers", ANSWER_REFUSED);
    must_do(work, "UPDATE ~.customers SET id = 7", ANSWER_REFUSED);
    must(work, do_revoke(work));
    item.columns = listed(work, "not_there");
    plan_grants(work, &item, 1);
    assert_int_equal(do_grant(work), STATUS_NOT_FOUND);
    assert_non_null(strstr(work->error.message, "not_there"));
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void function_and_procedure_of_one_name_are_given(void **state) {
    Work *work = work_new(*state);
    run_sql(work, "CREATE PROCEDURE ~.other() SELECT 1");
    grant_one(work, (AccessItem){.schema = work->world->schema,
                                 .functions = listed(work, "twice"),
                                 .privileges = listed(work, "EXECUTE")});
    must_do(work, "SELECT ~.twice(2)", ANSWER_DONE);
    must_do(work, "CALL ~.twice(2)", ANSWER_DONE);
    must_do(work, "CALL ~.other()", ANSWER_REFUSED);
    must_do(work, "SELECT * FROM ~.customers", ANSWER_REFUSED);
    must(work, do_revoke(work));
    run_sql(work, "DROP PROCEDURE ~.other");
    work_free(work);
}

static void role_is_active_at_login_or_said_not_to_be(void **state) {
    Work *work = work_new(*state);
    bool needs_update = is_mariadb(work->world) && work->world->limited_admin;
    plan_access(work, ACCESS_ROLE, NULL);
    must(work, do_grant(work));
    assert_int_equal(work->result.outcome.warnings.count,
                     list_has_part(&work->result.outcome.warnings, "event scheduler"));
    must_do(work, "SELECT * FROM ~.secrets", ANSWER_DONE);
    must(work, do_revoke(work));
    if (needs_update) { // to set a default role
        const char *admin = work->world->login.user;
        my_run(work->world, text_of(work, "REVOKE UPDATE ON mysql.* FROM %s", admin));
        reopen(work);
        must(work, do_grant(work));
        must_have_line(&work->result.outcome.warnings, "SET ROLE");
        must_do(work, "SELECT * FROM ~.secrets", ANSWER_REFUSED);
        must_do(work, text_of(work, "SET ROLE %s; SELECT * FROM ~.secrets", work->world->role),
                ANSWER_DONE);
        must(work, do_revoke(work));
        my_run(work->world, text_of(work, "GRANT UPDATE ON mysql.* TO %s", admin));
    }
    work_free(work);
}

// No plan can leave out what the server gives to all.
static void what_every_account_has_is_said(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    bool mariadb = is_mariadb(world);
    run_sql(work, mariadb ? "GRANT SELECT ON ~.orders TO PUBLIC"
                          : text_of(work, "SET GLOBAL mandatory_roles = '%s'", world->role));
    Status status = do_grant(work);
    Answer answer = user_reads(work, "orders");
    CheckReport report;
    driver_of(work)->check(&world->login, work->arena, NULL, 0, &report);
    run_sql(work,
            mariadb ? "REVOKE SELECT ON ~.orders FROM PUBLIC" : "SET GLOBAL mandatory_roles = ''");
    must(work, status);
    assert_int_equal(answer, mariadb ? ANSWER_DONE : ANSWER_REFUSED);
    must_have_line(&work->result.outcome.warnings, "every account of the server has");
    bool said = false;
    for (size_t i = 0; i < report.count; i++)
        said |= report.items[i].result == CHECK_WARNING &&
                strstr(report.items[i].found, "every account") != NULL;
    assert_true(said);
    must(work, do_grant(work));
    assert_false(list_has_part(&work->result.outcome.warnings, "every account"));
    must(work, do_revoke(work));
    work_free(work);
}

// ---- Whole schemas ------------------------------------------------------------------------------

static AccessItem whole_schema(const char *schema) {
    return (AccessItem){
        .schema = schema, .all_tables = true, .future_tables = true, .preset = PRESET_READ_ONLY};
}

static void admin_may_give(Work *work, const char *schema) {
    const MyGrant all = {
        .kind = MY_SCHEMA, .schema = schema, .words = listed(work, "ALL PRIVILEGES")};
    my_run(work->world, my_sql_grant(work->arena, &all, work->world->login.user, false, true));
}

// To the server the name of a schema is a pattern where privileges on all of it are given.
static void schema_whose_name_is_a_pattern_opens_no_other(void **state) {
    Work *work = work_new(*state);
    const char *schema = work->world->schema; // it has a _
    grant_one(work, whole_schema(schema));
    must_do(work, "SELECT * FROM ~.customers", ANSWER_DONE);
    run_sql(work, "CREATE TABLE ~.later (i int)");
    must_do(work, "SELECT * FROM ~.later", ANSWER_DONE);
    run_sql(work, "DROP TABLE ~.later");
    const char *other = text_of(work, "SELECT * FROM %s.customers", work->world->other_database);
    must_do(work, other, ANSWER_REFUSED);
    must(work, do_revoke(work));
    run_sql(work, "CREATE DATABASE `~%\\`; CREATE TABLE `~%\\`.t (i int);"
                  "CREATE DATABASE `~beside\\`; CREATE TABLE `~beside\\`.t (i int)");
    admin_may_give(work, text_of(work, "%s%%\\", schema));
    grant_one(work, whole_schema(text_of(work, "%s%%\\", schema)));
    must_do(work, "SELECT * FROM `~%\\`.t", ANSWER_DONE);
    must_do(work, "SELECT * FROM `~beside\\`.t", ANSWER_REFUSED);
    must(work, do_revoke(work));
    run_sql(work, "DROP DATABASE `~%\\`; DROP DATABASE `~beside\\`");
    work_free(work);
}

// With partial_revokes names of schemas are names, so that an escape would be part of one.
static void schema_is_no_pattern_where_the_server_says_so(void **state) {
    Work *work = work_new(*state);
    if (!is_mariadb(work->world)) {
        my_run(work->world, "SET GLOBAL partial_revokes = ON");
        reopen(work);
    }
    grant_one(work, whole_schema(work->world->schema));
    Answer own = user_sql(work, "SELECT * FROM ~.customers");
    Answer other =
        user_sql(work, text_of(work, "SELECT * FROM %s.customers", work->world->other_database));
    must(work, do_revoke(work));
    if (!is_mariadb(work->world))
        my_run(work->world, "SET GLOBAL partial_revokes = OFF");
    assert_int_equal(own, ANSWER_DONE);
    assert_int_equal(other, ANSWER_REFUSED);
    work_free(work);
}

static void schemas_of_the_server_are_refused(void **state) {
    static const char *const SCHEMAS[] = {
        "mysql", "sys", "MYSQL", "daypass", "information_schema", "performance_schema"};
    Work *work = work_new(*state);
    for (size_t i = 0; i < COUNT_OF(SCHEMAS); i++) {
        AccessItem item = whole_schema(SCHEMAS[i]);
        plan_grants(work, &item, 1);
        assert_int_not_equal(do_grant(work), STATUS_OK);
        assert_int_not_equal(work->result.failure, FAILURE_RETRY);
        assert_non_null(strstr(work->error.message, SCHEMAS[i]));
        assert_false(account_listed(work, NULL));
    }
    work_free(work);
}

// ---- Names --------------------------------------------------------------------------------------

static const char *const NAMES[] = {
    "a`b",
    "it's",
    "say \"yes\"",
    "back\\slash\\'",
    "x; DROP TABLE customers; --",
    "100%_",
    "n234567890123456789012345678901234567890123456789012345678901234",
};
enum { ROLE_NAME_MAX = 32 };

static const char *quoted(Work *work, const char *name) {
    return my_sql_identifier(work->arena, name);
}

// The admin has the rights on what is given alone: while a role is active, MySQL does not find a
// right on a schema whose name has a backslash.
static void name_is_only_a_name(Work *work, const char *name) {
    const char *q = quoted(work, name);
    const char *admin = work->world->login.user;
    run_sql(work, text_of(work,
                          "DROP DATABASE IF EXISTS %s; CREATE DATABASE %s;"
                          "CREATE TABLE %s.%s (%s int, secret int);"
                          "CREATE FUNCTION %s.%s() RETURNS int DETERMINISTIC RETURN 1;"
                          "GRANT SELECT ON %s.%s TO %s WITH GRANT OPTION;"
                          "GRANT EXECUTE ON FUNCTION %s.%s TO %s WITH GRANT OPTION",
                          q, q, q, q, q, q, q, q, q, admin, q, q, admin));
    AccessItem items[] = {
        {.schema = name, .tables = listed(work, name), .columns = listed(work, name)},
        {.schema = name, .functions = listed(work, name)},
    };
    items[0].privileges = listed(work, "SELECT");
    items[1].privileges = listed(work, "EXECUTE");
    plan_grants(work, items, 2);
    must(work, do_grant(work));
    must_do(work, text_of(work, "SELECT %s FROM %s.%s", q, q, q), ANSWER_DONE);
    must_do(work, text_of(work, "SELECT secret FROM %s.%s", q, q), ANSWER_REFUSED);
    must_do(work, text_of(work, "SELECT %s.%s()", q, q), ANSWER_DONE);
    must_do(work, "SELECT * FROM ~.customers", ANSWER_REFUSED);
    FoundAccount found;
    assert_true(account_listed(work, &found));
    Drifts drifts =
        account_drift(work->arena, work->result.outcome.state, found.state, (DriftRules){0});
    assert_int_equal(drifts.count, 0);
    must(work, do_revoke(work));
    run_sql(work, text_of(work,
                          "REVOKE ALL PRIVILEGES ON %s.%s FROM %s;"
                          "REVOKE GRANT OPTION ON %s.%s FROM %s; DROP DATABASE %s",
                          q, q, admin, q, q, admin, q));
    work_renew(work);
}

static void role_of_any_name_is_given(Work *work, const char *name) {
    if (strlen(name) > ROLE_NAME_MAX)
        return;
    const char *q = quoted(work, name);
    run_sql(work, text_of(work,
                          "DROP ROLE IF EXISTS %s; CREATE ROLE %s;"
                          "GRANT SELECT ON ~.secrets TO %s; GRANT %s TO %s WITH ADMIN OPTION",
                          q, q, q, q, work->world->login.user));
    reopen(work);
    grant_one(work, (AccessItem){.role = name});
    must_do(work, "SELECT * FROM ~.secrets", ANSWER_DONE);
    must(work, do_revoke(work));
    run_sql(work, text_of(work, "DROP ROLE %s", q));
    work_renew(work);
}

static void names_are_only_names(void **state) {
    Work *work = work_new(*state);
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        name_is_only_a_name(work, NAMES[i]);
        role_of_any_name_is_given(work, NAMES[i]);
    }
    assert_true(work->world->engine->has_table(work->world, "customers"));
    work_free(work);
}

// The server's own default must not decide what a quote means.
static void names_are_names_in_every_mode_of_the_server(void **state) {
    static const char *const MODES[] = {
        "ANSI_QUOTES,PIPES_AS_CONCAT",
        "NO_BACKSLASH_ESCAPES",
        "",
    };
    Work *work = work_new(*state);
    const char *usual = my_text(work->world, "SELECT @@GLOBAL.sql_mode");
    for (size_t i = 0; i < COUNT_OF(MODES); i++) {
        my_run(work->world, text_of(work, "SET GLOBAL sql_mode = '%s'", MODES[i]));
        reopen(work);
        my_run(work->world, text_of(work, "SET GLOBAL sql_mode = '%s'", usual));
        name_is_only_a_name(work, NAMES[i]);
        name_is_only_a_name(work, NAMES[3]);
    }
    work_free(work);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(columns_alone_are_given, EVERYWHERE),
    CONTRACT_TEST(function_and_procedure_of_one_name_are_given, EVERYWHERE),
    CONTRACT_TEST(role_is_active_at_login_or_said_not_to_be, EVERYWHERE),
    CONTRACT_TEST(what_every_account_has_is_said, ONCE),
    CONTRACT_TEST(schema_whose_name_is_a_pattern_opens_no_other, EVERYWHERE),
    CONTRACT_TEST(schema_is_no_pattern_where_the_server_says_so, SUPERUSER_DIRECT),
    CONTRACT_TEST(schemas_of_the_server_are_refused, EVERYWHERE),
    CONTRACT_TEST(names_are_only_names, EVERYWHERE),
    CONTRACT_TEST(names_are_names_in_every_mode_of_the_server, ONCE),
};
const ContractSuite MYSQL_ACCESS_SUITE = {TESTS, COUNT_OF(TESTS)};
