#include "http/target.h"

#include "base/text.h"
#include "http/percent.h"

#include <string.h>

static Status check_characters(const char *text, Error *reterr) {
    if (text[0] != '/')
        return error_set(reterr, STATUS_INVALID, "malformed_target",
                         "the request target must start with '/'");
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~' || *text == '#')
            return error_set(reterr, STATUS_INVALID, "malformed_target",
                             "the request target holds a character that must be percent-encoded");
    return STATUS_OK;
}

// A slash that was encoded is data, and would become a separator once decoded.
static bool has_encoded_slash(const char *text, size_t length) {
    for (size_t i = 0; i + 2 < length; i++)
        if (text[i] == '%' && text[i + 1] == '2' && (text[i + 2] == 'f' || text[i + 2] == 'F'))
            return true;
    return false;
}

static Status path_parse(Arena *arena, const char *text, size_t length, const char **ret_path,
                         Error *reterr) {
    if (has_encoded_slash(text, length))
        return error_set(reterr, STATUS_INVALID, "malformed_target",
                         "an encoded slash (%%2F) is not accepted in a path");
    return percent_decode(arena, PERCENT_PATH, text, length, ret_path, reterr);
}

static Status parameter_add(Arena *arena, Target *target, const char *text, size_t length,
                            Error *reterr) {
    if (target->parameter_count == TARGET_MAX_PARAMETERS)
        return error_set(reterr, STATUS_INVALID, "too_many_parameters",
                         "more than %d query parameters", TARGET_MAX_PARAMETERS);
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals != NULL ? (size_t)(equals - text) : length;
    const char *value_text = equals != NULL ? equals + 1 : text + length;
    TargetParameter parameter = {0};
    TRY(percent_decode(arena, PERCENT_QUERY, text, name_length, &parameter.name, reterr));
    TRY(percent_decode(arena, PERCENT_QUERY, value_text, (size_t)(text + length - value_text),
                       &parameter.value, reterr));
    if (parameter.name[0] == '\0')
        return error_set(reterr, STATUS_INVALID, "malformed_target",
                         "a query parameter has no name");
    if (target_parameter(target, parameter.name) != NULL)
        return error_set(reterr, STATUS_INVALID, "duplicate_parameter",
                         "the query parameter '%.64s' is given more than once; give it once",
                         text_printable(arena, parameter.name));
    target->parameters[target->parameter_count++] = parameter;
    return STATUS_OK;
}

static Status query_parse(Arena *arena, Target *target, const char *text, Error *reterr) {
    target->parameters = arena_alloc(arena, TARGET_MAX_PARAMETERS * sizeof *target->parameters);
    while (*text != '\0') {
        size_t length = strcspn(text, "&");
        if (length > 0)
            TRY(parameter_add(arena, target, text, length, reterr));
        text += length;
        if (*text == '&')
            text++;
    }
    return STATUS_OK;
}

Status target_parse(Arena *arena, const char *text, Target *ret_target, Error *reterr) {
    Target target = {0};
    TRY(check_characters(text, reterr));
    size_t path_length = strcspn(text, "?");
    TRY(path_parse(arena, text, path_length, &target.path, reterr));
    if (text[path_length] == '?')
        TRY(query_parse(arena, &target, text + path_length + 1, reterr));
    *ret_target = target;
    return STATUS_OK;
}

const char *target_parameter(const Target *target, const char *name) {
    for (size_t i = 0; i < target->parameter_count; i++)
        if (strcmp(target->parameters[i].name, name) == 0)
            return target->parameters[i].value;
    return NULL;
}
