// Sums by name, of names that nobody knows beforehand: how many connections an address has, how
// many requests of a person wait. Thread-safe. Holds only the names whose sum is above zero, so
// that it is never larger than what is counted.
#pragma once

#include "base/macros.h"

#include <stdint.h>

typedef struct Tally Tally;

Tally *tally_new(void);
Tally *tally_free(Tally *tally);
DEFINE_CLEANUP(Tally, tally_free)

// Adds to the name's sum and gives what it is now. A sum never falls below zero.
int64_t tally_add(Tally *tally, const char *name, int64_t amount);
int64_t tally_of(Tally *tally, const char *name);
