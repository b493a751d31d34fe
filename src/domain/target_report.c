#include "domain/target_report.h"

static const char *const CHECK_RESULT_NAMES[] = {
    [CHECK_OK] = "ok",
    [CHECK_WARNING] = "warning",
    [CHECK_FAILED] = "failed",
};
const EnumTable CHECK_RESULTS = {"result of a check", CHECK_RESULT_NAMES,
                                 COUNT_OF(CHECK_RESULT_NAMES)};

enum {
    OBJECTS_MAX = 10000,
    SCHEMAS_MAX = 10000,
    TEXT_MAX_BYTES = 4096,
    REPAIR_MAX_BYTES = 65536,
};

static const Field FOUND_TABLE_FIELDS[] = {
    {FIELD(FoundTable, schema, STRING), .required = true, .help = "Schema of the table"},
    {FIELD(FoundTable, name, STRING), .required = true, .help = "Name of the table"},
    {FIELD(FoundTable, kind, STRING), .max = 64,
     .help = "Table, view, materialized view, foreign table or partitioned table"},
};
static const Shape FOUND_TABLE_SHAPE =
    SHAPE("FoundTable", FoundTable, FOUND_TABLE_FIELDS, "A table or view found on a target");

static const Field DISCOVERY_FIELDS[] = {
    {FIELD(Discovery, server_version, STRING), .help = "Version the server reports"},
    {FIELD(Discovery, schemas, STRINGS), .max = SCHEMAS_MAX, .help = "Schemas of the database"},
    {FIELD(Discovery, tables, OBJECTS), .shape = &FOUND_TABLE_SHAPE, .max = OBJECTS_MAX,
     .help = "Tables and views of the database"},
    {FIELD(Discovery, sequences, STRINGS), .max = OBJECTS_MAX, .help = "Sequences, as schema.name"},
    {FIELD(Discovery, functions, STRINGS), .max = OBJECTS_MAX,
     .help = "Functions, as schema.name(argument types)"},
    {FIELD(Discovery, roles, STRINGS), .max = OBJECTS_MAX, .help = "Roles that may be granted"},
    {FIELD(Discovery, resources, OBJECTS), .shape = &AWS_RESOURCE_SHAPE, .max = AWS_RESOURCES_MAX,
     .help = "Databases and instances of an AWS account"},
    {FIELD(Discovery, notes, STRINGS), .max = 100, .help = "What could not be read, and why"},
    {FIELD(Discovery, cut, BOOL), .help = "Whether there was more than is listed here"},
};
const Shape DISCOVERY_SHAPE =
    SHAPE("Discovery", Discovery, DISCOVERY_FIELDS, "What there is to grant on in one database");

static const Field CHECK_ITEM_FIELDS[] = {
    {FIELD(CheckItem, name, STRING), .required = true, .help = "What was checked"},
    {FIELD(CheckItem, result, ENUM), .required = true, .names = &CHECK_RESULTS,
     .help = "Whether it is in order"},
    {FIELD(CheckItem, found, STRING), .max = TEXT_MAX_BYTES, .help = "What was seen"},
    {FIELD(CheckItem, repair, STRING), .max = REPAIR_MAX_BYTES,
     .help = "What to do about it, exact SQL where SQL repairs it"},
};
const Shape CHECK_ITEM_SHAPE =
    SHAPE("CheckItem", CheckItem, CHECK_ITEM_FIELDS, "One thing checked on an integration");

static const Field FOUND_ACCOUNT_FIELDS[] = {
    {FIELD(FoundAccount, account, STRING), .required = true, .help = "Name of the account"},
    {FIELD(FoundAccount, deployment, STRING), .max = 64,
     .help = "Id of the Daypass installation that made it"},
    {FIELD(FoundAccount, grant_id, STRING), .max = 64, .help = "Id of the grant it was made for"},
    {FIELD(FoundAccount, connector, STRING), .max = 64, .help = "Connector that made it"},
    {FIELD(FoundAccount, custodian, STRING), .help = "Role that receives what it owns"},
    {FIELD(FoundAccount, database, STRING), .help = "Database it was made for"},
    {FIELD(FoundAccount, leftover, STRING), .max = 128,
     .help = "What makes it look temporary, of one without mark"},
    {FIELD(FoundAccount, expires_at, TIME), .help = "When it expires, by the target's clock"},
    {FIELD(FoundAccount, expired, BOOL), .help = "Whether it has expired, by the target's clock"},
    {FIELD(FoundAccount, can_login, BOOL), .help = "Whether it may open sessions"},
    {FIELD(FoundAccount, sessions, INT), .help = "Sessions it has open"},
    {FIELD(FoundAccount, state, OBJECT), .shape = &ACCOUNT_STATE_SHAPE,
     .help = "What is to be seen of it, of one with a mark"},
};
const Shape FOUND_ACCOUNT_SHAPE = SHAPE("FoundAccount", FoundAccount, FOUND_ACCOUNT_FIELDS,
                                        "An account on a target that carries Daypass's mark");

static const Field ACCOUNT_INSPECTION_FIELDS[] = {
    {FIELD(AccountInspection, account, STRING), .required = true, .help = "Name of the account"},
    {FIELD(AccountInspection, present, BOOL), .help = "Whether it is there"},
    {FIELD(AccountInspection, marked, BOOL),
     .help = "Whether its mark is the one that was found; otherwise it is not touched"},
    {FIELD(AccountInspection, can_login, BOOL), .help = "Whether it may open sessions"},
    {FIELD(AccountInspection, expires_at, TIME), .help = "When it expires, by the target's clock"},
    {FIELD(AccountInspection, session_count, INT), .max = -1,
     .help = "Sessions that would be ended"},
    {FIELD(AccountInspection, sessions, STRINGS), .max = INSPECTION_LINES_MAX,
     .help = "These sessions; some of many"},
    {FIELD(AccountInspection, owned_count, INT), .max = -1,
     .help = "Objects that would be handed over"},
    {FIELD(AccountInspection, owned, STRINGS), .max = INSPECTION_LINES_MAX,
     .help = "These objects; some of many"},
    {FIELD(AccountInspection, custodian, STRING), .help = "Role that would receive them"},
    {FIELD(AccountInspection, roles, STRINGS), .max = INSPECTION_LINES_MAX,
     .help = "Memberships that would end"},
    {FIELD(AccountInspection, privilege_count, INT), .max = -1,
     .help = "Objects on which privileges would be taken back"},
    {FIELD(AccountInspection, privileges, STRINGS), .max = INSPECTION_LINES_MAX,
     .help = "These privileges; some of many"},
    {FIELD(AccountInspection, obstacles, STRINGS), .max = INSPECTION_LINES_MAX,
     .help = "What would be in the way"},
    {FIELD(AccountInspection, refusal, STRING), .max = TEXT_MAX_BYTES,
     .help = "Why the connector would not do it"},
};
const Shape ACCOUNT_INSPECTION_SHAPE =
    SHAPE("AccountInspection", AccountInspection, ACCOUNT_INSPECTION_FIELDS,
          "What the removal of an account would do");
