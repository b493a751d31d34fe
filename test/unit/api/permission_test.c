// Who may call what: every route, by everybody. What is expected is written down here once more, so
// that a slip in the table is not its own proof.
#include "world.h"

#include <stdlib.h>
#include <string.h>

typedef enum Who {
    ANYBODY,    // also without signing in
    EVERYBODY,  // who is signed in
    NO_AUDITOR, // members and administrators
    REVIEWERS,  // auditors and administrators
    ADMINS,
    NOBODY, // of people
} Who;

typedef struct Expected {
    const char *operation;
    Who who;
    const char *scope; // NULL: any token; "session": none but a session
} Expected;

static const Expected EXPECTED[] = {
    {"sessions.create", ANYBODY, NULL},
    {"sessions.accept_invitation", ANYBODY, NULL},
    {"sessions.end", EVERYBODY, NULL},
    {"sessions.whoami", EVERYBODY, NULL},
    {"tokens.list", EVERYBODY, "read"},
    {"tokens.create", EVERYBODY, "session"},
    {"tokens.remove", EVERYBODY, "session"},
    {"flows.list", EVERYBODY, "read"},
    {"flows.show", EVERYBODY, "read"},
    {"grants.request", NO_AUDITOR, "request"},
    {"grants.list", EVERYBODY, "read"},
    {"grants.show", EVERYBODY, "read"},
    {"grants.approve", NO_AUDITOR, "decide"},
    {"grants.deny", NO_AUDITOR, "decide"},
    {"grants.cancel", NO_AUDITOR, "request"},
    {"grants.revoke", NO_AUDITOR, "request"},
    {"grants.write_off", ADMINS, "configure"},
    {"grants.extend", NO_AUDITOR, "request"},
    {"grants.reset", NO_AUDITOR, "request"},
    {"grants.credentials", NO_AUDITOR, "request"},
    {"overdue.list", EVERYBODY, "read"},
    {"configuration.apply", ADMINS, "configure"},
    {"configuration.show", REVIEWERS, "read"},
    {"principals.list", REVIEWERS, "read"},
    {"principals.create", ADMINS, "configure"},
    {"principals.update", ADMINS, "configure"},
    {"principals.invite", ADMINS, "configure"},
    {"groups.list", REVIEWERS, "read"},
    {"connectors.list", REVIEWERS, "read"},
    {"connectors.create", ADMINS, "configure"},
    {"connectors.remove", ADMINS, "configure"},
    {"connectors.remove_instance", ADMINS, "configure"},
    {"integrations.list", REVIEWERS, "read"},
    {"integrations.show", REVIEWERS, "read"},
    {"integrations.discovery", EVERYBODY, "read"},
    {"integrations.check", ADMINS, "configure"},
    {"orphans.list", REVIEWERS, "read"},
    {"orphans.show", REVIEWERS, "read"},
    {"orphans.inspect", ADMINS, "configure"},
    {"orphans.remove", ADMINS, "configure"},
    {"audit.list", REVIEWERS, "read"},
    {"audit.head", REVIEWERS, "read"},
    {"connector.enroll", NOBODY, NULL},
    {"connector.poll", NOBODY, NULL},
    {"connector.report", NOBODY, NULL},
    {"connector.accounts", NOBODY, NULL},
    {"connector.plans", NOBODY, NULL},
    {"service.health", ANYBODY, NULL},
    {"service.ready", ANYBODY, NULL},
    {"service.openapi", ANYBODY, NULL},
    {"service.metrics", REVIEWERS, "read"}, // with metrics.access: token
};

static World *world;

static int open_world(void **state) {
    world = world_open((WorldOptions){.metrics_access = METRICS_TOKEN});
    return 0;
}

static int close_world(void **state) {
    world = world_close(world);
    return 0;
}

// The path with names of things that are not there.
static const char *path_of(const Route *route) {
    char *path = arena_alloc(world->arena, strlen(route->path) + 64);
    size_t length = 0;
    for (const char *at = route->path; *at != '\0'; at++) {
        if (*at == '{') {
            memcpy(path + length, "nothing", strlen("nothing"));
            length += strlen("nothing");
            at += strcspn(at, "}");
        } else {
            path[length++] = *at;
        }
    }
    return path;
}

static Answer call(const Route *route, const char *token) {
    // A body that no shape takes: whoever gets past the permission is told so, and nothing happens.
    const char *body = route->body != NULL ? "[]" : NULL;
    return world_call(world, token, route->method, path_of(route), body);
}

static void assert_refused(const Route *route, Answer answer, const char *what) {
    const char *code = text_at(&answer, "code");
    static const char *const CODES[] = {
        "not_signed_in",    "role_missing",   "auditor_changes_nothing", "scope_missing",
        "session_required", "bad_token",      "principal_disabled",      "token_expired",
        "not_signed",       "bad_join_token",
    };
    for (size_t i = 0; i < COUNT_OF(CODES); i++) {
        if ((answer.status == 401 || answer.status == 403) && text_equal(code, CODES[i]))
            return;
    }
    fail_msg("%s must be refused to %s, got %d: %s", route->operation, what, answer.status,
             answer.text);
}

static void assert_let_in(const Route *route, Answer answer, const char *what) {
    if (answer.status == 401 || answer.status == 403)
        fail_msg("%s must be open to %s, got %d: %s", route->operation, what, answer.status,
                 answer.text);
}

static bool role_fits(Who who, const char *principal) {
    bool is_auditor = strcmp(principal, "auditor") == 0;
    bool is_admin = strcmp(principal, "admin") == 0;
    switch (who) {
    case ANYBODY:
    case EVERYBODY:
        return true;
    case NO_AUDITOR:
        return !is_auditor;
    case REVIEWERS:
        return is_auditor || is_admin;
    case ADMINS:
        return is_admin;
    case NOBODY:
        break;
    }
    return false;
}

typedef struct Kind {
    TokenKind kind;
    const char *scopes;
} Kind;

static bool token_fits(const char *scope, const Kind *kind) {
    if (kind->kind != TOKEN_SESSION && kind->kind != TOKEN_PERSONAL)
        return false;
    if (scope == NULL)
        return true;
    if (strcmp(scope, "session") == 0)
        return kind->kind == TOKEN_SESSION;
    return strstr(kind->scopes, scope) != NULL;
}

static const char *const PEOPLE[] = {"eve", "auditor", "admin"};
static const Kind KINDS[] = {
    {TOKEN_SESSION, "read,request,decide,configure"},
    {TOKEN_PERSONAL, "read,request,decide,configure"},
    {TOKEN_PERSONAL, "request,decide,configure"},
    {TOKEN_PERSONAL, "read,decide,configure"},
    {TOKEN_PERSONAL, "read,request,configure"},
    {TOKEN_PERSONAL, "read,request,decide"},
    {TOKEN_INVITATION, "read,request,decide,configure"},
    {TOKEN_JOIN, "read,request,decide,configure"},
};

// Made once; one route uses them up.
static const char *tokens[COUNT_OF(PEOPLE)][COUNT_OF(KINDS)];

static const char *token_of(size_t person, size_t kind) {
    if (tokens[person][kind] == NULL)
        tokens[person][kind] =
            world_token(world, PEOPLE[person], KINDS[kind].kind, KINDS[kind].scopes);
    return tokens[person][kind];
}

static const Expected *expected_of(const Route *route) {
    for (size_t i = 0; i < COUNT_OF(EXPECTED); i++) {
        if (strcmp(EXPECTED[i].operation, route->operation) == 0)
            return &EXPECTED[i];
    }
    fail_msg("say here who may call %s", route->operation);
    return NULL;
}

// One route, with every role and every kind of token.
static void only_those_named_may_call(void **state) {
    const Route *route = *state;
    const Expected *expected = expected_of(route);
    Who who = expected->who;
    if (who == ANYBODY) {
        assert_let_in(route, call(route, NULL), "anybody");
        return;
    }
    assert_refused(route, call(route, NULL), "somebody not signed in");
    assert_refused(route, call(route, "dps_notatokenatall"), "somebody with a made-up token");
    for (size_t i = 0; i < COUNT_OF(PEOPLE); i++) {
        for (size_t j = 0; j < COUNT_OF(KINDS); j++) {
            const char *what =
                arena_printf(world->arena, "%s with a %s token of %s", PEOPLE[i],
                             enum_name(&TOKEN_KINDS, (int)KINDS[j].kind), KINDS[j].scopes);
            if (KINDS[j].kind == TOKEN_JOIN && route->permission == PERMISSION_JOIN)
                continue; // that one is for it, and none of people's
            Answer answer = call(route, token_of(i, j));
            if (role_fits(who, PEOPLE[i]) && token_fits(expected->scope, &KINDS[j]))
                assert_let_in(route, answer, what);
            else
                assert_refused(route, answer, what);
            if (strcmp(route->operation, "sessions.end") == 0)
                tokens[i][j] = NULL;
        }
    }
}

static void refuses_a_disabled_principal_and_an_ended_token(void **state) {
    const char *token = world_session(world, "bea");
    assert_status(world_call(world, token, "GET", "/v1/whoami", NULL), 200);
    assert_status(
        world_as(world, "admin", "POST", "/v1/principals/bea", "{\"status\":\"disabled\"}"), 200);
    Answer disabled = world_call(world, token, "GET", "/v1/whoami", NULL);
    assert_int_equal(disabled.status, 401);
    const char *ended = world_session(world, "eve");
    world_pass(world, 13LL * 3600 * SECOND_MS);
    assert_problem(world_call(world, ended, "GET", "/v1/whoami", NULL), 401, "token_expired");
}

static void refuses_an_authorization_that_is_none(void **state) {
    static const char *const HEADERS[] = {
        "Authorization: Basic YTpi",
        "Authorization: Bearer",
        "Authorization: Bearer a b",
        "Authorization: Bearer \"; DROP TABLE tokens; --",
    };
    for (size_t i = 0; i < COUNT_OF(HEADERS); i++) {
        Answer answer = world_call_raw(
            world, &(RawCall){.method = "GET", .target = "/v1/whoami", .headers = {HEADERS[i]}});
        assert_problem(answer, 401, "bad_token");
    }
}

int main(void) {
    struct CMUnitTest *tests = calloc(ROUTES.count + 2, sizeof(*tests));
    for (size_t i = 0; i < ROUTES.count; i++)
        tests[i] = (struct CMUnitTest){
            .name = mem_printf("only_those_named_may_call %s", ROUTES.routes[i].operation),
            .test_func = only_those_named_may_call,
            .initial_state = (void *)(uintptr_t)&ROUTES.routes[i],
        };
    tests[ROUTES.count] =
        (struct CMUnitTest)cmocka_unit_test(refuses_an_authorization_that_is_none);
    tests[ROUTES.count + 1] =
        (struct CMUnitTest)cmocka_unit_test(refuses_a_disabled_principal_and_an_ended_token);
    int failed =
        _cmocka_run_group_tests("permissions", tests, ROUTES.count + 2, open_world, close_world);
    for (size_t i = 0; i < ROUTES.count; i++)
        mem_free((void *)(uintptr_t)tests[i].name);
    free(tests);
    return failed;
}
