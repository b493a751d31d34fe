// What the connector's file allows, held against what names turned out to stand for. Pure.
#pragma once

#include "driver/aws/policy.h"
#include "driver/aws/subject.h"
#include "driver/driver.h"

// "above_ceiling": what its ARN alone tells, before AWS is asked who that is.
MUST_USE Status aws_ceiling_check_identity(const ResourceCeiling *ceiling, const char *identity,
                                           Error *reterr);
// "above_ceiling": whose identity it is, what tags and boundary it lacks. `identity`: as the plan
// has it; `own_arn`: the connector's, which is never given anything.
MUST_USE Status aws_ceiling_check_subject(const ResourceCeiling *ceiling, const Subject *subject,
                                          const char *identity, const char *own_arn, Error *reterr);
// "above_ceiling": which action or ARN.
MUST_USE Status aws_ceiling_check_items(const ResourceCeiling *ceiling, const PolicyItems *items,
                                        Error *reterr);
// Whether the pattern covers all that the resource, which may have wildcards itself, stands for.
bool aws_ceiling_covers(const char *pattern, const char *resource);
