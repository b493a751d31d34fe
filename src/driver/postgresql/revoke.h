// Taking an account back: lock it, end its sessions and see them ended, hand over what it owns,
// take its privileges, remove it. Each step is a transaction of its own and may find itself done.
#pragma once

#include "driver/account_mark.h"
#include "driver/postgresql/operation.h"
#include "driver/postgresql/role.h"

// Nothing is dropped but the role itself, and the server refuses that while anything hangs on it.
MUST_USE Status pg_account_remove(Operation *operation, const Plan *plan, Error *reterr);
// account_remove for an action of its own, with the evidence read back.
MUST_USE Status pg_account_revoke(Operation *operation, const Plan *plan, Error *reterr);

// FAILURE_CONFLICT "account_taken": a role of that name without this plan's mark.
MUST_USE Status pg_account_check_mark(Operation *operation, const Plan *plan, const Role *role,
                                      AccountMark *ret_mark, Error *reterr);
