#include "connector/session_endings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// A plan that ends sessions of app_read on one database, which is not there.
typedef struct Scene {
    Arena *arena;
    ManualClock clock;
    TargetAddress target;
    SecretSource secret;
    Ceiling ceiling;
    ConnectorOptions options;
    Executor executor;
    SessionEnding ending;
    Plan plan;
} Scene;

static int scene_open(void **state) {
    Scene *scene = mem_alloc(sizeof(*scene));
    setenv("DAYPASS_UNIT_SECRET", "not-a-real-one", 1);
    scene->arena = arena_new();
    scene->clock = manual_clock_at(1767225600000);
    scene->target = (TargetAddress){
        .kind = TARGET_POSTGRESQL, .host = "127.0.0.1", .port = 1, .database = "orders"};
    scene->ceiling = (Ceiling){.max_duration_s = 3600};
    string_list_add(scene->arena, &scene->ceiling.end_sessions_of, "app_read");
    scene->secret = (SecretSource){.name = "orders-admin",
                                   .user = "daypass_admin",
                                   .env = "DAYPASS_UNIT_SECRET",
                                   .target = &scene->target,
                                   .ceiling = &scene->ceiling};
    scene->options = (ConnectorOptions){
        .connect_timeout_s = 5, .statement_timeout_s = 5, .secrets = {&scene->secret, 1}};
    scene->executor = (Executor){&scene->options, NULL, &scene->clock.clock, NULL};
    scene->ending = (SessionEnding){
        .integration = "orders-db", .target = &scene->target, .admin_secret = "orders-admin"};
    string_list_add(scene->arena, &scene->ending.users, "app_read");
    scene->plan = (Plan){.grant_id = "grt_1", .session_endings = {&scene->ending, 1}};
    *state = scene;
    return 0;
}

static int scene_close(void **state) {
    Scene *scene = *state;
    arena_free(scene->arena);
    mem_free(scene);
    return 0;
}

static void allowed(Scene *scene) {
    Error error = {0};
    if (session_endings_check(&scene->options, &scene->plan, &error) != STATUS_OK)
        fail_msg("%s", error.message);
}

// Refused before access is given, and a warning when it ends all the same.
static void refused(Scene *scene, const char *part) {
    Error error = {0};
    assert_int_equal(session_endings_check(&scene->options, &scene->plan, &error),
                     STATUS_FORBIDDEN);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" is not in \"%s\"", part, error.message);
    Outcome outcome = {0};
    session_endings_run(&scene->executor, scene->arena, &scene->plan, INT64_MAX, &outcome);
    assert_int_equal(outcome.warnings.count, 1);
    assert_non_null(strstr(outcome.warnings.items[0], error.message));
}

static void only_users_that_the_file_names(void **state) {
    Scene *scene = *state;
    allowed(scene);
    string_list_add(scene->arena, &scene->ending.users, "app_owner");
    refused(scene, "app_owner");
    scene->ending.users.count = 1;
    scene->ceiling.end_sessions_of.count = 0; // absent: none
    refused(scene, "app_read");
}

static void only_by_a_secret_and_where_it_is_for(void **state) {
    Scene *scene = *state;
    TargetAddress other = scene->target;
    scene->ending.target = &other;
    allowed(scene);
    other.host = "evil.example.com";
    refused(scene, "evil.example.com");
    other = scene->target;
    const char *database = "orders";
    scene->ceiling.databases = (StringList){.items = &database, .count = 1};
    allowed(scene);
    other.database = "postgres";
    refused(scene, "database postgres");
    scene->ending.admin_secret = "none";
    refused(scene, "no secret named none");
}

static void what_cannot_be_ended_is_a_warning(void **state) {
    Scene *scene = *state;
    Outcome outcome = {0};
    session_endings_run(&scene->executor, scene->arena, &scene->plan, INT64_MAX, &outcome);
    assert_int_equal(outcome.warnings.count, 1);
    const char *warning = outcome.warnings.items[0];
    assert_non_null(strstr(warning, "app_read"));
    assert_non_null(strstr(warning, "orders-db"));
    assert_null(strstr(warning, "not-a-real-one"));
    outcome = (Outcome){0};
    session_endings_run(&scene->executor, scene->arena, &scene->plan,
                        clock_monotonic_ms(&scene->clock.clock), &outcome);
    assert_non_null(strstr(outcome.warnings.items[0], "no time left"));
    scene->plan.session_endings.count = 0;
    outcome = (Outcome){0};
    session_endings_run(&scene->executor, scene->arena, &scene->plan, INT64_MAX, &outcome);
    assert_int_equal(outcome.warnings.count, 0);
}

int main(void) {
    const struct CMUnitTest cases[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)
        CASE(only_users_that_the_file_names),
        CASE(only_by_a_secret_and_where_it_is_for),
        CASE(what_cannot_be_ended_is_a_warning),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
