#include "driver/sqlserver/revoke.h"

#include <string.h>

#include "base/fault_point.h"
#include "driver/sqlserver/account_sessions.h"
#include "driver/sqlserver/clear_user.h"
#include "driver/sqlserver/errors.h"
#include "driver/sqlserver/grant.h"
#include "driver/sqlserver/statement.h"

enum { DROP_ROUNDS = 20, FIRST_WAIT_MS = 20, LONGEST_WAIT_MS = 500 };

// ---- Disabling ----------------------------------------------------------------------------------

// A login that somebody made an administrator is out of reach of one who is none.
static void add_disable_obstacle(Operation *operation, const Login *login) {
    Arena *arena = operation->arena;
    evidence_obstacle(&operation->evidence,
                      arena_printf(arena, "admin account \"%s\" may not change login \"%s\"",
                                   operation->session->admin, login->name),
                      arena_printf(arena, "%s; -- and: USE [master]; GRANT ALTER ANY LOGIN TO %s;",
                                   tsql_disable_login(arena, login->name),
                                   tsql_name(arena, operation->session->admin)));
}

// New logins end here. The lock waits for a grant that is just committing.
static Status disable_login(Operation *operation, const Plan *plan, bool *ret_found,
                            Login *ret_login, Error *reterr) {
    TRY(mssql_begin(operation, reterr));
    TRY(mssql_login_read(operation, plan, ret_found, ret_login, reterr));
    if (*ret_found) {
        Status status = mssql_change(operation, "disabling the login",
                                     tsql_disable_login(operation->arena, ret_login->name), reterr);
        if (status != STATUS_OK && operation->evidence.failure == FAILURE_DENIED)
            add_disable_obstacle(operation, ret_login);
        TRY(status);
    }
    FAULT_POINT("revoke.before_lock");
    return mssql_commit(operation, reterr);
}

// The login that the admin may not disable is at least without sessions for the moment.
static void end_sessions_of_enabled(Operation *operation, const Login *login) {
    if (login == NULL || operation->evidence.failure != FAILURE_DENIED)
        return;
    mssql_rollback(operation);
    Status status = mssql_sessions_end(operation, login->name, NULL);
    (void)status;
    operation->evidence.failure = FAILURE_DENIED;
}

// ---- Databases ----------------------------------------------------------------------------------

static void add_closed_obstacle(Operation *operation, const Login *login,
                                const Database *database) {
    Arena *arena = operation->arena;
    const char *name = tsql_name(arena, database->name);
    const char *admin = tsql_name(arena, operation->session->admin);
    bool online = text_equal(database->state, "ONLINE");
    const char *why = online ? "where the admin account has no user"
                             : arena_printf(arena, "which is %s", database->state);
    const char *repair =
        online ? arena_printf(arena,
                              "USE %s; CREATE USER %s FOR LOGIN %s; GRANT ALTER ANY USER TO %s;",
                              name, admin, admin, admin)
               : arena_printf(arena, "ALTER DATABASE %s SET ONLINE;", name);
    evidence_obstacle(&operation->evidence,
                      arena_printf(arena, "account \"%s\" has a user in database \"%s\", %s",
                                   login->name, database->name, why),
                      repair);
}

// A database that was dropped took the user with it. One that is none of the plan's may be closed
// for good, and is no reason to keep the account.
static void judge_closed(Operation *operation, const Plan *plan, const Login *login,
                         const Databases *databases) {
    for (size_t i = 0; i < databases->count; i++) {
        const Database *database = &databases->items[i];
        if (database->is_open)
            continue;
        if (mssql_plan_uses(operation->arena, plan, database->name))
            add_closed_obstacle(operation, login, database);
        else if (!database->is_system)
            evidence_warn(&operation->evidence,
                          "database \"%s\" could not be looked into; a user that somebody else "
                          "made there for the account would stay without its login",
                          database->name);
    }
}

static Status clear_databases(Operation *operation, const Plan *plan, const Login *login,
                              bool is_there, Error *reterr) {
    Databases databases;
    Users users;
    TRY(mssql_use(operation, operation->session->target.database, reterr));
    TRY(mssql_databases_read(operation, &databases, reterr));
    if (is_there)
        judge_closed(operation, plan, login, &databases);
    TRY(mssql_users_read(operation, &databases, login->sid, &users, reterr));
    for (size_t i = 0; i < users.count; i++) {
        TRY(mssql_user_clear(operation, &users.items[i], plan->custodian, reterr));
        FAULT_POINT("revoke.user_cleared");
    }
    return mssql_use(operation, operation->session->target.database, reterr);
}

// Never handed over by itself: whoever owns a database rules it.
static Status find_owned_databases(Operation *operation, const Login *login, Error *reterr) {
    Arena *arena = operation->arena;
    Rows rows;
    TRY(mssql_read(operation, "reading what the login owns",
                   arena_printf(arena,
                                "SELECT d.name FROM sys.databases AS d WHERE d.owner_sid = %s"
                                " ORDER BY d.name",
                                login->sid),
                   &rows, reterr));
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *database = rows_text(&rows, i, 0);
        evidence_obstacle(
            &operation->evidence,
            arena_printf(arena, "login \"%s\" owns database \"%s\"", login->name, database),
            arena_printf(arena, "ALTER AUTHORIZATION ON DATABASE::%s TO [sa];",
                         tsql_name(arena, database)));
    }
    return STATUS_OK;
}

// ---- The login ----------------------------------------------------------------------------------

static Status blocked(Operation *operation, const Login *login, Error *reterr) {
    const Obstacles *obstacles = &operation->evidence.outcome->obstacles;
    return evidence_fail(
        &operation->evidence, FAILURE_CONFLICT, reterr, "account_in_use",
        "account \"%s\" is disabled and has no sessions, but cannot be removed: %s", login->name,
        obstacles->count > 0 ? obstacles->items[0].what : "something is left");
}

// Somebody else may have removed it first, which the server does not tell from a right that lacks.
static Status is_still_there(Operation *operation, const Plan *plan, bool *ret_there,
                             Error *reterr) {
    Login login;
    FailureClass failure = operation->evidence.failure;
    Status status = mssql_login_read(operation, plan, ret_there, &login, reterr);
    operation->evidence.failure = failure;
    return status;
}

// The server goes on counting a login as connected for a while after its last session.
static Status drop_login(Operation *operation, const Plan *plan, const Login *login,
                         Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql = tsql_drop_login(arena, login->name);
    int wait_ms = FIRST_WAIT_MS;
    Error error = {0};
    Status status = STATUS_OK;
    bool is_counted = true, is_there = true;
    for (int round = 0; round < DROP_ROUNDS && is_counted; round++) {
        status = mssql_change(operation, "removing the login", sql, &error);
        is_counted = status != STATUS_OK && operation->session->native == ERROR_LOGIN_CONNECTED;
        if (!is_counted)
            break;
        TRY(mssql_sessions_end(operation, login->name, reterr));
        TRY(mssql_wait(operation, wait_ms, reterr));
        wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
    }
    if (status != STATUS_OK && operation->session->native == ERROR_NOT_THERE_OR_DENIED)
        TRY(is_still_there(operation, plan, &is_there, reterr));
    if (status == STATUS_OK || !is_there) {
        operation->evidence.outcome->account_present = false;
        return STATUS_OK;
    }
    if (operation->evidence.failure == FAILURE_CONFLICT || is_counted)
        evidence_obstacle(
            &operation->evidence,
            arena_printf(arena, "login \"%s\" cannot be removed: %s", login->name, error.message),
            arena_printf(arena, "%s;", sql));
    if (operation->evidence.failure == FAILURE_CONFLICT)
        return blocked(operation, login, reterr);
    if (reterr != NULL)
        *reterr = error;
    return status;
}

// Users stay where somebody dropped the login by hand. Nobody can come in through them.
static Status clear_orphans(Operation *operation, const Plan *plan, Error *reterr) {
    const Login login = {.name = plan->account,
                         .sid = tsql_sid(operation->arena, plan->deployment, plan->grant_id)};
    TRY(clear_databases(operation, plan, &login, false, reterr));
    if (operation->evidence.outcome->obstacles.count > 0)
        return blocked(operation, &login, reterr);
    return STATUS_OK;
}

Status mssql_account_remove(Operation *operation, const Plan *plan, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    bool found = false;
    Login login;
    outcome->account_present = true;
    Status status = disable_login(operation, plan, &found, &login, reterr);
    if (status != STATUS_OK) {
        end_sessions_of_enabled(operation, found ? &login : NULL);
        return status;
    }
    outcome->login_refused = true;
    outcome->account_present = found;
    if (!found)
        return clear_orphans(operation, plan, reterr);
    outcome->account_key = login.key;
    FAULT_POINT("revoke.locked");
    TRY(mssql_sessions_end(operation, login.name, reterr));
    FAULT_POINT("revoke.sessions_ended");
    TRY(clear_databases(operation, plan, &login, true, reterr));
    TRY(find_owned_databases(operation, &login, reterr));
    // A login that was let in just before it was disabled shows itself by now.
    TRY(mssql_sessions_end(operation, login.name, reterr));
    if (outcome->obstacles.count > 0)
        return blocked(operation, &login, reterr);
    FAULT_POINT("revoke.before_drop");
    TRY(drop_login(operation, plan, &login, reterr));
    FAULT_POINT("revoke.dropped");
    return STATUS_OK;
}

Status mssql_account_revoke(Operation *operation, const Plan *plan, Error *reterr) {
    bool found;
    Login login;
    TRY(mssql_plan_check(operation, plan, reterr));
    TRY(mssql_account_remove(operation, plan, reterr));
    TRY(mssql_login_read(operation, plan, &found, &login, reterr));
    operation->evidence.outcome->account_present = found;
    Status status = mssql_read_now(operation, &operation->evidence.outcome->target_now_at, reterr);
    FAULT_POINT("revoke.seen_gone");
    return status;
}
