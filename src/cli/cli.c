#include "cli/cli.h"

#include "base/text.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/remote.h"

#include <stdlib.h>
#include <unistd.h>

static bool colours_wanted(void) {
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return (no_color == NULL || no_color[0] == '\0') && terminal != NULL &&
           !text_equal(terminal, "dumb");
}

void cli_init(Cli *cli, Arena *arena) {
    *cli = (Cli){
        .arena = arena,
        .clock = &SYSTEM_CLOCK,
        .out = stdout,
        .err = stderr,
        .out_terminal = isatty(STDOUT_FILENO) == 1,
        .err_terminal = isatty(STDERR_FILENO) == 1,
        .in_terminal = isatty(STDIN_FILENO) == 1,
    };
    // A question needs somewhere to be seen as well.
    cli->in_terminal = cli->in_terminal && cli->err_terminal;
    cli->colours = cli->out_terminal && colours_wanted();
}

void cli_done(Cli *cli) {
    cli->remote = remote_free(cli->remote);
}

static int exit_code(const Error *error) {
    bool is_usage =
        text_equal(error->code, USAGE_CODE) || text_equal(error->code, SECRET_ARGUMENT_CODE);
    return is_usage ? EXIT_USAGE : status_exit_code(error->status);
}

static Status run(Cli *cli, int argc, char *const *argv, Error *reterr) {
    Invocation invocation = {0};
    Status status = invocation_parse(cli->arena, COMMANDS, argc - 1, argv + 1, &invocation, reterr);
    cli->json = invocation.json;
    TRY(status);
    if (invocation.command == NULL)
        fputs(help_overview(cli->arena, COMMANDS), cli->out);
    else if (invocation.help)
        fputs(help_command(cli->arena, invocation.command), cli->out);
    else
        return invocation.command->run(cli, &invocation, reterr);
    return STATUS_OK;
}

int cli_main(Cli *cli, int argc, char *const *argv) {
    Error error = {0};
    Status status = run(cli, argc, argv, &error);
    // A full disk or a closed pipe must not look like success.
    if ((fflush(cli->out) != 0 || ferror(cli->out)) && status == STATUS_OK)
        status = error_set(&error, STATUS_UNAVAILABLE, "output_failed",
                           "the answer could not be written");
    if (status == STATUS_OK)
        return cli->attention ? EXIT_ATTENTION : 0;
    say_error(cli, &error);
    return exit_code(&error);
}
