// libsodium, made ready. Whoever calls it outside src/base says crypto_start first.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

// Any number of times, from any thread. Ends the process where there is no source of randomness.
void crypto_start(void);

// Guarded pages, locked where the limit of locked memory allows, left out of core dumps always.
// Ends the process where there are none. Given back with sodium_free, which wipes.
void *crypto_alloc(size_t size);

// Whether the text is exactly `size` bytes in base64, and nothing after them.
bool crypto_decode(const char *text, unsigned char *bytes, size_t size);

// A private key on disk is 32 bytes in base64, in a file that its owner alone may read.
enum { PRIVATE_KEY_BYTES = 32 };
// "bad_key" says `what` was expected; a file that others may read is refused.
MUST_USE Status key_file_read(const char *path, const char *what,
                              unsigned char key[PRIVATE_KEY_BYTES], Error *reterr);
// Replaces what is there, or, with `create_only`, fails with STATUS_CONFLICT.
MUST_USE Status key_file_write(const char *path, const unsigned char key[PRIVATE_KEY_BYTES],
                               bool create_only, Error *reterr);
