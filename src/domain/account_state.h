// What is to be seen of an account on its target, and how that differs from what was given: drift.
#pragma once

#include "base/shape.h"

#include <stdbool.h>
#include <stdint.h>

// Facts that the engine itself tells, read in one moment. Lists are as the engine sorts them.
typedef struct AccountState {
    const char *key;         // the engine's own id of the account: another one is another account
    int64_t expires_at;      // the target refuses logins from then on; 0: never
    int64_t mark_expires_at; // as the account's mark says
    bool can_login;
    int64_t connection_limit; // -1: none
    StringList attributes;    // beyond LOGIN: "SUPERUSER", "CREATEROLE", …
    StringList roles;         // direct memberships: "reporting", "reporting with ADMIN OPTION"
    StringList members;       // who is a member of it, other than the connector's own account
    int64_t privilege_count;  // objects, in all databases, on which it holds privileges of its own
    const char *privilege_hash; // which objects these are
    const char *database;       // where the next were read
    StringList privileges;      // "SELECT on table schema_app.orders"; some of many
} AccountState;
extern const Shape ACCOUNT_STATE_SHAPE;
enum { ACCOUNT_STATE_LINES_MAX = 50 }; // of each list

// One thing that is not as it was given.
typedef struct Drift {
    const char *field; // "account", "mark", "login", "valid until", "roles", …
    const char *given;
    const char *found;
    bool widens; // more access than was given, or for longer
} Drift;
typedef struct Drifts {
    Drift *items;
    size_t count;
} Drifts;
extern const Shape DRIFT_SHAPE;
enum { DRIFTS_MAX = 16 };

typedef struct DriftRules {
    bool end_is_moving;       // an extension is under way: it moves the account's end
    bool privileges_may_grow; // given one by one on tables yet to come
} DriftRules;
// `given` may be NULL where nobody noted it; then only what never depends on the plan is compared.
Drifts account_drift(Arena *arena, const AccountState *given, const AccountState *found,
                     DriftRules rules);
void drift_add(Arena *arena, Drifts *drifts, Drift drift);
bool drifts_widen(const Drifts *drifts);
bool drifts_equal(const Drifts *one, const Drifts *other);
// "roles, valid until"
const char *drifts_describe(Arena *arena, const Drifts *drifts);
