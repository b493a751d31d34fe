// A server that is not one: what it sends comes a byte at a time.
#include "driver/mysql/session.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BYTE_MS = 100, CONNECT_MS = 1000, FAR_TOO_LONG_MS = 15000 };

// The beginning of a greeting of 200 bytes: all of it would take twenty seconds.
static const unsigned char GREETING[] = {196, 0, 0, 0, 10, '9', '.', '7', '.', '4'};
enum { GREETING_BYTES = 200 };

// Ends when the other side does.
static void *drip(void *listener) {
    int fd = accept(*(int *)listener, NULL, NULL);
    for (size_t i = 0; i < GREETING_BYTES; i++) {
        struct pollfd hang_up = {.fd = fd, .events = POLLIN};
        if (poll(&hang_up, 1, BYTE_MS) != 0)
            break;
        unsigned char byte = i < sizeof GREETING ? GREETING[i] : 'x';
        if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
            break;
    }
    close(fd);
    return NULL;
}

static void server_that_sends_a_byte_now_and_then_is_left(void **state) {
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    pthread_t server;
    assert_int_equal(pthread_create(&server, NULL, drip, &listener), 0);

    CLEANUP(secret_freep) Secret *password = secret_new("none", 4);
    const TargetAddress target = {.kind = TARGET_MYSQL,
                                  .host = "127.0.0.1",
                                  .port = ntohs(address.sin_port),
                                  .database = "shop",
                                  .tls = TLS_DISABLE};
    const DriverLogin login = {.target = &target,
                               .user = "admin",
                               .password = password,
                               .connect_timeout_ms = CONNECT_MS,
                               .clock = &SYSTEM_CLOCK};
    DriverSession *session = NULL;
    FailureClass failure = FAILURE_NONE;
    Error error = {0};
    int64_t started_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    Status status = my_session_open_mysql(&login, &session, &failure, &error);
    int64_t took_ms = clock_monotonic_ms(&SYSTEM_CLOCK) - started_ms;
    pthread_join(server, NULL);
    close(listener);
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_int_equal(failure, FAILURE_RETRY);
    assert_string_equal(error.code, "target_unreachable");
    assert_null(session);
    assert_true(took_ms >= CONNECT_MS / 2 && took_ms < FAR_TOO_LONG_MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_that_sends_a_byte_now_and_then_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
