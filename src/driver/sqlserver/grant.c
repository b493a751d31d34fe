#include "driver/sqlserver/grant.h"

#include <sodium.h>
#include <string.h>

#include "base/fault_point.h"
#include "driver/sqlserver/accounts.h"
#include "driver/sqlserver/resolve.h"
#include "driver/sqlserver/revoke.h"

Status mssql_plan_check(Operation *operation, const Plan *plan, Error *reterr) {
    operation->evidence.failure = FAILURE_FATAL;
    TRY(tsql_name_check("account", plan->account, reterr));
    if (plan->custodian != NULL)
        TRY(tsql_name_check("custodian", plan->custodian, reterr));
    if (plan->grant_id == NULL || plan->deployment == NULL || plan->connector == NULL)
        return error_set(reterr, STATUS_INVALID, "bad_plan",
                         "the plan names no grant, deployment or connector");
    if (!text_equal(plan->target->database, operation->session->target.database))
        return error_set(reterr, STATUS_INVALID, "bad_plan",
                         "the plan is for database \"%s\", the session is in \"%s\"",
                         plan->target->database, operation->session->target.database);
    operation->evidence.failure = FAILURE_NONE;
    operation->evidence.outcome->account = plan->account;
    return STATUS_OK;
}

// What remains is counted after the server has told its time, so that the end it is given is never
// later than the one that was decided, however long we were held up before or since.
static Status read_end(Operation *operation, const GrantOrder *order, int64_t *ret_expires_at,
                       Error *reterr) {
    int64_t now_at;
    TRY(mssql_read_now(operation, &now_at, reterr));
    int64_t remaining_ms = order->ends_ms - clock_monotonic_ms(operation->session->clock);
    if (remaining_ms <= 0)
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "no_time_left",
                             "the access is over before it could be given");
    *ret_expires_at = now_at + remaining_ms;
    return STATUS_OK;
}

// ---- Giving -------------------------------------------------------------------------------------

static Secret *stored_form(const Operation *operation, const Secret *password) {
    if (!operation->session->takes_hash)
        return secret_new(secret_text(password), secret_length(password));
    unsigned char salt[TSQL_SALT_BYTES];
    randombytes_buf(salt, sizeof salt);
    return tsql_password_hash(password, salt);
}

static Status create_login(Operation *operation, const GrantOrder *order, Error *reterr) {
    Arena *arena = operation->arena;
    const Plan *plan = order->plan;
    CLEANUP(secret_freep) Secret *stored = stored_form(operation, order->password);
    const char *sid = tsql_sid(arena, plan->deployment, plan->grant_id);
    bool hashed = operation->session->takes_hash;
    char *sql = tsql_create_login(arena, plan->account, sid, plan->target->database,
                                  (TsqlPassword){stored, hashed});
    const char *shown = tsql_create_login(arena, plan->account, sid, plan->target->database,
                                          (TsqlPassword){NULL, hashed});
    return mssql_change_secret(operation, "creating the login", sql, shown, reterr);
}

static Status give_in_database(Operation *operation, const Plan *plan, const char *database,
                               const char *mark, const Resolution *resolution, Error *reterr) {
    Arena *arena = operation->arena;
    TRY(mssql_use(operation, database, reterr));
    TRY(mssql_change(operation, "creating the user",
                     tsql_create_user(arena, plan->account, plan->account), reterr));
    TRY(mssql_change(operation, "marking the account", tsql_add_mark(arena, plan->account, mark),
                     reterr));
    for (size_t i = 0; i < resolution->wanted_count; i++) {
        const Wanted *wanted = &resolution->wanted[i];
        if (strcmp(wanted->database, database) != 0)
            continue;
        TRY(mssql_change(operation, "giving privileges",
                         tsql_grant(arena, &wanted->privileges, &wanted->columns,
                                    &wanted->securable, plan->account, false),
                         reterr));
    }
    for (size_t i = 0; i < resolution->role_count; i++)
        if (strcmp(resolution->roles[i].database, database) == 0)
            TRY(mssql_change(operation, "making the account a member of a role",
                             tsql_add_member(arena, resolution->roles[i].role, plan->account),
                             reterr));
    return STATUS_OK;
}

// One transaction for all of it, in all databases. The server lets nobody log in with a login that
// is not committed.
static Status create_account(Operation *operation, const GrantOrder *order,
                             const Resolution *resolution, Error *reterr) {
    Arena *arena = operation->arena;
    const Plan *plan = order->plan;
    int64_t expires_at = 0;
    TRY(mssql_begin(operation, reterr));
    TRY(read_end(operation, order, &expires_at, reterr));
    AccountMark mark = account_mark_of(plan, expires_at);
    const char *mark_text = account_mark_format(arena, &mark);
    TRY(create_login(operation, order, reterr));
    FAULT_POINT("grant.account_created");
    StringList databases = mssql_plan_databases(arena, plan);
    for (size_t i = 0; i < databases.count; i++)
        TRY(give_in_database(operation, plan, databases.items[i], mark_text, resolution, reterr));
    FAULT_POINT("grant.before_commit");
    return mssql_commit_before(operation, order->deadline_ms, reterr);
}

static Status read_back(Operation *operation, const Plan *plan, Error *reterr) {
    bool found;
    Login login;
    TRY(mssql_use(operation, plan->target->database, reterr));
    TRY(mssql_login_read(operation, plan, &found, &login, reterr));
    Outcome *outcome = operation->evidence.outcome;
    outcome->account_present = found;
    outcome->login_refused = !found || login.disabled;
    if (!found)
        return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "account_vanished",
                             "account \"%s\" was made, and removed again by somebody else",
                             plan->account);
    outcome->target_now_at = login.now_at;
    outcome->account_key = login.key;
    TRY(mssql_account_state_read(operation, plan->account, &outcome->state, reterr));
    if (outcome->state != NULL)
        outcome->target_expires_at = outcome->state->mark_expires_at;
    return STATUS_OK;
}

Status mssql_account_grant(Operation *operation, const GrantOrder *order, Error *reterr) {
    const Plan *plan = order->plan;
    bool found;
    Login login;
    Resolution resolution;
    TRY(mssql_plan_check(operation, plan, reterr));
    TRY(mssql_check_deadline(operation, order->deadline_ms, reterr));
    TRY(mssql_login_read(operation, plan, &found, &login, reterr));
    if (found) // of an attempt whose report was lost
        TRY(mssql_account_remove(operation, plan, reterr));
    TRY(mssql_resolve_access(operation, plan, &resolution, reterr));
    TRY(mssql_resolution_require(operation, &resolution, reterr));
    TRY(mssql_check_deadline(operation, order->deadline_ms, reterr));
    TRY(create_account(operation, order, &resolution, reterr));
    FAULT_POINT("grant.after_commit");
    if (!operation->session->takes_hash)
        evidence_warn(&operation->evidence,
                      "this server takes no hash of a password: it was given the password itself");
    return read_back(operation, plan, reterr);
}

// ---- Changing -----------------------------------------------------------------------------------

static Status require_login(Operation *operation, const Plan *plan, Login *ret_login,
                            Error *reterr) {
    bool found;
    TRY(mssql_login_read(operation, plan, &found, ret_login, reterr));
    operation->evidence.outcome->account_present = found;
    if (found)
        return STATUS_OK;
    return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "account_gone",
                         "account \"%s\" is not there", plan->account);
}

static Status set_marks(Operation *operation, const Plan *plan, const Login *login,
                        int64_t expires_at, Error *reterr) {
    Arena *arena = operation->arena;
    AccountMark mark = account_mark_of(plan, expires_at);
    const char *text = account_mark_format(arena, &mark);
    Databases databases;
    Users users;
    TRY(mssql_databases_read(operation, &databases, reterr));
    TRY(mssql_users_read(operation, &databases, login->sid, &users, reterr));
    for (size_t i = 0; i < users.count; i++) {
        const User *user = &users.items[i];
        TRY(mssql_use(operation, user->database, reterr));
        TRY(mssql_change(operation, "marking the account",
                         user->mark == NULL ? tsql_add_mark(arena, user->name, text)
                                            : tsql_set_mark(arena, user->name, text),
                         reterr));
    }
    if (users.count == 0)
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "account_gone",
                             "account \"%s\" has no user in any database that admin account "
                             "\"%s\" can open",
                             plan->account, operation->session->admin);
    return STATUS_OK;
}

Status mssql_account_extend(Operation *operation, const GrantOrder *order, Error *reterr) {
    Login login;
    int64_t expires_at = 0;
    TRY(mssql_plan_check(operation, order->plan, reterr));
    TRY(mssql_check_deadline(operation, order->deadline_ms, reterr));
    TRY(mssql_begin(operation, reterr));
    TRY(require_login(operation, order->plan, &login, reterr));
    TRY(read_end(operation, order, &expires_at, reterr));
    TRY(set_marks(operation, order->plan, &login, expires_at, reterr));
    TRY(mssql_commit_before(operation, order->deadline_ms, reterr));
    return read_back(operation, order->plan, reterr);
}

Status mssql_account_reset(Operation *operation, const GrantOrder *order, Error *reterr) {
    Login login;
    TRY(mssql_plan_check(operation, order->plan, reterr));
    TRY(mssql_check_deadline(operation, order->deadline_ms, reterr));
    TRY(mssql_begin(operation, reterr));
    TRY(require_login(operation, order->plan, &login, reterr));
    CLEANUP(secret_freep) Secret *stored = stored_form(operation, order->password);
    bool hashed = operation->session->takes_hash;
    char *sql = tsql_set_password(operation->arena, login.name, (TsqlPassword){stored, hashed});
    TRY(mssql_change_secret(
        operation, "setting the password", sql,
        tsql_set_password(operation->arena, login.name, (TsqlPassword){NULL, hashed}), reterr));
    TRY(mssql_commit_before(operation, order->deadline_ms, reterr));
    return read_back(operation, order->plan, reterr);
}
