#include "driver/sqlserver/operation.h"

#include <sodium.h>
#include <string.h>

#include "driver/sqlserver/errors.h"
#include "driver/sqlserver/statement.h"
#include "driver/sqlstate.h"

static Status run(Operation *operation, const char *doing, const char *sql, OdbcAnswer *answer,
                  Error *reterr) {
    return mssql_session_run(operation->session, operation->arena, doing, sql, answer,
                             &operation->evidence.failure, reterr);
}

Status mssql_read(Operation *operation, const char *doing, const char *sql, Rows *ret_rows,
                  Error *reterr) {
    return run(operation, doing, sql, ret_rows, reterr);
}

static Status change(Operation *operation, const char *doing, const char *sql, const char *shown,
                     Error *reterr) {
    OdbcAnswer answer;
    TRY(run(operation, doing, sql, &answer, reterr));
    evidence_statement(&operation->evidence, evidence_one_line(operation->arena, shown),
                       operation->session->current, answer.affected > 0 ? answer.affected : 0);
    return STATUS_OK;
}

Status mssql_change(Operation *operation, const char *doing, const char *sql, Error *reterr) {
    return change(operation, doing, sql, sql, reterr);
}

Status mssql_change_secret(Operation *operation, const char *doing, char *sql, const char *shown,
                           Error *reterr) {
    Status status = change(operation, doing, sql, shown, reterr);
    sodium_memzero(sql, strlen(sql));
    return status;
}

Status mssql_change_all(Operation *operation, const char *doing, const StringList *statements,
                        Error *reterr) {
    for (size_t i = 0; i < statements->count; i++)
        TRY(mssql_change(operation, doing, statements->items[i], reterr));
    return STATUS_OK;
}

Status mssql_use(Operation *operation, const char *database, Error *reterr) {
    DriverSession *session = operation->session;
    if (session->current != NULL && strcmp(session->current, database) == 0)
        return STATUS_OK;
    OdbcAnswer answer;
    const char *sql =
        arena_printf(operation->arena, "USE %s", tsql_name(operation->arena, database));
    TRY(run(operation, "going to a database", sql, &answer, reterr));
    session->current = strcmp(database, session->target.database) == 0
                           ? session->target.database
                           : arena_strdup(session->arena, database);
    return STATUS_OK;
}

// ---- Transactions -------------------------------------------------------------------------------

// One at a time in a database: what changes permissions holds locks that readers wait for, and two
// of them would end in a deadlock.
static const char BEGIN_SQL[] =
    "BEGIN TRANSACTION; DECLARE @locked int; EXEC @locked = sys.sp_getapplock"
    " @Resource = N'daypass', @LockMode = N'Exclusive', @LockOwner = N'Transaction',"
    " @LockTimeout = 10000; IF @locked < 0 THROW 51002, N'daypass: other work goes on', 1";

Status mssql_begin(Operation *operation, Error *reterr) {
    TRY(mssql_use(operation, operation->session->target.database, reterr));
    return mssql_change(operation, "beginning a transaction", BEGIN_SQL, reterr);
}

Status mssql_commit(Operation *operation, Error *reterr) {
    return mssql_change(operation, "committing", "COMMIT TRANSACTION", reterr);
}

Status mssql_check_deadline(Operation *operation, int64_t deadline_ms, Error *reterr) {
    if (clock_monotonic_ms(operation->session->clock) >= deadline_ms)
        return evidence_deadline_passed(&operation->evidence, reterr);
    return STATUS_OK;
}

// What remains is counted after the server has told its time, so that its count ends no later than
// ours.
Status mssql_commit_before(Operation *operation, int64_t deadline_ms, Error *reterr) {
    int64_t now_at;
    TRY(mssql_read_now(operation, &now_at, reterr));
    TRY(mssql_check_deadline(operation, deadline_ms, reterr));
    int64_t until_at = now_at + deadline_ms - clock_monotonic_ms(operation->session->clock);
    const char *sql =
        arena_printf(operation->arena,
                     "IF DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME()) >= %lld "
                     "BEGIN ROLLBACK TRANSACTION; THROW 51001, N'daypass: too late', 1; END; "
                     "COMMIT TRANSACTION",
                     (long long)until_at);
    Status status = mssql_change(operation, "committing", sql, reterr);
    if (status != STATUS_OK && operation->session->native == ERROR_OUR_DEADLINE)
        return evidence_deadline_passed(&operation->evidence, reterr);
    return status;
}

void mssql_rollback(Operation *operation) {
    DriverSession *session = operation->session;
    FailureClass failure = operation->evidence.failure;
    int native = session->native;
    OdbcAnswer answer;
    if (!mssql_is_lost(operation)) {
        // A failed statement may have rolled back already, or not.
        const char *sql =
            arena_printf(operation->arena, "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; USE %s",
                         tsql_name(operation->arena, session->target.database));
        if (run(operation, "rolling back", sql, &answer, NULL) == STATUS_OK)
            session->current = session->target.database;
    }
    operation->evidence.failure = failure;
    session->native = native;
}

bool mssql_is_lost(const Operation *operation) {
    return odbc_connection_is_lost(operation->session->connection);
}

Status mssql_read_now(Operation *operation, int64_t *ret_now_at, Error *reterr) {
    Rows rows;
    TRY(mssql_read(operation, "reading the server's clock",
                   "SELECT DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME())", &rows,
                   reterr));
    if (rows.row_count != 1)
        return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "target_failed",
                             "SQL Server did not tell its time");
    *ret_now_at = rows_int(&rows, 0, 0);
    return STATUS_OK;
}

Status mssql_wait(Operation *operation, int wait_ms, Error *reterr) {
    OdbcAnswer answer;
    const char *sql = arena_printf(operation->arena, "WAITFOR DELAY '00:00:%02d.%03d'",
                                   wait_ms / SECOND_MS, wait_ms % SECOND_MS);
    return run(operation, "waiting", sql, &answer, reterr);
}

bool rows_bool(const Rows *rows, size_t row, size_t column) {
    return rows_int(rows, row, column) != 0;
}

int64_t rows_int(const Rows *rows, size_t row, size_t column) {
    const char *text = rows_text(rows, row, column);
    return text == NULL ? 0 : strtoll(text, NULL, 10);
}
