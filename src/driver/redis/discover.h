// What there is to grant on: databases with keys in them, and how the keys of the session's own
// begin.
#pragma once

#include "driver/redis/operation.h"

MUST_USE Status redis_discover(Operation *operation, Discovery *ret_discovery, Error *reterr);
// "cache:*" of "cache:user:7"; NULL where there is no such beginning, or none for people.
const char *redis_key_prefix(Arena *arena, const char *key, size_t length);
