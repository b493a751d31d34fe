#include "server/due_worker.h"

#include "base/log.h"

#include <pthread.h>
#include <time.h>

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
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken;
    bool stopping;
};

DueWorker *due_worker_new(Store *store, const Clock *clock) {
    DueWorker *worker = mem_alloc(sizeof(*worker));
    worker->store = store;
    worker->clock = clock;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return worker;
}

DueWorker *due_worker_free(DueWorker *worker) {
    if (worker == NULL)
        return NULL;
    due_worker_stop(worker);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
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

static struct timespec monotonic_after(int64_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / SECOND_MS;
    until.tv_nsec += (ms % SECOND_MS) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

// False when it is time to stop.
static bool sleep_until_woken(DueWorker *worker, int64_t sleep_ms) {
    pthread_mutex_lock(&worker->lock);
    struct timespec until = monotonic_after(sleep_ms > 0 ? sleep_ms : 0);
    int result = 0;
    while (sleep_ms > 0 && result == 0 && !worker->woken && !worker->stopping)
        result = pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
    worker->woken = false;
    bool go_on = !worker->stopping;
    pthread_mutex_unlock(&worker->lock);
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
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    worker->running = false;
}

void due_worker_wake(DueWorker *worker) {
    pthread_mutex_lock(&worker->lock);
    worker->woken = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}
