// Finding accounts, and looking at them.
#pragma once

#include "driver/redis/operation.h"

MUST_USE Status redis_accounts_list(Operation *operation, const AccountQuery *query,
                                    FoundAccounts *ret_accounts, Error *reterr);
// The server keeps no end that somebody could put off: says what is there.
MUST_USE Status redis_account_restrain(Operation *operation, const Plan *plan, Error *reterr);
MUST_USE Status redis_account_inspect(Operation *operation, const Plan *plan,
                                      AccountInspection *ret_inspection, Error *reterr);
