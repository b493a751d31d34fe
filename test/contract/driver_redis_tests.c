// What only Redis has: channels, categories, selectors, its file of accounts, TLS at another port.
#include "driver_redis_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "driver_world_redis.h"

static void own_rule_is_what_was_asked(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    must(work, do_revoke(work));
    work_free(work);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(own_rule_is_what_was_asked, EVERYWHERE),
};
const ContractSuite REDIS_SUITE = {TESTS, COUNT_OF(TESTS)};
