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
    {FIELD(FoundAccount, expires_at, TIME), .help = "When it expires, by the target's clock"},
    {FIELD(FoundAccount, expired, BOOL), .help = "Whether it has expired, by the target's clock"},
    {FIELD(FoundAccount, can_login, BOOL), .help = "Whether it may open sessions"},
    {FIELD(FoundAccount, sessions, INT), .help = "Sessions it has open"},
};
const Shape FOUND_ACCOUNT_SHAPE = SHAPE("FoundAccount", FoundAccount, FOUND_ACCOUNT_FIELDS,
                                        "An account on a target that carries Daypass's mark");
