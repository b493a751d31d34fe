// Takes an account away.
#pragma once

#include "driver/oracle/account.h"

MUST_USE Status oracle_account_revoke(Operation *operation, const Plan *plan, Error *reterr);
// The same without reading afterwards: also before an account is made again.
MUST_USE Status oracle_account_remove(Operation *operation, const Plan *plan, Error *reterr);
