// What is there to give access to.
#pragma once

#include "driver/aws/operation.h"

MUST_USE Status aws_discover(Operation *operation, Discovery *ret_discovery, Error *reterr);
