// Ending an account's sessions, and seeing them ended.
#pragma once

#include "driver/sqlserver/operation.h"

// After the login was disabled. "sessions_left", worth repeating, where some do not end;
// FAILURE_DENIED with an obstacle where the admin cannot see or end them.
MUST_USE Status mssql_sessions_end(Operation *operation, const char *login, Error *reterr);
// 1 where the admin may see others' sessions.
extern const char MSSQL_SEES_SESSIONS_SQL[];
