#include "domain/outcome.h"

static const char *const FAILURE_CLASS_NAMES[] = {
    [FAILURE_NONE] = "none",           [FAILURE_RETRY] = "retry",
    [FAILURE_DENIED] = "denied",       [FAILURE_CONFLICT] = "conflict",
    [FAILURE_NOT_FOUND] = "not_found", [FAILURE_UNSUPPORTED] = "unsupported",
    [FAILURE_REFUSED] = "refused",     [FAILURE_FATAL] = "fatal",
};
const EnumTable FAILURE_CLASSES = {"class of failure", FAILURE_CLASS_NAMES,
                                   COUNT_OF(FAILURE_CLASS_NAMES)};

enum {
    SQL_MAX_BYTES = 262144, // a statement may name a thousand tables
    TEXT_MAX_BYTES = 4096,
    VERSION_MAX_BYTES = 256,
    STATEMENTS_MAX = 5000,
    OBSTACLES_MAX = 1000,
};

static const Field STATEMENT_FIELDS[] = {
    {FIELD(Statement, sql, STRING), .required = true, .max = SQL_MAX_BYTES,
     .help = "The statement as it ran, with secrets elided"},
    {FIELD(Statement, database, STRING), .help = "Database it ran in"},
    {FIELD(Statement, rows, INT), .help = "Rows it returned or changed"},
};
const Shape STATEMENT_SHAPE =
    SHAPE("Statement", Statement, STATEMENT_FIELDS, "One statement that ran on a target");

static const Field OBSTACLE_FIELDS[] = {
    {FIELD(Obstacle, what, STRING), .required = true, .max = TEXT_MAX_BYTES,
     .help = "What is in the way"},
    {FIELD(Obstacle, repair, STRING), .max = SQL_MAX_BYTES,
     .help = "SQL with which the target's administrator removes it"},
};
static const Shape OBSTACLE_SHAPE =
    SHAPE("Obstacle", Obstacle, OBSTACLE_FIELDS, "Something in the way of removing an account");

static const Field OUTCOME_FIELDS[] = {
    {FIELD(Outcome, account, STRING), .help = "Name of the account on the target"},
    {FIELD(Outcome, account_present, BOOL),
     .help = "Whether the account is there after the action, as read from the target"},
    {FIELD(Outcome, login_refused, BOOL),
     .help = "Whether the account is unable to open new sessions now"},
    {FIELD(Outcome, sessions_ended, INT), .help = "Sessions that were seen to be ended"},
    {FIELD(Outcome, sessions_left, INT), .help = "Sessions that were still there at the end"},
    {FIELD(Outcome, handed_over, STRINGS), .max = 10000,
     .help = "Objects the account owned, and who has them now"},
    {FIELD(Outcome, obstacles, OBJECTS), .shape = &OBSTACLE_SHAPE, .max = OBSTACLES_MAX,
     .help = "What is in the way of removing the account"},
    {FIELD(Outcome, warnings, STRINGS), .help = "What somebody should know about the target"},
    {FIELD(Outcome, target_now_at, TIME), .help = "The time by the target's clock"},
    {FIELD(Outcome, target_expires_at, TIME),
     .help = "When the access ends, by the target's clock"},
    {FIELD(Outcome, end_enforced, BOOL),
     .help = "Whether the target refuses new logins at that time by itself, with nobody there to "
             "do it"},
    {FIELD(Outcome, server_version, STRING), .max = VERSION_MAX_BYTES,
     .help = "Version the server reports"},
    {FIELD(Outcome, account_key, STRING), .help = "The engine's own id of the account"},
    {FIELD(Outcome, state, OBJECT), .shape = &ACCOUNT_STATE_SHAPE,
     .help = "What is to be seen of the account, once it was given or extended"},
    {FIELD(Outcome, resources, OBJECTS), .shape = &AWS_RESOURCE_SHAPE, .max = AWS_RESOURCES_MAX,
     .help = "Databases and instances that the grant turned out to be on (AWS)"},
    {FIELD(Outcome, statements, OBJECTS), .shape = &STATEMENT_SHAPE, .max = STATEMENTS_MAX,
     .help = "Statements that ran, in order"},
};
const Shape OUTCOME_SHAPE =
    SHAPE("Outcome", Outcome, OUTCOME_FIELDS, "What an action did and what was found afterwards");
