// Tests everything between the connector and a grant, in the order in which it would fail.
#pragma once

#include "driver/driver.h"

void oracle_check(const DriverLogin *login, Arena *arena, const Plan *const *plans,
                  size_t plan_count, CheckReport *ret_report);
