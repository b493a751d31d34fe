// What an operation on a target has found and done, whatever the engine: the statements that
// changed something, warnings, what was handed over, what stands in the way, and the class of its
// last failure. An outcome is evidence and has to be one that can be sent: what a user made there
// cannot make it unreadable by its number, its names or their length.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "domain/outcome.h"

typedef struct Evidence {
    Arena *arena;
    Outcome *outcome;     // NULL: nothing is recorded
    FailureClass failure; // of the last failure
} Evidence;

// Fails with words of our own.
Status evidence_fail(Evidence *evidence, FailureClass failure, Error *reterr, const char *code,
                     const char *format, ...) PRINTF_LIKE(5, 6);
// The same where an operation has to stop for time: the deadline of its action has passed.
Status evidence_deadline_passed(Evidence *evidence, Error *reterr);

// `shown` is the statement without its secrets. Everything is copied.
void evidence_statement(Evidence *evidence, const char *shown, const char *database, int64_t rows);
void evidence_warn(Evidence *evidence, const char *format, ...) PRINTF_LIKE(2, 3);
void evidence_handed_over(Evidence *evidence, const char *line);
// `repair`: SQL for the target's administrator.
void evidence_obstacle(Evidence *evidence, const char *what, const char *repair);

// On one line, so that people who read line by line do not read what somebody wrote into a name.
const char *evidence_one_line(Arena *arena, const char *text);
