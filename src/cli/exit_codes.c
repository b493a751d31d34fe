#include "cli/exit_codes.h"

#include "cli/command.h"

const ExitCode EXIT_CODES[EXIT_CODE_COUNT] = {
    {STATUS_OK, .meaning = "It worked"},
    {.number = EXIT_USAGE, .kind = USAGE_CODE, .meaning = "Wrong use of the command line"},
    {.number = EXIT_ATTENTION,
     .kind = "attention",
     .meaning = "It worked, and there is something that somebody has to look at: of overdue, "
                "revocations that are overdue; of orphans, accounts of Daypass that no grant "
                "explains"},
    {STATUS_INVALID, .meaning = "The input is wrong"},
    {STATUS_UNAUTHENTICATED, .meaning = "Not signed in, or the session is over"},
    {STATUS_FORBIDDEN, .meaning = "Not allowed; of wait: it was denied"},
    {STATUS_NOT_FOUND, .meaning = "There is no such thing, or it is not yours to see"},
    {STATUS_CONFLICT, .meaning = "It is not in the state this needs; of wait: it was cancelled"},
    {STATUS_EXPIRED, .meaning = "It was valid once; of wait: it lapsed or ended"},
    {STATUS_TOO_LARGE, .meaning = "The input is too large"},
    {STATUS_LIMITED, .meaning = "Too many tries; try later"},
    {STATUS_UNAVAILABLE,
     .meaning = "Something does not answer; of wait: it could not be given, or the time was up"},
    {STATUS_UNSUPPORTED, .meaning = "Not offered by this target or version"},
    {STATUS_INTERNAL, .meaning = "A fault of Daypass itself"},
};

int exit_code_number(const ExitCode *code) {
    return code->kind != NULL ? code->number : status_exit_code(code->status);
}

const char *exit_code_kind(const ExitCode *code) {
    if (code->kind != NULL)
        return code->kind;
    return code->status == STATUS_OK ? "" : status_name(code->status);
}

const Variable VARIABLES[] = {
    {"DAYPASS_URL",
     "Server to use, with DAYPASS_TOKEN_FILE or DAYPASS_TOKEN, instead of signing in"},
    {"DAYPASS_TOKEN_FILE", "File with a personal token, readable by its owner alone"},
    {"DAYPASS_TOKEN", "The token itself, as CI systems pass secrets; not passed on to clients"},
    {"DAYPASS_CA_FILE", "Certificates (PEM) that vouch for the server"},
    {"DAYPASS_TARGET_CA_FILE", "Certificates (PEM) that vouch for databases, for daypass connect"},
    {"XDG_STATE_HOME", "Folder under which the session and the keys are kept"},
    {"NO_COLOR", "When set and not empty, no colours"},
    {0},
};
