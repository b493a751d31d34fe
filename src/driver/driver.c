#include "driver/driver.h"

// A session may come back from an operation that failed half way.
static Operation start(const Driver *driver, DriverSession *session, Arena *arena,
                       DriverResult *result) {
    *result = (DriverResult){0};
    result->outcome.server_version = arena_strdup(arena, driver->server_version(session));
    Operation operation = {.session = session,
                           .arena = arena,
                           .evidence = {.arena = arena, .outcome = &result->outcome}};
    if (driver->settle != NULL)
        driver->settle(&operation);
    return operation;
}

static Status finish(const Driver *driver, Operation *operation, Status status,
                     DriverResult *result) {
    if (status != STATUS_OK && driver->settle != NULL)
        driver->settle(operation);
    if (driver->release != NULL)
        driver->release(operation);
    result->failure = FAILURE_NONE;
    if (status != STATUS_OK)
        result->failure = operation->evidence.failure == FAILURE_NONE ? FAILURE_FATAL
                                                                      : operation->evidence.failure;
    return status;
}

typedef Status OrderWork(Operation *operation, const GrantOrder *order, Error *reterr);
typedef Status PlanWork(Operation *operation, const Plan *plan, Error *reterr);

static Status run_order(const Driver *driver, OrderWork *work, DriverSession *session, Arena *arena,
                        const GrantOrder *order, DriverResult *result, Error *reterr) {
    Operation operation = start(driver, session, arena, result);
    return finish(driver, &operation, work(&operation, order, reterr), result);
}

static Status run_plan(const Driver *driver, PlanWork *work, DriverSession *session, Arena *arena,
                       const Plan *plan, DriverResult *result, Error *reterr) {
    Operation operation = start(driver, session, arena, result);
    return finish(driver, &operation, work(&operation, plan, reterr), result);
}

Status driver_grant(const Driver *driver, DriverSession *session, Arena *arena,
                    const GrantOrder *order, DriverResult *result, Error *reterr) {
    return run_order(driver, driver->grant, session, arena, order, result, reterr);
}

Status driver_revoke(const Driver *driver, DriverSession *session, Arena *arena, const Plan *plan,
                     DriverResult *result, Error *reterr) {
    return run_plan(driver, driver->revoke, session, arena, plan, result, reterr);
}

Status driver_extend(const Driver *driver, DriverSession *session, Arena *arena,
                     const GrantOrder *order, DriverResult *result, Error *reterr) {
    return run_order(driver, driver->extend, session, arena, order, result, reterr);
}

Status driver_reset(const Driver *driver, DriverSession *session, Arena *arena,
                    const GrantOrder *order, DriverResult *result, Error *reterr) {
    return run_order(driver, driver->reset, session, arena, order, result, reterr);
}

Status driver_restrain(const Driver *driver, DriverSession *session, Arena *arena, const Plan *plan,
                       DriverResult *result, Error *reterr) {
    return run_plan(driver, driver->restrain, session, arena, plan, result, reterr);
}

Status driver_list_accounts(const Driver *driver, DriverSession *session, Arena *arena,
                            const AccountQuery *query, FoundAccounts *ret_accounts,
                            FailureClass *ret_failure, Error *reterr) {
    DriverResult result;
    Operation operation = start(driver, session, arena, &result);
    Status status = driver->list_accounts(&operation, query, ret_accounts, reterr);
    status = finish(driver, &operation, status, &result);
    *ret_failure = result.failure;
    return status;
}

Status driver_inspect(const Driver *driver, DriverSession *session, Arena *arena, const Plan *plan,
                      AccountInspection *ret_inspection, FailureClass *ret_failure, Error *reterr) {
    DriverResult result;
    Operation operation = start(driver, session, arena, &result);
    Status status = driver->inspect(&operation, plan, ret_inspection, reterr);
    status = finish(driver, &operation, status, &result);
    *ret_failure = result.failure;
    return status;
}

Status driver_discover(const Driver *driver, DriverSession *session, Arena *arena,
                       Discovery *ret_discovery, FailureClass *ret_failure, Error *reterr) {
    DriverResult result;
    Operation operation = start(driver, session, arena, &result);
    Status status = driver->discover(&operation, ret_discovery, reterr);
    status = finish(driver, &operation, status, &result);
    *ret_failure = result.failure;
    return status;
}

Status driver_end_sessions(const Driver *driver, DriverSession *session, Arena *arena,
                           const StringList *users, DriverResult *result, Error *reterr) {
    Operation operation = start(driver, session, arena, result);
    Status status =
        driver->end_sessions != NULL
            ? driver->end_sessions(&operation, users, reterr)
            : evidence_fail(&operation.evidence, FAILURE_UNSUPPORTED, reterr,
                            "no_sessions_of_users",
                            "sessions of users cannot be ended by name on %s", driver->name);
    return finish(driver, &operation, status, result);
}
