// Times of one kind of step, in microseconds, of one thread or of all, and how they are told.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Samples {
    int64_t *items_us;
    size_t count;
    size_t capacity;
} Samples;

void samples_add(Samples *samples, int64_t taken_us);
void samples_add_all(Samples *samples, const Samples *others);
void samples_done(Samples *samples);
// As a member of a JSON object on standard output: "name": [1, 2].
void samples_print(const char *name, const Samples *samples);

int64_t now_us(void); // monotonic

// Says what went wrong on standard error and ends the program: a measurement with a failure in it
// is none.
void give_up(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
