// The thread that does what time makes necessary.
#include "server/due_worker.h"

#include "base/log.h"
#include "state_folder.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

// The flow's requests lapse after five seconds, the least there is: most of it is skipped.
enum { LAPSE_MS = 5 * SECOND_MS };

typedef struct Setting {
    Clock clock; // first, so that the clock's functions find the rest
    atomic_llong shift_ms;
    StateFolder folder;
    Arena *arena;
    SigningKey *key;
    Store *store;
    DueWorker *worker;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int changes;
} Setting;

static void need(Status status, const Error *error) {
    if (status != STATUS_OK)
        fail_msg("%s: %s (%s)", error->code, error->message, error->detail);
}

static int64_t shifted_now(const Clock *clock) {
    const Setting *setting = (const Setting *)clock;
    return clock_now_ms(&SYSTEM_CLOCK) + atomic_load(&setting->shift_ms);
}

static int64_t monotonic(const Clock *clock) {
    return clock_monotonic_ms(&SYSTEM_CLOCK);
}

static void grant_changed(void *context, const char *grant_id) {
    Setting *setting = context;
    pthread_mutex_lock(&setting->lock);
    setting->changes++;
    pthread_cond_broadcast(&setting->changed);
    pthread_mutex_unlock(&setting->lock);
}

static void work_queued(void *context, const char *connector) {
}

static void due_changed(void *context) {
    due_worker_wake(((Setting *)context)->worker);
}

static void declare(Setting *setting) {
    static const char DECLARATION[] =
        "{\"principals\":[{\"name\":\"admin\",\"role\":\"administrator\"},{\"name\":\"ann\"},"
        "{\"name\":\"ben\"}],"
        "\"integrations\":[{\"name\":\"shop\",\"kind\":\"postgresql\",\"connector\":\"main\","
        "\"host\":\"h\",\"database\":\"d\",\"admin_secret\":\"s\"}],"
        "\"flows\":[{\"name\":\"read\",\"integration\":\"shop\","
        "\"requesters\":{\"principals\":[\"ann\"]},\"lapse_after\":\"5s\","
        "\"grants\":[{\"schema\":\"a\",\"tables\":[\"b\"],\"privileges\":[\"SELECT\"]}],"
        "\"duration\":{\"max\":\"1h\"},"
        "\"approval\":[{\"any_of\":{\"principals\":[\"ben\"]}}]}]}";
    json_t *value = NULL;
    Configuration declared = {0}, current = {0};
    Changes changes = {0};
    Error error = {0};
    int64_t version = 0;
    Arena *arena = setting->arena;
    need(json_read(arena, DECLARATION, strlen(DECLARATION), &value, &error), &error);
    need(shape_read(arena, &CONFIGURATION_SHAPE, value, &declared, &error), &error);
    need(store_configuration(setting->store, arena, &current, &error), &error);
    need(configuration_compare(arena, &current, &declared, false, &changes, &error), &error);
    need(store_apply(setting->store, &ACTOR_SYSTEM, current.version, &changes, &version, &error),
         &error);
}

static int open_setting(void **state) {
    log_setup((LogOptions){.level = LOG_ERROR});
    Setting *setting = mem_alloc(sizeof(*setting));
    setting->clock = (Clock){.now_ms = shifted_now, .monotonic_ms = monotonic};
    setting->folder = state_folder_make();
    setting->arena = arena_new();
    setting->key = signing_key_new();
    pthread_mutex_init(&setting->lock, NULL);
    pthread_cond_init(&setting->changed, NULL);
    StoreOptions options = {
        .url = arena_printf(setting->arena, "sqlite:%s/daypass.db", setting->folder.path),
        .clock = &setting->clock,
        .audit_key = setting->key,
    };
    Error error = {0};
    need(store_open(&options, &setting->store, &error), &error);
    setting->worker = due_worker_new(setting->store, &setting->clock);
    StoreWatch watch = {.context = setting,
                        .grant_changed = grant_changed,
                        .work_queued = work_queued,
                        .due_changed = due_changed};
    store_watch(setting->store, &watch);
    declare(setting);
    *state = setting;
    return 0;
}

static int close_setting(void **state) {
    Setting *setting = *state;
    due_worker_stop(setting->worker);
    store_close(setting->store);
    due_worker_free(setting->worker);
    signing_key_free(setting->key);
    pthread_cond_destroy(&setting->changed);
    pthread_mutex_destroy(&setting->lock);
    arena_free(setting->arena);
    state_folder_remove(&setting->folder);
    mem_free(setting);
    return 0;
}

static const char *request(Setting *setting) {
    RequestForm form = {.id = "req_aaaaaaaaaaaaaaaa",
                        .requester = "ann",
                        .flow = "read",
                        .deployment = store_deployment(setting->store),
                        .public_key = "x",
                        .now_ms = clock_now_ms(&setting->clock)};
    Grant grant = {0};
    Error error = {0};
    Actor actor = {.name = "ann", .kind = "principal"};
    need(store_request_grant(setting->store, setting->arena, &actor, &form, NULL, &grant, &error),
         &error);
    return grant.id;
}

static void await_changes(Setting *setting, int changes) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&setting->lock);
    int result = 0;
    while (setting->changes < changes && result == 0)
        result = pthread_cond_timedwait(&setting->changed, &setting->lock, &until);
    int seen = setting->changes;
    pthread_mutex_unlock(&setting->lock);
    assert_true(seen >= changes);
}

static int state_of(Setting *setting, const char *id) {
    Grant grant = {0};
    Error error = {0};
    need(store_grant(setting->store, setting->arena, id, &grant, &error), &error);
    return grant.state;
}

static void what_falls_due_while_it_sleeps_is_done_in_time(void **state) {
    Setting *setting = *state;
    Error error = {0};
    need(due_worker_start(setting->worker, &error), &error);
    const char *id = request(setting);
    atomic_store(&setting->shift_ms, LAPSE_MS - 500);
    due_worker_wake(setting->worker); // it sleeps again, for the half second that is left
    await_changes(setting, 2);        // asked, and lapsed
    assert_int_equal(state_of(setting, id), GRANT_LAPSED);
}

static void what_fell_due_before_it_started_is_done_at_once(void **state) {
    Setting *setting = *state;
    const char *id = request(setting);
    atomic_store(&setting->shift_ms, LAPSE_MS);
    Error error = {0};
    need(due_worker_start(setting->worker, &error), &error);
    await_changes(setting, 2);
    assert_int_equal(state_of(setting, id), GRANT_LAPSED);
}

static void it_stops_while_it_sleeps_and_starts_again(void **state) {
    Setting *setting = *state;
    Error error = {0};
    for (int i = 0; i < 3; i++) {
        need(due_worker_start(setting->worker, &error), &error);
        due_worker_stop(setting->worker);
    }
    due_worker_stop(setting->worker);
    due_worker_wake(setting->worker);
}

int main(void) {
#define SET(test) cmocka_unit_test_setup_teardown(test, open_setting, close_setting)
    const struct CMUnitTest tests[] = {
        SET(what_falls_due_while_it_sleeps_is_done_in_time),
        SET(what_fell_due_before_it_started_is_done_at_once),
        SET(it_stops_while_it_sleeps_and_starts_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
