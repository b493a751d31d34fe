#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cases.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Standard error goes to a file between these two; the second gives what was written, on the arena.
static FILE *captured;
static int stderr_before;

static void capture_begin(void) {
    fflush(stderr);
    captured = tmpfile();
    assert_non_null(captured);
    stderr_before = dup(STDERR_FILENO);
    assert_true(dup2(fileno(captured), STDERR_FILENO) >= 0);
}

static const char *capture_end(Arena *arena) {
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    long size = lseek(fileno(captured), 0, SEEK_END);
    assert_true(size >= 0);
    char *text = arena_alloc(arena, (size_t)size + 1);
    assert_int_equal(pread(fileno(captured), text, (size_t)size, 0), size);
    fclose(captured);
    return text;
}

// The part of a line after its time.
static const char *after_time(const char *line) {
    assert_true(text_starts_with(line, "time="));
    const char *space = strchr(line, ' ');
    assert_non_null(space);
    return space + 1;
}

static void writes_pairs_on_one_line(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    log_setup((LogOptions){.level = LOG_INFO});
    capture_begin();
    log_event(LOG_INFO, "grant.active", "grant", "grt_a", "account", "temp_john", NULL);
    const char *line = capture_end(arena);
    assert_string_equal(after_time(line),
                        "level=info event=grant.active grant=grt_a account=temp_john\n");
    char time[TIMESTAMP_SIZE] = {0};
    memcpy(time, line + 5, 24);
    int64_t at_ms;
    assert_int_equal(timestamp_parse(time, &at_ms, NULL), STATUS_OK);
    assert_true(llabs(clock_now_ms(&SYSTEM_CLOCK) - at_ms) < 60000);
}

static void leaves_out_what_is_null(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    log_setup((LogOptions){.level = LOG_INFO});
    capture_begin();
    log_event(LOG_WARNING, "x", "a", (const char *)NULL, "b", "2", NULL);
    log_event(LOG_ERROR, "y", NULL);
    const char *text = capture_end(arena);
    assert_non_null(strstr(text, "level=warning event=x b=2\n"));
    assert_non_null(strstr(text, "level=error event=y\n"));
    assert_null(strstr(text, "a="));
}

static void leaves_out_what_is_below_the_level(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    log_setup((LogOptions){.level = LOG_WARNING});
    capture_begin();
    log_event(LOG_DEBUG, "no", NULL);
    log_event(LOG_INFO, "no", NULL);
    log_event(LOG_WARNING, "yes", NULL);
    log_event(LOG_ERROR, "yes", NULL);
    const char *text = capture_end(arena);
    assert_null(strstr(text, "no"));
    assert_non_null(strstr(text, "level=warning"));
    assert_non_null(strstr(text, "level=error"));
}

static void quotes_and_escapes_values(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    log_setup((LogOptions){.level = LOG_DEBUG});
    capture_begin();
    log_event(LOG_DEBUG, "x", "a", "two words", "b", "", "c", "q\"b\\e=", "d", "l1\nl2\x1B[0m", "e",
              "\xE2\x80\xAE\xC2\x85", "f", "\xFF€", NULL);
    assert_string_equal(after_time(capture_end(arena)),
                        "level=debug event=x a=\"two words\" b=\"\" c=\"q\\\"b\\\\e=\" "
                        "d=\"l1\\nl2\\u001b[0m\" e=\"\\u202e\\u0085\" f=\"\\ufffd€\"\n");
}

static void a_value_cannot_forge_a_line(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (int json = 0; json < 2; json++) {
        log_setup((LogOptions){.level = LOG_INFO, .json = json == 1});
        capture_begin();
        log_event(LOG_INFO, "login", "name", "x\r\ntime=now level=info event=fake", NULL);
        const char *text = capture_end(arena);
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        assert_null(strchr(text, '\r'));
    }
}

static void writes_json(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    log_setup((LogOptions){.level = LOG_INFO, .json = true});
    capture_begin();
    log_event(LOG_INFO, "x", "a", "q\"\\\n\x01 \xFF €", "none", (const char *)NULL, NULL);
    const char *line = capture_end(arena);
    json_t *value;
    assert_int_equal(json_read(arena, line, strlen(line), &value, NULL), STATUS_OK);
    assert_string_equal(json_string_value(json_object_get(value, "a")),
                        "q\"\\\n\x01 \xEF\xBF\xBD €");
    assert_string_equal(json_string_value(json_object_get(value, "level")), "info");
    assert_string_equal(json_string_value(json_object_get(value, "event")), "x");
    int64_t at_ms;
    assert_int_equal(
        timestamp_parse(json_string_value(json_object_get(value, "time")), &at_ms, NULL),
        STATUS_OK);
    assert_int_equal(json_object_size(value), 4);
}

static void cuts_long_values(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char *value = arena_alloc(arena, 100001);
    memset(value, 'v', 100000);
    log_setup((LogOptions){.level = LOG_INFO});
    capture_begin();
    log_event(LOG_INFO, "x", "a", value, "b", "end", NULL);
    const char *line = capture_end(arena);
    assert_true(strlen(line) < 5000);
    assert_non_null(strstr(line, "…\" b=end\n"));
    assert_non_null(strstr(line, "vvvv"));
}

enum { THREADS = 4, LINES = 200 };

static void *log_many(void *name) {
    char value[2001];
    memset(value, *(const char *)name, sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; i < LINES; i++)
        log_event(LOG_INFO, "many", "value", value, NULL);
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static char names[THREADS] = {'a', 'b', 'c', 'd'};
    pthread_t threads[THREADS];
    log_setup((LogOptions){.level = LOG_INFO});
    capture_begin();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, &names[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    const char *text = capture_end(arena);
    size_t lines = 0;
    for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1) {
        const char *value = strstr(at, "value=");
        assert_non_null(value);
        value += 6;
        const char letter[] = {*value, '\0'};
        assert_int_equal(strspn(value, letter), 2000);
        assert_int_equal(value[2000], '\n');
        lines++;
    }
    assert_int_equal(lines, THREADS * LINES);
}

static void a_closed_standard_error_is_survived(void **state) {
    (void)state;
    log_setup((LogOptions){.level = LOG_INFO});
    int before = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    log_event(LOG_INFO, "nobody", NULL);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
}

// A pipe in place of standard error, filled to its last byte.
static void pipe_begin(int *ret_reader) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    char filling[4096];
    memset(filling, '.', sizeof(filling));
    while (write(ends[1], filling, sizeof(filling)) > 0)
        ;
    fcntl(ends[1], F_SETFL, 0); // as standard error usually is
    stderr_before = dup(STDERR_FILENO);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    *ret_reader = ends[0];
}

static const char *pipe_read(Arena *arena, int reader) {
    enum { ROOM = 1 << 17 };
    char *text = arena_alloc(arena, ROOM);
    size_t length = 0;
    for (ssize_t count; length < ROOM - 1; length += (size_t)count)
        if ((count = read(reader, text + length, ROOM - 1 - length)) <= 0)
            break;
    return text;
}

static void a_reader_that_is_stuck_holds_up_nobody(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    log_setup((LogOptions){.level = LOG_INFO});
    capture_begin();
    log_event(LOG_INFO, "now", NULL); // so that nothing is lost yet
    capture_end(arena);
    int reader;
    pipe_begin(&reader);
    for (int i = 0; i < 3; i++)
        log_event(LOG_INFO, "unheard", NULL);
    assert_null(strstr(pipe_read(arena, reader), "unheard"));
    log_event(LOG_INFO, "heard", NULL);
    log_event(LOG_INFO, "afterwards", NULL);
    const char *text = pipe_read(arena, reader);
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    close(reader);
    assert_non_null(strstr(text, "level=error event=log.lost lines=3\n"));
    assert_non_null(strstr(text, "event=heard\n"));
    assert_non_null(strstr(text, "event=afterwards\n"));
    assert_null(strstr(strstr(text, "log.lost") + 1, "log.lost"));
}

static void levels_have_names(void **state) {
    (void)state;
    int level;
    assert_true(enum_find(&LOG_LEVELS, "warning", &level));
    assert_int_equal(level, LOG_WARNING);
    assert_string_equal(enum_name(&LOG_LEVELS, LOG_DEBUG), "debug");
    assert_string_equal(enum_name(&LOG_LEVELS, LOG_ERROR), "error");
    assert_int_equal(LOG_LEVELS.count, 4);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(writes_pairs_on_one_line),
        cmocka_unit_test(leaves_out_what_is_null),
        cmocka_unit_test(leaves_out_what_is_below_the_level),
        cmocka_unit_test(quotes_and_escapes_values),
        cmocka_unit_test(a_value_cannot_forge_a_line),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(cuts_long_values),
        cmocka_unit_test(lines_of_threads_do_not_mix),
        cmocka_unit_test(a_closed_standard_error_is_survived),
        cmocka_unit_test(a_reader_that_is_stuck_holds_up_nobody),
        cmocka_unit_test(levels_have_names),
    };
    return RUN_CASES(cases);
}
