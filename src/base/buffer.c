#include "base/buffer.h"

#include "base/memory.h"

#include <assert.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

void buffer_done(Buffer *buffer) {
    if (buffer->wipe && buffer->bytes != NULL)
        sodium_memzero(buffer->bytes, buffer->capacity);
    buffer->bytes = mem_free(buffer->bytes);
    buffer->length = 0;
    buffer->capacity = 0;
}

// Makes room for `length` more bytes and the NUL.
static void buffer_grow(Buffer *buffer, size_t length) {
    // Nothing of this size can come from outside, where a ceiling stands.
    assert(length < SIZE_MAX / 4 && buffer->length < SIZE_MAX / 4);
    size_t needed = buffer->length + length + 1;
    if (needed <= buffer->capacity)
        return;
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    if (buffer->wipe) {
        char *moved = mem_alloc(capacity);
        if (buffer->bytes != NULL) {
            memcpy(moved, buffer->bytes, buffer->length);
            sodium_memzero(buffer->bytes, buffer->capacity);
            mem_free(buffer->bytes);
        }
        buffer->bytes = moved;
    } else {
        buffer->bytes = mem_realloc(buffer->bytes, capacity);
    }
    buffer->capacity = capacity;
}

Status buffer_append(Buffer *buffer, const void *bytes, size_t length, Error *reterr) {
    if (buffer->ceiling > 0 &&
        (buffer->length > buffer->ceiling || length > buffer->ceiling - buffer->length))
        return error_set(reterr, STATUS_TOO_LARGE, "too_large", "more than %zu bytes",
                         buffer->ceiling);
    buffer_grow(buffer, length);
    if (length > 0)
        memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
    return STATUS_OK;
}

void buffer_add(Buffer *buffer, const char *text) {
    buffer_add_bytes(buffer, text, strlen(text));
}

void buffer_add_bytes(Buffer *buffer, const void *bytes, size_t length) {
    assert(buffer->ceiling == 0);
    Status status = buffer_append(buffer, bytes, length, NULL);
    assert(status == STATUS_OK);
    (void)status;
}

void buffer_addf(Buffer *buffer, const char *format, ...) {
    assert(buffer->ceiling == 0);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    buffer_grow(buffer, (size_t)length);
    va_start(arguments, format);
    vsnprintf(buffer->bytes + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
}

const char *buffer_text(const Buffer *buffer) {
    return buffer->bytes != NULL ? buffer->bytes : "";
}
