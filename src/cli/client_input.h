// A client that takes a password from its standard input alone gets it there, and after it
// everything that comes from ours.
#pragma once

#include "base/buffer.h"
#include "base/error.h"

// Runs it to its end, then ends this process as it ended. Returns only when it cannot be started.
MUST_USE Status client_run_typed(const char *program, char *const *words, Buffer *typed,
                                 Error *reterr);
