#include "base/buffer.h"

#include "cases.h"

#include <string.h>

static void text_of_an_untouched_buffer_is_empty(void **state) {
    (void)state;
    Buffer buffer = {0};
    assert_string_equal(buffer_text(&buffer), "");
    buffer_done(&buffer);
    buffer_done(&buffer);
    assert_string_equal(buffer_text(&buffer), "");
}

static void grows_and_stays_followed_by_nul(void **state) {
    (void)state;
    Buffer buffer = {0};
    for (int i = 0; i < 5000; i++) {
        buffer_add(&buffer, "ab");
        assert_int_equal(buffer.length, (size_t)(i + 1) * 2);
        assert_int_equal(buffer.bytes[buffer.length], '\0');
    }
    for (size_t i = 0; i < buffer.length; i++)
        assert_int_equal(buffer.bytes[i], i % 2 == 0 ? 'a' : 'b');
    buffer_done(&buffer);
    assert_null(buffer.bytes);
    assert_int_equal(buffer.length, 0);
}

static void refuses_bytes_above_the_ceiling_and_adds_nothing(void **state) {
    (void)state;
    Buffer buffer = {.ceiling = 10};
    Error error = {0};
    assert_int_equal(buffer_append(&buffer, "12345678", 8, &error), STATUS_OK);
    assert_int_equal(buffer_append(&buffer, "abc", 3, &error), STATUS_TOO_LARGE);
    assert_int_equal(error.status, STATUS_TOO_LARGE);
    assert_string_equal(buffer_text(&buffer), "12345678");
    assert_int_equal(buffer_append(&buffer, "ab", 2, NULL), STATUS_OK);
    assert_int_equal(buffer_append(&buffer, "x", 1, NULL), STATUS_TOO_LARGE);
    assert_int_equal(buffer_append(&buffer, "", 0, NULL), STATUS_OK);
    assert_string_equal(buffer_text(&buffer), "12345678ab");
    buffer_done(&buffer);
}

static void refuses_a_length_that_would_overflow(void **state) {
    (void)state;
    Buffer buffer = {.ceiling = 10};
    assert_int_equal(buffer_append(&buffer, "123", 3, NULL), STATUS_OK);
    assert_int_equal(buffer_append(&buffer, "x", SIZE_MAX, NULL), STATUS_TOO_LARGE);
    assert_int_equal(buffer_append(&buffer, "x", SIZE_MAX - 2, NULL), STATUS_TOO_LARGE);
    assert_string_equal(buffer_text(&buffer), "123");
    buffer_done(&buffer);
}

static void appending_nothing_makes_bytes(void **state) {
    (void)state;
    Buffer buffer = {.ceiling = 10};
    assert_int_equal(buffer_append(&buffer, NULL, 0, NULL), STATUS_OK);
    assert_non_null(buffer.bytes);
    assert_string_equal(buffer.bytes, "");
    buffer_done(&buffer);
}

static void adds_bytes_with_nul_and_formatted_text(void **state) {
    (void)state;
    Buffer buffer = {0};
    buffer_add_bytes(&buffer, "a\0b", 3);
    buffer_addf(&buffer, "-%d-%s", 42, "z");
    assert_int_equal(buffer.length, 8);
    assert_memory_equal(buffer.bytes, "a\0b-42-z", 9);
    buffer_addf(&buffer, "%5000s", "end");
    assert_int_equal(buffer.length, 5008);
    assert_string_equal(buffer.bytes + 5005, "end");
    buffer_done(&buffer);
}

static void a_wiped_buffer_keeps_its_content_while_it_grows(void **state) {
    (void)state;
    Buffer buffer = {.ceiling = 100000, .wipe = true};
    for (int i = 0; i < 10000; i++)
        assert_int_equal(buffer_append(&buffer, "0123456789", 10, NULL), STATUS_OK);
    for (size_t i = 0; i < buffer.length; i++)
        assert_int_equal(buffer.bytes[i], '0' + (int)(i % 10));
    buffer_done(&buffer);
    assert_null(buffer.bytes);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(text_of_an_untouched_buffer_is_empty),
        cmocka_unit_test(grows_and_stays_followed_by_nul),
        cmocka_unit_test(refuses_bytes_above_the_ceiling_and_adds_nothing),
        cmocka_unit_test(refuses_a_length_that_would_overflow),
        cmocka_unit_test(appending_nothing_makes_bytes),
        cmocka_unit_test(adds_bytes_with_nul_and_formatted_text),
        cmocka_unit_test(a_wiped_buffer_keeps_its_content_while_it_grows),
    };
    return RUN_CASES(cases);
}
