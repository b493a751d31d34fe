// One HTTP client for the command line and the connector, on libcurl. A client is used by one
// thread at a time and keeps its connection between calls.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/secret.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HttpClient HttpClient;

typedef struct HttpClientOptions {
    const char *base_url; // "https://daypass.internal:8443"; http only to a loopback address
    const char *ca_file;  // NULL: the system's
    const char *user_agent;
    int connect_timeout_ms;
    size_t max_body_bytes; // of an answer
    // http is accepted to whatever host it is, which the caller has judged, and no proxy is asked:
    // for services of the machine that one runs on.
    bool plain;
} HttpClientOptions;

// libcurl's CURLOPT_AWS_SIGV4: method, target, body and headers given are signed, as of this
// moment. The header X-Amz-Date is libcurl's to give: 7.88 would send one of ours beside its own.
typedef struct HttpSignature {
    const char *scope; // "aws:amz:REGION:SERVICE"
    const char *key_id;
    const Secret *key;
} HttpSignature;

typedef struct HttpCall {
    const char *method;
    const char *target; // path and query: "/v1/grants?state=active"; see percent_encode
    const char *body;   // NULL: none
    size_t body_length;
    const Secret *bearer;    // NULL: no Authorization
    const char *headers[12]; // "Name: value", NULL-terminated
    const char *secret_name; // of a header whose value is secret_value; NULL: none
    const Secret *secret_value;
    const HttpSignature *signature; // NULL: not signed
    const char *wanted;             // name of a header of the answer; NULL: none
    int timeout_ms;                 // 0: 30 s
    const atomic_bool *stop; // may be NULL; when it becomes true the call ends (STATUS_UNAVAILABLE)
} HttpCall;

typedef struct HttpReply {
    int status;
    const char *body; // arena, NUL-terminated
    size_t length;
    const char *retry_after; // NULL or the header's text
    int64_t date_ms;         // of the Date header; 0 when absent
    const char *wanted;      // the wanted header's text; NULL when absent or very long
    int64_t round_trip_ms;
} HttpReply;

// Whether http_client_new would take the URL; the URL itself is not in the messages.
MUST_USE Status http_client_check_url(const char *base_url, Error *reterr);
// Refuses (STATUS_INVALID) a URL that is not https, other than to 127.0.0.0/8, [::1] or localhost.
MUST_USE Status http_client_new(const HttpClientOptions *options, HttpClient **ret_client,
                                Error *reterr);
HttpClient *http_client_free(HttpClient *client);
DEFINE_CLEANUP(HttpClient, http_client_free)

// STATUS_OK for any HTTP answer, whatever its status. STATUS_UNAVAILABLE when there was none; the
// message names the step (name resolution, connection, TLS, time) and host, never the request.
MUST_USE Status http_client_call(HttpClient *client, Arena *arena, const HttpCall *call,
                                 HttpReply *ret_reply, Error *reterr);
