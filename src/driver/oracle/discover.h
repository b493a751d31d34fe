// What there is to grant on in the session's database.
#pragma once

#include "driver/oracle/operation.h"

MUST_USE Status oracle_discover(Operation *operation, Discovery *ret_discovery, Error *reterr);
