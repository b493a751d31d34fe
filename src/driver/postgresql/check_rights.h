// What the admin account may do, and the SQL that gives it what it lacks.
#pragma once

#include "driver/postgresql/operation.h"

typedef struct CheckList {
    Arena *arena;
    CheckReport report;
} CheckList;

// `repair` may be NULL.
void pg_check_add(CheckList *list, int result, const char *name, const char *repair,
                  const char *format, ...) PRINTF_LIKE(5, 6);

void pg_check_rights(CheckList *list, Operation *operation, const Plan *const *plans,
                     size_t plan_count);
