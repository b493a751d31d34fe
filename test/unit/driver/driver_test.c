#include "driver/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

// A driver that notes what is asked of it, and fails as it is told to.
struct DriverSession {
    Arena *arena;
    StringList calls;
    FailureClass failure; // the last that its functions saw
    bool fails;
};

static void note(Operation *operation, const char *call) {
    assert_ptr_equal(operation->arena, operation->session->arena);
    string_list_add(operation->session->arena, &operation->session->calls, call);
}

static Status done(Operation *operation, const char *call, Error *reterr) {
    note(operation, call);
    operation->evidence.failure = operation->session->failure;
    if (!operation->session->fails)
        return STATUS_OK;
    return error_set(reterr, STATUS_CONFLICT, "told_to", "it was told to");
}

static const char *fake_version(const DriverSession *session) {
    return "7.5";
}

static void fake_settle(Operation *operation) {
    note(operation, "settle");
}

static void fake_release(Operation *operation) {
    note(operation, "release");
}

static Status fake_grant(Operation *operation, const GrantOrder *order, Error *reterr) {
    evidence_warn(&operation->evidence, "seen");
    return done(operation, "grant", reterr);
}

static Status fake_extend(Operation *operation, const GrantOrder *order, Error *reterr) {
    return done(operation, "extend", reterr);
}

static Status fake_reset(Operation *operation, const GrantOrder *order, Error *reterr) {
    return done(operation, "reset", reterr);
}

static Status fake_revoke(Operation *operation, const Plan *plan, Error *reterr) {
    return done(operation, "revoke", reterr);
}

static Status fake_restrain(Operation *operation, const Plan *plan, Error *reterr) {
    return done(operation, "restrain", reterr);
}

static Status fake_list(Operation *operation, const AccountQuery *query,
                        FoundAccounts *ret_accounts, Error *reterr) {
    return done(operation, "list", reterr);
}

static Status fake_inspect(Operation *operation, const Plan *plan,
                           AccountInspection *ret_inspection, Error *reterr) {
    return done(operation, "inspect", reterr);
}

static Status fake_discover(Operation *operation, Discovery *ret_discovery, Error *reterr) {
    return done(operation, "discover", reterr);
}

static Status fake_end_sessions(Operation *operation, const StringList *users, Error *reterr) {
    return done(operation, users->items[0], reterr);
}

#define FUNCTIONS                                                                                  \
    .server_version = fake_version, .grant = fake_grant, .revoke = fake_revoke,                    \
    .extend = fake_extend, .reset = fake_reset, .restrain = fake_restrain,                         \
    .list_accounts = fake_list, .inspect = fake_inspect, .discover = fake_discover

static const Driver PLAIN = {FUNCTIONS};
static const Driver CAREFUL = {.settle = fake_settle, .release = fake_release, FUNCTIONS};

// Each operation once, in the order of NAMES. What it says of its failure is in *ret_failure.
static const char *const NAMES[] = {"grant",    "revoke", "extend",  "reset",
                                    "restrain", "list",   "inspect", "discover"};

static Status run(const Driver *driver, size_t index, DriverSession *session,
                  FailureClass *ret_failure) {
    Arena *arena = session->arena;
    const GrantOrder order = {0};
    const Plan plan = {0};
    FoundAccounts accounts = {0};
    AccountInspection inspection = {0};
    Discovery discovery = {0};
    DriverResult result = {.failure = FAILURE_UNSUPPORTED, .outcome = {.login_refused = true}};
    Status status;
    *ret_failure = FAILURE_UNSUPPORTED; // of before
    switch (index) {
    case 0:
        status = driver_grant(driver, session, arena, &order, &result, NULL);
        break;
    case 1:
        status = driver_revoke(driver, session, arena, &plan, &result, NULL);
        break;
    case 2:
        status = driver_extend(driver, session, arena, &order, &result, NULL);
        break;
    case 3:
        status = driver_reset(driver, session, arena, &order, &result, NULL);
        break;
    case 4:
        status = driver_restrain(driver, session, arena, &plan, &result, NULL);
        break;
    case 5:
        return driver_list_accounts(driver, session, arena, &(AccountQuery){0}, &accounts,
                                    ret_failure, NULL);
    case 6:
        return driver_inspect(driver, session, arena, &plan, &inspection, ret_failure, NULL);
    default:
        return driver_discover(driver, session, arena, &discovery, ret_failure, NULL);
    }
    *ret_failure = result.failure;
    assert_string_equal(result.outcome.server_version, "7.5");
    assert_false(result.outcome.login_refused); // nothing of before is left
    assert_int_equal(result.outcome.warnings.count, index == 0 ? 1 : 0);
    return status;
}

typedef struct Case {
    const Driver *driver;
    bool fails;
    FailureClass failure, expected;
    const char *calls; // # for the operation
} Case;

static const Case CASES[] = {
    {&PLAIN, false, FAILURE_NONE, FAILURE_NONE, "#"},
    {&PLAIN, true, FAILURE_RETRY, FAILURE_RETRY, "#"},
    {&CAREFUL, false, FAILURE_NONE, FAILURE_NONE, "settle # release"},
    {&CAREFUL, false, FAILURE_RETRY, FAILURE_NONE, "settle # release"}, // it got over that
    {&CAREFUL, true, FAILURE_CONFLICT, FAILURE_CONFLICT, "settle # settle release"},
    {&CAREFUL, true, FAILURE_NONE, FAILURE_FATAL, "settle # settle release"},
};

static void each_operation_is_run_between_what_it_needs(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        for (size_t index = 0; index < COUNT_OF(NAMES); index++) {
            CLEANUP(arena_freep) Arena *arena = arena_new();
            DriverSession session = {
                .arena = arena, .failure = CASES[i].failure, .fails = CASES[i].fails};
            FailureClass failure;
            Status status = run(CASES[i].driver, index, &session, &failure);
            assert_int_equal(status, CASES[i].fails ? STATUS_CONFLICT : STATUS_OK);
            assert_int_equal(failure, CASES[i].expected);
            const char *before = strchr(CASES[i].calls, '#');
            assert_string_equal(string_list_join(arena, &session.calls, " "),
                                arena_printf(arena, "%.*s%s%s", (int)(before - CASES[i].calls),
                                             CASES[i].calls, NAMES[index], before + 1));
        }
}

static void sessions_of_users_are_for_some_kinds(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *user = "app_read";
    const StringList users = {.items = &user, .count = 1};
    DriverSession session = {.arena = arena};
    DriverResult result;
    Error error = {0};
    const Driver able = {.settle = fake_settle, .end_sessions = fake_end_sessions, FUNCTIONS};
    assert_int_equal(driver_end_sessions(&able, &session, arena, &users, &result, &error),
                     STATUS_OK);
    assert_string_equal(string_list_join(arena, &session.calls, " "), "settle app_read");
    assert_int_equal(result.failure, FAILURE_NONE);
    const Driver unable = {.name = "Redis", FUNCTIONS};
    assert_int_equal(driver_end_sessions(&unable, &session, arena, &users, &result, &error),
                     STATUS_UNSUPPORTED);
    assert_int_equal(result.failure, FAILURE_UNSUPPORTED);
    assert_non_null(strstr(error.message, "Redis"));
    for (size_t i = 0; i < driver_count(); i++)
        assert_int_equal(driver_at(i)->end_sessions != NULL,
                         target_facts(driver_at(i)->kind)->sessions_of_users);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation_is_run_between_what_it_needs),
        cmocka_unit_test(sessions_of_users_are_for_some_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
