// What is read: checks with their repairs, lists of accounts, inspections, and what is there.
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/sqlserver/statement.h"
#include "scene.h"

// A port that answers, for the part of a check that is not through ODBC.
static int listen_anywhere(int64_t *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static CheckReport check(Scene *scene) {
    CheckReport report = {0};
    const Plan *const plans[] = {&scene->plan};
    scene->target.host = "127.0.0.1";
    int fd = listen_anywhere(&scene->target.port);
    SQLSERVER_DRIVER.check(&scene->login, scene->arena, plans, 1, &report);
    close(fd);
    return report;
}

static const CheckItem *item_of(const CheckReport *report, const char *name, int result) {
    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->items[i].name, name) == 0 && report->items[i].result == result)
            return &report->items[i];
    for (size_t i = 0; i < report->count; i++)
        print_message("%d %s: %s\n", report->items[i].result, report->items[i].name,
                      report->items[i].found);
    fail_msg("no item %d %s", result, name);
    return NULL;
}

static void an_admin_with_the_documented_rights_is_fit(void **state) {
    Scene *scene = *state;
    string_list_add(scene->arena, &scene->sim.lacking, "NOT sysadmin");
    CheckReport report = check(scene);
    for (size_t i = 0; i < report.count; i++)
        if (report.items[i].result != CHECK_OK)
            fail_msg("%s: %s", report.items[i].name, report.items[i].found);
    item_of(&report, "route", CHECK_OK);
    item_of(&report, "login", CHECK_OK);
    item_of(&report, "version", CHECK_OK);
    item_of(&report, "rights: what flows grant", CHECK_OK);
    assert_non_null(strstr(item_of(&report, "expiry", CHECK_OK)->found, "no login"));
}

static void each_missing_right_is_named_with_its_repair(void **state) {
    Scene *scene = *state;
    static const struct {
        const char *right, *item, *repair;
    } CASES[] = {
        {"ALTER ANY LOGIN", "rights: create accounts",
         "USE [master]; GRANT ALTER ANY LOGIN TO [daypass_admin];"},
        {"VIEW SERVER STATE", "rights: see sessions",
         "USE [master]; GRANT VIEW SERVER STATE TO [daypass_admin];"},
        {"ALTER ANY CONNECTION", "rights: end sessions",
         "USE [master]; GRANT ALTER ANY CONNECTION TO [daypass_admin];"},
        {"ALTER ANY USER", "rights: create users",
         "USE [shop]; GRANT ALTER ANY USER TO [daypass_admin];"},
        {"GRANT", "rights: what flows grant",
         "USE [shop]; GRANT SELECT ON OBJECT::[app].[orders] TO [daypass_admin] WITH GRANT "
         "OPTION;"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        scene->sim.lacking = (StringList){0};
        string_list_add(scene->arena, &scene->sim.lacking, "NOT sysadmin");
        string_list_add(scene->arena, &scene->sim.lacking, CASES[i].right);
        CheckReport report = check(scene);
        assert_string_equal(item_of(&report, CASES[i].item, CHECK_FAILED)->repair, CASES[i].repair);
    }
}

static void roles_custodians_and_databases_are_checked(void **state) {
    Scene *scene = *state;
    AccessItem items[3] = {{.role = "reporting"}, {.role = "nobody"}};
    items[2] = scene_tables(scene, (const char *const[]){"orders"}, 1);
    items[2].database = "billing";
    scene_grants(scene, items, 3);
    scene->plan.custodian = "no]body";
    string_list_add(scene->arena, &scene->sim.lacking, "NOT sysadmin");
    string_list_add(scene->arena, &scene->sim.lacking, "GRANT");
    CheckReport report = check(scene);
    assert_string_equal(item_of(&report, "rights: roles", CHECK_FAILED)->repair,
                        "USE [shop]; GRANT ALTER ON ROLE::[reporting] TO [daypass_admin];");
    assert_string_equal(item_of(&report, "custodian", CHECK_FAILED)->repair,
                        "USE [shop]; CREATE ROLE [no]]body];");
    assert_non_null(strstr(item_of(&report, "objects", CHECK_FAILED)->found, "[nobody]"));
    sim_database(&scene->sim, "billing")->open = false;
    scene->sim.role_refusal = "the power of db_owner";
    report = check(scene);
    assert_string_equal(item_of(&report, "rights: databases", CHECK_FAILED)->repair,
                        "USE [billing]; CREATE USER [daypass_admin] FOR LOGIN [daypass_admin]; "
                        "GRANT ALTER ANY USER TO [daypass_admin];");
    item_of(&report, "rights: what flows grant", CHECK_FAILED);
}

static void an_administrator_is_more_than_is_needed(void **state) {
    Scene *scene = *state;
    CheckReport report = check(scene);
    item_of(&report, "rights: admin account", CHECK_WARNING);
}

static void a_server_too_old_or_of_another_kind_is_refused(void **state) {
    Scene *scene = *state;
    scene->sim.version = "13.0.5026.0";
    CheckReport report = check(scene);
    assert_non_null(strstr(item_of(&report, "version", CHECK_FAILED)->found, "too old"));
    scene->sim.version = "12.0.2000.8";
    scene->sim.edition = "5";
    report = check(scene);
    assert_non_null(strstr(item_of(&report, "version", CHECK_FAILED)->found, "not supported"));
    scene->sim.edition = "8";
    report = check(scene);
    item_of(&report, "version", CHECK_OK);
}

static void why_there_is_no_session_is_an_item(void **state) {
    Scene *scene = *state;
    static const struct {
        const char *sqlstate;
        int native;
        const char *item, *repair;
    } CASES[] = {
        {"28000", 18456, "login", "user and password"},
        {"42000", 4060, "login", "integration's database"},
        {"08001", 976, "login", "try again"},
        {"IM004", -1, "odbc driver", "msodbcsql18"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        scene->sim.login_sqlstate = CASES[i].sqlstate;
        scene->sim.refuses_login = CASES[i].native;
        CheckReport report = check(scene);
        assert_non_null(
            strstr(item_of(&report, CASES[i].item, CHECK_FAILED)->repair, CASES[i].repair));
        item_of(&report, "route", CHECK_OK);
    }
    scene->sim.refuses_login = 0;
    scene->target.tls = TLS_DISABLE;
    CheckReport report = check(scene);
    item_of(&report, "tls", CHECK_WARNING);
}

static void a_failure_while_checking_is_an_item_too(void **state) {
    Scene *scene = *state;
    static const char *const STATEMENTS[] = {"SELECT COALESCE(HAS_PERMS", "SELECT USER_NAME()",
                                             "SELECT s.name, ", "SELECT 1 FROM"};
    scene->plan.custodian = "keeper";
    string_list_add(scene->arena, &scene->sim.lacking, "NOT sysadmin");
    for (size_t i = 0; i < COUNT_OF(STATEMENTS); i++) {
        scene->sim.refused = STATEMENTS[i];
        scene->sim.refuses = 1222;
        CheckReport report = check(scene);
        size_t failed = 0;
        for (size_t item = 0; item < report.count; item++)
            failed += report.items[item].result == CHECK_FAILED;
        assert_true(failed > 0);
    }
}

static void marked_accounts_are_listed_with_what_they_hold(void **state) {
    Scene *scene = *state;
    AccessItem items[2] = {{.role = "reporting"}};
    items[1] = scene_tables(scene, (const char *const[]){"orders"}, 1);
    scene_grants(scene, items, 2);
    scene_must(scene, scene_grant(scene));
    sim_add_session(&scene->sim, scene->plan.account, 1);
    FoundAccounts found;
    FailureClass failure;
    Error error = {0};
    const AccountQuery query = {0};
    assert_int_equal(driver_list_accounts(&SQLSERVER_DRIVER, scene->session, scene->arena, &query,
                                          &found, &failure, &error),
                     STATUS_OK);
    assert_int_equal(found.count, 1);
    const FoundAccount *account = &found.items[0];
    assert_string_equal(account->account, "temp_john_a1b2c3");
    assert_string_equal(account->grant_id, "grt_1");
    assert_string_equal(account->deployment, "dep_1");
    assert_string_equal(account->database, "shop");
    assert_int_equal(account->sessions, 1);
    assert_false(account->expired);
    assert_true(account->can_login);
    assert_int_equal(account->expires_at, account->state->mark_expires_at);
    assert_int_equal(account->state->expires_at, account->state->mark_expires_at);
    assert_string_equal(account->state->roles.items[0], "shop: reporting");
    assert_int_equal(account->state->privilege_count, 1);
    const AccountState *given = scene->result.outcome.state;
    assert_int_equal(account_drift(scene->arena, given, account->state, (DriftRules){0}).count, 0);
    string_list_add(scene->arena, &sim_user(&scene->sim, "shop", scene->plan.account)->grants,
                    "DELETE ON OBJECT::[app].[orders]");
    scene->sim.now_at += 3600001;
    assert_int_equal(driver_list_accounts(&SQLSERVER_DRIVER, scene->session, scene->arena, &query,
                                          &found, &failure, &error),
                     STATUS_OK);
    assert_true(found.items[0].expired);
    Drifts drifts = account_drift(scene->arena, given, found.items[0].state, (DriftRules){0});
    assert_string_equal(drifts_describe(scene->arena, &drifts), "privileges");
    assert_true(drifts_widen(&drifts));
}

static void what_only_looks_like_ours_is_a_leftover(void **state) {
    Scene *scene = *state;
    scene_must(scene, scene_grant(scene));
    sim_user(&scene->sim, "shop", scene->plan.account)->mark[0] = '\0';
    scene->sim.now.logins[scene->sim.now.login_count++] =
        (SimLogin){.name = "temp_100%_old", .sid = "0x01"};
    StringList patterns = {0};
    string_list_add(scene->arena, &patterns, "temp_100%*");
    FoundAccounts found;
    FailureClass failure;
    const AccountQuery plain = {0}, all = {.leftovers = &patterns};
    assert_int_equal(driver_list_accounts(&SQLSERVER_DRIVER, scene->session, scene->arena, &plain,
                                          &found, &failure, NULL),
                     STATUS_OK);
    assert_int_equal(found.count, 0);
    assert_int_equal(driver_list_accounts(&SQLSERVER_DRIVER, scene->session, scene->arena, &all,
                                          &found, &failure, NULL),
                     STATUS_OK);
    assert_int_equal(found.count, 2);
    assert_non_null(strstr(found.items[0].leftover, "SID"));
    assert_string_equal(found.items[1].account, "temp_100%_old");
    bool escaped = false;
    for (size_t i = 0; i < scene->sim.statements.count; i++)
        escaped |= strstr(scene->sim.statements.items[i], "LIKE N'temp[_]100[%]%'") != NULL;
    assert_true(escaped);
}

// Somebody who may make logins could copy the mark of another grant.
static void a_mark_under_another_grant_s_sid_is_none(void **state) {
    Scene *scene = *state;
    scene_must(scene, scene_grant(scene));
    const char *other = tsql_sid(scene->arena, "dep_1", "grt_other");
    snprintf(scene->sim.now.logins[0].sid, sizeof scene->sim.now.logins[0].sid, "%s", other);
    SimUser *user = sim_user(&scene->sim, "shop", scene->plan.account);
    snprintf(user->sid, sizeof user->sid, "%s", other);
    FoundAccounts found;
    FailureClass failure;
    const AccountQuery query = {0};
    assert_int_equal(driver_list_accounts(&SQLSERVER_DRIVER, scene->session, scene->arena, &query,
                                          &found, &failure, NULL),
                     STATUS_OK);
    assert_int_equal(found.count, 0);
}

static void an_inspection_says_what_revoking_would_do(void **state) {
    Scene *scene = *state;
    AccountInspection inspection;
    FailureClass failure;
    assert_int_equal(driver_inspect(&SQLSERVER_DRIVER, scene->session, scene->arena, &scene->plan,
                                    &inspection, &failure, NULL),
                     STATUS_OK);
    assert_false(inspection.present);
    scene_must(scene, scene_grant(scene));
    sim_add_session(&scene->sim, scene->plan.account, 1);
    sim_database(&scene->sim, "billing")->open = false;
    size_t before = scene->sim.now.login_count;
    assert_int_equal(driver_inspect(&SQLSERVER_DRIVER, scene->session, scene->arena, &scene->plan,
                                    &inspection, &failure, NULL),
                     STATUS_OK);
    assert_true(inspection.present && inspection.marked && inspection.can_login);
    assert_int_equal(inspection.session_count, 1);
    assert_string_equal(inspection.sessions.items[0], "sqlcmd from laptop in database shop");
    assert_int_equal(inspection.privilege_count, 1);
    assert_int_equal(inspection.obstacles.count, 0); // billing is none of the plan's
    assert_int_equal(scene->sim.now.login_count, before);
    scene->plan.access.items[0].database = "billing";
    scene->sim.server_roles = "processadmin, securityadmin";
    snprintf(sim_user(&scene->sim, "shop", scene->plan.account)->schema, SIM_TEXT, "mine");
    assert_int_equal(driver_inspect(&SQLSERVER_DRIVER, scene->session, scene->arena, &scene->plan,
                                    &inspection, &failure, NULL),
                     STATUS_OK);
    assert_int_equal(inspection.owned_count, 1);
    assert_string_equal(inspection.owned.items[0], "shop: schema mine");
    assert_int_equal(inspection.obstacles.count, 3); // no custodian, billing, and the roles
    scene->sim.now.logins[0].sid[33] ^= 1;
    assert_int_equal(driver_inspect(&SQLSERVER_DRIVER, scene->session, scene->arena, &scene->plan,
                                    &inspection, &failure, NULL),
                     STATUS_OK);
    assert_true(inspection.present);
    assert_false(inspection.marked);
}

static void what_is_there_is_discovered(void **state) {
    Scene *scene = *state;
    Discovery discovery;
    FailureClass failure;
    assert_int_equal(driver_discover(&SQLSERVER_DRIVER, scene->session, scene->arena, &discovery,
                                     &failure, NULL),
                     STATUS_OK);
    assert_int_equal(discovery.tables.count, 1);
    assert_string_equal(discovery.tables.items[0].kind, "table");
    assert_int_equal(discovery.schemas.count, 1);
    assert_int_equal(discovery.roles.count, 1);
    assert_false(discovery.cut);
}

int main(void) {
    odbc_scene_install("ODBC Driver 18 for SQL Server");
    const struct CMUnitTest tests[] = {
        SCENE_TEST(an_admin_with_the_documented_rights_is_fit),
        SCENE_TEST(each_missing_right_is_named_with_its_repair),
        SCENE_TEST(roles_custodians_and_databases_are_checked),
        SCENE_TEST(an_administrator_is_more_than_is_needed),
        SCENE_TEST(a_server_too_old_or_of_another_kind_is_refused),
        SCENE_TEST(why_there_is_no_session_is_an_item),
        SCENE_TEST(a_failure_while_checking_is_an_item_too),
        SCENE_TEST(marked_accounts_are_listed_with_what_they_hold),
        SCENE_TEST(what_only_looks_like_ours_is_a_leftover),
        SCENE_TEST(a_mark_under_another_grant_s_sid_is_none),
        SCENE_TEST(an_inspection_says_what_revoking_would_do),
        SCENE_TEST(what_is_there_is_discovered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
