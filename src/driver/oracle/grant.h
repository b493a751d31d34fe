// Gives an account, changes its end and its password.
#pragma once

#include "driver/oracle/account.h"

MUST_USE Status oracle_account_grant(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status oracle_account_extend(Operation *operation, const GrantOrder *order, Error *reterr);
MUST_USE Status oracle_account_reset(Operation *operation, const GrantOrder *order, Error *reterr);
