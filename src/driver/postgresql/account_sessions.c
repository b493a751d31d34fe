#include "driver/postgresql/account_sessions.h"

#include <string.h>

#include "driver/postgresql/statement.h"

enum {
    // Sessions are ended by a signal each; a backend in a system call may take its time.
    WAIT_ROUNDS = 60,
    FIRST_WAIT_MS = 5,
    LONGEST_WAIT_MS = 250,
    // A login takes milliseconds from its authentication to the list of sessions; on a server that
    // is overloaded, more. Somebody else's must not be ended for that.
    LOGIN_WAIT_MS = 5000,
};

// A login that has authenticated holds a lock on its database until it is a session. Neither the
// user nor the database of such a process are to be seen: PostgreSQL 18 lists it without a user,
// older ones not at all.
static const char LOGINS_SQL[] =
    "SELECT DISTINCT l.pid FROM pg_locks l WHERE l.locktype = 'object'"
    " AND l.classid = 'pg_database'::regclass AND l.mode = 'RowExclusiveLock'"
    " AND l.pid <> pg_backend_pid() AND NOT EXISTS (SELECT FROM pg_stat_activity a"
    "  WHERE a.pid = l.pid AND a.usesysid IS NOT NULL)%s";

static Status wait_a_little(Operation *operation, int wait_ms, Error *reterr) {
    const char *sql = arena_printf(operation->arena, "SELECT pg_sleep(%d / 1000.0)", wait_ms);
    Rows *slept;
    return pg_operation_read(
        operation, &(Query){.doing = "waiting for sessions to end", .sql = sql}, &slept, reterr);
}

static int longer(int wait_ms) {
    return wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
}

// `who`: a query for the numbers of processes.
static Status terminate(Operation *operation, const char *who, Error *reterr) {
    const char *sql =
        arena_printf(operation->arena, "SELECT pg_terminate_backend(pid) FROM (%s) s", who);
    Status status = pg_operation_change(operation, "ending sessions", sql, reterr);
    if (status != STATUS_OK && operation->evidence.failure == FAILURE_DENIED)
        pg_operation_add_obstacle(
            operation,
            arena_printf(operation->arena, "admin account \"%s\" may not end other sessions",
                         operation->session->admin),
            arena_printf(operation->arena, "GRANT pg_signal_backend TO %s;",
                         pg_sql_identifier(operation->arena, operation->session->admin)));
    return status;
}

static Status left(Operation *operation, int count, Error *reterr) {
    operation->evidence.outcome->sessions_left = count;
    return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "sessions_left",
                         "%d sessions of the account were told to end and still run", count);
}

// ---- Logins under way ---------------------------------------------------------------------------

static const char *pids_of(Arena *arena, Rows *rows) {
    StringList pids = {0};
    for (int i = 0; i < pg_rows_count(rows); i++)
        string_list_add(arena, &pids, pg_rows_text(rows, i, 0));
    return string_list_join(arena, &pids, ", ");
}

static const char *one_of(Arena *arena, Rows *rows) {
    return arena_printf(arena, " AND l.pid IN (%s)", pids_of(arena, rows));
}

// Whose they are nobody can say. Those of others are sessions long before their time is over, and
// whoever comes after the lock is refused, so only those of the beginning are looked at.
static Status end_logins(Operation *operation, Error *reterr) {
    Rows *logins;
    const char *sql = arena_printf(operation->arena, LOGINS_SQL, "");
    const Query query = {.doing = "reading logins under way", .sql = sql};
    TRY(pg_operation_read(operation, &query, &logins, reterr));
    int wait_ms = FIRST_WAIT_MS;
    int waited_ms = 0;
    for (int round = 0; round < WAIT_ROUNDS && pg_rows_count(logins) > 0; round++) {
        sql = arena_printf(operation->arena, LOGINS_SQL, one_of(operation->arena, logins));
        if (waited_ms >= LOGIN_WAIT_MS)
            TRY(terminate(operation, sql, reterr));
        TRY(wait_a_little(operation, wait_ms, reterr));
        waited_ms += wait_ms;
        wait_ms = longer(wait_ms);
        const Query again = {.doing = "reading logins under way", .sql = sql};
        TRY(pg_operation_read(operation, &again, &logins, reterr));
    }
    return pg_rows_count(logins) == 0 ? STATUS_OK : left(operation, pg_rows_count(logins), reterr);
}

// ---- Sessions -----------------------------------------------------------------------------------

static int count_missing(Rows *before, Rows *now) {
    int missing = 0;
    for (int i = 0; before != NULL && i < pg_rows_count(before); i++) {
        bool found = false;
        for (int j = 0; j < pg_rows_count(now) && !found; j++)
            found = strcmp(pg_rows_text(before, i, 0), pg_rows_text(now, j, 0)) == 0;
        missing += !found;
    }
    return missing;
}

// Looks again until none is left, because a signal is only a request. `whose`: a condition on
// pg_stat_activity.
static Status end_sessions(Operation *operation, const char *whose, Error *reterr) {
    const char *sql = arena_printf(operation->arena,
                                   "SELECT pid FROM pg_stat_activity WHERE %s"
                                   " AND pid <> pg_backend_pid()",
                                   whose);
    const Query query = {.doing = "reading sessions", .sql = sql};
    Rows *before = NULL;
    Rows *now = NULL;
    int wait_ms = FIRST_WAIT_MS;
    for (int round = 0; round < WAIT_ROUNDS; round++) {
        TRY(pg_operation_read(operation, &query, &now, reterr));
        operation->evidence.outcome->sessions_ended += count_missing(before, now);
        operation->evidence.outcome->sessions_left = pg_rows_count(now);
        if (pg_rows_count(now) == 0)
            return STATUS_OK;
        before = now;
        if (round == 0 || wait_ms == LONGEST_WAIT_MS)
            TRY(terminate(operation, sql, reterr));
        TRY(wait_a_little(operation, wait_ms, reterr));
        wait_ms = longer(wait_ms);
    }
    return left(operation, pg_rows_count(now), reterr);
}

Status pg_account_sessions_end(Operation *operation, int64_t oid, Error *reterr) {
    TRY(end_logins(operation, reterr));
    return end_sessions(operation,
                        arena_printf(operation->arena, "usesysid = %lld", (long long)oid), reterr);
}

// Others may have the right to be the same user: who comes later has been let in anew. They are
// told apart by their processes, for since when a session is there only some admins are shown.
Status pg_sessions_of_users_end(Operation *operation, const StringList *users, Error *reterr) {
    Arena *arena = operation->arena;
    StringList names = {0};
    for (size_t i = 0; i < users->count; i++)
        string_list_add(arena, &names, pg_sql_literal(arena, users->items[i]));
    const char *whose =
        arena_printf(arena, "usename IN (%s)", string_list_join(arena, &names, ", "));
    const char *sql = arena_printf(arena, "SELECT pid FROM pg_stat_activity WHERE %s", whose);
    Rows *now;
    const Query query = {.doing = "reading sessions", .sql = sql};
    TRY(pg_operation_read(operation, &query, &now, reterr));
    if (pg_rows_count(now) == 0)
        return STATUS_OK;
    return end_sessions(
        operation, arena_printf(arena, "%s AND pid IN (%s)", whose, pids_of(arena, now)), reterr);
}

Status pg_account_sessions_warn_of_orphans(Operation *operation, Error *reterr) {
    static const char SQL[] =
        "SELECT a.usesysid, count(*) FROM pg_stat_activity a WHERE a.usesysid IS NOT NULL"
        " AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.usesysid)"
        " GROUP BY a.usesysid ORDER BY 1";
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "looking for orphaned sessions", .sql = SQL},
                          &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++)
        evidence_warn(&operation->evidence,
                      "%s sessions of a role that was dropped still run: SELECT "
                      "pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = %s;",
                      pg_rows_text(rows, i, 1), pg_rows_text(rows, i, 0));
    return STATUS_OK;
}
