// A connection of one session through the ODBC driver manager. Every call ends in a bounded time,
// whatever the driver does: a courier of the connection's own makes the calls, is told to cancel
// what takes too long, and is left behind with the connection where even that does not help.
#pragma once

#include "driver/odbc/answer.h"
#include "driver/odbc/connection_string.h"

typedef struct OdbcConnection OdbcConnection;

typedef struct OdbcLogin {
    const OdbcSetting *settings; // DRIVER first
    size_t setting_count;
    OdbcBraces braces;
    int connect_timeout_ms;   // 0: 10 s
    int statement_timeout_ms; // 0: 30 s
    int grace_ms; // what a driver may take beyond each of these before it is cancelled, and again
                  // before it is left behind; 0: 3 s
} OdbcLogin;

typedef struct OdbcQuery {
    const char *sql;               // with ? for each parameter
    const char *const *parameters; // NULL is SQL's null
    size_t parameter_count;
} OdbcQuery;

// STATUS_OK with *ret_connection where *ret_answer is ODBC_DONE; NULL there otherwise, and the
// answer says why. Fails for a setting that cannot be said ("bad_connection_value"), and where too
// many connections that never answered are being waited for ("odbc_exhausted").
MUST_USE Status odbc_connection_open(const OdbcLogin *login, Arena *arena, OdbcAnswer *ret_answer,
                                     OdbcConnection **ret_connection, Error *reterr);
// Rolls back what is open. Returns after a bounded time too.
OdbcConnection *odbc_connection_close(OdbcConnection *connection);
DEFINE_CLEANUP(OdbcConnection, odbc_connection_close)

// Runs one statement, or a batch. Text that is not UTF-8 is ODBC_REFUSED without diagnostics. The
// answer lives in the arena; our copies of the texts are wiped.
void odbc_connection_run(OdbcConnection *connection, Arena *arena, const OdbcQuery *query,
                         OdbcAnswer *ret_answer);
// Off: what follows is one transaction until it is ended, and then the next.
void odbc_connection_autocommit(OdbcConnection *connection, Arena *arena, bool on,
                                OdbcAnswer *ret_answer);
void odbc_connection_end(OdbcConnection *connection, Arena *arena, bool commits,
                         OdbcAnswer *ret_answer);
// No statement will reach the server any more.
bool odbc_connection_is_lost(const OdbcConnection *connection);
