// An AWS account as a target: which one it is, in which region, and how its API is reached.
#pragma once

#include "base/shape.h"

#include <stdbool.h>

// URLs instead of AWS's own, for private endpoints; NULL: AWS's.
typedef struct AwsEndpoints {
    const char *iam;
    const char *sts;
    const char *rds;
    const char *ec2;
    const char *ssm;
} AwsEndpoints;

typedef struct AwsAddress {
    const char *account; // 12 digits
    const char *region;
    const char *role;        // ARN of the role to assume there; NULL: the connector's own identity
    const char *external_id; // that the role's trust policy wants; no secret by AWS's own word
    const AwsEndpoints *endpoints;
} AwsAddress;
extern const Shape AWS_ADDRESS_SHAPE;

// 12 digits.
MUST_USE Status aws_account_check(const char *account, Error *reterr);
// Whether `wanted` asks for nothing else than what `allowed` has. What it does not say is as
// `allowed` says it: role, external id and endpoints are the connector's business.
bool aws_address_within(const AwsAddress *wanted, const AwsAddress *allowed);
