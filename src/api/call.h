// One request on its way through the API: who calls, what was sent, and how to answer. For the
// files of src/api alone.
#pragma once

#include "api/admission.h"
#include "api/api.h"
#include "api/metrics.h"
#include "api/nonce_cache.h"
#include "api/rate_limiter.h"
#include "api/route.h"
#include "http/router.h"

#include <pthread.h>
#include <stdatomic.h>

struct Api {
    ApiOptions options;
    RouteTable routes;
    pthread_rwlock_t server_lock; // read: whoever uses the server; written: when it is another
    HttpServer *server;           // NULL: starting or stopping
    RateLimiter *principal_limiter;
    RateLimiter *address_limiter;
    RateLimiter *foreign_limiter;    // notes of a connector that speaks of another's work
    RateLimiter *everywhere_limiter; // of one principal, from all addresses
    Admission *admission;
    NonceCache *nonces;
    Metrics *metrics;
    int64_t started_at;
    atomic_llong proved_at; // monotonic: when the store last proved that it works
    const char *openapi;    // text of the document
    Arena *arena;           // of what lives as long as the Api
};

typedef enum CallerKind { CALLER_NOBODY, CALLER_PRINCIPAL, CALLER_CONNECTOR } CallerKind;

typedef struct Caller {
    CallerKind kind;
    Principal principal;        // of CALLER_PRINCIPAL
    Token token;                // of CALLER_PRINCIPAL, or the join token
    ConnectorInstance instance; // of CALLER_CONNECTOR
    Actor actor;                // for the audit trail; of CALLER_NOBODY anonymous
} Caller;

// What a request keeps when it waits and its call runs again.
typedef struct Waiting Waiting;
typedef struct CallState {
    bool admitted; // counted as a call; see admission.h
    bool had_turn; // waited for one
    Waiting *waiting;
    bool try_counted;                  // as one to sign in
    const ConnectorInstance *instance; // whose signature was checked
    bool was_noted;                    // of a poll: that the instance was seen
} CallState;

struct Call {
    Api *api;
    HttpRequest *request;
    HttpAnswer *answer;
    Arena *arena; // the request's
    const Route *route;
    RouteMatch match;
    Caller caller;
    const void *query;                  // struct of route->query
    const void *body;                   // struct of route->body
    const Configuration *configuration; // see call_configuration
    const char *grant_id;               // for the log
    const char *code;                   // of the error, for the log
    const char *detail;
};

// The server, for a moment: it is not stopped before it is released. NULL (and nothing to release)
// while there is none.
HttpServer *api_hold_server(Api *api);
void api_release_server(Api *api);
bool api_is_serving(Api *api);
void api_wake(Api *api, const char *key);

CallState *call_state(Call *call);
int64_t call_now_ms(const Call *call);
const char *call_parameter(const Call *call, const char *name); // of the path; never NULL
// What is configured now; read once per call.
MUST_USE Status call_configuration(Call *call, const Configuration **ret_configuration,
                                   Error *reterr);
bool call_has_scope(const Call *call, TokenScope scope);
// The caller is one who reads everything: an administrator or an auditor.
bool call_reviews(const Call *call);
bool call_administers(const Call *call);

// Reads what came with the request into call->query and call->body by the route's shapes.
// "unknown_parameter", "bad_parameter", "unexpected_body" and the codes of shapes.
MUST_USE Status call_read_query(Call *call, Error *reterr);
MUST_USE Status call_read_body(Call *call, Error *reterr);

// ---- Answers ----------------------------------------------------------------------------------

// The route's reply shape (or, without one, an empty body) with its success status.
Status call_reply(Call *call, const void *reply);
Status call_reply_nothing(Call *call);
// A page: items is a JSON array of what the route's reply shape describes. next may be NULL.
Status call_reply_list(Call *call, json_t *items, const char *next);
Status call_reply_text(Call *call, const char *content_type, const char *text);
Status call_reply_json(Call *call, const json_t *value);
void call_add_header(Call *call, const char *name, const char *value);
void call_reply_error(Call *call, const Error *error);

// A page of things that have names, in the order of their names: from behind `cursor`, at most
// `limit`. `view` gives one of them as JSON.
typedef Status NamedView(Call *call, const char *name, json_t **ret_value, Error *reterr);
MUST_USE Status call_reply_named(Call *call, const StringList *names, const char *cursor,
                                 int64_t limit, NamedView *view, Error *reterr);

// Waiting: the sequence is read before looking; then the call is parked and runs again from the
// start. False when there is no time left, or nobody to wake it.
uint64_t call_sequence(const Call *call);
bool call_park(Call *call, const char *key, int64_t wait_ms, uint64_t sequence);

// ---- Notes for the audit trail ------------------------------------------------------------------

// Failing to note is logged: the request that is refused anyway is refused.
void call_note(Call *call, const AuditNote *note);
