#include "base/clock.h"

#include "cases.h"

#include <string.h>
#include <time.h>

static void the_system_clock_tells_the_time(void **state) {
    (void)state;
    time_t before = time(NULL);
    int64_t now_ms = clock_now_ms(&SYSTEM_CLOCK);
    time_t after = time(NULL);
    assert_true(now_ms / 1000 + 1 >= before && now_ms / 1000 <= after + 1);
    int64_t last = clock_monotonic_ms(&SYSTEM_CLOCK);
    for (int i = 0; i < 1000; i++) {
        int64_t next = clock_monotonic_ms(&SYSTEM_CLOCK);
        assert_true(next >= last);
        last = next;
    }
}

static void a_manual_clock_stands_until_it_is_moved(void **state) {
    (void)state;
    ManualClock manual = manual_clock_at(5000);
    const Clock *clock = &manual.clock;
    assert_int_equal(clock_now_ms(clock), 5000);
    assert_int_equal(clock_monotonic_ms(clock), 5000);
    manual.at_ms += 250;
    assert_int_equal(clock_now_ms(clock), 5250);
    assert_int_equal(clock_monotonic_ms(clock), 5250);
}

static void times_have_a_text_form(void **state) {
    (void)state;
    char text[TIMESTAMP_SIZE];
    assert_string_equal(timestamp_format(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(timestamp_format(1777888800123, text), "2026-05-04T10:00:00.123Z");
    assert_string_equal(timestamp_format(951782400000, text), "2000-02-29T00:00:00.000Z");
    assert_string_equal(timestamp_format(253402300799999, text), "9999-12-31T23:59:59.999Z");
    assert_string_equal(timestamp_format(-1, text), "1969-12-31T23:59:59.999Z");
    assert_true(strlen(timestamp_format(INT64_MAX, text)) < TIMESTAMP_SIZE);
    assert_true(strlen(timestamp_format(INT64_MIN, text)) < TIMESTAMP_SIZE);
}

static void times_agree_with_the_c_library(void **state) {
    (void)state;
    // A step that meets every month, weekday and hour over the years.
    for (int64_t second = 0; second < 253402300800; second += 7919 * 997) {
        time_t at = (time_t)second;
        struct tm broken;
        char expected[TIMESTAMP_SIZE], text[TIMESTAMP_SIZE];
        assert_non_null(gmtime_r(&at, &broken));
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000Z", &broken);
        assert_string_equal(timestamp_format(second * 1000, text), expected);
        int64_t back;
        assert_int_equal(timestamp_parse(text, &back, NULL), STATUS_OK);
        assert_int_equal(back, second * 1000);
    }
}

static int64_t parsed_time(const char *text) {
    int64_t at_ms = -1;
    Error error = {0};
    if (timestamp_parse(text, &at_ms, &error) != STATUS_OK)
        fail_msg("%s: %s", text, error.message);
    return at_ms;
}

static void reads_times_of_every_offset(void **state) {
    (void)state;
    assert_int_equal(parsed_time("2026-05-04T10:00:00Z"), 1777888800000);
    assert_int_equal(parsed_time("2026-05-04t10:00:00z"), 1777888800000);
    assert_int_equal(parsed_time("2026-05-04T12:00:00+02:00"), 1777888800000);
    assert_int_equal(parsed_time("2026-05-04T04:30:00-05:30"), 1777888800000);
    assert_int_equal(parsed_time("2026-05-04T10:00:00-00:00"), 1777888800000);
    assert_int_equal(parsed_time("2026-05-04T10:00:00.5Z"), 1777888800500);
    assert_int_equal(parsed_time("2026-05-04T10:00:00.1239999Z"), 1777888800123);
    assert_int_equal(parsed_time("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(parsed_time("1969-12-31T23:00:00-01:00"), 0);
    assert_int_equal(parsed_time("2024-02-29T23:59:59Z"), 1709251199000);
    assert_int_equal(parsed_time("2000-02-29T00:00:00Z"), 951782400000);
    assert_int_equal(parsed_time("9999-12-31T23:59:59.999Z"), 253402300799999);
}

static void refuses_times_that_do_not_exist(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "",
        "now",
        "2026-05-04",
        "2026-05-04T10:00:00",
        "2026-05-04 10:00:00Z",
        "2026-05-04T10:00Z",
        "2026-5-4T10:00:00Z",
        "2026-05-04T10:00:00.Z",
        "2026-05-04T10:00:00,5Z",
        "2026-05-04T10:00:00Zjunk",
        "2026-05-04T10:00:00Z ",
        " 2026-05-04T10:00:00Z",
        "2026-05-04T10:00:60Z",
        "2016-12-31T23:59:60Z", // a leap second there was
        "2026-05-04T10:60:00Z",
        "2026-05-04T24:00:00Z",
        "2026-00-04T10:00:00Z",
        "2026-13-04T10:00:00Z",
        "2026-05-00T10:00:00Z",
        "2026-05-32T10:00:00Z",
        "2026-04-31T10:00:00Z",
        "2025-02-29T10:00:00Z",
        "2100-02-29T10:00:00Z",
        "2026-05-04T10:00:00+24:00",
        "2026-05-04T10:00:00+02:60",
        "2026-05-04T10:00:00+0200",
        "2026-05-04T10:00:00+2",
        "2026-05-04T10:00:00+",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "0000-01-01T00:00:00Z",
        "-2026-05-04T10:00:00Z",
        "12026-05-04T10:00:00Z",
        "2026-05-04T1\xD9\xA0:00:00Z", // a digit, but not an ASCII one
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        int64_t at_ms = 42;
        Error error = {0};
        if (timestamp_parse(BAD[i], &at_ms, &error) != STATUS_INVALID)
            fail_msg("accepted %s", BAD[i]);
        assert_int_equal(at_ms, 42);
        assert_string_equal(error.code, "bad_time");
        assert_non_null(strstr(error.message, "2026-05-04T10:00:00Z"));
    }
}

static void reads_durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } GOOD[] = {
        {"90s", 90},
        {"15m", 900},
        {"8h", 28800},
        {"7d", 604800},
        {"1h30m", 5400},
        {"1d2h3m4s", 93784},
        {"1s", 1},
        {"90m", 5400},
        {"3650d", 315360000},
        {"1h0m", 3600},
        {"315360000s", 315360000},
        {"007s", 7},
    };
    for (size_t i = 0; i < COUNT_OF(GOOD); i++) {
        int64_t seconds = -1;
        assert_int_equal(duration_parse(GOOD[i].text, &seconds, NULL), STATUS_OK);
        assert_int_equal(seconds, GOOD[i].seconds);
    }
}

static void refuses_what_is_no_duration(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "",
        "0s",
        "0",
        "0h0m",
        "-1h",
        "1e9h",
        "1",
        "h",
        "1.5h",
        "1h ",
        " 1h",
        "1 h",
        "1H",
        "1w",
        "30m1h",
        "1h1h",
        "1s1s",
        "1h30",
        "+1h",
        "3651d",
        "3650d1s",
        "8h-1m",
        "1hm",
        "never",
        "1h\n",
        "9223372036854775807s",
        "99999999999999999999999999999999999999s",
        "315360001s",
        "-",
        "1µs",
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        int64_t seconds = 42;
        Error error = {0};
        if (duration_parse(BAD[i], &seconds, &error) != STATUS_INVALID)
            fail_msg("accepted %s", BAD[i]);
        assert_int_equal(seconds, 42);
        assert_string_equal(error.code, "bad_duration");
        assert_non_null(strstr(error.message, "expected a duration such as 30m, 8h or 1h30m"));
    }
}

static void durations_have_a_text_form_that_reads_back(void **state) {
    (void)state;
    char text[DURATION_SIZE];
    assert_string_equal(duration_format(5400, text), "1h30m");
    assert_string_equal(duration_format(86400, text), "1d");
    assert_string_equal(duration_format(93784, text), "1d2h3m4s");
    assert_string_equal(duration_format(0, text), "0s");
    assert_string_equal(duration_format(-90, text), "-1m30s");
    assert_string_equal(duration_format(INT64_MIN, text), "-106751991167300d15h30m8s");
    for (int64_t seconds = 1; seconds <= 315360000; seconds += seconds / 3 + 1) {
        int64_t back;
        assert_int_equal(duration_parse(duration_format(seconds, text), &back, NULL), STATUS_OK);
        assert_int_equal(back, seconds);
    }
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(the_system_clock_tells_the_time),
        cmocka_unit_test(a_manual_clock_stands_until_it_is_moved),
        cmocka_unit_test(times_have_a_text_form),
        cmocka_unit_test(times_agree_with_the_c_library),
        cmocka_unit_test(reads_times_of_every_offset),
        cmocka_unit_test(refuses_times_that_do_not_exist),
        cmocka_unit_test(reads_durations),
        cmocka_unit_test(refuses_what_is_no_duration),
        cmocka_unit_test(durations_have_a_text_form_that_reads_back),
    };
    return RUN_CASES(cases);
}
