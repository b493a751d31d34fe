// Small questions about text that comes from outside.
#pragma once

#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct StringList {
    const char **items;
    size_t count;
    size_t capacity; // kept by string_list_add; 0 in a list it did not make. Two copies of one list
                     // may not both be added to.
} StringList;

bool text_equal(const char *a, const char *b); // NULL equals only NULL
bool text_is_utf8(const char *text, size_t length);
// Bytes of the first character, and the character; 0 when these bytes do not begin with one.
size_t text_decode(const char *text, size_t length, uint32_t *ret_character);
// The longest length up to max_length that does not cut a character.
size_t text_cut(const char *text, size_t length, size_t max_length);
bool text_starts_with(const char *text, const char *prefix);
// Has no control characters (U+0000 to U+001F, U+007F to U+009F) and no bidirectional overrides.
bool text_is_printable(const char *text);
bool character_is_printable(uint32_t character);
// Copies with anything unprintable as '?', for terminals and logs.
const char *text_printable(Arena *arena, const char *text);

bool string_list_has(const StringList *list, const char *item);
void string_list_add(Arena *arena, StringList *list, const char *item); // copies the item
// "a, b, c"
const char *string_list_join(Arena *arena, const StringList *list, const char *separator);

// Standard base64 with padding.
const char *base64_encode(Arena *arena, const void *bytes, size_t length);
// False when it is not base64 or longer than max_length bytes.
bool text_is_base64(const char *text); // of nothing but its characters
bool base64_decode(Arena *arena, const char *text, size_t max_length, void **ret_bytes,
                   size_t *ret_length);
const char *hex_encode(Arena *arena, const void *bytes, size_t length); // lower case
bool hex_decode(const char *text, void *bytes, size_t length);          // exactly length bytes
