// How a session is opened, by which driver, and what is said where it is not. The driver that is
// installed is Microsoft's, or with the argument FreeTDS that.
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "driver/sqlserver/session.h"
#include "scene.h"

static const char MICROSOFT[] = "ODBC Driver 18 for SQL Server";
static const char FREETDS[] = "FreeTDS";

typedef struct Opening {
    Arena *arena;
    OdbcScript script;
    TargetAddress target;
    Secret *password;
    DriverLogin login;
    DriverSession *session;
    FailureClass failure;
    Error error;
} Opening;

static const char *const SERVER[] = {"16.0.4085.2", "3", "daypass_admin", "0", "READ_WRITE"};
static const char *const STANDBY[] = {"16.0.4085.2", "3", "daypass_admin", "0", "READ_ONLY"};

static int setup(void **state) {
    Opening *opening = mem_alloc(sizeof *opening);
    opening->arena = arena_new();
    opening->script.arena = opening->arena;
    opening->password = secret_new("p;w{d", 5);
    opening->target = (TargetAddress){
        .kind = TARGET_SQLSERVER, .host = "db.test", .database = "my shop", .tls = TLS_REQUIRE};
    opening->login = (DriverLogin){.target = &opening->target,
                                   .user = "daypass_admin",
                                   .password = opening->password,
                                   .connect_timeout_ms = 20000,
                                   .statement_timeout_ms = 20000,
                                   .clock = &SYSTEM_CLOCK};
    *state = opening;
    return 0;
}

static int teardown(void **state) {
    Opening *opening = *state;
    SQLSERVER_DRIVER.session_close(opening->session);
    odbc_scene_serve(NULL);
    secret_free(opening->password);
    arena_free(opening->arena);
    mem_free(opening);
    return 0;
}

static Status open_session(Opening *opening, const char *const *server) {
    static ScriptStep steps[2];
    steps[0] = (ScriptStep){.sql = "SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 5000; *"};
    steps[1] = (ScriptStep){"SELECT CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion'))*",
                            {.values = server, .row_count = 1, .column_count = 5}};
    odbc_script_start(&opening->script, steps, 2);
    opening->error = (Error){0};
    return SQLSERVER_DRIVER.session_open(&opening->login, &opening->session, &opening->failure,
                                         &opening->error);
}

static void refuse(Opening *opening, const ScriptedRecord *records, size_t count) {
    opening->script.connecting =
        (ScriptedAnswer){.fails = true, .records = records, .record_count = count};
}

// ---- Microsoft's driver -------------------------------------------------------------------------

static void microsoft_s_driver_is_told_everything(void **state) {
    Opening *opening = *state;
    static const struct {
        int tls;
        const char *encrypt, *trust;
    } CASES[] = {{TLS_VERIFY_FULL, "yes", "no"},
                 {TLS_VERIFY_CA, "yes", "no"},
                 {TLS_REQUIRE, "yes", "yes"},
                 {TLS_DISABLE, "no", "no"}};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        opening->target.tls = CASES[i].tls;
        assert_int_equal(open_session(opening, SERVER), STATUS_OK);
        assert_string_equal(
            opening->script.connection_strings.items[i],
            arena_printf(opening->arena,
                         "DRIVER={ODBC Driver 18 for SQL Server};SERVER=tcp:db.test,1433;"
                         "DATABASE={my shop};UID=daypass_admin;APP=daypass-connector;Encrypt=%s;"
                         "TrustServerCertificate=%s;ConnectRetryCount=0;PWD={p;w{d};",
                         CASES[i].encrypt, CASES[i].trust));
        opening->session = SQLSERVER_DRIVER.session_close(opening->session);
    }
}

static void failures_of_a_login_are_told_apart(void **state) {
    Opening *opening = *state;
    static const struct {
        ScriptedRecord record;
        FailureClass failure;
        const char *code, *says;
    } CASES[] = {
        {{"28000", 18456, "hush"}, FAILURE_DENIED, "login_denied", "check the user and password"},
        {{"28000", 18470, "hush"}, FAILURE_DENIED, "login_denied", "login is enabled"},
        {{"42000", 4060, "hush"}, FAILURE_NOT_FOUND, "target_database_missing", "\"my shop\""},
        {{"42000", 4064, "hush"}, FAILURE_NOT_FOUND, "target_database_missing", "\"my shop\""},
        {{"42000", 911, "hush"}, FAILURE_NOT_FOUND, "target_database_missing", "\"my shop\""},
        {{"HYT00", 0, "Login timeout expired"},
         FAILURE_RETRY,
         "target_unreachable",
         "within 20000 ms"},
        {{"08001", 10061, "TCP Provider: Error code 0x274D"},
         FAILURE_RETRY,
         "target_unreachable",
         "no connection"},
        {{"08001", -1, "SSL Provider: certificate verify failed"},
         FAILURE_FATAL,
         "tls_failed",
         "certificate"},
        {{"08001", 976, "hush"}, FAILURE_RETRY, "target_not_ready", "not open now"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        refuse(opening, &CASES[i].record, 1);
        assert_int_not_equal(open_session(opening, SERVER), STATUS_OK);
        assert_int_equal(opening->failure, CASES[i].failure);
        assert_string_equal(opening->error.code, CASES[i].code);
        assert_non_null(strstr(opening->error.message, CASES[i].says));
        assert_null(strstr(opening->error.message, "hush"));
        assert_null(strstr(opening->error.detail, "hush"));
    }
}

static void a_standby_is_no_target(void **state) {
    Opening *opening = *state;
    assert_int_equal(open_session(opening, STANDBY), STATUS_UNAVAILABLE);
    assert_string_equal(opening->error.code, "target_read_only");
    assert_int_equal(opening->failure, FAILURE_RETRY);
}

// ---- FreeTDS ------------------------------------------------------------------------------------

static void freetds_is_told_everything(void **state) {
    Opening *opening = *state;
    opening->target.port = 14330;
    assert_int_equal(open_session(opening, SERVER), STATUS_OK);
    assert_string_equal(opening->script.connection_strings.items[0],
                        "DRIVER=FreeTDS;SERVER=db.test;PORT=14330;DATABASE={my shop};"
                        "UID=daypass_admin;APP=daypass-connector;TDS_Version=7.4;"
                        "ClientCharset=UTF-8;Encryption=require;PWD={p;w{d};");
    opening->session = SQLSERVER_DRIVER.session_close(opening->session);
    opening->target.tls = TLS_DISABLE;
    assert_int_equal(open_session(opening, SERVER), STATUS_OK);
    assert_non_null(strstr(opening->script.connection_strings.items[1], ";Encryption=off;"));
}

static void freetds_is_not_trusted_to_verify(void **state) {
    Opening *opening = *state;
    static const int MODES[] = {TLS_VERIFY_FULL, TLS_VERIFY_CA};
    for (size_t i = 0; i < COUNT_OF(MODES); i++) {
        opening->target.tls = MODES[i];
        assert_int_equal(open_session(opening, SERVER), STATUS_UNSUPPORTED);
        assert_string_equal(opening->error.code, "odbc_driver_missing");
        assert_non_null(strstr(opening->error.message, "msodbcsql18"));
        assert_int_equal(opening->failure, FAILURE_FATAL);
    }
    assert_int_equal(opening->script.connection_strings.count, 0);
}

static void freetds_gets_no_brace_it_would_misread(void **state) {
    Opening *opening = *state;
    secret_free(opening->password);
    opening->password = secret_new("x};UID=sa", 9);
    opening->login.password = opening->password;
    assert_int_equal(open_session(opening, SERVER), STATUS_INVALID);
    assert_string_equal(opening->error.code, "bad_connection_value");
    assert_int_equal(opening->failure, FAILURE_FATAL);
    assert_null(strstr(opening->error.message, "sa"));
    assert_int_equal(opening->script.connection_strings.count, 0);
}

// It says first what the server said, and then that there is no connection.
static void freetds_s_refusals_are_the_server_s(void **state) {
    Opening *opening = *state;
    static const ScriptedRecord DENIED[] = {{"42000", 18456, "hush"}, {"08001", 20002, "hush"}};
    static const ScriptedRecord AWAY[] = {{"08001", 20009, "Unable to connect"}};
    refuse(opening, DENIED, 2);
    assert_int_equal(open_session(opening, SERVER), STATUS_FORBIDDEN);
    assert_string_equal(opening->error.code, "login_denied");
    refuse(opening, AWAY, 1);
    assert_int_equal(open_session(opening, SERVER), STATUS_UNAVAILABLE);
    assert_string_equal(opening->error.code, "target_unreachable");
}

#define OPENING_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static int test_microsoft(void) {
    const struct CMUnitTest tests[] = {
        OPENING_TEST(microsoft_s_driver_is_told_everything),
        OPENING_TEST(failures_of_a_login_are_told_apart),
        OPENING_TEST(a_standby_is_no_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

static int test_freetds(void) {
    const struct CMUnitTest tests[] = {
        OPENING_TEST(freetds_is_told_everything),
        OPENING_TEST(freetds_is_not_trusted_to_verify),
        OPENING_TEST(freetds_gets_no_brace_it_would_misread),
        OPENING_TEST(freetds_s_refusals_are_the_server_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int count, char **arguments) {
    bool freetds = count == 2 && strcmp(arguments[1], FREETDS) == 0;
    odbc_scene_install(freetds ? FREETDS : MICROSOFT);
    return freetds ? test_freetds() : test_microsoft();
}
