#include "driver/odbc/wide_text.h"

#include <string.h>

#include "base/text.h"

enum {
    UNIT_BYTES = sizeof(uint16_t),
    UTF8_BYTES_OF_UNIT = 3, // at most
    FIRST_PAIRED = 0x10000,
    HIGH_FIRST = 0xD800,
    LOW_FIRST = 0xDC00,
    LOW_LAST = 0xDFFF,
    HALF_BITS = 10,
    HALF_MASK = 0x3FF,
    REPLACEMENT = 0xFFFD,
};

static void add_unit(Buffer *wide, uint32_t unit) {
    uint16_t value = (uint16_t)unit;
    buffer_add_bytes(wide, &value, UNIT_BYTES);
}

bool wide_text_add(Buffer *wide, const char *text, bool ends) {
    size_t length = strlen(text);
    if (!text_is_utf8(text, length))
        return false;
    for (size_t at = 0; at < length;) {
        uint32_t character = 0;
        at += text_decode(text + at, length - at, &character);
        if (character >= FIRST_PAIRED) {
            add_unit(wide, HIGH_FIRST + ((character - FIRST_PAIRED) >> HALF_BITS));
            add_unit(wide, LOW_FIRST + ((character - FIRST_PAIRED) & HALF_MASK));
        } else {
            add_unit(wide, character);
        }
    }
    if (ends)
        add_unit(wide, 0);
    return true;
}

static size_t encode(uint32_t character, char *into) {
    if (character < 0x80) {
        into[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        into[0] = (char)(0xC0 | character >> 6);
        into[1] = (char)(0x80 | (character & 0x3F));
        return 2;
    }
    if (character < FIRST_PAIRED) {
        into[0] = (char)(0xE0 | character >> 12);
        into[1] = (char)(0x80 | (character >> 6 & 0x3F));
        into[2] = (char)(0x80 | (character & 0x3F));
        return 3;
    }
    into[0] = (char)(0xF0 | character >> 18);
    into[1] = (char)(0x80 | (character >> 12 & 0x3F));
    into[2] = (char)(0x80 | (character >> 6 & 0x3F));
    into[3] = (char)(0x80 | (character & 0x3F));
    return 4;
}

static bool is_low(uint32_t unit) {
    return unit >= LOW_FIRST && unit <= LOW_LAST;
}

char *wide_text_read(Arena *arena, const uint16_t *units, size_t count) {
    // A pair is two units and four bytes: less than three a unit.
    char *text = arena_alloc(arena, count * UTF8_BYTES_OF_UNIT + 1);
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t character = units[i];
        if (character >= HIGH_FIRST && character < LOW_FIRST && i + 1 < count &&
            is_low(units[i + 1]))
            character = FIRST_PAIRED + ((character - HIGH_FIRST) << HALF_BITS) +
                        (units[++i] - (uint32_t)LOW_FIRST);
        else if (character == 0 || (character >= HIGH_FIRST && character <= LOW_LAST))
            character = REPLACEMENT;
        length += encode(character, text + length);
    }
    text[length] = '\0';
    return text;
}
