#include "domain/account_name.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz";
static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

// Folds to [a-z0-9_]; runs of anything else become one '_', none at either end.
static size_t fold(const char *name, size_t length, char *folded, size_t size) {
    size_t used = 0;
    bool gap = false;
    for (size_t i = 0; i < length && used < size; i++) {
        char c = name[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) {
            gap = true;
            continue;
        }
        if (gap && used > 0)
            folded[used++] = '_';
        gap = false;
        if (used < size)
            folded[used++] = c;
    }
    while (used > 0 && folded[used - 1] == '_')
        used--;
    return used;
}

const char *account_name_build(Arena *arena, const char *prefix, const char *requester,
                               const char *unique) {
    size_t fixed = strlen(prefix) + 1 + strlen(unique);
    assert(strlen(unique) >= 6 && fixed < ACCOUNT_NAME_MAX);
    char middle[ACCOUNT_NAME_MAX];
    size_t room = ACCOUNT_NAME_MAX - fixed;
    size_t length = fold(requester, strcspn(requester, "@"), middle, room);
    if (length == 0)
        length = fold("user", 4, middle, room);
    return arena_printf(arena, "%s%.*s_%s", prefix, (int)length, middle, unique);
}

Status account_prefix_check(const char *prefix, Error *reterr) {
    size_t length = strlen(prefix);
    bool good = length >= 2 && length <= ACCOUNT_PREFIX_MAX && strchr(LETTERS, prefix[0]) != NULL &&
                prefix[strspn(prefix, ALLOWED)] == '\0' && prefix[length - 1] == '_';
    if (!good)
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected 2 to %d characters of a-z, 0-9 and _, beginning with a letter "
                         "and ending with _",
                         ACCOUNT_PREFIX_MAX);
    return STATUS_OK;
}
