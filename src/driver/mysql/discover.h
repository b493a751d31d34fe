// What is there to grant on, on the whole server: its schemas are what others call databases.
#pragma once

#include "driver/mysql/operation.h"

MUST_USE Status my_discover(Operation *operation, Discovery *ret_discovery, Error *reterr);
