// What connectors may do: enrol once, sign each request, see and report their own work.
#include "world.h"

#include "wire/signature.h"

#include <pthread.h>
#include <string.h>

static const char POLL[] = "{\"capacity\":1,\"wait_s\":0}";

// A poll that is signed as told.
typedef struct Forgery {
    const char *sent_body;   // instead of the one signed
    const char *sent_target; // likewise
    const char *key_id;      // instead of the instance's
    const SigningKey *key;
    int64_t created_s;
} Forgery;

static Answer poll_forged(World *world, const Instance *instance, const Forgery *forgery) {
    static const char TARGET[] = "/v1/connector/poll";
    SignedRequest request = {
        .method = "POST", .target = TARGET, .body = POLL, .body_length = strlen(POLL)};
    SignedHeaders headers;
    request_sign(world->arena, forgery->key != NULL ? forgery->key : instance->key,
                 forgery->key_id != NULL ? forgery->key_id : instance->id, &request,
                 forgery->created_s != 0 ? forgery->created_s : world_now_ms(world) / SECOND_MS,
                 &headers);
    const char *body = forgery->sent_body != NULL ? forgery->sent_body : POLL;
    return world_call_raw(
        world, &(RawCall){.method = "POST",
                          .target = forgery->sent_target != NULL ? forgery->sent_target : TARGET,
                          .body = body,
                          .length = strlen(body),
                          .headers = {headers.content_digest, headers.signature_input,
                                      headers.signature}});
}

static void a_join_token_enrols_once(void **state) {
    WITH_WORLD(world);
    Answer joined = world_as(world, "admin", "POST", "/v1/connectors", "{\"name\":\"main\"}");
    const char *token = text_at(&joined, "join_token");
    SigningKey *key = signing_key_new();
    const char *body = arena_printf(world->arena, "{\"public_key\":\"%s\",\"host\":\"h\"}",
                                    signing_key_public_text(world->arena, key));
    signing_key_free(key);
    assert_problem(
        world_call(world, token, "POST", "/v1/connector/enroll", "{\"public_key\":\"no key\"}"),
        400, "bad_value");
    Answer enrolled = world_call(world, token, "POST", "/v1/connector/enroll", body);
    assert_status(enrolled, 201);
    assert_string_equal(text_at(&enrolled, "connector"), "main");
    assert_string_equal(text_at(&enrolled, "action_key"),
                        signing_key_public_text(world->arena, world->action_key));
    assert_false(world_has_event(world, "connector.refused", NULL));
    assert_problem(world_call(world, token, "POST", "/v1/connector/enroll", body), 401,
                   "bad_join_token");
    assert_true(world_has_event(world, "connector.refused", NULL));
}

static void a_join_token_ends(void **state) {
    WITH_WORLD(world);
    Answer joined = world_as(world, "admin", "POST", "/v1/connectors", "{\"name\":\"main\"}");
    world_pass(world, 2 * 3600 * SECOND_MS);
    assert_problem(world_call(world, text_at(&joined, "join_token"), "POST", "/v1/connector/enroll",
                              "{\"public_key\":\"x\"}"),
                   401, "bad_join_token");
}

static void enrolling_has_the_targets_looked_at(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    bool checked = false, discovered = false;
    for (Action action = {0}; world_poll(world, &instance, &action);) {
        assert_string_equal(action.integration, "shop");
        checked = checked || action.kind == ACTION_CHECK;
        discovered = discovered || action.kind == ACTION_DISCOVER;
        assert_status(world_report(world, &instance, &action), 204);
    }
    assert_true(checked && discovered);
}

static void a_forged_request_is_refused(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    Instance other = world_enroll(world, "other");
    assert_status(poll_forged(world, &instance, &(Forgery){0}), 200);
    const Forgery FORGERIES[] = {
        {.sent_body = "{\"capacity\":9,\"wait_s\":0}"},
        {.sent_target = "/v1/connector/report"},
        {.sent_target = "/v1/connector/poll?x=1"},
        {.key = other.key},
        {.key_id = other.id},
        {.created_s = world_now_ms(world) / SECOND_MS - 3600},
        {.created_s = world_now_ms(world) / SECOND_MS + 3600},
    };
    for (size_t i = 0; i < COUNT_OF(FORGERIES); i++) {
        Answer answer = poll_forged(world, &instance, &FORGERIES[i]);
        if (answer.status != 401 && answer.status != 400)
            fail_msg("forgery %zu was answered %d: %s", i, answer.status, answer.text);
    }
    assert_true(world_has_event(world, "connector.refused", NULL));
    assert_problem(poll_forged(world, &instance, &(Forgery){.key_id = "con_nobody"}), 401,
                   "unknown_instance");
    assert_problem(world_call(world, NULL, "POST", "/v1/connector/poll", POLL), 401, "not_signed");
}

static void a_request_sent_again_is_refused(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    SignedRequest request = {.method = "POST",
                             .target = "/v1/connector/poll",
                             .body = POLL,
                             .body_length = strlen(POLL)};
    SignedHeaders headers;
    request_sign(world->arena, instance.key, instance.id, &request, world_now_ms(world) / SECOND_MS,
                 &headers);
    RawCall call = {
        .method = "POST",
        .target = request.target,
        .body = POLL,
        .length = strlen(POLL),
        .headers = {headers.content_digest, headers.signature_input, headers.signature}};
    assert_status(world_call_raw(world, &call), 200);
    assert_problem(world_call_raw(world, &call), 401, "replayed");
}

static void what_was_signed_before_the_start_is_refused(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    int64_t before_s = world_now_ms(world) / SECOND_MS;
    world_pass(world, 5 * SECOND_MS);
    world_restart(world, (WorldOptions){0});
    Answer answer = poll_forged(world, &instance, &(Forgery){.created_s = before_s});
    assert_problem(answer, 503, "signed_before_start");
    assert_string_equal(answer.retry_after, "1");
    world_pass(world, 3 * SECOND_MS);
    assert_status(poll_forged(world, &instance, &(Forgery){0}), 200);
}

// The clock of a connector may be wrong by as much as signatures allow.
static void a_wrong_clock_neither_locks_out_nor_lets_replay(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    // Its clock is 40 s ahead, which the first poll tells.
    const char *body = arena_printf(
        world->arena, "{\"capacity\":0,\"wait_s\":0,\"clock_at\":\"%s\"}",
        timestamp_format(world_now_ms(world) + 40 * SECOND_MS, (char[TIMESTAMP_SIZE]){0}));
    assert_status(world_signed(world, &instance, "/v1/connector/poll", body), 200);
    int64_t ahead_s = world_now_ms(world) / SECOND_MS + 40;
    world_pass(world, 5 * SECOND_MS);
    world_restart(world, (WorldOptions){0});
    assert_problem(poll_forged(world, &instance, &(Forgery){.created_s = ahead_s}), 503,
                   "signed_before_start");
    world_pass(world, 3 * SECOND_MS);
    int64_t now_ahead_s = world_now_ms(world) / SECOND_MS + 40;
    assert_status(poll_forged(world, &instance, &(Forgery){.created_s = now_ahead_s}), 200);
}

// One that is further off than signatures may be signs by our clock.
static void a_very_wrong_clock_does_not_lock_out(void **state) {
    static const int64_t OFF_S[] = {-3600, 3600};
    for (size_t i = 0; i < COUNT_OF(OFF_S); i++) {
        WITH_WORLD(world);
        Instance instance = world_enroll(world, "main");
        const char *body =
            arena_printf(world->arena, "{\"capacity\":0,\"wait_s\":0,\"clock_at\":\"%s\"}",
                         timestamp_format(world_now_ms(world) + OFF_S[i] * SECOND_MS,
                                          (char[TIMESTAMP_SIZE]){0}));
        assert_status(world_signed(world, &instance, "/v1/connector/poll", body), 200);
        int64_t before_s = world_now_ms(world) / SECOND_MS;
        world_pass(world, 5 * SECOND_MS);
        world_restart(world, (WorldOptions){0});
        assert_problem(poll_forged(world, &instance, &(Forgery){.created_s = before_s}), 503,
                       "signed_before_start");
        world_pass(world, 3 * SECOND_MS);
        assert_status(poll_forged(world, &instance, &(Forgery){0}), 200);
    }
}

static void a_removed_instance_signs_nothing_any_more(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    const char *wrong =
        arena_printf(world->arena, "/v1/connectors/other/instances/%s", instance.id);
    assert_problem(world_as(world, "admin", "DELETE", wrong, NULL), 404, "unknown_instance");
    const char *target =
        arena_printf(world->arena, "/v1/connectors/main/instances/%s", instance.id);
    assert_status(world_as(world, "admin", "DELETE", target, NULL), 204);
    assert_problem(poll_forged(world, &instance, &(Forgery){0}), 401, "unknown_instance");
}

static void a_connector_never_sees_anothers_work(void **state) {
    WITH_WORLD(world);
    Instance main = world_enroll(world, "main");
    Instance other = world_enroll(world, "other");
    Action action = {0};
    while (world_poll(world, &other, &action)) {
        assert_string_equal(action.connector, "other");
        assert_string_equal(action.integration, "bank");
    }
    while (world_poll(world, &main, &action)) {
        assert_string_equal(action.connector, "main");
        assert_string_equal(action.integration, "shop");
    }
}

static void a_connector_learns_what_may_be_asked_of_it_alone(void **state) {
    WITH_WORLD(world);
    Instance main = world_enroll(world, "main");
    Answer plans = world_signed_with(world, &main, "GET", "/v1/connector/plans", NULL);
    assert_status(plans, 200);
    assert_int_equal(count_of(&plans), 1);
    json_t *plan = json_array_get(json_object_get(plans.body, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(plan, "integration")), "shop");
}

static void a_report_on_anothers_work_is_refused_and_noted(void **state) {
    WITH_WORLD(world);
    const char *id = world_request(world);
    assert_status(world_as(world, "ben", "POST",
                           arena_printf(world->arena, "/v1/grants/%s/approve", id), NULL),
                  200);
    Instance main = world_enroll(world, "main");
    Instance other = world_enroll(world, "other");
    Action action = {0};
    do
        assert_true(world_poll(world, &main, &action));
    while (action.kind != ACTION_GRANT);
    assert_false(world_has_event(world, "connector.refused", NULL));
    assert_problem(world_report(world, &other, &action), 403, "not_yours");
    assert_true(world_has_event(world, "connector.refused", NULL));
    Answer grant =
        world_as(world, "ann", "GET", arena_printf(world->arena, "/v1/grants/%s", id), NULL);
    assert_string_equal(text_at(&grant, "state"), "granting");
    assert_status(world_report(world, &main, &action), 204);
}

static size_t refusals(World *world) {
    Answer events =
        world_as(world, "auditor", "GET", "/v1/audit?event=connector.refused&limit=1000", NULL);
    return count_of(&events);
}

static void a_connector_with_a_key_cannot_fill_the_trail(void **state) {
    WITH_WORLD(world);
    world_request(world);
    Instance main = world_enroll(world, "main");
    Instance other = world_enroll(world, "other");
    Instance third = world_enroll(world, "other");
    Action action = {0};
    assert_true(world_poll(world, &main, &action));
    for (int i = 0; i < 20; i++)
        assert_problem(world_report(world, &other, &action), 403, "not_yours");
    size_t noted = refusals(world);
    assert_in_range(noted, 2, 8);
    assert_problem(world_report(world, &third, &action), 403, "not_yours");
    assert_int_equal(refusals(world), noted + 1); // each instance by itself
}

static void work_is_handed_out_signed_and_once(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    Action action = {0};
    while (world_poll(world, &instance, &action))
        assert_status(world_report(world, &instance, &action), 204);
    const char *id = world_request(world);
    assert_status(world_as(world, "ben", "POST",
                           arena_printf(world->arena, "/v1/grants/%s/approve", id), NULL),
                  200);
    assert_status(
        world_signed(world, &instance, "/v1/connector/poll", "{\"capacity\":0,\"wait_s\":30}"),
        200); // a sign of life takes nothing and does not wait
    assert_true(world_poll(world, &instance, &action));
    assert_int_equal(action.attempt, 1);
    assert_int_equal(action.deadline_at - action.issued_at, 60 * SECOND_MS);
    Action second = {0};
    assert_false(world_poll(world, &instance, &second));
    world_pass(world, 61 * SECOND_MS); // nothing came: handed out again
    assert_true(world_poll(world, &instance, &second));
    assert_string_equal(second.id, action.id);
    assert_int_equal(second.attempt, 2);
}

typedef struct Poller {
    World *world;
    const Instance *instance;
    int status;
    size_t actions;
} Poller;

static void *poll_and_wait(void *argument) {
    Poller *poller = argument;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(http_client_freep) HttpClient *client = NULL;
    static const char BODY[] = "{\"capacity\":1,\"wait_s\":60}";
    SignedRequest request = {.method = "POST",
                             .target = "/v1/connector/poll",
                             .body = BODY,
                             .body_length = strlen(BODY)};
    SignedHeaders headers;
    request_sign(arena, poller->instance->key, poller->instance->id, &request,
                 world_now_ms(poller->world) / SECOND_MS, &headers);
    HttpClientOptions options = {.base_url = poller->world->url,
                                 .user_agent = "test",
                                 .connect_timeout_ms = 10000,
                                 .max_body_bytes = 1 << 20};
    HttpCall call = {
        .method = "POST",
        .target = request.target,
        .body = BODY,
        .body_length = strlen(BODY),
        .headers = {headers.content_digest, headers.signature_input, headers.signature},
        .timeout_ms = 60000};
    HttpReply reply = {0};
    Error error = {0};
    json_t *body = NULL;
    if (http_client_new(&options, &client, &error) != STATUS_OK ||
        http_client_call(client, arena, &call, &reply, &error) != STATUS_OK)
        return NULL;
    poller->status = reply.status;
    if (json_read(arena, reply.body, reply.length, &body, &error) == STATUS_OK)
        poller->actions = json_array_size(json_object_get(body, "actions"));
    return NULL;
}

static void start_poller(Poller *poller, pthread_t *ret_thread) {
    Action action = {0};
    while (world_poll(poller->world, poller->instance, &action))
        assert_status(world_report(poller->world, poller->instance, &action), 204);
    assert_int_equal(pthread_create(ret_thread, NULL, poll_and_wait, poller), 0);
    while (http_server_parked(poller->world->server) == 0)
        sched_yield();
}

static void a_waiting_poll_gets_work_when_there_is_some(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    Poller poller = {.world = world, .instance = &instance};
    pthread_t thread;
    start_poller(&poller, &thread);
    const char *id = world_request(world);
    assert_status(world_as(world, "ben", "POST",
                           arena_printf(world->arena, "/v1/grants/%s/approve", id), NULL),
                  200);
    pthread_join(thread, NULL);
    assert_int_equal(poller.status, 200);
    assert_int_equal(poller.actions, 1);
}

static void a_waiting_poll_of_a_removed_instance_gets_nothing(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    Poller poller = {.world = world, .instance = &instance};
    pthread_t thread;
    start_poller(&poller, &thread);
    const char *target =
        arena_printf(world->arena, "/v1/connectors/main/instances/%s", instance.id);
    assert_status(world_as(world, "admin", "DELETE", target, NULL), 204);
    const char *id = world_request(world);
    assert_status(world_as(world, "ben", "POST",
                           arena_printf(world->arena, "/v1/grants/%s/approve", id), NULL),
                  200);
    pthread_join(thread, NULL);
    assert_int_equal(poller.status, 401);
    assert_int_equal(poller.actions, 0);
}

// ---- Findings ---------------------------------------------------------------------------------

static const char DISCOVERY[] =
    "{\"server_version\":\"15\",\"schemas\":[\"app\"],\"cut\":false,"
    "\"tables\":[{\"schema\":\"app\",\"name\":\"orders\",\"kind\":\"table\"}]}";
static const char CHECKS[] =
    "[{\"name\":\"login\",\"result\":\"ok\",\"found\":\"logged in\"},"
    "{\"name\":\"rights\",\"result\":\"failed\",\"found\":\"no CREATEROLE\","
    "\"repair\":\"ALTER ROLE daypass CREATEROLE\"}]";

static void report_findings(World *world, const Instance *instance) {
    for (Action action = {0}; world_poll(world, instance, &action);) {
        bool check = action.kind == ACTION_CHECK;
        const char *body =
            arena_printf(world->arena, "{\"action_id\":\"%s\",\"attempt\":%lld,\"done\":true,%s%s}",
                         action.id, (long long)action.attempt,
                         check ? "\"checks\":" : "\"discovery\":", check ? CHECKS : DISCOVERY);
        assert_status(world_signed(world, instance, "/v1/connector/report", body), 204);
    }
}

// As after a sweep that went well.
static void report_health(World *world, const Instance *instance, const char *integration) {
    const char *at = timestamp_format(world_now_ms(world), (char[TIMESTAMP_SIZE]){0});
    const char *body = arena_printf(world->arena,
                                    "{\"capacity\":0,\"wait_s\":0,\"health\":["
                                    "{\"integration\":\"%s\",\"ok\":true,\"checked_at\":\"%s\"}]}",
                                    integration, at);
    assert_status(world_signed(world, instance, "/v1/connector/poll", body), 200);
}

static void findings_are_shown_to_those_they_are_for(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    Answer before = world_as(world, "admin", "GET", "/v1/integrations/shop", NULL);
    assert_string_equal(text_at(&before, "health"), "unknown");
    assert_problem(world_as(world, "ann", "GET", "/v1/integrations/shop/discovery", NULL), 404,
                   "not_discovered");
    report_findings(world, &instance);
    Answer after = world_as(world, "admin", "GET", "/v1/integrations/shop", NULL);
    assert_string_equal(text_at(&after, "health"), "failed");
    assert_string_equal(text_at(&after, "message"), "rights: no CREATEROLE");
    assert_int_equal(json_array_size(json_object_get(after.body, "checks")), 2);
    report_health(world, &instance, "shop");
    after = world_as(world, "admin", "GET", "/v1/integrations/shop", NULL);
    assert_string_equal(text_at(&after, "health"), "failed");
    assert_string_equal(text_at(&after, "message"), "rights: no CREATEROLE");
    assert_status(world_as(world, "ann", "GET", "/v1/integrations/shop/discovery", NULL), 200);
    assert_status(world_as(world, "auditor", "GET", "/v1/integrations/shop/discovery", NULL), 200);
    assert_problem(world_as(world, "eve", "GET", "/v1/integrations/shop/discovery", NULL), 404,
                   "unknown_integration");
    assert_problem(world_as(world, "ben", "GET", "/v1/integrations/shop/discovery", NULL), 404,
                   "unknown_integration");
}

// What is reported of a check, and of health since: what getting in does not disprove stays.
static void a_sweep_disproves_only_that_nobody_gets_in(void **state) {
    static const struct {
        const char *name, *health;
    } CASES[] = {
        {"name resolution", "ok"},
        {"route", "ok"},
        {"tls", "ok"},
        {"login", "ok"},
        {"version", "ok"},
        {"rights: end sessions", "failed"},
        {"custodian", "failed"},
        {"ceiling: integration shop", "failed"},
    };
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    for (Action action = {0}; world_poll(world, &instance, &action);)
        ; // what was to be done before
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        assert_status(world_as(world, "admin", "POST", "/v1/integrations/shop/check", "{}"), 202);
        Action action = {0};
        assert_true(world_poll(world, &instance, &action));
        const char *body =
            arena_printf(world->arena,
                         "{\"action_id\":\"%s\",\"attempt\":%lld,\"done\":true,\"checks\":["
                         "{\"name\":\"%s\",\"result\":\"failed\",\"found\":\"no\"}]}",
                         action.id, (long long)action.attempt, CASES[i].name);
        assert_status(world_signed(world, &instance, "/v1/connector/report", body), 204);
        Answer failed = world_as(world, "admin", "GET", "/v1/integrations/shop", NULL);
        assert_string_equal(text_at(&failed, "health"), "failed");
        report_health(world, &instance, "shop");
        Answer since = world_as(world, "admin", "GET", "/v1/integrations/shop", NULL);
        if (!text_equal(text_at(&since, "health"), CASES[i].health))
            fail_msg("%s: %s", CASES[i].name, since.text);
    }
}

static void findings_of_one_that_serves_it_no_more_are_nothing(void **state) {
    WITH_WORLD(world);
    Instance main = world_enroll(world, "main");
    Instance other = world_enroll(world, "other");
    assert_status(world_as(world, "admin", "POST", "/v1/integrations/shop/check", "{}"), 202);
    Action check = {0};
    do
        assert_true(world_poll(world, &main, &check));
    while (check.kind != ACTION_CHECK);
    Answer moved = world_as(
        world, "admin", "POST", "/v1/apply",
        "{\"configuration\":{\"integrations\":[{\"name\":\"shop\",\"kind\":\"postgresql\","
        "\"connector\":\"other\",\"host\":\"db\",\"database\":\"shop\",\"admin_secret\":\"s\"}]}}");
    assert_status(moved, 200);
    const char *body = arena_printf(world->arena,
                                    "{\"action_id\":\"%s\",\"attempt\":%lld,\"done\":true,"
                                    "\"checks\":%s}",
                                    check.id, (long long)check.attempt, CHECKS);
    assert_status(world_signed(world, &main, "/v1/connector/report", body), 204);
    Answer after = world_as(world, "admin", "GET", "/v1/integrations/shop", NULL);
    assert_string_equal(text_at(&after, "health"), "unknown");
    // The new one is asked, though something waited for the old one.
    Action action = {0};
    bool asked = false;
    while (world_poll(world, &other, &action))
        asked = asked || (action.kind == ACTION_CHECK && text_equal(action.integration, "shop"));
    assert_true(asked);
    assert_false(world_poll(world, &main, &action));
}

static void findings_of_a_wrong_shape_are_refused(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    Action action = {0};
    assert_true(world_poll(world, &instance, &action));
    const char *body = arena_printf(world->arena,
                                    "{\"action_id\":\"%s\",\"attempt\":1,\"done\":true,"
                                    "\"discovery\":{\"schemas\":\"app\"}}",
                                    action.id);
    assert_problem(world_signed(world, &instance, "/v1/connector/report", body), 400, "bad_value");
}

static void health_is_taken_of_ones_own_integrations_alone(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    const char *at = timestamp_format(world_now_ms(world), (char[TIMESTAMP_SIZE]){0});
    const char *body = arena_printf(world->arena,
                                    "{\"capacity\":0,\"wait_s\":0,\"health\":["
                                    "{\"integration\":\"shop\",\"ok\":true,\"checked_at\":\"%s\"},"
                                    "{\"integration\":\"bank\",\"ok\":true,\"checked_at\":\"%s\"},"
                                    "{\"integration\":\"none\",\"ok\":true,\"checked_at\":\"%s\"}"
                                    "]}",
                                    at, at, at);
    assert_status(world_signed(world, &instance, "/v1/connector/poll", body), 200);
    Answer shop = world_as(world, "admin", "GET", "/v1/integrations/shop", NULL);
    assert_string_equal(text_at(&shop, "health"), "ok");
    Answer bank = world_as(world, "admin", "GET", "/v1/integrations/bank", NULL);
    assert_string_equal(text_at(&bank, "health"), "unknown");
}

static void what_a_connector_says_of_time_is_told_by_our_clock(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    const char *at =
        timestamp_format(world_now_ms(world) + 45 * SECOND_MS, (char[TIMESTAMP_SIZE]){0});
    const char *body =
        arena_printf(world->arena,
                     "{\"capacity\":0,\"wait_s\":0,\"clock_at\":\"%s\",\"health\":["
                     "{\"integration\":\"shop\",\"ok\":true,\"checked_at\":\"%s\"}]}",
                     at, at);
    assert_status(world_signed(world, &instance, "/v1/connector/poll", body), 200);
    Answer shop = world_as(world, "admin", "GET", "/v1/integrations/shop", NULL);
    int64_t checked_at = 0;
    Error error = {0};
    assert_int_equal(timestamp_parse(text_at(&shop, "checked_at"), &checked_at, &error), STATUS_OK);
    assert_true(checked_at <= world_now_ms(world) + SECOND_MS);
}

static void connectors_are_shown_with_their_health(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    assert_status(poll_forged(world, &instance, &(Forgery){0}), 200);
    static const struct {
        int64_t pass_ms;
        const char *health;
    } STEPS[] = {{0, "ok"}, {61 * SECOND_MS, "late"}, {600 * SECOND_MS, "lost"}};
    for (size_t i = 0; i < COUNT_OF(STEPS); i++) {
        world_pass(world, STEPS[i].pass_ms);
        Answer list = world_as(world, "auditor", "GET", "/v1/connectors", NULL);
        assert_int_equal(count_of(&list), 2);
        json_t *first = json_array_get(json_object_get(list.body, "items"), 0);
        json_t *second = json_array_get(json_object_get(list.body, "items"), 1);
        assert_string_equal(json_string_value(json_object_get(first, "name")), "main");
        assert_string_equal(json_string_value(json_object_get(first, "health")), STEPS[i].health);
        assert_string_equal(json_string_value(json_object_get(second, "health")), "never");
    }
}

static void a_connector_that_is_needed_stays(void **state) {
    WITH_WORLD(world);
    assert_problem(world_as(world, "admin", "DELETE", "/v1/connectors/main", NULL), 409, "in_use");
    assert_status(world_as(world, "admin", "POST", "/v1/connectors", "{\"name\":\"spare\"}"), 201);
    assert_status(world_as(world, "admin", "DELETE", "/v1/connectors/spare", NULL), 204);
    assert_problem(world_as(world, "admin", "POST", "/v1/connectors", "{\"name\":\"No Name\"}"),
                   400, "bad_value");
}

// ---- Sweeps -----------------------------------------------------------------------------------

static Answer sweep_page(World *world, const Instance *instance, const char *accounts,
                         const char *bounds) {
    const char *body = arena_printf(
        world->arena,
        "{\"admin_secret\":\"shop-admin\",\"host\":\"db.internal\",\"port\":5432,"
        "\"swept_at\":\"%s\",\"accounts\":[%s]%s}",
        timestamp_format(world_now_ms(world), (char[TIMESTAMP_SIZE]){0}), accounts, bounds);
    return world_signed(world, instance, "/v1/connector/accounts", body);
}

static Answer sweep(World *world, const Instance *instance, const char *accounts) {
    return sweep_page(world, instance, accounts, "");
}

static void a_grant_whose_account_is_gone_has_drifted(void **state) {
    WITH_WORLD(world);
    const char *id = world_active_grant(world);
    const char *target = arena_printf(world->arena, "/v1/grants/%s", id);
    Instance instance = world_enroll(world, "main");
    // Just made: the sweep may have begun before.
    assert_status(sweep(world, &instance, ""), 204);
    Answer young = world_as(world, "ann", "GET", target, NULL);
    assert_true(json_is_false(json_object_get(young.body, "drifted")));
    world_pass(world, 120 * SECOND_MS);
    Answer there = world_as(world, "ann", "GET", target, NULL);
    const char *account =
        arena_printf(world->arena, "{\"account\":\"%s\",\"grant_id\":\"%s\",\"can_login\":true}",
                     text_at(&there, "account"), id);
    assert_status(sweep(world, &instance, account), 204);
    Answer found = world_as(world, "ann", "GET", target, NULL);
    assert_true(json_is_false(json_object_get(found.body, "drifted")));
    assert_status(sweep(world, &instance, ""), 204);
    Answer gone = world_as(world, "ann", "GET", target, NULL);
    assert_true(json_is_true(json_object_get(gone.body, "drifted")));
    assert_string_equal(text_at(&gone, "state"), "active");
}

static void a_sweep_of_a_kind_that_is_not_known_is_refused(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    assert_status(sweep_page(world, &instance, "", ",\"target_kind\":\"redis\""), 204);
    Answer refused = sweep_page(world, &instance, "", ",\"target_kind\":\"teapot\"");
    assert_status(refused, 400);
    assert_non_null(strstr(text_at(&refused, "detail"), "teapot"));
}

static void a_page_of_a_sweep_says_nothing_of_accounts_beyond_it(void **state) {
    WITH_WORLD(world);
    const char *id = world_active_grant(world);
    const char *target = arena_printf(world->arena, "/v1/grants/%s", id);
    Instance instance = world_enroll(world, "main");
    world_pass(world, 120 * SECOND_MS);
    Answer there = world_as(world, "ann", "GET", target, NULL);
    const char *account = text_at(&there, "account");
    const char *others[] = {
        ",\"until\":\"temp\"",
        ",\"after\":\"tempz\"",
        arena_printf(world->arena, ",\"after\":\"%s\"", account),
        ",\"after\":\"a\",\"until\":\"b\"",
    };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_status(sweep_page(world, &instance, "", others[i]), 204);
        Answer spared = world_as(world, "ann", "GET", target, NULL);
        assert_true(json_is_false(json_object_get(spared.body, "drifted")));
    }
    const char *its = arena_printf(world->arena, ",\"after\":\"temp\",\"until\":\"%s\"", account);
    assert_status(sweep_page(world, &instance, "", its), 204);
    Answer gone = world_as(world, "ann", "GET", target, NULL);
    assert_true(json_is_true(json_object_get(gone.body, "drifted")));
}

static void a_removed_account_ends_its_grant(void **state) {
    WITH_WORLD(world);
    const char *id = world_active_grant(world);
    const char *target = arena_printf(world->arena, "/v1/grants/%s", id);
    Instance instance = world_enroll(world, "main");
    Answer there = world_as(world, "ann", "GET", target, NULL);
    world_pass(world, 3 * 3600 * SECOND_MS);
    const char *account =
        arena_printf(world->arena, "{\"account\":\"%s\",\"grant_id\":\"%s\",\"removed\":true}",
                     text_at(&there, "account"), id);
    assert_status(sweep(world, &instance, account), 204);
    Answer ended = world_as(world, "ann", "GET", target, NULL);
    assert_string_equal(text_at(&ended, "state"), "ended");
    assert_string_equal(text_at(&ended, "cause"), "expired");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_join_token_enrols_once),
        cmocka_unit_test(a_join_token_ends),
        cmocka_unit_test(enrolling_has_the_targets_looked_at),
        cmocka_unit_test(a_forged_request_is_refused),
        cmocka_unit_test(a_request_sent_again_is_refused),
        cmocka_unit_test(what_was_signed_before_the_start_is_refused),
        cmocka_unit_test(a_wrong_clock_neither_locks_out_nor_lets_replay),
        cmocka_unit_test(a_very_wrong_clock_does_not_lock_out),
        cmocka_unit_test(a_removed_instance_signs_nothing_any_more),
        cmocka_unit_test(a_connector_never_sees_anothers_work),
        cmocka_unit_test(a_connector_learns_what_may_be_asked_of_it_alone),
        cmocka_unit_test(a_report_on_anothers_work_is_refused_and_noted),
        cmocka_unit_test(a_connector_with_a_key_cannot_fill_the_trail),
        cmocka_unit_test(work_is_handed_out_signed_and_once),
        cmocka_unit_test(a_waiting_poll_gets_work_when_there_is_some),
        cmocka_unit_test(a_waiting_poll_of_a_removed_instance_gets_nothing),
        cmocka_unit_test(findings_are_shown_to_those_they_are_for),
        cmocka_unit_test(a_sweep_disproves_only_that_nobody_gets_in),
        cmocka_unit_test(findings_of_one_that_serves_it_no_more_are_nothing),
        cmocka_unit_test(findings_of_a_wrong_shape_are_refused),
        cmocka_unit_test(health_is_taken_of_ones_own_integrations_alone),
        cmocka_unit_test(what_a_connector_says_of_time_is_told_by_our_clock),
        cmocka_unit_test(connectors_are_shown_with_their_health),
        cmocka_unit_test(a_connector_that_is_needed_stays),
        cmocka_unit_test(a_grant_whose_account_is_gone_has_drifted),
        cmocka_unit_test(a_sweep_of_a_kind_that_is_not_known_is_refused),
        cmocka_unit_test(a_page_of_a_sweep_says_nothing_of_accounts_beyond_it),
        cmocka_unit_test(a_removed_account_ends_its_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
