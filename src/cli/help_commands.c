#include "base/text.h"
#include "cli/handlers.h"
#include "cli/help.h"
#include "cli/output.h"

#include <stdio.h>

static const Command *find_command(Arena *arena, const char *first, const char *second) {
    const char *name = second != NULL ? arena_printf(arena, "%s %s", first, second) : first;
    for (const Command *at = COMMANDS; at->name != NULL; at++) {
        if (text_equal(at->name, name))
            return at;
    }
    return NULL;
}

// Every command whose name begins with the word: "daypass help connector".
static bool print_family(Cli *cli, const char *first) {
    bool found = false;
    const char *prefix = arena_printf(cli->arena, "%s ", first);
    for (const Command *at = COMMANDS; at->name != NULL; at++) {
        if (!text_starts_with(at->name, prefix))
            continue;
        fprintf(cli->out, "%s%s", found ? "\n" : "", help_command(cli->arena, at));
        found = true;
    }
    return found;
}

Status command_help(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *first = invocation_argument(invocation, "COMMAND");
    const char *second = invocation_argument(invocation, "SECOND");
    if (invocation_switch(invocation, "markdown")) {
        fputs(help_markdown(cli->arena, COMMANDS), cli->out);
    } else if (invocation_switch(invocation, "man")) {
        fputs(help_man_page(cli->arena, COMMANDS), cli->out);
    } else if (first == NULL) {
        fputs(help_overview(cli->arena, COMMANDS), cli->out);
    } else {
        const Command *command = find_command(cli->arena, first, second);
        if (command != NULL)
            fputs(help_command(cli->arena, command), cli->out);
        else if (second != NULL || !print_family(cli, first))
            return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                             "there is no command of that name; see: daypass help");
    }
    return STATUS_OK;
}

Status command_completion(Cli *cli, const Invocation *invocation, Error *reterr) {
    fputs(completion_script(cli->arena, COMMANDS, invocation_argument(invocation, "SHELL")),
          cli->out);
    return STATUS_OK;
}

Status command_version(Cli *cli, const Invocation *invocation, Error *reterr) {
    if (cli->json)
        say_json(cli, json_keep(cli->arena, json_pack("{s:s}", "version", DAYPASS_VERSION)));
    else
        say(cli, "daypass %s", DAYPASS_VERSION);
    return STATUS_OK;
}
