// A request and the grant it becomes: one record with one id. Its states, the one table of what may
// follow what, and the one function that changes state.
#pragma once

#include "domain/account_state.h"
#include "domain/configuration.h"
#include "domain/flow.h"
#include "domain/plan.h"

typedef enum GrantState {
    GRANT_PENDING,  // waits for decisions
    GRANT_APPROVED, // decided; the connector has not taken it yet
    GRANT_GRANTING, // handed to the connector
    GRANT_ACTIVE,
    GRANT_REVOKING,
    GRANT_ENDED,
    GRANT_REJECTED,
    GRANT_CANCELLED,
    GRANT_LAPSED, // nobody decided in time, or the approval went unused
    GRANT_FAILED, // could not be given; whatever was half made is cleaned up
    GRANT_STATE_COUNT_,
} GrantState;
extern const EnumTable GRANT_STATES;

typedef enum GrantEvent {
    GRANT_EVENT_APPROVE, // the last step of approval
    GRANT_EVENT_REJECT,
    GRANT_EVENT_CANCEL, // by the requester
    GRANT_EVENT_LAPSE,
    GRANT_EVENT_DISPATCH, // a connector instance leased the grant action
    GRANT_EVENT_GRANTED,  // the connector reported it done
    GRANT_EVENT_FAIL,     // the connector reported it cannot be done: clean up
    GRANT_EVENT_REFUSE, // the first one to have it would not touch the target: nothing to clean up
    GRANT_EVENT_EXPIRE,
    GRANT_EVENT_REVOKE,    // early, by somebody
    GRANT_EVENT_EXTEND,    // the connector reported the new expiry
    GRANT_EVENT_RESET,     // the connector reported a new credential
    GRANT_EVENT_REVOKED,   // the connector reported the account gone
    GRANT_EVENT_WRITE_OFF, // by an administrator: nobody will ever see it gone
    GRANT_EVENT_COUNT_,
} GrantEvent;
extern const EnumTable GRANT_EVENTS;

typedef enum GrantCause {
    CAUSE_NONE,
    CAUSE_EXPIRED,
    CAUSE_REVOKED,
    CAUSE_CANCELLED, // while it was being given
    CAUSE_FAILED,
    CAUSE_DRIFTED,     // somebody removed the account on the target, or ended it early there
    CAUSE_WRITTEN_OFF, // its target is not there any more: nobody saw the account gone
} GrantCause;
// "none", "expired", "revoked", "cancelled", "failed", "drifted", "written_off"
extern const EnumTable GRANT_CAUSES;

typedef enum ExtensionState {
    EXTENSION_NONE,
    EXTENSION_PENDING,
    EXTENSION_APPROVED
} ExtensionState;
extern const EnumTable EXTENSION_STATES; // "none", "pending", "approved"

typedef struct Decision {
    const char *principal;
    bool approved;
    int64_t round; // 0: the request; n: its n-th extension
    int64_t step;  // the step of approval that was current when it was made, from 0
    const char *note;
    int64_t decided_at;
} Decision;
typedef struct Decisions {
    Decision *items;
    size_t count;
} Decisions;
extern const Shape DECISION_SHAPE;

// Evidence: one action's outcome.
typedef struct Evidence {
    const char *action_id;
    const char *kind;     // action kind
    const char *instance; // of the connector
    int64_t reported_at;
    const char *failure; // failure class name; "none"
    const char *code;    // the error's stable code; NULL when done
    const char *message;
    const json_t *outcome; // OUTCOME_SHAPE
} Evidence;
typedef struct EvidenceList {
    Evidence *items;
    size_t count;
} EvidenceList;
extern const Shape EVIDENCE_SHAPE;

typedef struct Grant {
    const char *id;
    int64_t version; // grows with each stored change; compare-and-set
    int state;
    int cause;
    const char *requester;
    const char *reason;
    int64_t requested_at;
    int64_t lapses_at;   // of a pending or approved one
    int64_t approved_at; // 0: not yet; likewise below
    int64_t granted_at;
    int64_t expires_at;
    int64_t ended_at;
    const char *ended_by; // principal, or NULL
    const char *note;     // of who ended, denied or cancelled it
    int64_t duration_s;
    const Flow *flow;       // as it was when requested
    const Plan *plan;       // frozen at approval; until then what would be
    const char *public_key; // the requester's, for sealing
    const char *sealed;     // the credential; NULL before it is there and after the end
    int64_t extension_s;    // asked for; 0: none
    int extension_state;
    int64_t extension_round;      // extensions asked for so far
    const char *extension_reason; // why; NULL: none was given, or none is asked for
    Decisions decisions;
    const char *trouble;       // why the connector could not do it yet; NULL: none
    const AccountState *given; // the account as it was read back when given; NULL: not known
    int64_t given_at;          // when that was last true for certain, by our clock
    bool drifted;              // reconciliation found the account gone or altered
    int64_t drifted_at;        // since when, by our clock
    Drifts drift;              // what is not as it was given
} Grant;
extern const Shape GRANT_SHAPE; // everything above: how the store keeps it

// Times and words a change of state needs.
typedef struct GrantChange {
    GrantEvent event;
    int64_t now_ms;
    GrantCause cause; // of REVOKE: CAUSE_REVOKED or CAUSE_CANCELLED
    const char *by;   // principal, or NULL
    const char *note;
    int64_t expires_at;        // of DISPATCH and EXTEND; of GRANTED, where 0 keeps that of DISPATCH
    const char *sealed;        // of GRANTED, RESET
    const AccountState *state; // of GRANTED, EXTEND: as read back on the target; NULL: not known
} GrantChange;

// Also asks the guards: an approved grant that has lapsed cannot be dispatched, an active one that
// has not expired cannot expire.
bool grant_event_allowed(const Grant *grant, GrantEvent event, int64_t now_ms);
// The only function that changes `state`. "wrong_state" says what it is and what it would have to
// be. Does the entry actions of the table: times, cause, forgetting the sealed credential.
MUST_USE Status grant_change(Grant *grant, const GrantChange *change, Error *reterr);
// The extension that was asked for was decided against, cannot be had, or is applied.
void grant_drop_extension(Grant *grant);
bool grant_is_over(const Grant *grant);
// "nothing_delivered" where people use what they have already, and there is no credential to read
// or to reset.
MUST_USE Status grant_delivery_check(const Grant *grant, Error *reterr);
// An account may exist on the target in this state.
bool grant_may_have_account(const Grant *grant);
// Mermaid state diagram of the table, for the docs.
const char *grant_state_diagram(Arena *arena);

// Builds the draft of a request: checks requester, duration and reason against the flow.
typedef struct RequestForm {
    const char *id;
    const char *requester;
    const char *flow;
    int64_t duration_s; // 0: the flow's default
    const char *reason;
    const char *public_key;
    const char *deployment;
    const char *address; // the request came from
    int64_t now_ms;
} RequestForm;
// "not_a_requester" (the same for a flow that is not there, so that nobody learns of others'
// flows), "reason_missing", "reason_too_long", "bad_reason", "duration_too_long",
// "duration_too_short", "unknown_integration". The draft is pending, points into the configuration,
// and its plan is whole.
MUST_USE Status grant_draft(Arena *arena, const Configuration *configuration,
                            const RequestForm *form, Grant *ret_grant, Error *reterr);

// Whether what is configured now still is what the request was made for; otherwise "flow_changed".
MUST_USE Status grant_check_current(Arena *arena, const Configuration *configuration,
                                    const Grant *grant, Error *reterr);

// Whether `extension_s` more may be asked for: "wrong_state", "extension_pending",
// "extension_not_offered", "duration_too_short", or "duration_too_long" when the whole time of the
// grant would be above the flow's maximum.
MUST_USE Status grant_extension_check(const Grant *grant, int64_t extension_s, Error *reterr);
