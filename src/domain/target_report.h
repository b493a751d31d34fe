// What a connector reads on a target: what is there to grant on, whether it is able to, and which
// Daypass accounts exist.
#pragma once

#include "base/shape.h"

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
    StringList sequences; // "schema.name"
    StringList functions; // "schema.name(argument types)"
    StringList roles;     // those that may be granted
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

// An account that carries Daypass's mark.
typedef struct FoundAccount {
    const char *account;
    const char *deployment;
    const char *grant_id;
    const char *connector;
    const char *custodian;
    int64_t expires_at; // by the target's clock
    bool expired;       // by the target's clock
    bool can_login;
    int64_t sessions;
} FoundAccount;
typedef struct FoundAccounts {
    FoundAccount *items;
    size_t count;
} FoundAccounts;
extern const Shape FOUND_ACCOUNT_SHAPE;
