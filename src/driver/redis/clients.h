// Who is connected: CLIENT LIST, a line for each connection.
#pragma once

#include "driver/redis/operation.h"

MUST_USE Status redis_clients_read(Operation *operation, const char **ret_list, Error *reterr);
// Connections of that user in the list.
int64_t redis_clients_count(const char *list, const char *user);
// "redis-cli from 10.0.0.7:4711 in database 0, since 12 s", at most `most`.
StringList redis_clients_describe(Arena *arena, const char *list, const char *user, size_t most);
// How many there are; 0 where that cannot be read.
int64_t redis_clients_present(Operation *operation, const char *user);
// Ends the connections of that user and looks until none is left, never the session's own. They
// are counted in the outcome, of `before` that were there: the server itself ends those that listen
// to a channel they may no longer. "sessions_left"
MUST_USE Status redis_clients_end(Operation *operation, const char *user, int64_t before,
                                  Error *reterr);
