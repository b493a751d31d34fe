#include "store/sqlite/sqlite_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BUSY_TIMEOUT_MS = 5000,
    APPLICATION_ID = 0x44617970, // "Dayp": tells our files from other SQLite files
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
Status sqlite_fail(sqlite3 *handle, int result, Error *reterr) {
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
    error_set_detail(reterr, "sqlite: %s (%d)%s%s", sqlite3_errstr(result), extended,
                     system_error != 0 ? ": " : "",
                     system_error != 0 ? errno_reason(system_error) : "");
    return status;
}

// ---- Connections --------------------------------------------------------------------------------

void sqlite_connection_forget_statements(SqliteConnection *connection) {
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        Prepared *prepared = &connection->prepared[i];
        sqlite3_finalize(prepared->statement);
        prepared->statement = NULL;
        prepared->sql = mem_free(prepared->sql);
    }
    connection->prepared_count = 0;
}

SqliteConnection *sqlite_connection_close(SqliteConnection *connection) {
    if (connection == NULL)
        return NULL;
    sqlite_connection_forget_statements(connection);
    sqlite3_close(connection->handle);
    return mem_free(connection);
}

Status sqlite_execute(sqlite3 *handle, const char *sql, Error *reterr) {
    errno = 0;
    int result = sqlite3_exec(handle, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? STATUS_OK : sqlite_fail(handle, result, reterr);
}

Status sqlite_connection_open(const char *path, bool write, SqliteConnection **ret_connection,
                              Error *reterr) {
    CLEANUP(sqlite_connection_closep) SqliteConnection *connection = mem_alloc(sizeof(*connection));
    // NOMUTEX: a connection is never used by two threads at once.
    int result = sqlite3_open_v2(path, &connection->handle,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                     SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE,
                                 NULL);
    if (result != SQLITE_OK)
        return sqlite_fail(connection->handle, result, reterr);
    sqlite3_extended_result_codes(connection->handle, 1);
    sqlite3_busy_timeout(connection->handle, BUSY_TIMEOUT_MS);
    sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    TRY(sqlite_execute(connection->handle,
                       "PRAGMA trusted_schema = OFF;"
                       "PRAGMA synchronous = FULL;"
                       "PRAGMA foreign_keys = ON;"
                       "PRAGMA secure_delete = ON;",
                       reterr));
    if (!write)
        TRY(sqlite_execute(connection->handle, "PRAGMA query_only = ON;", reterr));
    *ret_connection = connection;
    connection = NULL;
    return STATUS_OK;
}

// ---- The file -----------------------------------------------------------------------------------

// SQLITE_OPEN_NOFOLLOW refuses a symbolic link anywhere in the path; only the file itself must be
// none, so the folder is resolved first.
Status sqlite_file_path(const char *url, char **ret_path, Error *reterr) {
    const char *path = url + strlen("sqlite:");
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
        return error_set(reterr, STATUS_UNAVAILABLE, "store_denied",
                         "the folder %s of the store cannot be entered: %s; make it first", folder,
                         errno_reason(errno));
    }
    *ret_path = mem_printf("%s%s%s", resolved, strcmp(resolved, "/") == 0 ? "" : "/", name);
    return STATUS_OK;
}

static Status unsafe(const char *path, const char *what, Error *reterr) {
    return error_set(reterr, STATUS_FORBIDDEN, "store_unsafe", "%s: %s", path, what);
}

Status sqlite_file_check(const char *path, Error *reterr) {
    struct stat found;
    if (lstat(path, &found) != 0) {
        int fault = errno;
        if (fault == ENOENT)
            return error_set(reterr, STATUS_NOT_FOUND, "no_store", "%s: there is no store", path);
        return error_set(reterr, STATUS_UNAVAILABLE, "store_denied",
                         "%s: the store cannot be used: %s", path, errno_reason(fault));
    }
    if (S_ISLNK(found.st_mode))
        return unsafe(path,
                      "the store must not be a symbolic link; name the file itself in store.url",
                      reterr);
    if (!S_ISREG(found.st_mode))
        return unsafe(path, "the store must be a plain file", reterr);
    if (found.st_uid != geteuid())
        return error_set(reterr, STATUS_FORBIDDEN, "store_unsafe",
                         "%s: the store belongs to the user with id %lld; run this as that user "
                         "(we are %lld), or chown the file",
                         path, (long long)found.st_uid, (long long)geteuid());
    if ((found.st_mode & 077) != 0)
        return error_set(reterr, STATUS_FORBIDDEN, "store_unsafe",
                         "%s: the store is open to others (mode %04o); expected 0600: chmod 600 %s",
                         path, (unsigned)found.st_mode & 07777u, path);
    // Under a second name it would have a second log, and each would undo the other's work.
    if (found.st_nlink > 1)
        return unsafe(path,
                      "the store has a second name (a hard link); copy it to a file of its own, "
                      "or remove the other name",
                      reterr);
    return STATUS_OK;
}

// Made by us with 0600, so that there is no moment at which others can read it. One that is there
// is looked at but not opened: closing a descriptor of the file drops the locks that SQLite holds
// on it.
Status sqlite_file_ensure(const char *path, Error *reterr) {
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor >= 0) {
        close(descriptor);
        return STATUS_OK;
    }
    if (errno == EEXIST)
        return sqlite_file_check(path, reterr);
    int fault = errno;
    bool full = fault == ENOSPC || fault == EDQUOT;
    return error_set(reterr, STATUS_UNAVAILABLE, full ? "store_full" : "store_denied",
                     "%s: the store cannot be made: %s", path, errno_reason(fault));
}

Status sqlite_query_integer(SqliteConnection *connection, const char *sql, int64_t *ret_value,
                            Error *reterr) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(connection->handle, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result != SQLITE_ROW) {
        sqlite3_finalize(statement);
        return sqlite_fail(connection->handle, result, reterr);
    }
    *ret_value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return STATUS_OK;
}

// Before anything is written to it, in case it is somebody else's.
Status sqlite_connection_check(SqliteConnection *connection, Error *reterr) {
    int64_t application = 0;
    int64_t tables = 0;
    TRY(sqlite_query_integer(connection, "PRAGMA application_id", &application, reterr));
    TRY(sqlite_query_integer(connection, "SELECT count(*) FROM sqlite_master", &tables, reterr));
    if (application == 0 && tables == 0)
        return sqlite_execute(connection->handle, "PRAGMA application_id = 1147238768;", reterr);
    if (application != APPLICATION_ID)
        return error_set(reterr, STATUS_INVALID, "store_foreign",
                         "the file is an SQLite database of another program; name a file of "
                         "Daypass's own");
    int64_t fault = 0;
    TRY(sqlite_query_integer(connection, "SELECT quick_check <> 'ok' FROM pragma_quick_check(1)",
                             &fault, reterr));
    if (fault != 0)
        return sqlite_fail(NULL, SQLITE_CORRUPT, reterr);
    return STATUS_OK;
}
