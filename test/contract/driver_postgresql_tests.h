// The suites that only PostgreSQL has.
#pragma once

#include "driver_contract_run.h"

extern const ContractSuite POSTGRESQL_SUITE;           // ownership, other databases, rights, TLS
extern const ContractSuite POSTGRESQL_PRIVILEGE_SUITE; // kinds of access, and shared roles
extern const ContractSuite POSTGRESQL_OBJECTS_SUITE;   // what an account made
extern const ContractSuite POSTGRESQL_OBSTACLES_SUITE; // what keeps it there, and sessions
