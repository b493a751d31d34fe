// Numbers of errors, as MySQL and MariaDB give them, mapped to the classes of failure.
#pragma once

#include "domain/outcome.h"

// FAILURE_FATAL for a number that is not in the table. 0 and the client's own: FAILURE_RETRY.
FailureClass my_failure_class(unsigned number);

// What that number means, and who can do something about it: for the end of a message. NULL where
// its class says as much.
const char *my_failure_reason(unsigned number);
