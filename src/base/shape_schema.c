#include "base/shape.h"

#include "base/shape_field.h"

#include <assert.h>
#include <stdlib.h>

// As duration_parse reads it; that one part must be there is said by minLength.
static const char DURATION_PATTERN[] = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$";

json_t *field_default(Arena *arena, const Field *field) {
    const char *text = field->default_text;
    assert(text != NULL);
    switch (field->kind) {
    case FIELD_KIND_INT: {
        char *end;
        long long number = strtoll(text, &end, 10);
        assert(*text != '\0' && *end == '\0');
        return json_keep(arena, json_integer(number));
    }
    case FIELD_KIND_BOOL:
        assert(text_equal(text, "true") || text_equal(text, "false"));
        return json_boolean(text_equal(text, "true"));
    case FIELD_KIND_STRING:
    case FIELD_KIND_ENUM:
    case FIELD_KIND_DURATION:
    case FIELD_KIND_TIME:
        return json_keep(arena, json_string(text));
    case FIELD_KIND_STRINGS:
    case FIELD_KIND_OBJECT:
    case FIELD_KIND_OBJECTS:
    case FIELD_KIND_JSON:
        break;
    }
    assert(!"lists, objects and JSON have no default");
    abort();
}

static void set(json_t *object, const char *key, json_t *take_value) {
    json_object_set_new(object, key, take_value);
}

static json_t *reference(Arena *arena, const Shape *shape) {
    json_t *schema = json_object();
    set(schema, "$ref", json_string(arena_printf(arena, "#/components/schemas/%s", shape->name)));
    return schema;
}

static json_t *names_schema(const EnumTable *names) {
    json_t *schema = json_object();
    set(schema, "type", json_string("string"));
    json_t *values = json_array();
    for (size_t i = 0; i < names->count; i++) {
        if (names->names[i] != NULL)
            json_array_append_new(values, json_string(names->names[i]));
    }
    set(schema, "enum", values);
    return schema;
}

// JSON Schema counts characters and a shape bytes (at most four of which make one character): what
// the schema refuses, the shape refuses too.
static void set_string(json_t *schema, int64_t min_bytes, int64_t max_bytes) {
    set(schema, "type", json_string("string"));
    if (min_bytes > 0)
        set(schema, "minLength", json_integer((min_bytes + 3) / 4));
    set(schema, "maxLength", json_integer(max_bytes));
}

static void set_list(json_t *schema, const Field *field, int64_t max_items, json_t *take_items) {
    set(schema, "type", json_string("array"));
    set(schema, "items", take_items);
    if (field->min > 0)
        set(schema, "minItems", json_integer(field->min));
    set(schema, "maxItems", json_integer(max_items));
}

static json_t *strings_item(const Field *field) {
    if (field->names != NULL)
        return names_schema(field->names);
    json_t *item = json_object();
    set_string(item, 0, SHAPE_STRING_MAX_BYTES);
    return item;
}

static void set_int(json_t *schema, const Field *field) {
    set(schema, "type", json_string("integer"));
    set(schema, "format", json_string("int64"));
    if (field->min == 0 && field->max == 0)
        return;
    set(schema, "minimum", json_integer(field->min));
    if (field->max >= field->min)
        set(schema, "maximum", json_integer(field->max));
}

// A new reference: the schema of one field's value.
static json_t *value_schema(Arena *arena, const Field *field) {
    json_t *schema;
    if (field->kind == FIELD_KIND_OBJECT)
        return reference(arena, field->shape);
    if (field->kind == FIELD_KIND_ENUM)
        return names_schema(field->names);
    schema = json_object();
    switch (field->kind) {
    case FIELD_KIND_STRING:
        set_string(schema, field->min, field_max(field, SHAPE_STRING_MAX_BYTES));
        if (field->secret)
            set(schema, "format", json_string("password"));
        break;
    case FIELD_KIND_INT:
        set_int(schema, field);
        break;
    case FIELD_KIND_BOOL:
        set(schema, "type", json_string("boolean"));
        break;
    case FIELD_KIND_DURATION:
        set(schema, "type", json_string("string"));
        set(schema, "pattern", json_string(DURATION_PATTERN));
        set(schema, "minLength", json_integer(2));
        set(schema, "examples", json_pack("[s]", "1h30m"));
        break;
    case FIELD_KIND_TIME:
        set(schema, "type", json_string("string"));
        set(schema, "format", json_string("date-time"));
        break;
    case FIELD_KIND_STRINGS:
        set_list(schema, field, field_max(field, SHAPE_STRINGS_MAX_ITEMS), strings_item(field));
        break;
    case FIELD_KIND_OBJECTS:
        set_list(schema, field, field_max(field, SHAPE_OBJECTS_MAX_ITEMS),
                 reference(arena, field->shape));
        break;
    case FIELD_KIND_ENUM:
    case FIELD_KIND_OBJECT:
    case FIELD_KIND_JSON: // any value: the empty schema
        break;
    }
    return schema;
}

json_t *shape_schema(Arena *arena, const Shape *shape) {
    json_t *properties = json_object();
    json_t *required = json_array();
    for (size_t i = 0; i < shape->field_count; i++) {
        const Field *field = &shape->fields[i];
        json_t *schema = value_schema(arena, field);
        if (field->help != NULL)
            set(schema, "description", json_string(field->help));
        if (field->default_text != NULL)
            set(schema, "default", json_incref(field_default(arena, field)));
        set(properties, field->name, schema);
        if (field->required)
            json_array_append_new(required, json_string(field->name));
    }
    json_t *schema = json_object();
    set(schema, "type", json_string("object"));
    if (shape->help != NULL)
        set(schema, "description", json_string(shape->help));
    set(schema, "properties", properties);
    if (json_array_size(required) > 0)
        set(schema, "required", required);
    else
        json_decref(required);
    set(schema, "additionalProperties", json_false());
    return json_keep(arena, schema);
}
