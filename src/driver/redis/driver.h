// The driver of Redis 6.2 and newer, and Valkey.
#pragma once

#include "driver/driver.h"

extern const Driver REDIS_DRIVER;
