#include "domain/plan.h"

#include <string.h>

#include "domain/aws_identity.h"
#include "domain/fault.h"
#include "domain/principal.h"

enum {
    HOST_MAX_BYTES = 253,
    ACCOUNT_HOST_MAX_BYTES = 255,
};

static const char *const TLS_MODE_NAMES[] = {
    [TLS_VERIFY_FULL] = "verify-full",
    [TLS_VERIFY_CA] = "verify-ca",
    [TLS_REQUIRE] = "require",
    [TLS_DISABLE] = "disable",
};
const EnumTable TLS_MODES = {"TLS mode", TLS_MODE_NAMES, COUNT_OF(TLS_MODE_NAMES)};

static const char *const PRIVILEGE_MODE_NAMES[] = {
    [PRIVILEGE_AUTO] = "auto",
    [PRIVILEGE_SHARED_ROLE] = "shared-role",
    [PRIVILEGE_DIRECT] = "direct",
};
const EnumTable PRIVILEGE_MODES = {"privilege mode", PRIVILEGE_MODE_NAMES,
                                   COUNT_OF(PRIVILEGE_MODE_NAMES)};

static Status bad_address(Error *reterr, const char *field, const char *code,
                          const char *expected) {
    Status status = error_set(reterr, STATUS_INVALID, code, "%s", expected);
    return error_inside(reterr, status, "%s", field);
}

// What else may be there is what was filled in before it was frozen.
static Status aws_complete(TargetAddress *target, Error *reterr) {
    const AwsAddress *aws = target->aws;
    if (aws == NULL)
        return bad_address(reterr, "/aws", "missing_field",
                           "expected aws: {account: …, region: …} with kind aws");
    if (target->host != NULL && !text_equal(target->host, aws->account))
        return bad_address(reterr, "/host", "bad_value",
                           "expected no host: an AWS account is addressed by aws alone");
    if (target->database != NULL && !text_equal(target->database, aws->region))
        return bad_address(reterr, "/database", "bad_value",
                           "expected no database: flows name those of an AWS account");
    if (target->port != 0 && target->port != target_default_port(TARGET_AWS))
        return bad_address(reterr, "/port", "bad_value", "expected no port with kind aws");
    if (target->tls != TLS_VERIFY_FULL)
        return bad_address(reterr, "/tls", "bad_value", "expected tls: verify-full with kind aws");
    if (aws->role != NULL) {
        const StringList roles = {.items = (const char *[]){aws->role}, .count = 1};
        if (aws_identity_of_account(&roles, aws->account) == NULL) {
            Status status = error_set(reterr, STATUS_INVALID, "bad_value",
                                      "expected a role of account %s itself; %.300s is of another",
                                      aws->account, aws->role);
            return error_inside(reterr, status, "/aws/role");
        }
    }
    target->host = aws->account;
    target->database = aws->region;
    return STATUS_OK;
}

Status target_address_complete(TargetAddress *target, Error *reterr) {
    const TargetFacts *facts = target_facts((TargetKind)target->kind);
    if (target->kind == TARGET_AWS)
        return aws_complete(target, reterr);
    if (target->aws != NULL)
        return bad_address(reterr, "/aws", "bad_value", "expected aws with kind aws alone");
    if (target->host == NULL)
        return bad_address(reterr, "/host", "missing_field",
                           "expected the host name or address of the target");
    if (target->database == NULL)
        target->database = facts->default_database;
    if (target->database == NULL) {
        Status status = error_set(reterr, STATUS_INVALID, "missing_field",
                                  "expected the database on the %s server", facts->title);
        return error_inside(reterr, status, "/database");
    }
    return identifier_check_of((TargetKind)target->kind, "database", target->database, reterr);
}

Status target_host_check(const char *host, Error *reterr) {
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._:/%-";
    if (host[0] == '\0' || host[0] == '-' || host[strspn(host, ALLOWED)] != '\0')
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected one host name, one IP address, or the folder of a Unix socket");
    return STATUS_OK;
}

// https://dev.mysql.com/doc/refman/9.4/en/account-names.html
Status account_host_check(const char *host, Error *reterr) {
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._:/%-";
    size_t length = strlen(host);
    if (length == 0 || length > ACCOUNT_HOST_MAX_BYTES || host[strspn(host, ALLOWED)] != '\0')
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected a host as accounts have it: a name, an address, or a pattern "
                         "with %% for anything");
    return STATUS_OK;
}

static const Field TARGET_ADDRESS_FIELDS[] = {
    {FIELD(TargetAddress, kind, ENUM), .required = true, .names = &TARGET_KINDS,
     .help = "Kind of target"},
    {FIELD(TargetAddress, host, STRING), .max = HOST_MAX_BYTES, .check = target_host_check,
     .help = "Host name or address of the target, as its connector sees it; AWS: none"},
    {FIELD(TargetAddress, port, INT), .min = 0, .max = 65535, .default_text = "0",
     .help = "TCP port; 0 means the usual one of the kind"},
    {FIELD(TargetAddress, database, STRING), .check = identifier_check,
     .help = "Database on the server; Oracle: the service; may be left out for SQL Server (master) "
             "and Redis (0)"},
    {FIELD(TargetAddress, tls, ENUM), .names = &TLS_MODES, .default_text = "verify-full",
     .help = "How the connection is protected and the server's certificate checked"},
    {FIELD(TargetAddress, aws, OBJECT), .shape = &AWS_ADDRESS_SHAPE,
     .help = "The account and region of kind aws"},
};
const Shape TARGET_ADDRESS_SHAPE = SHAPE("TargetAddress", TargetAddress, TARGET_ADDRESS_FIELDS,
                                         "Where a target is and how it is reached");

static const Field SESSION_ENDING_FIELDS[] = {
    {FIELD(SessionEnding, integration, STRING), .required = true, .check = object_name_check,
     .help = "Name the database's integration had when the plan was made"},
    {FIELD(SessionEnding, target, OBJECT), .required = true, .shape = &TARGET_ADDRESS_SHAPE,
     .help = "Where the database is"},
    {FIELD(SessionEnding, admin_secret, STRING), .required = true, .check = object_name_check,
     .help = "Name of the connector's secret to log in there with"},
    {FIELD(SessionEnding, users, STRINGS), .required = true, .min = 1, .max = ACCESS_ITEMS_MAX,
     .help = "Users whose sessions are ended"},
};
static const Shape SESSION_ENDING_SHAPE =
    SHAPE("SessionEnding", SessionEnding, SESSION_ENDING_FIELDS,
          "Sessions on a database that end with access through AWS");

static const Field PLAN_FIELDS[] = {
    {FIELD(Plan, grant_id, STRING), .max = 64, .help = "Id of the grant"},
    {FIELD(Plan, deployment, STRING), .required = true, .max = 64,
     .help = "Id of the Daypass installation, because two may share one server"},
    {FIELD(Plan, connector, STRING), .required = true, .check = object_name_check,
     .help = "Connector that carries the plan out"},
    {FIELD(Plan, integration, STRING), .required = true, .check = object_name_check,
     .help = "Name the integration had when the plan was made"},
    {FIELD(Plan, target, OBJECT), .required = true, .shape = &TARGET_ADDRESS_SHAPE,
     .help = "Where the access is given"},
    {FIELD(Plan, admin_secret, STRING), .required = true, .check = object_name_check,
     .help = "Name of the connector's secret to log in with"},
    {FIELD(Plan, account, STRING), .check = identifier_check,
     .help = "Name of the temporary account on the target"},
    {FIELD(Plan, identity, STRING), .max = 2048, .check = aws_identity_check,
     .help = "ARN of the IAM user, role or role session it is given to (AWS)"},
    {FIELD(Plan, account_host, STRING), .check = account_host_check,
     .help = "Where the account may log in from, as the engine writes it: %, 10.0.0.%"},
    {FIELD(Plan, custodian, STRING), .check = identifier_check,
     .help = "Role that receives what the account owns when it ends"},
    {FIELD(Plan, privilege_mode, ENUM), .names = &PRIVILEGE_MODES, .default_text = "shared-role",
     .help = "How the privileges are given"},
    {FIELD(Plan, require_tls, BOOL), .default_text = "false",
     .help = "The target refuses the account's logins without TLS"},
    {FIELD(Plan, connection_limit, INT), .min = 0, .max = 10000, .default_text = "10",
     .help = "Sessions the account may have at once; 0 means no limit"},
    {FIELD_NAMED("duration", Plan, duration_s, DURATION), .help = "How long the access lasts"},
    {FIELD(Plan, access, OBJECTS), .shape = &ACCESS_ITEM_SHAPE, .max = ACCESS_ITEMS_MAX,
     .help = "What the account may do"},
    {FIELD(Plan, session_endings, OBJECTS), .shape = &SESSION_ENDING_SHAPE, .max = ACCESS_ITEMS_MAX,
     .help = "Sessions on databases that end with it (AWS)"},
};
const Shape PLAN_SHAPE =
    SHAPE("Plan", Plan, PLAN_FIELDS,
          "Everything a connector must know to give one grant, change it and take it back");
