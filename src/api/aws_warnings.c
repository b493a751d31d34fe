#include "api/aws_warnings.h"

#include "domain/aws_identity.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_SHOWN = 5, WARNING_MAX_BYTES = 1000 };

static const char INSTANCE_KIND[] = "instance";   // all others are databases
static const char NOT_READ[] = " are not listed"; // in the driver's notes of what it could not read

static void warn(const AwsLook *look, const char *format, ...) PRINTF_LIKE(2, 3);
static void warn(const AwsLook *look, const char *format, ...) {
    char text[WARNING_MAX_BYTES];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    string_list_add(look->arena, look->warnings,
                    text_printable(look->arena, arena_printf(look->arena, "flow %s: %s",
                                                             look->flow->name, text)));
}

// ---- Databases and instances --------------------------------------------------------------------

// Other notes are about what was read, such as IAM authentication that is off.
static bool is_whole(const Discovery *found) {
    for (size_t i = 0; i < found->notes.count; i++) {
        if (strstr(found->notes.items[i], NOT_READ) != NULL)
            return false;
    }
    return !found->cut;
}

static void warn_missing(const AwsLook *look, const Discovery *found, const char *what,
                         const char *name) {
    warn(look, "%s %s was not found through %s%s", what, name, look->flow->integration,
         is_whole(found) ? "" : ", where not everything could be read");
}

static void warn_if_off(const AwsLook *look, const AwsResource *resource) {
    if (resource->iam_authentication)
        return;
    const char *name = resource->identifier != NULL ? resource->identifier : resource->id;
    const char *word = text_equal(resource->kind, "rds cluster")    ? "cluster"
                       : text_equal(resource->kind, "rds instance") ? "instance"
                                                                    : NULL;
    warn(look, "IAM authentication is off on %s %s, which lets nobody in this way%s",
         resource->kind, name,
         word != NULL ? arena_printf(look->arena,
                                     "; to turn it on: aws rds modify-db-%s --db-%s-identifier %s "
                                     "--enable-iam-database-authentication --apply-immediately",
                                     word, word, name)
                      : "; it is a setting of its Auth");
}

static bool is_meant(const RdsConnect *item, const AwsResource *resource) {
    if (text_equal(resource->kind, INSTANCE_KIND))
        return false;
    if (item->tag != NULL)
        return string_list_has(&resource->tags, item->tag);
    return item->identifier != NULL ? text_equal(resource->identifier, item->identifier)
                                    : text_equal(resource->id, item->resource);
}

static void look_at_databases(const AwsLook *look, const Discovery *found, const RdsConnect *item) {
    if (text_equal(item->resource, "*"))
        return;
    bool known = false;
    for (size_t i = 0; i < found->resources.count; i++) {
        const AwsResource *resource = &found->resources.items[i];
        if (!is_meant(item, resource))
            continue;
        known = true;
        warn_if_off(look, resource);
    }
    if (known)
        return;
    if (item->tag != NULL)
        warn_missing(look, found, "a database with tag", item->tag);
    else
        warn_missing(look, found, "database",
                     item->identifier != NULL ? item->identifier : item->resource);
}

static bool has_instance(const Discovery *found, const char *id, const char *tag) {
    for (size_t i = 0; i < found->resources.count; i++) {
        const AwsResource *resource = &found->resources.items[i];
        if (text_equal(resource->kind, INSTANCE_KIND) &&
            (id != NULL ? text_equal(resource->id, id) : string_list_has(&resource->tags, tag)))
            return true;
    }
    return false;
}

static void look_at_instances(const AwsLook *look, const Discovery *found, const SsmSession *item) {
    if (item->tag != NULL && !has_instance(found, NULL, item->tag))
        warn_missing(look, found, "an instance with tag", item->tag);
    for (size_t i = 0; i < item->instances.count; i++) {
        const char *id = item->instances.items[i];
        // Machines outside EC2 (mi-…) are not what is discovered.
        if (text_starts_with(id, "i-") && !has_instance(found, id, NULL))
            warn_missing(look, found, "instance", id);
    }
}

void aws_warn_of_resources(const AwsLook *look, const Discovery *found) {
    for (size_t i = 0; i < look->flow->access.count; i++) {
        const AccessItem *item = &look->flow->access.items[i];
        if (item->rds_connect != NULL)
            look_at_databases(look, found, item->rds_connect);
        if (item->ssm_session != NULL)
            look_at_instances(look, found, item->ssm_session);
    }
}

// ---- Identities ---------------------------------------------------------------------------------

// https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
static const char IDENTITY_CENTER_ROLE[] = "AWSReservedSSO_";

static void warn_of_identity(Arena *arena, const char *whose, const char *arn,
                             StringList *warnings) {
    AwsIdentity identity;
    if (aws_identity_parse(arena, arn, &identity, NULL) != STATUS_OK || identity.kind == AWS_USER ||
        !text_starts_with(identity.name, IDENTITY_CENTER_ROLE))
        return;
    const char *text = arena_printf(
        arena,
        "%s: role %s belongs to IAM Identity Center, which lets nobody else put policies on it: "
        "nothing can be granted; make a role in the account that people assume from their session, "
        "and give that one",
        whose, identity.name);
    string_list_add(arena, warnings, text_printable(arena, text));
}

void aws_warn_of_identities(Arena *arena, const Configuration *declared, StringList *warnings) {
    for (size_t i = 0; i < declared->principals.count; i++) {
        const Principal *principal = &declared->principals.items[i];
        for (size_t j = 0; j < principal->aws_identities.count; j++)
            warn_of_identity(arena, arena_printf(arena, "principal %s", principal->name),
                             principal->aws_identities.items[j], warnings);
    }
    for (size_t i = 0; i < declared->integrations.count; i++) {
        const Integration *integration = &declared->integrations.items[i];
        if (integration->identity != NULL)
            warn_of_identity(arena, arena_printf(arena, "integration %s", integration->name),
                             aws_identity_expand(arena, integration->identity, "somebody"),
                             warnings);
    }
}

// ---- People -------------------------------------------------------------------------------------

static const Integration *integration_named(const AwsLook *look, const char *name) {
    const Integration *found = configuration_integration(look->declared, name);
    return found != NULL ? found : configuration_integration(look->before, name);
}

static const Principal *principal_named(const AwsLook *look, const char *name) {
    const Principal *found = configuration_principal(look->declared, name);
    return found != NULL ? found : configuration_principal(look->before, name);
}

static const Group *group_named(const AwsLook *look, const char *name) {
    const Group *found = configuration_group(look->declared, name);
    return found != NULL ? found : configuration_group(look->before, name);
}

// Adds who is there, may ask and is nobody in the account.
static void add_unknown(const AwsLook *look, const StringList *names, const char *account,
                        StringList *unknown) {
    for (size_t i = 0; i < names->count; i++) {
        const Principal *principal = principal_named(look, names->items[i]);
        if (principal != NULL && !principal->disabled &&
            aws_identity_of_account(&principal->aws_identities, account) == NULL &&
            !string_list_has(unknown, principal->name))
            string_list_add(look->arena, unknown, principal->name);
    }
}

void aws_warn_of_requesters(const AwsLook *look) {
    const Integration *integration = integration_named(look, look->flow->integration);
    if (integration == NULL || integration->kind != TARGET_AWS || integration->identity != NULL)
        return;
    const Subjects *requesters = look->flow->requesters;
    StringList unknown = {0};
    add_unknown(look, &requesters->principals, integration->aws->account, &unknown);
    for (size_t i = 0; i < requesters->groups.count; i++) {
        const Group *group = group_named(look, requesters->groups.items[i]);
        if (group != NULL)
            add_unknown(look, &group->members, integration->aws->account, &unknown);
    }
    if (unknown.count == 0)
        return;
    StringList shown = unknown;
    shown.count = shown.count > NAMES_SHOWN ? NAMES_SHOWN : shown.count;
    const char *more = unknown.count > shown.count
                           ? arena_printf(look->arena, " and %zu more", unknown.count - shown.count)
                           : "";
    warn(look,
         "nothing says who %s%s %s in AWS account %s: add ARNs to their aws_identities, or declare "
         "identity for integration %s",
         string_list_join(look->arena, &shown, ", "), more, unknown.count == 1 ? "is" : "are",
         integration->aws->account, integration->name);
}
