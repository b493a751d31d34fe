#include "connector/reporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "domain/outcome.h"
#include "http/problem.h"
#include "http/server.h"

enum { MAX_BODY_BYTES = 4096, GRACE_MS = 2000 };

// A control plane that fails on the report of one action, and a reporter that speaks to it.
typedef struct Scene {
    Arena *arena;
    SigningKey *key;
    HttpServer *server;
    ConnectorOptions options;
    Identity identity;
    Reporter *reporter;
    atomic_int failed; // on "act_bad"
    atomic_int taken;  // of "act_good"
    atomic_int taken_with_statements;
} Scene;

static void handle(void *context, HttpRequest *request, HttpAnswer *answer) {
    Scene *scene = context;
    size_t length;
    const char *body = http_request_body(request, &length);
    ActionReport report = {0};
    Error error = {0};
    if (shape_parse(http_request_arena(request), &ACTION_REPORT_SHAPE, body, length, &report,
                    &error) != STATUS_OK) {
        answer->status = 422;
        return;
    }
    if (strcmp(report.action_id, "act_bad") == 0) {
        atomic_fetch_add(&scene->failed, 1);
        error_set(&error, STATUS_INTERNAL, "internal", "something is wrong inside");
        answer->status = 500;
        answer->content_type = "application/problem+json";
        answer->body = problem_format(http_request_arena(request), &error, "http_1");
        answer->length = strlen(answer->body);
        return;
    }
    atomic_fetch_add(&scene->taken, 1);
    if (json_object_get(report.outcome, "statements"))
        atomic_fetch_add(&scene->taken_with_statements, 1);
    answer->status = 204;
}

static int scene_open(void **state) {
    Scene *scene = mem_alloc(sizeof(*scene));
    Error error = {0};
    HttpServerOptions http = {
        .host = "127.0.0.1",
        .max_body_bytes = MAX_BODY_BYTES,
        .max_header_bytes = 8192,
        .threads = 1,
        .max_connections = 16,
        .max_connections_per_address = 16,
        .idle_timeout_s = 30,
        .clock = &SYSTEM_CLOCK,
        .handler = handle,
        .context = scene,
    };
    if (http_server_start(&http, &scene->server, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    scene->arena = arena_new();
    scene->key = signing_key_new();
    scene->options.control_plane =
        arena_printf(scene->arena, "http://127.0.0.1:%d", http_server_port(scene->server));
    scene->identity = (Identity){.instance = "con_1"};
    ControlPlaneOptions plane = {.options = &scene->options,
                                 .identity = &scene->identity,
                                 .key = scene->key,
                                 .clock = &SYSTEM_CLOCK};
    if (reporter_start(&plane, &scene->reporter, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    *state = scene;
    return 0;
}

static int scene_close(void **state) {
    Scene *scene = *state;
    reporter_stop(scene->reporter, 0);
    http_server_stop(scene->server);
    signing_key_free(scene->key);
    arena_free(scene->arena);
    mem_free(scene);
    return 0;
}

// Until what waits has left, or the grace is over.
static void await_sent(Scene *scene) {
    scene->reporter = reporter_stop(scene->reporter, GRACE_MS);
}

static void report(Scene *scene, const char *action, size_t statements) {
    Outcome outcome = {.account = "temp_a_b"};
    outcome.statements.items = arena_alloc(scene->arena, (statements + 1) * sizeof(Statement));
    outcome.statements.count = statements;
    for (size_t i = 0; i < statements; i++)
        outcome.statements.items[i] = (Statement){.sql = "GRANT SELECT ON TABLE t TO temp_a_b"};
    ActionReport sent = {.action_id = action,
                         .attempt = 1,
                         .done = true,
                         .outcome = shape_write(scene->arena, &OUTCOME_SHAPE, &outcome)};
    reporter_add_report(scene->reporter, &sent);
}

static void brings_the_whole_report(void **state) {
    Scene *scene = *state;
    report(scene, "act_good", 3);
    await_sent(scene);
    assert_int_equal(scene->taken, 1);
    assert_int_equal(scene->taken_with_statements, 1);
}

static void leaves_the_findings_out_where_the_whole_is_too_large(void **state) {
    Scene *scene = *state;
    report(scene, "act_good", MAX_BODY_BYTES / 32);
    await_sent(scene);
    assert_int_equal(scene->taken, 1);
    assert_int_equal(scene->taken_with_statements, 0);
}

static void lets_others_pass_where_the_control_plane_fails_on_one(void **state) {
    Scene *scene = *state;
    report(scene, "act_bad", 1);
    report(scene, "act_good", 1);
    await_sent(scene);
    assert_int_equal(scene->taken, 1);
    assert_true(scene->failed > 0);
}

int main(void) {
    const struct CMUnitTest cases[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)
        CASE(brings_the_whole_report),
        CASE(leaves_the_findings_out_where_the_whole_is_too_large),
        CASE(lets_others_pass_where_the_control_plane_fails_on_one),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
