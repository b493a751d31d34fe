// Running the statements of an operation, within its time where they give something. Those that
// change something go into the evidence.
#pragma once

#include "driver/operation.h"
#include "driver/oracle/session.h"
#include "driver/oracle/statement.h"

typedef const OdbcAnswer Rows; // belongs to the operation's arena

// A statement that changes nothing.
MUST_USE Status oracle_read(Operation *operation, const char *doing, const char *sql,
                            Rows **ret_rows, Error *reterr);
// One that does. Everything that defines something commits by itself.
MUST_USE Status oracle_change(Operation *operation, const char *doing, const char *sql,
                              Error *reterr);
// The same, carried out before session->until_at or not at all: "deadline_passed".
MUST_USE Status oracle_change_in_time(Operation *operation, const char *doing, const char *sql,
                                      Error *reterr);
// Calls of PL/SQL, shown as `shown`, in the same way. `parameter`: NULL for none.
MUST_USE Status oracle_call_in_time(Operation *operation, const char *doing, const char *calls,
                                    const char *shown, const char *parameter, Error *reterr);
// Whether the statement that ran last failed with that number.
bool oracle_failed_with(const Operation *operation, int native);
bool oracle_is_lost(const Operation *operation);
// What the session has of this operation: it ends with it.
void oracle_operation_forget(Operation *operation);

// The server's clock, and what a moment of our monotonic clock is by it: never later than it.
MUST_USE Status oracle_read_now(Operation *operation, int64_t *ret_now_at, Error *reterr);

const char *oracle_rows_text(Rows *rows, size_t row, size_t column); // NULL for SQL's null
int64_t oracle_rows_int(Rows *rows, size_t row, size_t column);      // 0 for null
int64_t oracle_rows_time(Rows *rows, size_t row, size_t column);     // 0 for null
// SQL for oracle_rows_time, around a TIMESTAMP WITH TIME ZONE.
#define ORACLE_TIME_OF "TO_CHAR(SYS_EXTRACT_UTC("
#define ORACLE_TIME_END "), 'YYYY-MM-DD\"T\"HH24:MI:SS.FF3\"Z\"')"
