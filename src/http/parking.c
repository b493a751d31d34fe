#include "http/parking.h"

#include "base/memory.h"
#include "base/monitor.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

// A power of two. More keys than this share buckets: a wake then compares a few more texts, and a
// request may be called again for a neighbour's wake, which costs one look for work.
enum { BUCKET_COUNT = 8192 };

// The longest sleep of the timer: the injected clock need not run as fast as the thread's.
enum { LONGEST_SLEEP_MS = 1000 };

typedef struct Bucket {
    Parked *first;
    uint64_t last_wake; // sequence of the last wake of any key that falls in here
} Bucket;

struct Parking {
    ParkingOptions options;
    Monitor monitor; // woken when the nearest deadline moved, or closed
    pthread_t timer;
    bool closed;
    _Atomic uint64_t sequence;
    _Atomic size_t count;
    Bucket *buckets;
    Parked **heap; // binary, nearest deadline first
    size_t heap_capacity;
};

// FNV-1a
static size_t bucket_of(const char *key) {
    uint64_t hash = 14695981039346656037ULL;
    for (; *key != '\0'; key++)
        hash = (hash ^ (unsigned char)*key) * 1099511628211ULL;
    return (size_t)((hash ^ (hash >> 32)) & (BUCKET_COUNT - 1));
}

static void heap_put(Parking *parking, size_t index, Parked *parked) {
    parking->heap[index] = parked;
    parked->heap_index = index;
}

static void heap_rise(Parking *parking, size_t index) {
    Parked *parked = parking->heap[index];
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (parking->heap[parent]->until_ms <= parked->until_ms)
            break;
        heap_put(parking, index, parking->heap[parent]);
        index = parent;
    }
    heap_put(parking, index, parked);
}

static void heap_sink(Parking *parking, size_t index) {
    Parked *parked = parking->heap[index];
    size_t count = parking->count;
    for (;;) {
        size_t child = index * 2 + 1;
        if (child >= count)
            break;
        if (child + 1 < count &&
            parking->heap[child + 1]->until_ms < parking->heap[child]->until_ms)
            child++;
        if (parked->until_ms <= parking->heap[child]->until_ms)
            break;
        heap_put(parking, index, parking->heap[child]);
        index = child;
    }
    heap_put(parking, index, parked);
}

static void insert(Parking *parking, Parked *parked) {
    Bucket *bucket = &parking->buckets[parked->bucket];
    parked->previous = NULL;
    parked->next = bucket->first;
    if (bucket->first != NULL)
        bucket->first->previous = parked;
    bucket->first = parked;

    if (parking->count == parking->heap_capacity) {
        parking->heap_capacity = parking->heap_capacity == 0 ? 64 : parking->heap_capacity * 2;
        parking->heap = mem_realloc(parking->heap, parking->heap_capacity * sizeof(*parking->heap));
    }
    size_t index = parking->count++;
    heap_put(parking, index, parked);
    heap_rise(parking, index);
}

static void take_out(Parking *parking, Parked *parked) {
    if (parked->previous != NULL)
        parked->previous->next = parked->next;
    else
        parking->buckets[parked->bucket].first = parked->next;
    if (parked->next != NULL)
        parked->next->previous = parked->previous;

    size_t index = parked->heap_index;
    Parked *last = parking->heap[--parking->count];
    if (last != parked) {
        heap_put(parking, index, last);
        heap_rise(parking, index);
        heap_sink(parking, last->heap_index);
    }
    parked->key = mem_free(parked->key);
}

static void resume_one(Parking *parking, Parked *parked) {
    take_out(parking, parked);
    parking->options.resume(parked);
}

static void sleep_until_changed(Parking *parking, int64_t sleep_ms) {
    (void)monitor_wait_until(&parking->monitor, clock_monotonic_ms(&SYSTEM_CLOCK) + sleep_ms);
}

static void *timer_run(void *context) {
    Parking *parking = context;
    monitor_lock(&parking->monitor);
    while (!parking->closed) {
        if (parking->count == 0) {
            monitor_wait(&parking->monitor);
            continue;
        }
        int64_t left_ms = parking->heap[0]->until_ms - clock_monotonic_ms(parking->options.clock);
        if (left_ms <= 0)
            resume_one(parking, parking->heap[0]);
        else
            sleep_until_changed(parking, left_ms < LONGEST_SLEEP_MS ? left_ms : LONGEST_SLEEP_MS);
    }
    monitor_unlock(&parking->monitor);
    return NULL;
}

Parking *parking_new(ParkingOptions options) {
    Parking *parking = mem_alloc(sizeof(*parking));
    parking->options = options;
    parking->buckets = mem_alloc(BUCKET_COUNT * sizeof(*parking->buckets));
    monitor_init(&parking->monitor);
    if (pthread_create(&parking->timer, NULL, timer_run, parking) != 0) {
        parking->closed = true;
        return parking_free(parking);
    }
    return parking;
}

Parking *parking_free(Parking *parking) {
    if (parking == NULL)
        return NULL;
    assert(parking->closed && parking->count == 0);
    monitor_done(&parking->monitor);
    mem_free(parking->heap);
    mem_free(parking->buckets);
    return mem_free(parking);
}

bool parking_enter(Parking *parking, Parked *parked, const char *key, int64_t until_ms,
                   uint64_t sequence) {
    monitor_lock(&parking->monitor);
    bool entered = !parking->closed;
    if (entered) {
        parked->bucket = bucket_of(key);
        parked->until_ms = until_ms;
        parking->options.suspend(parked);
        if (parking->buckets[parked->bucket].last_wake > sequence ||
            until_ms <= clock_monotonic_ms(parking->options.clock)) {
            parking->options.resume(parked);
        } else {
            parked->key = mem_strdup(key);
            insert(parking, parked);
            if (parking->heap[0] == parked)
                monitor_wake(&parking->monitor);
        }
    }
    monitor_unlock(&parking->monitor);
    return entered;
}

void parking_wake(Parking *parking, const char *key) {
    monitor_lock(&parking->monitor);
    Bucket *bucket = &parking->buckets[bucket_of(key)];
    bucket->last_wake = ++parking->sequence;
    for (Parked *parked = bucket->first, *next; parked != NULL; parked = next) {
        next = parked->next;
        if (strcmp(parked->key, key) == 0)
            resume_one(parking, parked);
    }
    monitor_unlock(&parking->monitor);
}

uint64_t parking_sequence(const Parking *parking) {
    return atomic_load(&parking->sequence);
}

size_t parking_count(const Parking *parking) {
    return atomic_load(&parking->count);
}

void parking_close(Parking *parking) {
    monitor_lock(&parking->monitor);
    assert(!parking->closed);
    parking->closed = true;
    while (parking->count > 0)
        resume_one(parking, parking->heap[parking->count - 1]);
    monitor_wake(&parking->monitor);
    monitor_unlock(&parking->monitor);
    pthread_join(parking->timer, NULL);
}
