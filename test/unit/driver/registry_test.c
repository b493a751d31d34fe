#include "driver/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void every_kind_of_target_has_a_driver(void **state) {
    (void)state;
    for (int kind = 0; kind < TARGET_KIND_COUNT_; kind++) {
        const Driver *driver = driver_find((TargetKind)kind);
        assert_non_null(driver);
        assert_int_equal(driver->kind, kind);
    }
    assert_null(driver_find(TARGET_KIND_COUNT_));
}

static void every_driver_fills_every_slot(void **state) {
    (void)state;
    assert_true(driver_count() > 0);
    for (size_t i = 0; i < driver_count(); i++) {
        const Driver *driver = driver_at(i);
        assert_non_null(driver->name);
        assert_non_null(driver->session_open);
        assert_non_null(driver->session_close);
        assert_non_null(driver->grant);
        assert_non_null(driver->revoke);
        assert_non_null(driver->extend);
        assert_non_null(driver->reset);
        assert_non_null(driver->list_accounts);
        assert_non_null(driver->discover);
        assert_non_null(driver->check);
        assert_ptr_equal(driver_find(driver->kind), driver);
        assert_null(driver->session_close(NULL));
    }
    assert_null(driver_at(driver_count()));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_target_has_a_driver),
        cmocka_unit_test(every_driver_fills_every_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
