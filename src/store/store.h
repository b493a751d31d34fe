// The control plane's record: configuration, people's sign-in data, connectors, grants, actions and
// the audit trail. Each operation is one transaction together with its audit events, and is named
// for what it means. Values given back live in the arena.
//
// A grant's state changes by compare-and-set on its version: an operation that lost a race looks
// again and either still makes sense or fails with "wrong_state". Thread-safe.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/signing_key.h"
#include "domain/approval.h"
#include "domain/audit.h"
#include "domain/configuration.h"
#include "domain/grant.h"
#include "domain/orphan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Store Store;

// How much there may be; 0: the default.
typedef struct StoreLimits {
    int64_t open_requests_per_principal; // not over, and not being taken back
    int64_t open_requests_per_flow;
    int64_t instances_per_connector;
    int64_t actions_per_integration; // that one connector instance has at the same time
    int64_t orphans_per_connector;   // that go by themselves; of all others as many
} StoreLimits;

typedef struct StoreOptions {
    const char *url; // "sqlite:/var/lib/daypass/daypass.db"
    const Clock *clock;
    const SigningKey *audit_key; // borrowed while the store is open
    StoreLimits limits;
} StoreOptions;

// Of a kind that there is; nothing is opened. "bad_store_url".
MUST_USE Status store_url_check(const char *url, Error *reterr);

// Makes the store at first use, brings an older schema up to date, refuses a newer one
// ("store_newer") and a damaged one ("store_damaged").
MUST_USE Status store_open(const StoreOptions *options, Store **ret_store, Error *reterr);
Store *store_close(Store *store);
DEFINE_CLEANUP(Store, store_close)

// What a backup holds.
typedef struct StoreBackup {
    const char *deployment;
    int64_t schema;   // number of its newest migration
    int64_t events;   // of the audit trail, each verified
    const char *head; // hash of the newest, hex; "" when there is none
} StoreBackup;
// Copies the store, which may be in use by another process, as it is at one moment, into a new file
// of mode 0600; verifies the copy, its whole audit trail included, before it has that name.
// "file_exists", "no_store".
MUST_USE Status store_backup(const char *url, Arena *arena, const char *path,
                             StoreBackup *ret_backup, Error *reterr);

// Random id of this installation, made with the store.
const char *store_deployment(const Store *store);
// Cheap proof that it reads and writes; for readiness.
MUST_USE Status store_ping(Store *store, Error *reterr);

// Who does it, for the audit trail. Borrowed.
typedef struct Actor {
    const char *name; // principal, connector instance, "daypass", or what somebody claimed to be
    const char *kind; // "principal", "connector", "system", "anonymous"
    const char *peer;
    const char *token;
} Actor;
extern const Actor ACTOR_SYSTEM;

// ---- Audit ------------------------------------------------------------------------------------

// For events that change nothing else: sign-ins, refusals.
typedef struct AuditNote {
    const char *event;
    const char *grant, *flow, *integration, *person;
    const json_t *detail;
} AuditNote;
MUST_USE Status store_note(Store *store, const Actor *actor, const AuditNote *note, Error *reterr);

typedef struct AuditFilter {
    int64_t after_sequence;     // cursor
    int64_t since_at, until_at; // 0: open
    const char *person;         // as actor or as the one concerned
    const char *grant, *integration, *flow, *event;
    int64_t limit; // 1 to 1000
} AuditFilter;
MUST_USE Status store_list_audit(Store *store, Arena *arena, const AuditFilter *filter,
                                 AuditEvents *ret_events, Error *reterr);
// The newest event; sequence 0 when there is none.
MUST_USE Status store_audit_head(Store *store, Arena *arena, AuditEvent *ret_head, Error *reterr);

// ---- Configuration ----------------------------------------------------------------------------

MUST_USE Status store_configuration(Store *store, Arena *arena, Configuration *ret_configuration,
                                    Error *reterr);
// Applies changes that were computed from this version; "configuration_changed" when it moved on.
// One audit event per change, with before and after. Gives the new version.
MUST_USE Status store_apply(Store *store, const Actor *actor, int64_t version,
                            const Changes *changes, int64_t *ret_version, Error *reterr);

// ---- People -----------------------------------------------------------------------------------

typedef enum TokenKind { TOKEN_SESSION, TOKEN_PERSONAL, TOKEN_INVITATION, TOKEN_JOIN } TokenKind;
extern const EnumTable TOKEN_KINDS; // "session", "personal", "invitation", "join"

typedef enum TokenScope { SCOPE_READ, SCOPE_REQUEST, SCOPE_DECIDE, SCOPE_CONFIGURE } TokenScope;
extern const EnumTable TOKEN_SCOPES; // "read", "request", "decide", "configure"

typedef struct Token {
    const char *id;   // "tok_…": shown, not secret
    const char *hash; // token_hash(text)
    int kind;
    const char *subject; // principal, or connector name for TOKEN_JOIN; of the bootstrap: ""
    const char *label;
    StringList scopes; // names of TOKEN_SCOPES
    int64_t created_at;
    int64_t expires_at;
    int64_t last_used_at;
} Token;
typedef struct Tokens {
    Token *items;
    size_t count;
} Tokens;
extern const Shape TOKEN_SHAPE; // without hash

// "unknown_principal" when the subject is a principal that is not there (except the bootstrap's
// "").
MUST_USE Status store_add_token(Store *store, const Actor *actor, const Token *token,
                                Error *reterr);
// STATUS_NOT_FOUND when unknown or removed; STATUS_EXPIRED when past its end. Notes the use, at
// most once a minute per token.
MUST_USE Status store_find_token(Store *store, Arena *arena, const char *hash, Token *ret_token,
                                 Error *reterr);
// Of a person; NULL: all, and those with which connectors join.
MUST_USE Status store_list_tokens(Store *store, Arena *arena, const char *person,
                                  Tokens *ret_tokens, Error *reterr);
MUST_USE Status store_remove_token(Store *store, const Actor *actor, const char *id, Error *reterr);

// crypto_pwhash string; NULL when the principal has no password yet.
MUST_USE Status store_password_hash(Store *store, Arena *arena, const char *principal,
                                    const char **ret_hash, Error *reterr);
// Consumes the invitation (single use) and sets the password; removes the principal's sessions. A
// bootstrap invitation (subject "") makes `principal` an administrator if it is not there yet.
MUST_USE Status store_accept_invitation(Store *store, const Actor *actor, const char *token_hash,
                                        const char *principal, const char *password_hash,
                                        Error *reterr);
// Whether any administrator can sign in; the bootstrap token is offered only until then.
MUST_USE Status store_is_bootstrapped(Store *store, bool *ret_bootstrapped, Error *reterr);

// ---- Connectors -------------------------------------------------------------------------------

typedef struct ConnectorInstance {
    const char *id; // "con_…"
    const char *connector;
    const char *public_key;
    const char *host;
    const char *version;
    int64_t enrolled_at;
    int64_t last_seen_at;
    int64_t clock_difference_ms; // its clock minus ours
} ConnectorInstance;
typedef struct ConnectorInstances {
    ConnectorInstance *items;
    size_t count;
} ConnectorInstances;
extern const Shape CONNECTOR_INSTANCE_SHAPE;

typedef struct Connector {
    const char *name;
    int64_t created_at;
    ConnectorInstances instances;
} Connector;
typedef struct Connectors {
    Connector *items;
    size_t count;
} Connectors;
extern const Shape CONNECTOR_SHAPE;

// Makes the connector when it is not there, and stores its join token.
MUST_USE Status store_add_connector(Store *store, const Actor *actor, const char *name,
                                    const Token *join_token, Error *reterr);
// Consumes the join token (single use) and stores the instance, whose `connector` is filled from
// it.
MUST_USE Status store_enroll(Store *store, Arena *arena, const Actor *actor,
                             const char *join_token_hash, ConnectorInstance *instance,
                             Error *reterr);
MUST_USE Status store_find_instance(Store *store, Arena *arena, const char *id,
                                    ConnectorInstance *ret_instance, Error *reterr);
// Last seen, version, clock difference. Not audited; written at most every few seconds.
MUST_USE Status store_seen_instance(Store *store, const ConnectorInstance *instance, Error *reterr);
MUST_USE Status store_list_connectors(Store *store, Arena *arena, Connectors *ret_connectors,
                                      Error *reterr);
// It can sign nothing any more; its leases are handed out again.
MUST_USE Status store_remove_instance(Store *store, const Actor *actor, const char *id,
                                      Error *reterr);
// Refused ("in_use") while an integration names it or a live grant needs it.
MUST_USE Status store_remove_connector(Store *store, const Actor *actor, const char *name,
                                       Error *reterr);

// What was last seen of an integration; by name. Not audited.
typedef struct IntegrationReport {
    const char *integration;
    bool ok;
    const char *message;
    int64_t checked_at;
    const json_t *checks;    // array of CHECK_ITEM_SHAPE; NULL
    const json_t *discovery; // DISCOVERY_SHAPE; NULL
    int64_t discovered_at;
} IntegrationReport;
extern const Shape INTEGRATION_REPORT_SHAPE;
// Fields that are NULL keep what was there.
MUST_USE Status store_save_integration_report(Store *store, const IntegrationReport *report,
                                              Error *reterr);
// STATUS_NOT_FOUND when nothing was ever reported.
MUST_USE Status store_integration_report(Store *store, Arena *arena, const char *integration,
                                         IntegrationReport *ret_report, Error *reterr);

// ---- Grants -----------------------------------------------------------------------------------
// Each gives the grant as it is afterwards. `grant_changed` of StoreWatch is called after commit.

// Stores a drafted request (grant_draft). Automatic approval happens in the same transaction. The
// same principal and idempotency key (may be NULL) give the first one's grant; another body under
// the same key is "idempotency_mismatch".
MUST_USE Status store_request_grant(Store *store, Arena *arena, const Actor *actor,
                                    const RequestForm *form, const char *idempotency_key,
                                    Grant *ret_grant, Error *reterr);
MUST_USE Status store_grant(Store *store, Arena *arena, const char *id, Grant *ret_grant,
                            Error *reterr);

typedef struct GrantFilter {
    const char *requester;
    const char *integration, *flow, *connector;
    StringList states; // names; none: all
    bool live_only;
    const char *after_id; // cursor: newest first
    int64_t limit;        // 1 to 500
} GrantFilter;
typedef struct Grants {
    Grant *items;
    size_t count;
} Grants;
MUST_USE Status store_list_grants(Store *store, Arena *arena, const GrantFilter *filter,
                                  Grants *ret_grants, Error *reterr);

// Stores the decision of actor->name on the request, or on its pending extension. The last one
// needed freezes the plan and queues the grant action, or the extend action.
MUST_USE Status store_decide_grant(Store *store, Arena *arena, const Actor *actor, const char *id,
                                   bool approved, const char *note, Grant *ret_grant,
                                   Error *reterr);
// By the requester, before it is active.
MUST_USE Status store_cancel_grant(Store *store, Arena *arena, const Actor *actor, const char *id,
                                   const char *note, Grant *ret_grant, Error *reterr);
// Early. A grant that is over is given back as it is; so is one that is already revoking, and if
// the next attempt at that is pausing, it is due at once.
MUST_USE Status store_revoke_grant(Store *store, Arena *arena, const Actor *actor, const char *id,
                                   const char *note, Grant *ret_grant, Error *reterr);
// For a target that is not there any more: closes a revocation that was tried for an hour, of
// access whose end has passed. Nobody saw the account gone, and its cause says so ("written_off").
// Before: "too_early". Should a sweep find the account after all, it is revoked as of any grant
// that is over.
MUST_USE Status store_write_off_grant(Store *store, Arena *arena, const Actor *actor,
                                      const char *id, const char *reason, Grant *ret_grant,
                                      Error *reterr);
// Asks for more time; approved at once or waits, by the flow's rule.
MUST_USE Status store_extend_grant(Store *store, Arena *arena, const Actor *actor, const char *id,
                                   int64_t duration_s, const char *reason, Grant *ret_grant,
                                   Error *reterr);
// Queues a reset of the password, sealed to the new key.
MUST_USE Status store_reset_grant(Store *store, Arena *arena, const Actor *actor, const char *id,
                                  const char *public_key, Grant *ret_grant, Error *reterr);
// Evidence of all its actions, oldest first.
MUST_USE Status store_grant_evidence(Store *store, Arena *arena, const char *id,
                                     EvidenceList *ret_evidence, Error *reterr);

// ---- Actions ----------------------------------------------------------------------------------

typedef enum ActionState { ACTION_QUEUED, ACTION_LEASED, ACTION_DONE, ACTION_DROPPED } ActionState;

// As stored. `kind` is the wire's ActionKind name ("grant"); store knows nothing of the wire.
typedef struct StoredAction {
    const char *id; // "act_…"
    const char *kind;
    const char *grant_id;  // NULL for discover and check; of an orphan as its mark says
    const char *orphan_id; // of remove and inspect
    const char *integration;
    const char *connector;
    int64_t attempt; // grows with each lease
    int64_t issued_at;
    int64_t deadline_at; // of this lease: not begun or committed past it
    int64_t expires_at;  // grant, extend: when access ends
    const char *seal_to;
    const json_t *plan;
} StoredAction;
typedef struct StoredActions {
    StoredAction *items;
    size_t count;
} StoredActions;

// Queues a discover or check of an integration; one that waits already is enough.
MUST_USE Status store_queue_check(Store *store, const Actor *actor, const char *integration,
                                  const char *kind, Error *reterr);

// Leases up to `capacity` of the connector's actions to the instance for `lease_ms`; overdue
// revocations first, then oldest. At most one action of a grant is out at a time: a revoke waits
// until a leased grant action was reported or its deadline passed. Moves approved grants to
// granting.
MUST_USE Status store_lease_actions(Store *store, Arena *arena, const ConnectorInstance *instance,
                                    int64_t capacity, int64_t lease_ms, StoredActions *ret_actions,
                                    Error *reterr);

// One of the connector's actions as it was last handed out, without its plan. Another connector's
// is "not_yours".
MUST_USE Status store_find_action(Store *store, Arena *arena, const ConnectorInstance *instance,
                                  const char *id, StoredAction *ret_action, Error *reterr);

typedef struct StoreReport {
    const char *action_id;
    int64_t attempt;
    bool done;
    const char *failure; // failure class name
    const char *code;
    const char *message;
    int64_t expires_at; // by our clock; grant, extend
    const char *sealed;
    const json_t *outcome;
    const json_t *inspection; // ACCOUNT_INSPECTION_SHAPE
} StoreReport;
// Takes an outcome: evidence, state change, audit. A failed revoke is queued again with growing
// pauses (1 s doubling to 5 min, with jitter), for ever; a failed grant of class "retry" is
// repeated while the approval lasts; any other failure of a grant cleans up. A report of another
// connector's action is "not_yours", of one done before is accepted and changes nothing, of an
// older attempt is "stale_report" unless it says done. Of a grant only the newest attempt makes it
// active: one that says done after it was handed out again is evidence and no more.
MUST_USE Status store_report_action(Store *store, Arena *arena, const ConnectorInstance *instance,
                                    const StoreReport *report, Error *reterr);

// ---- What is on the targets --------------------------------------------------------------------

// An account that a sweep found, or removed.
typedef struct StoreSweptAccount {
    const char *account;
    const char *grant_id;
    const char *deployment; // of its mark; NULL: ours, or it has none
    const char *connector;  // of its mark; NULL: the one that tells
    const char *custodian;
    const char *database;
    const char *leftover; // what makes it look temporary; NULL: it has a mark
    int64_t expires_at;
    int64_t sessions;
    bool removed;
    bool can_login;
    const char *message;
    const json_t *outcome;
    const AccountState *state; // NULL: not told
} StoreSweptAccount;
typedef struct StoreSweptAccounts {
    StoreSweptAccount *items;
    size_t count;
} StoreSweptAccounts;

// One page of what is on a target: all accounts whose names, by their bytes, come after the one and
// not after the other.
typedef struct StoreSweep {
    const char *admin_secret;
    int target_kind; // TargetKind
    const char *host;
    int64_t port;
    int64_t swept_at; // just before it was read, by our clock; 0: now
    const char *after;
    const char *until;
    StoreSweptAccounts accounts;
} StoreSweep;

// Compares with the record. An account of a grant that is over is revoked; one of a grant that the
// store does not have is removed by its mark; a removed one ends its grant; what somebody altered
// about the account of a live grant is drift; an account that two sweeps miss ends its grant. Every
// other account that no grant explains is kept as an orphan until it is gone.
MUST_USE Status store_reconcile(Store *store, Arena *arena, const ConnectorInstance *instance,
                                const StoreSweep *sweep, Error *reterr);

MUST_USE Status store_orphan(Store *store, Arena *arena, const char *id, Orphan *ret_orphan,
                             Error *reterr);
typedef struct OrphanFilter {
    const char *connector, *admin_secret;
    const char *account;
    const char *kind;
    const char *after_id; // cursor: by the names of the accounts
    int64_t limit;        // 1 to 500
} OrphanFilter;
MUST_USE Status store_list_orphans(Store *store, Arena *arena, const OrphanFilter *filter,
                                   Orphans *ret_orphans, Error *reterr);
// Has the connector look at it: what its removal would do comes with the orphan. "not_daypass".
MUST_USE Status store_inspect_orphan(Store *store, Arena *arena, const Actor *actor, const char *id,
                                     Orphan *ret_orphan, Error *reterr);
// Queues its removal, as long as its mark still is the one that was looked at: "orphan_changed".
MUST_USE Status store_remove_orphan(Store *store, Arena *arena, const Actor *actor, const char *id,
                                    const char *grant_id, const char *deployment,
                                    Orphan *ret_orphan, Error *reterr);
// The integration through which an orphan was found; NULL: none is declared any more.
const Integration *orphan_integration(const Configuration *configuration, const Orphan *orphan);

// ---- Revocations that are late ------------------------------------------------------------------

typedef enum RevocationWait {
    REVOCATION_WAITS_FOR_CONNECTOR, // ready: no instance has taken it
    REVOCATION_WAITS_FOR_PAUSE,     // it failed, and is tried again at next_attempt_at
    REVOCATION_WAITS_FOR_REPORT,    // out: handed out again unless reported by next_attempt_at
} RevocationWait;
extern const EnumTable REVOCATION_WAITS; // "connector", "pause", "report"

// An access that is over and whose account was not yet seen gone. Overdue is what takes longer than
// a minute.
typedef struct Revocation {
    const char *action_id;
    const char *grant_id;
    const char *state;   // of the grant; one that is over already has an account that came back
    const char *account; // NULL where the grant's record cannot be read
    const char *requester;
    const char *flow;
    const char *integration;
    const char *connector;
    int64_t since_at; // when the access had to be over
    bool overdue;
    int64_t attempts;    // how often it was handed out
    int64_t failures;    // how often it was reported as failed
    const char *trouble; // of the last one; NULL
    int waits_for;
    int64_t next_attempt_at; // 0: when a connector asks
} Revocation;
typedef struct Revocations {
    Revocation *items;
    size_t count;
} Revocations;

typedef struct OverdueFilter {
    const char *requester; // NULL: everybody's
    int64_t older_than_ms; // since then at least; what is not overdue is not listed
    const char *after_id;  // cursor: an action_id
    int64_t limit;         // 1 to 500
} OverdueFilter;
// The longest overdue first. By an index on time: what is done is not looked at.
MUST_USE Status store_list_overdue(Store *store, Arena *arena, const OverdueFilter *filter,
                                   Revocations *ret_revocations, Error *reterr);
// The revocation of a grant that is under way, overdue or not.
MUST_USE Status store_find_revocation(Store *store, Arena *arena, const char *grant_id,
                                      Revocation *ret_revocation, bool *ret_found, Error *reterr);

// ---- Time -------------------------------------------------------------------------------------

typedef struct DueResult {
    int64_t changed;     // grants moved, revocations noted as overdue
    int64_t next_due_at; // when something falls due next; 0: nothing is known
} DueResult;
// Expires what is past its end, lapses what nobody decided or used, takes back leases past their
// deadline, notes once what has become overdue. At most `limit` at a time.
MUST_USE Status store_run_due(Store *store, int64_t limit, DueResult *ret_result, Error *reterr);

// ---- Watching and numbers ---------------------------------------------------------------------

// Called after a commit, on the thread that did it, without locks held.
typedef struct StoreWatch {
    void *context;
    void (*grant_changed)(void *context, const char *grant_id); // or the id of an orphan
    void (*work_queued)(void *context, const char *connector);
    void (*due_changed)(void *context); // something may fall due earlier than was said
} StoreWatch;
void store_watch(Store *store, const StoreWatch *watch); // once, before threads start

typedef struct StoreNumbers {
    int64_t grants_by_state[GRANT_STATE_COUNT_];
    int64_t overdue_revocations; // as many as store_list_overdue lists
    int64_t actions_queued;
    int64_t grants_drifted; // live, and altered on the target
    int64_t grants_widened; // of these, those with more access than was given
    int64_t orphans_by_kind[ORPHAN_KIND_COUNT_];
    int64_t lateness_ms_sum; // of revocations done: from when access had to be over to seen gone
    int64_t lateness_count;
    int64_t lateness_le[8]; // cumulative, by STORE_LATENESS_BOUNDS_MS
} StoreNumbers;
extern const int64_t STORE_LATENESS_BOUNDS_MS[8]; // 1 s, 5 s, 15 s, 1 min, 5 min, 15 min, 1 h, 24 h
MUST_USE Status store_numbers(Store *store, StoreNumbers *ret_numbers, Error *reterr);
