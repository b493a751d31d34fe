// Runs the driver contract over every engine, server, kind of admin and privilege mode.
#include "driver_contract.h"
#include "driver_postgresql_tests.h"
#include "driver_world_postgresql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

typedef struct Suite {
    struct CMUnitTest *tests;
    size_t count;
    Arena *arena;
} Suite;

static void add_tests(Suite *suite, const char *world_name, World *world, const ContractTest *tests,
                      size_t count) {
    for (size_t i = 0; i < count; i++)
        suite->tests[suite->count++] = (struct CMUnitTest){
            .name = arena_printf(suite->arena, "%s %s", world_name, tests[i].name),
            .test_func = tests[i].run,
            .initial_state = world,
        };
}

// An argument chooses tests by a pattern, such as "*15 limited*custodian*".
int main(int argument_count, char **arguments) {
    if (argument_count > 1)
        cmocka_set_test_filter(arguments[1]);
    const PostgresqlServer *servers;
    size_t server_count = postgresql_servers(&servers);
    Suite suite = {.arena = arena_new()};
    size_t each = CONTRACT_TEST_COUNT + POSTGRESQL_TEST_COUNT + PRIVILEGE_TEST_COUNT +
                  OBJECTS_TEST_COUNT + OBSTACLES_TEST_COUNT + FAILURES_TEST_COUNT +
                  ACCOUNTS_TEST_COUNT;
    size_t most = server_count * 4 * each;
    suite.tests = arena_alloc(suite.arena, most * sizeof suite.tests[0]);
    World **worlds = arena_alloc(suite.arena, server_count * 4 * sizeof worlds[0]);
    size_t world_count = 0;
    for (size_t i = 0; i < server_count * 4; i++) {
        const PostgresqlServer *server = &servers[i / 4];
        bool limited = i % 4 < 2;
        int mode = i % 2 == 0 ? PRIVILEGE_SHARED_ROLE : PRIVILEGE_DIRECT;
        World *world = POSTGRESQL_ENGINE.world_new(server, limited, mode);
        const char *name =
            arena_printf(suite.arena, "%s %s %s", server->name, limited ? "limited" : "superuser",
                         enum_name(&PRIVILEGE_MODES, mode));
        worlds[world_count++] = world;
        add_tests(&suite, name, world, CONTRACT_TESTS, CONTRACT_TEST_COUNT);
        add_tests(&suite, name, world, POSTGRESQL_TESTS, POSTGRESQL_TEST_COUNT);
        add_tests(&suite, name, world, PRIVILEGE_TESTS, PRIVILEGE_TEST_COUNT);
        add_tests(&suite, name, world, OBJECTS_TESTS, OBJECTS_TEST_COUNT);
        add_tests(&suite, name, world, OBSTACLES_TESTS, OBSTACLES_TEST_COUNT);
        add_tests(&suite, name, world, ACCOUNTS_TESTS, ACCOUNTS_TEST_COUNT);
        add_tests(&suite, name, world, FAILURES_TESTS, FAILURES_TEST_COUNT);
    }
    int failed = _cmocka_run_group_tests("driver contract", suite.tests, suite.count, NULL, NULL);
    for (size_t i = 0; i < world_count; i++)
        worlds[i]->engine->world_free(worlds[i]);
    arena_free(suite.arena);
    return failed;
}
