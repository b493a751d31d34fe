// The driver manager of this process, and the drivers that are installed for it.
#pragma once

#include "base/error.h"
#include "base/text.h"

// SQLHENV; made once, and never given back. Turns the driver manager's tracing off, which would
// write statements to a file. NULL where there is no memory.
void *odbc_environment(void);

// Names of the installed drivers, as odbcinst.ini has them.
StringList odbc_drivers(Arena *arena);
// The first of `candidates` that is installed, of `count`. "odbc_driver_missing" names all of them,
// and says what to install.
MUST_USE Status odbc_driver_choose(Arena *arena, const char *engine, const char *const *candidates,
                                   size_t count, const char *install, const char **ret_driver,
                                   Error *reterr);
