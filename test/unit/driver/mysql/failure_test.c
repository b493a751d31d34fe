#include "driver/mysql/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "base/macros.h"
#include "driver/sqlstate.h"

static void numbers_have_the_class_of_what_they_mean(void **state) {
    static const struct {
        unsigned number;
        FailureClass failure;
    } CASES[] = {
        {1040, FAILURE_RETRY},       // too many connections
        {1044, FAILURE_DENIED},      // a schema
        {1045, FAILURE_DENIED},      // a login
        {1142, FAILURE_DENIED},      // a table
        {1227, FAILURE_DENIED},      // a privilege on the server
        {1698, FAILURE_DENIED},      // MariaDB: ADMIN OPTION, or a login
        {1049, FAILURE_NOT_FOUND},   // a schema
        {1146, FAILURE_NOT_FOUND},   // a table
        {1054, FAILURE_NOT_FOUND},   // a column
        {1305, FAILURE_NOT_FOUND},   // a routine
        {1205, FAILURE_RETRY},       // a lock
        {1213, FAILURE_RETRY},       // a deadlock
        {1290, FAILURE_RETRY},       // read-only
        {1317, FAILURE_RETRY},       // cancelled
        {1969, FAILURE_RETRY},       // max_statement_time
        {3024, FAILURE_RETRY},       // max_execution_time
        {1396, FAILURE_CONFLICT},    // there already, or not there
        {4006, FAILURE_CONFLICT},    // a definer
        {1064, FAILURE_UNSUPPORTED}, // not a statement of this server
        {1827, FAILURE_UNSUPPORTED}, // not a hash
        {1470, FAILURE_FATAL},       // too long
        {1819, FAILURE_CONFLICT},    // a rule for passwords
        {3118, FAILURE_DENIED},      // locked
        {4151, FAILURE_DENIED},      // locked, on MariaDB
        {1105, FAILURE_FATAL},       // unknown
        {64999, FAILURE_FATAL},      // of no server
        {0, FAILURE_RETRY},          // the connection was lost before there was one
        {2006, FAILURE_RETRY},       // gone away
        {2013, FAILURE_RETRY},       // lost
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        if (my_failure_class(CASES[i].number) != CASES[i].failure)
            fail_msg("%u: %d", CASES[i].number, (int)my_failure_class(CASES[i].number));
}

static void reasons_say_what_can_be_done(void **state) {
    (void)state;
    assert_non_null(strstr(my_failure_reason(1040), "max_connections"));
    assert_non_null(strstr(my_failure_reason(1290), "reads"));
    assert_non_null(strstr(my_failure_reason(3159), "TLS"));
    assert_null(my_failure_reason(1142));
    assert_null(my_failure_reason(64999));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_the_class_of_what_they_mean),
        cmocka_unit_test(reasons_say_what_can_be_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
