#include "driver/odbc/call.h"

#include <sql.h>
#include <sqlext.h>
#include <string.h>

#include "driver/odbc/diagnostics.h"
#include "driver/odbc/environment.h"
#include "driver/odbc/wide_text.h"

enum { PIECE_UNITS = 4096, FIRST_ROWS = 16 };

static void *attribute_value(uintptr_t number) {
    return (void *)number; // ODBC passes small numbers as pointers
}

void odbc_calls_init(OdbcCalls *calls) {
    *calls = (OdbcCalls){0};
    pthread_mutex_init(&calls->cancelling, NULL);
}

void odbc_calls_done(OdbcCalls *calls) {
    pthread_mutex_destroy(&calls->cancelling);
}

// A driver that does not know the attribute has no such limit; ours holds all the same.
static void limit_time(SQLHANDLE handle, bool is_statement, int seconds) {
    SQLPOINTER value = attribute_value((uintptr_t)seconds);
    if (is_statement)
        (void)SQLSetStmtAttr(handle, SQL_ATTR_QUERY_TIMEOUT, value, 0);
    else
        (void)SQLSetConnectAttr(handle, SQL_ATTR_LOGIN_TIMEOUT, value, 0);
}

static bool is_dead(const OdbcCalls *calls) {
    SQLUINTEGER dead = SQL_CD_FALSE;
    SQLRETURN result =
        SQLGetConnectAttr(calls->connection, SQL_ATTR_CONNECTION_DEAD, &dead, sizeof dead, NULL);
    return SQL_SUCCEEDED(result) && dead == SQL_CD_TRUE;
}

// What the records say counts before what the driver thinks of its connection: some drivers never
// look.
static OdbcAnswerKind kind_of_failure(const OdbcCalls *calls, const OdbcAnswer *answer) {
    if (odbc_diagnostics_have(answer, "08"))
        return ODBC_LOST;
    if (calls->connected && is_dead(calls))
        return ODBC_LOST;
    // Cancelled, and the two timeouts. A login that took too long is no statement.
    if (odbc_diagnostics_have(answer, "HY008") || odbc_diagnostics_have(answer, "HYT"))
        return ODBC_TOO_LATE;
    return ODBC_REFUSED;
}

// ---- The connection -----------------------------------------------------------------------------

void odbc_call_open(OdbcCalls *calls, const OdbcWork *work, OdbcAnswer *answer) {
    answer->kind = ODBC_REFUSED;
    SQLHENV environment = odbc_environment();
    SQLHDBC connection = NULL;
    if (environment == NULL ||
        !SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_DBC, environment, &connection)))
        return;
    calls->connection = connection;
    limit_time(connection, false, work->timeout_s);
    // The driver manager only reads it.
    SQLWCHAR *text = (SQLWCHAR *)work->text.bytes;
    SQLRETURN result =
        SQLDriverConnectW(connection, NULL, text, SQL_NTS, NULL, 0, NULL, SQL_DRIVER_NOPROMPT);
    if (result != SQL_SUCCESS)
        odbc_diagnostics_read(SQL_HANDLE_DBC, connection, work->arena, answer);
    calls->connected = SQL_SUCCEEDED(result);
    answer->kind = calls->connected ? ODBC_DONE : kind_of_failure(calls, answer);
}

static void conclude(OdbcCalls *calls, SQLRETURN result, const OdbcWork *work, OdbcAnswer *answer) {
    if (result != SQL_SUCCESS)
        odbc_diagnostics_read(SQL_HANDLE_DBC, calls->connection, work->arena, answer);
    answer->kind = SQL_SUCCEEDED(result) ? ODBC_DONE : kind_of_failure(calls, answer);
}

void odbc_call_autocommit(OdbcCalls *calls, bool on, const OdbcWork *work, OdbcAnswer *answer) {
    SQLPOINTER value = attribute_value(on ? SQL_AUTOCOMMIT_ON : SQL_AUTOCOMMIT_OFF);
    SQLRETURN result = SQLSetConnectAttr(calls->connection, SQL_ATTR_AUTOCOMMIT, value, 0);
    conclude(calls, result, work, answer);
    if (SQL_SUCCEEDED(result))
        calls->manual_commit = !on;
}

void odbc_call_end(OdbcCalls *calls, bool commits, const OdbcWork *work, OdbcAnswer *answer) {
    SQLSMALLINT how = commits ? SQL_COMMIT : SQL_ROLLBACK;
    conclude(calls, SQLEndTran(SQL_HANDLE_DBC, calls->connection, how), work, answer);
}

void odbc_call_close(OdbcCalls *calls) {
    if (calls->connection == NULL)
        return;
    if (calls->manual_commit)
        (void)SQLEndTran(SQL_HANDLE_DBC, calls->connection, SQL_ROLLBACK); // refuses to end else
    if (calls->connected)
        (void)SQLDisconnect(calls->connection);
    (void)SQLFreeHandle(SQL_HANDLE_DBC, calls->connection);
    calls->connection = NULL;
    calls->connected = false;
}

// ---- Rows ---------------------------------------------------------------------------------------

typedef struct Fetch {
    SQLHSTMT statement;
    Arena *arena;
    OdbcAnswer *answer;
    const char **values;
    size_t capacity; // of values
    size_t bytes;    // of all values
    bool too_much;
} Fetch;

// In pieces, because nothing says beforehand how long a value is: some drivers do not know.
static SQLRETURN read_value(Fetch *fetch, size_t column, const char **ret_value) {
    CLEANUP(buffer_done) Buffer whole = {.wipe = true};
    *ret_value = NULL;
    for (;;) {
        SQLWCHAR piece[PIECE_UNITS];
        SQLLEN length = 0;
        SQLRETURN result = SQLGetData(fetch->statement, (SQLUSMALLINT)(column + 1), SQL_C_WCHAR,
                                      piece, sizeof piece, &length);
        if (result == SQL_NO_DATA)
            break; // the piece before was the last one
        if (!SQL_SUCCEEDED(result))
            return result;
        if (length == SQL_NULL_DATA)
            return SQL_SUCCESS;
        // What did not fit is told by its whole length or by none, and there is a NUL at the end.
        bool more = length == SQL_NO_TOTAL || length >= (SQLLEN)sizeof piece;
        size_t bytes = more ? sizeof piece - sizeof piece[0] : (size_t)length;
        buffer_add_bytes(&whole, piece, bytes);
        if (whole.length > ODBC_VALUE_MAX_BYTES) {
            fetch->too_much = true;
            return SQL_ERROR;
        }
        if (!more)
            break;
    }
    fetch->bytes += whole.length;
    *ret_value = wide_text_read(fetch->arena, (const uint16_t *)(const void *)whole.bytes,
                                whole.length / sizeof(SQLWCHAR));
    return SQL_SUCCESS;
}

static void make_room(Fetch *fetch) {
    size_t used = fetch->answer->row_count * fetch->answer->column_count;
    if (used + fetch->answer->column_count <= fetch->capacity)
        return;
    size_t capacity =
        fetch->capacity == 0 ? FIRST_ROWS * fetch->answer->column_count : fetch->capacity * 2;
    const char **values = arena_alloc(fetch->arena, capacity * sizeof *values);
    if (used > 0)
        memcpy(values, fetch->values, used * sizeof *values);
    fetch->values = values;
    fetch->capacity = capacity;
}

static SQLRETURN read_rows(Fetch *fetch) {
    OdbcAnswer *answer = fetch->answer;
    for (;;) {
        SQLRETURN result = SQLFetch(fetch->statement);
        if (result == SQL_NO_DATA)
            return SQL_SUCCESS;
        if (!SQL_SUCCEEDED(result))
            return result;
        if (answer->row_count == ODBC_ROWS_MAX || fetch->bytes > ODBC_ANSWER_MAX_BYTES) {
            fetch->too_much = true;
            return SQL_ERROR;
        }
        make_room(fetch);
        const char **row = fetch->values + answer->row_count * answer->column_count;
        for (size_t i = 0; i < answer->column_count; i++) {
            result = read_value(fetch, i, &row[i]);
            if (!SQL_SUCCEEDED(result))
                return result;
        }
        answer->row_count++;
    }
}

// A batch of statements has several results; what came first is what was asked for, and errors of
// the later ones show when one goes on to them.
static SQLRETURN read_results(Fetch *fetch) {
    OdbcAnswer *answer = fetch->answer;
    for (;;) {
        SQLSMALLINT columns = 0;
        SQLRETURN result = SQLNumResultCols(fetch->statement, &columns);
        if (!SQL_SUCCEEDED(result))
            return result;
        if (columns > 0 && answer->column_count == 0) {
            answer->column_count = (size_t)columns;
            result = read_rows(fetch);
            answer->values = fetch->values;
            if (!SQL_SUCCEEDED(result))
                return result;
        } else if (columns == 0) {
            SQLLEN affected = -1;
            if (SQL_SUCCEEDED(SQLRowCount(fetch->statement, &affected)) && affected >= 0)
                answer->affected = affected;
        }
        result = SQLMoreResults(fetch->statement);
        if (result == SQL_NO_DATA)
            return SQL_SUCCESS;
        if (result == SQL_SUCCESS_WITH_INFO)
            odbc_diagnostics_read(SQL_HANDLE_STMT, fetch->statement, fetch->arena, answer);
        if (!SQL_SUCCEEDED(result))
            return result;
    }
}

// ---- Statements ---------------------------------------------------------------------------------

static SQLRETURN bind_parameters(SQLHSTMT statement, const OdbcWork *work, SQLLEN *lengths) {
    for (size_t i = 0; i < work->parameter_count; i++) {
        Buffer *value = &work->parameters[i];
        bool is_null = value->bytes == NULL;
        lengths[i] = is_null ? SQL_NULL_DATA : SQL_NTS;
        SQLULEN units = is_null ? 1 : value->length / sizeof(SQLWCHAR);
        SQLRETURN result = SQLBindParameter(statement, (SQLUSMALLINT)(i + 1), SQL_PARAM_INPUT,
                                            SQL_C_WCHAR, SQL_WVARCHAR, units, 0, value->bytes,
                                            (SQLLEN)value->length, &lengths[i]);
        if (!SQL_SUCCEEDED(result))
            return result;
    }
    return SQL_SUCCESS;
}

static SQLRETURN execute(SQLHSTMT statement, const OdbcWork *work, OdbcAnswer *answer,
                         bool *ret_too_much) {
    SQLLEN *lengths = arena_alloc(work->arena, (work->parameter_count + 1) * sizeof *lengths);
    SQLRETURN result = bind_parameters(statement, work, lengths);
    if (!SQL_SUCCEEDED(result))
        return result;
    result = SQLExecDirectW(statement, (SQLWCHAR *)work->text.bytes, SQL_NTS);
    if (result == SQL_NO_DATA)
        return SQL_SUCCESS; // a search that found nothing to change
    if (!SQL_SUCCEEDED(result))
        return result;
    if (result == SQL_SUCCESS_WITH_INFO)
        odbc_diagnostics_read(SQL_HANDLE_STMT, statement, work->arena, answer);
    Fetch fetch = {.statement = statement, .arena = work->arena, .answer = answer};
    result = read_results(&fetch);
    *ret_too_much = fetch.too_much;
    return result;
}

static void set_statement(OdbcCalls *calls, void *statement) {
    pthread_mutex_lock(&calls->cancelling);
    calls->statement = statement;
    pthread_mutex_unlock(&calls->cancelling);
}

void odbc_call_run(OdbcCalls *calls, const OdbcWork *work, OdbcAnswer *answer) {
    SQLHSTMT statement = NULL;
    answer->affected = -1;
    SQLRETURN result = SQLAllocHandle(SQL_HANDLE_STMT, calls->connection, &statement);
    if (!SQL_SUCCEEDED(result)) {
        conclude(calls, result, work, answer);
        return;
    }
    limit_time(statement, true, work->timeout_s);
    set_statement(calls, statement);
    bool too_much = false;
    result = execute(statement, work, answer, &too_much);
    if (result == SQL_ERROR && !too_much)
        odbc_diagnostics_read(SQL_HANDLE_STMT, statement, work->arena, answer);
    set_statement(calls, NULL);
    (void)SQLFreeHandle(SQL_HANDLE_STMT, statement);
    if (SQL_SUCCEEDED(result))
        answer->kind = ODBC_DONE;
    else
        answer->kind = too_much ? ODBC_TOO_MUCH : kind_of_failure(calls, answer);
}

void odbc_call_cancel(OdbcCalls *calls) {
    pthread_mutex_lock(&calls->cancelling);
    if (calls->statement != NULL)
        (void)SQLCancel(calls->statement);
    pthread_mutex_unlock(&calls->cancelling);
}
