// Taking an account back.
#pragma once

#include "driver/redis/operation.h"

MUST_USE Status redis_account_revoke(Operation *operation, const Plan *plan, Error *reterr);
// The same without looking whether it came true.
MUST_USE Status redis_account_remove(Operation *operation, const Plan *plan, Error *reterr);
