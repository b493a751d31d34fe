// Worlds on PostgreSQL, one server for each that scripts/test-servers started.
#pragma once

#include "driver_world.h"

extern const Engine POSTGRESQL_ENGINE;

enum { POSTGRESQL_SERVER_COUNT = 2 };
typedef struct PostgresqlServer {
    const char *name; // "postgresql-15"
    const char *host;
    int port;
    const char *log;
} PostgresqlServer;

// Gives its number, or -1 for a name of none. Ends the process, loudly, where the DAYPASS_TEST_…
// variables are missing.
int postgresql_server(const char *name, PostgresqlServer *ret_server);

// What only PostgreSQL's own tests say: SQL, as superuser, in a database (NULL: the target's). The
// number is the first column of the first row.
void pg_run(World *world, const char *database, const char *sql);
int64_t pg_number(World *world, const char *database, const char *sql);
// And as a user.
Answer pg_answer(World *world, const char *account, const char *password, const char *sql);
bool pg_user_run(UserSession *user, const char *sql);
