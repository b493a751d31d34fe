// How much one caller may ask, and that the others are served meanwhile.
#include "world.h"

#include "api/rate_limiter.h"

#include <pthread.h>
#include <string.h>

// The share of the minute that comes back while a test runs is less than one call.
enum { FEW = 10 };

static Answer whoami(World *world, const char *token) {
    return world_call(world, token, "GET", "/v1/whoami", NULL);
}

static void assert_limited(Answer answer) {
    assert_problem(answer, 429, "too_many_calls");
    assert_non_null(answer.retry_after);
    assert_true(strtol(answer.retry_after, NULL, 10) >= 1);
}

static void calls_of_one_token_are_limited(void **state) {
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.limits = {.calls_per_token = FEW}});
    const char *flooding = world_session(world, "ann"), *other = world_session(world, "ann");
    for (int i = 0; i < FEW; i++)
        assert_status(whoami(world, flooding), 200);
    assert_limited(whoami(world, flooding));
    assert_status(whoami(world, other), 200);
}

static void calls_of_one_principal_are_limited_whatever_the_token(void **state) {
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.limits = {.calls_per_principal = FEW}});
    for (int i = 0; i < FEW; i++)
        assert_status(whoami(world, world_session(world, "ann")), 200);
    assert_limited(whoami(world, world_session(world, "ann")));
    assert_status(whoami(world, world_session(world, "ben")), 200);
}

static void changes_are_limited_more_narrowly_than_calls(void **state) {
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.limits = {.changes_per_principal = FEW}});
    const char *token = world_session(world, "ann");
    for (int i = 0; i < FEW; i++)
        assert_status(world_call(world, token, "POST", "/v1/grants", "{}"), 400);
    assert_limited(world_call(world, token, "POST", "/v1/grants", "{}"));
    assert_status(whoami(world, token), 200);
    assert_status(world_as(world, "ben", "POST", "/v1/grants", "{}"), 400);
}

// What a token may not do is counted as its calls, not as a stranger's.
static void calls_that_are_denied_count_for_their_token(void **state) {
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.limits = {.calls_per_token = FEW}});
    const char *token = world_session(world, "ann");
    for (int i = 0; i < FEW; i++)
        assert_problem(world_call(world, token, "GET", "/v1/audit", NULL), 403, "role_missing");
    assert_limited(world_call(world, token, "GET", "/v1/audit", NULL));
    assert_problem(whoami(world, "dps_made_up"), 401, "bad_token");
}

static void strangers_are_limited_by_their_address(void **state) {
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.limits = {.calls_per_address = FEW}});
    const char *known = world_session(world, "ann");
    static const char *const TOKENS[] = {NULL, "dps_made_up"};
    for (int i = 0; i < FEW; i++)
        assert_status(whoami(world, TOKENS[i % 2]), 401);
    assert_limited(whoami(world, NULL));
    assert_limited(whoami(world, "dps_made_up"));
    assert_limited(world_call(world, "dpj_made_up", "POST", "/v1/connector/enroll", "{}"));
    assert_limited(world_call(world, NULL, "POST", "/v1/sessions",
                              "{\"principal\":\"ann\",\"password\":\"x\"}"));
    assert_limited(world_call(world, NULL, "POST", "/v1/connector/poll", "{}"));
    assert_status(whoami(world, known), 200);
    // What watches the service is not kept out by them, and has a limit of its own.
    for (int i = 0; i < FEW; i++)
        assert_status(world_call(world, NULL, "GET", "/healthz", NULL), 200);
    assert_limited(world_call(world, NULL, "GET", "/readyz", NULL));
}

static void calls_of_one_instance_are_limited(void **state) {
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.limits = {.calls_per_instance = FEW}});
    Instance flooding = world_enroll(world, "main"), other = world_enroll(world, "main");
    for (int i = 0; i < FEW; i++)
        assert_status(
            world_signed(world, &flooding, "/v1/connector/poll", "{\"capacity\":0,\"wait_s\":0}"),
            200);
    assert_limited(
        world_signed(world, &flooding, "/v1/connector/poll", "{\"capacity\":0,\"wait_s\":0}"));
    assert_status(
        world_signed(world, &other, "/v1/connector/poll", "{\"capacity\":0,\"wait_s\":0}"), 200);
}

// Sixty a minute: within the second that it waits its turn has come.
static void who_is_a_little_too_quick_waits_for_its_turn(void **state) {
    enum { EACH_SECOND = 60 };
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.limits = {.calls_per_token = EACH_SECOND}});
    const char *token = world_session(world, "ann");
    for (int i = 0; i < EACH_SECOND + 2; i++)
        assert_status(whoami(world, token), 200);
}

// ---- Waiting ------------------------------------------------------------------------------------

typedef struct Wait {
    World *world;
    const char *token;
    const char *target;
    int status;
} Wait;

static void *wait_for_change(void *argument) {
    Wait *wait = argument;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(http_client_freep) HttpClient *client = NULL;
    CLEANUP(secret_freep) Secret *bearer = secret_new(wait->token, strlen(wait->token));
    HttpClientOptions options = {.base_url = wait->world->url,
                                 .user_agent = "test",
                                 .connect_timeout_ms = 10000,
                                 .max_body_bytes = 1 << 20};
    HttpCall call = {
        .method = "GET", .target = wait->target, .bearer = bearer, .timeout_ms = 60000};
    HttpReply reply = {0};
    Error error = {0};
    if (http_client_new(&options, &client, &error) == STATUS_OK &&
        http_client_call(client, arena, &call, &reply, &error) == STATUS_OK)
        wait->status = reply.status;
    return NULL;
}

static void await_parked(const World *world, size_t count) {
    while (http_server_parked(world->server) != count)
        sched_yield();
}

static void of_one_principal_only_so_many_calls_wait(void **state) {
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.limits = {.waiting_per_caller = 1}});
    const char *id = world_request(world);
    const char *token = world_session(world, "ann"), *approver = world_session(world, "ben");
    const char *target = arena_printf(world->arena, "/v1/grants/%s?wait_s=30&version=1", id);
    Wait first = {.world = world, .token = token, .target = target};
    Wait other = {.world = world, .token = approver, .target = target};
    pthread_t threads[2];
    assert_int_equal(pthread_create(&threads[0], NULL, wait_for_change, &first), 0);
    await_parked(world, 1);
    Answer refused = world_call(world, token, "GET", target, NULL);
    assert_problem(refused, 429, "too_many_waiting");
    assert_non_null(refused.retry_after);
    assert_status(
        world_call(world, token, "GET", arena_printf(world->arena, "/v1/grants/%s", id), NULL),
        200);
    assert_int_equal(pthread_create(&threads[1], NULL, wait_for_change, &other), 0);
    await_parked(world, 2);
    assert_status(world_call(world, token, "POST",
                             arena_printf(world->arena, "/v1/grants/%s/cancel", id), NULL),
                  200);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(first.status, 200);
    assert_int_equal(other.status, 200);
    // Who waited does not count any more.
    target = arena_printf(world->arena, "/v1/grants/%s?wait_s=1&version=2", id);
    assert_status(world_call(world, token, "GET", target, NULL), 200);
}

// They wait for what the connector finds and removes, and count like those for a grant.
static void calls_that_wait_for_an_orphan_count_too(void **state) {
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.limits = {.waiting_per_caller = 1}});
    Instance instance = world_enroll(world, "main");
    static const char SWEEP[] =
        "{\"admin_secret\":\"shop-admin\",\"host\":\"db.internal\",\"port\":5432,"
        "\"accounts\":[{\"account\":\"v-x\",\"leftover\":\"its name\"}]}";
    assert_status(world_signed(world, &instance, "/v1/connector/accounts", SWEEP), 204);
    const char *token = world_session(world, "auditor");
    Answer list = world_call(world, token, "GET", "/v1/orphans", NULL);
    const json_t *orphan = json_array_get(json_object_get(list.body, "items"), 0);
    const char *id = json_string_value(json_object_get(orphan, "id"));
    assert_non_null(id);
    const char *target = arena_printf(world->arena, "/v1/orphans/%s?wait_s=2&version=1", id);
    Wait first = {.world = world, .token = token, .target = target};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_change, &first), 0);
    await_parked(world, 1);
    assert_problem(world_call(world, token, "GET", target, NULL), 429, "too_many_waiting");
    pthread_join(thread, NULL);
    assert_int_equal(first.status, 200);
}

static void of_one_instance_only_so_many_polls_wait(void **state) {
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.limits = {.waiting_per_caller = 1}});
    Instance instance = world_enroll(world, "main");
    for (Action action; world_poll(world, &instance, &action);)
        assert_status(world_report(world, &instance, &action), 204);
    static const char POLL[] = "{\"capacity\":1,\"wait_s\":1}";
    assert_status(world_signed(world, &instance, "/v1/connector/poll", POLL), 200);
    assert_status(world_signed(world, &instance, "/v1/connector/poll", POLL), 200);
}

// ---- The table behind it ------------------------------------------------------------------------

// As many names as an attacker likes: what is kept of them is of fixed size, and those who call
// again soon are still known.
static void names_without_number_do_not_lift_a_limit(void **state) {
    enum { NAMES = 100000, AGAIN_EVERY = 100 };
    CLEANUP(rate_limiter_freep) RateLimiter *limiter = rate_limiter_new(&SYSTEM_CLOCK, 1);
    int64_t retry_after_s = 0;
    assert_true(rate_limiter_take(limiter, "ann", &retry_after_s));
    for (int i = 0; i < NAMES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", i);
        assert_true(rate_limiter_take(limiter, name, &retry_after_s));
        if (i % AGAIN_EVERY == 0)
            assert_false(rate_limiter_take(limiter, "ann", &retry_after_s));
    }
    assert_in_range(retry_after_s, 1, 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_one_token_are_limited),
        cmocka_unit_test(calls_of_one_principal_are_limited_whatever_the_token),
        cmocka_unit_test(changes_are_limited_more_narrowly_than_calls),
        cmocka_unit_test(calls_that_are_denied_count_for_their_token),
        cmocka_unit_test(strangers_are_limited_by_their_address),
        cmocka_unit_test(calls_of_one_instance_are_limited),
        cmocka_unit_test(who_is_a_little_too_quick_waits_for_its_turn),
        cmocka_unit_test(of_one_principal_only_so_many_calls_wait),
        cmocka_unit_test(calls_that_wait_for_an_orphan_count_too),
        cmocka_unit_test(of_one_instance_only_so_many_polls_wait),
        cmocka_unit_test(names_without_number_do_not_lift_a_limit),
    };
    return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
