#include "driver/sqlstate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

typedef struct Case {
    const char *sqlstate;
    FailureClass failure;
} Case;

static void codes_are_classed(void **state) {
    (void)state;
    static const Case CASES[] = {
        {"08006", FAILURE_RETRY},     {"0A000", FAILURE_UNSUPPORTED},
        {"23505", FAILURE_RETRY},     {"23502", FAILURE_FATAL},
        {"25006", FAILURE_RETRY},     {"25001", FAILURE_FATAL},
        {"28000", FAILURE_DENIED},    {"28P01", FAILURE_DENIED},
        {"2BP01", FAILURE_CONFLICT},  {"3D000", FAILURE_NOT_FOUND},
        {"3F000", FAILURE_NOT_FOUND}, {"40001", FAILURE_RETRY},
        {"40P01", FAILURE_RETRY},     {"42501", FAILURE_DENIED},
        {"42601", FAILURE_FATAL},     {"42704", FAILURE_NOT_FOUND},
        {"42710", FAILURE_RETRY},     {"42883", FAILURE_NOT_FOUND},
        {"42P01", FAILURE_NOT_FOUND}, {"53300", FAILURE_RETRY},
        {"55006", FAILURE_RETRY},     {"55P03", FAILURE_RETRY},
        {"55000", FAILURE_FATAL},     {"57014", FAILURE_RETRY},
        {"57P01", FAILURE_RETRY},     {"57P03", FAILURE_RETRY},
        {"58030", FAILURE_RETRY},     {"XX000", FAILURE_RETRY},
        {"XX001", FAILURE_FATAL},     {"22023", FAILURE_FATAL},
        {"99999", FAILURE_FATAL},     {"", FAILURE_RETRY},
        {NULL, FAILURE_RETRY},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        if (sqlstate_class(CASES[i].sqlstate) != CASES[i].failure)
            fail_msg("%s is %s", CASES[i].sqlstate,
                     enum_name(&FAILURE_CLASSES, sqlstate_class(CASES[i].sqlstate)));
}

static void every_class_is_a_status_with_a_reason(void **state) {
    (void)state;
    static const Status EXPECTED[] = {
        [FAILURE_NONE] = STATUS_OK,
        [FAILURE_RETRY] = STATUS_UNAVAILABLE,
        [FAILURE_DENIED] = STATUS_FORBIDDEN,
        [FAILURE_CONFLICT] = STATUS_CONFLICT,
        [FAILURE_NOT_FOUND] = STATUS_NOT_FOUND,
        [FAILURE_UNSUPPORTED] = STATUS_UNSUPPORTED,
        [FAILURE_REFUSED] = STATUS_FORBIDDEN,
        [FAILURE_FATAL] = STATUS_INTERNAL,
    };
    assert_int_equal(COUNT_OF(EXPECTED), FAILURE_CLASSES.count);
    for (size_t i = 0; i < COUNT_OF(EXPECTED); i++) {
        assert_int_equal(failure_status((FailureClass)i), EXPECTED[i]);
        assert_string_not_equal(failure_reason((FailureClass)i), "unknown");
    }
    assert_int_equal(failure_status((FailureClass)COUNT_OF(EXPECTED)), STATUS_INTERNAL);
    assert_string_equal(failure_reason((FailureClass)COUNT_OF(EXPECTED)), "unknown");
}

static void what_an_administrator_can_mend_is_said(void **state) {
    (void)state;
    static const char *const SAID[][2] = {
        {"53100", "disk is full"},        {"53200", "max_locks_per_transaction"},
        {"53300", "max_connections"},     {"53400", "lacks a resource"},
        {"54000", "limit of the server"}, {"55P03", "holds a lock"},
        {"57014", "statement_timeout"},   {"57P03", "starting up"},
        {"25006", "read-only"},
    };
    for (size_t i = 0; i < COUNT_OF(SAID); i++)
        assert_non_null(strstr(sqlstate_reason(SAID[i][0]), SAID[i][1]));
    assert_null(sqlstate_reason("42P01"));
    assert_null(sqlstate_reason(""));
    assert_null(sqlstate_reason(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_classed),
        cmocka_unit_test(every_class_is_a_status_with_a_reason),
        cmocka_unit_test(what_an_administrator_can_mend_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
