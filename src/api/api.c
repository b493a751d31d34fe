#include "api/api.h"

#include "api/authorisation.h"
#include "api/call.h"
#include "base/crypto.h"
#include "base/log.h"
#include "http/problem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    MAX_NONCES = 2 * 1000 * 1000,
    FOREIGN_NOTES_PER_MINUTE = 6,
    // Somebody who guesses at a password from one place does not keep its owner out who is
    // elsewhere; somebody who guesses from more places than this does, for that minute.
    EVERYWHERE_FACTOR = 10,
};

static const char *const METRICS_ACCESS_NAMES[] = {
    [METRICS_LOOPBACK] = "loopback",
    [METRICS_TOKEN] = "token",
    [METRICS_OPEN] = "open",
};
const EnumTable METRICS_ACCESSES = {"access to metrics", METRICS_ACCESS_NAMES,
                                    COUNT_OF(METRICS_ACCESS_NAMES)};

Status api_new(const ApiOptions *options, Api **ret_api, Error *reterr) {
    const RouteTable *table = options->routes != NULL ? options->routes : &ROUTES;
    TRY(route_table_check(table, reterr));
    crypto_start();
    Api *api = mem_alloc(sizeof(*api));
    api->options = *options;
    api->routes = *table;
    api->arena = arena_new();
    api->principal_limiter = rate_limiter_new(options->clock, options->sign_ins_per_principal);
    api->address_limiter = rate_limiter_new(options->clock, options->sign_ins_per_address);
    api->foreign_limiter = rate_limiter_new(options->clock, FOREIGN_NOTES_PER_MINUTE);
    api->everywhere_limiter =
        rate_limiter_new(options->clock, options->sign_ins_per_principal * EVERYWHERE_FACTOR);
    api->admission = admission_new(options->clock, &options->limits);
    api->nonces = nonce_cache_new(MAX_NONCES);
    api->metrics = metrics_new(&api->routes);
    pthread_rwlock_init(&api->server_lock, NULL);
    api->started_at = clock_now_ms(options->clock);
    api->openapi = json_text(api->arena, openapi_document(api->arena, &api->routes));
    *ret_api = api;
    return STATUS_OK;
}

Api *api_free(Api *api) {
    if (api == NULL)
        return NULL;
    rate_limiter_free(api->principal_limiter);
    rate_limiter_free(api->address_limiter);
    rate_limiter_free(api->foreign_limiter);
    rate_limiter_free(api->everywhere_limiter);
    admission_free(api->admission);
    nonce_cache_free(api->nonces);
    metrics_free(api->metrics);
    pthread_rwlock_destroy(&api->server_lock);
    arena_free(api->arena);
    return mem_free(api);
}

void api_attach(Api *api, HttpServer *server) {
    pthread_rwlock_wrlock(&api->server_lock);
    api->server = server;
    pthread_rwlock_unlock(&api->server_lock);
}

HttpServer *api_hold_server(Api *api) {
    pthread_rwlock_rdlock(&api->server_lock);
    HttpServer *server = api->server;
    if (server == NULL)
        pthread_rwlock_unlock(&api->server_lock);
    return server;
}

void api_release_server(Api *api) {
    pthread_rwlock_unlock(&api->server_lock);
}

void api_wake(Api *api, const char *key) {
    HttpServer *server = api_hold_server(api);
    if (server == NULL)
        return;
    http_server_wake(server, key);
    api_release_server(api);
}

bool api_is_serving(Api *api) {
    bool serving = api_hold_server(api) != NULL;
    if (serving)
        api_release_server(api);
    return serving;
}

static void wake(Api *api, const char *kind, const char *name) {
    char key[256];
    snprintf(key, sizeof(key), "%s:%s", kind, name);
    api_wake(api, key);
}

void api_grant_changed(void *context, const char *grant_id) {
    wake(context, "grant", grant_id);
}

void api_work_queued(void *context, const char *connector) {
    wake(context, "connector", connector);
}

void api_note_certificate(Api *api, int64_t ends_at) {
    metrics_set_certificate(api->metrics, ends_at);
}

void api_note_clock_step(Api *api) {
    metrics_count_clock_step(api->metrics);
}

// ---- Routing ----------------------------------------------------------------------------------

static RouteTemplate route_at(const void *table, size_t index) {
    const Route *route = &((const RouteTable *)table)->routes[index];
    return (RouteTemplate){.method = route->method, .path = route->path};
}

// Not a Status of ours: HTTP alone has methods.
static void reply_method_not_allowed(Call *call) {
    const RouteTable *table = &call->api->routes;
    const char *path = http_request_path(call->request);
    const char *allowed = route_allowed(call->arena, table->count, route_at, table, path);
    const Problem problem = {
        .type = "about:blank",
        .title = "Method Not Allowed",
        .status = 405,
        .kind = status_name(STATUS_UNSUPPORTED),
        .code = "method_not_allowed",
        .detail = arena_printf(call->arena, "this path takes %s", allowed),
        .request_id = http_request_id(call->request),
    };
    call->code = problem.code;
    call->answer->status = 405;
    call->answer->content_type = "application/problem+json";
    call->answer->body = shape_format(call->arena, &PROBLEM_SHAPE, &problem);
    call->answer->length = strlen(call->answer->body);
    call_add_header(call, "Allow", allowed);
}

static Status run_route(Call *call, Error *reterr) {
    if (!api_is_serving(call->api))
        return error_set(reterr, STATUS_UNAVAILABLE, "starting",
                         "daypassd is starting or stopping; try again");
    Error denied = {0};
    bool waits = false;
    Status authorised = call_authorise(call, &denied);
    TRY(call_admit(call, &waits, reterr)); // who is not let in has called all the same
    if (waits)
        return STATUS_OK;
    if (authorised != STATUS_OK) {
        *reterr = denied;
        return authorised;
    }
    TRY(call_read_query(call, reterr));
    TRY(call_read_body(call, reterr));
    return call->route->handler(call, reterr);
}

static void run(Call *call) {
    const RouteTable *table = &call->api->routes;
    bool found =
        route_match(call->arena, table->count, route_at, table, http_request_method(call->request),
                    http_request_path(call->request), &call->match);
    if (!found && call->match.path_known) {
        reply_method_not_allowed(call);
        return;
    }
    Error error = {0};
    if (found) {
        call->route = &table->routes[call->match.index];
        if (run_route(call, &error) == STATUS_OK)
            return;
    } else {
        error_set(&error, STATUS_NOT_FOUND, "no_such_path",
                  "there is nothing at this path; GET /openapi.json says what there is");
    }
    call_reply_error(call, &error);
}

// ---- Around every request -----------------------------------------------------------------------

static void log_request(const Call *call, int64_t worked_us) {
    char status[16], ms[24];
    snprintf(status, sizeof(status), "%d", call->answer->status);
    snprintf(ms, sizeof(ms), "%lld.%03lld", (long long)worked_us / 1000,
             (long long)worked_us % 1000);
    bool is_ours = call->answer->status >= 500 && call->answer->status != 503;
    const char *who = NULL;
    if (call->caller.kind != CALLER_NOBODY)
        who = call->caller.actor.name;
    log_event(is_ours ? LOG_ERROR : LOG_INFO, "http.request", "request",
              http_request_id(call->request), "method", http_request_method(call->request), "route",
              call->route != NULL ? call->route->path : NULL, "status", status, "ms", ms,
              "principal", who, "peer", http_request_peer(call->request), "grant", call->grant_id,
              "code", call->code, "detail", call->detail, NULL);
}

static int64_t monotonic_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void api_handle(void *context, HttpRequest *request, HttpAnswer *answer) {
    Api *api = context;
    int64_t began_us = monotonic_us();
    Call call = {
        .api = api,
        .request = request,
        .answer = answer,
        .arena = http_request_arena(request),
    };
    call_waited(&call);
    run(&call);
    int64_t worked_us = monotonic_us() - began_us;
    if (answer->park_key != NULL)
        return; // it will be answered, logged and counted when it runs again
    call_add_header(&call, "X-Request-Id", http_request_id(request));
    metrics_count_request(api->metrics, call.route, answer->status, worked_us);
    if (call.route != NULL && call.route->permission == PERMISSION_CONNECTOR &&
        http_request_was_parked(request))
        metrics_count_poll(api->metrics, clock_monotonic_ms(api->options.clock) -
                                             http_request_started_ms(request));
    log_request(&call, worked_us);
}

void api_refuse(void *context, HttpRequest *request, const Error *error, HttpAnswer *answer) {
    Api *api = context;
    Call call = {
        .api = api,
        .request = request,
        .answer = answer,
        .arena = http_request_arena(request),
    };
    call_reply_error(&call, error);
    call_add_header(&call, "X-Request-Id", http_request_id(request));
    metrics_count_request(api->metrics, NULL, answer->status, 0);
    log_request(&call, 0);
}
