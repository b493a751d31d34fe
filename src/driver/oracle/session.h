// A session of the admin account in a pluggable database of an Oracle server, or in one that is no
// container: connecting, running one statement, and putting Oracle's failures into our own words.
#pragma once

#include "driver/driver.h"
#include "driver/odbc/connection.h"

struct DriverSession {
    OdbcConnection *connection;
    Arena *arena; // of the texts below
    TargetAddress target;
    const Clock *clock;
    int version;              // 19
    const char *version_text; // "19.22.0.0.0"
    const char *admin;        // as the dictionary has it
    const char *container;    // the pluggable database, or the database
    bool hosted;              // Amazon's: sessions are ended by its own procedure
    // Of the operation under way; nothing between two.
    const OdbcAnswer *last; // of its statement that ran last
    int64_t until_at;       // of its guarded statements, by the server's clock
};

// With "target_unreachable", "tls_failed", "login_denied", "target_database_missing",
// "target_not_ready", "target_read_only", "target_unsupported", "odbc_driver_missing".
MUST_USE Status oracle_session_open(const DriverLogin *login, DriverSession **ret_session,
                                    FailureClass *ret_failure, Error *reterr);
DriverSession *oracle_session_close(DriverSession *session);
DEFINE_CLEANUP(DriverSession, oracle_session_close)

typedef struct OracleQuery {
    const char *doing; // "creating the account": for messages
    const char *sql;
    const char *const *parameters;
    size_t parameter_count;
} OracleQuery;
// The answer, also of a statement that fails, lives in `arena`.
MUST_USE Status oracle_session_run(DriverSession *session, Arena *arena, const OracleQuery *query,
                                   OdbcAnswer *ret_answer, FailureClass *ret_failure,
                                   Error *reterr);

// Pure: what the driver is given as DBQ. "bad_target": a part of the address has a character that
// would begin another part.
MUST_USE Status oracle_connect_descriptor(Arena *arena, const DriverLogin *login,
                                          const char **ret_descriptor, Error *reterr);
