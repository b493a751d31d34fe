#include "driver/odbc/wide_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static void text_goes_there_and_back(void **state) {
    (void)state;
    static const char *const TEXTS[] = {"",       "temp_john", "Grüße",
                                        "€ 漢字", "🔑 key 𝄞",   "\xF4\x8F\xBF\xBF"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        CLEANUP(buffer_done) Buffer wide = {0};
        CLEANUP(arena_freep) Arena *arena = arena_new();
        assert_true(wide_text_add(&wide, TEXTS[i], true));
        const uint16_t *units = (const uint16_t *)(const void *)wide.bytes;
        size_t count = wide.length / sizeof *units - 1;
        assert_int_equal(units[count], 0);
        assert_string_equal(wide_text_read(arena, units, count), TEXTS[i]);
    }
}

static void a_pair_is_two_units(void **state) {
    (void)state;
    static const uint16_t EXPECTED[] = {'a', 0xD83D, 0xDD11};
    CLEANUP(buffer_done) Buffer wide = {0};
    assert_true(wide_text_add(&wide, "a🔑", false));
    assert_int_equal(wide.length, sizeof EXPECTED);
    assert_memory_equal(wide.bytes, EXPECTED, sizeof EXPECTED);
}

static void what_is_no_utf8_is_not_said(void **state) {
    (void)state;
    CLEANUP(buffer_done) Buffer wide = {0};
    assert_false(wide_text_add(&wide, "a\xFF", true));
    assert_false(wide_text_add(&wide, "\xED\xA0\x80", true)); // half a pair
    assert_int_equal(wide.length, 0);
}

static void half_a_pair_and_a_nul_are_replaced(void **state) {
    (void)state;
    static const uint16_t UNITS[] = {0xD83D, 'x', 0xDD11, 0, 0xD83D};
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_string_equal(wide_text_read(arena, UNITS, 5),
                        "\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_goes_there_and_back),
        cmocka_unit_test(a_pair_is_two_units),
        cmocka_unit_test(what_is_no_utf8_is_not_said),
        cmocka_unit_test(half_a_pair_and_a_nul_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
