// What an account owns goes to the plan's custodian; nothing is ever dropped.
#pragma once

#include "driver/postgresql/operation.h"
#include "driver/postgresql/role.h"

// In the session's database. What cannot be handed over becomes an obstacle; only failures worth
// repeating are returned.
MUST_USE Status pg_hand_over(Operation *operation, const Role *account, const char *custodian,
                             Error *reterr);
