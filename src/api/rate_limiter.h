// Token buckets in memory, one per key: how often something may be tried. Thread-safe, and of fixed
// size: where there are more keys than it holds, those used longest ago are forgotten.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct RateLimiter RateLimiter;

// At most `per_minute` a minute, and as many at once.
RateLimiter *rate_limiter_new(const Clock *clock, int64_t per_minute);
RateLimiter *rate_limiter_free(RateLimiter *limiter);
DEFINE_CLEANUP(RateLimiter, rate_limiter_free)

// Takes one from the key's bucket. False when it is empty: then when to come again, from 1 s up.
bool rate_limiter_take(RateLimiter *limiter, const char *key, int64_t *ret_retry_after_s);
// Gives one back: what it was taken for turned out to be harmless.
void rate_limiter_give(RateLimiter *limiter, const char *key);
