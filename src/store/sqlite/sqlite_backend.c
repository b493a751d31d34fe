// SQLite: one writer connection and a few readers, each used by one thread at a time.
#include "store/backend.h"

#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READERS_MAX = 8,
    STATEMENTS_MAX = 256, // prepared per connection; a power of two
    BUSY_TIMEOUT_MS = 5000,
    LOCK_TIMEOUT_S = 10,
    APPLICATION_ID = 0x44617970, // "Dayp": tells our files from other SQLite files
};

typedef struct Prepared {
    char *sql;
    sqlite3_stmt *statement;
} Prepared;

typedef struct Connection {
    sqlite3 *handle;
    Prepared prepared[STATEMENTS_MAX];
    size_t prepared_count;
} Connection;

struct Backend {
    char *path;
    Connection *writer;
    pthread_mutex_t lock; // of what follows
    pthread_cond_t writer_free;
    bool writer_taken;
    pthread_cond_t reader_free;
    Connection *readers[READERS_MAX]; // the idle ones
    size_t readers_idle;
    size_t readers_open;
};

struct Transaction {
    Backend *backend;
    Connection *connection;
    bool write;
};

// ---- Failures -----------------------------------------------------------------------------------

enum { OUT_OF_FILES = -1 }; // beside SQLite's codes, none of which is negative

typedef struct Fault {
    int code; // primary result code
    Status status;
    const char *name;
    const char *message;
} Fault;

static const Fault FAULTS[] = {
    {SQLITE_FULL, STATUS_UNAVAILABLE, "store_full",
     "the store has no room left; free disk space where it is kept"},
    {SQLITE_BUSY, STATUS_UNAVAILABLE, "store_busy", "the store is busy; try again"},
    {SQLITE_LOCKED, STATUS_UNAVAILABLE, "store_busy", "the store is busy; try again"},
    {SQLITE_CORRUPT, STATUS_INTERNAL, "store_damaged",
     "the store's file is damaged; restore it from a backup"},
    {SQLITE_NOTADB, STATUS_INTERNAL, "store_damaged",
     "the store's file is not a database; restore it from a backup"},
    {SQLITE_READONLY, STATUS_UNAVAILABLE, "store_denied", "the store's file cannot be written"},
    {SQLITE_PERM, STATUS_UNAVAILABLE, "store_denied", "the store's file cannot be used"},
    {SQLITE_CANTOPEN, STATUS_UNAVAILABLE, "store_denied", "the store's file cannot be opened"},
    {OUT_OF_FILES, STATUS_UNAVAILABLE, "store_out_of_files",
     "the store cannot open a file: too many are open; raise LimitNOFILE"},
    {SQLITE_IOERR, STATUS_UNAVAILABLE, "store_failed",
     "the store cannot read or write its file; look at the disk and its log"},
    {SQLITE_CONSTRAINT, STATUS_INTERNAL, "store_constraint",
     "the store refused a record that contradicts another"},
};
static const Fault OTHER_FAULT = {SQLITE_ERROR, STATUS_UNAVAILABLE, "store_failed",
                                  "the store does not work"};

// SQLite does not say which errno a failed COMMIT met, so errno itself is looked at: it is cleared
// before each call, and what SQLite does after a failed write does not touch it.
static Status fail(sqlite3 *handle, int result, Error *reterr) {
    int system_error = errno;
    int extended = handle != NULL ? sqlite3_extended_errcode(handle) : result;
    if (handle != NULL && sqlite3_system_errno(handle) != 0)
        system_error = sqlite3_system_errno(handle);
    int primary = result & 0xff;
    if (system_error == EMFILE || system_error == ENFILE)
        primary = OUT_OF_FILES;
    // SQLite calls only ENOSPC full; a quota and a limit on the file's size are the same to us.
    if (primary == SQLITE_IOERR &&
        (system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG))
        primary = SQLITE_FULL;
    const Fault *fault = &OTHER_FAULT;
    for (size_t i = 0; i < COUNT_OF(FAULTS); i++) {
        if (FAULTS[i].code == primary)
            fault = &FAULTS[i];
    }
    // Only SQLite's own words for the code: sqlite3_errmsg may repeat parts of a statement.
    Status status = error_set(reterr, fault->status, fault->name, "%s", fault->message);
    error_set_detail(reterr, "sqlite: %s (%d), errno %d", sqlite3_errstr(result), extended,
                     system_error);
    return status;
}

// ---- Connections --------------------------------------------------------------------------------

static void statements_forget(Connection *connection) {
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        Prepared *prepared = &connection->prepared[i];
        sqlite3_finalize(prepared->statement);
        prepared->statement = NULL;
        prepared->sql = mem_free(prepared->sql);
    }
    connection->prepared_count = 0;
}

static Connection *connection_close(Connection *connection) {
    if (connection == NULL)
        return NULL;
    statements_forget(connection);
    sqlite3_close(connection->handle);
    return mem_free(connection);
}
DEFINE_CLEANUP(Connection, connection_close)

static Status execute(sqlite3 *handle, const char *sql, Error *reterr) {
    errno = 0;
    int result = sqlite3_exec(handle, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? STATUS_OK : fail(handle, result, reterr);
}

static Status connection_open(const char *path, bool write, Connection **ret_connection,
                              Error *reterr) {
    CLEANUP(connection_closep) Connection *connection = mem_alloc(sizeof(*connection));
    // NOMUTEX: a connection is never used by two threads at once.
    int result = sqlite3_open_v2(path, &connection->handle,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                     SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE,
                                 NULL);
    if (result != SQLITE_OK)
        return fail(connection->handle, result, reterr);
    sqlite3_extended_result_codes(connection->handle, 1);
    sqlite3_busy_timeout(connection->handle, BUSY_TIMEOUT_MS);
    sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    TRY(execute(connection->handle,
                "PRAGMA trusted_schema = OFF;"
                "PRAGMA synchronous = FULL;"
                "PRAGMA foreign_keys = ON;"
                "PRAGMA secure_delete = ON;",
                reterr));
    if (!write)
        TRY(execute(connection->handle, "PRAGMA query_only = ON;", reterr));
    *ret_connection = connection;
    connection = NULL;
    return STATUS_OK;
}

// ---- The file -----------------------------------------------------------------------------------

// SQLITE_OPEN_NOFOLLOW refuses a symbolic link anywhere in the path; only the file itself must be
// none, so the folder is resolved first.
static Status resolve_path(const char *path, char **ret_path, Error *reterr) {
    CLEANUP(mem_freep) char *folder = mem_strdup(path);
    char *slash = strrchr(folder, '/');
    const char *name = slash != NULL ? strrchr(path, '/') + 1 : path;
    if (*name == '\0')
        return error_set(reterr, STATUS_INVALID, "bad_store_url",
                         "the store's URL names no file; expected sqlite:/path/to/file.db");
    if (slash == folder)
        slash[1] = '\0';
    else if (slash != NULL)
        *slash = '\0';
    char resolved[PATH_MAX];
    if (realpath(slash != NULL ? folder : ".", resolved) == NULL) {
        Status status =
            error_set(reterr, STATUS_UNAVAILABLE, "store_denied",
                      "the store's folder is missing or cannot be entered; make it first");
        error_set_detail(reterr, "errno %d", errno);
        return status;
    }
    *ret_path = mem_printf("%s%s%s", resolved, strcmp(resolved, "/") == 0 ? "" : "/", name);
    return STATUS_OK;
}

// Made by us with 0600, so that there is no moment at which others can read it. One that is there
// is looked at but not opened: closing a descriptor of the file drops the locks that SQLite holds
// on it.
static Status ensure_file(const char *path, Error *reterr) {
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor >= 0) {
        close(descriptor);
        return STATUS_OK;
    }
    struct stat found;
    if (errno != EEXIST || lstat(path, &found) != 0) {
        int fault = errno;
        bool full = fault == ENOSPC || fault == EDQUOT;
        Status status = error_set(reterr, STATUS_UNAVAILABLE, full ? "store_full" : "store_denied",
                                  "the store's file cannot be made");
        error_set_detail(reterr, "errno %d", fault);
        return status;
    }
    if (!S_ISREG(found.st_mode) || found.st_uid != geteuid() || (found.st_mode & 077) != 0)
        return error_set(reterr, STATUS_FORBIDDEN, "store_unsafe",
                         "the store's file must be a plain file, owned by the user that runs "
                         "this program and open to nobody else (mode 0600)");
    return STATUS_OK;
}

static Status query_integer(Connection *connection, const char *sql, int64_t *ret_value,
                            Error *reterr) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(connection->handle, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result != SQLITE_ROW) {
        sqlite3_finalize(statement);
        return fail(connection->handle, result, reterr);
    }
    *ret_value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return STATUS_OK;
}

// Before anything is written to it, in case it is somebody else's.
static Status check_file(Connection *connection, Error *reterr) {
    int64_t application = 0;
    int64_t tables = 0;
    TRY(query_integer(connection, "PRAGMA application_id", &application, reterr));
    TRY(query_integer(connection, "SELECT count(*) FROM sqlite_master", &tables, reterr));
    if (application == 0 && tables == 0)
        return execute(connection->handle, "PRAGMA application_id = 1147238768;", reterr);
    if (application != APPLICATION_ID)
        return error_set(reterr, STATUS_INVALID, "store_foreign",
                         "the file is an SQLite database of another program; name a file of "
                         "Daypass's own");
    int64_t fault = 0;
    TRY(query_integer(connection, "SELECT quick_check <> 'ok' FROM pragma_quick_check(1)", &fault,
                      reterr));
    if (fault != 0)
        return fail(NULL, SQLITE_CORRUPT, reterr);
    return STATUS_OK;
}

// ---- The vtable ---------------------------------------------------------------------------------

static Backend *backend_close(Backend *backend) {
    if (backend == NULL)
        return NULL;
    assert(backend->readers_idle == backend->readers_open);
    for (size_t i = 0; i < backend->readers_idle; i++)
        connection_close(backend->readers[i]);
    connection_close(backend->writer);
    pthread_cond_destroy(&backend->reader_free);
    pthread_cond_destroy(&backend->writer_free);
    pthread_mutex_destroy(&backend->lock);
    mem_free(backend->path);
    return mem_free(backend);
}
DEFINE_CLEANUP(Backend, backend_close)

static Status backend_open(const char *url, Backend **ret_backend, Error *reterr) {
    CLEANUP(backend_closep) Backend *backend = mem_alloc(sizeof(*backend));
    pthread_mutex_init(&backend->lock, NULL);
    pthread_cond_init(&backend->writer_free, NULL);
    pthread_cond_init(&backend->reader_free, NULL);
    TRY(resolve_path(url + strlen("sqlite:"), &backend->path, reterr));
    TRY(ensure_file(backend->path, reterr));
    TRY(connection_open(backend->path, true, &backend->writer, reterr));
    TRY(check_file(backend->writer, reterr));
    TRY(execute(backend->writer->handle, "PRAGMA journal_mode = WAL;", reterr));
    *ret_backend = backend;
    backend = NULL;
    return STATUS_OK;
}

// Waits for the condition, with the lock held; false when the deadline is past.
static bool wait_until(Backend *backend, pthread_cond_t *condition,
                       const struct timespec *deadline) {
    return pthread_cond_clockwait(condition, &backend->lock, CLOCK_MONOTONIC, deadline) == 0;
}

static struct timespec lock_deadline(void) {
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += LOCK_TIMEOUT_S;
    return deadline;
}

static Status busy(Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "store_busy", "the store is busy; try again");
}

static Status writer_take(Backend *backend, Connection **ret_connection, Error *reterr) {
    const struct timespec deadline = lock_deadline();
    bool in_time = true;
    pthread_mutex_lock(&backend->lock);
    while (backend->writer_taken && in_time)
        in_time = wait_until(backend, &backend->writer_free, &deadline);
    bool taken = !backend->writer_taken;
    backend->writer_taken = true;
    pthread_mutex_unlock(&backend->lock);
    if (!taken)
        return busy(reterr);
    *ret_connection = backend->writer;
    return STATUS_OK;
}

// An idle one, or NULL and the right to open one.
static Status reader_reserve(Backend *backend, Connection **ret_connection, Error *reterr) {
    const struct timespec deadline = lock_deadline();
    bool in_time = true;
    pthread_mutex_lock(&backend->lock);
    while (backend->readers_idle == 0 && backend->readers_open == READERS_MAX && in_time)
        in_time = wait_until(backend, &backend->reader_free, &deadline);
    Status status = STATUS_OK;
    if (backend->readers_idle > 0) {
        *ret_connection = backend->readers[--backend->readers_idle];
    } else if (backend->readers_open < READERS_MAX) {
        *ret_connection = NULL;
        backend->readers_open++;
    } else {
        status = busy(reterr);
    }
    pthread_mutex_unlock(&backend->lock);
    return status;
}

static Status reader_take(Backend *backend, Connection **ret_connection, Error *reterr) {
    Connection *connection = NULL;
    TRY(reader_reserve(backend, &connection, reterr));
    Status status = STATUS_OK;
    if (connection == NULL)
        status = connection_open(backend->path, false, &connection, reterr);
    if (status == STATUS_OK) {
        *ret_connection = connection;
        return STATUS_OK;
    }
    pthread_mutex_lock(&backend->lock);
    backend->readers_open--;
    pthread_cond_signal(&backend->reader_free);
    pthread_mutex_unlock(&backend->lock);
    return status;
}

static void connection_give_back(Backend *backend, Connection *connection, bool write) {
    pthread_mutex_lock(&backend->lock);
    if (write) {
        backend->writer_taken = false;
        pthread_cond_signal(&backend->writer_free);
    } else {
        backend->readers[backend->readers_idle++] = connection;
        pthread_cond_signal(&backend->reader_free);
    }
    pthread_mutex_unlock(&backend->lock);
}

static Status backend_begin(Backend *backend, bool write, Transaction **ret_transaction,
                            Error *reterr) {
    Connection *connection = NULL;
    TRY(write ? writer_take(backend, &connection, reterr)
              : reader_take(backend, &connection, reterr));
    Status status = execute(connection->handle, write ? "BEGIN IMMEDIATE" : "BEGIN", reterr);
    if (status != STATUS_OK) {
        connection_give_back(backend, connection, write);
        return status;
    }
    Transaction *transaction = mem_alloc(sizeof(*transaction));
    *transaction = (Transaction){backend, connection, write};
    *ret_transaction = transaction;
    return STATUS_OK;
}

static void backend_rollback(Transaction *transaction) {
    if (transaction == NULL)
        return;
    // Some failures (a full disk) have rolled it back already.
    if (!sqlite3_get_autocommit(transaction->connection->handle))
        sqlite3_exec(transaction->connection->handle, "ROLLBACK", NULL, NULL, NULL);
    connection_give_back(transaction->backend, transaction->connection, transaction->write);
    mem_free(transaction);
}

static Status backend_commit(Transaction *transaction, Error *reterr) {
    sqlite3 *handle = transaction->connection->handle;
    Status status = sqlite3_get_autocommit(handle) ? fail(NULL, SQLITE_ABORT, reterr)
                                                   : execute(handle, "COMMIT", reterr);
    backend_rollback(transaction);
    return status;
}

// ---- Statements ---------------------------------------------------------------------------------

static size_t hash_text(const char *text) { // FNV-1a
    uint64_t hash = 14695981039346656037ULL;
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211ULL;
    return (size_t)hash;
}

static Status prepare(Connection *connection, const char *sql, sqlite3_stmt **ret_statement,
                      Error *reterr) {
    if (connection->prepared_count >= STATEMENTS_MAX / 2)
        statements_forget(connection);
    size_t slot = hash_text(sql) % STATEMENTS_MAX;
    while (connection->prepared[slot].sql != NULL) {
        if (strcmp(connection->prepared[slot].sql, sql) == 0) {
            *ret_statement = connection->prepared[slot].statement;
            return STATUS_OK;
        }
        slot = (slot + 1) % STATEMENTS_MAX;
    }
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v3(connection->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                    &statement, NULL);
    if (result != SQLITE_OK)
        return fail(connection->handle, result, reterr);
    connection->prepared[slot] = (Prepared){mem_strdup(sql), statement};
    connection->prepared_count++;
    *ret_statement = statement;
    return STATUS_OK;
}

// SQLite numbers $1, $2, … by where they first appear, so they are bound by name.
static int bind(sqlite3_stmt *statement, const Parameter *parameters, size_t count) {
    assert((size_t)sqlite3_bind_parameter_count(statement) == count);
    for (size_t i = 0; i < count; i++) {
        char name[24];
        snprintf(name, sizeof(name), "$%zu", i + 1);
        int index = sqlite3_bind_parameter_index(statement, name);
        assert(index > 0);
        int result = SQLITE_OK;
        switch (parameters[i].kind) {
        case PARAMETER_NULL:
            result = sqlite3_bind_null(statement, index);
            break;
        case PARAMETER_INT:
            result = sqlite3_bind_int64(statement, index, parameters[i].integer);
            break;
        case PARAMETER_TEXT:
            result = sqlite3_bind_text(statement, index, parameters[i].text, -1, SQLITE_STATIC);
            break;
        }
        if (result != SQLITE_OK)
            return result;
    }
    return SQLITE_OK;
}

static Row read_row(sqlite3_stmt *statement, Arena *arena) {
    size_t count = (size_t)sqlite3_column_count(statement);
    Row row = {
        .text = arena_alloc(arena, count * sizeof(*row.text)),
        .integer = arena_alloc(arena, count * sizeof(*row.integer)),
    };
    for (size_t i = 0; i < count; i++) {
        int column = (int)i;
        int type = sqlite3_column_type(statement, column);
        if (type == SQLITE_NULL)
            continue;
        if (type == SQLITE_INTEGER)
            row.integer[i] = sqlite3_column_int64(statement, column);
        const unsigned char *text = sqlite3_column_text(statement, column);
        row.text[i] = arena_copy(arena, text, (size_t)sqlite3_column_bytes(statement, column));
    }
    return row;
}

static Status backend_run(Transaction *transaction, Arena *arena, const char *sql,
                          const Parameter *parameters, size_t parameter_count, Rows *ret_rows,
                          Error *reterr) {
    Connection *connection = transaction->connection;
    sqlite3_stmt *statement = NULL;
    TRY(prepare(connection, sql, &statement, reterr));
    Rows rows = {0};
    size_t capacity = 0;
    errno = 0;
    sqlite3_int64 changes_before = sqlite3_total_changes64(connection->handle);
    int result = bind(statement, parameters, parameter_count);
    while (result == SQLITE_OK || result == SQLITE_ROW) {
        result = sqlite3_step(statement);
        if (result != SQLITE_ROW)
            break;
        if (rows.count == capacity) {
            size_t larger = capacity > 0 ? capacity * 2 : 4;
            Row *items = arena_alloc(arena, larger * sizeof(*items));
            if (capacity > 0)
                memcpy(items, rows.items, capacity * sizeof(*items));
            rows.items = items;
            capacity = larger;
        }
        rows.items[rows.count++] = read_row(statement, arena);
    }
    Status status = result == SQLITE_DONE ? STATUS_OK : fail(connection->handle, result, reterr);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    TRY(status);
    rows.changed = sqlite3_total_changes64(connection->handle) - changes_before;
    if (ret_rows != NULL)
        *ret_rows = rows;
    return STATUS_OK;
}

static Status backend_run_script(Transaction *transaction, const char *sql, Error *reterr) {
    return execute(transaction->connection->handle, sql, reterr);
}

const BackendDriver SQLITE_BACKEND = {
    .scheme = "sqlite",
    .integer_type = "INTEGER",
    .table_options = "STRICT",
    .open = backend_open,
    .close = backend_close,
    .begin = backend_begin,
    .commit = backend_commit,
    .rollback = backend_rollback,
    .run = backend_run,
    .run_script = backend_run_script,
};
