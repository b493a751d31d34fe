// The HTTP API of daypassd: every request goes through the route table, which knows who may do
// what. Logs each request once.
#pragma once

#include "api/authenticator.h"
#include "api/route.h"
#include "base/clock.h"
#include "base/signing_key.h"
#include "http/server.h"
#include "store/store.h"

typedef struct Api Api;

typedef enum MetricsAccess { METRICS_LOOPBACK, METRICS_TOKEN, METRICS_OPEN } MetricsAccess;
extern const EnumTable METRICS_ACCESSES; // "loopback", "token", "open"

// How much one caller may ask of us; calls are a minute's.
typedef struct CallLimits {
    int64_t calls_per_principal;
    int64_t changes_per_principal; // of these, calls that change something
    int64_t calls_per_token;
    int64_t calls_per_instance; // of a connector
    int64_t calls_per_address;  // of strangers; a /64 of IPv6 is one
    int64_t waiting_per_caller; // calls that wait at the same time, of a principal or an instance
} CallLimits;

// Everything is borrowed while the Api lives.
typedef struct ApiOptions {
    Store *store;
    const Clock *clock;
    const SigningKey *action_key;
    const SigningKey *audit_key;
    int64_t lease_s;
    int64_t max_body_bytes;                               // for documents
    int64_t sign_ins_per_principal, sign_ins_per_address; // tries a minute
    CallLimits limits;
    MetricsAccess metrics_access;
    Authenticator *authenticator;
    const RouteTable *routes; // NULL: ROUTES
    // Called once the first administrator has a password; may be NULL.
    void (*bootstrapped)(void *context);
    void *context;
} ApiOptions;

// Refuses a bad route table.
MUST_USE Status api_new(const ApiOptions *options, Api **ret_api, Error *reterr);
Api *api_free(Api *api);
DEFINE_CLEANUP(Api, api_free)

// Until a server is attached every request is answered "starting". NULL detaches; when it returns
// nobody uses the one before any more.
void api_attach(Api *api, HttpServer *server);

// For the metrics: when the listener's certificate ends, and that this host's clock was set.
void api_note_certificate(Api *api, int64_t ends_at);
void api_note_clock_step(Api *api);

// For HttpServerOptions, with the Api as context.
void api_handle(void *context, HttpRequest *request, HttpAnswer *answer);
void api_refuse(void *context, HttpRequest *request, const Error *error, HttpAnswer *answer);

// For StoreWatch: wake who waits for it. The context is the Api.
void api_grant_changed(void *context, const char *grant_id);
void api_work_queued(void *context, const char *connector);

// OpenAPI 3.1 of a table, and the API reference in Markdown.
json_t *openapi_document(Arena *arena, const RouteTable *table);
const char *api_reference(Arena *arena, const RouteTable *table);
