// Growing bytes with a ceiling they are born with; always followed by a NUL.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct Buffer {
    char *bytes; // never NULL after buffer_append of anything; use buffer_text to read
    size_t length;
    size_t capacity;
    size_t ceiling; // 0: no ceiling, for text whose size we decide ourselves
    bool wipe;      // wiped when it grows and when it is done: it may hold a secret
} Buffer;

// Buffer buffer = {.ceiling = 65536}; is a valid start.
void buffer_done(Buffer *buffer);

// STATUS_TOO_LARGE above the ceiling, and nothing is added then.
MUST_USE Status buffer_append(Buffer *buffer, const void *bytes, size_t length, Error *reterr);

// For buffers without ceiling.
void buffer_add(Buffer *buffer, const char *text);
void buffer_add_bytes(Buffer *buffer, const void *bytes, size_t length);
void buffer_addf(Buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

// Borrowed; "" when nothing was added.
const char *buffer_text(const Buffer *buffer);
