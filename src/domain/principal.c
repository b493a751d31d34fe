#include "domain/principal.h"

#include "domain/aws_identity.h"

#include <string.h>

enum { PRINCIPAL_NAME_MAX_BYTES = 128, OBJECT_NAME_MAX_BYTES = 64, SUBJECTS_MAX = 1000 };

static const char *const ROLE_NAMES[] = {
    [ROLE_MEMBER] = "member",
    [ROLE_AUDITOR] = "auditor",
    [ROLE_ADMINISTRATOR] = "administrator",
};
const EnumTable ROLES = {"role", ROLE_NAMES, COUNT_OF(ROLE_NAMES)};

static const Field PRINCIPAL_FIELDS[] = {
    {FIELD(Principal, name, STRING), .required = true, .check = principal_name_check,
     .help = "Name the person or machine signs in with, usually a mail address"},
    {FIELD(Principal, role, ENUM), .names = &ROLES, .default_text = "member",
     .help = "What they may do beside asking and deciding"},
    {FIELD(Principal, disabled, BOOL), .default_text = "false",
     .help = "Whether they are kept from signing in and deciding"},
    {FIELD(Principal, aws_identities, STRINGS), .max = 100, .check = aws_identity_check,
     .help = "ARNs of their IAM users, roles or role sessions, one for each AWS account"},
};
const Shape PRINCIPAL_SHAPE =
    SHAPE("Principal", Principal, PRINCIPAL_FIELDS, "A person or machine known to Daypass");

static const Field GROUP_FIELDS[] = {
    {FIELD(Group, name, STRING), .required = true, .check = object_name_check,
     .help = "Name of the group"},
    {FIELD(Group, members, STRINGS), .max = 10000, .check = principal_name_check,
     .help = "Names of its principals, who need not exist yet"},
};
const Shape GROUP_SHAPE = SHAPE("Group", Group, GROUP_FIELDS, "A named set of principals");

static const Field SUBJECTS_FIELDS[] = {
    {FIELD(Subjects, groups, STRINGS), .max = SUBJECTS_MAX, .check = object_name_check,
     .help = "Everybody in these groups"},
    {FIELD(Subjects, principals, STRINGS), .max = SUBJECTS_MAX, .check = principal_name_check,
     .help = "These principals, by name"},
};
const Shape SUBJECTS_SHAPE =
    SHAPE("Subjects", Subjects, SUBJECTS_FIELDS, "Groups and principals that are meant");

static bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

Status principal_name_check(const char *name, Error *reterr) {
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._@+-";
    if (!is_letter_or_digit(name[0]) || name[strspn(name, ALLOWED)] != '\0' ||
        strlen(name) > PRINCIPAL_NAME_MAX_BYTES)
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected 1 to %d letters, digits and . _ @ + -, beginning with a letter "
                         "or digit",
                         PRINCIPAL_NAME_MAX_BYTES);
    return STATUS_OK;
}

Status object_name_check(const char *name, Error *reterr) {
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (name[0] == '\0' || name[0] == '-' || name[strspn(name, ALLOWED)] != '\0' ||
        strlen(name) > OBJECT_NAME_MAX_BYTES)
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected 1 to %d characters of a-z, 0-9 and -, beginning with a letter "
                         "or digit",
                         OBJECT_NAME_MAX_BYTES);
    return STATUS_OK;
}
