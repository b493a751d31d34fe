// Running the statements of an operation. Those that change something go into the evidence.
#pragma once

#include "driver/mysql/session.h"
#include "driver/mysql/statement.h"
#include "driver/operation.h"

typedef struct Rows {
    MYSQL_RES *result; // belongs to the operation's arena; NULL: of a statement without rows
    size_t count;
    size_t columns;
    MYSQL_ROW *rows;
} Rows;

// A statement that changes nothing.
MUST_USE Status my_operation_read(Operation *operation, const char *doing, const char *sql,
                                  Rows *ret_rows, Error *reterr);
// A statement that changes something.
MUST_USE Status my_operation_change(Operation *operation, const char *doing, const char *sql,
                                    Error *reterr);
// The same for a statement with a secret in it, which is wiped when it has run.
MUST_USE Status my_operation_change_secret(Operation *operation, const char *doing, char *sql,
                                           const char *shown, Error *reterr);

MUST_USE Status my_operation_check_deadline(Operation *operation, int64_t deadline_ms,
                                            Error *reterr);
// The statement that makes something valid: it runs before `deadline_ms` (of the session's
// monotonic clock) or not at all. "deadline_passed". `sql` is wiped, `shown` goes into the
// evidence.
MUST_USE Status my_operation_commit_before(Operation *operation, const char *doing, char *sql,
                                           const char *shown, int64_t deadline_ms, Error *reterr);

// Until my_operation_unlock, or the end of the session: grants and revokes of one name exclude each
// other.
MUST_USE Status my_operation_lock_account(Operation *operation, const char *account, Error *reterr);
// Never fails: the lock of a session that is lost is lost with it.
void my_operation_unlock(Operation *operation);

const char *my_rows_text(const Rows *rows, size_t row, size_t column); // NULL for SQL's null
bool my_rows_bool(const Rows *rows, size_t row, size_t column);
int64_t my_rows_int(const Rows *rows, size_t row, size_t column); // 0 for null
