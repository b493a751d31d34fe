// Who somebody is to AWS: the IAM user, role, or session of a role that a policy is put on for
// them.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

typedef enum AwsIdentityKind {
    AWS_USER,         // arn:aws:iam::ACCOUNT:user/PATH/NAME
    AWS_ROLE,         // arn:aws:iam::ACCOUNT:role/PATH/NAME
    AWS_ROLE_SESSION, // arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION: one person in a shared role
} AwsIdentityKind;

typedef struct AwsIdentity {
    AwsIdentityKind kind;
    const char *arn;
    const char *partition; // "aws"
    const char *account;
    const char *name;    // IAM's, without path
    const char *session; // of AWS_ROLE_SESSION
} AwsIdentity;

// Pieces live in `arena`. "bad_value".
MUST_USE Status aws_identity_parse(Arena *arena, const char *arn, AwsIdentity *ret_identity,
                                   Error *reterr);
// The same as a field's check.
MUST_USE Status aws_identity_check(const char *arn, Error *reterr);
// An ARN in which {name} stands for a principal's name, {local} for that up to its '@'.
MUST_USE Status aws_identity_template_check(const char *template, Error *reterr);
const char *aws_identity_expand(Arena *arena, const char *template, const char *principal);

// "duplicate", with the pointer within the list: two of these ARNs are of one account.
MUST_USE Status aws_identities_check(const StringList *arns, Error *reterr);
// The one of these ARNs that is of the account; NULL: none.
const char *aws_identity_of_account(const StringList *arns, const char *account);
// What a grant has on AWS, by name: "user/jane/grt_…", "role/dev/grt_…".
const char *aws_account_name(Arena *arena, const AwsIdentity *identity, const char *grant_id);
