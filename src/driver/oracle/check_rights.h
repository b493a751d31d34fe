// What the admin account may do, and the SQL that gives it what it lacks.
#pragma once

#include "driver/check_list.h"
#include "driver/oracle/operation.h"

void oracle_check_rights(CheckList *list, Operation *operation, const Plan *const *plans,
                         size_t plan_count);
