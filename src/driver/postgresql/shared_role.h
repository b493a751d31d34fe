// Shared roles: one NOLOGIN role per distinct set of privileges of a deployment in a database.
// Temporary accounts get their privileges by membership. Before each use the role is read and held
// to exactly its set, so that nobody ever becomes a member of a role with more than the plan.
#pragma once

#include "domain/plan.h"
#include "driver/postgresql/operation.h"
#include "driver/postgresql/privilege_set.h"

// Inside a transaction that holds the lock on privileges. *ret_role is NULL where the role must be
// made or mended and the lock is not exclusive: roll back, and come again with the exclusive one.
// "shared_role_altered" (FAILURE_CONFLICT) where it cannot be held to its set.
MUST_USE Status pg_shared_role_ensure(Operation *operation, const Plan *plan,
                                      const PrivilegeSet *wanted, int64_t now_at, bool exclusive,
                                      const char **ret_role, Error *reterr);

// Removes some of the deployment's shared roles in this database that nobody is a member of and
// that are not new, as far as this is possible now. Never waits, and never fails.
void pg_shared_role_sweep(Operation *operation, const Plan *plan);
