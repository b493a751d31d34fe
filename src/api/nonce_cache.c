#include "api/nonce_cache.h"

#include "base/crypto.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

enum { HASH_BYTES = 16, FIRST_SLOTS = 1024 };

// An open-addressed table of hashes. It is rebuilt without what is over when it is half full, so
// that its size follows the number of fresh nonces.
typedef struct Slot {
    unsigned char hash[HASH_BYTES];
    int64_t until_s; // 0: free
} Slot;

struct NonceCache {
    size_t max_nonces;
    unsigned char key[crypto_generichash_KEYBYTES];
    pthread_mutex_t lock;
    Slot *slots;
    size_t slot_count; // a power of two
    size_t used;       // slots that are not free, over or not
};

NonceCache *nonce_cache_new(size_t max_nonces) {
    crypto_start();
    NonceCache *cache = mem_alloc(sizeof(*cache));
    cache->max_nonces = max_nonces;
    randombytes_buf(cache->key, sizeof(cache->key));
    pthread_mutex_init(&cache->lock, NULL);
    cache->slot_count = FIRST_SLOTS;
    cache->slots = mem_alloc(FIRST_SLOTS * sizeof(Slot));
    return cache;
}

NonceCache *nonce_cache_free(NonceCache *cache) {
    if (cache == NULL)
        return NULL;
    pthread_mutex_destroy(&cache->lock);
    mem_free(cache->slots);
    return mem_free(cache);
}

// The slot that holds the hash, or the free one where it belongs. There always is a free one.
static Slot *slot_of(Slot *slots, size_t count, const unsigned char hash[HASH_BYTES]) {
    size_t start;
    memcpy(&start, hash, sizeof(start));
    for (size_t i = start & (count - 1);; i = (i + 1) & (count - 1)) {
        if (slots[i].until_s == 0 || memcmp(slots[i].hash, hash, HASH_BYTES) == 0)
            return &slots[i];
    }
}

static void rebuild(NonceCache *cache, int64_t now_s) {
    size_t fresh = 0;
    for (size_t i = 0; i < cache->slot_count; i++)
        fresh += cache->slots[i].until_s >= now_s;
    size_t count = FIRST_SLOTS;
    while (count < fresh * 4)
        count *= 2;
    Slot *slots = mem_alloc(count * sizeof(Slot));
    for (size_t i = 0; i < cache->slot_count; i++) {
        if (cache->slots[i].until_s >= now_s)
            *slot_of(slots, count, cache->slots[i].hash) = cache->slots[i];
    }
    mem_free(cache->slots);
    cache->slots = slots;
    cache->slot_count = count;
    cache->used = fresh;
}

static Status add(NonceCache *cache, const unsigned char hash[HASH_BYTES], int64_t until_s,
                  int64_t now_s, Error *reterr) {
    if (cache->used * 2 >= cache->slot_count)
        rebuild(cache, now_s);
    Slot *slot = slot_of(cache->slots, cache->slot_count, hash);
    if (slot->until_s >= now_s && slot->until_s != 0)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "replayed",
                         "this signed request was received before; sign each request anew");
    if (slot->until_s == 0) {
        if (cache->used >= cache->max_nonces) {
            rebuild(cache, now_s);
            slot = slot_of(cache->slots, cache->slot_count, hash);
        }
        if (cache->used >= cache->max_nonces)
            return error_set(reterr, STATUS_LIMITED, "too_many_requests",
                             "more signed requests than can be remembered; try again later");
        cache->used++;
    }
    memcpy(slot->hash, hash, HASH_BYTES);
    slot->until_s = until_s;
    return STATUS_OK;
}

Status nonce_cache_add(NonceCache *cache, const char *key_id, const char *nonce, int64_t until_s,
                       int64_t now_s, Error *reterr) {
    unsigned char hash[HASH_BYTES];
    crypto_generichash_state state;
    crypto_generichash_init(&state, cache->key, sizeof(cache->key), sizeof(hash));
    // The NUL between them keeps ("ab", "c") and ("a", "bc") apart.
    crypto_generichash_update(&state, (const unsigned char *)key_id, strlen(key_id) + 1);
    crypto_generichash_update(&state, (const unsigned char *)nonce, strlen(nonce));
    crypto_generichash_final(&state, hash, sizeof(hash));
    pthread_mutex_lock(&cache->lock);
    Status status = add(cache, hash, until_s, now_s, reterr);
    pthread_mutex_unlock(&cache->lock);
    return status;
}
