#include "store/store_internal.h"

#include "base/id.h"
#include "domain/outcome.h"
#include "domain/target_report.h"

#include <string.h>

enum {
    NAME_MAX_BYTES = 128,
    MESSAGE_MAX_BYTES = 1000,
    ORPHANS_LIST_MAX = 500,
    INSPECTION_FAILURES_MAX = 3,
};
static const int64_t NOTED_EVERY_MS = 24LL * 3600 * SECOND_MS;

// ---- Records ------------------------------------------------------------------------------------

static Status orphan_read(Operation *operation, const Row *row, Orphan *ret_orphan, Error *reterr) {
    return stored_document(operation, &ORPHAN_SHAPE, row->text[0], ret_orphan, reterr);
}

static Status orphan_load(Operation *operation, const char *id, Orphan *ret_orphan, Error *reterr) {
    Parameter parameters[] = {parameter_text(id)};
    Rows rows;
    TRY(operation_run(operation, "SELECT document FROM orphans WHERE id = $1", parameters,
                      COUNT_OF(parameters), &rows, reterr));
    if (rows.count == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_orphan",
                         "there is no such orphan, or it is gone; \"daypass orphans\" lists those "
                         "that are there");
    return orphan_read(operation, &rows.items[0], ret_orphan, reterr);
}

static void orphan_announce(Operation *operation, const Orphan *orphan) {
    if (!string_list_has(&operation->changed_grants, orphan->id))
        string_list_add(operation->arena, &operation->changed_grants, orphan->id);
}

static Status orphan_save(Operation *operation, Orphan *orphan, Error *reterr) {
    int64_t version = orphan->version++;
    const char *document = NULL;
    TRY(document_text(operation, &ORPHAN_SHAPE, orphan, &document, reterr));
    orphan_announce(operation, orphan);
    Parameter parameters[] = {
        parameter_text(orphan->id),
        parameter_int(version),
        parameter_text(document),
    };
    Rows rows;
    TRY(operation_run(operation,
                      "UPDATE orphans SET version = version + 1, document = $3"
                      " WHERE id = $1 AND version = $2",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    return rows.changed == 1 ? STATUS_OK : operation_raced(reterr);
}

static Status orphan_insert(Operation *operation, Orphan *orphan, Error *reterr) {
    orphan->version = 1;
    const char *document = NULL;
    TRY(document_text(operation, &ORPHAN_SHAPE, orphan, &document, reterr));
    Parameter parameters[] = {
        parameter_text(orphan->id),        parameter_int(orphan->version),
        parameter_text(orphan->connector), parameter_text(orphan->admin_secret),
        parameter_text(orphan->account),   parameter_text(enum_name(&ORPHAN_KINDS, orphan->kind)),
        parameter_text(document),
    };
    return operation_run(operation,
                         "INSERT INTO orphans (id, version, connector, admin_secret, account, kind,"
                         " document) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                         parameters, COUNT_OF(parameters), NULL, reterr);
}

static Status orphan_delete(Operation *operation, const Orphan *orphan, Error *reterr) {
    orphan_announce(operation, orphan);
    Parameter parameters[] = {parameter_text(orphan->id)};
    TRY(operation_run(operation,
                      "UPDATE actions SET state = 'dropped' WHERE orphan_id = $1"
                      " AND state = 'queued'",
                      parameters, COUNT_OF(parameters), NULL, reterr));
    return operation_run(operation, "DELETE FROM orphans WHERE id = $1", parameters,
                         COUNT_OF(parameters), NULL, reterr);
}

// ---- What the trail says ------------------------------------------------------------------------

static void describe_text(json_t *detail, const char *key, const char *text) {
    if (text != NULL)
        json_object_set_new(detail, key, json_string(text));
}

static Status orphan_note(Operation *operation, const Orphan *orphan, const char *event,
                          json_t *detail, Error *reterr) {
    if (detail == NULL)
        detail = json_keep(operation->arena, json_object());
    describe_text(detail, "account", orphan->account);
    describe_text(detail, "orphan", enum_name(&ORPHAN_KINDS, orphan->kind));
    describe_text(detail, "why", orphan_describe(operation->arena, orphan));
    describe_text(detail, "connector", orphan->connector);
    describe_text(detail, "target",
                  arena_printf(operation->arena, "%s:%lld", orphan->host, (long long)orphan->port));
    describe_text(detail, "claimed_grant", orphan->grant_id);
    describe_text(detail, "deployment", orphan->deployment);
    describe_text(detail, "requested_by", orphan->requested_by);
    json_object_set_new(detail, "can_login", json_boolean(orphan->can_login));
    json_object_set_new(detail, "sessions", json_integer(orphan->sessions));
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    const Integration *integration = orphan_integration(&configuration, orphan);
    AuditNote note = {
        .event = event,
        .integration = integration != NULL ? integration->name : NULL,
        .detail = detail,
    };
    return audit_append(operation, &note, reterr);
}

const Integration *orphan_integration(const Configuration *configuration, const Orphan *orphan) {
    for (size_t i = 0; i < configuration->integrations.count; i++) {
        const Integration *integration = &configuration->integrations.items[i];
        if (text_equal(integration->connector, orphan->connector) &&
            text_equal(integration->admin_secret, orphan->admin_secret))
            return integration;
    }
    return NULL;
}

// ---- Found by a sweep ---------------------------------------------------------------------------

static Status begin_removal(Operation *operation, Orphan *orphan, Error *reterr) {
    orphan->state = ORPHAN_REMOVING;
    orphan->failures = 0;
    orphan->trouble = NULL;
    orphan->obstacles = NULL;
    return orphan_queue_action(operation, orphan, "remove", reterr);
}

static Status take_new(Operation *operation, const Orphan *found, Error *reterr) {
    Orphan orphan = *found;
    orphan.id = id_new(operation->arena, "orp");
    orphan.found_at = operation->now_ms;
    orphan.noted_at = operation->now_ms;
    TRY(orphan_note(operation, &orphan, "account.orphan", NULL, reterr));
    if (orphan_is_settled(&orphan))
        TRY(begin_removal(operation, &orphan, reterr));
    return orphan_insert(operation, &orphan, reterr);
}

static bool looks_the_same(const Operation *operation, const Orphan *known, const Orphan *found) {
    return known->expires_at == found->expires_at && known->can_login == found->can_login &&
           known->sessions == found->sessions && text_equal(known->custodian, found->custodian) &&
           known->noted_at > operation->now_ms - NOTED_EVERY_MS &&
           (known->state == ORPHAN_REMOVING || !orphan_is_settled(known));
}

static Status take_known(Operation *operation, const Orphan *known, const Orphan *found,
                         Error *reterr) {
    Orphan orphan = *known;
    orphan.expires_at = found->expires_at;
    orphan.can_login = found->can_login;
    orphan.sessions = found->sessions;
    orphan.custodian = found->custodian;
    if (orphan.noted_at <= operation->now_ms - NOTED_EVERY_MS) {
        orphan.noted_at = operation->now_ms;
        TRY(orphan_note(operation, &orphan, "account.orphan", NULL, reterr));
    }
    if (orphan_is_settled(&orphan) && orphan.state != ORPHAN_REMOVING)
        TRY(begin_removal(operation, &orphan, reterr));
    return orphan_save(operation, &orphan, reterr);
}

static const Orphan *orphan_among(const Orphans *orphans, const char *account) {
    for (size_t i = 0; i < orphans->count; i++)
        if (text_equal(orphans->items[i].account, account))
            return &orphans->items[i];
    return NULL;
}

static Status load_known(Operation *operation, const OrphanPage *page, Orphans *ret_orphans,
                         Error *reterr) {
    Parameter parameters[] = {parameter_text(page->connector), parameter_text(page->admin_secret)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT document FROM orphans WHERE connector = $1 AND admin_secret = $2",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    Orphans orphans = {.items = arena_alloc(operation->arena, (rows.count + 1) * sizeof(Orphan))};
    for (size_t i = 0; i < rows.count; i++)
        TRY(orphan_read(operation, &rows.items[i], &orphans.items[orphans.count++], reterr));
    *ret_orphans = orphans;
    return STATUS_OK;
}

// Whether the page would have it if it were there, and has not. One being removed is seen gone by
// its action, which tells what was done.
static bool is_gone(const OrphanPage *page, const Orphan *known) {
    return known->state != ORPHAN_REMOVING &&
           (page->after == NULL || strcmp(known->account, page->after) > 0) &&
           (page->until == NULL || strcmp(known->account, page->until) <= 0) &&
           orphan_among(&page->found, known->account) == NULL;
}

Status orphans_look(Operation *operation, OrphanPage *page, Error *reterr) {
    Orphans known;
    TRY(load_known(operation, page, &known, reterr));
    page->changed = false;
    for (size_t i = 0; i < known.count; i++)
        page->changed = page->changed || is_gone(page, &known.items[i]);
    for (size_t i = 0; i < page->found.count; i++) {
        const Orphan *found = &page->found.items[i];
        const Orphan *before = orphan_among(&known, found->account);
        if (before == NULL || !orphan_is(before, found) ||
            !looks_the_same(operation, before, found))
            page->changed = true;
    }
    return STATUS_OK;
}

// What a connector says of its targets must not fill the store; and what is only listed, such as
// other tools' accounts by the thousand, must not keep from it what is to be removed.
typedef struct Room {
    int64_t settled;
    int64_t listed;
} Room;

static int64_t *room_of(Room *room, const Orphan *orphan) {
    return orphan_is_settled(orphan) ? &room->settled : &room->listed;
}

static Status read_room(Operation *operation, const OrphanPage *page, Room *ret_room,
                        Error *reterr) {
    int64_t most = operation->store->limits.orphans_per_connector;
    Room room = {.settled = most, .listed = most};
    Parameter parameters[] = {parameter_text(page->connector)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT kind, count(*) FROM orphans WHERE connector = $1 GROUP BY kind",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    for (size_t i = 0; i < rows.count; i++) {
        Orphan of_kind = {0};
        if (enum_find(&ORPHAN_KINDS, rows.items[i].text[0], &of_kind.kind))
            *room_of(&room, &of_kind) -= rows.items[i].integer[1];
    }
    *ret_room = room;
    return STATUS_OK;
}

static Status take_gone(Operation *operation, const Orphan *known, Room *room, Error *reterr) {
    TRY(orphan_note(operation, known, "account.orphan_gone", NULL, reterr));
    (*room_of(room, known))++;
    return orphan_delete(operation, known, reterr);
}

static Status take_found(Operation *operation, const Orphan *before, const Orphan *found,
                         Room *room, Error *reterr) {
    if (before != NULL && orphan_is(before, found))
        return looks_the_same(operation, before, found)
                   ? STATUS_OK
                   : take_known(operation, before, found, reterr);
    if (before != NULL) {
        (*room_of(room, before))++;
        TRY(orphan_delete(operation, before, reterr));
    }
    if (*room_of(room, found) <= 0)
        return STATUS_OK;
    (*room_of(room, found))--;
    return take_new(operation, found, reterr);
}

Status orphans_take(Operation *operation, const OrphanPage *page, Error *reterr) {
    Orphans known;
    Room room;
    TRY(load_known(operation, page, &known, reterr));
    TRY(read_room(operation, page, &room, reterr));
    for (size_t i = 0; i < known.count; i++)
        if (is_gone(page, &known.items[i]))
            TRY(take_gone(operation, &known.items[i], &room, reterr));
    for (size_t i = 0; i < page->found.count; i++) {
        const Orphan *found = &page->found.items[i];
        TRY(take_found(operation, orphan_among(&known, found->account), found, &room, reterr));
    }
    return STATUS_OK;
}

// ---- Its actions --------------------------------------------------------------------------------

Status orphan_action_plan(Operation *operation, const ActionRow *action, Orphan *ret_orphan,
                          const json_t **ret_plan, bool *ret_wanted, Error *reterr) {
    Orphan orphan;
    Error error = {0};
    Status status = orphan_load(operation, action->orphan_id, &orphan, &error);
    *ret_wanted = status == STATUS_OK &&
                  (text_equal(action->kind, "inspect") || orphan.state == ORPHAN_REMOVING);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !*ret_wanted))
        return STATUS_OK;
    if (status != STATUS_OK) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    const Integration *integration = orphan_integration(&configuration, &orphan);
    TargetAddress target;
    if (integration != NULL)
        target = integration_target(integration);
    Plan plan = orphan_plan(operation->arena, &orphan, action->integration,
                            integration != NULL ? &target : NULL);
    // Where the mark names nobody who could have what the account owns.
    if (plan.custodian == NULL && integration != NULL)
        plan.custodian = integration->custodian;
    *ret_orphan = orphan;
    *ret_plan = shape_write(operation->arena, &PLAN_SHAPE, &plan);
    return STATUS_OK;
}

static const json_t *obstacles_of(Operation *operation, const json_t *outcome) {
    Outcome read;
    Error ignored = {0};
    if (outcome == NULL ||
        shape_read(operation->arena, &OUTCOME_SHAPE, outcome, &read, &ignored) != STATUS_OK ||
        read.obstacles.count == 0)
        return NULL;
    return json_object_get(shape_write(operation->arena, &OUTCOME_SHAPE, &read), "obstacles");
}

static Status removal_done(Operation *operation, const ActionRow *action, const Orphan *orphan,
                           const StoreReport *report, Error *reterr) {
    TRY(action_set_state(operation, action->id, ACTION_DONE, reterr));
    TRY(orphan_note(operation, orphan, "account.removed",
                    outcome_describe(operation, report->outcome), reterr));
    return orphan_delete(operation, orphan, reterr);
}

// What goes by itself is tried for ever. What somebody asked for, and the connector's file does not
// allow, waits for somebody to ask again.
static Status removal_failed(Operation *operation, const ActionRow *action, Orphan *orphan,
                             const StoreReport *report, Error *reterr) {
    bool refused = text_equal(report->failure, enum_name(&FAILURE_CLASSES, FAILURE_REFUSED));
    orphan->failures++;
    orphan->trouble = report->message != NULL
                          ? text_bounded(operation->arena, report->message, MESSAGE_MAX_BYTES)
                          : "the connector gave no reason";
    orphan->obstacles = obstacles_of(operation, report->outcome);
    json_t *detail = outcome_describe(operation, report->outcome);
    describe_text(detail, "message", orphan->trouble);
    describe_text(detail, "code", text_bounded(operation->arena, report->code, NAME_MAX_BYTES));
    if (refused && !orphan_is_settled(orphan)) {
        orphan->state = ORPHAN_FOUND;
        TRY(orphan_note(operation, orphan, "account.removal_refused", detail, reterr));
        orphan->requested_by = NULL;
        TRY(action_set_state(operation, action->id, ACTION_DONE, reterr));
    } else {
        TRY(action_repeat(operation, action, reterr));
        if (is_milestone(orphan->failures))
            TRY(orphan_note(operation, orphan, "account.trouble", detail, reterr));
    }
    return orphan_save(operation, orphan, reterr);
}

static Status inspection_reported(Operation *operation, const ActionRow *action, Orphan *orphan,
                                  const StoreReport *report, Error *reterr) {
    bool again = !report->done && action->failures + 1 < INSPECTION_FAILURES_MAX &&
                 text_equal(report->failure, enum_name(&FAILURE_CLASSES, FAILURE_RETRY));
    if (again)
        return action_repeat(operation, action, reterr);
    TRY(action_set_state(operation, action->id, ACTION_DONE, reterr));
    AccountInspection inspection;
    Error error = {0};
    orphan->inspected_at = operation->now_ms;
    orphan->inspection = NULL;
    if (!report->done)
        orphan->trouble = text_bounded(operation->arena, report->message, MESSAGE_MAX_BYTES);
    else if (report->inspection != NULL &&
             shape_read(operation->arena, &ACCOUNT_INSPECTION_SHAPE, report->inspection,
                        &inspection, &error) == STATUS_OK)
        orphan->inspection = shape_write(operation->arena, &ACCOUNT_INSPECTION_SHAPE, &inspection);
    return orphan_save(operation, orphan, reterr);
}

Status orphan_report(Operation *operation, const ActionRow *action, const StoreReport *report,
                     Error *reterr) {
    if (action->state == ACTION_DONE || action->state == ACTION_DROPPED)
        return STATUS_OK;
    Orphan orphan;
    Error error = {0};
    Status status = orphan_load(operation, action->orphan_id, &orphan, &error);
    if (status == STATUS_NOT_FOUND)
        return action_set_state(operation, action->id, ACTION_DONE, reterr);
    if (status != STATUS_OK) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    operation_wake(operation, action->connector);
    if (text_equal(action->kind, "inspect"))
        return inspection_reported(operation, action, &orphan, report, reterr);
    return report->done ? removal_done(operation, action, &orphan, report, reterr)
                        : removal_failed(operation, action, &orphan, report, reterr);
}

// ---- For people ---------------------------------------------------------------------------------

typedef struct OrphanWork {
    const char *id;
    const OrphanFilter *filter;
    const char *grant_id, *deployment;
    Orphan orphan;
    Orphans orphans;
} OrphanWork;

static Status read_orphan(Operation *operation, void *work_, Error *reterr) {
    OrphanWork *work = work_;
    return orphan_load(operation, work->id, &work->orphan, reterr);
}

Status store_orphan(Store *store, Arena *arena, const char *id, Orphan *ret_orphan, Error *reterr) {
    OrphanWork work = {.id = id};
    TRY(store_read(store, arena, read_orphan, &work, reterr));
    *ret_orphan = work.orphan;
    return STATUS_OK;
}

static Status check_cursor(Operation *operation, const char *id, Error *reterr) {
    Orphan ignored;
    if (orphan_load(operation, id, &ignored, NULL) == STATUS_OK)
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_cursor",
                     "the cursor is not one of this list; start from its beginning");
}

static Status list_orphans(Operation *operation, void *work_, Error *reterr) {
    OrphanWork *work = work_;
    const OrphanFilter *filter = work->filter;
    int64_t limit = filter->limit;
    if (limit < 1 || limit > ORPHANS_LIST_MAX)
        limit = ORPHANS_LIST_MAX;
    Query query = {.arena = operation->arena};
    query_add(&query, "SELECT document FROM orphans WHERE 1 = 1");
    if (filter->connector != NULL)
        query_add_with(&query, " AND connector = ?", parameter_text(filter->connector));
    if (filter->admin_secret != NULL)
        query_add_with(&query, " AND admin_secret = ?", parameter_text(filter->admin_secret));
    if (filter->account != NULL)
        query_add_with(&query, " AND account = ?", parameter_text(filter->account));
    if (filter->kind != NULL)
        query_add_with(&query, " AND kind = ?", parameter_text(filter->kind));
    if (filter->after_id != NULL) {
        TRY(check_cursor(operation, filter->after_id, reterr));
        query_add_with(&query,
                       " AND (account, id) > (SELECT account, id FROM orphans WHERE id = ?)",
                       parameter_text(filter->after_id));
    }
    query_add_with(&query, " ORDER BY account, id LIMIT ?", parameter_int(limit));
    Rows rows;
    TRY(query_run(operation, &query, &rows, reterr));
    work->orphans.items = arena_alloc(operation->arena, (rows.count + 1) * sizeof(Orphan));
    work->orphans.count = rows.count;
    for (size_t i = 0; i < rows.count; i++)
        TRY(orphan_read(operation, &rows.items[i], &work->orphans.items[i], reterr));
    return STATUS_OK;
}

Status store_list_orphans(Store *store, Arena *arena, const OrphanFilter *filter,
                          Orphans *ret_orphans, Error *reterr) {
    OrphanWork work = {.filter = filter};
    TRY(store_read(store, arena, list_orphans, &work, reterr));
    *ret_orphans = work.orphans;
    return STATUS_OK;
}

static Status inspect_orphan(Operation *operation, void *work_, Error *reterr) {
    OrphanWork *work = work_;
    TRY(orphan_load(operation, work->id, &work->orphan, reterr));
    TRY(orphan_check_removable(&work->orphan, reterr));
    bool open = false;
    TRY(orphan_action_is_open(operation, work->id, "inspect", &open, reterr));
    if (open)
        return STATUS_OK;
    TRY(orphan_note(operation, &work->orphan, "account.inspection_requested", NULL, reterr));
    TRY(orphan_queue_action(operation, &work->orphan, "inspect", reterr));
    return orphan_save(operation, &work->orphan, reterr);
}

Status store_inspect_orphan(Store *store, Arena *arena, const Actor *actor, const char *id,
                            Orphan *ret_orphan, Error *reterr) {
    OrphanWork work = {.id = id};
    TRY(store_write(store, arena, actor, inspect_orphan, &work, reterr));
    *ret_orphan = work.orphan;
    return STATUS_OK;
}

static Status remove_orphan(Operation *operation, void *work_, Error *reterr) {
    OrphanWork *work = work_;
    Orphan *orphan = &work->orphan;
    TRY(orphan_load(operation, work->id, orphan, reterr));
    TRY(orphan_check_removable(orphan, reterr));
    if (!text_equal(orphan->grant_id, work->grant_id) ||
        !text_equal(orphan->deployment, work->deployment))
        return error_set(reterr, STATUS_CONFLICT, "orphan_changed",
                         "the mark of %s is another by now; look at it again", orphan->account);
    if (orphan->state == ORPHAN_REMOVING)
        return STATUS_OK;
    orphan->requested_by = operation->actor->name;
    TRY(orphan_note(operation, orphan, "account.removal_requested", NULL, reterr));
    TRY(begin_removal(operation, orphan, reterr));
    return orphan_save(operation, orphan, reterr);
}

Status store_remove_orphan(Store *store, Arena *arena, const Actor *actor, const char *id,
                           const char *grant_id, const char *deployment, Orphan *ret_orphan,
                           Error *reterr) {
    OrphanWork work = {.id = id, .grant_id = grant_id, .deployment = deployment};
    TRY(store_write(store, arena, actor, remove_orphan, &work, reterr));
    *ret_orphan = work.orphan;
    return STATUS_OK;
}
