#include "connector/sweeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/monitor.h"
#include "http/server.h"

enum {
    ACCOUNTS_MAX = 16,
    AWAIT_MS = 10000,
};

// A target whose accounts are all past their end, a connector that sweeps it, and the control plane
// that hears of it.
typedef struct Scene {
    Arena *arena;
    SigningKey *key;
    HttpServer *server;
    TargetAddress target;
    SecretSource secret;
    ConnectorOptions options;
    Identity identity;
    Executor executor;
    Reporter *reporter;
    WorkPool *pool;
    Sweeper *sweeper;
    Monitor monitor; // of what follows
    size_t accounts;
    bool gone[ACCOUNTS_MAX];
    size_t removed;
    size_t running, running_most;
    size_t wait_for; // removals wait until so many run at once
    bool waited_in_vain;
    size_t reports;
    SweptAccounts reported; // the last
    void (*during_first)(struct Scene *scene);
    size_t removed_before_other_work;
    bool started; // the sweeper, as its owner sees it
} Scene;

static Scene *SCENE; // the driver has no context of its own

// ---- The target ---------------------------------------------------------------------------------

static Status fake_open(const DriverLogin *login, DriverSession **ret_session,
                        FailureClass *ret_failure, Error *reterr) {
    *ret_session = (DriverSession *)SCENE;
    return STATUS_OK;
}

static DriverSession *fake_close(DriverSession *session) {
    return NULL;
}

static const char *fake_version(const DriverSession *session) {
    return "1";
}

static Status fake_list(Operation *operation, const AccountQuery *query,
                        FoundAccounts *ret_accounts, Error *reterr) {
    Arena *arena = operation->arena;
    monitor_lock(&SCENE->monitor);
    FoundAccounts found = {.items = arena_alloc(arena, ACCOUNTS_MAX * sizeof(FoundAccount))};
    for (size_t i = 0; i < SCENE->accounts; i++) {
        if (SCENE->gone[i])
            continue;
        found.items[found.count++] = (FoundAccount){
            .account = arena_printf(arena, "temp_%zu", i),
            .grant_id = arena_printf(arena, "grt_%zu", i),
            .deployment = "dep_1",
            .connector = "main",
            .expires_at = 1,
            .expired = true,
        };
    }
    monitor_unlock(&SCENE->monitor);
    *ret_accounts = found;
    return STATUS_OK;
}

static void await(bool (*holds)(void)) {
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + AWAIT_MS;
    while (!holds()) {
        if (monitor_wait_until(&SCENE->monitor, until_ms))
            continue;
        SCENE->waited_in_vain = true;
        return;
    }
}

static bool enough_have_run(void) {
    return SCENE->running_most >= SCENE->wait_for;
}

static Status fake_revoke(Operation *operation, const Plan *plan, Error *reterr) {
    size_t index = strtoul(plan->account + strlen("temp_"), NULL, 10);
    monitor_lock(&SCENE->monitor);
    SCENE->running++;
    if (SCENE->running > SCENE->running_most)
        SCENE->running_most = SCENE->running;
    monitor_wake(&SCENE->monitor);
    await(enough_have_run);
    bool first = SCENE->removed == 0;
    monitor_unlock(&SCENE->monitor);
    if (first && SCENE->during_first)
        SCENE->during_first(SCENE);
    monitor_lock(&SCENE->monitor);
    SCENE->running--;
    SCENE->gone[index] = true;
    SCENE->removed++;
    monitor_wake(&SCENE->monitor);
    monitor_unlock(&SCENE->monitor);
    operation->evidence.outcome->account = plan->account;
    operation->evidence.outcome->login_refused = true;
    return STATUS_OK;
}

static const Driver FAKE_DRIVER = {
    .kind = TARGET_POSTGRESQL,
    .name = "fake",
    .session_open = fake_open,
    .session_close = fake_close,
    .server_version = fake_version,
    .list_accounts = fake_list,
    .revoke = fake_revoke,
};

// In place of the registry.
Status driver_require(TargetKind kind, const Driver **ret_driver, Error *reterr) {
    *ret_driver = &FAKE_DRIVER;
    return STATUS_OK;
}

// ---- The control plane --------------------------------------------------------------------------

static void handle(void *context, HttpRequest *request, HttpAnswer *answer) {
    Scene *scene = context;
    size_t length;
    const char *body = http_request_body(request, &length);
    monitor_lock(&scene->monitor);
    SweepReport report = {0};
    Error error = {0};
    if (shape_parse(scene->arena, &SWEEP_REPORT_SHAPE, body, length, &report, &error) ==
        STATUS_OK) {
        scene->reports++;
        scene->reported = report.accounts;
    }
    monitor_wake(&scene->monitor);
    monitor_unlock(&scene->monitor);
    answer->status = 204;
}

// ---- The scene ----------------------------------------------------------------------------------

static void server_open(Scene *scene) {
    Error error = {0};
    HttpServerOptions http = {
        .host = "127.0.0.1",
        .max_body_bytes = 1 << 20,
        .max_header_bytes = 8192,
        .threads = 1,
        .max_connections = 16,
        .max_connections_per_address = 16,
        .idle_timeout_s = 30,
        .clock = &SYSTEM_CLOCK,
        .handler = handle,
        .context = scene,
    };
    if (http_server_start(&http, &scene->server, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    scene->options.control_plane =
        arena_printf(scene->arena, "http://127.0.0.1:%d", http_server_port(scene->server));
    ControlPlaneOptions plane = {.options = &scene->options,
                                 .identity = &scene->identity,
                                 .key = scene->key,
                                 .clock = &SYSTEM_CLOCK};
    if (reporter_start(&plane, &scene->reporter, &error) != STATUS_OK)
        fail_msg("%s", error.message);
}

static int scene_open(void **state) {
    Scene *scene = mem_alloc(sizeof(*scene));
    SCENE = scene;
    setenv("DAYPASS_UNIT_SECRET", "not-a-real-one", 1);
    monitor_init(&scene->monitor);
    scene->arena = arena_new();
    scene->key = signing_key_new();
    scene->target = (TargetAddress){.host = "127.0.0.1", .port = 1};
    scene->secret = (SecretSource){.name = "shop-admin",
                                   .user = "daypass_admin",
                                   .env = "DAYPASS_UNIT_SECRET",
                                   .target = &scene->target};
    scene->options = (ConnectorOptions){.connect_timeout_s = 5,
                                        .statement_timeout_s = 5,
                                        .sweep_every_s = 3600,
                                        .secrets = {&scene->secret, 1}};
    scene->identity = (Identity){.instance = "con_1", .connector = "main", .deployment = "dep_1"};
    scene->executor = (Executor){&scene->options, &scene->identity, &SYSTEM_CLOCK, NULL};
    server_open(scene);
    *state = scene;
    return 0;
}

static int scene_close(void **state) {
    Scene *scene = *state;
    work_pool_free(scene->pool);
    reporter_stop(scene->reporter, 0);
    sweeper_free(scene->sweeper);
    http_server_stop(scene->server);
    monitor_done(&scene->monitor);
    signing_key_free(scene->key);
    arena_free(scene->arena);
    mem_free(scene);
    return 0;
}

static void pool_open(Scene *scene, size_t accounts, size_t threads, size_t threads_per_lane) {
    Error error = {0};
    WorkPoolOptions pool = {
        .threads = threads, .threads_per_lane = threads_per_lane, .queue_ceiling = 8};
    scene->accounts = accounts;
    scene->options.workers_per_target = (int64_t)threads_per_lane;
    if (work_pool_new(pool, &scene->pool, &error) != STATUS_OK)
        fail_msg("%s", error.message);
}

static void sweep(Scene *scene) {
    Error error = {0};
    SweeperOptions options = {&scene->executor, scene->pool, scene->reporter};
    scene->sweeper = sweeper_new(&options);
    if (sweeper_start(scene->sweeper, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    monitor_lock(&scene->monitor);
    scene->started = true;
    monitor_wake(&scene->monitor);
    monitor_unlock(&scene->monitor);
}

static bool is_reported(void) {
    return SCENE->reports > 0;
}

static void await_report(Scene *scene) {
    monitor_lock(&scene->monitor);
    await(is_reported);
    monitor_unlock(&scene->monitor);
    assert_false(scene->waited_in_vain);
}

static size_t count_removed(const SweptAccounts *accounts) {
    size_t removed = 0;
    for (size_t i = 0; i < accounts->count; i++)
        removed += accounts->items[i].removed && accounts->items[i].outcome != NULL;
    return removed;
}

// ---- Tests --------------------------------------------------------------------------------------

static void removes_what_is_over_side_by_side_as_far_as_the_lane_allows(void **state) {
    Scene *scene = *state;
    scene->wait_for = 3;
    pool_open(scene, 10, 5, 3);
    sweep(scene);
    await_report(scene);
    assert_int_equal(scene->removed, 10);
    assert_int_equal(scene->running_most, 3);
    assert_int_equal(scene->reports, 1);
    assert_int_equal(scene->reported.count, 10);
    assert_int_equal(count_removed(&scene->reported), 10);
}

static void needs_no_place_in_the_queue(void **state) {
    Scene *scene = *state;
    pool_open(scene, 12, 1, 1); // more than the queue would hold
    sweep(scene);
    await_report(scene);
    assert_int_equal(count_removed(&scene->reported), 12);
}

static void note_other_work(void *context, Arena *arena, void *what) {
    Scene *scene = context;
    monitor_lock(&scene->monitor);
    scene->removed_before_other_work = scene->removed;
    monitor_unlock(&scene->monitor);
}

static void submit_other_work(Scene *scene) {
    Arena *arena = arena_new();
    WorkItem item = {
        .lane = work_lane(arena, &scene->target),
        .run = note_other_work,
        .context = scene,
        .arena = arena,
    };
    assert_true(work_pool_submit(scene->pool, &item));
}

static void lets_other_work_for_the_target_in_between(void **state) {
    Scene *scene = *state;
    scene->during_first = submit_other_work;
    pool_open(scene, 5, 1, 1);
    sweep(scene);
    await_report(scene);
    assert_int_equal(scene->removed_before_other_work, 1);
    assert_int_equal(scene->removed, 5);
}

static bool is_started(void) {
    return SCENE->started;
}

static void stop(Scene *scene) {
    monitor_lock(&scene->monitor);
    await(is_started);
    monitor_unlock(&scene->monitor);
    sweeper_stop(scene->sweeper);
}

static void tells_what_it_did_before_it_was_stopped(void **state) {
    Scene *scene = *state;
    scene->during_first = stop;
    pool_open(scene, 3, 1, 1);
    sweep(scene);
    await_report(scene);
    assert_int_equal(scene->removed, 1);
    assert_int_equal(scene->reported.count, 3);
    assert_int_equal(count_removed(&scene->reported), 1);
}

static void leaves_alone_what_somebody_works_on(void **state) {
    Scene *scene = *state;
    pool_open(scene, 2, 1, 1);
    assert_true(work_pool_claim(scene->pool, "grt_1"));
    sweep(scene);
    await_report(scene);
    assert_int_equal(scene->reported.count, 2);
    assert_true(scene->gone[0]);
    assert_false(scene->gone[1]);
}

int main(void) {
    const struct CMUnitTest cases[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)
        CASE(removes_what_is_over_side_by_side_as_far_as_the_lane_allows),
        CASE(needs_no_place_in_the_queue),
        CASE(lets_other_work_for_the_target_in_between),
        CASE(tells_what_it_did_before_it_was_stopped),
        CASE(leaves_alone_what_somebody_works_on),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
