// The text that an HTTP message signature signs (RFC 9421, section 2.5).
#pragma once

#include "base/memory.h"

#include <stddef.h>

// A covered component: "@method" and its value.
typedef struct Component {
    const char *name;
    const char *value;
} Component;

// `parameters` is the value of @signature-params: ("@method" "@path");created=…
const char *signature_base(Arena *arena, const Component *components, size_t count,
                           const char *parameters);
// The inner list of names that @signature-params begins with: ("@method" "@path")
const char *signature_component_list(Arena *arena, const Component *components, size_t count);
