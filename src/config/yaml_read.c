#include "config/yaml.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "config/yaml_places.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum {
    // Each value costs far more memory than the two bytes that may be enough to write it.
    YAML_MAX_VALUES = 200000,
    ECHO_MAX_BYTES = 64,
};

typedef struct Reader {
    Arena *arena;
    const char *name;
    const char *text;
    size_t length;
    yaml_parser_t parser;
    size_t values;
} Reader;

static Status PRINTF_LIKE(4, 5)
    refuse(const Reader *reader, size_t line, Error *reterr, const char *format, ...) {
    char text[sizeof(reterr->message)];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(reterr, STATUS_INVALID, "malformed_yaml", "%s:%zu: %s", reader->name, line + 1,
                     text);
}

static const char *shown(const Reader *reader, const char *text) {
    size_t length = strlen(text);
    size_t cut = text_cut(text, length, ECHO_MAX_BYTES);
    return text_printable(reader->arena, arena_printf(reader->arena, "%.*s%s", (int)cut, text,
                                                      cut < length ? "..." : ""));
}

// Of bytes that are no text the parser knows the place alone.
static size_t line_of(const Reader *reader, size_t offset) {
    size_t line = 0;
    for (size_t i = 0; i < offset && i < reader->length; i++)
        line += reader->text[i] == '\n';
    return line;
}

// The parser's own texts ("did not find expected key") are about grammar and hold none of the file.
static Status syntax_error(const Reader *reader, Error *reterr) {
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "not valid YAML";
    if (parser->error == YAML_READER_ERROR)
        return refuse(reader, line_of(reader, parser->problem_offset), reterr,
                      "byte %zu of the file is not accepted (%s): expected text in UTF-8 without "
                      "control characters",
                      parser->problem_offset, problem);
    if (parser->context != NULL)
        return refuse(reader, parser->problem_mark.line, reterr,
                      "%s, %s that begins at line %zu: check the indentation and the quotes",
                      problem, parser->context, parser->context_mark.line + 1);
    return refuse(reader, parser->problem_mark.line, reterr,
                  "%s: check the indentation and the quotes", problem);
}

static Status next_event(Reader *reader, yaml_event_t *event, Error *reterr) {
    if (yaml_parser_parse(&reader->parser, event) == 0)
        return syntax_error(reader, reterr);
    return STATUS_OK;
}

static Status refuse_extras(const Reader *reader, const yaml_event_t *event, Error *reterr) {
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    size_t line = event->start_mark.line;
    if (event->type == YAML_ALIAS_EVENT)
        return refuse(reader, line, reterr, "aliases (*%s) are not accepted: write the value out",
                      shown(reader, (const char *)event->data.alias.anchor));
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL)
        return refuse(reader, line, reterr, "anchors (&%s) are not accepted: write the value out",
                      shown(reader, (const char *)anchor));
    if (tag != NULL)
        return refuse(reader, line, reterr,
                      "tags (%s) are not accepted: a text that begins with \"!\" needs quotes",
                      shown(reader, (const char *)tag));
    return STATUS_OK;
}

// -?(0|[1-9][0-9]*) that fits: what JSON calls an integer. Anything else ("010", "+1", "1_000") is
// read differently by different YAML versions, and stays text.
static bool is_integer(const char *text, json_int_t *ret_number) {
    const char *digits = text[0] == '-' ? text + 1 : text;
    size_t length = strlen(digits);
    if (length == 0 || strspn(digits, "0123456789") != length || (digits[0] == '0' && length > 1))
        return false;
    errno = 0;
    *ret_number = strtoll(text, NULL, 10);
    return errno == 0;
}

// A new reference.
static json_t *plain_value(const char *text, size_t length) {
    json_int_t number;
    if (text_equal(text, "true"))
        return json_true();
    if (text_equal(text, "false"))
        return json_false();
    if (text_equal(text, "null") || text_equal(text, "~") || length == 0)
        return json_null();
    if (is_integer(text, &number))
        return json_integer(number);
    return json_stringn(text, length);
}

static Status check_text(const Reader *reader, const yaml_event_t *event, Error *reterr) {
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (memchr(text, '\0', length) != NULL)
        return refuse(reader, event->start_mark.line, reterr, "NUL characters are not accepted");
    if (!text_is_utf8(text, length))
        return refuse(reader, event->start_mark.line, reterr, "the text is not valid UTF-8");
    return STATUS_OK;
}

static Status read_scalar(Reader *reader, const yaml_event_t *event, json_t **ret_value,
                          Error *reterr) {
    TRY(check_text(reader, event, reterr));
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    json_t *value = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                        ? plain_value(text, length)
                        : json_stringn(text, length);
    *ret_value = json_keep(reader->arena, value);
    return STATUS_OK;
}

// Reads the value that the event begins, and deletes the event.
static Status read_value(Reader *reader, yaml_event_t *take_event, size_t depth, YamlPlaces *place,
                         json_t **ret_value, Error *reterr);

static Status read_list(Reader *reader, size_t depth, YamlPlaces *place, json_t **ret_value,
                        Error *reterr) {
    json_t *list = json_keep(reader->arena, json_array());
    for (;;) {
        yaml_event_t event;
        TRY(next_event(reader, &event, reterr));
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            break;
        }
        YamlPlaces *at = yaml_places_add(reader->arena, place, NULL, event.start_mark.line + 1);
        json_t *item;
        TRY(read_value(reader, &event, depth, at, &item, reterr));
        json_array_append(list, item);
    }
    *ret_value = list;
    return STATUS_OK;
}

// Deletes the event.
static Status read_key(Reader *reader, yaml_event_t *take_event, const json_t *object,
                       const YamlPlaces *place, const char **ret_key, Error *reterr) {
    size_t line = take_event->start_mark.line;
    Status status = refuse_extras(reader, take_event, reterr);
    if (status == STATUS_OK && take_event->type != YAML_SCALAR_EVENT)
        status = refuse(reader, line, reterr, "expected a plain key, as in \"name: value\"");
    if (status == STATUS_OK)
        status = check_text(reader, take_event, reterr);
    if (status == STATUS_OK) {
        const char *key = (const char *)take_event->data.scalar.value;
        if (json_object_get(object, key) != NULL)
            status = refuse(reader, line, reterr, "the key \"%s\" is here twice, first at line %zu",
                            shown(reader, key), yaml_places_line_of(place, key));
        else
            *ret_key = arena_strdup(reader->arena, key);
    }
    yaml_event_delete(take_event);
    return status;
}

static Status read_object(Reader *reader, size_t depth, YamlPlaces *place, json_t **ret_value,
                          Error *reterr) {
    json_t *object = json_keep(reader->arena, json_object());
    for (;;) {
        yaml_event_t event;
        TRY(next_event(reader, &event, reterr));
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            break;
        }
        size_t line = event.start_mark.line + 1;
        const char *key = NULL;
        TRY(read_key(reader, &event, object, place, &key, reterr));
        TRY(next_event(reader, &event, reterr));
        YamlPlaces *at = yaml_places_add(reader->arena, place, key, line);
        json_t *value;
        TRY(read_value(reader, &event, depth, at, &value, reterr));
        json_object_set(object, key, value);
    }
    *ret_value = object;
    return STATUS_OK;
}

static Status read_value(Reader *reader, yaml_event_t *take_event, size_t depth, YamlPlaces *place,
                         json_t **ret_value, Error *reterr) {
    yaml_event_type_t type = take_event->type;
    size_t line = take_event->start_mark.line;
    Status status = refuse_extras(reader, take_event, reterr);
    if (status == STATUS_OK && ++reader->values > YAML_MAX_VALUES)
        status = refuse(reader, line, reterr, "too many values; at most %d are accepted",
                        YAML_MAX_VALUES);
    if (status == STATUS_OK && type != YAML_SCALAR_EVENT && depth >= JSON_MAX_DEPTH)
        status = refuse(reader, line, reterr, "nested too deep; at most %d levels are accepted",
                        JSON_MAX_DEPTH);
    if (status == STATUS_OK && type == YAML_SCALAR_EVENT)
        status = read_scalar(reader, take_event, ret_value, reterr);
    yaml_event_delete(take_event);
    TRY(status);
    if (type == YAML_SEQUENCE_START_EVENT)
        return read_list(reader, depth + 1, place, ret_value, reterr);
    if (type == YAML_MAPPING_START_EVENT)
        return read_object(reader, depth + 1, place, ret_value, reterr);
    return STATUS_OK;
}

// Skips to the event that begins the document's value; *ret_event is a STREAM-END event when there
// is none.
static Status find_document(Reader *reader, yaml_event_t *ret_event, Error *reterr) {
    for (;;) {
        TRY(next_event(reader, ret_event, reterr));
        if (ret_event->type != YAML_STREAM_START_EVENT &&
            ret_event->type != YAML_DOCUMENT_START_EVENT)
            return STATUS_OK;
        yaml_event_delete(ret_event);
    }
}

static Status expect_end(Reader *reader, Error *reterr) {
    for (;;) {
        yaml_event_t event;
        TRY(next_event(reader, &event, reterr));
        yaml_event_type_t type = event.type;
        size_t line = event.start_mark.line;
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT)
            return STATUS_OK;
        if (type == YAML_DOCUMENT_START_EVENT)
            return refuse(reader, line, reterr,
                          "a second document begins (\"---\"): expected one document in a file");
    }
}

static Status read_document(Reader *reader, YamlPlaces *root, json_t **ret_value, Error *reterr) {
    yaml_event_t event;
    TRY(find_document(reader, &event, reterr));
    if (event.type == YAML_STREAM_END_EVENT) {
        yaml_event_delete(&event);
        *ret_value = json_keep(reader->arena, json_object());
        return STATUS_OK;
    }
    root->line = event.start_mark.line + 1;
    json_t *value;
    TRY(read_value(reader, &event, 0, root, &value, reterr));
    TRY(expect_end(reader, reterr));
    *ret_value = value;
    return STATUS_OK;
}

Status yaml_read(Arena *arena, const char *name, const char *text, size_t length,
                 json_t **ret_value, YamlPlaces **ret_places, Error *reterr) {
    name = text_printable(arena, name);
    if (length > YAML_MAX_BYTES)
        return error_set(reterr, STATUS_TOO_LARGE, "file_too_large",
                         "%s: larger than %d bytes, the most that is accepted", name,
                         YAML_MAX_BYTES);
    Reader reader = {
        .arena = arena,
        .name = name,
        .text = text != NULL ? text : "",
        .length = length,
    };
    if (yaml_parser_initialize(&reader.parser) == 0)
        abort(); // no memory
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)reader.text, length);
    YamlPlaces *root = yaml_places_root(arena, name);
    Status status = read_document(&reader, root, ret_value, reterr);
    yaml_parser_delete(&reader.parser);
    if (status == STATUS_OK)
        *ret_places = root;
    return status;
}

Status yaml_read_file(Arena *arena, const char *path, json_t **ret_value, YamlPlaces **ret_places,
                      Error *reterr) {
    Buffer buffer = {.ceiling = YAML_MAX_BYTES, .wipe = true};
    Status status = file_read(path, &buffer, reterr);
    if (status == STATUS_OK)
        status = yaml_read(arena, path, buffer_text(&buffer), buffer.length, ret_value, ret_places,
                           reterr);
    buffer_done(&buffer);
    return status;
}
