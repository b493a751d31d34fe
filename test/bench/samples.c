#include "samples.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"

void samples_add(Samples *samples, int64_t taken_us) {
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity == 0 ? 1024 : samples->capacity * 2;
        samples->items_us =
            mem_realloc(samples->items_us, samples->capacity * sizeof *samples->items_us);
    }
    samples->items_us[samples->count++] = taken_us;
}

void samples_add_all(Samples *samples, const Samples *others) {
    for (size_t i = 0; i < others->count; i++)
        samples_add(samples, others->items_us[i]);
}

void samples_done(Samples *samples) {
    mem_free(samples->items_us);
    *samples = (Samples){0};
}

void samples_print(const char *name, const Samples *samples) {
    printf("\"%s\": [", name);
    for (size_t i = 0; i < samples->count; i++)
        printf("%s%lld", i == 0 ? "" : ", ", (long long)samples->items_us[i]);
    printf("]");
}

int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void give_up(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}
