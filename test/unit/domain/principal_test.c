#include "domain/principal.h"

#include "shop.h"

static void check_names(Status (*check)(const char *, Error *), const char *const *good,
                        size_t good_count, const char *const *bad, size_t bad_count) {
    for (size_t i = 0; i < good_count; i++)
        assert_int_equal(check(good[i], NULL), STATUS_OK);
    for (size_t i = 0; i < bad_count; i++) {
        Error error = {0};
        expect_fault(check(bad[i], &error), &error, STATUS_INVALID, "bad_value");
        assert_true(text_starts_with(error.message, "expected "));
    }
}

static void repeat(char *text, size_t length) {
    memset(text, 'a', length);
    text[length] = '\0';
}

static void principals_are_named_like_mail_addresses(void **state) {
    char longest[129], longer[130];
    repeat(longest, 128);
    repeat(longer, 129);
    const char *const good[] = {"a",          "Z",       "7",    "engineer@example.com",
                                "deploy-bot", "a_b+c.d", longest};
    const char *const bad[] = {"",
                               "@x",
                               ".a",
                               "a b",
                               "a;b",
                               "a'b",
                               "a\"b",
                               "a\\b",
                               "a/b",
                               "\xC3\xA4",
                               "a\nb",
                               longer,
                               "[",
                               "`",
                               "{",
                               ":",
                               "-bot",
                               "\x01"
                               "abc",
                               "a\xE2\x80"};
    check_names(principal_name_check, good, COUNT_OF(good), bad, COUNT_OF(bad));
}

static void objects_are_named_in_lower_case(void **state) {
    char longest[65], longer[66];
    repeat(longest, 64);
    repeat(longer, 65);
    const char *const good[] = {"a", "7", "shop-read", "a--b-", longest};
    const char *const bad[] = {"",    "-a",  "A",   "a_b",      "a.b",
                               "a b", "a@b", "a;b", "\xC3\xA4", longer};
    check_names(object_name_check, good, COUNT_OF(good), bad, COUNT_OF(bad));
}

static void a_principal_is_a_member_unless_it_says_otherwise(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    assert_int_equal(configuration_principal(&configuration, "ann")->role, ROLE_MEMBER);
    assert_int_equal(configuration_principal(&configuration, "root")->role, ROLE_ADMINISTRATOR);
    assert_int_equal(configuration_principal(&configuration, "ida")->role, ROLE_AUDITOR);
    assert_false(configuration_principal(&configuration, "ann")->disabled);
    assert_true(configuration_principal(&configuration, "eve")->disabled);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(principals_are_named_like_mail_addresses),
        cmocka_unit_test(objects_are_named_in_lower_case),
        cmocka_unit_test(a_principal_is_a_member_unless_it_says_otherwise),
    };
    return RUN_CASES(cases);
}
