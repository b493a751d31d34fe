#include "driver_mysql_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "driver/mysql/driver.h"
#include "driver_world_mysql.h"

// ---- The server ---------------------------------------------------------------------------------

static void server_of_the_other_kind_is_named(void **state) {
    World *world = *state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Driver *other = is_mariadb(world) ? &MYSQL_DRIVER : &MARIADB_DRIVER;
    TargetAddress target = world->target;
    target.kind = is_mariadb(world) ? TARGET_MYSQL : TARGET_MARIADB;
    DriverLogin login = world->login;
    login.target = &target;
    DriverSession *session = NULL;
    FailureClass failure = FAILURE_NONE;
    Error error = {0};
    assert_int_not_equal(other->session_open(&login, &session, &failure, &error), STATUS_OK);
    assert_null(session);
    assert_int_equal(failure, FAILURE_UNSUPPORTED);
    assert_string_equal(error.code, "target_kind_wrong");
    const char *is = is_mariadb(world) ? "this is MariaDB 1" : "this is MySQL 9";
    const char *expected = is_mariadb(world) ? "kind mariadb" : "kind mysql";
    assert_non_null(strstr(error.message, is));
    assert_non_null(strstr(error.message, expected));
    CheckReport report;
    other->check(&login, arena, NULL, 0, &report);
    const CheckItem *last = &report.items[report.count - 1];
    assert_int_equal(last->result, CHECK_FAILED);
    assert_non_null(strstr(last->found, is));
    assert_non_null(last->repair);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(server_of_the_other_kind_is_named, ONCE),
};
const ContractSuite MYSQL_SUITE = {TESTS, COUNT_OF(TESTS)};
