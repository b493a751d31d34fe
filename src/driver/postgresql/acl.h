// Who holds which privilege by whose gift: entries of access lists, read through pg_shdepend, and
// taken back by whoever gave them.
#pragma once

#include "driver/postgresql/operation.h"
#include "driver/postgresql/privilege_set.h"

typedef struct AclEntry {
    SqlObject object;
    uint32_t privileges;
    const char *grantor;
    bool grantable;  // WITH GRANT OPTION
    bool of_columns; // of single columns of the table
    bool inherits;   // the admin has the grantor's rights
    bool can_assume; // the admin may act as the grantor, by SET ROLE
} AclEntry;

typedef struct AclEntries {
    AclEntry *items;
    size_t count;
} AclEntries;

// Those of the session's database, its default privileges, and databases themselves.
MUST_USE Status pg_acl_read(Operation *operation, int64_t role_oid, AclEntries *ret_entries,
                            Error *reterr);
// The privileges alone, normalised.
PrivilegeSet pg_acl_privileges(Arena *arena, const AclEntries *entries);

// Takes all of it from the role, each entry as its grantor, in transactions of their own. What the
// admin may not take back becomes an obstacle; only failures worth repeating are returned.
MUST_USE Status pg_acl_revoke(Operation *operation, int64_t role_oid, const char *role,
                              Error *reterr);
