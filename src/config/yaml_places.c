#include "config/yaml_places.h"

#include "base/buffer.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void append(YamlPlaces *inside, YamlPlaces *added) {
    if (inside->last != NULL)
        inside->last->next = added;
    else
        inside->first = added;
    inside->last = added;
}

static YamlPlaces *member(const YamlPlaces *inside, const char *key) {
    for (YamlPlaces *at = inside->first; at != NULL; at = at->next) {
        if (at->key != NULL && text_equal(at->key, key))
            return at;
    }
    return NULL;
}

static YamlPlaces *item(const YamlPlaces *inside, size_t index) {
    YamlPlaces *at = inside->first;
    for (; at != NULL && index > 0; index--)
        at = at->next;
    return at;
}

YamlPlaces *yaml_places_root(Arena *arena, const char *file) {
    YamlPlaces *root = arena_alloc(arena, sizeof(*root));
    *root = (YamlPlaces){.file = arena_strdup(arena, file), .line = 1};
    return root;
}

YamlPlaces *yaml_places_add(Arena *arena, YamlPlaces *inside, const char *key, size_t line) {
    YamlPlaces *added = arena_alloc(arena, sizeof(*added));
    *added = (YamlPlaces){.file = inside->file, .key = arena_strdup(arena, key), .line = line};
    append(inside, added);
    return added;
}

size_t yaml_places_line_of(const YamlPlaces *inside, const char *key) {
    const YamlPlaces *at = member(inside, key);
    return at != NULL ? at->line : 0;
}

// One token of a JSON pointer (RFC 6901) as text: "~1" is "/", "~0" is "~".
static const char *token_text(Arena *arena, const char *token, size_t length) {
    char *text = arena_alloc(arena, length + 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char character = token[i];
        if (character == '~' && i + 1 < length && (token[i + 1] == '0' || token[i + 1] == '1'))
            character = token[++i] == '0' ? '~' : '/';
        text[used++] = character;
    }
    return text;
}

static const YamlPlaces *child(Arena *arena, const YamlPlaces *inside, const char *token,
                               size_t length) {
    if (inside->first == NULL)
        return NULL;
    const char *text = token_text(arena, token, length);
    if (inside->first->key != NULL)
        return member(inside, text);
    if (length == 0 || length > 9 || strspn(text, "0123456789") != length)
        return NULL;
    return item(inside, strtoul(text, NULL, 10));
}

const char *yaml_place(Arena *arena, const YamlPlaces *places, const char *pointer) {
    const YamlPlaces *at = places;
    while (pointer != NULL && *pointer == '/') {
        const char *token = pointer + 1;
        size_t length = strcspn(token, "/");
        const YamlPlaces *found = child(arena, at, token, length);
        if (found == NULL)
            break;
        at = found;
        pointer = token + length;
    }
    return arena_printf(arena, "%s:%zu", at->file, at->line);
}

void yaml_locate(Arena *arena, const YamlPlaces *places, Error *error) {
    if (error != NULL)
        (void)error_prefix(error, "%s", yaml_place(arena, places, error->pointer));
}

static Status merge_member(json_t *into, YamlPlaces *into_places, const char *key, json_t *value,
                           YamlPlaces *place, Error *reterr) {
    json_t *there = json_object_get(into, key);
    if (there == NULL) {
        json_object_set(into, key, value);
        append(into_places, place);
        return STATUS_OK;
    }
    YamlPlaces *there_place = member(into_places, key);
    if (!json_is_array(there) || !json_is_array(value))
        return error_set(reterr, STATUS_INVALID, "duplicate_key",
                         "%s:%zu: the key \"%s\" is also at %s:%zu: expected it once", place->file,
                         place->line, key, there_place->file, there_place->line);
    json_array_extend(there, value);
    if (place->first != NULL) {
        if (there_place->last != NULL)
            there_place->last->next = place->first;
        else
            there_place->first = place->first;
        there_place->last = place->last;
    }
    return STATUS_OK;
}

// A copy of the node itself, so that it can be put into another chain; what is below is shared.
static YamlPlaces *copy_node(Arena *arena, const YamlPlaces *place) {
    YamlPlaces *copy = arena_copy(arena, place, sizeof(*place));
    copy->next = NULL;
    return copy;
}

static Status check_object(const json_t *value, const YamlPlaces *places, Error *reterr) {
    if (json_is_object(value))
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_value", "%s:%zu: expected keys and their values",
                     places->file, places->line);
}

Status yaml_merge(Arena *arena, json_t *into, YamlPlaces *into_places, const json_t *value,
                  const YamlPlaces *places, Error *reterr) {
    TRY(check_object(into, into_places, reterr));
    TRY(check_object(value, places, reterr));
    // The places hold the members in the order of the file.
    for (const YamlPlaces *at = places->first; at != NULL; at = at->next) {
        json_t *found = json_object_get(value, at->key);
        TRY(merge_member(into, into_places, at->key, found, copy_node(arena, at), reterr));
    }
    return STATUS_OK;
}
