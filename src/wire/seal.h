// Sealed credentials: libsodium sealed boxes (X25519, XSalsa20-Poly1305) that only the requester's
// client opens.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/secret.h"

#include <stddef.h>

// What is inside a box, as JSON; see CREDENTIAL_SHAPE in messages.h.

typedef struct SealKey SealKey; // X25519 pair in locked memory
SealKey *seal_key_new(void);
SealKey *seal_key_free(SealKey *key);
DEFINE_CLEANUP(SealKey, seal_key_free)
MUST_USE Status seal_key_load(const char *path, SealKey **ret_key,
                              Error *reterr); // 0600 or refused
MUST_USE Status seal_key_save(const SealKey *key, const char *path, Error *reterr);
const char *seal_key_public_text(Arena *arena, const SealKey *key); // base64, 44 characters
// STATUS_INVALID "bad_public_key" for anything that is not 32 bytes in base64, or a weak point.
MUST_USE Status seal_public_key_check(const char *public_text, Error *reterr);

// base64 of the box.
MUST_USE Status seal_close(Arena *arena, const char *public_text, const Secret *content,
                           const char **ret_sealed, Error *reterr);
// "cannot_open" when it was sealed to another key or is damaged.
MUST_USE Status seal_open(const SealKey *key, const char *sealed, Secret **ret_content,
                          Error *reterr);
