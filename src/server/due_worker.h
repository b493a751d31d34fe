// The one thread that does what time alone makes necessary: it sleeps until the store says that
// something falls due, or is woken because that has changed.
#pragma once

#include "base/clock.h"
#include "store/store.h"

typedef struct DueWorker DueWorker;

DueWorker *due_worker_new(Store *store, const Clock *clock);
// Stops it first.
DueWorker *due_worker_free(DueWorker *worker);
DEFINE_CLEANUP(DueWorker, due_worker_free)

MUST_USE Status due_worker_start(DueWorker *worker, Error *reterr);
// Waits for what it is doing. It may be started again.
void due_worker_stop(DueWorker *worker);
// Something may fall due earlier than the store said. From any thread, at any time.
void due_worker_wake(DueWorker *worker);
