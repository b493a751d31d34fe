// What MySQL and MariaDB have that other engines do not.
#pragma once

#include "driver_contract_run.h"

extern const ContractSuite MYSQL_SUITE;
