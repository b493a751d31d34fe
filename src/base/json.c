#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

static const char *fault_text(enum json_error_code code) {
    switch (code) {
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something follows the value";
    case json_error_invalid_utf8:
        return "it is not valid UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "NUL characters are not accepted";
    case json_error_duplicate_key:
        return "a key is there twice";
    case json_error_numeric_overflow:
        return "a number is too large";
    default:
        return "it is not valid JSON there";
    }
}

typedef struct JsonExtent {
    size_t depth;
    size_t values; // at the most
} JsonExtent;

// How deep brackets are nested, and how many values there may be. Looks at bytes only, before the
// parser takes any memory or stack for them; what is malformed may pass here and is the parser's to
// refuse.
static JsonExtent json_extent(const char *bytes, size_t length) {
    JsonExtent extent = {.values = 1};
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        if (in_string) {
            if (bytes[i] == '\\')
                i++;
            else if (bytes[i] == '"')
                in_string = false;
        } else if (bytes[i] == '"') {
            in_string = true;
        } else if (bytes[i] == '[' || bytes[i] == '{') {
            extent.values++;
            if (++depth > extent.depth)
                extent.depth = depth;
        } else if ((bytes[i] == ']' || bytes[i] == '}') && depth > 0) {
            depth--;
        } else if (bytes[i] == ',') {
            extent.values++;
        }
    }
    return extent;
}

Status json_read(Arena *arena, const char *bytes, size_t length, json_t **ret_value,
                 Error *reterr) {
    JsonExtent extent = json_extent(bytes, length);
    if (extent.depth > JSON_MAX_DEPTH)
        return error_set(reterr, STATUS_INVALID, "malformed_json",
                         "JSON is nested too deep; at most %d levels are accepted", JSON_MAX_DEPTH);
    if (extent.values > JSON_MAX_VALUES)
        return error_set(reterr, STATUS_TOO_LARGE, "too_many_values",
                         "JSON holds too many values; at most %d are accepted", JSON_MAX_VALUES);
    // jansson drops a NUL that follows a number instead of refusing it.
    if (length > 0 && memchr(bytes, '\0', length) != NULL)
        return error_set(reterr, STATUS_INVALID, "malformed_json",
                         "malformed JSON: NUL characters are not accepted");
    json_error_t fault;
    // jansson's own text quotes the input, which may hold a secret: only its code and place are
    // used.
    json_t *value = json_loadb(bytes != NULL ? bytes : "", length,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (value == NULL)
        return error_set(reterr, STATUS_INVALID, "malformed_json",
                         "malformed JSON at line %d, column %d: %s", fault.line, fault.column,
                         fault_text(json_error_code(&fault)));
    *ret_value = json_keep(arena, value);
    return STATUS_OK;
}

// jansson frees without saying how much, so each block remembers its size in front.
typedef union Block {
    size_t size;
    max_align_t alignment;
} Block;

static void *block_new(size_t size) {
    Block *block = mem_alloc(sizeof(Block) + size);
    block->size = size;
    return block + 1;
}

static void block_free(void *memory) {
    if (memory == NULL)
        return;
    Block *block = (Block *)memory - 1;
    sodium_memzero(memory, block->size);
    mem_free(block);
}

void json_wipe_freed(void) {
    json_set_alloc_funcs(block_new, block_free);
}

static void release_text(void *text) {
    json_free_t release;
    json_get_alloc_funcs(NULL, &release);
    release(text);
}

static const char *dump(Arena *arena, const json_t *value, size_t flags) {
    char *text = json_dumps(value, flags | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (text == NULL)
        abort(); // no memory, or a value that contains itself
    arena_on_free(arena, release_text, text);
    return text;
}

const char *json_text(Arena *arena, const json_t *value) {
    return dump(arena, value, JSON_COMPACT);
}

const char *json_text_indented(Arena *arena, const json_t *value) {
    return dump(arena, value, JSON_INDENT(2));
}

static void release_json(void *value) {
    json_decref(value);
}

json_t *json_keep(Arena *arena, json_t *take_value) {
    if (take_value != NULL)
        arena_on_free(arena, release_json, take_value);
    return take_value;
}
