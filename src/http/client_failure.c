#include "http/client_failure.h"

#include "base/clock.h"

#include <string.h>

static Status explain_resolution(const ClientFailure *failure, Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "cannot_resolve",
                     "cannot resolve %s; is the name right, and does name resolution work here?",
                     failure->host);
}

static Status explain_proxy(const ClientFailure *failure, Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "cannot_connect",
                     "cannot reach %s:%s through the proxy that https_proxy names", failure->host,
                     failure->port);
}

static Status explain_connection(const ClientFailure *failure, Error *reterr) {
    long failed_with = 0;
    curl_easy_getinfo(failure->curl, CURLINFO_OS_ERRNO, &failed_with);
    return error_set(reterr, STATUS_UNAVAILABLE, "cannot_connect", "cannot connect to %s:%s: %s",
                     failure->host, failure->port,
                     failed_with != 0 ? errno_reason((int)failed_with) : "no connection");
}

static Status explain_certificate(const ClientFailure *failure, Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "tls_not_trusted",
                     "TLS: certificate of %s:%s not trusted: %s", failure->host, failure->port,
                     failure->reason);
}

static Status explain_tls(const ClientFailure *failure, Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "tls_failed", "TLS: no agreement with %s:%s: %s",
                     failure->host, failure->port, failure->reason);
}

// Without a file of ours it is the system's that is missing: this machine trusts nobody.
static Status explain_ca_file(const ClientFailure *failure, Error *reterr) {
    if (!failure->has_ca_file)
        return error_set(reterr, STATUS_UNAVAILABLE, "tls_not_trusted",
                         "TLS: certificate of %s:%s not trusted: this machine has no list of "
                         "authorities that it trusts (the package ca-certificates has one)",
                         failure->host, failure->port);
    return error_set(reterr, STATUS_INVALID, "bad_ca_file",
                     "TLS: the file of trusted certificates cannot be used; expected one or more "
                     "certificates in PEM form");
}

// Whole seconds, or milliseconds where there is less than one.
static Status explain_silence(const ClientFailure *failure, const char *step, int timeout_ms,
                              Error *reterr) {
    bool whole = timeout_ms >= SECOND_MS;
    return error_set(reterr, STATUS_UNAVAILABLE, "timed_out", "%s %s:%s within %d %s", step,
                     failure->host, failure->port, whole ? timeout_ms / SECOND_MS : timeout_ms,
                     whole ? "s" : "ms");
}

static Status explain_timeout(const ClientFailure *failure, Error *reterr) {
    curl_off_t resolved = 0, connected = 0;
    curl_easy_getinfo(failure->curl, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
    curl_easy_getinfo(failure->curl, CURLINFO_PRETRANSFER_TIME_T, &connected);
    int connect_ms = failure->connect_timeout_ms < failure->timeout_ms ? failure->connect_timeout_ms
                                                                       : failure->timeout_ms;
    if (resolved == 0)
        return explain_resolution(failure, reterr);
    if (connected == 0)
        return explain_silence(failure, "no connection to", connect_ms, reterr);
    return explain_silence(failure, "no answer from", failure->timeout_ms, reterr);
}

static Status explain_stop(const ClientFailure *failure, Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "stopped", "stopped before %s:%s had answered",
                     failure->host, failure->port);
}

static Status explain_lost(const ClientFailure *failure, Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "connection_lost",
                     "the connection to %s:%s ended before the answer was complete", failure->host,
                     failure->port);
}

static Status explain_not_http(const ClientFailure *failure, Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "not_http",
                     "what answers on %s:%s does not speak HTTP as expected; is the address "
                     "right, and https or http?",
                     failure->host, failure->port);
}

static const struct {
    CURLcode code;
    Status (*explain)(const ClientFailure *failure, Error *reterr);
} EXPLANATIONS[] = {
    {CURLE_COULDNT_RESOLVE_HOST, explain_resolution},
    {CURLE_COULDNT_RESOLVE_PROXY, explain_proxy},
    {CURLE_PROXY, explain_proxy},
    {CURLE_COULDNT_CONNECT, explain_connection},
    {CURLE_PEER_FAILED_VERIFICATION, explain_certificate},
    {CURLE_SSL_ISSUER_ERROR, explain_certificate},
    {CURLE_SSL_CONNECT_ERROR, explain_tls},
    {CURLE_SSL_CIPHER, explain_tls},
    {CURLE_SSL_CACERT_BADFILE, explain_ca_file},
    {CURLE_OPERATION_TIMEDOUT, explain_timeout},
    {CURLE_ABORTED_BY_CALLBACK, explain_stop},
    {CURLE_GOT_NOTHING, explain_lost},
    {CURLE_SEND_ERROR, explain_lost},
    {CURLE_RECV_ERROR, explain_lost},
    {CURLE_PARTIAL_FILE, explain_lost},
    {CURLE_UNSUPPORTED_PROTOCOL, explain_not_http},
    {CURLE_WEIRD_SERVER_REPLY, explain_not_http},
};

Status client_failure_explain(const ClientFailure *failure, Error *reterr) {
    for (size_t i = 0; i < COUNT_OF(EXPLANATIONS); i++)
        if (EXPLANATIONS[i].code == failure->code)
            return EXPLANATIONS[i].explain(failure, reterr);
    return error_set(reterr, STATUS_UNAVAILABLE, "call_failed", "the call to %s:%s failed: %s",
                     failure->host, failure->port, curl_easy_strerror(failure->code));
}
