#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { HOUR_MS = 3600000, DEADLINE_MS = 30000 };

int scene_setup(void **state) {
    Scene *scene = mem_alloc(sizeof *scene);
    scene->arena = arena_new();
    sim_init(&scene->sim, scene->arena);
    sim_serve(&scene->sim);
    scene->admin_password = secret_new("ad{m};in", 8);
    scene->password = secret_new("Temporary0Word", 14);
    scene->target = (TargetAddress){.kind = TARGET_SQLSERVER,
                                    .host = "db.test",
                                    .port = 1433,
                                    .database = "shop",
                                    .tls = TLS_VERIFY_FULL};
    scene->login = (DriverLogin){.target = &scene->target,
                                 .user = "daypass_admin",
                                 .password = scene->admin_password,
                                 .connect_timeout_ms = 20000,
                                 .statement_timeout_ms = 20000,
                                 .clock = &SYSTEM_CLOCK};
    scene->plan = (Plan){.grant_id = "grt_1",
                         .deployment = "dep_1",
                         .connector = "main",
                         .integration = "shop",
                         .target = &scene->target,
                         .account = "temp_john_a1b2c3",
                         .privilege_mode = PRIVILEGE_DIRECT,
                         .duration_s = 3600};
    AccessItem orders = scene_tables(scene, (const char *const[]){"orders"}, 1);
    scene_grants(scene, &orders, 1);
    scene_connect(scene);
    *state = scene;
    return 0;
}

int scene_teardown(void **state) {
    Scene *scene = *state;
    SQLSERVER_DRIVER.session_close(scene->session);
    if (scene->sim.complaint != NULL)
        fail_msg("%s", scene->sim.complaint);
    odbc_scene_serve(NULL);
    secret_free(scene->admin_password);
    secret_free(scene->password);
    arena_free(scene->arena);
    mem_free(scene);
    return 0;
}

void scene_connect(Scene *scene) {
    SQLSERVER_DRIVER.session_close(scene->session);
    scene->session = NULL;
    FailureClass failure = FAILURE_NONE;
    Error error = {0};
    if (SQLSERVER_DRIVER.session_open(&scene->login, &scene->session, &failure, &error) !=
        STATUS_OK)
        fail_msg("%s (%s)", error.message, error.detail);
}

AccessItem scene_tables(Scene *scene, const char *const *tables, size_t count) {
    AccessItem item = {.schema = "app"};
    for (size_t i = 0; i < count; i++)
        string_list_add(scene->arena, &item.tables, tables[i]);
    string_list_add(scene->arena, &item.privileges, "SELECT");
    return item;
}

void scene_grants(Scene *scene, const AccessItem *items, size_t count) {
    scene->plan.access.items = arena_copy(scene->arena, items, count * sizeof items[0]);
    scene->plan.access.count = count;
}

static GrantOrder order_of(const Scene *scene, int64_t remaining_ms, int64_t deadline_ms) {
    int64_t now_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    return (GrantOrder){.plan = &scene->plan,
                        .password = scene->password,
                        .ends_ms = now_ms + remaining_ms,
                        .deadline_ms = now_ms + deadline_ms};
}

Status scene_grant_until(Scene *scene, int64_t deadline_ms) {
    GrantOrder order = order_of(scene, HOUR_MS, deadline_ms);
    scene->error = (Error){0};
    return driver_grant(&SQLSERVER_DRIVER, scene->session, scene->arena, &order, &scene->result,
                        &scene->error);
}

Status scene_grant(Scene *scene) {
    return scene_grant_until(scene, DEADLINE_MS);
}

Status scene_revoke(Scene *scene) {
    scene->error = (Error){0};
    return driver_revoke(&SQLSERVER_DRIVER, scene->session, scene->arena, &scene->plan,
                         &scene->result, &scene->error);
}

Status scene_extend(Scene *scene, int64_t remaining_ms) {
    GrantOrder order = order_of(scene, remaining_ms, DEADLINE_MS);
    scene->error = (Error){0};
    return driver_extend(&SQLSERVER_DRIVER, scene->session, scene->arena, &order, &scene->result,
                         &scene->error);
}

Status scene_reset(Scene *scene) {
    GrantOrder order = order_of(scene, 0, DEADLINE_MS);
    scene->error = (Error){0};
    return driver_reset(&SQLSERVER_DRIVER, scene->session, scene->arena, &order, &scene->result,
                        &scene->error);
}

void scene_must(Scene *scene, Status status) {
    if (scene->sim.complaint != NULL)
        fail_msg("%s", scene->sim.complaint);
    if (status != STATUS_OK)
        fail_msg("%s: %s (%s)", status_name(status), scene->error.message, scene->error.detail);
    assert_int_equal(scene->result.failure, FAILURE_NONE);
}

void scene_expect(Scene *scene, const char *const *statements, size_t count) {
    const Statements *did = &scene->result.outcome.statements;
    for (size_t i = 0; i < did->count && i < count; i++)
        if (strcmp(did->items[i].sql, statements[i]) != 0)
            fail_msg("statement %zu is\n%s\nnot\n%s", i + 1, did->items[i].sql, statements[i]);
    if (did->count != count)
        fail_msg("%zu statements, not %zu; the next is %s", did->count, count,
                 did->count > count ? did->items[count].sql : statements[did->count]);
}

const char *scene_repair(Scene *scene, const char *what) {
    const Obstacles *obstacles = &scene->result.outcome.obstacles;
    for (size_t i = 0; i < obstacles->count; i++)
        if (strstr(obstacles->items[i].what, what) != NULL)
            return obstacles->items[i].repair;
    fail_msg("no obstacle says \"%s\" (%zu obstacles; the first: %s)", what, obstacles->count,
             obstacles->count > 0 ? obstacles->items[0].what : "none");
    return NULL;
}
