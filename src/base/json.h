// The only door between bytes and JSON values: ceilings, UTF-8, no duplicate keys, bounded depth.
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <jansson.h>

// Each value costs far more memory than the two bytes that may be enough to write it.
enum { JSON_MAX_DEPTH = 32, JSON_MAX_VALUES = 400000 };

// From here on the memory of JSON values is wiped when it is freed: for programs whose JSON holds
// secrets. Once, before the first value is made.
void json_wipe_freed(void);

// The value belongs to the arena. "malformed_json" says where; depth above JSON_MAX_DEPTH,
// duplicate keys, invalid UTF-8 and NUL characters are refused. "too_many_values" above
// JSON_MAX_VALUES.
MUST_USE Status json_read(Arena *arena, const char *bytes, size_t length, json_t **ret_value,
                          Error *reterr);

// Compact, keys sorted: the same value gives the same bytes, whatever made it.
const char *json_text(Arena *arena, const json_t *value);
const char *json_text_indented(Arena *arena, const json_t *value);

// Hands a new reference to the arena and gives it back, borrowed.
json_t *json_keep(Arena *arena, json_t *take_value);
