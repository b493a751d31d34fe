#include "cli/exit_codes.h"

const ExitCode EXIT_CODES[EXIT_CODE_COUNT] = {
    {STATUS_OK, "It worked"},
    {STATUS_INVALID, "The input is wrong"},
    {STATUS_UNAUTHENTICATED, "Not signed in, or the session is over"},
    {STATUS_FORBIDDEN, "Not allowed; of wait: it was denied"},
    {STATUS_NOT_FOUND, "There is no such thing, or it is not yours to see"},
    {STATUS_CONFLICT, "It is not in the state this needs; of wait: it was cancelled"},
    {STATUS_EXPIRED, "It was valid once; of wait: it lapsed or ended"},
    {STATUS_TOO_LARGE, "The input is too large"},
    {STATUS_LIMITED, "Too many tries; try later"},
    {STATUS_UNAVAILABLE,
     "Something does not answer; of wait: it could not be given, or the time was up"},
    {STATUS_UNSUPPORTED, "Not offered by this target or version"},
    {STATUS_INTERNAL, "A fault of Daypass itself"},
};

const Variable VARIABLES[] = {
    {"DAYPASS_URL",
     "Server to use, with DAYPASS_TOKEN_FILE or DAYPASS_TOKEN, instead of signing in"},
    {"DAYPASS_TOKEN_FILE", "File with a personal token, readable by its owner alone"},
    {"DAYPASS_TOKEN", "The token itself, as CI systems pass secrets; not passed on to psql"},
    {"DAYPASS_CA_FILE", "Certificates (PEM) that vouch for the server"},
    {"XDG_STATE_HOME", "Folder under which the session and the keys are kept"},
    {"NO_COLOR", "When set and not empty, no colours"},
    {0},
};
