// Reads the diagnostic records of a handle.
#pragma once

#include "driver/odbc/answer.h"

#include <sql.h>
#include <sqlext.h>

// Adds them to what the answer has already, up to its limit. Memory is the arena's.
void odbc_diagnostics_read(SQLSMALLINT kind, SQLHANDLE handle, Arena *arena, OdbcAnswer *answer);
// Whether one of them is of that SQLSTATE, or of the class that its two characters name.
bool odbc_diagnostics_have(const OdbcAnswer *answer, const char *prefix);
