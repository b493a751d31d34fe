#include "http/router.h"

#include "base/macros.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const RouteTemplate ROUTES[] = {
    {"GET", "/v1/grants"},
    {"POST", "/v1/grants"},
    {"GET", "/v1/grants/{id}"},
    {"GET", "/v1/grants/mine"},
    {"POST", "/v1/grants/{id}/approve"},
    {"GET", "/v1/{kind}/{id}/history/{part}"},
    {"DELETE", "/v1/grants/{id}"},
    {"GET", "/"},
};

static RouteTemplate route_at(const void *table, size_t index) {
    return ((const RouteTemplate *)table)[index];
}

static bool match(Arena *arena, const char *method, const char *path, RouteMatch *ret_match) {
    return route_match(arena, COUNT_OF(ROUTES), route_at, ROUTES, method, path, ret_match);
}

static void finds_a_route_by_method_and_path(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    RouteMatch found = {0};
    assert_true(match(arena, "GET", "/v1/grants", &found));
    assert_int_equal(found.index, 0);
    assert_true(match(arena, "POST", "/v1/grants", &found));
    assert_int_equal(found.index, 1);
    assert_true(match(arena, "GET", "/", &found));
    assert_int_equal(found.index, 7);
}

static void gives_parameters_by_name(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    RouteMatch found = {0};
    assert_true(match(arena, "GET", "/v1/flows/shop read; \"x\"/history/2", &found));
    assert_int_equal(found.index, 5);
    assert_int_equal(found.parameter_count, 3);
    assert_string_equal(route_parameter(&found, "kind"), "flows");
    assert_string_equal(route_parameter(&found, "id"), "shop read; \"x\"");
    assert_string_equal(route_parameter(&found, "part"), "2");
    assert_null(route_parameter(&found, "other"));
}

static void prefers_a_literal_segment_to_a_parameter(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    RouteMatch found = {0};
    assert_true(match(arena, "GET", "/v1/grants/mine", &found));
    assert_int_equal(found.index, 3);
    assert_int_equal(found.parameter_count, 0);
    assert_true(match(arena, "DELETE", "/v1/grants/mine", &found));
    assert_int_equal(found.index, 6);
    assert_string_equal(route_parameter(&found, "id"), "mine");
}

static void offers_head_where_get_is(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    RouteMatch found = {0};
    assert_true(match(arena, "HEAD", "/v1/grants/mine", &found));
    assert_int_equal(found.index, 3);
    assert_false(match(arena, "HEAD", "/v1/grants/req_1/approve", &found));
    assert_true(found.path_known);
}

static void tells_a_wrong_method_from_an_unknown_path(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    RouteMatch found = {0};
    assert_false(match(arena, "PUT", "/v1/grants", &found));
    assert_true(found.path_known);
    assert_false(match(arena, "get", "/v1/grants", &found));
    assert_true(found.path_known);
    assert_false(match(arena, "GET", "/v2/grants", &found));
    assert_false(found.path_known);
}

static void refuses_paths_that_nearly_match(void **state) {
    static const char *const PATHS[] = {
        "",
        "/v1",
        "/v1/",
        "v1/grants",
        "/v1/grants/",
        "/v1/grantsx",
        "/v1/grant",
        "/v1//grants",
        "//v1/grants",
        "/v1/grants//approve",
        "/V1/grants",
        "/v1/grants/{id}/approve/x",
        "/v1/a/b/history/",
        "/v1/a//history/c",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(PATHS); i++) {
        RouteMatch found = {0};
        assert_false(match(arena, "GET", PATHS[i], &found));
        assert_false(found.path_known);
    }
}

static void survives_a_path_of_a_thousand_segments(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char path[2001];
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(path + i, "/a", 2);
    path[2000] = '\0';
    RouteMatch found = {0};
    assert_false(match(arena, "GET", path, &found));
}

static void lists_the_methods_of_a_path(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_string_equal(route_allowed(arena, COUNT_OF(ROUTES), route_at, ROUTES, "/v1/grants"),
                        "GET, HEAD, POST");
    assert_string_equal(route_allowed(arena, COUNT_OF(ROUTES), route_at, ROUTES, "/v1/grants/mine"),
                        "GET, HEAD, DELETE");
    assert_string_equal(route_allowed(arena, COUNT_OF(ROUTES), route_at, ROUTES, "/none"), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_route_by_method_and_path),
        cmocka_unit_test(gives_parameters_by_name),
        cmocka_unit_test(prefers_a_literal_segment_to_a_parameter),
        cmocka_unit_test(offers_head_where_get_is),
        cmocka_unit_test(tells_a_wrong_method_from_an_unknown_path),
        cmocka_unit_test(refuses_paths_that_nearly_match),
        cmocka_unit_test(survives_a_path_of_a_thousand_segments),
        cmocka_unit_test(lists_the_methods_of_a_path),
    };
    return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
