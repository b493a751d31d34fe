#include "http/request.h"

#include "base/id.h"
#include "base/text.h"
#include "http/peer.h"

#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { MAX_METHOD_LENGTH = 32 };

// Headers that mean one thing: given twice, two readers could disagree on which counts.
static const char *const SINGLE_HEADERS[] = {
    "Authorization", "Content-Digest",  "Content-Length",    "Content-Type",
    "Host",          "Idempotency-Key", "Transfer-Encoding",
};

static const char TOKEN_CHARACTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789!#$%&'*+-.^_`|~"; // RFC 9110, 5.6.2

static bool is_token(const char *text) {
    return text[0] != '\0' && text[strspn(text, TOKEN_CHARACTERS)] == '\0';
}

static void read_peer(HttpRequest *request) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
    char text[PEER_TEXT_MAX];
    peer_address(address, text);
    request->peer = arena_strdup(request->arena, text);
    peer_group(address, text);
    request->peer_group = arena_strdup(request->arena, text);
}

// As it was set when the connection came.
static Connection *step_counter(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info->socket_context;
}

HttpRequest *request_new(const HttpServer *server, const Clock *clock, size_t max_body_bytes,
                         struct MHD_Connection *connection, const char *target) {
    Arena *arena = arena_new();
    HttpRequest *request = arena_alloc(arena, sizeof(*request));
    *request = (HttpRequest){
        .server = server,
        .connection = connection,
        .arena = arena,
        .id = id_new(arena, "http"),
        .method = "",
        .target = arena_strdup(arena, target),
        .target_at = target,
        .parts = {.path = ""},
        .steps = step_counter(connection),
        .tls = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION) != NULL,
        .started_ms = clock_monotonic_ms(clock),
        .body = {.ceiling = max_body_bytes, .wipe = true},
    };
    read_peer(request);
    return request;
}

HttpRequest *request_free(HttpRequest *request) {
    if (request == NULL)
        return NULL;
    buffer_done(&request->body);
    arena_free(request->arena);
    return NULL;
}

void request_refuse(HttpRequest *request, const Error *error) {
    if (request->refusal == NULL)
        request->refusal = arena_copy(request->arena, error, sizeof(*error));
}

// Reading of the headers

typedef struct HeaderReading {
    HttpRequest *request;
    Error error;
    bool refused;
    const char *next_line; // where the next header must lie, see lines_are_certain; or NULL
    size_t singles[COUNT_OF(SINGLE_HEADERS)];
} HeaderReading;

// libmicrohttpd before 1.0 ends a text at a NUL byte within it and reads on behind it, joins lines
// that a space continues (RFC 9112, 5.2: to be refused) and takes a bare LF for an end of line. All
// three show by where the texts lie: the lines follow one another in memory with nothing but two
// NULs, once CR LF, between them. 1.0 refuses all three itself and lays the texts out differently.
static bool lines_are_certain(void) {
    return !text_starts_with(MHD_get_version(), "0.9.");
}

static enum MHD_Result header_refuse(HeaderReading *reading, const char *message) {
    reading->refused = true;
    error_set(&reading->error, STATUS_INVALID, "malformed_header", "%s", message);
    return MHD_NO;
}

static enum MHD_Result lines_refuse(HeaderReading *reading) {
    reading->request->framing_broken = true;
    return header_refuse(reading, "the request line or a header holds a NUL character, is "
                                  "continued on a second line or does not end in CR LF");
}

static bool has_control_character(const char *value) {
    for (; *value != '\0'; value++)
        if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7F)
            return true;
    return false;
}

static enum MHD_Result header_check(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value) {
    HeaderReading *reading = context;
    if (value == NULL)
        value = "";
    if (reading->next_line != NULL) {
        if (name != reading->next_line)
            return lines_refuse(reading);
        reading->next_line = value + strlen(value) + 2;
    }
    if (!is_token(name))
        return header_refuse(reading, "the name of a header holds a character it may not");
    if (!text_is_utf8(value, strlen(value)))
        return header_refuse(reading, "a header is not valid UTF-8");
    if (has_control_character(value))
        return header_refuse(reading, "a header holds a control character");
    for (size_t i = 0; i < COUNT_OF(SINGLE_HEADERS); i++)
        if (strcasecmp(name, SINGLE_HEADERS[i]) == 0 && ++reading->singles[i] > 1) {
            header_refuse(reading, "");
            error_set(&reading->error, STATUS_INVALID, "duplicate_header",
                      "the header %s is given more than once; give it once", SINGLE_HEADERS[i]);
            return MHD_NO;
        }
    return MHD_YES;
}

static void headers_check(HeaderReading *reading, const char *method, const char *version) {
    HttpRequest *request = reading->request;
    if (!lines_are_certain()) {
        if (request->target_at != method + strlen(method) + 1 ||
            version != request->target_at + strlen(request->target) + 1) {
            lines_refuse(reading);
            return;
        }
        reading->next_line = version + strlen(version) + 2;
    }
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, header_check, reading);
    if (reading->next_line == NULL || reading->refused)
        return;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info == NULL || reading->next_line + 2 != method + info->header_size)
        lines_refuse(reading);
}

// How long the body is must be said once and in one way, or a proxy in front of us and we could see
// the end of this request in different places (RFC 9112, 6.3).
static void framing_check(HeaderReading *reading, const char *version) {
    HttpRequest *request = reading->request;
    const char *length = http_request_header(request, "Content-Length");
    const char *encoding = http_request_header(request, "Transfer-Encoding");
    if (length != NULL)
        request->announced_length = strtoull(length, NULL, 10); // digits: libmicrohttpd checked
    const char *expect = http_request_header(request, "Expect");
    request->expects_continue = expect != NULL && strcasecmp(expect, "100-continue") == 0;
    if (encoding == NULL ||
        (length == NULL && strcasecmp(encoding, "chunked") == 0 && text_equal(version, "HTTP/1.1")))
        return;
    request->framing_broken = true;
    header_refuse(reading, "the length of the body must be given by either Content-Length or "
                           "Transfer-Encoding: chunked");
}

void request_read(HttpRequest *request, const char *method, const char *version) {
    HeaderReading reading = {.request = request};
    Error target_error = {0};
    headers_check(&reading, method, version);
    if (!reading.refused)
        framing_check(&reading, version);
    if (strlen(method) <= MAX_METHOD_LENGTH && is_token(method))
        request->method = arena_strdup(request->arena, method);
    else if (!reading.refused)
        header_refuse(&reading, "the method holds a character it may not");
    if (target_parse(request->arena, request->target, &request->parts, &target_error) !=
        STATUS_OK) {
        request->parts = (Target){.path = ""};
        request->target = text_printable(request->arena, request->target);
        request_refuse(request, &target_error);
    }
    if (reading.refused)
        request_refuse(request, &reading.error);
}

// What handlers see

Arena *http_request_arena(HttpRequest *request) {
    return request->arena;
}

const char *http_request_id(const HttpRequest *request) {
    return request->id;
}

const char *http_request_method(const HttpRequest *request) {
    return request->method;
}

const char *http_request_path(const HttpRequest *request) {
    return request->parts.path;
}

const char *http_request_target(const HttpRequest *request) {
    return request->target;
}

const char *http_request_query(HttpRequest *request, const char *name) {
    return target_parameter(&request->parts, name);
}

size_t http_request_query_count(HttpRequest *request) {
    return request->parts.parameter_count;
}

const char *http_request_query_name(HttpRequest *request, size_t index) {
    return index < request->parts.parameter_count ? request->parts.parameters[index].name : NULL;
}

typedef struct HeaderSearch {
    Arena *arena;
    const char *name;
    const char *value; // NULL until found
} HeaderSearch;

static const char *trimmed(Arena *arena, const char *value) {
    size_t length = strlen(value);
    size_t kept = length;
    while (kept > 0 && (value[kept - 1] == ' ' || value[kept - 1] == '\t'))
        kept--;
    return kept == length ? value : arena_copy(arena, value, kept);
}

static enum MHD_Result header_find(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value) {
    HeaderSearch *search = context;
    if (strcasecmp(name, search->name) != 0)
        return MHD_YES;
    value = trimmed(search->arena, value != NULL ? value : "");
    search->value =
        search->value == NULL ? value : arena_printf(search->arena, "%s, %s", search->value, value);
    return MHD_YES;
}

const char *http_request_header(HttpRequest *request, const char *name) {
    HeaderSearch search = {.arena = request->arena, .name = name};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, header_find, &search);
    return search.value;
}

const char *http_request_body(const HttpRequest *request, size_t *ret_length) {
    *ret_length = request->body.length;
    return buffer_text(&request->body);
}

const char *http_request_peer(const HttpRequest *request) {
    return request->peer;
}

const char *http_request_peer_group(const HttpRequest *request) {
    return request->peer_group;
}

bool http_request_is_tls(const HttpRequest *request) {
    return request->tls;
}

int64_t http_request_started_ms(const HttpRequest *request) {
    return request->started_ms;
}

bool http_request_was_parked(const HttpRequest *request) {
    return request->was_parked;
}

bool http_request_peer_is_gone(const HttpRequest *request) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == NULL)
        return true;
    struct pollfd socket = {.fd = info->connect_fd, .events = POLLRDHUP};
    return poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void *http_request_state(const HttpRequest *request) {
    return request->state;
}

void http_request_set_state(HttpRequest *request, void *state) {
    request->state = state;
}
