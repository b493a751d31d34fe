// The HTTP side of a daemon: a listener on libmicrohttpd with TLS, ceilings, and requests that can
// wait. Knows HTTP and nothing of what Daypass is.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HttpServer HttpServer;
typedef struct HttpRequest HttpRequest;

// What the handler fills. Everything in it is borrowed until the answer is sent: use the request's
// arena.
typedef struct HttpAnswer {
    int status;               // 200
    const char *content_type; // "application/json"
    const char *body;         // NULL: none
    size_t length;
    struct {
        const char *name, *value;
    } headers[8];
    size_t header_count;
    // When set the request waits instead of being answered: the handler is called again after
    // http_server_wake(park_key), or when park_until_ms (monotonic) has passed; now and then also
    // without a reason. That a client has gone shows only then: keep park_until_ms within a minute.
    const char *park_key;
    int64_t park_until_ms;
    uint64_t park_sequence; // http_server_sequence() read before the handler looked for work
} HttpAnswer;

// Called for each complete request, on any of the server's threads, several at once.
typedef void HttpHandler(void *context, HttpRequest *request, HttpAnswer *answer);

typedef struct HttpServerOptions {
    const char *host; // address to bind: "127.0.0.1", "::1", "0.0.0.0"
    int port;         // 0: any free one
    // NULL, or one that listens on the same host already: this one listens on its port as well, and
    // is to outlive it. Until that one is stopped, a client may get to either.
    const HttpServer *beside;
    const char *tls_certificate_pem; // both or none; contents, not paths; copied
    const char *tls_key_pem;
    size_t max_body_bytes;
    size_t max_header_bytes; // of one connection's request line and headers
    int threads;
    int max_connections;
    int max_connections_per_address; // of IPv6: per /64
    // A client slower than this between bytes is cut off; so is one that takes ten times as long
    // for a whole head, body or answer.
    int idle_timeout_s;
    const Clock *clock;
    HttpHandler *handler;
    void *context;
    // Called when a request is refused before a handler sees it (too large, malformed): fills the
    // answer's body for this error. The server sends it with status_http(error->status). What of
    // the request could not be read is "". NULL: a problem document.
    void (*refuse)(void *context, HttpRequest *request, const Error *error, HttpAnswer *answer);
} HttpServerOptions;

MUST_USE Status http_server_start(const HttpServerOptions *options, HttpServer **ret_server,
                                  Error *reterr);
int http_server_port(const HttpServer *server);
// Wakes every parked request, answers them and newcomers with 503, gives answers under way a few
// seconds to get out, ends, frees. Not from a handler.
HttpServer *http_server_stop(HttpServer *server);

// Grows with every wake of any key. Thread-safe.
uint64_t http_server_sequence(const HttpServer *server);
// Calls the handlers of all requests parked on key again. Thread-safe. A request that parks with a
// sequence older than the last wake of its key is called again at once: no wake-up is lost.
void http_server_wake(HttpServer *server, const char *key);
size_t http_server_parked(const HttpServer *server);

// The request. All text is borrowed from it and valid UTF-8 without NUL; a request that is not is
// refused before the handler. The body is bytes: it is what reads it that checks them. Names of
// headers match in any case; of a header given more than once, the values are joined with ", "
// (those that mean one thing, such as Authorization, are refused then).
Arena *http_request_arena(HttpRequest *request);
const char *http_request_id(const HttpRequest *request); // random, for logs and answers
const char *http_request_method(const HttpRequest *request);
const char *http_request_path(const HttpRequest *request);              // percent-decoded, no query
const char *http_request_target(const HttpRequest *request);            // as sent: path and query
const char *http_request_query(HttpRequest *request, const char *name); // decoded; NULL: absent
size_t http_request_query_count(HttpRequest *request);
const char *http_request_query_name(HttpRequest *request, size_t index);
const char *http_request_header(HttpRequest *request, const char *name); // NULL: absent
const char *http_request_body(const HttpRequest *request, size_t *ret_length);
const char *http_request_peer(const HttpRequest *request); // "127.0.0.1"
// What counts as one address where something is limited by it: of IPv6 a whole /64.
const char *http_request_peer_group(const HttpRequest *request);
bool http_request_is_tls(const HttpRequest *request);
int64_t http_request_started_ms(const HttpRequest *request); // monotonic
bool http_request_was_parked(const HttpRequest *request);

// The client has closed its side while it waited: whatever is answered now is lost. Look before
// giving it something that nobody else gets then.
bool http_request_peer_is_gone(const HttpRequest *request);

// A slot for the handler between calls of one parked request; lives in the request's arena.
void *http_request_state(const HttpRequest *request);
void http_request_set_state(HttpRequest *request, void *state);
