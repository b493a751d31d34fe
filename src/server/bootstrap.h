// The first administrator of a new installation: a token in a file, good for one sign-in.
#pragma once

#include "base/clock.h"
#include "store/store.h"

// As long as no administrator can sign in: makes sure that the file holds a token that works, and
// logs where it is. Afterwards: that there is no file.
MUST_USE Status bootstrap_prepare(Store *store, const Clock *clock, const char *path,
                                  Error *reterr);
// The token was used.
void bootstrap_finish(const char *path);
