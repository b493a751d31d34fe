// A request as it comes over the wire: method, a space, target, a line end, and a body. What a
// server makes of the first line, and a client of the body when it stands in an answer.
#include "fuzz/target.h"

#include "base/macros.h"
#include "base/memory.h"
#include "base/text.h"
#include "http/percent.h"
#include "http/problem.h"
#include "http/router.h"
#include "http/target.h"

#include <assert.h>
#include <string.h>

enum { INPUT_MAX_BYTES = 65536 };

static const RouteTemplate ROUTES[] = {
    {"GET", "/v1/grants"},
    {"POST", "/v1/grants/{id}/approve"},
    {"GET", "/v1/grants/{id}"},
    {"GET", "/v1/{kind}/{id}/{part}/{item}"},
    {"GET", "/"},
};

static RouteTemplate route_at(const void *table, size_t index) {
    return ((const RouteTemplate *)table)[index];
}

static void assert_text(const char *text) {
    assert(text != NULL && text_is_utf8(text, strlen(text)));
}

// What was decoded, encoded again, must decode to itself.
static void check_round_trip(Arena *arena, const char *text) {
    const char *encoded = percent_encode(arena, text);
    const char *decoded = NULL;
    Status status = percent_decode(arena, PERCENT_QUERY, encoded, strlen(encoded), &decoded, NULL);
    assert(status == STATUS_OK && strcmp(decoded, text) == 0);
}

static void check_routes(Arena *arena, const char *method, const char *path) {
    RouteMatch match = {0};
    bool found = route_match(arena, COUNT_OF(ROUTES), route_at, ROUTES, method, path, &match);
    assert(!found || (match.path_known && match.index < COUNT_OF(ROUTES)));
    for (size_t i = 0; i < match.parameter_count; i++) {
        assert(match.values[i][0] != '\0' && strchr(match.values[i], '/') == NULL);
        assert_text(match.values[i]);
    }
    const char *allowed = route_allowed(arena, COUNT_OF(ROUTES), route_at, ROUTES, path);
    assert((allowed[0] != '\0') == match.path_known);
}

static void check_target(Arena *arena, const char *method, const char *text) {
    Target target = {0};
    Error error = {0};
    if (target_parse(arena, text, &target, &error) != STATUS_OK) {
        assert(error.status == STATUS_INVALID && error.code[0] != '\0');
        assert_text(error.message);
        return;
    }
    assert(target.path[0] == '/' && target.parameter_count <= TARGET_MAX_PARAMETERS);
    assert_text(target.path);
    check_round_trip(arena, target.path);
    for (size_t i = 0; i < target.parameter_count; i++) {
        assert_text(target.parameters[i].name);
        assert_text(target.parameters[i].value);
        check_round_trip(arena, target.parameters[i].value);
        assert(target_parameter(&target, target.parameters[i].name) == target.parameters[i].value);
    }
    check_routes(arena, method, target.path);
}

static void check_problem(Arena *arena, const char *body, size_t length) {
    Error error = {0};
    Status status = problem_parse(arena, 404, body, length, &error);
    assert(status != STATUS_OK && status == error.status);
    assert_text(error.message);
    assert(text_is_printable(error.message) && text_is_printable(error.pointer));
    // What we would send of it, we would read again.
    const char *again = problem_format(arena, &error, NULL);
    Error same = {0};
    assert(problem_parse(arena, 404, again, strlen(again), &same) == status);
    assert(strcmp(same.code, error.code) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > INPUT_MAX_BYTES)
        return 0;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *text = arena_copy(arena, data, size);
    size_t line_length = strcspn(text, "\n");
    const char *line = arena_copy(arena, text, line_length);
    size_t method_length = strcspn(line, " ");
    const char *method = arena_copy(arena, line, method_length);
    check_target(arena, method, line[method_length] == ' ' ? line + method_length + 1 : "");
    size_t body_at = line_length < size ? line_length + 1 : size;
    check_problem(arena, text + body_at, size - body_at);
    return 0;
}
