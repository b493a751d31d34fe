#include "cli/help.h"

#include "base/buffer.h"
#include "cli/exit_codes.h"

#include <string.h>

enum { LINE_WIDTH = 78, SUMMARY_COLUMN = 28, OPTION_COLUMN = 30 };

static const char *finish(Arena *arena, Buffer *buffer) {
    const char *text = arena_copy(arena, buffer_text(buffer), buffer->length);
    buffer_done(buffer);
    return text;
}

// Breaks text at spaces so that no line passes LINE_WIDTH; the first begins at `column`, the others
// are indented to it.
static void add_wrapped(Buffer *buffer, const char *text, size_t column) {
    size_t at = column;
    for (bool first = true; *text != '\0'; first = false) {
        size_t length = strcspn(text, " ");
        if (!first && at + 1 + length > LINE_WIDTH) {
            buffer_addf(buffer, "\n%*s", (int)column, "");
            at = column;
        } else if (!first) {
            buffer_add(buffer, " ");
            at++;
        }
        buffer_add_bytes(buffer, text, length);
        at += length;
        text += length + (text[length] == ' ');
    }
    buffer_add(buffer, "\n");
}

// "--for DURATION", with its letter in front.
static const char *option_text(Arena *arena, const CommandOption *option) {
    const char *letter =
        option->letter != 0 ? arena_printf(arena, "-%c, ", option->letter) : "    ";
    return option->value == NULL
               ? arena_printf(arena, "%s--%s", letter, option->name)
               : arena_printf(arena, "%s--%s %s", letter, option->name, option->value);
}

const char *help_usage(Arena *arena, const Command *command) {
    Buffer buffer = {0};
    buffer_addf(&buffer, "daypass %s", command->name);
    for (size_t i = 0; i < command_argument_count(command); i++) {
        const CommandArgument *argument = &command->arguments[i];
        buffer_addf(&buffer, argument->optional ? " [%s]" : " %s", argument->name);
        buffer_add(&buffer, argument->repeated ? "..." : "");
    }
    for (size_t i = 0; i < command_option_count(command); i++) {
        const CommandOption *option = &command->options[i];
        if (option->value != NULL)
            buffer_addf(&buffer, " [--%s %s]", option->name, option->value);
        else
            buffer_addf(&buffer, " [--%s]", option->name);
    }
    if (command->rest != NULL)
        buffer_addf(&buffer, " [-- %s...]", command->rest);
    return finish(arena, &buffer);
}

static void add_entry(Buffer *buffer, const char *term, const char *help, size_t column) {
    buffer_addf(buffer, "  %s", term);
    size_t used = strlen(term) + 2;
    if (used + 2 > column)
        buffer_addf(buffer, "\n%*s", (int)column, "");
    else
        buffer_addf(buffer, "%*s", (int)(column - used), "");
    add_wrapped(buffer, help, column);
}

static const char *with_choices(Arena *arena, const char *help, const char *choices) {
    return choices == NULL ? help : arena_printf(arena, "%s: one of %s", help, choices);
}

const char *help_overview(Arena *arena, const Command *commands) {
    Buffer buffer = {0};
    buffer_add(&buffer, "Daypass gives access to a database for the length of a task, and takes it "
                        "back.\n\nusage: daypass COMMAND [ARGUMENT...] [--json] [--help]\n\n");
    for (const Command *at = commands; at->name != NULL; at++)
        add_entry(&buffer, at->name, at->summary, SUMMARY_COLUMN);
    buffer_add(&buffer, "\n\"daypass help COMMAND\" tells more of one. ");
    buffer_add(&buffer, "To begin: daypass login URL, then daypass flows.\n");
    return finish(arena, &buffer);
}

static void add_options(Arena *arena, Buffer *buffer, const CommandOption *options) {
    for (; options != NULL && options->name != NULL; options++)
        add_entry(buffer, option_text(arena, options),
                  with_choices(arena, options->help, options->choices), OPTION_COLUMN);
}

const char *help_command(Arena *arena, const Command *command) {
    Buffer buffer = {0};
    buffer_add(&buffer, "usage: ");
    add_wrapped(&buffer, help_usage(arena, command), 7);
    buffer_addf(&buffer, "\n%s.\n", command->summary);
    if (command->details != NULL) {
        buffer_add(&buffer, "\n");
        add_wrapped(&buffer, command->details, 0);
    }
    buffer_add(&buffer, "\n");
    for (size_t i = 0; i < command_argument_count(command); i++) {
        const CommandArgument *argument = &command->arguments[i];
        add_entry(&buffer, argument->name, with_choices(arena, argument->help, argument->choices),
                  OPTION_COLUMN);
    }
    add_options(arena, &buffer, command->options);
    add_options(arena, &buffer, GLOBAL_OPTIONS);
    return finish(arena, &buffer);
}

// ---- docs/cli.md ------------------------------------------------------------------------------

static void add_markdown_options(Buffer *buffer, const CommandOption *options) {
    for (; options != NULL && options->name != NULL; options++) {
        buffer_add(buffer, "- `");
        if (options->letter != 0)
            buffer_addf(buffer, "-%c`, `", options->letter);
        buffer_addf(buffer, "--%s%s%s`: %s", options->name, options->value != NULL ? " " : "",
                    options->value != NULL ? options->value : "", options->help);
        if (options->choices != NULL)
            buffer_addf(buffer, ": one of `%s`", options->choices);
        buffer_add(buffer, "\n");
    }
}

static void add_markdown_command(Arena *arena, Buffer *buffer, const Command *command) {
    buffer_addf(buffer, "\n## daypass %s\n\n%s.", command->name, command->summary);
    if (command->details != NULL)
        buffer_addf(buffer, " %s", command->details);
    buffer_addf(buffer, "\n\n```\n%s\n```\n", help_usage(arena, command));
    size_t count = command_argument_count(command);
    if (count + command_option_count(command) > 0)
        buffer_add(buffer, "\n");
    for (size_t i = 0; i < count; i++) {
        const CommandArgument *argument = &command->arguments[i];
        buffer_addf(buffer, "- `%s`: %s", argument->name, argument->help);
        if (argument->choices != NULL)
            buffer_addf(buffer, ": one of `%s`", argument->choices);
        buffer_add(buffer, "\n");
    }
    add_markdown_options(buffer, command->options);
}

const char *help_markdown(Arena *arena, const Command *commands) {
    Buffer buffer = {0};
    buffer_add(&buffer, "# The command line\n\nMade from the command table by `daypass help "
                        "--markdown`.\n\nEvery command takes:\n\n");
    add_markdown_options(&buffer, GLOBAL_OPTIONS);
    buffer_add(&buffer, "\nPasswords, tokens and invitations are never taken from the command "
                        "line. Answers go to standard output, everything else to standard error; "
                        "with `--json` an error is `{\"error\": {\"kind\", \"code\", "
                        "\"message\"}}`.\n");
    for (const Command *at = commands; at->name != NULL; at++)
        add_markdown_command(arena, &buffer, at);
    buffer_add(&buffer, "\n## Exit status\n\n| status | kind | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < EXIT_CODE_COUNT; i++) {
        const ExitCode *code = &EXIT_CODES[i];
        buffer_addf(&buffer, "| %d | %s | %s |\n", exit_code_number(code), exit_code_kind(code),
                    code->meaning);
    }
    buffer_add(&buffer, "\n## Environment\n\n| variable | meaning |\n|---|---|\n");
    for (const Variable *at = VARIABLES; at->name != NULL; at++)
        buffer_addf(&buffer, "| `%s` | %s |\n", at->name, at->meaning);
    return finish(arena, &buffer);
}
