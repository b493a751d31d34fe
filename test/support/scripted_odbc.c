// See support/scripted_odbc.h. Exports what a driver exports, and two functions for the test.
#include "support/scripted_odbc.h"

#include <iconv.h>
#include <pthread.h>
#include <sql.h>
#include <sqlext.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS_MAX = 200, PARAMETERS_MAX = 64, CODE_UNITS = 6 };

// Every handle begins with its records.
typedef struct Records {
    ScriptedRecord items[RECORDS_MAX];
    size_t count;
} Records;

typedef struct Connection {
    Records records;
    int number;
    bool dead;
    bool autocommit;
} Connection;

typedef struct Parameter {
    const SQLWCHAR *value;
    const SQLLEN *length;
} Parameter;

typedef struct Statement {
    Records records;
    Connection *connection;
    Parameter parameters[PARAMETERS_MAX];
    size_t parameter_count;
    ScriptedAnswer answer;
    size_t row;            // of the next fetch
    size_t column, offset; // in bytes of the column's value
    bool column_read;
    char *wide; // that value
    size_t wide_bytes;
    SQLULEN timeout_s;
    bool cancelled;
} Statement;

typedef struct Environment {
    Records records;
} Environment;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static ScriptedServer server;
static bool let_go;
static int connections;

__attribute__((visibility("default"))) ScriptedServe scripted_odbc_serve;
__attribute__((visibility("default"))) ScriptedLetGo scripted_odbc_let_go;

void scripted_odbc_serve(const ScriptedServer *new_server) {
    pthread_mutex_lock(&mutex);
    memset(&server, 0, sizeof server);
    if (new_server != NULL)
        server = *new_server;
    let_go = false;
    connections = 0;
    pthread_mutex_unlock(&mutex);
}

void scripted_odbc_let_go(void) {
    pthread_mutex_lock(&mutex);
    let_go = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

// ---- Text ---------------------------------------------------------------------------------------

static char *convert(const char *to, const char *from, const char *bytes, size_t length,
                     size_t *ret_length) {
    size_t room = length * 4 + 8;
    char *into = calloc(1, room);
    char *at = into, *source = malloc(length + 1), *reading = source;
    memcpy(source, bytes, length);
    size_t left = length, free_bytes = room - 4;
    iconv_t converter = iconv_open(to, from);
    if (iconv(converter, &reading, &left, &at, &free_bytes) == (size_t)-1)
        at = into + snprintf(into, room, "?");
    iconv_close(converter);
    free(source);
    if (ret_length != NULL)
        *ret_length = (size_t)(at - into);
    return into;
}

static size_t units_of(const SQLWCHAR *text) {
    size_t count = 0;
    while (text[count] != 0)
        count++;
    return count;
}

static char *from_wide(const SQLWCHAR *text, SQLLEN length) {
    size_t units = length == SQL_NTS ? units_of(text) : (size_t)length;
    return convert("UTF-8", "UTF-16LE", (const char *)text, units * sizeof *text, NULL);
}

static size_t to_wide(const char *text, SQLWCHAR *into, size_t room) {
    size_t bytes = 0;
    char *wide = convert("UTF-16LE", "UTF-8", text, strlen(text), &bytes);
    size_t units = bytes / sizeof *into;
    size_t copied = units < room ? units : room - 1;
    memcpy(into, wide, copied * sizeof *into);
    into[copied] = 0;
    free(wide);
    return units;
}

// ---- Records ------------------------------------------------------------------------------------

static void add_record(Records *records, const char *sqlstate, int native, const char *text) {
    if (records->count < RECORDS_MAX)
        records->items[records->count++] =
            (ScriptedRecord){.sqlstate = sqlstate, .native = native, .text = text};
}

static SQLRETURN failed(Records *records, const char *sqlstate, int native, const char *text) {
    add_record(records, sqlstate, native, text);
    return SQL_ERROR;
}

static SQLRETURN lost(Records *records) {
    return failed(records, "08S01", 0, "[Scripted] the connection is gone");
}

SQLRETURN SQL_API SQLGetDiagRecW(SQLSMALLINT kind, SQLHANDLE handle, SQLSMALLINT number,
                                 SQLWCHAR *sqlstate, SQLINTEGER *native, SQLWCHAR *text,
                                 SQLSMALLINT room, SQLSMALLINT *length) {
    Records *records = handle;
    (void)kind;
    if (number < 1 || (size_t)number > records->count)
        return SQL_NO_DATA;
    const ScriptedRecord *record = &records->items[number - 1];
    to_wide(record->sqlstate, sqlstate, CODE_UNITS);
    *native = record->native;
    size_t units = to_wide(record->text, text, (size_t)room);
    if (length != NULL)
        *length = (SQLSMALLINT)units;
    return units < (size_t)room ? SQL_SUCCESS : SQL_SUCCESS_WITH_INFO;
}

SQLRETURN SQL_API SQLGetDiagFieldW(SQLSMALLINT kind, SQLHANDLE handle, SQLSMALLINT number,
                                   SQLSMALLINT field, SQLPOINTER value, SQLSMALLINT room,
                                   SQLSMALLINT *length) {
    (void)kind, (void)handle, (void)number, (void)field, (void)value, (void)room, (void)length;
    return SQL_NO_DATA;
}

// ---- Answers ------------------------------------------------------------------------------------

static SQLRETURN tell(Records *records, const ScriptedAnswer *answer) {
    for (size_t i = 0; i < answer->record_count; i++)
        add_record(records, answer->records[i].sqlstate, answer->records[i].native,
                   answer->records[i].text);
    if (answer->fails)
        return SQL_ERROR;
    return answer->record_count > 0 ? SQL_SUCCESS_WITH_INFO : SQL_SUCCESS;
}

// With the mutex held, which is given away while it hangs.
static SQLRETURN hang(Records *records, ScriptedHang how, const bool *cancelled,
                      SQLULEN timeout_s) {
    if (how == SCRIPTED_HANGS_TO_ITS_LIMIT)
        return timeout_s > 0 ? failed(records, "HYT00", 0, "[Scripted] timeout expired")
                             : failed(records, "HY000", 0, "[Scripted] no limit was set");
    while (!let_go && (how == SCRIPTED_HANGS_UNTIL_LET_GO || cancelled == NULL || !*cancelled))
        pthread_cond_wait(&changed, &mutex);
    if (cancelled != NULL && *cancelled)
        return failed(records, "HY008", 0, "[Scripted] cancelled");
    return failed(records, "HY000", 0, "[Scripted] let go");
}

static SQLRETURN conclude(Records *records, Connection *connection, const ScriptedAnswer *answer,
                          const bool *cancelled, SQLULEN timeout_s) {
    if (answer->drops) {
        connection->dead = true;
        return lost(records);
    }
    if (answer->hang != SCRIPTED_ANSWERS)
        return hang(records, answer->hang, cancelled, timeout_s);
    return tell(records, answer);
}

// ---- Handles and connections --------------------------------------------------------------------

SQLRETURN SQL_API SQLAllocHandle(SQLSMALLINT kind, SQLHANDLE parent, SQLHANDLE *ret_handle) {
    size_t size = sizeof(Environment);
    if (kind == SQL_HANDLE_DBC)
        size = sizeof(Connection);
    if (kind == SQL_HANDLE_STMT)
        size = sizeof(Statement);
    void *made = calloc(1, size);
    if (kind == SQL_HANDLE_STMT)
        ((Statement *)made)->connection = parent;
    if (kind == SQL_HANDLE_DBC)
        ((Connection *)made)->autocommit = true;
    *ret_handle = made;
    return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLFreeHandle(SQLSMALLINT kind, SQLHANDLE handle) {
    if (kind == SQL_HANDLE_STMT)
        free(((Statement *)handle)->wide);
    free(handle);
    return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLSetEnvAttr(SQLHENV handle, SQLINTEGER attribute, SQLPOINTER value,
                                SQLINTEGER length) {
    (void)handle, (void)attribute, (void)value, (void)length;
    return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLGetInfoW(SQLHDBC handle, SQLUSMALLINT what, SQLPOINTER value, SQLSMALLINT room,
                              SQLSMALLINT *length) {
    (void)handle, (void)what;
    if (value != NULL && room > 0)
        memset(value, 0, (size_t)room);
    if (length != NULL)
        *length = 0;
    return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLDriverConnectW(SQLHDBC handle, SQLHWND window, SQLWCHAR *text,
                                    SQLSMALLINT length, SQLWCHAR *out, SQLSMALLINT room,
                                    SQLSMALLINT *out_length, SQLUSMALLINT completion) {
    (void)window, (void)out, (void)room, (void)out_length, (void)completion;
    Connection *connection = handle;
    ScriptedAnswer answer = {0};
    char *string = from_wide(text, length);
    connection->records.count = 0;
    pthread_mutex_lock(&mutex);
    connection->number = ++connections;
    SQLRETURN result;
    if (server.on_connect == NULL && server.on_statement == NULL) {
        result = failed(&connection->records, "08001", 0, "[Scripted] nobody serves");
    } else {
        if (server.on_connect != NULL)
            server.on_connect(server.context, connection->number, string, &answer);
        result = conclude(&connection->records, connection, &answer, NULL, 0);
    }
    pthread_mutex_unlock(&mutex);
    memset(string, 0, strlen(string));
    free(string);
    return result;
}

SQLRETURN SQL_API SQLDisconnect(SQLHDBC handle) {
    Connection *connection = handle;
    pthread_mutex_lock(&mutex);
    if (server.on_disconnect != NULL)
        server.on_disconnect(server.context, connection->number);
    pthread_mutex_unlock(&mutex);
    return SQL_SUCCESS;
}

static void note_attribute(int connection, bool of_statement, SQLINTEGER attribute,
                           SQLPOINTER value) {
    pthread_mutex_lock(&mutex);
    if (server.on_attribute != NULL)
        server.on_attribute(server.context, connection, of_statement, attribute, (intptr_t)value);
    pthread_mutex_unlock(&mutex);
}

SQLRETURN SQL_API SQLSetConnectAttrW(SQLHDBC handle, SQLINTEGER attribute, SQLPOINTER value,
                                     SQLINTEGER length) {
    Connection *connection = handle;
    (void)length;
    connection->records.count = 0;
    if (attribute == SQL_ATTR_AUTOCOMMIT)
        connection->autocommit = (uintptr_t)value == SQL_AUTOCOMMIT_ON;
    note_attribute(connection->number, false, attribute, value);
    return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLGetConnectAttrW(SQLHDBC handle, SQLINTEGER attribute, SQLPOINTER value,
                                     SQLINTEGER room, SQLINTEGER *length) {
    Connection *connection = handle;
    (void)room, (void)length;
    connection->records.count = 0;
    if (attribute != SQL_ATTR_CONNECTION_DEAD)
        return failed(&connection->records, "HYC00", 0, "[Scripted] not known");
    *(SQLUINTEGER *)value = connection->dead ? SQL_CD_TRUE : SQL_CD_FALSE;
    return SQL_SUCCESS;
}

static SQLRETURN end_transaction(Connection *connection, SQLSMALLINT how) {
    ScriptedAnswer answer = {0};
    connection->records.count = 0;
    if (connection->dead)
        return lost(&connection->records);
    const ScriptedStatement statement = {.connection = connection->number,
                                         .sql = how == SQL_COMMIT ? "COMMIT" : "ROLLBACK"};
    pthread_mutex_lock(&mutex);
    if (server.on_statement != NULL)
        server.on_statement(server.context, &statement, &answer);
    SQLRETURN result = conclude(&connection->records, connection, &answer, NULL, 0);
    pthread_mutex_unlock(&mutex);
    return result;
}

SQLRETURN SQL_API SQLEndTran(SQLSMALLINT kind, SQLHANDLE handle, SQLSMALLINT how) {
    return kind == SQL_HANDLE_DBC ? end_transaction(handle, how) : SQL_SUCCESS;
}

// ---- Statements ---------------------------------------------------------------------------------

SQLRETURN SQL_API SQLSetStmtAttrW(SQLHSTMT handle, SQLINTEGER attribute, SQLPOINTER value,
                                  SQLINTEGER length) {
    Statement *statement = handle;
    (void)length;
    if (attribute == SQL_ATTR_QUERY_TIMEOUT)
        statement->timeout_s = (SQLULEN)(uintptr_t)value;
    note_attribute(statement->connection->number, true, attribute, value);
    return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLGetStmtAttrW(SQLHSTMT handle, SQLINTEGER attribute, SQLPOINTER value,
                                  SQLINTEGER room, SQLINTEGER *length) {
    (void)handle, (void)attribute, (void)room, (void)length;
    *(SQLPOINTER *)value = NULL; // the descriptors that the driver manager asks for: none
    return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLBindParameter(SQLHSTMT handle, SQLUSMALLINT number, SQLSMALLINT direction,
                                   SQLSMALLINT c_type, SQLSMALLINT type, SQLULEN size,
                                   SQLSMALLINT digits, SQLPOINTER value, SQLLEN room,
                                   SQLLEN *length) {
    (void)direction, (void)type, (void)size, (void)digits, (void)room;
    Statement *statement = handle;
    if (c_type != SQL_C_WCHAR || number < 1 || number > PARAMETERS_MAX)
        return failed(&statement->records, "HYC00", 0, "[Scripted] only texts are bound");
    statement->parameters[number - 1] = (Parameter){.value = value, .length = length};
    if (number > statement->parameter_count)
        statement->parameter_count = number;
    return SQL_SUCCESS;
}

static SQLRETURN run(Statement *statement, const char *sql) {
    char *parameters[PARAMETERS_MAX] = {0};
    for (size_t i = 0; i < statement->parameter_count; i++)
        if (*statement->parameters[i].length != SQL_NULL_DATA)
            parameters[i] = from_wide(statement->parameters[i].value, SQL_NTS);
    const ScriptedStatement asked = {.connection = statement->connection->number,
                                     .sql = sql,
                                     .parameters = (const char *const *)parameters,
                                     .parameter_count = statement->parameter_count};
    ScriptedAnswer answer = {.fails = server.on_statement == NULL};
    if (server.on_statement != NULL)
        server.on_statement(server.context, &asked, &answer);
    statement->answer = answer;
    for (size_t i = 0; i < statement->parameter_count; i++)
        free(parameters[i]);
    if (answer.fails_to_fetch)
        return SQL_SUCCESS;
    return conclude(&statement->records, statement->connection, &statement->answer,
                    &statement->cancelled, statement->timeout_s);
}

SQLRETURN SQL_API SQLExecDirectW(SQLHSTMT handle, SQLWCHAR *text, SQLINTEGER length) {
    Statement *statement = handle;
    statement->records.count = 0;
    if (statement->connection->dead)
        return lost(&statement->records);
    char *sql = from_wide(text, length);
    pthread_mutex_lock(&mutex);
    SQLRETURN result = run(statement, sql);
    pthread_mutex_unlock(&mutex);
    memset(sql, 0, strlen(sql));
    free(sql);
    return result;
}

SQLRETURN SQL_API SQLCancel(SQLHSTMT handle) {
    Statement *statement = handle;
    pthread_mutex_lock(&mutex);
    statement->cancelled = true;
    if (server.on_cancel != NULL)
        server.on_cancel(server.context, statement->connection->number);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLFreeStmt(SQLHSTMT handle, SQLUSMALLINT option) {
    (void)handle, (void)option;
    return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLNumResultCols(SQLHSTMT handle, SQLSMALLINT *ret_count) {
    *ret_count = (SQLSMALLINT)((Statement *)handle)->answer.column_count;
    return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLRowCount(SQLHSTMT handle, SQLLEN *ret_count) {
    const Statement *statement = handle;
    *ret_count = statement->answer.column_count > 0 ? -1 : (SQLLEN)statement->answer.affected;
    return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLFetch(SQLHSTMT handle) {
    Statement *statement = handle;
    statement->records.count = 0;
    if (statement->row < statement->answer.row_count) {
        statement->row++;
        statement->column = 0;
        return SQL_SUCCESS;
    }
    if (!statement->answer.fails_to_fetch)
        return SQL_NO_DATA;
    pthread_mutex_lock(&mutex);
    SQLRETURN result = conclude(&statement->records, statement->connection, &statement->answer,
                                &statement->cancelled, statement->timeout_s);
    pthread_mutex_unlock(&mutex);
    return result;
}

// False: it is null.
static bool open_column(Statement *statement, size_t column) {
    const ScriptedAnswer *answer = &statement->answer;
    if (column == statement->column)
        return true;
    statement->column = column;
    statement->offset = 0;
    statement->column_read = false;
    free(statement->wide);
    statement->wide = NULL;
    if (answer->units != NULL) {
        statement->wide_bytes = answer->unit_count * sizeof(SQLWCHAR);
        statement->wide = malloc(statement->wide_bytes);
        memcpy(statement->wide, answer->units, statement->wide_bytes);
        return true;
    }
    const char *value = answer->values[(statement->row - 1) * answer->column_count + column - 1];
    if (value == NULL)
        return false;
    statement->wide = convert("UTF-16LE", "UTF-8", value, strlen(value), &statement->wide_bytes);
    return true;
}

SQLRETURN SQL_API SQLGetData(SQLHSTMT handle, SQLUSMALLINT column, SQLSMALLINT type,
                             SQLPOINTER into, SQLLEN room, SQLLEN *length) {
    Statement *statement = handle;
    statement->records.count = 0;
    if (type != SQL_C_WCHAR || column < 1 || column > statement->answer.column_count)
        return failed(&statement->records, "07009", 0, "[Scripted] no such column");
    if (!open_column(statement, column)) {
        *length = SQL_NULL_DATA;
        statement->column_read = true;
        return SQL_SUCCESS;
    }
    if (statement->column_read)
        return SQL_NO_DATA;
    size_t left = statement->wide_bytes - statement->offset;
    size_t fits = (size_t)room - sizeof(SQLWCHAR);
    size_t copied = left < fits ? left : fits;
    memcpy(into, statement->wide + statement->offset, copied);
    memset((char *)into + copied, 0, sizeof(SQLWCHAR));
    statement->offset += copied;
    statement->column_read = copied == left;
    *length = statement->answer.tells_no_length && copied < left ? SQL_NO_TOTAL : (SQLLEN)left;
    if (copied == left)
        return SQL_SUCCESS;
    add_record(&statement->records, "01004", 0, "[Scripted] the rest comes next");
    return SQL_SUCCESS_WITH_INFO;
}

SQLRETURN SQL_API SQLMoreResults(SQLHSTMT handle) {
    Statement *statement = handle;
    statement->records.count = 0;
    if (statement->answer.next == NULL)
        return SQL_NO_DATA;
    statement->answer = *statement->answer.next;
    statement->row = 0;
    statement->column = 0;
    pthread_mutex_lock(&mutex);
    SQLRETURN result = conclude(&statement->records, statement->connection, &statement->answer,
                                &statement->cancelled, statement->timeout_s);
    pthread_mutex_unlock(&mutex);
    return result;
}
