#include "base/json.h"

#include "base/text.h"
#include "cases.h"

#include <stdio.h>
#include <string.h>

static Status parse(Arena *arena, const char *text, json_t **ret_value, Error *reterr) {
    return json_read(arena, text, strlen(text), ret_value, reterr);
}

static void reads_any_value(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const char *const GOOD[] = {
        "{}", "[]", "1", "\"x\"", "null", "true", "-1.5e3", " {\"a\": [1, {\"b\": \"\\u20ac\"}]} ",
    };
    for (size_t i = 0; i < COUNT_OF(GOOD); i++) {
        json_t *value = NULL;
        assert_int_equal(parse(arena, GOOD[i], &value, NULL), STATUS_OK);
        assert_non_null(value);
    }
}

static void refuses_what_is_malformed_and_says_where(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const struct {
        const char *text, *says;
    } BAD[] = {
        {"", "ends too early"},
        {"{\"a\": 1", "ends too early"},
        {"{\n  \"a\" 1}", "line 2"},
        {"{} {}", "something follows"},
        {"{\"a\":1,\"a\":2}", "twice"},
        {"{\"a\":{\"b\":1,\"b\":1}}", "twice"},
        {"\"\\u0000\"", "NUL"},
        {"{\"a\\u0000\":1}", "NUL"},
        {"\"\xFF\"", "UTF-8"},
        {"\"\xED\xA0\x80\"", "UTF-8"},
        {"\"\xC0\xAF\"", "UTF-8"},
        {"1e999", "too large"},
        {"99999999999999999999", "too large"},
        {"{'a': 1}", "not valid JSON"},
        {"{\"a\": 1,}", "not valid JSON"},
        {"[1 2]", "not valid JSON"},
        {"01", ""},
        {"NaN", ""},
        {"\"\\ud800\"", ""},
        {"\xEF\xBB\xBF{}", ""},
        {"// no\n1", ""},
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        json_t *value = NULL;
        Error error = {0};
        if (parse(arena, BAD[i].text, &value, &error) != STATUS_INVALID)
            fail_msg("accepted %s", BAD[i].text);
        assert_null(value);
        assert_string_equal(error.code, "malformed_json");
        if (strstr(error.message, BAD[i].says) == NULL || strstr(error.message, "line ") == NULL)
            fail_msg("%s: %s", BAD[i].text, error.message);
    }
}

static void refuses_nul_bytes(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *value;
    assert_int_equal(json_read(arena, "{}\0", 3, &value, NULL), STATUS_INVALID);
    assert_int_equal(json_read(arena, "0\0", 2, &value, NULL), STATUS_INVALID);
    assert_int_equal(json_read(arena, "[1\0]", 4, &value, NULL), STATUS_INVALID);
    assert_int_equal(json_read(arena, "\"a\0b\"", 5, &value, NULL), STATUS_INVALID);
    assert_int_equal(json_read(arena, NULL, 0, &value, NULL), STATUS_INVALID);
}

static void reads_no_further_than_the_length(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *value;
    assert_int_equal(json_read(arena, "123456", 3, &value, NULL), STATUS_OK);
    assert_int_equal(json_integer_value(value), 123);
}

static void does_not_repeat_the_input_in_the_error(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *value;
    Error error = {0};
    assert_int_equal(parse(arena, "{\"password\": confidential}", &value, &error), STATUS_INVALID);
    assert_null(strstr(error.message, "confidential"));
    assert_string_equal(error.detail, "");
    assert_int_equal(parse(arena, "{\"confidential\":1,\"confidential\":1}", &value, &error),
                     STATUS_INVALID);
    assert_null(strstr(error.message, "confidential"));
}

// `depth` brackets that open and close again, with `inner` in the middle.
static const char *nested(Arena *arena, int depth, const char *open, const char *inner,
                          const char *close) {
    const char *text = inner;
    for (int i = 0; i < depth; i++)
        text = arena_printf(arena, "%s%s%s", open, text, close);
    return text;
}

static void bounds_the_depth(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *value;
    Error error = {0};
    assert_int_equal(parse(arena, nested(arena, JSON_MAX_DEPTH, "[", "1", "]"), &value, NULL),
                     STATUS_OK);
    assert_int_equal(parse(arena, nested(arena, JSON_MAX_DEPTH, "{\"a\":", "1", "}"), &value, NULL),
                     STATUS_OK);
    assert_int_equal(parse(arena, nested(arena, JSON_MAX_DEPTH + 1, "[", "1", "]"), &value, &error),
                     STATUS_INVALID);
    assert_string_equal(error.code, "malformed_json");
    assert_non_null(strstr(error.message, "32"));
    assert_int_equal(
        parse(arena, nested(arena, JSON_MAX_DEPTH + 1, "{\"a\":", "1", "}"), &value, NULL),
        STATUS_INVALID);
}

static void bounds_the_number_of_values(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    enum { LENGTH = 2 * JSON_MAX_VALUES };
    char *text = arena_alloc(arena, LENGTH + 2);
    for (int i = 0; i < LENGTH; i += 2)
        memcpy(text + i, ",1", 2);
    text[0] = '[';
    json_t *value;
    Error error = {0};
    memcpy(text + LENGTH, "1]", 2);
    assert_int_equal(json_read(arena, text, LENGTH + 2, &value, &error), STATUS_TOO_LARGE);
    assert_string_equal(error.code, "too_many_values");
    text[LENGTH - 4] = ']'; // the array itself is a value too
    assert_int_equal(json_read(arena, text, LENGTH - 3, &value, NULL), STATUS_OK);
    memset(text, ',', LENGTH);
    text[0] = text[LENGTH - 1] = '"'; // in a string they separate nothing
    assert_int_equal(json_read(arena, text, LENGTH, &value, NULL), STATUS_OK);
}

static void refuses_a_million_brackets(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char *text = arena_alloc(arena, 1000000);
    memset(text, '[', 1000000);
    json_t *value;
    assert_int_equal(json_read(arena, text, 1000000, &value, NULL), STATUS_INVALID);
}

static void brackets_in_strings_are_not_depth(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *brackets = nested(arena, 100, "[{", "", "");
    json_t *value;
    assert_int_equal(parse(arena,
                           arena_printf(arena, "[\"%s\\\"%s\", \"\\\\\"]", brackets, brackets),
                           &value, NULL),
                     STATUS_OK);
    // Many lists side by side are wide, not deep.
    const char *wide = arena_printf(arena, "[%s1]", nested(arena, 200, "[],", "", ""));
    assert_int_equal(parse(arena, wide, &value, NULL), STATUS_OK);
}

static void text_is_compact_and_sorted(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *value;
    assert_int_equal(parse(arena,
                           " { \"b\" : [ 1 , 2.5 ] , \"a\" : { \"d\": null, \"c\": \"€\" } } ",
                           &value, NULL),
                     STATUS_OK);
    assert_string_equal(json_text(arena, value), "{\"a\":{\"c\":\"€\",\"d\":null},\"b\":[1,2.5]}");
    assert_string_equal(json_text_indented(arena, json_keep(arena, json_pack("{s:i}", "a", 1))),
                        "{\n  \"a\": 1\n}");
    assert_string_equal(json_text(arena, json_true()), "true");
}

static void the_same_value_gives_the_same_bytes(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *a, *b;
    assert_int_equal(parse(arena, "{\"x\":1,\"y\":{\"p\":1,\"q\":2}}", &a, NULL), STATUS_OK);
    assert_int_equal(parse(arena, "{ \"y\":{\"q\":2,\"p\":1}, \"x\":1}", &b, NULL), STATUS_OK);
    assert_string_equal(json_text(arena, a), json_text(arena, b));
    json_t *again;
    assert_int_equal(parse(arena, json_text(arena, a), &again, NULL), STATUS_OK);
    assert_string_equal(json_text(arena, again), json_text(arena, a));
}

static void the_arena_takes_and_releases_a_reference(void **state) {
    (void)state;
    json_t *value = json_object();
    Arena *arena = arena_new();
    assert_ptr_equal(json_keep(arena, json_incref(value)), value);
    assert_int_equal(value->refcount, 2);
    assert_null(json_keep(arena, NULL));
    arena_free(arena);
    assert_int_equal(value->refcount, 1);
    json_decref(value);
}

static void works_the_same_when_freed_memory_is_wiped(void **state) {
    json_wipe_freed();
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *value = NULL;
    static const char TEXT[] = "{\"a\":[1,2,{\"b\":\"c\"}]}";
    assert_int_equal(json_read(arena, TEXT, strlen(TEXT), &value, NULL), STATUS_OK);
    assert_string_equal(json_text(arena, value), TEXT);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(reads_any_value),
        cmocka_unit_test(refuses_what_is_malformed_and_says_where),
        cmocka_unit_test(refuses_nul_bytes),
        cmocka_unit_test(reads_no_further_than_the_length),
        cmocka_unit_test(does_not_repeat_the_input_in_the_error),
        cmocka_unit_test(bounds_the_depth),
        cmocka_unit_test(bounds_the_number_of_values),
        cmocka_unit_test(refuses_a_million_brackets),
        cmocka_unit_test(brackets_in_strings_are_not_depth),
        cmocka_unit_test(text_is_compact_and_sorted),
        cmocka_unit_test(the_same_value_gives_the_same_bytes),
        cmocka_unit_test(the_arena_takes_and_releases_a_reference),
        cmocka_unit_test(works_the_same_when_freed_memory_is_wiped),
    };
    return RUN_CASES(cases);
}
