// Whether a target can be reached and used, and what would repair it.
#pragma once

#include "driver/driver.h"

void mssql_check(const DriverLogin *login, Arena *arena, const Plan *const *plans,
                 size_t plan_count, CheckReport *ret_report);
