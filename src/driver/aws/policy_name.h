// The name of a grant's inline policy, which is its mark: whose the policy is and when it is over
// can be read from a list of names alone. "daypass.GRANT.DEPLOYMENT.CONNECTOR.EXPIRY", the expiry
// in seconds since 1970 by AWS's clock.
#pragma once

#include "base/memory.h"
#include "driver/account_mark.h"

#include <stdbool.h>

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
enum { AWS_POLICY_NAME_MAX_BYTES = 128 };

// NULL: it would be longer, or hold what no name may.
const char *aws_policy_name_format(Arena *arena, const AccountMark *mark);
// False for a name that is none of ours. `region`: becomes the mark's database.
bool aws_policy_name_parse(Arena *arena, const char *name, const char *region,
                           AccountMark *ret_mark);
// It begins like one.
bool aws_policy_name_claims(const char *name);

// What a grant is called on AWS: "user/jane/grt_…".
typedef struct AwsAccountName {
    bool is_role;
    const char *name; // of the user or role, without path
    const char *grant;
} AwsAccountName;
bool aws_account_name_parse(Arena *arena, const char *account, AwsAccountName *ret_name);
