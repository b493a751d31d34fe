// A shape describes a JSON object once: names, types, bounds and help of its fields, and where
// each lives in a struct. It reads (strictly: unknown keys and bad values are refused with a JSON
// pointer and what was expected), writes, and documents itself as JSON Schema 2020-12.
#pragma once

#include "base/enum_table.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Shape Shape;

typedef enum FieldKind {
    FIELD_KIND_STRING,   // const char *; NULL when absent. min/max count bytes (max 0: 1024)
    FIELD_KIND_INT,      // int64_t, min..max (both 0: any; max below min: no maximum)
    FIELD_KIND_BOOL,     // bool
    FIELD_KIND_ENUM,     // int; text from `names`
    FIELD_KIND_DURATION, // int64_t seconds; "8h"; 0 when absent; min..max as of FIELD_KIND_INT
    FIELD_KIND_TIME,     // int64_t ms; RFC 3339; 0 when absent
    FIELD_KIND_STRINGS,  // StringList; max 0: 1000 items; each at most 1024 bytes
    FIELD_KIND_OBJECT,   // const T * by `shape`; NULL when absent
    FIELD_KIND_OBJECTS,  // struct { T *items; size_t count; } by `shape`; max 0: 10000 items
    FIELD_KIND_JSON,     // json_t *, any JSON value, owned by the arena; NULL when absent
} FieldKind;

// Says why text is not accepted: sets reterr's message ("expected …", without the text itself,
// which the shape adds unless the field is secret), or returns STATUS_OK.
typedef Status FieldCheck(const char *text, Error *reterr);

typedef struct Field {
    const char *name;
    FieldKind kind;
    size_t offset;
    bool required;
    bool secret;              // never shown: written as "(secret)" by shape_write_redacted
    int64_t min, max;         // per kind, see above
    const EnumTable *names;   // FIELD_KIND_ENUM; of items too: FIELD_KIND_STRINGS with names
    const Shape *shape;       // FIELD_KIND_OBJECT(S)
    FieldCheck *check;        // of a string, or of each of a list's strings
    const char *default_text; // as it would be written in YAML: "8h", "true", "3600"; or NULL
    const char *help;         // one sentence without a full stop
} Field;

struct Shape {
    const char *name; // "Flow": the schema's name in OpenAPI
    size_t size;      // of the struct
    const Field *fields;
    size_t field_count;
    const char *help;
};

// {FIELD(Flow, name, STRING), .required = true, .help = "…"}
#define FIELD(Type, member, kind_) FIELD_NAMED(#member, Type, member, kind_)
// Where the key is not the member's name: {FIELD_NAMED("default", FlowDuration, default_s,
// DURATION)}
#define FIELD_NAMED(name_, Type, member, kind_)                                                    \
    .name = name_, .kind = FIELD_KIND_##kind_, .offset = offsetof(Type, member)
#define SHAPE(name_, Type, fields_, help_)                                                         \
    {                                                                                              \
        .name = name_, .size = sizeof(Type), .fields = fields_, .field_count = COUNT_OF(fields_),  \
        .help = help_                                                                              \
    }

// Zeroes `into`, sets defaults, reads. Strings and lists live in the arena. The first fault is
// reported, with its pointer (of a missing field: where it should be); `code` is "unknown_field",
// "missing_field" or "bad_value". An explicit null is a bad value, except in FIELD_KIND_JSON.
MUST_USE Status shape_read(Arena *arena, const Shape *shape, const json_t *value, void *into,
                           Error *reterr);
MUST_USE Status shape_parse(Arena *arena, const Shape *shape, const char *bytes, size_t length,
                            void *into, Error *reterr);

// Absent strings, lists without items, zero times and zero durations are left out; booleans,
// integers and enums are always written. The value belongs to the arena.
json_t *shape_write(Arena *arena, const Shape *shape, const void *from);
json_t *shape_write_redacted(Arena *arena, const Shape *shape, const void *from);
// json_text(shape_write(…)).
const char *shape_format(Arena *arena, const Shape *shape, const void *from);

// What was written, for people: objects within it lose members that have their default. Its own
// members all stay.
json_t *shape_brief(Arena *arena, const Shape *shape, const json_t *value);

// Defaults only.
void shape_default(Arena *arena, const Shape *shape, void *into);

// JSON Schema of the shape; nested shapes as {"$ref": "#/components/schemas/Name"}.
json_t *shape_schema(Arena *arena, const Shape *shape);
