// SQLSTATE, the five characters every SQL engine explains a failure with (ISO/IEC 9075-2), mapped
// to the classes of failure. One table for all drivers that have it.
#pragma once

#include "base/error.h"
#include "domain/outcome.h"

// By the whole code, then by its class (first two characters), else FAILURE_FATAL. NULL: the
// connection was lost before the server could say anything, FAILURE_RETRY.
FailureClass sqlstate_class(const char *sqlstate);

// What that code means, and who can do something about it: for the end of a message. NULL where its
// class says as much.
const char *sqlstate_reason(const char *sqlstate);

// What a failure of that class is to the rest of the product.
Status failure_status(FailureClass failure);

// "the admin account lacks a right": the class in words, for the end of a message.
const char *failure_reason(FailureClass failure);
