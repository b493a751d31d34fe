// Requests that wait, by key and deadline, and the one thread that ends their wait in time. Knows
// nothing of HTTP; all of it is thread-safe.
#pragma once

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Parking Parking;

// Part of what waits; its memory belongs to the owner and must stay until it is resumed.
typedef struct Parked {
    char *key; // own copy while it waits
    int64_t until_ms;
    size_t heap_index;
    struct Parked *previous, *next; // in its bucket
    size_t bucket;
} Parked;

typedef struct ParkingOptions {
    const Clock *clock;
    // Called under the parking's lock: suspend from parking_enter, in its thread; resume once for
    // each suspend, in any thread, possibly before parking_enter has returned.
    void (*suspend)(Parked *parked);
    void (*resume)(Parked *parked);
} ParkingOptions;

// NULL when no thread can be had.
Parking *parking_new(ParkingOptions options);
// Frees what parking_close has emptied.
Parking *parking_free(Parking *parking);

// False, and nothing done, when the parking is closed. Otherwise suspends; resumes at once when the
// time has passed or the key was woken after `sequence`.
bool parking_enter(Parking *parking, Parked *parked, const char *key, int64_t until_ms,
                   uint64_t sequence);
void parking_wake(Parking *parking, const char *key);
uint64_t parking_sequence(const Parking *parking);
size_t parking_count(const Parking *parking);
// Resumes all, lets nobody in any more, ends the thread.
void parking_close(Parking *parking);
