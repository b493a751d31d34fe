// The suites that only PostgreSQL has.
#pragma once

#include "driver_contract.h"

extern const ContractTest POSTGRESQL_TESTS[]; // ownership, other databases, rights, TLS
extern const size_t POSTGRESQL_TEST_COUNT;
extern const ContractTest PRIVILEGE_TESTS[]; // what kinds of access give, and shared roles
extern const size_t PRIVILEGE_TEST_COUNT;
