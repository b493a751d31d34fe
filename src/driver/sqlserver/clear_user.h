// Clearing one of the account's users out of its database: what it owns goes to the custodian, what
// it holds is taken back, then the user is dropped.
#pragma once

#include "driver/sqlserver/account.h"

// What is in the way is in the outcome's obstacles afterwards.
MUST_USE Status mssql_user_clear(Operation *operation, const User *user, const char *custodian,
                                 Error *reterr);
