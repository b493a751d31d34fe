#include "driver/mysql/operation.h"

#include <sodium.h>
#include <string.h>

enum {
    NAME_WAIT_S = 10,
    USUAL_LOCK_S = 5,
    USUAL_IDLE_S = 60,
    // Below this the server cannot be told to stop in time: it counts in whole seconds.
    SHORTEST_MS = 4 * SECOND_MS,
    LONGEST_PART_S = 60,
};

static void release_result(void *result) {
    mysql_free_result(result);
}

Status my_operation_read(Operation *operation, const char *doing, const char *sql, Rows *ret_rows,
                         Error *reterr) {
    MYSQL_RES *result = NULL;
    TRY(my_session_run(operation->session, doing, sql, &result, &operation->evidence.failure,
                       reterr));
    Rows rows = {.result = result};
    if (result != NULL) {
        arena_on_free(operation->arena, release_result, result);
        rows.columns = mysql_num_fields(result);
        size_t most = (size_t)mysql_num_rows(result);
        rows.rows = arena_alloc(operation->arena, (most + 1) * sizeof rows.rows[0]);
        while (rows.count < most && (rows.rows[rows.count] = mysql_fetch_row(result)) != NULL)
            rows.count++;
    }
    *ret_rows = rows;
    return STATUS_OK;
}

static Status change(Operation *operation, const char *doing, const char *sql, const char *shown,
                     Error *reterr) {
    MYSQL_RES *result = NULL;
    TRY(my_session_run(operation->session, doing, sql, &result, &operation->evidence.failure,
                       reterr));
    mysql_free_result(result);
    evidence_statement(&operation->evidence, shown, operation->session->target.database,
                       my_session_affected(operation->session));
    return STATUS_OK;
}

Status my_operation_change(Operation *operation, const char *doing, const char *sql,
                           Error *reterr) {
    return change(operation, doing, sql, sql, reterr);
}

Status my_operation_change_secret(Operation *operation, const char *doing, char *sql,
                                  const char *shown, Error *reterr) {
    Status status = change(operation, doing, sql, shown, reterr);
    sodium_memzero(sql, strlen(sql));
    return status;
}

Status my_operation_check_deadline(Operation *operation, int64_t deadline_ms, Error *reterr) {
    if (clock_monotonic_ms(operation->session->clock) < deadline_ms)
        return STATUS_OK;
    return evidence_deadline_passed(&operation->evidence, reterr);
}

// ---- The commit point ---------------------------------------------------------------------------

static Status set_bounds(Operation *operation, int64_t idle_s, int64_t lock_s, int64_t statement_ms,
                         Error *reterr) {
    const char *bound = operation->session->mariadb
                            ? arena_printf(operation->arena, ", max_statement_time = %lld.%03lld",
                                           (long long)(statement_ms / SECOND_MS),
                                           (long long)(statement_ms % SECOND_MS))
                            : "";
    const char *sql = arena_printf(operation->arena,
                                   "SET SESSION wait_timeout = %lld, lock_wait_timeout = %lld,"
                                   " innodb_lock_wait_timeout = %lld%s",
                                   (long long)idle_s, (long long)lock_s, (long long)lock_s, bound);
    Rows rows;
    return my_operation_read(operation, "setting the deadline", sql, &rows, reterr);
}

// The answer did not come: what still runs there is stopped where it can be.
static void stop_lost(Operation *operation) {
    CLEANUP(my_session_closep) DriverSession *beside = NULL;
    FailureClass failure;
    unsigned long id = mysql_thread_id(operation->session->connection);
    if (my_session_open_beside(operation->session, &beside, &failure, NULL) != STATUS_OK)
        return;
    MYSQL_RES *result = NULL;
    const char *sql = arena_printf(operation->arena, "KILL CONNECTION %lu", id);
    Status status =
        my_session_run(beside, "stopping what may still run", sql, &result, &failure, NULL);
    if (status == STATUS_OK)
        mysql_free_result(result);
}

// There are no transactions around accounts, so that one statement decides. The server itself ends
// a session that stays silent for `part` (wait_timeout): a statement that is held up on the way
// finds no session any more. One that has arrived may wait for locks on the privileges and on their
// tables, each for less than `part` (lock_wait_timeout, and on MariaDB max_statement_time for all
// of it). Together that is before the deadline, counted from a moment before the server began to.
//
// A connection that is lost while it runs leaves the outcome unknown. That is safe: nobody was told
// the password, the account locks itself at its end, the lock on its name is held until the server
// sees the session gone, and whoever takes the account back comes after the deadline, locks it
// again, and removes it, after which a statement still on its way finds no account.
Status my_operation_commit_before(Operation *operation, const char *doing, char *sql,
                                  const char *shown, int64_t deadline_ms, Error *reterr) {
    const Clock *clock = operation->session->clock;
    int64_t remaining_ms = deadline_ms - clock_monotonic_ms(clock);
    if (remaining_ms < SHORTEST_MS)
        return evidence_deadline_passed(&operation->evidence, reterr);
    int64_t part_s = remaining_ms / 4 / SECOND_MS;
    if (part_s > LONGEST_PART_S)
        part_s = LONGEST_PART_S;
    int64_t lock_s = part_s < USUAL_LOCK_S ? part_s : USUAL_LOCK_S;
    TRY(set_bounds(operation, part_s, lock_s, part_s * SECOND_MS, reterr));
    if (clock_monotonic_ms(clock) >= deadline_ms - 3 * part_s * SECOND_MS)
        return evidence_deadline_passed(&operation->evidence, reterr);
    Status status = my_operation_change_secret(operation, doing, sql, shown, reterr);
    if (status != STATUS_OK && operation->session->lost)
        stop_lost(operation);
    TRY(status);
    return set_bounds(operation, USUAL_IDLE_S, USUAL_LOCK_S,
                      operation->session->login.statement_timeout_ms, reterr);
}

// ---- Locks on names -----------------------------------------------------------------------------

Status my_operation_lock_account(Operation *operation, const char *account, Error *reterr) {
    if (operation->session->locked)
        return STATUS_OK;
    const char *name = arena_printf(operation->arena, "daypass:%s", account);
    const char *sql = arena_printf(operation->arena, "SELECT GET_LOCK(%s, %d)",
                                   my_sql_literal(operation->arena, name), NAME_WAIT_S);
    Rows rows;
    TRY(my_operation_read(operation, "waiting for other work of Daypass on this account", sql,
                          &rows, reterr));
    if (rows.count == 0 || !my_rows_bool(&rows, 0, 0))
        return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "target_busy",
                             "another connector works on account \"%s\"; it is tried again",
                             account);
    operation->session->locked = true;
    return STATUS_OK;
}

void my_operation_unlock(Operation *operation) {
    DriverSession *session = operation->session;
    FailureClass failure = operation->evidence.failure;
    Rows rows;
    if (session->locked && !session->lost) {
        Status status = my_operation_read(operation, "letting the account's name go",
                                          "SELECT RELEASE_ALL_LOCKS()", &rows, NULL);
        (void)status;
    }
    session->locked = false; // the next operation asks for its own name
    operation->evidence.failure = failure;
}

// ---- Rows ---------------------------------------------------------------------------------------

const char *my_rows_text(const Rows *rows, size_t row, size_t column) {
    return rows->rows[row][column];
}

bool my_rows_bool(const Rows *rows, size_t row, size_t column) {
    return my_rows_int(rows, row, column) != 0;
}

int64_t my_rows_int(const Rows *rows, size_t row, size_t column) {
    const char *text = rows->rows[row][column];
    return text == NULL ? 0 : strtoll(text, NULL, 10);
}
