// Oracle 19c and newer.
#pragma once

#include "driver/driver.h"

extern const Driver ORACLE_DRIVER;
