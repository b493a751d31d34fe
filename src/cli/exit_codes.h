// What the program's exit status says, for help and documents.
#pragma once

#include "base/error.h"

typedef struct ExitCode {
    Status status;
    const char *meaning;
} ExitCode;

enum { EXIT_CODE_COUNT = STATUS_COUNT_ };
extern const ExitCode EXIT_CODES[EXIT_CODE_COUNT];

typedef struct Variable {
    const char *name;
    const char *meaning;
} Variable;
extern const Variable VARIABLES[]; // of the environment; NULL ends the list
