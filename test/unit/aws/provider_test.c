// Credentials are asked for anew before they end, once for everybody, and what is good is served.
#include "aws/call.h"
#include "aws/presign.h"
#include "chain_scene.h"

#include "base/text.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MINUTE_MS = 60 * SECOND_MS, THREADS = 8 };

static const int64_t START_MS = 1767225600000; // 2026-01-01T00:00:00Z

// An endpoint that gives credentials ending at times of our choice, and a clock that we move.
typedef struct Scene {
    ManualClock clock;
    Scripted *server;
    AwsProvider *provider;
    char bodies[4][256];
    ScriptedAnswer answers[4];
} Scene;

// Credentials AK0, AK1, …, that end so many minutes after the start; 0: the endpoint fails.
static void scene_open(Scene *scene, const int *minutes, size_t count) {
    *scene = (Scene){.clock = manual_clock_at(START_MS)};
    machine_start(NULL);
    for (size_t i = 0; i < count; i++) {
        char end[TIMESTAMP_SIZE];
        timestamp_format(START_MS + (int64_t)minutes[i] * MINUTE_MS, end);
        snprintf(scene->bodies[i], sizeof(scene->bodies[i]),
                 "{\"AccessKeyId\": \"AK%zu\", \"SecretAccessKey\": \"s%zu\", \"Token\": \"t\", "
                 "\"Expiration\": \"%s\"}",
                 i, i, end);
        scene->answers[i].body = scene->bodies[i];
        scene->answers[i].status = minutes[i] != 0 ? 200 : 403;
    }
    scene->server = scripted_start(scene->answers, count);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", scripted_url(scene->server), 1);
    AwsProviderOptions options = {.clock = &scene->clock.clock};
    scene->provider = aws_provider_new(&options);
}

static void scene_close(Scene *scene) {
    aws_provider_free(scene->provider);
    scripted_stop(scene->server);
    machine_stop(NULL);
}

static void moves_to(Scene *scene, int minutes) {
    scene->clock.at_ms = START_MS + (int64_t)minutes * MINUTE_MS;
}

static void gives(Scene *scene, const char *key_id, size_t calls) {
    CLEANUP(aws_credentials_freep) AwsCredentials *credentials = NULL;
    Error error = {0};
    if (aws_provider_get(scene->provider, 0, &credentials, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_string_equal(credentials->access_key_id, key_id);
    assert_int_equal(scripted_calls(scene->server), calls);
}

static void fails(Scene *scene, const char *code, size_t calls) {
    AwsCredentials *credentials = NULL;
    Error error = {0};
    assert_int_not_equal(aws_provider_get(scene->provider, 0, &credentials, &error), STATUS_OK);
    assert_string_equal(error.code, code);
    assert_null(credentials);
    assert_int_equal(scripted_calls(scene->server), calls);
}

static void asks_again_five_minutes_before_the_end(void **state) {
    Scene scene;
    scene_open(&scene, (int[]){60, 120}, 2);
    gives(&scene, "AK0", 1);
    moves_to(&scene, 54);
    gives(&scene, "AK0", 1);
    moves_to(&scene, 56);
    gives(&scene, "AK1", 2);
    gives(&scene, "AK1", 2);
    scene_close(&scene);
}

static void serves_what_is_good_when_new_ones_are_not_to_be_had(void **state) {
    Scene scene;
    scene_open(&scene, (int[]){60, 0, 120}, 3);
    gives(&scene, "AK0", 1);
    moves_to(&scene, 56);
    gives(&scene, "AK0", 2);
    gives(&scene, "AK0", 2); // not at once again
    moves_to(&scene, 57);
    gives(&scene, "AK2", 3);
    scene_close(&scene);
}

static void fails_when_what_it_had_has_ended(void **state) {
    Scene scene;
    scene_open(&scene, (int[]){60, 0, 0, 120}, 4);
    gives(&scene, "AK0", 1);
    moves_to(&scene, 61);
    fails(&scene, "credentials_refused", 2);
    fails(&scene, "credentials_refused", 3);
    gives(&scene, "AK3", 4);
    scene_close(&scene);
}

static void takes_nothing_that_has_ended_already(void **state) {
    Scene scene;
    scene_open(&scene, (int[]){-1, 60}, 2);
    fails(&scene, "credentials_ended", 1);
    gives(&scene, "AK1", 2);
    scene_close(&scene);
}

// As ECS does near the end: the same again, until there are new ones.
static void short_lived_ones_are_served_and_asked_about_now_and_then(void **state) {
    Scene scene;
    scene_open(&scene, (int[]){4, 4, 60}, 3);
    gives(&scene, "AK0", 1);
    gives(&scene, "AK0", 1);
    moves_to(&scene, 1);
    gives(&scene, "AK1", 2);
    moves_to(&scene, 2);
    gives(&scene, "AK2", 3);
    scene_close(&scene);
}

static void refused_ones_are_not_served_again(void **state) {
    Scene scene;
    scene_open(&scene, (int[]){60, 60, 60}, 3);
    CLEANUP(aws_credentials_freep) AwsCredentials *first = NULL;
    assert_int_equal(aws_provider_get(scene.provider, 0, &first, NULL), STATUS_OK);
    assert_true(aws_provider_refuse(scene.provider, first));
    gives(&scene, "AK1", 2);
    // Said late, of ones that are no longer there.
    assert_true(aws_provider_refuse(scene.provider, first));
    gives(&scene, "AK1", 2);
    scene_close(&scene);
}

static void *get_one(void *context) {
    AwsCredentials *credentials = NULL;
    Status status = aws_provider_get(context, 0, &credentials, NULL);
    aws_credentials_free(credentials);
    return status == STATUS_OK ? context : NULL;
}

static void many_threads_ask_once(void **state) {
    Scene scene;
    scene_open(&scene, (int[]){60}, 1);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_one, scene.provider), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    assert_int_equal(scripted_calls(scene.server), 1);
    scene_close(&scene);
}

static void no_time_means_no_try(void **state) {
    Scene scene;
    scene_open(&scene, (int[]){60}, 1);
    AwsCredentials *credentials = NULL;
    Error error = {0};
    assert_int_equal(aws_provider_get(scene.provider, START_MS - 1, &credentials, &error),
                     STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "timed_out");
    assert_int_equal(scripted_calls(scene.server), 0);
    scene_close(&scene);
}

// Fixed and assumed ones

static AwsProvider *fixed(int64_t expires_at) {
    AwsCredentials *credentials = NULL;
    assert_int_equal(
        aws_credentials_new("test", "AKFIXED", "key", NULL, expires_at, &credentials, NULL),
        STATUS_OK);
    return aws_provider_new_fixed(credentials);
}

static void fixed_ones_are_what_they_are(void **state) {
    CLEANUP(aws_provider_freep) AwsProvider *lasting = fixed(0);
    CLEANUP(aws_credentials_freep) AwsCredentials *credentials = NULL;
    assert_int_equal(aws_provider_get(lasting, 0, &credentials, NULL), STATUS_OK);
    assert_false(aws_provider_refuse(lasting, credentials));
    CLEANUP(aws_provider_freep) AwsProvider *ended = fixed(1);
    AwsCredentials *none = NULL;
    Error error = {0};
    assert_int_equal(aws_provider_get(ended, 0, &none, &error), STATUS_EXPIRED);
    assert_string_equal(error.code, "credentials_ended");
}

static void a_role_is_assumed_on_top_and_named(void **state) {
    machine_start(NULL);
    const ScriptedAnswer answers[] = {{.body = machine_sts_answer("AssumeRole", "ASROLE")}};
    Scripted *server = scripted_start(answers, 1);
    CLEANUP(aws_provider_freep) AwsProvider *base = fixed(0);
    AwsAssumption assumption = {
        .role_arn = "arn:aws:iam::123456789012:role/daypass",
        .external_id = "ext/1",
        .session_name = "daypass-grt_1",
        .source_identity = "grt_1",
    };
    AwsProviderOptions options = {.region = "cn-north-1", .sts_endpoint = scripted_url(server)};
    CLEANUP(aws_provider_freep)
    AwsProvider *provider = aws_provider_new_assumed(base, &assumption, &options);
    for (int i = 0; i < 2; i++) {
        CLEANUP(aws_credentials_freep) AwsCredentials *credentials = NULL;
        assert_int_equal(aws_provider_get(provider, 0, &credentials, NULL), STATUS_OK);
        assert_string_equal(credentials->access_key_id, "ASROLE");
        assert_string_equal(credentials->account, "123456789012");
    }
    assert_int_equal(scripted_calls(server), 1);
    const char *call = scripted_call(server, 0);
    assert_non_null(strstr(call, "RoleSessionName=daypass-grt_1&DurationSeconds=3600&"
                                 "ExternalId=ext%2F1&SourceIdentity=grt_1"));
    assert_non_null(strstr(call, "/cn-north-1/sts/aws4_request"));
    scripted_stop(server);
    machine_stop(NULL);
}

// A call that AWS refuses because the credentials ended is made again with new ones, once.
static void a_call_with_ended_credentials_is_made_again(void **state) {
    Scene scene;
    scene_open(&scene, (int[]){60, 60, 60}, 3);
    static const char EXPIRED[] = "<ErrorResponse><Error><Code>ExpiredToken</Code></Error>"
                                  "</ErrorResponse>";
    const ScriptedAnswer answers[] = {
        {.status = 403, .body = EXPIRED}, {.body = "<R/>"}, {.status = 403, .body = EXPIRED}};
    Scripted *server = scripted_start(answers, 3);
    AwsClientOptions options = {.service = AWS_SERVICE_STS,
                                .region = "eu-central-1",
                                .endpoint = scripted_url(server),
                                .provider = scene.provider,
                                .clock = &scene.clock.clock};
    CLEANUP(aws_client_freep) AwsClient *client = NULL;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_int_equal(aws_client_new(&options, &client, NULL), STATUS_OK);
    AwsQuery query = {.action = "GetCallerIdentity"};
    AwsAnswer answer;
    assert_int_equal(aws_client_query(client, arena, &query, &answer, NULL, NULL), STATUS_OK);
    assert_non_null(strstr(scripted_call(server, 0), "Credential=AK0/"));
    assert_non_null(strstr(scripted_call(server, 1), "Credential=AK1/"));
    AwsFault fault = {0};
    assert_int_equal(aws_client_query(client, arena, &query, &answer, &fault, NULL),
                     STATUS_UNAUTHENTICATED);
    assert_int_equal(scripted_calls(server), 4);
    assert_string_equal(fault.code, "ExpiredToken");
    scripted_stop(server);
    scene_close(&scene);
}

// No longer than the credentials under it are good.
static void a_token_of_rds_ends_with_its_credentials(void **state) {
    RdsTokenRequest request = {.host = "db.example.com",
                               .port = 5432,
                               .user = "app_read",
                               .region = "eu-central-1",
                               .signed_at = START_MS + 999};
    static const struct {
        int64_t expires_at, ends_at;
    } CASES[] = {
        {0, 15 * MINUTE_MS}, {5 * MINUTE_MS, 5 * MINUTE_MS}, {60 * MINUTE_MS, 15 * MINUTE_MS}};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        int64_t expires_at = CASES[i].expires_at > 0 ? START_MS + CASES[i].expires_at : 0;
        CLEANUP(aws_credentials_freep) AwsCredentials *credentials = NULL;
        assert_int_equal(
            aws_credentials_new("test", "AK", "key", NULL, expires_at, &credentials, NULL),
            STATUS_OK);
        CLEANUP(secret_freep) Secret *token = NULL;
        int64_t ends_at = 0;
        assert_int_equal(rds_token_new(credentials, &request, &token, &ends_at, NULL), STATUS_OK);
        assert_int_equal(ends_at, START_MS + CASES[i].ends_at);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_again_five_minutes_before_the_end),
        cmocka_unit_test(serves_what_is_good_when_new_ones_are_not_to_be_had),
        cmocka_unit_test(fails_when_what_it_had_has_ended),
        cmocka_unit_test(takes_nothing_that_has_ended_already),
        cmocka_unit_test(short_lived_ones_are_served_and_asked_about_now_and_then),
        cmocka_unit_test(refused_ones_are_not_served_again),
        cmocka_unit_test(many_threads_ask_once),
        cmocka_unit_test(no_time_means_no_try),
        cmocka_unit_test(fixed_ones_are_what_they_are),
        cmocka_unit_test(a_role_is_assumed_on_top_and_named),
        cmocka_unit_test(a_call_with_ended_credentials_is_made_again),
        cmocka_unit_test(a_token_of_rds_ends_with_its_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
