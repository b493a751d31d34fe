#include "base/monitor.h"

#include "base/clock.h"
#include "cases.h"

typedef struct Turn {
    Monitor monitor;
    int count;
} Turn;

static void a_wait_ends_when_its_time_has_come(void **state) {
    (void)state;
    Monitor monitor;
    monitor_init(&monitor);
    monitor_lock(&monitor);
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + 20;
    while (monitor_wait_until(&monitor, until_ms))
        assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) <= until_ms + 1000); // woken without a cause
    assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) >= until_ms);
    assert_false(monitor_wait_until(&monitor, 0)); // a time that has passed
    monitor_unlock(&monitor);
    monitor_done(&monitor);
}

enum { TURNS = 1000 };

// Adds one whenever the count is odd.
static void *take_odd_turns(void *with) {
    Turn *turn = with;
    monitor_lock(&turn->monitor);
    while (turn->count < TURNS) {
        if (turn->count % 2 == 1) {
            turn->count++;
            monitor_wake(&turn->monitor);
        } else {
            monitor_wait(&turn->monitor);
        }
    }
    monitor_unlock(&turn->monitor);
    return NULL;
}

static void a_wait_ends_when_another_thread_wakes(void **state) {
    (void)state;
    Turn turn = {.count = 0};
    monitor_init(&turn.monitor);
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, take_odd_turns, &turn), 0);
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + 60000;
    bool in_time = true;
    monitor_lock(&turn.monitor);
    while (turn.count < TURNS && in_time) {
        if (turn.count % 2 == 0) {
            turn.count++;
            monitor_wake(&turn.monitor);
        } else {
            in_time = monitor_wait_until(&turn.monitor, until_ms);
        }
    }
    monitor_unlock(&turn.monitor);
    assert_true(in_time);
    pthread_join(other, NULL);
    assert_int_equal(turn.count, TURNS);
    monitor_done(&turn.monitor);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_wait_ends_when_its_time_has_come),
        cmocka_unit_test(a_wait_ends_when_another_thread_wakes),
    };
    return RUN_CASES(cases);
}
