// What is there to grant on, in the session's database.
#pragma once

#include "driver/sqlserver/operation.h"

MUST_USE Status mssql_discover(Operation *operation, Discovery *ret_discovery, Error *reterr);
