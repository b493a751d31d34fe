// Taking an account back: lock it, end its sessions and see them ended, hand over what it defined,
// remove it. Each step stands by itself and may find itself done.
#pragma once

#include "driver/mysql/account.h"

// Nothing is dropped but the account itself, its event and its mark.
MUST_USE Status my_account_remove(Operation *operation, const Plan *plan, Error *reterr);
// my_account_remove for an action of its own, with the evidence read back.
MUST_USE Status my_account_revoke(Operation *operation, const Plan *plan, Error *reterr);

// FAILURE_CONFLICT "account_taken": accounts of that name without this plan's mark.
MUST_USE Status my_account_check_mark(Operation *operation, const Plan *plan,
                                      const Accounts *accounts, const Account **ret_own,
                                      Error *reterr);
