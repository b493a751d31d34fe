// What a database engine offers the store: transactions, prepared statements and its dialect. The
// operations themselves (store/*.c) are written once, in SQL that SQLite and PostgreSQL share.
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Backend Backend;         // one store's pool of connections
typedef struct Transaction Transaction; // one connection, inside BEGIN … COMMIT

typedef enum ParameterKind { PARAMETER_NULL, PARAMETER_INT, PARAMETER_TEXT } ParameterKind;
typedef struct Parameter {
    ParameterKind kind;
    int64_t integer;
    const char *text;
} Parameter;
static inline Parameter parameter_int(int64_t value) {
    return (Parameter){.kind = PARAMETER_INT, .integer = value};
}
static inline Parameter parameter_text(const char *value) { // NULL: SQL NULL
    return (Parameter){.kind = value ? PARAMETER_TEXT : PARAMETER_NULL, .text = value};
}

// A result's rows: text and integers copied into the arena of the query.
typedef struct Row {
    const char **text; // NULL for SQL NULL; also for integers, as decimal
    int64_t *integer;  // 0 where the text is no integer
} Row;
typedef struct Rows {
    Row *items;
    size_t count;
    int64_t changed; // rows that an INSERT, UPDATE or DELETE touched
} Rows;

// Failures have these codes: "store_full", "store_busy", "store_denied", "store_failed",
// "store_out_of_files" (all STATUS_UNAVAILABLE), "store_damaged", "store_raced" (another
// transaction was first: repeat from the start) and "store_constraint". None holds statement text
// or values.
typedef struct BackendDriver {
    const char *scheme; // "sqlite"
    // The dialect of table definitions: a type of 64-bit integers, and what follows a CREATE TABLE.
    const char *integer_type;
    const char *table_options;
    Status (*open)(const char *url, Backend **ret_backend, Error *reterr);
    Backend *(*close)(Backend *backend);
    // `write`: takes the write lock at once. STATUS_UNAVAILABLE when it cannot be had in time.
    Status (*begin)(Backend *backend, bool write, Transaction **ret_transaction, Error *reterr);
    Status (*commit)(Transaction *transaction, Error *reterr); // frees it, also when it fails
    void (*rollback)(Transaction *transaction);                // NULL is fine; frees it
    // Parameters are $1, $2, …, each at least once. The text is one of a small set, without values
    // in it: it is prepared once per connection. An UPDATE or INSERT may have RETURNING.
    Status (*run)(Transaction *transaction, Arena *arena, const char *sql,
                  const Parameter *parameters, size_t parameter_count, Rows *ret_rows,
                  Error *reterr);
    // Several statements without parameters: migrations.
    Status (*run_script)(Transaction *transaction, const char *sql, Error *reterr);
    // Copies a store that may be in use, as it is at one moment, to a place that holds none yet,
    // and checks that the copy is sound in itself. "no_store" when there is none at `url`.
    Status (*copy)(const char *url, const char *copy_url, Error *reterr);
} BackendDriver;

extern const BackendDriver SQLITE_BACKEND;
const BackendDriver *backend_find(const char *url); // by scheme; NULL: none
