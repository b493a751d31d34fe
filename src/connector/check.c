#include "connector/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "connector/secret_source.h"
#include "driver/driver.h"

Plan check_plan(Arena *arena, const ConnectorOptions *options, const SecretSource *secret) {
    const Ceiling *ceiling = secret->ceiling ? secret->ceiling : options->ceiling;
    Plan plan = {.grant_id = "check",
                 .deployment = "check",
                 .connector = "check",
                 .integration = secret->name,
                 .target = secret->target,
                 .admin_secret = secret->name,
                 .account = "check"};
    if (!ceiling)
        return plan;
    size_t count = ceiling->schemas.count + ceiling->roles.count;
    plan.access.items = arena_alloc(arena, (count + 1) * sizeof(AccessItem));
    for (size_t i = 0; i < ceiling->schemas.count; i++)
        plan.access.items[plan.access.count++] =
            (AccessItem){.schema = ceiling->schemas.items[i],
                         .all_tables = true,
                         .privileges = ceiling->privileges,
                         .preset = ceiling->privileges.count ? PRESET_NONE : PRESET_READ_ONLY};
    for (size_t i = 0; i < ceiling->roles.count; i++)
        plan.access.items[plan.access.count++] = (AccessItem){.role = ceiling->roles.items[i]};
    return plan;
}

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

static bool secret_check(Arena *arena, const ConnectorOptions *options,
                         const SecretSource *secret) {
    const TargetAddress *target = secret->target;
    printf("%s: %s %s:%lld as %s\n", secret->name, enum_name(&TARGET_KINDS, target->kind),
           target->host,
           (long long)(target->port ? target->port : target_default_port((TargetKind)target->kind)),
           secret->user);
    fflush(stdout);
    const Driver *driver = driver_find((TargetKind)target->kind);
    Error error = {0};
    CLEANUP(secret_freep) Secret *password = NULL;
    if (!driver || secret_source_read(secret, &password, &error) != STATUS_OK) {
        CheckItem item = {.name = "secret",
                          .result = CHECK_FAILED,
                          .found =
                              driver ? error.message : "this build has no driver of that kind"};
        item_print(&item);
        return false;
    }
    Plan plan = check_plan(arena, options, secret);
    const Plan *plans[] = {&plan};
    DriverLogin login = {
        .target = target,
        .user = secret->user,
        .password = password,
        .ca_file = secret->ca_file,
        .connect_timeout_ms = (int)options->connect_timeout_s * SECOND_MS,
        .statement_timeout_ms = (int)options->statement_timeout_s * SECOND_MS,
        .clock = &SYSTEM_CLOCK,
    };
    CheckReport report = {0};
    driver->check(&login, arena, plans, 1, &report);
    bool ok = true;
    for (size_t i = 0; i < report.count; i++) {
        item_print(&report.items[i]);
        ok = ok && report.items[i].result != CHECK_FAILED;
    }
    return ok;
}

Status check_run(const ConnectorOptions *options, const char *only_secret, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    size_t tried = 0;
    size_t failed = 0;
    for (size_t i = 0; i < options->secrets.count; i++) {
        const SecretSource *secret = &options->secrets.items[i];
        if (only_secret && !text_equal(only_secret, secret->name))
            continue;
        tried++;
        failed += !secret_check(arena, options, secret);
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
