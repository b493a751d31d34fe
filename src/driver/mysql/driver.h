// The drivers of MySQL 8.0.21 to 9 and of MariaDB 10.6 to 11.
#pragma once

#include "driver/driver.h"

extern const Driver MYSQL_DRIVER;
extern const Driver MARIADB_DRIVER;
