#include "driver_contract_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { WORLD_COUNT = 4 };

static const char *const TRAIT_NAMES[TRAIT_COUNT] = {
    "hashed passwords",
    "an end that the server holds to",
    "transactional DDL",
    "shared roles",
    "named tables",
    "roles",
    "transactions",
    "connection limits",
    "an end beside its mark",
    "owned objects",
    "discovery",
    "a log of statements",
};

static const ContractSuite *const COMMON[] = {
    &BASIC_SUITE,
    &ACCESS_SUITE,
    &ACCOUNTS_SUITE,
    &FAILURES_SUITE,
};

typedef struct Registration {
    const ContractRun *run;
    Arena *arena;
    World *worlds[WORLD_COUNT];
    struct CMUnitTest *tests;
    size_t count, room;
    size_t left_out;
} Registration;

static int traits_of(const Engine *engine) {
    const DriverFeatures *features = &engine->driver->features;
    return engine->traits | (features->verifier_only ? TRAIT_VERIFIER_ONLY : 0) |
           (features->expiry_on_target ? TRAIT_EXPIRY_ON_TARGET : 0) |
           (features->transactional ? TRAIT_TRANSACTIONAL : 0) |
           (target_facts(engine->driver->kind)->shared_roles ? TRAIT_SHARED_ROLES : 0);
}

bool engine_has(const Engine *engine, int traits) {
    return (traits_of(engine) & traits) == traits;
}

// The worlds in which a test runs, as bits.
static int worlds_of(const ContractTest *test, const ContractRun *run) {
    int worlds = test->worlds;
    if ((worlds & CROSSED) != 0) {
        const int pairs[] = {LIMITED_SHARED | SUPERUSER_DIRECT, LIMITED_DIRECT | SUPERUSER_SHARED};
        worlds |= run->server_count == 1 ? EVERYWHERE : pairs[run->server_number % 2];
    }
    if ((worlds & SAMPLED) != 0 && getenv("DAYPASS_LONG") != NULL)
        worlds |= EVERYWHERE;
    if (!target_facts(run->engine->driver->kind)->shared_roles)
        worlds = (worlds & ~WITH_SHARED_ROLE) | (worlds & WITH_SHARED_ROLE) << 1;
    return worlds & EVERYWHERE;
}

static World *world_at(Registration *all, int index) {
    if (all->worlds[index] == NULL) {
        const ContractRun *run = all->run;
        all->worlds[index] = run->engine->world_new(
            run->server, index < 2, index % 2 == 0 ? PRIVILEGE_SHARED_ROLE : PRIVILEGE_DIRECT);
        all->worlds[index]->number = index + WORLD_COUNT * run->server_number;
        all->worlds[index]->server_number = run->server_number;
        all->worlds[index]->server_count = run->server_count;
    }
    return all->worlds[index];
}

static void say_left_out(Registration *all, const ContractTest *test) {
    printf("# left out of %s: %s needs", all->run->server_name, test->name);
    const char *comma = "";
    for (int i = 0; i < TRAIT_COUNT; i++)
        if ((test->needs & 1 << i) != 0 && !engine_has(all->run->engine, 1 << i)) {
            printf("%s %s", comma, TRAIT_NAMES[i]);
            comma = ",";
        }
    printf("\n");
    all->left_out++;
}

static void add_suite(Registration *all, const ContractSuite *suite, int index) {
    for (size_t i = 0; i < suite->count; i++) {
        const ContractTest *test = &suite->tests[i];
        if (!engine_has(all->run->engine, test->needs) ||
            (worlds_of(test, all->run) & 1 << index) == 0)
            continue;
        all->tests[all->count++] = (struct CMUnitTest){
            .name = arena_printf(all->arena, "%s %s %s %s", all->run->server_name,
                                 index < 2 ? "limited" : "superuser",
                                 index % 2 == 0 ? "shared-role" : "direct", test->name),
            .test_func = test->run,
            .initial_state = world_at(all, index),
        };
    }
}

// Which tests an engine does without is said, for it may not pass unseen.
static void look_through(Registration *all, const ContractSuite *suite) {
    for (size_t i = 0; i < suite->count; i++) {
        const ContractTest *test = &suite->tests[i];
        if (!engine_has(all->run->engine, test->needs))
            say_left_out(all, test);
    }
    all->room += suite->count * WORLD_COUNT;
}

int contract_run(const ContractRun *run) {
    Registration all = {.run = run, .arena = arena_new()};
    for (size_t i = 0; i < COUNT_OF(COMMON); i++)
        look_through(&all, COMMON[i]);
    for (size_t i = 0; i < run->own_count; i++)
        look_through(&all, run->own[i]);
    printf("# %zu tests left out of %s for what it does not have\n", all.left_out,
           run->server_name);
    fflush(stdout);
    all.tests = arena_alloc(all.arena, all.room * sizeof all.tests[0]);
    for (int index = 0; index < WORLD_COUNT; index++) {
        for (size_t i = 0; i < COUNT_OF(COMMON); i++)
            add_suite(&all, COMMON[i], index);
        for (size_t i = 0; i < run->own_count; i++)
            add_suite(&all, run->own[i], index);
    }
    if (run->pattern != NULL)
        cmocka_set_test_filter(run->pattern);
    int failed = _cmocka_run_group_tests("driver contract", all.tests, all.count, NULL, NULL);
    for (int i = 0; i < WORLD_COUNT; i++)
        if (all.worlds[i] != NULL)
            run->engine->world_free(all.worlds[i]);
    arena_free(all.arena);
    return failed;
}
