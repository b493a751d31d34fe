// Which accounts of Daypass there are, what is to be seen of each, and holding them to their marks.
#pragma once

#include "driver/oracle/account.h"

MUST_USE Status oracle_accounts_list(Operation *operation, const AccountQuery *query,
                                     FoundAccounts *ret_accounts, Error *reterr);
// NULL in *ret_state: there is no such account with a mark.
MUST_USE Status oracle_account_state_read(Operation *operation, const char *account,
                                          AccountState **ret_state, Error *reterr);
MUST_USE Status oracle_account_restrain(Operation *operation, const Plan *plan, Error *reterr);
