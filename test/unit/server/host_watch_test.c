// What is noticed of a host's clock and of the certificate's term.
#include "server/host_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t DAY_MS = 24LL * 3600 * SECOND_MS;

typedef struct TwoClocks {
    Clock clock; // first, so that the clock's functions find the rest
    int64_t wall_ms, monotonic_ms;
} TwoClocks;

static int64_t wall(const Clock *clock) {
    return ((const TwoClocks *)clock)->wall_ms;
}

static int64_t monotonic(const Clock *clock) {
    return ((const TwoClocks *)clock)->monotonic_ms;
}

static TwoClocks clocks_at(int64_t wall_ms) {
    return (TwoClocks){{wall, monotonic}, wall_ms, 5000};
}

static void pass(TwoClocks *clocks, int64_t ms) {
    clocks->wall_ms += ms;
    clocks->monotonic_ms += ms;
}

static void a_clock_that_is_set_is_noticed_once(void **state) {
    TwoClocks clocks = clocks_at(1000 * DAY_MS);
    HostWatch watch;
    host_watch_init(&watch, &clocks.clock);
    pass(&clocks, 5000);
    assert_int_equal(host_watch_clock_step(&watch), 0);
    clocks.wall_ms += 3600 * SECOND_MS;
    pass(&clocks, 5000);
    assert_int_equal(host_watch_clock_step(&watch), 3600 * SECOND_MS);
    assert_int_equal(host_watch_clock_step(&watch), 0);
    clocks.wall_ms -= 7200 * SECOND_MS;
    assert_int_equal(host_watch_clock_step(&watch), -7200 * SECOND_MS);
    assert_int_equal(host_watch_clock_step(&watch), 0);
}

static void corrections_and_sleep_are_no_steps(void **state) {
    TwoClocks clocks = clocks_at(1000 * DAY_MS);
    HostWatch watch;
    host_watch_init(&watch, &clocks.clock);
    for (int i = 0; i < 100; i++) {
        clocks.wall_ms += 500;
        pass(&clocks, 5000);
        assert_int_equal(host_watch_clock_step(&watch), 0);
    }
    pass(&clocks, DAY_MS);
    assert_int_equal(host_watch_clock_step(&watch), 0);
}

static void nothing_is_said_without_a_certificate(void **state) {
    TwoClocks clocks = clocks_at(1000 * DAY_MS);
    HostWatch watch;
    host_watch_init(&watch, &clocks.clock);
    assert_false(host_watch_take_news(&watch));
}

static void a_certificate_is_told_of_as_it_ages(void **state) {
    TwoClocks clocks = clocks_at(1000 * DAY_MS);
    HostWatch watch;
    host_watch_init(&watch, &clocks.clock);
    host_watch_certificate(&watch, &(CertificateTerm){1001 * DAY_MS, 1091 * DAY_MS});
    assert_true(host_watch_take_news(&watch));
    assert_int_equal(host_watch_state(&watch), CERTIFICATE_EARLY);
    assert_false(host_watch_take_news(&watch));
    pass(&clocks, DAY_MS);
    assert_true(host_watch_take_news(&watch));
    assert_int_equal(host_watch_state(&watch), CERTIFICATE_GOOD);
    pass(&clocks, 60 * DAY_MS); // nothing is wrong: nothing is said again
    assert_false(host_watch_take_news(&watch));
    pass(&clocks, 16 * DAY_MS + 1);
    assert_true(host_watch_take_news(&watch));
    assert_int_equal(host_watch_state(&watch), CERTIFICATE_ENDS);
    pass(&clocks, DAY_MS - 1);
    assert_false(host_watch_take_news(&watch));
    pass(&clocks, 1);
    assert_true(host_watch_take_news(&watch)); // a day later, again
    pass(&clocks, 13 * DAY_MS);
    assert_true(host_watch_take_news(&watch));
    assert_int_equal(host_watch_state(&watch), CERTIFICATE_OVER);
    host_watch_certificate(&watch, &(CertificateTerm){1000 * DAY_MS, 2000 * DAY_MS});
    assert_true(host_watch_take_news(&watch));
    assert_int_equal(host_watch_state(&watch), CERTIFICATE_GOOD);
}

static void a_short_life_has_a_short_end(void **state) {
    TwoClocks clocks = clocks_at(1000 * DAY_MS);
    HostWatch watch;
    host_watch_init(&watch, &clocks.clock);
    host_watch_certificate(&watch, &(CertificateTerm){1000 * DAY_MS, 1003 * DAY_MS});
    assert_int_equal(host_watch_state(&watch), CERTIFICATE_GOOD);
    pass(&clocks, 2 * DAY_MS);
    assert_int_equal(host_watch_state(&watch), CERTIFICATE_GOOD);
    pass(&clocks, 1);
    assert_int_equal(host_watch_state(&watch), CERTIFICATE_ENDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_is_set_is_noticed_once),
        cmocka_unit_test(corrections_and_sleep_are_no_steps),
        cmocka_unit_test(nothing_is_said_without_a_certificate),
        cmocka_unit_test(a_certificate_is_told_of_as_it_ages),
        cmocka_unit_test(a_short_life_has_a_short_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
