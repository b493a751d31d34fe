// Any bytes as a YAML file: read or refused with a place; what is read has a place for everything
// and comes back the same from its formatted text.
#include "fuzz/target.h"

#include "base/text.h"
#include "config/yaml.h"

#include <stdlib.h>
#include <string.h>

static void require(bool condition) {
    if (!condition)
        abort(); // also where assert is compiled out
}

static bool has_long_key(const json_t *value) {
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)(uintptr_t)value, key, item) {
        // libyaml takes no implicit key above 1024 bytes.
        if (strlen(key) > 200 || has_long_key(item))
            return true;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (has_long_key(json_array_get(value, i)))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *value = NULL;
    YamlPlaces *places = NULL;
    Error error = {0};
    if (yaml_read(arena, "f.yaml", (const char *)data, size, &value, &places, &error) !=
        STATUS_OK) {
        require(text_starts_with(error.message, "f.yaml:") && text_is_printable(error.message));
        return 0;
    }
    require(text_starts_with(yaml_place(arena, places, "/flows/0/name"), "f.yaml:"));
    if (has_long_key(value))
        return 0;
    const char *yaml = yaml_format(arena, value);
    json_t *again = NULL;
    YamlPlaces *again_places = NULL;
    require(yaml_read(arena, "f.yaml", yaml, strlen(yaml), &again, &again_places, &error) ==
            STATUS_OK);
    require(json_equal(value, again));
    return 0;
}
