// The suites that only PostgreSQL has.
#pragma once

#include "driver_contract.h"

extern const ContractTest POSTGRESQL_TESTS[]; // ownership, other databases, rights, TLS
extern const size_t POSTGRESQL_TEST_COUNT;
extern const ContractTest PRIVILEGE_TESTS[]; // what kinds of access give, and shared roles
extern const size_t PRIVILEGE_TEST_COUNT;
extern const ContractTest OBJECTS_TESTS[]; // what an account made
extern const size_t OBJECTS_TEST_COUNT;
extern const ContractTest OBSTACLES_TESTS[]; // what keeps it from being removed, and sessions
extern const size_t OBSTACLES_TEST_COUNT;
extern const ContractTest ACCOUNTS_TESTS[]; // what is read of accounts, and held to their marks
extern const size_t ACCOUNTS_TEST_COUNT;
extern const ContractTest FAILURES_TESTS[]; // each statement cut off or failed once
extern const size_t FAILURES_TEST_COUNT;
