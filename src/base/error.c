#include "base/error.h"

#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int http;
    int exit_code;
} STATUSES[STATUS_COUNT_] = {
    [STATUS_OK] = {"ok", 200, 0},
    [STATUS_INVALID] = {"invalid", 400, 10},
    [STATUS_UNAUTHENTICATED] = {"unauthenticated", 401, 11},
    [STATUS_FORBIDDEN] = {"forbidden", 403, 12},
    [STATUS_NOT_FOUND] = {"not_found", 404, 13},
    [STATUS_CONFLICT] = {"conflict", 409, 14},
    [STATUS_EXPIRED] = {"expired", 410, 15},
    [STATUS_TOO_LARGE] = {"too_large", 413, 16},
    [STATUS_LIMITED] = {"limited", 429, 17},
    [STATUS_UNAVAILABLE] = {"unavailable", 503, 18},
    [STATUS_UNSUPPORTED] = {"unsupported", 501, 19},
    [STATUS_INTERNAL] = {"internal", 500, 20},
};

// Copies what fits, without half a character at the end.
static void copy_cut(char *to, size_t size, const char *from) {
    size_t length = text_cut(from, strlen(from), size - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

// Formats into `to`. The arguments may lie in `to` itself, so it is written last.
static void PRINTF_LIKE(3, 0)
    format_cut(char *to, size_t size, const char *format, va_list arguments) {
    char text[1024];
    assert(size < sizeof(text));
    int length = vsnprintf(text, sizeof(text), format, arguments);
    if (length < 0)
        text[0] = '\0';
    copy_cut(to, size, text);
}

Status error_set(Error *reterr, Status status, const char *code, const char *format, ...) {
    assert(status > STATUS_OK && status < STATUS_COUNT_);
    if (reterr == NULL)
        return status;
    Error error = {.status = status};
    copy_cut(error.code, sizeof(error.code), code);
    va_list arguments;
    va_start(arguments, format);
    format_cut(error.message, sizeof(error.message), format, arguments);
    va_end(arguments);
    *reterr = error;
    return status;
}

Status error_set_detail(Error *error, const char *format, ...) {
    if (error == NULL)
        return STATUS_INTERNAL;
    va_list arguments;
    va_start(arguments, format);
    format_cut(error->detail, sizeof(error->detail), format, arguments);
    va_end(arguments);
    return error->status;
}

Status error_prefix(Error *error, const char *format, ...) {
    if (error == NULL)
        return STATUS_INTERNAL;
    char prefix[sizeof(error->message)];
    va_list arguments;
    va_start(arguments, format);
    format_cut(prefix, sizeof(prefix), format, arguments);
    va_end(arguments);
    char whole[sizeof(prefix) + sizeof(error->message) + 2];
    snprintf(whole, sizeof(whole), "%s: %s", prefix, error->message);
    copy_cut(error->message, sizeof(error->message), whole);
    return error->status;
}

static Status status_known(Status status) {
    return (int)status >= 0 && status < STATUS_COUNT_ ? status : STATUS_INTERNAL;
}

const char *errno_reason(int number) {
    return number == EMFILE ? "too many files are open here; raise LimitNOFILE (ulimit -n)"
                            : strerror(number);
}

const char *status_name(Status status) {
    return STATUSES[status_known(status)].name;
}

int status_http(Status status) {
    return STATUSES[status_known(status)].http;
}

int status_exit_code(Status status) {
    return STATUSES[status_known(status)].exit_code;
}

Status status_from_name(const char *name) {
    for (int status = STATUS_OK + 1; status < STATUS_COUNT_; status++) {
        if (text_equal(STATUSES[status].name, name))
            return (Status)status;
    }
    return STATUS_INTERNAL;
}
