#include "oracle_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static const TargetAddress TARGET = {
    .kind = TARGET_ORACLE, .host = "db.test", .database = "pdb1.test", .tls = TLS_DISABLE};

const Plan *scene_plan(OracleScene *scene) {
    Plan *plan = arena_alloc(scene->arena, sizeof *plan);
    AccessItem *items = arena_alloc(scene->arena, 2 * sizeof *items);
    items[0] = (AccessItem){.schema = "APP", .all_tables = true};
    string_list_add(scene->arena, &items[0].privileges, "SELECT");
    items[1] = (AccessItem){.role = "REPORTING"};
    *plan = (Plan){.grant_id = "grt_1",
                   .deployment = "dep_1",
                   .connector = "conn",
                   .integration = "shop",
                   .target = &TARGET,
                   .account = SCENE_ACCOUNT,
                   .connection_limit = 10,
                   .privilege_mode = PRIVILEGE_DIRECT,
                   .access = {.items = items, .count = 2}};
    return plan;
}

GrantOrder scene_order(OracleScene *scene, const Secret *password) {
    int64_t now_ms = clock_monotonic_ms(&scene->clock.clock);
    return (GrantOrder){.plan = scene_plan(scene),
                        .password = password,
                        .ends_ms = now_ms + 3600 * SECOND_MS,
                        .deadline_ms = now_ms + 60 * SECOND_MS};
}

DriverLogin scene_login(OracleScene *scene) {
    static Secret *password;
    if (password == NULL)
        password = secret_new("hush", strlen("hush"));
    return (DriverLogin){.target = &TARGET,
                         .user = "daypass_admin",
                         .password = password,
                         .connect_timeout_ms = 5000,
                         .statement_timeout_ms = 5000,
                         .clock = &scene->clock.clock};
}

DriverSession *scene_open(OracleScene *scene) {
    DriverSession *session = NULL;
    FailureClass failure;
    Error error = {0};
    DriverLogin login = scene_login(scene);
    scene->counting = false;
    if (ORACLE_DRIVER.session_open(&login, &session, &failure, &error) != STATUS_OK)
        fail_msg("no session: %s %s", error.code, error.message);
    scene->statements.count = 0;
    scene->counting = true;
    scene->count = 0;
    return session;
}

bool scene_is_usable(const OracleScene *scene) {
    return scene->user && !scene->locked && !scene->without_password && scene->login_right;
}
