#include "driver/postgresql/operation.h"

#include <sodium.h>
#include <string.h>

#include "driver/postgresql/statement.h"
#include "driver/sqlstate.h"

enum {
    // First halves of advisory lock keys: "dayp", and whose the second half is.
    LOCK_PRIVILEGES = 0x64617971,
    LOCK_ACCOUNT = 0x64617972,
};

static void record(Operation *operation, const char *shown, PGresult *result) {
    evidence_statement(&operation->evidence, pg_sql_one_line(operation->arena, shown),
                       operation->session->target.database, strtoll(PQcmdTuples(result), NULL, 10));
}

static void release_result(void *result) {
    PQclear(result);
}

Status pg_operation_read(Operation *operation, const Query *query, Rows **ret_rows, Error *reterr) {
    PGresult *result = NULL;
    TRY(pg_session_run(operation->session, query, &result, &operation->evidence.failure, reterr));
    arena_on_free(operation->arena, release_result, result);
    *ret_rows = result;
    return STATUS_OK;
}

static Status change(Operation *operation, const char *doing, const char *sql, const char *shown,
                     Error *reterr) {
    PGresult *result = NULL;
    TRY(pg_session_run(operation->session, &(Query){.doing = doing, .sql = sql}, &result,
                       &operation->evidence.failure, reterr));
    record(operation, shown, result);
    PQclear(result);
    return STATUS_OK;
}

Status pg_operation_change(Operation *operation, const char *doing, const char *sql,
                           Error *reterr) {
    return change(operation, doing, sql, sql, reterr);
}

Status pg_operation_change_secret(Operation *operation, const char *doing, char *sql,
                                  const char *shown, Error *reterr) {
    Status status = change(operation, doing, sql, shown, reterr);
    sodium_memzero(sql, strlen(sql));
    return status;
}

Status pg_operation_change_all(Operation *operation, const char *doing,
                               const StringList *statements, Error *reterr) {
    for (size_t i = 0; i < statements->count; i++) {
        TRY(pg_operation_change(operation, doing, statements->items[i], reterr));
        if (operation->session->not_granted || operation->session->not_revoked)
            return evidence_fail(&operation->evidence, FAILURE_DENIED, reterr, "target_denied",
                                 "PostgreSQL did less than %s needs: admin account \"%s\" lacks "
                                 "the grant option; daypass-connector check says on what",
                                 doing, operation->session->admin);
    }
    return STATUS_OK;
}

Status pg_operation_begin(Operation *operation, Error *reterr) {
    return pg_operation_change(operation, "beginning a transaction", "BEGIN", reterr);
}

Status pg_operation_commit(Operation *operation, Error *reterr) {
    return pg_operation_change(operation, "committing", "COMMIT", reterr);
}

Status pg_operation_check_deadline(Operation *operation, int64_t deadline_ms, Error *reterr) {
    if (clock_monotonic_ms(operation->session->clock) >= deadline_ms)
        return evidence_deadline_passed(&operation->evidence, reterr);
    return STATUS_OK;
}

// The server counts half of what remains from some moment before its answer reaches us. With that
// answer here in less than the other half, its count ends before the deadline does.
Status pg_operation_commit_before(Operation *operation, int64_t deadline_ms, Error *reterr) {
    TRY(pg_operation_check_deadline(operation, deadline_ms, reterr));
    int64_t remaining_ms = deadline_ms - clock_monotonic_ms(operation->session->clock);
    int64_t half_ms = remaining_ms / 2 > 0 ? remaining_ms / 2 : 1;
    if (half_ms > INT32_MAX)
        half_ms = INT32_MAX;
    const char *sql =
        arena_printf(operation->arena, "SET LOCAL idle_in_transaction_session_timeout = %lld",
                     (long long)half_ms);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "setting the deadline", .sql = sql}, &rows,
                          reterr));
    if (clock_monotonic_ms(operation->session->clock) >= deadline_ms - half_ms)
        return evidence_deadline_passed(&operation->evidence, reterr);
    return pg_operation_commit(operation, reterr);
}

void pg_operation_rollback(Operation *operation) {
    FailureClass failure = operation->evidence.failure;
    if (PQstatus(operation->session->connection) == CONNECTION_OK &&
        PQtransactionStatus(operation->session->connection) != PQTRANS_IDLE) {
        Status status = pg_operation_change(operation, "rolling back", "ROLLBACK", NULL);
        (void)status;
    }
    operation->evidence.failure = failure;
}

static Status lock(Operation *operation, const char *function, int class, int key, Rows **ret_rows,
                   Error *reterr) {
    return pg_operation_read(
        operation,
        &(Query){.doing = "waiting for other work of Daypass on this database",
                 .sql = arena_printf(operation->arena, "SELECT %s(%d, %d)", function, class, key)},
        ret_rows, reterr);
}

Status pg_operation_lock_account(Operation *operation, const char *account, Error *reterr) {
    uint32_t key = 2166136261u; // FNV-1a: two names that meet only wait for each other
    for (const char *at = account; *at != '\0'; at++)
        key = (key ^ (unsigned char)*at) * 16777619u;
    Rows *rows;
    return lock(operation, "pg_advisory_xact_lock", LOCK_ACCOUNT, (int)(key & INT32_MAX), &rows,
                reterr);
}

Status pg_operation_lock_privileges(Operation *operation, bool exclusive, Error *reterr) {
    Rows *rows;
    return lock(operation, exclusive ? "pg_advisory_xact_lock" : "pg_advisory_xact_lock_shared",
                LOCK_PRIVILEGES, 0, &rows, reterr);
}

Status pg_operation_try_lock_privileges(Operation *operation, bool *ret_locked, Error *reterr) {
    Rows *rows;
    TRY(lock(operation, "pg_try_advisory_xact_lock", LOCK_PRIVILEGES, 0, &rows, reterr));
    *ret_locked = pg_rows_bool(rows, 0, 0);
    return STATUS_OK;
}

int pg_rows_count(Rows *rows) {
    return PQntuples(rows);
}

const char *pg_rows_text(Rows *rows, int row, int column) {
    return PQgetisnull(rows, row, column) ? NULL : PQgetvalue(rows, row, column);
}

bool pg_rows_bool(Rows *rows, int row, int column) {
    return PQgetvalue(rows, row, column)[0] == 't';
}

int64_t pg_rows_int(Rows *rows, int row, int column) {
    return strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

void pg_operation_add_obstacle(Operation *operation, const char *what, const char *repair) {
    evidence_obstacle(&operation->evidence, what, pg_sql_one_line(operation->arena, repair));
}
