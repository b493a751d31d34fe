// Ends the sessions of an account and sees them ended.
#pragma once

#include "driver/oracle/operation.h"

// By the user's number, which sessions keep when the user is dropped. FAILURE_RETRY,
// "sessions_left", where some were told to end and still run.
MUST_USE Status oracle_sessions_end(Operation *operation, int64_t user_id, Error *reterr);
