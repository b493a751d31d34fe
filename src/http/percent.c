#include "http/percent.h"

#include "base/text.h"

#include <string.h>

static const char DIGITS[] = "0123456789ABCDEF";

static int digit_value(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

static bool is_unreserved(char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') ||
           (character != '\0' && strchr("-._~", character) != NULL);
}

Status percent_decode(Arena *arena, PercentForm form, const char *text, size_t length,
                      const char **ret_text, Error *reterr) {
    char *decoded = arena_alloc(arena, length + 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '+' && form == PERCENT_QUERY) {
            decoded[used++] = ' ';
        } else if (text[i] != '%') {
            decoded[used++] = text[i];
        } else {
            int high = i + 2 < length ? digit_value(text[i + 1]) : -1;
            int low = high >= 0 ? digit_value(text[i + 2]) : -1;
            if (low < 0)
                return error_set(reterr, STATUS_INVALID, "malformed_target",
                                 "a '%%' in the request target must be followed by two "
                                 "hexadecimal digits");
            decoded[used++] = (char)(high * 16 + low);
            i += 2;
        }
    }
    if (memchr(decoded, '\0', used) != NULL)
        return error_set(reterr, STATUS_INVALID, "malformed_target",
                         "the request target holds a NUL character");
    if (!text_is_utf8(decoded, used))
        return error_set(reterr, STATUS_INVALID, "malformed_target",
                         "the request target is not valid UTF-8");
    *ret_text = decoded;
    return STATUS_OK;
}

const char *percent_encode(Arena *arena, const char *text) {
    char *encoded = arena_alloc(arena, strlen(text) * 3 + 1);
    size_t used = 0;
    for (; *text != '\0'; text++) {
        if (is_unreserved(*text)) {
            encoded[used++] = *text;
        } else {
            encoded[used++] = '%';
            encoded[used++] = DIGITS[(unsigned char)*text >> 4];
            encoded[used++] = DIGITS[(unsigned char)*text & 15];
        }
    }
    return encoded;
}
