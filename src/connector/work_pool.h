// Threads that carry out work, in lanes: at most so many at once on one target, so that a slow or
// dead target never takes all of them, and never two at once for one grant.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "domain/plan.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct WorkPool WorkPool;

typedef void WorkFunction(void *context, Arena *arena, void *what);

// The lane of a target: its kind, host and port.
const char *work_lane(Arena *arena, const TargetAddress *target);

typedef struct WorkItem {
    const char *lane;  // target; in `arena`
    const char *grant; // NULL: none
    WorkFunction *run;
    void *context;
    void *what;   // in `arena`
    Arena *arena; // freed when the work is done
} WorkItem;

typedef struct WorkPoolOptions {
    size_t threads;
    size_t threads_per_lane;
    size_t queue_ceiling;
} WorkPoolOptions;

MUST_USE Status work_pool_new(WorkPoolOptions options, WorkPool **ret_pool, Error *reterr);
// Drops what waits, lets what runs come to its end, joins the threads.
WorkPool *work_pool_free(WorkPool *pool);
DEFINE_CLEANUP(WorkPool, work_pool_free)

// Takes the item's arena. False (and the arena is freed) when the queue is full or it is stopping.
bool work_pool_submit(WorkPool *pool, const WorkItem *take_item);
// How many more may be submitted; while there is no room, waits for it, at most timeout_ms.
size_t work_pool_await_room(WorkPool *pool, int timeout_ms);

// Takes a grant for oneself, outside an item of that grant. False when something works on it.
bool work_pool_claim(WorkPool *pool, const char *grant);
void work_pool_release(WorkPool *pool, const char *grant);
