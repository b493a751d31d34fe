#include "driver/sqlserver/errors.h"

#include "base/macros.h"

static const char SOMEBODY_MADE_IT[] = "somebody made one of that name meanwhile";
static const char DATABASE_AWAY[] = "its database is not open now; it is tried again";
static const char NO_RIGHT[] =
    "the admin account lacks a right, which daypass-connector check names";
static const char POLICY[] =
    "the server's password policy refuses the password; let its administrator look at the password "
    "filter and the policy of the server's machine";
static const char OWNS[] = "the account still owns something or is named by something there";

static const OdbcErrorRow ROWS[] = {
    // Rights.
    {229, FAILURE_DENIED, NO_RIGHT}, // permission denied on an object
    {230, FAILURE_DENIED, NO_RIGHT}, // on a column
    {262, FAILURE_DENIED, NO_RIGHT}, // in a database
    {297, FAILURE_DENIED, NO_RIGHT}, // to perform this action
    {300, FAILURE_DENIED, NO_RIGHT}, // on a server object, such as VIEW SERVER STATE
    {916, FAILURE_DENIED, "the admin account has no user in that database"},
    {923, FAILURE_DENIED, "the database is restricted to its owner"},
    {6102, FAILURE_DENIED, "the admin account may not end sessions (ALTER ANY CONNECTION)"},
    {15247, FAILURE_DENIED, NO_RIGHT}, // to perform this action
    {ERROR_NOT_THERE_OR_DENIED, FAILURE_DENIED,
     "it is not there, or the admin account lacks a right on it; the server does not say which"},
    // Not there.
    {911, FAILURE_NOT_FOUND, "the database is not there"},
    {3701, FAILURE_NOT_FOUND, "it is not there, or the admin account may not see it"},
    {15007, FAILURE_NOT_FOUND, "the login is not there, or the admin account may not see it"},
    {15008, FAILURE_NOT_FOUND, "the user is not there"},
    {15014, FAILURE_NOT_FOUND, "the role is not there"},
    {15217, FAILURE_NOT_FOUND, "the account's mark is not there"},
    {15410, FAILURE_NOT_FOUND, "the user or role is not there"},
    // In the way.
    {15023, FAILURE_CONFLICT, SOMEBODY_MADE_IT},
    {15025, FAILURE_CONFLICT, SOMEBODY_MADE_IT},
    {15063, FAILURE_CONFLICT, "the login has a user of another name there"},
    {15136, FAILURE_CONFLICT, OWNS}, // execution context of a module
    {15138, FAILURE_CONFLICT, OWNS},
    {15141, FAILURE_CONFLICT, OWNS},
    {15154, FAILURE_CONFLICT, OWNS},
    {15155, FAILURE_CONFLICT, OWNS},
    {15170, FAILURE_CONFLICT, "the login owns jobs of SQL Server Agent"},
    {15173, FAILURE_CONFLICT, "the login gave permissions on the server to others"},
    {15174, FAILURE_CONFLICT, "the login owns databases"},
    {15183, FAILURE_CONFLICT, OWNS},
    {15184, FAILURE_CONFLICT, OWNS},
    {15186, FAILURE_CONFLICT, OWNS}, // execution context of a server trigger
    {15284, FAILURE_CONFLICT, "the account gave permissions to others"},
    {15421, FAILURE_CONFLICT, "the account owns a role"},
    {15433, FAILURE_CONFLICT, "a login with this grant's SID is there under another name"},
    // Policies.
    {15114, FAILURE_CONFLICT, POLICY},
    {15115, FAILURE_CONFLICT, POLICY},
    {15116, FAILURE_CONFLICT, POLICY},
    {15117, FAILURE_CONFLICT, POLICY},
    {15118, FAILURE_CONFLICT, POLICY},
    {15119, FAILURE_CONFLICT, POLICY},
    // Worth repeating.
    {1205, FAILURE_RETRY, "it was chosen as the victim of a deadlock; it is tried again"},
    {1222, FAILURE_RETRY, "somebody holds a lock on it; it is tried again"},
    {921, FAILURE_RETRY, DATABASE_AWAY}, // not yet recovered, like the next
    {922, FAILURE_RETRY, DATABASE_AWAY},
    {924, FAILURE_RETRY, DATABASE_AWAY}, // of a single user, who is in
    {927, FAILURE_RETRY, DATABASE_AWAY}, // being restored
    {941, FAILURE_RETRY, DATABASE_AWAY},
    {952, FAILURE_RETRY, DATABASE_AWAY},
    {976, FAILURE_RETRY, DATABASE_AWAY},
    {983, FAILURE_RETRY, DATABASE_AWAY},
    {988, FAILURE_RETRY, DATABASE_AWAY},
    {3902, FAILURE_RETRY, "the server had ended the transaction; it is tried again"},
    {942, FAILURE_CONFLICT, "the database is offline"},
    {3906, FAILURE_CONFLICT, "the database is read-only"},
    {ERROR_LOGIN_CONNECTED, FAILURE_RETRY, "the login is still counted as connected"},
    {ERROR_PROCESS_INVALID, FAILURE_NOT_FOUND, "the session is gone"},
    {ERROR_PROCESS_GONE, FAILURE_NOT_FOUND, "the session is gone"},
    {6104, FAILURE_FATAL, "a session cannot end itself"},
    {6107, FAILURE_FATAL, "only sessions of users can be ended"},
    // Logins of the admin.
    {ERROR_DATABASE_REFUSED, FAILURE_NOT_FOUND, "the database cannot be opened"},
    {ERROR_NO_DEFAULT_DATABASE, FAILURE_DENIED, "the admin's default database cannot be opened"},
    {ERROR_LOGIN_FAILED, FAILURE_DENIED, "the login was refused"},
    {ERROR_LOGIN_DISABLED, FAILURE_DENIED, "the admin's login is disabled"},
    // Ours.
    {ERROR_OUR_DEADLINE, FAILURE_RETRY, "the deadline of this action has passed"},
    {ERROR_OUR_LOCK, FAILURE_RETRY, "other work of Daypass goes on in this database"},
};

const OdbcErrors SQLSERVER_ERRORS = {.engine = "SQL Server", .rows = ROWS, .count = COUNT_OF(ROWS)};
