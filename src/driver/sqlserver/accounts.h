// The accounts of Daypass on a server, with what is to be seen of them.
#pragma once

#include "driver/sqlserver/operation.h"

MUST_USE Status mssql_accounts_list(Operation *operation, const AccountQuery *query,
                                    FoundAccounts *ret_accounts, Error *reterr);
// Of one account; *ret_state is NULL where there is none.
MUST_USE Status mssql_account_state_read(Operation *operation, const char *account,
                                         const AccountState **ret_state, Error *reterr);
// The server enforces no end. What is over by the mark is disabled.
MUST_USE Status mssql_account_restrain(Operation *operation, const Plan *plan, Error *reterr);
