// What a daemon gives up so that whoever takes it over gets little: core dumps and being looked at
// from the start, and, once it runs, every system call that it has no use for. Linux alone; the
// command line has nothing of it.
#pragma once

#include "base/error.h"
#include "base/shape.h"

#include <stdbool.h>

// Group `sandbox` of a daemon's configuration file.
typedef enum SeccompChoice { SECCOMP_OFF, SECCOMP_ON } SeccompChoice;
typedef struct SandboxOptions {
    int seccomp; // SeccompChoice; absent: on, where this build has it
} SandboxOptions;
extern const Shape SANDBOX_OPTIONS_SHAPE;

// What the daemon has to go on doing. Everything else is refused with EPERM.
typedef struct SandboxNeeds {
    bool listens;        // accepts connections, and listens anew
    bool connects;       // to other hosts
    bool executes;       // programs that the configuration names; they inherit the filter
    bool for_sanitizers; // what AddressSanitizer and its kind need to end a process: SANITIZED
} SandboxNeeds;

// Whether this build is instrumented.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

// No core file, and no other process of the same user reads or traces this one: its memory holds
// keys and passwords. To be called first of all.
void sandbox_forbid_dumps(void);
// Whether so much memory can be locked as secrets need; otherwise they may reach swap.
bool sandbox_can_lock_memory(void);
// Holds this process, with all its threads and for good, to the system calls it needs. To be called
// when everything is set up. "no_seccomp" when the kernel, or this build, has none.
MUST_USE Status sandbox_enter(const SandboxNeeds *needs, Error *reterr);
