// The one table of the HTTP API: what is offered, to whom, and in which words. Router,
// authorisation, OpenAPI document and API reference are made from it.
#pragma once

#include "base/error.h"
#include "base/shape.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

// Who may call a route. What they see there is the handler's, by the caller.
typedef enum Permission {
    PERMISSION_MISSING,    // a route that does not say: the table is refused
    PERMISSION_PUBLIC,     // anybody
    PERMISSION_METRICS,    // as the option metrics.access says
    PERMISSION_SIGNED_IN,  // every principal
    PERMISSION_TAKE_PART,  // members and administrators: auditors change nothing
    PERMISSION_REVIEW,     // auditors and administrators
    PERMISSION_ADMINISTER, // administrators
    PERMISSION_JOIN,       // whoever has a join token
    PERMISSION_CONNECTOR,  // a connector's instance, by its signature
    PERMISSION_COUNT_,
} Permission;
extern const EnumTable PERMISSIONS; // "public", "metrics", "signed in", …

typedef struct Call Call;
// Answers through call.h, or fails and the answer is a problem document.
typedef Status RouteHandler(Call *call, Error *reterr);

typedef struct Route {
    const char *method;
    const char *path; // "/v1/grants/{id}"
    Permission permission;
    TokenScope scope;         // a token needs it, where a principal is asked for
    bool any_scope;           // whatever the token's scopes
    bool session_only;        // not with a personal token
    bool idempotent_by_key;   // takes the Idempotency-Key header
    bool is_probe;            // for what watches the service: counted apart from other calls
    const char *operation;    // "grants.approve": unique, also the label in metrics
    const char *summary;      // one line without a full stop
    const Shape *query;       // NULL: no query parameters
    const Shape *body;        // NULL: no body
    int success;              // HTTP status
    const Shape *reply;       // NULL: no JSON body
    bool list;                // the reply is a page of `reply`
    const char *content_type; // NULL: application/json
    RouteHandler *handler;
} Route;

typedef struct RouteTable {
    const Route *routes;
    size_t count;
} RouteTable;

extern const RouteTable ROUTES;

// Refuses (STATUS_INTERNAL, "bad_route_table") a table in which a route lacks its permission,
// handler or words, or occurs twice.
MUST_USE Status route_table_check(const RouteTable *table, Error *reterr);

// What a path parameter means ("id" of "/v1/grants/{id}"), for documents.
const char *route_parameter_help(const Route *route, const char *name);
