// What the catalog says of one role.
#pragma once

#include "driver/postgresql/operation.h"

// VALID UNTIL in ms since 1970: null for one that never comes, or not in our time; 1 for one that
// is over since ever.
#define PG_ROLE_END                                                                                \
    "CASE WHEN rolvaliduntil < '1970-01-02' THEN 1 WHEN rolvaliduntil < '9999-01-01'"              \
    " THEN floor(extract(epoch FROM rolvaliduntil) * 1000)::bigint END"

typedef struct Role {
    int64_t oid;
    const char *name;
    bool can_login;
    bool privileged; // SUPERUSER, CREATEROLE, CREATEDB, REPLICATION or BYPASSRLS
    bool superuser;
    bool inherits;
    const char *comment; // NULL: none
    int64_t expires_at;  // VALID UNTIL; 0: none, or for ever
    int64_t now_at;      // the server's clock at the beginning of the transaction
} Role;

MUST_USE Status pg_role_read(Operation *operation, const char *name, bool *ret_found,
                             Role *ret_role, Error *reterr);

// Why nobody may be handed objects to a role: it is or leads to a privileged role, it may hand
// roles on, or it is Daypass's own. NULL in *ret_reason: no reason. The role is there.
MUST_USE Status pg_role_refusal(Operation *operation, const char *name, const char **ret_reason,
                                Error *reterr);
// Why nobody may be made a member of it: one of these, or, before PostgreSQL 16, that it can log
// in.
MUST_USE Status pg_role_member_refusal(Operation *operation, const char *name,
                                       const char **ret_reason, Error *reterr);
// Whether it, or a role it is a member of, owns objects in any database: a member may give rights
// on them to others, alter and drop them.
MUST_USE Status pg_role_owns_objects(Operation *operation, const char *name, bool *ret_owns,
                                     Error *reterr);
// Names of roles without such a reason, sorted, at most `limit`.
MUST_USE Status pg_role_list_grantable(Operation *operation, int limit, StringList *ret_names,
                                       Error *reterr);

// Memberships that it gave to others, except in itself: role, member.
MUST_USE Status pg_role_given_memberships(Operation *operation, int64_t oid, Rows **ret_rows,
                                          Error *reterr);
// Roles it is a direct member of.
MUST_USE Status pg_role_memberships(Operation *operation, int64_t oid, StringList *ret_roles,
                                    Error *reterr);
// Whether the admin may act as that role (SET ROLE).
MUST_USE Status pg_role_can_assume(Operation *operation, const char *name, bool *ret_can,
                                   Error *reterr);
