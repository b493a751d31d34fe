#include "api/call.h"

#include "base/log.h"
#include "http/problem.h"
#include "wire/api_messages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

CallState *call_state(Call *call) {
    CallState *state = http_request_state(call->request);
    if (state == NULL) {
        state = arena_alloc(call->arena, sizeof(*state));
        http_request_set_state(call->request, state);
    }
    return state;
}

int64_t call_now_ms(const Call *call) {
    return clock_now_ms(call->api->options.clock);
}

const char *call_parameter(const Call *call, const char *name) {
    const char *value = route_parameter(&call->match, name);
    assert(value != NULL); // handler and path of a route belong together
    return value;
}

Status call_configuration(Call *call, const Configuration **ret_configuration, Error *reterr) {
    if (call->configuration == NULL) {
        Configuration *configuration = arena_alloc(call->arena, sizeof(*configuration));
        TRY(store_configuration(call->api->options.store, call->arena, configuration, reterr));
        call->configuration = configuration;
    }
    *ret_configuration = call->configuration;
    return STATUS_OK;
}

bool call_has_scope(const Call *call, TokenScope scope) {
    return call->caller.kind == CALLER_PRINCIPAL &&
           string_list_has(&call->caller.token.scopes, enum_name(&TOKEN_SCOPES, (int)scope));
}

bool call_administers(const Call *call) {
    return call->caller.kind == CALLER_PRINCIPAL &&
           call->caller.principal.role == ROLE_ADMINISTRATOR;
}

bool call_reviews(const Call *call) {
    return call_administers(call) ||
           (call->caller.kind == CALLER_PRINCIPAL && call->caller.principal.role == ROLE_AUDITOR);
}

// ---- What came --------------------------------------------------------------------------------

static const Field *field_named(const Shape *shape, const char *name) {
    for (size_t i = 0; shape != NULL && i < shape->field_count; i++) {
        if (text_equal(shape->fields[i].name, name))
            return &shape->fields[i];
    }
    return NULL;
}

// A query is text; the shape wants JSON. What cannot be turned stays a string, which the shape
// refuses with its own words.
static json_t *query_value(Call *call, const Field *field, const char *text) {
    if (field->kind == FIELD_KIND_BOOL && (text_equal(text, "true") || text_equal(text, "false")))
        return json_boolean(text_equal(text, "true"));
    if (field->kind == FIELD_KIND_INT) {
        char *end;
        size_t digits = strspn(text, "0123456789");
        if (digits == strlen(text) && digits > 0 && digits <= 18)
            return json_integer(strtoll(text, &end, 10));
    }
    if (field->kind == FIELD_KIND_STRINGS) {
        json_t *list = json_array();
        const char *rest = text;
        while (*rest != '\0') {
            size_t length = strcspn(rest, ",");
            json_array_append_new(list, json_stringn(rest, length));
            rest += length + (rest[length] == ',');
        }
        return list;
    }
    return json_string(text);
}

static Status unknown_parameter(Call *call, const char *name, Error *reterr) {
    StringList known = {0};
    const Shape *shape = call->route->query;
    for (size_t i = 0; shape != NULL && i < shape->field_count; i++)
        string_list_add(call->arena, &known, shape->fields[i].name);
    return error_set(reterr, STATUS_INVALID, "unknown_parameter",
                     "there is no query parameter \"%.64s\" here; %s%s",
                     text_printable(call->arena, name), known.count > 0 ? "known are " : "none is",
                     known.count > 0 ? string_list_join(call->arena, &known, ", ") : " known");
}

Status call_read_query(Call *call, Error *reterr) {
    const Shape *shape = call->route->query;
    json_t *object = json_keep(call->arena, json_object());
    size_t count = http_request_query_count(call->request);
    for (size_t i = 0; i < count; i++) {
        const char *name = http_request_query_name(call->request, i);
        const Field *field = field_named(shape, name);
        if (field == NULL)
            return unknown_parameter(call, name, reterr);
        json_object_set_new(object, name,
                            query_value(call, field, http_request_query(call->request, name)));
    }
    if (shape == NULL)
        return STATUS_OK;
    void *query = arena_alloc(call->arena, shape->size);
    Error error = {0};
    if (shape_read(call->arena, shape, object, query, &error) != STATUS_OK) {
        // A pointer speaks of a body, which this is not about.
        return error_set(reterr, STATUS_INVALID, "bad_parameter", "query parameter %s",
                         error.message);
    }
    call->query = query;
    return STATUS_OK;
}

Status call_read_body(Call *call, Error *reterr) {
    enum { STRANGERS_BODY_BYTES = 64 * 1024 };
    const Shape *shape = call->route->body;
    size_t length = 0;
    const char *bytes = http_request_body(call->request, &length);
    // Nobody makes us work on much before we know who it is.
    if (call->caller.kind == CALLER_NOBODY && length > STRANGERS_BODY_BYTES)
        return error_set(reterr, STATUS_TOO_LARGE, "body_too_large",
                         "the body of this request is larger than the %d bytes accepted",
                         STRANGERS_BODY_BYTES);
    if (shape == NULL) {
        if (length > 0)
            return error_set(reterr, STATUS_INVALID, "unexpected_body",
                             "%s %s takes no body; send none", call->route->method,
                             call->route->path);
        return STATUS_OK;
    }
    void *body = arena_alloc(call->arena, shape->size);
    // No body is an empty one: where nothing is required nothing need be sent.
    if (length == 0) {
        bytes = "{}";
        length = 2;
    }
    TRY(shape_parse(call->arena, shape, bytes, length, body, reterr));
    call->body = body;
    return STATUS_OK;
}

// ---- Answers ----------------------------------------------------------------------------------

static Status answer_with(Call *call, int status, const char *content_type, const char *text) {
    call->answer->status = status;
    call->answer->content_type = content_type;
    call->answer->body = text;
    call->answer->length = text != NULL ? strlen(text) : 0;
    return STATUS_OK;
}

Status call_reply_json(Call *call, const json_t *value) {
    return answer_with(call, call->route->success, "application/json",
                       json_text(call->arena, value));
}

Status call_reply(Call *call, const void *reply) {
    assert(call->route->reply != NULL && !call->route->list);
    return call_reply_json(call, shape_write(call->arena, call->route->reply, reply));
}

Status call_reply_nothing(Call *call) {
    assert(call->route->reply == NULL);
    return answer_with(call, call->route->success, NULL, NULL);
}

Status call_reply_list(Call *call, json_t *items, const char *next) {
    assert(call->route->list);
    const ListReply reply = {.items = items, .next = next};
    return call_reply_json(call, shape_write(call->arena, &LIST_REPLY_SHAPE, &reply));
}

Status call_reply_text(Call *call, const char *content_type, const char *text) {
    return answer_with(call, call->route->success, content_type, text);
}

void call_add_header(Call *call, const char *name, const char *value) {
    HttpAnswer *answer = call->answer;
    assert(answer->header_count < COUNT_OF(answer->headers));
    answer->headers[answer->header_count].name = name;
    answer->headers[answer->header_count++].value = value;
}

static bool has_header(const HttpAnswer *answer, const char *name) {
    for (size_t i = 0; i < answer->header_count; i++) {
        if (text_equal(answer->headers[i].name, name))
            return true;
    }
    return false;
}

void call_reply_error(Call *call, const Error *error) {
    call->code = arena_strdup(call->arena, error->code);
    call->detail = error->detail[0] != '\0' ? arena_strdup(call->arena, error->detail) : NULL;
    answer_with(call, status_http(error->status), "application/problem+json",
                problem_format(call->arena, error, http_request_id(call->request)));
    call->answer->park_key = NULL;
    if (error->status == STATUS_UNAVAILABLE && !has_header(call->answer, "Retry-After"))
        call_add_header(call, "Retry-After", "1"); // what is unavailable comes back
    if (error->status == STATUS_UNAUTHENTICATED)
        call_add_header(call, "WWW-Authenticate", "Bearer realm=\"daypass\"");
}

// ---- Pages of named things ----------------------------------------------------------------------

static int compare_names(const void *a, const void *b) {
    const char *const *first = a, *const *second = b;
    return strcmp(*first, *second);
}

Status call_reply_named(Call *call, const StringList *names, const char *cursor, int64_t limit,
                        NamedView *view, Error *reterr) {
    const char **sorted =
        arena_copy(call->arena, names->items, names->count * sizeof(names->items[0]));
    if (names->count > 0)
        qsort(sorted, names->count, sizeof(sorted[0]), compare_names);
    json_t *items = json_keep(call->arena, json_array());
    const char *last = NULL;
    for (size_t i = 0; i < names->count; i++) {
        if (cursor != NULL && strcmp(sorted[i], cursor) <= 0)
            continue;
        if ((int64_t)json_array_size(items) == limit)
            return call_reply_list(call, items, last);
        json_t *value = NULL;
        TRY(view(call, sorted[i], &value, reterr));
        json_array_append(items, value);
        last = sorted[i];
    }
    return call_reply_list(call, items, NULL);
}

// ---- Waiting ----------------------------------------------------------------------------------

uint64_t call_sequence(const Call *call) {
    HttpServer *server = api_hold_server(call->api);
    if (server == NULL)
        return 0;
    uint64_t sequence = http_server_sequence(server);
    api_release_server(call->api);
    return sequence;
}

bool call_park(Call *call, const char *key, int64_t wait_ms, uint64_t sequence) {
    int64_t until_ms = http_request_started_ms(call->request) + wait_ms;
    if (clock_monotonic_ms(call->api->options.clock) >= until_ms || !api_is_serving(call->api))
        return false;
    call->answer->park_key = key;
    call->answer->park_until_ms = until_ms;
    call->answer->park_sequence = sequence;
    return true;
}

void call_note(Call *call, const AuditNote *note) {
    Error error = {0};
    if (store_note(call->api->options.store, &call->caller.actor, note, &error) != STATUS_OK)
        log_event(LOG_ERROR, "audit.failed", "request", http_request_id(call->request), "event",
                  note->event, "code", error.code, "message", error.message, "detail", error.detail,
                  NULL);
}
