// Bad input, on every route that takes a body or a query: each gets a clear refusal with a stable
// code, and nothing is done.
#include "world.h"

#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

static World *world;
static Instance instance;

static int open_world(void **state) {
    world = world_open((WorldOptions){0});
    instance = world_enroll(world, "main");
    return 0;
}

static int close_world(void **state) {
    world = world_close(world);
    return 0;
}

static const char *path_of(const Route *route) {
    const char *brace = strchr(route->path, '{');
    if (brace == NULL)
        return route->path;
    size_t before = (size_t)(brace - route->path);
    return arena_printf(world->arena, "%.*snothing%s", (int)before, route->path,
                        brace + strcspn(brace, "}") + 1);
}

// By whoever is let in.
static Answer send(const Route *route, const char *body) {
    const char *path = path_of(route);
    switch (route->permission) {
    case PERMISSION_CONNECTOR:
        return world_signed_with(world, &instance, route->method, path, body);
    case PERMISSION_JOIN: {
        Answer joined = world_as(world, "admin", "POST", "/v1/connectors", "{\"name\":\"main\"}");
        return world_call(world, text_at(&joined, "join_token"), route->method, path, body);
    }
    case PERMISSION_PUBLIC:
        return world_call(world, NULL, route->method, path, body);
    case PERMISSION_MISSING:
    case PERMISSION_METRICS:
    case PERMISSION_SIGNED_IN:
    case PERMISSION_TAKE_PART:
    case PERMISSION_REVIEW:
    case PERMISSION_ADMINISTER:
    case PERMISSION_COUNT_:
        break;
    }
    return world_as(world, "admin", route->method, path, body);
}

static void assert_body_refused(const Route *route, const char *body, const char *code) {
    Answer answer = send(route, body);
    if (answer.status != 400 || !text_equal(text_at(&answer, "code"), code))
        fail_msg("%s: expected %s for %.80s, got %d: %s", route->operation, code, body,
                 answer.status, answer.text);
}

static const char *nested(size_t depth) {
    Buffer text = {0};
    for (size_t i = 0; i < depth; i++)
        buffer_add(&text, "{\"a\":[");
    const char *kept = arena_strdup(world->arena, buffer_text(&text));
    buffer_done(&text);
    return kept;
}

static void refuses_bodies_that_are_no_json(void **state) {
    const Route *route = *state;
    const char *const BODIES[] = {
        "{",
        "nonsense",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1}{\"a\":1}",
        "\xff\xfe{}",
        "{\"\xc3\":1}",
        "{\"a\":\"\\ud800\"}",
        "{'a':1}",
        nested(5000),
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\\u0000\"}",
    };
    for (size_t i = 0; i < COUNT_OF(BODIES); i++)
        assert_body_refused(route, BODIES[i], "malformed_json");
}

static void refuses_values_of_other_types_than_the_shape(void **state) {
    const Route *route = *state;
    const char *const BODIES[] = {"[]", "null", "\"text\"", "17", "true"};
    for (size_t i = 0; i < COUNT_OF(BODIES); i++)
        assert_body_refused(route, BODIES[i], "bad_value");
    // Each field with a value that it cannot have; every other field is left out.
    for (size_t i = 0; i < route->body->field_count; i++) {
        const Field *field = &route->body->fields[i];
        if (field->kind == FIELD_KIND_JSON)
            continue;
        const char *wrong = field->kind == FIELD_KIND_STRING ? "{\"x\":1}" : "\"\\u0007\"";
        Answer answer = send(route, arena_printf(world->arena, "{\"%s\":%s}", field->name, wrong));
        assert_int_equal(answer.status, 400);
        const char *code = text_at(&answer, "code");
        assert_true(text_equal(code, "bad_value") || text_equal(code, "missing_field"));
        assert_non_null(text_at(&answer, "pointer"));
    }
}

static void refuses_keys_that_are_not_known(void **state) {
    const Route *route = *state;
    assert_body_refused(route, "{\"no_such_key_here\":1}", "unknown_field");
}

static bool requires_something(const Shape *shape) {
    for (size_t i = 0; i < shape->field_count; i++) {
        if (shape->fields[i].required)
            return true;
    }
    return false;
}

static void refuses_missing_keys(void **state) {
    const Route *route = *state;
    assert_body_refused(route, "{}", "missing_field");
}

static void refuses_oversized_bodies(void **state) {
    const Route *route = *state;
    size_t length = MAX_BODY_BYTES + 1;
    char *body = mem_alloc(length + 1);
    memset(body, ' ', length);
    Answer answer = send(route, body);
    mem_free(body);
    assert_problem(answer, 413, "body_too_large");
}

static void refuses_unknown_and_bad_query_parameters(void **state) {
    const Route *route = *state;
    const char *path = path_of(route);
    const char *token = world_session(world, "admin");
    Answer unknown = world_call(world, token, route->method,
                                arena_printf(world->arena, "%s?no_such=1", path), NULL);
    assert_problem(unknown, 400, "unknown_parameter");
    for (size_t i = 0; route->query != NULL && i < route->query->field_count; i++) {
        const Field *field = &route->query->fields[i];
        if (field->kind == FIELD_KIND_STRING)
            continue;
        static const char *const WRONG[] = {"%20", "-1x", "99999999999999999999", "no%00thing",
                                            "%ff"};
        for (size_t j = 0; j < COUNT_OF(WRONG); j++) {
            Answer bad = world_call(
                world, token, route->method,
                arena_printf(world->arena, "%s?%s=%s", path, field->name, WRONG[j]), NULL);
            assert_int_equal(bad.status, 400);
            const char *code = text_at(&bad, "code");
            assert_true(text_equal(code, "bad_parameter") || text_equal(code, "malformed_target"));
        }
    }
    Answer twice = world_call(world, token, route->method,
                              arena_printf(world->arena, "%s?limit=1&limit=2", path), NULL);
    assert_problem(twice, 400, "duplicate_parameter");
}

static void refuses_bodies_where_none_is_taken(void **state) {
    const Route *route = *state;
    assert_problem(send(route, "{}"), 400, "unexpected_body");
}

static void nothing_was_done(void **state) {
    Answer grants = world_as(world, "admin", "GET", "/v1/grants?view=all", NULL);
    assert_status(grants, 200);
    assert_int_equal(count_of(&grants), 0);
    Answer principals = world_as(world, "admin", "GET", "/v1/principals", NULL);
    assert_int_equal(count_of(&principals), 6);
    assert_false(world_has_event(world, "connector.refused", NULL));
}

static void names_of_200_characters_and_with_quotes_find_nothing(void **state) {
    static const char *const NAMES[] = {
        "a%22b", "a%27b", "a%3Bb", "a%5Cb", "a%20b", "%2e%2e", "%25", "%F0%9F%92%A5",
    };
    static const char *const PATHS[] = {"/v1/flows/%s", "/v1/integrations/%s", "/v1/grants/%s",
                                        "/v1/integrations/%s/discovery"};
    char longest[201] = {0};
    memset(longest, 'a', sizeof(longest) - 1);
    for (size_t i = 0; i < COUNT_OF(PATHS); i++) {
        for (size_t j = 0; j <= COUNT_OF(NAMES); j++) {
            const char *name = j < COUNT_OF(NAMES) ? NAMES[j] : longest;
            const char *rest = strchr(PATHS[i], '%') + strlen("%s");
            const char *path =
                arena_printf(world->arena, "%.*s%s%s", (int)(strchr(PATHS[i], '%') - PATHS[i]),
                             PATHS[i], name, rest);
            assert_int_equal(world_as(world, "admin", "GET", path, NULL).status, 404);
        }
    }
}

static void durations_that_are_none_are_refused(void **state) {
    static const char *const DURATIONS[] = {"-1h", "0s",   "1e9h",      "",     "1",
                                            "h",   "1h1h", "99999999d", "1.5h", " 1h"};
    for (size_t i = 0; i < COUNT_OF(DURATIONS); i++) {
        const char *body = arena_printf(world->arena,
                                        "{\"flow\":\"shop-read\",\"duration\":\"%s\",\"reason\":"
                                        "\"x\",\"public_key\":\"%s\"}",
                                        DURATIONS[i], world_public_key(world));
        Answer answer = world_as(world, "ann", "POST", "/v1/grants", body);
        assert_problem(answer, 400, "bad_value");
        assert_string_equal(text_at(&answer, "pointer"), "/duration");
    }
}

static void secrets_are_not_said_again(void **state) {
    Answer answer = world_call(world, NULL, "POST", "/v1/sessions",
                               "{\"principal\":\"ann\",\"password\":[\"hidden-text\"]}");
    assert_int_equal(answer.status, 400);
    assert_null(strstr(answer.text, "hidden-text"));
}

typedef struct Generated {
    struct CMUnitTest *tests;
    size_t count;
} Generated;

static void add(Generated *list, const char *name, CMUnitTestFunction test, const Route *route) {
    list->tests[list->count++] = (struct CMUnitTest){
        .name = route != NULL ? mem_printf("%s %s", name, route->operation) : mem_strdup(name),
        .test_func = test,
        .initial_state = (void *)(uintptr_t)route,
    };
}

#define ADD(list, test, route) add(list, #test, test, route)

int main(void) {
    Generated list = {.tests = calloc(ROUTES.count * 8 + 8, sizeof(struct CMUnitTest))};
    for (size_t i = 0; i < ROUTES.count; i++) {
        const Route *route = &ROUTES.routes[i];
        // Connectors' bodies come first: who sends no good one learns nothing of parameters.
        if (route->permission != PERMISSION_CONNECTOR && route->permission != PERMISSION_JOIN)
            ADD(&list, refuses_unknown_and_bad_query_parameters, route);
        if (route->body == NULL) {
            ADD(&list, refuses_bodies_where_none_is_taken, route);
            continue;
        }
        ADD(&list, refuses_bodies_that_are_no_json, route);
        ADD(&list, refuses_values_of_other_types_than_the_shape, route);
        ADD(&list, refuses_keys_that_are_not_known, route);
        if (requires_something(route->body))
            ADD(&list, refuses_missing_keys, route);
        ADD(&list, refuses_oversized_bodies, route);
    }
    ADD(&list, names_of_200_characters_and_with_quotes_find_nothing, NULL);
    ADD(&list, durations_that_are_none_are_refused, NULL);
    ADD(&list, secrets_are_not_said_again, NULL);
    ADD(&list, nothing_was_done, NULL);
    int failed =
        _cmocka_run_group_tests("bad input", list.tests, list.count, open_world, close_world);
    for (size_t i = 0; i < list.count; i++)
        mem_free((void *)(uintptr_t)list.tests[i].name);
    free(list.tests);
    return failed;
}
