// Taking access back: the grant's policies go first, then the sessions that were opened by them.
#pragma once

#include "driver/aws/operation.h"
#include "driver/aws/policy.h"
#include "driver/aws/subject.h"

MUST_USE Status aws_revoke(Operation *operation, const Plan *plan, Error *reterr);

// Where the grant's identity may have open sessions by it: what its policies say, and the plan as
// far as it names instances itself. Tags are looked up where there is no policy any more.
typedef struct GrantReach {
    bool rds;
    StringList instances;
    const char *role_session;    // NULL: any of the role, or a user
    const char *ended_elsewhere; // integration that ends sessions of the databases; NULL: none does
} GrantReach;
MUST_USE Status aws_reach_of(Operation *operation, const Plan *plan, const GrantPolicies *policies,
                             GrantReach *ret_reach, Error *reterr);
