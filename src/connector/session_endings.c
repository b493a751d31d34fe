#include "connector/session_endings.h"

#include "connector/ceiling.h"

static Status ending_check(const ConnectorOptions *options, const SessionEnding *ending,
                           const SecretSource **ret_secret, Error *reterr) {
    const SecretSource *secret = connector_options_secret(options, ending->admin_secret);
    if (!secret)
        return error_set(reterr, STATUS_FORBIDDEN, "unknown_secret",
                         "the connector's file has no secret named %s, with which integration %s "
                         "is reached to end sessions",
                         ending->admin_secret, ending->integration);
    TRY(ceiling_check_target(secret, ending->target, reterr));
    TRY(ceiling_check_database(options, secret, ending->target, reterr));
    TRY(ceiling_check_session_users(options, secret, &ending->users, reterr));
    *ret_secret = secret;
    return STATUS_OK;
}

Status session_endings_check(const ConnectorOptions *options, const Plan *plan, Error *reterr) {
    const SecretSource *secret = NULL;
    for (size_t i = 0; i < plan->session_endings.count; i++)
        TRY(ending_check(options, &plan->session_endings.items[i], &secret, reterr));
    return STATUS_OK;
}

static Status ending_run(const Executor *executor, Arena *arena, const Plan *plan,
                         const SessionEnding *ending, Outcome *outcome, Error *reterr) {
    const SecretSource *secret = NULL;
    const Driver *driver = NULL;
    DriverSession *session = NULL;
    DriverResult result = {0};
    TRY(ending_check(executor->options, ending, &secret, reterr));
    TRY(executor_session_open(executor, secret, ending->target, plan->grant_id, &driver, &session,
                              &result.failure, reterr));
    Status status = driver_end_sessions(driver, session, arena, &ending->users, &result, reterr);
    driver->session_close(session);
    outcome->sessions_ended += result.outcome.sessions_ended;
    outcome->sessions_left += result.outcome.sessions_left;
    return status;
}

void session_endings_run(const Executor *executor, Arena *arena, const Plan *plan, int64_t until_ms,
                         Outcome *outcome) {
    for (size_t i = 0; i < plan->session_endings.count; i++) {
        const SessionEnding *ending = &plan->session_endings.items[i];
        Error error = {0};
        Status status = STATUS_EXPIRED;
        if (clock_monotonic_ms(executor->clock) < until_ms)
            status = ending_run(executor, arena, plan, ending, outcome, &error);
        else
            error_set(&error, status, "deadline_passed", "there was no time left");
        if (status != STATUS_OK)
            string_list_add(arena, &outcome->warnings,
                            arena_printf(arena,
                                         "sessions of %s through integration %s could not be "
                                         "ended, and last until they are closed: %s",
                                         string_list_join(arena, &ending->users, ", "),
                                         ending->integration, error.message));
    }
}
