#include "driver/oracle/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "driver/oracle/errors.h"

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

static StringList list_of(const char *const *items, size_t count) {
    StringList list = {0};
    for (size_t i = 0; i < count; i++)
        string_list_add(arena, &list, items[i]);
    return list;
}

static void names_stand_in_quotes(void **state) {
    (void)state;
    assert_string_equal(oracle_sql_identifier(arena, "APP"), "\"APP\"");
    assert_string_equal(oracle_sql_identifier(arena, "a b;'c"), "\"a b;'c\"");
    assert_string_equal(oracle_sql_identifier(arena, "x\" IDENTIFIED BY y"),
                        "\"x\"\" IDENTIFIED BY y\"");
    assert_string_equal(oracle_sql_object(arena, "APP", "Sales 2026"), "\"APP\".\"Sales 2026\"");
}

static void names_that_oracle_cannot_have_are_refused(void **state) {
    (void)state;
    char longest[ORACLE_NAME_MAX + 2];
    memset(longest, 'A', sizeof longest);
    longest[ORACLE_NAME_MAX + 1] = '\0';
    const char *const refused[] = {"", "a\"b", "a\nb", "a\x7F", "\xFF", longest, NULL};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        Error error = {0};
        assert_int_equal(oracle_name_check("schema", refused[i], &error), STATUS_INVALID);
        assert_string_equal(error.code, "bad_name");
        assert_non_null(strstr(error.message, "schema"));
    }
    longest[ORACLE_NAME_MAX] = '\0';
    assert_int_equal(oracle_name_check("schema", longest, NULL), STATUS_OK);
    assert_int_equal(oracle_name_check("schema", "caf\xC3\xA9 'q'", NULL), STATUS_OK);
}

static void literals_end_where_they_end(void **state) {
    (void)state;
    assert_string_equal(oracle_sql_literal(arena, ""), "''");
    assert_string_equal(oracle_sql_literal(arena, "it's"), "'it''s'");
    assert_string_equal(oracle_sql_literal(arena, "'; DROP USER X; --"), "'''; DROP USER X; --'");
    assert_string_equal(oracle_sql_literal(arena, "a\\"), "'a\\'");
}

static void an_account_is_made_in_upper_case_and_shown_in_lower(void **state) {
    (void)state;
    assert_string_equal(oracle_account_user(arena, "temp_john_a1b2c3"), "TEMP_JOHN_A1B2C3");
    assert_string_equal(oracle_account_user(arena, "a~z\xC3\xA4"), "A~Z\xC3\xA4");
    assert_string_equal(oracle_account_shown(arena, "TEMP_JOHN_A1B2C3"), "temp_john_a1b2c3");
    // Another one than TEMP_JOHN to Oracle, and so to us.
    assert_string_equal(oracle_account_shown(arena, "Temp_John"), "Temp_John");
    assert_string_equal(oracle_account_shown(arena, "A B"), "A B");
}

static void passwords_that_cannot_be_said_are_refused_unsaid(void **state) {
    (void)state;
    static const char *const REFUSED[] = {"",
                                          "hush\"x",
                                          "hush\x7F",
                                          "hush x",
                                          "hush\n",
                                          "hush\xC3\xA9",
                                          "hush567890123456789012345678901"};
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        Error error = {0};
        assert_int_equal(oracle_password_check(REFUSED[i], &error), STATUS_INVALID);
        assert_null(strstr(error.message, "hush"));
    }
    assert_int_equal(oracle_password_check("aB3_'#$-aB3_aB3_aB3_aB3_aB3_aB", NULL), STATUS_OK);
}

static void a_user_is_made_locked_and_without_a_password(void **state) {
    (void)state;
    assert_string_equal(oracle_sql_create_user(arena, "T", 0),
                        "CREATE USER \"T\" NO AUTHENTICATION PROFILE DEFAULT ACCOUNT LOCK");
    assert_string_equal(
        oracle_sql_create_user(arena, "T", 3),
        "CREATE USER \"T\" NO AUTHENTICATION PROFILE \"DAYPASS_SESSIONS_3\" ACCOUNT LOCK");
    assert_string_equal(oracle_sql_create_profile(arena, 3),
                        "CREATE PROFILE \"DAYPASS_SESSIONS_3\" LIMIT SESSIONS_PER_USER 3");
}

static void the_password_is_a_parameter(void **state) {
    (void)state;
    assert_string_equal(oracle_sql_set_password(arena, "T'x", true),
                        "DECLARE chosen VARCHAR2(30) := ?; BEGIN EXECUTE IMMEDIATE"
                        " 'ALTER USER \"T''x\" IDENTIFIED BY \"' || chosen ||"
                        " '\" ACCOUNT UNLOCK'; END;");
    assert_string_equal(oracle_sql_set_password(arena, "T", false),
                        "DECLARE chosen VARCHAR2(30) := ?; BEGIN EXECUTE IMMEDIATE"
                        " 'ALTER USER \"T\" IDENTIFIED BY \"' || chosen || '\"'; END;");
    assert_string_equal(oracle_sql_set_password_shown(arena, "T", true),
                        "ALTER USER \"T\" IDENTIFIED BY '(elided)' ACCOUNT UNLOCK");
}

static void a_drop_never_cascades(void **state) {
    (void)state;
    assert_string_equal(oracle_sql_drop_user(arena, "T"), "DROP USER \"T\"");
}

static void a_guarded_statement_looks_at_the_servers_clock(void **state) {
    (void)state;
    assert_string_equal(
        oracle_sql_guarded(arena, "GRANT CREATE SESSION TO \"O'X\"", 1700000000123),
        "BEGIN IF SYSTIMESTAMP >= TIMESTAMP '2023-11-14 22:13:20.123 +00:00' THEN"
        " RAISE_APPLICATION_ERROR(-20777, 'Daypass: the deadline has passed'); END IF;"
        " EXECUTE IMMEDIATE 'GRANT CREATE SESSION TO \"O''X\"'; END;");
}

static void the_job_locks_this_user_alone_and_not_before_its_end(void **state) {
    (void)state;
    const OracleEnd end = {.admin = "ADM", .user = "T'X", .user_id = 117, .ends_at = 1700000000000};
    const char *sql = oracle_sql_create_job(arena, &end);
    assert_non_null(strstr(sql, "job_name => '\"ADM\".\"DAYPASS_T''X\"'"));
    // Three literals, each in the one before.
    assert_non_null(strstr(sql, "USERNAME = ''T''''X'' AND USER_ID = 117 AND"
                                " SYSTIMESTAMP >= TIMESTAMP ''2023-11-14 22:13:20.000 +00:00''"));
    assert_non_null(
        strstr(sql, "EXECUTE IMMEDIATE ''ALTER USER \"T''''X\" ACCOUNT LOCK''; END IF; END;'"));
    assert_non_null(strstr(sql, "start_date => TIMESTAMP '2023-11-14 22:13:20.000 +00:00'"));
    assert_non_null(strstr(sql, "SYS.DBMS_SCHEDULER.ENABLE("));
    assert_null(strstr(oracle_sql_move_job(arena, &end), "CREATE_JOB"));
    assert_string_equal(oracle_sql_drop_job(arena, "ADM", "T"),
                        "BEGIN SYS.DBMS_SCHEDULER.DROP_JOB(job_name => '\"ADM\".\"DAYPASS_T\"',"
                        " force => TRUE); END;");
}

static void privileges_and_roles(void **state) {
    (void)state;
    static const char *const WORDS[] = {"INSERT", "SELECT"};
    StringList privileges = list_of(WORDS, 2);
    const OracleObject object = {"APP", "ORDERS"};
    assert_string_equal(oracle_sql_grant(arena, &privileges, &object, "T"),
                        "GRANT INSERT, SELECT ON \"APP\".\"ORDERS\" TO \"T\"");
    assert_string_equal(oracle_sql_revoke(arena, &privileges, &object, "T"),
                        "REVOKE INSERT, SELECT ON \"APP\".\"ORDERS\" FROM \"T\"");
    assert_string_equal(oracle_sql_grant_role(arena, "R", "T"), "GRANT \"R\" TO \"T\"");
    assert_string_equal(oracle_sql_revoke_role(arena, "R", "T"), "REVOKE \"R\" FROM \"T\"");
    assert_string_equal(oracle_sql_revoke_system(arena, "CREATE SESSION", "T"),
                        "REVOKE CREATE SESSION FROM \"T\"");
}

static void sessions_are_killed_where_they_are(void **state) {
    (void)state;
    const OracleSessionKey key = {.sid = 12, .serial = 345, .instance = 2};
    assert_string_equal(oracle_sql_kill(arena, &key, false, false),
                        "ALTER SYSTEM KILL SESSION '12,345,@2' IMMEDIATE");
    assert_string_equal(oracle_sql_kill(arena, &key, true, false),
                        "BEGIN RDSADMIN.RDSADMIN_UTIL.KILL(sid => 12, serial => 345,"
                        " method => 'IMMEDIATE'); END;");
    assert_non_null(strstr(oracle_sql_kill(arena, &key, true, true), "'PROCESS'"));
    assert_string_equal(oracle_sql_sleep(arena, 1050), "BEGIN SYS.DBMS_SESSION.SLEEP(1.050); END;");
}

static void each_number_of_an_error_is_there_once(void **state) {
    (void)state;
    for (size_t i = 0; i < ORACLE_ERRORS.count; i++) {
        assert_non_null(ORACLE_ERRORS.rows[i].reason);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(ORACLE_ERRORS.rows[i].native, ORACLE_ERRORS.rows[j].native);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_stand_in_quotes, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_oracle_cannot_have_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(literals_end_where_they_end, setup, teardown),
        cmocka_unit_test_setup_teardown(an_account_is_made_in_upper_case_and_shown_in_lower, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(passwords_that_cannot_be_said_are_refused_unsaid, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_user_is_made_locked_and_without_a_password, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_password_is_a_parameter, setup, teardown),
        cmocka_unit_test_setup_teardown(a_drop_never_cascades, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guarded_statement_looks_at_the_servers_clock, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_job_locks_this_user_alone_and_not_before_its_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(privileges_and_roles, setup, teardown),
        cmocka_unit_test_setup_teardown(sessions_are_killed_where_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(each_number_of_an_error_is_there_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
