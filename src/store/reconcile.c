#include "store/store_internal.h"

enum {
    NAME_MAX_BYTES = 128,
    MESSAGE_MAX_BYTES = 1000,
};
// How well our clock and a connector's are compared, at the least.
static const int64_t CLOCK_SLACK_MS = 5 * SECOND_MS;
// A list may have been read while the account was being made.
static const int64_t YOUNG_MS = 10 * SECOND_MS;

typedef struct ReconcileWork {
    const GrantFinding *finding;
    Grant grant;
} ReconcileWork;

// What is to be done about a finding.
typedef enum Verdict {
    VERDICT_NOTHING,
    VERDICT_REMOVED, // the connector ended it on its own
    VERDICT_STRAY,   // no live grant explains it
    VERDICT_DRIFT,   // what is known about it changed
    VERDICT_END,     // its account is gone for good
    VERDICT_HANDED,  // the connector could not end it on its own, but gave objects to another owner
} Verdict;

static int64_t swept_at(const Operation *operation, const GrantFinding *finding) {
    return finding->swept_at != 0 ? finding->swept_at : operation->now_ms;
}

// ---- What the trail says ------------------------------------------------------------------------

static json_t *describe(Operation *operation, const GrantFinding *finding) {
    const StoreSweptAccount *account = finding->account;
    Arena *arena = operation->arena;
    json_t *detail = json_keep(arena, json_object());
    json_object_set_new(detail, "connector", json_string(finding->instance->connector));
    if (account == NULL)
        return detail;
    json_object_set_new(detail, "account",
                        json_string(text_bounded(arena, account->account, NAME_MAX_BYTES)));
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

static Status add_evidence(Operation *operation, const ReconcileWork *work, Error *reterr) {
    const StoreSweptAccount *account = work->finding->account;
    Evidence evidence = {
        .action_id = "sweep",
        .kind = "sweep",
        .instance = work->finding->instance->id,
        .reported_at = operation->now_ms,
        .failure = "none",
        .message = text_bounded(operation->arena, account->message, MESSAGE_MAX_BYTES),
        .outcome = account->outcome,
    };
    return evidence_add(operation, work->grant.id, &evidence, 0, true, reterr);
}

// ---- Drift --------------------------------------------------------------------------------------

static bool is_gone(const Drifts *drifts) {
    return drifts->count == 1 && text_equal(drifts->items[0].field, "account") &&
           text_equal(drifts->items[0].found, "none");
}

static bool privileges_may_grow(const Plan *plan) {
    for (size_t i = 0; i < plan->access.count; i++)
        if (plan->privilege_mode == PRIVILEGE_DIRECT && plan->access.items[i].future_tables)
            return true;
    return false;
}

static const char *mark_words(Arena *arena, const StoreSweptAccount *account) {
    if (account->leftover != NULL)
        return "none";
    return arena_printf(arena, "%s%s%s", account->grant_id != NULL ? account->grant_id : "no grant",
                        account->deployment != NULL ? " of installation " : "",
                        account->deployment != NULL
                            ? text_bounded(arena, account->deployment, NAME_MAX_BYTES)
                            : "");
}

// The list may be of a moment before the extension that is given by now.
static bool end_is_moving(const Operation *operation, const GrantFinding *finding,
                          const Grant *grant) {
    return grant->extension_state == EXTENSION_APPROVED ||
           swept_at(operation, finding) <= grant->given_at + CLOCK_SLACK_MS;
}

static Drifts find_drift(Operation *operation, const GrantFinding *finding, const Grant *grant) {
    Arena *arena = operation->arena;
    Drifts drifts = {0};
    const StoreSweptAccount *account = finding->account;
    if (finding->finding == FOUND_NOTHING)
        drift_add(arena, &drifts, (Drift){"account", grant->plan->account, "none", false});
    else if (finding->finding == FOUND_OTHER)
        drift_add(arena, &drifts, (Drift){"mark", grant->id, mark_words(arena, account), false});
    else if (account->state != NULL)
        return account_drift(arena, grant->given, account->state,
                             (DriftRules){
                                 .end_is_moving = end_is_moving(operation, finding, grant),
                                 .privileges_may_grow = privileges_may_grow(grant->plan),
                             });
    else if (!account->can_login)
        drift_add(arena, &drifts, (Drift){"login", "allowed", "refused", false});
    return drifts;
}

static bool is_known_drift(const Grant *grant, const Drifts *drifts) {
    return grant->drifted == (drifts->count > 0) && drifts_equal(&grant->drift, drifts);
}

// One list may be of a moment that was judged wrongly. A second one, read well after the first was
// taken, is not.
static bool is_confirmed_gone(const Operation *operation, const GrantFinding *finding,
                              const Grant *grant) {
    return is_gone(&grant->drift) && operation->now_ms >= grant->drifted_at + CLOCK_SLACK_MS &&
           swept_at(operation, finding) >= grant->drifted_at + CLOCK_SLACK_MS;
}

static Verdict judge_active(Operation *operation, const GrantFinding *finding, const Grant *grant) {
    int64_t given_at = grant->given_at != 0 ? grant->given_at : grant->granted_at;
    if (finding->finding == FOUND_NOTHING && finding->swept_at <= given_at + YOUNG_MS &&
        finding->swept_at != 0)
        return VERDICT_NOTHING;
    Drifts drifts = find_drift(operation, finding, grant);
    if (!is_known_drift(grant, &drifts))
        return VERDICT_DRIFT;
    if (finding->finding == FOUND_NOTHING && is_confirmed_gone(operation, finding, grant))
        return VERDICT_END;
    return VERDICT_NOTHING;
}

// The list was read before the grant had ended: it says nothing about afterwards. Should the
// account be there all the same, the next list has it too.
static bool is_old_news(const GrantFinding *finding, const Grant *grant) {
    return finding->swept_at != 0 && grant_is_over(grant) &&
           finding->swept_at <= grant->ended_at + CLOCK_SLACK_MS;
}

// Nothing was handed out for it, so whoever made the account and wrote the mark was no connector.
// What is still to be decided is not to be taken back for that: should it lapse or be denied, the
// account goes with the next list, and when it is given the account is removed and made anew.
static bool is_not_begun(const Grant *grant) {
    return !grant_is_over(grant) && !grant_may_have_account(grant);
}

static Status judge(Operation *operation, const GrantFinding *finding, const Grant *grant,
                    Verdict *ret_verdict, Error *reterr) {
    *ret_verdict = VERDICT_NOTHING;
    if (finding->finding == FOUND_ACCOUNT && finding->account->removed) {
        *ret_verdict = VERDICT_REMOVED;
        return STATUS_OK;
    }
    if (finding->finding == FOUND_ACCOUNT && outcome_hands_over(finding->account->outcome)) {
        *ret_verdict = VERDICT_HANDED; // it happens once; the rest is told by the next sweep
        return STATUS_OK;
    }
    if (grant->state == GRANT_ACTIVE) {
        *ret_verdict = judge_active(operation, finding, grant);
        return STATUS_OK;
    }
    if (finding->finding != FOUND_ACCOUNT || grant->state == GRANT_GRANTING ||
        is_not_begun(grant) || is_old_news(finding, grant))
        return STATUS_OK;
    bool open = false;
    TRY(action_is_open(operation, grant->id, "revoke", &open, reterr));
    *ret_verdict = open ? VERDICT_NOTHING : VERDICT_STRAY;
    return STATUS_OK;
}

// ---- What is done about it ----------------------------------------------------------------------

// Somebody moved the account's own end on the target to an earlier time.
static bool was_cut_short(const StoreSweptAccount *account) {
    return account->state != NULL && account->state->expires_at != 0 &&
           account->state->expires_at < account->state->mark_expires_at;
}

// By the target's clock; ours may say that it is a little early.
static GrantChange end_of(const Operation *operation, const StoreSweptAccount *account,
                          const Grant *grant) {
    GrantChange change = {.event = GRANT_EVENT_EXPIRE, .now_ms = operation->now_ms};
    if (change.now_ms >= grant->expires_at)
        return change;
    if (was_cut_short(account) && grant->state == GRANT_ACTIVE) {
        change.event = GRANT_EVENT_REVOKE;
        change.cause = CAUSE_DRIFTED;
        change.note = "somebody moved the account's end on the target to an earlier time";
        return change;
    }
    change.now_ms = grant->expires_at;
    return change;
}

static Status take_removal(Operation *operation, ReconcileWork *work, Error *reterr) {
    Grant *grant = &work->grant;
    json_t *detail = describe(operation, work->finding);
    TRY(add_evidence(operation, work, reterr));
    if (is_old_news(work->finding, grant))
        return STATUS_OK; // the end was reported before the sweep that came to it
    if (!grant_may_have_account(grant))
        return grant_note(operation, grant, "account.removed", detail, reterr);
    if (grant->state != GRANT_REVOKING) {
        GrantChange change = end_of(operation, work->finding->account, grant);
        TRY(grant_begin_revoking(operation, grant, &change, NULL, reterr));
    }
    if (grant->plan->session_endings.count > 0) // a sweep knows of none: the revocation does them
        return grant_note(operation, grant, "account.removed", detail, reterr);
    GrantChange revoked = {.event = GRANT_EVENT_REVOKED, .now_ms = operation->now_ms};
    if (grant->expires_at > 0 && operation->now_ms >= grant->expires_at)
        TRY(lateness_add(operation, operation->now_ms - grant->expires_at, reterr));
    TRY(grant_move(operation, grant, &revoked, detail, reterr));
    TRY(actions_drop_all(operation, grant, reterr));
    return grant_save(operation, grant, 0, reterr);
}

static Status remove_stray(Operation *operation, ReconcileWork *work, Error *reterr) {
    ActionForm action = {.kind = "revoke"};
    TRY(action_queue(operation, &work->grant, &action, reterr));
    return grant_note(operation, &work->grant, "account.stray", describe(operation, work->finding),
                      reterr);
}

static Status take_drift(Operation *operation, ReconcileWork *work, Error *reterr) {
    Grant *grant = &work->grant;
    const StoreSweptAccount *account = work->finding->account;
    json_t *detail = describe(operation, work->finding);
    Drifts drifts = find_drift(operation, work->finding, grant);
    json_t *items = json_array();
    for (size_t i = 0; i < drifts.count; i++)
        json_array_append(items, shape_write(operation->arena, &DRIFT_SHAPE, &drifts.items[i]));
    json_object_set_new(detail, "drift", items);
    json_object_set_new(detail, "widened", json_boolean(drifts_widen(&drifts)));
    if (account != NULL && account->outcome != NULL)
        TRY(add_evidence(operation, work, reterr));
    grant->drift = drifts;
    grant->drifted = drifts.count > 0;
    grant->drifted_at = grant->drifted ? operation->now_ms : 0;
    TRY(grant_note(operation, grant, grant->drifted ? "grant.drifted" : "grant.drift_ended", detail,
                   reterr));
    return grant_save(operation, grant, 0, reterr);
}

// The revocation looks once more: only when it too finds no account is the grant over.
static Status end_gone(Operation *operation, ReconcileWork *work, Error *reterr) {
    GrantChange change = {
        .event = GRANT_EVENT_REVOKE,
        .now_ms = operation->now_ms,
        .cause = CAUSE_DRIFTED,
        .note = "the account is not on the target any more",
    };
    return grant_begin_revoking(operation, &work->grant, &change,
                                describe(operation, work->finding), reterr);
}

Status grant_take_finding(Operation *operation, const GrantFinding *finding, Error *reterr) {
    ReconcileWork work = {.finding = finding};
    Verdict verdict;
    TRY(grant_load(operation, finding->grant_id, &work.grant, reterr));
    TRY(judge(operation, finding, &work.grant, &verdict, reterr));
    switch (verdict) {
    case VERDICT_REMOVED:
        return take_removal(operation, &work, reterr);
    case VERDICT_STRAY:
        return remove_stray(operation, &work, reterr);
    case VERDICT_DRIFT:
        return take_drift(operation, &work, reterr);
    case VERDICT_END:
        return end_gone(operation, &work, reterr);
    case VERDICT_HANDED:
        return add_evidence(operation, &work, reterr);
    case VERDICT_NOTHING:
        break;
    }
    return STATUS_OK;
}

Status grant_finding_is_news(Operation *operation, const GrantFinding *finding, const Grant *grant,
                             bool *ret_news, Error *reterr) {
    Verdict verdict;
    TRY(judge(operation, finding, grant, &verdict, reterr));
    *ret_news = verdict != VERDICT_NOTHING;
    return STATUS_OK;
}
