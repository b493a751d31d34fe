#include "server/manual.h"

#include "base/buffer.h"
#include "config/man.h"
#include "config/options.h"
#include "server/server_options.h"

const ManualArgument MANUAL_ARGUMENTS[] = {
    {"--config", "FILE", "Configuration file (YAML); without it every option has its default"},
    {"--check-config", NULL,
     "Only say whether the configuration, and what it names on this host, is good"},
    {"--backup", "FILE",
     "Copy the store, also while daypassd runs, into a new file; verify the copy"},
    {"--print-config", NULL, "Print the configuration as it is understood, each option explained"},
    {"--print-openapi", NULL, "Print the description of the HTTP API (OpenAPI 3.1)"},
    {"--print-api-doc", NULL, "Print the reference of the HTTP API (Markdown)"},
    {"--print-man", NULL, "Print the source of the man page"},
    {"--version", NULL, "Print the version"},
    {"--help", NULL, "Print this text"},
};
const size_t MANUAL_ARGUMENT_COUNT = COUNT_OF(MANUAL_ARGUMENTS);

static const struct {
    const char *name;
    const char *what;
} FILES[] = {
    {"daypass.db", "The store (SQLite), with daypass.db-wal and daypass.db-shm while it runs"},
    {"action.key", "Signs actions; connectors pin its public half when they enrol"},
    {"audit.key", "Signs the audit trail"},
    {"bootstrap-token", "Until there is an administrator: what the first one signs in with, once"},
    {"address", "While it runs: the URL it listens on"},
};

static const struct {
    const char *name;
    const char *what;
} SIGNALS[] = {
    {"SIGTERM, SIGINT", "Finish what was begun, then end"},
    {"SIGHUP", "Read the TLS certificate and key again"},
};

static const char *synopsis(Arena *arena, const ManualArgument *argument) {
    return argument->value != NULL ? arena_printf(arena, "%s %s", argument->name, argument->value)
                                   : argument->name;
}

const char *manual_help(Arena *arena) {
    CLEANUP(buffer_done) Buffer text = {0};
    buffer_add(&text, "Usage: daypassd [--config FILE]\n\n"
                      "The control plane of Daypass: API, decisions, record. It touches no "
                      "target.\n\nArguments:\n");
    for (size_t i = 0; i < MANUAL_ARGUMENT_COUNT; i++)
        buffer_addf(&text, "  %-16s %s\n", synopsis(arena, &MANUAL_ARGUMENTS[i]),
                    MANUAL_ARGUMENTS[i].help);
    buffer_addf(&text, "\nKeys of the configuration file:\n%s",
                options_help(arena, &SERVER_OPTIONS_SHAPE));
    return arena_strdup(arena, buffer_text(&text));
}

const char *manual_page(Arena *arena) {
    CLEANUP(buffer_done) Buffer text = {0};
    buffer_add(&text,
               ".TH DAYPASSD 8 \"\" \"Daypass " DAYPASS_VERSION "\" \"Daypass\"\n"
               ".SH NAME\ndaypassd \\- the control plane of Daypass\n"
               ".SH SYNOPSIS\n.B daypassd\n[\\-\\-config FILE]\n"
               ".SH DESCRIPTION\nTakes requests for temporary database access, has them decided by "
               "whom the access flows name, hands the work to connectors, keeps the record, and "
               "sees to it that access ends. It never connects to a target nor to a connector. At "
               "its first start it makes its store and keys, and a bootstrap token for the first "
               "administrator.\n.SH ARGUMENTS\n");
    for (size_t i = 0; i < MANUAL_ARGUMENT_COUNT; i++)
        buffer_addf(&text, ".TP\n.B %s\n%s.\n",
                    man_escape(arena, synopsis(arena, &MANUAL_ARGUMENTS[i])),
                    man_escape(arena, MANUAL_ARGUMENTS[i].help));
    buffer_add(&text, options_man(arena, &SERVER_OPTIONS_SHAPE));
    buffer_add(&text, ".SH FILES\nIn the state folder:\n");
    for (size_t i = 0; i < COUNT_OF(FILES); i++)
        buffer_addf(&text, ".TP\n.I %s\n%s.\n", man_escape(arena, FILES[i].name),
                    man_escape(arena, FILES[i].what));
    buffer_add(&text, ".SH SIGNALS\n");
    for (size_t i = 0; i < COUNT_OF(SIGNALS); i++)
        buffer_addf(&text, ".TP\n.B %s\n%s.\n", SIGNALS[i].name, SIGNALS[i].what);
    buffer_add(&text, ".SH EXIT STATUS\n0 on success, 2 for wrong usage, otherwise a code per kind "
                      "of failure as of\n.BR daypass (1).\n.SH SEE ALSO\n.BR daypass (1),\n"
                      ".BR daypass-connector (8)\n");
    return arena_strdup(arena, buffer_text(&text));
}
