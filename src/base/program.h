// Programs that print a secret, run without a shell.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { PROGRAM_TIMEOUT_MS = 60 * 1000, PROGRAM_OUTPUT_MAX_BYTES = 65536 };

typedef struct ProgramRun {
    StringList argv;
    const StringList *withheld; // names of variables that it does not get; may be NULL
    int64_t timeout_ms;
    const atomic_bool *stop; // may be NULL
} ProgramRun;

// What it printed, in the arena. STATUS_UNAVAILABLE "program_failed": it cannot be started, says
// nothing in time (it is killed then, with all it started), ends with a failure or prints too much.
// What it writes to its standard error goes where ours goes.
MUST_USE Status program_run(Arena *arena, const ProgramRun *run, const char **ret_output,
                            size_t *ret_length, Error *reterr);

// A command line into words as a shell would, without expanding anything: quotes, and backslashes
// outside of single ones. "bad_command" for a quote that does not end, and for no word at all.
MUST_USE Status program_split(Arena *arena, const char *line, StringList *ret_words, Error *reterr);
