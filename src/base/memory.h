// Heap memory that is there or the process ends: running out aborts, because every size that comes
// from outside has met its ceiling before. Arena: memory of one piece of work, wiped and freed at
// once.
#pragma once

#include "base/macros.h"

#include <stdarg.h>
#include <stddef.h>

void *mem_alloc(size_t size); // zeroed
void *mem_realloc(void *memory, size_t size);
char *mem_strdup(const char *text); // NULL gives NULL
char *mem_printf(const char *format, ...) PRINTF_LIKE(1, 2);
void *mem_free(void *memory); // NULL is fine; returns NULL

// For CLEANUP on any heap pointer: CLEANUP(mem_freep) char *text = …;
void mem_freep(void *pointer_to_pointer);

typedef struct Arena Arena;

Arena *arena_new(void);
Arena *arena_free(Arena *arena);
DEFINE_CLEANUP(Arena, arena_free)

void *arena_alloc(Arena *arena, size_t size);                     // zeroed, aligned for any type
void *arena_copy(Arena *arena, const void *bytes, size_t length); // a NUL follows the copy
char *arena_strdup(Arena *arena, const char *text);               // NULL gives NULL
char *arena_printf(Arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(Arena *arena, const char *format, va_list arguments) PRINTF_LIKE(2, 0);

// Runs release(thing) when the arena is freed, last added first: for a library's objects that an
// arena's values point into.
void arena_on_free(Arena *arena, void (*release)(void *thing), void *thing);
