#include "base/memory.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Under AddressSanitizer each piece is a block of its own, so that running over its end is seen.
#if defined(__SANITIZE_ADDRESS__)
enum { BLOCK_SIZE = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { BLOCK_SIZE = 1 };
#else
enum { BLOCK_SIZE = 8192 };
#endif
#else
enum { BLOCK_SIZE = 8192 };
#endif

typedef struct Block {
    struct Block *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) unsigned char bytes[];
} Block;

typedef struct Release {
    struct Release *next;
    void (*release)(void *thing);
    void *thing;
} Release;

struct Arena {
    Block *blocks; // the one to take from is the first
    Release *releases;
};

static _Noreturn void out_of_memory(void) {
    fputs("out of memory\n", stderr);
    abort();
}

void *mem_alloc(size_t size) {
    void *memory = calloc(1, size > 0 ? size : 1);
    if (memory == NULL)
        out_of_memory();
    return memory;
}

void *mem_realloc(void *memory, size_t size) {
    void *moved = realloc(memory, size > 0 ? size : 1);
    if (moved == NULL)
        out_of_memory();
    return moved;
}

char *mem_strdup(const char *text) {
    if (text == NULL)
        return NULL;
    size_t size = strlen(text) + 1;
    return memcpy(mem_alloc(size), text, size);
}

char *mem_printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        out_of_memory();
    char *text = mem_alloc((size_t)length + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

void *mem_free(void *memory) {
    free(memory);
    return NULL;
}

void mem_freep(void *pointer_to_pointer) {
    // Copied, not cast: a char * may not be read as a void *.
    void *memory;
    memcpy(&memory, pointer_to_pointer, sizeof(memory));
    memory = mem_free(memory);
    memcpy(pointer_to_pointer, &memory, sizeof(memory));
}

Arena *arena_new(void) {
    return mem_alloc(sizeof(Arena));
}

Arena *arena_free(Arena *arena) {
    if (arena == NULL)
        return NULL;
    // A release may itself add one, so the list is taken apart one by one.
    while (arena->releases != NULL) {
        Release *first = arena->releases;
        arena->releases = first->next;
        first->release(first->thing);
    }
    while (arena->blocks != NULL) {
        Block *first = arena->blocks;
        arena->blocks = first->next;
        // Request bodies and decoded values pass through here, passwords among them.
        sodium_memzero(first->bytes, first->used);
        mem_free(first);
    }
    return mem_free(arena);
}

static Block *block_new(size_t size) {
    if (size > SIZE_MAX - sizeof(Block))
        out_of_memory();
    Block *block = mem_alloc(sizeof(Block) + size);
    block->size = size;
    return block;
}

void *arena_alloc(Arena *arena, size_t size) {
    const size_t unit = _Alignof(max_align_t);
    if (size > SIZE_MAX - unit)
        out_of_memory();
    size_t rounded = (size + unit - 1) / unit * unit;
    Block *first = arena->blocks;
    if (first == NULL || first->size - first->used < rounded) {
        if (rounded >= BLOCK_SIZE) {
            // A block of its own, behind the first: what is left in that one stays usable.
            Block *own = block_new(size);
            own->used = size;
            Block **place = first == NULL ? &arena->blocks : &first->next;
            own->next = *place;
            *place = own;
            return own->bytes;
        }
        first = block_new(BLOCK_SIZE);
        first->next = arena->blocks;
        arena->blocks = first;
    }
    void *piece = first->bytes + first->used;
    first->used += rounded;
    return piece;
}

void *arena_copy(Arena *arena, const void *bytes, size_t length) {
    if (length == SIZE_MAX)
        out_of_memory();
    char *copy = arena_alloc(arena, length + 1);
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

char *arena_strdup(Arena *arena, const char *text) {
    return text == NULL ? NULL : arena_copy(arena, text, strlen(text));
}

char *arena_printf(Arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

char *arena_vprintf(Arena *arena, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0)
        out_of_memory();
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void arena_on_free(Arena *arena, void (*release)(void *thing), void *thing) {
    Release *added = arena_alloc(arena, sizeof(*added));
    *added = (Release){.next = arena->releases, .release = release, .thing = thing};
    arena->releases = added;
}
