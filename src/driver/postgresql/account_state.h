// What the catalog says of marked accounts beside their own row: whom they are members of, who is a
// member of them, and what they hold.
#pragma once

#include "driver/postgresql/operation.h"

// A condition on pg_roles r: accounts with a mark; $1 is one name, or null for all.
#define PG_MARKED_ACCOUNTS                                                                         \
    "shobj_description(r.oid, 'pg_authid') LIKE 'daypass {%'"                                      \
    " AND ($1::text IS NULL OR r.rolname = $1::text)"

// Fills roles, members and privileges of these, which are in the order of their names.
MUST_USE Status pg_account_states_fill(Operation *operation, const char *only,
                                       const char *const *names, AccountState **states,
                                       size_t count, Error *reterr);
// Text of any bytes, fit to be sent.
const char *pg_account_text(Arena *arena, const char *text);
