// The system calls that a daemon may make, by name: a name that this machine's libseccomp does not
// know, or that this kind of processor does not have, allows nothing.
#pragma once

#include <stddef.h>

typedef struct CallList {
    const char *const *names;
    size_t count;
} CallList;

// Files of one's own, memory, threads, clocks, waiting, and sockets that are there.
extern const CallList CALLS_ALWAYS;
extern const CallList CALLS_LISTENING;
extern const CallList CALLS_CONNECTING;
// To start programs and to end them, and what such programs commonly do.
extern const CallList CALLS_EXECUTING;
// LeakSanitizer stops the process from a helper of its own, as a debugger would.
extern const CallList CALLS_SANITIZERS;
