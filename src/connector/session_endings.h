// Sessions on databases that end with access through AWS. IAM decides who may log in and knows
// nothing of who is there; so after the policy is gone the connector ends them, by the database's
// own secret and below its ceiling.
#pragma once

#include "connector/executor.h"

// Before access is given: whether the connector's file allows all that has to be ended with it.
MUST_USE Status session_endings_check(const ConnectorOptions *options, const Plan *plan,
                                      Error *reterr);
// Ends them and counts them in the outcome. What it cannot end is a warning there: the access is
// taken back all the same. Nothing is begun past until_ms, on the monotonic clock.
void session_endings_run(const Executor *executor, Arena *arena, const Plan *plan, int64_t until_ms,
                         Outcome *outcome);
