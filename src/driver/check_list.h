// The report of a check while it is made, and the part of it that is no engine's own.
#pragma once

#include "driver/driver.h"

typedef struct CheckList {
    Arena *arena;
    CheckReport report;
} CheckList;

CheckList check_list_new(Arena *arena);
// `result`: CheckResult. `repair` may be NULL. A report that is full takes no more.
void check_list_add(CheckList *list, int result, const char *name, const char *repair,
                    const char *format, ...) PRINTF_LIKE(5, 6);
// Name resolution and route to the target. False: the rest makes no sense.
bool check_list_add_route(CheckList *list, const DriverLogin *login);
