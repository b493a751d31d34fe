#include "base/shape.h"

#include "base/clock.h"
#include "base/shape_field.h"

#include <stdlib.h>
#include <string.h>

void field_put_pointer(const Field *field, void *into, void *pointer) {
    memcpy((char *)into + field->offset, &pointer, sizeof(pointer));
}

void *field_get_pointer(const Field *field, const void *from) {
    void *pointer;
    memcpy(&pointer, (const char *)from + field->offset, sizeof(pointer));
    return pointer;
}

void field_put_objects(const Field *field, void *into, ObjectList list) {
    memcpy((char *)into + field->offset, &list, sizeof(list));
}

ObjectList field_get_objects(const Field *field, const void *from) {
    ObjectList list;
    memcpy(&list, (const char *)from + field->offset, sizeof(list));
    return list;
}

// A new reference. Text that is not UTF-8, as a server's message may be, loses what is not.
static json_t *text_value(Arena *arena, const char *text) {
    json_t *value = json_string(text);
    return value != NULL ? value : json_string(text_printable(arena, text));
}

static json_t *write_object(Arena *arena, const Shape *shape, const void *from, bool redacted);

static json_t *write_strings(Arena *arena, const StringList *list) {
    if (list->count == 0)
        return NULL;
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, text_value(arena, list->items[i]));
    return array;
}

static json_t *write_objects(Arena *arena, const Field *field, ObjectList list, bool redacted) {
    if (list.count == 0)
        return NULL;
    json_t *array = json_array();
    for (size_t i = 0; i < list.count; i++) {
        const char *item = (const char *)list.items + i * field->shape->size;
        json_array_append_new(array, write_object(arena, field->shape, item, redacted));
    }
    return array;
}

// A new reference, or NULL for what is left out.
static json_t *write_field(Arena *arena, const Field *field, const void *from, bool redacted) {
    const void *member = (const char *)from + field->offset;
    const void *pointer;
    char duration[DURATION_SIZE], time[TIMESTAMP_SIZE];
    switch (field->kind) {
    case FIELD_KIND_STRING:
        pointer = field_get_pointer(field, from);
        return pointer != NULL ? text_value(arena, pointer) : NULL;
    case FIELD_KIND_INT:
        return json_integer(*(const int64_t *)member);
    case FIELD_KIND_BOOL:
        return json_boolean(*(const bool *)member);
    case FIELD_KIND_ENUM:
        return json_string(enum_name(field->names, *(const int *)member));
    case FIELD_KIND_DURATION:
        if (*(const int64_t *)member == 0)
            return NULL;
        return json_string(duration_format(*(const int64_t *)member, duration));
    case FIELD_KIND_TIME:
        if (*(const int64_t *)member == 0)
            return NULL;
        return json_string(timestamp_format(*(const int64_t *)member, time));
    case FIELD_KIND_STRINGS:
        return write_strings(arena, member);
    case FIELD_KIND_OBJECT:
        pointer = field_get_pointer(field, from);
        return pointer != NULL ? write_object(arena, field->shape, pointer, redacted) : NULL;
    case FIELD_KIND_OBJECTS:
        return write_objects(arena, field, field_get_objects(field, from), redacted);
    case FIELD_KIND_JSON:
        return json_incref(field_get_pointer(field, from));
    }
    abort(); // a kind that is not in the enum
}

// A new reference.
static json_t *write_object(Arena *arena, const Shape *shape, const void *from, bool redacted) {
    json_t *object = json_object();
    for (size_t i = 0; i < shape->field_count; i++) {
        const Field *field = &shape->fields[i];
        json_t *value = write_field(arena, field, from, redacted);
        if (value != NULL && field->secret && redacted) {
            json_decref(value);
            value = json_string("(secret)");
        }
        if (value != NULL)
            json_object_set_new(object, field->name, value);
    }
    return object;
}

json_t *shape_write(Arena *arena, const Shape *shape, const void *from) {
    return json_keep(arena, write_object(arena, shape, from, false));
}

json_t *shape_write_redacted(Arena *arena, const Shape *shape, const void *from) {
    return json_keep(arena, write_object(arena, shape, from, true));
}

const char *shape_format(Arena *arena, const Shape *shape, const void *from) {
    return json_text(arena, shape_write(arena, shape, from));
}

static const Field *field_named(const Shape *shape, const char *name) {
    for (size_t i = 0; i < shape->field_count; i++) {
        if (strcmp(shape->fields[i].name, name) == 0)
            return &shape->fields[i];
    }
    return NULL;
}

static bool is_default(Arena *arena, const Field *field, const json_t *value) {
    return field != NULL && field->default_text != NULL &&
           json_equal(value, field_default(arena, field));
}

// A new reference.
static json_t *brief_object(Arena *arena, const Shape *shape, const json_t *object, bool whole);

// A new reference.
static json_t *brief_member(Arena *arena, const Field *field, json_t *value) {
    if (field == NULL || field->shape == NULL)
        return json_incref(value);
    if (json_is_object(value))
        return brief_object(arena, field->shape, value, false);
    if (!json_is_array(value))
        return json_incref(value);
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(value); i++)
        json_array_append_new(list, brief_member(arena, field, json_array_get(value, i)));
    return list;
}

static json_t *brief_object(Arena *arena, const Shape *shape, const json_t *object, bool whole) {
    json_t *brief = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        const Field *field = field_named(shape, key);
        if (whole || !is_default(arena, field, value))
            json_object_set_new(brief, key, brief_member(arena, field, value));
    }
    return brief;
}

json_t *shape_brief(Arena *arena, const Shape *shape, const json_t *value) {
    return json_keep(arena, brief_object(arena, shape, value, true));
}
