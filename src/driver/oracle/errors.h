// Oracle's own numbers of errors (ORA-01940 is 1940), the class of each, and what it means in our
// words. https://docs.oracle.com/en/error-help/db/
#pragma once

#include "driver/odbc/failure.h"

enum {
    ORA_SESSION_ABSENT = 30,
    ORA_SESSION_MARKED = 31,
    ORA_NO_TABLE = 942,
    ORA_NAME_USED = 955,
    ORA_NO_USER = 1918,
    ORA_USER_EXISTS = 1920,
    ORA_OWNS_OBJECTS = 1922,
    ORA_CONNECTED = 1940,
    ORA_PROFILE_EXISTS = 2379,
    ORA_NO_JOB = 27475,
};

extern const OdbcErrors ORACLE_ERRORS;

// Whether that number is of a login that a server, or its listener, refused; and why.
typedef enum OracleRefusal {
    ORACLE_REFUSAL_NONE,
    ORACLE_REFUSAL_LOGIN,    // user, password, state of the account
    ORACLE_REFUSAL_SERVICE,  // no such service at this listener
    ORACLE_REFUSAL_ROUTE,    // nobody answers there
    ORACLE_REFUSAL_TLS,      // certificate, wallet
    ORACLE_REFUSAL_VERSION,  // no common way to log in
    ORACLE_REFUSAL_NOT_READY // starting, stopping, full
} OracleRefusal;
OracleRefusal oracle_refusal(int native);
