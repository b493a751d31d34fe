// Where in the input a fault is: puts a part in front of an error's JSON pointer (RFC 6901).
#pragma once

#include "base/error.h"

// Returns `status`, so that a failure of a part is passed on in one line. error may be NULL.
Status error_inside(Error *error, Status status, const char *format, ...) PRINTF_LIKE(3, 4);
