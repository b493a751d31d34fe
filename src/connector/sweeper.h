// Reads the targets regularly, and when an account falls due, for accounts with our mark: what is
// past its expiry by the target's clock is removed, whether or not the control plane can be
// reached, and what is there is told to the control plane.
#pragma once

#include "connector/executor.h"
#include "connector/reporter.h"
#include "connector/work_pool.h"

typedef struct Sweeper Sweeper;

typedef struct SweeperOptions {
    const Executor *executor;
    WorkPool *pool; // sweeps run here, in their target's lane
    Reporter *reporter;
} SweeperOptions;

Sweeper *sweeper_new(const SweeperOptions *options);
// Frees it; the pool must have ended, since sweeps run there.
Sweeper *sweeper_free(Sweeper *sweeper);
DEFINE_CLEANUP(Sweeper, sweeper_free)

// Sweeps all targets now, then every sweep_every.
MUST_USE Status sweeper_start(Sweeper *sweeper, Error *reterr);
// No new sweeps begin.
void sweeper_stop(Sweeper *sweeper);

// An account falls due in so many ms: a sweep follows shortly after.
void sweeper_expect(Sweeper *sweeper, int64_t due_in_ms);
