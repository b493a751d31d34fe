#include "store/sqlite/sqlite_connection.h"

#include <fcntl.h>
#include <unistd.h>

// In one step, so that it is of one moment; writers go on in the write-ahead log meanwhile.
static Status copy_pages(SqliteConnection *from, SqliteConnection *to, Error *reterr) {
    sqlite3_backup *backup = sqlite3_backup_init(to->handle, "main", from->handle, "main");
    if (backup == NULL)
        return sqlite_fail(to->handle, sqlite3_errcode(to->handle), reterr);
    int result = sqlite3_backup_step(backup, -1);
    int finished = sqlite3_backup_finish(backup);
    if (result == SQLITE_DONE && finished == SQLITE_OK)
        return STATUS_OK;
    return sqlite_fail(to->handle, result == SQLITE_DONE ? finished : result, reterr);
}

static Status check_copy(SqliteConnection *copy, Error *reterr) {
    int64_t faults = 0;
    TRY(sqlite_query_integer(copy,
                             "SELECT count(*) FROM pragma_integrity_check(1)"
                             " WHERE integrity_check <> 'ok'",
                             &faults, reterr));
    int64_t dangling = 0;
    TRY(sqlite_query_integer(copy, "SELECT count(*) FROM pragma_foreign_key_check", &dangling,
                             reterr));
    return faults + dangling == 0 ? STATUS_OK : sqlite_fail(NULL, SQLITE_CORRUPT, reterr);
}

// Opened, copied and closed: what is left is one file.
static Status copy_into(SqliteConnection *from, const char *path, Error *reterr) {
    CLEANUP(sqlite_connection_closep) SqliteConnection *to = NULL;
    TRY(sqlite_connection_open(path, true, &to, reterr));
    TRY(copy_pages(from, to, reterr));
    TRY(sqlite_execute(to->handle, "PRAGMA journal_mode = DELETE;", reterr));
    return check_copy(to, reterr);
}

Status sqlite_copy(const char *url, const char *copy_url, Error *reterr) {
    CLEANUP(mem_freep) char *source = NULL;
    TRY(sqlite_file_path(url, &source, reterr));
    TRY(sqlite_file_check(source, reterr));
    CLEANUP(sqlite_connection_closep) SqliteConnection *from = NULL;
    TRY(sqlite_connection_open(source, false, &from, reterr));
    TRY(sqlite_connection_check(from, reterr));
    CLEANUP(mem_freep) char *place = NULL;
    TRY(sqlite_file_path(copy_url, &place, reterr));
    TRY(sqlite_file_ensure(place, reterr));
    Status status = copy_into(from, place, reterr);
    if (status != STATUS_OK)
        (void)unlink(place);
    return status;
}
