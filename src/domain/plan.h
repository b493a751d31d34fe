// The plan of one grant: everything a connector must know to give it, change it and take it back,
// frozen at approval. Also the pieces that flows and integrations share with it.
#pragma once

#include "base/enum_table.h"
#include "base/shape.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum TargetKind { TARGET_POSTGRESQL, TARGET_KIND_COUNT_ } TargetKind;
extern const EnumTable TARGET_KINDS;

typedef enum TlsMode { TLS_VERIFY_FULL, TLS_VERIFY_CA, TLS_REQUIRE, TLS_DISABLE } TlsMode;
extern const EnumTable TLS_MODES; // "verify-full", "verify-ca", "require", "disable"

// How a driver gives privileges: as members of one shared role per distinct set, or one by one.
typedef enum PrivilegeMode { PRIVILEGE_SHARED_ROLE, PRIVILEGE_DIRECT } PrivilegeMode;
extern const EnumTable PRIVILEGE_MODES; // "shared-role", "direct"

// Where a target is and how it is reached.
typedef struct TargetAddress {
    int kind; // TargetKind
    const char *host;
    int64_t port; // 0: the kind's usual one, see target_default_port
    const char *database;
    int tls; // TlsMode
} TargetAddress;
int64_t target_default_port(TargetKind kind);
// One host name, IP address, or folder of a Unix socket; never a list.
MUST_USE Status target_host_check(const char *host, Error *reterr);

// PRESET_READ_WRITE: also INSERT, UPDATE, DELETE and the use of sequences.
typedef enum Preset { PRESET_NONE, PRESET_READ_ONLY, PRESET_READ_WRITE } Preset;
extern const EnumTable PRESETS; // "none", "read-only", "read-write"

// One entry of a flow's `grants`: privileges on some objects of one schema, or membership of one
// role. access_item_check says which combinations are allowed.
typedef struct AccessItem {
    const char *schema;
    StringList tables;
    bool all_tables;
    bool future_tables; // with all_tables: tables made during the grant too
    StringList sequences;
    bool all_sequences;
    StringList functions; // "name" (every overload) or "name(integer, text)"
    bool all_functions;
    const char *role;      // an existing role of the database; alone in its item
    StringList privileges; // SELECT, INSERT, …; upper case
    int preset;            // Preset; instead of privileges
} AccessItem;
enum { ACCESS_ITEMS_MAX = 200 };
typedef struct AccessItems {
    AccessItem *items;
    size_t count;
} AccessItems;
extern const Shape ACCESS_ITEM_SHAPE;

// Privileges known for tables, sequences and functions; GRANT OPTION is never one of them.
extern const EnumTable PRIVILEGES;

// Name of a schema, table, role, …: 1 to 63 bytes, printable; anything else is legal in a name.
MUST_USE Status identifier_check(const char *name, Error *reterr);

// "bad_access_item": what is missing, too much, or not a privilege of that kind of object.
MUST_USE Status access_item_check(const AccessItem *item, Error *reterr);
// "SELECT on schema_app.customers_table, schema_app.orders_table": one line a person reads.
const char *access_item_describe(Arena *arena, const AccessItem *item);
// The privileges an item means for one kind of object ("tables", "sequences", "functions", or
// "schema": of the schema itself, where the item names no objects): the named ones, or its
// preset's. Sorted, without duplicates. PRESET_READ_WRITE means USAGE and SELECT of sequences: of
// those the item names, and of those that columns of its tables draw from.
StringList access_item_privileges(Arena *arena, const AccessItem *item, const char *object_kind);

typedef struct Plan {
    const char *grant_id;
    const char *deployment; // id of this Daypass installation: two may share one server
    const char *connector;
    const char *integration; // its name when the plan was made
    const TargetAddress *target;
    const char *admin_secret;
    const char *account;   // the name on the target
    const char *custodian; // NULL: none; then owned objects block the removal and are reported
    int privilege_mode;
    int64_t connection_limit; // of the account; 0: none
    int64_t duration_s;
    AccessItems access;
} Plan;
extern const Shape TARGET_ADDRESS_SHAPE;
extern const Shape PLAN_SHAPE;
