// Plans as an integration gives them: where, by which secret, in which mode. Grants add whom and
// for how long; a check wants to know all that may be asked of the integration.
#pragma once

#include "domain/configuration.h"

// Target, connector, secret, custodian, mode and limit. Borrows from the integration.
Plan integration_plan(Arena *arena, const Integration *integration);

// The same with the access of every flow on it, each entry once: what its admin account must be
// able to give. Names no grant and no account.
Plan integration_plan_of_flows(Arena *arena, const Configuration *configuration,
                               const Integration *integration, const char *deployment);
