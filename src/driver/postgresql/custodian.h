// Whether the role that shall own what an account made can take it. Never one with power: triggers
// and functions that somebody made would run with it.
#pragma once

#include "driver/postgresql/owned.h"

// Not fit: what speaks against it has become obstacles, each with its repair.
MUST_USE Status pg_custodian_check(Operation *operation, const Role *account, const char *custodian,
                                   const Owned *owned, bool *ret_fit, Error *reterr);

// "account owns objects in database …, and `why`", with the statement that hands them over.
void pg_custodian_add_obstacle(Operation *operation, const Role *account, const Owned *owned,
                               const char *custodian, const char *why);
