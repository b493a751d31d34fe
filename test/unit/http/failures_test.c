// Every call to libmicrohttpd and libcurl that one request needs fails once: the caller is told,
// and the next request is served.
#include "loopback.h"
#include "support/failing_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { CALLS_MAX = 100 };

static Status get(const Loopback *loopback, HttpReply *ret_reply, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(http_client_freep) HttpClient *client = NULL;
    const HttpClientOptions options = {
        .base_url = loopback->url, .connect_timeout_ms = 5000, .max_body_bytes = 100000};
    const HttpCall call = {.method = "GET", .target = "/state"};
    TRY(http_client_new(&options, &client, reterr));
    return http_client_call(client, arena, &call, ret_reply, reterr);
}

static void serves(const Loopback *loopback) {
    HttpReply reply = {0};
    Error error = {0};
    if (get(loopback, &reply, &error) != STATUS_OK)
        fail_msg("%s: %s", error.code, error.message);
    assert_int_equal(reply.status, 200);
}

// Nothing was answered and the client says so, or the server said 500, or the call did not matter.
static void expect_told(const char *call, Status status, const HttpReply *reply,
                        const Error *error) {
    if (status != STATUS_OK) {
        assert_int_equal(reply->status, -1);
        assert_true(error->code[0] != '\0' && error->message[0] != '\0');
    } else if (reply->status != 500 && reply->status != 200) {
        fail_msg("%s failed, and the answer was %d", call, reply->status);
    }
}

static void each_call_fails_once_and_the_next_request_is_served(void **state) {
    Loopback *loopback = loopback_start((HttpServerOptions){0});
    serves(loopback);
    size_t failed = 0;
    size_t told = 0;
    for (size_t nth = 1; nth <= CALLS_MAX; nth++) {
        HttpReply reply = {.status = -1};
        Error error = {0};
        failing_calls_arm(nth);
        Status status = get(loopback, &reply, &error);
        const char *call = failing_calls_disarm();
        if (call == NULL)
            break;
        failed++;
        told += status != STATUS_OK || reply.status == 500;
        expect_told(call, status, &reply, &error);
        serves(loopback);
    }
    print_message("# %zu calls failed, one at a time; %zu were told\n", failed, told);
    assert_true(failed > 10 && failed < CALLS_MAX);
    assert_true(told > 8);
    loopback_stop(loopback);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_fails_once_and_the_next_request_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
