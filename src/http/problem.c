#include "http/problem.h"

#include "base/text.h"

#include <string.h>

static const Field PROBLEM_FIELDS[] = {
    {FIELD(Problem, type, STRING), .help = "Always about:blank: the code says what happened"},
    {FIELD(Problem, title, STRING), .help = "The phrase of the HTTP status"},
    {FIELD(Problem, status, INT), .min = 400, .max = 599, .help = "The HTTP status"},
    {FIELD(Problem, kind, STRING), .help = "The kind of failure, such as not_found"},
    {FIELD(Problem, code, STRING), .required = true,
     .help = "What exactly failed, in snake_case; stable, for programs to compare"},
    {FIELD(Problem, detail, STRING), .help = "What is wrong, what was expected and what to do"},
    {FIELD(Problem, pointer, STRING),
     .help = "JSON pointer (RFC 6901) to the value of the body that is refused"},
    {FIELD(Problem, request_id, STRING), .help = "Names this exchange in the server's log"},
};

const Shape PROBLEM_SHAPE =
    SHAPE("Problem", Problem, PROBLEM_FIELDS, "Why a call failed (RFC 9457)");

static const struct {
    int status;
    const char *phrase;
} PHRASES[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
};

static const char *status_phrase(int status) {
    for (size_t i = 0; i < COUNT_OF(PHRASES); i++)
        if (PHRASES[i].status == status)
            return PHRASES[i].phrase;
    return "Error";
}

const char *problem_format(Arena *arena, const Error *error, const char *request_id) {
    int status = status_http(error->status);
    Problem problem = {
        .type = "about:blank",
        .title = status_phrase(status),
        .status = status,
        .kind = status_name(error->status),
        .code = error->code,
        .detail = error->message[0] != '\0' ? error->message : NULL,
        .pointer = error->pointer[0] != '\0' ? error->pointer : NULL,
        .request_id = request_id,
    };
    return shape_format(arena, &PROBLEM_SHAPE, &problem);
}

// RFC 9457, 3.2: members one does not know are ignored. A shape would refuse them.
static json_t *known_members(Arena *arena, const json_t *value) {
    json_t *known = json_keep(arena, json_object());
    for (size_t i = 0; i < COUNT_OF(PROBLEM_FIELDS); i++) {
        json_t *member = json_object_get(value, PROBLEM_FIELDS[i].name);
        if (member != NULL)
            json_object_set(known, PROBLEM_FIELDS[i].name, member);
    }
    return known;
}

static bool is_code(const char *text) {
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return length > 0 && text[length] == '\0' && length < sizeof(((Error *)NULL)->code);
}

static Status problem_read(Arena *arena, const char *body, size_t length, Problem *ret_problem) {
    json_t *value = NULL;
    TRY(json_read(arena, body, length, &value, NULL));
    if (!json_is_object(value))
        return STATUS_INVALID;
    TRY(shape_read(arena, &PROBLEM_SHAPE, known_members(arena, value), ret_problem, NULL));
    return is_code(ret_problem->code) ? STATUS_OK : STATUS_INVALID;
}

// What a gateway or overload answers passes; anything else means that we talk to something else.
static Status unexplained(int http_status, Error *reterr) {
    // What never became a request: daypassd's listener refuses it without words of ours.
    if (http_status == 413 || http_status == 414 || http_status == 431)
        return error_set(reterr, STATUS_TOO_LARGE, "request_too_large",
                         "the request is larger than the server accepts (HTTP status %d); shorten "
                         "what it is about",
                         http_status);
    if (http_status == 408 || http_status == 429 || http_status >= 500)
        return error_set(reterr, STATUS_UNAVAILABLE, "unexplained_answer",
                         "the server answered with HTTP status %d and no explanation; try again "
                         "later, and look at its log if that stays so",
                         http_status);
    return error_set(reterr, STATUS_INTERNAL, "unexplained_answer",
                     "the server answered with HTTP status %d and not in the words of Daypass; "
                     "is the address that of daypassd?",
                     http_status);
}

Status problem_parse(Arena *arena, int http_status, const char *body, size_t length,
                     Error *reterr) {
    Problem problem = {0};
    if (problem_read(arena, body, length, &problem) != STATUS_OK)
        return unexplained(http_status, reterr);
    Status status = status_from_name(problem.kind);
    const char *message = problem.detail != NULL ? problem.detail : status_phrase(http_status);
    Error error = {0};
    error_set(&error, status, problem.code, "%s", text_printable(arena, message));
    if (problem.pointer != NULL)
        snprintf(error.pointer, sizeof(error.pointer), "%s",
                 text_printable(arena, problem.pointer));
    if (problem.request_id != NULL)
        error_set_detail(&error, "request %s", text_printable(arena, problem.request_id));
    if (reterr != NULL)
        *reterr = error;
    return status;
}
