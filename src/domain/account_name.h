// Names of temporary accounts: temp_john_a1b2c3.
#pragma once

#include "base/error.h"
#include "base/memory.h"

enum { ACCOUNT_NAME_MAX = 30, ACCOUNT_PREFIX_MAX = 12 };

// prefix ("temp_"), the requester's name up to '@' folded to [a-z0-9_] (never empty: "user"),
// '_', and `unique`, 6 or more characters of [a-z0-9]. Only the middle is cut.
const char *account_name_build(Arena *arena, const char *prefix, const char *requester,
                               const char *unique);
// Starts with a letter, [a-z0-9_] only, ends with '_', at most ACCOUNT_PREFIX_MAX.
MUST_USE Status account_prefix_check(const char *prefix, Error *reterr);
