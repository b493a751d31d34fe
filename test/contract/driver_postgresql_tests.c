// What is particular to PostgreSQL: ownership, access lists by other grantors, shared roles.
#include "driver_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#define TEST(name)                                                                                 \
    { #name, name }

static void placeholder(void **state) {
    (void)state;
}
const ContractTest POSTGRESQL_TESTS[] = {TEST(placeholder)};
const size_t POSTGRESQL_TEST_COUNT = COUNT_OF(POSTGRESQL_TESTS);
