#include "base/text.h"

#include "base/buffer.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

enum {
    SURROGATE_FIRST = 0xD800,
    SURROGATE_LAST = 0xDFFF,
    CHARACTER_LAST = 0x10FFFF,
    FIRST_LIST_CAPACITY = 8,
};

bool text_equal(const char *a, const char *b) {
    if (a == NULL || b == NULL)
        return a == b;
    return strcmp(a, b) == 0;
}

size_t text_decode(const char *text, size_t length, uint32_t *ret_character) {
    if (length == 0)
        return 0;
    const unsigned char *bytes = (const unsigned char *)text;
    if (bytes[0] < 0x80) {
        *ret_character = bytes[0];
        return 1;
    }
    size_t size;
    uint32_t character, least; // least: below it a shorter form exists, so this one is overlong
    if (bytes[0] >= 0xC0 && bytes[0] < 0xE0) {
        size = 2, character = bytes[0] & 0x1Fu, least = 0x80;
    } else if (bytes[0] >= 0xE0 && bytes[0] < 0xF0) {
        size = 3, character = bytes[0] & 0x0Fu, least = 0x800;
    } else if (bytes[0] >= 0xF0 && bytes[0] < 0xF8) {
        size = 4, character = bytes[0] & 0x07u, least = 0x10000;
    } else {
        return 0;
    }
    if (length < size)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xC0u) != 0x80)
            return 0;
        character = character << 6 | (bytes[i] & 0x3Fu);
    }
    if (character < least || character > CHARACTER_LAST ||
        (character >= SURROGATE_FIRST && character <= SURROGATE_LAST))
        return 0;
    *ret_character = character;
    return size;
}

bool text_is_utf8(const char *text, size_t length) {
    uint32_t character;
    for (size_t at = 0; at < length;) {
        size_t size = text_decode(text + at, length - at, &character);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

size_t text_cut(const char *text, size_t length, size_t max_length) {
    if (length <= max_length)
        return length;
    // A character has at most three bytes that go on; more than that is no text anyway.
    size_t cut = max_length;
    for (int back = 0; back < 3 && cut > 0 && ((unsigned char)text[cut] & 0xC0u) == 0x80; back++)
        cut--;
    return cut;
}

bool text_starts_with(const char *text, const char *prefix) {
    return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool character_is_printable(uint32_t character) {
    if (character < 0x20 || (character >= 0x7F && character <= 0x9F))
        return false;
    // U+2028 and U+2029 end a line. Embeddings, overrides and isolates (Unicode UAX #9) show text
    // in another order than it is. The marks (U+200E, U+200F) only help ordinary right-to-left text
    // and stay.
    return !(character >= 0x2028 && character <= 0x202E) &&
           !(character >= 0x2066 && character <= 0x2069);
}

bool text_is_printable(const char *text) {
    size_t length = strlen(text);
    uint32_t character;
    for (size_t at = 0; at < length;) {
        size_t size = text_decode(text + at, length - at, &character);
        if (size == 0 || !character_is_printable(character))
            return false;
        at += size;
    }
    return true;
}

const char *text_printable(Arena *arena, const char *text) {
    if (text == NULL)
        return NULL;
    size_t length = strlen(text);
    char *copy = arena_alloc(arena, length + 1); // never longer than the text
    size_t used = 0;
    for (size_t at = 0; at < length;) {
        uint32_t character;
        size_t size = text_decode(text + at, length - at, &character);
        if (size > 0 && character_is_printable(character)) {
            memcpy(copy + used, text + at, size);
            used += size;
        } else {
            copy[used++] = '?';
        }
        at += size > 0 ? size : 1;
    }
    return copy;
}

bool string_list_has(const StringList *list, const char *item) {
    for (size_t i = 0; i < list->count; i++) {
        if (text_equal(list->items[i], item))
            return true;
    }
    return false;
}

void string_list_add(Arena *arena, StringList *list, const char *item) {
    if (list->count >= list->capacity) {
        size_t capacity = list->count < FIRST_LIST_CAPACITY ? FIRST_LIST_CAPACITY : list->count * 2;
        const char **items = arena_alloc(arena, capacity * sizeof(*items));
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = arena_strdup(arena, item);
}

const char *string_list_join(Arena *arena, const StringList *list, const char *separator) {
    size_t separator_length = strlen(separator);
    size_t size = 1;
    for (size_t i = 0; i < list->count; i++)
        size += strlen(list->items[i]) + separator_length;
    char *text = arena_alloc(arena, size);
    char *end = text;
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) {
            memcpy(end, separator, separator_length);
            end += separator_length;
        }
        size_t length = strlen(list->items[i]);
        memcpy(end, list->items[i], length);
        end += length;
    }
    return text;
}

const char *base64_encode(Arena *arena, const void *bytes, size_t length) {
    size_t size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena_alloc(arena, size);
    return sodium_bin2base64(text, size, bytes, length, sodium_base64_VARIANT_ORIGINAL);
}

// libsodium 1.0.18 takes bytes that are no ASCII for characters of its alphabet.
bool text_is_base64(const char *text) {
    static const char ALPHABET[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    return text[strspn(text, ALPHABET)] == '\0';
}

bool base64_decode(Arena *arena, const char *text, size_t max_length, void **ret_bytes,
                   size_t *ret_length) {
    size_t text_length = strlen(text);
    if (text_length / 4 > max_length / 3 + 1 || !text_is_base64(text)) // before memory is asked for
        return false;
    size_t size = text_length / 4 * 3;
    unsigned char *bytes = arena_alloc(arena, size + 1);
    size_t length;
    if (sodium_base642bin(bytes, size, text, text_length, NULL, &length, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        length > max_length)
        return false;
    *ret_bytes = bytes;
    *ret_length = length;
    return true;
}

const char *hex_encode(Arena *arena, const void *bytes, size_t length) {
    char *text = arena_alloc(arena, length * 2 + 1);
    return sodium_bin2hex(text, length * 2 + 1, bytes, length);
}

bool hex_decode(const char *text, void *bytes, size_t length) {
    if (strlen(text) != length * 2 || strspn(text, "0123456789abcdefABCDEF") != length * 2)
        return false;
    return sodium_hex2bin(bytes, length, text, length * 2, NULL, NULL, NULL) == 0;
}
