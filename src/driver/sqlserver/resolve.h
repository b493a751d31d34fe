// What a plan's access means on this server now: the exact statements that give it, database by
// database, and what of it is not there. Reads only; grant and check stand on the same answer.
#pragma once

#include "driver/sqlserver/operation.h"
#include "driver/sqlserver/statement.h"

// Privileges on one securable.
typedef struct Wanted {
    const char *database;
    TsqlSecurable securable;
    StringList privileges;
    StringList columns;
    bool can_give; // the admin may hand these on
} Wanted;

typedef struct WantedRole {
    const char *database;
    const char *role;
    const char *refusal; // why nobody is made its member; NULL: no reason
    bool can_give;
} WantedRole;

typedef struct Resolution {
    Wanted *wanted;
    size_t wanted_count;
    WantedRole *roles;
    size_t role_count;
    StringList absent; // "table [s].[t] in database "d""
} Resolution;

// Fails only where the server does, for a name that cannot be one, or where a database cannot be
// used at all.
MUST_USE Status mssql_resolve_access(Operation *operation, const Plan *plan,
                                     Resolution *ret_resolution, Error *reterr);
// FAILURE_NOT_FOUND, FAILURE_REFUSED or FAILURE_DENIED, naming what; or STATUS_OK.
MUST_USE Status mssql_resolution_require(Operation *operation, const Resolution *resolution,
                                         Error *reterr);
// "SELECT, INSERT on object [s].[t] in database "d""
const char *mssql_wanted_describe(Arena *arena, const Wanted *wanted);
