// Tests everything between the connector and a grant, in the order in which it would fail.
#pragma once

#include "driver/driver.h"

void my_check_mysql(const DriverLogin *login, Arena *arena, const Plan *const *plans,
                    size_t plan_count, CheckReport *ret_report);
void my_check_mariadb(const DriverLogin *login, Arena *arena, const Plan *const *plans,
                      size_t plan_count, CheckReport *ret_report);
