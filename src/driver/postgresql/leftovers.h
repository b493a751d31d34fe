// What keeps an account from being removed and cannot be handed over: each becomes an obstacle with
// the statement that solves it. Nothing here changes anything.
#pragma once

#include "driver/postgresql/operation.h"
#include "driver/postgresql/role.h"

// Prepared transactions outlive sessions. Only their coordinator knows what was decided about them.
MUST_USE Status pg_leftovers_find_prepared(Operation *operation, const Role *account,
                                           Error *reterr);
// Memberships that the account gave to others.
MUST_USE Status pg_leftovers_find_memberships(Operation *operation, const Role *account,
                                              Error *reterr);
// In the session's database: policies that name it, and whatever this driver does not know.
MUST_USE Status pg_leftovers_find(Operation *operation, const Role *account, Error *reterr);
// Who holds locks on what the account owns in the session's database.
MUST_USE Status pg_leftovers_find_locks(Operation *operation, const Role *account, bool *ret_any,
                                        Error *reterr);
