// Times, durations, encodings, and the problem documents of a server: short texts that come with
// requests, answers, files and arguments. What is read is written back to the same value.
#include "fuzz/target.h"

#include "base/clock.h"
#include "base/text.h"
#include "http/problem.h"

#include <stdlib.h>
#include <string.h>

static void require(bool condition) {
    if (!condition)
        abort(); // also where assert is compiled out
}

static void check_time(const char *text) {
    char written[TIMESTAMP_SIZE];
    int64_t at_ms = 0;
    int64_t again_ms = 0;
    if (timestamp_parse(text, &at_ms, NULL) != STATUS_OK)
        return;
    require(timestamp_parse(timestamp_format(at_ms, written), &again_ms, NULL) == STATUS_OK);
    require(at_ms == again_ms);
}

static void check_duration(const char *text) {
    char written[DURATION_SIZE];
    int64_t seconds = 0;
    int64_t again = 0;
    if (duration_parse(text, &seconds, NULL) != STATUS_OK)
        return;
    require(seconds >= 0);
    if (seconds > 0)
        require(duration_parse(duration_format(seconds, written), &again, NULL) == STATUS_OK &&
                again == seconds);
}

static void check_base64(Arena *arena, const char *text) {
    void *bytes = NULL;
    size_t length = 0;
    if (!base64_decode(arena, text, 1 << 16, &bytes, &length))
        return;
    require(text_equal(base64_encode(arena, bytes, length), text));
}

static void check_problem(Arena *arena, const uint8_t *data, size_t size) {
    static const int STATUSES[] = {200, 400, 401, 403, 404, 409, 429, 500, 503, 999};
    for (size_t i = 0; i < COUNT_OF(STATUSES); i++) {
        Error error = {0};
        require(problem_parse(arena, STATUSES[i], (const char *)data, size, &error) != STATUS_OK);
        require(text_is_printable(error.message) && error.code[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *text = arena_copy(arena, data, size);
    check_time(text);
    check_duration(text);
    check_base64(arena, text);
    check_problem(arena, data, size);
    return 0;
}
