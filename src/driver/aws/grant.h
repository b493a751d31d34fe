// Giving access, and moving its end: the policy of a grant, put whole and read back.
#pragma once

#include "driver/aws/operation.h"
#include "driver/aws/policy_name.h"
#include "driver/driver.h"

MUST_USE Status aws_grant(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status aws_extend(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status aws_reset(Operation *operation, const GrantOrder *order, Error *reterr);

// FAILURE_FATAL "bad_plan": it names no account of this kind, or is for another AWS account. What a
// sweep knows is plan enough.
MUST_USE Status aws_plan_check(Operation *operation, const Plan *plan, AwsAccountName *ret_name,
                               Error *reterr);
// FAILURE_CONFLICT "account_taken".
MUST_USE Status aws_refuse_strangers(Operation *operation, const Plan *plan, Error *reterr);
