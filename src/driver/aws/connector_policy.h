// The IAM policy that a connector itself needs in an account, and no more: what check prints. Pure.
#pragma once

#include "driver/driver.h"

// What a policy may ask of whom another one is put on.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
#define AWS_BOUNDARY_KEY "iam:PermissionsBoundary"

// Indented JSON. `own_arn`: who it is for, as GetCallerIdentity says.
const char *aws_connector_policy(Arena *arena, const char *partition, const AwsAddress *address,
                                 const ResourceCeiling *ceiling, const char *own_arn);
// The user or role that policies of this caller are on; its path is not known where it is a role
// that is none of the address.
const char *aws_own_principal(Arena *arena, const AwsAddress *address, const char *own_arn);
// For whoever assumes the role, where the address has one.
const char *aws_assuming_policy(Arena *arena, const char *role);
// The users, or roles, that the ceiling's identities are: patterns of ARNs of IAM.
StringList aws_identity_patterns(Arena *arena, const char *partition, const AwsAddress *address,
                                 const ResourceCeiling *ceiling, bool roles);
