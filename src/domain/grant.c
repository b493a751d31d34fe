#include "domain/grant.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <assert.h>

enum {
    ID_MAX_BYTES = 64,
    NOTE_MAX_BYTES = 1000,
    REASON_MAX_BYTES = 1000,
    SEALED_MAX_BYTES = 16384,
    TEXT_MAX_BYTES = 4096,
};

static const char *const STATE_NAMES[] = {
    [GRANT_PENDING] = "pending",   [GRANT_APPROVED] = "approved",   [GRANT_GRANTING] = "granting",
    [GRANT_ACTIVE] = "active",     [GRANT_REVOKING] = "revoking",   [GRANT_ENDED] = "ended",
    [GRANT_REJECTED] = "rejected", [GRANT_CANCELLED] = "cancelled", [GRANT_LAPSED] = "lapsed",
    [GRANT_FAILED] = "failed",
};
const EnumTable GRANT_STATES = {"grant state", STATE_NAMES, COUNT_OF(STATE_NAMES)};

static const char *const EVENT_NAMES[] = {
    [GRANT_EVENT_APPROVE] = "approve",   [GRANT_EVENT_REJECT] = "reject",
    [GRANT_EVENT_CANCEL] = "cancel",     [GRANT_EVENT_LAPSE] = "lapse",
    [GRANT_EVENT_DISPATCH] = "dispatch", [GRANT_EVENT_GRANTED] = "granted",
    [GRANT_EVENT_FAIL] = "fail",         [GRANT_EVENT_EXPIRE] = "expire",
    [GRANT_EVENT_REVOKE] = "revoke",     [GRANT_EVENT_EXTEND] = "extend",
    [GRANT_EVENT_RESET] = "reset",       [GRANT_EVENT_REVOKED] = "revoked",
    [GRANT_EVENT_REFUSE] = "refuse",     [GRANT_EVENT_WRITE_OFF] = "write off",
};
const EnumTable GRANT_EVENTS = {"grant event", EVENT_NAMES, COUNT_OF(EVENT_NAMES)};

static const char *const CAUSE_NAMES[] = {
    [CAUSE_NONE] = "none",
    [CAUSE_EXPIRED] = "expired",
    [CAUSE_REVOKED] = "revoked",
    [CAUSE_CANCELLED] = "cancelled",
    [CAUSE_FAILED] = "failed",
    [CAUSE_DRIFTED] = "drifted",
    [CAUSE_WRITTEN_OFF] = "written_off",
};
const EnumTable GRANT_CAUSES = {"cause of an end", CAUSE_NAMES, COUNT_OF(CAUSE_NAMES)};

static const char *const EXTENSION_STATE_NAMES[] = {
    [EXTENSION_NONE] = "none",
    [EXTENSION_PENDING] = "pending",
    [EXTENSION_APPROVED] = "approved",
};
const EnumTable EXTENSION_STATES = {"state of an extension", EXTENSION_STATE_NAMES,
                                    COUNT_OF(EXTENSION_STATE_NAMES)};

static const Field DECISION_FIELDS[] = {
    {FIELD(Decision, principal, STRING), .required = true, .help = "Who decided"},
    {FIELD(Decision, approved, BOOL), .required = true, .help = "Whether they approved"},
    {FIELD(Decision, round, INT), .max = -1, .help = "0 for the request, n for its n-th extension"},
    {FIELD(Decision, step, INT), .max = -1,
     .help = "The step of approval that was current then, from 0"},
    {FIELD(Decision, note, STRING), .max = NOTE_MAX_BYTES, .help = "What they said"},
    {FIELD(Decision, decided_at, TIME), .help = "When they decided"},
};
const Shape DECISION_SHAPE =
    SHAPE("Decision", Decision, DECISION_FIELDS, "What one person decided about a request");

static const Field EVIDENCE_FIELDS[] = {
    {FIELD(Evidence, action_id, STRING), .required = true, .max = ID_MAX_BYTES,
     .help = "Id of the action"},
    {FIELD(Evidence, kind, STRING), .required = true, .max = 32,
     .help = "What the connector was told to do"},
    {FIELD(Evidence, instance, STRING), .max = ID_MAX_BYTES,
     .help = "Instance of the connector that did it"},
    {FIELD(Evidence, reported_at, TIME), .help = "When it was reported"},
    {FIELD(Evidence, failure, STRING), .max = 32, .help = "Class of the failure, or none"},
    {FIELD(Evidence, code, STRING), .max = ID_MAX_BYTES, .help = "Stable code of the failure"},
    {FIELD(Evidence, message, STRING), .max = TEXT_MAX_BYTES, .help = "What went wrong"},
    {FIELD(Evidence, outcome, JSON), .help = "What was done and found on the target"},
};
const Shape EVIDENCE_SHAPE =
    SHAPE("Evidence", Evidence, EVIDENCE_FIELDS, "What came of one action on the target");

static const Field GRANT_FIELDS[] = {
    {FIELD(Grant, id, STRING), .required = true, .max = ID_MAX_BYTES,
     .help = "Id of the request and the grant it becomes"},
    {FIELD(Grant, version, INT), .max = -1, .help = "Grows with each change"},
    {FIELD(Grant, state, ENUM), .required = true, .names = &GRANT_STATES, .help = "Its state"},
    {FIELD(Grant, cause, ENUM), .names = &GRANT_CAUSES, .default_text = "none",
     .help = "Why it ended or ends"},
    {FIELD(Grant, requester, STRING), .required = true, .help = "Who asked"},
    {FIELD(Grant, reason, STRING), .max = REASON_MAX_BYTES, .help = "Why they asked"},
    {FIELD(Grant, requested_at, TIME), .help = "When it was asked for"},
    {FIELD(Grant, lapses_at, TIME), .help = "When it lapses, unless it is decided and used before"},
    {FIELD(Grant, approved_at, TIME), .help = "When it was approved"},
    {FIELD(Grant, granted_at, TIME), .help = "When the account was ready"},
    {FIELD(Grant, expires_at, TIME), .help = "When access ends"},
    {FIELD(Grant, ended_at, TIME), .help = "When it was over"},
    {FIELD(Grant, ended_by, STRING), .help = "Who ended, denied or cancelled it"},
    {FIELD(Grant, note, STRING), .max = NOTE_MAX_BYTES, .help = "What they said"},
    {FIELD_NAMED("duration", Grant, duration_s, DURATION), .help = "How long access lasts"},
    {FIELD(Grant, flow, OBJECT), .required = true, .shape = &FLOW_SHAPE,
     .help = "The flow, as it was when access was asked for"},
    {FIELD(Grant, plan, OBJECT), .required = true, .shape = &PLAN_SHAPE,
     .help = "What is given, where and how; frozen at approval"},
    {FIELD(Grant, public_key, STRING), .max = 64,
     .help = "The requester's key, to which the credential is sealed"},
    {FIELD(Grant, sealed, STRING), .max = SEALED_MAX_BYTES,
     .help = "The credential, sealed to the requester's key"},
    {FIELD_NAMED("extension", Grant, extension_s, DURATION),
     .help = "How much longer access is asked for"},
    {FIELD(Grant, extension_state, ENUM), .names = &EXTENSION_STATES, .default_text = "none",
     .help = "State of that extension"},
    {FIELD(Grant, extension_round, INT), .max = -1, .help = "Extensions asked for so far"},
    {FIELD(Grant, extension_reason, STRING), .max = REASON_MAX_BYTES,
     .help = "Why more time is asked for"},
    {FIELD(Grant, decisions, OBJECTS), .shape = &DECISION_SHAPE, .help = "What was decided"},
    {FIELD(Grant, trouble, STRING), .max = TEXT_MAX_BYTES,
     .help = "Why the connector could not do it yet"},
    {FIELD(Grant, drifted, BOOL), .default_text = "false",
     .help = "Whether the account was found gone or altered on the target"},
    {FIELD(Grant, drifted_at, TIME), .help = "Since when"},
    {FIELD(Grant, drift, OBJECTS), .shape = &DRIFT_SHAPE, .max = DRIFTS_MAX,
     .help = "What is not as it was given"},
    {FIELD(Grant, given, OBJECT), .shape = &ACCOUNT_STATE_SHAPE,
     .help = "The account as it was read back when it was given"},
    {FIELD(Grant, given_at, TIME), .help = "When that was last true for certain"},
};
const Shape GRANT_SHAPE = SHAPE("Grant", Grant, GRANT_FIELDS, "A request and the grant it becomes");

// A condition of a transition, and what is said to people when it is not met.
typedef struct Guard {
    const char *when; // in the diagram
    bool (*holds)(const Grant *grant, int64_t now_ms);
    const char *refusal;
} Guard;

static bool in_time(const Grant *grant, int64_t now_ms) {
    return now_ms < grant->lapses_at;
}
static bool lapse_is_due(const Grant *grant, int64_t now_ms) {
    return now_ms >= grant->lapses_at;
}
static bool expiry_is_due(const Grant *grant, int64_t now_ms) {
    return now_ms >= grant->expires_at;
}
static bool has_failed(const Grant *grant, int64_t now_ms) {
    return grant->cause == CAUSE_FAILED;
}
static bool has_not_failed(const Grant *grant, int64_t now_ms) {
    return grant->cause != CAUSE_FAILED;
}

static const Guard IN_TIME = {"in time", in_time, "its time is over, so it lapses"};
static const Guard LAPSE_DUE = {"time is over", lapse_is_due, "its time is not over yet"};
static const Guard EXPIRY_DUE = {"time is over", expiry_is_due, "it has not expired yet"};
static const Guard END_DUE = {"time is over", expiry_is_due,
                              "its time is not over yet, and until then the target itself may let "
                              "it in"};
static const Guard FAILED = {"cause is failed", has_failed, "it has not failed"};
static const Guard NOT_FAILED = {"cause is another", has_not_failed, "it has failed"};

static void enter_approved(Grant *grant, const GrantChange *change) {
    grant->approved_at = change->now_ms;
    grant->lapses_at = change->now_ms + grant->flow->lapse_after_s * SECOND_MS;
}

static void enter_granting(Grant *grant, const GrantChange *change) {
    assert(change->expires_at > 0);
    grant->expires_at = change->expires_at;
}

static void enter_active(Grant *grant, const GrantChange *change) {
    grant->granted_at = change->now_ms;
    if (change->expires_at > 0)
        grant->expires_at = change->expires_at;
    grant->sealed = change->sealed;
    grant->lapses_at = 0;
    grant->trouble = NULL;
    grant->given = change->state;
    grant->given_at = change->now_ms;
}

void grant_drop_extension(Grant *grant) {
    grant->extension_s = 0;
    grant->extension_state = EXTENSION_NONE;
    grant->extension_reason = NULL;
}

static void take_extension(Grant *grant, const GrantChange *change) {
    assert(change->expires_at > 0);
    grant->expires_at = change->expires_at;
    grant_drop_extension(grant);
    grant->trouble = NULL;
    grant->given_at = change->now_ms;
    if (change->state != NULL)
        grant->given = change->state;
}

static void take_credential(Grant *grant, const GrantChange *change) {
    grant->sealed = change->sealed;
    grant->trouble = NULL;
}

// What lives only as long as access may: nothing of it is kept past that.
static void forget_access(Grant *grant) {
    grant->sealed = NULL;
    grant->lapses_at = 0;
    grant_drop_extension(grant);
    grant->trouble = NULL;
}

static void begin_end(Grant *grant, const GrantChange *change, GrantCause cause) {
    forget_access(grant);
    grant->cause = (int)cause;
    grant->ended_by = change->by;
    grant->note = change->note;
}

static void finish(Grant *grant, const GrantChange *change) {
    forget_access(grant);
    grant->ended_at = change->now_ms;
}

static void end_expired(Grant *grant, const GrantChange *change) {
    begin_end(grant, change, CAUSE_EXPIRED);
}
static void end_never_active(Grant *grant, const GrantChange *change) {
    begin_end(grant, change, CAUSE_FAILED);
    if (grant->note == NULL)
        grant->note = "the access was not ready before its time was over";
}
static void end_revoked(Grant *grant, const GrantChange *change) {
    begin_end(grant, change, change->cause == CAUSE_NONE ? CAUSE_REVOKED : change->cause);
}
static void end_cancelled(Grant *grant, const GrantChange *change) {
    begin_end(grant, change, CAUSE_CANCELLED);
}
static void end_failed(Grant *grant, const GrantChange *change) {
    begin_end(grant, change, CAUSE_FAILED);
}
static void finish_undecided(Grant *grant, const GrantChange *change) {
    begin_end(grant, change, CAUSE_NONE);
    finish(grant, change);
}
static void finish_cancelled(Grant *grant, const GrantChange *change) {
    end_cancelled(grant, change);
    finish(grant, change);
}
static void finish_revoked(Grant *grant, const GrantChange *change) {
    end_revoked(grant, change);
    finish(grant, change);
}
static void finish_failed(Grant *grant, const GrantChange *change) {
    end_failed(grant, change);
    finish(grant, change);
}

static void finish_written_off(Grant *grant, const GrantChange *change) {
    begin_end(grant, change, CAUSE_WRITTEN_OFF);
    finish(grant, change);
}

typedef struct Transition {
    GrantState from;
    GrantEvent event;
    GrantState to;
    const Guard *guard; // NULL: always
    void (*enter)(Grant *grant, const GrantChange *change);
} Transition;

// What may follow what; anything else is refused. A row's guard decides between rows of one event.
static const Transition TRANSITIONS[] = {
    {GRANT_PENDING, GRANT_EVENT_APPROVE, GRANT_APPROVED, &IN_TIME, enter_approved},
    {GRANT_PENDING, GRANT_EVENT_REJECT, GRANT_REJECTED, NULL, finish_undecided},
    {GRANT_PENDING, GRANT_EVENT_CANCEL, GRANT_CANCELLED, NULL, finish_cancelled},
    {GRANT_PENDING, GRANT_EVENT_LAPSE, GRANT_LAPSED, &LAPSE_DUE, finish_undecided},

    {GRANT_APPROVED, GRANT_EVENT_DISPATCH, GRANT_GRANTING, &IN_TIME, enter_granting},
    {GRANT_APPROVED, GRANT_EVENT_CANCEL, GRANT_CANCELLED, NULL, finish_cancelled},
    {GRANT_APPROVED, GRANT_EVENT_REVOKE, GRANT_CANCELLED, NULL, finish_revoked},
    {GRANT_APPROVED, GRANT_EVENT_LAPSE, GRANT_LAPSED, &LAPSE_DUE, finish_undecided},
    {GRANT_APPROVED, GRANT_EVENT_FAIL, GRANT_FAILED, NULL, finish_failed},

    // Handed out again because no outcome came; with IN_TIME this ends some day.
    {GRANT_GRANTING, GRANT_EVENT_DISPATCH, GRANT_GRANTING, &IN_TIME, enter_granting},
    {GRANT_GRANTING, GRANT_EVENT_GRANTED, GRANT_ACTIVE, NULL, enter_active},
    {GRANT_GRANTING, GRANT_EVENT_FAIL, GRANT_REVOKING, NULL, end_failed},
    {GRANT_GRANTING, GRANT_EVENT_REFUSE, GRANT_FAILED, NULL, finish_failed},
    {GRANT_GRANTING, GRANT_EVENT_CANCEL, GRANT_REVOKING, NULL, end_cancelled},
    {GRANT_GRANTING, GRANT_EVENT_REVOKE, GRANT_REVOKING, NULL, end_revoked},
    {GRANT_GRANTING, GRANT_EVENT_EXPIRE, GRANT_REVOKING, &EXPIRY_DUE, end_never_active},

    {GRANT_ACTIVE, GRANT_EVENT_EXTEND, GRANT_ACTIVE, NULL, take_extension},
    {GRANT_ACTIVE, GRANT_EVENT_RESET, GRANT_ACTIVE, NULL, take_credential},
    {GRANT_ACTIVE, GRANT_EVENT_EXPIRE, GRANT_REVOKING, &EXPIRY_DUE, end_expired},
    {GRANT_ACTIVE, GRANT_EVENT_REVOKE, GRANT_REVOKING, NULL, end_revoked},

    {GRANT_REVOKING, GRANT_EVENT_REVOKED, GRANT_ENDED, &NOT_FAILED, finish},
    {GRANT_REVOKING, GRANT_EVENT_REVOKED, GRANT_FAILED, &FAILED, finish},
    // Before its end the target itself may still let it in.
    {GRANT_REVOKING, GRANT_EVENT_WRITE_OFF, GRANT_ENDED, &END_DUE, finish_written_off},
};

// What a state means, whatever led there.
static const struct {
    bool over;
    bool may_have_account;
} STATES[GRANT_STATE_COUNT_] = {
    [GRANT_GRANTING] = {.may_have_account = true},
    [GRANT_ACTIVE] = {.may_have_account = true},
    [GRANT_REVOKING] = {.may_have_account = true},
    [GRANT_ENDED] = {.over = true},
    [GRANT_REJECTED] = {.over = true},
    [GRANT_CANCELLED] = {.over = true},
    [GRANT_LAPSED] = {.over = true},
    [GRANT_FAILED] = {.over = true},
};

// The row that applies; NULL when there is none, and then *ret_refused is the guard that stood in
// the way, or NULL.
static const Transition *transition_find(const Grant *grant, GrantEvent event, int64_t now_ms,
                                         const Guard **ret_refused) {
    *ret_refused = NULL;
    for (size_t i = 0; i < COUNT_OF(TRANSITIONS); i++) {
        const Transition *row = &TRANSITIONS[i];
        if ((int)row->from != grant->state || row->event != event)
            continue;
        if (row->guard == NULL || row->guard->holds(grant, now_ms))
            return row;
        *ret_refused = row->guard;
    }
    return NULL;
}

bool grant_event_allowed(const Grant *grant, GrantEvent event, int64_t now_ms) {
    const Guard *refused;
    return transition_find(grant, event, now_ms, &refused) != NULL;
}

static Status wrong_state(const Grant *grant, GrantEvent event, const Guard *refused,
                          Error *reterr) {
    const char *state = enum_name(&GRANT_STATES, grant->state);
    const char *wanted = enum_name(&GRANT_EVENTS, (int)event);
    if (refused != NULL)
        return error_set(reterr, STATUS_CONFLICT, "wrong_state",
                         "%s is %s, and \"%s\" is not possible: %s", grant->id, state, wanted,
                         refused->refusal);
    const char *names[GRANT_STATE_COUNT_];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(TRANSITIONS); i++) {
        const char *from = enum_name(&GRANT_STATES, (int)TRANSITIONS[i].from);
        // Rows of one state stand together, so that a state to leave out is the last one listed.
        if (TRANSITIONS[i].event == event && (count == 0 || names[count - 1] != from))
            names[count++] = from;
    }
    char list[128];
    enum_list(&(EnumTable){.names = names, .count = count}, list, sizeof(list));
    return error_set(reterr, STATUS_CONFLICT, "wrong_state",
                     "%s is %s; for \"%s\" it would have to be %s", grant->id, state, wanted, list);
}

Status grant_change(Grant *grant, const GrantChange *change, Error *reterr) {
    const Guard *refused;
    const Transition *row = transition_find(grant, change->event, change->now_ms, &refused);
    if (row == NULL)
        return wrong_state(grant, change->event, refused, reterr);
    grant->state = (int)row->to;
    row->enter(grant, change);
    return STATUS_OK;
}

bool grant_is_over(const Grant *grant) {
    return STATES[grant->state].over;
}

Status grant_delivery_check(const Grant *grant, Error *reterr) {
    const TargetFacts *facts = target_facts((TargetKind)grant->plan->target->kind);
    if (!facts->no_credential)
        return STATUS_OK;
    return error_set(
        reterr, STATUS_CONFLICT, "nothing_delivered",
        "a grant on %s has no credential: for its time you are allowed more with those "
        "you have. Use it with \"daypass connect %s\"",
        facts->title, grant->id);
}

bool grant_may_have_account(const Grant *grant) {
    return STATES[grant->state].may_have_account;
}

const char *grant_state_diagram(Arena *arena) {
    CLEANUP(buffer_done) Buffer text = {0};
    buffer_add(&text, "stateDiagram-v2\n    [*] --> pending : request\n");
    for (size_t i = 0; i < COUNT_OF(TRANSITIONS); i++) {
        const Transition *row = &TRANSITIONS[i];
        buffer_addf(&text, "    %s --> %s : %s", enum_name(&GRANT_STATES, (int)row->from),
                    enum_name(&GRANT_STATES, (int)row->to),
                    enum_name(&GRANT_EVENTS, (int)row->event));
        if (row->guard != NULL)
            buffer_addf(&text, " (%s)", row->guard->when);
        buffer_add(&text, "\n");
    }
    for (int state = 0; state < GRANT_STATE_COUNT_; state++) {
        if (STATES[state].over)
            buffer_addf(&text, "    %s --> [*]\n", enum_name(&GRANT_STATES, state));
    }
    return arena_strdup(arena, buffer_text(&text));
}
