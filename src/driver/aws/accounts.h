// What a sweep looks for: the policies of Daypass on all users and roles, by their names.
#pragma once

#include "driver/aws/operation.h"
#include "driver/driver.h"

MUST_USE Status aws_accounts_list(Operation *operation, const AccountQuery *query,
                                  FoundAccounts *ret_accounts, Error *reterr);
MUST_USE Status aws_account_restrain(Operation *operation, const Plan *plan, Error *reterr);
MUST_USE Status aws_account_inspect(Operation *operation, const Plan *plan,
                                    AccountInspection *ret_inspection, Error *reterr);
