#include "http/parking.h"

#include "base/macros.h"
#include "base/memory.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FOR_EVER_MS = 3600 * SECOND_MS, WAITER_COUNT = 8, ROUND_COUNT = 3000 };

// Somebody who waits; resumes are counted, and can be awaited.
typedef struct Waiter {
    Parked parked;
    int suspends, resumes; // under `lock`
    int order;             // of its last resume
} Waiter;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t resumed = PTHREAD_COND_INITIALIZER;
static int resume_count;

static void count_suspend(Parked *parked) {
    Waiter *waiter = (Waiter *)parked; // its first member
    pthread_mutex_lock(&lock);
    waiter->suspends++;
    pthread_mutex_unlock(&lock);
}

static void count_resume(Parked *parked) {
    Waiter *waiter = (Waiter *)parked;
    pthread_mutex_lock(&lock);
    waiter->resumes++;
    waiter->order = ++resume_count;
    pthread_cond_broadcast(&resumed);
    pthread_mutex_unlock(&lock);
}

static int resumes_of(const Waiter *waiter) {
    pthread_mutex_lock(&lock);
    int resumes = waiter->resumes;
    pthread_mutex_unlock(&lock);
    return resumes;
}

static void await_resumes(const Waiter *waiter, int count) {
    pthread_mutex_lock(&lock);
    while (waiter->resumes < count)
        pthread_cond_wait(&resumed, &lock);
    pthread_mutex_unlock(&lock);
}

static Parking *parking_start(const Clock *clock) {
    Parking *parking = parking_new(
        (ParkingOptions){.clock = clock, .suspend = count_suspend, .resume = count_resume});
    assert_non_null(parking);
    return parking;
}

static void parking_end(Parking *parking) {
    parking_close(parking);
    parking_free(parking);
}

static int64_t from_now(int64_t ms) {
    return clock_monotonic_ms(&SYSTEM_CLOCK) + ms;
}

static void a_wake_resumes_all_of_its_key_and_no_other(void **state) {
    Parking *parking = parking_start(&SYSTEM_CLOCK);
    Waiter waiters[6] = {0};
    for (size_t i = 0; i < COUNT_OF(waiters); i++)
        assert_true(parking_enter(parking, &waiters[i].parked, i % 2 == 0 ? "even" : "odd",
                                  from_now(FOR_EVER_MS), parking_sequence(parking)));
    assert_int_equal(parking_count(parking), 6);
    parking_wake(parking, "neither");
    assert_int_equal(parking_count(parking), 6);
    parking_wake(parking, "even");
    assert_int_equal(parking_count(parking), 3);
    for (size_t i = 0; i < COUNT_OF(waiters); i++)
        assert_int_equal(resumes_of(&waiters[i]), i % 2 == 0);
    parking_end(parking);
    for (size_t i = 0; i < COUNT_OF(waiters); i++) {
        assert_int_equal(waiters[i].suspends, 1);
        assert_int_equal(waiters[i].resumes, 1);
    }
}

static void who_parks_with_an_older_sequence_is_resumed_at_once(void **state) {
    Parking *parking = parking_start(&SYSTEM_CLOCK);
    Waiter waiter = {0};
    uint64_t sequence = parking_sequence(parking);
    parking_wake(parking, "key");
    assert_true(parking_enter(parking, &waiter.parked, "key", from_now(FOR_EVER_MS), sequence));
    assert_int_equal(resumes_of(&waiter), 1);
    assert_int_equal(parking_count(parking), 0);
    assert_true(parking_enter(parking, &waiter.parked, "key", from_now(FOR_EVER_MS),
                              parking_sequence(parking)));
    assert_int_equal(resumes_of(&waiter), 1);
    assert_int_equal(parking_count(parking), 1);
    parking_end(parking);
}

static void a_deadline_in_the_past_resumes_at_once(void **state) {
    Parking *parking = parking_start(&SYSTEM_CLOCK);
    Waiter waiter = {0};
    assert_true(parking_enter(parking, &waiter.parked, "key", from_now(0), 0));
    assert_int_equal(resumes_of(&waiter), 1);
    parking_end(parking);
}

static void deadlines_are_met_nearest_first(void **state) {
    enum { COUNT = 200 };
    Parking *parking = parking_start(&SYSTEM_CLOCK);
    Waiter *waiters = mem_alloc(COUNT * sizeof(*waiters));
    int64_t start_ms = from_now(50);
    resume_count = 0;
    // 7 and 200 have no common divisor: every deadline once, in no order.
    for (size_t i = 0; i < COUNT; i++)
        assert_true(parking_enter(parking, &waiters[i].parked, "key",
                                  start_ms + (int64_t)(i * 7 % COUNT), 0));
    for (size_t i = 0; i < COUNT; i++)
        await_resumes(&waiters[i], 1);
    assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) >= start_ms + COUNT - 1);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(waiters[i].order, i * 7 % COUNT + 1);
    parking_end(parking);
    mem_free(waiters);
}

static void a_nearer_deadline_is_met_while_a_farther_one_waits(void **state) {
    Parking *parking = parking_start(&SYSTEM_CLOCK);
    Waiter far = {0}, near = {0};
    assert_true(parking_enter(parking, &far.parked, "far", from_now(FOR_EVER_MS), 0));
    assert_true(parking_enter(parking, &near.parked, "near", from_now(20), 0));
    await_resumes(&near, 1);
    assert_int_equal(resumes_of(&far), 0);
    parking_end(parking);
}

// Waking takes from the middle of the heap: what is left must still be in order.
static void deadlines_hold_after_wakes_in_between(void **state) {
    enum { COUNT = 300 };
    Parking *parking = parking_start(&SYSTEM_CLOCK);
    Waiter *waiters = mem_alloc(COUNT * sizeof(*waiters));
    int64_t start_ms = from_now(100);
    resume_count = 0;
    for (size_t i = 0; i < COUNT; i++)
        assert_true(parking_enter(parking, &waiters[i].parked, i % 3 == 0 ? "woken" : "waiting",
                                  start_ms + (int64_t)(i * 7 % COUNT) / 10, 0));
    parking_wake(parking, "woken");
    for (size_t i = 0; i < COUNT; i++)
        await_resumes(&waiters[i], 1);
    int last = 0;
    for (int slot = 0; slot < COUNT / 10; slot++) {
        int lowest = COUNT + 1, highest = 0;
        for (size_t i = 0; i < COUNT; i++) {
            if (i % 3 == 0 || (int)(i * 7 % COUNT) / 10 != slot)
                continue;
            lowest = waiters[i].order < lowest ? waiters[i].order : lowest;
            highest = waiters[i].order > highest ? waiters[i].order : highest;
        }
        assert_true(lowest > last);
        last = highest;
    }
    parking_end(parking);
    mem_free(waiters);
}

static void closing_resumes_all_and_lets_nobody_in(void **state) {
    Parking *parking = parking_start(&SYSTEM_CLOCK);
    Waiter waiters[100] = {0}, late = {0};
    for (size_t i = 0; i < COUNT_OF(waiters); i++)
        assert_true(parking_enter(parking, &waiters[i].parked, "key", from_now(FOR_EVER_MS), 0));
    parking_close(parking);
    assert_int_equal(parking_count(parking), 0);
    for (size_t i = 0; i < COUNT_OF(waiters); i++)
        assert_int_equal(waiters[i].resumes, 1);
    assert_false(parking_enter(parking, &late.parked, "key", from_now(FOR_EVER_MS), 0));
    assert_int_equal(late.suspends, 0);
    parking_wake(parking, "key");
    parking_free(parking);
}

// The race that matters: look for work, find none, park, while the work arrives in between. Each
// waiter parks for ever, so that one lost wake-up ends the test by its time limit.

typedef struct Race {
    Parking *parking;
    atomic_int work;
    char key[16];
} Race;

static void *race_waiter(void *context) {
    Race *race = context;
    Waiter waiter = {0};
    int seen = 0, entered = 0;
    while (seen < ROUND_COUNT) {
        uint64_t sequence = parking_sequence(race->parking);
        int work = atomic_load(&race->work);
        if (work > seen) {
            seen = work;
            continue;
        }
        if (!parking_enter(race->parking, &waiter.parked, race->key, from_now(FOR_EVER_MS),
                           sequence))
            abort();
        await_resumes(&waiter, ++entered);
    }
    return NULL;
}

static void no_wake_up_is_lost_between_looking_and_parking(void **state) {
    Parking *parking = parking_start(&SYSTEM_CLOCK);
    Race races[WAITER_COUNT] = {0};
    pthread_t threads[WAITER_COUNT];
    for (size_t i = 0; i < WAITER_COUNT; i++) {
        races[i].parking = parking;
        snprintf(races[i].key, sizeof(races[i].key), "key %zu", i % 3);
        assert_int_equal(pthread_create(&threads[i], NULL, race_waiter, &races[i]), 0);
    }
    for (int round = 0; round < ROUND_COUNT; round++)
        for (size_t i = 0; i < WAITER_COUNT; i++) {
            atomic_fetch_add(&races[i].work, 1);
            parking_wake(parking, races[i].key);
        }
    for (size_t i = 0; i < WAITER_COUNT; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(parking_count(parking), 0);
    parking_end(parking);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wake_resumes_all_of_its_key_and_no_other),
        cmocka_unit_test(who_parks_with_an_older_sequence_is_resumed_at_once),
        cmocka_unit_test(a_deadline_in_the_past_resumes_at_once),
        cmocka_unit_test(deadlines_are_met_nearest_first),
        cmocka_unit_test(a_nearer_deadline_is_met_while_a_farther_one_waits),
        cmocka_unit_test(deadlines_hold_after_wakes_in_between),
        cmocka_unit_test(closing_resumes_all_and_lets_nobody_in),
        cmocka_unit_test(no_wake_up_is_lost_between_looking_and_parking),
    };
    return cmocka_run_group_tests_name("parking", tests, NULL, NULL);
}
