#include "driver/postgresql/grant.h"

#include <string.h>

#include "base/fault_point.h"
#include "driver/postgresql/accounts.h"
#include "driver/account_mark.h"
#include "driver/postgresql/resolve.h"
#include "driver/postgresql/revoke.h"
#include "driver/postgresql/role.h"
#include "driver/postgresql/shared_role.h"

enum { ATTEMPTS = 3 };

Status pg_plan_check(Operation *operation, const Plan *plan, Error *reterr) {
    operation->evidence.failure = FAILURE_FATAL;
    TRY(pg_sql_name_check("account", plan->account, reterr));
    if (plan->custodian != NULL)
        TRY(pg_sql_name_check("custodian", plan->custodian, reterr));
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
static Status read_now(Operation *operation, const GrantOrder *order, int64_t *ret_now_at,
                       int64_t *ret_expires_at, Error *reterr) {
    static const char SQL[] = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading the server's clock", .sql = SQL},
                          &rows, reterr));
    int64_t remaining_ms = order->ends_ms - clock_monotonic_ms(operation->session->clock);
    if (remaining_ms <= 0)
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "no_time_left",
                             "the access is over before it could be given");
    *ret_now_at = pg_rows_int(rows, 0, 0);
    *ret_expires_at = *ret_now_at + remaining_ms;
    return STATUS_OK;
}

// What will be there, as the server says, before it is committed: a query that fails then ends the
// attempt while nothing has happened, and after the commit nothing is left that could fail.
static Status read_back(Operation *operation, const Plan *plan, Error *reterr) {
    bool found;
    Role role;
    TRY(pg_role_read(operation, plan->account, &found, &role, reterr));
    if (!found)
        return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "account_vanished",
                             "account \"%s\" is gone in the middle of its own transaction",
                             plan->account);
    Outcome *outcome = operation->evidence.outcome;
    outcome->account_present = true;
    outcome->login_refused =
        !role.can_login || (role.expires_at != 0 && role.expires_at <= role.now_at);
    outcome->target_now_at = role.now_at;
    outcome->target_expires_at = role.expires_at;
    outcome->end_enforced = role.expires_at != 0;
    outcome->account_key = arena_printf(operation->arena, "%lld", (long long)role.oid);
    return pg_account_state_read(operation, plan->account, &outcome->state, reterr);
}

static Status create_account(Operation *operation, const GrantOrder *order, int64_t expires_at,
                             Error *reterr) {
    const Plan *plan = order->plan;
    Arena *arena = operation->arena;
    SqlAccount account = {.name = plan->account,
                          .expires_at = expires_at,
                          .connection_limit = plan->connection_limit};
    AccountMark mark = account_mark_of(plan, account.expires_at);
    CLEANUP(secret_freep) Secret *verifier = NULL;
    TRY(pg_session_verifier(operation->session, plan->account, order->password, &verifier,
                            &operation->evidence.failure, reterr));
    TRY(pg_operation_change_secret(operation, "creating the account",
                                   pg_sql_create_account(arena, &account, secret_text(verifier)),
                                   pg_sql_create_account(arena, &account, NULL), reterr));
    FAULT_POINT("grant.account_created");
    return pg_operation_change(
        operation, "marking the account",
        pg_sql_comment_role(arena, plan->account, account_mark_format(arena, &mark)), reterr);
}

static Status grant_roles(Operation *operation, const Plan *plan, const StringList *roles,
                          Error *reterr) {
    for (size_t i = 0; i < roles->count; i++) {
        const char *role = roles->items[i];
        StringList statement = {0};
        string_list_add(
            operation->arena, &statement,
            pg_sql_grant_role(operation->arena, role, plan->account, operation->session->version));
        TRY(pg_operation_change_all(
            operation,
            arena_printf(operation->arena, "making the account a member of role \"%s\"", role),
            &statement, reterr));
    }
    return STATUS_OK;
}

// Objects that everybody may create, or a pooler that keeps sessions: worth saying with each grant.
static Status warn_of_surroundings(Operation *operation, Error *reterr) {
    static const char SQL[] = "SELECT FROM pg_namespace WHERE nspname = 'public'"
                              " AND has_schema_privilege('public', oid, 'CREATE')";
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading what PUBLIC may", .sql = SQL},
                          &rows, reterr));
    if (pg_rows_count(rows) > 0)
        evidence_warn(&operation->evidence, "PUBLIC may create objects in schema public");
    if (operation->session->pooled)
        evidence_warn(&operation->evidence,
                      "a connection pooler stands before the server; it may keep "
                      "sessions open past the end of the grant");
    return STATUS_OK;
}

typedef enum Turn { TURN_DONE, TURN_NEEDS_EXCLUSIVE, TURN_ACCOUNT_THERE } Turn;

// One transaction from BEGIN to COMMIT, or as far as `ret_turn` says.
static Status try_grant(Operation *operation, const GrantOrder *order, bool exclusive,
                        Turn *ret_turn, Role *ret_role, Error *reterr) {
    const Plan *plan = order->plan;
    bool shared = plan->privilege_mode == PRIVILEGE_SHARED_ROLE;
    bool found;
    int64_t now_at;
    int64_t expires_at;
    TRY(pg_operation_begin(operation, reterr));
    TRY(pg_operation_lock_account(operation, plan->account, reterr));
    TRY(pg_operation_lock_privileges(operation, exclusive, reterr));
    TRY(pg_role_read(operation, plan->account, &found, ret_role, reterr));
    if (found) {
        *ret_turn = TURN_ACCOUNT_THERE;
        return STATUS_OK;
    }
    TRY(read_now(operation, order, &now_at, &expires_at, reterr));
    Resolution resolution;
    TRY(pg_resolve_access(operation, &plan->access, &resolution, reterr));
    TRY(pg_resolution_require(operation, &resolution, reterr));
    if (shared && resolution.wanted.count > 0) {
        const char *role;
        TRY(pg_shared_role_ensure(operation, plan, &resolution.wanted, now_at, exclusive, &role,
                                  reterr));
        if (role == NULL) {
            *ret_turn = TURN_NEEDS_EXCLUSIVE;
            return STATUS_OK;
        }
        string_list_add(operation->arena, &resolution.roles, role);
    }
    TRY(create_account(operation, order, expires_at, reterr));
    FAULT_POINT("grant.account_marked");
    TRY(grant_roles(operation, plan, &resolution.roles, reterr));
    if (!shared) {
        StringList grants =
            pg_privilege_set_grants(operation->arena, &resolution.wanted, plan->account, false);
        TRY(pg_operation_change_all(operation, "giving the account its privileges", &grants,
                                    reterr));
    }
    TRY(warn_of_surroundings(operation, reterr));
    TRY(read_back(operation, plan, reterr));
    FAULT_POINT("grant.before_commit");
    TRY(pg_operation_commit_before(operation, order->deadline_ms, reterr));
    FAULT_POINT("grant.committed");
    *ret_turn = TURN_DONE;
    return STATUS_OK;
}

static Status check_order(Operation *operation, const GrantOrder *order, bool needs_password,
                          bool needs_time, Error *reterr) {
    TRY(pg_plan_check(operation, order->plan, reterr));
    bool has_time = order->ends_ms > clock_monotonic_ms(operation->session->clock);
    if ((needs_password && order->password == NULL) || (needs_time && !has_time))
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "bad_order",
                             "the order has no password or no time left");
    return pg_operation_check_deadline(operation, order->deadline_ms, reterr);
}

Status pg_account_grant(Operation *operation, const GrantOrder *order, Error *reterr) {
    TRY(check_order(operation, order, true, true, reterr));
    bool exclusive = order->plan->privilege_mode == PRIVILEGE_DIRECT;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        Turn turn = TURN_DONE;
        Role role;
        TRY(try_grant(operation, order, exclusive, &turn, &role, reterr));
        if (turn == TURN_DONE)
            return STATUS_OK;
        pg_operation_rollback(operation);
        if (turn == TURN_NEEDS_EXCLUSIVE)
            exclusive = true;
        else
            TRY(pg_account_remove(operation, order->plan, reterr));
        FAULT_POINT("grant.again");
        TRY(pg_operation_check_deadline(operation, order->deadline_ms, reterr));
    }
    return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "target_busy",
                         "account \"%s\" appears again and again; somebody else is making it",
                         order->plan->account);
}

// Begins a transaction on an account that is this plan's and not locked.
static Status begin_on_account(Operation *operation, const Plan *plan, Role *ret_role,
                               AccountMark *ret_mark, Error *reterr) {
    bool found;
    TRY(pg_operation_begin(operation, reterr));
    TRY(pg_operation_lock_account(operation, plan->account, reterr));
    TRY(pg_role_read(operation, plan->account, &found, ret_role, reterr));
    if (!found)
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "account_not_found",
                             "account \"%s\" is gone from the server", plan->account);
    operation->evidence.outcome->account_present = true;
    TRY(pg_account_check_mark(operation, plan, ret_role, ret_mark, reterr));
    if (!ret_role->can_login)
        return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_locked",
                             "account \"%s\" is locked: its access is being taken back",
                             plan->account);
    return STATUS_OK;
}

Status pg_account_extend(Operation *operation, const GrantOrder *order, Error *reterr) {
    TRY(check_order(operation, order, false, true, reterr));
    const Plan *plan = order->plan;
    Arena *arena = operation->arena;
    Role role;
    AccountMark mark;
    TRY(begin_on_account(operation, plan, &role, &mark, reterr));
    int64_t now_at;
    TRY(read_now(operation, order, &now_at, &mark.expires, reterr));
    TRY(pg_operation_change(operation, "setting the account's end",
                            pg_sql_set_expiry(arena, plan->account, mark.expires), reterr));
    FAULT_POINT("extend.time_set");
    TRY(pg_operation_change(
        operation, "marking the account",
        pg_sql_comment_role(arena, plan->account, account_mark_format(arena, &mark)), reterr));
    TRY(read_back(operation, plan, reterr));
    FAULT_POINT("extend.before_commit");
    TRY(pg_operation_commit_before(operation, order->deadline_ms, reterr));
    FAULT_POINT("extend.committed");
    return STATUS_OK;
}

Status pg_account_reset(Operation *operation, const GrantOrder *order, Error *reterr) {
    TRY(check_order(operation, order, true, false, reterr));
    const Plan *plan = order->plan;
    Role role;
    AccountMark mark;
    CLEANUP(secret_freep) Secret *verifier = NULL;
    TRY(pg_session_verifier(operation->session, plan->account, order->password, &verifier,
                            &operation->evidence.failure, reterr));
    TRY(begin_on_account(operation, plan, &role, &mark, reterr));
    TRY(pg_operation_change_secret(
        operation, "setting the account's password",
        pg_sql_set_password(operation->arena, plan->account, secret_text(verifier)),
        pg_sql_set_password(operation->arena, plan->account, NULL), reterr));
    TRY(read_back(operation, plan, reterr));
    FAULT_POINT("reset.before_commit");
    TRY(pg_operation_commit_before(operation, order->deadline_ms, reterr));
    FAULT_POINT("reset.committed");
    return STATUS_OK;
}
