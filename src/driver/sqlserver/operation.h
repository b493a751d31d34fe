// Running the statements of an operation. Those that change something go into the evidence.
#pragma once

#include "driver/operation.h"
#include "driver/sqlserver/session.h"

typedef OdbcAnswer Rows; // in the operation's arena

MUST_USE Status mssql_read(Operation *operation, const char *doing, const char *sql, Rows *ret_rows,
                           Error *reterr);
MUST_USE Status mssql_change(Operation *operation, const char *doing, const char *sql,
                             Error *reterr);
// The same for a statement with a secret in it, which is wiped when it has run.
MUST_USE Status mssql_change_secret(Operation *operation, const char *doing, char *sql,
                                    const char *shown, Error *reterr);
MUST_USE Status mssql_change_all(Operation *operation, const char *doing,
                                 const StringList *statements, Error *reterr);
// What follows is in that database.
MUST_USE Status mssql_use(Operation *operation, const char *database, Error *reterr);

// Begins a transaction in the integration's database and waits for other work of Daypass there.
MUST_USE Status mssql_begin(Operation *operation, Error *reterr);
MUST_USE Status mssql_commit(Operation *operation, Error *reterr);
// Commits before `deadline_ms` (of the session's monotonic clock) or not at all, by the server's
// own clock: one that is held up on the way rolls back instead. "deadline_passed".
MUST_USE Status mssql_commit_before(Operation *operation, int64_t deadline_ms, Error *reterr);
MUST_USE Status mssql_check_deadline(Operation *operation, int64_t deadline_ms, Error *reterr);
// Also where there is no transaction, and back to the integration's database. Never fails: a
// session that cannot is lost, and the server rolls back for it. Leaves the failure alone.
void mssql_rollback(Operation *operation);
bool mssql_is_lost(const Operation *operation);
// The server's clock, in ms since 1970 UTC.
MUST_USE Status mssql_read_now(Operation *operation, int64_t *ret_now_at, Error *reterr);
MUST_USE Status mssql_wait(Operation *operation, int wait_ms, Error *reterr);

static inline const char *rows_text(const Rows *rows, size_t row, size_t column) {
    return odbc_value(rows, row, column);
}
bool rows_bool(const Rows *rows, size_t row, size_t column);
int64_t rows_int(const Rows *rows, size_t row, size_t column); // 0 for null
