// Giving one view, routine, trigger or event another definer: by one statement that does it whole
// or not at all, where the server has one.
#pragma once

#include "driver/mysql/definers.h"

// Where it cannot be done, *ret_why says so and *ret_repair has the SQL for somebody who can; both
// are left alone when it was done. Only failures worth repeating are returned.
MUST_USE Status my_define_again(Operation *operation, const Defined *defined, MyName from,
                                MyName to, const char **ret_why, const char **ret_repair,
                                Error *reterr);
