// Pieces of the OpenAPI document that the API reference is made from too.
#pragma once

#include "api/route.h"

typedef struct ShapeList {
    const Shape **items;
    size_t count;
} ShapeList;

// Every shape that bodies and answers of the table are made of, in the order of their names.
ShapeList openapi_shapes(Arena *arena, const RouteTable *table);
// What is inside a field that carries JSON on; NULL: anything.
const Shape *openapi_carried(const Shape *shape, const char *field, bool *ret_list);
// "For members and administrators, with a token of scope request"
const char *openapi_permission(Arena *arena, const Route *route);
