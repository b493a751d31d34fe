// Signing in: passwords, invitations, tokens; what is counted, limited and noted.
#include "world.h"

#include "base/id.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static Answer sign_in(World *world, const char *principal, const char *password) {
    return world_call(world, NULL, "POST", "/v1/sessions",
                      arena_printf(world->arena, "{\"principal\":\"%s\",\"password\":\"%s\"}",
                                   principal, password));
}

static Answer accept(World *world, const char *invitation, const char *principal) {
    return world_call(world, NULL, "POST", "/v1/sessions/invitation",
                      arena_printf(world->arena,
                                   "{\"invitation\":\"%s\",\"principal\":\"%s\","
                                   "\"new_password\":\"%s\"}",
                                   invitation, principal, PASSWORD));
}

static const char *invite(World *world, const char *principal) {
    Answer answer =
        world_as(world, "admin", "POST",
                 arena_printf(world->arena, "/v1/principals/%s/invitation", principal), NULL);
    assert_status(answer, 201);
    return text_at(&answer, "invitation");
}

static void a_password_opens_a_session_that_can_be_ended(void **state) {
    WITH_WORLD(world);
    Answer answer = sign_in(world, "ann", PASSWORD);
    assert_status(answer, 201);
    assert_string_equal(text_at(&answer, "role"), "member");
    const char *token = text_at(&answer, "token");
    assert_int_equal(strncmp(token, "dps_", 4), 0);
    Answer who = world_call(world, token, "GET", "/v1/whoami", NULL);
    assert_string_equal(text_at(&who, "principal"), "ann");
    assert_string_equal(text_at(&who, "token_kind"), "session");
    assert_true(list_has(&who, "groups", "backend"));
    assert_true(list_has(&who, "scopes", "configure"));
    assert_true(world_has_event(world, "sign_in.succeeded", NULL));
    assert_status(world_call(world, token, "DELETE", "/v1/sessions/current", NULL), 204);
    assert_problem(world_call(world, token, "GET", "/v1/whoami", NULL), 401, "bad_token");
}

static void a_session_ends_after_twelve_hours(void **state) {
    WITH_WORLD(world);
    Answer answer = sign_in(world, "ann", PASSWORD);
    const char *token = text_at(&answer, "token");
    world_pass(world, 12 * 3600 * SECOND_MS - 60 * SECOND_MS);
    assert_status(world_call(world, token, "GET", "/v1/whoami", NULL), 200);
    world_pass(world, 61 * SECOND_MS);
    assert_problem(world_call(world, token, "GET", "/v1/whoami", NULL), 401, "token_expired");
}

static void failing_to_sign_in_is_noted_and_tells_nothing(void **state) {
    WITH_WORLD(world);
    Answer wrong = sign_in(world, "ann", "not this one");
    assert_problem(wrong, 401, "bad_credentials");
    assert_true(world_has_event(world, "sign_in.failed", NULL));
    assert_problem(sign_in(world, "no name at all", PASSWORD), 400, "bad_value");
    assert_problem(sign_in(world, "a\\u0007", PASSWORD), 400, "bad_value");
    Answer raw = world_call_raw(world, &(RawCall){.method = "GET", .target = "/v1/whoami"});
    assert_problem(raw, 401, "not_signed_in");
}

static void a_disabled_principal_does_not_sign_in(void **state) {
    WITH_WORLD(world);
    assert_status(
        world_as(world, "admin", "POST", "/v1/principals/ann", "{\"status\":\"disabled\"}"), 200);
    assert_problem(sign_in(world, "ann", PASSWORD), 401, "principal_disabled");
    assert_true(world_has_event(world, "sign_in.failed", NULL));
    assert_problem(world_as(world, "admin", "POST", "/v1/principals/ann/invitation", NULL), 409,
                   "principal_disabled");
}

static void failures_are_limited_for_each_principal(void **state) {
    CLEANUP(world_closep) World *world = world_open((WorldOptions){.sign_ins_per_principal = 3});
    for (int i = 0; i < 3; i++)
        assert_problem(sign_in(world, "ann", "wrong"), 401, "bad_credentials");
    Answer limited = sign_in(world, "ann", PASSWORD);
    assert_problem(limited, 429, "too_many_sign_ins");
    assert_non_null(limited.retry_after);
    assert_true(strtol(limited.retry_after, NULL, 10) >= 1);
    assert_status(sign_in(world, "ben", PASSWORD), 201);
}

static void failures_are_limited_for_each_address(void **state) {
    CLEANUP(world_closep) World *world = world_open((WorldOptions){.sign_ins_per_address = 3});
    assert_problem(sign_in(world, "ann", "wrong"), 401, "bad_credentials");
    assert_problem(sign_in(world, "ben", "wrong"), 401, "bad_credentials");
    assert_problem(accept(world, "dpi_made_up", "eve"), 401, "bad_invitation");
    assert_problem(sign_in(world, "bea", PASSWORD), 429, "too_many_sign_ins");
}

static void signing_in_well_is_never_limited(void **state) {
    CLEANUP(world_closep)
    World *world =
        world_open((WorldOptions){.sign_ins_per_principal = 2, .sign_ins_per_address = 2});
    for (int i = 0; i < 6; i++)
        assert_status(sign_in(world, "ann", PASSWORD), 201);
}

typedef struct SignIn {
    World *world;
    int status;
} SignIn;

static void *sign_in_meanwhile(void *argument) {
    SignIn *call = argument;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(http_client_freep) HttpClient *client = NULL;
    HttpClientOptions options = {.base_url = call->world->url,
                                 .user_agent = "test",
                                 .connect_timeout_ms = 10000,
                                 .max_body_bytes = 1 << 20};
    const char *body = arena_printf(arena, "{\"principal\":\"ben\",\"password\":\"%s\"}", PASSWORD);
    HttpCall http = {.method = "POST",
                     .target = "/v1/sessions",
                     .body = body,
                     .body_length = strlen(body),
                     .timeout_ms = 60000};
    HttpReply reply = {0};
    Error error = {0};
    if (http_client_new(&options, &client, &error) == STATUS_OK &&
        http_client_call(client, arena, &http, &reply, &error) == STATUS_OK)
        call->status = reply.status;
    return NULL;
}

static void who_comes_while_all_places_are_taken_waits_for_one(void **state) {
    WITH_WORLD(world);
    atomic_store(&world->authenticator_is_busy, true);
    SignIn call = {.world = world};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, sign_in_meanwhile, &call), 0);
    while (http_server_parked(world->server) == 0)
        sched_yield();
    atomic_store(&world->authenticator_is_busy, false);
    assert_status(sign_in(world, "ann", PASSWORD), 201); // whoever is done lets the next one in
    pthread_join(thread, NULL);
    assert_int_equal(call.status, 201);
}

// ---- Invitations ------------------------------------------------------------------------------

static void an_invitation_is_good_for_one_person_once(void **state) {
    WITH_WORLD(world);
    const char *invitation = invite(world, "ann");
    assert_problem(accept(world, invitation, "ben"), 401, "bad_invitation");
    Answer answer = accept(world, invitation, "ann");
    assert_status(answer, 201);
    assert_status(world_call(world, text_at(&answer, "token"), "GET", "/v1/whoami", NULL), 200);
    assert_problem(accept(world, invitation, "ann"), 401, "bad_invitation");
    assert_int_equal(atomic_load(&world->bootstrapped), 0);
}

static void an_invitation_ends_after_seven_days(void **state) {
    WITH_WORLD(world);
    const char *invitation = invite(world, "ann");
    world_pass(world, 7LL * 24 * 3600 * SECOND_MS + SECOND_MS);
    assert_problem(accept(world, invitation, "ann"), 401, "bad_invitation");
}

static void other_tokens_are_no_invitations(void **state) {
    WITH_WORLD(world);
    assert_problem(accept(world, world_session(world, "ann"), "ann"), 401, "bad_invitation");
    assert_problem(accept(world, world_token(world, "ann", TOKEN_JOIN, NULL), "ann"), 401,
                   "bad_invitation");
}

static void the_first_administrator_is_told_of(void **state) {
    WITH_WORLD(world);
    const char *text = token_new(world->arena, "dpi");
    const Token token = {.id = id_new(world->arena, "tok"),
                         .hash = token_hash(world->arena, text),
                         .kind = TOKEN_INVITATION,
                         .subject = "",
                         .created_at = world_now_ms(world),
                         .expires_at = world_now_ms(world) + 60 * SECOND_MS};
    Error error = {0};
    assert_int_equal(store_add_token(world->store, &ACTOR_SYSTEM, &token, &error), STATUS_OK);
    Answer answer = accept(world, text, "root@example.com");
    assert_status(answer, 201);
    assert_string_equal(text_at(&answer, "role"), "administrator");
    assert_int_equal(atomic_load(&world->bootstrapped), 1);
}

static void a_short_password_is_refused(void **state) {
    WITH_WORLD(world);
    const char *body = arena_printf(world->arena,
                                    "{\"invitation\":\"%s\",\"principal\":\"ann\","
                                    "\"new_password\":\"elevenchars\"}",
                                    invite(world, "ann"));
    Answer answer = world_call(world, NULL, "POST", "/v1/sessions/invitation", body);
    assert_problem(answer, 400, "bad_value");
    assert_string_equal(text_at(&answer, "pointer"), "/new_password");
    assert_null(strstr(answer.text, "elevenchars"));
}

// ---- Tokens -----------------------------------------------------------------------------------

static Answer create_token(World *world, const char *who, const char *scopes,
                           const char *duration) {
    return world_as(world, who, "POST", "/v1/tokens",
                    arena_printf(world->arena,
                                 "{\"label\":\"ci\",\"duration\":\"%s\",\"scopes\":[%s]}", duration,
                                 scopes));
}

static void a_personal_token_does_what_its_scopes_say_until_it_ends(void **state) {
    WITH_WORLD(world);
    Answer created = create_token(world, "ann", "\"read\",\"read\"", "1d");
    assert_status(created, 201);
    const char *token = text_at(&created, "token");
    assert_int_equal(strncmp(token, "dpp_", 4), 0);
    assert_int_equal(json_array_size(json_object_get(created.body, "scopes")), 1);
    assert_status(world_call(world, token, "GET", "/v1/grants", NULL), 200);
    assert_problem(world_call(world, token, "POST", "/v1/grants", "{}"), 403, "scope_missing");
    assert_problem(world_call(world, token, "POST", "/v1/tokens", "{}"), 403, "session_required");
    world_pass(world, 25LL * 3600 * SECOND_MS);
    assert_problem(world_call(world, token, "GET", "/v1/grants", NULL), 401, "token_expired");
}

static void a_token_of_more_than_a_year_or_of_unknown_scope_is_refused(void **state) {
    WITH_WORLD(world);
    assert_problem(create_token(world, "ann", "\"read\"", "367d"), 400, "bad_value");
    assert_problem(create_token(world, "ann", "\"everything\"", "1d"), 400, "bad_value");
    assert_problem(create_token(world, "ann", "", "1d"), 400, "bad_value");
    assert_status(create_token(world, "ann", "\"read\"", "366d"), 201);
}

static void tokens_are_listed_without_their_text(void **state) {
    WITH_WORLD(world);
    Answer created = create_token(world, "ann", "\"read\"", "1d");
    const char *token = text_at(&created, "token");
    Answer own = world_as(world, "ann", "GET", "/v1/tokens", NULL);
    assert_int_equal(count_of(&own), 3); // and the two sessions that asked
    assert_null(strstr(own.text, token));
    assert_null(strstr(own.text, token_hash(world->arena, token)));
    Answer bens = world_as(world, "ben", "GET", "/v1/tokens", NULL);
    assert_null(strstr(bens.text, text_at(&created, "id")));
    assert_problem(world_as(world, "ben", "GET", "/v1/tokens?principal=ann", NULL), 403,
                   "role_missing");
    assert_problem(world_as(world, "ben", "GET", "/v1/tokens?all=true", NULL), 403, "role_missing");
    Answer hers = world_as(world, "admin", "GET", "/v1/tokens?principal=ann", NULL);
    assert_non_null(strstr(hers.text, text_at(&created, "id")));
    Answer all = world_as(world, "auditor", "GET", "/v1/tokens?all=true", NULL);
    assert_non_null(strstr(all.text, text_at(&created, "id")));
}

static void a_token_is_ended_by_its_owner_or_an_administrator(void **state) {
    WITH_WORLD(world);
    for (const char *const *who = (const char *const[]){"ann", "admin", NULL}; *who != NULL;
         who++) {
        Answer created = create_token(world, "ann", "\"read\"", "1d");
        const char *target = arena_printf(world->arena, "/v1/tokens/%s", text_at(&created, "id"));
        assert_problem(world_as(world, "ben", "DELETE", target, NULL), 404, "unknown_token");
        assert_problem(world_as(world, "auditor", "DELETE", target, NULL), 404, "unknown_token");
        assert_status(world_as(world, *who, "DELETE", target, NULL), 204);
        assert_problem(world_call(world, text_at(&created, "token"), "GET", "/v1/grants", NULL),
                       401, "bad_token");
    }
}

static void the_join_token_of_a_connector_of_that_name_is_not_a_persons(void **state) {
    WITH_WORLD(world);
    assert_status(world_as(world, "admin", "POST", "/v1/connectors", "{\"name\":\"ann\"}"), 201);
    Answer all = world_as(world, "auditor", "GET", "/v1/tokens?all=true", NULL);
    const char *join = NULL;
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(all.body, "items"), index, item) {
        if (strcmp(json_string_value(json_object_get(item, "kind")), "join") == 0)
            join = json_string_value(json_object_get(item, "id"));
    }
    assert_non_null(join);
    Answer own = world_as(world, "ann", "GET", "/v1/tokens", NULL);
    assert_null(strstr(own.text, join));
    const char *target = arena_printf(world->arena, "/v1/tokens/%s", join);
    assert_problem(world_as(world, "ann", "DELETE", target, NULL), 404, "unknown_token");
    assert_status(world_as(world, "admin", "DELETE", target, NULL), 204);
}

// ---- The real authenticator ---------------------------------------------------------------------

static void passwords_are_kept_as_argon2id_hashes(void **state) {
    CLEANUP(password_authenticator_freep)
    PasswordAuthenticator *real = password_authenticator_new(1);
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.authenticator = password_authenticator_base(real)});
    assert_status(accept(world, invite(world, "ann"), "ann"), 201);
    const char *hash = NULL;
    Error error = {0};
    assert_int_equal(store_password_hash(world->store, world->arena, "ann", &hash, &error),
                     STATUS_OK);
    assert_int_equal(strncmp(hash, "$argon2id$", 10), 0);
    assert_status(sign_in(world, "ann", PASSWORD), 201);
    assert_problem(sign_in(world, "ann", "a password of testz"), 401, "bad_credentials");
    // Without a password, and without a principal: the same answer.
    Answer never = sign_in(world, "ben", PASSWORD);
    Answer nobody = sign_in(world, "nobody", PASSWORD);
    assert_problem(never, 401, "bad_credentials");
    assert_problem(nobody, 401, "bad_credentials");
    assert_string_equal(text_at(&never, "detail"), text_at(&nobody, "detail"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_opens_a_session_that_can_be_ended),
        cmocka_unit_test(a_session_ends_after_twelve_hours),
        cmocka_unit_test(failing_to_sign_in_is_noted_and_tells_nothing),
        cmocka_unit_test(a_disabled_principal_does_not_sign_in),
        cmocka_unit_test(failures_are_limited_for_each_principal),
        cmocka_unit_test(failures_are_limited_for_each_address),
        cmocka_unit_test(signing_in_well_is_never_limited),
        cmocka_unit_test(who_comes_while_all_places_are_taken_waits_for_one),
        cmocka_unit_test(an_invitation_is_good_for_one_person_once),
        cmocka_unit_test(an_invitation_ends_after_seven_days),
        cmocka_unit_test(other_tokens_are_no_invitations),
        cmocka_unit_test(the_first_administrator_is_told_of),
        cmocka_unit_test(a_short_password_is_refused),
        cmocka_unit_test(a_personal_token_does_what_its_scopes_say_until_it_ends),
        cmocka_unit_test(a_token_of_more_than_a_year_or_of_unknown_scope_is_refused),
        cmocka_unit_test(tokens_are_listed_without_their_text),
        cmocka_unit_test(a_token_is_ended_by_its_owner_or_an_administrator),
        cmocka_unit_test(the_join_token_of_a_connector_of_that_name_is_not_a_persons),
        cmocka_unit_test(passwords_are_kept_as_argon2id_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
