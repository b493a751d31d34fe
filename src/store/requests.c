#include "store/store_internal.h"

#include "base/id.h"

#include <string.h>

enum {
    PENDING_MAX = 20, // undecided requests of one principal
    IDEMPOTENCY_KEY_MAX_BYTES = 255,
};

// ---- Asking -------------------------------------------------------------------------------------

typedef struct RequestWork {
    RequestForm form;
    const char *idempotency_key;
    const char *request_hash;
    Grant grant;
} RequestWork;

// What makes two requests the same one: all that the requester chose.
static const char *hash_request(Arena *arena, const RequestForm *form) {
    json_t *chosen = json_keep(arena, json_object());
    json_object_set_new(chosen, "flow", json_string(form->flow));
    json_object_set_new(chosen, "duration_s", json_integer(form->duration_s));
    json_object_set_new(chosen, "reason", json_string(form->reason != NULL ? form->reason : ""));
    json_object_set_new(chosen, "public_key",
                        json_string(form->public_key != NULL ? form->public_key : ""));
    return token_hash(arena, json_text(arena, chosen));
}

static Status find_same(Operation *operation, RequestWork *work, bool *ret_found, Error *reterr) {
    *ret_found = false;
    if (work->idempotency_key == NULL)
        return STATUS_OK;
    Parameter parameters[] = {parameter_text(work->form.requester),
                              parameter_text(work->idempotency_key)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT id, request_hash FROM grants"
                      " WHERE requester = $1 AND idempotency_key = $2",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.count == 0)
        return STATUS_OK;
    if (!text_equal(rows.items[0].text[1], work->request_hash))
        return error_set(reterr, STATUS_CONFLICT, "idempotency_mismatch",
                         "this idempotency key was used for another request; use a new one");
    *ret_found = true;
    return grant_load(operation, rows.items[0].text[0], &work->grant, reterr);
}

static Status check_pending(Operation *operation, const char *requester, Error *reterr) {
    Parameter parameters[] = {parameter_text(requester)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT count(*) FROM grants WHERE requester = $1 AND state = 'pending'",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.items[0].integer[0] >= PENDING_MAX)
        return error_set(reterr, STATUS_LIMITED, "too_many_pending",
                         "%d of your requests wait for a decision, which is the most; cancel one "
                         "or wait",
                         PENDING_MAX);
    return STATUS_OK;
}

// The last decision is there: the plan is frozen and the work is queued.
static Status approve(Operation *operation, Grant *grant, json_t *detail, Error *reterr) {
    GrantChange change = {.event = GRANT_EVENT_APPROVE, .now_ms = operation->now_ms};
    TRY(grant_move(operation, grant, &change, detail, reterr));
    ActionForm action = {.kind = "grant", .seal_to = grant->public_key};
    return action_queue(operation, grant, &action, reterr);
}

static Status request(Operation *operation, void *work_, Error *reterr) {
    RequestWork *work = work_;
    bool found = false;
    TRY(find_same(operation, work, &found, reterr));
    if (found)
        return STATUS_OK;
    TRY(check_pending(operation, work->form.requester, reterr));
    TRY(limit_open_requests(operation, work->form.requester, work->form.flow, reterr));
    RequestForm form = work->form;
    form.id = id_new(operation->arena, "grt");
    form.deployment = operation->store->deployment;
    form.now_ms = operation->now_ms;
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    Grant grant;
    TRY(grant_draft(operation->arena, &configuration, &form, &grant, reterr));
    TRY(grant_insert(operation, &grant, work->idempotency_key, work->request_hash, reterr));
    TRY(grant_note(operation, &grant, "grant.requested", grant_describe(operation->arena, &grant),
                   reterr));
    ApprovalProgress progress = approval_progress(operation->arena, &configuration, &grant);
    if (progress.result == APPROVAL_GRANTED) {
        json_t *detail = grant_describe(operation->arena, &grant);
        json_object_set_new(detail, "automatic", json_true());
        operation->actor = &ACTOR_SYSTEM; // nobody decided: the flow did
        TRY(approve(operation, &grant, detail, reterr));
        TRY(grant_save(operation, &grant, 0, reterr));
    }
    work->grant = grant;
    return STATUS_OK;
}

Status store_request_grant(Store *store, Arena *arena, const Actor *actor, const RequestForm *form,
                           const char *idempotency_key, Grant *ret_grant, Error *reterr) {
    if (idempotency_key != NULL &&
        (idempotency_key[0] == '\0' || strlen(idempotency_key) > IDEMPOTENCY_KEY_MAX_BYTES))
        return error_set(reterr, STATUS_INVALID, "bad_idempotency_key",
                         "expected an idempotency key of 1 to %d bytes", IDEMPOTENCY_KEY_MAX_BYTES);
    RequestWork work = {.form = *form, .idempotency_key = idempotency_key};
    if (work.form.requester == NULL)
        work.form.requester = actor->name;
    work.request_hash = hash_request(arena, &work.form);
    TRY(store_write(store, arena, actor, request, &work, reterr));
    *ret_grant = work.grant;
    return STATUS_OK;
}

// ---- Deciding -----------------------------------------------------------------------------------

typedef struct DecideWork {
    const char *id;
    bool approved;
    const char *note;
    Grant grant;
} DecideWork;

static void add_decision(Operation *operation, const Configuration *configuration, Grant *grant,
                         const DecideWork *work) {
    ApprovalProgress progress = approval_progress(operation->arena, configuration, grant);
    size_t count = grant->decisions.count;
    Decision *decisions = arena_alloc(operation->arena, (count + 1) * sizeof(*decisions));
    if (count > 0)
        memcpy(decisions, grant->decisions.items, count * sizeof(*decisions));
    decisions[count] = (Decision){
        .principal = operation->actor->name,
        .approved = work->approved,
        .round = approval_round(grant),
        .step = (int64_t)progress.step,
        .note = work->note,
        .decided_at = operation->now_ms,
    };
    grant->decisions = (Decisions){.items = decisions, .count = count + 1};
}

static json_t *describe_decisions(Operation *operation, const Grant *grant, int64_t round,
                                  const DecideWork *work) {
    json_t *detail = json_keep(operation->arena, json_object());
    json_t *approvers = json_array();
    for (size_t i = 0; i < grant->decisions.count; i++) {
        const Decision *decision = &grant->decisions.items[i];
        if (decision->round == round && decision->approved)
            json_array_append_new(approvers, json_string(decision->principal));
    }
    json_object_set_new(detail, "approved", json_boolean(work->approved));
    json_object_set_new(detail, "approvers", approvers);
    if (work->note != NULL)
        json_object_set_new(detail, "note", json_string(work->note));
    return detail;
}

// The request itself.
static Status conclude_request(Operation *operation, Grant *grant, const DecideWork *work,
                               ApprovalResult result, Error *reterr) {
    json_t *detail = describe_decisions(operation, grant, 0, work);
    if (result == APPROVAL_WAITING)
        return grant_note(operation, grant, "grant.decided", detail, reterr);
    if (result == APPROVAL_GRANTED) {
        json_object_update_missing(detail, grant_describe(operation->arena, grant));
        return approve(operation, grant, detail, reterr);
    }
    GrantChange change = {
        .event = GRANT_EVENT_REJECT,
        .now_ms = operation->now_ms,
        .by = operation->actor->name,
        .note = work->note,
    };
    return grant_move(operation, grant, &change, detail, reterr);
}

// Its extension.
static Status conclude_extension(Operation *operation, Grant *grant, const DecideWork *work,
                                 ApprovalResult result, Error *reterr) {
    json_t *detail = describe_decisions(operation, grant, grant->extension_round, work);
    json_object_set_new(detail, "extension_s", json_integer(grant->extension_s));
    if (result == APPROVAL_WAITING)
        return grant_note(operation, grant, "grant.decided", detail, reterr);
    if (result == APPROVAL_GRANTED)
        return extension_approve(operation, grant, detail, reterr);
    grant_drop_extension(grant);
    return grant_note(operation, grant, "grant.extension_rejected", detail, reterr);
}

static Status decide(Operation *operation, void *work_, Error *reterr) {
    DecideWork *work = work_;
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    Grant grant;
    TRY(grant_load(operation, work->id, &grant, reterr));
    TRY(approval_check(operation->arena, &configuration, &grant, operation->actor->name, reterr));
    bool is_request = grant.state == GRANT_PENDING;
    if (work->approved)
        TRY(grant_check_current(operation->arena, &configuration, &grant, reterr));
    if (!is_request)
        TRY(grant_check_unexpired(operation, &grant, reterr));
    else if (work->approved && grant.lapses_at <= operation->now_ms)
        return error_set(reterr, STATUS_CONFLICT, "wrong_state",
                         "%s was not decided in time; ask again", grant.id);
    add_decision(operation, &configuration, &grant, work);
    ApprovalProgress progress = approval_progress(operation->arena, &configuration, &grant);
    if (is_request)
        TRY(conclude_request(operation, &grant, work, progress.result, reterr));
    else
        TRY(conclude_extension(operation, &grant, work, progress.result, reterr));
    TRY(grant_save(operation, &grant, 0, reterr));
    work->grant = grant;
    return STATUS_OK;
}

Status store_decide_grant(Store *store, Arena *arena, const Actor *actor, const char *id,
                          bool approved, const char *note, Grant *ret_grant, Error *reterr) {
    DecideWork work = {.id = id, .approved = approved, .note = note};
    TRY(store_write(store, arena, actor, decide, &work, reterr));
    *ret_grant = work.grant;
    return STATUS_OK;
}
