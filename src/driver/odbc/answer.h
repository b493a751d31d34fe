// What came back for a connection or a statement: rows as UTF-8 text, and everything the driver and
// the server had to say.
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum OdbcAnswerKind {
    ODBC_DONE,
    ODBC_REFUSED,  // with diagnostics
    ODBC_LOST,     // the connection is gone; the statement may have been carried out
    ODBC_TOO_LATE, // cancelled after its time, or given up with the connection
    ODBC_TOO_MUCH, // more rows, or longer values, than anybody expects of this program
} OdbcAnswerKind;

enum { SQLSTATE_SIZE = 6 };

// `text` is the driver's or the server's own and may repeat a statement or a connection string: it
// is there to be looked into, never to be passed on.
typedef struct OdbcDiagnostic {
    char sqlstate[SQLSTATE_SIZE];
    int native; // the engine's own number
    const char *text;
} OdbcDiagnostic;

typedef struct OdbcAnswer {
    OdbcAnswerKind kind;
    OdbcDiagnostic *diagnostics; // also the warnings of one that is done
    size_t diagnostic_count;     // at most ODBC_DIAGNOSTICS_MAX
    const char *const *values; // of the first result with columns, row after row; NULL: SQL's null
    size_t row_count;
    size_t column_count;
    int64_t affected; // rows, of the last result that tells; -1: none does
} OdbcAnswer;

enum {
    ODBC_DIAGNOSTICS_MAX = 64,
    ODBC_ROWS_MAX = 200000,
    ODBC_VALUE_MAX_BYTES = 1 << 20, // of UTF-16
    ODBC_ANSWER_MAX_BYTES = 64 << 20,
};

static inline const char *odbc_value(const OdbcAnswer *answer, size_t row, size_t column) {
    return answer->values[row * answer->column_count + column];
}
// The first of that number; NULL where there is none.
const OdbcDiagnostic *odbc_answer_find(const OdbcAnswer *answer, int native);
