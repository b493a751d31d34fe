#include "http/target.h"

#include "base/macros.h"
#include "http/percent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static Target parsed(Arena *arena, const char *text) {
    Target target = {0};
    Error error = {0};
    if (target_parse(arena, text, &target, &error) != STATUS_OK)
        fail_msg("'%s': %s", text, error.message);
    return target;
}

static void decodes_the_path_and_each_parameter_once(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Target target = parsed(arena, "/v1/a%20b%252F/%c3%A9+?name=x%26y%3D+z&flag&empty=&a=b=c");
    assert_string_equal(target.path, "/v1/a b%2F/\u00e9+");
    assert_int_equal(target.parameter_count, 4);
    assert_string_equal(target_parameter(&target, "name"), "x&y= z");
    assert_string_equal(target_parameter(&target, "flag"), "");
    assert_string_equal(target_parameter(&target, "empty"), "");
    assert_string_equal(target_parameter(&target, "a"), "b=c");
    assert_null(target_parameter(&target, "b"));
}

static void accepts_a_query_with_nothing_in_it(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_int_equal(parsed(arena, "/").parameter_count, 0);
    assert_int_equal(parsed(arena, "/?").parameter_count, 0);
    assert_int_equal(parsed(arena, "/?&&").parameter_count, 0);
    assert_int_equal(parsed(arena, "/?a=1&&b=2&").parameter_count, 2);
}

static void refuses_what_no_target_holds(void **state) {
    static const char *const TEXTS[] = {
        "",          "*",          "v1",      "http://host/v1",
        "/a b",      "/a#b",       "/a\tb",   "/a\x7f",
        "/\xc3\xa9", "/%",         "/%4",     "/%zz",
        "/%4g",      "/a%00b",     "/%ff",    "/%c3",
        "/%c0%af",   "/%ed%a0%80", "/a%2fb",  "/a%2Fb",
        "/?a=%",     "/?a=%00",    "/?a=%ff", "/?%=a",
        "/?%00=a",   "/?=a",       "/?a=1&=", "/?a=%f4%90%80%80",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        Target target = {.path = "untouched"};
        Error error = {0};
        assert_int_equal(target_parse(arena, TEXTS[i], &target, &error), STATUS_INVALID);
        assert_string_equal(error.code, "malformed_target");
        assert_string_equal(target.path, "untouched");
    }
}

static void refuses_a_parameter_given_twice(void **state) {
    static const char *const TEXTS[] = {"/?a=1&a=2", "/?a&b&a", "/?a=1&%61=2"};
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        Target target = {0};
        Error error = {0};
        assert_int_equal(target_parse(arena, TEXTS[i], &target, &error), STATUS_INVALID);
        assert_string_equal(error.code, "duplicate_parameter");
        assert_non_null(strstr(error.message, "'a'"));
    }
}

static void refuses_more_parameters_than_the_ceiling(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *text = "/?";
    for (int i = 0; i < TARGET_MAX_PARAMETERS; i++)
        text = arena_printf(arena, "%s&p%d=%d", text, i, i);
    assert_int_equal(parsed(arena, text).parameter_count, TARGET_MAX_PARAMETERS);
    Target target = {0};
    Error error = {0};
    assert_int_equal(target_parse(arena, arena_printf(arena, "%s&more", text), &target, &error),
                     STATUS_INVALID);
    assert_string_equal(error.code, "too_many_parameters");
}

static void what_is_encoded_decodes_to_itself(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char every[256];
    for (int i = 1; i < 128; i++)
        every[i - 1] = (char)i;
    memcpy(every + 127, "\u00e9\u20ac", sizeof("\u00e9\u20ac"));
    const char *encoded = percent_encode(arena, every);
    assert_null(strpbrk(encoded, " /?&=+#\"'<>"));
    const char *decoded = NULL;
    assert_int_equal(percent_decode(arena, PERCENT_QUERY, encoded, strlen(encoded), &decoded, NULL),
                     STATUS_OK);
    assert_string_equal(decoded, every);
    assert_string_equal(percent_encode(arena, "aZ09-._~"), "aZ09-._~");
    assert_string_equal(percent_encode(arena, "a/b+c"), "a%2Fb%2Bc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_the_path_and_each_parameter_once),
        cmocka_unit_test(accepts_a_query_with_nothing_in_it),
        cmocka_unit_test(refuses_what_no_target_holds),
        cmocka_unit_test(refuses_a_parameter_given_twice),
        cmocka_unit_test(refuses_more_parameters_than_the_ceiling),
        cmocka_unit_test(what_is_encoded_decodes_to_itself),
    };
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
