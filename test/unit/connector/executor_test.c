#include "connector/executor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// A connector, its control plane's key, and one grant action on a server that is not there.
typedef struct Scene {
    Arena *arena;
    SigningKey *key;
    ManualClock clock;
    TargetAddress target;
    SecretSource secret;
    ConnectorOptions options;
    Identity identity;
    Executor executor;
    Plan plan;
    Action action;
    PollMade poll;
} Scene;

static int scene_open(void **state) {
    Scene *scene = mem_alloc(sizeof(*scene));
    setenv("DAYPASS_UNIT_SECRET", "not-a-real-one", 1);
    scene->arena = arena_new();
    scene->key = signing_key_new();
    scene->clock = manual_clock_at(1767225600000);
    scene->target =
        (TargetAddress){.host = "127.0.0.1", .port = 1, .database = "shop", .tls = TLS_VERIFY_FULL};
    scene->secret = (SecretSource){.name = "shop-admin",
                                   .user = "daypass_admin",
                                   .env = "DAYPASS_UNIT_SECRET",
                                   .target = &scene->target};
    scene->options = (ConnectorOptions){
        .connect_timeout_s = 5, .statement_timeout_s = 5, .secrets = {&scene->secret, 1}};
    scene->identity = (Identity){.instance = "con_1",
                                 .connector = "main",
                                 .deployment = "dep_1",
                                 .action_key = signing_key_public_text(scene->arena, scene->key)};
    scene->executor = (Executor){&scene->options, &scene->identity, &scene->clock.clock, NULL};
    scene->plan = (Plan){.grant_id = "grt_1",
                         .deployment = "dep_1",
                         .connector = "main",
                         .integration = "shop",
                         .target = &scene->target,
                         .admin_secret = "shop-admin",
                         .account = "temp_a_b",
                         .duration_s = 3600};
    scene->action = (Action){.id = "act_1",
                             .deployment = "dep_1",
                             .connector = "main",
                             .instance = "con_1",
                             .poll = "poll_1",
                             .kind = ACTION_GRANT,
                             .attempt = 1,
                             .grant_id = "grt_1",
                             .integration = "shop",
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

static ActionReport run_action(Scene *scene) {
    ReceivedAction received;
    Error error = {0};
    if (accept_action(scene, &received, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    ActionReport report;
    executor_run(&scene->executor, scene->arena, &received, &report);
    return report;
}

static void not_accepted(Scene *scene, const char *code) {
    ReceivedAction received;
    Error error = {0};
    assert_int_not_equal(accept_action(scene, &received, &error), STATUS_OK);
    assert_string_equal(error.code, code);
}

static void failed_with(const ActionReport *report, const char *failure, const char *code) {
    assert_false(report->done);
    assert_string_equal(report->failure, failure);
    assert_string_equal(report->code, code);
    assert_null(report->sealed);
}

static void accepts_what_the_pinned_key_signed_for_it(void **state) {
    ReceivedAction received;
    Error error = {0};
    assert_int_equal(accept_action(*state, &received, &error), STATUS_OK);
    assert_string_equal(received.plan.account, "temp_a_b");
}

static void refuses_another_key(void **state) {
    Scene *scene = *state;
    CLEANUP(signing_key_freep) SigningKey *other = signing_key_new();
    scene->identity.action_key = signing_key_public_text(scene->arena, other);
    not_accepted(scene, "bad_signature");
}

static void refuses_actions_for_others(void **state) {
    Scene *scene = *state;
    scene->action.connector = "other";
    not_accepted(scene, "not_for_us");
    scene->action.connector = "main";
    scene->action.instance = "con_2";
    not_accepted(scene, "not_for_us");
    scene->action.instance = "con_1";
    scene->action.deployment = "dep_2";
    not_accepted(scene, "not_for_us");
}

static void refuses_what_answers_another_poll(void **state) {
    Scene *scene = *state;
    scene->poll.nonce = "poll_2";
    not_accepted(scene, "replayed");
    scene->action.poll = NULL;
    not_accepted(scene, "replayed");
}

static void refuses_plans_that_do_not_fit_their_action(void **state) {
    Scene *scene = *state;
    scene->plan.account = NULL;
    not_accepted(scene, "bad_plan");
    scene->plan.account = "temp_a_b";
    scene->plan.grant_id = "grt_2";
    not_accepted(scene, "bad_plan");
    scene->plan.grant_id = "grt_1";
    scene->plan.deployment = "dep_2";
    not_accepted(scene, "bad_plan");
    scene->plan.deployment = "dep_1";
    AccessItem both = {.schema = "schema_app", .role = "postgres"};
    scene->plan.access = (AccessItems){&both, 1};
    not_accepted(scene, "bad_access_item");
}

static void refuses_a_plan_without_target(void **state) {
    Scene *scene = *state;
    scene->plan.target = NULL;
    ReceivedAction received;
    Error error = {0};
    assert_int_equal(accept_action(scene, &received, &error), STATUS_INVALID);
}

static void refuses_a_secret_it_does_not_have(void **state) {
    Scene *scene = *state;
    scene->plan.admin_secret = "other-admin";
    ActionReport report = run_action(scene);
    failed_with(&report, "refused", "unknown_secret");
}

static void holds_correctly_signed_actions_to_the_ceiling(void **state) {
    Scene *scene = *state;
    scene->action.expires_at = scene->action.issued_at + 25 * 3600 * INT64_C(1000);
    ActionReport report = run_action(scene);
    failed_with(&report, "refused", "above_ceiling");
    scene->action.kind = ACTION_EXTEND;
    report = run_action(scene);
    failed_with(&report, "refused", "above_ceiling");
}

static void sends_the_secret_to_no_other_address_even_to_revoke(void **state) {
    Scene *scene = *state;
    TargetAddress *elsewhere = arena_alloc(scene->arena, sizeof(*elsewhere));
    *elsewhere = scene->target;
    elsewhere->host = "127.0.0.2";
    scene->plan.target = elsewhere;
    static const ActionKind KINDS[] = {ACTION_GRANT, ACTION_REVOKE,   ACTION_EXTEND,
                                       ACTION_RESET, ACTION_DISCOVER, ACTION_CHECK};
    for (size_t i = 0; i < COUNT_OF(KINDS); i++) {
        scene->action.kind = KINDS[i];
        ActionReport report = run_action(scene);
        failed_with(&report, "refused", "above_ceiling");
    }
}

static void looks_into_no_database_above_the_ceiling(void **state) {
    Scene *scene = *state;
    static const char *OTHERS[] = {"other"};
    Ceiling ceiling = {.databases = {OTHERS, 1}, .max_duration_s = 3600};
    scene->secret.ceiling = &ceiling;
    static const ActionKind KINDS[] = {ACTION_GRANT, ACTION_DISCOVER, ACTION_CHECK};
    for (size_t i = 0; i < COUNT_OF(KINDS); i++) {
        scene->action.kind = KINDS[i];
        ActionReport report = run_action(scene);
        failed_with(&report, "refused", "above_ceiling");
    }
    scene->action.kind = ACTION_REVOKE; // is never kept from taking back
    ActionReport report = run_action(scene);
    failed_with(&report, "retry", "target_unreachable");
}

static void does_not_begin_past_the_deadline(void **state) {
    Scene *scene = *state;
    ReceivedAction received;
    Error error = {0};
    assert_int_equal(accept_action(scene, &received, &error), STATUS_OK);
    scene->clock.at_ms += 60000;
    ActionReport report;
    executor_run(&scene->executor, scene->arena, &received, &report);
    failed_with(&report, "retry", "deadline_passed");
}

// However long the answer took, nothing is begun after the control plane stopped waiting.
static void counts_the_lease_from_before_the_control_plane_did(void **state) {
    Scene *scene = *state;
    ReceivedAction received;
    ActionReport report;
    Error error = {0};
    scene->action.held_ms = 20000;
    scene->poll.answered_ms = scene->poll.sent_ms + 50000; // 30 s on its way
    assert_int_equal(accept_action(scene, &received, &error), STATUS_OK);
    scene->clock.at_ms += 20000 + 60000 - 5000;
    executor_run(&scene->executor, scene->arena, &received, &report);
    failed_with(&report, "retry", "deadline_passed");
    scene->clock.at_ms--;
    executor_run(&scene->executor, scene->arena, &received, &report);
    assert_string_not_equal(report.code, "deadline_passed");
}

static void believes_no_lease_that_began_after_its_answer_came(void **state) {
    Scene *scene = *state;
    ReceivedAction received;
    Error error = {0};
    scene->action.held_ms = 3600000;
    scene->poll.answered_ms = scene->poll.sent_ms + 10;
    assert_int_equal(accept_action(scene, &received, &error), STATUS_OK);
    assert_int_equal(received.leased_ms, scene->poll.answered_ms);
}

static void reports_a_server_that_is_not_there_as_worth_repeating(void **state) {
    Scene *scene = *state;
    scene->action.seal_to = "";
    ActionReport report = run_action(scene);
    assert_false(report.done);
    assert_string_equal(report.failure, "retry");
    assert_null(strstr(report.message, "not-a-real-one"));
    assert_null(report.outcome); // nobody has looked
}

// Nobody waits again for what somebody just waited for in vain: here for the secret, which is there
// meanwhile.
static void fails_at_once_where_a_try_just_failed(void **state) {
    Scene *scene = *state;
    CLEANUP(reachability_freep) Reachability *reachability = reachability_new(&scene->options);
    scene->executor.reachability = reachability;
    scene->action.kind = ACTION_REVOKE;
    unsetenv("DAYPASS_UNIT_SECRET");
    ActionReport report = run_action(scene);
    failed_with(&report, "retry", "no_secret");
    const char *message = arena_strdup(scene->arena, report.message);
    setenv("DAYPASS_UNIT_SECRET", "not-a-real-one", 1);
    report = run_action(scene);
    failed_with(&report, "retry", "no_secret");
    assert_string_equal(report.message, message);
    for (int i = 0; i < 2; i++) {
        scene->clock.at_ms += 5000;
        scene->poll.sent_ms = scene->poll.answered_ms = scene->clock.at_ms;
        report = run_action(scene);
        failed_with(&report, "retry", "target_unreachable");
    }
}

// What no grant explains may be another installation's: only where the file names that.
static void removes_of_others_only_what_the_file_adopts(void **state) {
    Scene *scene = *state;
    scene->plan.deployment = "dep_2";
    scene->action.kind = ACTION_REVOKE;
    not_accepted(scene, "bad_plan");
    scene->action.kind = ACTION_REMOVE;
    ActionReport report = run_action(scene);
    failed_with(&report, "refused", "not_adopted");
    assert_non_null(strstr(report.message, "adopt_deployments: [dep_2]"));
    Ceiling ceiling = {.max_duration_s = 3600};
    scene->secret.ceiling = &ceiling;
    string_list_add(scene->arena, &ceiling.adopt_deployments, "dep_3");
    report = run_action(scene);
    failed_with(&report, "refused", "not_adopted");
    string_list_add(scene->arena, &ceiling.adopt_deployments, "dep_2");
    report = run_action(scene);
    failed_with(&report, "retry", "target_unreachable");
    // One's own needs no line, and a name that is allowed.
    scene->plan.deployment = "dep_1";
    report = run_action(scene);
    failed_with(&report, "retry", "target_unreachable");
    string_list_add(scene->arena, &ceiling.account_prefixes, "other_");
    report = run_action(scene);
    failed_with(&report, "refused", "above_ceiling");
}

static void an_orphan_names_its_account_and_grant(void **state) {
    Scene *scene = *state;
    scene->action.kind = ACTION_REMOVE;
    scene->plan.account = NULL;
    not_accepted(scene, "bad_plan");
    scene->plan.account = "temp_a_b";
    scene->plan.grant_id = "grt_2";
    not_accepted(scene, "bad_plan");
    scene->plan.grant_id = "grt_1";
    scene->plan.connector = "other";
    not_accepted(scene, "bad_plan");
}

int main(void) {
    const struct CMUnitTest cases[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)
        CASE(accepts_what_the_pinned_key_signed_for_it),
        CASE(refuses_another_key),
        CASE(refuses_actions_for_others),
        CASE(refuses_what_answers_another_poll),
        CASE(refuses_plans_that_do_not_fit_their_action),
        CASE(refuses_a_plan_without_target),
        CASE(refuses_a_secret_it_does_not_have),
        CASE(holds_correctly_signed_actions_to_the_ceiling),
        CASE(sends_the_secret_to_no_other_address_even_to_revoke),
        CASE(looks_into_no_database_above_the_ceiling),
        CASE(does_not_begin_past_the_deadline),
        CASE(counts_the_lease_from_before_the_control_plane_did),
        CASE(believes_no_lease_that_began_after_its_answer_came),
        CASE(reports_a_server_that_is_not_there_as_worth_repeating),
        CASE(fails_at_once_where_a_try_just_failed),
        CASE(removes_of_others_only_what_the_file_adopts),
        CASE(an_orphan_names_its_account_and_grant),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
