// A set of privileges on objects, without saying whose: what a plan means on this database now, or
// what a role really holds. Pure; it is compared, named by its hash, and turned into statements.
#pragma once

#include "driver/postgresql/statement.h"

#include <stddef.h>
#include <stdint.h>

typedef struct PrivilegeEntry {
    SqlObject object;
    uint32_t privileges; // SqlPrivilege bits
} PrivilegeEntry;

typedef struct PrivilegeSet {
    PrivilegeEntry *items;
    size_t count;
    size_t capacity;
} PrivilegeSet;

// Borrows the object's texts. Nothing is added for no privileges.
void pg_privilege_set_add(Arena *arena, PrivilegeSet *set, const SqlObject *object,
                          uint32_t privileges);
// Sorts by object, one entry per object. The functions below want it.
void pg_privilege_set_normalise(PrivilegeSet *set);

// What `a` has and `b` has not.
PrivilegeSet pg_privilege_set_minus(Arena *arena, const PrivilegeSet *a, const PrivilegeSet *b);
bool pg_privilege_set_equal(const PrivilegeSet *a, const PrivilegeSet *b);

// Name of the shared role with exactly these privileges: "daypass_" and 16 hex digits. `ret_hash`,
// all 64 of them, goes into the role's mark: names that collide are then seen.
const char *pg_privilege_set_role_name(Arena *arena, const PrivilegeSet *set,
                                       const char *deployment, const char *database,
                                       const char **ret_hash);

// GRANT statements that give all of it, REVOKE statements that take it.
StringList pg_privilege_set_grants(Arena *arena, const PrivilegeSet *set, const char *grantee,
                                   bool grant_option);
StringList pg_privilege_set_revokes(Arena *arena, const PrivilegeSet *set, const char *grantee);

// "SELECT on table "s"."t"; …", at most a handful.
const char *pg_privilege_set_describe(Arena *arena, const PrivilegeSet *set);
