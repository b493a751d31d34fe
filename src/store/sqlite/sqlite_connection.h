// One connection to an SQLite file of ours, and what has to be true of the file.
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum { STATEMENTS_MAX = 256 }; // prepared per connection; a power of two

typedef struct Prepared {
    char *sql;
    sqlite3_stmt *statement;
} Prepared;

typedef struct SqliteConnection {
    sqlite3 *handle;
    Prepared prepared[STATEMENTS_MAX];
    size_t prepared_count;
} SqliteConnection;

// What SQLite's result code means in the words of backend.h; handle may be NULL.
Status sqlite_fail(sqlite3 *handle, int result, Error *reterr);
MUST_USE Status sqlite_execute(sqlite3 *handle, const char *sql, Error *reterr);
MUST_USE Status sqlite_query_integer(SqliteConnection *connection, const char *sql,
                                     int64_t *ret_value, Error *reterr);

// A connection that may write, or one that cannot.
MUST_USE Status sqlite_connection_open(const char *path, bool write,
                                       SqliteConnection **ret_connection, Error *reterr);
SqliteConnection *sqlite_connection_close(SqliteConnection *connection);
DEFINE_CLEANUP(SqliteConnection, sqlite_connection_close)
void sqlite_connection_forget_statements(SqliteConnection *connection);

// The file that a URL names, without links on the way. On the heap.
MUST_USE Status sqlite_file_path(const char *url, char **ret_path, Error *reterr);
// It is a plain file of this user alone: "store_unsafe". "no_store" where there is none.
MUST_USE Status sqlite_file_check(const char *path, Error *reterr);
// The same, and makes it, empty, when it is not there.
MUST_USE Status sqlite_file_ensure(const char *path, Error *reterr);
// It holds nothing yet or is ours ("store_foreign"), and is sound.
MUST_USE Status sqlite_connection_check(SqliteConnection *connection, Error *reterr);

// sqlite_copy.c: a BackendDriver's `copy`.
MUST_USE Status sqlite_copy(const char *url, const char *copy_url, Error *reterr);
