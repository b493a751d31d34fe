#include "domain/account_name.h"

#include "shop.h"

static void name_is(const char *prefix, const char *requester, const char *unique,
                    const char *expected) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *name = account_name_build(arena, prefix, requester, unique);
    assert_string_equal(name, expected);
    assert_true(strlen(name) <= ACCOUNT_NAME_MAX);
}

static void reads_like_its_requester(void **state) {
    name_is("temp_", "john", "a1b2c3", "temp_john_a1b2c3");
    name_is("temp_", "John.Doe@example.com", "a1b2c3", "temp_john_doe_a1b2c3");
    name_is("dp_", "deploy-bot+7", "a1b2c3d4", "dp_deploy_bot_7_a1b2c3d4");
}

static void folds_what_no_engine_likes(void **state) {
    name_is("temp_", "..J--\xC3\x96._.x..@", "a1b2c3", "temp_j_x_a1b2c3");
    name_is("temp_", "\"; DROP ROLE x; --", "a1b2c3", "temp_drop_role_x_a1b2c3");
    name_is("temp_", "{|}~z[`", "a1b2c3", "temp_z_a1b2c3");
}

static void is_never_empty_in_the_middle(void **state) {
    name_is("temp_", "@example.com", "a1b2c3", "temp_user_a1b2c3");
    name_is("temp_", "", "a1b2c3", "temp_user_a1b2c3");
    name_is("temp_", "\xE4\xBD\xA0", "a1b2c3", "temp_user_a1b2c3");
}

static void cuts_only_the_middle(void **state) {
    name_is("temp_", "abcdefghijklmnopqrstuvwxyz", "a1b2c3", "temp_abcdefghijklmnopqr_a1b2c3");
    name_is("temp_", "abcdefghijklmnopq-rst", "a1b2c3", "temp_abcdefghijklmnopq_a1b2c3");
    name_is("abcdefghijk_", "abcdefghi", "a1b2c3d4e5f6g7h8", "abcdefghijk_a_a1b2c3d4e5f6g7h8");
    name_is("abcdefghijk_", "@", "a1b2c3d4e5f6g7h8", "abcdefghijk_u_a1b2c3d4e5f6g7h8");
}

static void takes_prefixes_that_make_names(void **state) {
    static const char *const GOOD[] = {"temp_", "t_", "a23456789_1_", "a__"};
    static const char *const BAD[] = {"",      "_",     "temp",   "Temp_",        "1emp_",
                                      "te p_", "te-p_", "temp_x", "abcdefghijkl_"};
    for (size_t i = 0; i < COUNT_OF(GOOD); i++)
        assert_int_equal(account_prefix_check(GOOD[i], NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        Error error = {0};
        expect_fault(account_prefix_check(BAD[i], &error), &error, STATUS_INVALID, "bad_value");
        assert_true(text_starts_with(error.message, "expected "));
    }
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(reads_like_its_requester),
        cmocka_unit_test(folds_what_no_engine_likes),
        cmocka_unit_test(is_never_empty_in_the_middle),
        cmocka_unit_test(cuts_only_the_middle),
        cmocka_unit_test(takes_prefixes_that_make_names),
    };
    return RUN_CASES(cases);
}
