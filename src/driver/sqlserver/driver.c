#include "driver/sqlserver/driver.h"

#include "driver/sqlserver/accounts.h"
#include "driver/sqlserver/check.h"
#include "driver/sqlserver/discover.h"
#include "driver/sqlserver/grant.h"
#include "driver/sqlserver/inspect.h"
#include "driver/sqlserver/revoke.h"

// A session may come back from an operation that failed half way.
static Operation start(DriverSession *session, Arena *arena, DriverResult *result) {
    *result = (DriverResult){0};
    result->outcome.server_version = arena_strdup(arena, session->version_text);
    Operation operation = {.session = session,
                           .arena = arena,
                           .evidence = {.arena = arena, .outcome = &result->outcome}};
    mssql_rollback(&operation);
    return operation;
}

static Status finish(Operation *operation, Status status, DriverResult *result) {
    if (status == STATUS_OK) {
        result->failure = FAILURE_NONE;
        return STATUS_OK;
    }
    mssql_rollback(operation);
    result->failure =
        operation->evidence.failure == FAILURE_NONE ? FAILURE_FATAL : operation->evidence.failure;
    return status;
}

static Status driver_grant(DriverSession *session, Arena *arena, const GrantOrder *order,
                           DriverResult *result, Error *reterr) {
    Operation operation = start(session, arena, result);
    return finish(&operation, mssql_account_grant(&operation, order, reterr), result);
}

static Status driver_revoke(DriverSession *session, Arena *arena, const Plan *plan,
                            DriverResult *result, Error *reterr) {
    Operation operation = start(session, arena, result);
    return finish(&operation, mssql_account_revoke(&operation, plan, reterr), result);
}

static Status driver_extend(DriverSession *session, Arena *arena, const GrantOrder *order,
                            DriverResult *result, Error *reterr) {
    Operation operation = start(session, arena, result);
    return finish(&operation, mssql_account_extend(&operation, order, reterr), result);
}

static Status driver_reset(DriverSession *session, Arena *arena, const GrantOrder *order,
                           DriverResult *result, Error *reterr) {
    Operation operation = start(session, arena, result);
    return finish(&operation, mssql_account_reset(&operation, order, reterr), result);
}

static Status driver_restrain(DriverSession *session, Arena *arena, const Plan *plan,
                              DriverResult *result, Error *reterr) {
    Operation operation = start(session, arena, result);
    return finish(&operation, mssql_account_restrain(&operation, plan, reterr), result);
}

static Status driver_list_accounts(DriverSession *session, Arena *arena, const AccountQuery *query,
                                   FoundAccounts *ret_accounts, FailureClass *ret_failure,
                                   Error *reterr) {
    DriverResult result;
    Operation operation = start(session, arena, &result);
    Status status =
        finish(&operation, mssql_accounts_list(&operation, query, ret_accounts, reterr), &result);
    *ret_failure = result.failure;
    return status;
}

static Status driver_inspect(DriverSession *session, Arena *arena, const Plan *plan,
                             AccountInspection *ret_inspection, FailureClass *ret_failure,
                             Error *reterr) {
    DriverResult result;
    Operation operation = start(session, arena, &result);
    Status status = finish(
        &operation, mssql_account_inspect(&operation, plan, ret_inspection, reterr), &result);
    *ret_failure = result.failure;
    return status;
}

static Status driver_discover(DriverSession *session, Arena *arena, Discovery *ret_discovery,
                              FailureClass *ret_failure, Error *reterr) {
    DriverResult result;
    Operation operation = start(session, arena, &result);
    Status status = finish(&operation, mssql_discover(&operation, ret_discovery, reterr), &result);
    *ret_failure = result.failure;
    return status;
}

const Driver SQLSERVER_DRIVER = {
    .kind = TARGET_SQLSERVER,
    .name = "SQL Server",
    // A Managed Instance takes no hash, and nothing in the server ends a login at a time.
    .features = {.verifier_only = false,
                 .expiry_on_target = false,
                 .transactional = true,
                 .shared_roles = false,
                 .password_rules = true},
    .session_open = mssql_session_open,
    .session_close = mssql_session_close,
    .grant = driver_grant,
    .revoke = driver_revoke,
    .extend = driver_extend,
    .reset = driver_reset,
    .restrain = driver_restrain,
    .list_accounts = driver_list_accounts,
    .inspect = driver_inspect,
    .discover = driver_discover,
    .check = mssql_check,
};
