#include "driver/sqlserver/account_sessions.h"

#include <string.h>

#include "driver/sqlserver/errors.h"
#include "driver/sqlserver/statement.h"

enum { WAIT_ROUNDS = 40, FIRST_WAIT_MS = 10, LONGEST_WAIT_MS = 500 };

// Without it the list has nobody but oneself, and would look as if there were no sessions.
const char MSSQL_SEES_SESSIONS_SQL[] =
    "COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE'), 0)";

static Status refuse(Operation *operation, const char *right, const char *what, Error *reterr) {
    Arena *arena = operation->arena;
    const char *admin = operation->session->admin;
    evidence_obstacle(
        &operation->evidence,
        arena_printf(arena, "admin account \"%s\" may not %s other sessions", admin, what),
        arena_printf(arena, "USE [master]; GRANT %s TO %s;", right, tsql_name(arena, admin)));
    return evidence_fail(&operation->evidence, FAILURE_DENIED, reterr, "target_denied",
                         "admin account \"%s\" may not %s other sessions: it lacks %s", admin, what,
                         right);
}

// By the name that logged in, whomever the session acts as since.
static Status read_sessions(Operation *operation, const char *login, Rows *ret_rows,
                            Error *reterr) {
    const char *sql = arena_printf(operation->arena,
                                   "SELECT s.session_id FROM sys.dm_exec_sessions AS s"
                                   " WHERE s.original_login_name = %s AND s.session_id <> @@SPID"
                                   " ORDER BY s.session_id",
                                   tsql_text(operation->arena, login));
    return mssql_read(operation, "reading sessions", sql, ret_rows, reterr);
}

static Status end_session(Operation *operation, int64_t id, Error *reterr) {
    Error error = {0};
    Status status =
        mssql_change(operation, "ending a session",
                     arena_printf(operation->arena, "KILL %lld", (long long)id), &error);
    if (status == STATUS_OK || operation->session->native == ERROR_PROCESS_GONE ||
        operation->session->native == ERROR_PROCESS_INVALID)
        return STATUS_OK; // gone by itself
    if (operation->evidence.failure == FAILURE_DENIED)
        return refuse(operation, "ALTER ANY CONNECTION", "end", reterr);
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static Status require_sight(Operation *operation, Error *reterr) {
    Rows rows;
    TRY(mssql_read(operation, "reading the admin account's rights",
                   arena_printf(operation->arena, "SELECT %s", MSSQL_SEES_SESSIONS_SQL), &rows,
                   reterr));
    if (rows.row_count == 1 && rows_bool(&rows, 0, 0))
        return STATUS_OK;
    return refuse(operation, "VIEW SERVER STATE", "see", reterr);
}

Status mssql_sessions_end(Operation *operation, const char *login, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    TRY(require_sight(operation, reterr));
    int64_t before = 0;
    int wait_ms = FIRST_WAIT_MS;
    for (int round = 0; round < WAIT_ROUNDS; round++) {
        Rows rows;
        TRY(read_sessions(operation, login, &rows, reterr));
        if ((int64_t)rows.row_count < before)
            outcome->sessions_ended += before - (int64_t)rows.row_count;
        before = (int64_t)rows.row_count;
        outcome->sessions_left = before;
        if (before == 0)
            return STATUS_OK;
        for (size_t i = 0; i < rows.row_count; i++)
            TRY(end_session(operation, rows_int(&rows, i, 0), reterr));
        TRY(mssql_wait(operation, wait_ms, reterr));
        wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
    }
    return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "sessions_left",
                         "%lld sessions of the account were told to end and still run",
                         (long long)before);
}
