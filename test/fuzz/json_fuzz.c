// json_read: what it accepts is within its bounds and comes back the same; what it refuses, it
// refuses with a message that can be shown.
#include "base/json.h"
#include "base/text.h"
#include "fuzz/target.h"

#include <assert.h>
#include <string.h>

static size_t depth_of(const json_t *value) {
    size_t deepest = 0;
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            size_t depth = depth_of(json_array_get(value, i));
            deepest = depth > deepest ? depth : deepest;
        }
        return deepest + 1;
    }
    if (!json_is_object(value))
        return 0;
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member) {
        size_t depth = depth_of(member);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *value = NULL;
    Error error = {0};
    if (json_read(arena, (const char *)data, size, &value, &error) != STATUS_OK) {
        assert(value == NULL);
        assert(strcmp(error.code, "malformed_json") == 0);
        assert(error.message[0] != '\0' && text_is_printable(error.message));
        return 0;
    }
    assert(error.status == STATUS_OK);
    assert(text_is_utf8((const char *)data, size));
    assert(memchr(data, '\0', size) == NULL);
    assert(depth_of(value) <= JSON_MAX_DEPTH);
    const char *text = json_text(arena, value);
    json_t *again = NULL;
    Status status = json_read(arena, text, strlen(text), &again, NULL);
    assert(status == STATUS_OK);
    assert(strcmp(json_text(arena, again), text) == 0);
    const char *indented = json_text_indented(arena, value);
    status = json_read(arena, indented, strlen(indented), &again, NULL);
    assert(status == STATUS_OK);
    assert(strcmp(json_text(arena, again), text) == 0);
    (void)status;
    return 0;
}
