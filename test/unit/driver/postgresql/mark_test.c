#include "driver/account_mark.h"
#include "driver/postgresql/shared_role_mark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const TargetAddress TARGET = {.host = "db", .database = "shop\"; --'"};
static const Plan PLAN = {
    .grant_id = "grt_1",
    .deployment = "dep_1",
    .connector = "main",
    .target = &TARGET,
    .account = "temp_a_1",
    .custodian = "keep\"er",
};

static void account_mark_comes_back_as_written(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    AccountMark mark = account_mark_of(&PLAN, 1700000000123);
    const char *comment = account_mark_format(arena, &mark);
    assert_true(text_starts_with(comment, "daypass {"));
    AccountMark read;
    assert_true(account_mark_parse(arena, comment, &read));
    assert_string_equal(read.grant, "grt_1");
    assert_string_equal(read.deployment, "dep_1");
    assert_string_equal(read.connector, "main");
    assert_string_equal(read.custodian, "keep\"er");
    assert_string_equal(read.database, TARGET.database);
    assert_int_equal(read.expires, 1700000000123);
    assert_true(account_mark_is(&read, &PLAN));
}

static void mark_without_custodian_has_none(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    Plan plan = PLAN;
    plan.custodian = NULL;
    AccountMark mark = account_mark_of(&plan, 1700000000000);
    AccountMark read;
    assert_true(account_mark_parse(arena, account_mark_format(arena, &mark), &read));
    assert_null(read.custodian);
}

static void mark_is_of_one_grant_in_one_deployment(void **state) {
    (void)state;
    AccountMark mark = account_mark_of(&PLAN, 1);
    Plan other = PLAN;
    other.grant_id = "grt_2";
    assert_false(account_mark_is(&mark, &other));
    other = PLAN;
    other.deployment = "dep_2";
    assert_false(account_mark_is(&mark, &other));
}

static void comments_that_are_no_marks_are_not_read(void **state) {
    static const char *const OTHERS[] = {
        "",
        "daypass",
        "daypass ",
        "daypass {",
        "daypass {}",
        "daypass  {}",
        " daypass {\"v\":1}",
        "daypass-role {\"v\":1}",
        "daypass {\"v\":1}",
        "daypass {\"connector\":\"m\",\"database\":\"d\",\"deployment\":\"x\",\"expires\":"
        "\"2026-01-01T00:00:00Z\",\"grant\":\"g\",\"v\":2}",
        "daypass {\"connector\":\"m\",\"database\":\"d\",\"deployment\":\"x\",\"expires\":"
        "\"2026-01-01T00:00:00Z\",\"grant\":\"g\",\"v\":1,\"more\":1}",
        "daypass {\"connector\":\"m\",\"database\":\"d\",\"deployment\":\"x\",\"expires\":"
        "\"2026-01-01T00:00:00Z\",\"grant\":\"g\",\"v\":1} and more",
        "daypass {\"connector\":1,\"database\":\"d\",\"deployment\":\"x\",\"expires\":"
        "\"2026-01-01T00:00:00Z\",\"grant\":\"g\",\"v\":1}",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    AccountMark mark;
    assert_false(account_mark_parse(arena, NULL, &mark));
    for (size_t i = 0; i < COUNT_OF(OTHERS); i++)
        if (account_mark_parse(arena, OTHERS[i], &mark))
            fail_msg("read as a mark: %s", OTHERS[i]);
    assert_true(account_mark_parse(
        arena,
        "daypass {\"connector\":\"m\",\"database\":\"d\",\"deployment\":\"x\",\"expires\":"
        "\"2026-01-01T00:00:00Z\",\"grant\":\"g\",\"v\":1}",
        &mark));
}

static void shared_role_mark_is_another_kind(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    SharedRoleMark mark = {
        .deployment = "dep_1", .database = "shop", .privileges = "00ff", .made = 1700000000000};
    const char *comment = pg_shared_role_mark_format(arena, &mark);
    SharedRoleMark read;
    AccountMark account;
    assert_true(pg_shared_role_mark_parse(arena, comment, &read));
    assert_string_equal(read.privileges, "00ff");
    assert_int_equal(read.made, 1700000000000);
    assert_false(account_mark_parse(arena, comment, &account));
    AccountMark other = account_mark_of(&PLAN, 1);
    assert_false(pg_shared_role_mark_parse(arena, account_mark_format(arena, &other), &read));
    assert_false(pg_shared_role_mark_parse(arena, NULL, &read));
    assert_false(pg_shared_role_mark_parse(arena, "daypass-role {\"v\": 2}", &read));
    assert_false(pg_shared_role_mark_parse(arena, "daypass-role", &read));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(account_mark_comes_back_as_written),
        cmocka_unit_test(mark_without_custodian_has_none),
        cmocka_unit_test(mark_is_of_one_grant_in_one_deployment),
        cmocka_unit_test(comments_that_are_no_marks_are_not_read),
        cmocka_unit_test(shared_role_mark_is_another_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
