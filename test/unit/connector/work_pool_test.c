#include "connector/work_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/monitor.h"

// A door that work waits behind, so that a test decides when it goes on.
typedef struct Door {
    Monitor monitor;
    int inside;
    int most_inside;
    int finished;
    bool open;
} Door;

static Door door_make(void) {
    Door door = {0};
    monitor_init(&door.monitor);
    return door;
}

static void pass_door(void *context, Arena *arena, void *what) {
    Door *door = context;
    monitor_lock(&door->monitor);
    door->inside++;
    if (door->inside > door->most_inside)
        door->most_inside = door->inside;
    monitor_wake(&door->monitor);
    while (!door->open)
        monitor_wait(&door->monitor);
    door->inside--;
    door->finished++;
    monitor_wake(&door->monitor);
    monitor_unlock(&door->monitor);
}

static void door_open(Door *door) {
    monitor_lock(&door->monitor);
    door->open = true;
    monitor_wake(&door->monitor);
    monitor_unlock(&door->monitor);
}

static void await_inside(Door *door, int count) {
    monitor_lock(&door->monitor);
    while (door->inside < count)
        monitor_wait(&door->monitor);
    monitor_unlock(&door->monitor);
}

static void await_finished(Door *door, int count) {
    monitor_lock(&door->monitor);
    while (door->finished < count)
        monitor_wait(&door->monitor);
    monitor_unlock(&door->monitor);
}

static bool submit(WorkPool *pool, Door *door, const char *lane, const char *grant) {
    Arena *arena = arena_new();
    WorkItem item = {.lane = arena_strdup(arena, lane),
                     .grant = arena_strdup(arena, grant),
                     .run = pass_door,
                     .context = door,
                     .arena = arena};
    return work_pool_submit(pool, &item);
}

static WorkPool *pool_make(size_t threads, size_t per_lane, size_t ceiling) {
    WorkPool *pool = NULL;
    WorkPoolOptions options = {
        .threads = threads, .threads_per_lane = per_lane, .queue_ceiling = ceiling};
    assert_int_equal(work_pool_new(options, &pool, NULL), STATUS_OK);
    return pool;
}

static void a_slow_target_leaves_threads_for_others(void **state) {
    CLEANUP(work_pool_freep) WorkPool *pool = pool_make(4, 2, 100);
    Door slow = door_make();
    Door quick = door_make();
    door_open(&quick);
    for (int i = 0; i < 10; i++)
        assert_true(submit(pool, &slow, "slow", NULL));
    await_inside(&slow, 2);
    for (int i = 0; i < 10; i++)
        assert_true(submit(pool, &quick, "quick", NULL));
    await_finished(&quick, 10);
    door_open(&slow);
    await_finished(&slow, 10);
    assert_int_equal(slow.most_inside, 2);
    pool = work_pool_free(pool);
    monitor_done(&slow.monitor);
    monitor_done(&quick.monitor);
}

static void never_works_twice_at_once_on_one_grant(void **state) {
    CLEANUP(work_pool_freep) WorkPool *pool = pool_make(4, 4, 100);
    Door same = door_make();
    Door other = door_make();
    door_open(&other);
    assert_true(submit(pool, &same, "lane", "grt_1"));
    assert_true(submit(pool, &same, "lane", "grt_1"));
    await_inside(&same, 1);
    assert_true(submit(pool, &other, "lane", "grt_2"));
    await_finished(&other, 1);
    assert_false(work_pool_claim(pool, "grt_1"));
    door_open(&same);
    await_finished(&same, 2);
    assert_int_equal(same.most_inside, 1);
    pool = work_pool_free(pool);
    monitor_done(&same.monitor);
    monitor_done(&other.monitor);
}

static void a_claimed_grant_waits(void **state) {
    CLEANUP(work_pool_freep) WorkPool *pool = pool_make(2, 2, 100);
    Door claimed = door_make();
    Door other = door_make();
    door_open(&claimed);
    door_open(&other);
    assert_true(work_pool_claim(pool, "grt_1"));
    assert_false(work_pool_claim(pool, "grt_1"));
    assert_true(submit(pool, &claimed, "lane", "grt_1"));
    assert_true(submit(pool, &other, "lane", "grt_2"));
    await_finished(&other, 1);
    assert_int_equal(claimed.finished, 0);
    work_pool_release(pool, "grt_1");
    await_finished(&claimed, 1);
    pool = work_pool_free(pool);
    monitor_done(&claimed.monitor);
    monitor_done(&other.monitor);
}

static void refuses_more_than_the_queue_holds_and_tells_when_there_is_room(void **state) {
    CLEANUP(work_pool_freep) WorkPool *pool = pool_make(1, 1, 2);
    Door door = door_make();
    assert_true(submit(pool, &door, "lane", NULL));
    await_inside(&door, 1);
    assert_true(submit(pool, &door, "lane", NULL));
    assert_true(submit(pool, &door, "lane", NULL));
    assert_false(submit(pool, &door, "lane", NULL));
    assert_int_equal(work_pool_await_room(pool, 0), 0);
    assert_int_equal(work_pool_await_room(pool, 1), 0);
    door_open(&door);
    assert_true(work_pool_await_room(pool, 60000) > 0);
    await_finished(&door, 3);
    pool = work_pool_free(pool);
    monitor_done(&door.monitor);
}

static void ending_drops_what_waits(void **state) {
    WorkPool *pool = pool_make(1, 1, 100);
    Door door = door_make();
    assert_true(submit(pool, &door, "lane", NULL));
    assert_true(work_pool_claim(pool, "grt_1"));
    assert_true(submit(pool, &door, "lane", "grt_1"));
    await_inside(&door, 1);
    door_open(&door);
    work_pool_free(pool);
    assert_int_equal(door.finished, 1);
    monitor_done(&door.monitor);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_slow_target_leaves_threads_for_others),
        cmocka_unit_test(never_works_twice_at_once_on_one_grant),
        cmocka_unit_test(a_claimed_grant_waits),
        cmocka_unit_test(refuses_more_than_the_queue_holds_and_tells_when_there_is_room),
        cmocka_unit_test(ending_drops_what_waits),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
