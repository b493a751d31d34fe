// Everything declared: principals, groups, integrations, flows. What `daypass apply` sends is a
// configuration too (a declaration); comparing the two gives the changes.
#pragma once

#include "domain/flow.h"
#include "domain/principal.h"

typedef struct Configuration {
    int64_t version; // grows with each change; 0 in a declaration
    Principals principals;
    Groups groups;
    Integrations integrations;
    Flows flows;
} Configuration;
extern const Shape CONFIGURATION_SHAPE; // keys principals, groups, integrations, flows

// NULL when there is none of that name.
const Principal *configuration_principal(const Configuration *configuration, const char *name);
const Group *configuration_group(const Configuration *configuration, const char *name);
const Integration *configuration_integration(const Configuration *configuration, const char *name);
const Flow *configuration_flow(const Configuration *configuration, const char *name);

bool group_includes(const Configuration *configuration, const char *group, const char *principal);
bool subjects_include(const Configuration *configuration, const Subjects *subjects,
                      const char *principal);
// Every enabled principal the subjects mean, by name, without duplicates.
StringList subjects_list(Arena *arena, const Configuration *configuration,
                         const Subjects *subjects);

typedef enum ChangeKind { CHANGE_CREATE, CHANGE_UPDATE, CHANGE_DELETE } ChangeKind;
extern const EnumTable CHANGE_KINDS; // "create", "update", "delete"

typedef struct Change {
    int kind;
    const char *type; // "principal", "group", "integration", "flow"
    const char *name;
    const json_t *before; // NULL when created
    const json_t *after;  // NULL when deleted
} Change;
typedef struct Changes {
    Change *items;
    size_t count;
} Changes;
extern const Shape CHANGE_SHAPE;

// Checks the declaration by itself and against what is there, with pointers into the declaration: a
// flow's integration and the groups it names exist in either, no name is declared twice, an enabled
// administrator is left. Then the changes, in an order that can be applied. prune: things of the
// declared types (those with at least one entry) that the declaration leaves out are deleted;
// principals are never pruned. Deleting what a remaining flow names is refused ("in_use").
MUST_USE Status configuration_compare(Arena *arena, const Configuration *current,
                                      const Configuration *declared, bool prune,
                                      Changes *ret_changes, Error *reterr);
