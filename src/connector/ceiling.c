#include "connector/ceiling.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"

static int64_t target_port(const TargetAddress *target) {
    return target->port ? target->port : target_default_port((TargetKind)target->kind);
}

Status ceiling_check_target(const SecretSource *secret, const TargetAddress *target,
                            Error *reterr) {
    const TargetAddress *allowed = secret->target;
    if (target->kind != allowed->kind || strcasecmp(target->host, allowed->host) != 0 ||
        target_port(target) != target_port(allowed))
        return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                         "secret %s is for %s %s:%lld, not for %s %s:%lld", secret->name,
                         enum_name(&TARGET_KINDS, allowed->kind), allowed->host,
                         (long long)target_port(allowed), enum_name(&TARGET_KINDS, target->kind),
                         target->host, (long long)target_port(target));
    if (target->aws != NULL && !aws_address_within(target->aws, allowed->aws))
        return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                         "secret %s: region, role, external id or endpoints of the integration are "
                         "not those of the connector's file; leave out what the file says",
                         secret->name);
    // TlsMode falls from the strictest to none.
    if (target->tls > allowed->tls)
        return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                         "secret %s wants tls %s at least, not %s", secret->name,
                         enum_name(&TLS_MODES, allowed->tls), enum_name(&TLS_MODES, target->tls));
    return STATUS_OK;
}

static Status list_check(const StringList *allowed, const char *what, const char *wanted,
                         Error *reterr) {
    if (allowed->count == 0 || !wanted || string_list_has(allowed, wanted))
        return STATUS_OK;
    return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                     "%s %s is not among those that the connector's file allows", what, wanted);
}

// A role's privileges are not known here: where schemas or privileges are limited, a role must be
// allowed by name.
static bool role_is_allowed(const Ceiling *ceiling, const StringList *allowed, const char *role) {
    if (allowed->count == 0)
        return ceiling->schemas.count == 0 && ceiling->privileges.count == 0;
    return string_list_has(allowed, role);
}

static Status lists_check(const StringList *allowed, const char *what, const StringList *wanted,
                          Error *reterr) {
    for (size_t i = 0; i < wanted->count; i++)
        TRY(list_check(allowed, what, wanted->items[i], reterr));
    return STATUS_OK;
}

// Where access is by commands. What is left out of them needs no leave.
static Status commands_check(const Ceiling *ceiling, const AccessItem *item, Error *reterr) {
    TRY(lists_check(&ceiling->keys, "pattern", &item->keys, reterr));
    TRY(lists_check(&ceiling->keys, "pattern", &item->channels, reterr));
    for (size_t i = 0; i < item->commands.count; i++)
        if (item->commands.items[i][0] != '-')
            TRY(list_check(&ceiling->commands, "command", item->commands.items[i], reterr));
    if (item->preset != PRESET_NONE && ceiling->commands.count > 0)
        TRY(list_check(&ceiling->commands, "command",
                       item->preset == PRESET_READ_ONLY ? "@read" : "@write", reterr));
    return STATUS_OK;
}

// Where access is by actions. On which resources they are, the driver finds out.
static Status actions_check(const Ceiling *ceiling, const AccessItem *item, Error *reterr) {
    if (item->allow == NULL)
        return STATUS_OK;
    for (size_t i = 0; i < item->allow->actions.count; i++)
        if (!string_list_has(&ceiling->aws.actions, item->allow->actions.items[i]))
            return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                             "action %s is not among the actions that the connector's file allows",
                             item->allow->actions.items[i]);
    return STATUS_OK;
}

static Status item_check(Arena *arena, const Ceiling *ceiling, TargetKind kind,
                         const AccessItem *item, Error *reterr) {
    if (target_facts(kind)->access == ACCESS_TO_ACTIONS)
        return actions_check(ceiling, item, reterr);
    if (target_facts(kind)->access == ACCESS_TO_KEYS)
        return commands_check(ceiling, item, reterr);
    TRY(list_check(&ceiling->databases, "database", item->database, reterr));
    TRY(list_check(&ceiling->schemas, "schema", item->schema, reterr));
    TRY(list_check(&ceiling->roles, "role", item->role, reterr));
    for (size_t object = 0; object < OBJECT_SCHEMA; object++) {
        StringList privileges = access_item_privileges(arena, kind, item, (ObjectKind)object);
        TRY(lists_check(&ceiling->privileges, "privilege", &privileges, reterr));
    }
    TRY(lists_check(&ceiling->privileges, "privilege", &item->privileges, reterr));
    if (item->role && !role_is_allowed(ceiling, &ceiling->roles, item->role))
        return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                         "role %s: the connector's file limits schemas or privileges and names no "
                         "roles",
                         item->role);
    return STATUS_OK;
}

static const Ceiling *ceiling_of(const ConnectorOptions *options, const SecretSource *secret) {
    static const Ceiling DEFAULT_CEILING = {.max_duration_s = CEILING_DEFAULT_DURATION_S};
    return secret->ceiling    ? secret->ceiling
           : options->ceiling ? options->ceiling
                              : &DEFAULT_CEILING;
}

Status ceiling_check_session_users(const ConnectorOptions *options, const SecretSource *secret,
                                   const StringList *users, Error *reterr) {
    const StringList *allowed = &ceiling_of(options, secret)->end_sessions_of;
    for (size_t i = 0; i < users->count; i++)
        if (!string_list_has(allowed, users->items[i]))
            return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                             "user %s is not among end_sessions_of, whose sessions the connector's "
                             "file allows to end with secret %s",
                             users->items[i], secret->name);
    return STATUS_OK;
}

const ResourceCeiling *ceiling_resources(const ConnectorOptions *options,
                                         const SecretSource *secret) {
    return &ceiling_of(options, secret)->aws;
}

Status ceiling_check_database(const ConnectorOptions *options, const SecretSource *secret,
                              const TargetAddress *target, Error *reterr) {
    if (target_facts((TargetKind)target->kind)->access == ACCESS_TO_ACTIONS)
        return STATUS_OK; // what stands for it is the region, which the secret's target has
    return list_check(&ceiling_of(options, secret)->databases, "database", target->database,
                      reterr);
}

// Rules of the server, such as lines of pg_hba.conf, go by names: whoever chooses one may choose
// which of them hold.
static Status account_check(const Ceiling *ceiling, const Plan *plan, Error *reterr) {
    const StringList *allowed = &ceiling->account_prefixes;
    const char *account = plan->account;
    // On AWS the name is that of somebody who was there before; identities says who may be.
    bool is_new = target_facts((TargetKind)plan->target->kind)->access != ACCESS_TO_ACTIONS;
    if (!account || allowed->count == 0 || !is_new)
        return STATUS_OK;
    for (size_t i = 0; i < allowed->count; i++)
        if (strncmp(account, allowed->items[i], strlen(allowed->items[i])) == 0)
            return STATUS_OK;
    return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                     "account %s: the connector's file allows no names that begin so; "
                     "account_prefix of the integration has to be among its account_prefixes",
                     account);
}

bool ceiling_allows_custodian(const ConnectorOptions *options, const SecretSource *secret,
                              const char *custodian) {
    const Ceiling *ceiling = ceiling_of(options, secret);
    return !custodian || role_is_allowed(ceiling, &ceiling->custodians, custodian);
}

Status ceiling_check_orphan(const ConnectorOptions *options, const SecretSource *secret,
                            const Plan *plan, const char *deployment, Error *reterr) {
    const Ceiling *ceiling = ceiling_of(options, secret);
    TRY(ceiling_check_target(secret, plan->target, reterr));
    TRY(account_check(ceiling, plan, reterr));
    if (text_equal(plan->deployment, deployment) ||
        string_list_has(&ceiling->adopt_deployments, plan->deployment))
        return STATUS_OK;
    return error_set(reterr, STATUS_FORBIDDEN, "not_adopted",
                     "account %s is of another installation of Daypass; to let this connector "
                     "remove such accounts, add to the ceiling of secret %s in its file: "
                     "adopt_deployments: [%s]",
                     plan->account, secret->name, plan->deployment);
}

Status ceiling_check(Arena *arena, const ConnectorOptions *options, const SecretSource *secret,
                     const Plan *plan, int64_t duration_s, Error *reterr) {
    const Ceiling *ceiling = ceiling_of(options, secret);
    TRY(ceiling_check_target(secret, plan->target, reterr));
    TRY(ceiling_check_database(options, secret, plan->target, reterr));
    TRY(account_check(ceiling, plan, reterr));
    if (!ceiling_allows_custodian(options, secret, plan->custodian))
        return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                         "custodian %s is not among those that the connector's file allows; where "
                         "it limits schemas or privileges, it has to name the custodian",
                         plan->custodian);
    for (size_t i = 0; i < plan->access.count; i++)
        TRY(item_check(arena, ceiling, (TargetKind)plan->target->kind, &plan->access.items[i],
                       reterr));
    if (duration_s > ceiling->max_duration_s) {
        char wanted[DURATION_SIZE];
        char allowed[DURATION_SIZE];
        return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                         "%s is longer than the %s that the connector's file allows",
                         duration_format(duration_s, wanted),
                         duration_format(ceiling->max_duration_s, allowed));
    }
    return STATUS_OK;
}
