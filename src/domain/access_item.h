// One entry of a flow's `grants`: what an account may do. Which fields an entry has depends on the
// kind of target (domain/target_kind.h).
#pragma once

#include "base/shape.h"
#include "base/text.h"
#include "domain/aws_access.h"
#include "domain/target_kind.h"

#include <stdbool.h>

// Privileges on some objects of one schema; or membership of one role; or, where there are no
// schemas, commands on keys; or, on AWS, actions on resources. access_item_check says which
// combinations are allowed.
typedef struct AccessItem {
    const char *database; // another one of the server, where an account reaches several; NULL: the
                          // integration's
    const char *schema;   // MySQL and MariaDB call it a database, Oracle a user
    StringList tables;
    bool all_tables;
    bool future_tables; // with all_tables: tables made during the grant too
    StringList columns; // of the tables: the privileges are on these alone
    StringList sequences;
    bool all_sequences;
    StringList functions; // "name" (every overload) or "name(integer, text)"
    bool all_functions;
    const char *role;      // an existing role; alone in its item, but for its database
    StringList privileges; // SELECT, INSERT, …; upper case
    int preset;            // Preset; instead of privileges, or of commands
    StringList keys;       // Redis: patterns such as "cache:*"
    StringList channels;   // likewise
    StringList commands;   // "get", "config|get", "@read"; with "-" before it: without that one
    const RdsConnect *rds_connect; // AWS: one of these, alone in its item
    const SsmSession *ssm_session;
    const AwsAllow *allow;
} AccessItem;
enum { ACCESS_ITEMS_MAX = 200 };
typedef struct AccessItems {
    AccessItem *items;
    size_t count;
} AccessItems;
extern const Shape ACCESS_ITEM_SHAPE;

// Name of a schema, table, role, …: not empty, printable, no longer than any engine has them;
// anything else is legal in a name.
MUST_USE Status identifier_check(const char *name, Error *reterr);
// No longer than this kind has them. `what`: "table", …
MUST_USE Status identifier_check_of(TargetKind kind, const char *what, const char *name,
                                    Error *reterr);

// "bad_access_item": what is missing, too much, or not a privilege of that kind of object.
MUST_USE Status access_item_check(TargetKind kind, const AccessItem *item, Error *reterr);
// "SELECT on schema_app.customers_table, schema_app.orders_table": one line a person reads.
const char *access_item_describe(Arena *arena, const AccessItem *item);
// The privileges an item means for one kind of object (OBJECT_SCHEMA: of the schema itself, where
// the item names no objects): the named ones, or its preset's. Sorted, without duplicates. A preset
// means those of sequences, too: of the ones the item names, and of those that columns of its
// tables draw from.
StringList access_item_privileges(Arena *arena, TargetKind kind, const AccessItem *item,
                                  ObjectKind object);
