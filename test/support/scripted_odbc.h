// An ODBC driver that belongs to the tests: the real driver manager loads it, and the test is its
// server. Built as a shared library of its own (scripted_odbc.c), which a test reaches by dlopen
// of the same file; support/odbc_scene.h does that.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ScriptedRecord {
    const char *sqlstate;
    int native;
    const char *text;
} ScriptedRecord;

typedef enum ScriptedHang {
    SCRIPTED_ANSWERS,
    SCRIPTED_HANGS_TO_ITS_LIMIT,    // until the limit that was set for it, which comes at once
    SCRIPTED_HANGS_UNTIL_CANCELLED, // then says so
    SCRIPTED_HANGS_UNTIL_LET_GO,    // by scripted_odbc_let_go, whoever cancels
} ScriptedHang;

// All that it points to lives as long as the statement. Zeroes: done, without rows.
typedef struct ScriptedAnswer {
    const char *const *values; // row after row, UTF-8; NULL: null
    size_t row_count;
    size_t column_count;
    const uint16_t *units; // instead of the text of each value: what no UTF-8 can say
    size_t unit_count;
    bool tells_no_length; // of values: SQL_NO_TOTAL
    bool fails_to_fetch;  // the rows come first, then the records
    int64_t affected;
    const ScriptedRecord *records;
    size_t record_count;
    bool fails; // the records are errors, not warnings
    bool drops; // the connection is dead, and the server answers no more
    ScriptedHang hang;
    const struct ScriptedAnswer *next; // of a batch
} ScriptedAnswer;

typedef struct ScriptedStatement {
    int connection; // 1, 2, … in the order they were opened
    const char *sql;
    const char *const *parameters;
    size_t parameter_count;
} ScriptedStatement;

// Called by whichever thread calls the driver, one at a time. `sql` is "COMMIT" or "ROLLBACK" for
// SQLEndTran, too.
typedef struct ScriptedServer {
    void *context;
    void (*on_connect)(void *context, int connection, const char *connection_string,
                       ScriptedAnswer *answer);
    void (*on_statement)(void *context, const ScriptedStatement *statement, ScriptedAnswer *answer);
    void (*on_attribute)(void *context, int connection, bool of_statement, int attribute,
                         intptr_t value);
    void (*on_cancel)(void *context, int connection);
    void (*on_disconnect)(void *context, int connection);
} ScriptedServer;

// What the library exports. NULL: nobody serves, and nothing connects.
typedef void ScriptedServe(const ScriptedServer *server);
// Ends every hang that is under way or begins before the next call of serve.
typedef void ScriptedLetGo(void);
