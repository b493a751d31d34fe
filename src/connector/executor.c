#include "connector/executor.h"

#include <stdint.h>
#include <string.h>

#include <sodium.h>

#include "connector/ceiling.h"
#include "connector/secret_source.h"
#include "connector/session_endings.h"
#include "domain/aws_identity.h"
#include "wire/seal.h"

// A lease is counted from a moment that is not after its start (see lease_start). The margin is for
// clocks that do not run alike, so that nothing is committed after the control plane has given up
// waiting.
enum {
    PASSWORD_LENGTH = 32,
    RULED_PASSWORD_LENGTH = 28, // Oracle took no more than 30 bytes for a long time
    DEADLINE_MARGIN_MS = 5000,
};

// The code with which drivers say that nobody answered.
static const char UNREACHABLE[] = "target_unreachable";
// That of secrets which cannot be had.
static const char NO_SECRET[] = "no_secret";

// What every kind of action works with.
typedef struct Run {
    const Executor *executor;
    Arena *arena;
    const ReceivedAction *received;
    const SecretSource *secret;
    DriverResult result;
    ActionReport *report;
} Run;

static Status bad_plan(Error *reterr, const char *message) {
    return error_set(reterr, STATUS_INVALID, "bad_plan", "its plan %s", message);
}

// What is not whole could pass by a check for having nothing to compare. Of an account that no
// grant explains the address may be in pieces: nobody logs in with it.
static Status target_check(const Plan *plan, bool of_orphan, Error *reterr) {
    if (!plan->target->host || !plan->target->database)
        return bad_plan(reterr, "names no host or no database");
    TargetAddress target = *plan->target;
    return of_orphan ? STATUS_OK : target_address_complete(&target, reterr);
}

// On AWS the name of what is given says to whom; so does the ARN, and both have to mean the same.
static Status identity_check(Arena *arena, const Plan *plan, Error *reterr) {
    AwsIdentity identity;
    if (!plan->identity)
        return bad_plan(reterr, "names no identity");
    TRY(aws_identity_parse(arena, plan->identity, &identity, reterr));
    if (!text_equal(identity.account, plan->target->aws->account) ||
        !text_equal(aws_account_name(arena, &identity, plan->grant_id), plan->account))
        return bad_plan(reterr, "names another identity than its account says");
    return STATUS_OK;
}

static Status endings_check(const Plan *plan, Error *reterr) {
    for (size_t i = 0; i < plan->session_endings.count; i++) {
        TargetAddress target = *plan->session_endings.items[i].target;
        if (plan->target->kind != TARGET_AWS ||
            !target_facts((TargetKind)target.kind)->sessions_of_users)
            return bad_plan(reterr, "ends sessions where none can be ended");
        TRY(target_address_complete(&target, reterr));
    }
    return STATUS_OK;
}

// What the shape cannot say. The control plane is not trusted to have checked it.
static Status plan_check(Arena *arena, const Action *action, const Plan *plan, Error *reterr) {
    bool of_grant = action->kind != ACTION_DISCOVER && action->kind != ACTION_CHECK;
    if (of_grant &&
        (!plan->account || !plan->grant_id || !text_equal(plan->grant_id, action->grant_id)))
        return bad_plan(reterr, "names no account, or another grant than the action");
    // What no grant explains may be another installation's; the ceiling says whether that will do.
    bool of_orphan = action->kind == ACTION_REMOVE || action->kind == ACTION_INSPECT;
    if ((!of_orphan && !text_equal(plan->deployment, action->deployment)) ||
        !text_equal(plan->connector, action->connector))
        return bad_plan(reterr, "is of another installation or connector");
    TRY(target_check(plan, of_orphan, reterr));
    TRY(endings_check(plan, reterr));
    if (plan->target->kind == TARGET_AWS && of_grant && !of_orphan)
        TRY(identity_check(arena, plan, reterr));
    for (size_t i = 0; i < plan->access.count; i++)
        TRY(access_item_check((TargetKind)plan->target->kind, &plan->access.items[i], reterr));
    return STATUS_OK;
}

static Status plan_read(Arena *arena, const Action *action, Plan *ret_plan, Error *reterr) {
    if (!action->plan)
        return error_set(reterr, STATUS_INVALID, "bad_plan", "it has no plan");
    Plan plan;
    TRY(shape_read(arena, &PLAN_SHAPE, action->plan, &plan, reterr));
    TRY(plan_check(arena, action, &plan, reterr));
    *ret_plan = plan;
    return STATUS_OK;
}

// The control plane had the poll for held_ms before it leased the action, and did not have it
// before it was sent. How long the answer was on its way does not matter then.
static int64_t lease_start(const Action *action, const PollMade *poll) {
    int64_t at_ms = poll->sent_ms + action->held_ms;
    return at_ms < poll->answered_ms ? at_ms : poll->answered_ms;
}

Status executor_accept(const Executor *executor, Arena *arena, const SignedAction *signed_action,
                       const PollMade *poll, ReceivedAction *ret_action, Error *reterr) {
    const Identity *identity = executor->identity;
    ReceivedAction received = {0};
    Action *action = &received.action;
    TRY(action_verify(arena, identity->action_key, signed_action, action, reterr));
    if (!text_equal(action->deployment, identity->deployment) ||
        !text_equal(action->connector, identity->connector) ||
        !text_equal(action->instance, identity->instance))
        return error_set(reterr, STATUS_FORBIDDEN, "not_for_us",
                         "action %s is for instance %s of connector %s", action->id,
                         action->instance, action->connector);
    if (!text_equal(action->poll, poll->nonce))
        return error_set(reterr, STATUS_FORBIDDEN, "replayed",
                         "action %s answers another poll than the one it came with", action->id);
    received.leased_ms = lease_start(action, poll);
    Status status = plan_read(arena, action, &received.plan, reterr);
    if (status != STATUS_OK) {
        error_prefix(reterr, "action %s", action->id);
        return status;
    }
    *ret_action = received;
    return STATUS_OK;
}

DriverLogin executor_login(const Executor *executor, const SecretSource *secret,
                           const TargetAddress *target, const Secret *password,
                           const char *purpose) {
    return (DriverLogin){
        // Role, external id and endpoints are for the connector's file alone to say.
        .target = target->kind == TARGET_AWS ? secret->target : target,
        .user = secret->user,
        .password = password,
        .ca_file = secret->ca_file,
        .connect_timeout_ms = (int)executor->options->connect_timeout_s * SECOND_MS,
        .statement_timeout_ms = (int)executor->options->statement_timeout_s * SECOND_MS,
        .clock = executor->clock,
        .purpose = purpose,
        .profile = secret->profile,
        .programs = secret->programs,
        .withheld = &executor->options->secret_variables,
        .ceiling = ceiling_resources(executor->options, secret),
    };
}

static Status session_try(const Executor *executor, const SecretSource *secret,
                          const TargetAddress *target, const Driver *driver, const char *purpose,
                          DriverSession **ret_session, FailureClass *ret_failure, Error *reterr) {
    CLEANUP(secret_freep) Secret *password = NULL;
    *ret_failure = FAILURE_RETRY;
    TRY(secret_source_read(secret, &executor->options->secret_variables, &password, reterr));
    DriverLogin login = executor_login(executor, secret, target, password, purpose);
    return driver->session_open(&login, ret_session, ret_failure, reterr);
}

Status executor_session_open(const Executor *executor, const SecretSource *secret,
                             const TargetAddress *target, const char *purpose,
                             const Driver **ret_driver, DriverSession **ret_session,
                             FailureClass *ret_failure, Error *reterr) {
    const Driver *driver;
    *ret_failure = FAILURE_UNSUPPORTED;
    TRY(driver_require((TargetKind)target->kind, &driver, reterr));
    *ret_failure = FAILURE_RETRY;
    TRY(reachability_may_try(executor->reachability, secret, clock_monotonic_ms(executor->clock),
                             reterr));
    Error error = {0};
    Status status =
        session_try(executor, secret, target, driver, purpose, ret_session, ret_failure, &error);
    bool reached = !text_equal(error.code, UNREACHABLE) && !text_equal(error.code, NO_SECRET);
    reachability_note(executor->reachability, secret, reached ? NULL : &error,
                      clock_monotonic_ms(executor->clock));
    if (status != STATUS_OK) {
        *reterr = error;
        return status;
    }
    *ret_driver = driver;
    *ret_failure = FAILURE_NONE;
    return STATUS_OK;
}

static int64_t elapsed_ms(const Run *run) {
    return clock_monotonic_ms(run->executor->clock) - run->received->leased_ms;
}

static int64_t lease_ms(const Action *action) {
    return action->deadline_at - action->issued_at - DEADLINE_MARGIN_MS;
}

static GrantOrder order_make(const Run *run, const Secret *password) {
    const Action *action = &run->received->action;
    return (GrantOrder){
        .plan = &run->received->plan,
        .password = password,
        .ends_ms = run->received->leased_ms + action->expires_at - action->issued_at,
        .deadline_ms = run->received->leased_ms + lease_ms(action),
    };
}

static Status credential_seal(Run *run, const Secret *password, Error *reterr) {
    const Plan *plan = &run->received->plan;
    const Action *action = &run->received->action;
    const TargetAddress *target = plan->target;
    Credential credential = {
        .kind = enum_name(&TARGET_KINDS, target->kind),
        .host = target->host,
        .port = target->port ? target->port : target_default_port((TargetKind)target->kind),
        .database = target->database,
        .user = plan->account,
        .password = secret_text(password),
        .tls = enum_name(&TLS_MODES, target->tls),
        .expires_at = action->expires_at,
        .grant_id = plan->grant_id,
    };
    // The plain text lives in an arena of its own for as long as sealing takes, and is wiped.
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char *text = (char *)(uintptr_t)shape_format(arena, &CREDENTIAL_SHAPE, &credential);
    CLEANUP(secret_freep) Secret *content = secret_new(text, strlen(text));
    sodium_memzero(text, strlen(text));
    return seal_close(run->arena, action->seal_to, content, &run->report->sealed, reterr);
}

static Status run_order(Run *run, const Driver *driver, DriverSession *session,
                        const Secret *password, Error *reterr) {
    run->result.failure = FAILURE_NONE;
    GrantOrder order = order_make(run, password);
    if (run->received->action.kind == ACTION_GRANT)
        return driver_grant(driver, session, run->arena, &order, &run->result, reterr);
    return driver_reset(driver, session, run->arena, &order, &run->result, reterr);
}

static Status run_with_password(Run *run, const Driver *driver, DriverSession *session,
                                Error *reterr) {
    run->result.failure = FAILURE_REFUSED;
    if (!run->received->action.seal_to)
        return error_set(reterr, STATUS_INVALID, "bad_plan", "no key to seal the credential to");
    TRY(seal_public_key_check(run->received->action.seal_to, reterr));
    CLEANUP(secret_freep)
    Secret *password = driver->features.password_rules
                           ? secret_new_mixed_password(RULED_PASSWORD_LENGTH)
                           : secret_new_password(PASSWORD_LENGTH);
    // Sealed before anything is made, so that no account exists whose password nobody can have.
    TRY(credential_seal(run, password, reterr));
    return run_order(run, driver, session, password, reterr);
}

static Status run_discover(Run *run, const Driver *driver, DriverSession *session, Error *reterr) {
    Discovery discovery = {0};
    TRY(driver_discover(driver, session, run->arena, &discovery, &run->result.failure, reterr));
    run->report->discovery = shape_write(run->arena, &DISCOVERY_SHAPE, &discovery);
    return STATUS_OK;
}

// A custodian above the ceiling gets nothing; then what the account owns keeps it from being
// removed, but not from being locked.
static Status run_revoke(Run *run, const Driver *driver, DriverSession *session, Error *reterr) {
    Plan plan = run->received->plan;
    const char *custodian = plan.custodian;
    if (!ceiling_allows_custodian(run->executor->options, run->secret, custodian))
        plan.custodian = NULL;
    if (run->received->action.kind == ACTION_REMOVE)
        plan.target = run->secret->target; // as the sweep that found it reached it
    Status status = driver_revoke(driver, session, run->arena, &plan, &run->result, reterr);
    if (status == STATUS_OK)
        session_endings_run(run->executor, run->arena, &plan,
                            run->received->leased_ms + lease_ms(&run->received->action),
                            &run->result.outcome);
    if (custodian && !plan.custodian)
        string_list_add(run->arena, &run->result.outcome.warnings,
                        arena_printf(run->arena,
                                     "custodian %s is above the ceiling of the connector's file: "
                                     "nothing is handed over to it",
                                     custodian));
    return status;
}

// Anybody's account may be looked at: its name was told already. Whether it could be removed is
// told with what is seen.
static Status run_inspect(Run *run, const Driver *driver, DriverSession *session, Error *reterr) {
    const Executor *executor = run->executor;
    Plan plan = run->received->plan;
    AccountInspection inspection = {0};
    Error refusal = {0};
    if (!ceiling_allows_custodian(executor->options, run->secret, plan.custodian))
        plan.custodian = NULL;
    TRY(driver_inspect(driver, session, run->arena, &plan, &inspection, &run->result.failure,
                       reterr));
    if (ceiling_check_orphan(executor->options, run->secret, &plan, executor->identity->deployment,
                             &refusal) != STATUS_OK)
        inspection.refusal = refusal.message;
    run->report->inspection = shape_write(run->arena, &ACCOUNT_INSPECTION_SHAPE, &inspection);
    return STATUS_OK;
}

static Status run_on_session(Run *run, const Driver *driver, DriverSession *session,
                             Error *reterr) {
    switch ((ActionKind)run->received->action.kind) {
    case ACTION_GRANT:
    case ACTION_RESET:
        return target_facts(driver->kind)->no_credential
                   ? run_order(run, driver, session, NULL, reterr)
                   : run_with_password(run, driver, session, reterr);
    case ACTION_REVOKE:
    case ACTION_REMOVE:
        return run_revoke(run, driver, session, reterr);
    case ACTION_INSPECT:
        return run_inspect(run, driver, session, reterr);
    case ACTION_EXTEND: {
        GrantOrder order = order_make(run, NULL);
        return driver_extend(driver, session, run->arena, &order, &run->result, reterr);
    }
    case ACTION_DISCOVER:
        return run_discover(run, driver, session, reterr);
    case ACTION_CHECK:
    case ACTION_KIND_COUNT_:
        break;
    }
    run->result.failure = FAILURE_UNSUPPORTED;
    return error_set(reterr, STATUS_UNSUPPORTED, "unknown_action",
                     "this connector does not know "
                     "that kind of action");
}

// Whose work it is, where a target keeps a record of that.
static const char *action_purpose(const Action *action) {
    return action->grant_id != NULL ? action->grant_id : enum_name(&ACTION_KINDS, action->kind);
}

// A check opens its own session, step by step, and cannot fail itself.
static Status run_check(Run *run, Error *reterr) {
    const Plan *plan = &run->received->plan;
    const Driver *driver;
    run->result.failure = FAILURE_UNSUPPORTED;
    TRY(driver_require((TargetKind)plan->target->kind, &driver, reterr));
    CLEANUP(secret_freep) Secret *password = NULL;
    run->result.failure = FAILURE_RETRY;
    TRY(secret_source_read(run->secret, &run->executor->options->secret_variables, &password,
                           reterr));
    run->result.failure = FAILURE_NONE;
    DriverLogin login = executor_login(run->executor, run->secret, plan->target, password,
                                       action_purpose(&run->received->action));
    CheckReport report = {0};
    driver->check(&login, run->arena, &plan, 1, &report);
    json_t *checks = json_keep(run->arena, json_array());
    for (size_t i = 0; i < report.count; i++)
        json_array_append(checks, shape_write(run->arena, &CHECK_ITEM_SHAPE, &report.items[i]));
    run->report->checks = checks;
    return STATUS_OK;
}

static Status run_allowed(Run *run, Error *reterr) {
    const Action *action = &run->received->action;
    const Plan *plan = &run->received->plan;
    run->result.failure = FAILURE_REFUSED;
    run->secret = connector_options_secret(run->executor->options, plan->admin_secret);
    if (!run->secret)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_secret",
                         "the connector's file has no secret named %s", plan->admin_secret);
    if (action->kind == ACTION_RESET && target_facts((TargetKind)plan->target->kind)->no_credential)
        return error_set(reterr, STATUS_UNSUPPORTED, "nothing_to_reset",
                         "nothing is delivered for access through %s, so there is no credential to "
                         "replace",
                         target_facts((TargetKind)plan->target->kind)->title);
    bool gives = action->kind == ACTION_GRANT || action->kind == ACTION_EXTEND;
    if (gives || action->kind == ACTION_RESET) {
        int64_t left_ms = action->expires_at - action->issued_at;
        TRY(ceiling_check(run->arena, run->executor->options, run->secret, plan,
                          gives ? (left_ms + SECOND_MS - 1) / SECOND_MS : 0, reterr));
        TRY(session_endings_check(run->executor->options, plan, reterr));
    } else if (action->kind == ACTION_REMOVE) {
        TRY(ceiling_check_orphan(run->executor->options, run->secret, plan,
                                 run->executor->identity->deployment, reterr));
    } else {
        TRY(ceiling_check_target(run->secret, plan->target, reterr));
    }
    if (action->kind == ACTION_DISCOVER || action->kind == ACTION_CHECK)
        TRY(ceiling_check_database(run->executor->options, run->secret, plan->target, reterr));
    if (elapsed_ms(run) >= lease_ms(action)) {
        run->result.failure = FAILURE_RETRY;
        return error_set(reterr, STATUS_EXPIRED, "deadline_passed",
                         "the action was not begun before its deadline");
    }
    if (action->kind == ACTION_CHECK)
        return run_check(run, reterr);
    const Driver *driver = NULL;
    DriverSession *session = NULL;
    bool of_orphan = action->kind == ACTION_REMOVE || action->kind == ACTION_INSPECT;
    TRY(executor_session_open(
        run->executor, run->secret, of_orphan ? run->secret->target : plan->target,
        action_purpose(action), &driver, &session, &run->result.failure, reterr));
    Status status = run_on_session(run, driver, session, reterr);
    driver->session_close(session);
    return status;
}

void executor_run(const Executor *executor, Arena *arena, const ReceivedAction *received,
                  ActionReport *ret_report) {
    const Action *action = &received->action;
    *ret_report = (ActionReport){.action_id = action->id, .attempt = action->attempt};
    Run run = {.executor = executor, .arena = arena, .received = received, .report = ret_report};
    Error error = {0};
    Status status = run_allowed(&run, &error);
    ret_report->done = status == STATUS_OK;
    if (status != STATUS_OK) {
        FailureClass failure = run.result.failure ? run.result.failure : FAILURE_FATAL;
        ret_report->failure = enum_name(&FAILURE_CLASSES, (int)failure);
        ret_report->code = arena_strdup(arena, error.code);
        ret_report->message = arena_strdup(arena, error.message);
        ret_report->sealed = NULL;
    }
    // Without a session nobody has looked, and nothing is said of the account.
    bool looked = run.result.outcome.server_version != NULL;
    if (looked && action->kind != ACTION_DISCOVER && action->kind != ACTION_CHECK &&
        action->kind != ACTION_INSPECT)
        ret_report->outcome = shape_write(arena, &OUTCOME_SHAPE, &run.result.outcome);
    if (ret_report->done && (action->kind == ACTION_GRANT || action->kind == ACTION_EXTEND))
        ret_report->expires_in_ms = action->expires_at - action->issued_at - elapsed_ms(&run);
    if (run.result.outcome.target_now_at)
        ret_report->target_clock_difference_ms =
            run.result.outcome.target_now_at - clock_now_ms(executor->clock);
}
