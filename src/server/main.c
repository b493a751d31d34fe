// daypassd: the control plane.
#include "api/api.h"
#include "base/log.h"
#include "config/options.h"
#include "sandbox/sandbox.h"
#include "server/check_files.h"
#include "server/daemon.h"
#include "server/manual.h"
#include "server/server_options.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

typedef struct Arguments {
    const char *config;
    const char *print; // the one argument that does something else; NULL: run
    const char *backup;
} Arguments;

static const ManualArgument *find_argument(const char *text) {
    for (size_t i = 0; i < MANUAL_ARGUMENT_COUNT; i++) {
        if (strcmp(MANUAL_ARGUMENTS[i].name, text) == 0)
            return &MANUAL_ARGUMENTS[i];
    }
    return NULL;
}

static bool parse(int argc, char **argv, Arguments *ret_arguments) {
    for (int i = 1; i < argc; i++) {
        const ManualArgument *argument = find_argument(argv[i]);
        if (argument == NULL) {
            fprintf(stderr, "daypassd: there is no argument '%s'; see daypassd --help\n", argv[i]);
            return false;
        }
        bool is_config = strcmp(argument->name, "--config") == 0;
        if (!is_config)
            ret_arguments->print = argument->name;
        if (argument->value == NULL)
            continue;
        if (i + 1 >= argc) {
            fprintf(stderr, "daypassd: %s needs a %s\n", argument->name, argument->value);
            return false;
        }
        *(is_config ? &ret_arguments->config : &ret_arguments->backup) = argv[++i];
    }
    return true;
}

static Status print_config(Arena *arena, const Arguments *arguments, Error *reterr) {
    ServerOptions options = {0};
    TRY(server_options_load(arena, arguments->config, &options, reterr));
    fputs(options_print(arena, &SERVER_OPTIONS_SHAPE, &options), stdout);
    return STATUS_OK;
}

static Status check_config(Arena *arena, const Arguments *arguments, Error *reterr) {
    ServerOptions options = {0};
    TRY(server_options_load(arena, arguments->config, &options, reterr));
    TRY(check_files(arena, &options, reterr));
    puts("the configuration is good");
    return STATUS_OK;
}

static Status back_up(Arena *arena, const Arguments *arguments, Error *reterr) {
    ServerOptions options = {0};
    TRY(server_options_load(arena, arguments->config, &options, reterr));
    StoreBackup backup = {0};
    TRY(store_backup(server_options_store_url(arena, &options), arena, arguments->backup, &backup,
                     reterr));
    printf("%s: the store of %s, schema %lld, with %lld audit events, all of which verify; the "
           "newest has the hash\n%s\nThe keys are not in it: keep action.key and audit.key of the "
           "state folder apart from it.\n",
           arguments->backup, backup.deployment, (long long)backup.schema, (long long)backup.events,
           backup.head);
    return STATUS_OK;
}

static Status print_openapi(Arena *arena, const Arguments *arguments, Error *reterr) {
    puts(json_text_indented(arena, openapi_document(arena, &ROUTES)));
    return STATUS_OK;
}

static Status print_api_doc(Arena *arena, const Arguments *arguments, Error *reterr) {
    fputs(api_reference(arena, &ROUTES), stdout);
    return STATUS_OK;
}

static Status print_man(Arena *arena, const Arguments *arguments, Error *reterr) {
    fputs(manual_page(arena), stdout);
    return STATUS_OK;
}

static Status print_version(Arena *arena, const Arguments *arguments, Error *reterr) {
    puts("daypassd " DAYPASS_VERSION);
    return STATUS_OK;
}

static Status print_help(Arena *arena, const Arguments *arguments, Error *reterr) {
    fputs(manual_help(arena), stdout);
    return STATUS_OK;
}

static const struct {
    const char *name;
    Status (*run)(Arena *arena, const Arguments *arguments, Error *reterr);
} PRINTERS[] = {
    {"--check-config", check_config},   {"--backup", back_up},
    {"--print-config", print_config},   {"--print-openapi", print_openapi},
    {"--print-api-doc", print_api_doc}, {"--print-man", print_man},
    {"--version", print_version},       {"--help", print_help},
};

static Status run(Arena *arena, const Arguments *arguments, Error *reterr) {
    for (size_t i = 0; arguments->print != NULL && i < COUNT_OF(PRINTERS); i++) {
        if (strcmp(PRINTERS[i].name, arguments->print) == 0)
            return PRINTERS[i].run(arena, arguments, reterr);
    }
    ServerOptions options = {0};
    TRY(server_options_load(arena, arguments->config, &options, reterr));
    log_setup((LogOptions){.level = (LogLevel)options.log->level,
                           .json = options.log->format == LOG_FORMAT_JSON});
    return daemon_run(&options, reterr);
}

int main(int argc, char **argv) {
    sandbox_forbid_dumps();
    json_wipe_freed(); // session tokens pass through it
    Arguments arguments = {0};
    if (!parse(argc, argv, &arguments))
        return EXIT_USAGE;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Error error = {0};
    Status status = run(arena, &arguments, &error);
    if (status != STATUS_OK) {
        fprintf(stderr, "daypassd: %s\n", error.message);
        if (error.detail[0] != '\0')
            fprintf(stderr, "daypassd: (%s)\n", error.detail);
    }
    return status_exit_code(status);
}
