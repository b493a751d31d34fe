#include "connector/work_pool.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/monitor.h"
#include "base/text.h"

const char *work_lane(Arena *arena, const TargetAddress *target) {
    int64_t port = target->port ? target->port : target_default_port((TargetKind)target->kind);
    return arena_printf(arena, "%s %s:%lld", enum_name(&TARGET_KINDS, target->kind), target->host,
                        (long long)port);
}

typedef struct QueuedItem {
    WorkItem item;
    struct QueuedItem *next;
} QueuedItem;

typedef struct Claim {
    char *grant;
    struct Claim *next;
} Claim;

struct WorkPool {
    WorkPoolOptions options;
    Monitor monitor; // woken when an item came, one ended, or the end came
    pthread_t *threads;
    QueuedItem *first; // oldest first
    size_t queued;
    const WorkItem **running; // one slot a thread
    Claim *claims;
    bool stopping;
};

typedef struct WorkerStart {
    WorkPool *pool;
    size_t slot;
} WorkerStart;

static Claim **claim_find(WorkPool *pool, const char *grant) {
    Claim **at = &pool->claims;
    while (*at && !text_equal((*at)->grant, grant))
        at = &(*at)->next;
    return at;
}

static bool item_may_run(WorkPool *pool, const WorkItem *item) {
    size_t in_lane = 0;
    for (size_t i = 0; i < pool->options.threads; i++) {
        const WorkItem *other = pool->running[i];
        if (!other)
            continue;
        in_lane += text_equal(other->lane, item->lane);
        if (item->grant && text_equal(other->grant, item->grant))
            return false;
    }
    return in_lane < pool->options.threads_per_lane &&
           (!item->grant || !*claim_find(pool, item->grant));
}

// Takes the oldest item that may run out of the queue.
static QueuedItem *queue_take(WorkPool *pool) {
    for (QueuedItem **at = &pool->first; *at; at = &(*at)->next) {
        if (!item_may_run(pool, &(*at)->item))
            continue;
        QueuedItem *taken = *at;
        *at = taken->next;
        pool->queued--;
        return taken;
    }
    return NULL;
}

static void item_free(QueuedItem *queued) {
    arena_free(queued->item.arena);
    mem_free(queued);
}

static void *worker_main(void *argument) {
    WorkerStart *start = argument;
    WorkPool *pool = start->pool;
    size_t slot = start->slot;
    mem_free(start);
    monitor_lock(&pool->monitor);
    while (!pool->stopping) {
        QueuedItem *queued = queue_take(pool);
        if (!queued) {
            monitor_wait(&pool->monitor);
            continue;
        }
        pool->running[slot] = &queued->item;
        monitor_unlock(&pool->monitor);
        const WorkItem *item = &queued->item;
        item->run(item->context, item->arena, item->what);
        monitor_lock(&pool->monitor);
        pool->running[slot] = NULL;
        item_free(queued);
        monitor_wake(&pool->monitor);
    }
    monitor_unlock(&pool->monitor);
    return NULL;
}

Status work_pool_new(WorkPoolOptions options, WorkPool **ret_pool, Error *reterr) {
    WorkPool *pool = mem_alloc(sizeof(*pool));
    pool->options = options;
    monitor_init(&pool->monitor);
    pool->threads = mem_alloc(options.threads * sizeof(*pool->threads));
    pool->running = mem_alloc(options.threads * sizeof(*pool->running));
    for (size_t i = 0; i < options.threads; i++) {
        WorkerStart *start = mem_alloc(sizeof(*start));
        *start = (WorkerStart){.pool = pool, .slot = i};
        int failure = pthread_create(&pool->threads[i], NULL, worker_main, start);
        if (failure) {
            mem_free(start);
            pool->options.threads = i;
            work_pool_free(pool);
            return error_set(reterr, STATUS_UNAVAILABLE, "no_thread", "cannot start a thread: %s",
                             strerror(failure));
        }
    }
    *ret_pool = pool;
    return STATUS_OK;
}

WorkPool *work_pool_free(WorkPool *pool) {
    if (!pool)
        return NULL;
    monitor_lock(&pool->monitor);
    pool->stopping = true;
    monitor_wake(&pool->monitor);
    monitor_unlock(&pool->monitor);
    for (size_t i = 0; i < pool->options.threads; i++)
        pthread_join(pool->threads[i], NULL);
    while (pool->first) {
        QueuedItem *queued = pool->first;
        pool->first = queued->next;
        item_free(queued);
    }
    while (pool->claims) {
        Claim *claim = pool->claims;
        pool->claims = claim->next;
        mem_free(claim->grant);
        mem_free(claim);
    }
    monitor_done(&pool->monitor);
    mem_free(pool->threads);
    mem_free(pool->running);
    return mem_free(pool);
}

bool work_pool_submit(WorkPool *pool, const WorkItem *take_item) {
    monitor_lock(&pool->monitor);
    bool accepted = !pool->stopping && pool->queued < pool->options.queue_ceiling;
    if (accepted) {
        QueuedItem *queued = mem_alloc(sizeof(*queued));
        queued->item = *take_item;
        QueuedItem **last = &pool->first;
        while (*last)
            last = &(*last)->next;
        *last = queued;
        pool->queued++;
        monitor_wake(&pool->monitor);
    }
    monitor_unlock(&pool->monitor);
    if (!accepted)
        arena_free(take_item->arena);
    return accepted;
}

static size_t room(const WorkPool *pool) {
    return pool->options.queue_ceiling - pool->queued;
}

size_t work_pool_await_room(WorkPool *pool, int timeout_ms) {
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + timeout_ms;
    monitor_lock(&pool->monitor);
    while (!pool->stopping && room(pool) == 0 && monitor_wait_until(&pool->monitor, until_ms))
        ;
    size_t free_places = room(pool);
    monitor_unlock(&pool->monitor);
    return free_places;
}

bool work_pool_claim(WorkPool *pool, const char *grant) {
    monitor_lock(&pool->monitor);
    bool is_free = !*claim_find(pool, grant);
    for (size_t i = 0; is_free && i < pool->options.threads; i++)
        is_free = !(pool->running[i] && text_equal(pool->running[i]->grant, grant));
    if (is_free) {
        Claim *claim = mem_alloc(sizeof(*claim));
        *claim = (Claim){.grant = mem_strdup(grant), .next = pool->claims};
        pool->claims = claim;
    }
    monitor_unlock(&pool->monitor);
    return is_free;
}

void work_pool_release(WorkPool *pool, const char *grant) {
    monitor_lock(&pool->monitor);
    Claim **at = claim_find(pool, grant);
    Claim *claim = *at;
    if (claim) {
        *at = claim->next;
        mem_free(claim->grant);
        mem_free(claim);
        monitor_wake(&pool->monitor);
    }
    monitor_unlock(&pool->monitor);
}
