// Which tests run in which worlds of an engine, and running them.
#pragma once

#include "driver_contract.h"

// A world is one of these on a server. An engine without shared roles has the direct ones alone,
// and what is for the shared ones runs there.
typedef enum Worlds {
    LIMITED_SHARED = 1 << 0,
    LIMITED_DIRECT = 1 << 1,
    SUPERUSER_SHARED = 1 << 2,
    SUPERUSER_DIRECT = 1 << 3,
    WITH_SHARED_ROLE = LIMITED_SHARED | SUPERUSER_SHARED,
    WITH_LIMITED_ADMIN = LIMITED_SHARED | LIMITED_DIRECT,
    EVERYWHERE = WITH_LIMITED_ADMIN | SUPERUSER_SHARED | SUPERUSER_DIRECT,
    // What takes long, or for which admin and mode make no difference. CROSSED: both admins and
    // both modes, in two worlds; the next server has the other two pairs, and an engine with one
    // server has all four. With SAMPLED, DAYPASS_LONG=1 runs it everywhere.
    CROSSED = 1 << 4,
    SAMPLED = 1 << 5,
    ONCE = SAMPLED | LIMITED_DIRECT,
} Worlds;

// One test; the state is the World.
typedef struct ContractTest {
    const char *name;
    void (*run)(void **state);
    int worlds; // Worlds
    int needs;  // Traits; it is not registered, and that is said, where the engine lacks one
} ContractTest;
#define CONTRACT_TEST(function, ...)                                                               \
    { #function, function, __VA_ARGS__ }

typedef struct ContractSuite {
    const ContractTest *tests;
    size_t count;
} ContractSuite;
extern const ContractSuite BASIC_SUITE;    // giving, taking back, and the account between
extern const ContractSuite ACCESS_SUITE;   // what is asked for is given, and no more
extern const ContractSuite ACCOUNTS_SUITE; // what is read of accounts, and held to their marks
extern const ContractSuite FAILURES_SUITE; // each statement cut off or failed once

// One server's worlds. It has a number among its engine's, for what takes turns; `own` are the
// engine's own suites; `pattern` chooses tests, such as "*limited*custodian*", NULL: all. Gives
// the program's exit status.
typedef struct ContractRun {
    const Engine *engine;
    const ContractSuite *const *own;
    size_t own_count;
    const char *server_name;
    const void *server; // for Engine.world_new
    int server_number, server_count;
    const char *pattern;
} ContractRun;
int contract_run(const ContractRun *run);
