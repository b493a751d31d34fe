// Which accounts of Daypass are there, and which look temporary without being Daypass's.
#pragma once

#include "driver/mysql/account.h"

MUST_USE Status my_accounts_list(Operation *operation, const AccountQuery *query,
                                 FoundAccounts *ret_accounts, Error *reterr);
// One with a mark, read back. NULL in *ret_state: it is not there, or has none.
MUST_USE Status my_account_state_read(Operation *operation, const char *account,
                                      const AccountState **ret_state, Error *reterr);
// Makes the event that locks it, or moves the one that is there.
MUST_USE Status my_account_set_end(Operation *operation, MyName name, int64_t at_ms, Error *reterr);
// See driver.h.
MUST_USE Status my_account_restrain(Operation *operation, const Plan *plan, Error *reterr);
