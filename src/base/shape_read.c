#include "base/shape.h"

#include "base/clock.h"
#include "base/shape_field.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ECHO_MAX_BYTES = 64,
    NAME_MAX_BYTES = 64,
};

// Where the reader is: a key of an object or an index of a list, and what it lies in. Lives on the
// stack of the reading functions, so that nothing is written down until something is wrong.
typedef struct Place {
    const struct Place *inside; // NULL at the root
    const char *key;            // NULL: an index
    size_t index;
    size_t depth;
} Place;

static const Place ROOT = {0};

static Place place_of_key(const Place *inside, const char *key) {
    return (Place){.inside = inside, .key = key, .depth = inside->depth + 1};
}

static Place place_of_index(const Place *inside, size_t index) {
    return (Place){.inside = inside, .index = index, .depth = inside->depth + 1};
}

// Appends a key as RFC 6901 wants it: "~" as "~0", "/" as "~1".
static size_t append_escaped(char *text, size_t size, size_t used, const char *key) {
    for (; *key != '\0' && used + 2 < size; key++) {
        if (*key == '~' || *key == '/') {
            text[used++] = '~';
            text[used++] = *key == '~' ? '0' : '1';
        } else {
            text[used++] = *key;
        }
    }
    return used;
}

static size_t append_place(char *text, size_t size, const Place *place) {
    if (place->inside == NULL)
        return 0;
    size_t used = append_place(text, size, place->inside);
    if (used + 1 >= size)
        return used;
    text[used++] = '/';
    if (place->key != NULL)
        return append_escaped(text, size, used, place->key);
    char number[24];
    snprintf(number, sizeof(number), "%zu", place->index);
    return append_escaped(text, size, used, number);
}

// The JSON pointer of a place, cut where `size` ends; "" for the root.
static void place_pointer(const Place *place, char *text, size_t size) {
    size_t used = append_place(text, size - 1, place);
    text[used] = '\0';
    while (!text_is_utf8(text, used)) // at most three times: a character was cut
        text[--used] = '\0';
}

// Reports a fault: the pointer goes to `at`, the message begins with `speaks_of`, which the reader
// of the message recognises (for an unknown key: the object it is in).
static Status PRINTF_LIKE(5, 6) fault(Error *reterr, const char *code, const Place *at,
                                      const Place *speaks_of, const char *format, ...) {
    char text[sizeof(reterr->message)];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    char where[sizeof(reterr->pointer)];
    place_pointer(speaks_of, where, sizeof(where));
    if (where[0] != '\0')
        error_set(reterr, STATUS_INVALID, code, "%s: %s", where + 1, text);
    else
        error_set(reterr, STATUS_INVALID, code, "%s", text);
    if (reterr != NULL)
        place_pointer(at, reterr->pointer, sizeof(reterr->pointer));
    return STATUS_INVALID;
}

// What was found, for the end of a message: of a secret nothing, of text the beginning.
static const char *got(Arena *arena, const Field *field, const json_t *value) {
    if (field != NULL && field->secret)
        return "";
    switch (json_typeof(value)) {
    case JSON_STRING: {
        size_t length = json_string_length(value);
        size_t cut = text_cut(json_string_value(value), length, ECHO_MAX_BYTES);
        const char *begin = arena_copy(arena, json_string_value(value), cut);
        return arena_printf(arena, ", got \"%s%s\"", text_printable(arena, begin),
                            cut < length ? "…" : "");
    }
    case JSON_INTEGER:
        return arena_printf(arena, ", got %lld", (long long)json_integer_value(value));
    case JSON_REAL:
        return arena_printf(arena, ", got %g", json_real_value(value));
    case JSON_TRUE:
        return ", got true";
    case JSON_FALSE:
        return ", got false";
    case JSON_NULL:
        return ", got null";
    case JSON_ARRAY:
        return ", got a list";
    case JSON_OBJECT:
        return ", got an object";
    }
    return "";
}

static Status bad_value(Arena *arena, const Field *field, const Place *place, const json_t *value,
                        const char *expected, Error *reterr) {
    return fault(reterr, "bad_value", place, place, "%s%s", expected, got(arena, field, value));
}

// Reads a string of min..max bytes. Borrowed from the value.
static Status read_text(Arena *arena, const Field *field, const Place *place, const json_t *value,
                        int64_t min, int64_t max, const char **ret_text, Error *reterr) {
    const char *text = json_string_value(value);
    if (text == NULL) // an account number, a version: YAML takes what looks like a number for one
        return bad_value(arena, field, place, value,
                         json_is_number(value) || json_is_boolean(value)
                             ? "expected a string in quotes"
                             : "expected a string",
                         reterr);
    size_t length = json_string_length(value);
    if (strlen(text) != length)
        return bad_value(arena, field, place, value, "expected a string without NUL characters",
                         reterr);
    char expected[96];
    if (length == 0 && min > 0)
        return bad_value(arena, field, place, value, "expected a string that is not empty", reterr);
    if (length < (size_t)min) {
        snprintf(expected, sizeof(expected), "expected a string of at least %lld bytes",
                 (long long)min);
        return bad_value(arena, field, place, value, expected, reterr);
    }
    if (length > (size_t)max) {
        snprintf(expected, sizeof(expected), "expected a string of at most %lld bytes",
                 (long long)max);
        return bad_value(arena, field, place, value, expected, reterr);
    }
    if (field->check != NULL) {
        Error error = {0};
        if (field->check(text, &error) != STATUS_OK)
            return bad_value(arena, field, place, value, error.message, reterr);
    }
    *ret_text = text;
    return STATUS_OK;
}

static Status read_name(Arena *arena, const Field *field, const Place *place, const json_t *value,
                        int *ret_value, Error *reterr) {
    if (json_is_string(value) && enum_find(field->names, json_string_value(value), ret_value) &&
        strlen(json_string_value(value)) == json_string_length(value))
        return STATUS_OK;
    char names[512];
    char expected[600];
    enum_list(field->names, names, sizeof(names));
    snprintf(expected, sizeof(expected), "expected %s%s", field->names->count > 1 ? "one of " : "",
             names);
    return bad_value(arena, field, place, value, expected, reterr);
}

static bool in_bounds(const Field *field, int64_t number) {
    if (field->min == 0 && field->max == 0)
        return true;
    return number >= field->min && (field->max < field->min || number <= field->max);
}

static const char *bounds_text(Arena *arena, const Field *field, const char *what) {
    char min[DURATION_SIZE], max[DURATION_SIZE];
    if (field->kind == FIELD_KIND_DURATION) {
        duration_format(field->min, min);
        duration_format(field->max, max);
    } else if (field->kind == FIELD_KIND_TIME) {
        timestamp_format(field->min, min);
        timestamp_format(field->max, max);
    } else {
        snprintf(min, sizeof(min), "%lld", (long long)field->min);
        snprintf(max, sizeof(max), "%lld", (long long)field->max);
    }
    if (field->max < field->min)
        return arena_printf(arena, "expected %s from %s up", what, min);
    return arena_printf(arena, "expected %s from %s to %s", what, min, max);
}

static Status read_int(Arena *arena, const Field *field, const Place *place, const json_t *value,
                       int64_t *ret_number, Error *reterr) {
    if (!json_is_integer(value))
        return bad_value(arena, field, place, value, "expected a whole number", reterr);
    int64_t number = json_integer_value(value);
    if (!in_bounds(field, number))
        return bad_value(arena, field, place, value, bounds_text(arena, field, "a whole number"),
                         reterr);
    *ret_number = number;
    return STATUS_OK;
}

// Durations and times: numbers that are written as text.
static Status read_moment(Arena *arena, const Field *field, const Place *place, const json_t *value,
                          int64_t *ret_number, Error *reterr) {
    bool is_duration = field->kind == FIELD_KIND_DURATION;
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    if (strlen(text) != json_string_length(value))
        text = ""; // cut by a NUL; is refused below
    Error error = {0};
    int64_t number;
    Status status = is_duration ? duration_parse(text, &number, &error)
                                : timestamp_parse(text, &number, &error);
    if (status != STATUS_OK)
        return bad_value(arena, field, place, value, error.message, reterr);
    if (!in_bounds(field, number))
        return bad_value(arena, field, place, value,
                         bounds_text(arena, field, is_duration ? "a duration" : "a time"), reterr);
    *ret_number = number;
    return STATUS_OK;
}

// Whether a list has an allowed number of items.
static Status check_count(Arena *arena, const Field *field, const Place *place, const json_t *value,
                          int64_t max, Error *reterr) {
    if (!json_is_array(value))
        return bad_value(arena, field, place, value, "expected a list", reterr);
    size_t count = json_array_size(value);
    if (count >= (size_t)field->min && count <= (size_t)max)
        return STATUS_OK;
    const char *bound = count < (size_t)field->min ? "least" : "most";
    int64_t number = count < (size_t)field->min ? field->min : max;
    return fault(reterr, "bad_value", place, place, "expected a list of at %s %lld item%s, got %zu",
                 bound, (long long)number, number == 1 ? "" : "s", count);
}

static Status read_strings(Arena *arena, const Field *field, const Place *place,
                           const json_t *value, StringList *ret_list, Error *reterr) {
    TRY(check_count(arena, field, place, value, field_max(field, SHAPE_STRINGS_MAX_ITEMS), reterr));
    StringList list = {0};
    size_t count = json_array_size(value);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        const Place at = place_of_index(place, i);
        const char *text;
        int unused;
        if (field->names != NULL)
            TRY(read_name(arena, field, &at, item, &unused, reterr));
        TRY(read_text(arena, field, &at, item, 0, SHAPE_STRING_MAX_BYTES, &text, reterr));
        string_list_add(arena, &list, text);
    }
    *ret_list = list;
    return STATUS_OK;
}

static Status read_object(Arena *arena, const Shape *shape, const Field *field, const Place *place,
                          const json_t *value, void *into, Error *reterr);

static Status read_objects(Arena *arena, const Field *field, const Place *place,
                           const json_t *value, ObjectList *ret_list, Error *reterr) {
    TRY(check_count(arena, field, place, value, field_max(field, SHAPE_OBJECTS_MAX_ITEMS), reterr));
    size_t count = json_array_size(value);
    if (count == 0)
        return STATUS_OK;
    size_t size = field->shape->size;
    char *items = arena_alloc(arena, count * size);
    for (size_t i = 0; i < count; i++) {
        const Place at = place_of_index(place, i);
        TRY(read_object(arena, field->shape, field, &at, json_array_get(value, i), items + i * size,
                        reterr));
    }
    *ret_list = (ObjectList){.items = items, .count = count};
    return STATUS_OK;
}

static Status read_string_field(Arena *arena, const Field *field, const Place *place,
                                const json_t *value, void *into, Error *reterr) {
    const char *text;
    TRY(read_text(arena, field, place, value, field->min, field_max(field, SHAPE_STRING_MAX_BYTES),
                  &text, reterr));
    field_put_pointer(field, into, arena_strdup(arena, text));
    return STATUS_OK;
}

static Status read_object_field(Arena *arena, const Field *field, const Place *place,
                                const json_t *value, void *into, Error *reterr) {
    void *object = arena_alloc(arena, field->shape->size);
    TRY(read_object(arena, field->shape, field, place, value, object, reterr));
    field_put_pointer(field, into, object);
    return STATUS_OK;
}

static Status read_field(Arena *arena, const Field *field, const Place *place, json_t *value,
                         void *into, Error *reterr) {
    void *member = (char *)into + field->offset;
    switch (field->kind) {
    case FIELD_KIND_STRING:
        return read_string_field(arena, field, place, value, into, reterr);
    case FIELD_KIND_INT:
        return read_int(arena, field, place, value, member, reterr);
    case FIELD_KIND_BOOL:
        if (!json_is_boolean(value))
            return bad_value(arena, field, place, value, "expected true or false", reterr);
        *(bool *)member = json_is_true(value);
        return STATUS_OK;
    case FIELD_KIND_ENUM:
        return read_name(arena, field, place, value, member, reterr);
    case FIELD_KIND_DURATION:
    case FIELD_KIND_TIME:
        return read_moment(arena, field, place, value, member, reterr);
    case FIELD_KIND_STRINGS:
        return read_strings(arena, field, place, value, member, reterr);
    case FIELD_KIND_OBJECT:
        return read_object_field(arena, field, place, value, into, reterr);
    case FIELD_KIND_OBJECTS: {
        ObjectList list = {0};
        TRY(read_objects(arena, field, place, value, &list, reterr));
        field_put_objects(field, into, list);
        return STATUS_OK;
    }
    case FIELD_KIND_JSON:
        field_put_pointer(field, into, json_keep(arena, json_incref(value)));
        return STATUS_OK;
    }
    abort(); // a kind that is not in the enum
}

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t two = a < b ? a : b;
    return two < c ? two : c;
}

// How many characters to add, drop, change or swap with the next to make one name of the other
// (optimal string alignment).
static size_t name_distance(const char *a, const char *b) {
    size_t rows[3][NAME_MAX_BYTES + 1]; // the one being filled, and the two before it
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > NAME_MAX_BYTES || b_length > NAME_MAX_BYTES)
        return NAME_MAX_BYTES;
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *last = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = smallest(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                size_t swapped = rows[(i - 2) % 3][j - 2] + 1;
                row[j] = row[j] < swapped ? row[j] : swapped;
            }
        }
    }
    return rows[a_length % 3][b_length];
}

// The field whose name was probably meant, or NULL.
static const Field *field_near(const Shape *shape, const char *key) {
    const Field *nearest = NULL;
    size_t best = strlen(key) < 6 ? 2 : 3; // one slip in a short name, two in a long one
    for (size_t i = 0; i < shape->field_count; i++) {
        size_t distance = name_distance(key, shape->fields[i].name);
        if (distance < best) {
            best = distance;
            nearest = &shape->fields[i];
        }
    }
    return nearest;
}

static Status unknown_key(Arena *arena, const Shape *shape, const Place *place, const char *key,
                          Error *reterr) {
    const Place at = place_of_key(place, key);
    size_t length = strlen(key);
    size_t cut = text_cut(key, length, ECHO_MAX_BYTES);
    const char *shown = text_printable(arena, arena_copy(arena, key, cut));
    const char *dots = cut < length ? "…" : "";
    const Field *near = field_near(shape, key);
    if (near != NULL)
        return fault(reterr, "unknown_field", &at, place,
                     "unknown key \"%s%s\"; did you mean \"%s\"?", shown, dots, near->name);
    if (shape->field_count == 0)
        return fault(reterr, "unknown_field", &at, place,
                     "unknown key \"%s%s\"; none is known here", shown, dots);
    StringList known = {0};
    for (size_t i = 0; i < shape->field_count; i++)
        string_list_add(arena, &known, shape->fields[i].name);
    return fault(reterr, "unknown_field", &at, place, "unknown key \"%s%s\"; known are %s", shown,
                 dots, string_list_join(arena, &known, ", "));
}

static bool is_field(const Shape *shape, const char *key) {
    for (size_t i = 0; i < shape->field_count; i++) {
        if (text_equal(shape->fields[i].name, key))
            return true;
    }
    return false;
}

static Status check_keys(Arena *arena, const Shape *shape, const Place *place, const json_t *value,
                         Error *reterr) {
    const char *key;
    json_t *unused;
    // The library's loop takes a pointer that may change the object; this one does not.
    json_object_foreach((json_t *)(uintptr_t)value, key, unused) {
        if (!is_field(shape, key))
            return unknown_key(arena, shape, place, key, reterr);
    }
    return STATUS_OK;
}

// `field` is the one that the object is the value of; NULL at the root.
static Status read_object(Arena *arena, const Shape *shape, const Field *field, const Place *place,
                          const json_t *value, void *into, Error *reterr) {
    if (!json_is_object(value))
        return bad_value(arena, field, place, value, "expected an object", reterr);
    if (place->depth > JSON_MAX_DEPTH)
        return fault(reterr, "bad_value", place, place, "nested too deep; at most %d levels",
                     JSON_MAX_DEPTH);
    // Unknown keys first: "durations" is unknown says more than "duration" is missing.
    TRY(check_keys(arena, shape, place, value, reterr));
    shape_default(arena, shape, into);
    for (size_t i = 0; i < shape->field_count; i++) {
        const Field *member = &shape->fields[i];
        const Place at = place_of_key(place, member->name);
        json_t *found = json_object_get(value, member->name);
        if (found != NULL)
            TRY(read_field(arena, member, &at, found, into, reterr));
        else if (member->required)
            return fault(reterr, "missing_field", &at, place, "\"%s\" is missing%s%s", member->name,
                         member->help != NULL ? ": " : "",
                         member->help != NULL ? member->help : "");
    }
    return STATUS_OK;
}

Status shape_read(Arena *arena, const Shape *shape, const json_t *value, void *into,
                  Error *reterr) {
    memset(into, 0, shape->size);
    return read_object(arena, shape, NULL, &ROOT, value, into, reterr);
}

Status shape_parse(Arena *arena, const Shape *shape, const char *bytes, size_t length, void *into,
                   Error *reterr) {
    json_t *value;
    TRY(json_read(arena, bytes, length, &value, reterr));
    return shape_read(arena, shape, value, into, reterr);
}

// Defaults are read as a value of their field, so that one outside its bounds is found at once.
static void set_default(Arena *arena, const Field *field, void *into) {
    json_t *value = field_default(arena, field);
    Error error = {0};
    Status status = read_field(arena, field, &ROOT, value, into, &error);
    assert(status == STATUS_OK && "a default is not a value of its field");
    (void)status;
}

void shape_default(Arena *arena, const Shape *shape, void *into) {
    memset(into, 0, shape->size);
    for (size_t i = 0; i < shape->field_count; i++) {
        if (shape->fields[i].default_text != NULL)
            set_default(arena, &shape->fields[i], into);
    }
}
