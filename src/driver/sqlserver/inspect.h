// What revoking would do.
#pragma once

#include "driver/sqlserver/operation.h"

MUST_USE Status mssql_account_inspect(Operation *operation, const Plan *plan,
                                      AccountInspection *ret_inspection, Error *reterr);
