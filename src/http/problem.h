// Problem documents (RFC 9457), how errors travel over HTTP: written by servers, read by clients.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/shape.h"

#include <stdint.h>

typedef struct Problem {
    const char *type;
    const char *title;
    int64_t status;
    const char *kind; // name of the Status
    const char *code;
    const char *detail; // the error's message
    const char *pointer;
    const char *request_id;
} Problem;

// For OpenAPI.
extern const Shape PROBLEM_SHAPE;

// {"type":"about:blank","title":"Not Found","status":404,"kind":"not_found","code":"…",
// "detail":message,"pointer":…,"request_id":…}; never error->detail. request_id may be NULL.
const char *problem_format(Arena *arena, const Error *error, const char *request_id);

// Turns a reply's body back into the Error it came from; the request's id becomes its detail.
// Members it does not know are ignored. Anything else than a problem document gives
// STATUS_INTERNAL or STATUS_UNAVAILABLE by http_status, with a message that says so. Never
// STATUS_OK; the texts come from outside and are made printable.
Status problem_parse(Arena *arena, int http_status, const char *body, size_t length, Error *reterr);
