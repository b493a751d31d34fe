// What came of an action on a target: the evidence kept with the grant, and the classes of failure.
#pragma once

#include "base/shape.h"
#include "domain/account_state.h"
#include "domain/aws_resource.h"

// How a driver's failure is treated. One vocabulary for every engine.
typedef enum FailureClass {
    FAILURE_NONE,
    FAILURE_RETRY,       // may succeed when repeated: connection lost, deadlock, too many clients
    FAILURE_DENIED,      // the admin account lacks a right
    FAILURE_CONFLICT,    // something is in the way: a name taken, objects without custodian
    FAILURE_NOT_FOUND,   // a table, schema or role of the plan is not there
    FAILURE_UNSUPPORTED, // not offered by this server
    FAILURE_REFUSED,     // above the connector's ceiling, or not a valid action for it
    FAILURE_FATAL,       // anything else that repeating cannot mend
} FailureClass;
extern const EnumTable FAILURE_CLASSES; // "none", "retry", "denied", …

typedef struct Statement {
    const char *sql; // secrets elided: PASSWORD '(elided)'
    const char *database;
    int64_t rows;
} Statement;
typedef struct Statements {
    Statement *items;
    size_t count;
} Statements;

// An obstacle: what is in the way of removing an account, and the SQL that would solve it.
typedef struct Obstacle {
    const char *what;
    const char *repair; // SQL for the target's administrator
} Obstacle;
typedef struct Obstacles {
    Obstacle *items;
    size_t count;
} Obstacles;

typedef struct Outcome {
    const char *account;
    bool account_present;   // after the action, read from the target
    bool login_refused;     // the account cannot open new sessions now
    int64_t sessions_ended; // seen ended
    int64_t sessions_left;
    StringList handed_over; // "shop: table schema_app.t to custodian"
    Obstacles obstacles;
    StringList warnings;       // "PUBLIC may create objects in schema public"
    int64_t target_now_at;     // the target's clock
    int64_t target_expires_at; // the account's end on the target, by its clock
    bool end_enforced;         // the target itself refuses new logins from then on
    const char *server_version;
    const char *account_key;   // the engine's own id of the account: the OID
    const AccountState *state; // as read back of one that was given or extended; NULL: not read
    AwsResources resources;    // AWS: what the grant turned out to be on
    Statements statements;
} Outcome;
extern const Shape STATEMENT_SHAPE;
extern const Shape OUTCOME_SHAPE;
