// One interface for every engine. A driver opens a session on a target with the admin's
// credential and carries out plans. Each operation can be repeated at any time and finds its own
// half-done work: "already gone" is success, and a grant that finds its own account resets it.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/secret.h"
#include "domain/outcome.h"
#include "domain/plan.h"
#include "domain/target_report.h"
#include "driver/operation.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// The part of the connector's ceiling that is in names which only the driver knows what they stand
// for. Empty lists allow everything of their kind, but for actions.
typedef struct ResourceCeiling {
    StringList actions;       // beside those of rds_connect and ssm_session
    StringList resources;     // patterns of ARNs
    StringList identities;    // likewise
    StringList identity_tags; // "key=value"; all of them have to be on an identity
    const char *boundary;     // ARN of the permissions boundary an identity has to have; NULL: any
} ResourceCeiling;

// How to log in. Borrowed for the call; the clock for as long as the session lives.
typedef struct DriverLogin {
    const TargetAddress *target;
    const char *user;
    const Secret *password; // NULL: another method of the engine
    const char *ca_file;    // NULL: the system's
    int connect_timeout_ms;
    int statement_timeout_ms;
    const Clock *clock;
    const char *purpose; // grant's id, "sweep", "check", …: for engines that note whose work it is
    const char *profile;            // AWS: of the shared configuration; NULL: the usual one
    bool programs;                  // AWS: the profile may run programs
    const StringList *withheld;     // names of variables these do not get; may be NULL
    const ResourceCeiling *ceiling; // NULL: none
} DriverLogin;

// Everything an operation adds beside its Status. `failure` is set whenever Status is not OK.
typedef struct DriverResult {
    FailureClass failure;
    Outcome outcome; // filled as far as the operation came, also when it failed
} DriverResult;

typedef struct GrantOrder {
    const Plan *plan;
    const Secret *password; // the account's; the driver turns it into a verifier where it can
    int64_t ends_ms;        // monotonic; the target's end is written as far from its own now
    int64_t deadline_ms;    // monotonic; nothing is begun or committed past it
} GrantOrder;

typedef struct AccountQuery {
    const char *account; // this one alone; NULL: all
    // Accounts without mark, whose names are like one of these (with * for anything) or which the
    // engine knows as another tool's, are listed too. NULL: they are not.
    const StringList *leftovers;
} AccountQuery;

typedef struct DriverFeatures {
    bool verifier_only; // the server never sees the password
    // The server can refuse logins at expiry with every Daypass process dead; whether this one will
    // is in Outcome.end_enforced.
    bool expiry_on_target;
    bool transactional;  // a grant happens whole or not at all
    bool password_rules; // its servers see the password and may judge what is in it
} DriverFeatures;

// An engine as a table; the functions below run it. Required: all of it, but where NULL has a
// meaning. Strings given back live in the operation's arena. Errors never hold statement text;
// messages name the object and the missing right, detail has the engine's own code.
typedef struct Driver {
    TargetKind kind;
    const char *name;
    DriverFeatures features;

    Status (*session_open)(const DriverLogin *login, DriverSession **ret_session,
                           FailureClass *ret_failure, Error *reterr);
    DriverSession *(*session_close)(DriverSession *session);
    // "15.6", as outcomes tell it.
    const char *(*server_version)(const DriverSession *session);
    // Leaves what an operation that failed half way left the session in. Runs before each operation
    // and after one that failed; never fails, and leaves evidence.failure alone. NULL: there is
    // nothing to leave.
    void (*settle)(Operation *operation);
    // Lets go of what belongs to the operation alone. Runs after each, whatever came of it; never
    // fails, and leaves evidence.failure alone. NULL: nothing does.
    void (*release)(Operation *operation);

    // What the functions of the same name promise. Where one fails, evidence.failure says how.
    Status (*grant)(Operation *operation, const GrantOrder *order, Error *reterr);
    Status (*revoke)(Operation *operation, const Plan *plan, Error *reterr);
    Status (*extend)(Operation *operation, const GrantOrder *order, Error *reterr);
    Status (*reset)(Operation *operation, const GrantOrder *order, Error *reterr);
    Status (*restrain)(Operation *operation, const Plan *plan, Error *reterr);
    Status (*list_accounts)(Operation *operation, const AccountQuery *query,
                            FoundAccounts *ret_accounts, Error *reterr);
    Status (*inspect)(Operation *operation, const Plan *plan, AccountInspection *ret_inspection,
                      Error *reterr);
    Status (*discover)(Operation *operation, Discovery *ret_discovery, Error *reterr);
    // NULL: of kinds without TargetFacts.sessions_of_users.
    Status (*end_sessions)(Operation *operation, const StringList *users, Error *reterr);
    // Tests name resolution, route, TLS, login, version and rights in that order and stops at the
    // first that makes the next senseless. `plans`: what shall be grantable (may be none). Never
    // fails itself: what is wrong is in the report.
    void (*check)(const DriverLogin *login, Arena *arena, const Plan *const *plans,
                  size_t plan_count, CheckReport *ret_report);
} Driver;

// Creates the account complete and usable, or not at all; leaves the account's mark (grant,
// deployment, connector, custodian, expiry) on the target. An account of that name with another
// mark or none is a FAILURE_CONFLICT and is not touched.
MUST_USE Status driver_grant(const Driver *driver, DriverSession *session, Arena *arena,
                             const GrantOrder *order, DriverResult *result, Error *reterr);

// Locks, ends sessions and sees them ended, hands over, removes; each step stands by itself. When
// objects are in the way the account stays locked, `obstacles` says why, and the failure is
// FAILURE_CONFLICT. An account of that name without this grant's mark is not touched.
MUST_USE Status driver_revoke(const Driver *driver, DriverSession *session, Arena *arena,
                              const Plan *plan, DriverResult *result, Error *reterr);

// New expiry. FAILURE_NOT_FOUND when the account is gone.
MUST_USE Status driver_extend(const Driver *driver, DriverSession *session, Arena *arena,
                              const GrantOrder *order, DriverResult *result, Error *reterr);
// New password; sessions stay. The expiry does not change.
MUST_USE Status driver_reset(const Driver *driver, DriverSession *session, Arena *arena,
                             const GrantOrder *order, DriverResult *result, Error *reterr);

// Takes back what somebody put the account's end off to: what the engine enforces is the mark's end
// at the latest. Never gives time. Nothing to do, and no account, are success.
MUST_USE Status driver_restrain(const Driver *driver, DriverSession *session, Arena *arena,
                                const Plan *plan, DriverResult *result, Error *reterr);

// Accounts with Daypass's mark, whatever their deployment, with what is to be seen of them, in the
// order of their names; then, where asked for, leftovers.
MUST_USE Status driver_list_accounts(const Driver *driver, DriverSession *session, Arena *arena,
                                     const AccountQuery *query, FoundAccounts *ret_accounts,
                                     FailureClass *ret_failure, Error *reterr);
// What revoking by this plan would do. Changes nothing.
MUST_USE Status driver_inspect(const Driver *driver, DriverSession *session, Arena *arena,
                               const Plan *plan, AccountInspection *ret_inspection,
                               FailureClass *ret_failure, Error *reterr);
MUST_USE Status driver_discover(const Driver *driver, DriverSession *session, Arena *arena,
                                Discovery *ret_discovery, FailureClass *ret_failure, Error *reterr);

// Ends all sessions that these users have at this moment, and sees them ended; those that begin
// later are left alone. FAILURE_UNSUPPORTED where the kind knows no such thing.
MUST_USE Status driver_end_sessions(const Driver *driver, DriverSession *session, Arena *arena,
                                    const StringList *users, DriverResult *result, Error *reterr);

// NULL where this build has no driver of that kind.
const Driver *driver_find(TargetKind kind);
// "no_driver": it has none, which ones it has, and how to have it.
MUST_USE Status driver_require(TargetKind kind, const Driver **ret_driver, Error *reterr);
// "PostgreSQL, MySQL": those of this build.
const char *driver_names(Arena *arena);
size_t driver_count(void);
const Driver *driver_at(size_t index);
