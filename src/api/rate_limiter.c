#include "api/rate_limiter.h"

#include "base/crypto.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

// A set-associative table of fixed size: a key has WAYS places it may be in. An attacker who fills
// them can only make us forget buckets in which tries are counted for other keys of the same set,
// and the keyed hash keeps them from choosing which.
enum { SETS = 4096, WAYS = 8, KEY_BYTES = 16 };

typedef struct Bucket {
    unsigned char key[KEY_BYTES];
    int64_t updated_at; // monotonic; 0: free
    int64_t level_ms;   // what is left, in the time it takes to grow back
} Bucket;

struct RateLimiter {
    const Clock *clock;
    int64_t cost_ms; // time in which one grows back
    int64_t full_ms;
    unsigned char hash_key[crypto_generichash_KEYBYTES];
    pthread_mutex_t lock;
    Bucket buckets[SETS][WAYS];
};

RateLimiter *rate_limiter_new(const Clock *clock, int64_t per_minute) {
    assert(per_minute > 0);
    crypto_start();
    RateLimiter *limiter = mem_alloc(sizeof(*limiter));
    limiter->clock = clock;
    limiter->cost_ms = 60 * SECOND_MS / per_minute;
    if (limiter->cost_ms == 0)
        limiter->cost_ms = 1;
    limiter->full_ms = limiter->cost_ms * per_minute;
    randombytes_buf(limiter->hash_key, sizeof(limiter->hash_key));
    pthread_mutex_init(&limiter->lock, NULL);
    return limiter;
}

RateLimiter *rate_limiter_free(RateLimiter *limiter) {
    if (limiter == NULL)
        return NULL;
    pthread_mutex_destroy(&limiter->lock);
    return mem_free(limiter);
}

static void bucket_fill(const RateLimiter *limiter, Bucket *bucket, int64_t now_ms) {
    int64_t passed = now_ms - bucket->updated_at;
    bucket->level_ms += passed > 0 ? passed : 0;
    if (bucket->level_ms > limiter->full_ms)
        bucket->level_ms = limiter->full_ms;
    bucket->updated_at = now_ms;
}

// The key's bucket, brought up to now; a new and full one in the place of the one least recently
// used when there is none.
static Bucket *bucket_of(RateLimiter *limiter, const char *key, int64_t now_ms) {
    unsigned char hash[KEY_BYTES + 2];
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)key, strlen(key),
                       limiter->hash_key, sizeof(limiter->hash_key));
    Bucket *set = limiter->buckets[(hash[KEY_BYTES] << 8 | hash[KEY_BYTES + 1]) % SETS];
    Bucket *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].updated_at != 0 && memcmp(set[i].key, hash, KEY_BYTES) == 0) {
            bucket_fill(limiter, &set[i], now_ms);
            return &set[i];
        }
        if (set[i].updated_at < oldest->updated_at)
            oldest = &set[i];
    }
    memcpy(oldest->key, hash, KEY_BYTES);
    oldest->updated_at = now_ms;
    oldest->level_ms = limiter->full_ms;
    return oldest;
}

static int64_t now_of(const RateLimiter *limiter) {
    return clock_monotonic_ms(limiter->clock) + 1; // never 0, which means free
}

bool rate_limiter_take(RateLimiter *limiter, const char *key, int64_t *ret_retry_after_s) {
    pthread_mutex_lock(&limiter->lock);
    Bucket *bucket = bucket_of(limiter, key, now_of(limiter));
    bool allowed = bucket->level_ms >= limiter->cost_ms;
    if (allowed)
        bucket->level_ms -= limiter->cost_ms;
    else
        *ret_retry_after_s = (limiter->cost_ms - bucket->level_ms + SECOND_MS - 1) / SECOND_MS;
    pthread_mutex_unlock(&limiter->lock);
    return allowed;
}

void rate_limiter_give(RateLimiter *limiter, const char *key) {
    pthread_mutex_lock(&limiter->lock);
    Bucket *bucket = bucket_of(limiter, key, now_of(limiter));
    bucket->level_ms += limiter->cost_ms;
    if (bucket->level_ms > limiter->full_ms)
        bucket->level_ms = limiter->full_ms;
    pthread_mutex_unlock(&limiter->lock);
}
