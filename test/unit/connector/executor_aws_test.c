// What an executor accepts of actions on an AWS account, before any driver sees them.
#include "connector/executor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ACCOUNT "123456789012"

typedef struct Scene {
    Arena *arena;
    SigningKey *key;
    ManualClock clock;
    AwsAddress aws;
    TargetAddress own, target; // the secret's, the plan's
    SecretSource secret;
    ConnectorOptions options;
    Identity identity;
    Executor executor;
    AccessItem item;
    Plan plan;
    Action action;
    PollMade poll;
} Scene;

static int scene_open(void **state) {
    Scene *scene = mem_alloc(sizeof(*scene));
    scene->arena = arena_new();
    scene->key = signing_key_new();
    scene->clock = manual_clock_at(1767225600000);
    scene->aws = (AwsAddress){.account = ACCOUNT, .region = "eu-central-1"};
    scene->own = scene->target = (TargetAddress){.kind = TARGET_AWS,
                                                 .host = ACCOUNT,
                                                 .database = "eu-central-1",
                                                 .aws = &scene->aws,
                                                 .tls = TLS_VERIFY_FULL};
    scene->secret = (SecretSource){.name = "cloud-admin", .target = &scene->own};
    scene->options = (ConnectorOptions){.secrets = {&scene->secret, 1}};
    scene->identity = (Identity){.instance = "con_1",
                                 .connector = "main",
                                 .deployment = "dep_1",
                                 .action_key = signing_key_public_text(scene->arena, scene->key)};
    scene->executor = (Executor){&scene->options, &scene->identity, &scene->clock.clock, NULL};
    SsmSession *session = arena_alloc(scene->arena, sizeof(*session));
    string_list_add(scene->arena, &session->instances, "i-1");
    scene->item = (AccessItem){.ssm_session = session};
    scene->plan = (Plan){.grant_id = "grt_1",
                         .deployment = "dep_1",
                         .connector = "main",
                         .integration = "cloud",
                         .target = &scene->target,
                         .admin_secret = "cloud-admin",
                         .account = "user/jane/grt_1",
                         .identity = "arn:aws:iam::" ACCOUNT ":user/jane",
                         .access = {&scene->item, 1},
                         .duration_s = 3600};
    scene->action = (Action){.id = "act_1",
                             .deployment = "dep_1",
                             .connector = "main",
                             .instance = "con_1",
                             .poll = "poll_1",
                             .kind = ACTION_GRANT,
                             .attempt = 1,
                             .grant_id = "grt_1",
                             .integration = "cloud",
                             .issued_at = scene->clock.at_ms,
                             .deadline_at = scene->clock.at_ms + 60000,
                             .expires_at = scene->clock.at_ms + 3600000};
    int64_t now_ms = clock_monotonic_ms(&scene->clock.clock);
    scene->poll = (PollMade){.nonce = "poll_1", .sent_ms = now_ms, .answered_ms = now_ms};
    *state = scene;
    return 0;
}

static int scene_close(void **state) {
    Scene *scene = *state;
    signing_key_free(scene->key);
    arena_free(scene->arena);
    mem_free(scene);
    return 0;
}

static Status accept_action(Scene *scene, ReceivedAction *ret_received, Error *error) {
    scene->action.plan = shape_write(scene->arena, &PLAN_SHAPE, &scene->plan);
    SignedAction sent = action_sign(scene->arena, scene->key, &scene->action);
    return executor_accept(&scene->executor, scene->arena, &sent, &scene->poll, ret_received,
                           error);
}

static void accepted(Scene *scene) {
    ReceivedAction received;
    Error error = {0};
    if (accept_action(scene, &received, &error) != STATUS_OK)
        fail_msg("%s", error.message);
}

static void not_accepted(Scene *scene, const char *code) {
    ReceivedAction received;
    Error error = {0};
    assert_int_not_equal(accept_action(scene, &received, &error), STATUS_OK);
    assert_string_equal(error.code, code);
}

static void refused(Scene *scene, const char *failure, const char *code) {
    ReceivedAction received;
    ActionReport report;
    Error error = {0};
    if (accept_action(scene, &received, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    executor_run(&scene->executor, scene->arena, &received, &report);
    assert_false(report.done);
    assert_string_equal(report.failure, failure);
    assert_string_equal(report.code, code);
}

static void a_name_and_an_arn_mean_the_same(void **state) {
    Scene *scene = *state;
    static const ActionKind KINDS[] = {ACTION_GRANT, ACTION_EXTEND, ACTION_REVOKE};
    for (size_t i = 0; i < COUNT_OF(KINDS); i++) {
        scene->action.kind = KINDS[i];
        scene->plan.account = "user/jane/grt_1";
        scene->plan.identity = "arn:aws:iam::" ACCOUNT ":user/jane";
        accepted(scene);
        scene->plan.identity = "arn:aws:iam::" ACCOUNT ":user/eve";
        not_accepted(scene, "bad_plan");
        scene->plan.identity = "arn:aws:iam::" ACCOUNT ":role/jane";
        not_accepted(scene, "bad_plan");
        scene->plan.identity = "arn:aws:iam::999999999999:user/jane";
        not_accepted(scene, "bad_plan");
        scene->plan.identity = NULL;
        not_accepted(scene, "bad_plan");
        scene->plan.identity = "arn:aws:sts::" ACCOUNT ":assumed-role/dev/jane";
        scene->plan.account = "role/dev/grt_1";
        accepted(scene);
        scene->plan.account = "role/dev/grt_2";
        not_accepted(scene, "bad_plan");
    }
}

// Neither crashes it, nor passes by a check for having nothing to compare.
static void a_target_in_pieces_is_refused(void **state) {
    Scene *scene = *state;
    scene->target.host = NULL;
    not_accepted(scene, "bad_plan");
    scene->action.kind = ACTION_REMOVE;
    not_accepted(scene, "bad_plan");
    scene->action.kind = ACTION_GRANT;
    scene->target.host = ACCOUNT;
    scene->target.database = NULL;
    not_accepted(scene, "bad_plan");
    scene->target.database = "eu-central-1";
    scene->target.aws = NULL;
    not_accepted(scene, "missing_field");
    scene->action.kind = ACTION_DISCOVER;
    not_accepted(scene, "missing_field");
    scene->target = (TargetAddress){.kind = TARGET_POSTGRESQL, .database = "shop"};
    not_accepted(scene, "bad_plan");
    scene->target.aws = &scene->aws;
    scene->target.host = "db";
    not_accepted(scene, "bad_value");
}

static void an_orphan_needs_no_more_than_its_name(void **state) {
    Scene *scene = *state;
    scene->action.kind = ACTION_REMOVE;
    scene->plan.identity = NULL;
    scene->target.aws = NULL;
    scene->target.database = "-";
    accepted(scene);
    scene->target.host = "999999999999";
    refused(scene, "refused", "above_ceiling");
}

static void another_account_region_role_or_endpoint_is_refused(void **state) {
    Scene *scene = *state;
    AwsAddress *other = arena_copy(scene->arena, &scene->aws, sizeof(*other));
    scene->target.aws = other;
    static const ActionKind KINDS[] = {ACTION_GRANT, ACTION_REVOKE, ACTION_DISCOVER, ACTION_CHECK};
    for (size_t i = 0; i < COUNT_OF(KINDS); i++) {
        scene->action.kind = KINDS[i];
        *other = scene->aws;
        other->region = scene->target.database = "eu-west-1";
        refused(scene, "refused", "above_ceiling");
        scene->target.database = "eu-central-1";
        *other = scene->aws;
        other->role = "arn:aws:iam::" ACCOUNT ":role/administrator";
        refused(scene, "refused", "above_ceiling");
        *other = scene->aws;
        other->external_id = "acme";
        refused(scene, "refused", "above_ceiling");
        const AwsEndpoints endpoints = {.sts = "https://evil.example"};
        *other = scene->aws;
        other->endpoints = &endpoints;
        refused(scene, "refused", "above_ceiling");
    }
}

static void other_actions_are_refused_unless_the_file_names_them(void **state) {
    Scene *scene = *state;
    AwsAllow allow = {0};
    string_list_add(scene->arena, &allow.actions, "s3:GetObject");
    string_list_add(scene->arena, &allow.resources, "*");
    scene->item = (AccessItem){.allow = &allow};
    refused(scene, "refused", "above_ceiling");
    Ceiling ceiling = {.max_duration_s = 3600};
    string_list_add(scene->arena, &ceiling.aws.actions, "s3:PutObject");
    scene->secret.ceiling = &ceiling;
    refused(scene, "refused", "above_ceiling");
    scene->action.kind = ACTION_EXTEND;
    refused(scene, "refused", "above_ceiling");
}

static void there_is_nothing_to_reset(void **state) {
    Scene *scene = *state;
    scene->action.kind = ACTION_RESET;
    refused(scene, "refused", "nothing_to_reset");
}

static void sessions_end_only_with_access_through_aws(void **state) {
    Scene *scene = *state;
    TargetAddress database = {.kind = TARGET_POSTGRESQL, .host = "db", .database = "orders"};
    SessionEnding ending = {
        .integration = "orders-db", .target = &database, .admin_secret = "orders-admin"};
    string_list_add(scene->arena, &ending.users, "app_read");
    scene->plan.session_endings = (SessionEndings){&ending, 1};
    accepted(scene);
    refused(scene, "refused", "unknown_secret"); // before anything is given
    database.host = NULL;
    not_accepted(scene, "missing_field");
    database.host = "db";
    database.kind = TARGET_REDIS;
    not_accepted(scene, "bad_plan");
    database.kind = TARGET_POSTGRESQL;
    scene->target = database;
    not_accepted(scene, "bad_plan");
}

// Role, external id and endpoints of a login are the file's, whatever the plan leaves out.
static void logs_in_as_the_file_says(void **state) {
    Scene *scene = *state;
    const AwsEndpoints endpoints = {.iam = "https://iam.internal"};
    const AwsAddress whole = {.account = ACCOUNT,
                              .region = "eu-central-1",
                              .role = "arn:aws:iam::" ACCOUNT ":role/daypass",
                              .external_id = "acme",
                              .endpoints = &endpoints};
    scene->own.aws = &whole;
    Ceiling ceiling = {.max_duration_s = 3600, .aws = {.boundary = "arn:b"}};
    scene->secret.ceiling = &ceiling;
    scene->secret.profile = "prod";
    const DriverLogin login =
        executor_login(&scene->executor, &scene->secret, &scene->target, NULL, "grt_1");
    assert_string_equal(login.target->aws->role, whole.role);
    assert_string_equal(login.target->aws->external_id, "acme");
    assert_string_equal(login.target->aws->endpoints->iam, "https://iam.internal");
    assert_string_equal(login.purpose, "grt_1");
    assert_string_equal(login.profile, "prod");
    assert_string_equal(login.ceiling->boundary, "arn:b");
    assert_null(login.user);
}

int main(void) {
    const struct CMUnitTest cases[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)
        CASE(a_name_and_an_arn_mean_the_same),
        CASE(a_target_in_pieces_is_refused),
        CASE(an_orphan_needs_no_more_than_its_name),
        CASE(another_account_region_role_or_endpoint_is_refused),
        CASE(other_actions_are_refused_unless_the_file_names_them),
        CASE(there_is_nothing_to_reset),
        CASE(sessions_end_only_with_access_through_aws),
        CASE(logs_in_as_the_file_says),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
