// Time, injected: the real one, or one a test moves. Also its text forms.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { SECOND_MS = 1000 };

typedef struct Clock {
    int64_t (*now_ms)(const struct Clock *clock);       // wall clock, ms since 1970 UTC
    int64_t (*monotonic_ms)(const struct Clock *clock); // never steps, counts sleep
} Clock;

extern const Clock SYSTEM_CLOCK;

// A clock that stands until it is moved; `&manual.clock` is the Clock.
typedef struct ManualClock {
    Clock clock;
    int64_t at_ms;
} ManualClock;
ManualClock manual_clock_at(int64_t now_ms);

static inline int64_t clock_now_ms(const Clock *clock) {
    return clock->now_ms(clock);
}
static inline int64_t clock_monotonic_ms(const Clock *clock) {
    return clock->monotonic_ms(clock);
}

// RFC 3339 in UTC with milliseconds: 2026-05-04T10:00:00.000Z
enum { TIMESTAMP_SIZE = 32 };
const char *timestamp_format(int64_t at_ms, char text[TIMESTAMP_SIZE]);
// Any RFC 3339 offset; years 1970 to 9999. Parts of a millisecond are dropped.
MUST_USE Status timestamp_parse(const char *text, int64_t *ret_at_ms, Error *reterr);

// "90s", "15m", "8h", "7d", and combinations in falling order: "1h30m". Whole, positive; at most
// ten years (3650d). The error ("bad_duration") says what is accepted and does not repeat the text.
MUST_USE Status duration_parse(const char *text, int64_t *ret_seconds, Error *reterr);
enum { DURATION_SIZE = 48 };
const char *duration_format(int64_t seconds, char text[DURATION_SIZE]);
