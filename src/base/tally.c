#include "base/tally.h"

#include "base/crypto.h"
#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

// A power of two.
enum { BUCKETS = 4096 };

typedef struct Entry {
    struct Entry *next;
    int64_t sum;
    char name[];
} Entry;

struct Tally {
    pthread_mutex_t lock;
    // Secret, so that nobody chooses names which all come into one bucket.
    unsigned char key[crypto_shorthash_KEYBYTES];
    Entry *buckets[BUCKETS];
};

Tally *tally_new(void) {
    crypto_start();
    Tally *tally = mem_alloc(sizeof(*tally));
    pthread_mutex_init(&tally->lock, NULL);
    randombytes_buf(tally->key, sizeof(tally->key));
    return tally;
}

Tally *tally_free(Tally *tally) {
    if (tally == NULL)
        return NULL;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (Entry *entry = tally->buckets[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            mem_free(entry);
        }
    }
    pthread_mutex_destroy(&tally->lock);
    return mem_free(tally);
}

// Where the name's entry is linked, or would be.
static Entry **place_of(Tally *tally, const char *name) {
    uint64_t hash;
    static_assert(sizeof(hash) == crypto_shorthash_BYTES, "the hash is one number");
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)name, strlen(name), tally->key);
    Entry **place = &tally->buckets[hash & (BUCKETS - 1)];
    while (*place != NULL && strcmp((*place)->name, name) != 0)
        place = &(*place)->next;
    return place;
}

static Entry *entry_new(const char *name) {
    size_t size = strlen(name) + 1;
    Entry *entry = mem_alloc(sizeof(*entry) + size);
    memcpy(entry->name, name, size);
    return entry;
}

int64_t tally_add(Tally *tally, const char *name, int64_t amount) {
    pthread_mutex_lock(&tally->lock);
    Entry **place = place_of(tally, name);
    if (*place == NULL)
        *place = entry_new(name);
    Entry *entry = *place;
    entry->sum += amount;
    assert(entry->sum >= 0);
    int64_t sum = entry->sum;
    if (sum == 0) {
        *place = entry->next;
        mem_free(entry);
    }
    pthread_mutex_unlock(&tally->lock);
    return sum;
}

int64_t tally_of(Tally *tally, const char *name) {
    pthread_mutex_lock(&tally->lock);
    const Entry *entry = *place_of(tally, name);
    int64_t sum = entry != NULL ? entry->sum : 0;
    pthread_mutex_unlock(&tally->lock);
    return sum;
}
