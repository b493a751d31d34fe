#include "driver/mysql/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "base/macros.h"

static Arena *arena;

static int make_arena(void **state) {
    (void)state;
    arena = arena_new();
    return 0;
}

static int free_arena(void **state) {
    (void)state;
    arena = arena_free(arena);
    return 0;
}

#define TO_JOHN " TO `temp_john_a1b2c3`@`%`"
static const MyName JOHN = {"temp_john_a1b2c3", "%"};

static StringList list(const char *const *items) {
    StringList all = {0};
    for (; *items != NULL; items++)
        string_list_add(arena, &all, *items);
    return all;
}

static void names_stay_within_their_quotes(void **state) {
    static const struct {
        const char *name, *identifier, *literal;
    } CASES[] = {
        {"plain", "`plain`", "'plain'"},
        {"", "``", "''"},
        {"`", "````", "'`'"},
        {"a`; DROP USER x; --", "`a``; DROP USER x; --`", "'a`; DROP USER x; --'"},
        {"'", "`'`", "''''"},
        {"' OR ''='", "`' OR ''='`", "''' OR ''''='''"},
        {"\"", "`\"`", "'\"'"},
        {"back\\", "`back\\`", "'back\\'"}, // of no meaning in our mode
        {"\\'", "`\\'`", "'\\'''"},
        {"%s%n", "`%s%n`", "'%s%n'"},
        {"line\nbreak", "`line\nbreak`", "'line\nbreak'"},
        {"t\xc3\xa4glich", "`t\xc3\xa4glich`", "'t\xc3\xa4glich'"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        assert_string_equal(my_sql_identifier(arena, CASES[i].name), CASES[i].identifier);
        assert_string_equal(my_sql_literal(arena, CASES[i].name), CASES[i].literal);
    }
    assert_string_equal(my_sql_account(arena, (MyName){"a`b", "10.0.0.%"}), "`a``b`@`10.0.0.%`");
    static const char *const TWO[] = {"a", "it's", NULL};
    StringList two = list(TWO);
    assert_string_equal(my_sql_literals(arena, &two), "('a', 'it''s')");
    assert_string_equal(my_sql_literals(arena, &(StringList){0}), "('')");
}

static const char *repeated(const char *character, size_t count) {
    char *text = arena_alloc(arena, strlen(character) * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * strlen(character), character, strlen(character));
    return text;
}

static void names_that_cannot_be_are_refused(void **state) {
    (void)state;
    Error error = {0};
    assert_int_equal(my_sql_name_check("table", repeated("n", 64), &error), STATUS_OK);
    assert_int_equal(my_sql_name_check("table", repeated("\xc3\xa4", 64), &error), STATUS_OK);
    assert_int_equal(my_sql_account_check("account", repeated("n", 32), &error), STATUS_OK);
    const char *const bad[] = {
        NULL, "", repeated("n", 65), repeated("\xc3\xa4", 65), "\xff", "\xf0\x9f\x90\x98"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        error = (Error){0};
        assert_int_equal(my_sql_name_check("table", bad[i], &error), STATUS_INVALID);
        assert_string_equal(error.code, "bad_name");
        assert_non_null(strstr(error.message, "table"));
    }
    assert_int_equal(my_sql_account_check("account", repeated("n", 33), &error), STATUS_INVALID);
}

static void accounts_are_made_locked(void **state) {
    (void)state;
    MyAccount account = {
        .name = JOHN, .plugin = "caching_sha2_password", .mark = "{\"a\": \"it's\"}"};
    assert_string_equal(
        my_sql_create_account(arena, &account, "$A$005$x"),
        "CREATE USER `temp_john_a1b2c3`@`%` IDENTIFIED WITH caching_sha2_password AS"
        " '$A$005$x' REQUIRE NONE PASSWORD EXPIRE NEVER ACCOUNT LOCK"
        " ATTRIBUTE '{\"a\": \"it''s\"}'");
    account = (MyAccount){.name = {"t", "10.%"},
                          .plugin = "mysql_native_password",
                          .mariadb = true,
                          .require_tls = true,
                          .connection_limit = 3};
    assert_string_equal(my_sql_create_account(arena, &account, NULL),
                        "CREATE USER `t`@`10.%` IDENTIFIED VIA mysql_native_password USING"
                        " '(elided)' REQUIRE SSL WITH MAX_USER_CONNECTIONS 3 PASSWORD EXPIRE NEVER"
                        " ACCOUNT LOCK");
    assert_string_equal(my_sql_set_password(arena, &account, NULL),
                        "ALTER USER `t`@`10.%` IDENTIFIED VIA mysql_native_password USING "
                        "'(elided)'");
    assert_string_equal(my_sql_lock_account(arena, JOHN),
                        "ALTER USER `temp_john_a1b2c3`@`%` ACCOUNT LOCK");
    assert_string_equal(my_sql_unlock_account(arena, JOHN),
                        "ALTER USER `temp_john_a1b2c3`@`%` ACCOUNT UNLOCK");
    assert_string_equal(my_sql_drop_account(arena, JOHN), "DROP USER `temp_john_a1b2c3`@`%`");
    assert_string_equal(my_sql_set_mark(arena, JOHN, "{\"x\": \"a'b\"}"),
                        "ALTER USER `temp_john_a1b2c3`@`%` ATTRIBUTE '{\"x\": \"a''b\"}'");
    assert_string_equal(my_account_describe(arena, JOHN), "temp_john_a1b2c3@%");
}

static const char *grant_of(int kind, const char *schema, const char *name,
                            const char *const *words, const char *const *columns,
                            bool patterns_are_names, bool option) {
    static const char *const NONE[] = {NULL};
    MyGrant grant = {.kind = kind,
                     .schema = schema,
                     .name = name,
                     .words = list(words),
                     .columns = list(columns != NULL ? columns : NONE)};
    return my_sql_grant(arena, &grant, my_sql_account(arena, JOHN), patterns_are_names, option);
}

static void grants_name_what_they_are_on(void **state) {
    static const char *const TWO[] = {"INSERT", "SELECT", NULL};
    static const char *const RUN[] = {"EXECUTE", NULL};
    static const char *const COLUMNS[] = {"a", "b`c", NULL};
    (void)state;

    assert_string_equal(grant_of(MY_TABLE, "s_1", "t`x", TWO, NULL, false, false),
                        "GRANT INSERT, SELECT ON TABLE `s_1`.`t``x`" TO_JOHN);
    assert_string_equal(grant_of(MY_TABLE, "s", "t", TWO, COLUMNS, false, true),
                        "GRANT INSERT (`a`, `b``c`), SELECT (`a`, `b``c`) ON TABLE `s`.`t`" TO_JOHN
                        " WITH GRANT OPTION");
    assert_string_equal(grant_of(MY_FUNCTION, "s", "f", RUN, NULL, false, false),
                        "GRANT EXECUTE ON FUNCTION `s`.`f`" TO_JOHN);
    assert_string_equal(grant_of(MY_PROCEDURE, "s", "f", RUN, NULL, false, false),
                        "GRANT EXECUTE ON PROCEDURE `s`.`f`" TO_JOHN);
    assert_string_equal(grant_of(MY_SERVER, NULL, NULL, RUN, NULL, false, false),
                        "GRANT EXECUTE ON *.*" TO_JOHN);
    // The schema of such a grant is a pattern: s_1 would be sx1 as well.
    assert_string_equal(grant_of(MY_SCHEMA, "s_1%\\", NULL, TWO, NULL, false, false),
                        "GRANT INSERT, SELECT ON `s\\_1\\%\\\\`.*" TO_JOHN);
    assert_string_equal(grant_of(MY_SCHEMA, "s_1%\\", NULL, TWO, NULL, true, false),
                        "GRANT INSERT, SELECT ON `s_1%\\`.*" TO_JOHN);

    MyGrant grant = {.kind = MY_TABLE, .schema = "s", .name = "t", .words = list(TWO)};
    assert_string_equal(my_grant_describe(arena, &grant), "INSERT, SELECT on table `s`.`t`");
    grant = (MyGrant){.kind = MY_SCHEMA, .schema = "s_1", .words = list(TWO)};
    assert_string_equal(my_grant_describe(arena, &grant), "INSERT, SELECT on schema `s_1`");
    grant = (MyGrant){.kind = MY_SERVER, .words = list(RUN)};
    assert_string_equal(my_grant_describe(arena, &grant), "EXECUTE on the server");
    assert_string_equal(my_sql_grant_role(arena, "`r`@`%`", "`u`@`%`"), "GRANT `r`@`%` TO `u`@`%`");
}

static void events_lock_at_the_end(void **state) {
    (void)state;
    assert_string_equal(my_sql_time(arena, 1700000000999), "'2023-11-14 22:13:20'");
    assert_string_equal(my_sql_create_event(arena, JOHN, 1700000000000),
                        "CREATE EVENT `daypass`.`temp_john_a1b2c3` ON SCHEDULE AT"
                        " '2023-11-14 22:13:20' ON COMPLETION PRESERVE ENABLE DO ALTER USER IF"
                        " EXISTS `temp_john_a1b2c3`@`%` ACCOUNT LOCK");
    assert_non_null(
        strstr(my_sql_move_event(arena, JOHN, 1700000000000), "ALTER EVENT `daypass`."));
    assert_string_equal(my_sql_drop_event(arena, "a`b"), "DROP EVENT IF EXISTS `daypass`.`a``b`");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stay_within_their_quotes),
        cmocka_unit_test(names_that_cannot_be_are_refused),
        cmocka_unit_test(accounts_are_made_locked),
        cmocka_unit_test(grants_name_what_they_are_on),
        cmocka_unit_test(events_lock_at_the_end),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
