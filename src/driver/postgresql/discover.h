// What is there to grant on, in the session's database.
#pragma once

#include "driver/postgresql/operation.h"

MUST_USE Status pg_discover(Operation *operation, Discovery *ret_discovery, Error *reterr);
