#include "base/buffer.h"
#include "cli/exit_codes.h"
#include "cli/help.h"
#include "config/man.h"

static void add_options(Arena *arena, Buffer *buffer, const CommandOption *options) {
    for (; options != NULL && options->name != NULL; options++) {
        buffer_add(buffer, ".TP\n");
        if (options->letter != 0)
            buffer_addf(buffer, ".BR \\-%c , \" \\-\\-%s\"", options->letter,
                        man_escape(arena, options->name));
        else
            buffer_addf(buffer, ".BR \\-\\-%s", man_escape(arena, options->name));
        if (options->value != NULL)
            buffer_addf(buffer, " \" \\fI%s\\fP\"", man_escape(arena, options->value));
        buffer_addf(buffer, "\n%s", man_escape(arena, options->help));
        if (options->choices != NULL)
            buffer_addf(buffer, ": one of %s", man_escape(arena, options->choices));
        buffer_add(buffer, ".\n");
    }
}

static void add_command(Arena *arena, Buffer *buffer, const Command *command) {
    buffer_addf(buffer, ".SS %s\n.B %s\n.PP\n%s.\n", man_escape(arena, command->name),
                man_escape(arena, help_usage(arena, command)), man_escape(arena, command->summary));
    if (command->details != NULL)
        buffer_addf(buffer, "%s\n", man_escape(arena, command->details));
    for (size_t i = 0; i < command_argument_count(command); i++) {
        const CommandArgument *argument = &command->arguments[i];
        buffer_addf(buffer, ".TP\n.I %s\n%s", man_escape(arena, argument->name),
                    man_escape(arena, argument->help));
        if (argument->choices != NULL)
            buffer_addf(buffer, ": one of %s", man_escape(arena, argument->choices));
        buffer_add(buffer, ".\n");
    }
    add_options(arena, buffer, command->options);
}

const char *help_man_page(Arena *arena, const Command *commands) {
    Buffer buffer = {0};
    buffer_addf(&buffer,
                ".TH DAYPASS 1 \"\" \"daypass %s\" \"User Commands\"\n"
                ".SH NAME\ndaypass \\- temporary access to databases\n"
                ".SH SYNOPSIS\n.B daypass\n.I COMMAND\n.RI [ ARGUMENT ...]\n"
                ".SH DESCRIPTION\nDaypass gives access to a database for the length of a task, and "
                "takes it back:\nrequested, approved, granular, expiring, audited.\n.PP\n"
                "Passwords, tokens and invitations are never taken from the command line.\n"
                ".SH OPTIONS\nEvery command takes:\n",
                DAYPASS_VERSION);
    add_options(arena, &buffer, GLOBAL_OPTIONS);
    buffer_add(&buffer, ".SH COMMANDS\n");
    for (const Command *at = commands; at->name != NULL; at++)
        add_command(arena, &buffer, at);
    buffer_add(&buffer, ".SH \"EXIT STATUS\"\n");
    for (size_t i = 0; i < EXIT_CODE_COUNT; i++) {
        buffer_addf(&buffer, ".TP\n.B %d\n%s.\n", exit_code_number(&EXIT_CODES[i]),
                    man_escape(arena, EXIT_CODES[i].meaning));
    }
    buffer_add(&buffer, ".SH ENVIRONMENT\n");
    for (const Variable *at = VARIABLES; at->name != NULL; at++)
        buffer_addf(&buffer, ".TP\n.B %s\n%s.\n", man_escape(arena, at->name),
                    man_escape(arena, at->meaning));
    buffer_add(&buffer, ".SH FILES\n.TP\n.I ~/.local/state/daypass/session.json\n"
                        "The session, readable by its user alone.\n.TP\n"
                        ".I ~/.local/state/daypass/keys/\n"
                        "The keys that open credentials, removed when a grant is over.\n"
                        ".SH \"SEE ALSO\"\n.BR daypassd (8),\n.BR daypass\\-connector (8)\n");
    const char *text = arena_copy(arena, buffer_text(&buffer), buffer.length);
    buffer_done(&buffer);
    return text;
}
