#include "base/log.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
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

// One write a line, so that lines of several processes on one pipe do not mix; under a lock,
// because a long line may take more than one.
static void write_line(const char *bytes, size_t length) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    while (length > 0) {
        ssize_t count = write(STDERR_FILENO, bytes, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break; // nobody is left to tell
        bytes += count;
        length -= (size_t)count;
    }
    pthread_mutex_unlock(&lock);
}

void log_event(LogLevel level, const char *event, ...) {
    if (level < log_options.level)
        return;
    Buffer line = {0};
    char now[TIMESTAMP_SIZE];
    add_pair(&line, "time", timestamp_format(clock_now_ms(&SYSTEM_CLOCK), now));
    add_pair(&line, "level", enum_name(&LOG_LEVELS, (int)level));
    add_pair(&line, "event", event);
    va_list pairs;
    va_start(pairs, event);
    for (const char *key = va_arg(pairs, const char *); key != NULL;
         key = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);
        if (value != NULL)
            add_pair(&line, key, value);
    }
    va_end(pairs);
    buffer_add(&line, log_options.json ? "}\n" : "\n");
    write_line(line.bytes, line.length);
    buffer_done(&line);
}
