// What only Redis has: categories and selectors, channels, its file of accounts, the fence before
// each change, TLS at another port, and the rights of its admin.
#include "driver_redis_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "driver_redis_fence.h"
#include "driver_world_redis.h"

enum { DEADLINE_MS = 20 * SECOND_MS, SHORT_MS = 2000, FILE_MAX_BYTES = 1 << 20, REPORTS_MAX = 3 };

// keys, channels and commands with a comma between; NULL: none. A preset stands in for commands.
static AccessItem item_of(Work *work, const char *keys, const char *channels, const char *commands,
                          int preset) {
    AccessItem item = {.preset = preset};
    const struct {
        const char *text;
        StringList *list;
    } fields[] = {{keys, &item.keys}, {channels, &item.channels}, {commands, &item.commands}};
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        char *rest = NULL;
        char *copy = arena_strdup(work->arena, fields[i].text);
        for (char *word = copy != NULL ? strtok_r(copy, ",", &rest) : NULL; word != NULL;
             word = strtok_r(NULL, ",", &rest))
            string_list_add(work->arena, fields[i].list, word);
    }
    return item;
}

static void plan_item(Work *work, AccessItem item) {
    plan_grants(work, &item, 1);
}

static void user_may(UserSession *user, const char *command) {
    if (!redis_user_run(user, "%s", command))
        fail_msg("refused: %s", command);
}

static void user_may_not(UserSession *user, const char *command) {
    if (redis_user_run(user, "%s", command))
        fail_msg("not refused: %s", command);
}

// ---- Commands -----------------------------------------------------------------------------------

static void unknown_command_or_category_leaves_nothing(void **state) {
    static const char *const UNKNOWN[] = {"get,nosuch", "@nosuch,get", "get,client|nosuch",
                                          "get,-nosuch"};
    static const char *const NAMED[] = {"+nosuch", "+@nosuch", "+client|nosuch", "-nosuch"};
    Work *work = work_new(*state);
    for (size_t i = 0; i < COUNT_OF(UNKNOWN); i++) {
        plan_item(work, item_of(work, "app:*", NULL, UNKNOWN[i], PRESET_NONE));
        assert_int_equal(do_grant(work), STATUS_NOT_FOUND);
        assert_int_equal(work->result.failure, FAILURE_NOT_FOUND);
        assert_non_null(strstr(work->error.message, NAMED[i]));
        assert_false(work->world->engine->has_account(work->world, work->plan->account));
        assert_false(can_log_in(work));
    }
    work_free(work);
}

static void commands_of_administrators_are_refused(void **state) {
    static const char *const COMMANDS[] = {"get,monitor", "get,client|kill", "slowlog|get"};
    Work *work = work_new(*state);
    for (size_t i = 0; i < COUNT_OF(COMMANDS); i++) {
        plan_item(work, item_of(work, "app:*", NULL, COMMANDS[i], PRESET_NONE));
        assert_int_equal(do_grant(work), STATUS_INVALID);
        assert_string_equal(work->error.code, "bad_access_item");
        assert_int_equal(work->result.failure, FAILURE_FATAL);
        assert_false(work->world->engine->has_account(work->world, work->plan->account));
    }
    work_free(work);
}

// With any of them an account could make another one, keep others from removing it, leave something
// behind that works for it, or see and end what is none of its business.
static const char *const OUTLIVING[] = {
    "ACL LIST",
    "ACL SETUSER another on nopass ~* +@all",
    "CONFIG GET requirepass",
    "CLIENT LIST",
    "CLIENT KILL TYPE normal SKIPME yes",
    "CLIENT PAUSE 1",
    "DEBUG SLEEP 0",
    "MODULE LIST",
    "REPLICAOF NO ONE",
    "FLUSHALL",
    "FLUSHDB",
    "SWAPDB 0 1",
    "KEYS *",
    "SAVE",
    "BGREWRITEAOF",
    "MONITOR",
    "SHUTDOWN NOSAVE",
    "SLOWLOG GET",
    "LATENCY RESET",
    "MIGRATE 127.0.0.1 1 app:x 0 10",
    "FUNCTION FLUSH",
    "FUNCTION DELETE library",
};

static void whatever_brings_them_nothing_outlives_a_grant(void **state) {
    static const char *const COMMANDS[] = {"@slow,@fast", "@write,@read,@scripting",
                                           "@keyspace,@connection,@blocking", "client,@slow"};
    Work *work = work_new(*state);
    for (size_t i = 0; i < COUNT_OF(COMMANDS) + 1; i++) {
        bool preset = i == COUNT_OF(COMMANDS);
        plan_item(work, item_of(work, "*", "*", preset ? NULL : COMMANDS[i],
                                preset ? PRESET_READ_WRITE : PRESET_NONE));
        must(work, do_grant(work));
        UserSession *user = user_opens(work);
        for (size_t c = 0; c < COUNT_OF(OUTLIVING); c++)
            user_may_not(user, OUTLIVING[c]);
        work->world->engine->user_close(user);
        must(work, do_revoke(work));
    }
    work_free(work);
}

static void what_is_left_out_is_left_out(void **state) {
    Work *work = work_new(*state);
    plan_item(work, item_of(work, "app:*", NULL, "-strlen,@read,dbsize,-dbsize,ping", PRESET_NONE));
    must(work, do_grant(work));
    UserSession *user = user_opens(work);
    user_may(user, "GET app:x");
    user_may(user, "PING");
    user_may_not(user, "STRLEN app:x");
    user_may_not(user, "DBSIZE");
    work->world->engine->user_close(user);
    must(work, do_revoke(work));
    work_free(work);
}

static void presets_do_not_tell_the_names_of_other_keys(void **state) {
    Work *work = work_new(*state);
    plan_item(work, item_of(work, "app:*", NULL, NULL, PRESET_READ_WRITE));
    must(work, do_grant(work));
    UserSession *user = user_opens(work);
    user_may(user, "SET app:mine 1");
    user_may(user, "DEL app:mine");
    user_may_not(user, "SCAN 0");
    user_may_not(user, "RANDOMKEY");
    user_may_not(user, "GET nothing-of-ours");
    user_may_not(user, "EVAL return 0");
    user_may_not(user, "SELECT 99");
    work->world->engine->user_close(user);
    plan_item(work, item_of(work, "*", NULL, NULL, PRESET_READ_ONLY));
    must(work, do_grant(work));
    user = user_opens(work);
    user_may(user, "SCAN 0");
    user_may(user, "GET nothing-of-ours");
    user_may_not(user, "SET app:mine 1");
    work->world->engine->user_close(user);
    must(work, do_revoke(work));
    work_free(work);
}

static void each_entry_keeps_its_commands_to_its_keys(void **state) {
    Work *work = work_new(*state);
    const AccessItem items[] = {
        item_of(work, "app:customers", NULL, "get", PRESET_NONE),
        item_of(work, "app:orders", NULL, NULL, PRESET_READ_WRITE),
        item_of(work, "app:x", NULL, "get", PRESET_NONE),
    };
    plan_grants(work, items, COUNT_OF(items));
    must(work, do_grant(work));
    const AccountState *given = work->result.outcome.state;
    UserSession *user = user_opens(work);
    user_may(user, "GET app:customers");
    user_may(user, "GET app:x");
    user_may(user, "APPEND app:orders more");
    user_may_not(user, "APPEND app:customers more");
    user_may_not(user, "STRLEN app:customers");
    user_may_not(user, "GET app:secrets");
    FoundAccount found;
    assert_true(account_listed(work, &found));
    Drifts drifts = account_drift(work->arena, given, found.state, (DriftRules){0});
    assert_int_equal(drifts.count, 0);
    must(work, do_extend(work, 3600 * SECOND_MS));
    user_may(user, "APPEND app:orders more");
    must(work, do_revoke(work));
    user_may_not(user, "GET app:customers");
    work->world->engine->user_close(user);
    work_free(work);
}

static void pattern_that_cannot_be_kept_apart_is_refused(void **state) {
    Work *work = work_new(*state);
    const AccessItem items[] = {
        item_of(work, "app:customers", NULL, "get", PRESET_NONE),
        item_of(work, "app:\"x\")", NULL, "set", PRESET_NONE),
    };
    plan_grants(work, items, COUNT_OF(items));
    assert_int_equal(do_grant(work), STATUS_UNSUPPORTED);
    assert_int_equal(work->result.failure, FAILURE_UNSUPPORTED);
    assert_false(work->world->engine->has_account(work->world, work->plan->account));
    work_free(work);
}

// ---- Channels -----------------------------------------------------------------------------------

static void channels_are_given_beside_the_mark(void **state) {
    static const char *const CHANNELS[] = {"news", "*"};
    Work *work = work_new(*state);
    for (size_t i = 0; i < COUNT_OF(CHANNELS); i++) {
        bool every = i == 1;
        plan_item(work, item_of(work, NULL, CHANNELS[i], NULL, PRESET_READ_WRITE));
        must(work, do_grant(work));
        must(work, do_extend(work, 3600 * SECOND_MS));
        UserSession *user = user_opens(work);
        user_may(user, "PUBLISH news text");
        assert_int_equal(redis_user_run(user, "PUBLISH others text"), every);
        user_may_not(user, "GET app:x");
        assert_int_equal(redis_user_run(user, "PSUBSCRIBE o*"), every);
        user_may(user, "SUBSCRIBE news");
        assert_true(account_listed(work, NULL));
        must(work, do_revoke(work));
        assert_int_equal(work->result.outcome.sessions_ended, 1);
        work->world->engine->user_close(user);
    }
    work_free(work);
}

// ---- The file of accounts -----------------------------------------------------------------------

static bool file_has(Work *work) {
    CLEANUP(buffer_done) Buffer text = {.ceiling = FILE_MAX_BYTES};
    Error error = {0};
    if (file_read(redis_server_of(work->world)->acl_file, &text, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    return strstr(buffer_text(&text), work->plan->account) != NULL;
}

static void reopen(Work *work) {
    const Driver *driver = driver_of(work);
    FailureClass failure;
    driver->session_close(work->session);
    work->session = NULL;
    if (driver->session_open(&work->world->login, &work->session, &failure, &work->error) !=
        STATUS_OK)
        fail_msg("%s", work->error.message);
}

// What was removed from memory alone comes back when the server reads its file.
static void account_that_comes_back_from_the_file_is_found_and_removed(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    const AccountState *given = work->result.outcome.state;
    assert_true(file_has(work));
    redis_run(work->world, "ACL DELUSER %s", work->plan->account);
    assert_false(account_listed(work, NULL));
    redis_run(work->world, "ACL LOAD");
    reopen(work);
    FoundAccount found;
    assert_true(account_listed(work, &found));
    assert_int_equal(account_drift(work->arena, given, found.state, (DriftRules){0}).count, 0);
    assert_int_equal(user_reads(work, "customers"), ANSWER_DONE);
    must(work, do_revoke(work));
    assert_false(file_has(work));
    redis_run(work->world, "ACL LOAD");
    reopen(work);
    assert_false(account_listed(work, NULL));
    assert_false(can_log_in(work));
    work_free(work);
}

// Whoever removed it may have been stopped before the file was written.
static void removal_is_saved_also_where_the_account_is_gone_already(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    redis_run(work->world, "ACL DELUSER %s", work->plan->account);
    assert_true(file_has(work));
    must(work, do_revoke(work));
    assert_false(file_has(work));
    work_free(work);
}

// ---- The fence ----------------------------------------------------------------------------------

static void revoke_beside(void *context) {
    Work *work = context;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Driver *driver = driver_of(work);
    DriverSession *session = NULL;
    FailureClass failure;
    DriverResult result;
    if (driver->session_open(&work->world->login, &session, &failure, &work->error) != STATUS_OK ||
        driver_revoke(driver, session, arena, work->plan, &result, &work->error) != STATUS_OK)
        fail_msg("%s", work->error.message);
    driver->session_close(session);
}

// As of a connector that was held up, while another took the account back.
static void change_that_was_overtaken_by_a_revoke_does_not_happen(void **state) {
    Work *work = work_new(*state);
    const FencedChange change = {.account = work->plan->account,
                                 .raised_for_ms = DEADLINE_MS,
                                 .applied_for_ms = DEADLINE_MS,
                                 .between = revoke_beside,
                                 .context = work};
    FailureClass failure;
    assert_int_equal(fenced_change(work->session, &change, &failure, &work->error),
                     STATUS_UNAVAILABLE);
    assert_string_equal(work->error.code, "target_busy");
    assert_int_equal(failure, FAILURE_RETRY);
    assert_false(work->world->engine->has_account(work->world, work->plan->account));
    must(work, do_grant(work)); // the session is as good as new
    must(work, do_revoke(work));
    work_free(work);
}

// The server wakes us when its key has ended: nothing is ever in that list.
static void wait_on_the_server(void *context) {
    Work *work = context;
    redis_run(work->world, "BLPOP nothing-is-here %d", SHORT_MS / SECOND_MS);
}

static void server_refuses_a_change_past_its_deadline(void **state) {
    Work *work = work_new(*state);
    const FencedChange change = {.account = work->plan->account,
                                 .raised_for_ms = SHORT_MS,
                                 .applied_for_ms = DEADLINE_MS,
                                 .between = wait_on_the_server,
                                 .context = work};
    FailureClass failure;
    assert_int_equal(fenced_change(work->session, &change, &failure, &work->error),
                     STATUS_UNAVAILABLE);
    assert_int_equal(failure, FAILURE_RETRY);
    assert_false(work->world->engine->has_account(work->world, work->plan->account));
    work_free(work);
}

static void do_nothing(void *context) {
    (void)context;
}

static void change_behind_its_fence_happens(void **state) {
    Work *work = work_new(*state);
    const FencedChange change = {.account = work->plan->account,
                                 .raised_for_ms = DEADLINE_MS,
                                 .applied_for_ms = DEADLINE_MS,
                                 .between = do_nothing};
    FailureClass failure;
    assert_int_equal(fenced_change(work->session, &change, &failure, &work->error), STATUS_OK);
    assert_true(work->world->engine->has_account(work->world, work->plan->account));
    redis_run(work->world, "ACL DELUSER %s", work->plan->account);
    work_free(work);
}

// ---- Ways there ---------------------------------------------------------------------------------

static Status open_at(World *world, TargetAddress target, const char *ca_file, Error *reterr) {
    DriverLogin login = world->login;
    DriverSession *session = NULL;
    FailureClass failure;
    target.kind = TARGET_REDIS;
    login.target = &target;
    login.ca_file = ca_file;
    login.connect_timeout_ms = 5 * SECOND_MS;
    *reterr = (Error){0};
    Status status = world->engine->driver->session_open(&login, &session, &failure, reterr);
    world->engine->driver->session_close(session);
    return status;
}

static void each_tls_mode_holds_what_it_says(void **state) {
    World *world = *state;
    const RedisServer *server = redis_server_of(world);
    const char *ca = getenv("DAYPASS_TEST_CA_FILE");
    const char *other = getenv("DAYPASS_TEST_OTHER_CA_FILE");
    assert_true(ca != NULL && other != NULL);
    // "127.1" is the server, too, and not a name of its certificate.
    const struct {
        const char *host, *ca;
        TlsMode mode;
        bool refused;
    } cases[] = {
        {"127.0.0.1", ca, TLS_VERIFY_FULL, false},
        {"localhost", ca, TLS_VERIFY_FULL, false},
        {"127.1", ca, TLS_VERIFY_FULL, true},
        {"127.1", ca, TLS_VERIFY_CA, false},
        {"127.0.0.1", other, TLS_VERIFY_CA, true},
        {"127.0.0.1", other, TLS_VERIFY_FULL, true},
        {"127.0.0.1", NULL, TLS_VERIFY_CA, true},
        {"127.0.0.1", NULL, TLS_REQUIRE, false},
        {"127.0.0.1", "/dev/null", TLS_VERIFY_CA, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Error error;
        const TargetAddress target = {
            .host = cases[i].host, .port = server->tls_port, .database = "0", .tls = cases[i].mode};
        Status status = open_at(world, target, cases[i].ca, &error);
        if ((status != STATUS_OK) != cases[i].refused)
            fail_msg("case %zu: %s", i, error.message);
        if (cases[i].refused)
            assert_string_equal(error.code, "tls_failed");
    }
    Error error;
    const TargetAddress plain = {.host = "127.0.0.1", .port = server->port, .database = "0"};
    assert_int_not_equal(open_at(world, plain, ca, &error), STATUS_OK);
    assert_string_equal(error.code, "tls_failed");
}

static void socket_and_database_number_are_ways_in(void **state) {
    World *world = *state;
    const RedisServer *server = redis_server_of(world);
    Error error;
    TargetAddress target = {.host = server->socket, .database = "0", .tls = TLS_VERIFY_FULL};
    assert_int_equal(open_at(world, target, NULL, &error), STATUS_OK);
    target.host = "/nowhere/redis.sock";
    assert_int_equal(open_at(world, target, NULL, &error), STATUS_UNAVAILABLE);
    target = world->target;
    target.database = "5";
    assert_int_equal(open_at(world, target, NULL, &error), STATUS_OK);
    static const char *const NO_DATABASES[] = {"99", "shop", "-1", "", "1000000000000"};
    for (size_t i = 0; i < COUNT_OF(NO_DATABASES); i++) {
        target.database = NO_DATABASES[i];
        assert_int_not_equal(open_at(world, target, NULL, &error), STATUS_OK);
        assert_string_equal(error.code, "target_database_missing");
    }
}

static void discovery_shows_databases_and_how_keys_begin(void **state) {
    Work *work = work_new(*state);
    Discovery found;
    must(work, do_discover(work, &found));
    assert_true(string_list_has(&found.schemas, "0"));
    assert_false(found.cut);
    bool has = false;
    for (size_t i = 0; i < found.tables.count; i++) {
        assert_null(strstr(found.tables.items[i].name, "nothing-of-ours"));
        has |= strcmp(found.tables.items[i].name, "app:*") == 0;
    }
    assert_true(has);
    work_free(work);
}

// ---- Rights -------------------------------------------------------------------------------------

static CheckReport check(Work *work) {
    CheckReport report;
    const Plan *const plans[] = {work->plan};
    driver_of(work)->check(&work->world->login, work->arena, plans, 1, &report);
    return report;
}

static const CheckItem *first_failed(const CheckReport *report) {
    for (size_t i = 0; i < report->count; i++)
        if (report->items[i].result == CHECK_FAILED)
            return &report->items[i];
    return NULL;
}

// Each right is taken in turn: the check misses it, and what it says repairs it.
static void check_names_each_missing_right_and_its_repair(void **state) {
    static const char *const RIGHTS[] = {
        "-acl|setuser", "-acl|deluser", "-acl|list", "-acl|cat", "-acl|save", "-client|list",
        "-client|kill", "-info",        "-time",     "-set",     "-pttl",     "-del",
        "-watch",       "-unwatch",     "-multi",    "-exec",    "-discard",  "resetkeys"};
    Work *work = work_new(*state);
    const char *admin = work->world->login.user;
    CheckReport report = check(work);
    assert_null(first_failed(&report));
    for (size_t i = 0; i < COUNT_OF(RIGHTS); i++) {
        redis_run(work->world, "ACL SETUSER %s %s", admin, RIGHTS[i]);
        report = check(work);
        const CheckItem *failed = first_failed(&report);
        print_message("# without %s: %s\n", RIGHTS[i], failed != NULL ? failed->found : "nothing");
        assert_true(failed != NULL && failed->repair != NULL);
        redis_run(work->world, "%s", failed != NULL ? failed->repair : "");
        report = check(work);
        failed = first_failed(&report);
        if (failed != NULL)
            fail_msg("%s: still %s: %s", RIGHTS[i], failed->name, failed->found);
    }
    must(work, do_grant(work));
    must(work, do_revoke(work));
    work_free(work);
}

// Whatever right is missing, an operation says so, and what a grant leaves can be removed later.
static void operations_without_a_right_are_denied(void **state) {
    static const char *const RIGHTS[] = {"acl|setuser", "acl|list", "acl|cat", "set",  "pttl",
                                         "watch",       "multi",    "exec",    "time", "del"};
    Work *work = work_new(*state);
    const char *admin = work->world->login.user;
    for (size_t i = 0; i < COUNT_OF(RIGHTS); i++) {
        redis_run(work->world, "ACL SETUSER %s -%s", admin, RIGHTS[i]);
        assert_int_equal(do_grant(work), STATUS_FORBIDDEN);
        assert_int_equal(work->result.failure, FAILURE_DENIED);
        assert_non_null(strstr(work->error.message, admin));
        assert_false(work->world->engine->has_account(work->world, work->plan->account));
        redis_run(work->world, "ACL SETUSER %s +%s", admin, RIGHTS[i]);
    }
    static const char *const OF_REVOKE[] = {"acl|deluser", "client|list", "client|kill",
                                            "acl|save"};
    for (size_t i = 0; i < COUNT_OF(OF_REVOKE); i++) {
        must(work, do_grant(work));
        UserSession *user = user_opens(work);
        redis_run(work->world, "ACL SETUSER %s -%s", admin, OF_REVOKE[i]);
        assert_int_equal(do_revoke(work), STATUS_FORBIDDEN);
        assert_true(work->result.outcome.login_refused);
        assert_false(can_log_in(work));
        user_may_not(user, "GET app:customers"); // also where it could not be ended
        work->world->engine->user_close(user);
        redis_run(work->world, "ACL SETUSER %s +%s", admin, OF_REVOKE[i]);
        must(work, do_revoke(work));
    }
    work_free(work);
}

static void check_finds_what_a_flow_cannot_have(void **state) {
    static const char *const COMMANDS[] = {"get,nosuch", "get,monitor"};
    Work *work = work_new(*state);
    for (size_t i = 0; i < COUNT_OF(COMMANDS); i++) {
        plan_item(work, item_of(work, "app:*", NULL, COMMANDS[i], PRESET_NONE));
        CheckReport report = check(work);
        const CheckItem *failed = first_failed(&report);
        assert_non_null(failed);
        assert_non_null(strstr(failed->found, strchr(COMMANDS[i], ',') + 1));
    }
    assert_false(work->world->engine->has_account(work->world, "daypass-check"));
    work_free(work);
}

static void grant_says_what_the_server_cannot_do(void **state) {
    Work *work = work_new(*state);
    work->plan->connection_limit = 3;
    must(work, do_grant(work));
    must_have_line(&work->result.outcome.warnings, "limit of connections");
    must(work, do_revoke(work));
    work_free(work);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(unknown_command_or_category_leaves_nothing, EVERYWHERE),
    CONTRACT_TEST(commands_of_administrators_are_refused, EVERYWHERE),
    CONTRACT_TEST(whatever_brings_them_nothing_outlives_a_grant, EVERYWHERE),
    CONTRACT_TEST(what_is_left_out_is_left_out, EVERYWHERE),
    CONTRACT_TEST(presets_do_not_tell_the_names_of_other_keys, EVERYWHERE),
    CONTRACT_TEST(each_entry_keeps_its_commands_to_its_keys, EVERYWHERE),
    CONTRACT_TEST(pattern_that_cannot_be_kept_apart_is_refused, EVERYWHERE),
    CONTRACT_TEST(channels_are_given_beside_the_mark, EVERYWHERE),
    CONTRACT_TEST(account_that_comes_back_from_the_file_is_found_and_removed, EVERYWHERE),
    CONTRACT_TEST(removal_is_saved_also_where_the_account_is_gone_already, EVERYWHERE),
    CONTRACT_TEST(change_behind_its_fence_happens, EVERYWHERE),
    CONTRACT_TEST(change_that_was_overtaken_by_a_revoke_does_not_happen, EVERYWHERE),
    CONTRACT_TEST(server_refuses_a_change_past_its_deadline, EVERYWHERE),
    CONTRACT_TEST(each_tls_mode_holds_what_it_says, EVERYWHERE),
    CONTRACT_TEST(socket_and_database_number_are_ways_in, EVERYWHERE),
    CONTRACT_TEST(discovery_shows_databases_and_how_keys_begin, EVERYWHERE),
    CONTRACT_TEST(check_names_each_missing_right_and_its_repair, LIMITED_DIRECT),
    CONTRACT_TEST(operations_without_a_right_are_denied, LIMITED_DIRECT),
    CONTRACT_TEST(check_finds_what_a_flow_cannot_have, EVERYWHERE),
    CONTRACT_TEST(grant_says_what_the_server_cannot_do, EVERYWHERE),
};
const ContractSuite REDIS_SUITE = {TESTS, COUNT_OF(TESTS)};
