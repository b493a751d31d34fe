// daypass-connector: executes signed actions on targets; holds the admin secrets.
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "config/options.h"
#include "connector/check.h"
#include "connector/check_files.h"
#include "connector/enroll.h"
#include "connector/manual.h"
#include "connector/runner.h"
#include "driver/driver.h"
#include "sandbox/sandbox.h"

enum { EXIT_USAGE = 2 };

typedef struct Arguments {
    const char *config;
    const char *secret;
    EnrollOptions enroll;
} Arguments;

typedef Status CommandHandler(Arena *arena, const ConnectorOptions *options,
                              const Arguments *arguments, Error *reterr);

static Status command_enroll(Arena *arena, const ConnectorOptions *options,
                             const Arguments *arguments, Error *reterr) {
    (void)arena;
    return enroll_run(options, &arguments->enroll, reterr);
}

static Status command_run(Arena *arena, const ConnectorOptions *options, const Arguments *arguments,
                          Error *reterr) {
    (void)arena;
    (void)arguments;
    return runner_run(options, reterr);
}

static Status command_check(Arena *arena, const ConnectorOptions *options,
                            const Arguments *arguments, Error *reterr) {
    (void)arena;
    return check_run(options, arguments->secret, reterr);
}

static Status command_check_config(Arena *arena, const ConnectorOptions *options,
                                   const Arguments *arguments, Error *reterr) {
    (void)arguments;
    TRY(check_files(arena, options, reterr));
    puts("the configuration is good");
    return STATUS_OK;
}

static Status command_print_config(Arena *arena, const ConnectorOptions *options,
                                   const Arguments *arguments, Error *reterr) {
    (void)arguments;
    (void)reterr;
    fputs(options_print(arena, &CONNECTOR_OPTIONS_SHAPE, options), stdout);
    return STATUS_OK;
}

static CommandHandler *command_find(const char *name) {
    static CommandHandler *const HANDLERS[] = {command_enroll, command_run, command_check,
                                               command_check_config, command_print_config};
    for (size_t i = 0; i < MANUAL_COMMAND_COUNT; i++)
        if (strcmp(MANUAL_COMMANDS[i].name, name) == 0)
            return HANDLERS[i];
    return NULL;
}

static int wrong_use(const char *what) {
    if (what != NULL)
        fprintf(stderr, "daypass-connector: %s\n", what);
    fputs("See: daypass-connector --help\n", stderr);
    return EXIT_USAGE;
}

// Reads options. True to go on; otherwise *ret_exit is the exit code.
static bool arguments_parse(int argc, char **argv, Arguments *arguments, int *ret_exit) {
    static const struct option OPTIONS[] = {
        {"config", required_argument, NULL, 'c'}, {"join-token-file", required_argument, NULL, 'j'},
        {"replace", no_argument, NULL, 'r'},      {"secret", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},         {"version", no_argument, NULL, 'v'},
        {"print-man", no_argument, NULL, 'm'},    {NULL, 0, NULL, 0},
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    *ret_exit = 0;
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case 'c':
            arguments->config = optarg;
            break;
        case 'j':
            arguments->enroll.join_token_file = optarg;
            break;
        case 'r':
            arguments->enroll.replace = true;
            break;
        case 's':
            arguments->secret = optarg;
            break;
        case 'h':
            fputs(manual_help(arena), stdout);
            return false;
        case 'v':
            printf("daypass-connector " DAYPASS_VERSION " (%s)\n", driver_names(arena));
            return false;
        case 'm':
            fputs(manual_page(arena), stdout);
            return false;
        default: // getopt_long has said what is wrong
            *ret_exit = wrong_use(NULL);
            return false;
        }
    }
    return true;
}

// Finds the command and holds it to its own options. NULL after saying what is wrong.
static CommandHandler *arguments_command(int argc, char **argv, const Arguments *arguments) {
    const char *name = optind < argc ? argv[optind] : NULL;
    CommandHandler *handler = name != NULL ? command_find(name) : NULL;
    const char *wrong = NULL;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    if (name == NULL)
        wrong = "expected a command: enroll, run, check, check-config or print-config";
    else if (handler == NULL)
        wrong = arena_printf(arena,
                             "there is no command '%s'; expected enroll, run, check, "
                             "check-config or print-config",
                             name);
    else if (optind + 1 != argc)
        wrong = arena_printf(arena, "%s takes no argument '%s'", name, argv[optind + 1]);
    else if ((arguments->enroll.join_token_file != NULL || arguments->enroll.replace) &&
             handler != command_enroll)
        wrong = arena_printf(arena, "%s has no option --%s; enroll has", name,
                             arguments->enroll.replace ? "replace" : "join-token-file");
    else if (arguments->secret != NULL && handler != command_check)
        wrong = arena_printf(arena, "%s has no option --secret; check has", name);
    if (wrong == NULL)
        return handler;
    wrong_use(wrong);
    return NULL;
}

static int fail(Status status, const Error *error) {
    fflush(stdout); // what was found comes before what came of it, in a file too
    fprintf(stderr, "daypass-connector: %s\n", error->message);
    return status_exit_code(status);
}

int main(int argc, char **argv) {
    sandbox_forbid_dumps();
    json_wipe_freed();
    Arguments arguments = {.config = "/etc/daypass/connector.yaml"};
    int result = 0;
    if (!arguments_parse(argc, argv, &arguments, &result))
        return result;
    CommandHandler *handler = arguments_command(argc, argv, &arguments);
    if (handler == NULL)
        return EXIT_USAGE;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ConnectorOptions options;
    Error error = {0};
    Status status = connector_options_load(arena, arguments.config, &options, &error);
    if (status == STATUS_OK)
        status = handler(arena, &options, &arguments, &error);
    return status == STATUS_OK ? 0 : fail(status, &error);
}
