// What the tests of the driver contract share: plans, orders, and repeating what may be repeated.
#pragma once

#include "driver_world.h"

typedef struct Work {
    World *world;
    Arena *arena;
    DriverSession *session;
    Plan *plan;
    Secret *password;
    DriverResult result; // of the last operation
    Error error;
} Work;

// A session, and a plan for SELECT on customers with an account name of its own.
Work *work_new(World *world);
void work_free(Work *work);
const char *work_password(const Work *work);

AccessItem select_on(Arena *arena, const World *world, const char *table);
void plan_grants(Work *work, const AccessItem *items, size_t count);

// The operations, for the next hour; what they gave is in work->result and work->error.
Status do_grant(Work *work);
Status do_grant_for(Work *work, int64_t remaining_ms, int64_t deadline_ms);
Status do_revoke(Work *work);
Status do_extend(Work *work, int64_t remaining_ms);
Status do_reset(Work *work);          // to a new password
void must(Work *work, Status status); // fails the test with the operation's own words

Answer user_answer(Work *work, const char *sql);
const char *sql_of(Work *work, const char *format, ...) PRINTF_LIKE(2, 3);
// Whether list_accounts has the plan's account.
bool account_listed(Work *work, FoundAccount *ret_account);

// One test of the suite; the state is the World.
typedef struct ContractTest {
    const char *name;
    void (*run)(void **state);
} ContractTest;
#define CONTRACT_TEST(function)                                                                    \
    { #function, function }
extern const ContractTest CONTRACT_TESTS[];
extern const size_t CONTRACT_TEST_COUNT;
