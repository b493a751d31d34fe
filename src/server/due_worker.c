#include "server/due_worker.h"

#include "base/log.h"
#include "base/monitor.h"

#include <pthread.h>

enum {
    BATCH = 200,
    // The wall clock may be set while we sleep by the other one.
    MAX_SLEEP_MS = 5 * SECOND_MS,
    AFTER_FAILURE_MS = 2 * SECOND_MS,
};

struct DueWorker {
    Store *store;
    const Clock *clock;
    pthread_t thread;
    bool running;
    Monitor monitor; // woken when `woken` or `stopping` is set
    bool woken;
    bool stopping;
};

DueWorker *due_worker_new(Store *store, const Clock *clock) {
    DueWorker *worker = mem_alloc(sizeof(*worker));
    worker->store = store;
    worker->clock = clock;
    monitor_init(&worker->monitor);
    return worker;
}

DueWorker *due_worker_free(DueWorker *worker) {
    if (worker == NULL)
        return NULL;
    due_worker_stop(worker);
    monitor_done(&worker->monitor);
    return mem_free(worker);
}

// Milliseconds to sleep.
static int64_t run_due(DueWorker *worker) {
    DueResult result = {0};
    Error error = {0};
    if (store_run_due(worker->store, BATCH, &result, &error) != STATUS_OK) {
        log_event(LOG_ERROR, "due.failed", "code", error.code, "message", error.message, "detail",
                  error.detail, NULL);
        return AFTER_FAILURE_MS;
    }
    if (result.changed >= BATCH)
        return 0; // there may be more
    if (result.next_due_at == 0)
        return MAX_SLEEP_MS;
    int64_t sleep_ms = result.next_due_at - clock_now_ms(worker->clock);
    return sleep_ms < MAX_SLEEP_MS ? sleep_ms : MAX_SLEEP_MS;
}

// False when it is time to stop.
static bool sleep_until_woken(DueWorker *worker, int64_t sleep_ms) {
    monitor_lock(&worker->monitor);
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + sleep_ms;
    while (sleep_ms > 0 && !worker->woken && !worker->stopping &&
           monitor_wait_until(&worker->monitor, until_ms))
        ;
    worker->woken = false;
    bool go_on = !worker->stopping;
    monitor_unlock(&worker->monitor);
    return go_on;
}

static void *work(void *argument) {
    DueWorker *worker = argument;
    while (sleep_until_woken(worker, run_due(worker)))
        ;
    return NULL;
}

Status due_worker_start(DueWorker *worker, Error *reterr) {
    worker->stopping = false;
    if (pthread_create(&worker->thread, NULL, work, worker) != 0)
        return error_set(reterr, STATUS_UNAVAILABLE, "cannot_start_thread",
                         "no thread can be started; raise the limit of tasks");
    worker->running = true;
    return STATUS_OK;
}

void due_worker_stop(DueWorker *worker) {
    if (!worker->running)
        return;
    monitor_lock(&worker->monitor);
    worker->stopping = true;
    monitor_wake(&worker->monitor);
    monitor_unlock(&worker->monitor);
    pthread_join(worker->thread, NULL);
    worker->running = false;
}

void due_worker_wake(DueWorker *worker) {
    monitor_lock(&worker->monitor);
    worker->woken = true;
    monitor_wake(&worker->monitor);
    monitor_unlock(&worker->monitor);
}
