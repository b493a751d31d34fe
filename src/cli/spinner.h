// A sign of life while a person waits at a terminal; nothing elsewhere.
#pragma once

#include "cli/cli.h"

typedef struct Spinner Spinner;

// NULL when `err` is no terminal.
Spinner *spinner_start(Cli *cli, const char *text);
// Takes its line away. NULL is fine.
void spinner_stop(Spinner *spinner);
