// What an account makes on MySQL and MariaDB that runs with its rights: a view and an event, each
// given to somebody else by one statement. (Tables are nobody's own there.)
#include "driver_world_mysql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void make(World *world, const char *account, const char *password) {
    const char *sql = my_fill(world,
                              "CREATE VIEW ~.made_# AS SELECT id FROM ~.customers;"
                              "CREATE EVENT ~.made_# ON SCHEDULE AT '2037-01-01' DO"
                              " DELETE FROM ~.orders",
                              account);
    UserSession *user = world->engine->user_open(world, account, password);
    assert_non_null(user);
    if (!my_user_run(user, sql))
        fail_msg("%u: %s", my_user_error(user), sql);
    world->engine->user_close(user);
}

static void check(World *world, const char *account) {
    // Works only while its definer is an account.
    assert_true(my_number(world, my_fill(world, "SELECT COUNT(*) FROM ~.made_#", account)) > 0);
    assert_int_equal(my_number(world, my_fill(world,
                                              "SELECT COUNT(*) FROM information_schema.EVENTS WHERE"
                                              " EVENT_SCHEMA = '~' AND EVENT_NAME = 'made_#' AND"
                                              " STATUS = 'ENABLED' AND EVENT_DEFINITION ="
                                              " 'DELETE FROM ~.orders'",
                                              account)),
                     1);
}

static void check_handed_over(World *world, const char *account) {
    const char *sql =
        arena_printf(world->arena, "SELECT COUNT(*) FROM (%s) d WHERE DEFINER = '%s@%%'",
                     my_fill(world,
                             "SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '~'"
                             " AND TABLE_NAME = 'made_#' UNION ALL SELECT DEFINER FROM"
                             " information_schema.EVENTS WHERE EVENT_SCHEMA = '~' AND EVENT_NAME ="
                             " 'made_#'",
                             account),
                     world->custodian);
    assert_int_equal(my_number(world, sql), 2);
}

static void remove_made(World *world, const char *account) {
    my_run(world, my_fill(world, "DROP VIEW ~.made_#; DROP EVENT ~.made_#", account));
}

static const char *line(World *world, const char *account, int n) {
    static const char *const LINES[] = {"view ~.made_#", "event ~.made_#"};
    return n < (int)COUNT_OF(LINES) ? my_fill(world, LINES[n], account) : NULL;
}

const MadeThings MYSQL_MADE_THINGS = {
    .make = make,
    .check = check,
    .check_handed_over = check_handed_over,
    .remove = remove_made,
    .line = line,
    .owned = 2,
    .fewest_statements = 10,
    .fewest_connections = 1,
};
