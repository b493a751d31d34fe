#include "driver/postgresql/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "domain/plan.h"

static const char NAME_OF_63[] = "n23456789012345678901234567890123456789012345678901234567890123";

typedef struct Quoting {
    const char *text, *identifier, *literal;
} Quoting;

static const Quoting QUOTINGS[] = {
    {"plain", "\"plain\"", "'plain'"},
    {"Upper", "\"Upper\"", "'Upper'"},
    {"select", "\"select\"", "'select'"},
    {" two words ", "\" two words \"", "' two words '"},
    {"qu\"ote", "\"qu\"\"ote\"", "'qu\"ote'"},
    {"\"", "\"\"\"\"", "'\"'"},
    {"it's", "\"it's\"", "'it''s'"},
    {"''", "\"''\"", "''''''"},
    {"back\\slash", "\"back\\slash\"", "E'back\\\\slash'"},
    {"\\'", "\"\\'\"", "E'\\\\'''"},
    {"weird; DROP TABLE x; --", "\"weird; DROP TABLE x; --\"", "'weird; DROP TABLE x; --'"},
    {"/* $1 $$ %s */", "\"/* $1 $$ %s */\"", "'/* $1 $$ %s */'"},
    {"t\xc3\xa4glich \xf0\x9f\x90\x98", "\"t\xc3\xa4glich \xf0\x9f\x90\x98\"",
     "'t\xc3\xa4glich \xf0\x9f\x90\x98'"},
    {"line\nbreak", "\"line\nbreak\"", "'line\nbreak'"},
};

static void names_and_texts_are_quoted(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(QUOTINGS); i++) {
        assert_string_equal(pg_sql_identifier(arena, QUOTINGS[i].text), QUOTINGS[i].identifier);
        assert_string_equal(pg_sql_literal(arena, QUOTINGS[i].text), QUOTINGS[i].literal);
    }
    assert_string_equal(pg_sql_literal(arena, ""), "''");
}

static void names_that_the_server_would_change_are_refused(void **state) {
    (void)state;
    Error error = {0};
    assert_int_equal(pg_sql_name_check("table", "a", &error), STATUS_OK);
    assert_int_equal(strlen(NAME_OF_63), SQL_NAME_MAX);
    assert_int_equal(pg_sql_name_check("table", NAME_OF_63, &error), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(QUOTINGS); i++)
        assert_int_equal(pg_sql_name_check("table", QUOTINGS[i].text, &error), STATUS_OK);
    char long_name[SQL_NAME_MAX + 2];
    memset(long_name, 'x', sizeof long_name);
    long_name[SQL_NAME_MAX + 1] = '\0';
    // 62 bytes and a letter of two: cut in its middle by a server that cuts bytes.
    char across[SQL_NAME_MAX + 2];
    memset(across, 'x', sizeof across);
    memcpy(across + SQL_NAME_MAX - 1, "\xc3\xa4", 3);
    const char *const bad[] = {NULL, "", long_name, across, "\xff", "a\xc3", "\xed\xa0\x80"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        error = (Error){0};
        assert_int_equal(pg_sql_name_check("table", bad[i], &error), STATUS_INVALID);
        assert_string_equal(error.code, "bad_name");
        assert_non_null(strstr(error.message, "table"));
    }
}

static void arrays_quote_their_items(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    StringList list = {0};
    assert_string_equal(pg_sql_array(arena, &list), "{}");
    string_list_add(arena, &list, "a");
    string_list_add(arena, &list, "b\"\\,{}");
    string_list_add(arena, &list, "NULL");
    assert_string_equal(pg_sql_array(arena, &list), "{\"a\",\"b\\\"\\\\,{}\",\"NULL\"}");
}

static void every_privilege_of_plans_is_known(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    for (int object = 0; object < OBJECT_KIND_COUNT_; object++) {
        const EnumTable words = target_privileges(TARGET_POSTGRESQL, (ObjectKind)object);
        for (size_t i = 0; i < words.count; i++) {
            uint32_t bit = pg_sql_privilege(words.names[i]);
            assert_int_not_equal(bit, SQL_OTHER);
            assert_string_equal(pg_sql_privileges_format(arena, bit), words.names[i]);
        }
    }
    assert_int_equal(pg_sql_privilege("select"), SQL_OTHER);
    assert_int_equal(pg_sql_privilege("SELECT; DROP"), SQL_OTHER);
    StringList words = {0};
    string_list_add(arena, &words, "INSERT");
    string_list_add(arena, &words, "SELECT");
    assert_int_equal(pg_sql_privileges(&words), SQL_SELECT | SQL_INSERT);
    assert_string_equal(pg_sql_privileges_format(arena, SQL_SELECT | SQL_INSERT), "SELECT, INSERT");
}

static void every_kind_of_object_is_granted_and_taken_back(void **state) {
    typedef struct Case {
        SqlObject object;
        const char *on;
    } Case;
    static const Case CASES[] = {
        {{.kind = SQL_DATABASE, .name = "d\"b"}, "DATABASE \"d\"\"b\""},
        {{.kind = SQL_SCHEMA, .schema = "s s"}, "SCHEMA \"s s\""},
        {{.kind = SQL_TABLE, .schema = "s", .name = "weird; DROP TABLE x; --"},
         "TABLE \"s\".\"weird; DROP TABLE x; --\""},
        {{.kind = SQL_SEQUENCE, .schema = "s", .name = "q"}, "SEQUENCE \"s\".\"q\""},
        {{.kind = SQL_ROUTINE, .schema = "s", .name = "f", .arguments = "integer, \"T\""},
         "ROUTINE \"s\".\"f\"(integer, \"T\")"},
        {{.kind = SQL_TYPE, .schema = "s", .name = "t"}, "TYPE \"s\".\"t\""},
        {{.kind = SQL_LANGUAGE, .name = "l\"l"}, "LANGUAGE \"l\"\"l\""},
        {{.kind = SQL_WRAPPER, .name = "w"}, "FOREIGN DATA WRAPPER \"w\""},
        {{.kind = SQL_SERVER, .name = "a.b"}, "FOREIGN SERVER \"a.b\""},
        {{.kind = SQL_LARGE_OBJECT, .name = "16401"}, "LARGE OBJECT 16401"},
        {{.kind = SQL_LARGE_OBJECT, .name = "7; DROP TABLE x"}, "LARGE OBJECT 7"},
        {{.kind = SQL_TABLESPACE, .name = "t"}, "TABLESPACE \"t\""},
        {{.kind = SQL_PARAMETER, .name = "work_mem"}, "PARAMETER \"work_mem\""},
        {{.kind = SQL_PARAMETER, .name = "my.o\"wn"}, "PARAMETER \"my\".\"o\"\"wn\""},
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        assert_string_equal(pg_sql_grant(arena, SQL_SELECT, &CASES[i].object, 1, "x\"y", false),
                            arena_printf(arena, "GRANT SELECT ON %s TO \"x\"\"y\"", CASES[i].on));
        assert_string_equal(
            pg_sql_revoke(arena, SQL_SELECT, &CASES[i].object, 1, "x\"y"),
            arena_printf(arena, "REVOKE SELECT ON %s FROM \"x\"\"y\" CASCADE", CASES[i].on));
    }
    const SqlObject tables[] = {CASES[2].object, {.kind = SQL_TABLE, .schema = "s", .name = "t"}};
    assert_string_equal(
        pg_sql_grant(arena, SQL_SELECT, tables, COUNT_OF(tables), NULL, true),
        "GRANT SELECT ON TABLE \"s\".\"weird; DROP TABLE x; --\", \"s\".\"t\" TO PUBLIC "
        "WITH GRANT OPTION");
    assert_string_equal(pg_sql_revoke(arena, SQL_SELECT | SQL_OTHER, &CASES[2].object, 1, NULL),
                        "REVOKE ALL PRIVILEGES ON TABLE \"s\".\"weird; DROP TABLE x; --\" "
                        "FROM PUBLIC CASCADE");
}

static void default_privileges_say_whose_and_where(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    static const char *const WORDS[] = {"TABLES", "SEQUENCES", "ROUTINES",
                                        "TYPES",  "SCHEMAS",   "LARGE OBJECTS"};
    for (size_t i = 0; i < COUNT_OF(WORDS); i++) {
        SqlObject future = {.kind = SQL_FUTURE_TABLES + (int)i, .owner = "o'o", .schema = "s"};
        assert_string_equal(pg_sql_grant(arena, SQL_USAGE, &future, 1, "x", false),
                            arena_printf(arena,
                                         "ALTER DEFAULT PRIVILEGES FOR ROLE \"o'o\" IN SCHEMA "
                                         "\"s\" GRANT USAGE ON %s TO \"x\"",
                                         WORDS[i]));
        future.schema = NULL;
        assert_string_equal(pg_sql_revoke(arena, SQL_ALL, &future, 1, NULL),
                            arena_printf(arena,
                                         "ALTER DEFAULT PRIVILEGES FOR ROLE \"o'o\" REVOKE ALL "
                                         "PRIVILEGES ON %s FROM PUBLIC CASCADE",
                                         WORDS[i]));
    }
}

static void account_is_created_without_any_power_and_shown_without_secret(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    SqlAccount account = {.name = "temp_a", .expires_at = 1767225600000, .connection_limit = 5};
    assert_string_equal(
        pg_sql_create_account(arena, &account, "verif'ier"),
        "CREATE ROLE \"temp_a\" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION "
        "NOBYPASSRLS INHERIT CONNECTION LIMIT 5 VALID UNTIL '2026-01-01T00:00:00.000Z' "
        "PASSWORD 'verif''ier'");
    account.connection_limit = 0;
    const char *shown = pg_sql_create_account(arena, &account, NULL);
    assert_non_null(strstr(shown, "CONNECTION LIMIT -1"));
    assert_non_null(strstr(shown, "PASSWORD '(elided)'"));
    assert_string_equal(pg_sql_set_password(arena, "temp_a", NULL),
                        "ALTER ROLE \"temp_a\" PASSWORD '(elided)'");
}

static void statements_on_roles(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    assert_string_equal(pg_sql_set_expiry(arena, "a\"", 0),
                        "ALTER ROLE \"a\"\"\" VALID UNTIL '1970-01-01T00:00:00.000Z'");
    assert_string_equal(pg_sql_lock_account(arena, "a"),
                        "ALTER ROLE \"a\" NOLOGIN CONNECTION LIMIT 0");
    assert_string_equal(pg_sql_comment_role(arena, "a", "it's {\"v\":1}"),
                        "COMMENT ON ROLE \"a\" IS 'it''s {\"v\":1}'");
    assert_string_equal(pg_sql_grant_role(arena, "r", "a", 150000), "GRANT \"r\" TO \"a\"");
    assert_string_equal(pg_sql_grant_role(arena, "r", "a", 160000),
                        "GRANT \"r\" TO \"a\" WITH INHERIT TRUE, SET FALSE, ADMIN FALSE");
    assert_string_equal(pg_sql_revoke_role(arena, "r", "a"), "REVOKE \"r\" FROM \"a\"");
    assert_string_equal(pg_sql_drop_role(arena, "a;"), "DROP ROLE \"a;\"");
    assert_string_equal(pg_sql_set_role(arena, "r"), "SET LOCAL ROLE \"r\"");
    assert_string_equal(pg_sql_reassign_owned(arena, "a", "b"), "REASSIGN OWNED BY \"a\" TO \"b\"");
    assert_string_equal(pg_sql_set_schema_owner(arena, "s;", "c"),
                        "ALTER SCHEMA \"s;\" OWNER TO \"c\"");
    const SqlObject table = {.kind = SQL_TABLE, .schema = "s", .name = "t\"t"};
    assert_string_equal(pg_sql_set_table_owner(arena, &table, "c"),
                        "ALTER TABLE \"s\".\"t\"\"t\" OWNER TO \"c\"");
    assert_string_equal(pg_sql_revoke_role_of(arena, "r", "m", "g\"", 150000),
                        "REVOKE \"r\" FROM \"m\"");
    assert_string_equal(pg_sql_revoke_role_of(arena, "r", "m", "g\"", 160000),
                        "REVOKE \"r\" FROM \"m\" GRANTED BY \"g\"\"\"");
    assert_string_equal(pg_sql_drop_user_mapping(arena, "a", "s;"),
                        "DROP USER MAPPING FOR \"a\" SERVER \"s;\"");
    assert_non_null(strstr(pg_sql_create_shared_role(arena, "r"), "NOLOGIN NOSUPERUSER"));
    assert_string_equal(pg_sql_restrain_shared_role(arena, "r"),
                        "ALTER ROLE \"r\" NOLOGIN INHERIT");
}

static void policies_name_others(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    const SqlObject table = {.kind = SQL_TABLE, .schema = "s", .name = "t"};
    StringList roles = {0};
    string_list_add(arena, &roles, "a");
    assert_string_equal(pg_sql_set_policy_roles(arena, "p\"", &table, &roles),
                        "ALTER POLICY \"p\"\"\" ON \"s\".\"t\" TO \"a\"");
    string_list_add(arena, &roles, "b; --");
    assert_string_equal(pg_sql_set_policy_roles(arena, "p", &table, &roles),
                        "ALTER POLICY \"p\" ON \"s\".\"t\" TO \"a\", \"b; --\"");
    assert_string_equal(pg_sql_drop_policy(arena, "p", &table), "DROP POLICY \"p\" ON \"s\".\"t\"");
}

// Whoever pastes a repair runs what is on its line, and nothing that stood in a name.
static void remarks_stay_on_their_line(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    assert_string_equal(pg_sql_remark(arena, "of a\nDROP TABLE x;\r--"),
                        "-- of a DROP TABLE x; --");
    assert_string_equal(pg_sql_in_database(arena, "SELECT 1;", "d\n\"", NULL),
                        "SELECT 1; -- in database \"d \"\"\"");
    assert_string_equal(pg_sql_in_database(arena, "SELECT 1;", "d", "or\nnot"),
                        "SELECT 1; -- in database \"d\", or not");
}

static void statements_are_written_on_one_line(void **state) {
    static const char *const CASES[][2] = {
        {"", ""},
        {"DROP ROLE \"a\"\"b\"", "DROP ROLE \"a\"\"b\""},
        {"DROP ROLE \"a\nb\"", "DROP ROLE U&\"a\\000Ab\""},
        {"DROP ROLE \"a\"\"\r\\\"; -- in \"b\"", "DROP ROLE U&\"a\"\"\\000D\\\\\"; -- in \"b\""},
        {"SELECT 'it''s', 'a\nb'", "SELECT 'it''s', E'a\\nb'"},
        {"SELECT E'a\\\\b', E'\\\\\n'''", "SELECT E'a\\\\b', E'\\\\\\n'''"},
        {"SELECT E'\\'\n'", "SELECT E'\\'\\n'"},
        {"SELECT 'a\r'", "SELECT E'a\\r'"},
        {"REVOKE \"E\" FROM \"'\n\"", "REVOKE \"E\" FROM U&\"'\\000A\""},
        {"-- the role's \"own", "-- the role's \"own"},
        {"SELECT 'open", "SELECT 'open"},
        {"SELECT E'open\\", "SELECT E'open\\"},
        {"a - b", "a - b"},
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        assert_string_equal(pg_sql_one_line(arena, CASES[i][0]), CASES[i][1]);
}

static void objects_are_ordered_and_described(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    SqlObject a = {.kind = SQL_TABLE, .schema = "s", .name = "a"};
    SqlObject b = {.kind = SQL_TABLE, .schema = "s", .name = "b"};
    SqlObject future = {.kind = SQL_FUTURE_TABLES, .owner = "o", .schema = "s"};
    assert_true(pg_sql_object_compare(&a, &b) < 0);
    assert_true(pg_sql_object_compare(&b, &a) > 0);
    assert_int_equal(pg_sql_object_compare(&a, &a), 0);
    assert_true(pg_sql_object_compare(&a, &future) < 0);
    SqlObject other = {.kind = SQL_TABLE, .schema = "r", .name = "b"};
    assert_true(pg_sql_object_compare(&a, &other) > 0);
    other = (SqlObject){.kind = SQL_FUTURE_TABLES, .owner = "p", .schema = NULL};
    assert_true(pg_sql_object_compare(&future, &other) < 0);
    other = (SqlObject){.kind = SQL_ROUTINE, .schema = "s", .name = "f", .arguments = "integer"};
    SqlObject overload = other;
    overload.arguments = "";
    assert_true(pg_sql_object_compare(&overload, &other) < 0);
    assert_string_equal(pg_sql_object_name(arena, &a), "\"s\".\"a\"");
    assert_string_equal(pg_sql_object_describe(arena, &a), "table \"s\".\"a\"");
    assert_string_equal(pg_sql_object_describe(arena, &future),
                        "future tables of \"o\" in schema \"s\"");
    future.schema = NULL;
    assert_string_equal(pg_sql_object_describe(arena, &future), "future tables of \"o\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_texts_are_quoted),
        cmocka_unit_test(names_that_the_server_would_change_are_refused),
        cmocka_unit_test(arrays_quote_their_items),
        cmocka_unit_test(every_privilege_of_plans_is_known),
        cmocka_unit_test(every_kind_of_object_is_granted_and_taken_back),
        cmocka_unit_test(default_privileges_say_whose_and_where),
        cmocka_unit_test(account_is_created_without_any_power_and_shown_without_secret),
        cmocka_unit_test(statements_on_roles),
        cmocka_unit_test(policies_name_others),
        cmocka_unit_test(remarks_stay_on_their_line),
        cmocka_unit_test(statements_are_written_on_one_line),
        cmocka_unit_test(objects_are_ordered_and_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
