#include "driver/oracle/grant.h"

#include "driver/oracle/accounts.h"
#include "driver/oracle/errors.h"
#include "driver/oracle/resolve.h"
#include "driver/oracle/revoke.h"

static Status check_deadline(Operation *operation, const GrantOrder *order, Error *reterr) {
    if (clock_monotonic_ms(operation->session->clock) >= order->deadline_ms)
        return evidence_deadline_passed(&operation->evidence, reterr);
    return STATUS_OK;
}

static Status check_order(Operation *operation, const GrantOrder *order, bool needs_password,
                          bool needs_time, Error *reterr) {
    TRY(oracle_plan_check(operation, order->plan, reterr));
    bool has_time = order->ends_ms > clock_monotonic_ms(operation->session->clock);
    if ((needs_password && order->password == NULL) || (needs_time && !has_time))
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "bad_order",
                             "the order has no password or no time left");
    if (needs_password) {
        operation->evidence.failure = FAILURE_FATAL;
        TRY(oracle_password_check(secret_text(order->password), reterr));
        operation->evidence.failure = FAILURE_NONE;
    }
    return check_deadline(operation, order, reterr);
}

// What remains is counted after the server has told its time, so that neither moment is later than
// the one that was decided. Whole seconds: what is read back is then what was written.
static Status start_time(Operation *operation, const GrantOrder *order, int64_t *ret_expires_at,
                         Error *reterr) {
    int64_t now_at;
    TRY(oracle_read_now(operation, &now_at, reterr));
    int64_t monotonic_ms = clock_monotonic_ms(operation->session->clock);
    operation->session->until_at = now_at + (order->deadline_ms - monotonic_ms);
    int64_t expires_at = now_at + (order->ends_ms - monotonic_ms);
    if (now_at == 0 || (ret_expires_at != NULL && expires_at <= now_at))
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "no_time_left",
                             "the access is over before it could be given");
    if (ret_expires_at != NULL)
        *ret_expires_at = expires_at - expires_at % SECOND_MS;
    return check_deadline(operation, order, reterr);
}

// ---- Giving -------------------------------------------------------------------------------------

// Kept for the grants to come. A profile limits nothing while RESOURCE_LIMIT is FALSE.
static Status ensure_profile(Operation *operation, int64_t sessions, Error *reterr) {
    if (sessions == 0)
        return STATUS_OK;
    Rows *rows;
    const char *sql = arena_printf(
        operation->arena, "SELECT COUNT(*) FROM SYS.DBA_PROFILES WHERE PROFILE = %s",
        oracle_sql_literal(operation->arena, oracle_sql_profile(operation->arena, sessions)));
    TRY(oracle_read(operation, "looking for a profile", sql, &rows, reterr));
    if (oracle_rows_int(rows, 0, 0) > 0)
        return STATUS_OK;
    Error error = {0};
    Status status =
        oracle_change_in_time(operation, "making a profile for the connection limit",
                              oracle_sql_create_profile(operation->arena, sessions), &error);
    if (status == STATUS_OK || oracle_failed_with(operation, ORA_PROFILE_EXISTS))
        return STATUS_OK;
    if (reterr != NULL)
        *reterr = error;
    return status;
}

// The mark, then the user, locked and without a password, then its number in the mark: whoever
// comes after a crash in between knows it for its own.
static Status create_account(Operation *operation, const Plan *plan, int64_t expires_at,
                             OracleAccount *ret_account, Error *reterr) {
    Arena *arena = operation->arena;
    const char *user = oracle_account_user(arena, plan->account);
    const char *admin = operation->session->admin;
    AccountMark mark = account_mark_of(plan, expires_at);
    const char *text = account_mark_format(arena, &mark);
    const char *write = oracle_sql_write_mark(arena, admin, user);
    TRY(oracle_call_in_time(operation, "marking the account", write, write, text, reterr));
    TRY(oracle_change_in_time(operation, "creating the account",
                              oracle_sql_create_user(arena, user, plan->connection_limit), reterr));
    const char *number = oracle_sql_mark_user(arena, admin, user);
    TRY(oracle_call_in_time(operation, "marking the account", number, number, NULL, reterr));
    TRY(oracle_account_read(operation, plan->account, ret_account, reterr));
    AccountMark found;
    return oracle_account_check_mark(operation, plan, ret_account, &found, reterr);
}

static Status give_rights(Operation *operation, const OracleAccount *account,
                          const OracleResolution *resolution, Error *reterr) {
    Arena *arena = operation->arena;
    TRY(oracle_change_in_time(operation, "letting the account log in",
                              oracle_sql_grant_system(arena, "CREATE SESSION", account->user),
                              reterr));
    for (size_t i = 0; i < resolution->grant_count; i++) {
        const OracleGrant *grant = &resolution->grants[i];
        TRY(oracle_change_in_time(
            operation, "giving the account its privileges",
            oracle_sql_grant(arena, &grant->privileges, &grant->object, account->user), reterr));
    }
    for (size_t i = 0; i < resolution->roles.count; i++)
        TRY(oracle_change_in_time(
            operation, "giving the account a role",
            oracle_sql_grant_role(arena, resolution->roles.items[i], account->user), reterr));
    return STATUS_OK;
}

// The account as it will be the moment it is opened: nothing is left to be read then.
static Status read_back(Operation *operation, const Plan *plan, bool opens, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    OracleAccount account;
    AccountState *state;
    bool jobs_run;
    TRY(oracle_account_read(operation, plan->account, &account, reterr));
    TRY(oracle_jobs_run(operation, &jobs_run, reterr));
    TRY(oracle_account_state_read(operation, plan->account, &state, reterr));
    outcome->account_present = account.present;
    if (!account.present || state == NULL)
        return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "account_vanished",
                             "account \"%s\" was made, and removed again by somebody else",
                             plan->account);
    outcome->login_refused = !opens && !oracle_status_can_login(account.status);
    state->can_login = !outcome->login_refused;
    outcome->target_now_at = account.now_at;
    outcome->target_expires_at = account.job_ends_at;
    outcome->end_enforced = account.job_ends_at != 0 && jobs_run;
    outcome->account_key = arena_printf(operation->arena, "%lld", (long long)account.user_id);
    outcome->state = state;
    return STATUS_OK;
}

static Status set_password(Operation *operation, const GrantOrder *order, const char *user,
                           bool unlocks, Error *reterr) {
    return oracle_call_in_time(operation, "setting the account's password",
                               oracle_sql_set_password(operation->arena, user, unlocks),
                               oracle_sql_set_password_shown(operation->arena, user, unlocks),
                               secret_text(order->password), reterr);
}

// The server looked at its clock before it began. What it took from there may have been too long.
static Status open_account(Operation *operation, const GrantOrder *order,
                           const OracleAccount *account, Error *reterr) {
    TRY(set_password(operation, order, account->user, true, reterr));
    Error error = {0};
    Status status = check_deadline(operation, order, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    FailureClass failure = operation->evidence.failure;
    TRY(oracle_change(operation, "locking the account",
                      oracle_sql_lock_user(operation->arena, account->user), reterr));
    operation->evidence.outcome->login_refused = true;
    operation->evidence.failure = failure;
    if (reterr != NULL)
        *reterr = error;
    return status;
}

Status oracle_account_grant(Operation *operation, const GrantOrder *order, Error *reterr) {
    const Plan *plan = order->plan;
    OracleAccount account;
    AccountMark mark;
    int64_t expires_at;
    OracleResolution resolution;
    TRY(check_order(operation, order, true, true, reterr));
    TRY(oracle_resolve(operation, &plan->access, &resolution, reterr));
    TRY(oracle_resolution_require(operation, &resolution, reterr));
    TRY(check_deadline(operation, order, reterr));
    TRY(oracle_marks_ensure(operation, reterr));
    TRY(oracle_account_read(operation, plan->account, &account, reterr));
    if (account.present || account.has_row) {
        TRY(oracle_account_check_mark(operation, plan, &account, &mark, reterr));
        TRY(oracle_account_remove(operation, plan, reterr));
    }
    TRY(start_time(operation, order, &expires_at, reterr));
    TRY(ensure_profile(operation, plan->connection_limit, reterr));
    TRY(create_account(operation, plan, expires_at, &account, reterr));
    TRY(oracle_account_set_end(operation, &account, expires_at, true, reterr));
    TRY(give_rights(operation, &account, &resolution, reterr));
    TRY(read_back(operation, plan, true, reterr));
    operation->evidence.outcome->login_refused = true; // until the next has been carried out
    TRY(open_account(operation, order, &account, reterr));
    operation->evidence.outcome->login_refused = false;
    return STATUS_OK;
}

// ---- Changing -----------------------------------------------------------------------------------

// An account that is this plan's and not locked. Wrong passwords lock for a while alone.
static Status find_open(Operation *operation, const Plan *plan, OracleAccount *ret_account,
                        AccountMark *ret_mark, Error *reterr) {
    TRY(oracle_account_read(operation, plan->account, ret_account, reterr));
    operation->evidence.outcome->account_present = ret_account->present;
    if (!ret_account->present)
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "account_not_found",
                             "account \"%s\" is gone from the server", plan->account);
    TRY(oracle_account_check_mark(operation, plan, ret_account, ret_mark, reterr));
    if (ret_account->locked)
        return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_locked",
                             "account \"%s\" is locked: its access is over or being taken back",
                             plan->account);
    return STATUS_OK;
}

// The mark first: with it alone, the server still ends the access at the old moment.
Status oracle_account_extend(Operation *operation, const GrantOrder *order, Error *reterr) {
    const Plan *plan = order->plan;
    OracleAccount account;
    AccountMark mark;
    int64_t expires_at;
    TRY(check_order(operation, order, false, true, reterr));
    TRY(find_open(operation, plan, &account, &mark, reterr));
    TRY(start_time(operation, order, &expires_at, reterr));
    mark.expires = expires_at;
    const char *write =
        oracle_sql_change_mark(operation->arena, operation->session->admin, account.user);
    TRY(oracle_call_in_time(operation, "marking the account", write, write,
                            account_mark_format(operation->arena, &mark), reterr));
    TRY(oracle_account_set_end(operation, &account, expires_at, true, reterr));
    return read_back(operation, plan, false, reterr);
}

Status oracle_account_reset(Operation *operation, const GrantOrder *order, Error *reterr) {
    const Plan *plan = order->plan;
    OracleAccount account;
    AccountMark mark;
    TRY(check_order(operation, order, true, false, reterr));
    TRY(find_open(operation, plan, &account, &mark, reterr));
    TRY(start_time(operation, order, NULL, reterr));
    TRY(set_password(operation, order, account.user, account.locked_timed, reterr));
    return read_back(operation, plan, false, reterr);
}
