// A mutex and its condition, for the daemons' threads. Waits end by the monotonic clock, so that a
// stepped wall clock neither hastens nor hangs them.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Monitor {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
} Monitor;

void monitor_init(Monitor *monitor);
void monitor_done(Monitor *monitor);
void monitor_lock(Monitor *monitor);
void monitor_unlock(Monitor *monitor);
// Locked, the following three: wakes all who wait; waits until woken; or until then (monotonic ms
// as of SYSTEM_CLOCK), false when the time has come. Wake-ups without a cause happen.
void monitor_wake(Monitor *monitor);
void monitor_wait(Monitor *monitor);
bool monitor_wait_until(Monitor *monitor, int64_t until_ms);
