// The accounts on a server that carry Daypass's mark.
#pragma once

#include "driver/postgresql/operation.h"

MUST_USE Status pg_accounts_list(Operation *operation, FoundAccounts *ret_accounts, Error *reterr);
