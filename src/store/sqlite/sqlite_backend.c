// SQLite: one writer connection and a few readers, each used by one thread at a time.
#include "store/backend.h"

#include "base/text.h"
#include "store/sqlite/sqlite_connection.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    READERS_MAX = 8,
    LOCK_TIMEOUT_S = 10,
};

struct Backend {
    char *path;
    SqliteConnection *writer;
    pthread_mutex_t lock; // of what follows
    pthread_cond_t writer_free;
    bool writer_taken;
    pthread_cond_t reader_free;
    SqliteConnection *readers[READERS_MAX]; // the idle ones
    size_t readers_idle;
    size_t readers_open;
};

struct Transaction {
    Backend *backend;
    SqliteConnection *connection;
    bool write;
};

// ---- The vtable ---------------------------------------------------------------------------------

static Backend *backend_close(Backend *backend) {
    if (backend == NULL)
        return NULL;
    assert(backend->readers_idle == backend->readers_open);
    for (size_t i = 0; i < backend->readers_idle; i++)
        sqlite_connection_close(backend->readers[i]);
    sqlite_connection_close(backend->writer);
    pthread_cond_destroy(&backend->reader_free);
    pthread_cond_destroy(&backend->writer_free);
    pthread_mutex_destroy(&backend->lock);
    mem_free(backend->path);
    return mem_free(backend);
}
DEFINE_CLEANUP(Backend, backend_close)

static Status writer_open(Backend *backend, Error *reterr) {
    TRY(sqlite_connection_open(backend->path, true, &backend->writer, reterr));
    TRY(sqlite_connection_check(backend->writer, reterr));
    return sqlite_execute(backend->writer->handle, "PRAGMA journal_mode = WAL;", reterr);
}

static Status backend_open(const char *url, Backend **ret_backend, Error *reterr) {
    CLEANUP(backend_closep) Backend *backend = mem_alloc(sizeof(*backend));
    pthread_mutex_init(&backend->lock, NULL);
    pthread_cond_init(&backend->writer_free, NULL);
    pthread_cond_init(&backend->reader_free, NULL);
    TRY(sqlite_file_path(url, &backend->path, reterr));
    TRY(sqlite_file_ensure(backend->path, reterr));
    Error error = {0};
    if (writer_open(backend, &error) != STATUS_OK) {
        error_prefix(&error, "%s", backend->path);
        if (reterr != NULL)
            *reterr = error;
        return error.status;
    }
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

static Status writer_take(Backend *backend, SqliteConnection **ret_connection, Error *reterr) {
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
static Status reader_reserve(Backend *backend, SqliteConnection **ret_connection, Error *reterr) {
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

static Status reader_take(Backend *backend, SqliteConnection **ret_connection, Error *reterr) {
    SqliteConnection *connection = NULL;
    TRY(reader_reserve(backend, &connection, reterr));
    Status status = STATUS_OK;
    if (connection == NULL)
        status = sqlite_connection_open(backend->path, false, &connection, reterr);
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

static void connection_give_back(Backend *backend, SqliteConnection *connection, bool write) {
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
    SqliteConnection *connection = NULL;
    TRY(write ? writer_take(backend, &connection, reterr)
              : reader_take(backend, &connection, reterr));
    Status status = sqlite_execute(connection->handle, write ? "BEGIN IMMEDIATE" : "BEGIN", reterr);
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
    Status status = sqlite3_get_autocommit(handle) ? sqlite_fail(NULL, SQLITE_ABORT, reterr)
                                                   : sqlite_execute(handle, "COMMIT", reterr);
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

static Status prepare(SqliteConnection *connection, const char *sql, sqlite3_stmt **ret_statement,
                      Error *reterr) {
    if (connection->prepared_count >= STATEMENTS_MAX / 2)
        sqlite_connection_forget_statements(connection);
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
        return sqlite_fail(connection->handle, result, reterr);
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
    SqliteConnection *connection = transaction->connection;
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
    Status status =
        result == SQLITE_DONE ? STATUS_OK : sqlite_fail(connection->handle, result, reterr);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    TRY(status);
    rows.changed = sqlite3_total_changes64(connection->handle) - changes_before;
    if (ret_rows != NULL)
        *ret_rows = rows;
    return STATUS_OK;
}

static Status backend_run_script(Transaction *transaction, const char *sql, Error *reterr) {
    return sqlite_execute(transaction->connection->handle, sql, reterr);
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
    .copy = sqlite_copy,
};
