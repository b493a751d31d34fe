// Puts what an answer says into our own words and classes. Engines add the numbers of their own
// errors; the texts of drivers and servers go nowhere, since they may repeat what was sent.
#pragma once

#include "domain/outcome.h"
#include "driver/odbc/answer.h"

typedef struct OdbcErrorRow {
    int native;
    FailureClass failure;
    const char *reason; // for the end of a message; NULL: the class says as much
} OdbcErrorRow;

typedef struct OdbcErrors {
    const char *engine; // "SQL Server"
    const OdbcErrorRow *rows;
    size_t count;
} OdbcErrors;

// The record that tells most, and its row: the first whose number the engine knows, else the first
// that is no warning. Each may be NULL.
typedef struct OdbcCause {
    const OdbcDiagnostic *diagnostic;
    const OdbcErrorRow *row;
    FailureClass failure;
} OdbcCause;
OdbcCause odbc_cause(const OdbcErrors *errors, const OdbcAnswer *answer);

// Of a statement's answer that is not ODBC_DONE: "target_connection_lost", "target_denied",
// "target_failed", "target_too_slow". `doing`: "creating the account".
Status odbc_explain(const OdbcErrors *errors, const OdbcAnswer *answer, const char *doing,
                    FailureClass *ret_failure, Error *reterr);

// Of a connection's answer, where it failed before the server could judge the login:
// "odbc_driver_broken", "tls_failed", "target_unreachable". False: the engine has to say why.
typedef struct OdbcPlace {
    const char *driver; // as odbcinst.ini calls it
    const char *host;
    const char *tls_mode; // as the integration calls it
    int connect_timeout_ms;
} OdbcPlace;
bool odbc_explain_unreached(const OdbcErrors *errors, const OdbcAnswer *answer,
                            const OdbcPlace *place, FailureClass *ret_failure, Error *reterr);
