#include "driver/mysql/driver.h"

#include "driver/mysql/accounts.h"
#include "driver/mysql/check.h"
#include "driver/mysql/discover.h"
#include "driver/mysql/grant.h"
#include "driver/mysql/inspect.h"
#include "driver/mysql/revoke.h"

static Operation start(DriverSession *session, Arena *arena, DriverResult *result) {
    *result = (DriverResult){0};
    result->outcome.server_version = arena_strdup(arena, session->version_text);
    return (Operation){.session = session,
                       .arena = arena,
                       .evidence = {.arena = arena, .outcome = &result->outcome}};
}

static Status finish(Operation *operation, Status status, DriverResult *result) {
    my_operation_unlock(operation);
    result->failure = FAILURE_NONE;
    if (status != STATUS_OK)
        result->failure = operation->evidence.failure == FAILURE_NONE ? FAILURE_FATAL
                                                                      : operation->evidence.failure;
    return status;
}

static Status driver_grant(DriverSession *session, Arena *arena, const GrantOrder *order,
                           DriverResult *result, Error *reterr) {
    Operation operation = start(session, arena, result);
    return finish(&operation, my_account_grant(&operation, order, reterr), result);
}

static Status driver_revoke(DriverSession *session, Arena *arena, const Plan *plan,
                            DriverResult *result, Error *reterr) {
    Operation operation = start(session, arena, result);
    return finish(&operation, my_account_revoke(&operation, plan, reterr), result);
}

static Status driver_extend(DriverSession *session, Arena *arena, const GrantOrder *order,
                            DriverResult *result, Error *reterr) {
    Operation operation = start(session, arena, result);
    return finish(&operation, my_account_extend(&operation, order, reterr), result);
}

static Status driver_reset(DriverSession *session, Arena *arena, const GrantOrder *order,
                           DriverResult *result, Error *reterr) {
    Operation operation = start(session, arena, result);
    return finish(&operation, my_account_reset(&operation, order, reterr), result);
}

static Status driver_restrain(DriverSession *session, Arena *arena, const Plan *plan,
                              DriverResult *result, Error *reterr) {
    Operation operation = start(session, arena, result);
    return finish(&operation, my_account_restrain(&operation, plan, reterr), result);
}

static Status driver_list_accounts(DriverSession *session, Arena *arena, const AccountQuery *query,
                                   FoundAccounts *ret_accounts, FailureClass *ret_failure,
                                   Error *reterr) {
    DriverResult result;
    Operation operation = start(session, arena, &result);
    Status status =
        finish(&operation, my_accounts_list(&operation, query, ret_accounts, reterr), &result);
    *ret_failure = result.failure;
    return status;
}

static Status driver_inspect(DriverSession *session, Arena *arena, const Plan *plan,
                             AccountInspection *ret_inspection, FailureClass *ret_failure,
                             Error *reterr) {
    DriverResult result;
    Operation operation = start(session, arena, &result);
    Status status =
        finish(&operation, my_account_inspect(&operation, plan, ret_inspection, reterr), &result);
    *ret_failure = result.failure;
    return status;
}

static Status driver_discover(DriverSession *session, Arena *arena, Discovery *ret_discovery,
                              FailureClass *ret_failure, Error *reterr) {
    DriverResult result;
    Operation operation = start(session, arena, &result);
    Status status = finish(&operation, my_discover(&operation, ret_discovery, reterr), &result);
    *ret_failure = result.failure;
    return status;
}

// Of a server whose event scheduler is on; each outcome says whether it was.
#define FEATURES                                                                                   \
    { .verifier_only = true, .expiry_on_target = true }

const Driver MYSQL_DRIVER = {
    .kind = TARGET_MYSQL,
    .name = "MySQL",
    .features = FEATURES,
    .session_open = my_session_open_mysql,
    .session_close = my_session_close,
    .grant = driver_grant,
    .revoke = driver_revoke,
    .extend = driver_extend,
    .reset = driver_reset,
    .restrain = driver_restrain,
    .list_accounts = driver_list_accounts,
    .inspect = driver_inspect,
    .discover = driver_discover,
    .check = my_check_mysql,
};

const Driver MARIADB_DRIVER = {
    .kind = TARGET_MARIADB,
    .name = "MariaDB",
    .features = FEATURES,
    .session_open = my_session_open_mariadb,
    .session_close = my_session_close,
    .grant = driver_grant,
    .revoke = driver_revoke,
    .extend = driver_extend,
    .reset = driver_reset,
    .restrain = driver_restrain,
    .list_accounts = driver_list_accounts,
    .inspect = driver_inspect,
    .discover = driver_discover,
    .check = my_check_mariadb,
};
