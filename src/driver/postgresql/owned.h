// What a role owns in the session's database, as evidence and obstacles name it.
#pragma once

#include "driver/postgresql/operation.h"
#include "driver/postgresql/role.h"

typedef struct Owned {
    int64_t count;              // of all
    StringList objects;         // "table shop.orders"; of thousands the first few hundred
    StringList definer_objects; // functions that run with their owner's rights
} Owned;

MUST_USE Status pg_owned_read(Operation *operation, const Role *role, Owned *ret_owned,
                              Error *reterr);
// "table shop.orders, view shop.names, and 12 more"
const char *pg_owned_few(Arena *arena, const Owned *owned);
MUST_USE Status pg_owned_schemas(Operation *operation, const Role *role, StringList *ret_schemas,
                                 Error *reterr);
// At most `limit` tables, views and the like, each of which can be given another owner by itself.
MUST_USE Status pg_owned_tables(Operation *operation, const Role *role, int limit, Rows **ret_rows,
                                Error *reterr); // schema, name
