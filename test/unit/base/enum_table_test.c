#include "base/enum_table.h"

#include "base/macros.h"
#include "cases.h"

#include <string.h>

static const char *const COLOUR_NAMES[] = {"red", "green", "blue"};
static const EnumTable COLOURS = {"colour", COLOUR_NAMES, COUNT_OF(COLOUR_NAMES)};
static const char *const HOLED_NAMES[] = {NULL, "one", NULL, "three", NULL};
static const EnumTable HOLED = {"number", HOLED_NAMES, COUNT_OF(HOLED_NAMES)};

static void names_a_value(void **state) {
    (void)state;
    assert_string_equal(enum_name(&COLOURS, 0), "red");
    assert_string_equal(enum_name(&COLOURS, 2), "blue");
    assert_string_equal(enum_name(&HOLED, 3), "three");
}

static void names_a_value_outside_with_a_question_mark(void **state) {
    (void)state;
    assert_string_equal(enum_name(&COLOURS, 3), "?");
    assert_string_equal(enum_name(&COLOURS, -1), "?");
    assert_string_equal(enum_name(&HOLED, 2), "?");
}

static void finds_a_name(void **state) {
    (void)state;
    int value = -1;
    assert_true(enum_find(&COLOURS, "green", &value));
    assert_int_equal(value, 1);
    assert_true(enum_find(&HOLED, "three", &value));
    assert_int_equal(value, 3);
}

static void leaves_the_output_when_it_finds_nothing(void **state) {
    (void)state;
    int value = 77;
    assert_false(enum_find(&COLOURS, "Green", &value));
    assert_false(enum_find(&COLOURS, "gree", &value));
    assert_false(enum_find(&COLOURS, "", &value));
    assert_false(enum_find(&COLOURS, NULL, &value));
    assert_false(enum_find(&HOLED, NULL, &value));
    assert_false(enum_find(&COLOURS, "?", &value));
    assert_int_equal(value, 77);
}

static void lists_names_for_a_message(void **state) {
    (void)state;
    char text[64];
    assert_string_equal(enum_list(&COLOURS, text, sizeof(text)), "red, green or blue");
    assert_string_equal(enum_list(&HOLED, text, sizeof(text)), "one or three");
    const EnumTable one = {"colour", COLOUR_NAMES, 1};
    assert_string_equal(enum_list(&one, text, sizeof(text)), "red");
    const EnumTable none = {"colour", COLOUR_NAMES, 0};
    assert_string_equal(enum_list(&none, text, sizeof(text)), "");
}

static void cuts_the_list_at_its_size(void **state) {
    (void)state;
    char text[32];
    for (size_t size = 1; size < sizeof(text); size++) {
        memset(text, 'X', sizeof(text));
        enum_list(&COLOURS, text, size);
        assert_true(strlen(text) < size);
        assert_memory_equal(text, "red, green or blue", strlen(text));
        assert_int_equal(text[size], 'X');
    }
    assert_string_equal(enum_list(&COLOURS, text, 0), "");
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(names_a_value),
        cmocka_unit_test(names_a_value_outside_with_a_question_mark),
        cmocka_unit_test(finds_a_name),
        cmocka_unit_test(leaves_the_output_when_it_finds_nothing),
        cmocka_unit_test(lists_names_for_a_message),
        cmocka_unit_test(cuts_the_list_at_its_size),
    };
    return RUN_CASES(cases);
}
