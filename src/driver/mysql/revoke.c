#include "driver/mysql/revoke.h"

#include <string.h>

#include "base/fault_point.h"
#include "driver/mysql/account_sessions.h"
#include "driver/mysql/definers.h"
#include "driver/mysql/grant.h"

enum { NOT_THERE = 1396, NO_SUCH_SCHEMA = 1049 };

Status my_account_check_mark(Operation *operation, const Plan *plan, const Accounts *accounts,
                             const Account **ret_own, Error *reterr) {
    size_t strangers;
    *ret_own = my_accounts_own(accounts, plan, &strangers);
    if (*ret_own != NULL)
        return STATUS_OK;
    Arena *arena = operation->arena;
    const char *name = my_sql_account(arena, accounts->items[0].name);
    evidence_obstacle(
        &operation->evidence,
        arena_printf(arena,
                     "account %s is there, but not as the account of grant %s: it "
                     "has no mark that says so",
                     name, plan->grant_id),
        arena_printf(arena, "ALTER USER %s ACCOUNT LOCK; -- then rename or drop it", name));
    return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_taken",
                         "account \"%s\" is there, but not as the account of this grant; it was "
                         "not touched",
                         plan->account);
}

static void add_lock_obstacle(Operation *operation, MyName name) {
    Arena *arena = operation->arena;
    const DriverSession *session = operation->session;
    evidence_obstacle(&operation->evidence,
                      arena_printf(arena, "admin account \"%s\" may not change account %s",
                                   session->admin, my_sql_account(arena, name)),
                      arena_printf(arena, "%s;", my_sql_lock_account(arena, name)));
}

// New logins end here.
static Status lock_account(Operation *operation, MyName name, Error *reterr) {
    FAULT_POINT("revoke.before_lock");
    Status status = my_operation_change(operation, "locking the account",
                                        my_sql_lock_account(operation->arena, name), reterr);
    if (status == STATUS_OK || operation->session->number == NOT_THERE)
        return STATUS_OK;
    if (operation->evidence.failure == FAILURE_DENIED) {
        add_lock_obstacle(operation, name);
        // At least it is without sessions for the moment.
        Status ended = my_account_sessions_end(operation, name, NULL);
        (void)ended;
        operation->evidence.failure = FAILURE_DENIED;
    }
    return status;
}

static Status blocked(Operation *operation, MyName name, Error *reterr) {
    const Obstacles *obstacles = &operation->evidence.outcome->obstacles;
    return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_in_use",
                         "account \"%s\" is locked and has no sessions, but cannot be removed: %s",
                         name.user,
                         obstacles->count > 0 ? obstacles->items[0].what : "something is left");
}

static Status drop_account(Operation *operation, MyName name, Error *reterr) {
    Error error = {0};
    Status status = my_operation_change(operation, "removing the account",
                                        my_sql_drop_account(operation->arena, name), &error);
    if (status == STATUS_OK || operation->session->number == NOT_THERE)
        return STATUS_OK;
    if (operation->evidence.failure == FAILURE_CONFLICT) {
        evidence_obstacle(&operation->evidence,
                          arena_printf(operation->arena,
                                       "account %s is the definer of something that the admin "
                                       "account is not shown",
                                       my_sql_account(operation->arena, name)),
                          my_definers_rights(operation));
        return blocked(operation, name, reterr);
    }
    if (reterr != NULL)
        *reterr = error;
    return status;
}

// After the account: an event without one does nothing. The mark comes last, so that whatever is
// left is still known.
static Status remove_traces(Operation *operation, const char *user, Error *reterr) {
    Error error = {0};
    Status status = my_operation_change(operation, "removing the account's end",
                                        my_sql_drop_event(operation->arena, user), &error);
    bool harmless = operation->session->number == NO_SUCH_SCHEMA ||
                    operation->evidence.failure == FAILURE_DENIED;
    if (status != STATUS_OK && !harmless) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    if (status != STATUS_OK && operation->session->number != NO_SUCH_SCHEMA)
        evidence_warn(&operation->evidence,
                      "the admin account may not remove event %s, which does nothing any more",
                      my_sql_event_name(operation->arena, user));
    FAULT_POINT("revoke.end_removed");
    return my_mark_remove(operation, user, reterr);
}

static Status clear_account(Operation *operation, const Plan *plan, MyName name, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    TRY(lock_account(operation, name, reterr));
    outcome->login_refused = true;
    FAULT_POINT("revoke.locked");
    TRY(my_account_sessions_end(operation, name, reterr));
    FAULT_POINT("revoke.sessions_ended");
    size_t before = outcome->obstacles.count;
    TRY(my_definers_hand_over(operation, name, plan->custodian, reterr));
    FAULT_POINT("revoke.handed_over");
    if (outcome->obstacles.count > before)
        return blocked(operation, name, reterr);
    TRY(drop_account(operation, name, reterr));
    outcome->account_present = false;
    FAULT_POINT("revoke.dropped");
    // A login that was let in just before the lock shows itself by now.
    return my_account_sessions_end(operation, name, reterr);
}

Status my_account_remove(Operation *operation, const Plan *plan, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    Accounts accounts;
    outcome->account_present = true;
    TRY(my_operation_lock_account(operation, plan->account, reterr));
    TRY(my_accounts_read(operation, plan->account, &accounts, reterr));
    outcome->target_now_at = accounts.now_at;
    if (accounts.count == 0) {
        outcome->login_refused = true;
        outcome->account_present = false;
        // Of an attempt that came no further, or one that was cut off after the account went.
        TRY(my_account_sessions_end(operation, (MyName){plan->account, "%"}, reterr));
        return remove_traces(operation, plan->account, reterr);
    }
    const Account *own;
    TRY(my_account_check_mark(operation, plan, &accounts, &own, reterr));
    outcome->account_key = my_account_describe(operation->arena, own->name);
    outcome->target_expires_at = own->mark.expires;
    TRY(clear_account(operation, plan, own->name, reterr));
    return remove_traces(operation, plan->account, reterr);
}

Status my_account_revoke(Operation *operation, const Plan *plan, Error *reterr) {
    TRY(my_plan_check(operation, plan, reterr));
    TRY(my_account_remove(operation, plan, reterr));
    Rows rows;
    const char *sql = arena_printf(operation->arena,
                                   "SELECT CAST(FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000) AS SIGNED),"
                                   " EXISTS (SELECT 1 FROM mysql.user WHERE User = %s)",
                                   my_sql_literal(operation->arena, plan->account));
    TRY(my_operation_read(operation, "reading the account again", sql, &rows, reterr));
    operation->evidence.outcome->target_now_at = my_rows_int(&rows, 0, 0);
    operation->evidence.outcome->account_present = my_rows_bool(&rows, 0, 1);
    FAULT_POINT("revoke.seen_gone");
    return STATUS_OK;
}
