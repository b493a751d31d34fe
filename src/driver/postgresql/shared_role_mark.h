// The comment on a shared role that says what the role is for.
#pragma once

#include "base/shape.h"

#include <stdbool.h>
#include <stdint.h>

// 'daypass-role {…}' on a shared role.
typedef struct SharedRoleMark {
    int64_t v;
    const char *deployment;
    const char *database;
    const char *privileges; // hash of the whole set, 64 hex digits
    int64_t made;           // by the target's clock
} SharedRoleMark;
extern const Shape PG_SHARED_ROLE_MARK_SHAPE;

const char *pg_shared_role_mark_format(Arena *arena, const SharedRoleMark *mark);
bool pg_shared_role_mark_parse(Arena *arena, const char *comment, SharedRoleMark *ret_mark);
