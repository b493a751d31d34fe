// The numbers of SQL Server's own errors, and what they are to us.
// https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
#pragma once

#include "driver/odbc/failure.h"

extern const OdbcErrors SQLSERVER_ERRORS;

// Those that a step of ours acts on.
enum {
    ERROR_NOT_THERE_OR_DENIED = 15151, // the server does not tell these apart
    ERROR_LOGIN_CONNECTED = 15434,
    ERROR_PROCESS_GONE = 6106,
    ERROR_PROCESS_INVALID = 6101,
    ERROR_LOGIN_FAILED = 18456,
    ERROR_LOGIN_DISABLED = 18470,
    ERROR_DATABASE_REFUSED = 4060,
    ERROR_NO_DEFAULT_DATABASE = 4064,
    // Thrown by batches of ours.
    ERROR_OUR_DEADLINE = 51001,
    ERROR_OUR_LOCK = 51002,
};
