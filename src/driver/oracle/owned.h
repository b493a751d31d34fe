// What an account owns. Nothing in Oracle changes its owner, so that each of it is in the way of
// removing the account, with words on how to save it.
#pragma once

#include "driver/oracle/operation.h"

enum { ORACLE_OWNED_NAMED = 100 };

// Type and name of each, ORACLE_OWNED_NAMED at most, and how many there are in all in the third.
MUST_USE Status oracle_owned_read(Operation *operation, const char *user, Rows **ret_rows,
                                  Error *reterr);
// Adds an obstacle for each. `custodian`: who could have a copy; may be NULL.
MUST_USE Status oracle_owned_find(Operation *operation, const char *user, const char *custodian,
                                  Error *reterr);
