// Giving an account, extending it, and giving it a new password.
#pragma once

#include "driver/sqlserver/operation.h"

MUST_USE Status mssql_plan_check(Operation *operation, const Plan *plan, Error *reterr);
MUST_USE Status mssql_account_grant(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status mssql_account_extend(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status mssql_account_reset(Operation *operation, const GrantOrder *order, Error *reterr);
