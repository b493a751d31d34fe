// The driver of PostgreSQL 13 to 18.
#pragma once

#include "driver/driver.h"

extern const Driver POSTGRESQL_DRIVER;
