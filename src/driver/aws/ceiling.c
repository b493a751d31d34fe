#include "driver/aws/ceiling.h"

#include <string.h>

#include "aws/arn.h"

static Status above(Error *reterr, const char *what, const char *value, const char *field) {
    return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                     "%s %s is above the ceiling of this connector's file (%s)", what, value,
                     field);
}

static Status not_among(const char *identity, Error *reterr) {
    return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                     "identity %s is not among identities of the ceiling of this connector's file",
                     identity);
}

// "arn:aws:rds-db:*" means whatever follows, and IAM compares piece by piece.
static const char *complete(Arena *arena, const char *pattern) {
    enum { COLONS = 5 };
    size_t colons = 0;
    for (const char *at = strchr(pattern, ':'); at != NULL; at = strchr(at + 1, ':'))
        colons++;
    size_t length = strlen(pattern);
    if (length < 2 || strcmp(pattern + length - 2, ":*") != 0)
        return pattern;
    for (; colons < COLONS; colons++)
        pattern = arena_printf(arena, "%s:*", pattern);
    return pattern;
}

bool aws_ceiling_covers(const char *pattern, const char *resource) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    if (text_equal(pattern, resource))
        return true;
    // '?' is one character, and '*' in the resource any number of them.
    if (strchr(resource, '*') != NULL && strchr(pattern, '?') != NULL)
        return false;
    return arn_matches(complete(arena, pattern), resource);
}

static bool any_covers(const StringList *patterns, const char *resource) {
    for (size_t i = 0; i < patterns->count; i++)
        if (aws_ceiling_covers(patterns->items[i], resource))
            return true;
    return false;
}

// The connector's own identity: what it gives itself, whoever sends it orders could use.
static bool is_own(const Subject *subject, const char *own_arn) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ArnPrincipal own;
    if (text_equal(subject->arn, own_arn))
        return true;
    return arn_principal_parse(arena, own_arn, &own, NULL) == STATUS_OK &&
           own.kind == ARN_PRINCIPAL_ROLE_SESSION && subject->is_role &&
           text_equal(own.name, subject->name);
}

// Whether it may be of a role that a pattern covers: the ARN of a session does not say the path.
static bool may_be_covered(const char *pattern, const ArnPrincipal *session) {
    const char *name = strrchr(pattern, '/');
    return strstr(pattern, ":sts:") == NULL &&
           (name == NULL || arn_text_matches(name + 1, session->name));
}

Status aws_ceiling_check_identity(const ResourceCeiling *ceiling, const char *identity,
                                  Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ArnPrincipal principal;
    if (ceiling->identities.count == 0 || any_covers(&ceiling->identities, identity))
        return STATUS_OK;
    if (arn_principal_parse(arena, identity, &principal, NULL) == STATUS_OK &&
        principal.kind == ARN_PRINCIPAL_ROLE_SESSION)
        for (size_t i = 0; i < ceiling->identities.count; i++)
            if (may_be_covered(ceiling->identities.items[i], &principal))
                return STATUS_OK;
    return not_among(identity, reterr);
}

Status aws_ceiling_check_subject(const ResourceCeiling *ceiling, const Subject *subject,
                                 const char *identity, const char *own_arn, Error *reterr) {
    if (is_own(subject, own_arn))
        return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                         "%s is the connector's own identity, which is never given anything",
                         subject->arn);
    if (ceiling->identities.count > 0 && !any_covers(&ceiling->identities, subject->arn) &&
        !any_covers(&ceiling->identities, identity))
        return not_among(identity, reterr);
    for (size_t i = 0; i < ceiling->identity_tags.count; i++)
        if (!string_list_has(&subject->tags, ceiling->identity_tags.items[i]))
            return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                             "%s has no tag %s, which the ceiling of this connector's file asks "
                             "for (identity_tags)",
                             subject->arn, ceiling->identity_tags.items[i]);
    if (ceiling->boundary != NULL && !text_equal(ceiling->boundary, subject->boundary))
        return error_set(reterr, STATUS_FORBIDDEN, "above_ceiling",
                         "%s does not have the permissions boundary %s, which the ceiling of this "
                         "connector's file asks for (boundary)",
                         subject->arn, ceiling->boundary);
    return STATUS_OK;
}

Status aws_ceiling_check_items(const ResourceCeiling *ceiling, const PolicyItems *items,
                               Error *reterr) {
    for (size_t i = 0; i < items->count; i++) {
        const PolicyItem *item = &items->items[i];
        for (size_t a = 0; a < item->actions.count; a++)
            if (!string_list_has(&ceiling->actions, item->actions.items[a]))
                return above(reterr, "action", item->actions.items[a], "actions");
        for (size_t r = 0; ceiling->resources.count > 0 && r < item->resources.count; r++)
            if (!any_covers(&ceiling->resources, item->resources.items[r]))
                return above(reterr, "resource", item->resources.items[r], "resources");
    }
    return STATUS_OK;
}
