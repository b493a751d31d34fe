// The plan of one grant: everything a connector must know to give it, change it and take it back,
// frozen at approval.
#pragma once

#include "base/enum_table.h"
#include "base/shape.h"
#include "domain/access_item.h"
#include "domain/aws_address.h"
#include "domain/target_kind.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum TlsMode { TLS_VERIFY_FULL, TLS_VERIFY_CA, TLS_REQUIRE, TLS_DISABLE } TlsMode;
extern const EnumTable TLS_MODES; // "verify-full", "verify-ca", "require", "disable"

// How a driver gives privileges: as members of one shared role per distinct set, or one by one.
// PRIVILEGE_AUTO is an integration's alone: shared roles where its kind offers them.
typedef enum PrivilegeMode {
    PRIVILEGE_AUTO,
    PRIVILEGE_SHARED_ROLE,
    PRIVILEGE_DIRECT,
} PrivilegeMode;
extern const EnumTable PRIVILEGE_MODES; // "auto", "shared-role", "direct"

// Where a target is and how it is reached.
typedef struct TargetAddress {
    int kind;              // TargetKind
    const char *host;      // AWS: the account
    int64_t port;          // 0: the kind's usual one, see target_default_port
    const char *database;  // Oracle: the service; AWS: the region
    int tls;               // TlsMode
    const AwsAddress *aws; // of AWS alone, which is addressed by nothing else
} TargetAddress;
// Fills in the database where the kind has a usual one, and host and database of an AWS account;
// checks that what the kind needs is there.
MUST_USE Status target_address_complete(TargetAddress *target, Error *reterr);
// One host name, IP address, or folder of a Unix socket; never a list.
MUST_USE Status target_host_check(const char *host, Error *reterr);
// The host part of an account's name where the kind has one: a name, an address, or a pattern.
MUST_USE Status account_host_check(const char *host, Error *reterr);

// Sessions on a database that end with access through AWS: all of these users', whoever has them.
typedef struct SessionEnding {
    const char *integration; // the database's name when the plan was made
    const TargetAddress *target;
    const char *admin_secret;
    StringList users;
} SessionEnding;
typedef struct SessionEndings {
    SessionEnding *items;
    size_t count;
} SessionEndings;

typedef struct Plan {
    const char *grant_id;
    const char *deployment; // id of this Daypass installation: two may share one server
    const char *connector;
    const char *integration; // its name when the plan was made
    const TargetAddress *target;
    const char *admin_secret;
    const char *account;      // the name on the target
    const char *identity;     // AWS: the ARN of whom it is given to; NULL elsewhere
    const char *account_host; // where it may log in from, of kinds that say so; NULL: anywhere
    const char *custodian;    // NULL: none; then owned objects block the removal and are reported
    int privilege_mode;
    bool require_tls;         // its logins, where the server can
    int64_t connection_limit; // of the account; 0: none
    int64_t duration_s;
    AccessItems access;
    SessionEndings session_endings; // AWS alone
} Plan;
extern const Shape TARGET_ADDRESS_SHAPE;
extern const Shape PLAN_SHAPE;
