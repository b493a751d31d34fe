// What the program's exit status says, for help and documents.
#pragma once

#include "base/error.h"

// Of a status, or else a number and kind of its own.
typedef struct ExitCode {
    Status status;
    int number;
    const char *kind;
    const char *meaning;
} ExitCode;

enum { EXIT_CODE_COUNT = STATUS_COUNT_ + 2 };
extern const ExitCode EXIT_CODES[EXIT_CODE_COUNT];
int exit_code_number(const ExitCode *code);
const char *exit_code_kind(const ExitCode *code); // "" for success

typedef struct Variable {
    const char *name;
    const char *meaning;
} Variable;
extern const Variable VARIABLES[]; // of the environment; NULL ends the list
