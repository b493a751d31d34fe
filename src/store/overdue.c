#include "store/store_internal.h"

// A revocation is one open revoke action, from the moment its access had to be over (rank_at) until
// the account was seen gone. Overdue is what took longer than this. The list, the number and the
// events all ask here.
enum {
    OVERDUE_AFTER_MS = 60 * SECOND_MS,
    OVERDUE_LIST_MAX = 500,
};

static const char *const WAIT_NAMES[] = {
    [REVOCATION_WAITS_FOR_CONNECTOR] = "connector",
    [REVOCATION_WAITS_FOR_PAUSE] = "pause",
    [REVOCATION_WAITS_FOR_REPORT] = "report",
};
const EnumTable REVOCATION_WAITS = {"what a revocation waits for", WAIT_NAMES,
                                    COUNT_OF(WAIT_NAMES)};

// As the indexes of the schema have it, word for word.
#define IS_REVOCATION " lane = 0 AND actions.state IN ('queued', 'leased')"

// Those whose access had to be over before then.
static int64_t overdue_before(const Operation *operation) {
    return operation->now_ms - OVERDUE_AFTER_MS;
}

// ---- Reading ------------------------------------------------------------------------------------

#define REVOCATION_COLUMNS                                                                         \
    "SELECT actions.id, actions.grant_id, actions.integration, actions.connector,"                 \
    " actions.state, rank_at, attempt, failures, not_before, deadline_at, requester, grants.flow," \
    " grants.state, document"                                                                      \
    " FROM actions JOIN grants ON grants.id = actions.grant_id WHERE" IS_REVOCATION

static void read_wait(const Operation *operation, const Row *row, Revocation *revocation) {
    int64_t not_before = row->integer[8], deadline_at = row->integer[9];
    bool is_out = text_equal(row->text[4], enum_name(&ACTION_STATES, ACTION_LEASED));
    revocation->waits_for = REVOCATION_WAITS_FOR_CONNECTOR;
    if (is_out && deadline_at > operation->now_ms) {
        revocation->waits_for = REVOCATION_WAITS_FOR_REPORT;
        revocation->next_attempt_at = deadline_at;
    } else if (!is_out && not_before > operation->now_ms) {
        revocation->waits_for = REVOCATION_WAITS_FOR_PAUSE;
        revocation->next_attempt_at = not_before;
    }
}

// What a record that cannot be read would add is left out: it is overdue all the same.
static Revocation revocation_read(Operation *operation, const Row *row) {
    Revocation revocation = {
        .action_id = row->text[0],
        .grant_id = row->text[1],
        .integration = row->text[2],
        .connector = row->text[3],
        .since_at = row->integer[5],
        .attempts = row->integer[6],
        .failures = row->integer[7],
        .requester = row->text[10],
        .flow = row->text[11],
        .state = row->text[12],
        .overdue = row->integer[5] < overdue_before(operation),
    };
    read_wait(operation, row, &revocation);
    Grant grant;
    Error error = {0};
    if (stored_document(operation, &GRANT_SHAPE, row->text[13], &grant, &error) == STATUS_OK) {
        revocation.account = grant.plan->account;
        revocation.trouble = grant.trouble;
    } else {
        revocation.trouble = arena_strdup(operation->arena, error.message);
    }
    return revocation;
}

typedef struct ListWork {
    const OverdueFilter *filter;
    Revocations revocations;
} ListWork;

static Status check_cursor(Operation *operation, const char *id, Error *reterr) {
    Parameter parameters[] = {parameter_text(id)};
    Rows rows;
    TRY(operation_run(operation, "SELECT 1 FROM actions WHERE id = $1", parameters,
                      COUNT_OF(parameters), &rows, reterr));
    if (rows.count == 0)
        return error_set(reterr, STATUS_INVALID, "bad_cursor",
                         "the cursor is not one of this list; start from its beginning");
    return STATUS_OK;
}

static Query list_query(const Operation *operation, const OverdueFilter *filter) {
    Query query = {.arena = operation->arena};
    int64_t before = operation->now_ms - filter->older_than_ms;
    if (before > overdue_before(operation))
        before = overdue_before(operation);
    query_add_with(&query, REVOCATION_COLUMNS " AND rank_at < ?", parameter_int(before));
    if (filter->requester != NULL)
        query_add_with(&query, " AND requester = ?", parameter_text(filter->requester));
    if (filter->after_id != NULL)
        query_add_with(&query,
                       " AND (rank_at, actions.id) >"
                       " (SELECT rank_at, id FROM actions WHERE id = ?)",
                       parameter_text(filter->after_id));
    int64_t limit = filter->limit;
    if (limit < 1 || limit > OVERDUE_LIST_MAX)
        limit = OVERDUE_LIST_MAX;
    query_add_with(&query, " ORDER BY rank_at, actions.id LIMIT ?", parameter_int(limit));
    return query;
}

static Status list_overdue(Operation *operation, void *work_, Error *reterr) {
    ListWork *work = work_;
    if (work->filter->after_id != NULL)
        TRY(check_cursor(operation, work->filter->after_id, reterr));
    Query query = list_query(operation, work->filter);
    Rows rows;
    TRY(query_run(operation, &query, &rows, reterr));
    work->revocations.items = arena_alloc(operation->arena, (rows.count + 1) * sizeof(Revocation));
    work->revocations.count = rows.count;
    for (size_t i = 0; i < rows.count; i++)
        work->revocations.items[i] = revocation_read(operation, &rows.items[i]);
    return STATUS_OK;
}

Status store_list_overdue(Store *store, Arena *arena, const OverdueFilter *filter,
                          Revocations *ret_revocations, Error *reterr) {
    ListWork work = {.filter = filter};
    TRY(store_read(store, arena, list_overdue, &work, reterr));
    *ret_revocations = work.revocations;
    return STATUS_OK;
}

typedef struct FindWork {
    const char *grant_id;
    Revocation revocation;
    bool found;
} FindWork;

static Status find_revocation(Operation *operation, void *work_, Error *reterr) {
    FindWork *work = work_;
    Query query = {.arena = operation->arena};
    query_add_with(&query, REVOCATION_COLUMNS " AND actions.grant_id = ?",
                   parameter_text(work->grant_id));
    query_add(&query, " ORDER BY rank_at LIMIT 1");
    Rows rows;
    TRY(query_run(operation, &query, &rows, reterr));
    work->found = rows.count > 0;
    if (work->found)
        work->revocation = revocation_read(operation, &rows.items[0]);
    return STATUS_OK;
}

Status store_find_revocation(Store *store, Arena *arena, const char *grant_id,
                             Revocation *ret_revocation, bool *ret_found, Error *reterr) {
    FindWork work = {.grant_id = grant_id};
    TRY(store_read(store, arena, find_revocation, &work, reterr));
    if (work.found)
        *ret_revocation = work.revocation;
    *ret_found = work.found;
    return STATUS_OK;
}

Status overdue_count(Operation *operation, int64_t *ret_count, Error *reterr) {
    Parameter before[] = {parameter_int(overdue_before(operation))};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT count(*) FROM actions WHERE" IS_REVOCATION " AND rank_at < $1",
                      before, COUNT_OF(before), &rows, reterr));
    *ret_count = rows.items[0].integer[0];
    return STATUS_OK;
}

// ---- Noting -------------------------------------------------------------------------------------

static json_t *describe(Operation *operation, int64_t since_at) {
    char since[TIMESTAMP_SIZE];
    json_t *detail = json_keep(operation->arena, json_object());
    json_object_set_new(detail, "since", json_string(timestamp_format(since_at, since)));
    return detail;
}

static Status note_overdue(Operation *operation, const Revocation *revocation, Error *reterr) {
    json_t *detail = describe(operation, revocation->since_at);
    json_object_set_new(detail, "connector", json_string(revocation->connector));
    json_object_set_new(detail, "attempts", json_integer(revocation->attempts));
    if (revocation->account != NULL)
        json_object_set_new(detail, "account", json_string(revocation->account));
    if (revocation->trouble != NULL)
        json_object_set_new(detail, "message", json_string(revocation->trouble));
    AuditNote note = {
        .event = "grant.overdue",
        .grant = revocation->grant_id,
        .flow = revocation->flow,
        .integration = revocation->integration,
        .person = revocation->requester,
        .detail = detail,
    };
    TRY(audit_append(operation, &note, reterr));
    Parameter parameters[] = {parameter_text(revocation->action_id),
                              parameter_int(operation->now_ms)};
    return operation_run(operation, "UPDATE actions SET overdue_noted_at = $2 WHERE id = $1",
                         parameters, COUNT_OF(parameters), NULL, reterr);
}

Status overdue_note(Operation *operation, int64_t limit, int64_t *ret_noted, Error *reterr) {
    Query query = {.arena = operation->arena};
    query_add_with(&query, REVOCATION_COLUMNS " AND overdue_noted_at = 0 AND rank_at < ?",
                   parameter_int(overdue_before(operation)));
    query_add_with(&query, " ORDER BY rank_at LIMIT ?", parameter_int(limit));
    Rows rows;
    TRY(query_run(operation, &query, &rows, reterr));
    for (size_t i = 0; i < rows.count; i++) {
        Revocation revocation = revocation_read(operation, &rows.items[i]);
        TRY(note_overdue(operation, &revocation, reterr));
    }
    *ret_noted = (int64_t)rows.count;
    return STATUS_OK;
}

Status overdue_next(Operation *operation, int64_t *ret_at, Error *reterr) {
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT MIN(rank_at) FROM actions WHERE" IS_REVOCATION
                      " AND overdue_noted_at = 0",
                      NULL, 0, &rows, reterr));
    int64_t since_at = rows.count > 0 ? rows.items[0].integer[0] : 0;
    *ret_at = since_at != 0 ? since_at + OVERDUE_AFTER_MS + 1 : 0;
    return STATUS_OK;
}

Status overdue_end(Operation *operation, const ActionRow *action, const Grant *grant,
                   Error *reterr) {
    if (action->overdue_noted_at == 0)
        return STATUS_OK;
    json_t *detail = describe(operation, action->rank_at);
    if (grant->cause == CAUSE_WRITTEN_OFF && grant_is_over(grant)) // nobody saw how late it was
        json_object_set_new(detail, "written_off", json_true());
    else
        json_object_set_new(detail, "late_ms",
                            json_integer(lateness_since(operation, action->rank_at)));
    return grant_note(operation, grant, "grant.overdue_ended", detail, reterr);
}
