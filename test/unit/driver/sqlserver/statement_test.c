#include "driver/sqlserver/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static Arena *arena;

static int setup(void **state) {
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena = arena_free(arena);
    return 0;
}

static void names_and_texts_end_where_they_should(void **state) {
    (void)state;
    assert_string_equal(tsql_name(arena, "orders"), "[orders]");
    assert_string_equal(tsql_name(arena, "a]b[c'd\"e]"), "[a]]b[c'd\"e]]]");
    assert_string_equal(tsql_text(arena, "it's ]\"ʼ"), "N'it''s ]\"ʼ'");
    StringList names = {0};
    string_list_add(arena, &names, "a'");
    string_list_add(arena, &names, "b]");
    assert_string_equal(tsql_texts(arena, &names), "N'a''', N'b]'");
    assert_string_equal(tsql_names(arena, &names), "[a'], [b]]]");
    assert_string_equal(tsql_in_database(arena, "s]hop", "SELECT 1"), "USE [s]]hop]; SELECT 1");
}

static void names_have_128_characters_as_the_server_counts(void **state) {
    (void)state;
    char name[4 * TSQL_NAME_MAX + 8];
    memset(name, 'x', TSQL_NAME_MAX);
    name[TSQL_NAME_MAX] = '\0';
    assert_int_equal(tsql_name_check("table", name, NULL), STATUS_OK);
    memcpy(name + TSQL_NAME_MAX, "x", 2);
    Error error = {0};
    assert_int_equal(tsql_name_check("table", name, &error), STATUS_INVALID);
    assert_string_equal(error.code, "bad_name");
    assert_non_null(strstr(error.message, "129 characters"));
    name[0] = '\0';
    assert_int_equal(tsql_name_check("table", name, NULL), STATUS_INVALID);
    assert_int_equal(tsql_name_check("table", NULL, NULL), STATUS_INVALID);
    assert_int_equal(tsql_name_check("table", "\xFF", NULL), STATUS_INVALID);
    // 64 keys are 128 units of UTF-16, 128 of € too.
    for (size_t i = 0; i < 64; i++)
        memcpy(name + 4 * i, "🔑", 5);
    assert_int_equal(tsql_name_check("table", name, NULL), STATUS_OK);
    memcpy(name + 256, "🔑", 5);
    assert_int_equal(tsql_name_check("table", name, NULL), STATUS_INVALID);
    for (size_t i = 0; i < 128; i++)
        memcpy(name + 3 * i, "€", 4);
    assert_int_equal(tsql_name_check("table", name, NULL), STATUS_OK);
}

static void a_sid_is_the_grant_s_alone(void **state) {
    (void)state;
    const char *sid = tsql_sid(arena, "dep_1", "grt_1");
    assert_int_equal(strlen(sid), 2 + 32);
    assert_true(text_starts_with(sid, TSQL_SID_PREFIX));
    assert_string_equal(sid, tsql_sid(arena, "dep_1", "grt_1"));
    assert_string_not_equal(sid, tsql_sid(arena, "dep_1", "grt_2"));
    assert_string_not_equal(sid, tsql_sid(arena, "dep_2", "grt_1"));
    assert_string_not_equal(tsql_sid(arena, "a", "bc"), tsql_sid(arena, "ab", "c"));
    for (const char *at = sid + 2; *at != '\0'; at++)
        assert_non_null(strchr("0123456789ABCDEF", *at)); // as the server writes it
}

// The example of hashcat's mode 1731.
static void a_password_is_stored_as_the_server_would(void **state) {
    (void)state;
    CLEANUP(secret_freep) Secret *password = secret_new("hashcat", 7);
    const unsigned char salt[TSQL_SALT_BYTES] = {0x01, 0x02, 0x03, 0x04};
    CLEANUP(secret_freep) Secret *stored = tsql_password_hash(password, salt);
    assert_string_equal(secret_text(stored), "0x02000102030434ea1b17802fd95ea6316bd61d2c94622ca3812"
                                             "793e8fb1672487b5c904a45a31b2ab4a78890d"
                                             "563d2fcf5663e46fe797d71550494be50cf4915d3f4d55ec375");
}

static void logins_hide_their_password_in_evidence(void **state) {
    (void)state;
    CLEANUP(secret_freep) Secret *hash = secret_new("0x0200AB", 8);
    CLEANUP(secret_freep) Secret *plain = secret_new("it's", 4);
    assert_string_equal(tsql_create_login(arena, "t", "0x44", "shop", (TsqlPassword){hash, true}),
                        "CREATE LOGIN [t] WITH PASSWORD = 0x0200AB HASHED, SID = 0x44, "
                        "DEFAULT_DATABASE = [shop], CHECK_EXPIRATION = OFF, CHECK_POLICY = OFF");
    assert_string_equal(tsql_create_login(arena, "t", "0x44", "shop", (TsqlPassword){NULL, true}),
                        "CREATE LOGIN [t] WITH PASSWORD = '(elided)' HASHED, SID = 0x44, "
                        "DEFAULT_DATABASE = [shop], CHECK_EXPIRATION = OFF, CHECK_POLICY = OFF");
    assert_string_equal(tsql_create_login(arena, "t", "0x44", "shop", (TsqlPassword){plain, false}),
                        "CREATE LOGIN [t] WITH PASSWORD = N'it''s', SID = 0x44, "
                        "DEFAULT_DATABASE = [shop]");
    assert_string_equal(tsql_set_password(arena, "t", (TsqlPassword){NULL, false}),
                        "ALTER LOGIN [t] WITH PASSWORD = '(elided)'");
}

static void privileges_are_said_with_their_columns_and_grantors(void **state) {
    (void)state;
    StringList privileges = {0}, columns = {0}, none = {0};
    string_list_add(arena, &privileges, "SELECT");
    string_list_add(arena, &privileges, "UPDATE");
    string_list_add(arena, &columns, "a");
    string_list_add(arena, &columns, "b]");
    const TsqlSecurable table = {.class = TSQL_OBJECT, .schema = "s]", .name = "t"};
    const TsqlSecurable schema = {.class = TSQL_SCHEMA, .name = "s]"};
    const TsqlSecurable database = {.class = TSQL_DATABASE};
    assert_string_equal(
        tsql_grant(arena, &privileges, &columns, &table, "u", false),
        "GRANT SELECT ([a], [b]]]), UPDATE ([a], [b]]]) ON OBJECT::[s]]].[t] TO [u]");
    assert_string_equal(tsql_grant(arena, &privileges, &none, &schema, "u", true),
                        "GRANT SELECT, UPDATE ON SCHEMA::[s]]] TO [u] WITH GRANT OPTION");
    assert_string_equal(tsql_revoke(arena, "SELECT", "a", &table, "u", NULL),
                        "REVOKE SELECT ([a]) ON OBJECT::[s]]].[t] FROM [u] CASCADE");
    assert_string_equal(tsql_revoke(arena, "VIEW DEFINITION", NULL, &database, "u", "g]"),
                        "REVOKE VIEW DEFINITION FROM [u] CASCADE AS [g]]]");
    assert_string_equal(tsql_set_owner(arena, &schema, "k"),
                        "ALTER AUTHORIZATION ON SCHEMA::[s]]] TO [k]");
    assert_string_equal(tsql_securable_describe(arena, &table), "object [s]]].[t]");
}

#define STATEMENT_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        STATEMENT_TEST(names_and_texts_end_where_they_should),
        STATEMENT_TEST(names_have_128_characters_as_the_server_counts),
        STATEMENT_TEST(a_sid_is_the_grant_s_alone),
        STATEMENT_TEST(a_password_is_stored_as_the_server_would),
        STATEMENT_TEST(logins_hide_their_password_in_evidence),
        STATEMENT_TEST(privileges_are_said_with_their_columns_and_grantors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
