// Matches method and path against templates such as "/v1/grants/{id}/approve". Pure.
#pragma once

#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>

enum { ROUTER_MAX_PARAMETERS = 4 };

typedef struct RouteMatch {
    size_t index;    // of the route in the table
    bool path_known; // some method is offered on this path: 405 rather than 404
    const char *names[ROUTER_MAX_PARAMETERS];
    const char *values[ROUTER_MAX_PARAMETERS]; // arena
    size_t parameter_count;
} RouteMatch;

typedef struct RouteTemplate {
    const char *method;
    const char *path;
} RouteTemplate;

// Templates are given by a function so that any table can be searched. True: matched. Where several
// templates fit, a literal segment goes before a parameter; HEAD is offered wherever GET is.
// ret_match is written either way. A parameter is never empty.
bool route_match(Arena *arena, size_t route_count,
                 RouteTemplate (*route_at)(const void *table, size_t index), const void *table,
                 const char *method, const char *path, RouteMatch *ret_match);
const char *route_parameter(const RouteMatch *match, const char *name);

// The value of the Allow header for a 405 (RFC 9110, 10.2.1): "GET, HEAD, POST".
const char *route_allowed(Arena *arena, size_t route_count,
                          RouteTemplate (*route_at)(const void *table, size_t index),
                          const void *table, const char *path);
