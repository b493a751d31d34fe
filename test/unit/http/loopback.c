#include "loopback.h"

#include "base/buffer.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

// The handler

static void answer_text(HttpRequest *request, HttpAnswer *answer, const Buffer *text) {
    answer->content_type = "text/plain";
    answer->length = text->length;
    answer->body = arena_copy(http_request_arena(request), buffer_text(text), text->length);
}

static void answer_echo(Loopback *loopback, HttpRequest *request, HttpAnswer *answer) {
    const char *probe = http_request_header(request, "x-probe");
    const char *authorization = http_request_header(request, "authorization");
    size_t body_length = 0;
    const char *body = http_request_body(request, &body_length);
    Buffer text = {0};
    buffer_addf(&text, "method %s\npath %s\ntarget %s\n", http_request_method(request),
                http_request_path(request), http_request_target(request));
    for (size_t i = 0; i < http_request_query_count(request); i++) {
        const char *name = http_request_query_name(request, i);
        buffer_addf(&text, "parameter %s=%s\n", name, http_request_query(request, name));
    }
    buffer_addf(&text, "peer %s\ntls %d\nprobe %s\nauthorization %s\nlength %zu\nbody ",
                http_request_peer(request), http_request_is_tls(request),
                probe != NULL ? probe : "(none)", authorization != NULL ? authorization : "(none)",
                body_length);
    buffer_add_bytes(&text, body, body_length);
    answer_text(request, answer, &text);
    buffer_done(&text);
}

static void answer_state(Loopback *loopback, HttpRequest *request, HttpAnswer *answer) {
    Buffer text = {0};
    buffer_addf(&text, "calls=%d parked=%zu", atomic_load(&loopback->calls),
                http_server_parked(loopback->server));
    answer_text(request, answer, &text);
    buffer_done(&text);
}

static void answer_no_content(Loopback *loopback, HttpRequest *request, HttpAnswer *answer) {
    answer->status = 204;
}

static void answer_busy(Loopback *loopback, HttpRequest *request, HttpAnswer *answer) {
    answer->status = 503;
    answer->headers[answer->header_count].name = "Retry-After";
    answer->headers[answer->header_count++].value = "7";
}

static void answer_large(Loopback *loopback, HttpRequest *request, HttpAnswer *answer) {
    char *body = arena_alloc(http_request_arena(request), LARGE_ANSWER_BYTES);
    memset(body, 'x', LARGE_ANSWER_BYTES);
    answer->body = body;
    answer->length = LARGE_ANSWER_BYTES;
}

static void answer_elsewhere(Loopback *loopback, HttpRequest *request, HttpAnswer *answer) {
    answer->status = 302;
    answer->headers[answer->header_count].name = "Location";
    answer->headers[answer->header_count++].value = "/echo";
}

static void answer_broken(Loopback *loopback, HttpRequest *request, HttpAnswer *answer) {
    answer->body = "never seen";
    answer->length = strlen(answer->body);
    answer->headers[answer->header_count].name = "X-Name";
    answer->headers[answer->header_count++].value = "a\r\nX-Injected: b";
}

static long number(HttpRequest *request, const char *name) {
    const char *text = http_request_query(request, name);
    return text != NULL ? strtol(text, NULL, 10) : 0;
}

static void answer_next(Loopback *loopback, HttpRequest *request, HttpAnswer *answer) {
    uint64_t sequence = http_server_sequence(loopback->server);
    int published = atomic_load(&loopback->published);
    int64_t until_ms = http_request_started_ms(request) + number(request, "wait");
    Buffer text = {0};
    if (published > number(request, "after")) {
        buffer_addf(&text, "published %d%s", published,
                    http_request_was_parked(request) ? " after waiting" : "");
        answer_text(request, answer, &text);
    } else if (clock_monotonic_ms(&SYSTEM_CLOCK) >= until_ms) {
        buffer_add(&text, "nothing new");
        answer_text(request, answer, &text);
    } else {
        answer->park_key = http_request_query(request, "key");
        answer->park_until_ms = until_ms;
        answer->park_sequence = sequence;
    }
    buffer_done(&text);
}

static const struct {
    const char *path;
    void (*answer)(Loopback *loopback, HttpRequest *request, HttpAnswer *answer);
} ANSWERS[] = {
    {"/state", answer_state}, {"/no-content", answer_no_content}, {"/busy", answer_busy},
    {"/large", answer_large}, {"/elsewhere", answer_elsewhere},   {"/broken", answer_broken},
    {"/next", answer_next},
};

static void handle(void *context, HttpRequest *request, HttpAnswer *answer) {
    Loopback *loopback = context;
    atomic_fetch_add(&loopback->calls, 1);
    for (size_t i = 0; i < COUNT_OF(ANSWERS); i++)
        if (text_equal(ANSWERS[i].path, http_request_path(request))) {
            ANSWERS[i].answer(loopback, request, answer);
            return;
        }
    answer_echo(loopback, request, answer);
}

// Leaves the body to the server, and looks at all a log would look at.
static void count_refusal(void *context, HttpRequest *request, const Error *error,
                          HttpAnswer *answer) {
    Loopback *loopback = context;
    const char *texts[] = {http_request_id(request), http_request_method(request),
                           http_request_path(request), http_request_target(request),
                           http_request_peer(request)};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (texts[i] == NULL || !text_is_utf8(texts[i], strlen(texts[i])))
            abort();
    atomic_fetch_add(&loopback->refusals, 1);
}

// Starting and stopping

static void with_defaults(HttpServerOptions *options) {
    if (options->host == NULL)
        options->host = "127.0.0.1";
    if (options->max_body_bytes == 0)
        options->max_body_bytes = MAX_BODY_BYTES;
    if (options->max_header_bytes == 0)
        options->max_header_bytes = MAX_HEADER_BYTES;
    if (options->threads == 0)
        options->threads = 2;
    if (options->max_connections == 0)
        options->max_connections = 4096;
    if (options->max_connections_per_address == 0)
        options->max_connections_per_address = 4096;
    if (options->idle_timeout_s == 0)
        options->idle_timeout_s = 30;
    if (options->clock == NULL)
        options->clock = &SYSTEM_CLOCK;
}

Loopback *loopback_start(HttpServerOptions options) {
    Loopback *loopback = mem_alloc(sizeof(*loopback));
    with_defaults(&options);
    options.handler = handle;
    options.refuse = count_refusal;
    options.context = loopback;
    Error error = {0};
    if (http_server_start(&options, &loopback->server, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    loopback->port = http_server_port(loopback->server);
    snprintf(loopback->url, sizeof(loopback->url), "%s://127.0.0.1:%d",
             options.tls_key_pem != NULL ? "https" : "http", loopback->port);
    return loopback;
}

Loopback *loopback_stop(Loopback *loopback) {
    if (loopback == NULL)
        return NULL;
    http_server_stop(loopback->server);
    return mem_free(loopback);
}

void loopback_publish(Loopback *loopback, const char *key) {
    atomic_fetch_add(&loopback->published, 1);
    http_server_wake(loopback->server, key);
}

// A request is parked after its handler has returned, and nothing tells: the count is looked at.
void loopback_await_parked(const Loopback *loopback, size_t count) {
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + PATIENCE_MS;
    while (http_server_parked(loopback->server) != count) {
        if (clock_monotonic_ms(&SYSTEM_CLOCK) > until_ms)
            fail_msg("%zu requests are parked, not %zu", http_server_parked(loopback->server),
                     count);
        poll(NULL, 0, 1);
    }
}

HttpClient *loopback_client(const Loopback *loopback) {
    HttpClientOptions options = {.base_url = loopback->url, .user_agent = "test"};
    HttpClient *client = NULL;
    Error error = {0};
    if (http_client_new(&options, &client, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    return client;
}

HttpReply loopback_get(const Loopback *loopback, Arena *arena, const char *target) {
    CLEANUP(http_client_freep) HttpClient *client = loopback_client(loopback);
    HttpCall call = {.method = "GET", .target = target, .timeout_ms = PATIENCE_MS};
    HttpReply reply = {0};
    Error error = {0};
    if (http_client_call(client, arena, &call, &reply, &error) != STATUS_OK)
        fail_msg("%s: %s", target, error.message);
    return reply;
}

// Raw connections

int raw_connect(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    assert_true(connection >= 0);
    assert_int_equal(connect(connection, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connection;
}

bool raw_try_send(int connection, const void *bytes, size_t length) {
    for (size_t sent = 0; sent < length;) {
        ssize_t count = send(connection, (const char *)bytes + sent, length - sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        sent += (size_t)count;
    }
    return true;
}

void raw_send(int connection, const void *bytes, size_t length) {
    assert_true(raw_try_send(connection, bytes, length));
}

// Appends what has come; false at the end of the connection.
static bool receive_some(int connection, Buffer *into) {
    struct pollfd ready = {.fd = connection, .events = POLLIN};
    if (poll(&ready, 1, PATIENCE_MS) <= 0)
        fail_msg("nothing came within %d ms; so far: %s", PATIENCE_MS, buffer_text(into));
    char bytes[16384];
    ssize_t count = recv(connection, bytes, sizeof(bytes), 0);
    if (count <= 0)
        return false;
    buffer_add_bytes(into, bytes, (size_t)count);
    return true;
}

const char *raw_receive_all(int connection, Arena *arena) {
    Buffer received = {0};
    while (receive_some(connection, &received))
        ;
    const char *text = arena_copy(arena, buffer_text(&received), received.length);
    buffer_done(&received);
    return text;
}

const char *raw_receive_until(int connection, Arena *arena, const char *text) {
    Buffer received = {0};
    while (strstr(buffer_text(&received), text) == NULL)
        if (!receive_some(connection, &received))
            fail_msg("the connection ended before '%s'; so far: %s", text, buffer_text(&received));
    const char *all = arena_copy(arena, buffer_text(&received), received.length);
    buffer_done(&received);
    return all;
}

const char *raw_exchange(const Loopback *loopback, Arena *arena, const void *bytes, size_t length) {
    int connection = raw_connect(loopback->port);
    raw_try_send(connection, bytes, length);
    const char *answer = raw_receive_all(connection, arena);
    close(connection);
    return answer;
}

const char *raw_exchange_text(const Loopback *loopback, Arena *arena, const char *text) {
    return raw_exchange(loopback, arena, text, strlen(text));
}

int raw_status(const char *answer) {
    return text_starts_with(answer, "HTTP/1.1 ") ? (int)strtol(answer + 9, NULL, 10) : 0;
}
