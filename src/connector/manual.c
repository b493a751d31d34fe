#include "connector/manual.h"

#include "base/buffer.h"
#include "config/options.h"
#include "connector/connector_options.h"

const ManualCommand MANUAL_COMMANDS[MANUAL_COMMAND_COUNT] = {
    {"enroll", "[--join-token-file FILE] [--replace]",
     "Hand in a join token (from FILE, or standard input) and pin the control plane's key"},
    {"run", "", "Carry out actions until SIGTERM"},
    {"check", "[--secret NAME]",
     "Try every secret on its target; print what is missing and the SQL that repairs it"},
    {"check-config", "",
     "Only say whether the configuration, and what it names on this host, is good; nothing is "
     "connected to"},
    {"print-config", "", "Print the configuration as it is understood, with each option explained"},
};

static const ManualCommand COMMON_OPTIONS[] = {
    {"--config FILE", "", "Configuration; default /etc/daypass/connector.yaml"},
    {"--help", "", "This text"},
    {"--version", "", "The version"},
    {"--print-man", "", "The man page's source"},
};

const char *manual_help(Arena *arena) {
    CLEANUP(buffer_done) Buffer text = {0};
    buffer_add(&text, "Usage: daypass-connector COMMAND [--config FILE] [OPTIONS]\n\nCommands:\n");
    for (size_t i = 0; i < MANUAL_COMMAND_COUNT; i++)
        buffer_addf(&text, "  %s %s\n      %s\n", MANUAL_COMMANDS[i].name,
                    MANUAL_COMMANDS[i].options, MANUAL_COMMANDS[i].help);
    buffer_add(&text, "\nOptions:\n");
    for (size_t i = 0; i < COUNT_OF(COMMON_OPTIONS); i++)
        buffer_addf(&text, "  %-14s %s\n", COMMON_OPTIONS[i].name, COMMON_OPTIONS[i].help);
    buffer_addf(&text, "\nKeys of the configuration file (YAML):\n%s",
                options_help(arena, &CONNECTOR_OPTIONS_SHAPE));
    return arena_strdup(arena, buffer_text(&text));
}

const char *manual_page(Arena *arena) {
    CLEANUP(buffer_done) Buffer text = {0};
    buffer_add(&text,
               ".TH DAYPASS-CONNECTOR 8 \"\" \"Daypass " DAYPASS_VERSION "\" \"Daypass\"\n"
               ".SH NAME\ndaypass-connector \\- executes Daypass actions on databases\n"
               ".SH SYNOPSIS\n.B daypass-connector\n.I COMMAND\n[\\-\\-config FILE] [OPTIONS]\n"
               ".SH DESCRIPTION\nRuns in the network of the databases, asks daypassd for work over "
               "outbound HTTPS, and holds the admin secrets, which it sends to nobody but the "
               "target each is for. It carries out only actions signed by the key it pinned when "
               "it was enrolled, below the ceiling in its own file.\n.SH COMMANDS\n");
    for (size_t i = 0; i < MANUAL_COMMAND_COUNT; i++)
        buffer_addf(&text, ".TP\n.B %s %s\n%s.\n", MANUAL_COMMANDS[i].name,
                    MANUAL_COMMANDS[i].options, MANUAL_COMMANDS[i].help);
    buffer_add(&text, ".SH COMMAND LINE OPTIONS\n");
    for (size_t i = 0; i < COUNT_OF(COMMON_OPTIONS); i++)
        buffer_addf(&text, ".TP\n.B %s\n%s.\n", COMMON_OPTIONS[i].name, COMMON_OPTIONS[i].help);
    buffer_add(&text, options_man(arena, &CONNECTOR_OPTIONS_SHAPE));
    buffer_add(&text, ".SH EXIT STATUS\n0 on success, 2 for wrong usage, otherwise a code per kind "
                      "of failure as of\n.BR daypass (1).\n.SH SEE ALSO\n.BR daypass (1),\n"
                      ".BR daypassd (8)\n");
    return arena_strdup(arena, buffer_text(&text));
}
