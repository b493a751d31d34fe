#include "driver/redis/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "base/buffer.h"
#include "driver/redis/rule.h"

static const char MARK[] = "daypass {\"connector\":\"c\",\"database\":\"0\",\"deployment\":\"d\","
                           "\"expires\":\"2026-05-04T10:00:00Z\",\"grant\":\"g\",\"v\":1}";

static Account parse(Arena *arena, const char *line) {
    Account account;
    if (!redis_account_parse(arena, line, &account))
        fail_msg("no account: %s", line);
    return account;
}

static const char *joined(Arena *arena, const StringList *list) {
    return string_list_join(arena, list, ", ");
}

static void line_of_an_account_is_taken_apart(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    const char *line = arena_printf(
        arena,
        "user t on sanitize-payload #11 ~a:* %%R~b resetchannels %s &news -@all +@read +z +b -c"
        " (~x resetchannels -@all +set +get) (&* -@all +publish)",
        redis_mark_rule(arena, "0123456789abcdef", MARK));
    Account account = parse(arena, line);
    assert_string_equal(account.name, "t");
    assert_true(account.on && account.marked && !account.spoilt_mark);
    assert_string_equal(account.key, "0123456789abcdef");
    assert_string_equal(account.mark.grant, "g");
    assert_int_equal(account.passwords, 1);
    assert_int_equal(account.attributes.count, 0);
    assert_string_equal(joined(arena, &account.keys), "~a:*, %R~b");
    assert_string_equal(joined(arena, &account.channels), "&news");
    assert_string_equal(joined(arena, &account.selectors),
                        "(~x resetchannels -@all +get +set), (&* -@all +publish)");
}

// As the server's table of commands has them, which is another one after each start.
static void order_of_single_commands_means_nothing(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    Account one = parse(arena, "user t off -@all +@read -b +a");
    Account other = parse(arena, "user t off -@all +@read +a -b");
    assert_string_equal(one.commands, other.commands);
    Account moved = parse(arena, "user t off -@all -b +@read +a");
    assert_string_not_equal(one.commands, moved.commands);
}

static void what_no_account_of_ours_has_is_an_attribute(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    Account account = parse(arena, "user t on nopass skip-sanitize-payload #1 #2 ~* &* +@all");
    assert_string_equal(joined(arena, &account.attributes),
                        "nopass, skip-sanitize-payload, 2 passwords");
    account = parse(arena, "user t off resetkeys resetchannels -@all");
    assert_false(account.on);
    assert_int_equal(account.attributes.count, 0);
}

static void mark_that_is_none_is_told(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    Account account = parse(arena, "user t on &daypass:broken -@all");
    assert_true(!account.marked && account.spoilt_mark);
    const char *text = redis_mark_rule(arena, "0123456789abcdef", "daypass {}");
    account = parse(arena, arena_printf(arena, "user t on %s -@all", text));
    assert_true(!account.marked && account.spoilt_mark);
    text = redis_mark_rule(arena, "0123456789abcdef", MARK);
    account = parse(arena, arena_printf(arena, "user t on %s %s -@all", text, text));
    assert_true(account.marked && account.spoilt_mark); // the second is none of ours
}

static const AccountState *state_of(Arena *arena, const char *line) {
    DriverSession session = {.target = {.database = "0"}};
    Operation operation = {.session = &session, .arena = arena};
    Account account = parse(arena, line);
    return redis_account_state(&operation, &account);
}

// Redis 7.0 lists some hundred commands where a category was held back.
static void change_far_behind_in_a_long_line_is_drift(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    CLEANUP(buffer_done) Buffer commands = {0};
    for (int i = 0; i < 100; i++)
        buffer_addf(&commands, " +command%d", i);
    const char *line = arena_printf(arena, "user t on #1 ~k -@all%s", buffer_text(&commands));
    const AccountState *given = state_of(arena, line);
    const AccountState *found = state_of(arena, arena_printf(arena, "%s +zzz", line));
    assert_int_equal(account_drift(arena, given, given, (DriftRules){0}).count, 0);
    Drifts drifts = account_drift(arena, given, found, (DriftRules){0});
    assert_string_equal(drifts_describe(arena, &drifts), "privileges");
    assert_true(drifts.items[0].widens);
    for (size_t i = 0; i < found->privileges.count; i++)
        assert_true(strlen(found->privileges.items[i]) <= 300);
}

static void name_may_begin_like_a_selector(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    Account account = parse(arena, "user (t on nopass -@all (~x -@all +get)");
    assert_string_equal(account.name, "(t");
    assert_true(account.on);
    assert_int_equal(account.selectors.count, 1);
}

static void other_lines_are_none(void **state) {
    static const char *const LINES[] = {"", "user", "user ", "users t on", "t on"};
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    Account account;
    for (size_t i = 0; i < COUNT_OF(LINES); i++)
        assert_false(redis_account_parse(arena, LINES[i], &account));
    // Nobody lists such, and nothing is read past the end of one.
    static const char *const ODD[] = {"user t (", "user t (a", "user t (a b", "user t ()",
                                      "user t )"};
    for (size_t i = 0; i < COUNT_OF(ODD); i++)
        assert_true(redis_account_parse(arena, ODD[i], &account));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_of_an_account_is_taken_apart),
        cmocka_unit_test(order_of_single_commands_means_nothing),
        cmocka_unit_test(what_no_account_of_ours_has_is_an_attribute),
        cmocka_unit_test(mark_that_is_none_is_told),
        cmocka_unit_test(change_far_behind_in_a_long_line_is_drift),
        cmocka_unit_test(name_may_begin_like_a_selector),
        cmocka_unit_test(other_lines_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
