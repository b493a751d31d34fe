#include "store/store_internal.h"

#include "domain/integration_plan.h"

#include "base/id.h"

#include <sodium.h>

enum {
    BACKOFF_FIRST_MS = SECOND_MS,
    BACKOFF_MOST_MS = 300 * SECOND_MS,
    BACKOFF_DOUBLINGS_MAX = 9, // 1 s doubled nine times is above the most
};

static const char *const ACTION_STATE_NAMES[] = {
    [ACTION_QUEUED] = "queued",
    [ACTION_LEASED] = "leased",
    [ACTION_DONE] = "done",
    [ACTION_DROPPED] = "dropped",
};
const EnumTable ACTION_STATES = {"state of an action", ACTION_STATE_NAMES,
                                 COUNT_OF(ACTION_STATE_NAMES)};

// Revocations go before everything: an access that is over is worse than one that waits.
typedef enum Lane { LANE_REVOKE, LANE_GRANT, LANE_CHECK } Lane;

int64_t backoff_ms(int64_t failures) {
    int64_t doublings = failures > 1 ? failures - 1 : 0;
    if (doublings > BACKOFF_DOUBLINGS_MAX)
        doublings = BACKOFF_DOUBLINGS_MAX;
    int64_t pause_ms = (int64_t)BACKOFF_FIRST_MS << doublings;
    if (pause_ms > BACKOFF_MOST_MS)
        pause_ms = BACKOFF_MOST_MS;
    // A fifth more or less, so that what failed together does not come back together.
    int64_t fifth_ms = pause_ms / 5;
    return pause_ms - fifth_ms + (int64_t)randombytes_uniform((uint32_t)(2 * fifth_ms + 1));
}

bool is_milestone(int64_t count) {
    return count > 0 && (count & (count - 1)) == 0;
}

// ---- Queueing -----------------------------------------------------------------------------------

typedef struct NewAction {
    ActionForm form;
    const char *grant_id;
    const char *orphan_id;
    const char *integration;
    const char *connector;
    Lane lane;
    int64_t rank_at;
} NewAction;

static Status action_insert(Operation *operation, const NewAction *action, Error *reterr) {
    Parameter parameters[] = {
        parameter_text(id_new(operation->arena, "act")),
        parameter_text(action->form.kind),
        parameter_text(action->grant_id),
        parameter_text(action->integration),
        parameter_text(action->connector),
        parameter_int((int64_t)action->lane),
        parameter_int(action->rank_at),
        parameter_int(operation->now_ms),
        parameter_int(action->form.expires_at),
        parameter_text(action->form.seal_to),
        parameter_text(action->orphan_id),
    };
    TRY(operation_run(operation,
                      "INSERT INTO actions (id, kind, grant_id, integration, connector, state,"
                      " lane, rank_at, attempt, failures, queued_at, not_before, issued_at,"
                      " deadline_at, leased_by, expires_at, seal_to, orphan_id)"
                      " VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, 0, 0, $8, 0, 0, 0, NULL, $9,"
                      " $10, $11)",
                      parameters, COUNT_OF(parameters), NULL, reterr));
    operation_wake(operation, action->connector);
    return STATUS_OK;
}

Status action_queue(Operation *operation, const Grant *grant, const ActionForm *form,
                    Error *reterr) {
    NewAction action = {
        .form = *form,
        .grant_id = grant->id,
        .integration = grant->plan->integration,
        .connector = grant->plan->connector,
        .lane = LANE_GRANT,
        .rank_at = operation->now_ms,
    };
    if (text_equal(form->kind, "revoke")) {
        action.lane = LANE_REVOKE;
        if (grant->expires_at > 0 && grant->expires_at < action.rank_at)
            action.rank_at = grant->expires_at; // the longest overdue first
    }
    return action_insert(operation, &action, reterr);
}

// As of checks, nobody asks for what came of old ones: the trail has it. One whose lease is not
// over may be reported once more.
static Status forget_orphan_actions(Operation *operation, const char *connector, Error *reterr) {
    Parameter parameters[] = {parameter_text(connector), parameter_int(operation->now_ms)};
    return operation_run(operation,
                         "DELETE FROM actions WHERE orphan_id IS NOT NULL AND connector = $1"
                         " AND state IN ('done', 'dropped') AND deadline_at <= $2",
                         parameters, COUNT_OF(parameters), NULL, reterr);
}

// Ahead of all that gives access. Where no integration is declared any more, the secret stands for
// its name.
Status orphan_queue_action(Operation *operation, const Orphan *orphan, const char *kind,
                           Error *reterr) {
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    const Integration *integration = orphan_integration(&configuration, orphan);
    TRY(forget_orphan_actions(operation, orphan->connector, reterr));
    NewAction action = {
        .form = {.kind = kind},
        .orphan_id = orphan->id,
        .integration = integration != NULL ? integration->name : orphan->admin_secret,
        .connector = orphan->connector,
        .lane = LANE_GRANT,
    };
    return action_insert(operation, &action, reterr);
}

Status orphan_action_is_open(Operation *operation, const char *orphan_id, const char *kind,
                             bool *ret_open, Error *reterr) {
    Parameter parameters[] = {parameter_text(orphan_id), parameter_text(kind)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT 1 FROM actions WHERE orphan_id = $1 AND kind = $2"
                      " AND state IN ('queued', 'leased')",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    *ret_open = rows.count > 0;
    return STATUS_OK;
}

typedef struct CheckWork {
    const char *integration;
    const char *kind;
} CheckWork;

static Status queue_check(Operation *operation, void *work_, Error *reterr) {
    CheckWork *work = work_;
    if (!text_equal(work->kind, "check") && !text_equal(work->kind, "discover"))
        return error_set(reterr, STATUS_INVALID, "bad_value", "expected check or discover");
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    const Integration *integration = configuration_integration(&configuration, work->integration);
    if (integration == NULL)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_integration",
                         "there is no integration of that name");
    Parameter which[] = {parameter_text(work->integration), parameter_text(work->kind)};
    Parameter parameters[] = {which[0], which[1], parameter_text(integration->connector)};
    // One that waits for the connector from which the integration was moved away asks nobody.
    Rows rows;
    TRY(operation_run(operation,
                      "UPDATE actions SET state = 'dropped' WHERE integration = $1 AND kind = $2"
                      " AND grant_id IS NULL AND state = 'queued' AND connector <> $3",
                      parameters, COUNT_OF(parameters), NULL, reterr));
    TRY(operation_run(operation,
                      "SELECT id FROM actions WHERE integration = $1 AND kind = $2"
                      " AND grant_id IS NULL AND state = 'queued' AND connector = $3",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.count > 0) {
        operation_wake(operation, integration->connector);
        return STATUS_OK;
    }
    // Nobody asks for what came of old ones: their result is the integration's report.
    TRY(operation_run(operation,
                      "DELETE FROM actions WHERE integration = $1 AND kind = $2"
                      " AND grant_id IS NULL AND state IN ('done', 'dropped')",
                      which, COUNT_OF(which), NULL, reterr));
    NewAction action = {
        .form = {.kind = work->kind},
        .integration = integration->name,
        .connector = integration->connector,
        .lane = LANE_CHECK,
        .rank_at = operation->now_ms,
    };
    TRY(action_insert(operation, &action, reterr));
    AuditNote note = {
        .event = arena_printf(operation->arena, "integration.%s_requested", work->kind),
        .integration = integration->name,
    };
    return audit_append(operation, &note, reterr);
}

Status store_queue_check(Store *store, const Actor *actor, const char *integration,
                         const char *kind, Error *reterr) {
    CheckWork work = {integration, kind};
    return store_write(store, NULL, actor, queue_check, &work, reterr);
}

// ---- One action ---------------------------------------------------------------------------------

#define ACTION_COLUMNS                                                                             \
    "id, kind, grant_id, integration, connector, state, attempt, failures, deadline_at,"           \
    " expires_at, seal_to, queued_at, rank_at, overdue_noted_at, orphan_id"

static Status action_read(const Row *row, ActionRow *ret_action, Error *reterr) {
    ActionRow action = {
        .id = row->text[0],
        .kind = row->text[1],
        .grant_id = row->text[2],
        .integration = row->text[3],
        .connector = row->text[4],
        .attempt = row->integer[6],
        .failures = row->integer[7],
        .deadline_at = row->integer[8],
        .expires_at = row->integer[9],
        .seal_to = row->text[10],
        .queued_at = row->integer[11],
        .rank_at = row->integer[12],
        .overdue_noted_at = row->integer[13],
        .orphan_id = row->text[14],
    };
    if (!enum_find(&ACTION_STATES, row->text[5], &action.state))
        return error_set(reterr, STATUS_INTERNAL, "store_damaged", "a stored action has no state");
    *ret_action = action;
    return STATUS_OK;
}

Status action_load(Operation *operation, const char *id, ActionRow *ret_action, Error *reterr) {
    Parameter parameters[] = {parameter_text(id)};
    Rows rows;
    TRY(operation_run(operation, "SELECT " ACTION_COLUMNS " FROM actions WHERE id = $1", parameters,
                      COUNT_OF(parameters), &rows, reterr));
    if (rows.count == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_action",
                         "there is no action of that id");
    return action_read(&rows.items[0], ret_action, reterr);
}

Status action_set_state(Operation *operation, const char *id, ActionState state, Error *reterr) {
    Parameter parameters[] = {parameter_text(id),
                              parameter_text(enum_name(&ACTION_STATES, (int)state))};
    return operation_run(operation, "UPDATE actions SET state = $2 WHERE id = $1", parameters,
                         COUNT_OF(parameters), NULL, reterr);
}

Status action_repeat(Operation *operation, const ActionRow *action, Error *reterr) {
    Parameter parameters[] = {
        parameter_text(action->id),
        parameter_int(operation->now_ms + backoff_ms(action->failures + 1)),
    };
    operation->due_changed = true;
    return operation_run(operation,
                         "UPDATE actions SET state = 'queued', failures = failures + 1,"
                         " not_before = $2 WHERE id = $1",
                         parameters, COUNT_OF(parameters), NULL, reterr);
}

Status action_hurry(Operation *operation, const Grant *grant, bool *ret_hurried, Error *reterr) {
    Parameter parameters[] = {parameter_text(grant->id), parameter_int(operation->now_ms)};
    Rows rows;
    TRY(operation_run(operation,
                      "UPDATE actions SET not_before = $2 WHERE grant_id = $1 AND kind = 'revoke'"
                      " AND state = 'queued' AND not_before > $2",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    *ret_hurried = rows.changed > 0;
    if (*ret_hurried)
        operation_wake(operation, grant->plan->connector);
    return STATUS_OK;
}

Status actions_drop(Operation *operation, const char *grant_id, const char *kind, Error *reterr) {
    Query query = {.arena = operation->arena};
    query_add_with(&query,
                   "UPDATE actions SET state = 'dropped' WHERE grant_id = ?"
                   " AND state = 'queued' AND kind <> 'revoke'",
                   parameter_text(grant_id));
    if (kind != NULL)
        query_add_with(&query, " AND kind = ?", parameter_text(kind));
    return query_run(operation, &query, NULL, reterr);
}

static Status drop_all(Operation *operation, const Grant *grant, const char *statement,
                       Error *reterr) {
    Parameter parameters[] = {parameter_text(grant->id)};
    Rows rows;
    TRY(operation_run(operation, statement, parameters, COUNT_OF(parameters), &rows, reterr));
    for (size_t i = 0; i < rows.count; i++) {
        ActionRow action;
        TRY(action_read(&rows.items[i], &action, reterr));
        TRY(overdue_end(operation, &action, grant, reterr));
    }
    return STATUS_OK;
}

Status actions_drop_all(Operation *operation, const Grant *grant, Error *reterr) {
    return drop_all(operation, grant,
                    "UPDATE actions SET state = 'dropped' WHERE grant_id = $1"
                    " AND state = 'queued' RETURNING " ACTION_COLUMNS,
                    reterr);
}

Status actions_write_off(Operation *operation, const Grant *grant, Error *reterr) {
    return drop_all(operation, grant,
                    "UPDATE actions SET state = 'dropped' WHERE grant_id = $1"
                    " AND state IN ('queued', 'leased') RETURNING " ACTION_COLUMNS,
                    reterr);
}

Status action_tried_since(Operation *operation, const Grant *grant, int64_t *ret_at,
                          Error *reterr) {
    Parameter parameters[] = {parameter_text(grant->id)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT MIN(queued_at) FROM actions WHERE grant_id = $1 AND kind = 'revoke'"
                      " AND state IN ('queued', 'leased')",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    *ret_at = rows.count > 0 ? rows.items[0].integer[0] : 0;
    return STATUS_OK;
}

Status action_is_open(Operation *operation, const char *grant_id, const char *kind, bool *ret_open,
                      Error *reterr) {
    Parameter parameters[] = {parameter_text(grant_id), parameter_text(kind)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT 1 FROM actions WHERE grant_id = $1 AND kind = $2"
                      " AND state IN ('queued', 'leased')",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    *ret_open = rows.count > 0;
    return STATUS_OK;
}

// More time that was asked for, or decided and not given yet, is lost with the end: the trail says.
static json_t *note_lost_extension(Operation *operation, const Grant *grant, json_t *detail) {
    if (grant->extension_state == EXTENSION_NONE)
        return detail;
    if (detail == NULL)
        detail = json_keep(operation->arena, json_object());
    json_object_set_new(detail, "lost_extension",
                        json_string(enum_name(&EXTENSION_STATES, grant->extension_state)));
    json_object_set_new(detail, "lost_extension_s", json_integer(grant->extension_s));
    return detail;
}

Status grant_begin_revoking(Operation *operation, Grant *grant, const GrantChange *change,
                            json_t *detail, Error *reterr) {
    detail = note_lost_extension(operation, grant, detail);
    TRY(grant_move(operation, grant, change, detail, reterr));
    TRY(actions_drop(operation, grant->id, NULL, reterr));
    ActionForm action = {.kind = "revoke"};
    TRY(action_queue(operation, grant, &action, reterr));
    return grant_save(operation, grant, 0, reterr);
}

// ---- Leasing ------------------------------------------------------------------------------------

typedef struct LeaseWork {
    const ConnectorInstance *instance;
    int64_t capacity;
    int64_t lease_ms;
    bool any; // of the look before
    StoredActions leased;
    StringList busy_grants; // an action of these went out in this very lease
    LeaseShares shares;
    bool skipped; // more of an integration than its share was found
    bool dropped; // something that stood in the way is gone
} LeaseWork;

// Ready: queued and not pausing, or out past its deadline; no other action of its grant is out; and
// the instance has not its share of the integration's yet: taking the name out of the list of those
// that are full changes nothing. (LIKE would take _ for any character.)
static const char READY_ACTIONS[] =
    "SELECT " ACTION_COLUMNS " FROM actions AS ready"
    " WHERE connector = $1 AND state IN ('queued', 'leased')"
    " AND replace($4, '\n' || integration || '\n', '') = $4"
    " AND ((state = 'queued' AND not_before <= $2) OR (state = 'leased' AND deadline_at <= $2))"
    " AND NOT EXISTS (SELECT 1 FROM actions AS other WHERE other.grant_id = ready.grant_id"
    "   AND other.id <> ready.id AND other.state = 'leased' AND other.deadline_at > $2)"
    " ORDER BY lane, rank_at, id LIMIT $3";

static Status find_ready(Operation *operation, const LeaseWork *work, int64_t limit, Rows *ret_rows,
                         Error *reterr) {
    Parameter parameters[] = {
        parameter_text(work->instance->connector),
        parameter_int(operation->now_ms),
        parameter_int(limit),
        parameter_text(work->shares.full),
    };
    return operation_run(operation, READY_ACTIONS, parameters, COUNT_OF(parameters), ret_rows,
                         reterr);
}

static Status look(Operation *operation, void *work_, Error *reterr) {
    LeaseWork *work = work_;
    Rows rows;
    TRY(limit_shares_load(operation, work->instance->id, &work->shares, reterr));
    TRY(find_ready(operation, work, 1, &rows, reterr));
    work->any = rows.count > 0;
    return STATUS_OK;
}

static Status lease_out(Operation *operation, LeaseWork *work, const ActionRow *action,
                        StoredAction *stored, Error *reterr) {
    *stored = (StoredAction){
        .id = action->id,
        .kind = action->kind,
        .grant_id = action->orphan_id != NULL ? stored->grant_id : action->grant_id,
        .orphan_id = action->orphan_id,
        .integration = action->integration,
        .connector = action->connector,
        .attempt = action->attempt + 1,
        .issued_at = operation->now_ms,
        .deadline_at = operation->now_ms + work->lease_ms,
        .expires_at = stored->expires_at,
        .seal_to = action->seal_to,
        .plan = stored->plan,
    };
    Parameter parameters[] = {
        parameter_text(action->id),         parameter_int(action->attempt),
        parameter_int(stored->issued_at),   parameter_int(stored->deadline_at),
        parameter_text(work->instance->id), parameter_int(stored->expires_at),
    };
    Rows rows;
    TRY(operation_run(operation,
                      "UPDATE actions SET state = 'leased', attempt = attempt + 1, issued_at = $3,"
                      " deadline_at = $4, leased_by = $5, expires_at = $6"
                      " WHERE id = $1 AND attempt = $2 AND state IN ('queued', 'leased')",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.changed != 1)
        return operation_raced(reterr); // another instance took it
    operation->due_changed = true;      // the deadline
    limit_share_take(operation->arena, &work->shares, action->integration, 1);
    return STATUS_OK;
}

// The grant action: the connector has it from now on.
static Status dispatch(Operation *operation, const LeaseWork *work, const ActionRow *action,
                       Grant *grant, Error *reterr) {
    GrantChange change = {
        .event = GRANT_EVENT_DISPATCH,
        .now_ms = operation->now_ms,
        .expires_at = operation->now_ms + grant->duration_s * SECOND_MS,
    };
    if (grant->state == GRANT_GRANTING && !is_milestone(action->attempt + 1)) {
        TRY(grant_change(grant, &change, reterr)); // again; the trail has said so often enough
    } else {
        json_t *detail = json_keep(operation->arena, json_object());
        json_object_set_new(detail, "action", json_string(action->id));
        json_object_set_new(detail, "attempt", json_integer(action->attempt + 1));
        json_object_set_new(detail, "instance", json_string(work->instance->id));
        TRY(grant_move(operation, grant, &change, detail, reterr));
    }
    return grant_save(operation, grant, operation->now_ms + work->lease_ms, reterr);
}

// Whether the action still is what its grant needs.
static bool is_wanted(const Operation *operation, const ActionRow *action, const Grant *grant) {
    bool unexpired = grant->state == GRANT_ACTIVE && grant->expires_at > operation->now_ms;
    if (text_equal(action->kind, "revoke"))
        return grant->state != GRANT_GRANTING && grant->state != GRANT_ACTIVE;
    if (text_equal(action->kind, "grant"))
        return (grant->state == GRANT_APPROVED || grant->state == GRANT_GRANTING) &&
               grant->lapses_at > operation->now_ms;
    if (text_equal(action->kind, "extend"))
        return unexpired && grant->extension_state == EXTENSION_APPROVED;
    return unexpired; // reset
}

static Status lease_drop(Operation *operation, LeaseWork *work, const ActionRow *action,
                         Error *reterr) {
    work->dropped = true;
    return action_set_state(operation, action->id, ACTION_DROPPED, reterr);
}

static Status lease_of_grant(Operation *operation, LeaseWork *work, const ActionRow *action,
                             Grant *grant, Error *reterr) {
    bool settled = false;
    TRY(grant_settle(operation, grant, &settled, reterr));
    if (!is_wanted(operation, action, grant))
        return lease_drop(operation, work, action, reterr);
    if (text_equal(action->kind, "grant"))
        TRY(dispatch(operation, work, action, grant, reterr));
    StoredAction *stored = &work->leased.items[work->leased.count];
    stored->expires_at =
        text_equal(action->kind, "extend") ? action->expires_at : grant->expires_at;
    stored->plan = shape_write(operation->arena, &PLAN_SHAPE, grant->plan);
    TRY(lease_out(operation, work, action, stored, reterr));
    work->leased.count++;
    string_list_add(operation->arena, &work->busy_grants, action->grant_id);
    return STATUS_OK;
}

// Discover and check: the integration as it is configured now.
static Status lease_of_integration(Operation *operation, LeaseWork *work, const ActionRow *action,
                                   Error *reterr) {
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    const Integration *integration = configuration_integration(&configuration, action->integration);
    if (integration == NULL || !text_equal(integration->connector, action->connector))
        return lease_drop(operation, work, action, reterr);
    Plan plan = integration_plan_of_flows(operation->arena, &configuration, integration,
                                          operation->store->deployment);
    StoredAction *stored = &work->leased.items[work->leased.count];
    stored->plan = shape_write(operation->arena, &PLAN_SHAPE, &plan);
    TRY(lease_out(operation, work, action, stored, reterr));
    work->leased.count++;
    return STATUS_OK;
}

static Status lease_of_orphan(Operation *operation, LeaseWork *work, const ActionRow *action,
                              Error *reterr) {
    Orphan orphan;
    const json_t *plan = NULL;
    bool wanted = false;
    TRY(orphan_action_plan(operation, action, &orphan, &plan, &wanted, reterr));
    if (!wanted)
        return lease_drop(operation, work, action, reterr);
    StoredAction *stored = &work->leased.items[work->leased.count];
    *stored = (StoredAction){.grant_id = orphan.grant_id, .plan = plan};
    TRY(lease_out(operation, work, action, stored, reterr));
    work->leased.count++;
    return STATUS_OK;
}

enum {
    CAPACITY_MAX = 100,
    DAMAGED_PAUSE_MS = 300 * SECOND_MS,
};

// One record that cannot be read must not keep the connector from all the others.
static Status lease_postpone(Operation *operation, LeaseWork *work, const ActionRow *action,
                             Error *reterr) {
    work->dropped = true;
    Parameter parameters[] = {parameter_text(action->id),
                              parameter_int(operation->now_ms + DAMAGED_PAUSE_MS)};
    return operation_run(operation,
                         "UPDATE actions SET state = 'queued', not_before = $2 WHERE id = $1",
                         parameters, COUNT_OF(parameters), NULL, reterr);
}

static Status lease_one(Operation *operation, LeaseWork *work, const ActionRow *action,
                        Error *reterr) {
    if (limit_share_is_full(operation->arena, &work->shares, action->integration)) {
        work->skipped = true; // filled by those before it: they are left out when looking again
        return STATUS_OK;
    }
    if (action->orphan_id != NULL)
        return lease_of_orphan(operation, work, action, reterr);
    if (action->grant_id == NULL)
        return lease_of_integration(operation, work, action, reterr);
    if (string_list_has(&work->busy_grants, action->grant_id))
        return STATUS_OK;
    Grant grant;
    Error error = {0};
    Status status = grant_load(operation, action->grant_id, &grant, &error);
    if (status == STATUS_OK)
        return lease_of_grant(operation, work, action, &grant, reterr);
    if (text_equal(error.code, "store_damaged"))
        return lease_postpone(operation, work, action, reterr);
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static Status lease(Operation *operation, void *work_, Error *reterr) {
    LeaseWork *work = work_;
    work->leased.items =
        arena_alloc(operation->arena, (size_t)work->capacity * sizeof(StoredAction));
    work->leased.count = 0;
    work->busy_grants = (StringList){0};
    TRY(limit_shares_load(operation, work->instance->id, &work->shares, reterr));
    bool again;
    do {
        work->dropped = false;
        work->skipped = false;
        Rows rows;
        int64_t room = work->capacity - (int64_t)work->leased.count;
        TRY(find_ready(operation, work, room, &rows, reterr));
        for (size_t i = 0; i < rows.count; i++) {
            ActionRow action;
            TRY(action_read(&rows.items[i], &action, reterr));
            TRY(lease_one(operation, work, &action, reterr));
        }
        again = work->skipped || (work->leased.count == 0 && work->dropped);
    } while (again && (int64_t)work->leased.count < work->capacity);
    return STATUS_OK;
}

Status store_lease_actions(Store *store, Arena *arena, const ConnectorInstance *instance,
                           int64_t capacity, int64_t lease_ms, StoredActions *ret_actions,
                           Error *reterr) {
    LeaseWork work = {
        .instance = instance,
        .capacity = capacity < CAPACITY_MAX ? capacity : CAPACITY_MAX,
        .lease_ms = lease_ms,
    };
    // Most polls find nothing: they do not take the write lock to learn it.
    if (capacity > 0)
        TRY(store_read(store, arena, look, &work, reterr));
    if (work.any) {
        Actor actor = {.name = instance->id, .kind = "connector"};
        TRY(store_write(store, arena, &actor, lease, &work, reterr));
    }
    *ret_actions = work.leased;
    return STATUS_OK;
}
