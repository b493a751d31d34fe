#include "config/yaml.h"

#include "base/buffer.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { FLOW_MAX_BYTES = 72 }; // a list of short texts no longer than this goes on one line

// Words that one YAML reader or another takes for something else than text.
static const char *const TYPED_WORDS[] = {"true", "false", "null", "yes", "no", "on",
                                          "off",  "y",     "n",    "inf", "nan"};

static bool is_typed_word(const char *text) {
    char lower[16];
    size_t length = strlen(text);
    if (length >= sizeof(lower))
        return false;
    for (size_t i = 0; i <= length; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 'a' - 'A' : text[i]);
    for (size_t i = 0; i < COUNT_OF(TYPED_WORDS); i++) {
        if (strcmp(lower, TYPED_WORDS[i]) == 0)
            return true;
    }
    return false;
}

// Text that every reader takes for text without quotes: names, addresses, durations, paths.
static bool is_plain(const char *text) {
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char INSIDE[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789_./@+-";
    size_t length = strlen(text);
    if (length == 0 || strspn(text, INSIDE) != length || is_typed_word(text))
        return false;
    if (strchr(LETTERS, text[0]) != NULL || text[0] == '/')
        return true;
    // "8h", "1h30m": digits that end in a unit are no number, unlike "1e9" and "0x1f".
    size_t duration = strspn(text, "0123456789dhms");
    return duration == length && strchr("dhms", text[length - 1]) != NULL && text[0] >= '0' &&
           text[0] <= '9';
}

static void emit(yaml_emitter_t *emitter, yaml_event_t *event) {
    // Every event here is well formed and the output is memory: only a lack of it fails.
    if (yaml_emitter_emit(emitter, event) == 0)
        abort();
}

static yaml_char_t *yaml_text(const char *text) {
    return (yaml_char_t *)(uintptr_t)text; // the library copies it
}

static void emit_scalar(yaml_emitter_t *emitter, const char *text, bool plain) {
    yaml_event_t event;
    if (yaml_scalar_event_initialize(&event, NULL, NULL, yaml_text(text), (int)strlen(text), 1, 1,
                                     plain ? YAML_PLAIN_SCALAR_STYLE
                                           : YAML_DOUBLE_QUOTED_SCALAR_STYLE) == 0)
        abort();
    emit(emitter, &event);
}

static bool fits_one_line(const json_t *list) {
    size_t length = 0;
    size_t index;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)list, index, item) {
        if (json_is_object(item) || json_is_array(item))
            return false;
        length += json_is_string(item) ? json_string_length(item) + 2 : 8;
    }
    return length <= FLOW_MAX_BYTES;
}

static void emit_value(Arena *arena, yaml_emitter_t *emitter, const json_t *value);

static void emit_list(Arena *arena, yaml_emitter_t *emitter, const json_t *value) {
    yaml_event_t event;
    yaml_sequence_style_t style =
        fits_one_line(value) ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE;
    if (yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style) == 0)
        abort();
    emit(emitter, &event);
    for (size_t i = 0; i < json_array_size(value); i++)
        emit_value(arena, emitter, json_array_get(value, i));
    if (yaml_sequence_end_event_initialize(&event) == 0)
        abort();
    emit(emitter, &event);
}

static void emit_object(Arena *arena, yaml_emitter_t *emitter, const json_t *value) {
    yaml_event_t event;
    if (yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) == 0)
        abort();
    emit(emitter, &event);
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)(uintptr_t)value, key, item) {
        emit_scalar(emitter, key, is_plain(key));
        emit_value(arena, emitter, item);
    }
    if (yaml_mapping_end_event_initialize(&event) == 0)
        abort();
    emit(emitter, &event);
}

static void emit_value(Arena *arena, yaml_emitter_t *emitter, const json_t *value) {
    if (json_is_object(value))
        emit_object(arena, emitter, value);
    else if (json_is_array(value))
        emit_list(arena, emitter, value);
    else if (json_is_string(value))
        emit_scalar(emitter, json_string_value(value), is_plain(json_string_value(value)));
    else
        emit_scalar(emitter, json_text(arena, value), true);
}

static int add_output(void *into, unsigned char *bytes, size_t length) {
    buffer_add_bytes(into, bytes, length);
    return 1;
}

static void emit_document(Arena *arena, yaml_emitter_t *emitter, const json_t *value) {
    yaml_event_t event;
    if (yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) == 0)
        abort();
    emit(emitter, &event);
    if (yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) == 0)
        abort();
    emit(emitter, &event);
    emit_value(arena, emitter, value);
    if (yaml_document_end_event_initialize(&event, 1) == 0)
        abort();
    emit(emitter, &event);
    if (yaml_stream_end_event_initialize(&event) == 0)
        abort();
    emit(emitter, &event);
}

const char *yaml_format(Arena *arena, const json_t *value) {
    Buffer buffer = {0};
    yaml_emitter_t emitter;
    if (yaml_emitter_initialize(&emitter) == 0)
        abort();
    yaml_emitter_set_output(&emitter, add_output, &buffer);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1); // a text is never broken over lines
    emit_document(arena, &emitter, value);
    yaml_emitter_delete(&emitter);
    const char *text = arena_copy(arena, buffer_text(&buffer), buffer.length);
    buffer_done(&buffer);
    return text;
}
