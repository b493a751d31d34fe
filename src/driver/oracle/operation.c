#include "driver/oracle/operation.h"

#include <string.h>

#include "driver/oracle/errors.h"

static Status run(Operation *operation, const OracleQuery *query, Error *reterr) {
    OdbcAnswer *answer = arena_alloc(operation->arena, sizeof *answer);
    Status status = oracle_session_run(operation->session, operation->arena, query, answer,
                                       &operation->evidence.failure, reterr);
    operation->session->last = answer;
    return status;
}

Status oracle_read(Operation *operation, const char *doing, const char *sql, Rows **ret_rows,
                   Error *reterr) {
    Error error = {0};
    Status status = run(operation, &(OracleQuery){.doing = doing, .sql = sql}, &error);
    if (status == STATUS_OK) {
        *ret_rows = operation->session->last;
        return STATUS_OK;
    }
    // What may not be read is, to Oracle, not there.
    if (oracle_failed_with(operation, ORA_NO_TABLE))
        return evidence_fail(&operation->evidence, FAILURE_DENIED, reterr, "target_denied",
                             "admin account \"%s\" may not read all of Oracle's dictionary it "
                             "needs for %s; daypass-connector check says which",
                             operation->session->admin, doing);
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static void record(Operation *operation, const char *shown) {
    int64_t rows = operation->session->last->affected;
    evidence_statement(&operation->evidence, evidence_one_line(operation->arena, shown),
                       operation->session->container, rows > 0 ? rows : 0);
}

Status oracle_change(Operation *operation, const char *doing, const char *sql, Error *reterr) {
    TRY(run(operation, &(OracleQuery){.doing = doing, .sql = sql}, reterr));
    record(operation, sql);
    return STATUS_OK;
}

static Status run_in_time(Operation *operation, const OracleQuery *query, const char *shown,
                          Error *reterr) {
    Error error = {0};
    Status status = run(operation, query, &error);
    if (status == STATUS_OK) {
        record(operation, shown);
        return STATUS_OK;
    }
    if (oracle_failed_with(operation, ORACLE_TOO_LATE))
        return evidence_deadline_passed(&operation->evidence, reterr);
    if (reterr != NULL)
        *reterr = error;
    return status;
}

Status oracle_change_in_time(Operation *operation, const char *doing, const char *sql,
                             Error *reterr) {
    const char *guarded = oracle_sql_guarded(operation->arena, sql, operation->session->until_at);
    return run_in_time(operation, &(OracleQuery){.doing = doing, .sql = guarded}, sql, reterr);
}

Status oracle_call_in_time(Operation *operation, const char *doing, const char *calls,
                           const char *shown, const char *parameter, Error *reterr) {
    const OracleQuery query = {
        .doing = doing,
        .sql = oracle_sql_guarded_calls(operation->arena, calls, operation->session->until_at),
        .parameters = &parameter,
        .parameter_count = parameter == NULL ? 0 : 1,
    };
    return run_in_time(operation, &query, shown, reterr);
}

bool oracle_failed_with(const Operation *operation, int native) {
    return operation->session->last != NULL && operation->session->last->kind != ODBC_DONE &&
           odbc_answer_find(operation->session->last, native) != NULL;
}

// Oracle's driver says some of these without a word of a lost connection.
bool oracle_is_lost(const Operation *operation) {
    static const int NUMBERS[] = {28, 603, 1012, 1092, 3113, 3114, 3135};
    bool lost = odbc_connection_is_lost(operation->session->connection);
    for (size_t i = 0; i < COUNT_OF(NUMBERS); i++)
        lost = lost || oracle_failed_with(operation, NUMBERS[i]);
    return lost;
}

void oracle_operation_forget(Operation *operation) {
    operation->session->last = NULL;
    operation->session->until_at = 0;
}

Status oracle_read_now(Operation *operation, int64_t *ret_now_at, Error *reterr) {
    Rows *rows;
    TRY(oracle_read(operation, "reading the server's clock",
                    "SELECT " ORACLE_TIME_OF "SYSTIMESTAMP" ORACLE_TIME_END " FROM SYS.DUAL", &rows,
                    reterr));
    *ret_now_at = oracle_rows_time(rows, 0, 0);
    return STATUS_OK;
}

const char *oracle_rows_text(Rows *rows, size_t row, size_t column) {
    bool there = row < rows->row_count && column < rows->column_count;
    return there ? odbc_value(rows, row, column) : NULL;
}

int64_t oracle_rows_int(Rows *rows, size_t row, size_t column) {
    const char *text = oracle_rows_text(rows, row, column);
    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

int64_t oracle_rows_time(Rows *rows, size_t row, size_t column) {
    const char *text = oracle_rows_text(rows, row, column);
    int64_t at_ms = 0;
    if (text == NULL || timestamp_parse(text, &at_ms, NULL) != STATUS_OK)
        return 0;
    return at_ms;
}
