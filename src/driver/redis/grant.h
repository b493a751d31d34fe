// Giving an account, and changing one that is given.
#pragma once

#include "driver/redis/operation.h"

// "bad_plan"
MUST_USE Status redis_plan_check(Operation *operation, const Plan *plan, Error *reterr);

MUST_USE Status redis_account_grant(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status redis_account_extend(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status redis_account_reset(Operation *operation, const GrantOrder *order, Error *reterr);
