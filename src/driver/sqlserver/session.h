// A session of the admin account on a SQL Server: connecting, running one batch with a bound on its
// time, and putting what the driver and the server say into our own words.
#pragma once

#include "driver/driver.h"
#include "driver/odbc/connection.h"

struct DriverSession {
    OdbcConnection *connection;
    Arena *arena; // of the texts below
    TargetAddress target;
    const char *odbc_driver;
    const Clock *clock;
    const char *current;      // database; NULL: not known
    int native;               // number of the error of the batch that ran last; 0: it did not fail
    const char *version_text; // "16.0.4085.2"
    int major_version;
    const char *admin; // the login
    bool takes_hash;   // of a new password
    bool sysadmin;
};

// "odbc_driver_missing", "odbc_driver_broken", "target_unreachable", "tls_failed", "login_denied",
// "target_database_missing", "target_unsupported", "target_read_only", "bad_connection_value".
MUST_USE Status mssql_session_open(const DriverLogin *login, DriverSession **ret_session,
                                   FailureClass *ret_failure, Error *reterr);
DriverSession *mssql_session_close(DriverSession *session);
DEFINE_CLEANUP(DriverSession, mssql_session_close)

// Runs a batch. `doing`: "creating the account".
MUST_USE Status mssql_session_run(DriverSession *session, Arena *arena, const char *doing,
                                  const char *sql, OdbcAnswer *ret_answer,
                                  FailureClass *ret_failure, Error *reterr);
