#include "store/store_internal.h"

#include "base/fault_point.h"

#include <string.h>

enum {
    BATCH = 32,                         // grants settled in one transaction
    DAMAGED_PAUSE_MS = 300 * SECOND_MS, // until one that fails is looked at again
};

// ---- One grant ----------------------------------------------------------------------------------

static Status settle_by(Operation *operation, Grant *grant, bool *ret_changed, Error *reterr) {
    int64_t now_ms = operation->now_ms;
    GrantChange change = {.now_ms = now_ms};
    *ret_changed = true;
    if (grant_event_allowed(grant, GRANT_EVENT_LAPSE, now_ms)) {
        change.event = GRANT_EVENT_LAPSE;
        TRY(grant_move(operation, grant, &change, NULL, reterr));
        TRY(actions_drop(operation, grant->id, NULL, reterr));
        return grant_save(operation, grant, 0, reterr);
    }
    if (grant_event_allowed(grant, GRANT_EVENT_EXPIRE, now_ms)) {
        change.event = GRANT_EVENT_EXPIRE;
        return grant_begin_revoking(operation, grant, &change, NULL, reterr);
    }
    if (grant->state == GRANT_GRANTING && grant->lapses_at <= now_ms) {
        change.event = GRANT_EVENT_FAIL;
        change.note = grant->trouble != NULL ? grant->trouble
                                             : "no connector could give it before the approval "
                                               "lapsed";
        return grant_begin_revoking(operation, grant, &change, NULL, reterr);
    }
    *ret_changed = false;
    return STATUS_OK;
}

Status grant_settle(Operation *operation, Grant *grant, bool *ret_changed, Error *reterr) {
    const Actor *actor = operation->actor;
    operation->actor = &ACTOR_SYSTEM; // whoever is looking, it is time that does it
    Status status = settle_by(operation, grant, ret_changed, reterr);
    operation->actor = actor;
    return status;
}

// ---- What is due --------------------------------------------------------------------------------

typedef struct DueWork {
    int64_t limit;
    StringList ids;
    size_t first, count; // of the ids: this batch
    int64_t changed;
    int64_t next_due_at;
    int64_t woken_from, woken_until;
} DueWork;

static Status find_due(Operation *operation, void *work_, Error *reterr) {
    DueWork *work = work_;
    Parameter parameters[] = {parameter_int(operation->now_ms), parameter_int(work->limit)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT id FROM grants WHERE due_at IS NOT NULL AND due_at <= $1"
                      " ORDER BY due_at, id LIMIT $2",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    for (size_t i = 0; i < rows.count; i++)
        string_list_add(operation->arena, &work->ids, rows.items[i].text[0]);
    return STATUS_OK;
}

static Status settle_batch(Operation *operation, void *work_, Error *reterr) {
    DueWork *work = work_;
    work->changed = 0;
    for (size_t i = 0; i < work->count; i++) {
        Grant grant;
        bool changed = false;
        TRY(grant_load(operation, work->ids.items[work->first + i], &grant, reterr));
        TRY(grant_settle(operation, &grant, &changed, reterr));
        work->changed += changed;
    }
    return STATUS_OK;
}

// Looked at again later, so that one that fails keeps neither the others waiting nor us busy.
static Status postpone(Operation *operation, void *work_, Error *reterr) {
    DueWork *work = work_;
    Parameter parameters[] = {
        parameter_text(work->ids.items[work->first]),
        parameter_int(operation->now_ms + DAMAGED_PAUSE_MS),
    };
    return operation_run(operation, "UPDATE grants SET due_at = $2 WHERE id = $1", parameters,
                         COUNT_OF(parameters), NULL, reterr);
}

// Together; where that fails, one by one, and the fault of the last that failed is given.
static Status settle_all(Store *store, Arena *arena, DueWork *work, Error *reterr) {
    Status result = STATUS_OK;
    int64_t changed = 0;
    size_t size = BATCH;
    for (size_t first = 0; first < work->ids.count; first += work->count) {
        work->first = first;
        work->count = work->ids.count - first < size ? work->ids.count - first : size;
        Error error = {0};
        Status status = store_write(store, arena, NULL, settle_batch, work, &error);
        if (status == STATUS_OK) {
            changed += work->changed;
        } else if (work->count > 1) {
            size = 1;
            work->count = 0; // the same ones again
        } else {
            result = status;
            if (reterr != NULL)
                *reterr = error;
            if (text_equal(error.code, "store_damaged"))
                TRY(store_write(store, arena, NULL, postpone, work, reterr));
        }
    }
    work->changed = changed;
    return result;
}

// Leases past their deadline go back to the queue; work that paused is announced when it is ready.
static Status take_back(Operation *operation, void *work_, Error *reterr) {
    DueWork *work = work_;
    Parameter now[] = {parameter_int(operation->now_ms)};
    Rows rows;
    TRY(operation_run(operation,
                      "UPDATE actions SET state = 'queued'"
                      " WHERE state = 'leased' AND deadline_at <= $1 RETURNING connector",
                      now, COUNT_OF(now), &rows, reterr));
    for (size_t i = 0; i < rows.count; i++)
        operation_wake(operation, rows.items[i].text[0]);
    Parameter paused[] = {parameter_int(work->woken_from), parameter_int(operation->now_ms)};
    TRY(operation_run(operation,
                      "SELECT DISTINCT connector FROM actions"
                      " WHERE state = 'queued' AND not_before > $1 AND not_before <= $2",
                      paused, COUNT_OF(paused), &rows, reterr));
    for (size_t i = 0; i < rows.count; i++)
        operation_wake(operation, rows.items[i].text[0]);
    work->woken_until = operation->now_ms;
    return STATUS_OK;
}

static Status find_next(Operation *operation, void *work_, Error *reterr) {
    DueWork *work = work_;
    static const char *const NEXT[] = {
        "SELECT MIN(due_at) FROM grants WHERE due_at IS NOT NULL AND $1 <> 0",
        "SELECT MIN(deadline_at) FROM actions WHERE state = 'leased' AND $1 <> 0",
        "SELECT MIN(not_before) FROM actions WHERE state = 'queued' AND not_before > $1",
    };
    TRY(overdue_next(operation, &work->next_due_at, reterr));
    for (size_t i = 0; i < COUNT_OF(NEXT); i++) {
        Parameter now[] = {parameter_int(operation->now_ms)};
        Rows rows;
        TRY(operation_run(operation, NEXT[i], now, COUNT_OF(now), &rows, reterr));
        int64_t at = rows.count > 0 ? rows.items[0].integer[0] : 0;
        if (at != 0 && (work->next_due_at == 0 || at < work->next_due_at))
            work->next_due_at = at;
    }
    return STATUS_OK;
}

// Whether taking back has anything to do: it would lock out writers otherwise.
static Status find_returnable(Operation *operation, void *work_, Error *reterr) {
    bool *ret_any = work_;
    Parameter now[] = {parameter_int(operation->now_ms)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT 1 FROM actions WHERE (state = 'leased' AND deadline_at <= $1)"
                      " OR (state = 'queued' AND not_before > 0) LIMIT 1",
                      now, COUNT_OF(now), &rows, reterr));
    *ret_any = rows.count > 0;
    return STATUS_OK;
}

static Status run_leases(Store *store, Arena *arena, DueWork *work, Error *reterr) {
    bool any = false;
    TRY(store_read(store, arena, find_returnable, &any, reterr));
    if (!any)
        return STATUS_OK;
    pthread_mutex_lock(&store->lock);
    work->woken_from = store->woken_until;
    pthread_mutex_unlock(&store->lock);
    TRY(store_write(store, arena, NULL, take_back, work, reterr));
    FAULT_POINT("leases.taken_back");
    pthread_mutex_lock(&store->lock);
    store->woken_until = work->woken_until;
    pthread_mutex_unlock(&store->lock);
    return STATUS_OK;
}

// ---- What is overdue ----------------------------------------------------------------------------

typedef struct OverdueWork {
    int64_t limit;
    int64_t noted;
    bool any; // of the look before
} OverdueWork;

static Status find_overdue(Operation *operation, void *work_, Error *reterr) {
    OverdueWork *work = work_;
    int64_t next_at = 0;
    TRY(overdue_next(operation, &next_at, reterr));
    work->any = next_at != 0 && next_at <= operation->now_ms;
    return STATUS_OK;
}

static Status note_overdue(Operation *operation, void *work_, Error *reterr) {
    OverdueWork *work = work_;
    return overdue_note(operation, work->limit, &work->noted, reterr);
}

static Status run_overdue(Store *store, Arena *arena, DueWork *due, Error *reterr) {
    OverdueWork work = {.limit = BATCH};
    TRY(store_read(store, arena, find_overdue, &work, reterr));
    for (int64_t noted = 0; work.any && noted < due->limit; noted += work.noted) {
        TRY(store_write(store, arena, NULL, note_overdue, &work, reterr));
        due->changed += work.noted;
        work.any = work.noted == work.limit;
    }
    return STATUS_OK;
}

Status store_run_due(Store *store, int64_t limit, DueResult *ret_result, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    DueWork work = {.limit = limit};
    TRY(store_read(store, arena, find_due, &work, reterr));
    if (work.ids.count > 0)
        FAULT_POINT("due.found");
    Error error = {0};
    Status settled = settle_all(store, arena, &work, &error);
    if (work.ids.count > 0)
        FAULT_POINT("due.settled");
    TRY(run_leases(store, arena, &work, reterr));
    TRY(run_overdue(store, arena, &work, reterr));
    TRY(store_read(store, arena, find_next, &work, reterr));
    if (settled != STATUS_OK) {
        if (reterr != NULL)
            *reterr = error;
        return settled;
    }
    *ret_result = (DueResult){.changed = work.changed, .next_due_at = work.next_due_at};
    return STATUS_OK;
}
