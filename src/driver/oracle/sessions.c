#include "driver/oracle/sessions.h"

#include "driver/oracle/errors.h"

enum {
    ROUNDS = 60,
    ROUNDS_BEFORE_HARDER = 6,
    FIRST_WAIT_MS = 50,
    LONGEST_WAIT_MS = 500,
};

static Status read_sessions(Operation *operation, int64_t user_id, Rows **ret_rows, Error *reterr) {
    const char *sql = arena_printf(operation->arena,
                                   "SELECT s.SID, s.SERIAL#, s.INST_ID, s.STATUS FROM"
                                   " SYS.GV_$SESSION s WHERE s.USER# = %lld ORDER BY 3, 1",
                                   (long long)user_id);
    return oracle_read(operation, "reading sessions", sql, ret_rows, reterr);
}

// One that is gone, or marked to end as soon as its server lets go, is what was wanted.
static Status kill_session(Operation *operation, const OracleSessionKey *key, bool harder,
                           Error *reterr) {
    Error error = {0};
    Status status = oracle_change(
        operation, "ending sessions",
        oracle_sql_kill(operation->arena, key, operation->session->hosted, harder), &error);
    if (status == STATUS_OK || oracle_failed_with(operation, ORA_SESSION_ABSENT) ||
        oracle_failed_with(operation, ORA_SESSION_MARKED))
        return STATUS_OK;
    if (operation->evidence.failure == FAILURE_DENIED) {
        const char *admin = oracle_sql_identifier(operation->arena, operation->session->admin);
        evidence_obstacle(
            &operation->evidence,
            arena_printf(operation->arena, "admin account %s may not end other sessions", admin),
            arena_printf(operation->arena, "GRANT %s TO %s;",
                         operation->session->hosted ? "EXECUTE ON RDSADMIN.RDSADMIN_UTIL"
                                                    : "ALTER SYSTEM",
                         admin));
    }
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static void note_seen(Operation *operation, Rows *rows, StringList *seen) {
    for (size_t i = 0; i < rows->row_count; i++) {
        const char *key = arena_printf(
            operation->arena, "%lld,%lld,@%lld", (long long)oracle_rows_int(rows, i, 0),
            (long long)oracle_rows_int(rows, i, 1), (long long)oracle_rows_int(rows, i, 2));
        if (!string_list_has(seen, key))
            string_list_add(operation->arena, seen, key);
    }
}

// Says what was done also where it does not end well.
static void count(Operation *operation, const StringList *seen, size_t left) {
    Outcome *outcome = operation->evidence.outcome;
    outcome->sessions_ended += (int64_t)(seen->count - left);
    outcome->sessions_left = (int64_t)left;
}

Status oracle_sessions_end(Operation *operation, int64_t user_id, Error *reterr) {
    Rows *rows;
    StringList seen = {0};
    int wait_ms = FIRST_WAIT_MS;
    TRY(read_sessions(operation, user_id, &rows, reterr));
    for (int round = 0; round < ROUNDS && rows->row_count > 0; round++) {
        note_seen(operation, rows, &seen);
        for (size_t i = 0; i < rows->row_count; i++) {
            const OracleSessionKey key = {.sid = oracle_rows_int(rows, i, 0),
                                          .serial = oracle_rows_int(rows, i, 1),
                                          .instance = oracle_rows_int(rows, i, 2)};
            TRY(kill_session(operation, &key, round >= ROUNDS_BEFORE_HARDER, reterr));
        }
        Rows *slept;
        TRY(oracle_read(operation, "waiting for sessions to end",
                        oracle_sql_sleep(operation->arena, wait_ms), &slept, reterr));
        wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
        TRY(read_sessions(operation, user_id, &rows, reterr));
    }
    count(operation, &seen, rows->row_count);
    if (rows->row_count == 0)
        return STATUS_OK;
    return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "sessions_left",
                         "%zu sessions of the account were told to end and still run",
                         rows->row_count);
}
