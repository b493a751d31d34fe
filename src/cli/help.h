// What the command table says, in the forms people read.
#pragma once

#include "base/memory.h"
#include "cli/command.h"

// "daypass request [FLOW] [--for DURATION] …"
const char *help_usage(Arena *arena, const Command *command);
const char *help_overview(Arena *arena, const Command *commands);
const char *help_command(Arena *arena, const Command *command);
// docs/cli.md
const char *help_markdown(Arena *arena, const Command *commands);
// daypass.1
const char *help_man_page(Arena *arena, const Command *commands);
// "bash", "zsh" or "fish"
const char *completion_script(Arena *arena, const Command *commands, const char *shell);
