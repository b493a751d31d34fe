// An account on a target that looks temporary and that no grant of this store explains.
#pragma once

#include "base/shape.h"
#include "domain/plan.h"

typedef enum OrphanKind {
    ORPHAN_UNKNOWN,    // by this installation's connector, for a grant that the store does not have
    ORPHAN_MISMATCHED, // its mark names a grant whose account is another, or another connector's
    ORPHAN_UNSERVED,   // of this installation, by a connector that does not serve the target
    ORPHAN_FOREIGN,    // of another installation of Daypass
    ORPHAN_LEFTOVER,   // without a mark of Daypass: another tool's, by its name
    ORPHAN_KIND_COUNT_,
} OrphanKind;
extern const EnumTable ORPHAN_KINDS;

typedef enum OrphanState {
    ORPHAN_FOUND,    // it is there
    ORPHAN_REMOVING, // an action for its removal is queued or out
} OrphanState;
extern const EnumTable ORPHAN_STATES; // "found", "removing"

typedef struct Orphan {
    const char *id; // "orp_…"
    int64_t version;
    int kind;
    int state;
    const char *connector;    // that found it
    const char *admin_secret; // with which
    int target_kind;          // TargetKind
    const char *host;
    int64_t port;
    const char *account;
    const char *deployment; // of its mark, likewise below; NULL: it has none
    const char *grant_id;
    const char *made_by;         // connector
    const char *grant_connector; // of that grant, where it is not the one that found the account
    const char *custodian;
    const char *database;
    const char *leftover; // what makes it look temporary, of one without mark
    int64_t expires_at;   // by the target's clock; 0: never
    bool can_login;
    int64_t sessions;
    int64_t found_at;
    int64_t noted_at;         // in the audit trail
    const char *requested_by; // who wants it removed; NULL: nobody, or it is settled by itself
    int64_t failures;
    const char *trouble;     // why it is not removed yet
    const json_t *obstacles; // of the last attempt: array of Obstacle
    int64_t inspected_at;
    const json_t *inspection; // ACCOUNT_INSPECTION_SHAPE
} Orphan;
typedef struct Orphans {
    Orphan *items;
    size_t count;
} Orphans;
extern const Shape ORPHAN_SHAPE;

// One line for people: whose it is, and what becomes of it.
const char *orphan_describe(Arena *arena, const Orphan *orphan);
// Whether it goes without anybody asking: no account stays that no grant explains.
bool orphan_is_settled(const Orphan *orphan);
// "not_daypass": no mark says that it was ours to make, so it is not ours to remove. Says what to
// do by hand.
MUST_USE Status orphan_check_removable(const Orphan *orphan, Error *reterr);
// The same account under the same mark.
bool orphan_is(const Orphan *orphan, const Orphan *other);

// What its mark says is plan enough to take it back. `target` says how the integration reaches the
// server; the connector goes by its own file.
Plan orphan_plan(Arena *arena, const Orphan *orphan, const char *integration,
                 const TargetAddress *target);
