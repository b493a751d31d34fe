#include "store/store_internal.h"

#include <string.h>

enum { GRANTS_LIST_MAX = 500 };

// ---- One grant ----------------------------------------------------------------------------------

Status grant_load(Operation *operation, const char *id, Grant *ret_grant, Error *reterr) {
    Parameter parameters[] = {parameter_text(id)};
    Rows rows;
    TRY(operation_run(operation, "SELECT document FROM grants WHERE id = $1", parameters,
                      COUNT_OF(parameters), &rows, reterr));
    if (rows.count == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_grant",
                         "there is no request or grant of that id");
    return stored_document(operation, &GRANT_SHAPE, rows.items[0].text[0], ret_grant, reterr);
}

// When time alone changes it. A granting one is given until the end of the lease that is out, even
// where the approval lapses meanwhile.
static Parameter grant_due_at(const Grant *grant, int64_t busy_until) {
    int64_t lapses_at = grant->lapses_at > busy_until ? grant->lapses_at : busy_until;
    switch (grant->state) {
    case GRANT_PENDING:
    case GRANT_APPROVED:
        return parameter_int(grant->lapses_at);
    case GRANT_GRANTING:
        return parameter_int(grant->expires_at < lapses_at ? grant->expires_at : lapses_at);
    case GRANT_ACTIVE:
        return parameter_int(grant->expires_at);
    default:
        return (Parameter){.kind = PARAMETER_NULL};
    }
}

static void grant_announce(Operation *operation, const Grant *grant) {
    if (!string_list_has(&operation->changed_grants, grant->id))
        string_list_add(operation->arena, &operation->changed_grants, grant->id);
    operation->due_changed = true;
}

Status grant_insert(Operation *operation, Grant *grant, const char *idempotency_key,
                    const char *request_hash, Error *reterr) {
    grant->version = 1;
    const char *document = NULL;
    TRY(document_text(operation, &GRANT_SHAPE, grant, &document, reterr));
    Parameter parameters[] = {
        parameter_text(grant->id),
        parameter_int(grant->version),
        parameter_text(enum_name(&GRANT_STATES, grant->state)),
        parameter_text(grant->requester),
        parameter_text(grant->flow->name),
        parameter_text(grant->plan->integration),
        parameter_text(grant->plan->connector),
        parameter_int(grant->requested_at),
        parameter_int(grant->expires_at),
        grant_due_at(grant, 0),
        parameter_text(idempotency_key),
        parameter_text(request_hash),
        parameter_text(document),
    };
    Rows rows;
    TRY(operation_run(operation,
                      "INSERT INTO grants (id, version, state, is_over, requester, flow,"
                      " integration, connector, requested_at, expires_at, due_at, idempotency_key,"
                      " request_hash, document)"
                      " VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
                      " ON CONFLICT (requester, idempotency_key) DO NOTHING",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.changed != 1)
        return operation_raced(reterr); // the same request came twice at once
    grant_announce(operation, grant);
    return STATUS_OK;
}

static int64_t grant_drifted(const Grant *grant) {
    if (grant->state != GRANT_ACTIVE || !grant->drifted)
        return GRANT_AS_GIVEN;
    return drifts_widen(&grant->drift) ? GRANT_WIDENED : GRANT_NARROWED;
}

Status grant_save(Operation *operation, Grant *grant, int64_t busy_until, Error *reterr) {
    int64_t version = grant->version++;
    const char *document = NULL;
    TRY(document_text(operation, &GRANT_SHAPE, grant, &document, reterr));
    Parameter parameters[] = {
        parameter_text(grant->id),
        parameter_int(version),
        parameter_text(enum_name(&GRANT_STATES, grant->state)),
        parameter_int(grant_is_over(grant) ? 1 : 0),
        parameter_int(grant->expires_at),
        grant_due_at(grant, busy_until),
        parameter_text(document),
        parameter_int(grant_drifted(grant)),
    };
    Rows rows;
    TRY(operation_run(operation,
                      "UPDATE grants SET version = version + 1, state = $3, is_over = $4,"
                      " expires_at = $5, due_at = $6, document = $7, drifted = $8"
                      " WHERE id = $1 AND version = $2",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.changed != 1)
        return operation_raced(reterr);
    grant_announce(operation, grant);
    return STATUS_OK;
}

typedef struct GrantWork {
    const char *id;
    Grant grant;
} GrantWork;

static Status read_grant(Operation *operation, void *work_, Error *reterr) {
    GrantWork *work = work_;
    return grant_load(operation, work->id, &work->grant, reterr);
}

Status store_grant(Store *store, Arena *arena, const char *id, Grant *ret_grant, Error *reterr) {
    GrantWork work = {.id = id};
    TRY(store_read(store, arena, read_grant, &work, reterr));
    *ret_grant = work.grant;
    return STATUS_OK;
}

// ---- What the trail says ------------------------------------------------------------------------

json_t *grant_describe(Arena *arena, const Grant *grant) {
    const Plan *plan = grant->plan;
    json_t *detail = json_keep(arena, json_object());
    const char *target =
        arena_printf(arena, "%s %s:%lld/%s", enum_name(&TARGET_KINDS, plan->target->kind),
                     plan->target->host, (long long)plan->target->port,
                     plan->target->database != NULL ? plan->target->database : "");
    json_t *privileges = json_array();
    for (size_t i = 0; i < plan->access.count; i++)
        json_array_append_new(privileges,
                              json_string(access_item_describe(arena, &plan->access.items[i])));
    json_object_set_new(detail, "target", json_string(target));
    json_object_set_new(detail, "privileges", privileges);
    json_object_set_new(detail, "account", json_string(plan->account));
    json_object_set_new(detail, "duration_s", json_integer(grant->duration_s));
    if (grant->reason != NULL)
        json_object_set_new(detail, "reason", json_string(grant->reason));
    return detail;
}

Status grant_note(Operation *operation, const Grant *grant, const char *event, const json_t *detail,
                  Error *reterr) {
    AuditNote note = {
        .event = event,
        .grant = grant->id,
        .flow = grant->flow->name,
        .integration = grant->plan->integration,
        .person = grant->requester,
        .detail = detail,
    };
    if (text_equal(operation->actor->kind, "principal") &&
        text_equal(operation->actor->name, grant->requester))
        note.person = NULL;
    return audit_append(operation, &note, reterr);
}

// Events that leave the state as it is; the others are named for the state they lead to.
static const char *event_name(Arena *arena, const Grant *grant, GrantEvent event) {
    if (event == GRANT_EVENT_EXTEND)
        return "grant.extended";
    if (event == GRANT_EVENT_RESET)
        return "grant.reset";
    return arena_printf(arena, "grant.%s", enum_name(&GRANT_STATES, grant->state));
}

Status grant_move(Operation *operation, Grant *grant, const GrantChange *change, json_t *detail,
                  Error *reterr) {
    TRY(grant_change(grant, change, reterr));
    if (detail == NULL)
        detail = json_keep(operation->arena, json_object());
    if (grant->cause != CAUSE_NONE)
        json_object_set_new(detail, "cause", json_string(enum_name(&GRANT_CAUSES, grant->cause)));
    if (change->note != NULL)
        json_object_set_new(detail, "note", json_string(change->note));
    if (grant->expires_at != 0) {
        char text[TIMESTAMP_SIZE];
        json_object_set_new(detail, "expires_at",
                            json_string(timestamp_format(grant->expires_at, text)));
    }
    return grant_note(operation, grant, event_name(operation->arena, grant, change->event), detail,
                      reterr);
}

// ---- Lists --------------------------------------------------------------------------------------

typedef struct ListWork {
    const GrantFilter *filter;
    Grants grants;
} ListWork;

static Status list_query(Operation *operation, const GrantFilter *filter, Query *query,
                         Error *reterr) {
    query_add(query, "SELECT document FROM grants WHERE 1 = 1");
    if (filter->requester != NULL)
        query_add_with(query, " AND requester = ?", parameter_text(filter->requester));
    if (filter->integration != NULL)
        query_add_with(query, " AND integration = ?", parameter_text(filter->integration));
    if (filter->flow != NULL)
        query_add_with(query, " AND flow = ?", parameter_text(filter->flow));
    if (filter->connector != NULL)
        query_add_with(query, " AND connector = ?", parameter_text(filter->connector));
    if (filter->live_only)
        query_add(query, " AND is_over = 0");
    if (filter->states.count > GRANT_STATE_COUNT_)
        return error_set(reterr, STATUS_INVALID, "bad_value", "there are only %d states",
                         GRANT_STATE_COUNT_);
    for (size_t i = 0; i < filter->states.count; i++)
        query_add_with(query, i == 0 ? " AND state IN (?" : ", ?",
                       parameter_text(filter->states.items[i]));
    if (filter->states.count > 0)
        query_add(query, ")");
    if (filter->after_id != NULL)
        query_add_with(query,
                       " AND (requested_at, id) <"
                       " (SELECT requested_at, id FROM grants WHERE id = ?)",
                       parameter_text(filter->after_id));
    int64_t limit = filter->limit;
    if (limit < 1 || limit > GRANTS_LIST_MAX)
        limit = GRANTS_LIST_MAX;
    query_add_with(query, " ORDER BY requested_at DESC, id DESC LIMIT ?", parameter_int(limit));
    return STATUS_OK;
}

static Status check_cursor(Operation *operation, const char *id, Error *reterr) {
    Parameter parameters[] = {parameter_text(id)};
    Rows rows;
    TRY(operation_run(operation, "SELECT 1 FROM grants WHERE id = $1", parameters,
                      COUNT_OF(parameters), &rows, reterr));
    if (rows.count == 0)
        return error_set(reterr, STATUS_INVALID, "bad_cursor",
                         "the cursor is not one of this list; start from its beginning");
    return STATUS_OK;
}

static Status list_grants(Operation *operation, void *work_, Error *reterr) {
    ListWork *work = work_;
    if (work->filter->after_id != NULL)
        TRY(check_cursor(operation, work->filter->after_id, reterr));
    Query query = {.arena = operation->arena};
    TRY(list_query(operation, work->filter, &query, reterr));
    Rows rows;
    TRY(query_run(operation, &query, &rows, reterr));
    work->grants.items = arena_alloc(operation->arena, (rows.count + 1) * sizeof(Grant));
    work->grants.count = rows.count;
    for (size_t i = 0; i < rows.count; i++)
        TRY(stored_document(operation, &GRANT_SHAPE, rows.items[i].text[0], &work->grants.items[i],
                            reterr));
    return STATUS_OK;
}

Status store_list_grants(Store *store, Arena *arena, const GrantFilter *filter, Grants *ret_grants,
                         Error *reterr) {
    ListWork work = {.filter = filter};
    TRY(store_read(store, arena, list_grants, &work, reterr));
    *ret_grants = work.grants;
    return STATUS_OK;
}

// ---- Evidence -----------------------------------------------------------------------------------

Status evidence_exists(Operation *operation, const char *action_id, int64_t attempt,
                       bool *ret_exists, Error *reterr) {
    Parameter parameters[] = {parameter_text(action_id), parameter_int(attempt)};
    Rows rows;
    TRY(operation_run(operation, "SELECT 1 FROM evidence WHERE action_id = $1 AND attempt = $2",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    *ret_exists = rows.count > 0;
    return STATUS_OK;
}

bool outcome_hands_over(const json_t *outcome) {
    return json_array_size(json_object_get(outcome, "handed_over")) > 0;
}

Status evidence_add(Operation *operation, const char *grant_id, const Evidence *evidence,
                    int64_t attempt, bool keep, Error *reterr) {
    const char *document = NULL;
    TRY(document_text(operation, &EVIDENCE_SHAPE, evidence, &document, reterr));
    // What repeats for weeks is not kept for every attempt.
    Parameter replaced[] = {parameter_text(grant_id), parameter_text(evidence->action_id)};
    TRY(operation_run(operation,
                      "DELETE FROM evidence WHERE grant_id = $1 AND action_id = $2 AND kept = 0",
                      replaced, COUNT_OF(replaced), NULL, reterr));
    Parameter parameters[] = {
        parameter_text(grant_id), parameter_text(evidence->action_id),
        parameter_int(attempt),   parameter_int(keep ? 1 : 0),
        parameter_text(document),
    };
    return operation_run(operation,
                         "INSERT INTO evidence (grant_id, position, action_id, attempt, kept,"
                         " document)"
                         " SELECT $1, COALESCE(MAX(position), 0) + 1, $2, $3, $4, $5"
                         " FROM evidence WHERE grant_id = $1",
                         parameters, COUNT_OF(parameters), NULL, reterr);
}

typedef struct EvidenceWork {
    const char *id;
    EvidenceList evidence;
} EvidenceWork;

enum { EVIDENCE_LIST_MAX = 1000 };

static Status read_evidence(Operation *operation, void *work_, Error *reterr) {
    EvidenceWork *work = work_;
    Grant grant;
    TRY(grant_load(operation, work->id, &grant, reterr));
    Parameter parameters[] = {parameter_text(work->id), parameter_int(EVIDENCE_LIST_MAX)};
    Rows rows;
    TRY(operation_run(
        operation, "SELECT document FROM evidence WHERE grant_id = $1 ORDER BY position LIMIT $2",
        parameters, COUNT_OF(parameters), &rows, reterr));
    work->evidence.items = arena_alloc(operation->arena, (rows.count + 1) * sizeof(Evidence));
    work->evidence.count = rows.count;
    for (size_t i = 0; i < rows.count; i++)
        TRY(stored_document(operation, &EVIDENCE_SHAPE, rows.items[i].text[0],
                            &work->evidence.items[i], reterr));
    return STATUS_OK;
}

Status store_grant_evidence(Store *store, Arena *arena, const char *id, EvidenceList *ret_evidence,
                            Error *reterr) {
    EvidenceWork work = {.id = id};
    TRY(store_read(store, arena, read_evidence, &work, reterr));
    *ret_evidence = work.evidence;
    return STATUS_OK;
}
