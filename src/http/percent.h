// Percent-encoding (RFC 3986, 2.1) of the parts of a request target.
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <stddef.h>

typedef enum PercentForm {
    PERCENT_PATH,
    PERCENT_QUERY, // '+' is a space too, as browsers write forms
} PercentForm;

// Refuses ("malformed_target") a '%' without two hexadecimal digits, and a result that holds NUL or
// is not UTF-8.
MUST_USE Status percent_decode(Arena *arena, PercentForm form, const char *text, size_t length,
                               const char **ret_text, Error *reterr);

// For one path segment or one query value: everything but letters, digits and "-._~" is encoded.
const char *percent_encode(Arena *arena, const char *text);
