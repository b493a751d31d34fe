#include "store/store_internal.h"

#include <string.h>

enum {
    ACTOR_MAX_BYTES = 256, // what somebody claims to be is not bounded by a shape
    AUDIT_LIST_MAX = 1000,
};

// ---- Appending ----------------------------------------------------------------------------------

static Status event_insert(Operation *operation, const AuditEvent *event, Error *reterr) {
    const char *detail = event->detail != NULL ? json_text(operation->arena, event->detail) : NULL;
    Parameter parameters[] = {
        parameter_int(event->sequence),    parameter_int(event->at),
        parameter_text(event->event),      parameter_text(event->actor),
        parameter_text(event->actor_kind), parameter_text(event->peer),
        parameter_text(event->token),      parameter_text(event->grant),
        parameter_text(event->flow),       parameter_text(event->integration),
        parameter_text(event->person),     parameter_text(detail),
        parameter_text(event->previous),   parameter_text(event->hash),
        parameter_text(event->signature),  parameter_text(event->key),
    };
    return operation_run(operation,
                         "INSERT INTO audit (sequence, at, event, actor, actor_kind, peer, token,"
                         " grant_id, flow, integration, person, detail, previous, hash, signature,"
                         " public_key)"
                         " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
                         " $15, $16)",
                         parameters, COUNT_OF(parameters), NULL, reterr);
}

Status audit_append_by(Operation *operation, const Actor *actor, const AuditNote *note,
                       Error *reterr) {
    // Counting up locks the head, so that events of other transactions follow this one's.
    Rows head;
    TRY(operation_run(operation,
                      "UPDATE audit_head SET sequence = sequence + 1 WHERE id = 1"
                      " RETURNING sequence, hash",
                      NULL, 0, &head, reterr));
    if (head.count != 1)
        return error_set(reterr, STATUS_INTERNAL, "store_damaged",
                         "the audit trail has lost its head; restore the store from a backup");
    Arena *arena = operation->arena;
    AuditEvent event = {
        .sequence = head.items[0].integer[0],
        .at = operation->now_ms,
        .event = note->event,
        .actor =
            text_bounded(arena, actor->name != NULL ? actor->name : "unknown", ACTOR_MAX_BYTES),
        .actor_kind = actor->kind,
        .peer = text_bounded(arena, actor->peer, ACTOR_MAX_BYTES),
        .token = actor->token,
        .grant = note->grant,
        .flow = note->flow,
        .integration = note->integration,
        .person = text_bounded(arena, note->person, ACTOR_MAX_BYTES),
        .detail = note->detail,
    };
    audit_event_seal(arena, &event, head.items[0].text[1], operation->store->audit_key);
    TRY(event_insert(operation, &event, reterr));
    Parameter hash[] = {parameter_text(event.hash)};
    return operation_run(operation, "UPDATE audit_head SET hash = $1 WHERE id = 1", hash,
                         COUNT_OF(hash), NULL, reterr);
}

Status audit_append(Operation *operation, const AuditNote *note, Error *reterr) {
    return audit_append_by(operation, operation->actor, note, reterr);
}

static Status append_note(Operation *operation, void *work, Error *reterr) {
    return audit_append(operation, work, reterr);
}

Status store_note(Store *store, const Actor *actor, const AuditNote *note, Error *reterr) {
    AuditNote copy = *note;
    return store_write(store, NULL, actor, append_note, &copy, reterr);
}

// ---- Reading ------------------------------------------------------------------------------------

#define AUDIT_COLUMNS                                                                              \
    "sequence, at, event, actor, actor_kind, peer, token, grant_id, flow, integration, person,"    \
    " detail, previous, hash, signature, public_key"

static Status event_read(Operation *operation, const Row *row, AuditEvent *ret_event,
                         Error *reterr) {
    json_t *detail = NULL;
    TRY(stored_json(operation, row->text[11], &detail, reterr));
    *ret_event = (AuditEvent){
        .sequence = row->integer[0],
        .at = row->integer[1],
        .event = row->text[2],
        .actor = row->text[3],
        .actor_kind = row->text[4],
        .peer = row->text[5],
        .token = row->text[6],
        .grant = row->text[7],
        .flow = row->text[8],
        .integration = row->text[9],
        .person = row->text[10],
        .detail = detail,
        .previous = row->text[12],
        .hash = row->text[13],
        .signature = row->text[14],
        .key = row->text[15],
    };
    return STATUS_OK;
}

typedef struct ListWork {
    const AuditFilter *filter;
    AuditEvents events;
} ListWork;

static Query list_query(Arena *arena, const AuditFilter *filter) {
    Query query = {.arena = arena};
    query_add_with(&query, "SELECT " AUDIT_COLUMNS " FROM audit WHERE sequence > ?",
                   parameter_int(filter->after_sequence));
    if (filter->since_at != 0)
        query_add_with(&query, " AND at >= ?", parameter_int(filter->since_at));
    if (filter->until_at != 0)
        query_add_with(&query, " AND at < ?", parameter_int(filter->until_at));
    if (filter->person != NULL) {
        query_add_with(&query, " AND (actor = ?", parameter_text(filter->person));
        query_add_with(&query, " OR person = ?)", parameter_text(filter->person));
    }
    if (filter->grant != NULL)
        query_add_with(&query, " AND grant_id = ?", parameter_text(filter->grant));
    if (filter->integration != NULL)
        query_add_with(&query, " AND integration = ?", parameter_text(filter->integration));
    if (filter->flow != NULL)
        query_add_with(&query, " AND flow = ?", parameter_text(filter->flow));
    if (filter->event != NULL)
        query_add_with(&query, " AND event = ?", parameter_text(filter->event));
    int64_t limit = filter->limit;
    if (limit < 1 || limit > AUDIT_LIST_MAX)
        limit = AUDIT_LIST_MAX;
    query_add_with(&query, " ORDER BY sequence LIMIT ?", parameter_int(limit));
    return query;
}

static Status list_events(Operation *operation, void *work_, Error *reterr) {
    ListWork *work = work_;
    Query query = list_query(operation->arena, work->filter);
    Rows rows;
    TRY(query_run(operation, &query, &rows, reterr));
    work->events.items = arena_alloc(operation->arena, (rows.count + 1) * sizeof(AuditEvent));
    work->events.count = rows.count;
    for (size_t i = 0; i < rows.count; i++)
        TRY(event_read(operation, &rows.items[i], &work->events.items[i], reterr));
    return STATUS_OK;
}

Status store_list_audit(Store *store, Arena *arena, const AuditFilter *filter,
                        AuditEvents *ret_events, Error *reterr) {
    ListWork work = {.filter = filter};
    TRY(store_read(store, arena, list_events, &work, reterr));
    *ret_events = work.events;
    return STATUS_OK;
}

static Status read_newest(Operation *operation, AuditEvent *ret_event, Error *reterr) {
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT " AUDIT_COLUMNS " FROM audit ORDER BY sequence DESC LIMIT 1", NULL, 0,
                      &rows, reterr));
    *ret_event = (AuditEvent){0};
    return rows.count > 0 ? event_read(operation, &rows.items[0], ret_event, reterr) : STATUS_OK;
}

static Status read_head(Operation *operation, void *work, Error *reterr) {
    return read_newest(operation, work, reterr);
}

Status store_audit_head(Store *store, Arena *arena, AuditEvent *ret_head, Error *reterr) {
    AuditEvent head;
    TRY(store_read(store, arena, read_head, &head, reterr));
    *ret_head = head;
    return STATUS_OK;
}

Status audit_check_head(Operation *operation, void *work, Error *reterr) {
    AuditEvent newest;
    TRY(read_newest(operation, &newest, reterr));
    Rows head;
    TRY(operation_run(operation, "SELECT sequence, hash FROM audit_head WHERE id = 1", NULL, 0,
                      &head, reterr));
    if (head.count == 1 && head.items[0].integer[0] == newest.sequence &&
        (newest.sequence == 0 || text_equal(head.items[0].text[1], newest.hash)))
        return STATUS_OK;
    return error_set(reterr, STATUS_INTERNAL, "store_damaged",
                     "the newest audit event is not the one that the trail's head names; restore "
                     "the store from a backup");
}
