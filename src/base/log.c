#include "base/log.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { VALUE_MAX_BYTES = 4096 };

static const char *const LEVEL_NAMES[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARNING] = "warning",
    [LOG_ERROR] = "error",
};
const EnumTable LOG_LEVELS = {"log level", LEVEL_NAMES, COUNT_OF(LEVEL_NAMES)};

static LogOptions log_options = {.level = LOG_INFO};

void log_setup(LogOptions options) {
    log_options = options;
}

// Escapes as JSON does, and beyond it whatever would not show: a C1 control, a text direction
// override. A byte that is not UTF-8 becomes U+FFFD.
static void add_escaped(Buffer *line, const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        uint32_t character = 0xFFFD;
        size_t size = text_decode(text + at, length - at, &character);
        if (size == 0)
            buffer_add(line, "\\ufffd");
        else if (character == '"' || character == '\\')
            buffer_addf(line, "\\%c", (char)character);
        else if (character == '\n')
            buffer_add(line, "\\n");
        else if (!character_is_printable(character))
            buffer_addf(line, "\\u%04x", (unsigned)character); // all of these are below U+10000
        else
            buffer_add_bytes(line, text + at, size);
        at += size > 0 ? size : 1;
    }
}

static void add_quoted(Buffer *line, const char *text) {
    size_t length = strlen(text);
    size_t cut = text_cut(text, length, VALUE_MAX_BYTES);
    buffer_add(line, "\"");
    add_escaped(line, text, cut);
    buffer_add(line, cut < length ? "…\"" : "\"");
}

static bool needs_quotes(const char *text) {
    return text[0] == '\0' || strlen(text) > VALUE_MAX_BYTES || strpbrk(text, " \"\\=") != NULL ||
           !text_is_printable(text);
}

static void add_pair(Buffer *line, const char *key, const char *value) {
    if (log_options.json) {
        buffer_add(line, line->length > 0 ? "," : "{");
        add_quoted(line, key);
        buffer_add(line, ":");
        add_quoted(line, value);
        return;
    }
    buffer_addf(line, "%s%s=", line->length > 0 ? " " : "", key);
    if (needs_quotes(value))
        add_quoted(line, value);
    else
        buffer_add(line, value);
}

// Whether the reader of a pipe takes more at once. A part of PIPE_BUF bytes fits then.
static bool is_writable(void) {
    struct pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&output, 1, 0) == 1 && (output.revents & POLLOUT) != 0;
}

// Gives how much was written: less than all when the disk is full, or whoever reads is stuck. No
// work may wait for its log.
static size_t write_bytes(const char *bytes, size_t length) {
    size_t written = 0;
    while (written < length && is_writable()) {
        size_t part = length - written < PIPE_BUF ? length - written : PIPE_BUF;
        ssize_t count = write(STDERR_FILENO, bytes + written, part);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        written += (size_t)count;
    }
    return written;
}

static void begin_line(Buffer *line, LogLevel level, const char *event) {
    char now[TIMESTAMP_SIZE];
    add_pair(line, "time", timestamp_format(clock_now_ms(&SYSTEM_CLOCK), now));
    add_pair(line, "level", enum_name(&LOG_LEVELS, (int)level));
    add_pair(line, "event", event);
}

static void end_line(Buffer *line) {
    buffer_add(line, log_options.json ? "}\n" : "\n");
}

// What comes first when writing works again. `torn`: the last line was left in its middle.
static bool write_gap(long long lost, bool torn) {
    Buffer line = {0};
    char count[24];
    snprintf(count, sizeof(count), "%lld", lost);
    begin_line(&line, LOG_ERROR, "log.lost");
    add_pair(&line, "lines", count);
    end_line(&line);
    bool good =
        (!torn || write_bytes("\n", 1) == 1) && write_bytes(line.bytes, line.length) == line.length;
    buffer_done(&line);
    return good;
}

// One write a line, so that lines of several processes on one pipe do not mix; under a lock,
// because a long line may take more than one.
static void write_line(const char *bytes, size_t length) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static long long lost;
    static bool torn;
    pthread_mutex_lock(&lock);
    if (lost > 0 && !write_gap(lost, torn)) {
        torn = true;
        lost++;
    } else {
        size_t written = write_bytes(bytes, length);
        torn = written > 0;
        lost = written < length;
    }
    pthread_mutex_unlock(&lock);
}

void log_event(LogLevel level, const char *event, ...) {
    if (level < log_options.level)
        return;
    Buffer line = {0};
    begin_line(&line, level, event);
    va_list pairs;
    va_start(pairs, event);
    for (const char *key = va_arg(pairs, const char *); key != NULL;
         key = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);
        if (value != NULL)
            add_pair(&line, key, value);
    }
    va_end(pairs);
    end_line(&line);
    write_line(line.bytes, line.length);
    buffer_done(&line);
}
