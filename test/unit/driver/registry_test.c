#include "driver/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

// The others depend on which client libraries were there when this was built.
static void a_kind_has_one_driver_or_none(void **state) {
    (void)state;
    assert_non_null(driver_find(TARGET_POSTGRESQL));
    size_t found = 0;
    for (int kind = 0; kind < TARGET_KIND_COUNT_; kind++) {
        const Driver *driver = driver_find((TargetKind)kind);
        if (driver == NULL)
            continue;
        assert_int_equal(driver->kind, kind);
        assert_string_equal(driver->name, target_facts((TargetKind)kind)->title);
        found++;
    }
    assert_int_equal(found, driver_count());
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
        assert_non_null(driver->server_version);
        assert_non_null(driver->grant);
        assert_non_null(driver->revoke);
        assert_non_null(driver->extend);
        assert_non_null(driver->reset);
        assert_non_null(driver->restrain);
        assert_non_null(driver->inspect);
        assert_non_null(driver->list_accounts);
        assert_non_null(driver->discover);
        assert_non_null(driver->check);
        assert_ptr_equal(driver_find(driver->kind), driver);
        assert_null(driver->session_close(NULL));
    }
    assert_null(driver_at(driver_count()));
}

static void what_this_build_lacks_is_said_with_what_it_has(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_non_null(strstr(driver_names(arena), "PostgreSQL"));
    for (int kind = 0; kind < TARGET_KIND_COUNT_; kind++) {
        const Driver *driver;
        Error error = {0};
        Status status = driver_require((TargetKind)kind, &driver, &error);
        assert_ptr_equal(driver, driver_find((TargetKind)kind));
        if (driver != NULL)
            continue;
        assert_int_equal(status, STATUS_UNSUPPORTED);
        assert_string_equal(error.code, "no_driver");
        assert_non_null(strstr(error.message, target_facts((TargetKind)kind)->title));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kind_has_one_driver_or_none),
        cmocka_unit_test(every_driver_fills_every_slot),
        cmocka_unit_test(what_this_build_lacks_is_said_with_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
