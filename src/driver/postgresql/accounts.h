// Which accounts of Daypass are there, and which look temporary without being Daypass's.
#pragma once

#include "driver/postgresql/operation.h"

MUST_USE Status pg_accounts_list(Operation *operation, const AccountQuery *query,
                                 FoundAccounts *ret_accounts, Error *reterr);
// One with a mark, as it is to the operation, in its transaction or between two. NULL in
// *ret_state: it is not there, or has none.
MUST_USE Status pg_account_state_read(Operation *operation, const char *account,
                                      const AccountState **ret_state, Error *reterr);
// See driver.h.
MUST_USE Status pg_account_restrain(Operation *operation, const Plan *plan, Error *reterr);
