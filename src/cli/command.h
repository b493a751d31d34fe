// The command table: names, arguments, options and handlers. Dispatch, help, the man page,
// docs/cli.md and the shells' completions all come from it.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct Cli Cli;
typedef struct Invocation Invocation;

typedef struct CommandOption {
    const char *name;    // "for"; NULL ends a list of options
    char letter;         // "-f"; 0: none
    bool is_file;        // completed as a path
    const char *value;   // "DURATION"; NULL: a switch
    const char *choices; // "env|url|json"; NULL: any text
    const char *help;    // one sentence without a full stop
} CommandOption;

typedef struct CommandArgument {
    const char *name; // "FLOW"; NULL ends a list of arguments
    bool optional;    // only the last ones
    bool repeated;    // only the last one, which has to be there once: more are in Invocation.more
    bool is_file;
    const char *choices;
    const char *help;
} CommandArgument;

typedef struct Command {
    const char *name;                 // one word, or two: "connector create"; NULL ends the table
    const char *summary;              // one sentence without a full stop
    const char *details;              // further sentences; NULL: none
    const CommandArgument *arguments; // NULL: none; likewise below
    const CommandOption *options;
    const char *rest; // what may follow "--": "PSQL-ARGUMENT"; NULL: nothing
    Status (*run)(Cli *cli, const Invocation *invocation, Error *reterr);
} Command;

extern const Command COMMANDS[];
extern const CommandOption GLOBAL_OPTIONS[]; // every command takes them

// Exit status of wrong usage, and of a command that worked and found what somebody has to look at;
// failures have those of status_exit_code, and 0 is success.
enum { EXIT_USAGE = 2, EXIT_ATTENTION = 3 };
// The code of an error that is a wrong usage.
#define USAGE_CODE "usage"
// The code of the refusal of a secret on the command line; a wrong usage too.
#define SECRET_ARGUMENT_CODE "secret_argument"

size_t command_argument_count(const Command *command);
size_t command_option_count(const Command *command);
