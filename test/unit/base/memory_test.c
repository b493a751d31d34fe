#include "base/memory.h"

#include "cases.h"
#include "death.h"

#include <stdio.h>
#include <string.h>

static bool is_zero(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static void heap_memory_is_zeroed(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        unsigned char *bytes = mem_alloc(1000);
        assert_true(is_zero(bytes, 1000));
        memset(bytes, 0xAA, 1000);
        bytes = mem_free(bytes);
        assert_null(bytes);
    }
}

static void nothing_can_be_allocated(void **state) {
    (void)state;
    CLEANUP(mem_freep) void *memory = mem_alloc(0);
    assert_non_null(memory);
    memory = mem_realloc(memory, 0);
    assert_non_null(memory);
}

static void realloc_keeps_the_content(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *text = mem_strdup("kept");
    text = mem_realloc(text, 100000);
    assert_string_equal(text, "kept");
}

static void text_is_copied_and_formatted(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *copy = mem_strdup("abc");
    assert_string_equal(copy, "abc");
    assert_null(mem_strdup(NULL));
    CLEANUP(mem_freep) char *formatted = mem_printf("%d-%s", 5, "x");
    assert_string_equal(formatted, "5-x");
}

static void freeing_nothing_is_fine(void **state) {
    (void)state;
    assert_null(mem_free(NULL));
    char *text = NULL;
    mem_freep(&text);
    text = mem_strdup("x");
    mem_freep(&text);
    assert_null(text);
    assert_null(arena_free(NULL));
}

static void ask_for_everything(void *with) {
    (void)with;
    volatile size_t size = SIZE_MAX / 2;
    mem_free(mem_alloc(size));
}

static void ask_an_arena_for_everything(void *with) {
    volatile size_t size = SIZE_MAX - 8;
    arena_alloc(with, size);
}

static void copy_everything(void *with) {
    volatile size_t size = SIZE_MAX;
    arena_copy(with, "", size);
}

static void running_out_of_memory_ends_the_process(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_true(dies(ask_for_everything, NULL));
    assert_true(dies(ask_an_arena_for_everything, arena));
    assert_true(dies(copy_everything, arena));
}

static void arena_memory_is_zeroed_aligned_and_apart(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const size_t SIZES[] = {0, 1, 7, 16, 17, 100, 4000, 8191, 8192, 8193, 50000, 3, 1};
    unsigned char *pieces[COUNT_OF(SIZES) * 50];
    size_t count = 0;
    for (size_t round = 0; round < 50; round++) {
        for (size_t i = 0; i < COUNT_OF(SIZES); i++) {
            unsigned char *piece = arena_alloc(arena, SIZES[i]);
            assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
            assert_true(is_zero(piece, SIZES[i]));
            memset(piece, (int)(count % 255) + 1, SIZES[i]);
            pieces[count++] = piece;
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t size = SIZES[i % COUNT_OF(SIZES)];
        for (size_t j = 0; j < size; j++)
            assert_int_equal(pieces[i][j], i % 255 + 1);
    }
}

static void arena_copies_end_with_nul(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *copy = arena_copy(arena, "abcdef", 3);
    assert_string_equal(copy, "abc");
    assert_string_equal((const char *)arena_copy(arena, NULL, 0), "");
    assert_string_equal(arena_strdup(arena, "text"), "text");
    assert_null(arena_strdup(arena, NULL));
    assert_string_equal(arena_printf(arena, "%s%d", "n", 4), "n4");
    const char *long_text = arena_printf(arena, "%20000d", 1);
    assert_int_equal(strlen(long_text), 20000);
}

static char released[8];

static void note_release(void *thing) {
    size_t length = strlen(released);
    assert_true(length + 1 < sizeof(released));
    released[length] = *(const char *)thing;
    released[length + 1] = '\0';
}

static void release_runs_last_added_first(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char *names = arena_strdup(arena, "abc"); // the things may lie in the arena itself
    for (size_t i = 0; i < 3; i++)
        arena_on_free(arena, note_release, &names[i]);
    assert_string_equal(released, "");
    arena = arena_free(arena);
    assert_null(arena);
    assert_string_equal(released, "cba");
}

static void many_pieces_fit(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    size_t *last = NULL;
    for (size_t i = 0; i < 100000; i++) {
        size_t *piece = arena_alloc(arena, sizeof(*piece));
        *piece = i;
        assert_true(last == NULL || *last == i - 1);
        last = piece;
    }
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(heap_memory_is_zeroed),
        cmocka_unit_test(nothing_can_be_allocated),
        cmocka_unit_test(realloc_keeps_the_content),
        cmocka_unit_test(text_is_copied_and_formatted),
        cmocka_unit_test(freeing_nothing_is_fine),
        cmocka_unit_test(running_out_of_memory_ends_the_process),
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(arena_copies_end_with_nul),
        cmocka_unit_test(release_runs_last_added_first),
        cmocka_unit_test(many_pieces_fit),
    };
    return RUN_CASES(cases);
}
