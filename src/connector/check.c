#include "connector/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "connector/ceiling.h"
#include "connector/control_plane.h"
#include "connector/executor.h"
#include "connector/identity.h"
#include "connector/secret_source.h"
#include "driver/driver.h"

static void item_print(const CheckItem *item) {
    static const char *const MARKS[] = {"ok", "warning", "FAILED"};
    printf("  %-8s %s%s%s\n", MARKS[item->result], item->name, item->found ? ": " : "",
           item->found ? item->found : "");
    if (!item->repair)
        return;
    // Each line of a repair stands by itself, to be copied.
    const char *line = item->repair;
    while (*line) {
        int length = (int)strcspn(line, "\n");
        printf("             %.*s\n", length, line);
        line += length + (line[length] == '\n');
    }
}

// The plans that use the secret: each for its own database, and above the ceiling or not.
static const Plan *const *secret_plans(Arena *arena, const Plans *plans, const SecretSource *secret,
                                       size_t *ret_count) {
    const Plan **used = arena_alloc(arena, (plans->count + 1) * sizeof(*used));
    size_t count = 0;
    for (size_t i = 0; i < plans->count; i++)
        if (text_equal(plans->items[i].admin_secret, secret->name))
            used[count++] = &plans->items[i];
    *ret_count = count;
    return used;
}

static bool ceiling_item_print(const char *name, const char *message) {
    item_print(&(CheckItem){
        .name = name,
        .result = message == NULL ? CHECK_OK : CHECK_FAILED,
        .found = message == NULL ? "allows what its flows give" : message,
        .repair = message == NULL ? NULL : "change the flow, or this connector's file",
    });
    return message == NULL;
}

// What is no entry's own first, then each entry with its own words.
static bool ceiling_check_print(Arena *arena, const ConnectorOptions *options,
                                const SecretSource *secret, const Plan *plan) {
    const char *name = arena_printf(arena, "ceiling: integration %s", plan->integration);
    Plan part = *plan;
    Error error = {0};
    part.access = (AccessItems){0};
    if (ceiling_check(arena, options, secret, &part, plan->duration_s, &error) != STATUS_OK)
        return ceiling_item_print(name, error.message);
    bool ok = true;
    for (size_t i = 0; i < plan->access.count; i++) {
        part.access = (AccessItems){&plan->access.items[i], 1};
        if (ceiling_check(arena, options, secret, &part, 0, &error) != STATUS_OK)
            ok = ceiling_item_print(
                name,
                arena_printf(arena, "%s: %s", access_item_describe(arena, &plan->access.items[i]),
                             error.message));
    }
    return ok ? ceiling_item_print(name, NULL) : false;
}

// An integration that the connector would refuse to serve is a fault of one of the two files.
static bool ceilings_check(Arena *arena, const ConnectorOptions *options,
                           const SecretSource *secret, const Plan *const *plans, size_t count) {
    bool ok = true;
    for (size_t i = 0; i < count; i++)
        ok = ceiling_check_print(arena, options, secret, plans[i]) && ok;
    return ok;
}

static bool secret_check(Arena *arena, const ConnectorOptions *options, const SecretSource *secret,
                         const Plans *known) {
    const TargetAddress *target = secret->target;
    printf(
        "%s: %s %s:%lld", secret->name, enum_name(&TARGET_KINDS, target->kind), target->host,
        (long long)(target->port ? target->port : target_default_port((TargetKind)target->kind)));
    printf(secret->user ? " as %s\n" : "\n", secret->user);
    fflush(stdout);
    const Driver *driver;
    Error error = {0};
    CLEANUP(secret_freep) Secret *password = NULL;
    if (driver_require((TargetKind)target->kind, &driver, &error) != STATUS_OK ||
        secret_source_read(secret, &options->secret_variables, &password, &error) != STATUS_OK) {
        item_print(&(CheckItem){.name = driver == NULL ? "driver" : "secret",
                                .result = CHECK_FAILED,
                                .found = error.message});
        return false;
    }
    size_t plan_count = 0;
    const Plan *const *plans = secret_plans(arena, known, secret, &plan_count);
    bool ok = ceilings_check(arena, options, secret, plans, plan_count);
    const Executor executor = {.options = options, .clock = &SYSTEM_CLOCK};
    DriverLogin login = executor_login(&executor, secret, target, password, "check");
    CheckReport report = {0};
    driver->check(&login, arena, plans, plan_count, &report);
    for (size_t i = 0; i < report.count; i++) {
        item_print(&report.items[i]);
        ok = ok && report.items[i].result != CHECK_FAILED;
    }
    return ok;
}

// What the control plane says may be asked; nothing, and a line that says why, without it.
static Plans plans_ask(Arena *arena, const ConnectorOptions *options) {
    Identity identity;
    CLEANUP(signing_key_freep) SigningKey *key = NULL;
    CLEANUP(control_plane_closep) ControlPlane *plane = NULL;
    Plans plans = {0};
    Error error = {0};
    Status status = identity_load(arena, options->state_folder, &identity, &key, &error);
    ControlPlaneOptions plane_options = {
        .options = options, .identity = &identity, .key = key, .clock = &SYSTEM_CLOCK};
    if (status == STATUS_OK)
        status = control_plane_open(&plane_options, &plane, &error);
    if (status == STATUS_OK)
        status = control_plane_plans(plane, arena, &plans, &error);
    CheckItem item = {
        .name = "control plane",
        .result = status == STATUS_OK ? CHECK_OK : CHECK_WARNING,
        .found = status == STATUS_OK
                     ? arena_printf(arena, "%zu %s for this connector", plans.count,
                                    plans.count == 1 ? "integration" : "integrations")
                     : arena_printf(arena, "%s. Rights for flows are not checked", error.message),
    };
    puts(options->control_plane);
    item_print(&item);
    return plans;
}

Status check_run(const ConnectorOptions *options, const char *only_secret, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    size_t tried = 0;
    size_t failed = 0;
    Plans plans = plans_ask(arena, options);
    for (size_t i = 0; i < options->secrets.count; i++) {
        const SecretSource *secret = &options->secrets.items[i];
        if (only_secret && !text_equal(only_secret, secret->name))
            continue;
        tried++;
        failed += !secret_check(arena, options, secret, &plans);
    }
    if (tried == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_secret",
                         only_secret ? "the configuration has no secret named %s"
                                     : "the configuration has no secrets%s",
                         only_secret ? only_secret : "");
    if (failed)
        return error_set(reterr, STATUS_UNAVAILABLE, "check_failed", "%zu of %zu targets failed",
                         failed, tried);
    return STATUS_OK;
}
