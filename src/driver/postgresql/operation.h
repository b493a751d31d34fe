// Running the statements of an operation. Those that change something go into the evidence.
#pragma once

#include "driver/operation.h"
#include "driver/postgresql/session.h"

typedef const PGresult Rows; // belongs to the operation's arena

// pg_operation_read(op, &rows, reterr, (Query){…}): a statement that changes nothing.
MUST_USE Status pg_operation_read(Operation *operation, const Query *query, Rows **ret_rows,
                                  Error *reterr);
// A statement that changes something.
MUST_USE Status pg_operation_change(Operation *operation, const char *doing, const char *sql,
                                    Error *reterr);
// The same for a statement with a secret in it, which is wiped when it has run.
MUST_USE Status pg_operation_change_secret(Operation *operation, const char *doing, char *sql,
                                           const char *shown, Error *reterr);
// Each in turn; FAILURE_DENIED where the server grants or revokes less than it was asked to and
// would only warn.
MUST_USE Status pg_operation_change_all(Operation *operation, const char *doing,
                                        const StringList *statements, Error *reterr);

MUST_USE Status pg_operation_begin(Operation *operation, Error *reterr);
MUST_USE Status pg_operation_commit(Operation *operation, Error *reterr);
// Commits before `deadline_ms` (of the session's monotonic clock) or not at all: a COMMIT that is
// held up on the way finds its transaction already ended by the server. "deadline_passed".
MUST_USE Status pg_operation_commit_before(Operation *operation, int64_t deadline_ms,
                                           Error *reterr);
MUST_USE Status pg_operation_check_deadline(Operation *operation, int64_t deadline_ms,
                                            Error *reterr);
// Also where there is no transaction. Never fails: a session that cannot roll back is lost, and
// the server rolls back for it. Leaves operation->evidence.failure alone.
void pg_operation_rollback(Operation *operation);

// Advisory locks until the end of the transaction, in the session's database. One account: grants
// and revokes of one name exclude each other. Privileges: those who change access lists or shared
// roles go one at a time (exclusive); those who only rely on them go together.
MUST_USE Status pg_operation_lock_account(Operation *operation, const char *account, Error *reterr);
MUST_USE Status pg_operation_lock_privileges(Operation *operation, bool exclusive, Error *reterr);

// Exclusive, or not at all: never waits.
MUST_USE Status pg_operation_try_lock_privileges(Operation *operation, bool *ret_locked,
                                                 Error *reterr);

int pg_rows_count(Rows *rows);
const char *pg_rows_text(Rows *rows, int row, int column); // NULL for SQL's null
bool pg_rows_bool(Rows *rows, int row, int column);
int64_t pg_rows_int(Rows *rows, int row, int column); // 0 for null

// evidence_obstacle with `repair` on one line.
void pg_operation_add_obstacle(Operation *operation, const char *what, const char *repair);
