// One command line, taken apart by the command table.
#pragma once

#include "base/memory.h"
#include "base/text.h"
#include "cli/command.h"

#include <stdint.h>

enum { INVOCATION_MAX_ARGUMENTS = 4, INVOCATION_MAX_OPTIONS = 24 };

struct Invocation {
    const Command *command;
    const char *arguments[INVOCATION_MAX_ARGUMENTS]; // in the order of the command's; NULL: absent
    const char
        *values[INVOCATION_MAX_OPTIONS]; // in the order of its options, then the global ones;
                                         // "" for a switch that is there
    StringList more;                     // of a repeated argument, beyond the first
    StringList rest;                     // after "--"
    bool json;
    bool help;
};

// `words` are those after the program's name. Secrets are refused: "secret_argument". Whatever else
// is wrong is USAGE_CODE. The JSON option is found even when parsing fails.
MUST_USE Status invocation_parse(Arena *arena, const Command *commands, int count,
                                 char *const *words, Invocation *ret_invocation, Error *reterr);

// By the names in the table; asking for one that the command does not have is a programmer's
// mistake.
const char *invocation_argument(const Invocation *invocation, const char *name); // NULL: absent
const char *invocation_option(const Invocation *invocation, const char *name);   // NULL: absent
bool invocation_switch(const Invocation *invocation, const char *name);
// Of a DURATION; 0 when absent.
MUST_USE Status invocation_duration(const Invocation *invocation, const char *name,
                                    int64_t *ret_seconds, Error *reterr);
// Of a whole number in min..max; `preset` when absent.
MUST_USE Status invocation_number(const Invocation *invocation, const char *name, int64_t min,
                                  int64_t max, int64_t preset, int64_t *ret_number, Error *reterr);
// Whether text is one of "a|b|c".
bool choices_include(const char *choices, const char *text);
