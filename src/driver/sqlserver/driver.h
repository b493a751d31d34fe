// The driver of SQL Server 2017 and newer, Azure SQL Managed Instance, and SQL Server on RDS.
#pragma once

#include "driver/driver.h"

extern const Driver SQLSERVER_DRIVER;
