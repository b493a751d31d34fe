#include "loopback.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static Loopback *loopback;

static int start(void **state) {
    loopback = loopback_start((HttpServerOptions){0});
    return 0;
}

static int stop(void **state) {
    loopback = loopback_stop(loopback);
    return 0;
}

static HttpClient *client_to(const char *url) {
    HttpClientOptions options = {
        .base_url = url, .connect_timeout_ms = 500, .max_body_bytes = 100000};
    HttpClient *client = NULL;
    Error error = {0};
    if (http_client_new(&options, &client, &error) != STATUS_OK)
        fail_msg("%s: %s", url, error.message);
    return client;
}

// A call to the loopback server that must be answered.
static HttpReply answered(Arena *arena, const HttpCall *call) {
    CLEANUP(http_client_freep) HttpClient *client = client_to(loopback->url);
    HttpReply reply = {0};
    Error error = {0};
    if (http_client_call(client, arena, call, &reply, &error) != STATUS_OK)
        fail_msg("%s %s: %s", call->method, call->target, error.message);
    return reply;
}

// A call that must fail; gives its error.
static Error failed(const char *url, const HttpCall *call) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(http_client_freep) HttpClient *client = client_to(url);
    HttpReply reply = {.status = -1};
    Error error = {0};
    Status status = http_client_call(client, arena, call, &reply, &error);
    assert_int_not_equal(status, STATUS_OK);
    assert_int_equal(status, error.status);
    assert_int_equal(reply.status, -1);
    return error;
}

static void assert_contains(const char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("expected '%s' in: %s", part, text);
}

// Servers that are not ours

typedef struct Impostor {
    int listener;
    int port;
    char url[64];
    const char *answer;
    atomic_bool asked;
    pthread_t thread;
} Impostor;

// A port on which nobody accepts: connections stand in its queue, when it has one.
static Impostor impostor_bind(bool listening) {
    Impostor impostor = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    assert_true(impostor.listener >= 0);
    assert_int_equal(bind(impostor.listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(impostor.listener, (struct sockaddr *)&address, &length), 0);
    if (listening)
        assert_int_equal(listen(impostor.listener, 8), 0);
    impostor.port = ntohs(address.sin_port);
    snprintf(impostor.url, sizeof(impostor.url), "http://127.0.0.1:%d", impostor.port);
    return impostor;
}

static void *impostor_answer(void *context) {
    Impostor *impostor = context;
    int connection = accept(impostor->listener, NULL, NULL);
    char request[4096];
    if (connection >= 0 && recv(connection, request, sizeof(request), 0) > 0)
        raw_try_send(connection, impostor->answer, strlen(impostor->answer));
    shutdown(connection, SHUT_WR);
    while (recv(connection, request, sizeof(request), 0) > 0)
        ;
    close(connection);
    return NULL;
}

static Error failed_at_impostor(const char *answer) {
    Impostor impostor = impostor_bind(true);
    impostor.answer = answer;
    assert_int_equal(pthread_create(&impostor.thread, NULL, impostor_answer, &impostor), 0);
    Error error = failed(impostor.url,
                         &(HttpCall){.method = "GET", .target = "/", .timeout_ms = PATIENCE_MS});
    pthread_join(impostor.thread, NULL);
    close(impostor.listener);
    return error;
}

static HttpReply answered_by_impostor(Arena *arena, const char *answer) {
    Impostor impostor = impostor_bind(true);
    impostor.answer = answer;
    assert_int_equal(pthread_create(&impostor.thread, NULL, impostor_answer, &impostor), 0);
    HttpClient *client = client_to(impostor.url);
    HttpReply reply = {0};
    Error error = {0};
    HttpCall call = {.method = "GET", .target = "/", .timeout_ms = PATIENCE_MS};
    if (http_client_call(client, arena, &call, &reply, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    http_client_free(client); // ends the connection, and with it the thread
    pthread_join(impostor.thread, NULL);
    close(impostor.listener);
    return reply;
}

// Tests

static void sends_method_target_headers_and_body(void **state) {
    static const char *const METHODS[] = {"POST", "PUT", "PATCH", "DELETE", "GET"};
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(METHODS); i++) {
        HttpCall call = {.method = METHODS[i],
                         .target = "/a/../b%20c?x=1&y=%26",
                         .body = "{\"a\":1}",
                         .body_length = 7,
                         .headers = {"X-Probe: p"}};
        HttpReply reply = answered(arena, &call);
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.length, strlen(reply.body));
        assert_contains(reply.body, arena_printf(arena, "method %s\n", METHODS[i]));
        assert_contains(reply.body, "target /a/../b%20c?x=1&y=%26\n");
        assert_contains(reply.body, "probe p\n");
        assert_contains(reply.body, "authorization (none)\nlength 7\nbody {\"a\":1}");
    }
}

static void sends_no_body_when_there_is_none(void **state) {
    static const char *const METHODS[] = {"GET", "POST", "DELETE"};
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(METHODS); i++) {
        HttpCall call = {.method = METHODS[i], .target = "/"};
        assert_contains(answered(arena, &call).body,
                        arena_printf(arena, "method %s\n", METHODS[i]));
        assert_contains(answered(arena, &call).body, "length 0\nbody ");
    }
    HttpCall head = {.method = "HEAD", .target = "/large"};
    assert_int_equal(answered(arena, &head).length, 0);
}

static void sends_a_large_body_whole(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char *body = arena_alloc(arena, MAX_BODY_BYTES + 1);
    memset(body, 'b', MAX_BODY_BYTES);
    HttpCall call = {.method = "POST", .target = "/", .body = body, .body_length = MAX_BODY_BYTES};
    assert_contains(answered(arena, &call).body, "length 65536\n");
    call.body_length = MAX_BODY_BYTES + 1;
    assert_int_equal(answered(arena, &call).status, 413);
}

static void sends_the_bearer_token(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(secret_freep) Secret *bearer = secret_new("for-this-test", 13);
    HttpCall call = {.method = "GET", .target = "/", .bearer = bearer};
    assert_contains(answered(arena, &call).body, "authorization Bearer for-this-test\n");
}

// The next call on the same connection does not carry it.
static void forgets_the_bearer_token_of_the_call_before(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(secret_freep) Secret *bearer = secret_new("for-this-test", 13);
    CLEANUP(http_client_freep) HttpClient *client = client_to(loopback->url);
    HttpCall with = {.method = "POST",
                     .target = "/",
                     .body = "x",
                     .body_length = 1,
                     .bearer = bearer,
                     .headers = {"X-Probe: p"}};
    HttpCall without = {.method = "GET", .target = "/"};
    HttpReply reply = {0};
    assert_int_equal(http_client_call(client, arena, &with, &reply, NULL), STATUS_OK);
    assert_int_equal(http_client_call(client, arena, &without, &reply, NULL), STATUS_OK);
    assert_contains(reply.body, "method GET\n");
    assert_contains(reply.body, "probe (none)\nauthorization (none)\nlength 0\n");
}

static void refuses_what_would_break_the_request(void **state) {
    CLEANUP(secret_freep) Secret *bearer = secret_new("a\r\nX-Injected: b", 15);
    CLEANUP(secret_freep) Secret *empty = secret_new("", 0);
    const struct {
        HttpCall call;
        const char *code;
    } cases[] = {
        {{.method = "GET", .target = "/", .bearer = bearer}, "malformed_token"},
        {{.method = "GET", .target = "/", .bearer = empty}, "malformed_token"},
        {{.method = "GET", .target = "/", .headers = {"X-A: b\r\nX-B: c"}}, "malformed_header"},
        {{.method = "GET", .target = "/", .headers = {"no colon"}}, "malformed_header"},
        {{.method = "GET", .target = "/a b"}, "malformed_target"},
        {{.method = "GET", .target = "/a\r\nX-B: c"}, "malformed_target"},
        {{.method = "GET", .target = "a"}, "malformed_target"},
        {{.method = "GET", .target = ""}, "malformed_target"},
        {{.method = "GET", .target = "@elsewhere/"}, "malformed_target"},
        {{.method = "GET", .target = "/\xc3\xa9"}, "malformed_target"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Error error = failed(loopback->url, &cases[i].call);
        assert_int_equal(error.status, STATUS_INVALID);
        assert_string_equal(error.code, cases[i].code);
    }
}

static void gives_status_retry_after_and_date_of_any_answer(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    int64_t before_ms = clock_now_ms(&SYSTEM_CLOCK);
    HttpReply reply = answered(arena, &(HttpCall){.method = "GET", .target = "/busy"});
    assert_int_equal(reply.status, 503);
    assert_string_equal(reply.retry_after, "7");
    // The header has whole seconds.
    assert_in_range(reply.date_ms, before_ms - 2 * SECOND_MS,
                    clock_now_ms(&SYSTEM_CLOCK) + SECOND_MS);
    assert_true(reply.round_trip_ms >= 0);
    reply = answered(arena, &(HttpCall){.method = "GET", .target = "/"});
    assert_null(reply.retry_after);

    reply = answered_by_impostor(arena, "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n"
                                        "HTTP/1.1 429 X\r\nretry-after:   12  \r\n"
                                        "Date: Tue, 05 May 2026 10:00:00 GMT\r\n"
                                        "Content-Length: 0\r\n\r\n");
    assert_int_equal(reply.status, 429);
    assert_string_equal(reply.retry_after, "12");
    assert_int_equal(reply.date_ms, 1777975200000);
    reply = answered_by_impostor(arena, "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n"
                                        "HTTP/1.1 200 X\r\nDate: nonsense\r\n"
                                        "Content-Length: 0\r\n\r\n");
    assert_null(reply.retry_after);
    assert_int_equal(reply.date_ms, 0);
}

static void follows_no_redirect(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    int calls = atomic_load(&loopback->calls);
    HttpReply reply = answered(arena, &(HttpCall){.method = "GET", .target = "/elsewhere"});
    assert_int_equal(reply.status, 302);
    assert_int_equal(atomic_load(&loopback->calls), calls + 1);
}

static void refuses_an_answer_above_the_ceiling(void **state) {
    Error error = failed(loopback->url, &(HttpCall){.method = "GET", .target = "/large"});
    assert_int_equal(error.status, STATUS_TOO_LARGE);
    assert_string_equal(error.code, "answer_too_large");
}

static void keeps_its_connection_between_calls(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *narrow =
        loopback_start((HttpServerOptions){.max_connections_per_address = 1, .threads = 1});
    CLEANUP(http_client_freep) HttpClient *client = client_to(narrow->url);
    for (int i = 0; i < 20; i++) {
        HttpReply reply = {0};
        HttpCall call = {.method = "GET", .target = "/"};
        assert_int_equal(http_client_call(client, arena, &call, &reply, NULL), STATUS_OK);
    }
    loopback_stop(narrow);
}

static void accepts_http_to_this_machine_and_https_to_any(void **state) {
    static const char *const URLS[] = {
        "http://127.0.0.1",      "http://127.1.2.3:80",  "http://localhost:8080/",
        "http://[::1]:8443",     "https://db.internal",  "https://db.internal:8443/",
        "https://192.0.2.1:443", "HTTPS://Db.Internal/", "http://LOCALHOST",
    };
    for (size_t i = 0; i < COUNT_OF(URLS); i++)
        http_client_free(client_to(URLS[i]));
}

static void refuses_other_urls(void **state) {
    static const struct {
        const char *url, *code;
    } CASES[] = {
        {"http://db.internal:8443", "tls_required"},
        {"http://192.0.2.1", "tls_required"},
        {"http://127.0.0.1.example.com", "tls_required"},
        {"http://localhost.example.com", "tls_required"},
        {"http://[::2]:80", "tls_required"},
        {"http://[::ffff:192.0.2.1]", "tls_required"},
        {"http://0.0.0.0", "tls_required"},
        {"ftp://127.0.0.1", "bad_url"},
        {"file:///etc/passwd", "bad_url"},
        {"db.internal:8443", "bad_url"},
        {"https://user:hidden@db.internal", "bad_url"},
        {"http://127.0.0.1@db.internal/", "bad_url"},
        {"https://db.internal/prefix", "bad_url"},
        {"https://db.internal/?a=b", "bad_url"},
        {"https://db.internal/#a", "bad_url"},
        {"https://", "bad_url"},
        {"https://db.internal:99999", "bad_url"},
        {"https://a b/", "bad_url"},
        {"", "bad_url"},
        {NULL, "bad_url"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        HttpClient *client = NULL;
        HttpClientOptions options = {.base_url = CASES[i].url};
        Error error = {0};
        if (http_client_new(&options, &client, &error) != STATUS_INVALID)
            fail_msg("accepted: %s", CASES[i].url);
        assert_string_equal(error.code, CASES[i].code);
        assert_null(strstr(error.message, "hidden"));
        assert_null(client);
    }
}

// The services of a machine that one runs on have no certificates, and are reached past any proxy.
static void accepts_http_where_the_caller_has_judged_the_host(void **state) {
    HttpClient *client = NULL;
    HttpClientOptions options = {.base_url = "http://169.254.169.254", .plain = true};
    assert_int_equal(http_client_new(&options, &client, NULL), STATUS_OK);
    client = http_client_free(client);
    options.base_url = "ftp://169.254.169.254";
    assert_int_equal(http_client_new(&options, &client, NULL), STATUS_INVALID);
    options.base_url = "http://user@169.254.169.254";
    assert_int_equal(http_client_new(&options, &client, NULL), STATUS_INVALID);
}

static void sends_a_secret_in_a_header_of_any_name(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(secret_freep) Secret *secret = secret_new("Basic abc", 9);
    HttpCall call = {.method = "GET",
                     .target = "/echo",
                     .secret_name = "Authorization",
                     .secret_value = secret,
                     .wanted = "content-TYPE"};
    HttpReply reply = answered(arena, &call);
    assert_contains(reply.body, "authorization Basic abc\n");
    assert_string_equal(reply.wanted, "text/plain");
    CLEANUP(secret_freep) Secret *broken = secret_new("a\r\nX-B: c", 9);
    call.secret_value = broken;
    assert_string_equal(failed(loopback->url, &call).code, "malformed_token");
    call.secret_name = NULL;
    call.wanted = "X-None";
    reply = answered(arena, &call);
    assert_contains(reply.body, "authorization (none)\n");
    assert_null(reply.wanted);
}

static void refuses_a_missing_ca_file(void **state) {
    HttpClient *client = NULL;
    HttpClientOptions options = {.base_url = "https://127.0.0.1", .ca_file = "/nowhere/ca.pem"};
    Error error = {0};
    assert_int_equal(http_client_new(&options, &client, &error), STATUS_INVALID);
    assert_string_equal(error.code, "bad_ca_file");
    assert_contains(error.message, "/nowhere/ca.pem");
}

static const HttpCall ROOT = {.method = "GET", .target = "/private-target", .timeout_ms = 300};

static void assert_unavailable(const Error *error, const char *code, const char *part) {
    assert_int_equal(error->status, STATUS_UNAVAILABLE);
    assert_string_equal(error->code, code);
    assert_contains(error->message, part);
    assert_null(strstr(error->message, "private-target"));
}

static void says_that_a_name_does_not_resolve(void **state) {
    // An empty label is no name: nobody is asked for it.
    Error error = failed("https://no..such", &ROOT);
    assert_unavailable(&error, "cannot_resolve", "cannot resolve no..such");
}

static void says_that_nobody_listens(void **state) {
    Impostor impostor = impostor_bind(false);
    Error error = failed(impostor.url, &ROOT);
    assert_unavailable(&error, "cannot_connect", ": Connection refused");
    assert_contains(error.message, impostor.url + strlen("http://"));
    close(impostor.listener);
}

static void says_that_nobody_answers(void **state) {
    Impostor impostor = impostor_bind(true);
    Error error = failed(impostor.url, &ROOT);
    assert_unavailable(&error, "timed_out", "no answer from 127.0.0.1:");
    assert_contains(error.message, " within 300 ms");
    close(impostor.listener);
}

static void says_that_the_answer_breaks_off(void **state) {
    Error error = failed_at_impostor("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    assert_unavailable(&error, "connection_lost", "127.0.0.1:");
    error = failed_at_impostor("");
    assert_unavailable(&error, "connection_lost", "127.0.0.1:");
}

static void says_that_it_is_not_http(void **state) {
    Error error = failed_at_impostor("220 mail.example.com ESMTP\r\n");
    assert_unavailable(&error, "not_http", "does not speak HTTP");
}

static void a_header_without_end_is_not_read_for_ever(void **state) {
    size_t length = 2 * 1024 * 1024;
    char *answer = mem_alloc(length + 1);
    memset(answer, 'a', length);
    memcpy(answer, "HTTP/1.1 200 OK\r\nX-A: ", 22);
    Error error = failed_at_impostor(answer);
    assert_int_not_equal(error.status, STATUS_OK);
    mem_free(answer);
}

// Sets the flag once the call has arrived.
static void *stop_when_asked(void *context) {
    Impostor *impostor = context;
    char request[4096];
    int connection = accept(impostor->listener, NULL, NULL);
    if (connection >= 0 && recv(connection, request, sizeof(request), 0) > 0)
        atomic_store(&impostor->asked, true);
    while (recv(connection, request, sizeof(request), 0) > 0)
        ;
    close(connection);
    return NULL;
}

static void ends_a_call_when_told_to_stop(void **state) {
    Impostor impostor = impostor_bind(true);
    assert_int_equal(pthread_create(&impostor.thread, NULL, stop_when_asked, &impostor), 0);
    HttpCall call = {.method = "GET",
                     .target = "/private-target",
                     .timeout_ms = 10 * PATIENCE_MS,
                     .stop = &impostor.asked};
    int64_t start_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    Error error = failed(impostor.url, &call);
    assert_unavailable(&error, "stopped", "stopped before");
    assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) - start_ms < PATIENCE_MS);
    pthread_join(impostor.thread, NULL);
    close(impostor.listener);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_method_target_headers_and_body),
        cmocka_unit_test(sends_no_body_when_there_is_none),
        cmocka_unit_test(sends_a_large_body_whole),
        cmocka_unit_test(sends_the_bearer_token),
        cmocka_unit_test(forgets_the_bearer_token_of_the_call_before),
        cmocka_unit_test(refuses_what_would_break_the_request),
        cmocka_unit_test(gives_status_retry_after_and_date_of_any_answer),
        cmocka_unit_test(follows_no_redirect),
        cmocka_unit_test(refuses_an_answer_above_the_ceiling),
        cmocka_unit_test(keeps_its_connection_between_calls),
        cmocka_unit_test(accepts_http_to_this_machine_and_https_to_any),
        cmocka_unit_test(refuses_other_urls),
        cmocka_unit_test(accepts_http_where_the_caller_has_judged_the_host),
        cmocka_unit_test(sends_a_secret_in_a_header_of_any_name),
        cmocka_unit_test(refuses_a_missing_ca_file),
        cmocka_unit_test(says_that_a_name_does_not_resolve),
        cmocka_unit_test(says_that_nobody_listens),
        cmocka_unit_test(says_that_nobody_answers),
        cmocka_unit_test(says_that_the_answer_breaks_off),
        cmocka_unit_test(says_that_it_is_not_http),
        cmocka_unit_test(a_header_without_end_is_not_read_for_ever),
        cmocka_unit_test(ends_a_call_when_told_to_stop),
    };
    return cmocka_run_group_tests_name("client", tests, start, stop);
}
