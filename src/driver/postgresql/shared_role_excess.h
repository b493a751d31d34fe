// What a shared role has that Daypass does not give and cannot take away, and the SQL that ends it:
// what it owns, privileges in other databases, policies that name it, attributes.
#pragma once

#include "driver/postgresql/operation.h"
#include "driver/postgresql/role.h"

// `custodian` (or NULL) is who the SQL gives its objects to.
MUST_USE Status pg_shared_role_excess(Operation *operation, const Role *role, const char *custodian,
                                      Obstacles *ret_excess, Error *reterr);
// The same of all shared roles that the deployment has in the session's database.
MUST_USE Status pg_shared_roles_excess(Operation *operation, const char *deployment,
                                       const char *custodian, Obstacles *ret_excess, Error *reterr);
