#include "driver/aws/policy_name.h"

#include "base/clock.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char REGION[] = "eu-central-1";
static const char NAME[] = "daypass.grt_abcdefgh12345678.dep_abcdefgh12345678.main.1767229200";

static const AccountMark MARK = {
    .v = 1,
    .grant = "grt_abcdefgh12345678",
    .deployment = "dep_abcdefgh12345678",
    .connector = "main",
    .expires = 1767229200 * (int64_t)SECOND_MS,
};

static void says_grant_installation_connector_and_end(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_string_equal(aws_policy_name_format(arena, &MARK), NAME);
    AccountMark read;
    assert_true(aws_policy_name_parse(arena, NAME, REGION, &read));
    assert_string_equal(read.grant, MARK.grant);
    assert_string_equal(read.deployment, MARK.deployment);
    assert_string_equal(read.connector, MARK.connector);
    assert_string_equal(read.database, REGION);
    assert_int_equal(read.expires, MARK.expires);
}

static void has_room_for_the_longest_connector(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AccountMark mark = MARK;
    char longest[64], longer[72];
    memset(longest, 'c', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    mark.connector = longest;
    const char *name = aws_policy_name_format(arena, &mark);
    assert_non_null(name);
    assert_true(strlen(name) <= 125);
    memset(longer, 'c', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    mark.connector = longer;
    assert_null(aws_policy_name_format(arena, &mark));
}

static void is_not_made_of_what_could_not_be_read_back(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AccountMark mark = MARK;
    mark.connector = "main.other";
    assert_null(aws_policy_name_format(arena, &mark));
    mark = MARK;
    mark.grant = "";
    assert_null(aws_policy_name_format(arena, &mark));
    mark = MARK;
    mark.deployment = NULL;
    assert_null(aws_policy_name_format(arena, &mark));
    mark = MARK;
    mark.expires = 0;
    assert_null(aws_policy_name_format(arena, &mark));
}

static void what_is_nearly_one_is_none(void **state) {
    (void)state;
    static const char *const NONE[] = {
        "",
        "daypass",
        "daypass.",
        "Daypass.grt_a.dep_a.main.1767229200",
        "daypass.grt_a.dep_a.main",
        "daypass.grt_a.dep_a.main.",
        "daypass.grt_a.dep_a.main.0",
        "daypass.grt_a.dep_a.main.01767229200",
        "daypass.grt_a.dep_a.main.17672292000000",
        "daypass.grt_a.dep_a.main.-1767229200",
        "daypass.grt_a.dep_a.main.1767229200x",
        "daypass.grt_a.dep_a.main.1767229200.1",
        "daypass.grt_a..main.1767229200",
        "daypass.grt a.dep_a.main.1767229200",
        "daypass.grt_a.dep_a.ma,in.1767229200",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AccountMark read;
    for (size_t i = 0; i < COUNT_OF(NONE); i++)
        if (aws_policy_name_parse(arena, NONE[i], REGION, &read))
            fail_msg("\"%s\" was taken for a name", NONE[i]);
    assert_true(aws_policy_name_claims("daypass.grt_a"));
    assert_false(aws_policy_name_claims("their.daypass.grt_a"));
}

static void an_account_is_an_identity_and_a_grant(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AwsAccountName name;
    assert_true(aws_account_name_parse(arena, "user/jane@example.com/grt_a", &name));
    assert_false(name.is_role);
    assert_string_equal(name.name, "jane@example.com");
    assert_string_equal(name.grant, "grt_a");
    assert_true(aws_account_name_parse(arena, "role/dev/grt_a", &name));
    assert_true(name.is_role);
    static const char *const NONE[] = {
        "",
        "user",
        "user/jane",
        "user//grt_a",
        "user/jane/",
        "group/all/grt_a",
        "user/a/b/grt_a",
        "user/ja ne/grt_a",
    };
    for (size_t i = 0; i < COUNT_OF(NONE); i++)
        if (aws_account_name_parse(arena, NONE[i], &name))
            fail_msg("\"%s\" was taken for an account", NONE[i]);
    assert_false(aws_account_name_parse(arena, NULL, &name));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_grant_installation_connector_and_end),
        cmocka_unit_test(has_room_for_the_longest_connector),
        cmocka_unit_test(is_not_made_of_what_could_not_be_read_back),
        cmocka_unit_test(what_is_nearly_one_is_none),
        cmocka_unit_test(an_account_is_an_identity_and_a_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
