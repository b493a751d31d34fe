// What revoking an account would do. Changes nothing.
#pragma once

#include "driver/oracle/account.h"

MUST_USE Status oracle_account_inspect(Operation *operation, const Plan *plan,
                                       AccountInspection *ret_inspection, Error *reterr);
