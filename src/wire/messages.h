// Messages between daypassd and connectors, and the two envelopes: a signed action and what is
// inside a sealed credential. Plans and outcomes pass through as JSON.
#pragma once

#include "base/shape.h"
#include "base/signing_key.h"

typedef enum ActionKind {
    ACTION_GRANT,
    ACTION_REVOKE,
    ACTION_EXTEND,
    ACTION_RESET,
    ACTION_DISCOVER,
    ACTION_CHECK,
    ACTION_REMOVE,  // an account that no grant explains, by its mark
    ACTION_INSPECT, // what that would do
    ACTION_KIND_COUNT_,
} ActionKind;
extern const EnumTable ACTION_KINDS;

// What a connector is told to do. `issued_at` and `deadline_at` are the control plane's clock; the
// connector uses their difference, from the moment at which its poll was sent and `held_ms` had
// passed: that is never after the control plane began to count, however long the answer took.
typedef struct Action {
    const char *id;
    const char *deployment;
    const char *connector;
    const char *instance; // whom it was leased to
    const char *poll;     // the nonce of the poll that it answers: it is good for no other
    int64_t held_ms;      // how long that poll had been held when this was leased, at the least
    int kind;
    int64_t attempt;
    const char *grant_id;    // NULL for discover and check
    const char *integration; // its name
    int64_t issued_at;
    int64_t deadline_at;
    int64_t expires_at;  // grant, extend: when access ends, by the control plane's clock
    const char *seal_to; // grant, reset: public key
    const json_t *plan;  // PLAN_SHAPE; for discover and check: without account
} Action;
extern const Shape ACTION_SHAPE;

// The exact bytes that were signed, as text, and the signature over "daypass-action-v1\n" +
// payload.
typedef struct SignedAction {
    const char *payload;
    const char *signature; // base64
} SignedAction;
typedef struct SignedActions {
    SignedAction *items;
    size_t count;
} SignedActions;
extern const Shape SIGNED_ACTION_SHAPE;

SignedAction action_sign(Arena *arena, const SigningKey *key, const Action *action);
// "bad_signature", or the payload is not an action.
MUST_USE Status action_verify(Arena *arena, const char *public_key_text,
                              const SignedAction *signed_action, Action *ret_action, Error *reterr);

typedef struct EnrollRequest { // POST /v1/connector/enroll; the join token is the bearer
    const char *public_key;
    const char *version;
    const char *host;
} EnrollRequest;
typedef struct EnrollReply {
    const char *instance; // id, the keyid of its signatures
    const char *connector;
    const char *deployment;
    const char *action_key; // to pin
} EnrollReply;
extern const Shape ENROLL_REQUEST_SHAPE, ENROLL_REPLY_SHAPE;

// What a connector says of one integration it has had work for.
typedef struct IntegrationHealth {
    const char *integration;
    bool ok;
    const char *message;
    int64_t checked_at;
} IntegrationHealth;
typedef struct IntegrationHealthList {
    IntegrationHealth *items;
    size_t count;
} IntegrationHealthList;

// Of one integration, at one connector instance, whatever actions.per_integration says.
enum { ACTIONS_PER_INTEGRATION_MAX = 100 };

typedef struct PollRequest { // POST /v1/connector/poll
    int64_t capacity;        // actions it can take now
    int64_t wait_s;          // how long to hold the request open; at most 60
    const char *version;
    int64_t clock_at; // its clock, when sent
    IntegrationHealthList health;
    const char *nonce; // random; comes back in each action
} PollRequest;
typedef struct PollReply {
    SignedActions actions;
    int64_t clock_at; // the control plane's clock
} PollReply;
extern const Shape POLL_REQUEST_SHAPE, POLL_REPLY_SHAPE;

typedef struct ActionReport { // POST /v1/connector/report
    const char *action_id;
    int64_t attempt;
    bool done;
    const char *failure; // failure class name, when not done
    const char *code;    // stable code
    const char *message;
    int64_t target_clock_difference_ms; // target's clock minus the connector's
    int64_t expires_in_ms;    // grant, extend: what remained of it on the target when reported
    const char *sealed;       // grant, reset: the sealed credential
    const json_t *outcome;    // OUTCOME_SHAPE of grant, revoke, extend, reset
    const json_t *discovery;  // DISCOVERY_SHAPE
    const json_t *checks;     // array of CHECK_ITEM_SHAPE
    const json_t *inspection; // ACCOUNT_INSPECTION_SHAPE
} ActionReport;
extern const Shape ACTION_REPORT_SHAPE;

// An account found on a target, with Daypass's mark or looking like another tool's leftover:
// POST /v1/connector/accounts after a sweep.
typedef struct SweptAccount {
    const char *account;
    const char *grant_id;
    const char *deployment; // of its mark; NULL: this one, or a leftover
    const char *connector;  // of its mark; NULL: this one, or a leftover
    const char *custodian;  // of its mark
    const char *database;   // of its mark
    const char *leftover;   // what makes it look temporary; NULL: it has a mark
    int64_t sessions;
    int64_t expires_at;
    bool can_login;
    bool removed; // by the connector itself, because it was past its expiry
    const char *message;
    const json_t *outcome; // when it acted
    const json_t *state;   // ACCOUNT_STATE_SHAPE of one with a mark; NULL: not told
} SweptAccount;
typedef struct SweptAccounts {
    SweptAccount *items;
    size_t count;
} SweptAccounts;
typedef struct SweepReport {
    const char *admin_secret; // by which target and secret it was found
    const char *target_kind;  // "postgresql"
    const char *host;
    int64_t port;
    int64_t swept_at;       // just before the list was read; the connector's clock
    SweptAccounts accounts; // all that are there, and those just removed
    // A long list comes in pages. This one has all accounts whose names, by their bytes, come after
    // the one and not after the other; NULL: without bound.
    const char *after;
    const char *until;
} SweepReport;
extern const Shape SWEEP_REPORT_SHAPE;

// What is inside the sealed box.
typedef struct Credential {
    const char *kind; // "postgresql"
    const char *host;
    int64_t port;
    const char *database;
    const char *user;
    const char *password;
    const char *tls;
    const char *authentication; // NULL: the engine's usual one
    int64_t expires_at;
    const char *grant_id;
} Credential;
extern const Shape CREDENTIAL_SHAPE;
// "iam": AWS checks the password, which the client has to send as it is, inside TLS.
extern const char AUTHENTICATION_IAM[];
