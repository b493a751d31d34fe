// What the removal of an account would do, read without changing anything.
#pragma once

#include "driver/mysql/operation.h"

MUST_USE Status my_account_inspect(Operation *operation, const Plan *plan,
                                   AccountInspection *ret_inspection, Error *reterr);
