// Whether an action stays below what the connector's own file allows. Pure. This is what stands
// between a stolen control plane and a database.
#pragma once

#include "connector/connector_options.h"

#include "domain/plan.h"

// "above_ceiling" says which limit and what was asked. `duration_s`: of this action, counted from
// now; 0 for actions that give nothing.
MUST_USE Status ceiling_check(Arena *arena, const ConnectorOptions *options,
                              const SecretSource *secret, const Plan *plan, int64_t duration_s,
                              Error *reterr);

// The plan's target is the one the secret is for. Holds for every action, revocations too.
MUST_USE Status ceiling_check_target(const SecretSource *secret, const TargetAddress *target,
                                     Error *reterr);

// What is read of a target without giving anything stays within the databases allowed.
MUST_USE Status ceiling_check_database(const ConnectorOptions *options, const SecretSource *secret,
                                       const TargetAddress *target, Error *reterr);

// Whether the sessions of all these users may be ended: whoever ends those of an application stops
// it.
MUST_USE Status ceiling_check_session_users(const ConnectorOptions *options,
                                            const SecretSource *secret, const StringList *users,
                                            Error *reterr);

// What the driver has to compare with what names turn out to stand for.
const ResourceCeiling *ceiling_resources(const ConnectorOptions *options,
                                         const SecretSource *secret);

// Whether objects may be handed to this role. Views and functions run with the rights of who owns
// them, so whoever chooses the custodian chooses what they reach. NULL is fine: nobody.
bool ceiling_allows_custodian(const ConnectorOptions *options, const SecretSource *secret,
                              const char *custodian);

// Whether an account that no grant explains may be removed: one of this installation, whose name is
// allowed, or of another that the file names. "not_adopted" has the line that the file would need.
MUST_USE Status ceiling_check_orphan(const ConnectorOptions *options, const SecretSource *secret,
                                     const Plan *plan, const char *deployment, Error *reterr);
