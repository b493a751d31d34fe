#include "driver/postgresql/operation.h"

#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include "driver/postgresql/statement.h"
#include "driver/sqlstate.h"

enum {
    FIRST_CAPACITY = 8,
    // An outcome is evidence, and must be one that can be sent: what a user made cannot make it
    // unreadable by its number, its names or their length.
    STATEMENTS_MAX = 4000,
    STATEMENT_MAX_BYTES = 200000,
    OBSTACLES_MAX = 200,
    LINES_MAX = 1000,
    LINE_MAX_BYTES = 1000,
    MESSAGE_MAX_BYTES = 700,
    // First halves of advisory lock keys: "dayp", and whose the second half is.
    LOCK_PRIVILEGES = 0x64617971,
    LOCK_ACCOUNT = 0x64617972,
};

// Valid UTF-8 (a database of encoding SQL_ASCII gives any bytes), cut where it is too long.
static const char *presentable(Arena *arena, const char *text, size_t most) {
    size_t length = strlen(text);
    if (!text_is_utf8(text, length))
        text = text_printable(arena, text);
    length = strlen(text);
    if (length <= most)
        return arena_strdup(arena, text);
    while (most > 0 && ((unsigned char)text[most] & 0xC0) == 0x80)
        most--; // not in the middle of a character
    return arena_printf(arena, "%.*s …", (int)most, text);
}

// What people read line by line must not be what somebody wrote into a name.
static const char *line_of(Arena *arena, const char *text) {
    char *line = arena_strdup(arena, text);
    for (char *at = line; *at != '\0'; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
    return presentable(arena, line, LINE_MAX_BYTES);
}

Status pg_operation_fail(Operation *operation, FailureClass failure, Error *reterr,
                         const char *code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *message = arena_vprintf(operation->arena, format, arguments);
    va_end(arguments);
    operation->failure = failure;
    return error_set(reterr, failure_status(failure), code, "%s",
                     presentable(operation->arena, message, MESSAGE_MAX_BYTES));
}

// Grows by doubling: `count` items are in use.
static void *grow(Arena *arena, void *items, size_t count, size_t size) {
    if (count >= FIRST_CAPACITY && (count & (count - 1)) != 0)
        return items;
    if (count != 0 && count < FIRST_CAPACITY)
        return items;
    size_t capacity = count == 0 ? FIRST_CAPACITY : count * 2;
    void *grown = arena_alloc(arena, capacity * size);
    if (count > 0)
        memcpy(grown, items, count * size);
    return grown;
}

// False: there is no more room.
static bool add_line(Arena *arena, StringList *list, const char *line) {
    if (list->count == LINES_MAX)
        return false;
    string_list_add(arena, list, line_of(arena, line));
    return true;
}

static void record(Operation *operation, const char *shown, PGresult *result) {
    if (operation->outcome == NULL)
        return;
    Statements *statements = &operation->outcome->statements;
    if (statements->count == STATEMENTS_MAX)
        return;
    statements->items =
        grow(operation->arena, statements->items, statements->count, sizeof(Statement));
    statements->items[statements->count++] = (Statement){
        .sql = presentable(operation->arena, pg_sql_one_line(operation->arena, shown),
                           STATEMENT_MAX_BYTES),
        .database =
            presentable(operation->arena, operation->session->target.database, LINE_MAX_BYTES),
        .rows = strtoll(PQcmdTuples(result), NULL, 10),
    };
}

static void release_result(void *result) {
    PQclear(result);
}

Status pg_operation_read(Operation *operation, const Query *query, Rows **ret_rows, Error *reterr) {
    PGresult *result = NULL;
    TRY(pg_session_run(operation->session, query, &result, &operation->failure, reterr));
    arena_on_free(operation->arena, release_result, result);
    *ret_rows = result;
    return STATUS_OK;
}

static Status change(Operation *operation, const char *doing, const char *sql, const char *shown,
                     Error *reterr) {
    PGresult *result = NULL;
    TRY(pg_session_run(operation->session, &(Query){.doing = doing, .sql = sql}, &result,
                       &operation->failure, reterr));
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
            return pg_operation_fail(
                operation, FAILURE_DENIED, reterr, "target_denied",
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

// Whoever waits for the outcome decides whether there is time for another attempt.
static Status deadline_passed(Operation *operation, Error *reterr) {
    return pg_operation_fail(operation, FAILURE_RETRY, reterr, "deadline_passed",
                             "the deadline of this action has passed, so nothing was changed");
}

Status pg_operation_check_deadline(Operation *operation, int64_t deadline_ms, Error *reterr) {
    if (clock_monotonic_ms(operation->session->clock) >= deadline_ms)
        return deadline_passed(operation, reterr);
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
        return deadline_passed(operation, reterr);
    return pg_operation_commit(operation, reterr);
}

void pg_operation_rollback(Operation *operation) {
    FailureClass failure = operation->failure;
    if (PQstatus(operation->session->connection) == CONNECTION_OK &&
        PQtransactionStatus(operation->session->connection) != PQTRANS_IDLE) {
        Status status = pg_operation_change(operation, "rolling back", "ROLLBACK", NULL);
        (void)status;
    }
    operation->failure = failure;
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

void pg_operation_warn(Operation *operation, const char *format, ...) {
    if (operation->outcome == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    const char *warning = arena_vprintf(operation->arena, format, arguments);
    va_end(arguments);
    if (!string_list_has(&operation->outcome->warnings, warning))
        add_line(operation->arena, &operation->outcome->warnings, warning);
}

void pg_operation_add_handed_over(Operation *operation, const char *line) {
    if (!add_line(operation->arena, &operation->outcome->handed_over, line))
        pg_operation_warn(operation, "more was handed over than is listed");
}

void pg_operation_add_obstacle(Operation *operation, const char *what, const char *repair) {
    if (operation->outcome == NULL)
        return;
    Obstacles *obstacles = &operation->outcome->obstacles;
    if (obstacles->count == OBSTACLES_MAX) {
        pg_operation_warn(operation, "more stands in the way than is listed");
        return;
    }
    obstacles->items = grow(operation->arena, obstacles->items, obstacles->count, sizeof(Obstacle));
    obstacles->items[obstacles->count++] = (Obstacle){
        .what = line_of(operation->arena, what),
        .repair = presentable(operation->arena, pg_sql_one_line(operation->arena, repair),
                              STATEMENT_MAX_BYTES),
    };
}
