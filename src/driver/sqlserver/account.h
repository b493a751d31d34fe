// What the server says of an account: its login, its users in the databases, and its mark, which is
// an extended property of each of these users.
#pragma once

#include "driver/account_mark.h"
#include "driver/sqlserver/operation.h"

typedef struct Login {
    const char *name;
    const char *sid;
    const char *key; // principal_id
    bool disabled;
    int64_t now_at; // the server's clock
} Login;

// The plan's login, by its SID, under whatever name it is. FAILURE_CONFLICT "account_taken": one of
// that name is there with another SID.
MUST_USE Status mssql_login_read(Operation *operation, const Plan *plan, bool *ret_found,
                                 Login *ret_login, Error *reterr);

typedef struct Database {
    const char *name;
    const char *state; // "ONLINE", "OFFLINE", …
    bool is_open;      // to the admin
    bool is_readonly;
    bool is_system;
} Database;
typedef struct Databases {
    Database *items;
    size_t count;
} Databases;
MUST_USE Status mssql_databases_read(Operation *operation, Databases *ret_databases, Error *reterr);

typedef struct User {
    const char *database;
    const char *name;
    const char *sid;
    int64_t id;
    const char *mark; // as it is there; NULL: none
} User;
typedef struct Users {
    User *items;
    size_t count;
} Users;
// In all databases that are open to the admin: of one SID, or, with NULL, of all that begin like
// those of Daypass.
MUST_USE Status mssql_users_read(Operation *operation, const Databases *databases, const char *sid,
                                 Users *ret_users, Error *reterr);

// The mark on one of these users, of that SID; false: there is none that can be read.
bool mssql_users_mark(Arena *arena, const Users *users, const char *sid, AccountMark *ret_mark);

// The databases where the plan has a user: the integration's, then the others, each once.
StringList mssql_plan_databases(Arena *arena, const Plan *plan);
// Whether this is one of them, as the server calls it: most servers take SHOP for shop.
bool mssql_plan_uses(Arena *arena, const Plan *plan, const char *database);
