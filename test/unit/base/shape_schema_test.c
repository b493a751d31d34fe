#include "base/shape.h"

#include "cases.h"
#include "shape_cases.h"

#include <string.h>

static const char *property(Arena *arena, const Shape *shape, const char *name) {
    json_t *schema = shape_schema(arena, shape);
    return json_text(arena, json_object_get(json_object_get(schema, "properties"), name));
}

static void describes_an_object(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_string_equal(
        json_text(arena, shape_schema(arena, &SPAN_SHAPE)),
        "{\"additionalProperties\":false,\"description\":\"How long\",\"properties\":{"
        "\"default\":{\"default\":\"1h\",\"examples\":[\"1h30m\"],\"minLength\":2,"
        "\"pattern\":\"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$\",\"type\":\"string\"},"
        "\"max\":{\"description\":\"The longest\",\"examples\":[\"1h30m\"],\"minLength\":2,"
        "\"pattern\":\"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$\",\"type\":\"string\"}},"
        "\"required\":[\"max\"],\"type\":\"object\"}");
}

static void describes_every_kind(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const struct {
        const char *name, *schema;
    } EXPECTED[] = {
        {"name", "{\"description\":\"What it is called\",\"maxLength\":1024,\"type\":\"string\"}"},
        {"note", "{\"default\":\"none\",\"maxLength\":1024,\"minLength\":1,\"type\":\"string\"}"},
        {"password",
         "{\"format\":\"password\",\"maxLength\":10,\"minLength\":1,\"type\":\"string\"}"},
        {"port", "{\"default\":5432,\"format\":\"int64\",\"maximum\":65535,\"minimum\":1,"
                 "\"type\":\"integer\"}"},
        {"level", "{\"format\":\"int64\",\"type\":\"integer\"}"},
        {"active", "{\"type\":\"boolean\"}"},
        {"enabled", "{\"default\":true,\"type\":\"boolean\"}"},
        {"colour", "{\"default\":\"green\",\"enum\":[\"red\",\"green\",\"blue\"],"
                   "\"type\":\"string\"}"},
        {"at", "{\"format\":\"date-time\",\"type\":\"string\"}"},
        {"tags", "{\"items\":{\"maxLength\":1024,\"type\":\"string\"},\"maxItems\":1000,"
                 "\"type\":\"array\"}"},
        {"first", "{\"$ref\":\"#/components/schemas/Item\"}"},
        {"all", "{\"items\":{\"$ref\":\"#/components/schemas/Item\"},\"maxItems\":5,"
                "\"type\":\"array\"}"},
        {"extra", "{}"},
    };
    for (size_t i = 0; i < COUNT_OF(EXPECTED); i++)
        assert_string_equal(property(arena, &WHOLE_SHAPE, EXPECTED[i].name), EXPECTED[i].schema);
    assert_string_equal(property(arena, &ITEM_SHAPE, "privileges"),
                        "{\"items\":{\"enum\":[\"SELECT\",\"INSERT\"],\"type\":\"string\"},"
                        "\"maxItems\":3,\"type\":\"array\"}");
}

static void describes_each_field_once(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *properties = json_object_get(shape_schema(arena, &WHOLE_SHAPE), "properties");
    assert_int_equal(json_object_size(properties), COUNT_OF(WHOLE_FIELDS));
    for (size_t i = 0; i < COUNT_OF(WHOLE_FIELDS); i++)
        assert_non_null(json_object_get(properties, WHOLE_FIELDS[i].name));
}

static void an_object_without_required_fields_names_none(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const Field FIELDS[] = {{FIELD(Whole, level, INT), .min = 3}};
    static const Shape OPEN = SHAPE("Open", Whole, FIELDS, NULL);
    json_t *schema = shape_schema(arena, &OPEN);
    assert_null(json_object_get(schema, "required")); // JSON Schema before draft 6 refused []
    assert_null(json_object_get(schema, "description"));
    assert_string_equal(property(arena, &OPEN, "level"),
                        "{\"format\":\"int64\",\"minimum\":3,\"type\":\"integer\"}");
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(describes_an_object),
        cmocka_unit_test(describes_every_kind),
        cmocka_unit_test(describes_each_field_once),
        cmocka_unit_test(an_object_without_required_fields_names_none),
    };
    return RUN_CASES(cases);
}
