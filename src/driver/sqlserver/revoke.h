// Taking an account back: disable its login, end its sessions and see them ended, clear it out of
// each database, remove it. Each step stands by itself and may find itself done.
#pragma once

#include "driver/sqlserver/account.h"

MUST_USE Status mssql_account_remove(Operation *operation, const Plan *plan, Error *reterr);
// The same for an action of its own, with the evidence read back.
MUST_USE Status mssql_account_revoke(Operation *operation, const Plan *plan, Error *reterr);
