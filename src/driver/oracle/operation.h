// One operation of the driver under way: its session, what it has found and done (the evidence),
// and until when the server may still carry out what is asked of it.
#pragma once

#include "driver/evidence.h"
#include "driver/oracle/session.h"
#include "driver/oracle/statement.h"

typedef struct Operation {
    DriverSession *session;
    Arena *arena; // the evidence's too
    Evidence evidence;
    const OdbcAnswer *last; // of the statement that ran last
    int64_t until_at;       // by the server's clock; of guarded statements
} Operation;

typedef const OdbcAnswer Rows; // belongs to the operation's arena

// A statement that changes nothing.
MUST_USE Status oracle_read(Operation *operation, const char *doing, const char *sql,
                            Rows **ret_rows, Error *reterr);
// One that does. Everything that defines something commits by itself.
MUST_USE Status oracle_change(Operation *operation, const char *doing, const char *sql,
                              Error *reterr);
// The same, carried out before operation->until_at or not at all: "deadline_passed".
MUST_USE Status oracle_change_in_time(Operation *operation, const char *doing, const char *sql,
                                      Error *reterr);
// Calls of PL/SQL, shown as `shown`, in the same way. `parameter`: NULL for none.
MUST_USE Status oracle_call_in_time(Operation *operation, const char *doing, const char *calls,
                                    const char *shown, const char *parameter, Error *reterr);
// Whether the statement that ran last failed with that number.
bool oracle_failed_with(const Operation *operation, int native);
bool oracle_is_lost(const Operation *operation);

// The server's clock, and what a moment of our monotonic clock is by it: never later than it.
MUST_USE Status oracle_read_now(Operation *operation, int64_t *ret_now_at, Error *reterr);

const char *oracle_rows_text(Rows *rows, size_t row, size_t column); // NULL for SQL's null
int64_t oracle_rows_int(Rows *rows, size_t row, size_t column);      // 0 for null
int64_t oracle_rows_time(Rows *rows, size_t row, size_t column);     // 0 for null
// SQL for oracle_rows_time, around a TIMESTAMP WITH TIME ZONE.
#define ORACLE_TIME_OF "TO_CHAR(SYS_EXTRACT_UTC("
#define ORACLE_TIME_END "), 'YYYY-MM-DD\"T\"HH24:MI:SS.FF3\"Z\"')"
