#include "driver_contract.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

enum { HOUR_MS = 3600 * SECOND_MS, DEADLINE_MS = 30 * SECOND_MS };

Work *work_new(World *world) {
    Work *work = mem_alloc(sizeof *work);
    work->world = world;
    work->arena = arena_new();
    FailureClass failure = FAILURE_NONE;
    if (world->engine->driver->session_open(&world->login, &work->session, &failure,
                                            &work->error) != STATUS_OK)
        fail_msg("%s (%s)", work->error.message, work->error.detail);
    int number = ++world->accounts;
    work->password = secret_new_password(24);
    work->plan = arena_alloc(work->arena, sizeof *work->plan);
    *work->plan = (Plan){
        .grant_id = arena_printf(work->arena, "grant_%s_%d", world->target.database, number),
        .deployment = "deployment-of-the-test",
        .connector = "main",
        .integration = "shop",
        .target = &world->target,
        .admin_secret = "shop-admin",
        .account = arena_printf(work->arena, "temp_%s_%d", world->target.database, number),
        .custodian = world->custodian,
        .privilege_mode = world->privilege_mode,
        .connection_limit = 5,
        .duration_s = 3600,
    };
    AccessItem customers = select_on(work->arena, world, "customers");
    plan_grants(work, &customers, 1);
    return work;
}

void work_free(Work *work) {
    work->world->engine->driver->session_close(work->session);
    secret_free(work->password);
    arena_free(work->arena);
    mem_free(work);
}

const char *work_password(const Work *work) {
    return secret_text(work->password);
}

AccessItem select_on(Arena *arena, const World *world, const char *table) {
    AccessItem item = {.schema = world->schema};
    string_list_add(arena, &item.tables, table);
    string_list_add(arena, &item.privileges, "SELECT");
    return item;
}

void plan_grants(Work *work, const AccessItem *items, size_t count) {
    work->plan->access.items = arena_copy(work->arena, items, count * sizeof items[0]);
    work->plan->access.count = count;
}

static GrantOrder order_of(Work *work, int64_t remaining_ms, int64_t deadline_ms) {
    return (GrantOrder){.plan = work->plan,
                        .password = work->password,
                        .ends_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + remaining_ms,
                        .deadline_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + deadline_ms};
}

Status do_grant_for(Work *work, int64_t remaining_ms, int64_t deadline_ms) {
    GrantOrder order = order_of(work, remaining_ms, deadline_ms);
    work->error = (Error){0};
    return work->world->engine->driver->grant(work->session, work->arena, &order, &work->result,
                                              &work->error);
}

Status do_grant(Work *work) {
    return do_grant_for(work, HOUR_MS, DEADLINE_MS);
}

Status do_revoke(Work *work) {
    work->error = (Error){0};
    return work->world->engine->driver->revoke(work->session, work->arena, work->plan,
                                               &work->result, &work->error);
}

Status do_extend(Work *work, int64_t remaining_ms) {
    GrantOrder order = order_of(work, remaining_ms, DEADLINE_MS);
    work->error = (Error){0};
    return work->world->engine->driver->extend(work->session, work->arena, &order, &work->result,
                                               &work->error);
}

Status do_reset(Work *work) {
    secret_free(work->password);
    work->password = secret_new_password(24);
    GrantOrder order = order_of(work, 0, DEADLINE_MS);
    work->error = (Error){0};
    return work->world->engine->driver->reset(work->session, work->arena, &order, &work->result,
                                              &work->error);
}

void must(Work *work, Status status) {
    if (status != STATUS_OK)
        fail_msg("%s: %s (%s)", status_name(status), work->error.message, work->error.detail);
    assert_int_equal(work->result.failure, FAILURE_NONE);
}

Answer user_answer(Work *work, const char *sql) {
    return work->world->engine->answer(work->world, work->plan->account, work_password(work), sql);
}

const char *sql_of(Work *work, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *sql = arena_vprintf(work->arena, format, arguments);
    va_end(arguments);
    return sql;
}

bool account_listed(Work *work, FoundAccount *ret_account) {
    FoundAccounts accounts;
    FailureClass failure = FAILURE_NONE;
    Error error = {0};
    const AccountQuery query = {0};
    if (work->world->engine->driver->list_accounts(work->session, work->arena, &query, &accounts,
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
