#include "driver/odbc/failure.h"

#include <string.h>

#include "driver/sqlstate.h"

static const OdbcErrorRow *row_of(const OdbcErrors *errors, int native) {
    for (size_t i = 0; native != 0 && i < errors->count; i++)
        if (errors->rows[i].native == native)
            return &errors->rows[i];
    return NULL;
}

static bool is_warning(const OdbcDiagnostic *diagnostic) {
    return strncmp(diagnostic->sqlstate, "01", 2) == 0 ||
           strncmp(diagnostic->sqlstate, "00", 2) == 0;
}

OdbcCause odbc_cause(const OdbcErrors *errors, const OdbcAnswer *answer) {
    for (size_t i = 0; i < answer->diagnostic_count; i++) {
        const OdbcDiagnostic *diagnostic = &answer->diagnostics[i];
        const OdbcErrorRow *row = row_of(errors, diagnostic->native);
        if (row != NULL)
            return (OdbcCause){.diagnostic = diagnostic, .row = row, .failure = row->failure};
    }
    for (size_t i = 0; i < answer->diagnostic_count; i++)
        if (!is_warning(&answer->diagnostics[i]))
            return (OdbcCause){.diagnostic = &answer->diagnostics[i],
                               .failure = sqlstate_class(answer->diagnostics[i].sqlstate)};
    return (OdbcCause){.failure = FAILURE_FATAL};
}

static Status fail(FailureClass failure, FailureClass *ret_failure) {
    *ret_failure = failure;
    return failure_status(failure);
}

static void add_codes(const OdbcCause *cause, Error *reterr) {
    if (cause->diagnostic != NULL && reterr != NULL)
        error_set_detail(reterr, "SQLSTATE %s, error %d", cause->diagnostic->sqlstate,
                         cause->diagnostic->native);
}

static Status explain_refusal(const OdbcErrors *errors, const OdbcAnswer *answer, const char *doing,
                              FailureClass *ret_failure, Error *reterr) {
    OdbcCause cause = odbc_cause(errors, answer);
    const char *reason = cause.row != NULL ? cause.row->reason : NULL;
    if (reason == NULL)
        reason = failure_reason(cause.failure);
    Status status = fail(cause.failure, ret_failure);
    error_set(reterr, status, cause.failure == FAILURE_DENIED ? "target_denied" : "target_failed",
              "%s did not accept %s: %s", errors->engine, doing, reason);
    add_codes(&cause, reterr);
    return status;
}

Status odbc_explain(const OdbcErrors *errors, const OdbcAnswer *answer, const char *doing,
                    FailureClass *ret_failure, Error *reterr) {
    Status status;
    OdbcCause cause = odbc_cause(errors, answer);
    switch (answer->kind) {
    case ODBC_LOST:
        status = error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_connection_lost",
                           "the connection to %s was lost while %s", errors->engine, doing);
        break;
    case ODBC_TOO_LATE:
        status = error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_too_slow",
                           "%s took too long for %s and was told to stop; it is tried again",
                           errors->engine, doing);
        break;
    case ODBC_TOO_MUCH:
        status = error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_failed",
                           "%s answered with more than %d rows, or a longer value than %d bytes, "
                           "to %s",
                           errors->engine, ODBC_ROWS_MAX, ODBC_VALUE_MAX_BYTES, doing);
        break;
    case ODBC_REFUSED:
    case ODBC_DONE:
    default:
        return explain_refusal(errors, answer, doing, ret_failure, reterr);
    }
    add_codes(&cause, reterr);
    return status;
}

static bool says(const OdbcAnswer *answer, const char *word) {
    for (size_t i = 0; i < answer->diagnostic_count; i++)
        if (strcasestr(answer->diagnostics[i].text, word) != NULL)
            return true;
    return false;
}

static bool has_class(const OdbcAnswer *answer, const char *prefix) {
    for (size_t i = 0; i < answer->diagnostic_count; i++)
        if (strncmp(answer->diagnostics[i].sqlstate, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

bool odbc_explain_unreached(const OdbcErrors *errors, const OdbcAnswer *answer,
                            const OdbcPlace *place, FailureClass *ret_failure, Error *reterr) {
    OdbcCause cause = odbc_cause(errors, answer);
    if (cause.row != NULL)
        return false;
    if (has_class(answer, "IM") || says(answer, "can't open lib"))
        error_set(reterr, fail(FAILURE_FATAL, ret_failure), "odbc_driver_broken",
                  "the ODBC driver \"%s\" cannot be loaded; is its library where odbcinst.ini "
                  "says, and is it whole (ldd)?",
                  place->driver);
    else if (says(answer, "certificate") || says(answer, "ssl") || says(answer, "tls") ||
             says(answer, "encrypt"))
        error_set(reterr, fail(FAILURE_FATAL, ret_failure), "tls_failed",
                  "no TLS connection to %s in mode %s: %s", place->host, place->tls_mode,
                  says(answer, "certificate")
                      ? "the server's certificate is not accepted; check ca_file and that the "
                        "certificate names this host"
                      : "the server does not offer TLS, or no common version of it");
    else if (answer->kind == ODBC_TOO_LATE)
        error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_unreachable",
                  "%s at %s did not answer within %d ms", errors->engine, place->host,
                  place->connect_timeout_ms);
    else if (answer->kind == ODBC_LOST)
        error_set(
            reterr, fail(FAILURE_RETRY, ret_failure), "target_unreachable",
            "no connection to %s at %s; check address, port and route, and that it is %s that "
            "listens there",
            errors->engine, place->host, errors->engine);
    else
        return false;
    add_codes(&cause, reterr);
    return true;
}
