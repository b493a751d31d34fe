// A request target in origin form ("/v1/grants?state=active", RFC 9112, 3.2.1), taken apart. Pure.
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <stddef.h>

enum { TARGET_MAX_PARAMETERS = 64 };

typedef struct TargetParameter {
    const char *name, *value; // decoded
} TargetParameter;

typedef struct Target {
    const char *path; // decoded; a '/' in it always separates segments
    TargetParameter *parameters;
    size_t parameter_count;
} Target;

// Everything lives in the arena. "malformed_target", "duplicate_parameter" or
// "too_many_parameters".
MUST_USE Status target_parse(Arena *arena, const char *text, Target *ret_target, Error *reterr);
// NULL when absent.
const char *target_parameter(const Target *target, const char *name);
