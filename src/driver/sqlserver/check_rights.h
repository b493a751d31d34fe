// Whether the admin account may do what its plans ask for, and the exact statements that repair it.
#pragma once

#include "driver/check_list.h"
#include "driver/sqlserver/operation.h"

void mssql_check_rights(CheckList *list, Operation *operation, const Plan *const *plans,
                        size_t plan_count);
