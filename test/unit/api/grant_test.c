// Requests and grants: who sees what, who may do what, and that a credential is for one person.
#include "world.h"

#include <pthread.h>
#include <string.h>

static const char *path(World *world, const char *id, const char *rest) {
    return arena_printf(world->arena, "/v1/grants/%s%s", id, rest);
}

static Answer show(World *world, const char *who, const char *id) {
    return world_as(world, who, "GET", path(world, id, ""), NULL);
}

static void a_request_is_asked_decided_and_given(void **state) {
    WITH_WORLD(world);
    const char *id = world_request(world);
    Answer pending = show(world, "ann", id);
    assert_status(pending, 200);
    assert_string_equal(text_at(&pending, "state"), "pending");
    assert_string_equal(text_at(&pending, "needs"), "1 of group dba");
    assert_true(list_has(&pending, "waiting", "ben"));
    assert_true(list_has(&pending, "may", "cancel"));
    assert_false(list_has(&pending, "may", "approve"));
    assert_string_equal(text_at(&pending, "target"), "postgresql db.internal:5432/shop");
    assert_true(list_has(&pending, "access", "SELECT on app.orders"));
    Answer decided =
        world_as(world, "ben", "POST", path(world, id, "/approve"), "{\"note\":\"go ahead\"}");
    assert_status(decided, 200);
    assert_string_equal(text_at(&decided, "state"), "approved");
    Instance instance = world_enroll(world, "main");
    Action action = {0};
    assert_true(world_poll(world, &instance, &action));
    assert_int_equal(action.kind, ACTION_GRANT);
    assert_string_equal(action.grant_id, id);
    assert_string_equal(action.instance, instance.id);
    Answer granting = show(world, "ann", id);
    assert_string_equal(text_at(&granting, "state"), "granting");
    assert_status(world_report(world, &instance, &action), 204);
    Answer active = show(world, "ann", id);
    assert_string_equal(text_at(&active, "state"), "active");
    for (const char *const *what =
             (const char *const[]){"revoke", "extend", "reset", "credentials", NULL};
         *what != NULL; what++)
        assert_true(list_has(&active, "may", *what));
    assert_int_equal(json_array_size(json_object_get(active.body, "evidence")), 1);
    assert_int_equal(json_array_size(json_object_get(active.body, "decisions")), 1);
}

static void nobody_but_the_requester_gets_the_credential(void **state) {
    WITH_WORLD(world);
    const char *id = world_active_grant(world);
    Answer own = world_as(world, "ann", "GET", path(world, id, "/credentials"), NULL);
    assert_status(own, 200);
    assert_string_equal(text_at(&own, "sealed"), "c2VhbGVk");
    assert_true(world_has_event(world, "credentials.read", id));
    assert_problem(world_as(world, "admin", "GET", path(world, id, "/credentials"), NULL), 403,
                   "not_the_requester");
    assert_problem(world_as(world, "ben", "GET", path(world, id, "/credentials"), NULL), 403,
                   "not_the_requester");
    assert_problem(world_as(world, "auditor", "GET", path(world, id, "/credentials"), NULL), 403,
                   "auditor_changes_nothing");
    assert_problem(world_as(world, "eve", "GET", path(world, id, "/credentials"), NULL), 404,
                   "unknown_grant");
    // Nor by another way: no other answer has it.
    for (const char *const *who = (const char *const[]){"admin", "ben", "auditor", "ann", NULL};
         *who != NULL; who++) {
        assert_null(strstr(show(world, *who, id).text, "c2VhbGVk"));
        assert_null(
            strstr(world_as(world, *who, "GET", "/v1/grants?view=all", NULL).text, "c2VhbGVk"));
    }
    assert_null(
        strstr(world_as(world, "admin", "GET", "/v1/audit?limit=1000", NULL).text, "c2VhbGVk"));
}

static void there_is_no_credential_before_or_after(void **state) {
    WITH_WORLD(world);
    const char *id = world_request(world);
    assert_problem(world_as(world, "ann", "GET", path(world, id, "/credentials"), NULL), 409,
                   "wrong_state");
    const char *active = world_active_grant(world);
    assert_status(world_as(world, "ann", "POST", path(world, active, "/revoke"), NULL), 200);
    assert_problem(world_as(world, "ann", "GET", path(world, active, "/credentials"), NULL), 409,
                   "wrong_state");
}

static void others_requests_are_not_there(void **state) {
    WITH_WORLD(world);
    const char *id = world_request(world);
    assert_problem(show(world, "eve", id), 404, "unknown_grant");
    static const char *const VERBS[] = {"/approve", "/deny", "/cancel", "/revoke"};
    for (size_t i = 0; i < COUNT_OF(VERBS); i++)
        assert_problem(world_as(world, "eve", "POST", path(world, id, VERBS[i]), NULL), 404,
                       "unknown_grant");
    Answer all = world_as(world, "eve", "GET", "/v1/grants?view=all", NULL);
    assert_int_equal(count_of(&all), 0);
    // The same words as for one that really is not there.
    Answer hidden = show(world, "eve", id);
    Answer absent = show(world, "eve", "req_aaaaaaaaaaaaaaaa");
    assert_string_equal(text_at(&hidden, "detail"), text_at(&absent, "detail"));
    assert_status(show(world, "ben", id), 200);
    assert_status(show(world, "admin", id), 200);
    assert_status(show(world, "auditor", id), 200);
}

static void the_lists_show_what_is_meant(void **state) {
    WITH_WORLD(world);
    const char *id = world_request(world);
    world_request(world);
    Answer mine = world_as(world, "ann", "GET", "/v1/grants", NULL);
    assert_int_equal(count_of(&mine), 2);
    Answer none = world_as(world, "ben", "GET", "/v1/grants", NULL);
    assert_int_equal(count_of(&none), 0);
    Answer to_decide = world_as(world, "ben", "GET", "/v1/grants?view=to_decide", NULL);
    assert_int_equal(count_of(&to_decide), 2);
    Answer nothing = world_as(world, "ann", "GET", "/v1/grants?view=to_decide", NULL);
    assert_int_equal(count_of(&nothing), 0);
    // An auditor changes nothing, even where a group has them.
    Answer auditor = world_as(world, "auditor", "GET", "/v1/grants?view=to_decide", NULL);
    assert_int_equal(count_of(&auditor), 0);
    assert_status(world_as(world, "ben", "POST", path(world, id, "/deny"), NULL), 200);
    Answer left = world_as(world, "ben", "GET", "/v1/grants?view=to_decide", NULL);
    assert_int_equal(count_of(&left), 1);
    Answer rejected =
        world_as(world, "admin", "GET", "/v1/grants?view=all&state=rejected,failed", NULL);
    assert_int_equal(count_of(&rejected), 1);
    Answer other = world_as(world, "admin", "GET", "/v1/grants?view=all&flow=bank-read", NULL);
    assert_int_equal(count_of(&other), 0);
    Answer hers = world_as(world, "admin", "GET", "/v1/grants?view=all&requester=ann", NULL);
    assert_int_equal(count_of(&hers), 2);
}

static void lists_are_paged_by_cursor(void **state) {
    WITH_WORLD(world);
    for (int i = 0; i < 5; i++)
        world_request(world);
    size_t seen = 0;
    StringList ids = {0};
    const char *target = "/v1/grants?limit=2";
    for (int page = 0; target != NULL && page < 10; page++) {
        Answer answer = world_as(world, "ann", "GET", target, NULL);
        assert_status(answer, 200);
        seen += count_of(&answer);
        json_t *item;
        for (size_t index = 0;
             (item = json_array_get(json_object_get(answer.body, "items"), index)) != NULL;
             index++) {
            const char *id = json_string_value(json_object_get(item, "id"));
            assert_false(string_list_has(&ids, id));
            string_list_add(world->arena, &ids, id);
        }
        const char *next = text_at(&answer, "next");
        target =
            next != NULL ? arena_printf(world->arena, "/v1/grants?limit=2&cursor=%s", next) : NULL;
    }
    assert_int_equal(seen, 5);
    assert_int_equal(world_as(world, "ann", "GET", "/v1/grants?cursor=nonsense", NULL).status / 100,
                     4);
}

static void nobody_decides_their_own_request_nor_without_being_named(void **state) {
    WITH_WORLD(world);
    const char *id = world_request(world);
    assert_problem(world_as(world, "ann", "POST", path(world, id, "/approve"), NULL), 403,
                   "own_request");
    assert_problem(world_as(world, "admin", "POST", path(world, id, "/approve"), NULL), 403,
                   "not_an_approver");
    assert_problem(world_as(world, "auditor", "POST", path(world, id, "/approve"), NULL), 403,
                   "auditor_changes_nothing");
    assert_status(world_as(world, "ben", "POST", path(world, id, "/approve"), NULL), 200);
    assert_problem(world_as(world, "bea", "POST", path(world, id, "/approve"), NULL), 409,
                   "wrong_state");
}

static void only_the_requester_cancels_extends_and_resets(void **state) {
    WITH_WORLD(world);
    const char *pending = world_request(world);
    const char *active = world_active_grant(world);
    const char *reset =
        arena_printf(world->arena, "{\"public_key\":\"%s\"}", world_public_key(world));
    for (const char *const *who = (const char *const[]){"ben", "admin", NULL}; *who != NULL;
         who++) {
        assert_problem(world_as(world, *who, "POST", path(world, pending, "/cancel"), NULL), 403,
                       "not_the_requester");
        assert_problem(world_as(world, *who, "POST", path(world, active, "/extend"),
                                "{\"duration\":\"1h\",\"reason\":\"more\"}"),
                       403, "not_the_requester");
        assert_problem(world_as(world, *who, "POST", path(world, active, "/reset"), reset), 403,
                       "not_the_requester");
    }
    assert_status(world_as(world, "ann", "POST", path(world, pending, "/cancel"), NULL), 200);
    Answer extended = world_as(world, "ann", "POST", path(world, active, "/extend"),
                               "{\"duration\":\"1h\",\"reason\":\"more\"}");
    assert_status(extended, 200);
    assert_string_equal(text_at(&extended, "extension_state"), "pending");
    assert_status(world_as(world, "ann", "POST", path(world, active, "/reset"), reset), 200);
    assert_problem(
        world_as(world, "ann", "POST", path(world, active, "/reset"), "{\"public_key\":\"AAAA\"}"),
        400, "bad_public_key");
}

static void requester_approver_and_administrator_revoke(void **state) {
    WITH_WORLD(world);
    for (const char *const *who = (const char *const[]){"ann", "ben", "admin", NULL}; *who != NULL;
         who++) {
        const char *id = world_active_grant(world);
        assert_problem(world_as(world, "eve", "POST", path(world, id, "/revoke"), NULL), 404,
                       "unknown_grant");
        assert_problem(world_as(world, "auditor", "POST", path(world, id, "/revoke"), NULL), 403,
                       "auditor_changes_nothing");
        Answer revoked =
            world_as(world, *who, "POST", path(world, id, "/revoke"), "{\"note\":\"enough\"}");
        assert_status(revoked, 200);
        assert_string_equal(text_at(&revoked, "state"), "revoking");
        assert_string_equal(text_at(&revoked, "ended_by"), *who);
    }
}

static void an_administrator_does_not_get_access_by_being_one(void **state) {
    WITH_WORLD(world);
    const char *body = arena_printf(world->arena, "{\"flow\":\"bank-read\",\"public_key\":\"%s\"}",
                                    world_public_key(world));
    assert_problem(world_as(world, "admin", "POST", "/v1/grants", body), 403, "not_a_requester");
    assert_problem(world_as(world, "ann", "POST", "/v1/grants", body), 403, "not_a_requester");
    Answer automatic = world_as(world, "ben", "POST", "/v1/grants", body);
    assert_status(automatic, 201);
    assert_string_equal(text_at(&automatic, "state"), "approved");
}

static Answer ask_with_key(World *world, const char *key, const char *body) {
    return world_call_raw(
        world, &(RawCall){.method = "POST",
                          .target = "/v1/grants",
                          .token = world_session(world, "ann"),
                          .body = body,
                          .length = strlen(body),
                          .headers = {arena_printf(world->arena, "Idempotency-Key: %s", key)}});
}

static void a_retry_asks_once(void **state) {
    WITH_WORLD(world);
    const char *key = world_public_key(world);
    const char *body = arena_printf(
        world->arena, "{\"flow\":\"shop-read\",\"reason\":\"x\",\"public_key\":\"%s\"}", key);
    Answer first = ask_with_key(world, "once", body);
    assert_status(first, 201);
    Answer again = ask_with_key(world, "once", body);
    assert_status(again, 201);
    assert_string_equal(text_at(&first, "id"), text_at(&again, "id"));
    const char *other = arena_printf(
        world->arena, "{\"flow\":\"shop-read\",\"reason\":\"y\",\"public_key\":\"%s\"}", key);
    assert_problem(ask_with_key(world, "once", other), 409, "idempotency_mismatch");
    char longest[200] = {0};
    memset(longest, 'k', sizeof(longest) - 1);
    assert_problem(ask_with_key(world, longest, body), 400, "bad_idempotency_key");
}

// ---- Waiting ----------------------------------------------------------------------------------

typedef struct Waiter {
    World *world;
    const char *token, *target;
    char state[32];
} Waiter;

// With a client of its own: a client is one thread's.
static void *wait_for_change(void *argument) {
    Waiter *waiter = argument;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(http_client_freep) HttpClient *client = NULL;
    CLEANUP(secret_freep) Secret *bearer = secret_new(waiter->token, strlen(waiter->token));
    HttpClientOptions options = {.base_url = waiter->world->url,
                                 .user_agent = "test",
                                 .connect_timeout_ms = 10000,
                                 .max_body_bytes = 1 << 20};
    HttpCall call = {
        .method = "GET", .target = waiter->target, .bearer = bearer, .timeout_ms = 60000};
    HttpReply reply = {0};
    Error error = {0};
    json_t *body = NULL;
    if (http_client_new(&options, &client, &error) == STATUS_OK &&
        http_client_call(client, arena, &call, &reply, &error) == STATUS_OK &&
        json_read(arena, reply.body, reply.length, &body, &error) == STATUS_OK)
        snprintf(waiter->state, sizeof(waiter->state), "%s",
                 json_string_value(json_object_get(body, "state")));
    return NULL;
}

static void waiting_ends_with_the_change(void **state) {
    WITH_WORLD(world);
    const char *id = world_request(world);
    Answer now = show(world, "ann", id);
    Waiter waiter = {
        .world = world,
        .token = world_session(world, "ann"),
        .target = arena_printf(world->arena, "/v1/grants/%s?wait_s=30&version=%lld", id,
                               (long long)int_at(&now, "version")),
    };
    int64_t began_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_change, &waiter), 0);
    while (http_server_parked(world->server) == 0)
        sched_yield();
    assert_status(world_as(world, "ben", "POST", path(world, id, "/approve"), NULL), 200);
    pthread_join(thread, NULL);
    assert_string_equal(waiter.state, "approved");
    assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) - began_ms < 20000);
}

static void waiting_for_a_version_that_has_passed_ends_at_once(void **state) {
    WITH_WORLD(world);
    const char *id = world_request(world);
    Answer answer =
        world_as(world, "ann", "GET", path(world, id, "?wait_s=30&version=999999"), NULL);
    assert_status(answer, 200);
}

static void waiting_ends_with_its_time(void **state) {
    WITH_WORLD(world);
    const char *id = world_request(world);
    Answer now = show(world, "ann", id);
    int64_t version = int_at(&now, "version");
    Answer answer = world_as(
        world, "ann", "GET",
        arena_printf(world->arena, "/v1/grants/%s?wait_s=1&version=%lld", id, (long long)version),
        NULL);
    assert_status(answer, 200);
    assert_int_equal(int_at(&answer, "version"), version);
}

// ---- Flows ------------------------------------------------------------------------------------

static void flows_are_shown_to_those_who_have_part_in_them(void **state) {
    WITH_WORLD(world);
    Answer anns = world_as(world, "ann", "GET", "/v1/flows", NULL);
    assert_int_equal(count_of(&anns), 1);
    Answer bens = world_as(world, "ben", "GET", "/v1/flows", NULL);
    assert_int_equal(count_of(&bens), 2);
    Answer eves = world_as(world, "eve", "GET", "/v1/flows", NULL);
    assert_int_equal(count_of(&eves), 0);
    assert_problem(world_as(world, "ann", "GET", "/v1/flows?all=true", NULL), 403, "role_missing");
    Answer all = world_as(world, "auditor", "GET", "/v1/flows?all=true", NULL);
    assert_int_equal(count_of(&all), 2);
    assert_problem(world_as(world, "ann", "GET", "/v1/flows/bank-read", NULL), 404, "unknown_flow");
    Answer flow = world_as(world, "ann", "GET", "/v1/flows/shop-read", NULL);
    assert_string_equal(text_at(&flow, "default"), "1h");
    assert_string_equal(text_at(&flow, "max"), "8h");
    assert_true(list_has(&flow, "approval", "1 of group dba"));
    assert_true(json_is_true(json_object_get(flow.body, "may_request")));
    Answer auditors = world_as(world, "auditor", "GET", "/v1/flows/shop-read", NULL);
    assert_true(json_is_false(json_object_get(auditors.body, "may_request")));
}

// ---- Overdue ----------------------------------------------------------------------------------

static bool is_listed(World *world, const char *principal, const char *query, const char *id) {
    Answer list =
        world_as(world, principal, "GET", arena_printf(world->arena, "/v1/overdue%s", query), NULL);
    assert_status(list, 200);
    json_t *items = json_object_get(list.body, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *grant = json_object_get(json_array_get(items, i), "grant");
        if (text_equal(json_string_value(grant), id))
            return true;
    }
    return false;
}

static void what_is_overdue_is_shown_to_its_requester_and_reviewers(void **state) {
    WITH_WORLD(world);
    const char *id = world_active_grant(world);
    assert_status(world_as(world, "ann", "POST", path(world, id, "/revoke"), NULL), 200);
    assert_false(is_listed(world, "ann", "", id));
    world_pass(world, 61 * SECOND_MS);
    for (const char *const *who = (const char *const[]){"ann", "auditor", "admin", NULL};
         *who != NULL; who++) {
        assert_true(is_listed(world, *who, "", id));
        assert_true(is_listed(world, *who, "?older_than=1m", id));
        assert_false(is_listed(world, *who, "?older_than=5m", id));
        Answer shown = show(world, *who, id);
        assert_true(json_is_true(json_object_get(shown.body, "overdue")));
        assert_non_null(text_at(&shown, "overdue_since"));
    }
    // Who may decide it sees the grant, not the list; nobody else sees either.
    assert_false(is_listed(world, "ben", "", id));
    assert_false(is_listed(world, "eve", "", id));
    assert_problem(world_as(world, "ann", "GET", "/v1/overdue?cursor=act_none", NULL), 400,
                   "bad_cursor");
    assert_problem(world_as(world, "ann", "GET", "/v1/overdue?older_than=soon", NULL), 400,
                   "bad_parameter");
}

static void only_an_administrator_writes_off_and_says_why(void **state) {
    WITH_WORLD(world);
    static const char REASON[] = "{\"reason\":\"the server is gone\"}";
    const char *id = world_active_grant(world);
    assert_status(world_as(world, "ann", "POST", path(world, id, "/revoke"), NULL), 200);
    assert_problem(world_as(world, "admin", "POST", path(world, id, "/write-off"), REASON), 409,
                   "wrong_state");
    world_pass(world, 24 * 3600 * SECOND_MS);
    for (const char *const *who = (const char *const[]){"ann", "ben", "eve", "auditor", NULL};
         *who != NULL; who++)
        assert_status(world_as(world, *who, "POST", path(world, id, "/write-off"), REASON), 403);
    assert_problem(world_as(world, "admin", "POST", path(world, id, "/write-off"), "{}"), 400,
                   "missing_field");
    Answer ended = world_as(world, "admin", "POST", path(world, id, "/write-off"), REASON);
    assert_status(ended, 200);
    assert_string_equal(text_at(&ended, "state"), "ended");
    assert_string_equal(text_at(&ended, "cause"), "written_off");
    assert_string_equal(text_at(&ended, "ended_by"), "admin");
    assert_string_equal(text_at(&ended, "note"), "the server is gone");
    assert_false(is_listed(world, "admin", "", id));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_asked_decided_and_given),
        cmocka_unit_test(nobody_but_the_requester_gets_the_credential),
        cmocka_unit_test(there_is_no_credential_before_or_after),
        cmocka_unit_test(others_requests_are_not_there),
        cmocka_unit_test(the_lists_show_what_is_meant),
        cmocka_unit_test(lists_are_paged_by_cursor),
        cmocka_unit_test(nobody_decides_their_own_request_nor_without_being_named),
        cmocka_unit_test(only_the_requester_cancels_extends_and_resets),
        cmocka_unit_test(requester_approver_and_administrator_revoke),
        cmocka_unit_test(an_administrator_does_not_get_access_by_being_one),
        cmocka_unit_test(a_retry_asks_once),
        cmocka_unit_test(waiting_ends_with_the_change),
        cmocka_unit_test(waiting_for_a_version_that_has_passed_ends_at_once),
        cmocka_unit_test(waiting_ends_with_its_time),
        cmocka_unit_test(flows_are_shown_to_those_who_have_part_in_them),
        cmocka_unit_test(only_an_administrator_writes_off_and_says_why),
        cmocka_unit_test(what_is_overdue_is_shown_to_its_requester_and_reviewers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
