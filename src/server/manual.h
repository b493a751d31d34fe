// What daypassd says about itself: --help and the man page, from the tables of its arguments and
// options.
#pragma once

#include "base/memory.h"

typedef struct ManualArgument {
    const char *name;  // "--config"
    const char *value; // "FILE"; NULL: none
    const char *help;
} ManualArgument;
extern const ManualArgument MANUAL_ARGUMENTS[];
extern const size_t MANUAL_ARGUMENT_COUNT;

const char *manual_help(Arena *arena);
const char *manual_page(Arena *arena); // man(7), section 8
