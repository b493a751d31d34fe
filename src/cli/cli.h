// What every command has: memory, the terminal, the session and the connection to the server.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/invocation.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct Remote Remote; // cli/remote.h

struct Cli {
    Arena *arena;
    const Clock *clock;
    FILE *out;         // answers
    FILE *err;         // everything else
    bool json;         // answers as JSON
    bool out_terminal; // somebody looks at `out`
    bool err_terminal;
    bool in_terminal; // somebody can be asked
    bool colours;
    bool attention; // the command found what somebody has to look at: EXIT_ATTENTION
    Remote *remote; // opened by the first call
};

// The terminal, NO_COLOR (https://no-color.org) and the real clock.
void cli_init(Cli *cli, Arena *arena);
void cli_done(Cli *cli);
// Runs one command line; gives the program's exit status.
int cli_main(Cli *cli, int argc, char *const *argv);
