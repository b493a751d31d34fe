#include "store/store_internal.h"

enum {
    NAME_MAX_BYTES = 128,
    MESSAGE_MAX_BYTES = 1000,
};
// How well our clock and a connector's are compared, at the least.
static const int64_t CLOCK_SLACK_MS = 5 * SECOND_MS;
static const int64_t ORPHAN_NOTED_EVERY_MS = 24LL * 3600 * SECOND_MS;
static const int64_t ORPHANS_KEPT_MS = 30LL * 24 * 3600 * SECOND_MS;

typedef struct ReconcileWork {
    const ConnectorInstance *instance;
    const StoreSweptAccount *account;
    bool nothing_to_do; // of the look before
} ReconcileWork;

static json_t *describe(Operation *operation, const ReconcileWork *work) {
    const StoreSweptAccount *account = work->account;
    Arena *arena = operation->arena;
    json_t *detail = json_keep(arena, json_object());
    json_object_set_new(detail, "account",
                        json_string(text_bounded(arena, account->account, NAME_MAX_BYTES)));
    json_object_set_new(detail, "connector", json_string(work->instance->connector));
    json_object_set_new(detail, "can_login", json_boolean(account->can_login));
    json_object_set_new(detail, "removed", json_boolean(account->removed));
    if (account->grant_id != NULL)
        json_object_set_new(detail, "claimed_grant",
                            json_string(text_bounded(arena, account->grant_id, NAME_MAX_BYTES)));
    if (account->message != NULL)
        json_object_set_new(detail, "message",
                            json_string(text_bounded(arena, account->message, MESSAGE_MAX_BYTES)));
    return detail;
}

// ---- Nobody's -----------------------------------------------------------------------------------

// Of a grant we know, of this connector, and under the name that the plan gave it.
static Status find_grant(Operation *operation, const ReconcileWork *work, Grant *ret_grant,
                         bool *ret_found, Error *reterr) {
    *ret_found = false;
    if (work->account->grant_id == NULL)
        return STATUS_OK;
    Error error = {0};
    Status status = grant_load(operation, work->account->grant_id, ret_grant, &error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    *ret_found = text_equal(ret_grant->plan->connector, work->instance->connector) &&
                 text_equal(ret_grant->plan->account, work->account->account);
    return STATUS_OK;
}

static Status orphan_is_noted(Operation *operation, const ReconcileWork *work, bool *ret_noted,
                              Error *reterr) {
    Parameter parameters[] = {
        parameter_text(work->instance->connector),
        parameter_text(text_bounded(operation->arena, work->account->account, NAME_MAX_BYTES)),
        parameter_int(operation->now_ms - ORPHAN_NOTED_EVERY_MS),
    };
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT 1 FROM orphans"
                      " WHERE connector = $1 AND account = $2 AND noted_at > $3",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    *ret_noted = rows.count > 0;
    return STATUS_OK;
}

static Status note_orphan(Operation *operation, const ReconcileWork *work, Error *reterr) {
    bool noted = false;
    TRY(orphan_is_noted(operation, work, &noted, reterr));
    if (noted)
        return STATUS_OK;
    Parameter parameters[] = {
        parameter_text(work->instance->connector),
        parameter_text(text_bounded(operation->arena, work->account->account, NAME_MAX_BYTES)),
        parameter_int(operation->now_ms),
    };
    TRY(operation_run(operation,
                      "INSERT INTO orphans (connector, account, noted_at) VALUES ($1, $2, $3)"
                      " ON CONFLICT (connector, account) DO UPDATE"
                      " SET noted_at = excluded.noted_at",
                      parameters, COUNT_OF(parameters), NULL, reterr));
    Parameter old[] = {parameter_int(operation->now_ms - ORPHANS_KEPT_MS)};
    TRY(operation_run(operation, "DELETE FROM orphans WHERE noted_at < $1", old, COUNT_OF(old),
                      NULL, reterr));
    AuditNote note = {.event = "account.orphan", .detail = describe(operation, work)};
    return audit_append(operation, &note, reterr);
}

// ---- Of a grant ---------------------------------------------------------------------------------

static Status add_evidence(Operation *operation, const ReconcileWork *work, const Grant *grant,
                           Error *reterr) {
    const StoreSweptAccount *account = work->account;
    Evidence evidence = {
        .action_id = "sweep",
        .kind = "sweep",
        .instance = work->instance->id,
        .reported_at = operation->now_ms,
        .failure = "none",
        .message = text_bounded(operation->arena, account->message, MESSAGE_MAX_BYTES),
        .outcome = account->outcome,
    };
    return evidence_add(operation, grant->id, &evidence, 0, true, reterr);
}

// The list was read before the grant had ended: it says nothing about afterwards. Should the
// account be there all the same, the next list has it too.
static bool is_old_news(const ReconcileWork *work, const Grant *grant) {
    int64_t found_at = work->account->found_at;
    return found_at != 0 && grant_is_over(grant) && found_at <= grant->ended_at + CLOCK_SLACK_MS;
}

// The connector ended it on its own, by the target's clock; ours may say that it is a little early.
static Status take_removal(Operation *operation, const ReconcileWork *work, Grant *grant,
                           Error *reterr) {
    json_t *detail = describe(operation, work);
    TRY(add_evidence(operation, work, grant, reterr));
    if (is_old_news(work, grant))
        return STATUS_OK; // the end was reported before the sweep that came to it
    if (!grant_may_have_account(grant))
        return grant_note(operation, grant, "account.removed", detail, reterr);
    if (grant->state != GRANT_REVOKING) {
        GrantChange expire = {.event = GRANT_EVENT_EXPIRE, .now_ms = operation->now_ms};
        if (expire.now_ms < grant->expires_at)
            expire.now_ms = grant->expires_at;
        TRY(grant_begin_revoking(operation, grant, &expire, NULL, reterr));
    }
    GrantChange revoked = {.event = GRANT_EVENT_REVOKED, .now_ms = operation->now_ms};
    if (grant->expires_at > 0 && operation->now_ms >= grant->expires_at)
        TRY(lateness_add(operation, operation->now_ms - grant->expires_at, reterr));
    TRY(grant_move(operation, grant, &revoked, detail, reterr));
    TRY(actions_drop_all(operation, grant, reterr));
    return grant_save(operation, grant, 0, reterr);
}

// No live grant explains it.
static Status remove_stray(Operation *operation, const ReconcileWork *work, const Grant *grant,
                           Error *reterr) {
    bool open = false;
    TRY(action_is_open(operation, grant->id, "revoke", &open, reterr));
    if (open)
        return STATUS_OK;
    ActionForm action = {.kind = "revoke"};
    TRY(action_queue(operation, grant, &action, reterr));
    return grant_note(operation, grant, "account.stray", describe(operation, work), reterr);
}

static bool is_altered(const ReconcileWork *work, const Grant *grant) {
    return grant->state == GRANT_ACTIVE && !work->account->can_login;
}

static Status compare(Operation *operation, const ReconcileWork *work, Grant *grant,
                      Error *reterr) {
    bool drifted = is_altered(work, grant);
    if (grant->drifted == drifted)
        return STATUS_OK;
    grant->drifted = drifted;
    TRY(grant_note(operation, grant, drifted ? "grant.drifted" : "grant.drift_ended",
                   describe(operation, work), reterr));
    return grant_save(operation, grant, 0, reterr);
}

static Status reconcile(Operation *operation, void *work_, Error *reterr) {
    ReconcileWork *work = work_;
    Grant grant;
    bool found = false;
    TRY(find_grant(operation, work, &grant, &found, reterr));
    if (!found)
        return note_orphan(operation, work, reterr);
    if (work->account->removed)
        return take_removal(operation, work, &grant, reterr);
    if (grant.state == GRANT_ACTIVE)
        return compare(operation, work, &grant, reterr);
    if (grant.state == GRANT_GRANTING || is_old_news(work, &grant))
        return STATUS_OK;
    return remove_stray(operation, work, &grant, reterr);
}

// Sweeps come every minute and mostly find what they should: nothing is written for that.
static Status look(Operation *operation, void *work_, Error *reterr) {
    ReconcileWork *work = work_;
    Grant grant;
    bool found = false;
    TRY(find_grant(operation, work, &grant, &found, reterr));
    if (!found)
        return orphan_is_noted(operation, work, &work->nothing_to_do, reterr);
    if (work->account->removed)
        return STATUS_OK;
    if (grant.state == GRANT_ACTIVE)
        work->nothing_to_do = grant.drifted == is_altered(work, &grant);
    else if (grant.state == GRANT_GRANTING || is_old_news(work, &grant))
        work->nothing_to_do = true;
    else
        TRY(action_is_open(operation, grant.id, "revoke", &work->nothing_to_do, reterr));
    return STATUS_OK;
}

Status store_reconcile_account(Store *store, Arena *arena, const ConnectorInstance *instance,
                               const StoreSweptAccount *account, Error *reterr) {
    ReconcileWork work = {.instance = instance, .account = account};
    TRY(store_read(store, arena, look, &work, reterr));
    if (work.nothing_to_do)
        return STATUS_OK;
    Actor actor = {.name = instance->id, .kind = "connector"};
    return store_write(store, arena, &actor, reconcile, &work, reterr);
}
