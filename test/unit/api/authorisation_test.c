// The decision alone, for every kind of token, person and route; and that nobody gets in while the
// store cannot say who they are.
#include "world.h"

#include "api/authorisation.h"
#include "support/failing_calls.h"

#include <string.h>

enum { CALLS_MAX = 200 };

static Token token_of(TokenKind kind, const char **scopes, size_t count) {
    return (Token){.kind = (int)kind, .scopes = {scopes, count}};
}

static void decides(const Route *route, const Principal *person, const Token *token,
                    const char *code) {
    Error error = {0};
    Status status = permission_check(route, person, token, &error);
    if (code == NULL && status != STATUS_OK)
        fail_msg("refused: %s", error.code);
    if (code != NULL)
        assert_string_equal(status == STATUS_OK ? "let in" : error.code, code);
}

static void only_tokens_of_people_are_for_people(void **state) {
    const Route route = {.permission = PERMISSION_SIGNED_IN, .any_scope = true};
    const Principal ann = {.name = "ann"};
    static const TokenKind KINDS[] = {TOKEN_INVITATION, TOKEN_JOIN};
    for (size_t i = 0; i < COUNT_OF(KINDS); i++) {
        Token token = token_of(KINDS[i], NULL, 0);
        decides(&route, &ann, &token, "bad_token");
    }
    Token session = token_of(TOKEN_SESSION, NULL, 0);
    Token personal = token_of(TOKEN_PERSONAL, NULL, 0);
    decides(&route, &ann, &session, NULL);
    decides(&route, &ann, &personal, NULL);
}

static void who_is_disabled_may_nothing(void **state) {
    const Route route = {.permission = PERMISSION_SIGNED_IN, .any_scope = true};
    const Principal gone = {.name = "ann", .disabled = true, .role = ROLE_ADMINISTRATOR};
    Token session = token_of(TOKEN_SESSION, NULL, 0);
    decides(&route, &gone, &session, "principal_disabled");
}

typedef struct RoleRow {
    Permission permission;
    const char *member, *auditor, *administrator; // NULL: let in
} RoleRow;

static void each_role_has_its_routes(void **state) {
    static const char MISSING[] = "role_missing";
    static const RoleRow ROWS[] = {
        {PERMISSION_SIGNED_IN, NULL, NULL, NULL},
        {PERMISSION_TAKE_PART, NULL, "auditor_changes_nothing", NULL},
        {PERMISSION_METRICS, MISSING, NULL, NULL},
        {PERMISSION_REVIEW, MISSING, NULL, NULL},
        {PERMISSION_ADMINISTER, MISSING, MISSING, NULL},
        {PERMISSION_PUBLIC, MISSING, MISSING, MISSING},
        {PERMISSION_JOIN, MISSING, MISSING, MISSING},
        {PERMISSION_CONNECTOR, MISSING, MISSING, MISSING},
        {PERMISSION_MISSING, MISSING, MISSING, MISSING},
        {PERMISSION_COUNT_, MISSING, MISSING, MISSING},
    };
    Token session = token_of(TOKEN_SESSION, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const Route route = {.permission = ROWS[i].permission, .any_scope = true};
        decides(&route, &(Principal){.role = ROLE_MEMBER}, &session, ROWS[i].member);
        decides(&route, &(Principal){.role = ROLE_AUDITOR}, &session, ROWS[i].auditor);
        decides(&route, &(Principal){.role = ROLE_ADMINISTRATOR}, &session, ROWS[i].administrator);
    }
}

static void scopes_narrow_a_token(void **state) {
    const Principal ann = {.name = "ann"};
    static const char *READ[] = {"read"};
    Token reading = token_of(TOKEN_PERSONAL, READ, 1);
    Route route = {.permission = PERMISSION_SIGNED_IN, .scope = SCOPE_READ};
    decides(&route, &ann, &reading, NULL);
    route.scope = SCOPE_REQUEST;
    decides(&route, &ann, &reading, "scope_missing");
    route = (Route){.permission = PERMISSION_SIGNED_IN, .any_scope = true, .session_only = true};
    decides(&route, &ann, &reading, "session_required");
    reading.kind = TOKEN_SESSION;
    decides(&route, &ann, &reading, NULL);
}

static void reads_bearer_tokens_strictly(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char *long_token = arena_alloc(arena, 2048);
    memset(long_token, 'a', 2047);
    const char *const refused[] = {
        "Basic abc",
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer \xc3\xa4",
        arena_printf(arena, "Bearer %s", long_token),
    };
    const char *token = "untouched";
    Error error = {0};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        assert_int_equal(bearer_read(arena, refused[i], &token, &error), STATUS_UNAUTHENTICATED);
        assert_string_equal(error.code, "bad_token");
        assert_string_equal(token, "untouched");
    }
    assert_int_equal(bearer_read(arena, "bearer dp_Abc-1_2", &token, &error), STATUS_OK);
    assert_string_equal(token, "dp_Abc-1_2");
    assert_int_equal(bearer_read(arena, NULL, &token, &error), STATUS_OK);
    assert_null(token);
}

static void metrics_are_for_this_host(void **state) {
    static const char *const NEAR[] = {"127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"};
    static const char *const FAR[] = {"10.0.0.1", "::2", "::ffff:10.0.0.1", "fe80::1", ""};
    Error error = {0};
    for (size_t i = 0; i < COUNT_OF(NEAR); i++)
        assert_int_equal(metrics_check(METRICS_LOOPBACK, NEAR[i], &error), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(FAR); i++) {
        assert_int_equal(metrics_check(METRICS_LOOPBACK, FAR[i], &error), STATUS_FORBIDDEN);
        assert_string_equal(error.code, "loopback_only");
        assert_int_equal(metrics_check(METRICS_OPEN, FAR[i], &error), STATUS_OK);
        assert_int_equal(metrics_check(METRICS_TOKEN, FAR[i], &error), STATUS_OK);
    }
}

// ---- Over a real listener -----------------------------------------------------------------------

static void an_open_page_of_metrics_needs_no_token(void **state) {
    static const MetricsAccess OPEN[] = {METRICS_OPEN, METRICS_LOOPBACK};
    for (size_t i = 0; i < COUNT_OF(OPEN); i++) {
        CLEANUP(world_closep)
        World *world = world_open((WorldOptions){.metrics_access = OPEN[i]});
        assert_status(world_call(world, NULL, "GET", "/metrics", NULL), 200);
    }
}

// A caller, and what it asks for.
typedef struct Asking {
    const char *name;
    Answer (*ask)(World *world);
} Asking;

static Instance instance;
static const char *session, *join_token;

static Answer ask_as_person(World *world) {
    return world_call(world, session, "GET", "/v1/flows", NULL);
}
static Answer ask_as_instance(World *world) {
    return world_signed(world, &instance, "/v1/connector/poll", "{\"capacity\":1,\"wait_s\":0}");
}
static Answer ask_to_join(World *world) {
    return world_call(world, join_token, "POST", "/v1/connector/enroll", "[]");
}

// Whatever the store cannot read, the answer is that it does not work, and not that all is well.
static void nobody_gets_in_unless_the_store_says_who_they_are(void **state) {
    WITH_WORLD(world);
    session = world_session(world, "ann");
    instance = world_enroll(world, "main");
    Answer joined = world_as(world, "admin", "POST", "/v1/connectors", "{\"name\":\"main\"}");
    join_token = text_at(&joined, "join_token");
    static const Asking ASKING[] = {
        {"person", ask_as_person}, {"instance", ask_as_instance}, {"joining", ask_to_join}};
    for (size_t i = 0; i < COUNT_OF(ASKING); i++) {
        int usual = ASKING[i].ask(world).status;
        size_t told = 0;
        for (size_t nth = 1; nth <= CALLS_MAX; nth++) {
            failing_calls_arm(nth);
            Answer answer = ASKING[i].ask(world);
            if (failing_calls_disarm() == NULL)
                break;
            // Notes beside the point, such as when a token was used last, may fail.
            if (answer.status == usual)
                continue;
            told++;
            assert_int_equal(answer.status, 503);
            assert_true(text_starts_with(text_at(&answer, "code"), "store_"));
        }
        if (told < 3)
            fail_msg("%s: only %zu failures were told", ASKING[i].name, told);
    }
}

static void a_join_token_is_nobody_among_people(void **state) {
    WITH_WORLD(world);
    Answer joined = world_as(world, "admin", "POST", "/v1/connectors", "{\"name\":\"main\"}");
    assert_problem(world_call(world, text_at(&joined, "join_token"), "GET", "/v1/flows", NULL), 401,
                   "bad_token");
}

static void a_signature_without_form_proves_nothing(void **state) {
    WITH_WORLD(world);
    RawCall call = {.method = "POST", .target = "/v1/connector/poll", .body = "{}", .length = 2};
    call.headers[0] = "Content-Digest: sha-256=:AAAA:";
    call.headers[1] = "Signature-Input: sig1=nonsense";
    call.headers[2] = "Signature: sig1=:AAAA:";
    assert_status(world_call_raw(world, &call), 401);
}

static void attempts_to_pose_are_noted_but_not_without_end(void **state) {
    CLEANUP(world_closep)
    World *world = world_open((WorldOptions){.sign_ins_per_address = 3});
    for (int i = 0; i < 10; i++)
        assert_status(world_call(world, "no-such-token", "POST", "/v1/connector/enroll", "{}"),
                      401);
    Answer events =
        world_as(world, "auditor", "GET", "/v1/audit?event=connector.refused&limit=100", NULL);
    assert_status(events, 200);
    assert_int_equal(count_of(&events), 3);
    assert_problem(world_call_raw(world, &(RawCall){.method = "POST",
                                                    .target = "/v1/connector/enroll",
                                                    .body = "{}",
                                                    .length = 2,
                                                    .headers = {"Authorization: Basic abc"}}),
                   401, "bad_token");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_tokens_of_people_are_for_people),
        cmocka_unit_test(who_is_disabled_may_nothing),
        cmocka_unit_test(each_role_has_its_routes),
        cmocka_unit_test(scopes_narrow_a_token),
        cmocka_unit_test(reads_bearer_tokens_strictly),
        cmocka_unit_test(metrics_are_for_this_host),
        cmocka_unit_test(an_open_page_of_metrics_needs_no_token),
        cmocka_unit_test(nobody_gets_in_unless_the_store_says_who_they_are),
        cmocka_unit_test(a_join_token_is_nobody_among_people),
        cmocka_unit_test(a_signature_without_form_proves_nothing),
        cmocka_unit_test(attempts_to_pose_are_noted_but_not_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
