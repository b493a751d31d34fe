// The kinds of targets, and what the rules have to know of each: one row of facts a kind. What is
// done on a target is its driver's business (driver/driver.h).
#pragma once

#include "base/enum_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum TargetKind {
    TARGET_POSTGRESQL,
    TARGET_MYSQL,
    TARGET_MARIADB,
    TARGET_SQLSERVER,
    TARGET_ORACLE,
    TARGET_REDIS,
    TARGET_AWS, // an account: what IAM allows somebody there
    TARGET_KIND_COUNT_
} TargetKind;
extern const EnumTable TARGET_KINDS; // "postgresql", "mysql", …

// What access is to.
typedef enum AccessTo {
    ACCESS_TO_OBJECTS, // of schemas, by privileges
    ACCESS_TO_KEYS,    // by commands
    ACCESS_TO_ACTIONS, // on resources
} AccessTo;

// What a privilege can be on. The schema itself comes last.
typedef enum ObjectKind {
    OBJECT_TABLES,
    OBJECT_SEQUENCES,
    OBJECT_FUNCTIONS, // and procedures
    OBJECT_SCHEMA,
    OBJECT_KIND_COUNT_
} ObjectKind;

// PRESET_READ_WRITE: also INSERT, UPDATE, DELETE and the use of sequences.
typedef enum Preset { PRESET_NONE, PRESET_READ_ONLY, PRESET_READ_WRITE } Preset;
extern const EnumTable PRESETS; // "none", "read-only", "read-write"

// Every engine's words for privileges on objects, in alphabetical order; GRANT OPTION is never one.
extern const EnumTable PRIVILEGES;
enum { PRIVILEGES_MAX = 24 }; // its count

typedef struct TargetFacts {
    const char *title;            // "SQL Server": in messages
    int64_t port;                 // the usual one
    const char *default_database; // where the integration names none; NULL: it has to
    size_t name_max;              // of an identifier
    bool name_in_bytes;           // that length; otherwise characters
    AccessTo access;
    bool future_tables;     // privileges can be on tables yet to come
    bool columns;           // privileges can be held to columns
    bool other_databases;   // one account reaches several databases of a server
    bool shared_roles;      // PRIVILEGE_SHARED_ROLE is offered
    bool account_hosts;     // an account's name has a part for where it logs in from
    bool account_tls;       // the server can hold an account to TLS
    bool sessions_of_users; // its driver ends the sessions of users by their names
    bool no_credential;     // people use what they have: an account of theirs is allowed more
} TargetFacts;
const TargetFacts *target_facts(TargetKind kind);
int64_t target_default_port(TargetKind kind);

// The privileges of a kind of object. Without any: there is no such object, or none to be given.
EnumTable target_privileges(TargetKind kind, ObjectKind object);
// What a preset means; nothing where it does not cover that kind of object.
EnumTable target_preset(TargetKind kind, ObjectKind object, Preset preset);
// "tables", "table"
const char *object_kind_name(ObjectKind object);
const char *object_kind_one(ObjectKind object);
