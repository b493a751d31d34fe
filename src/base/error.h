// How anything fails: a Status in the product's own words, and an Error that explains it.
// One table maps a Status to its API text, HTTP status and exit code of the command line.
#pragma once

#include "base/macros.h"

#include <stddef.h>

typedef enum Status {
    STATUS_OK = 0,
    STATUS_INVALID,         // the input is wrong; repeating it cannot succeed
    STATUS_UNAUTHENTICATED, // we do not know who asks
    STATUS_FORBIDDEN,       // we know, and the answer is no
    STATUS_NOT_FOUND,
    STATUS_CONFLICT,    // the thing is not, or no longer, in the state this needs
    STATUS_EXPIRED,     // it was valid once
    STATUS_TOO_LARGE,   // above a ceiling
    STATUS_LIMITED,     // too many; try later
    STATUS_UNAVAILABLE, // something this needs does not answer; repeating may succeed
    STATUS_UNSUPPORTED, // not offered by this engine, build or version
    STATUS_INTERNAL,    // our own fault
    STATUS_COUNT_,
} Status;

// A plain value without ownership; start with `Error error = {0}`.
typedef struct Error {
    Status status;
    char code[48];     // stable, snake_case: what programs compare
    char message[768]; // safe to show to anybody who may know that this failed
    char detail[512];  // for the log only; never a secret, a statement or a connection string
    char pointer[256]; // JSON pointer (RFC 6901) to the offending value of the input, or ""
} Error;

// Fills reterr (may be NULL) and returns status, so that a failure is one line.
Status error_set(Error *reterr, Status status, const char *code, const char *format, ...)
    PRINTF_LIKE(4, 5);

// Adds the part that only the log shows. Returns the error's status, as error_prefix does.
Status error_set_detail(Error *error, const char *format, ...) PRINTF_LIKE(2, 3);

// Puts `prefix` and ": " before the message, to say what was being done. Returns the error's status
// (STATUS_INTERNAL for NULL, which has none: have an Error of your own to prefix).
Status error_prefix(Error *error, const char *format, ...) PRINTF_LIKE(2, 3);

// strerror, and what to do about it where somebody can.
const char *errno_reason(int number);

// "not_found"; stable, part of the API.
const char *status_name(Status status);
// 404
int status_http(Status status);
// Exit code of `daypass`; 0 for STATUS_OK, otherwise from 10 up, stable.
int status_exit_code(Status status);
// The failure of that name, for clients. STATUS_INTERNAL when unknown, and for "ok": what is said
// to have failed never becomes a success.
Status status_from_name(const char *name);
