#include "driver/odbc/connection_string.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static void values_stand_in_braces(void **state) {
    (void)state;
    CLEANUP(buffer_done) Buffer string = {.wipe = true};
    const OdbcSetting settings[] = {
        {"DRIVER", "ODBC Driver 18"},
        {"PORT", "1433"},
        {"CA", "/etc/ssl/ca-2.pem"},
        {"SERVER", NULL},
        {"DATABASE", ""},
        {"UID", "a;PWD=b"},
        {"PWD", "{x}};DRIVER=/tmp/evil.so"},
    };
    assert_int_equal(odbc_connection_string_add(&string, settings, COUNT_OF(settings),
                                                ODBC_BRACES_DOUBLED, NULL),
                     STATUS_OK);
    assert_string_equal(
        buffer_text(&string),
        "DRIVER={ODBC Driver 18};PORT=1433;CA=/etc/ssl/ca-2.pem;DATABASE={};UID={a;PWD=b};"
        "PWD={{x}}}};DRIVER=/tmp/evil.so};");
}

static void a_bare_value_has_braces_only_where_it_needs_them(void **state) {
    (void)state;
    CLEANUP(buffer_done) Buffer string = {0};
    const OdbcSetting settings[] = {
        {"DBQ", "(HOST=h)", .bare = true},
        {"A", "b;UID=c", .bare = true},
        {"B", "{c", .bare = true},
        {"C", "d}", .bare = true},
        {"D", "(HOST=h)"},
    };
    assert_int_equal(odbc_connection_string_add(&string, settings, COUNT_OF(settings),
                                                ODBC_BRACES_DOUBLED, NULL),
                     STATUS_OK);
    assert_string_equal(buffer_text(&string),
                        "DBQ=(HOST=h);A={b;UID=c};B={{c};C={d}}};D={(HOST=h)};");
}

static void what_cannot_be_said_is_refused_without_saying_it(void **state) {
    (void)state;
    static const struct {
        const char *value;
        OdbcBraces braces;
        const char *reason;
    } CASES[] = {
        {"hush\xFF", ODBC_BRACES_DOUBLED, "UTF-8"},
        {"hush\nx", ODBC_BRACES_DOUBLED, "control character"},
        {"hush\x7F", ODBC_BRACES_DOUBLED, "control character"},
        {"hush}", ODBC_BRACES_REFUSED, "vendor's own driver"},
        {"hush};UID=sa", ODBC_BRACES_REFUSED, "vendor's own driver"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        CLEANUP(buffer_done) Buffer string = {.wipe = true};
        Error error = {0};
        const OdbcSetting settings[] = {{"UID", "admin"}, {"PWD", CASES[i].value}};
        assert_int_equal(odbc_connection_string_add(&string, settings, 2, CASES[i].braces, &error),
                         STATUS_INVALID);
        assert_string_equal(error.code, "bad_connection_value");
        assert_non_null(strstr(error.message, "PWD"));
        assert_non_null(strstr(error.message, CASES[i].reason));
        assert_null(strstr(error.message, "hush"));
        assert_int_equal(string.length, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stand_in_braces),
        cmocka_unit_test(a_bare_value_has_braces_only_where_it_needs_them),
        cmocka_unit_test(what_cannot_be_said_is_refused_without_saying_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
