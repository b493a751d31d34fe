// The IAM policy that a connector itself needs in an account, and no more: what check prints. Pure.
#pragma once

#include "driver/driver.h"

// Indented JSON.
const char *aws_connector_policy(Arena *arena, const char *partition, const AwsAddress *address,
                                 const ResourceCeiling *ceiling);
// For whoever assumes the role, where the address has one.
const char *aws_assuming_policy(Arena *arena, const char *role);
// The users, or roles, that the ceiling's identities are: patterns of ARNs of IAM.
StringList aws_identity_patterns(Arena *arena, const char *partition, const AwsAddress *address,
                                 const ResourceCeiling *ceiling, bool roles);
