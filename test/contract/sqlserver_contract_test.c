// What FreeTDS, the real one, makes of servers that are none: the driver of SQL Server says why, in
// a bounded time. Of SQL Server itself there is no package to try it on.
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/sqlserver/driver.h"

enum { CONNECT_MS = 2000, PATIENCE_MS = 60000 };

typedef struct Opening {
    int listener;
    int64_t port;
    FailureClass failure;
    Error error;
} Opening;

static int setup(void **state) {
    static Opening opening;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    opening = (Opening){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(opening.listener >= 0);
    assert_int_equal(bind(opening.listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(opening.listener, (struct sockaddr *)&address, &size), 0);
    opening.port = ntohs(address.sin_port);
    *state = &opening;
    return 0;
}

static int teardown(void **state) {
    close(((Opening *)*state)->listener);
    return 0;
}

static Status open_session(Opening *opening, int64_t port, int tls) {
    CLEANUP(secret_freep) Secret *password = secret_new("hush;a{b", 8);
    const TargetAddress target = {.kind = TARGET_SQLSERVER,
                                  .host = "127.0.0.1",
                                  .port = port,
                                  .database = "shop",
                                  .tls = tls};
    const DriverLogin login = {.target = &target,
                               .user = "daypass_admin",
                               .password = password,
                               .connect_timeout_ms = CONNECT_MS,
                               .statement_timeout_ms = CONNECT_MS,
                               .clock = &SYSTEM_CLOCK};
    DriverSession *session = NULL;
    int64_t began_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    Status status =
        SQLSERVER_DRIVER.session_open(&login, &session, &opening->failure, &opening->error);
    assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) - began_ms < PATIENCE_MS);
    assert_null(session);
    assert_null(strstr(opening->error.message, "hush"));
    assert_null(strstr(opening->error.detail, "hush"));
    return status;
}

static void nobody_listens(void **state) {
    Opening *opening = *state;
    assert_int_equal(open_session(opening, opening->port, TLS_REQUIRE), STATUS_UNAVAILABLE);
    assert_string_equal(opening->error.code, "target_unreachable");
    assert_int_equal(opening->failure, FAILURE_RETRY);
}

static void somebody_accepts_and_says_nothing(void **state) {
    Opening *opening = *state;
    static const int MODES[] = {TLS_REQUIRE, TLS_DISABLE};
    assert_int_equal(listen(opening->listener, 5), 0);
    for (size_t i = 0; i < COUNT_OF(MODES); i++) {
        assert_int_equal(open_session(opening, opening->port, MODES[i]), STATUS_UNAVAILABLE);
        assert_string_equal(opening->error.code, "target_unreachable");
    }
}

static void a_server_of_another_kind_answers(void **state) {
    Opening *opening = *state;
    const char *port = getenv("DAYPASS_TEST_PG15_PORT");
    if (port == NULL)
        fail_msg("DAYPASS_TEST_PG15_PORT is not set: run scripts/test-servers");
    assert_int_equal(open_session(opening, strtol(port, NULL, 10), TLS_REQUIRE),
                     STATUS_UNAVAILABLE);
    assert_string_equal(opening->error.code, "target_unreachable");
    assert_non_null(strstr(opening->error.message, "that it is SQL Server"));
}

static void a_certificate_that_cannot_be_verified_is_not_accepted(void **state) {
    Opening *opening = *state;
    assert_int_equal(open_session(opening, opening->port, TLS_VERIFY_FULL), STATUS_UNSUPPORTED);
    assert_string_equal(opening->error.code, "odbc_driver_missing");
}

#define OPENING_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        OPENING_TEST(nobody_listens),
        OPENING_TEST(somebody_accepts_and_says_nothing),
        OPENING_TEST(a_server_of_another_kind_answers),
        OPENING_TEST(a_certificate_that_cannot_be_verified_is_not_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
