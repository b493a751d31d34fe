#include "api/route.h"

#include "http/router.h"

#include <string.h>

static const char *const PERMISSION_NAMES[] = {
    [PERMISSION_MISSING] = "missing",
    [PERMISSION_PUBLIC] = "anybody",
    [PERMISSION_METRICS] = "as the option metrics.access says",
    [PERMISSION_SIGNED_IN] = "everybody signed in",
    [PERMISSION_TAKE_PART] = "members and administrators",
    [PERMISSION_REVIEW] = "auditors and administrators",
    [PERMISSION_ADMINISTER] = "administrators",
    [PERMISSION_JOIN] = "a join token",
    [PERMISSION_CONNECTOR] = "connectors",
};
const EnumTable PERMISSIONS = {"permission", PERMISSION_NAMES, COUNT_OF(PERMISSION_NAMES)};

static Status bad(const Route *route, const char *what, Error *reterr) {
    return error_set(reterr, STATUS_INTERNAL, "bad_route_table", "route %s %s %s",
                     route->method != NULL ? route->method : "?",
                     route->path != NULL ? route->path : "?", what);
}

static Status route_check(const Route *route, Error *reterr) {
    if (route->method == NULL || route->path == NULL || route->path[0] != '/')
        return bad(route, "has no method or path", reterr);
    if (route->permission <= PERMISSION_MISSING || route->permission >= PERMISSION_COUNT_)
        return bad(route, "does not say who may call it", reterr);
    if (route->handler == NULL)
        return bad(route, "has no handler", reterr);
    if (route->operation == NULL || route->summary == NULL)
        return bad(route, "has no name or summary", reterr);
    if (route->success < 200 || route->success > 299)
        return bad(route, "has no status for success", reterr);
    if (route->list && route->reply == NULL)
        return bad(route, "lists nothing", reterr);
    return STATUS_OK;
}

Status route_table_check(const RouteTable *table, Error *reterr) {
    for (size_t i = 0; i < table->count; i++) {
        const Route *route = &table->routes[i];
        TRY(route_check(route, reterr));
        for (size_t j = 0; j < i; j++) {
            const Route *other = &table->routes[j];
            bool same_place =
                strcmp(route->method, other->method) == 0 && strcmp(route->path, other->path) == 0;
            if (same_place || strcmp(route->operation, other->operation) == 0)
                return bad(route, "is there twice", reterr);
        }
    }
    return STATUS_OK;
}

static const struct {
    const char *under; // the beginning of the route's path
    const char *name;
    const char *help;
} PARAMETERS[] = {
    {"/v1/tokens", "id", "Id of the token"},
    {"/v1/flows", "name", "Name of the flow"},
    {"/v1/grants", "id", "Id of the request and its grant"},
    {"/v1/principals", "name", "Name of the principal"},
    {"/v1/connectors", "name", "Name of the connector"},
    {"/v1/connectors", "id", "Id of the instance"},
    {"/v1/integrations", "name", "Name of the integration"},
    {"/v1/orphans", "id", "Id of the orphan"},
};

const char *route_parameter_help(const Route *route, const char *name) {
    for (size_t i = 0; i < COUNT_OF(PARAMETERS); i++) {
        if (text_starts_with(route->path, PARAMETERS[i].under) &&
            strcmp(PARAMETERS[i].name, name) == 0)
            return PARAMETERS[i].help;
    }
    return NULL;
}
