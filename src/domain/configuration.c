#include "domain/configuration.h"

#include "domain/aws_identity.h"
#include "domain/fault.h"

#include <stddef.h>
#include <string.h>

static const char *const CHANGE_KIND_NAMES[] = {
    [CHANGE_CREATE] = "create",
    [CHANGE_UPDATE] = "update",
    [CHANGE_DELETE] = "delete",
};
const EnumTable CHANGE_KINDS = {"kind of change", CHANGE_KIND_NAMES, COUNT_OF(CHANGE_KIND_NAMES)};

static const Field CONFIGURATION_FIELDS[] = {
    {FIELD(Configuration, principals, OBJECTS), .shape = &PRINCIPAL_SHAPE,
     .help = "People and machines"},
    {FIELD(Configuration, groups, OBJECTS), .shape = &GROUP_SHAPE, .help = "Groups of principals"},
    {FIELD(Configuration, integrations, OBJECTS), .shape = &INTEGRATION_SHAPE,
     .help = "Targets on which access is given"},
    {FIELD(Configuration, flows, OBJECTS), .shape = &FLOW_SHAPE, .help = "Access flows"},
};
const Shape CONFIGURATION_SHAPE =
    SHAPE("Configuration", Configuration, CONFIGURATION_FIELDS, "Everything that is declared");

static const Field CHANGE_FIELDS[] = {
    {FIELD(Change, kind, ENUM), .required = true, .names = &CHANGE_KINDS,
     .help = "What happens to it"},
    {FIELD(Change, type, STRING), .required = true,
     .help = "Principal, group, integration or flow"},
    {FIELD(Change, name, STRING), .required = true, .help = "Its name"},
    {FIELD(Change, before, JSON), .help = "What it was; absent when it is created"},
    {FIELD(Change, after, JSON), .help = "What it becomes; absent when it is deleted"},
};
const Shape CHANGE_SHAPE =
    SHAPE("Change", Change, CHANGE_FIELDS, "One change of the configuration");

// What a configuration has lists of, in the order in which one may depend on another: what comes
// later names what came before.
typedef struct Type {
    const char *name;
    const char *key; // in the declaration
    size_t offset;   // of the list in Configuration
    const Shape *shape;
    bool prunable;
} Type;

enum { PRINCIPAL_TYPE, GROUP_TYPE, INTEGRATION_TYPE, FLOW_TYPE, TYPE_COUNT };
static const Type TYPES[TYPE_COUNT] = {
    [PRINCIPAL_TYPE] = {"principal", "principals", offsetof(Configuration, principals),
                        &PRINCIPAL_SHAPE, false},
    [GROUP_TYPE] = {"group", "groups", offsetof(Configuration, groups), &GROUP_SHAPE, true},
    [INTEGRATION_TYPE] = {"integration", "integrations", offsetof(Configuration, integrations),
                          &INTEGRATION_SHAPE, true},
    [FLOW_TYPE] = {"flow", "flows", offsetof(Configuration, flows), &FLOW_SHAPE, true},
};

// The name is the first member of each of the four structs.
_Static_assert(offsetof(Principal, name) == 0 && offsetof(Group, name) == 0 &&
                   offsetof(Integration, name) == 0 && offsetof(Flow, name) == 0,
               "things are found by a name that comes first");

// A list of things whose type is known from the table above.
typedef struct Things {
    const char *items;
    size_t count;
} Things;

static Things configuration_things(const Configuration *configuration, const Type *type) {
    Things things;
    memcpy(&things, (const char *)configuration + type->offset, sizeof(things));
    return things;
}

static const void *thing_at(Things things, const Type *type, size_t index) {
    return things.items + index * type->shape->size;
}

static const char *thing_name(const void *thing) {
    const char *name;
    memcpy(&name, thing, sizeof(name));
    return name;
}

static const void *configuration_find(const Configuration *configuration, size_t type,
                                      const char *name) {
    Things things = configuration_things(configuration, &TYPES[type]);
    for (size_t i = 0; i < things.count; i++) {
        const void *thing = thing_at(things, &TYPES[type], i);
        if (strcmp(thing_name(thing), name) == 0)
            return thing;
    }
    return NULL;
}

const Principal *configuration_principal(const Configuration *configuration, const char *name) {
    return configuration_find(configuration, PRINCIPAL_TYPE, name);
}

const Group *configuration_group(const Configuration *configuration, const char *name) {
    return configuration_find(configuration, GROUP_TYPE, name);
}

const Integration *configuration_integration(const Configuration *configuration, const char *name) {
    return configuration_find(configuration, INTEGRATION_TYPE, name);
}

const Flow *configuration_flow(const Configuration *configuration, const char *name) {
    return configuration_find(configuration, FLOW_TYPE, name);
}

bool group_includes(const Configuration *configuration, const char *group, const char *principal) {
    const Group *found = configuration_group(configuration, group);
    return found != NULL && string_list_has(&found->members, principal);
}

bool subjects_include(const Configuration *configuration, const Subjects *subjects,
                      const char *principal) {
    if (string_list_has(&subjects->principals, principal))
        return true;
    for (size_t i = 0; i < subjects->groups.count; i++) {
        if (group_includes(configuration, subjects->groups.items[i], principal))
            return true;
    }
    return false;
}

StringList subjects_list(Arena *arena, const Configuration *configuration,
                         const Subjects *subjects) {
    StringList names = {0};
    for (size_t i = 0; i < configuration->principals.count; i++) {
        const Principal *principal = &configuration->principals.items[i];
        if (!principal->disabled && subjects_include(configuration, subjects, principal->name))
            string_list_add(arena, &names, principal->name);
    }
    return names;
}

// What is compared: where it stands, and what it would become.
typedef struct Comparison {
    Arena *arena;
    const Configuration *current;
    const Configuration *declared;
    bool prune;
    Error *reterr;
} Comparison;

static Status refuse(const Comparison *comparison, const Type *type, size_t index,
                     const char *field, const char *code, const char *message) {
    Status status = error_set(comparison->reterr, STATUS_INVALID, code, "%s", message);
    return error_inside(comparison->reterr, status, "/%s/%zu%s", type->key, index, field);
}

static bool type_is_pruned(const Comparison *comparison, size_t type) {
    return comparison->prune && TYPES[type].prunable &&
           configuration_things(comparison->declared, &TYPES[type]).count > 0;
}

// The thing of that name as it will be; NULL when there will be none.
static const void *thing_after(const Comparison *comparison, size_t type, const char *name) {
    const void *declared = configuration_find(comparison->declared, type, name);
    if (declared != NULL || type_is_pruned(comparison, type))
        return declared;
    return configuration_find(comparison->current, type, name);
}

static Status check_duplicates(const Comparison *comparison, const Type *type) {
    Things things = configuration_things(comparison->declared, type);
    for (size_t i = 0; i < things.count; i++) {
        const char *name = thing_name(thing_at(things, type, i));
        for (size_t j = 0; j < i; j++) {
            if (strcmp(name, thing_name(thing_at(things, type, j))) == 0)
                return refuse(comparison, type, i, "/name", "duplicate",
                              arena_printf(comparison->arena,
                                           "%s %s is declared twice; expected each name once",
                                           type->name, name));
        }
    }
    return STATUS_OK;
}

// The first group of these that will not be there, or NULL.
static const char *missing_group(const Comparison *comparison, const Subjects *subjects) {
    for (size_t i = 0; subjects != NULL && i < subjects->groups.count; i++) {
        if (thing_after(comparison, GROUP_TYPE, subjects->groups.items[i]) == NULL)
            return subjects->groups.items[i];
    }
    return NULL;
}

// Where a flow names a group that will not be there.
typedef struct MissingGroup {
    const char *group; // NULL: all are there
    const char *field; // pointer within the flow
} MissingGroup;

static MissingGroup flow_missing_group(const Comparison *comparison, const Flow *flow) {
    MissingGroup missing = {missing_group(comparison, flow->requesters), "/requesters/groups"};
    for (size_t i = 0; missing.group == NULL && i < flow->approval.count; i++) {
        const ApprovalStep *step = &flow->approval.items[i];
        missing.group = missing_group(comparison, step->any_of);
        missing.field = arena_printf(comparison->arena, "/approval/%zu/any_of/groups", i);
        if (missing.group != NULL)
            break;
        missing.group = missing_group(comparison, step->all_of);
        missing.field = arena_printf(comparison->arena, "/approval/%zu/all_of/groups", i);
    }
    return missing;
}

// What its entries name in end_sessions.
static Status check_session_endings(const Comparison *comparison, const Flow *flow,
                                    const Integration *integration, Error *reterr) {
    for (size_t i = 0; i < flow->access.count; i++) {
        const RdsConnect *item = flow->access.items[i].rds_connect;
        if (item == NULL || item->end_sessions == NULL)
            continue;
        const Integration *database = thing_after(comparison, INTEGRATION_TYPE, item->end_sessions);
        Status status = session_ending_check(integration, item, database, reterr);
        if (status != STATUS_OK)
            return error_inside(reterr, status, "/grants/%zu/rds_connect/end_sessions", i);
    }
    return STATUS_OK;
}

static Status check_declared_flow(const Comparison *comparison, size_t index) {
    const Flow *flow = &comparison->declared->flows.items[index];
    const Type *type = &TYPES[FLOW_TYPE];
    Status status = flow_check(flow, comparison->reterr);
    if (status != STATUS_OK)
        return error_inside(comparison->reterr, status, "/flows/%zu", index);
    const Integration *integration = thing_after(comparison, INTEGRATION_TYPE, flow->integration);
    if (integration == NULL)
        return refuse(comparison, type, index, "/integration", "unknown_integration",
                      arena_printf(comparison->arena,
                                   "there is no integration %s; declare it, or name another",
                                   flow->integration));
    status = flow_check_kind(flow, (TargetKind)integration->kind, comparison->reterr);
    if (status == STATUS_OK)
        status = check_session_endings(comparison, flow, integration, comparison->reterr);
    if (status != STATUS_OK)
        return error_inside(comparison->reterr, status, "/flows/%zu", index);
    MissingGroup missing = flow_missing_group(comparison, flow);
    if (missing.group != NULL)
        return refuse(comparison, type, index, missing.field, "unknown_group",
                      arena_printf(comparison->arena,
                                   "there is no group %s; declare it, or name another",
                                   missing.group));
    return STATUS_OK;
}

// The integration becomes another kind, on which a flow that stays cannot give what it says.
static Status check_remaining_kind(const Comparison *comparison, const Flow *flow,
                                   const Integration *integration) {
    const Integration *before = configuration_integration(comparison->current, flow->integration);
    Error error = {0};
    if (before == NULL || before->kind == integration->kind ||
        flow_check_kind(flow, (TargetKind)integration->kind, &error) == STATUS_OK)
        return STATUS_OK;
    return error_set(comparison->reterr, STATUS_CONFLICT, "in_use",
                     "integration %s would become another kind, but flow %s does not fit it "
                     "(%.200s); delete or change the flow too",
                     integration->name, flow->name, error.message);
}

// So could one no longer be the database whose sessions a flow that stays ends.
static Status check_remaining_endings(const Comparison *comparison, const Flow *flow,
                                      const Integration *integration) {
    Error error = {0};
    if (check_session_endings(comparison, flow, integration, &error) == STATUS_OK)
        return STATUS_OK;
    return error_set(comparison->reterr, STATUS_CONFLICT, "in_use",
                     "flow %s could no longer end sessions (%.300s); delete or change the flow too",
                     flow->name, error.message);
}

// A flow that stays as it is must not lose what it names to pruning.
static Status check_remaining_flow(const Comparison *comparison, const Flow *flow) {
    const char *what = "integration";
    const char *name = flow->integration;
    const Integration *integration = thing_after(comparison, INTEGRATION_TYPE, name);
    if (integration != NULL) {
        TRY(check_remaining_kind(comparison, flow, integration));
        TRY(check_remaining_endings(comparison, flow, integration));
        what = "group";
        name = flow_missing_group(comparison, flow).group;
        // A group that is missing already is nothing that this declaration takes away.
        if (name == NULL || configuration_group(comparison->current, name) == NULL)
            return STATUS_OK;
    }
    return error_set(comparison->reterr, STATUS_CONFLICT, "in_use",
                     "%s %s would be deleted, but flow %s names it; declare it, or delete or "
                     "change the flow too",
                     what, name, flow->name);
}

static bool is_administrator(const Principal *principal) {
    return principal->role == ROLE_ADMINISTRATOR && !principal->disabled;
}

static Status check_administrators(const Comparison *comparison) {
    const Principals *current = &comparison->current->principals;
    const Principals *declared = &comparison->declared->principals;
    bool had_one = false;
    for (size_t i = 0; i < current->count; i++) {
        const Principal *before = &current->items[i];
        if (!is_administrator(before))
            continue;
        had_one = true;
        const Principal *after = thing_after(comparison, PRINCIPAL_TYPE, before->name);
        if (is_administrator(after))
            return STATUS_OK;
    }
    for (size_t i = 0; i < declared->count; i++) {
        if (is_administrator(&declared->items[i]))
            return STATUS_OK;
    }
    if (!had_one) // before the first one there is the bootstrap token
        return STATUS_OK;
    return error_set(comparison->reterr, STATUS_CONFLICT, "last_administrator",
                     "no enabled administrator would be left; keep one, or make another first");
}

static Status check_all(const Comparison *comparison) {
    for (size_t i = 0; i < TYPE_COUNT; i++)
        TRY(check_duplicates(comparison, &TYPES[i]));
    const Configuration *declared = comparison->declared;
    for (size_t i = 0; i < declared->principals.count; i++) {
        Status status =
            aws_identities_check(&declared->principals.items[i].aws_identities, comparison->reterr);
        if (status != STATUS_OK)
            return error_inside(comparison->reterr, status, "/principals/%zu/aws_identities", i);
    }
    for (size_t i = 0; i < declared->integrations.count; i++) {
        Status status = integration_check(&declared->integrations.items[i], comparison->reterr);
        if (status != STATUS_OK)
            return error_inside(comparison->reterr, status, "/integrations/%zu", i);
    }
    for (size_t i = 0; i < declared->flows.count; i++)
        TRY(check_declared_flow(comparison, i));
    for (size_t i = 0; i < comparison->current->flows.count; i++) {
        const Flow *flow = &comparison->current->flows.items[i];
        if (thing_after(comparison, FLOW_TYPE, flow->name) == flow)
            TRY(check_remaining_flow(comparison, flow));
    }
    return check_administrators(comparison);
}

static void add_change(Changes *changes, ChangeKind kind, const Type *type, const char *name,
                       const json_t *before, const json_t *after) {
    changes->items[changes->count++] =
        (Change){.kind = kind, .type = type->name, .name = name, .before = before, .after = after};
}

static void add_declared(const Comparison *comparison, size_t type_index, Changes *changes) {
    const Type *type = &TYPES[type_index];
    Things things = configuration_things(comparison->declared, type);
    for (size_t i = 0; i < things.count; i++) {
        const void *thing = thing_at(things, type, i);
        const char *name = thing_name(thing);
        const void *old = configuration_find(comparison->current, type_index, name);
        const json_t *after = shape_write(comparison->arena, type->shape, thing);
        const json_t *before =
            old != NULL ? shape_write(comparison->arena, type->shape, old) : NULL;
        if (before == NULL)
            add_change(changes, CHANGE_CREATE, type, name, NULL, after);
        else if (!json_equal(before, after))
            add_change(changes, CHANGE_UPDATE, type, name, before, after);
    }
}

static void add_pruned(const Comparison *comparison, size_t type_index, Changes *changes) {
    const Type *type = &TYPES[type_index];
    if (!type_is_pruned(comparison, type_index))
        return;
    Things things = configuration_things(comparison->current, type);
    for (size_t i = 0; i < things.count; i++) {
        const void *thing = thing_at(things, type, i);
        if (thing_after(comparison, type_index, thing_name(thing)) == NULL)
            add_change(changes, CHANGE_DELETE, type, thing_name(thing),
                       shape_write(comparison->arena, type->shape, thing), NULL);
    }
}

Status configuration_compare(Arena *arena, const Configuration *current,
                             const Configuration *declared, bool prune, Changes *ret_changes,
                             Error *reterr) {
    const Comparison comparison = {arena, current, declared, prune, reterr};
    TRY(check_all(&comparison));
    size_t most = 0;
    for (size_t i = 0; i < TYPE_COUNT; i++)
        most += configuration_things(current, &TYPES[i]).count +
                configuration_things(declared, &TYPES[i]).count;
    Changes changes = {.items = arena_alloc(arena, (most + 1) * sizeof(Change))};
    for (size_t i = 0; i < TYPE_COUNT; i++)
        add_declared(&comparison, i, &changes);
    for (size_t i = TYPE_COUNT; i-- > 0;)
        add_pruned(&comparison, i, &changes);
    *ret_changes = changes;
    return STATUS_OK;
}
