// People and machines known to Daypass, groups of them, and sets of subjects that flows name.
#pragma once

#include "base/enum_table.h"
#include "base/shape.h"

#include <stdbool.h>

typedef enum Role {
    ROLE_MEMBER,        // asks, and decides where a flow names them
    ROLE_AUDITOR,       // reads everything but credentials, changes nothing
    ROLE_ADMINISTRATOR, // configures; does not thereby get access
} Role;
extern const EnumTable ROLES; // "member", "auditor", "administrator"

typedef struct Principal {
    const char *name; // "engineer@example.com" or "deploy-bot"
    int role;
    bool disabled;             // cannot sign in, is no approver; live grants are not ended by it
    StringList aws_identities; // ARNs of who they are to AWS, one an account
} Principal;
typedef struct Principals {
    Principal *items;
    size_t count;
} Principals;
extern const Shape PRINCIPAL_SHAPE;

typedef struct Group {
    const char *name;
    StringList members; // names of principals; they need not exist yet
} Group;
typedef struct Groups {
    Group *items;
    size_t count;
} Groups;
extern const Shape GROUP_SHAPE;

typedef struct Subjects {
    StringList groups;
    StringList principals;
} Subjects;
extern const Shape SUBJECTS_SHAPE;

// 1 to 128 bytes of [A-Za-z0-9._@+-], beginning with a letter or digit.
MUST_USE Status principal_name_check(const char *name, Error *reterr);
// Names of flows, groups, integrations, connectors, secrets: 1 to 64 of [a-z0-9-], begins with a
// letter or digit.
MUST_USE Status object_name_check(const char *name, Error *reterr);
