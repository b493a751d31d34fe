#include "base/id.h"

#include "base/text.h"
#include "cases.h"

#include <string.h>

enum { MANY = 2000 };

static void ids_have_their_prefix_and_eighty_bits(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (int i = 0; i < MANY; i++) {
        const char *id = id_new(arena, "req");
        assert_int_equal(strlen(id), 20);
        assert_true(strlen(id) < ID_MAX);
        assert_true(text_starts_with(id, "req_"));
        assert_int_equal(strspn(id + 4, "abcdefghijklmnopqrstuvwxyz234567"), 16);
    }
}

// Each position takes each character; 2000 tries miss one of 32 with a chance of 1e-24.
static void every_position_of_an_id_is_random(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static bool seen[16][256];
    for (int i = 0; i < MANY; i++) {
        const char *id = id_new(arena, "x") + 2;
        for (size_t at = 0; at < 16; at++)
            seen[at][(unsigned char)id[at]] = true;
    }
    for (size_t at = 0; at < 16; at++) {
        size_t count = 0;
        for (size_t c = 0; c < 256; c++)
            count += seen[at][c];
        assert_int_equal(count, 32);
    }
}

static void tokens_are_256_bits_of_base64url(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    StringList seen = {0};
    for (int i = 0; i < 200; i++) {
        const char *token = token_new(arena, "dps");
        assert_true(text_starts_with(token, "dps_"));
        assert_int_equal(strlen(token), 47);
        assert_true(strlen(token) < TOKEN_TEXT_MAX);
        assert_int_equal(strspn(token + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789-_"),
                         43);
        assert_false(string_list_has(&seen, token));
        string_list_add(arena, &seen, token);
    }
}

static void the_hash_of_a_token_is_blake2b(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    // b2sum -l 256
    assert_string_equal(token_hash(arena, "abc"),
                        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    assert_string_equal(token_hash(arena, "abc"), token_hash(arena, "abc"));
    assert_string_not_equal(token_hash(arena, "abc"), token_hash(arena, "abd"));
    assert_int_equal(strlen(token_hash(arena, "")), 64);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(ids_have_their_prefix_and_eighty_bits),
        cmocka_unit_test(every_position_of_an_id_is_random),
        cmocka_unit_test(tokens_are_256_bits_of_base64url),
        cmocka_unit_test(the_hash_of_a_token_is_blake2b),
    };
    return RUN_CASES(cases);
}
