#include "base/monitor.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

// None of these calls fails on an initialised object of ours; if one does, memory is damaged.
static void must(int result) {
    if (result != 0)
        abort();
}

void monitor_init(Monitor *monitor) {
    pthread_condattr_t attributes;
    must(pthread_mutex_init(&monitor->mutex, NULL));
    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_cond_init(&monitor->changed, &attributes));
    pthread_condattr_destroy(&attributes);
}

void monitor_done(Monitor *monitor) {
    pthread_cond_destroy(&monitor->changed);
    pthread_mutex_destroy(&monitor->mutex);
}

void monitor_lock(Monitor *monitor) {
    must(pthread_mutex_lock(&monitor->mutex));
}

void monitor_unlock(Monitor *monitor) {
    must(pthread_mutex_unlock(&monitor->mutex));
}

void monitor_wake(Monitor *monitor) {
    must(pthread_cond_broadcast(&monitor->changed));
}

void monitor_wait(Monitor *monitor) {
    must(pthread_cond_wait(&monitor->changed, &monitor->mutex));
}

bool monitor_wait_until(Monitor *monitor, int64_t until_ms) {
    // A condition waits by CLOCK_MONOTONIC, which stands while the machine sleeps; whoever waits
    // looks at the clock afterwards.
    int64_t left_ms = until_ms - clock_monotonic_ms(&SYSTEM_CLOCK);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t until_ns = until.tv_nsec + (left_ms > 0 ? left_ms % SECOND_MS * 1000000 : 0);
    until.tv_sec += (left_ms > 0 ? left_ms / SECOND_MS : 0) + until_ns / 1000000000;
    until.tv_nsec = until_ns % 1000000000;
    int result = pthread_cond_timedwait(&monitor->changed, &monitor->mutex, &until);
    if (result != 0 && result != ETIMEDOUT)
        abort();
    return result == 0;
}
