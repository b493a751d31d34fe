#include "base/shape.h"

#include "cases.h"
#include "shape_cases.h"

#include <string.h>

static void leaves_out_what_is_absent(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole = {0};
    assert_string_equal(
        shape_format(arena, &WHOLE_SHAPE, &whole),
        "{\"active\":false,\"colour\":\"red\",\"enabled\":false,\"level\":0,\"port\":0}");
    whole.name = ""; // there, and empty
    assert_non_null(strstr(shape_format(arena, &WHOLE_SHAPE, &whole), "\"name\":\"\""));
}

static const char FULL[] =
    "{\"active\":true,\"all\":[{\"name\":\"x\",\"privileges\":[\"SELECT\"]},{\"name\":\"y\"}],"
    "\"at\":\"2026-05-04T10:00:00.000Z\",\"colour\":\"blue\",\"enabled\":true,\"extra\":null,"
    "\"first\":{\"name\":\"f\",\"span\":{\"default\":\"1h\",\"max\":\"1d\"}},\"lasts\":\"1h30m\","
    "\"level\":-9223372036854775808,\"name\":\"q\\\"€\",\"note\":\"none\",\"password\":\"words\","
    "\"port\":5432,\"tags\":[\"a\",\"b\"]}";

static void what_is_written_reads_back_the_same(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    Error error = {0};
    if (whole_parse(arena, FULL, &whole, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_string_equal(shape_format(arena, &WHOLE_SHAPE, &whole), FULL);
}

static void briefly_there_are_no_defaults_within(void **state) {
    (void)state;
    static const struct {
        const char *value, *brief;
    } CASES[] = {
        {"{\"first\":{\"name\":\"a\",\"span\":{\"max\":\"2h\",\"default\":\"1h\"}}}",
         "{\"first\":{\"name\":\"a\",\"span\":{\"max\":\"2h\"}}}"},
        {"{\"first\":{\"span\":{\"default\":\"2h\",\"max\":\"2h\"}}}", NULL},
        {"{\"all\":[{\"name\":\"a\",\"span\":{\"default\":\"1h\"}},{\"more\":[1]}]}",
         "{\"all\":[{\"name\":\"a\",\"span\":{}},{\"more\":[1]}]}"},
        // Its own members stay, and so does what has no shape or the wrong one.
        {"{\"colour\":\"green\",\"enabled\":true}", NULL},
        {"{\"extra\":{\"default\":\"1h\"},\"unknown\":{\"default\":\"1h\"}}", NULL},
        {"{\"all\":[1,\"x\",null],\"first\":\"1h\"}", NULL},
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        json_t *value = NULL;
        assert_int_equal(json_read(arena, CASES[i].value, strlen(CASES[i].value), &value, NULL),
                         STATUS_OK);
        const char *expected = CASES[i].brief != NULL ? CASES[i].brief : CASES[i].value;
        assert_string_equal(json_text(arena, shape_brief(arena, &WHOLE_SHAPE, value)), expected);
    }
}

static void redaction_hides_secrets_alone(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    assert_int_equal(whole_parse(arena, FULL, &whole, NULL), STATUS_OK);
    json_t *plain = shape_write(arena, &WHOLE_SHAPE, &whole);
    json_t *redacted = shape_write_redacted(arena, &WHOLE_SHAPE, &whole);
    assert_string_equal(json_string_value(json_object_get(plain, "password")), "words");
    assert_string_equal(json_string_value(json_object_get(redacted, "password")), "(secret)");
    assert_null(strstr(json_text(arena, redacted), "words"));
    json_object_set_new(redacted, "password", json_string("words"));
    assert_true(json_equal(plain, redacted));
    whole.password = NULL;
    assert_null(json_object_get(shape_write_redacted(arena, &WHOLE_SHAPE, &whole), "password"));
}

typedef struct Holder {
    Item *one;
    StringList words;
    struct {
        Item *items;
        size_t count;
    } many;
} Holder;

static const Field SECRET_NAME[] = {{FIELD(Item, name, STRING), .secret = true}};
static const Shape SECRET_ITEM = SHAPE("SecretItem", Item, SECRET_NAME, NULL);
static const Field HOLDER_FIELDS[] = {
    {FIELD(Holder, one, OBJECT), .shape = &SECRET_ITEM},
    {FIELD(Holder, words, STRINGS), .secret = true},
    {FIELD(Holder, many, OBJECTS), .shape = &SECRET_ITEM},
};
static const Shape HOLDER = SHAPE("Holder", Holder, HOLDER_FIELDS, NULL);

static void redaction_reaches_into_objects_and_lists(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Item items[] = {{.name = "hidden"}, {.name = "hidden"}};
    Holder holder = {.one = items, .many = {items, 2}};
    string_list_add(arena, &holder.words, "hidden");
    assert_string_equal(json_text(arena, shape_write_redacted(arena, &HOLDER, &holder)),
                        "{\"many\":[{\"name\":\"(secret)\"},{\"name\":\"(secret)\"}],"
                        "\"one\":{\"name\":\"(secret)\"},\"words\":\"(secret)\"}");
}

static void text_that_is_not_utf8_is_written_without_what_is_not(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Item item = {.name = "a\xFF€"};
    string_list_add(arena, &item.privileges, "\xC3(");
    assert_string_equal(shape_format(arena, &ITEM_SHAPE, &item),
                        "{\"name\":\"a?€\",\"privileges\":[\"?(\"]}");
}

static void the_written_value_does_not_share_what_it_came_from(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char name[] = "before";
    Item item = {.name = name};
    json_t *value = shape_write(arena, &ITEM_SHAPE, &item);
    memcpy(name, "after!", 6);
    assert_string_equal(json_text(arena, value), "{\"name\":\"before\"}");
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(leaves_out_what_is_absent),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(briefly_there_are_no_defaults_within),
        cmocka_unit_test(redaction_hides_secrets_alone),
        cmocka_unit_test(redaction_reaches_into_objects_and_lists),
        cmocka_unit_test(text_that_is_not_utf8_is_written_without_what_is_not),
        cmocka_unit_test(the_written_value_does_not_share_what_it_came_from),
    };
    return RUN_CASES(cases);
}
