#include "driver_contract.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "cutting_proxy.h"

enum { HOUR_MS = 3600 * SECOND_MS, DEADLINE_MS = 30 * SECOND_MS, ATTEMPTS = 100 };

Work *work_new(World *world) {
    Work *work = mem_alloc(sizeof *work);
    work->world = world;
    work->arena = arena_new();
    FailureClass failure = FAILURE_NONE;
    if (world->engine->driver->session_open(&world->login, &work->session, &failure,
                                            &work->error) != STATUS_OK)
        fail_msg("%s (%s)", work->error.message, work->error.detail);
    work_renew(work);
    return work;
}

void work_renew(Work *work) {
    World *world = work->world;
    int number = ++world->accounts;
    secret_free(work->password);
    work->password = secret_new_password(24);
    work->result = (DriverResult){0};
    work->error = (Error){0};
    work->plan = arena_alloc(work->arena, sizeof *work->plan);
    *work->plan = (Plan){
        .grant_id = arena_printf(work->arena, "grant_%s_%d", world->name_part, number),
        .deployment = "deployment-of-the-test",
        .connector = "main",
        .integration = "shop",
        .target = &world->target,
        .admin_secret = "shop-admin",
        .account = arena_printf(work->arena, "temp_%s_%d", world->name_part, number),
        .custodian = world->custodian,
        .privilege_mode = world->privilege_mode,
        .connection_limit = engine_has(world->engine, TRAIT_CONNECTION_LIMIT) ? 5 : 0,
        .duration_s = 3600,
    };
    plan_access(work, ACCESS_READ, "customers");
}

void work_free(Work *work) {
    driver_of(work)->session_close(work->session);
    secret_free(work->password);
    arena_free(work->arena);
    mem_free(work);
}

const char *work_password(const Work *work) {
    return secret_text(work->password);
}

const Driver *driver_of(const Work *work) {
    return work->world->engine->driver;
}

// ---- Plans --------------------------------------------------------------------------------------

void plan_grants(Work *work, const AccessItem *items, size_t count) {
    work->plan->access.items = arena_copy(work->arena, items, count * sizeof items[0]);
    work->plan->access.count = count;
}

void plan_access(Work *work, Access access, const char *table) {
    AccessItem item = work->world->engine->access(work->world, work->arena, access, table);
    plan_grants(work, &item, 1);
}

AccessItem may_read(const Work *work, const char *table) {
    return work->world->engine->access(work->world, work->arena, ACCESS_READ, table);
}

void plan_maker(Work *work) {
    const Engine *engine = work->world->engine;
    AccessItem items[] = {may_read(work, "customers"),
                          engine->access(work->world, work->arena, ACCESS_MAKE, NULL),
                          engine->access(work->world, work->arena, ACCESS_ROLE, NULL)};
    plan_grants(work, items, engine_has(engine, TRAIT_ROLES) ? 3 : 2);
}

// ---- Operations ---------------------------------------------------------------------------------

static GrantOrder order_of(Work *work, int64_t remaining_ms, int64_t deadline_ms) {
    return (GrantOrder){.plan = work->plan,
                        .password = work->password,
                        .ends_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + remaining_ms,
                        .deadline_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + deadline_ms};
}

Status do_grant_for(Work *work, int64_t remaining_ms, int64_t deadline_ms) {
    GrantOrder order = order_of(work, remaining_ms, deadline_ms);
    work->error = (Error){0};
    return driver_grant(driver_of(work), work->session, work->arena, &order, &work->result,
                        &work->error);
}

Status do_grant(Work *work) {
    return do_grant_for(work, HOUR_MS, DEADLINE_MS);
}

Status do_revoke(Work *work) {
    work->error = (Error){0};
    return driver_revoke(driver_of(work), work->session, work->arena, work->plan, &work->result,
                         &work->error);
}

Status do_end_sessions(Work *work, const StringList *users) {
    work->error = (Error){0};
    return driver_end_sessions(driver_of(work), work->session, work->arena, users, &work->result,
                               &work->error);
}

Status do_extend(Work *work, int64_t remaining_ms) {
    GrantOrder order = order_of(work, remaining_ms, DEADLINE_MS);
    work->error = (Error){0};
    return driver_extend(driver_of(work), work->session, work->arena, &order, &work->result,
                         &work->error);
}

Status do_reset(Work *work) {
    secret_free(work->password);
    work->password = secret_new_password(24);
    GrantOrder order = order_of(work, 0, DEADLINE_MS);
    work->error = (Error){0};
    return driver_reset(driver_of(work), work->session, work->arena, &order, &work->result,
                        &work->error);
}

Status do_restrain(Work *work) {
    work->error = (Error){0};
    return driver_restrain(driver_of(work), work->session, work->arena, work->plan, &work->result,
                           &work->error);
}

Status do_list(Work *work, const AccountQuery *query, FoundAccounts *ret_accounts) {
    work->result.failure = FAILURE_NONE;
    work->error = (Error){0};
    return driver_list_accounts(driver_of(work), work->session, work->arena, query, ret_accounts,
                                &work->result.failure, &work->error);
}

Status do_discover(Work *work, Discovery *ret_found) {
    work->result.failure = FAILURE_NONE;
    work->error = (Error){0};
    return driver_discover(driver_of(work), work->session, work->arena, ret_found,
                           &work->result.failure, &work->error);
}

AccountInspection inspect(Work *work) {
    AccountInspection inspection;
    FailureClass failure;
    must(work, driver_inspect(driver_of(work), work->session, work->arena, work->plan, &inspection,
                              &failure, &work->error));
    return inspection;
}

void must(Work *work, Status status) {
    if (status != STATUS_OK)
        fail_msg("%s: %s (%s)", status_name(status), work->error.message, work->error.detail);
    assert_int_equal(work->result.failure, FAILURE_NONE);
}

void repeat(Work *work, WorkStep *operation) {
    Status status = STATUS_UNAVAILABLE;
    for (int i = 0; i < ATTEMPTS && status == STATUS_UNAVAILABLE; i++)
        status = operation(work);
    must(work, status);
}

// ---- What users may do --------------------------------------------------------------------------

Answer attempt(World *world, const char *account, const char *password, Deed deed,
               const char *name) {
    UserSession *user = world->engine->user_open(world, account, password);
    if (user == NULL)
        return ANSWER_NO_LOGIN;
    bool done = world->engine->user_does(user, deed, name);
    world->engine->user_close(user);
    return done ? ANSWER_DONE : ANSWER_REFUSED;
}

Answer user_tries(Work *work, Deed deed, const char *name) {
    return attempt(work->world, work->plan->account, work_password(work), deed, name);
}

Answer user_reads(Work *work, const char *table) {
    return user_tries(work, DEED_READ, table);
}

UserSession *user_opens(Work *work) {
    UserSession *user =
        work->world->engine->user_open(work->world, work->plan->account, work_password(work));
    assert_non_null(user);
    return user;
}

Answer user_reads_but(Work *work, const char *table, const char *other) {
    const Engine *engine = work->world->engine;
    UserSession *user = engine->user_open(work->world, work->plan->account, work_password(work));
    if (user == NULL)
        return ANSWER_NO_LOGIN;
    bool done = engine->user_does(user, DEED_READ, table);
    assert_false(engine->user_does(user, DEED_READ, other));
    engine->user_close(user);
    return done ? ANSWER_DONE : ANSWER_REFUSED;
}

bool can_log_in(Work *work) {
    return user_tries(work, DEED_LOGIN, NULL) == ANSWER_DONE;
}

// ---- Reading what came of it --------------------------------------------------------------------

const char *text_of(Work *work, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *text = arena_vprintf(work->arena, format, arguments);
    va_end(arguments);
    return text;
}

bool account_listed(Work *work, FoundAccount *ret_account) {
    FoundAccounts accounts;
    FailureClass failure = FAILURE_NONE;
    Error error = {0};
    const AccountQuery query = {0};
    if (driver_list_accounts(driver_of(work), work->session, work->arena, &query, &accounts,
                             &failure, &error) != STATUS_OK)
        fail_msg("%s (%s)", error.message, error.detail);
    for (size_t i = 0; i < accounts.count; i++) {
        if (strcmp(accounts.items[i].account, work->plan->account) != 0)
            continue;
        if (ret_account != NULL)
            *ret_account = accounts.items[i];
        return true;
    }
    return false;
}

bool list_has_part(const StringList *list, const char *part) {
    for (size_t i = 0; i < list->count; i++)
        if (strstr(list->items[i], part) != NULL)
            return true;
    return false;
}

void must_have_line(const StringList *list, const char *part) {
    if (!list_has_part(list, part))
        fail_msg("no line with: %s", part);
}

const Obstacle *obstacle_of(const Work *work, const char *part) {
    const Obstacles *obstacles = &work->result.outcome.obstacles;
    for (size_t i = 0; i < obstacles->count; i++)
        if (strstr(obstacles->items[i].what, part) != NULL)
            return &obstacles->items[i];
    for (size_t i = 0; i < obstacles->count; i++)
        print_message("obstacle: %s\n", obstacles->items[i].what);
    fail_msg("no obstacle says: %s", part);
    return NULL;
}

bool evidence_has(const Work *work, const char *text) {
    const Statements *statements = &work->result.outcome.statements;
    for (size_t i = 0; i < statements->count; i++)
        if (strstr(statements->items[i].sql, text) != NULL)
            return true;
    return false;
}

// ---- Cutting ------------------------------------------------------------------------------------

bool run_cut_off(Work *work, Cut cut, WorkStep *operation, Status *ret_status) {
    const Engine *engine = work->world->engine;
    int64_t went_by = 0;
    TargetAddress target = work->world->target;
    DriverLogin login = work->world->login;
    const CuttingPlan plan = {
        .at = cut.at, .after = cut.after, .error = cut.error, .refuses = cut.refuses};
    CuttingProxy *proxy = cutting_proxy_start(engine->wire, (int)target.port, &plan, &went_by);
    target.port = cutting_proxy_port(proxy);
    login.target = &target;
    DriverSession *own = work->session;
    FailureClass failure = FAILURE_NONE;
    work->session = NULL;
    work->result = (DriverResult){0};
    work->error = (Error){0};
    *ret_status = engine->driver->session_open(&login, &work->session, &failure, &work->error);
    if (*ret_status == STATUS_OK)
        *ret_status = operation(work);
    else
        work->result.failure = failure;
    engine->driver->session_close(work->session);
    work->session = own;
    cutting_proxy_stop(proxy);
    bool reached = went_by >= cut.at;
    if (!reached && *ret_status != STATUS_OK)
        fail_msg("nothing failed, yet: %s (%s)", work->error.message, work->error.detail);
    if (*ret_status != STATUS_OK) {
        assert_int_not_equal(work->result.failure, FAILURE_NONE);
        assert_null(strstr(work->error.message, CUT_ERROR_TEXT)); // it may hold anything
        assert_null(strstr(work->error.detail, CUT_ERROR_TEXT));
    }
    return reached;
}
