#include "store/store_internal.h"

#include "base/id.h"
#include "domain/outcome.h"

#include <string.h>

enum {
    // As EVIDENCE_SHAPE and GRANT_SHAPE have them.
    FAILURE_MAX_BYTES = 32,
    CODE_MAX_BYTES = 64,
    MESSAGE_MAX_BYTES = 1000,
    STATEMENTS_IN_TRAIL_MAX = 200,
};

typedef struct ReportWork {
    const ConnectorInstance *instance;
    const StoreReport *report;
    ActionRow action;
    Grant grant;
    FailureClass failure;
    const char *message;
} ReportWork;

// ---- What the trail says ------------------------------------------------------------------------

json_t *outcome_describe(Operation *operation, const json_t *reported) {
    json_t *detail = json_keep(operation->arena, json_object());
    if (reported == NULL)
        return detail;
    json_object_set_new(
        detail, "evidence_hash",
        json_string(token_hash(operation->arena, json_text(operation->arena, reported))));
    Outcome outcome;
    Error ignored = {0}; // a newer connector may say more than we know; the evidence has all of it
    if (shape_read(operation->arena, &OUTCOME_SHAPE, reported, &outcome, &ignored) != STATUS_OK)
        return detail;
    json_t *statements = json_array();
    for (size_t i = 0; i < outcome.statements.count && i < STATEMENTS_IN_TRAIL_MAX; i++)
        json_array_append_new(statements, json_string(outcome.statements.items[i].sql));
    json_object_set_new(detail, "statements", statements);
    json_object_set_new(detail, "account_present", json_boolean(outcome.account_present));
    json_object_set_new(detail, "sessions_ended", json_integer(outcome.sessions_ended));
    return detail;
}

static json_t *describe_failure(Operation *operation, const ReportWork *work) {
    json_t *detail = outcome_describe(operation, work->report->outcome);
    json_object_set_new(detail, "action", json_string(work->action.kind));
    json_object_set_new(detail, "failures", json_integer(work->action.failures + 1));
    json_object_set_new(detail, "failure",
                        json_string(enum_name(&FAILURE_CLASSES, (int)work->failure)));
    if (work->report->code != NULL)
        json_object_set_new(
            detail, "code",
            json_string(text_bounded(operation->arena, work->report->code, CODE_MAX_BYTES)));
    json_object_set_new(detail, "message", json_string(work->message));
    return detail;
}

static Status add_evidence(Operation *operation, const ReportWork *work, Error *reterr) {
    const StoreReport *report = work->report;
    Arena *arena = operation->arena;
    Evidence evidence = {
        .action_id = work->action.id,
        .kind = work->action.kind,
        .instance = work->instance->id,
        .reported_at = operation->now_ms,
        .failure = report->done ? enum_name(&FAILURE_CLASSES, FAILURE_NONE)
                                : text_bounded(arena, report->failure, FAILURE_MAX_BYTES),
        .code = report->done ? NULL : text_bounded(arena, report->code, CODE_MAX_BYTES),
        .message = text_bounded(arena, report->message, MESSAGE_MAX_BYTES),
        .outcome = report->outcome,
    };
    bool keep = report->done || is_milestone(work->action.failures + 1) ||
                outcome_hands_over(report->outcome);
    return evidence_add(operation, work->grant.id, &evidence, report->attempt, keep, reterr);
}

// ---- Done ---------------------------------------------------------------------------------------

// By the target, as long as it is not later than what was decided.
static int64_t reported_expiry(const ReportWork *work) {
    int64_t decided = work->action.expires_at;
    int64_t reported = work->report->expires_at;
    return reported > 0 && reported < decided ? reported : decided;
}

static Status take_credential(Operation *operation, ReportWork *work, Error *reterr) {
    if (work->report->sealed == NULL)
        return STATUS_OK;
    GrantChange change = {
        .event = GRANT_EVENT_RESET,
        .now_ms = operation->now_ms,
        .sealed = work->report->sealed,
    };
    if (work->action.seal_to != NULL)
        work->grant.public_key = work->action.seal_to;
    TRY(grant_move(operation, &work->grant, &change,
                   outcome_describe(operation, work->report->outcome), reterr));
    return grant_save(operation, &work->grant, 0, reterr);
}

// A grant that was done after it was over: its account is explained by nothing.
static Status remove_stray(Operation *operation, const ReportWork *work, Error *reterr) {
    bool open = false;
    TRY(action_is_open(operation, work->grant.id, "revoke", &open, reterr));
    if (open)
        return STATUS_OK;
    ActionForm action = {.kind = "revoke"};
    TRY(action_queue(operation, &work->grant, &action, reterr));
    return grant_note(operation, &work->grant, "account.stray",
                      outcome_describe(operation, work->report->outcome), reterr);
}

// The action was handed out again since. What that newer attempt finds, makes and seals is what
// holds, even if it fails: an account may be gone by then, and has another password otherwise.
static bool is_superseded(const ReportWork *work) {
    return work->report->attempt < work->action.attempt;
}

// The account as the connector read it back. NULL: an older connector, which says nothing of it.
static const AccountState *reported_state(Operation *operation, const ReportWork *work) {
    Outcome outcome = {0};
    Error ignored = {0};
    if (work->report->outcome == NULL ||
        shape_read(operation->arena, &OUTCOME_SHAPE, work->report->outcome, &outcome, &ignored) !=
            STATUS_OK)
        return NULL;
    return outcome.state;
}

// Of an extension only the end is news: what else was found may have been altered by others before.
static const AccountState *extended_state(Operation *operation, const ReportWork *work) {
    const AccountState *found = reported_state(operation, work);
    const AccountState *given = work->grant.given;
    if (found == NULL || given == NULL)
        return given;
    AccountState *state = arena_copy(operation->arena, given, sizeof(*given));
    state->expires_at = found->expires_at;
    state->mark_expires_at = found->mark_expires_at;
    return state;
}

static Status grant_done(Operation *operation, ReportWork *work, Error *reterr) {
    if (grant_is_over(&work->grant))
        return remove_stray(operation, work, reterr);
    if (work->grant.state != GRANT_GRANTING) // revoking: the revocation follows
        return STATUS_OK;
    if (is_superseded(work))
        return grant_note(operation, &work->grant, "grant.late_report",
                          outcome_describe(operation, work->report->outcome), reterr);
    GrantChange change = {
        .event = GRANT_EVENT_GRANTED,
        .now_ms = operation->now_ms,
        .expires_at = reported_expiry(work),
        .sealed = work->report->sealed,
        .state = reported_state(operation, work),
    };
    json_t *detail = outcome_describe(operation, work->report->outcome);
    json_object_update_missing(detail, grant_describe(operation->arena, &work->grant));
    TRY(grant_move(operation, &work->grant, &change, detail, reterr));
    return grant_save(operation, &work->grant, 0, reterr);
}

static Status revoke_done(Operation *operation, ReportWork *work, Error *reterr) {
    Grant *grant = &work->grant;
    json_t *detail = outcome_describe(operation, work->report->outcome);
    if (grant->state != GRANT_REVOKING) { // a stray account of one that is over
        // It was out when the connector's sweep ended the grant. One that was written off ended by
        // no such word: that its account is gone after all is news.
        if (work->action.queued_at < grant->ended_at && grant->cause != CAUSE_WRITTEN_OFF)
            return STATUS_OK;
        grant->trouble = NULL;
        TRY(grant_note(operation, grant, "account.removed", detail, reterr));
        return grant_save(operation, grant, 0, reterr);
    }
    GrantChange change = {.event = GRANT_EVENT_REVOKED, .now_ms = operation->now_ms};
    int64_t late_ms = lateness_since(operation, work->action.rank_at);
    json_object_set_new(detail, "late_ms", json_integer(late_ms));
    TRY(lateness_add(operation, late_ms, reterr));
    TRY(grant_move(operation, grant, &change, detail, reterr));
    return grant_save(operation, grant, 0, reterr);
}

static Status extend_done(Operation *operation, ReportWork *work, Error *reterr) {
    if (work->grant.state != GRANT_ACTIVE || work->grant.extension_state != EXTENSION_APPROVED)
        return STATUS_OK; // it is ending, or another attempt was done first
    GrantChange change = {
        .event = GRANT_EVENT_EXTEND,
        .now_ms = operation->now_ms,
        .expires_at = reported_expiry(work),
        .state = extended_state(operation, work),
    };
    TRY(grant_move(operation, &work->grant, &change,
                   outcome_describe(operation, work->report->outcome), reterr));
    return grant_save(operation, &work->grant, 0, reterr);
}

static Status reset_done(Operation *operation, ReportWork *work, Error *reterr) {
    return work->grant.state == GRANT_ACTIVE ? take_credential(operation, work, reterr) : STATUS_OK;
}

// ---- Failed -------------------------------------------------------------------------------------

// Tries again after a pause, and says why.
static Status repeat(Operation *operation, ReportWork *work, Error *reterr) {
    TRY(action_repeat(operation, &work->action, reterr));
    if (is_milestone(work->action.failures + 1))
        TRY(grant_note(operation, &work->grant, "grant.trouble", describe_failure(operation, work),
                       reterr));
    bool no_news = text_equal(work->grant.trouble, work->message);
    // A granting one is saved all the same: no lease keeps it past its lapse any more.
    if (no_news && work->grant.state != GRANT_GRANTING)
        return STATUS_OK;
    work->grant.trouble = work->message;
    return grant_save(operation, &work->grant, 0, reterr);
}

static Status grant_failed(Operation *operation, ReportWork *work, Error *reterr) {
    Grant *grant = &work->grant;
    if (grant->state != GRANT_GRANTING)
        return action_set_state(operation, work->action.id, ACTION_DONE, reterr);
    if (work->failure == FAILURE_RETRY && grant->lapses_at > operation->now_ms)
        return repeat(operation, work, reterr);
    TRY(action_set_state(operation, work->action.id, ACTION_DONE, reterr));
    GrantChange change = {
        .event = GRANT_EVENT_FAIL,
        .now_ms = operation->now_ms,
        .note = work->message,
    };
    // An earlier attempt, which nobody heard of again, may have made the account.
    if (work->failure == FAILURE_REFUSED && work->action.attempt == 1) {
        change.event = GRANT_EVENT_REFUSE;
        TRY(grant_move(operation, grant, &change, describe_failure(operation, work), reterr));
        return grant_save(operation, grant, 0, reterr);
    }
    return grant_begin_revoking(operation, grant, &change, describe_failure(operation, work),
                                reterr);
}

// For ever: there is no failure after which an account may stay.
static Status revoke_failed(Operation *operation, ReportWork *work, Error *reterr) {
    return repeat(operation, work, reterr);
}

static Status extend_failed(Operation *operation, ReportWork *work, Error *reterr) {
    Grant *grant = &work->grant;
    bool wanted = grant->state == GRANT_ACTIVE && grant->extension_state == EXTENSION_APPROVED;
    if (wanted && work->failure == FAILURE_RETRY)
        return repeat(operation, work, reterr);
    TRY(action_set_state(operation, work->action.id, ACTION_DONE, reterr));
    if (!wanted)
        return STATUS_OK;
    grant_drop_extension(grant);
    grant->trouble = work->message;
    TRY(grant_note(operation, grant, "grant.extension_failed", describe_failure(operation, work),
                   reterr));
    return grant_save(operation, grant, 0, reterr);
}

static Status reset_failed(Operation *operation, ReportWork *work, Error *reterr) {
    Grant *grant = &work->grant;
    if (grant->state == GRANT_ACTIVE && work->failure == FAILURE_RETRY)
        return repeat(operation, work, reterr);
    TRY(action_set_state(operation, work->action.id, ACTION_DONE, reterr));
    if (grant->state != GRANT_ACTIVE)
        return STATUS_OK;
    grant->trouble = work->message;
    TRY(grant_note(operation, grant, "grant.reset_failed", describe_failure(operation, work),
                   reterr));
    return grant_save(operation, grant, 0, reterr);
}

// ---- Reports ------------------------------------------------------------------------------------

typedef Status ReportStep(Operation *operation, ReportWork *work, Error *reterr);

static const struct {
    const char *kind;
    ReportStep *done;
    ReportStep *failed;
} STEPS[] = {
    {"grant", grant_done, grant_failed},
    {"revoke", revoke_done, revoke_failed},
    {"extend", extend_done, extend_failed},
    {"reset", reset_done, reset_failed},
};

static Status check_report(const ReportWork *work, Error *reterr) {
    const ActionRow *action = &work->action;
    const StoreReport *report = work->report;
    if (!text_equal(action->connector, work->instance->connector))
        return error_set(reterr, STATUS_FORBIDDEN, "not_yours",
                         "the action is another connector's");
    if (report->attempt < 1 || report->attempt > action->attempt)
        return error_set(reterr, STATUS_INVALID, "unknown_attempt",
                         "the action was never handed out for that attempt");
    if (report->attempt < action->attempt && !report->done && action->state != ACTION_DONE)
        return error_set(reterr, STATUS_CONFLICT, "stale_report",
                         "the action was handed out again since; this attempt no longer counts");
    return STATUS_OK;
}

// Whether this very report, or the end of the action, was taken before.
static Status is_known(Operation *operation, const ReportWork *work, bool *ret_known,
                       Error *reterr) {
    if (work->action.state == ACTION_DONE) {
        *ret_known = true;
        return STATUS_OK;
    }
    return evidence_exists(operation, work->action.id, work->report->attempt, ret_known, reterr);
}

// An older attempt that is done after all leaves the newer one out: it will report too. That of a
// grant leaves the action to the newer ones altogether.
static Status mark_done(Operation *operation, const ReportWork *work, bool *ret_done,
                        Error *reterr) {
    bool leave = work->action.state == ACTION_LEASED || text_equal(work->action.kind, "grant");
    *ret_done = !is_superseded(work) || !leave;
    return *ret_done ? action_set_state(operation, work->action.id, ACTION_DONE, reterr)
                     : STATUS_OK;
}

static Status apply(Operation *operation, ReportWork *work, Error *reterr) {
    for (size_t i = 0; i < COUNT_OF(STEPS); i++) {
        if (!text_equal(STEPS[i].kind, work->action.kind))
            continue;
        if (work->report->done) {
            bool done = false;
            TRY(mark_done(operation, work, &done, reterr));
            TRY(STEPS[i].done(operation, work, reterr));
            return done ? overdue_end(operation, &work->action, &work->grant, reterr) : STATUS_OK;
        }
        // One that was dropped meanwhile is not wanted any more, whatever became of it.
        return work->action.state == ACTION_DROPPED ? STATUS_OK
                                                    : STEPS[i].failed(operation, work, reterr);
    }
    return error_set(reterr, STATUS_INTERNAL, "store_damaged", "a stored action has no kind");
}

static Status report_action(Operation *operation, void *work_, Error *reterr) {
    ReportWork *work = work_;
    TRY(action_load(operation, work->report->action_id, &work->action, reterr));
    TRY(check_report(work, reterr));
    operation_wake(operation, work->action.connector); // what waited for this action may go out
    if (work->action.orphan_id != NULL)
        return orphan_report(operation, &work->action, work->report, reterr);
    if (work->action.grant_id == NULL)
        return action_set_state(operation, work->action.id, ACTION_DONE, reterr);
    bool known = false;
    TRY(is_known(operation, work, &known, reterr));
    if (known)
        return STATUS_OK;
    TRY(grant_load(operation, work->action.grant_id, &work->grant, reterr));
    TRY(add_evidence(operation, work, reterr));
    return apply(operation, work, reterr);
}

Status store_report_action(Store *store, Arena *arena, const ConnectorInstance *instance,
                           const StoreReport *report, Error *reterr) {
    ReportWork work = {
        .instance = instance,
        .report = report,
        .failure = FAILURE_FATAL,
        .message = text_bounded(arena, report->message, MESSAGE_MAX_BYTES),
    };
    int failure = 0;
    if (report->failure != NULL && enum_find(&FAILURE_CLASSES, report->failure, &failure) &&
        failure != FAILURE_NONE)
        work.failure = (FailureClass)failure;
    if (work.message == NULL)
        work.message = "the connector gave no reason";
    Actor actor = {.name = instance->id, .kind = "connector"};
    return store_write(store, arena, &actor, report_action, &work, reterr);
}
