#include "driver/redis/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { NEW = 70015, OLD = 60200 };

static StringList words(Arena *arena, const char *text) {
    StringList list = {0};
    char *rest = NULL;
    char *copy = arena_strdup(arena, text);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        string_list_add(arena, &list, word);
    return list;
}

static AccessItem item(Arena *arena, const char *keys, const char *channels, const char *commands) {
    return (AccessItem){.keys = words(arena, keys),
                        .channels = words(arena, channels),
                        .commands = words(arena, commands)};
}

static AccessItem preset(Arena *arena, const char *keys, const char *channels, Preset which) {
    AccessItem it = item(arena, keys, channels, "");
    it.preset = which;
    return it;
}

static Status build(Arena *arena, int version, const char *database, const AccessItem *items,
                    size_t count, const char **ret_text, Error *reterr) {
    const StringList dangerous = words(arena, "monitor client|kill");
    const RuleContext context = {.version = version, .dangerous = &dangerous, .database = database};
    // Read only; the list is of the plan.
    const AccessItems all = {arena_copy(arena, items, count * sizeof items[0]), count};
    StringList rules;
    TRY(redis_rules_of(arena, &context, &all, &rules, reterr));
    *ret_text = string_list_join(arena, &rules, " ");
    return STATUS_OK;
}

static void expect(int version, const char *database, const AccessItem *items, size_t count,
                   const char *expected) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *text = NULL;
    Error error = {0};
    if (build(arena, version, database, items, count, &text, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_string_equal(text, expected);
}

static void expect_refused(int version, const AccessItem *items, size_t count, Status status,
                           const char *part) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *text = NULL;
    Error error = {0};
    assert_int_equal(build(arena, version, "0", items, count, &text, &error), status);
    if (strstr(error.message, part) == NULL)
        fail_msg("%s: not in: %s", part, error.message);
    assert_null(text);
}

static void commands_come_as_named_and_what_is_left_out_after_them(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    AccessItem it = item(arena, "a:* b", "", "-strlen get @read -@blocking");
    expect(NEW, "0", &it, 1,
           "~a:* ~b -@all +@read -@dangerous -@admin -function|load -function|restore"
           " -function|delete -function|flush +get -strlen -@blocking -@admin");
    expect(OLD, "0", &it, 1,
           "~a:* ~b -@all +@read -@dangerous -@admin +get -strlen -@blocking -@admin");
    it = item(arena, "a", "", "get client");
    expect(NEW, "0", &it, 1, "~a -@all +get +client -@admin");
}

static void other_database_needs_select(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    AccessItem it = item(arena, "a", "", "get");
    expect(NEW, "3", &it, 1, "~a -@all +get +select -@admin");
}

static void presets_are_categories_without_what_outlives_a_grant(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    AccessItem it = preset(arena, "a:*", "", PRESET_READ_ONLY);
    expect(OLD, "0", &it, 1,
           "~a:* -@all +@read +@connection +@transaction -@dangerous -@admin -@scripting -scan"
           " -randomkey -@admin");
    it = preset(arena, "*", "", PRESET_READ_WRITE);
    expect(NEW, "0", &it, 1,
           "~* -@all +@read +@write +@connection +@transaction -@dangerous -@admin"
           " -function|load -function|restore -function|delete -function|flush -@scripting"
           " -@admin");
    it = preset(arena, "", "news", PRESET_READ_ONLY);
    expect(OLD, "0", &it, 1,
           "&news -@all +@connection +@transaction -@dangerous -@admin -@scripting -scan"
           " -randomkey +subscribe +psubscribe +unsubscribe +punsubscribe -@admin");
    it = preset(arena, "", "news", PRESET_READ_WRITE);
    expect(OLD, "0", &it, 1,
           "&news -@all +@connection +@transaction -@dangerous -@admin -@scripting -scan"
           " -randomkey +subscribe +psubscribe +unsubscribe +punsubscribe +publish -@admin");
    expect(NEW, "0", &it, 1,
           "&news -@all +@connection +@transaction -@dangerous -@admin -function|load"
           " -function|restore -function|delete -function|flush -@scripting -scan -randomkey"
           " +subscribe +psubscribe +unsubscribe +punsubscribe +ssubscribe +sunsubscribe"
           " +publish +spublish -@admin");
}

static void entries_with_the_same_commands_are_one(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    const AccessItem items[] = {item(arena, "a", "", "get"), item(arena, "b a", "c", "get")};
    expect(OLD, "0", items, 2, "&c ~a ~b -@all +get -@admin");
}

static void entries_with_other_commands_are_kept_apart(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    const AccessItem items[] = {item(arena, "a", "", "get"), item(arena, "b", "c", "set"),
                                item(arena, "d", "", "get")};
    expect(NEW, "0", items, 3, "~a ~d -@all +get -@admin (resetchannels &c ~b -@all +set -@admin)");
    expect_refused(OLD, items, 3, STATUS_UNSUPPORTED, "before Redis 7");
}

static void every_channel_stands_beside_the_mark(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    const AccessItem items[] = {item(arena, "", "a *", "publish"), item(arena, "k", "", "get")};
    expect(OLD, "0", items, 1, "&** -@all +publish -@admin");
    expect(NEW, "0", items, 1, "-@all (resetchannels &* -@all +publish -@admin)");
    expect(NEW, "0", items, 2, "~k -@all +get -@admin (resetchannels &* -@all +publish -@admin)");
}

static void commands_of_administrators_are_refused(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    AccessItem it = item(arena, "a", "", "get monitor");
    expect_refused(NEW, &it, 1, STATUS_INVALID, "monitor");
    it = item(arena, "a", "", "client|kill");
    expect_refused(NEW, &it, 1, STATUS_INVALID, "client|kill");
    it = item(arena, "a", "", "monitors");
    expect(NEW, "0", &it, 1, "~a -@all +monitors -@admin");
    // Of a command that is known whole alone nobody can say which part is harmless.
    it = item(arena, "a", "", "monitor|part");
    expect_refused(OLD, &it, 1, STATUS_INVALID, "monitor|part");
    expect(NEW, "0", &it, 1, "~a -@all +monitor|part -@admin");
    it = item(arena, "a", "", "get -monitor"); // leaving it out is nothing to refuse
    expect(NEW, "0", &it, 1, "~a -@all +get -monitor -@admin");
}

static void what_a_selector_would_split_is_refused(void **state) {
    static const char *const PATTERNS[] = {"a\"", "a'", "a\\b", "(a", "a)"};
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(PATTERNS); i++) {
        const AccessItem items[] = {item(arena, "k", "", "get"),
                                    item(arena, PATTERNS[i], "", "set")};
        expect_refused(NEW, items, 2, STATUS_UNSUPPORTED, PATTERNS[i]);
        const AccessItem alone[] = {item(arena, PATTERNS[i], "", "set")};
        expect(NEW, "0", alone, 1, arena_printf(arena, "~%s -@all +set -@admin", PATTERNS[i]));
    }
}

static void password_is_hashed(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(secret_freep) Secret *password = secret_new("abc", 3);
    (void)state;
    // FIPS 180-2, B.1
    assert_string_equal(redis_rule_password(arena, password),
                        "#ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void mark_is_read_back_and_nothing_else_is_one(void **state) {
    static const char *const BROKEN[] = {
        "&daypass:",
        "&daypass:0123456789abcdef",
        "&daypass:0123456789abcdeF:YWJj",
        "&daypass:0123456789abcde:YWJj",
        "&daypass:0123456789abcdef:YW!j",
        "&daypass:0123456789abcdef:YWIAYw", // a NUL in it
        "&daypas:0123456789abcdef:YWJj",
        "~daypass:0123456789abcdef:YWJj",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *key, *text;
    (void)state;
    const char *drawn = redis_mark_key_new(arena);
    assert_string_not_equal(drawn, redis_mark_key_new(arena));
    const char *rule = redis_mark_rule(arena, drawn, "daypass {\"grant\":\"\xc3\xa4?>~\"}");
    assert_null(strpbrk(rule, " *?[]\\+/=\""));
    assert_true(redis_mark_parse(arena, rule, &key, &text));
    assert_string_equal(key, drawn);
    assert_string_equal(text, "daypass {\"grant\":\"\xc3\xa4?>~\"}");
    for (size_t i = 0; i < COUNT_OF(BROKEN); i++)
        assert_false(redis_mark_parse(arena, BROKEN[i], &key, &text));
    char *long_text = arena_alloc(arena, 2100);
    memset(long_text, 'x', 2099);
    assert_false(redis_mark_parse(arena, redis_mark_rule(arena, drawn, long_text), &key, &text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_come_as_named_and_what_is_left_out_after_them),
        cmocka_unit_test(other_database_needs_select),
        cmocka_unit_test(presets_are_categories_without_what_outlives_a_grant),
        cmocka_unit_test(entries_with_the_same_commands_are_one),
        cmocka_unit_test(entries_with_other_commands_are_kept_apart),
        cmocka_unit_test(every_channel_stands_beside_the_mark),
        cmocka_unit_test(commands_of_administrators_are_refused),
        cmocka_unit_test(what_a_selector_would_split_is_refused),
        cmocka_unit_test(password_is_hashed),
        cmocka_unit_test(mark_is_read_back_and_nothing_else_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
