// What daypass-connector says of itself: --help and the man page, from one table.
#pragma once

#include "base/memory.h"

#include <stddef.h>

typedef struct ManualCommand {
    const char *name;
    const char *options;
    const char *help;
} ManualCommand;

enum { MANUAL_COMMAND_COUNT = 5 };
extern const ManualCommand MANUAL_COMMANDS[MANUAL_COMMAND_COUNT];

const char *manual_help(Arena *arena);
const char *manual_page(Arena *arena); // man(7)
