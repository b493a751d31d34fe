// Access to a struct's members by their fields; for shape_*.c alone.
#pragma once

#include "base/shape.h"

// Ceilings where a field says 0.
enum {
    SHAPE_STRING_MAX_BYTES = 1024, // also of each item of FIELD_KIND_STRINGS
    SHAPE_STRINGS_MAX_ITEMS = 1000,
    SHAPE_OBJECTS_MAX_ITEMS = 10000,
};

static inline int64_t field_max(const Field *field, int64_t when_zero) {
    return field->max > 0 ? field->max : when_zero;
}

// What every `struct { T *items; size_t count; }` of FIELD_KIND_OBJECTS looks like in memory.
typedef struct ObjectList {
    void *items;
    size_t count;
} ObjectList;

// Copied byte by byte, because the member's own type is another pointer than void *.
void field_put_pointer(const Field *field, void *into, void *pointer);
void *field_get_pointer(const Field *field, const void *from);
void field_put_objects(const Field *field, void *into, ObjectList list);
ObjectList field_get_objects(const Field *field, const void *from);

// The default as JSON; the field must have one, and be of a kind that can.
json_t *field_default(Arena *arena, const Field *field);
