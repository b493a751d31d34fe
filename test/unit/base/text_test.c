#include "base/text.h"

#include "cases.h"

#include <string.h>

static bool utf8(const char *text) {
    return text_is_utf8(text, strlen(text));
}

static void equality_knows_null(void **state) {
    (void)state;
    assert_true(text_equal("a", "a"));
    assert_false(text_equal("a", "b"));
    assert_true(text_equal(NULL, NULL));
    assert_false(text_equal(NULL, ""));
    assert_false(text_equal("", NULL));
}

static void accepts_utf8(void **state) {
    (void)state;
    assert_true(utf8(""));
    assert_true(utf8("plain"));
    assert_true(utf8("\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xEF\xBF\xBF"));
    assert_true(utf8("\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF"));
    assert_true(utf8("\xED\x9F\xBF \xEE\x80\x80")); // around the surrogates
    assert_true(text_is_utf8("a\0b", 3));
}

static void refuses_what_is_not_utf8(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "\x80",             // continues nothing
        "\xBF",             //
        "\xC0\x80",         // overlong NUL
        "\xC1\xBF",         // overlong
        "\xE0\x80\x80",     //
        "\xE0\x9F\xBF",     //
        "\xF0\x80\x80\x80", //
        "\xF0\x8F\xBF\xBF", //
        "\xED\xA0\x80",     // surrogates
        "\xED\xBF\xBF",     //
        "\xF4\x90\x80\x80", // above U+10FFFF
        "\xF5\x80\x80\x80", //
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xC2",         // ends too early
        "\xE2\x82",     //
        "\xF0\x9F\x98", //
        "\xC2\x41",     // interrupted
        "\xE2\x82\x41",
        "good \xE2\x28\xA1",
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++)
        assert_false(utf8(BAD[i]));
    assert_false(text_is_utf8("€", 2)); // the length counts, not the NUL
}

static void decodes_one_character(void **state) {
    (void)state;
    uint32_t character = 7;
    assert_int_equal(text_decode("", 0, &character), 0);
    assert_int_equal(text_decode("\xFF", 1, &character), 0);
    assert_int_equal(character, 7);
    assert_int_equal(text_decode("ab", 2, &character), 1);
    assert_int_equal(character, 'a');
    assert_int_equal(text_decode("€uro", 6, &character), 3);
    assert_int_equal(character, 0x20AC);
    assert_int_equal(text_decode("\xF0\x9F\x98\x80", 4, &character), 4);
    assert_int_equal(character, 0x1F600);
}

static void cuts_between_characters(void **state) {
    (void)state;
    const char *text = "a€\xF0\x9F\x98\x80z"; // 1, 3, 4, 1 bytes
    static const size_t EXPECTED[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 9, 9};
    for (size_t max = 0; max < COUNT_OF(EXPECTED); max++)
        assert_int_equal(text_cut(text, 9, max), EXPECTED[max]);
}

static void starts_with_a_prefix(void **state) {
    (void)state;
    assert_true(text_starts_with("token", "tok"));
    assert_true(text_starts_with("token", ""));
    assert_true(text_starts_with("token", "token"));
    assert_false(text_starts_with("tok", "token"));
    assert_false(text_starts_with(NULL, "x"));
}

static void control_characters_and_overrides_are_not_printable(void **state) {
    (void)state;
    assert_true(text_is_printable("plain ~ äöü € 日本 \xF0\x9F\x98\x80"));
    assert_true(text_is_printable(""));
    assert_true(text_is_printable("\xC2\xA0")); // U+00A0
    for (char c = 1; c < 0x20; c++)
        assert_false(text_is_printable((char[]){'a', c, 0}));
    assert_false(text_is_printable("\x7F"));
    for (int c = 0x80; c <= 0x9F; c++)
        assert_false(text_is_printable((char[]){(char)0xC2, (char)c, 0}));
    for (int c = 0xA8; c <= 0xAE; c++) // U+2028 to U+202E
        assert_false(text_is_printable((char[]){(char)0xE2, (char)0x80, (char)c, 0}));
    for (int c = 0xA6; c <= 0xA9; c++) // U+2066 to U+2069
        assert_false(text_is_printable((char[]){(char)0xE2, (char)0x81, (char)c, 0}));
    assert_false(text_is_printable("\xFF"));
}

static void unprintable_characters_become_question_marks(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_string_equal(text_printable(arena, "a\nb\x1B[31mc"), "a?b?[31mc");
    assert_string_equal(text_printable(arena, "x\xE2\x80\xAEy"), "x?y");
    assert_string_equal(text_printable(arena, "\xFF\xE2\x82"), "???");
    assert_string_equal(text_printable(arena, "fine €"), "fine €");
    assert_null(text_printable(arena, NULL));
}

static void lists_grow_and_own_their_items(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    StringList list = {0};
    char name[8] = "n0";
    for (int i = 0; i < 1000; i++) {
        name[1] = (char)('0' + i % 10);
        string_list_add(arena, &list, name);
    }
    assert_int_equal(list.count, 1000);
    for (size_t i = 0; i < list.count; i++)
        assert_int_equal(list.items[i][1], '0' + (int)(i % 10));
    assert_true(string_list_has(&list, "n7"));
    assert_false(string_list_has(&list, "n"));
    assert_false(string_list_has(&(StringList){0}, "n"));
}

static void a_list_made_elsewhere_is_copied_when_it_grows(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *fixed[] = {"a", "b", "c"};
    StringList list = {.items = fixed, .count = 3};
    string_list_add(arena, &list, "d");
    assert_string_equal(string_list_join(arena, &list, ", "), "a, b, c, d");
    assert_ptr_not_equal(list.items, fixed);
}

static void lists_are_joined(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    StringList list = {0};
    assert_string_equal(string_list_join(arena, &list, ", "), "");
    string_list_add(arena, &list, "a");
    assert_string_equal(string_list_join(arena, &list, ", "), "a");
    string_list_add(arena, &list, "bc");
    assert_string_equal(string_list_join(arena, &list, ", "), "a, bc");
    assert_string_equal(string_list_join(arena, &list, ""), "abc");
}

static void base64_round_trips(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    unsigned char bytes[70];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 37 + 251);
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        const char *text = base64_encode(arena, bytes, length);
        assert_int_equal(strlen(text) % 4, 0);
        void *back;
        size_t back_length;
        assert_true(base64_decode(arena, text, length, &back, &back_length));
        assert_int_equal(back_length, length);
        assert_memory_equal(back, bytes, length);
        if (length > 0)
            assert_false(base64_decode(arena, text, length - 1, &back, &back_length));
    }
    assert_string_equal(base64_encode(arena, "\xFB\xFF", 2), "+/8=");
}

static void base64_refuses_everything_else(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const char *const BAD[] = {
        "A",       "AA",       "AAA",   "AA=",  "-_8=", "AAAA ", "AA AA",
        "AAAA\n",  "AA==AA==", "AAA=A", "====", "AB==", "é",     "\xFF\xFF\xFF\xFF",
        "AAA\xC0",
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        void *bytes = &arena;
        size_t length = 99;
        assert_false(base64_decode(arena, BAD[i], 100, &bytes, &length));
        assert_ptr_equal(bytes, &arena);
        assert_int_equal(length, 99);
    }
}

static void hex_round_trips(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_string_equal(hex_encode(arena, "\x00\xAB\xFF", 3), "00abff");
    assert_string_equal(hex_encode(arena, "", 0), "");
    unsigned char bytes[3];
    assert_true(hex_decode("00aBfF", bytes, 3));
    assert_memory_equal(bytes, "\x00\xAB\xFF", 3);
    assert_true(hex_decode("", bytes, 0));
}

static void hex_refuses_everything_else(void **state) {
    (void)state;
    unsigned char bytes[4] = {9, 9, 9, 9};
    assert_false(hex_decode("00ab", bytes, 3));
    assert_false(hex_decode("00abff0", bytes, 3));
    assert_false(hex_decode("00abff00", bytes, 3));
    assert_false(hex_decode("00abfg", bytes, 3));
    assert_false(hex_decode("00 abf", bytes, 3));
    assert_false(hex_decode("0x00ab", bytes, 3));
    assert_false(hex_decode("", bytes, 3));
    assert_memory_equal(bytes, "\x09\x09\x09\x09", 4);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(equality_knows_null),
        cmocka_unit_test(accepts_utf8),
        cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(decodes_one_character),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(starts_with_a_prefix),
        cmocka_unit_test(control_characters_and_overrides_are_not_printable),
        cmocka_unit_test(unprintable_characters_become_question_marks),
        cmocka_unit_test(lists_grow_and_own_their_items),
        cmocka_unit_test(a_list_made_elsewhere_is_copied_when_it_grows),
        cmocka_unit_test(lists_are_joined),
        cmocka_unit_test(base64_round_trips),
        cmocka_unit_test(base64_refuses_everything_else),
        cmocka_unit_test(hex_round_trips),
        cmocka_unit_test(hex_refuses_everything_else),
    };
    return RUN_CASES(cases);
}
