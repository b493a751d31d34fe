// Worlds on the Redis server that scripts/test-servers started.
#pragma once

#include <hiredis/hiredis.h>

#include "driver_world.h"

extern const Engine REDIS_ENGINE;

typedef struct RedisServer {
    const char *host;
    int port;
    int tls_port;
    const char *socket;
    const char *acl_file;
} RedisServer;

// Ends the process, loudly, where the DAYPASS_TEST_… variables are missing.
RedisServer redis_server(void);

// What only Redis's own tests say: one command, its words with a space between, as superuser. The
// reply is freed with the world; an error fails the test.
redisReply *redis_run(World *world, const char *format, ...) PRINTF_LIKE(2, 3);
const RedisServer *redis_server_of(World *world);
const char *redis_superuser_password(World *world);
// As a user: whether it was done.
bool redis_user_run(UserSession *user, const char *format, ...) PRINTF_LIKE(2, 3);
