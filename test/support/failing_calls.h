// Makes library calls fail, one at a time: a test arms the nth of the calls to come, runs an
// operation, sees how it takes that, and goes on with the next n until the operation needs no more
// calls. The calls are those of one library, wrapped by the linker (-Wl,--wrap=NAME) in a file of
// their own, such as failing_sqlite.c. While nothing is armed they do what they always do.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// The nth of the following wrapped calls fails, by any thread; 1: the next.
void failing_calls_arm(size_t nth);
// The call that failed since it was armed; NULL when there were too few. Nothing fails any more.
const char *failing_calls_disarm(void);

// For wrappers: whether this call is the one. `name` is a literal.
bool failing_call(const char *name);
