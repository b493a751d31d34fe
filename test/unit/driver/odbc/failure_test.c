#include "driver/odbc/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static const OdbcErrorRow ROWS[] = {
    {1205, FAILURE_RETRY, "it was chosen as the victim of a deadlock"},
    {15151, FAILURE_NOT_FOUND, NULL},
    {229, FAILURE_DENIED, NULL},
};
static const OdbcErrors ERRORS = {.engine = "Testbase", .rows = ROWS, .count = COUNT_OF(ROWS)};

typedef struct Case {
    OdbcAnswerKind kind;
    OdbcDiagnostic records[3];
    FailureClass failure;
    Status status;
    const char *code;
    const char *says;
    const char *detail;
} Case;

static const Case STATEMENTS[] = {
    {ODBC_REFUSED,
     {{"42000", 229, "hush"}},
     FAILURE_DENIED,
     STATUS_FORBIDDEN,
     "target_denied",
     "the admin account lacks a right",
     "SQLSTATE 42000, error 229"},
    // The number that the engine knows counts, wherever it stands.
    {ODBC_REFUSED,
     {{"01000", 5701, "hush"}, {"HY000", 3, ""}, {"40001", 1205, "hush"}},
     FAILURE_RETRY,
     STATUS_UNAVAILABLE,
     "target_failed",
     "victim of a deadlock",
     "SQLSTATE 40001, error 1205"},
    // Without one the first that is no warning.
    {ODBC_REFUSED,
     {{"01000", 5701, "hush"}, {"3D000", 7, "hush"}},
     FAILURE_NOT_FOUND,
     STATUS_NOT_FOUND,
     "target_failed",
     "something it needs is not there",
     "SQLSTATE 3D000, error 7"},
    {ODBC_REFUSED,
     {{"", 0, NULL}},
     FAILURE_FATAL,
     STATUS_INTERNAL,
     "target_failed",
     "repeating it cannot help",
     ""},
    {ODBC_LOST,
     {{"08S01", 0, "hush"}},
     FAILURE_RETRY,
     STATUS_UNAVAILABLE,
     "target_connection_lost",
     "was lost while reading a secret",
     "SQLSTATE 08S01, error 0"},
    {ODBC_TOO_LATE,
     {{"HYT00", 0, "hush"}},
     FAILURE_RETRY,
     STATUS_UNAVAILABLE,
     "target_too_slow",
     "took too long for reading a secret",
     "SQLSTATE HYT00, error 0"},
    {ODBC_TOO_MUCH,
     {{"", 0, NULL}},
     FAILURE_UNSUPPORTED,
     STATUS_UNSUPPORTED,
     "target_failed",
     "200000 rows",
     ""},
};

static OdbcAnswer answer_of(const Case *tried, OdbcDiagnostic *records) {
    OdbcAnswer answer = {.kind = tried->kind, .diagnostics = records};
    memcpy(records, tried->records, sizeof tried->records);
    while (answer.diagnostic_count < 3 && records[answer.diagnostic_count].text != NULL)
        answer.diagnostic_count++;
    return answer;
}

static void statements_fail_in_our_words(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(STATEMENTS); i++) {
        const Case *tried = &STATEMENTS[i];
        OdbcDiagnostic records[3];
        OdbcAnswer answer = answer_of(tried, records);
        Error error = {0};
        FailureClass failure = FAILURE_NONE;
        Status status = odbc_explain(&ERRORS, &answer, "reading a secret", &failure, &error);
        assert_int_equal(status, tried->status);
        assert_int_equal(failure, tried->failure);
        assert_string_equal(error.code, tried->code);
        assert_non_null(strstr(error.message, "Testbase"));
        assert_non_null(strstr(error.message, tried->says));
        assert_string_equal(error.detail, tried->detail);
        assert_null(strstr(error.message, "hush"));
    }
}

static const Case CONNECTIONS[] = {
    {ODBC_REFUSED,
     {{"IM002", 0, "[unixODBC][Driver Manager]Data source name not found"}},
     FAILURE_FATAL,
     STATUS_INTERNAL,
     "odbc_driver_broken",
     "ldd",
     ""},
    {ODBC_REFUSED,
     {{"01000", 0, "[unixODBC][Driver Manager]Can't open lib 'x' : file not found"}},
     FAILURE_FATAL,
     STATUS_INTERNAL,
     "odbc_driver_broken",
     "odbcinst.ini",
     ""},
    {ODBC_LOST,
     {{"08001", -1, "SSL Provider: [error:0A000086::certificate verify failed]"}},
     FAILURE_FATAL,
     STATUS_INTERNAL,
     "tls_failed",
     "check ca_file",
     ""},
    {ODBC_LOST,
     {{"08001", -1, "Encryption not supported on the client"}},
     FAILURE_FATAL,
     STATUS_INTERNAL,
     "tls_failed",
     "does not offer TLS",
     ""},
    {ODBC_LOST,
     {{"08001", 20009, "Unable to connect"}},
     FAILURE_RETRY,
     STATUS_UNAVAILABLE,
     "target_unreachable",
     "no connection to Testbase at db.test",
     ""},
    {ODBC_TOO_LATE,
     {{"HYT00", 0, "Login timeout expired"}},
     FAILURE_RETRY,
     STATUS_UNAVAILABLE,
     "target_unreachable",
     "did not answer within 700 ms",
     ""},
};

static void connections_fail_in_our_words(void **state) {
    (void)state;
    const OdbcPlace place = {.driver = "FreeTDS",
                             .host = "db.test",
                             .tls_mode = "verify-full",
                             .connect_timeout_ms = 700};
    for (size_t i = 0; i < COUNT_OF(CONNECTIONS); i++) {
        const Case *tried = &CONNECTIONS[i];
        OdbcDiagnostic records[3];
        OdbcAnswer answer = answer_of(tried, records);
        Error error = {0};
        FailureClass failure = FAILURE_NONE;
        assert_true(odbc_explain_unreached(&ERRORS, &answer, &place, &failure, &error));
        assert_int_equal(failure, tried->failure);
        assert_int_equal(error.status, tried->status);
        assert_string_equal(error.code, tried->code);
        assert_non_null(strstr(error.message, tried->says));
    }
}

static void what_the_server_said_of_a_login_is_the_engine_s_to_explain(void **state) {
    (void)state;
    OdbcDiagnostic records[] = {{"42000", 229, "Login failed"}, {"08001", 20002, "no connection"}};
    OdbcAnswer answer = {.kind = ODBC_LOST, .diagnostics = records, .diagnostic_count = 2};
    FailureClass failure = FAILURE_NONE;
    Error error = {0};
    const OdbcPlace place = {.driver = "FreeTDS", .host = "db.test", .tls_mode = "require"};
    assert_false(odbc_explain_unreached(&ERRORS, &answer, &place, &failure, &error));
    assert_string_equal(error.code, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_fail_in_our_words),
        cmocka_unit_test(connections_fail_in_our_words),
        cmocka_unit_test(what_the_server_said_of_a_login_is_the_engine_s_to_explain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
