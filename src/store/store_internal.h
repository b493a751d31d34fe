// What the files of the store share: operations (one transaction each), and the pieces that several
// operations are made of. Nobody outside src/store includes it.
#pragma once

#include "store/backend.h"
#include "store/store.h"

#include <pthread.h>

typedef struct ConfigurationCache ConfigurationCache; // configuration.c
typedef struct SeenInstances SeenInstances;           // connectors.c

struct Store {
    const BackendDriver *driver;
    Backend *backend;
    const Clock *clock;
    const SigningKey *audit_key;
    StoreLimits limits;
    StoreWatch watch;
    char *deployment;
    pthread_mutex_t lock; // of what follows
    ConfigurationCache *configuration;
    SeenInstances *seen;
    int64_t woken_until; // waiting actions up to this time were announced; due.c
};

// ---- Operations -------------------------------------------------------------------------------

typedef struct Operation {
    Store *store;
    Transaction *transaction;
    Arena *arena;
    const Actor *actor;
    int64_t now_ms;
    // Announced after the commit.
    StringList changed_grants;
    StringList woken_connectors;
    bool due_changed;
} Operation;

// What happens in the transaction. It may run again from its start when another transaction was
// first, so it keeps nothing from an earlier run.
typedef Status OperationBody(Operation *operation, void *work, Error *reterr);

// Runs the body in one transaction; commits when it succeeds and then tells the watch. Values live
// in the arena; NULL: in one that ends with the operation.
MUST_USE Status store_write(Store *store, Arena *arena, const Actor *actor, OperationBody *body,
                            void *work, Error *reterr);
MUST_USE Status store_read(Store *store, Arena *arena, OperationBody *body, void *work,
                           Error *reterr);
// ret_rows may be NULL.
MUST_USE Status operation_run(Operation *operation, const char *sql, const Parameter *parameters,
                              size_t parameter_count, Rows *ret_rows, Error *reterr);
void operation_wake(Operation *operation, const char *connector);
// For a lost compare-and-set: the body runs again.
MUST_USE Status operation_raced(Error *reterr);
// A stored document that cannot be read.
MUST_USE Status stored_json(Operation *operation, const char *text, json_t **ret_value,
                            Error *reterr);
MUST_USE Status stored_document(Operation *operation, const Shape *shape, const char *text,
                                void *into, Error *reterr);
// Writes a document and proves that it can be read again: what the shape refuses is not stored.
MUST_USE Status document_text(Operation *operation, const Shape *shape, const void *from,
                              const char **ret_text, Error *reterr);
// At most this many bytes of text that somebody else wrote.
const char *text_bounded(Arena *arena, const char *text, size_t max_length);

// A statement put together from constant pieces, with its parameters: for filters.
enum { QUERY_PARAMETERS_MAX = 32 };
typedef struct Query {
    Arena *arena;
    const char *sql;
    Parameter parameters[QUERY_PARAMETERS_MAX];
    size_t parameter_count;
} Query;
// Appends the piece, in which ? stands for the parameter.
void query_add(Query *query, const char *piece);
void query_add_with(Query *query, const char *piece, Parameter parameter);
MUST_USE Status query_run(Operation *operation, const Query *query, Rows *ret_rows, Error *reterr);

// ---- limits.c ---------------------------------------------------------------------------------

// With defaults for what is 0.
StoreLimits store_limits_complete(const StoreLimits *limits);
// Before one more is added: "too_many_open" and "too_many_open_of_flow", "too_many_tokens" (of
// sessions, invitations and join tokens the oldest end instead), "too_many_instances".
MUST_USE Status limit_open_requests(Operation *operation, const char *requester, const char *flow,
                                    Error *reterr);
MUST_USE Status limit_tokens(Operation *operation, const Token *token, Error *reterr);
MUST_USE Status limit_instances(Operation *operation, const char *connector, Error *reterr);
// After it was changed: "too_many_things", "configuration_too_large".
MUST_USE Status limit_configuration(Operation *operation, Error *reterr);

// Of each integration, how many actions a connector instance has; so that those of a target which
// is slow or does not answer never fill the instance's queue.
typedef struct LeaseShare {
    const char *integration;
    int64_t out;
    bool full;
} LeaseShare;
typedef struct LeaseShares {
    LeaseShare *items;
    size_t count;
    int64_t most;
    const char *full; // names of those that are, "\na\nb\n"
} LeaseShares;
MUST_USE Status limit_shares_load(Operation *operation, const char *instance,
                                  LeaseShares *ret_shares, Error *reterr);
void limit_share_take(Arena *arena, LeaseShares *shares, const char *integration, int64_t taken);
bool limit_share_is_full(Arena *arena, LeaseShares *shares, const char *integration);

// ---- schema.c ---------------------------------------------------------------------------------

MUST_USE Status schema_migrate(Store *store, Error *reterr);
MUST_USE Status schema_fill(Store *store, char **ret_deployment, Error *reterr);

// ---- audit.c ----------------------------------------------------------------------------------

// Seals the event to the chain, in this transaction; by the operation's actor.
MUST_USE Status audit_append(Operation *operation, const AuditNote *note, Error *reterr);
MUST_USE Status audit_append_by(Operation *operation, const Actor *actor, const AuditNote *note,
                                Error *reterr);
// The newest event stored is the one the head names; otherwise "store_damaged".
MUST_USE Status audit_check_head(Operation *operation, void *work, Error *reterr);

// ---- configuration.c --------------------------------------------------------------------------

// As committed: not after this operation changed it.
MUST_USE Status configuration_load(Operation *operation, Configuration *ret_configuration,
                                   Error *reterr);
// Stores one change (not its effects on tokens and reports) and its audit event.
MUST_USE Status configuration_change(Operation *operation, const Change *change, Error *reterr);
MUST_USE Status configuration_bump(Operation *operation, int64_t version, int64_t *ret_version,
                                   Error *reterr);
ConfigurationCache *configuration_cache_free(ConfigurationCache *cache);

// ---- people.c ---------------------------------------------------------------------------------

MUST_USE Status token_insert(Operation *operation, const Token *token, Error *reterr);
// A token of this kind that has not ended, and is gone afterwards.
MUST_USE Status token_consume(Operation *operation, const char *hash, TokenKind kind,
                              Token *ret_token, Error *reterr);
MUST_USE Status token_end(Operation *operation, const char *id, Error *reterr);
MUST_USE Status tokens_remove(Operation *operation, const char *subject, TokenKind kind,
                              Error *reterr);
MUST_USE Status person_forget(Operation *operation, const char *principal, Error *reterr);

// ---- connectors.c -----------------------------------------------------------------------------

SeenInstances *seen_instances_free(SeenInstances *seen);

// What the column `drifted` of a grant says.
enum { GRANT_AS_GIVEN = 0, GRANT_NARROWED = 1, GRANT_WIDENED = 2 };

// ---- grant_record.c ---------------------------------------------------------------------------

// STATUS_NOT_FOUND "unknown_grant".
MUST_USE Status grant_load(Operation *operation, const char *id, Grant *ret_grant, Error *reterr);
// A new one; the key and the hash of what was asked may be NULL.
MUST_USE Status grant_insert(Operation *operation, Grant *grant, const char *idempotency_key,
                             const char *request_hash, Error *reterr);
// Compare-and-set on the version it was loaded with, which grows. `busy_until` is the deadline of a
// lease that is out, or 0.
MUST_USE Status grant_save(Operation *operation, Grant *grant, int64_t busy_until, Error *reterr);
// Changes the state by the table and notes it as "grant.<state>"; `detail` may be NULL. To be
// followed by grant_save.
MUST_USE Status grant_move(Operation *operation, Grant *grant, const GrantChange *change,
                           json_t *detail, Error *reterr);
MUST_USE Status grant_note(Operation *operation, const Grant *grant, const char *event,
                           const json_t *detail, Error *reterr);
// Whether objects changed owner: such evidence is kept, whatever else comes of the attempt.
bool outcome_hands_over(const json_t *outcome);
MUST_USE Status evidence_add(Operation *operation, const char *grant_id, const Evidence *evidence,
                             int64_t attempt, bool keep, Error *reterr);
MUST_USE Status evidence_exists(Operation *operation, const char *action_id, int64_t attempt,
                                bool *ret_exists, Error *reterr);
// Target and privileges, for people who read the trail.
json_t *grant_describe(Arena *arena, const Grant *grant);

// ---- actions.c --------------------------------------------------------------------------------

extern const EnumTable ACTION_STATES; // "queued", "leased", "done", "dropped"

typedef struct ActionRow {
    const char *id;
    const char *kind;
    const char *grant_id;
    const char *orphan_id;
    const char *integration;
    const char *connector;
    int state;
    int64_t attempt;
    int64_t failures;
    int64_t queued_at;
    int64_t rank_at; // of a revocation: when the access had to be over
    int64_t deadline_at;
    int64_t expires_at;
    const char *seal_to;
    int64_t overdue_noted_at; // 0: never
} ActionRow;

// STATUS_NOT_FOUND "unknown_action".
MUST_USE Status action_load(Operation *operation, const char *id, ActionRow *ret_action,
                            Error *reterr);
typedef struct ActionForm {
    const char *kind;
    int64_t expires_at;
    const char *seal_to;
} ActionForm;
MUST_USE Status action_queue(Operation *operation, const Grant *grant, const ActionForm *form,
                             Error *reterr);
MUST_USE Status action_set_state(Operation *operation, const char *id, ActionState state,
                                 Error *reterr);
// The account was seen gone without it: what waits of the grant, revocations too, is dropped.
MUST_USE Status actions_drop_all(Operation *operation, const Grant *grant, Error *reterr);
// Of the grant's revocation nothing more is expected, not even of attempts that are out.
MUST_USE Status actions_write_off(Operation *operation, const Grant *grant, Error *reterr);
// When the oldest revocation of it that is queued or out was queued; 0: there is none.
MUST_USE Status action_tried_since(Operation *operation, const Grant *grant, int64_t *ret_at,
                                   Error *reterr);
// Back to the queue after a failure, not before a pause that grows with each.
MUST_USE Status action_repeat(Operation *operation, const ActionRow *action, Error *reterr);
// Ends the pause before the next attempt at its revocation, where there is one.
MUST_USE Status action_hurry(Operation *operation, const Grant *grant, bool *ret_hurried,
                             Error *reterr);
// Queued actions of the grant that are not revocations; NULL kind: all of those.
MUST_USE Status actions_drop(Operation *operation, const char *grant_id, const char *kind,
                             Error *reterr);
// Whether a revocation of it is queued or out.
MUST_USE Status action_is_open(Operation *operation, const char *grant_id, const char *kind,
                               bool *ret_open, Error *reterr);
// Ends access: EXPIRE, REVOKE or FAIL of a grant that may have an account. Moves it, drops what
// waits, queues the revocation, saves.
MUST_USE Status grant_begin_revoking(Operation *operation, Grant *grant, const GrantChange *change,
                                     json_t *detail, Error *reterr);
// Pause before attempt number failures + 1: 1 s doubling to 5 min, and up to a fifth more or less.
int64_t backoff_ms(int64_t failures);
// 1, 2, 4, 8, …: what is noted of something that repeats.
bool is_milestone(int64_t count);

// Of an orphan: "remove" or "inspect".
MUST_USE Status orphan_queue_action(Operation *operation, const Orphan *orphan, const char *kind,
                                    Error *reterr);
MUST_USE Status orphan_action_is_open(Operation *operation, const char *orphan_id, const char *kind,
                                      bool *ret_open, Error *reterr);

// ---- report.c ---------------------------------------------------------------------------------

// What ran and what was found, and the hash of the whole evidence, which ties it to the chain.
json_t *outcome_describe(Operation *operation, const json_t *outcome);

// ---- orphans.c --------------------------------------------------------------------------------

// What a page of a sweep has of orphans, all of one connector and secret.
typedef struct OrphanPage {
    const char *connector;
    const char *admin_secret;
    const char *after, *until;
    Orphans found; // without ids and times
    bool changed;
} OrphanPage;
// Whether it has news: `changed`.
MUST_USE Status orphans_look(Operation *operation, OrphanPage *page, Error *reterr);
// New ones are noted and kept, those that are gone forgotten.
MUST_USE Status orphans_take(Operation *operation, const OrphanPage *page, Error *reterr);
// What the connector needs for an action on an orphan; not wanted: drop it.
MUST_USE Status orphan_action_plan(Operation *operation, const ActionRow *action,
                                   Orphan *ret_orphan, const json_t **ret_plan, bool *ret_wanted,
                                   Error *reterr);
MUST_USE Status orphan_report(Operation *operation, const ActionRow *action,
                              const StoreReport *report, Error *reterr);

// ---- reconcile.c ------------------------------------------------------------------------------

// What a sweep says of the account of one grant.
typedef enum SweepFinding {
    FOUND_ACCOUNT, // under its mark
    FOUND_OTHER,   // an account of that name, with another mark or none
    FOUND_NOTHING,
} SweepFinding;
typedef struct GrantFinding {
    const ConnectorInstance *instance;
    int64_t swept_at;
    SweepFinding finding;
    const StoreSweptAccount *account; // NULL of FOUND_NOTHING
    const char *grant_id;
} GrantFinding;
// Whether it changes anything about the grant, as it was just read.
MUST_USE Status grant_finding_is_news(Operation *operation, const GrantFinding *finding,
                                      const Grant *grant, bool *ret_news, Error *reterr);
MUST_USE Status grant_take_finding(Operation *operation, const GrantFinding *finding,
                                   Error *reterr);

// ---- grants.c ---------------------------------------------------------------------------------

// Time of an active grant may be over before anybody looked: "wrong_state" then.
MUST_USE Status grant_check_unexpired(Operation *operation, const Grant *grant, Error *reterr);
// Queues the extend action of a pending extension. To be followed by grant_save.
MUST_USE Status extension_approve(Operation *operation, Grant *grant, json_t *detail,
                                  Error *reterr);

// ---- due.c ------------------------------------------------------------------------------------

// Does what time alone makes of the grant, if anything; saves it then.
MUST_USE Status grant_settle(Operation *operation, Grant *grant, bool *ret_changed, Error *reterr);

// ---- overdue.c --------------------------------------------------------------------------------

MUST_USE Status overdue_count(Operation *operation, int64_t *ret_count, Error *reterr);
// Notes those that became overdue, as "grant.overdue", each once; at most `limit` of them.
MUST_USE Status overdue_note(Operation *operation, int64_t limit, int64_t *ret_noted,
                             Error *reterr);
// When there will be the next one to note; 0: none is known.
MUST_USE Status overdue_next(Operation *operation, int64_t *ret_at, Error *reterr);
// The revocation is done: the end of what was noted, as "grant.overdue_ended".
MUST_USE Status overdue_end(Operation *operation, const ActionRow *action, const Grant *grant,
                            Error *reterr);

// ---- numbers.c --------------------------------------------------------------------------------

// How long ago that was; 0 where the clock was set back to before it.
int64_t lateness_since(const Operation *operation, int64_t since_at);
MUST_USE Status lateness_add(Operation *operation, int64_t late_ms, Error *reterr);
