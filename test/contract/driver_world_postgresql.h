// Worlds on PostgreSQL, one server for each that scripts/test-servers started.
#pragma once

#include "driver_world.h"

extern const Engine POSTGRESQL_ENGINE;

typedef struct PostgresqlServer {
    const char *name; // "postgresql-15"
    const char *host;
    int port;
    const char *log;
} PostgresqlServer;

// Ends the process, loudly, where the DAYPASS_TEST_… variables are missing.
size_t postgresql_servers(const PostgresqlServer **ret_servers);
