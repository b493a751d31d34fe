// The route table and what is made from it.
#include "world.h"

#include <string.h>

static Status nothing(Call *call, Error *reterr) {
    return STATUS_OK;
}

static const Route GOOD = {
    .method = "GET",
    .path = "/x",
    .permission = PERMISSION_PUBLIC,
    .operation = "x.show",
    .summary = "X",
    .success = 200,
    .handler = nothing,
};

static void assert_table_refused(const Route *routes, size_t count, const char *because) {
    const RouteTable table = {.routes = routes, .count = count};
    Error error = {0};
    assert_int_equal(route_table_check(&table, &error), STATUS_INTERNAL);
    assert_string_equal(error.code, "bad_route_table");
    if (strstr(error.message, because) == NULL)
        fail_msg("expected '%s' in: %s", because, error.message);
    // And nothing starts with it.
    const ApiOptions options = {.routes = &table, .clock = &SYSTEM_CLOCK};
    Api *api = NULL;
    assert_int_equal(api_new(&options, &api, &error), STATUS_INTERNAL);
    assert_null(api);
}

static void the_table_is_good(void **state) {
    Error error = {0};
    if (route_table_check(&ROUTES, &error) != STATUS_OK)
        fail_msg("%s", error.message);
}

static void a_route_without_permission_is_refused(void **state) {
    Route route = GOOD;
    route.permission = PERMISSION_MISSING;
    assert_table_refused(&route, 1, "does not say who may call it");
    route.permission = PERMISSION_COUNT_;
    assert_table_refused(&route, 1, "does not say who may call it");
}

static void a_route_without_handler_or_words_is_refused(void **state) {
    Route route = GOOD;
    route.handler = NULL;
    assert_table_refused(&route, 1, "has no handler");
    route = GOOD;
    route.summary = NULL;
    assert_table_refused(&route, 1, "has no name or summary");
    route = GOOD;
    route.success = 0;
    assert_table_refused(&route, 1, "has no status for success");
    route = GOOD;
    route.list = true;
    assert_table_refused(&route, 1, "lists nothing");
    route = GOOD;
    route.path = "x";
    assert_table_refused(&route, 1, "has no method or path");
}

static void a_route_that_is_there_twice_is_refused(void **state) {
    Route routes[] = {GOOD, GOOD};
    routes[1].operation = "x.other";
    assert_table_refused(routes, 2, "is there twice");
    routes[1] = GOOD;
    routes[1].path = "/y";
    assert_table_refused(routes, 2, "is there twice");
}

// ---- OpenAPI ----------------------------------------------------------------------------------

static void assert_leads_somewhere(const json_t *document, const char *target) {
    static const char PREFIX[] = "#/components/schemas/";
    assert_non_null(target);
    assert_int_equal(strncmp(target, PREFIX, strlen(PREFIX)), 0);
    json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
    if (json_object_get(schemas, target + strlen(PREFIX)) == NULL)
        fail_msg("%s leads nowhere", target);
}

static void assert_references_resolve(const json_t *document, json_t *value) {
    for (size_t i = 0; i < json_array_size(value); i++)
        assert_references_resolve(document, json_array_get(value, i));
    for (void *at = json_object_iter(value); at != NULL; at = json_object_iter_next(value, at)) {
        if (strcmp(json_object_iter_key(at), "$ref") == 0)
            assert_leads_somewhere(document, json_string_value(json_object_iter_value(at)));
        assert_references_resolve(document, json_object_iter_value(at));
    }
}

static void the_openapi_document_resolves(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *document = openapi_document(arena, &ROUTES);
    assert_string_equal(json_string_value(json_object_get(document, "openapi")), "3.1.0");
    assert_references_resolve(document, document);
}

static json_t *operation_in(const json_t *document, const Route *route) {
    char method[16] = {0};
    for (size_t i = 0; route->method[i] != '\0'; i++)
        method[i] = (char)(route->method[i] | 0x20);
    json_t *path = json_object_get(json_object_get(document, "paths"), route->path);
    return json_object_get(path, method);
}

static bool has_parameter(const json_t *operation, const char *where, const char *name) {
    json_t *parameter;
    for (size_t index = 0;
         (parameter = json_array_get(json_object_get(operation, "parameters"), index)) != NULL;
         index++) {
        if (text_equal(json_string_value(json_object_get(parameter, "in")), where) &&
            text_equal(json_string_value(json_object_get(parameter, "name")), name) &&
            json_is_object(json_object_get(parameter, "schema")))
            return true;
    }
    return false;
}

static void the_openapi_document_describes_every_route(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *document = openapi_document(arena, &ROUTES);
    json_t *schemes = json_object_get(json_object_get(document, "components"), "securitySchemes");
    for (size_t i = 0; i < ROUTES.count; i++) {
        const Route *route = &ROUTES.routes[i];
        json_t *operation = operation_in(document, route);
        assert_string_equal(json_string_value(json_object_get(operation, "operationId")),
                            route->operation);
        json_t *responses = json_object_get(operation, "responses");
        assert_non_null(json_object_get(responses, "default"));
        assert_non_null(json_object_get(responses, arena_printf(arena, "%d", route->success)));
        assert_true((json_object_get(operation, "requestBody") != NULL) == (route->body != NULL));
        for (const char *at = strchr(route->path, '{'); at != NULL; at = strchr(at, '{')) {
            at++;
            const char *name = arena_copy(arena, at, strcspn(at, "}"));
            assert_true(has_parameter(operation, "path", name));
            assert_non_null(route_parameter_help(route, name));
        }
        for (size_t j = 0; route->query != NULL && j < route->query->field_count; j++)
            assert_true(has_parameter(operation, "query", route->query->fields[j].name));
        json_t *security;
        for (size_t index = 0;
             (security = json_array_get(json_object_get(operation, "security"), index)) != NULL;
             index++) {
            for (void *at = json_object_iter(security); at != NULL;
                 at = json_object_iter_next(security, at))
                assert_non_null(json_object_get(schemes, json_object_iter_key(at)));
        }
    }
}

static void the_reference_names_every_route_and_has_no_dead_link(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *page = api_reference(arena, &ROUTES);
    for (size_t i = 0; i < ROUTES.count; i++) {
        const Route *route = &ROUTES.routes[i];
        assert_non_null(
            strstr(page, arena_printf(arena, "### %s %s\n", route->method, route->path)));
    }
    for (const char *at = strstr(page, "](#"); at != NULL; at = strstr(at, "](#")) {
        at += strlen("](#");
        const char *name = arena_copy(arena, at, strcspn(at, ")"));
        if (strcasestr(page, arena_printf(arena, "### %s\n", name)) == NULL)
            fail_msg("a link leads to %s, which is not there", name);
    }
}

static void the_document_is_served(void **state) {
    WITH_WORLD(world);
    Answer answer = world_call(world, NULL, "GET", "/openapi.json", NULL);
    assert_status(answer, 200);
    assert_true(json_equal(answer.body, openapi_document(world->arena, &ROUTES)));
}

static void says_which_methods_a_path_takes(void **state) {
    WITH_WORLD(world);
    assert_problem(world_call(world, NULL, "PUT", "/v1/grants", "{}"), 405, "method_not_allowed");
    assert_problem(world_call(world, NULL, "GET", "/v1/nothing", NULL), 404, "no_such_path");
    assert_problem(world_call(world, NULL, "GET", "/v1/grants/", NULL), 404, "no_such_path");
}

static void health_and_readiness_are_open_to_all(void **state) {
    WITH_WORLD(world);
    assert_status(world_call(world, NULL, "GET", "/healthz", NULL), 200);
    assert_status(world_call(world, NULL, "GET", "/readyz", NULL), 200);
    assert_status(world_call(world, NULL, "GET", "/readyz", NULL), 200);
}

static void metrics_count_what_happens(void **state) {
    WITH_WORLD(world);
    world_request(world);
    Answer answer = world_call(world, NULL, "GET", "/metrics", NULL);
    assert_status(answer, 200);
    static const char *const LINES[] = {
        "\ndaypass_grants{state=\"pending\"} 1\n",
        "\ndaypass_connectors{health=\"never\"} 2\n",
        "\ndaypass_revocations_overdue 0\n",
        "\ndaypass_http_requests_total{route=\"grants.request\",status=\"2xx\"} 1\n",
        "daypass_http_request_duration_seconds_bucket{route=\"grants.request\",le=\"+Inf\"} 1\n",
        "\ndaypass_http_request_duration_seconds_count{route=\"grants.request\"} 1\n",
        "\ndaypass_revocation_lateness_seconds_bucket{le=\"+Inf\"} 0\n",
        "\ndaypass_poll_latency_seconds_count 0\n",
        "daypass_build_info{version=",
    };
    for (size_t i = 0; i < COUNT_OF(LINES); i++) {
        if (strstr(answer.text, LINES[i]) == NULL)
            fail_msg("expected '%s' in: %s", LINES[i], answer.text);
    }
}

static void metrics_can_be_open_to_all(void **state) {
    CLEANUP(world_closep) World *world = world_open((WorldOptions){.metrics_access = METRICS_OPEN});
    assert_status(world_call(world, NULL, "GET", "/metrics", NULL), 200);
}

static void nothing_is_served_before_the_listener_is_attached(void **state) {
    WITH_WORLD(world);
    api_attach(world->api, NULL);
    assert_problem(world_call(world, NULL, "GET", "/healthz", NULL), 503, "starting");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_good),
        cmocka_unit_test(a_route_without_permission_is_refused),
        cmocka_unit_test(a_route_without_handler_or_words_is_refused),
        cmocka_unit_test(a_route_that_is_there_twice_is_refused),
        cmocka_unit_test(the_openapi_document_resolves),
        cmocka_unit_test(the_openapi_document_describes_every_route),
        cmocka_unit_test(the_reference_names_every_route_and_has_no_dead_link),
        cmocka_unit_test(the_document_is_served),
        cmocka_unit_test(says_which_methods_a_path_takes),
        cmocka_unit_test(health_and_readiness_are_open_to_all),
        cmocka_unit_test(metrics_count_what_happens),
        cmocka_unit_test(metrics_can_be_open_to_all),
        cmocka_unit_test(nothing_is_served_before_the_listener_is_attached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
