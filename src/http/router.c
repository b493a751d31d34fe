#include "http/router.h"

#include "base/text.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { MAX_SEGMENTS = 32 };

typedef struct Span {
    const char *text;
    size_t length;
} Span;

// How a path fits one template.
typedef struct Fit {
    uint64_t score; // a bit per segment, the first highest: 1 for a literal one
    Span names[ROUTER_MAX_PARAMETERS];
    Span values[ROUTER_MAX_PARAMETERS];
    size_t count;
} Fit;

static bool is_parameter(Span segment) {
    return segment.length > 2 && segment.text[0] == '{' && segment.text[segment.length - 1] == '}';
}

// Takes the next segment off a text that stands at its '/'.
static Span segment_take(const char **text) {
    Span segment = {.text = *text + 1};
    segment.length = strcspn(segment.text, "/");
    *text = segment.text + segment.length;
    return segment;
}

static bool template_fits(const char *template, const char *path, Fit *ret_fit) {
    Fit fit = {0};
    size_t segments = 0;
    while (*template == '/' && *path == '/') {
        Span expected = segment_take(&template);
        Span given = segment_take(&path);
        if (++segments > MAX_SEGMENTS)
            return false;
        fit.score <<= 1;
        if (is_parameter(expected)) {
            if (given.length == 0)
                return false;
            assert(fit.count < ROUTER_MAX_PARAMETERS);
            fit.names[fit.count] = (Span){expected.text + 1, expected.length - 2};
            fit.values[fit.count++] = given;
        } else {
            if (expected.length != given.length ||
                memcmp(expected.text, given.text, given.length) != 0)
                return false;
            fit.score |= 1;
        }
    }
    if (segments == 0 || *template != '\0' || *path != '\0')
        return false;
    *ret_fit = fit;
    return true;
}

// 0: not this method; 2: this one; 1: HEAD where GET is offered.
static unsigned method_fits(const char *offered, const char *method) {
    if (text_equal(offered, method))
        return 2;
    return text_equal(method, "HEAD") && text_equal(offered, "GET") ? 1 : 0;
}

bool route_match(Arena *arena, size_t route_count,
                 RouteTemplate (*route_at)(const void *table, size_t index), const void *table,
                 const char *method, const char *path, RouteMatch *ret_match) {
    RouteMatch match = {0};
    Fit best = {0};
    uint64_t best_score = 0;
    for (size_t i = 0; i < route_count; i++) {
        RouteTemplate route = route_at(table, i);
        Fit fit;
        if (!template_fits(route.path, path, &fit))
            continue;
        match.path_known = true;
        unsigned method_score = method_fits(route.method, method);
        // The lowest two bits decide between templates that are equally literal.
        uint64_t score = (fit.score << 2) | method_score;
        if (method_score > 0 && score > best_score) {
            best = fit;
            best_score = score;
            match.index = i;
        }
    }
    for (size_t i = 0; i < best.count; i++) {
        match.names[i] = arena_copy(arena, best.names[i].text, best.names[i].length);
        match.values[i] = arena_copy(arena, best.values[i].text, best.values[i].length);
    }
    match.parameter_count = best.count;
    *ret_match = match;
    return best_score > 0;
}

const char *route_parameter(const RouteMatch *match, const char *name) {
    for (size_t i = 0; i < match->parameter_count; i++)
        if (strcmp(match->names[i], name) == 0)
            return match->values[i];
    return NULL;
}

const char *route_allowed(Arena *arena, size_t route_count,
                          RouteTemplate (*route_at)(const void *table, size_t index),
                          const void *table, const char *path) {
    StringList methods = {0};
    for (size_t i = 0; i < route_count; i++) {
        RouteTemplate route = route_at(table, i);
        Fit fit;
        if (!template_fits(route.path, path, &fit) || string_list_has(&methods, route.method))
            continue;
        string_list_add(arena, &methods, route.method);
        if (text_equal(route.method, "GET") && !string_list_has(&methods, "HEAD"))
            string_list_add(arena, &methods, "HEAD");
    }
    return string_list_join(arena, &methods, ", ");
}
