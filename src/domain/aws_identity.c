#include "domain/aws_identity.h"

#include "base/buffer.h"
#include "domain/aws_address.h"
#include "domain/fault.h"

#include <string.h>

enum { NAME_MAX_BYTES = 64, ARN_MAX_BYTES = 2048, SESSION_MAX_BYTES = 64, FORMS = 3 };

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
// A path may have more in it, which nobody uses and which could mean something in patterns.
#define IAM_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=,.@_-"
static const char NAME_CHARACTERS[] = IAM_CHARACTERS;
static const char PATH_CHARACTERS[] = IAM_CHARACTERS "/";

static const struct {
    const char *service, *resource;
} IDENTITY_FORMS[FORMS] = {
    [AWS_USER] = {"iam", "user/"},
    [AWS_ROLE] = {"iam", "role/"},
    [AWS_ROLE_SESSION] = {"sts", "assumed-role/"},
};

static Status bad_identity(Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "bad_value",
                     "expected the ARN of an IAM user or role, or of a role's session: "
                     "arn:aws:iam::ACCOUNT:user/NAME, arn:aws:iam::ACCOUNT:role/NAME, "
                     "arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION");
}

// Cuts the piece up to `separator` off.
static const char *take(Arena *arena, const char **rest, char separator) {
    const char *end = strchr(*rest, separator);
    if (end == NULL)
        return "";
    const char *piece = arena_printf(arena, "%.*s", (int)(end - *rest), *rest);
    *rest = end + 1;
    return piece;
}

// "aws", "aws-cn", "aws-us-gov", …
static bool is_partition(const char *partition) {
    return text_equal(partition, "aws") ||
           (text_starts_with(partition, "aws-") &&
            partition[strspn(partition, "abcdefghijklmnopqrstuvwxyz-")] == '\0');
}

static bool is_name(const char *name, size_t max) {
    size_t length = strlen(name);
    return length > 0 && length <= max && name[strspn(name, NAME_CHARACTERS)] == '\0';
}

static bool read_resource(Arena *arena, const char *service, const char *resource,
                          AwsIdentity *identity) {
    for (size_t i = 0; i < FORMS; i++) {
        if (!text_equal(service, IDENTITY_FORMS[i].service) ||
            !text_starts_with(resource, IDENTITY_FORMS[i].resource))
            continue;
        identity->kind = (AwsIdentityKind)i;
        const char *name = resource + strlen(IDENTITY_FORMS[i].resource);
        if (i == AWS_ROLE_SESSION) {
            identity->name = take(arena, &name, '/');
            identity->session = name;
            return is_name(identity->name, NAME_MAX_BYTES) && is_name(name, SESSION_MAX_BYTES);
        }
        const char *path_end = strrchr(name, '/');
        identity->name = path_end != NULL ? path_end + 1 : name;
        return name[strspn(name, PATH_CHARACTERS)] == '\0' &&
               is_name(identity->name, NAME_MAX_BYTES);
    }
    return false;
}

Status aws_identity_parse(Arena *arena, const char *arn, AwsIdentity *ret_identity, Error *reterr) {
    if (!text_starts_with(arn, "arn:") || strlen(arn) > ARN_MAX_BYTES)
        return bad_identity(reterr);
    const char *rest = arn + strlen("arn:");
    AwsIdentity identity = {.arn = arn, .partition = take(arena, &rest, ':')};
    const char *service = take(arena, &rest, ':');
    bool has_region = take(arena, &rest, ':')[0] != '\0';
    identity.account = take(arena, &rest, ':');
    if (!is_partition(identity.partition) || has_region ||
        aws_account_check(identity.account, NULL) != STATUS_OK ||
        !read_resource(arena, service, rest, &identity))
        return bad_identity(reterr);
    *ret_identity = identity;
    return STATUS_OK;
}

Status aws_identity_check(const char *arn, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AwsIdentity identity;
    return aws_identity_parse(arena, arn, &identity, reterr);
}

const char *aws_identity_expand(Arena *arena, const char *template, const char *principal) {
    CLEANUP(buffer_done) Buffer text = {0};
    while (*template != '\0') {
        size_t plain = strcspn(template, "{");
        buffer_addf(&text, "%.*s", (int)plain, template);
        template += plain;
        if (text_starts_with(template, "{name}")) {
            buffer_add(&text, principal);
            template += strlen("{name}");
        } else if (text_starts_with(template, "{local}")) {
            buffer_addf(&text, "%.*s", (int)strcspn(principal, "@"), principal);
            template += strlen("{local}");
        } else if (*template != '\0') {
            buffer_addf(&text, "%c", *template ++);
        }
    }
    return arena_strdup(arena, buffer_text(&text));
}

Status aws_identity_template_check(const char *template, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AwsIdentity identity;
    TRY(aws_identity_parse(arena, aws_identity_expand(arena, template, "somebody@example.com"),
                           &identity, reterr));
    if (strstr(template, "{name}") == NULL && strstr(template, "{local}") == NULL)
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected an ARN with {name} or {local} in it, for the principal's name "
                         "or that up to its @; the same identity for everybody would give "
                         "everybody what one was given");
    return STATUS_OK;
}

// Where there is none, the count.
static size_t index_of_account(const StringList *arns, const char *account) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    size_t i = 0;
    for (; i < arns->count; i++) {
        AwsIdentity identity;
        if (aws_identity_parse(arena, arns->items[i], &identity, NULL) == STATUS_OK &&
            text_equal(identity.account, account))
            break;
    }
    return i;
}

Status aws_identities_check(const StringList *arns, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < arns->count; i++) {
        AwsIdentity identity;
        TRY(aws_identity_parse(arena, arns->items[i], &identity, reterr));
        if (index_of_account(arns, identity.account) == i)
            continue;
        Status status = error_set(reterr, STATUS_INVALID, "duplicate",
                                  "expected one identity for each AWS account; there are two of %s",
                                  identity.account);
        return error_inside(reterr, status, "/%zu", i);
    }
    return STATUS_OK;
}

const char *aws_identity_of_account(const StringList *arns, const char *account) {
    size_t i = index_of_account(arns, account);
    return i < arns->count ? arns->items[i] : NULL;
}

const char *aws_account_name(Arena *arena, const AwsIdentity *identity, const char *grant_id) {
    return arena_printf(arena, "%s/%s/%s", identity->kind == AWS_USER ? "user" : "role",
                        identity->name, grant_id);
}
