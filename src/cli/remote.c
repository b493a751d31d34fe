#include "cli/remote.h"

#include "base/buffer.h"
#include "base/text.h"
#include "http/client.h"
#include "http/percent.h"
#include "http/problem.h"
#include "wire/api_messages.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
    CALL_TIMEOUT_MS = 30 * SECOND_MS,
    WAIT_MARGIN_MS = 15 * SECOND_MS,
    TRIES = 5, // some 5 s in all: daypassd has 3 s to end what it began before it reloads
    FIRST_PAUSE_MS = 300,
    ANSWER_MAX_BYTES = 16 * 1024 * 1024,
};

struct Remote {
    Session session;
    HttpClient *client;
    Secret *token; // NULL: anonymous
};

Remote *remote_free(Remote *remote) {
    if (remote == NULL)
        return NULL;
    http_client_free(remote->client);
    secret_free(remote->token);
    return mem_free(remote);
}

static Status open_client(const Session *session, Remote **ret_remote, Error *reterr) {
    HttpClientOptions options = {.base_url = session->url,
                                 .ca_file = session->ca_file,
                                 .user_agent = "daypass/" DAYPASS_VERSION,
                                 .max_body_bytes = ANSWER_MAX_BYTES};
    HttpClient *client = NULL;
    TRY(http_client_new(&options, &client, reterr));
    Remote *remote = mem_alloc(sizeof(*remote));
    remote->session = *session;
    remote->client = client;
    if (session->token != NULL)
        remote->token = secret_new(session->token, strlen(session->token));
    *ret_remote = remote;
    return STATUS_OK;
}

Status remote_open(Cli *cli, const Session *session, Error *reterr) {
    cli->remote = remote_free(cli->remote);
    return open_client(session, &cli->remote, reterr);
}

Status remote_open_anonymous(Cli *cli, const char *url, const char *ca_file, Error *reterr) {
    return remote_open(cli, &(Session){.url = url, .ca_file = ca_file}, reterr);
}

static Status open_remote(Cli *cli, Error *reterr) {
    if (cli->remote != NULL)
        return STATUS_OK;
    Session session;
    TRY(session_load(cli->arena, &session, reterr));
    return open_client(&session, &cli->remote, reterr);
}

Status remote_session(Cli *cli, const Session **ret_session, Error *reterr) {
    TRY(open_remote(cli, reterr));
    *ret_session = &cli->remote->session;
    return STATUS_OK;
}

// ---- One call ---------------------------------------------------------------------------------

static void pause_ms(int milliseconds) {
    struct timespec left = {.tv_sec = milliseconds / SECOND_MS,
                            .tv_nsec = (long)(milliseconds % SECOND_MS) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

// Nothing of it was done: there was no connection to send it on, or daypassd was about to stop (to
// listen with another certificate, say) or had just started.
static bool was_not_done(Cli *cli, Status status, const HttpReply *reply, const Error *error) {
    if (status != STATUS_OK)
        return text_equal(error->code, "cannot_connect") || text_equal(error->code, "tls_failed");
    if (reply->status != 503)
        return false;
    Error said = {0};
    Status problem = problem_parse(cli->arena, reply->status, reply->body, reply->length, &said);
    return problem != STATUS_OK &&
           (text_equal(said.code, "stopping") || text_equal(said.code, "starting"));
}

// No answer, or one that says to come back: what was asked may or may not have been done, so only a
// call that may be repeated is.
static bool is_worth_repeating(Status status, const HttpReply *reply, const Error *error) {
    if (status != STATUS_OK) // a certificate does not get better in some seconds
        return status == STATUS_UNAVAILABLE && !text_equal(error->code, "tls_not_trusted");
    return reply->status == 502 || reply->status == 503 || reply->status == 504;
}

static bool may_repeat(const RemoteCall *call) {
    return call->method == NULL || call->idempotency_key != NULL;
}

static Status send_call(Cli *cli, const RemoteCall *call, const char *body, HttpReply *ret_reply,
                        Error *reterr) {
    HttpCall http = {.method = call->method != NULL ? call->method : "GET",
                     .target = call->target,
                     .body = body,
                     .body_length = body != NULL ? strlen(body) : 0,
                     .bearer = cli->remote->token,
                     .timeout_ms = CALL_TIMEOUT_MS};
    size_t headers = 0;
    http.headers[headers++] = "Accept: application/json, application/problem+json";
    if (body != NULL)
        http.headers[headers++] = "Content-Type: application/json";
    if (call->idempotency_key != NULL)
        http.headers[headers++] =
            arena_printf(cli->arena, "Idempotency-Key: %s", call->idempotency_key);
    if (call->wait_s > 0)
        http.timeout_ms = call->wait_s * SECOND_MS + WAIT_MARGIN_MS;
    for (int try = 1, pause = FIRST_PAUSE_MS;; try++, pause *= 2) {
        Error error = {0};
        Status status = http_client_call(cli->remote->client, cli->arena, &http, ret_reply, &error);
        bool again = may_repeat(call) ? is_worth_repeating(status, ret_reply, &error)
                                      : was_not_done(cli, status, ret_reply, &error);
        if (try == TRIES || !again) {
            if (status != STATUS_OK && reterr != NULL)
                *reterr = error;
            return status;
        }
        pause_ms(pause);
    }
}

// Says what to do about a failure that the server could only name.
static void add_advice(const Cli *cli, Error *error) {
    Error advised = *error;
    if (text_equal(error->code, "reason_missing"))
        error_set(&advised, error->status, error->code, "%s: --reason WHY", error->message);
    else if (error->status == STATUS_UNAUTHENTICATED && cli->remote->session.principal != NULL &&
             strstr(error->message, "daypass login") == NULL)
        error_set(&advised, error->status, error->code, "%s: sign in again with: daypass login %s",
                  error->message, cli->remote->session.url);
    memcpy(error->message, advised.message, sizeof(error->message));
}

// What to do where the server's certificate cannot be checked or is not trusted.
static void add_trust_advice(const Cli *cli, Error *error) {
    Error advised = *error;
    const Session *session = &cli->remote->session;
    // With a token from the environment there is no principal, and nobody to sign in.
    const char *how =
        session->token != NULL && session->principal == NULL
            ? "in DAYPASS_CA_FILE"
            : arena_printf(cli->arena, "with: daypass login %s --ca-file FILE", session->url);
    if (text_equal(error->code, "tls_not_trusted"))
        error_set(&advised, error->status, error->code,
                  "%s. The file of another authority is named %s", error->message, how);
    memcpy(error->message, advised.message, sizeof(error->message));
}

static Status read_answer(Cli *cli, const HttpReply *reply, json_t **ret_value, Error *reterr) {
    if (reply->status < 200 || reply->status > 299) {
        Error error = {0};
        Status status =
            problem_parse(cli->arena, reply->status, reply->body, reply->length, &error);
        add_advice(cli, &error);
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    json_t *value = NULL;
    if (reply->length > 0) {
        Error error = {0};
        if (json_read(cli->arena, reply->body, reply->length, &value, &error) != STATUS_OK)
            return error_set(reterr, STATUS_INTERNAL, "bad_answer",
                             "the server's answer cannot be read (%s): is %s a Daypass server?",
                             error.message, cli->remote->session.url);
    }
    if (ret_value != NULL)
        *ret_value = value;
    return STATUS_OK;
}

Status remote_call(Cli *cli, const RemoteCall *call, json_t **ret_value, Error *reterr) {
    TRY(open_remote(cli, reterr));
    const char *body = NULL;
    if (call->body_shape != NULL)
        body = shape_format(cli->arena, call->body_shape, call->body);
    HttpReply reply = {0};
    Error error = {0};
    Status status = send_call(cli, call, body, &reply, &error);
    if (status == STATUS_OK)
        return read_answer(cli, &reply, ret_value, reterr);
    add_trust_advice(cli, &error);
    if (reterr != NULL)
        *reterr = error;
    return status;
}

// ---- Reading answers --------------------------------------------------------------------------

static json_t *known_part(Arena *arena, const Shape *shape, const json_t *value);

static json_t *known_items(Arena *arena, const Shape *shape, const json_t *list) {
    json_t *items = json_keep(arena, json_array());
    for (size_t i = 0; i < json_array_size(list); i++)
        json_array_append(items, known_part(arena, shape, json_array_get(list, i)));
    return items;
}

// A copy without the members that the shape does not have. What is no object stays what it is.
static json_t *known_part(Arena *arena, const Shape *shape, const json_t *value) {
    if (!json_is_object(value))
        return json_keep(arena, json_copy((json_t *)(uintptr_t)value));
    json_t *known = json_keep(arena, json_object());
    for (size_t i = 0; i < shape->field_count; i++) {
        const Field *field = &shape->fields[i];
        json_t *member = json_object_get(value, field->name);
        if (member == NULL || (json_is_null(member) && field->kind != FIELD_KIND_JSON))
            continue;
        if (field->kind == FIELD_KIND_OBJECT)
            member = known_part(arena, field->shape, member);
        else if (field->kind == FIELD_KIND_OBJECTS && json_is_array(member))
            member = known_items(arena, field->shape, member);
        json_object_set(known, field->name, member);
    }
    return known;
}

Status remote_parse(Arena *arena, const Shape *shape, const json_t *value, void *into,
                    Error *reterr) {
    Error error = {0};
    if (shape_read(arena, shape, known_part(arena, shape, value), into, &error) == STATUS_OK)
        return STATUS_OK;
    return error_set(reterr, STATUS_INTERNAL, "bad_answer",
                     "the server's answer is not understood (%s): is it of another version? "
                     "See: daypass version",
                     error.message);
}

Status remote_read(Cli *cli, const RemoteCall *call, const Shape *shape, void *into,
                   json_t **ret_value, Error *reterr) {
    json_t *value = NULL;
    TRY(remote_call(cli, call, &value, reterr));
    if (ret_value != NULL)
        *ret_value = value;
    if (value == NULL)
        return error_set(reterr, STATUS_INTERNAL, "bad_answer", "the server's answer is empty");
    return remote_parse(cli->arena, shape, value, into, reterr);
}

// ---- Lists ------------------------------------------------------------------------------------

static Status read_page(Cli *cli, const char *target, const char *cursor, ListReply *ret_page,
                        Error *reterr) {
    const char *page_target = target;
    if (cursor != NULL)
        page_target = arena_printf(cli->arena, "%s%ccursor=%s", target,
                                   strchr(target, '?') != NULL ? '&' : '?',
                                   percent_encode(cli->arena, cursor));
    RemoteCall call = {.target = page_target};
    TRY(remote_read(cli, &call, &LIST_REPLY_SHAPE, ret_page, NULL, reterr));
    if (!json_is_array(ret_page->items))
        return error_set(reterr, STATUS_INTERNAL, "bad_answer",
                         "the server's answer is not a list");
    // A cursor that does not move would go on for ever.
    if (cursor != NULL && text_equal(cursor, ret_page->next))
        return error_set(reterr, STATUS_INTERNAL, "bad_answer",
                         "the server's list does not end: it repeats a page");
    return STATUS_OK;
}

Status remote_list(Cli *cli, const char *target, size_t limit, RemoteList *ret_list,
                   Error *reterr) {
    RemoteList list = {.items = json_keep(cli->arena, json_array())};
    const char *cursor = NULL;
    do {
        ListReply page;
        TRY(read_page(cli, target, cursor, &page, reterr));
        size_t count = json_array_size(page.items);
        for (size_t i = 0; i < count; i++) {
            if (limit > 0 && json_array_size(list.items) == limit) {
                list.more = true;
                break;
            }
            json_array_append(list.items, json_array_get(page.items, i));
        }
        cursor = page.next;
    } while (cursor != NULL && !list.more && (limit == 0 || json_array_size(list.items) < limit));
    list.more = list.more || cursor != NULL;
    *ret_list = list;
    return STATUS_OK;
}

// Each page has an arena of its own, so that a long list needs the memory of one page.
static Status visit_page(Cli *cli, const char *target, char **cursor, RemoteVisit *visit,
                         void *context, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Arena *outer = cli->arena;
    cli->arena = arena;
    ListReply page;
    Status status = read_page(cli, target, *cursor, &page, reterr);
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(page.items); i++)
        status = visit(cli, json_array_get(page.items, i), context, reterr);
    cli->arena = outer;
    if (status == STATUS_OK) {
        mem_free(*cursor);
        *cursor = mem_strdup(page.next);
    }
    return status;
}

Status remote_each(Cli *cli, const char *target, RemoteVisit *visit, void *context, Error *reterr) {
    TRY(open_remote(cli, reterr)); // in the outer arena, which outlives the pages
    CLEANUP(mem_freep) char *cursor = NULL;
    do {
        TRY(visit_page(cli, target, &cursor, visit, context, reterr));
    } while (cursor != NULL);
    return STATUS_OK;
}

// ---- Targets ----------------------------------------------------------------------------------

const char *remote_target(Arena *arena, const char *path, const Parameter *parameters) {
    const char *target = path;
    char separator = '?';
    for (; parameters->name != NULL; parameters++) {
        if (parameters->value == NULL)
            continue;
        target = arena_printf(arena, "%s%c%s=%s", target, separator, parameters->name,
                              percent_encode(arena, parameters->value));
        separator = '&';
    }
    return target;
}

const char *remote_path(Arena *arena, const char *prefix, const char *segment, const char *suffix) {
    return arena_printf(arena, "%s%s%s", prefix, percent_encode(arena, segment),
                        suffix != NULL ? suffix : "");
}
