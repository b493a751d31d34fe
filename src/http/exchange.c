#include "http/exchange.h"

#include "http/problem.h"

#include <string.h>

enum {
    // Of a body that is not wanted, this much is read all the same: a client that is cut off while
    // it sends does not get to see why.
    DROPPED_LENGTH_MAX = 4 * 1024 * 1024,
    // A body up to this size is always taken in; of larger ones, as much at a time as so many of
    // the largest, a part of them for each address. Without that, whoever opens connections and
    // sends most of a body on each, signed in or not, has all the memory, or all the places.
    SMALL_BODY_BYTES = 64 * 1024,
    LARGE_BODIES = 16,
    LARGE_BODIES_PER_ADDRESS = 4,
};

static void body_release(HttpServer *server, HttpRequest *request) {
    buffer_done(&request->body);
    if (request->body_held == 0)
        return;
    atomic_fetch_sub(&server->large_bodies_bytes, request->body_held);
    connection_hold(request->steps, -(int64_t)request->body_held);
    request->body_held = 0;
}

// Counts what the body has come to hold. False when all bodies together, or those of its address,
// hold too much.
static bool body_hold(HttpServer *server, HttpRequest *request) {
    size_t capacity = request->body.capacity;
    if (capacity <= SMALL_BODY_BYTES || capacity <= request->body_held)
        return true;
    size_t more = capacity - request->body_held;
    size_t held = atomic_fetch_add(&server->large_bodies_bytes, more) + more;
    size_t of_address = (size_t)connection_hold(request->steps, (int64_t)more);
    request->body_held = capacity;
    size_t largest = server->options.max_body_bytes;
    return held <= LARGE_BODIES * largest && of_address <= LARGE_BODIES_PER_ADDRESS * largest;
}

void *exchange_begin(void *context, const char *target, struct MHD_Connection *connection) {
    HttpServer *server = context;
    atomic_fetch_add(&server->exchanges, 1);
    return request_new(server, server->options.clock, server->options.max_body_bytes, connection,
                       target != NULL ? target : "");
}

void exchange_end(void *context, struct MHD_Connection *connection, void **exchange,
                  enum MHD_RequestTerminationCode code) {
    HttpServer *server = context;
    HttpRequest *request = *exchange;
    if (request == NULL)
        return;
    body_release(server, request);
    connection_step(request->steps);
    *exchange = request_free(request);
    if (atomic_fetch_sub(&server->exchanges, 1) == 1 && atomic_load(&server->stopping)) {
        monitor_lock(&server->monitor);
        monitor_wake(&server->monitor);
        monitor_unlock(&server->monitor);
    }
}

// Sending

static bool headers_add(struct MHD_Response *response, const HttpAnswer *answer) {
    bool good = MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") &&
                MHD_add_response_header(response, "Cache-Control", "no-store");
    if (answer->body != NULL) {
        const char *type = answer->content_type != NULL ? answer->content_type : "application/json";
        good = good && MHD_add_response_header(response, "Content-Type", type);
    }
    for (size_t i = 0; i < answer->header_count; i++)
        good = good &&
               MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
    return good;
}

// libmicrohttpd takes its borrowed body as void * and does not write to it.
static struct MHD_Response *response_new(const HttpAnswer *answer) {
    void *body = (void *)(uintptr_t)(answer->body != NULL ? answer->body : "");
    return MHD_create_response_from_buffer(answer->body != NULL ? answer->length : 0, body,
                                           MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_refusal(HttpRequest *request);

static enum MHD_Result send_answer(HttpRequest *request, const HttpAnswer *answer, bool last) {
    struct MHD_Response *response = response_new(answer);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if (headers_add(response, answer) &&
        (!last || MHD_add_response_header(response, "Connection", "close"))) {
        unsigned status = answer->status != 0 ? (unsigned)answer->status : MHD_HTTP_OK;
        connection_step(request->steps);
        result = MHD_queue_response(request->connection, status, response);
    } else if (request->refusal == NULL) {
        // libmicrohttpd refuses headers that would break the answer.
        Error error = {0};
        error_set(&error, STATUS_INTERNAL, "internal", "the answer could not be sent");
        request_refuse(request, &error);
        result = send_refusal(request);
    }
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_refusal(HttpRequest *request) {
    const HttpServerOptions *options = &request->server->options;
    HttpAnswer answer = {0};
    if (options->refuse != NULL)
        options->refuse(options->context, request, request->refusal, &answer);
    if (answer.body == NULL) {
        answer.content_type = "application/problem+json";
        answer.body = problem_format(request->arena, request->refusal, request->id);
        answer.length = strlen(answer.body);
    }
    answer.status = status_http(request->refusal->status);
    return send_answer(request, &answer, true);
}

// Receiving

static void refuse_too_large(HttpRequest *request) {
    Error error = {0};
    error_set(&error, STATUS_TOO_LARGE, "body_too_large",
              "the body of the request is larger than the %zu bytes accepted",
              request->server->options.max_body_bytes);
    request_refuse(request, &error);
}

static enum MHD_Result read_headers(HttpRequest *request, const char *method, const char *version) {
    request->headers_read = true;
    connection_step(request->steps);
    request_read(request, method, version);
    if (request->announced_length > request->server->options.max_body_bytes)
        refuse_too_large(request);
    bool at_once = request->framing_broken || request->expects_continue ||
                   request->announced_length > DROPPED_LENGTH_MAX;
    if (request->refusal != NULL && at_once)
        return send_refusal(request);
    return MHD_YES;
}

static void refuse_busy(HttpRequest *request) {
    Error error = {0};
    error_set(&error, STATUS_UNAVAILABLE, "too_many_large_bodies",
              "the server takes in as many large bodies as it can; try again");
    request_refuse(request, &error);
}

static enum MHD_Result read_body(HttpServer *server, HttpRequest *request, const char *bytes,
                                 size_t length) {
    if (request->refusal == NULL) {
        if (buffer_append(&request->body, bytes, length, NULL) != STATUS_OK)
            refuse_too_large(request);
        else if (!body_hold(server, request))
            refuse_busy(request);
        if (request->refusal != NULL)
            body_release(server, request);
    }
    if (request->refusal != NULL)
        request->dropped_length += length;
    return request->dropped_length > DROPPED_LENGTH_MAX ? MHD_NO : MHD_YES;
}

// Answering

void exchange_suspend(Parked *parked) {
    HttpRequest *request = (HttpRequest *)((char *)parked - offsetof(HttpRequest, parked));
    connection_wait(request->steps);
    MHD_suspend_connection(request->connection);
}

void exchange_resume(Parked *parked) {
    HttpRequest *request = (HttpRequest *)((char *)parked - offsetof(HttpRequest, parked));
    MHD_resume_connection(request->connection);
}

static enum MHD_Result refuse_stopping(HttpRequest *request) {
    Error error = {0};
    error_set(&error, STATUS_UNAVAILABLE, "stopping", "the server is stopping; try again");
    request_refuse(request, &error);
    return send_refusal(request);
}

static enum MHD_Result answer_request(HttpServer *server, HttpRequest *request) {
    if (request->refusal != NULL)
        return send_refusal(request);
    if (atomic_load(&server->stopping))
        return refuse_stopping(request);
    HttpAnswer answer = {0};
    server->options.handler(server->options.context, request, &answer);
    if (answer.park_key == NULL)
        return send_answer(request, &answer, false);
    // Set first: once it is parked, the request is whoever's resumes it.
    request->was_parked = true;
    if (parking_enter(server->parking, &request->parked, answer.park_key, answer.park_until_ms,
                      answer.park_sequence))
        return MHD_YES;
    return refuse_stopping(request);
}

enum MHD_Result exchange_go_on(void *context, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **exchange) {
    HttpServer *server = context;
    HttpRequest *request = *exchange;
    if (request == NULL)
        return MHD_NO;
    if (!request->headers_read)
        return read_headers(request, method, version);
    if (*upload_size > 0) {
        size_t length = *upload_size;
        *upload_size = 0;
        return read_body(server, request, upload, length);
    }
    return answer_request(server, request);
}
