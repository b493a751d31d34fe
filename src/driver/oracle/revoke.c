#include "driver/oracle/revoke.h"

#include "driver/oracle/errors.h"
#include "driver/oracle/owned.h"
#include "driver/oracle/sessions.h"

// What the account cannot do without is gone with DROP USER; what fails here is no reason to stop.
// An account that has to stay because of what it owns stays without rights.
static Status try_change(Operation *operation, const char *doing, const char *sql, Error *reterr) {
    Error error = {0};
    Status status = oracle_change(operation, doing, sql, &error);
    if (status == STATUS_OK || !oracle_is_lost(operation))
        return STATUS_OK;
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static Status revoke_roles_and_system(Operation *operation, const OracleAccount *account,
                                      Error *reterr) {
    Arena *arena = operation->arena;
    const char *name = oracle_sql_literal(arena, account->user);
    Rows *rows;
    TRY(oracle_read(operation, "reading what the account holds",
                    arena_printf(arena,
                                 "SELECT 'ROLE', GRANTED_ROLE FROM SYS.DBA_ROLE_PRIVS WHERE"
                                 " GRANTEE = %s UNION ALL SELECT 'SYSTEM', PRIVILEGE FROM"
                                 " SYS.DBA_SYS_PRIVS WHERE GRANTEE = %s ORDER BY 1, 2",
                                 name, name),
                    &rows, reterr));
    for (size_t i = 0; i < rows->row_count; i++) {
        bool is_role = text_equal(oracle_rows_text(rows, i, 0), "ROLE");
        const char *what = oracle_rows_text(rows, i, 1);
        TRY(try_change(operation, "taking rights back",
                       is_role ? oracle_sql_revoke_role(arena, what, account->user)
                               : oracle_sql_revoke_system(arena, what, account->user),
                       reterr));
    }
    return STATUS_OK;
}

// Directories and the like are named in other ways, and go with the account.
static Status revoke_objects(Operation *operation, const OracleAccount *account, Error *reterr) {
    Arena *arena = operation->arena;
    Rows *rows;
    TRY(oracle_read(operation, "reading what the account holds",
                    arena_printf(arena,
                                 "SELECT OWNER, TABLE_NAME, PRIVILEGE FROM SYS.DBA_TAB_PRIVS WHERE"
                                 " GRANTEE = %s AND TYPE NOT IN ('DIRECTORY', 'USER') ORDER BY"
                                 " 1, 2, 3",
                                 oracle_sql_literal(arena, account->user)),
                    &rows, reterr));
    for (size_t i = 0; i < rows->row_count;) {
        const OracleObject object = {oracle_rows_text(rows, i, 0), oracle_rows_text(rows, i, 1)};
        StringList privileges = {0};
        for (; i < rows->row_count && text_equal(object.schema, oracle_rows_text(rows, i, 0)) &&
               text_equal(object.name, oracle_rows_text(rows, i, 1));
             i++)
            if (!string_list_has(&privileges, oracle_rows_text(rows, i, 2)))
                string_list_add(arena, &privileges, oracle_rows_text(rows, i, 2));
        TRY(try_change(operation, "taking rights back",
                       oracle_sql_revoke(arena, &privileges, &object, account->user), reterr));
    }
    return STATUS_OK;
}

static Status blocked(Operation *operation, const OracleAccount *account, Error *reterr) {
    const Obstacles *obstacles = &operation->evidence.outcome->obstacles;
    return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_in_use",
                         "account \"%s\" is locked and has no sessions, but cannot be removed: %s",
                         account->user,
                         obstacles->count > 0 ? obstacles->items[0].what : "something is left");
}

static Status drop_user(Operation *operation, const Plan *plan, const OracleAccount *account,
                        Error *reterr) {
    Error error = {0};
    Status status = oracle_change(operation, "removing the account",
                                  oracle_sql_drop_user(operation->arena, account->user), &error);
    if (status == STATUS_OK || oracle_failed_with(operation, ORA_NO_USER)) {
        operation->evidence.outcome->account_present = false;
        return STATUS_OK;
    }
    if (oracle_failed_with(operation, ORA_OWNS_OBJECTS)) {
        TRY(oracle_owned_find(operation, account->user, plan->custodian, reterr));
        return blocked(operation, account, reterr);
    }
    if (reterr != NULL)
        *reterr = error;
    return status;
}

// Away last: whoever finds the row knows whose the rest is.
static Status forget(Operation *operation, const OracleAccount *account, Error *reterr) {
    Error error = {0};
    const char *admin = operation->session->admin;
    Status status =
        oracle_change(operation, "removing the job of the account's end",
                      oracle_sql_drop_job(operation->arena, admin, account->user), &error);
    if (status != STATUS_OK && !oracle_failed_with(operation, ORA_NO_JOB)) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    return oracle_change(operation, "removing the account's mark",
                         oracle_sql_delete_mark(operation->arena, admin, account->user), reterr);
}

static Status lock(Operation *operation, const OracleAccount *account, Error *reterr) {
    Error error = {0};
    Status status = oracle_change(operation, "locking the account",
                                  oracle_sql_lock_user(operation->arena, account->user), &error);
    if (status == STATUS_OK || oracle_failed_with(operation, ORA_NO_USER)) {
        operation->evidence.outcome->login_refused = true;
        return STATUS_OK;
    }
    if (operation->evidence.failure == FAILURE_DENIED) {
        const char *admin = oracle_sql_identifier(operation->arena, operation->session->admin);
        evidence_obstacle(
            &operation->evidence,
            arena_printf(operation->arena, "admin account %s may not lock accounts", admin),
            arena_printf(operation->arena, "GRANT ALTER USER TO %s;", admin));
        // At least without sessions for the moment; its job may still lock it.
        Status ended = oracle_sessions_end(operation, account->user_id, NULL);
        (void)ended;
        operation->evidence.failure = FAILURE_DENIED;
    }
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static Status clear(Operation *operation, const Plan *plan, const OracleAccount *account,
                    Error *reterr) {
    TRY(lock(operation, account, reterr));
    TRY(oracle_sessions_end(operation, account->user_id, reterr));
    TRY(revoke_roles_and_system(operation, account, reterr));
    TRY(revoke_objects(operation, account, reterr));
    // A login that was let in just before the lock shows itself by now.
    TRY(oracle_sessions_end(operation, account->user_id, reterr));
    TRY(oracle_owned_find(operation, account->user, plan->custodian, reterr));
    if (operation->evidence.outcome->obstacles.count > 0)
        return blocked(operation, account, reterr);
    TRY(drop_user(operation, plan, account, reterr));
    return oracle_sessions_end(operation, account->user_id, reterr);
}

Status oracle_account_remove(Operation *operation, const Plan *plan, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    OracleAccount account;
    AccountMark mark;
    outcome->account_present = true;
    TRY(oracle_account_read(operation, plan->account, &account, reterr));
    outcome->account_present = account.present;
    outcome->target_now_at = account.now_at;
    if (!account.present && !account.has_row) {
        outcome->login_refused = true;
        return STATUS_OK;
    }
    TRY(oracle_account_check_mark(operation, plan, &account, &mark, reterr));
    outcome->login_refused = !account.present;
    outcome->target_expires_at = account.job_ends_at;
    if (account.present) {
        outcome->account_key = arena_printf(operation->arena, "%lld", (long long)account.user_id);
        TRY(clear(operation, plan, &account, reterr));
    }
    return forget(operation, &account, reterr);
}

Status oracle_account_revoke(Operation *operation, const Plan *plan, Error *reterr) {
    TRY(oracle_plan_check(operation, plan, reterr));
    TRY(oracle_account_remove(operation, plan, reterr));
    OracleAccount account;
    TRY(oracle_account_read(operation, plan->account, &account, reterr));
    operation->evidence.outcome->account_present = account.present;
    operation->evidence.outcome->target_now_at = account.now_at;
    return STATUS_OK;
}
