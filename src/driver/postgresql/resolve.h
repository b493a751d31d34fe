// What a plan's access means on this database now: the exact objects and privileges, what of it is
// not there, and what the admin may not give. Reads only; grant and check stand on the same answer.
#pragma once

#include "domain/plan.h"
#include "driver/postgresql/operation.h"
#include "driver/postgresql/privilege_set.h"

typedef struct RefusedRole {
    const char *role;
    const char *reason;
} RefusedRole;

typedef struct Resolution {
    PrivilegeSet wanted;     // normalised; CONNECT and schema USAGE too, where PUBLIC lacks them
    PrivilegeSet lacking;    // the part of it that the admin cannot give
    StringList roles;        // to be made a member of
    StringList owning_roles; // of these, those whose members have objects to give away
    StringList absent;       // "table "s"."t""
    StringList unassumed_owners; // whose future tables the admin cannot give away
    RefusedRole *refused;        // roles of the plan that nobody may be made a member of
    size_t refused_count;
} Resolution;

// Fails only where the server does, for a name that cannot be one, or FAILURE_UNSUPPORTED for a
// privilege this server does not know.
MUST_USE Status pg_resolve_access(Operation *operation, const AccessItems *access,
                                  Resolution *ret_resolution, Error *reterr);

// FAILURE_NOT_FOUND, FAILURE_REFUSED or FAILURE_DENIED, naming what; or STATUS_OK.
MUST_USE Status pg_resolution_require(Operation *operation, const Resolution *resolution,
                                      Error *reterr);
