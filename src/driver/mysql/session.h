// A session of the admin account on a MySQL or MariaDB server: connecting, running one statement
// with a bound on its time, and putting libmariadb's failures into our own words.
#pragma once

#include "driver/driver.h"
#include "driver/mysql/own_grants.h"

#include <mysql.h>

struct DriverSession {
    MYSQL *connection;
    Arena *arena;      // of the texts below
    DriverLogin login; // copied, to reach the server again
    TargetAddress target;
    Secret *password;
    const Clock *clock;
    bool mariadb;             // otherwise MySQL
    int version;              // 80036, 101106
    const char *version_text; // "8.0.36"
    const char *admin;        // the two parts of current_user()
    const char *admin_host;
    OwnGrants own;   // what the admin holds
    bool events_run; // the event scheduler is on
    bool ed25519;    // MariaDB: offered as a way to log in
    unsigned number; // of the error of the statement that ran last; 0: it did not fail
    bool locked;     // names, by the operation under way
    bool lost;
};

// STATUS_UNAVAILABLE and so on with "target_unreachable", "tls_failed", "login_denied",
// "target_database_missing", "target_not_ready", "target_read_only", "target_unsupported",
// "target_kind_wrong".
MUST_USE Status my_session_open_mysql(const DriverLogin *login, DriverSession **ret_session,
                                      FailureClass *ret_failure, Error *reterr);
MUST_USE Status my_session_open_mariadb(const DriverLogin *login, DriverSession **ret_session,
                                        FailureClass *ret_failure, Error *reterr);
// The same login again, while the first may be busy.
MUST_USE Status my_session_open_beside(const DriverSession *session, DriverSession **ret_session,
                                       FailureClass *ret_failure, Error *reterr);
DriverSession *my_session_close(DriverSession *session);
DEFINE_CLEANUP(DriverSession, my_session_close)

// Runs one statement and waits a bounded time. The result is the caller's to mysql_free_result;
// NULL of a statement that has no rows. `doing`: "creating the account", for messages.
MUST_USE Status my_session_run(DriverSession *session, const char *doing, const char *sql,
                               MYSQL_RES **ret_result, FailureClass *ret_failure, Error *reterr);
// Brings it back to what every statement of this driver relies on, above all its SQL mode.
MUST_USE Status my_session_prepare(DriverSession *session);
int64_t my_session_affected(const DriverSession *session);
// Whether the admin has that privilege on the whole server: "PROCESS", "CONNECTION_ADMIN".
bool my_session_has(const DriverSession *session, const char *privilege);
