// The calls into the driver manager for one session. Each takes as long as the driver pleases, so
// only the session's courier makes them (driver/odbc/connection.c); cancelling is for others.
#pragma once

#include "base/buffer.h"
#include "driver/odbc/answer.h"

#include <pthread.h>

typedef struct OdbcCalls {
    void *connection; // SQLHDBC
    bool connected;
    bool manual_commit;
    pthread_mutex_t cancelling; // held while somebody cancels, and while `statement` changes
    void *statement;            // SQLHSTMT under way
} OdbcCalls;

// Texts are UTF-16, ended by a NUL.
typedef struct OdbcWork {
    Buffer text;        // connection string or statement
    Buffer *parameters; // NULL for SQL's null
    size_t parameter_count;
    int timeout_s; // of the login or the statement, where the driver knows one
    Arena *arena;  // of the answer
} OdbcWork;

void odbc_calls_init(OdbcCalls *calls);
void odbc_calls_done(OdbcCalls *calls);
void odbc_call_open(OdbcCalls *calls, const OdbcWork *work, OdbcAnswer *answer);
void odbc_call_run(OdbcCalls *calls, const OdbcWork *work, OdbcAnswer *answer);
void odbc_call_autocommit(OdbcCalls *calls, bool on, const OdbcWork *work, OdbcAnswer *answer);
void odbc_call_end(OdbcCalls *calls, bool commits, const OdbcWork *work, OdbcAnswer *answer);
void odbc_call_close(OdbcCalls *calls);
// From another thread: asks the driver to end the statement under way, if there is one.
void odbc_call_cancel(OdbcCalls *calls);
