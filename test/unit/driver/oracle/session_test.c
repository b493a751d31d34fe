#include "oracle_scene.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// ---- Addresses ----------------------------------------------------------------------------------

static const char *descriptor(OracleScene *scene, const TargetAddress *target,
                              const char *ca_file) {
    DriverLogin login = {.target = target, .ca_file = ca_file};
    const char *text = NULL;
    assert_int_equal(oracle_connect_descriptor(scene->arena, &login, &text, NULL), STATUS_OK);
    return text;
}

static void addresses_say_each_part_once(void **state) {
    OracleScene *scene = *state;
    TargetAddress target = {.host = "db.test", .database = "pdb1.test", .tls = TLS_DISABLE};
    assert_string_equal(descriptor(scene, &target, NULL),
                        "(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db.test)(PORT=1521))"
                        "(CONNECT_DATA=(SERVICE_NAME=pdb1.test)))");
    target.tls = TLS_VERIFY_FULL;
    target.port = 2484;
    assert_string_equal(descriptor(scene, &target, "/etc/daypass/oracle/ca.pem"),
                        "(DESCRIPTION=(ADDRESS=(PROTOCOL=TCPS)(HOST=db.test)(PORT=2484))"
                        "(CONNECT_DATA=(SERVICE_NAME=pdb1.test))(SECURITY=(SSL_SERVER_DN_MATCH=YES)"
                        "(MY_WALLET_DIRECTORY=/etc/daypass/oracle)))");
    target.tls = TLS_VERIFY_CA;
    assert_non_null(strstr(descriptor(scene, &target, NULL), "(SSL_SERVER_DN_MATCH=NO)"));
}

static void a_part_cannot_begin_another(void **state) {
    OracleScene *scene = *state;
    static const char *const REFUSED[] = {"",    "a)(HOST=evil", "a b",     "a=b", "a\nb",
                                          "a,b", "a#b",          "a;UID=x", "a}b"};
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        TargetAddress host = {.host = REFUSED[i], .database = "d"};
        TargetAddress service = {.host = "h", .database = REFUSED[i]};
        const char *text = NULL;
        Error error = {0};
        DriverLogin login = {.target = &host};
        assert_int_equal(oracle_connect_descriptor(scene->arena, &login, &text, &error),
                         STATUS_INVALID);
        assert_string_equal(error.code, "bad_target");
        login.target = &service;
        assert_int_equal(oracle_connect_descriptor(scene->arena, &login, &text, &error),
                         STATUS_INVALID);
    }
}

// ---- Opening ------------------------------------------------------------------------------------

static void refuse(OracleScene *scene, FailureClass failure, const char *code, const char *word) {
    DriverSession *session = NULL;
    FailureClass found = FAILURE_NONE;
    Error error = {0};
    DriverLogin login = scene_login(scene);
    assert_int_not_equal(ORACLE_DRIVER.session_open(&login, &session, &found, &error), STATUS_OK);
    assert_null(session);
    assert_string_equal(error.code, code);
    assert_int_equal(found, failure);
    if (strstr(error.message, word) == NULL)
        fail_msg("no \"%s\" in: %s", word, error.message);
    assert_null(strstr(error.message, "hush"));
    assert_null(strstr(error.detail, "hush"));
}

static void the_driver_is_given_what_was_said(void **state) {
    OracleScene *scene = *state;
    CLEANUP(oracle_session_closep) DriverSession *session = scene_open(scene);
    assert_string_equal(scene->connection_strings.items[0],
                        "DRIVER={Oracle 21 ODBC driver};DBQ=(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)"
                        "(HOST=db.test)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=pdb1.test)));"
                        "UID=daypass_admin;PWD=hush;QTO=T;FEN=F;");
    assert_string_equal(session->admin, "DAYPASS_ADMIN");
    assert_int_equal(session->version, 19);
}

static void servers_of_the_wrong_kind_are_refused(void **state) {
    OracleScene *scene = *state;
    scene->version = "12.2.0.1.0";
    refuse(scene, FAILURE_UNSUPPORTED, "target_unsupported", "19c or newer");
    scene->version = "23.0.0.0.0";
    scene->container = "CDB$ROOT";
    refuse(scene, FAILURE_UNSUPPORTED, "target_unsupported", "pluggable database");
    scene->container = "PDB1";
    scene->role = "PHYSICAL STANDBY";
    refuse(scene, FAILURE_RETRY, "target_read_only", "standby");
}

static void refused_logins_are_explained(void **state) {
    OracleScene *scene = *state;
    static const struct {
        int native;
        FailureClass failure;
        const char *code, *word;
    } CASES[] = {
        {1017, FAILURE_DENIED, "login_denied", "password"},
        {28000, FAILURE_DENIED, "login_denied", "locked"},
        {28001, FAILURE_DENIED, "login_denied", "expired"},
        {1045, FAILURE_DENIED, "login_denied", "CREATE SESSION"},
        {12514, FAILURE_NOT_FOUND, "target_database_missing", "pdb1.test"},
        {12541, FAILURE_RETRY, "target_unreachable", "db.test"},
        {12170, FAILURE_RETRY, "target_unreachable", "db.test"},
        {29024, FAILURE_FATAL, "tls_failed", "certificate"},
        {1033, FAILURE_RETRY, "target_not_ready", "starting"},
        {20, FAILURE_RETRY, "target_not_ready", "processes"},
        {28040, FAILURE_UNSUPPORTED, "target_unsupported", "SQLNET"},
        {600, FAILURE_FATAL, "target_not_ready", "Oracle"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        ScriptedRecord record = {"HY000", CASES[i].native, "[Oracle] UID=daypass_admin;PWD=hush"};
        scene->connecting = (ScriptedAnswer){.fails = true, .records = &record, .record_count = 1};
        refuse(scene, CASES[i].failure, CASES[i].code, CASES[i].word);
    }
}

// ---- Checking -----------------------------------------------------------------------------------

// Somebody who listens, so that the route is there; what answers is the scene.
static int listen_somewhere(int *ret_port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static CheckReport check(OracleScene *scene) {
    int port;
    int fd = listen_somewhere(&port);
    DriverLogin login = scene_login(scene);
    TargetAddress target = *login.target;
    target.host = "127.0.0.1";
    target.port = port;
    login.target = &target;
    const Plan *plan = scene_plan(scene);
    CheckReport report;
    scene->counting = false;
    ORACLE_DRIVER.check(&login, scene->arena, &plan, 1, &report);
    close(fd);
    return report;
}

static const CheckItem *bad(const CheckReport *report, const char *repair) {
    for (size_t i = 0; i < report->count; i++)
        if (report->items[i].result != CHECK_OK && report->items[i].repair != NULL &&
            strcmp(report->items[i].repair, repair) == 0)
            return &report->items[i];
    return NULL;
}

static void all_is_well_where_nothing_is_missing(void **state) {
    OracleScene *scene = *state;
    CheckReport report = check(scene);
    for (size_t i = 0; i < report.count; i++)
        if (report.items[i].result == CHECK_FAILED)
            fail_msg("%s: %s", report.items[i].name, report.items[i].found);
    assert_string_equal(report.items[report.count - 1].found, "everything can be granted");
}

static void each_missing_right_has_its_repair(void **state) {
    OracleScene *scene = *state;
    static const struct {
        const char *begins;
        const char *repair;
    } CASES[] = {
        {"CREATE USER", "GRANT CREATE USER TO \"DAYPASS_ADMIN\";"},
        {"ALTER USER", "GRANT ALTER USER TO \"DAYPASS_ADMIN\";"},
        {"DROP USER", "GRANT DROP USER TO \"DAYPASS_ADMIN\";"},
        {"CREATE JOB", "GRANT CREATE JOB TO \"DAYPASS_ADMIN\";"},
        {"ALTER SYSTEM", "GRANT ALTER SYSTEM TO \"DAYPASS_ADMIN\";"},
        {"CREATE PROFILE", "GRANT CREATE PROFILE TO \"DAYPASS_ADMIN\";"},
        {"CREATE SESSION", "GRANT CREATE SESSION TO \"DAYPASS_ADMIN\" WITH ADMIN OPTION;"},
        {"SELECT COUNT(*) FROM SYS.DBA_USERS WHERE ROWNUM",
         "GRANT SELECT ON SYS.DBA_USERS TO \"DAYPASS_ADMIN\";"},
        {"SELECT COUNT(*) FROM SYS.GV_$SESSION",
         "GRANT SELECT ON SYS.GV_$SESSION TO \"DAYPASS_ADMIN\";"},
        {"SELECT COUNT(*) FROM SYS.DBA_TAB_PRIVS",
         "GRANT SELECT ON SYS.DBA_TAB_PRIVS TO \"DAYPASS_ADMIN\";"},
        {"SELECT NAME, VALUE", "GRANT SELECT ON SYS.V_$PARAMETER TO \"DAYPASS_ADMIN\";"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        scene->lacking_count = 1;
        scene->lacking[0] = (Lacking){CASES[i].begins, 942};
        CheckReport report = check(scene);
        if (bad(&report, CASES[i].repair) == NULL)
            fail_msg("nobody says: %s", CASES[i].repair);
    }
}

static void what_flows_grant_is_checked(void **state) {
    OracleScene *scene = *state;
    scene->any_object = false;
    ((AccessItem *)(uintptr_t)scene_plan(scene)->access.items)->all_tables = true;
    CheckReport report = check(scene);
    assert_null(bad(&report, "GRANT SELECT ON \"APP\".\"ORDERS\" TO \"DAYPASS_ADMIN\" WITH GRANT "
                             "OPTION;")); // it may
    scene->reason_against_role = "ALTER SYSTEM of REPORTING";
    report = check(scene);
    assert_non_null(bad(&report, "grant a role without such rights, or privileges on objects"));
    scene->runs_jobs = false;
    report = check(scene);
    assert_non_null(bad(&report, "ALTER SYSTEM SET JOB_QUEUE_PROCESSES = 20;"));
    assert_non_null(bad(&report, "ALTER SYSTEM SET RESOURCE_LIMIT = TRUE;"));
    assert_non_null(bad(&report, "BEGIN DBMS_SCHEDULER.SET_SCHEDULER_ATTRIBUTE("
                                 "'SCHEDULER_DISABLED', 'FALSE'); END;"));
}

static void hosted_servers_repair_by_their_procedure(void **state) {
    OracleScene *scene = *state;
    scene->hosted = true;
    scene->lacking_count = 1;
    scene->lacking[0] = (Lacking){"SELECT COUNT(*) FROM SYS.DBA_ROLES", 942};
    CheckReport report = check(scene);
    assert_null(bad(&report, "GRANT EXECUTE ON RDSADMIN.RDSADMIN_UTIL TO \"DAYPASS_ADMIN\";"));
    scene->no_procedure = true;
    report = check(scene);
    assert_non_null(bad(&report, "GRANT EXECUTE ON RDSADMIN.RDSADMIN_UTIL TO \"DAYPASS_ADMIN\";"));
    assert_non_null(bad(&report, "BEGIN rdsadmin.rdsadmin_util.grant_sys_object(p_obj_name => "
                                 "'DBA_ROLES', p_grantee => 'DAYPASS_ADMIN', p_privilege => "
                                 "'SELECT'); END;"));
}

static void what_the_marks_need_is_checked(void **state) {
    OracleScene *scene = *state;
    scene->no_quota = true;
    scene->lacking_count = 1;
    scene->lacking[0] = (Lacking){"CREATE TABLE", 1031};
    CheckReport report = check(scene);
    assert_non_null(bad(&report, "GRANT CREATE TABLE TO \"DAYPASS_ADMIN\";"));
    assert_non_null(bad(&report, "ALTER USER \"DAYPASS_ADMIN\" QUOTA 10M ON \"DATA\";"));
    scene->marks_table = true;
    scene->no_quota = false;
    report = check(scene);
    assert_null(bad(&report, "GRANT CREATE TABLE TO \"DAYPASS_ADMIN\";"));
}

static void roles_of_flows_are_checked(void **state) {
    OracleScene *scene = *state;
    scene->no_admin_option = true;
    CheckReport report = check(scene);
    assert_non_null(bad(&report, "GRANT \"REPORTING\" TO \"DAYPASS_ADMIN\" WITH ADMIN OPTION;"));
    scene->no_role = true;
    report = check(scene);
    assert_non_null(bad(&report, "create it, or correct the flow"));
}

static void a_refused_login_ends_the_check(void **state) {
    OracleScene *scene = *state;
    static const struct {
        int native;
        const char *name;
        const char *repair;
    } CASES[] = {
        {1017, "login", "correct the user and password of the admin secret"},
        {12514, "login", "correct the integration's database: it is the name of a service"},
        {1033, "login", "try again when the server accepts sessions"},
        {28040, "version", "name the service of a pluggable database of Oracle 19c or newer"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        ScriptedRecord record = {"HY000", CASES[i].native, "hush"};
        scene->connecting = (ScriptedAnswer){.fails = true, .records = &record, .record_count = 1};
        CheckReport report = check(scene);
        const CheckItem *last = &report.items[report.count - 1];
        assert_int_equal(last->result, CHECK_FAILED);
        assert_string_equal(last->name, CASES[i].name);
        assert_string_equal(last->repair, CASES[i].repair);
        assert_null(strstr(last->found, "hush"));
    }
}

static void a_failing_server_is_said_in_the_check(void **state) {
    OracleScene *scene = *state;
    static const char *const BEGINS[] = {"SELECT 'DIRECT', PRIVILEGE",
                                         "SELECT (SELECT COUNT(*) FROM SYS.USER_TABLES",
                                         "SELECT PRIVILEGE FROM SYS.SESSION_PRIVS"};
    for (size_t i = 0; i < COUNT_OF(BEGINS); i++) {
        scene->lacking_count = 1;
        scene->lacking[0] = (Lacking){BEGINS[i], 60};
        CheckReport report = check(scene);
        assert_non_null(bad(&report, "run the check again"));
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, oracle_scene_setup, oracle_scene_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(addresses_say_each_part_once),
        CASE(a_part_cannot_begin_another),
        CASE(the_driver_is_given_what_was_said),
        CASE(servers_of_the_wrong_kind_are_refused),
        CASE(refused_logins_are_explained),
        CASE(all_is_well_where_nothing_is_missing),
        CASE(each_missing_right_has_its_repair),
        CASE(what_flows_grant_is_checked),
        CASE(what_the_marks_need_is_checked),
        CASE(roles_of_flows_are_checked),
        CASE(a_refused_login_ends_the_check),
        CASE(a_failing_server_is_said_in_the_check),
        CASE(hosted_servers_repair_by_their_procedure),
    };
    return cmocka_run_group_tests(tests, oracle_scene_install, NULL);
}
