#include "driver/mysql/account_sessions.h"

#include <string.h>

enum {
    WAIT_ROUNDS = 60,
    FIRST_WAIT_MS = 5,
    LONGEST_WAIT_MS = 250,
    // A login takes milliseconds; on a server that is overloaded, more. Somebody else's must not be
    // ended for that.
    LOGIN_WAIT_MS = 5000,
    NOT_THERE = 1094,
    NOT_OWNER = 1095,
};

// What a login is called until it has succeeded.
static const char UNDER_WAY[] = "unauthenticated user";

// The columns of SHOW PROCESSLIST.
enum { COLUMN_ID = 0, COLUMN_USER = 1, COLUMN_HOST = 2, COLUMN_SCHEMA = 3, COLUMN_TIME = 5 };

bool my_account_sessions_seen(const Operation *operation) {
    return my_session_has(operation->session, "PROCESS") ||
           my_session_has(operation->session, "SUPER");
}

static const char *described(Arena *arena, const Rows *rows, size_t row) {
    const char *host = my_rows_text(rows, row, COLUMN_HOST);
    const char *schema = my_rows_text(rows, row, COLUMN_SCHEMA);
    return arena_printf(arena, "from %s%s%s, %lld s in its state",
                        host != NULL ? host : "somewhere", schema != NULL ? " in schema " : "",
                        schema != NULL ? schema : "",
                        (long long)my_rows_int(rows, row, COLUMN_TIME));
}

Status my_account_sessions_read(Operation *operation, const char *user, UserSessions *ret_sessions,
                                Error *reterr) {
    Arena *arena = operation->arena;
    UserSessions sessions = {0};
    Rows rows;
    TRY(my_operation_read(operation, "reading sessions", "SHOW PROCESSLIST", &rows, reterr));
    for (size_t i = 0; i < rows.count; i++) {
        const char *whose = my_rows_text(&rows, i, COLUMN_USER);
        if (text_equal(whose, user)) {
            string_list_add(arena, &sessions.ids, my_rows_text(&rows, i, COLUMN_ID));
            string_list_add(arena, &sessions.lines, described(arena, &rows, i));
        } else if (text_equal(whose, UNDER_WAY)) {
            string_list_add(arena, &sessions.logins, my_rows_text(&rows, i, COLUMN_ID));
        }
    }
    *ret_sessions = sessions;
    return STATUS_OK;
}

static Status wait_a_little(Operation *operation, int wait_ms, Error *reterr) {
    const char *sql = arena_printf(operation->arena, "SELECT SLEEP(%d / 1000.0)", wait_ms);
    Rows slept;
    return my_operation_read(operation, "waiting for sessions to end", sql, &slept, reterr);
}

static int longer(int wait_ms) {
    return wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
}

// ---- KILL ---------------------------------------------------------------------------------------

// What hosted servers have instead of the right to KILL.
Status my_kill_procedure(Operation *operation, const char **ret_name, Error *reterr) {
    Rows rows;
    TRY(my_operation_read(operation, "looking for a procedure that ends sessions",
                          "SELECT ROUTINE_NAME FROM information_schema.ROUTINES"
                          " WHERE ROUTINE_SCHEMA = 'mysql' AND ROUTINE_TYPE = 'PROCEDURE'"
                          " AND ROUTINE_NAME IN ('rds_kill', 'az_kill')",
                          &rows, reterr));
    *ret_name = rows.count > 0
                    ? arena_printf(operation->arena, "mysql.%s", my_rows_text(&rows, 0, 0))
                    : NULL;
    return STATUS_OK;
}

static Status may_not_kill(Operation *operation, Error *reterr) {
    Arena *arena = operation->arena;
    const DriverSession *session = operation->session;
    const char *right = session->mariadb ? "CONNECTION ADMIN" : "CONNECTION_ADMIN";
    const char *admin = my_sql_account(arena, (MyName){session->admin, session->admin_host});
    evidence_obstacle(
        &operation->evidence,
        arena_printf(arena, "admin account \"%s\" may not end other sessions", session->admin),
        arena_printf(arena, "GRANT %s ON *.* TO %s;", right, admin));
    return evidence_fail(&operation->evidence, FAILURE_DENIED, reterr, "target_denied",
                         "the server did not accept ending sessions: admin account \"%s\" lacks %s",
                         session->admin, right);
}

// One that has ended by itself meanwhile is as good.
static Status end_one(Operation *operation, const char *id, Error *reterr) {
    static const char DOING[] = "ending a session";
    Arena *arena = operation->arena;
    Error error = {0};
    Status status =
        my_operation_change(operation, DOING, arena_printf(arena, "KILL %s", id), &error);
    if (status == STATUS_OK || operation->session->number == NOT_THERE)
        return STATUS_OK;
    if (operation->session->number == NOT_OWNER) {
        const char *procedure;
        TRY(my_kill_procedure(operation, &procedure, reterr));
        if (procedure == NULL)
            return may_not_kill(operation, reterr);
        status = my_operation_change(operation, DOING,
                                     arena_printf(arena, "CALL %s(%s)", procedure, id), &error);
        if (status == STATUS_OK || operation->session->number == NOT_THERE)
            return STATUS_OK;
    }
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static Status end_all(Operation *operation, const StringList *ids, Error *reterr) {
    for (size_t i = 0; i < ids->count; i++)
        TRY(end_one(operation, ids->items[i], reterr));
    return STATUS_OK;
}

static Status left(Operation *operation, size_t count, Error *reterr) {
    operation->evidence.outcome->sessions_left = (int64_t)count;
    return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "sessions_left",
                         "%zu sessions of the account were told to end and still run", count);
}

// ---- Logins under way ---------------------------------------------------------------------------

static StringList still_there(Arena *arena, const StringList *before, const StringList *now) {
    StringList both = {0};
    for (size_t i = 0; i < before->count; i++)
        if (string_list_has(now, before->items[i]))
            string_list_add(arena, &both, before->items[i]);
    return both;
}

// The server looks at the lock when a login begins, not when it succeeds: one whose client is slow
// would come after the lock. Whose they are nobody can say. Those of others are sessions long
// before their time is over, and whoever comes after the lock is refused, so only those of the
// beginning are looked at.
static Status end_logins(Operation *operation, const char *user, Error *reterr) {
    UserSessions sessions;
    TRY(my_account_sessions_read(operation, user, &sessions, reterr));
    StringList logins = sessions.logins;
    int wait_ms = FIRST_WAIT_MS;
    int waited_ms = 0;
    for (int round = 0; round < WAIT_ROUNDS && logins.count > 0; round++) {
        if (waited_ms >= LOGIN_WAIT_MS)
            TRY(end_all(operation, &logins, reterr));
        TRY(wait_a_little(operation, wait_ms, reterr));
        waited_ms += wait_ms;
        wait_ms = longer(wait_ms);
        TRY(my_account_sessions_read(operation, user, &sessions, reterr));
        logins = still_there(operation->arena, &logins, &sessions.logins);
    }
    return logins.count == 0 ? STATUS_OK : left(operation, logins.count, reterr);
}

// ---- Sessions -----------------------------------------------------------------------------------

// Looks again until none is left, because KILL is only a request; a session that rolls back a long
// transaction takes its time.
static Status end_sessions(Operation *operation, const char *user, bool later_too, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    StringList before = {0};
    UserSessions now = {0};
    int wait_ms = FIRST_WAIT_MS;
    for (int round = 0; round < WAIT_ROUNDS; round++) {
        TRY(my_account_sessions_read(operation, user, &now, reterr));
        StringList both = still_there(operation->arena, &before, &now.ids);
        if (!later_too && round > 0)
            now.ids = both;
        outcome->sessions_ended += (int64_t)(before.count - both.count);
        outcome->sessions_left = (int64_t)now.ids.count;
        if (now.ids.count == 0)
            return STATUS_OK;
        before = now.ids;
        if (round == 0 || wait_ms == LONGEST_WAIT_MS)
            TRY(end_all(operation, &now.ids, reterr));
        TRY(wait_a_little(operation, wait_ms, reterr));
        wait_ms = longer(wait_ms);
    }
    return left(operation, now.ids.count, reterr);
}

// Without PROCESS the list has the admin's own sessions alone, and says nothing of it.
static Status unseen(Operation *operation, Error *reterr) {
    Arena *arena = operation->arena;
    const DriverSession *session = operation->session;
    const char *admin = my_sql_account(arena, (MyName){session->admin, session->admin_host});
    evidence_obstacle(&operation->evidence,
                      arena_printf(arena,
                                   "admin account \"%s\" is not shown the sessions of others",
                                   session->admin),
                      arena_printf(arena, "GRANT PROCESS ON *.* TO %s;", admin));
    return evidence_fail(&operation->evidence, FAILURE_DENIED, reterr, "sessions_unseen",
                         "whether the account has sessions cannot be seen: admin account \"%s\" "
                         "lacks PROCESS",
                         session->admin);
}

// The list has names without hosts. Daypass makes no second account of a name, so that all of that
// name are the account's.
Status my_account_sessions_end(Operation *operation, MyName name, Error *reterr) {
    if (!my_account_sessions_seen(operation))
        return unseen(operation, reterr);
    TRY(end_logins(operation, name.user, reterr));
    return end_sessions(operation, name.user, true, reterr);
}

// Others may have the right to be the same user: who comes later has been let in anew.
Status my_sessions_of_users_end(Operation *operation, const StringList *users, Error *reterr) {
    if (!my_account_sessions_seen(operation))
        return unseen(operation, reterr);
    for (size_t i = 0; i < users->count; i++)
        TRY(end_sessions(operation, users->items[i], false, reterr));
    return STATUS_OK;
}
