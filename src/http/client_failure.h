// Words for a call that got no answer: which step failed, with which host, and what to look at.
#pragma once

#include "base/error.h"

#include <curl/curl.h>
#include <stdbool.h>

typedef struct ClientFailure {
    CURL *curl; // after the failed transfer
    CURLcode code;
    const char *reason; // libcurl's text; shown for TLS only, where it never quotes the request
    bool has_ca_file;   // authorities of the caller's choice, not the system's
    const char *host;   // of the base URL
    const char *port;
    int connect_timeout_ms;
    int timeout_ms;
} ClientFailure;

MUST_USE Status client_failure_explain(const ClientFailure *failure, Error *reterr);
