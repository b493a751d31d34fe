// Giving an account, and changing one that is there: its end, its password.
#pragma once

#include "driver/mysql/account.h"

MUST_USE Status my_account_grant(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status my_account_extend(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status my_account_reset(Operation *operation, const GrantOrder *order, Error *reterr);

// Names that can be names. Every operation on an account.
MUST_USE Status my_plan_check(Operation *operation, const Plan *plan, Error *reterr);
