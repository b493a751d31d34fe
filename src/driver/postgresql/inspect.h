// What the removal of an account would do, read without changing anything.
#pragma once

#include "driver/postgresql/operation.h"

MUST_USE Status pg_account_inspect(Operation *operation, const Plan *plan,
                                   AccountInspection *ret_inspection, Error *reterr);
