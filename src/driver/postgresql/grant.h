// Giving an account, and changing one that is there: its end, its password.
#pragma once

#include "driver/postgresql/operation.h"

MUST_USE Status pg_account_grant(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status pg_account_extend(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status pg_account_reset(Operation *operation, const GrantOrder *order, Error *reterr);

// Names that can be names, of this plan for this database. Every operation on an account.
MUST_USE Status pg_plan_check(Operation *operation, const Plan *plan, Error *reterr);
