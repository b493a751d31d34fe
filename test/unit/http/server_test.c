// The listener against what a network brings: each request is written byte by byte here.
#include "loopback.h"

#include "base/buffer.h"
#include "base/text.h"

#include <errno.h>
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

// A whole request with that line, those further headers and that body.
static const char *ask(Arena *arena, const char *line, const char *headers, const char *body) {
    return raw_exchange_text(
        loopback, arena,
        arena_printf(arena, "%s\r\nHost: x\r\nConnection: close\r\n%s\r\n%s", line, headers, body));
}

static void assert_has(const char *answer, const char *text) {
    if (strstr(answer, text) == NULL)
        fail_msg("expected '%s' in: %s", text, answer);
}

static void assert_refused(const char *answer, int status, const char *code) {
    char expected[96];
    snprintf(expected, sizeof(expected), "\"code\":\"%s\"", code);
    if (raw_status(answer) != status)
        fail_msg("expected %d %s: %s", status, code, answer);
    assert_has(answer, expected);
    assert_has(answer, "Content-Type: application/problem+json\r\n");
    assert_has(answer, "Connection: close\r\n");
}

static void assert_serves(void) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_int_equal(loopback_get(loopback, arena, "/still-there").status, 200);
}

static void gives_the_handler_every_part_of_the_request(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *answer = ask(arena, "POST /a%20b?x=1%262&y= HTTP/1.1",
                             "X-PROBE: first  \r\nContent-Length: 4\r\nx-probe:second\r\n", "body");
    assert_int_equal(raw_status(answer), 200);
    assert_has(answer, "method POST\npath /a b\ntarget /a%20b?x=1%262&y=\n"
                       "parameter x=1&2\nparameter y=\npeer 127.0.0.1\ntls 0\n"
                       "probe first, second\nauthorization (none)\nlength 4\nbody body");
}

static void every_answer_forbids_sniffing_and_storing(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *const answers[] = {ask(arena, "GET / HTTP/1.1", "", ""),
                                   ask(arena, "GET /%00 HTTP/1.1", "", ""),
                                   ask(arena, "GET /no-content HTTP/1.1", "", "")};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        assert_has(answers[i], "X-Content-Type-Options: nosniff\r\n");
        assert_has(answers[i], "Cache-Control: no-store\r\n");
        assert_null(strstr(answers[i], "Server:"));
    }
    assert_int_equal(raw_status(answers[2]), 204);
}

static void answers_head_without_a_body(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *answer = ask(arena, "HEAD /large HTTP/1.1", "", "");
    assert_int_equal(raw_status(answer), 200);
    assert_has(answer, "Content-Length: 300000\r\n");
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void keeps_a_connection_for_the_next_request(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    int connection = raw_connect(loopback->port);
    for (int i = 0; i < 3; i++) {
        const char *request = arena_printf(
            arena, "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%d", i, i);
        raw_send(connection, request, strlen(request));
        raw_receive_until(connection, arena, arena_printf(arena, "body %d", i));
    }
    const char *two = "GET /one HTTP/1.1\r\nHost: x\r\n\r\n"
                      "GET /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    raw_send(connection, two, strlen(two));
    const char *answers = raw_receive_all(connection, arena);
    assert_has(answers, "path /one\n");
    assert_has(answers, "path /two\n");
    close(connection);
}

static void reads_a_request_that_comes_byte_by_byte(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *request =
        "POST /slow?a=b HTTP/1.1\r\nHost: x\r\nX-Probe: p\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    int connection = raw_connect(loopback->port);
    for (size_t i = 0; i < strlen(request); i++)
        raw_send(connection, request + i, 1);
    const char *answer = raw_receive_all(connection, arena);
    assert_has(answer, "path /slow\n");
    assert_has(answer, "probe p\n");
    assert_has(answer, "length 5\nbody abcde");
    close(connection);
}

static void accepts_headers_of_every_size_up_to_the_ceiling(void **state) {
    char filling[MAX_HEADER_BYTES];
    memset(filling, 'f', sizeof(filling));
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (int size = 1; size < MAX_HEADER_BYTES - 200; size += 97) {
        const char *headers =
            arena_printf(arena, "X-Filling: %.*s\r\nX-Probe: end%d\r\n", size, filling, size);
        const char *answer = ask(arena, "GET /?q=1 HTTP/1.1", headers, "");
        assert_int_equal(raw_status(answer), 200);
        assert_has(answer, arena_printf(arena, "probe end%d\n", size));
    }
}

static void refuses_headers_and_targets_above_the_ceiling(void **state) {
    size_t length = 4 * MAX_HEADER_BYTES;
    char *filling = mem_alloc(length + 1);
    memset(filling, 'f', length);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *answer =
        ask(arena, "GET / HTTP/1.1", arena_printf(arena, "X-Filling: %s\r\n", filling), "");
    assert_int_equal(raw_status(answer), 431);
    answer = ask(arena, arena_printf(arena, "GET /%s HTTP/1.1", filling), "", "");
    assert_int_equal(raw_status(answer), 414);
    Buffer many = {0};
    for (size_t i = 0; i < length / 8; i++)
        buffer_add(&many, "X-A: b\r\n");
    answer = ask(arena, "GET / HTTP/1.1", buffer_text(&many), "");
    assert_int_equal(raw_status(answer), 431);
    buffer_done(&many);
    mem_free(filling);
    assert_serves();
}

static const char *with_body(Arena *arena, size_t length) {
    char *body = arena_alloc(arena, length + 1);
    memset(body, 'b', length);
    return ask(arena, "POST / HTTP/1.1", arena_printf(arena, "Content-Length: %zu\r\n", length),
               body);
}

static void accepts_a_body_of_the_ceiling_and_refuses_one_byte_more(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_has(with_body(arena, MAX_BODY_BYTES), "length 65536\n");
    assert_refused(with_body(arena, MAX_BODY_BYTES + 1), 413, "body_too_large");
    assert_refused(with_body(arena, 2 * 1024 * 1024), 413, "body_too_large");
}

static void refuses_a_huge_body_before_it_is_sent(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_refused(ask(arena, "POST / HTTP/1.1", "Content-Length: 1000000000000\r\n", ""), 413,
                   "body_too_large");
    int status = raw_status(
        ask(arena, "POST / HTTP/1.1", "Content-Length: 99999999999999999999999\r\n", ""));
    assert_int_equal(status, 413);
    assert_refused(
        ask(arena, "POST / HTTP/1.1", "Content-Length: 65537\r\nExpect: 100-continue\r\n", ""), 413,
        "body_too_large");
}

static void refuses_a_body_that_grows_in_pieces_above_the_ceiling(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Buffer body = {0};
    for (int i = 0; i < 17; i++)
        buffer_addf(&body, "1000\r\n%04096d\r\n", i);
    buffer_add(&body, "0\r\n\r\n");
    assert_refused(
        ask(arena, "POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n", buffer_text(&body)), 413,
        "body_too_large");
    buffer_done(&body);
}

static void cuts_off_a_body_without_end(void **state) {
    const char *head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    static char chunk[7 + 65536 + 2];
    memcpy(chunk, "10000\r\n", 7);
    memset(chunk + 7, 'x', 65536);
    memcpy(chunk + 7 + 65536, "\r\n", 2);
    int connection = raw_connect(loopback->port);
    raw_send(connection, head, strlen(head));
    size_t sent = 0;
    while (sent < 256 * 1024 * 1024 && raw_try_send(connection, chunk, sizeof(chunk)))
        sent += sizeof(chunk);
    assert_in_range(sent, 65536, 64 * 1024 * 1024);
    close(connection);
    assert_serves();
}

static void says_continue_to_who_waits_for_it(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n"
                       "Expect: 100-continue\r\n\r\n";
    int connection = raw_connect(loopback->port);
    raw_send(connection, head, strlen(head));
    assert_int_equal(raw_status(raw_receive_until(connection, arena, "\r\n\r\n")), 100);
    raw_send(connection, "late", 4);
    assert_has(raw_receive_all(connection, arena), "length 4\nbody late");
    close(connection);
}

static void refuses_malformed_targets(void **state) {
    static const char *const LINES[] = {
        "GET /%00 HTTP/1.1",    "GET /a%zz HTTP/1.1",      "GET /%ff HTTP/1.1",
        "GET /?a=%00 HTTP/1.1", "GET /?a=%c3%28 HTTP/1.1", "GET /?%=1 HTTP/1.1",
        "GET /\xff HTTP/1.1",   "GET /\xc3\xa9 HTTP/1.1",  "GET http://x/ HTTP/1.1",
        "OPTIONS * HTTP/1.1",   "GET /a%2Fb HTTP/1.1",     "GET /a#b HTTP/1.1",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    int refusals = atomic_load(&loopback->refusals);
    for (size_t i = 0; i < COUNT_OF(LINES); i++)
        assert_refused(ask(arena, LINES[i], "", ""), 400, "malformed_target");
    assert_refused(ask(arena, "GET /?a=1&a=2 HTTP/1.1", "", ""), 400, "duplicate_parameter");
    assert_int_equal(atomic_load(&loopback->refusals), refusals + (int)COUNT_OF(LINES) + 1);
}

static void refuses_malformed_headers(void **state) {
    static const char *const HEADERS[] = {
        "X-A: \xff\r\n",
        "X-A: \xc0\xaf\r\n",
        "X-A: a\x01-b\r\n",
        "X-A: \x1b[2J\r\n",
        "X-A : b\r\n",
        "X\xc3\xa9: b\r\n",
        "X(A): b\r\n",
        "X-A: b\r\n folded\r\n",
        "X-A: b\n",
        "X-A: a\rb\r\n",
        ": b\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    int calls = atomic_load(&loopback->calls);
    for (size_t i = 0; i < COUNT_OF(HEADERS); i++) {
        const char *answer = ask(arena, "POST / HTTP/1.1", HEADERS[i], "");
        if (raw_status(answer) != 400)
            fail_msg("%s: %s", HEADERS[i], answer);
    }
    assert_int_equal(atomic_load(&loopback->calls), calls);
    assert_refused(ask(arena, "GET / HTTP/1.1", "X-A: \xff\r\n", ""), 400, "malformed_header");
    assert_refused(ask(arena, "GET / HTTP/1.1", "Authorization: a\r\nauthorization: b\r\n", ""),
                   400, "duplicate_header");
    assert_refused(
        ask(arena, "POST / HTTP/1.1", "Content-Length: 1\r\nContent-Length: 2\r\n", "ab"), 400,
        "duplicate_header");
}

// Every place of a request where a NUL byte can stand.
static void refuses_a_nul_byte_wherever_it_stands(void **state) {
    static const char REQUEST[] = "GET /path?q=1 HTTP/1.1\r\nHost: x\r\nX-Probe: value\r\n"
                                  "Connection: close\r\n\r\n";
    CLEANUP(arena_freep) Arena *arena = arena_new();
    int calls = atomic_load(&loopback->calls);
    for (size_t at = 0; at + 4 < sizeof(REQUEST) - 1; at++) {
        for (size_t nuls = 1; nuls <= 4; nuls++) {
            char bytes[sizeof(REQUEST) + 4];
            memcpy(bytes, REQUEST, at);
            memset(bytes + at, 0, nuls);
            memcpy(bytes + at + nuls, REQUEST + at, sizeof(REQUEST) - 1 - at);
            int status =
                raw_status(raw_exchange(loopback, arena, bytes, sizeof(REQUEST) - 1 + nuls));
            if (status == 200)
                fail_msg("accepted with %zu NUL at %zu", nuls, at);
        }
    }
    assert_int_equal(atomic_load(&loopback->calls), calls);
}

static uint32_t next_random(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

// Sends each text on a connection of its own, all at once, and sees every connection ended: what
// looks like the start of something is given a second to go on.
static void assert_survives(const char *const *texts, const size_t *lengths, size_t count) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *impatient = loopback_start((HttpServerOptions){.idle_timeout_s = 1});
    int *connections = arena_alloc(arena, count * sizeof(*connections));
    for (size_t i = 0; i < count; i++) {
        connections[i] = raw_connect(impatient->port);
        raw_try_send(connections[i], texts[i], lengths[i]);
    }
    for (size_t i = 0; i < count; i++) {
        raw_receive_all(connections[i], arena);
        close(connections[i]);
    }
    assert_int_equal(loopback_get(impatient, arena, "/still-there").status, 200);
    loopback_stop(impatient);
}

enum { DAMAGED_COUNT = 400 };

static void survives_garbage(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *texts[DAMAGED_COUNT];
    size_t lengths[DAMAGED_COUNT];
    uint32_t seed = 20240501;
    for (size_t i = 0; i < DAMAGED_COUNT; i++) {
        lengths[i] = 1 + next_random(&seed) % 512;
        char *bytes = arena_alloc(arena, lengths[i]);
        for (size_t k = 0; k < lengths[i]; k++)
            bytes[k] = (char)next_random(&seed);
        texts[i] = bytes;
    }
    assert_survives(texts, lengths, DAMAGED_COUNT);
}

// Valid requests with a few bytes changed: nearer to the parser's edges than garbage.
static void survives_damaged_requests(void **state) {
    static const char REQUEST[] = "POST /a%20b?x=1&y=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                  "Content-Length: 3\r\nX-Probe: p\r\n\r\nabc";
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *texts[DAMAGED_COUNT];
    size_t lengths[DAMAGED_COUNT];
    uint32_t seed = 77;
    for (size_t i = 0; i < DAMAGED_COUNT; i++) {
        char *bytes = arena_copy(arena, REQUEST, sizeof(REQUEST));
        for (int k = 0; k < 3; k++)
            bytes[next_random(&seed) % (sizeof(REQUEST) - 1)] = (char)next_random(&seed);
        texts[i] = bytes;
        lengths[i] = sizeof(REQUEST) - 1;
    }
    assert_survives(texts, lengths, DAMAGED_COUNT);
}

static void survives_clients_that_leave_in_the_middle(void **state) {
    static const char REQUEST[] = "POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    for (size_t length = 0; length < sizeof(REQUEST); length++) {
        int connection = raw_connect(loopback->port);
        raw_send(connection, REQUEST, length);
        struct linger now = {.l_onoff = 1, .l_linger = 0}; // a reset rather than an end
        setsockopt(connection, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close(connection);
    }
    assert_serves();
}

static void an_answer_that_would_be_broken_is_replaced(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *answer = ask(arena, "GET /broken HTTP/1.1", "", "");
    assert_refused(answer, 500, "internal");
    assert_null(strstr(answer, "X-Injected"));
    assert_null(strstr(answer, "never seen"));
}

// Servers with limits of their own

static void cuts_off_clients_that_stall(void **state) {
    static const char *const STARTS[] = {
        "",
        "GE",
        "GET / HTTP/1.1\r\nHost: x\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *impatient = loopback_start((HttpServerOptions){.idle_timeout_s = 1});
    int connections[COUNT_OF(STARTS)];
    for (size_t i = 0; i < COUNT_OF(STARTS); i++) {
        connections[i] = raw_connect(impatient->port);
        raw_send(connections[i], STARTS[i], strlen(STARTS[i]));
    }
    for (size_t i = 0; i < COUNT_OF(STARTS); i++) {
        assert_int_not_equal(raw_status(raw_receive_all(connections[i], arena)), 200);
        close(connections[i]);
    }
    assert_int_equal(atomic_load(&impatient->calls), 0);
    loopback_stop(impatient);
}

static void one_address_has_only_so_many_connections(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *narrow =
        loopback_start((HttpServerOptions){.max_connections_per_address = 2, .threads = 1});
    int first = raw_connect(narrow->port), second = raw_connect(narrow->port);
    const char *request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    raw_send(first, request, strlen(request));
    raw_receive_until(first, arena, "body ");
    raw_send(second, request, strlen(request));
    raw_receive_until(second, arena, "body ");
    int third = raw_connect(narrow->port);
    raw_try_send(third, request, strlen(request));
    assert_string_equal(raw_receive_all(third, arena), "");
    close(third);
    raw_send(first, request, strlen(request));
    raw_receive_until(first, arena, "body ");
    close(first);
    close(second);
    loopback_stop(narrow);
}

static void never_called(void *context, HttpRequest *request, HttpAnswer *answer) {
    abort();
}

static void says_why_it_cannot_listen(void **state) {
    HttpServer *server = NULL;
    HttpServerOptions options = {
        .host = "127.0.0.1",
        .port = loopback->port,
        .max_body_bytes = 1,
        .max_header_bytes = 1024,
        .threads = 1,
        .max_connections = 1,
        .max_connections_per_address = 1,
        .idle_timeout_s = 1,
        .clock = &SYSTEM_CLOCK,
        .handler = never_called,
    };
    Error error = {0};
    assert_int_equal(http_server_start(&options, &server, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "cannot_listen");
    assert_non_null(strstr(error.message, strerror(EADDRINUSE)));
    static const struct {
        const char *host;
        int port;
    } BAD[] = {{"localhost", 0}, {"300.1.1.1", 0}, {"", 0}, {"127.0.0.1", -1}, {"::1", 65536}};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        options.host = BAD[i].host;
        options.port = BAD[i].port;
        assert_int_equal(http_server_start(&options, &server, &error), STATUS_INVALID);
        assert_string_equal(error.code, "bad_listen_address");
    }
    assert_null(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_handler_every_part_of_the_request),
        cmocka_unit_test(every_answer_forbids_sniffing_and_storing),
        cmocka_unit_test(answers_head_without_a_body),
        cmocka_unit_test(keeps_a_connection_for_the_next_request),
        cmocka_unit_test(reads_a_request_that_comes_byte_by_byte),
        cmocka_unit_test(accepts_headers_of_every_size_up_to_the_ceiling),
        cmocka_unit_test(refuses_headers_and_targets_above_the_ceiling),
        cmocka_unit_test(accepts_a_body_of_the_ceiling_and_refuses_one_byte_more),
        cmocka_unit_test(refuses_a_huge_body_before_it_is_sent),
        cmocka_unit_test(refuses_a_body_that_grows_in_pieces_above_the_ceiling),
        cmocka_unit_test(cuts_off_a_body_without_end),
        cmocka_unit_test(says_continue_to_who_waits_for_it),
        cmocka_unit_test(refuses_malformed_targets),
        cmocka_unit_test(refuses_malformed_headers),
        cmocka_unit_test(refuses_a_nul_byte_wherever_it_stands),
        cmocka_unit_test(survives_garbage),
        cmocka_unit_test(survives_damaged_requests),
        cmocka_unit_test(survives_clients_that_leave_in_the_middle),
        cmocka_unit_test(an_answer_that_would_be_broken_is_replaced),
        cmocka_unit_test(cuts_off_clients_that_stall),
        cmocka_unit_test(one_address_has_only_so_many_connections),
        cmocka_unit_test(says_why_it_cannot_listen),
    };
    return cmocka_run_group_tests_name("server", tests, start, stop);
}
