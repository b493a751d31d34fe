// Random identifiers: a prefix that says what it is and 16 characters of [a-z2-7], 80 bits.
#pragma once

#include "base/memory.h"

enum { ID_MAX = 32 };

// id_new(arena, "req") gives "req_k3v5…".
const char *id_new(Arena *arena, const char *prefix);
// Text of a bearer token: prefix and 256 random bits in base64url, as "dps_…".
enum { TOKEN_TEXT_MAX = 64 };
const char *token_new(Arena *arena, const char *prefix);
// BLAKE2b-256 of the text, in hex: what the store keeps of a token. 64 characters.
const char *token_hash(Arena *arena, const char *token);
