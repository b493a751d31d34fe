// SQLite's calls that can fail, as the store makes them. A failed one has done nothing, as after an
// I/O error; the extended code that the store asks for afterwards is SQLite's own and may say OK.
#include "support/failing_calls.h"

#include <sqlite3.h>

#define WRAPPED(result, name, parameters, arguments)                                               \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters {                                                              \
        return failing_call(#name) ? SQLITE_IOERR_WRITE : __real_##name arguments;                 \
    }

WRAPPED(int, sqlite3_open_v2, (const char *path, sqlite3 **handle, int flags, const char *vfs),
        (path, handle, flags, vfs))
WRAPPED(int, sqlite3_exec,
        (sqlite3 * handle, const char *sql, sqlite3_callback callback, void *context,
         char **message),
        (handle, sql, callback, context, message))
WRAPPED(int, sqlite3_prepare_v2,
        (sqlite3 * handle, const char *sql, int length, sqlite3_stmt **statement,
         const char **tail),
        (handle, sql, length, statement, tail))
WRAPPED(int, sqlite3_prepare_v3,
        (sqlite3 * handle, const char *sql, int length, unsigned flags, sqlite3_stmt **statement,
         const char **tail),
        (handle, sql, length, flags, statement, tail))
WRAPPED(int, sqlite3_step, (sqlite3_stmt * statement), (statement))
WRAPPED(int, sqlite3_bind_int64, (sqlite3_stmt * statement, int index, sqlite3_int64 value),
        (statement, index, value))
WRAPPED(int, sqlite3_bind_null, (sqlite3_stmt * statement, int index), (statement, index))
WRAPPED(int, sqlite3_bind_text,
        (sqlite3_stmt * statement, int index, const char *text, int length,
         void (*destructor)(void *)),
        (statement, index, text, length, destructor))
