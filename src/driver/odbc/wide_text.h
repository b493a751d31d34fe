// UTF-16 in the machine's own byte order, which is how ODBC takes and gives text, and UTF-8, which
// is how we do.
#pragma once

#include "base/buffer.h"
#include "base/memory.h"

#include <stdint.h>

// Adds the text and, with `ends`, the NUL that ends it. False, and nothing is added, where it is
// not UTF-8.
bool wide_text_add(Buffer *wide, const char *text, bool ends);
// Half a pair becomes U+FFFD, and so does a NUL. `count`: units of two bytes.
char *wide_text_read(Arena *arena, const uint16_t *units, size_t count);
