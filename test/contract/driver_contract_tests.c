// The contract of driver/driver.h, for every engine: giving, taking back, and the account between.
#include "driver_contract_run.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum {
    SHORT_MS = 1500,
    THREADS = 8,
    ATTEMPTS = 100,
    ROUNDS = 3,
    STRANGE_NAMES_MAX = 16,
    LATE_TURNS = 20,
};

static void granted_account_reads_the_granted_table_and_no_other(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    assert_int_equal(user_reads(work, "customers"), ANSWER_DONE);
    assert_int_equal(user_reads(work, "orders"), ANSWER_REFUSED);
    assert_int_equal(user_tries(work, DEED_WRITE, "customers"), ANSWER_REFUSED);
    const Outcome *outcome = &work->result.outcome;
    assert_true(outcome->account_present);
    assert_false(outcome->login_refused);
    assert_non_null(outcome->account_key);
    assert_non_null(outcome->server_version);
    assert_true(outcome->target_expires_at > outcome->target_now_at);
    assert_true(outcome->statements.count > 0);
    must(work, do_revoke(work));
    work_free(work);
}

static void wrong_password_is_refused(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    assert_int_equal(attempt(work->world, work->plan->account, "not it", DEED_LOGIN, NULL),
                     ANSWER_NO_LOGIN);
    must(work, do_revoke(work));
    work_free(work);
}

static void grant_that_finds_its_own_account_resets_it(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    UserSession *user = user_opens(work);
    Secret *old = work->password;
    work->password = secret_new_password(24);
    must(work, do_grant(work));
    assert_false(work->world->engine->user_does(user, DEED_READ, "customers"));
    work->world->engine->user_close(user);
    assert_int_equal(user_reads(work, "customers"), ANSWER_DONE);
    assert_int_equal(attempt(work->world, work->plan->account, secret_text(old), DEED_LOGIN, NULL),
                     ANSWER_NO_LOGIN);
    secret_free(old);
    must(work, do_revoke(work));
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void grant_past_its_deadline_leaves_nothing(void **state) {
    Work *work = work_new(*state);
    assert_int_not_equal(do_grant_for(work, 60 * SECOND_MS, -1), STATUS_OK);
    assert_string_equal(work->error.code, "deadline_passed");
    assert_int_equal(work->result.failure, FAILURE_RETRY);
    assert_false(account_listed(work, NULL));
    assert_int_equal(user_reads(work, "customers"), ANSWER_NO_LOGIN);
    work_free(work);
}

// The deadline comes while another connection keeps the grant waiting.
static Clock late_clock;
static int64_t late_calls;
static int64_t late_monotonic(const Clock *clock) {
    // Each look at the clock finds it a second later.
    return SYSTEM_CLOCK.monotonic_ms(clock) + SECOND_MS * late_calls++;
}

static void grant_whose_deadline_comes_before_its_commit_leaves_nothing(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    late_clock = (Clock){.now_ms = SYSTEM_CLOCK.now_ms, .monotonic_ms = late_monotonic};
    DriverLogin login = world->login;
    login.clock = &late_clock;
    login.connect_timeout_ms = 10000 * SECOND_MS;
    login.statement_timeout_ms = 1000 * SECOND_MS;
    FailureClass failure;
    DriverSession *session = NULL;
    late_calls = 0;
    assert_int_equal(world->engine->driver->session_open(&login, &session, &failure, &work->error),
                     STATUS_OK);
    // How often an engine looks is its own business: it has time for a little more at each turn.
    bool had_begun = false;
    for (int turn = 1; !had_begun && turn <= LATE_TURNS; turn++) {
        late_calls = 0;
        GrantOrder order = {.plan = work->plan,
                            .password = work->password,
                            .ends_ms = late_monotonic(&late_clock) + 60 * SECOND_MS,
                            .deadline_ms = late_monotonic(&late_clock) + turn * SECOND_MS};
        Status status = driver_grant(world->engine->driver, session, work->arena, &order,
                                     &work->result, &work->error);
        assert_int_not_equal(status, STATUS_OK);
        assert_string_equal(work->error.code, "deadline_passed");
        had_begun = work->result.outcome.statements.count > 0;
        assert_false(account_listed(work, NULL));
    }
    assert_true(had_begun);
    world->engine->driver->session_close(session);
    work_free(work);
}

static void revoke_removes_the_account_and_may_be_repeated(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    must(work, do_revoke(work));
    assert_false(work->result.outcome.account_present);
    assert_true(work->result.outcome.login_refused);
    assert_int_equal(work->result.outcome.obstacles.count, 0);
    assert_int_equal(user_reads(work, "customers"), ANSWER_NO_LOGIN);
    must(work, do_revoke(work));
    assert_false(work->result.outcome.account_present);
    work_free(work);
}

static void revoke_of_what_never_was_succeeds(void **state) {
    Work *work = work_new(*state);
    must(work, do_revoke(work));
    work_free(work);
}

static void revoke_ends_sessions(void **state, bool in_transaction) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    UserSession *idle = user_opens(work);
    UserSession *busy = user_opens(work);
    assert_true(engine->user_does(idle, DEED_READ, "customers"));
    if (in_transaction)
        assert_true(engine->user_does(busy, DEED_BEGIN, NULL));
    assert_true(engine->user_does(busy, DEED_READ, "customers"));
    FoundAccount found;
    assert_true(account_listed(work, &found));
    assert_int_equal(found.sessions, 2);
    must(work, do_revoke(work));
    assert_int_equal(work->result.outcome.sessions_ended, 2);
    assert_int_equal(work->result.outcome.sessions_left, 0);
    assert_false(engine->user_does(idle, DEED_READ, "customers"));
    assert_false(engine->user_does(busy, DEED_READ, "customers"));
    engine->user_close(idle);
    engine->user_close(busy);
    work_free(work);
}

static void revoke_ends_sessions_and_sees_them_ended(void **state) {
    revoke_ends_sessions(state, false);
}

static void revoke_ends_sessions_in_a_transaction(void **state) {
    revoke_ends_sessions(state, true);
}

// Where access is given elsewhere, to users that stay: by name, and nobody else's.
static void sessions_of_users_are_ended_by_name(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    if (target_facts(engine->driver->kind)->sessions_of_users) {
        must(work, do_grant(work));
        UserSession *session = user_opens(work);
        assert_true(engine->user_does(session, DEED_READ, "customers"));
        const char *names[] = {"somebody_else", "odd'name"};
        StringList users = {.items = names, .count = 2};
        must(work, do_end_sessions(work, &users));
        assert_int_equal(work->result.outcome.sessions_ended, 0);
        assert_true(engine->user_does(session, DEED_READ, "customers"));
        names[1] = work->plan->account;
        must(work, do_end_sessions(work, &users));
        assert_int_equal(work->result.outcome.sessions_ended, 1);
        assert_int_equal(work->result.outcome.sessions_left, 0);
        assert_false(engine->user_does(session, DEED_READ, "customers"));
        engine->user_close(session);
        session = user_opens(work); // the account is as it was
        assert_true(engine->user_does(session, DEED_READ, "customers"));
        engine->user_close(session);
    } else {
        const char *name = "somebody";
        assert_int_equal(do_end_sessions(work, &(StringList){.items = &name, .count = 1}),
                         STATUS_UNSUPPORTED);
        assert_int_equal(work->result.failure, FAILURE_UNSUPPORTED);
    }
    work_free(work);
}

static void missing_table_is_named_and_leaves_nothing(void **state) {
    Work *work = work_new(*state);
    AccessItem items[] = {may_read(work, "customers"), may_read(work, "not_there")};
    plan_grants(work, items, COUNT_OF(items));
    assert_int_equal(do_grant(work), STATUS_NOT_FOUND);
    assert_int_equal(work->result.failure, FAILURE_NOT_FOUND);
    assert_non_null(strstr(work->error.message, "not_there"));
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void missing_schema_is_named(void **state) {
    Work *work = work_new(*state);
    AccessItem item = may_read(work, "customers");
    item.schema = "no_such_schema";
    plan_grants(work, &item, 1);
    assert_int_equal(do_grant(work), STATUS_NOT_FOUND);
    assert_non_null(strstr(work->error.message, "no_such_schema"));
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void missing_role_is_named(void **state) {
    Work *work = work_new(*state);
    AccessItem role = {.role = "no_such_role"};
    plan_grants(work, &role, 1);
    assert_int_equal(do_grant(work), STATUS_NOT_FOUND);
    assert_non_null(strstr(work->error.message, "no_such_role"));
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void names_too_long_or_empty_are_refused(void **state) {
    Work *work = work_new(*state);
    int longest = work->world->engine->longest_name;
    const char *const names[] = {"", text_of(work, "a%0*d", longest, 1)};
    assert_int_equal(strlen(names[1]), longest + 1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AccessItem item = may_read(work, names[i]);
        plan_grants(work, &item, 1);
        assert_int_equal(do_grant(work), STATUS_INVALID);
        assert_string_equal(work->error.code, "bad_name");
        assert_int_equal(work->result.failure, FAILURE_FATAL);
    }
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void tables_of_any_name_are_granted(void **state) {
    Work *work = work_new(*state);
    const char *const *names = work->world->engine->strange_names;
    AccessItem items[STRANGE_NAMES_MAX];
    size_t count = 0;
    for (; names[count] != NULL; count++) {
        assert_true(count < COUNT_OF(items));
        items[count] = may_read(work, names[count]);
    }
    assert_true(count >= 4);
    plan_grants(work, items, count);
    must(work, do_grant(work));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(user_reads(work, names[i]), ANSWER_DONE);
    assert_int_equal(user_reads(work, "x"), ANSWER_REFUSED);
    must(work, do_revoke(work));
    assert_true(work->world->engine->has_table(work->world, "x")); // still there
    work_free(work);
}

static void account_without_our_mark_is_not_touched(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    engine->stranger_make(work->world, work->plan->account, "theirs");
    assert_int_equal(do_grant(work), STATUS_CONFLICT);
    assert_int_equal(work->result.failure, FAILURE_CONFLICT);
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    assert_int_equal(work->result.outcome.obstacles.count, 1);
    assert_int_equal(do_extend(work, 60 * SECOND_MS), STATUS_CONFLICT);
    assert_int_equal(do_reset(work), STATUS_CONFLICT);
    assert_int_equal(attempt(work->world, work->plan->account, "theirs", DEED_LOGIN, NULL),
                     ANSWER_DONE);
    assert_false(account_listed(work, NULL));
    engine->stranger_remove(work->world, work->plan->account);
    work_free(work);
}

static void account_of_another_grant_or_deployment_is_not_touched(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    Plan own = *work->plan;
    work->plan->grant_id = "another";
    assert_int_equal(do_grant(work), STATUS_CONFLICT);
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    *work->plan = own;
    work->plan->deployment = "another";
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    *work->plan = own;
    assert_int_equal(user_reads(work, "customers"), ANSWER_DONE);
    must(work, do_revoke(work));
    work_free(work);
}

static void extend_moves_the_end_and_keeps_sessions(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    int64_t before = work->result.outcome.target_expires_at;
    UserSession *user = user_opens(work);
    must(work, do_extend(work, 2 * 3600 * SECOND_MS));
    int64_t after = work->result.outcome.target_expires_at;
    assert_true(after > before + 3000 * SECOND_MS);
    FoundAccount found;
    assert_true(account_listed(work, &found));
    assert_int_equal(found.expires_at, after);
    assert_true(engine->user_does(user, DEED_READ, "customers"));
    engine->user_close(user);
    must(work, do_revoke(work));
    assert_int_equal(do_extend(work, 60 * SECOND_MS), STATUS_NOT_FOUND);
    assert_int_equal(work->result.failure, FAILURE_NOT_FOUND);
    work_free(work);
}

static void reset_changes_the_password_and_keeps_sessions_and_end(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    int64_t end = work->result.outcome.target_expires_at;
    const char *old = arena_strdup(work->arena, work_password(work));
    UserSession *user = user_opens(work);
    must(work, do_reset(work));
    assert_int_equal(work->result.outcome.target_expires_at, end);
    assert_true(engine->user_does(user, DEED_READ, "customers"));
    engine->user_close(user);
    assert_int_equal(user_reads(work, "customers"), ANSWER_DONE);
    assert_int_equal(attempt(work->world, work->plan->account, old, DEED_LOGIN, NULL),
                     ANSWER_NO_LOGIN);
    must(work, do_revoke(work));
    assert_int_equal(do_reset(work), STATUS_NOT_FOUND);
    work_free(work);
}

static void server_alone_refuses_logins_at_the_end(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant_for(work, SHORT_MS, 30 * SECOND_MS));
    work->world->engine->await_end(work->world, work->plan->account);
    assert_int_equal(user_reads(work, "customers"), ANSWER_NO_LOGIN);
    FoundAccount found;
    assert_true(account_listed(work, &found));
    assert_true(found.expired);
    must(work, do_revoke(work));
    work_free(work);
}

static void found_account_says_all_that_a_sweep_needs(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    FoundAccount found;
    assert_true(account_listed(work, &found));
    assert_string_equal(found.grant_id, work->plan->grant_id);
    assert_string_equal(found.deployment, work->plan->deployment);
    assert_string_equal(found.connector, "main");
    assert_string_equal(found.custodian, work->world->custodian);
    assert_true(found.can_login);
    assert_false(found.expired);
    assert_int_equal(found.expires_at, work->result.outcome.target_expires_at);
    Plan sweep = {.grant_id = found.grant_id,
                  .deployment = found.deployment,
                  .connector = found.connector,
                  .custodian = found.custodian,
                  .target = &work->world->target,
                  .account = found.account};
    *work->plan = sweep;
    must(work, do_revoke(work));
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void password_is_not_in_the_evidence(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    assert_true(evidence_has(work, engine->elided));
    assert_false(evidence_has(work, work_password(work)));
    assert_false(evidence_has(work, engine->verifier_prefix));
    must(work, do_reset(work));
    assert_true(evidence_has(work, engine->elided));
    assert_false(evidence_has(work, work_password(work)));
    assert_false(evidence_has(work, engine->verifier_prefix));
    must(work, do_revoke(work));
    work_free(work);
}

static void password_reaches_neither_log_nor_catalog(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    engine->log_begin(work->world);
    must(work, do_grant(work));
    assert_false(engine->log_has(work->world, work_password(work)));
    must(work, do_reset(work));
    assert_false(engine->log_has(work->world, work_password(work)));
    // The log would have shown it: the statement itself is there.
    assert_true(
        engine->log_has(work->world, engine->making_statement(work->world, work->plan->account)));
    assert_true(engine->holds_verifier(work->world, work->plan->account));
    must(work, do_revoke(work));
    work_free(work);
}

static void connection_limit_holds(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    work->plan->connection_limit = 1;
    must(work, do_grant(work));
    UserSession *one = user_opens(work);
    assert_int_equal(user_reads(work, "customers"), ANSWER_NO_LOGIN);
    engine->user_close(one);
    must(work, do_revoke(work));
    work_free(work);
}

typedef struct Racer {
    World *world;
    Plan plan;
    Status status;
    Error error;
    Arena *arena;
} Racer;

static Status race_once(Racer *racer, bool grant) {
    const Driver *driver = racer->world->engine->driver;
    Status status = STATUS_UNAVAILABLE;
    for (int i = 0; i < ATTEMPTS && status == STATUS_UNAVAILABLE; i++) {
        DriverSession *session = NULL;
        DriverResult result;
        FailureClass failure;
        CLEANUP(secret_freep) Secret *password = secret_new_password(24);
        status = driver->session_open(&racer->world->login, &session, &failure, &racer->error);
        if (status != STATUS_OK)
            continue;
        GrantOrder order = {.plan = &racer->plan,
                            .password = password,
                            .ends_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + 3600 * SECOND_MS,
                            .deadline_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + 60 * SECOND_MS};
        status = grant ? driver_grant(driver, session, racer->arena, &order, &result, &racer->error)
                       : driver_revoke(driver, session, racer->arena, &racer->plan, &result,
                                       &racer->error);
        driver->session_close(session);
    }
    return status;
}

static void *race(void *argument) {
    Racer *racer = argument;
    for (int round = 0; round < ROUNDS && racer->status == STATUS_OK; round++) {
        racer->status = race_once(racer, true);
        if (racer->status == STATUS_OK)
            racer->status = race_once(racer, false);
    }
    return NULL;
}

static void many_grants_of_one_table_at_once_all_succeed(void **state) {
    Work *work = work_new(*state);
    Racer racers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (Racer){.world = work->world, .plan = *work->plan, .arena = arena_new()};
        racers[i].plan.account = text_of(work, "%s_%d", work->plan->account, i);
        racers[i].plan.grant_id = text_of(work, "%s_%d", work->plan->grant_id, i);
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        if (racers[i].status != STATUS_OK)
            fail_msg("%s (%s)", racers[i].error.message, racers[i].error.detail);
        arena_free(racers[i].arena);
    }
    work_free(work);
}

static bool has_kind(const FoundTables *tables, const char *name, const char *kind) {
    for (size_t i = 0; i < tables->count; i++)
        if (strcmp(tables->items[i].name, name) == 0 &&
            (kind == NULL || strcmp(tables->items[i].kind, kind) == 0))
            return true;
    return false;
}

static void discovery_shows_what_is_there(void **state) {
    Work *work = work_new(*state);
    const Discoverable *shop = &work->world->engine->discoverable;
    Discovery found;
    must(work, do_discover(work, &found));
    assert_true(has_kind(&found.tables, "customers", "table"));
    assert_true(has_kind(&found.tables, shop->strange_table, NULL));
    assert_true(shop->view == NULL || has_kind(&found.tables, shop->view, "view"));
    for (size_t i = 0; i < found.tables.count; i++)
        assert_string_not_equal(found.tables.items[i].schema, shop->hidden_schema);
    const char *schema = work->world->schema;
    assert_true(string_list_has(&found.schemas, schema));
    assert_true(shop->sequence == NULL ||
                string_list_has(&found.sequences, text_of(work, "%s.%s", schema, shop->sequence)));
    assert_true(shop->function == NULL ||
                string_list_has(&found.functions, text_of(work, "%s.%s", schema, shop->function)));
    if (engine_has(work->world->engine, TRAIT_ROLES))
        assert_true(string_list_has(&found.roles, work->world->role));
    assert_false(string_list_has(&found.roles, work->world->login.user));
    assert_false(found.cut);
    work_free(work);
}

static void wrong_admin_password_is_denied_without_secrets(void **state) {
    World *world = *state;
    CLEANUP(secret_freep) Secret *wrong = secret_new_password(24);
    DriverLogin login = world->login;
    login.password = wrong;
    DriverSession *session = NULL;
    FailureClass failure;
    Error error = {0};
    assert_int_equal(world->engine->driver->session_open(&login, &session, &failure, &error),
                     STATUS_FORBIDDEN);
    assert_int_equal(failure, FAILURE_DENIED);
    assert_string_equal(error.code, "login_denied");
    assert_null(strstr(error.message, secret_text(wrong)));
    assert_null(strstr(error.detail, secret_text(wrong)));
    assert_null(session);
}

static void nobody_listening_is_worth_repeating(void **state) {
    World *world = *state;
    DriverLogin login = world->login;
    TargetAddress target = world->target;
    target.port = 1; // reserved, and nothing of ours
    login.target = &target;
    DriverSession *session = NULL;
    FailureClass failure;
    Error error = {0};
    assert_int_equal(world->engine->driver->session_open(&login, &session, &failure, &error),
                     STATUS_UNAVAILABLE);
    assert_int_equal(failure, FAILURE_RETRY);
    assert_string_equal(error.code, "target_unreachable");
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(granted_account_reads_the_granted_table_and_no_other, EVERYWHERE),
    CONTRACT_TEST(wrong_password_is_refused, EVERYWHERE),
    CONTRACT_TEST(grant_that_finds_its_own_account_resets_it, EVERYWHERE),
    CONTRACT_TEST(grant_past_its_deadline_leaves_nothing, EVERYWHERE),
    CONTRACT_TEST(grant_whose_deadline_comes_before_its_commit_leaves_nothing, EVERYWHERE),
    CONTRACT_TEST(revoke_removes_the_account_and_may_be_repeated, EVERYWHERE),
    CONTRACT_TEST(revoke_of_what_never_was_succeeds, EVERYWHERE),
    CONTRACT_TEST(revoke_ends_sessions_and_sees_them_ended, EVERYWHERE),
    CONTRACT_TEST(sessions_of_users_are_ended_by_name, EVERYWHERE),
    CONTRACT_TEST(revoke_ends_sessions_in_a_transaction, EVERYWHERE, TRAIT_TRANSACTIONS),
    CONTRACT_TEST(missing_table_is_named_and_leaves_nothing, EVERYWHERE, TRAIT_NAMED_TABLES),
    CONTRACT_TEST(missing_schema_is_named, EVERYWHERE, TRAIT_NAMED_TABLES),
    CONTRACT_TEST(missing_role_is_named, EVERYWHERE, TRAIT_ROLES),
    CONTRACT_TEST(names_too_long_or_empty_are_refused, EVERYWHERE, TRAIT_NAMED_TABLES),
    CONTRACT_TEST(tables_of_any_name_are_granted, EVERYWHERE),
    CONTRACT_TEST(account_without_our_mark_is_not_touched, EVERYWHERE),
    CONTRACT_TEST(account_of_another_grant_or_deployment_is_not_touched, EVERYWHERE),
    CONTRACT_TEST(extend_moves_the_end_and_keeps_sessions, EVERYWHERE),
    CONTRACT_TEST(reset_changes_the_password_and_keeps_sessions_and_end, EVERYWHERE),
    CONTRACT_TEST(server_alone_refuses_logins_at_the_end, CROSSED | SAMPLED,
                  TRAIT_EXPIRY_ON_TARGET),
    CONTRACT_TEST(found_account_says_all_that_a_sweep_needs, EVERYWHERE),
    CONTRACT_TEST(password_is_not_in_the_evidence, EVERYWHERE),
    CONTRACT_TEST(password_reaches_neither_log_nor_catalog, EVERYWHERE,
                  TRAIT_VERIFIER_ONLY | TRAIT_STATEMENT_LOG),
    CONTRACT_TEST(connection_limit_holds, EVERYWHERE, TRAIT_CONNECTION_LIMIT),
    CONTRACT_TEST(many_grants_of_one_table_at_once_all_succeed, CROSSED | SAMPLED),
    CONTRACT_TEST(discovery_shows_what_is_there, EVERYWHERE, TRAIT_DISCOVERY),
    CONTRACT_TEST(wrong_admin_password_is_denied_without_secrets, EVERYWHERE),
    CONTRACT_TEST(nobody_listening_is_worth_repeating, EVERYWHERE),
};
const ContractSuite BASIC_SUITE = {TESTS, COUNT_OF(TESTS)};
