// What a connector reads on a target: what is there to grant on, whether it is able to, and which
// Daypass accounts exist.
#pragma once

#include "base/shape.h"
#include "domain/account_state.h"
#include "domain/aws_resource.h"

typedef struct FoundTable {
    const char *schema;
    const char *name;
    const char *kind; // "table", "view", "materialized view", "foreign table", "partitioned table"
} FoundTable;
typedef struct FoundTables {
    FoundTable *items;
    size_t count;
} FoundTables;

// Of one database. At most 10,000 tables; `cut` says that there were more.
typedef struct Discovery {
    const char *server_version;
    StringList schemas;
    FoundTables tables;
    StringList sequences;   // "schema.name"
    StringList functions;   // "schema.name(argument types)"
    StringList roles;       // those that may be granted
    AwsResources resources; // of an AWS account, instead of the others
    StringList notes;       // what could not be read, and why
    bool cut;
} Discovery;
extern const Shape DISCOVERY_SHAPE;

typedef enum CheckResult { CHECK_OK, CHECK_WARNING, CHECK_FAILED } CheckResult;
extern const EnumTable CHECK_RESULTS; // "ok", "warning", "failed"

typedef struct CheckItem {
    const char *name; // "name resolution", "route", "tls", "login", "version", "rights: …"
    int result;
    const char *found;  // what was seen
    const char *repair; // what to do; exact SQL where SQL repairs it; NULL when ok
} CheckItem;
typedef struct CheckReport {
    CheckItem *items;
    size_t count;
} CheckReport;
extern const Shape CHECK_ITEM_SHAPE;

// An account that carries Daypass's mark, or one that looks temporary without it.
typedef struct FoundAccount {
    const char *account;
    const char *deployment; // of the mark, likewise below; NULL: it has none
    const char *grant_id;
    const char *connector;
    const char *custodian;
    const char *database;
    const char *leftover; // what makes it look temporary, of one without mark
    int64_t expires_at;   // by the target's clock
    bool expired;         // by the target's clock
    bool can_login;
    int64_t sessions;
    const AccountState *state; // of one with a mark
} FoundAccount;
typedef struct FoundAccounts {
    FoundAccount *items;
    size_t count;
} FoundAccounts;
extern const Shape FOUND_ACCOUNT_SHAPE;

// What the removal of an account would do: whom it would cut off, what would be handed over.
typedef struct AccountInspection {
    const char *account;
    bool present;
    bool marked; // as the plan says; otherwise it is not touched
    bool can_login;
    int64_t expires_at; // by the target's clock; 0: never
    int64_t session_count;
    StringList sessions;     // "psql from 10.0.0.7 in database shop, since …"; some of many
    int64_t owned_count;     // objects
    StringList owned;        // "shop: table schema_app.notes"; some of many
    const char *custodian;   // who would get them; NULL: nobody, and they would be in the way
    StringList roles;        // memberships that would end
    int64_t privilege_count; // objects on which privileges would be taken back
    StringList privileges;
    StringList obstacles; // what would be in the way
    const char *refusal;  // why the connector would not do it; NULL: it would
} AccountInspection;
extern const Shape ACCOUNT_INSPECTION_SHAPE;
enum { INSPECTION_LINES_MAX = 100 }; // of each list
