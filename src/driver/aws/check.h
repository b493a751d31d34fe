// Whether this connector can do its work in an account, right by right.
#pragma once

#include "driver/driver.h"

void aws_check(const DriverLogin *login, Arena *arena, const Plan *const *plans, size_t plan_count,
               CheckReport *ret_report);
