// What the API keeps in memory: tries counted, nonces remembered.
#include "api/nonce_cache.h"
#include "api/rate_limiter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void a_bucket_empties_and_fills_again(void **state) {
    ManualClock clock = manual_clock_at(1000000);
    CLEANUP(rate_limiter_freep) RateLimiter *limiter = rate_limiter_new(&clock.clock, 6);
    int64_t after_s = 0;
    for (int i = 0; i < 6; i++)
        assert_true(rate_limiter_take(limiter, "a", &after_s));
    assert_false(rate_limiter_take(limiter, "a", &after_s));
    assert_int_equal(after_s, 10);
    assert_true(rate_limiter_take(limiter, "b", &after_s));
    clock.at_ms += 4000;
    assert_false(rate_limiter_take(limiter, "a", &after_s));
    assert_int_equal(after_s, 6);
    clock.at_ms += 6000;
    assert_true(rate_limiter_take(limiter, "a", &after_s));
    assert_false(rate_limiter_take(limiter, "a", &after_s));
    clock.at_ms += 3600 * 1000; // and never above what it holds
    for (int i = 0; i < 6; i++)
        assert_true(rate_limiter_take(limiter, "a", &after_s));
    assert_false(rate_limiter_take(limiter, "a", &after_s));
}

static void what_is_given_back_can_be_taken(void **state) {
    ManualClock clock = manual_clock_at(1);
    CLEANUP(rate_limiter_freep) RateLimiter *limiter = rate_limiter_new(&clock.clock, 1);
    int64_t after_s = 0;
    for (int i = 0; i < 10; i++) {
        assert_true(rate_limiter_take(limiter, "a", &after_s));
        rate_limiter_give(limiter, "a");
    }
    rate_limiter_give(limiter, "a");
    assert_true(rate_limiter_take(limiter, "a", &after_s));
    assert_false(rate_limiter_take(limiter, "a", &after_s));
}

static void many_keys_take_no_more_memory(void **state) {
    ManualClock clock = manual_clock_at(1);
    CLEANUP(rate_limiter_freep) RateLimiter *limiter = rate_limiter_new(&clock.clock, 1);
    int64_t after_s = 0;
    char key[32];
    for (int i = 0; i < 200000; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        assert_true(rate_limiter_take(limiter, key, &after_s));
    }
    assert_false(rate_limiter_take(limiter, key, &after_s));
}

static Status add(NonceCache *cache, const char *key, const char *nonce, int64_t now_s,
                  Error *error) {
    return nonce_cache_add(cache, key, nonce, now_s + 60, now_s, error);
}

static void a_nonce_is_accepted_once_while_it_is_fresh(void **state) {
    CLEANUP(nonce_cache_freep) NonceCache *cache = nonce_cache_new(1000);
    Error error = {0};
    assert_int_equal(add(cache, "k", "n", 1000, &error), STATUS_OK);
    assert_int_equal(add(cache, "k", "n", 1000, &error), STATUS_UNAUTHENTICATED);
    assert_string_equal(error.code, "replayed");
    assert_int_equal(add(cache, "k", "n", 1060, &error), STATUS_UNAUTHENTICATED);
    assert_int_equal(add(cache, "other", "n", 1000, &error), STATUS_OK);
    assert_int_equal(add(cache, "kn", "", 1000, &error), STATUS_OK);
    assert_int_equal(add(cache, "k", "n", 1061, &error), STATUS_OK);
}

static void many_nonces_are_all_remembered(void **state) {
    CLEANUP(nonce_cache_freep) NonceCache *cache = nonce_cache_new(100000);
    Error error = {0};
    char nonce[32];
    for (int i = 0; i < 50000; i++) {
        snprintf(nonce, sizeof(nonce), "%d", i);
        assert_int_equal(add(cache, "k", nonce, 1000, &error), STATUS_OK);
    }
    for (int i = 0; i < 50000; i++) {
        snprintf(nonce, sizeof(nonce), "%d", i);
        assert_int_equal(add(cache, "k", nonce, 1000, &error), STATUS_UNAUTHENTICATED);
    }
}

static void a_full_memory_refuses_rather_than_forgets(void **state) {
    CLEANUP(nonce_cache_freep) NonceCache *cache = nonce_cache_new(100);
    Error error = {0};
    char nonce[32];
    for (int i = 0; i < 100; i++) {
        snprintf(nonce, sizeof(nonce), "%d", i);
        assert_int_equal(add(cache, "k", nonce, 1000, &error), STATUS_OK);
    }
    assert_int_equal(add(cache, "k", "more", 1000, &error), STATUS_LIMITED);
    assert_int_equal(add(cache, "k", "0", 1000, &error), STATUS_UNAUTHENTICATED);
    // What is over makes room.
    assert_int_equal(add(cache, "k", "more", 1061, &error), STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_empties_and_fills_again),
        cmocka_unit_test(what_is_given_back_can_be_taken),
        cmocka_unit_test(many_keys_take_no_more_memory),
        cmocka_unit_test(a_nonce_is_accepted_once_while_it_is_fresh),
        cmocka_unit_test(many_nonces_are_all_remembered),
        cmocka_unit_test(a_full_memory_refuses_rather_than_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
