#include "base/tally.h"

#include "base/memory.h"
#include "cases.h"

#include <pthread.h>

static void sums_are_kept_by_name(void **state) {
    CLEANUP(tally_freep) Tally *tally = tally_new();
    assert_int_equal(tally_of(tally, "ann"), 0);
    assert_int_equal(tally_add(tally, "ann", 1), 1);
    assert_int_equal(tally_add(tally, "ann", 5), 6);
    assert_int_equal(tally_add(tally, "ben", 1), 1);
    assert_int_equal(tally_add(tally, "ann", -2), 4);
    assert_int_equal(tally_of(tally, "ann"), 4);
    assert_int_equal(tally_of(tally, "ben"), 1);
    assert_int_equal(tally_of(tally, "an"), 0);
}

static void what_has_come_to_nothing_is_forgotten_and_begins_anew(void **state) {
    CLEANUP(tally_freep) Tally *tally = tally_new();
    tally_add(tally, "ann", 3);
    assert_int_equal(tally_add(tally, "ann", -3), 0);
    assert_int_equal(tally_of(tally, "ann"), 0);
    assert_int_equal(tally_add(tally, "ann", 2), 2);
}

// More names than buckets, so that some share one.
static void many_names_do_not_disturb_one_another(void **state) {
    enum { NAMES = 20000 };
    CLEANUP(tally_freep) Tally *tally = tally_new();
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (int i = 0; i < NAMES; i++)
        tally_add(tally, arena_printf(arena, "%d", i), i + 1);
    for (int i = 0; i < NAMES; i += 2)
        tally_add(tally, arena_printf(arena, "%d", i), -(i + 1));
    for (int i = 0; i < NAMES; i++)
        assert_int_equal(tally_of(tally, arena_printf(arena, "%d", i)), i % 2 == 0 ? 0 : i + 1);
}

enum { ROUNDS = 20000 };

static void *come_and_go(void *with) {
    for (int i = 0; i < ROUNDS; i++) {
        tally_add(with, "ann", 1);
        tally_add(with, "ann", -1);
    }
    return NULL;
}

static void threads_lose_nothing(void **state) {
    CLEANUP(tally_freep) Tally *tally = tally_new();
    pthread_t other;
    tally_add(tally, "ann", 7);
    assert_int_equal(pthread_create(&other, NULL, come_and_go, tally), 0);
    come_and_go(tally);
    pthread_join(other, NULL);
    assert_int_equal(tally_of(tally, "ann"), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_kept_by_name),
        cmocka_unit_test(what_has_come_to_nothing_is_forgotten_and_begins_anew),
        cmocka_unit_test(many_names_do_not_disturb_one_another),
        cmocka_unit_test(threads_lose_nothing),
    };
    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
