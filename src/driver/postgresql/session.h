// A session of the admin account on a PostgreSQL server: connecting, running one statement with a
// bound on its time, and putting libpq's failures into our own words.
#pragma once

#include "driver/driver.h"

#include <libpq-fe.h>

struct DriverSession {
    PGconn *connection;
    Arena *arena;      // of the texts below
    DriverLogin login; // copied, to reach the server's other databases
    TargetAddress target;
    Secret *password;
    const Clock *clock;
    int version;              // 150020
    const char *version_text; // "15.20"
    const char *admin;        // current_user
    bool superuser;
    int64_t database_oid;
    bool pooled;      // what answers is not the server itself
    bool not_granted; // the statement that ran last: the server granted less than was asked,
    bool not_revoked; // or revoked less, and only warned
};

// STATUS_UNAVAILABLE and so on with "target_unreachable", "tls_failed", "login_denied",
// "target_database_missing", "target_not_ready", "target_read_only", "target_unsupported".
MUST_USE Status pg_session_open(const DriverLogin *login, DriverSession **ret_session,
                                FailureClass *ret_failure, Error *reterr);
// The same login, another database of the same server.
MUST_USE Status pg_session_open_beside(const DriverSession *session, const char *database,
                                       DriverSession **ret_session, FailureClass *ret_failure,
                                       Error *reterr);
DriverSession *pg_session_close(DriverSession *session);
DEFINE_CLEANUP(DriverSession, pg_session_close)

typedef struct Query {
    const char *doing; // "creating the account": for messages
    const char *sql;
    const char *const *parameters; // text; NULL is SQL's null
    size_t parameter_count;
} Query;

// Runs one statement and waits a bounded time. The result is the caller's to PQclear.
MUST_USE Status pg_session_run(DriverSession *session, const Query *query, PGresult **ret_result,
                               FailureClass *ret_failure, Error *reterr);

// The SCRAM-SHA-256 verifier of a password: what the server gets instead of it.
MUST_USE Status pg_session_verifier(DriverSession *session, const char *account,
                                    const Secret *password, Secret **ret_verifier,
                                    FailureClass *ret_failure, Error *reterr);
