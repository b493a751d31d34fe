#include "driver/oracle/errors.h"

#include "base/macros.h"
#include "driver/oracle/statement.h"

static const OdbcErrorRow ROWS[] = {
    // Passing
    {18, FAILURE_RETRY, "it has as many sessions as it may"},
    {20, FAILURE_RETRY, "it has as many processes as it may"},
    {28, FAILURE_RETRY, "the connector's session was ended by somebody"},
    {54, FAILURE_RETRY, "somebody else holds a lock on it"},
    {60, FAILURE_RETRY, "a deadlock with somebody else's work"},
    {603, FAILURE_RETRY, "the server ended the session because of an error of its own"},
    {1012, FAILURE_RETRY, "the connector's session is over"},
    {1033, FAILURE_RETRY, "it is starting or stopping"},
    {1034, FAILURE_RETRY, "it is not running"},
    {1089, FAILURE_RETRY, "it is stopping"},
    {1092, FAILURE_RETRY, "it was stopped"},
    {3113, FAILURE_RETRY, "the connection broke"},
    {3114, FAILURE_RETRY, "the connection broke"},
    {3135, FAILURE_RETRY, "the connection broke"},
    {4021, FAILURE_RETRY, "somebody else uses the object for too long"},
    {ORA_CONNECTED, FAILURE_RETRY, "the account is still connected"},
    // Rights
    {1005, FAILURE_DENIED, "no password was given"},
    {1017, FAILURE_DENIED, "user or password are wrong"},
    {1031, FAILURE_DENIED, "the admin account lacks a right; daypass-connector check says which"},
    {1035, FAILURE_DENIED, "it lets in administrators alone at present"},
    {1045, FAILURE_DENIED, "the admin account lacks CREATE SESSION"},
    {1720, FAILURE_DENIED,
     "a view stands on objects that its owner may not hand on; as their owner: GRANT … WITH GRANT "
     "OPTION to the view's owner"},
    {1924, FAILURE_DENIED, "the admin account may not hand that role on"},
    {1927, FAILURE_DENIED, "somebody else gave that privilege"},
    {1932, FAILURE_DENIED, "the admin account may not hand that role on (ADMIN OPTION)"},
    {28000, FAILURE_DENIED, "the admin account is locked"},
    {28001, FAILURE_DENIED, "the password of the admin account has expired"},
    {6550, FAILURE_DENIED,
     "a table or a package is not there, or not for the admin account; daypass-connector check "
     "says "
     "what it needs"},
    {27486, FAILURE_DENIED, "the admin account lacks CREATE JOB"},
    // What is not there
    {ORA_NO_TABLE, FAILURE_NOT_FOUND, "a table or view is not there, or not for the admin account"},
    {1917, FAILURE_NOT_FOUND, "a user or role is not there"},
    {ORA_NO_USER, FAILURE_NOT_FOUND, "the account is not there"},
    {1919, FAILURE_NOT_FOUND, "a role is not there"},
    {2380, FAILURE_NOT_FOUND, "the profile is not there"},
    {12505, FAILURE_NOT_FOUND, "its listener knows no such SID"},
    {12514, FAILURE_NOT_FOUND, "its listener knows no such service"},
    {ORA_NO_JOB, FAILURE_NOT_FOUND, "the job is not there"},
    // What is in the way
    {1, FAILURE_CONFLICT, "somebody else did the same at the same moment"},
    {ORA_NAME_USED, FAILURE_CONFLICT, "the name is taken"},
    {ORA_USER_EXISTS, FAILURE_CONFLICT, "a user or role of that name is there already"},
    {ORA_OWNS_OBJECTS, FAILURE_CONFLICT, "the account owns objects"},
    {ORA_PROFILE_EXISTS, FAILURE_CONFLICT, "the profile is there already"},
    {27477, FAILURE_CONFLICT, "a job or another object of that name is there already"},
    // Room, rules, versions
    {1536, FAILURE_FATAL, "the admin account's quota is used up; raise it on its tablespace"},
    {1950, FAILURE_DENIED,
     "the admin account has no quota for the table of marks; ALTER USER … QUOTA 10M ON its default "
     "tablespace"},
    {2204, FAILURE_UNSUPPORTED, "ALTER and INDEX are not for views; leave them out of the flow"},
    {28003, FAILURE_FATAL,
     "the password rules of the profile refuse the password Daypass made (28 characters; two or "
     "more upper-case letters, lower-case letters, digits and underscores); see "
     "PASSWORD_VERIFY_FUNCTION of the profile DEFAULT"},
    {28007, FAILURE_RETRY, "the profile does not let this password be used again"},
    {28040, FAILURE_UNSUPPORTED,
     "client and server have no way to log in in common; see SQLNET.ALLOWED_LOGON_VERSION of both"},
    {65096, FAILURE_UNSUPPORTED,
     "it is the root of a container database; name the service of a pluggable database"},
};

const OdbcErrors ORACLE_ERRORS = {.engine = "Oracle", .rows = ROWS, .count = COUNT_OF(ROWS)};

static const struct {
    int native;
    OracleRefusal refusal;
} REFUSALS[] = {
    {18, ORACLE_REFUSAL_NOT_READY},    {20, ORACLE_REFUSAL_NOT_READY},
    {1005, ORACLE_REFUSAL_LOGIN},      {1017, ORACLE_REFUSAL_LOGIN},
    {1033, ORACLE_REFUSAL_NOT_READY},  {1034, ORACLE_REFUSAL_NOT_READY},
    {1035, ORACLE_REFUSAL_LOGIN},      {1045, ORACLE_REFUSAL_LOGIN},
    {1089, ORACLE_REFUSAL_NOT_READY},  {12170, ORACLE_REFUSAL_ROUTE},
    {12505, ORACLE_REFUSAL_SERVICE},   {12514, ORACLE_REFUSAL_SERVICE},
    {12528, ORACLE_REFUSAL_NOT_READY}, {12537, ORACLE_REFUSAL_ROUTE},
    {12541, ORACLE_REFUSAL_ROUTE},     {12543, ORACLE_REFUSAL_ROUTE},
    {12545, ORACLE_REFUSAL_ROUTE},     {12547, ORACLE_REFUSAL_ROUTE},
    {28000, ORACLE_REFUSAL_LOGIN},     {28001, ORACLE_REFUSAL_LOGIN},
    {28040, ORACLE_REFUSAL_VERSION},   {28759, ORACLE_REFUSAL_TLS},
    {28860, ORACLE_REFUSAL_TLS},       {29024, ORACLE_REFUSAL_TLS},
};

OracleRefusal oracle_refusal(int native) {
    for (size_t i = 0; i < COUNT_OF(REFUSALS); i++)
        if (REFUSALS[i].native == native)
            return REFUSALS[i].refusal;
    return ORACLE_REFUSAL_NONE;
}
