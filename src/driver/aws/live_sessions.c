#include "driver/aws/live_sessions.h"

#include "aws/arn.h"

enum { PAGE_SIZE = 200, SEE_ENDED_MS = 30 * SECOND_MS, LIVE_MAX = 2000 };

bool aws_session_owner_is(const SessionSearch *search, const char *owner) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ArnPrincipal principal;
    if (owner == NULL || arn_principal_parse(arena, owner, &principal, NULL) != STATUS_OK ||
        !text_equal(principal.name, search->owner->name))
        return false;
    if (!search->owner->is_role)
        return principal.kind == ARN_PRINCIPAL_USER;
    return principal.kind == ARN_PRINCIPAL_ROLE_SESSION &&
           (search->role_session == NULL || text_equal(principal.session, search->role_session));
}

typedef struct Finding {
    Arena *arena;
    const SessionSearch *search;
    LiveSessions found;
} Finding;

static const char *text_of(const json_t *session, const char *key) {
    return json_string_value(json_object_get(session, key));
}

// Answers of the JSON protocol have times as seconds since 1970.
static const char *since_of(Arena *arena, const json_t *session) {
    const json_t *start = json_object_get(session, "StartDate");
    char text[TIMESTAMP_SIZE];
    double seconds = json_number_value(start);
    if (!json_is_number(start) || seconds <= 0 || seconds > 1e11)
        return NULL;
    return arena_strdup(arena, timestamp_format((int64_t)(seconds * SECOND_MS), text));
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Session.html
static Status take_sessions(void *context, const AwsAnswer *answer, Error *reterr) {
    (void)reterr;
    Finding *finding = context;
    const json_t *sessions = json_object_get(answer->json, "Sessions");
    for (size_t i = 0; i < json_array_size(sessions); i++) {
        const json_t *session = json_array_get(sessions, i);
        const char *id = text_of(session, "SessionId");
        const char *instance = text_of(session, "Target");
        if (id == NULL || instance == NULL || finding->found.count == LIVE_MAX ||
            !string_list_has(finding->search->instances, instance) ||
            !aws_session_owner_is(finding->search, text_of(session, "Owner")))
            continue;
        finding->found.items[finding->found.count++] = (LiveSession){
            .id = arena_strdup(finding->arena, id),
            .instance = arena_strdup(finding->arena, instance),
            .since = since_of(finding->arena, session),
        };
    }
    return STATUS_OK;
}

Status aws_sessions_find(Operation *operation, const SessionSearch *search,
                         LiveSessions *ret_sessions, Error *reterr) {
    Arena *arena = operation->arena;
    Finding finding = {
        .arena = arena,
        .search = search,
        .found = {.items = arena_alloc(arena, LIVE_MAX * sizeof(LiveSession))},
    };
    json_t *body = json_keep(arena, json_object());
    json_object_set_new(body, "State", json_string("Active"));
    json_object_set_new(body, "MaxResults", json_integer(PAGE_SIZE));
    const AwsJsonCall call = {.action = "DescribeSessions", .body = body};
    if (search->instances->count > 0)
        TRY(aws_operation_json_pages(operation, &call, take_sessions, &finding, reterr));
    *ret_sessions = finding.found;
    return STATUS_OK;
}

// One that is gone already is ended.
static Status terminate(Operation *operation, const LiveSession *session, Error *reterr) {
    json_t *body = json_keep(operation->arena, json_object());
    json_object_set_new(body, "SessionId", json_string(session->id));
    const AwsJsonCall call = {.action = "TerminateSession", .body = body};
    AwsAnswer answer;
    AwsFault fault = {0};
    Error error = {0};
    Status status = aws_operation_json(operation, &call, &answer, &fault, &error);
    if (status == STATUS_OK) {
        aws_operation_record(operation, "ssm TerminateSession %s on %s", session->id,
                             session->instance);
        return STATUS_OK;
    }
    if (text_starts_with(fault.code, "DoesNotExist")) {
        operation->evidence.failure = FAILURE_NONE;
        return STATUS_OK;
    }
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static size_t still_there(const LiveSessions *found, const StringList *ended) {
    size_t count = 0;
    for (size_t i = 0; i < found->count; i++)
        count += string_list_has(ended, found->items[i].id);
    return count;
}

Status aws_sessions_end(Operation *operation, const SessionSearch *search, Error *reterr) {
    int64_t until_ms = clock_monotonic_ms(operation->session->clock) + SEE_ENDED_MS;
    Outcome *outcome = operation->evidence.outcome;
    StringList ended = {0};
    const int64_t before = outcome->sessions_ended;
    for (int attempt = 0;;) {
        LiveSessions found;
        TRY(aws_sessions_find(operation, search, &found, reterr));
        outcome->sessions_left = (int64_t)found.count;
        outcome->sessions_ended = before + (int64_t)(ended.count - still_there(&found, &ended));
        if (found.count == 0)
            return STATUS_OK;
        for (size_t i = 0; i < found.count; i++) {
            TRY(terminate(operation, &found.items[i], reterr));
            if (!string_list_has(&ended, found.items[i].id))
                string_list_add(operation->arena, &ended, found.items[i].id);
        }
        if (attempt > 0 && !aws_operation_wait(operation, &attempt, until_ms))
            return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "sessions_left",
                                 "%zu session%s of %s on the instances of this grant cannot be "
                                 "ended so far",
                                 found.count, found.count == 1 ? "" : "s",
                                 aws_subject_words(operation->arena, search->owner));
        attempt += attempt == 0;
    }
}
