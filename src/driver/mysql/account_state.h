// What the catalog says of marked accounts beside their own row: their roles, what they hold on the
// whole server, and what on schemas, tables, columns and routines.
#pragma once

#include "driver/mysql/account.h"

// States of these accounts, in their order.
MUST_USE Status my_account_states_read(Operation *operation, const Accounts *accounts,
                                       AccountState **ret_states, Error *reterr);
// Text of any bytes, fit to be sent.
const char *my_account_text(Arena *arena, const char *text);
