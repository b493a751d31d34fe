// What only Redis has.
#pragma once

#include "driver_contract_run.h"

extern const ContractSuite REDIS_SUITE;
