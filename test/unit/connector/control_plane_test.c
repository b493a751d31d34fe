#include "connector/control_plane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/problem.h"
#include "http/server.h"
#include "wire/signature.h"

static const int64_t HOUR_MS = 3600LL * SECOND_MS;

// A control plane that takes what was signed at its own time, and a connector with another clock.
typedef struct Scene {
    Arena *arena;
    SigningKey *key;
    HttpServer *server;
    ConnectorOptions options;
    Identity identity;
    ManualClock clock; // the connector's
    ControlPlane *plane;
    int calls;
} Scene;

static void handle(void *context, HttpRequest *request, HttpAnswer *answer) {
    Scene *scene = context;
    scene->calls++;
    const char *signature = http_request_header(request, "Signature-Input");
    const char *created = signature ? strstr(signature, "created=") : NULL;
    int64_t at_s = created ? strtoll(created + strlen("created="), NULL, 10) : 0;
    if (llabs(at_s - clock_now_ms(&SYSTEM_CLOCK) / SECOND_MS) <= SIGNATURE_MAX_AGE_S) {
        answer->status = 204;
        return;
    }
    Error error = {0};
    error_set(&error, STATUS_UNAUTHENTICATED, "stale_signature", "signed at another time");
    answer->status = 401;
    answer->content_type = "application/problem+json";
    answer->body = problem_format(http_request_arena(request), &error, "http_1");
    answer->length = strlen(answer->body);
}

static int scene_open(void **state) {
    Scene *scene = mem_alloc(sizeof(*scene));
    Error error = {0};
    HttpServerOptions http = {
        .host = "127.0.0.1",
        .max_body_bytes = 4096,
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
    scene->clock = manual_clock_at(clock_now_ms(&SYSTEM_CLOCK));
    scene->options.control_plane =
        arena_printf(scene->arena, "http://127.0.0.1:%d", http_server_port(scene->server));
    scene->identity = (Identity){.instance = "con_1"};
    ControlPlaneOptions options = {.options = &scene->options,
                                   .identity = &scene->identity,
                                   .key = scene->key,
                                   .clock = &scene->clock.clock};
    if (control_plane_open(&options, &scene->plane, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    *state = scene;
    return 0;
}

static int scene_close(void **state) {
    Scene *scene = *state;
    control_plane_close(scene->plane);
    http_server_stop(scene->server);
    signing_key_free(scene->key);
    arena_free(scene->arena);
    mem_free(scene);
    return 0;
}

// Sends something, and gives what was logged meanwhile.
static Status call(Scene *scene, const char **ret_log) {
    FILE *captured = tmpfile();
    assert_non_null(captured);
    fflush(stderr);
    int before = dup(STDERR_FILENO);
    assert_true(dup2(fileno(captured), STDERR_FILENO) >= 0);
    Error error = {0};
    Status status =
        control_plane_send(scene->plane, scene->arena, CONTROL_PLANE_REPORT, "{}", &error);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    char text[4096] = "";
    rewind(captured);
    size_t length = fread(text, 1, sizeof(text) - 1, captured);
    text[length] = '\0';
    fclose(captured);
    *ret_log = arena_strdup(scene->arena, text);
    if (status != STATUS_OK)
        assert_string_equal(error.code, "stale_signature");
    return status;
}

static void signs_by_its_own_clock_where_that_will_do(void **state) {
    Scene *scene = *state;
    const char *logged;
    assert_int_equal(call(scene, &logged), STATUS_OK);
    assert_string_equal(logged, "");
    assert_int_equal(scene->calls, 1);
}

static void follows_the_control_planes_clock_and_says_so(void **state) {
    Scene *scene = *state;
    const char *logged;
    scene->clock.at_ms -= 23 * HOUR_MS;
    assert_int_equal(call(scene, &logged), STATUS_OK);
    assert_int_equal(scene->calls, 2);
    assert_non_null(strstr(logged, "level=warning event=clock.differs"));
    assert_non_null(strstr(logged, "control_plane_ahead=\"82"));
    assert_int_equal(call(scene, &logged), STATUS_OK); // known by now
    assert_int_equal(scene->calls, 3);
    assert_string_equal(logged, "");
}

static void signs_nothing_for_another_day(void **state) {
    Scene *scene = *state;
    const char *logged;
    int64_t now_ms = scene->clock.at_ms;
    for (int64_t hours = -25; hours <= 25; hours += 50) {
        scene->calls = 0;
        scene->clock.at_ms = now_ms + hours * HOUR_MS;
        assert_int_equal(call(scene, &logged), STATUS_UNAUTHENTICATED);
        assert_int_equal(scene->calls, 1);
        assert_non_null(strstr(logged, "level=error event=clock.refused"));
    }
    // Nor step by step: what counts is how far it is from the connector's own clock.
    scene->clock.at_ms = now_ms - 20 * HOUR_MS;
    assert_int_equal(call(scene, &logged), STATUS_OK);
    scene->clock.at_ms = now_ms - 40 * HOUR_MS;
    assert_int_equal(call(scene, &logged), STATUS_UNAUTHENTICATED);
}

int main(void) {
    const struct CMUnitTest cases[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)
        CASE(signs_by_its_own_clock_where_that_will_do),
        CASE(follows_the_control_planes_clock_and_says_so),
        CASE(signs_nothing_for_another_day),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
