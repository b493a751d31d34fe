// The contract of driver/driver.h, for every engine.
#include "driver_contract.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { SHORT_MS = 1500, THREADS = 8, ATTEMPTS = 100, ROUNDS = 3, STATEMENTS_MAX = 200 };

static const char CUSTOMERS[] = "SELECT count(*) FROM app.customers";
static const char ORDERS[] = "SELECT count(*) FROM app.orders";

static void granted_account_reads_the_granted_table_and_no_other(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_DONE);
    assert_int_equal(user_answer(work, ORDERS), ANSWER_REFUSED);
    assert_int_equal(user_answer(work, "INSERT INTO app.customers (name) VALUES ('x')"),
                     ANSWER_REFUSED);
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
    assert_int_equal(
        work->world->engine->answer(work->world, work->plan->account, "not it", CUSTOMERS),
        ANSWER_NO_LOGIN);
    must(work, do_revoke(work));
    work_free(work);
}

static void grant_that_finds_its_own_account_resets_it(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    UserSession *user =
        work->world->engine->user_open(work->world, work->plan->account, work_password(work));
    assert_non_null(user);
    Secret *old = work->password;
    work->password = secret_new_password(24);
    must(work, do_grant(work));
    assert_false(work->world->engine->user_run(user, CUSTOMERS));
    work->world->engine->user_close(user);
    assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_DONE);
    assert_int_equal(
        work->world->engine->answer(work->world, work->plan->account, secret_text(old), CUSTOMERS),
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
    assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_NO_LOGIN);
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
    world->engine->driver->session_close(work->session);
    late_calls = 0;
    assert_int_equal(
        world->engine->driver->session_open(&login, &work->session, &failure, &work->error),
        STATUS_OK);
    GrantOrder order = {.plan = work->plan,
                        .password = work->password,
                        .ends_ms = late_monotonic(&late_clock) + 60 * SECOND_MS,
                        .deadline_ms = late_monotonic(&late_clock) + 20 * SECOND_MS};
    Status status = world->engine->driver->grant(work->session, work->arena, &order, &work->result,
                                                 &work->error);
    assert_int_not_equal(status, STATUS_OK);
    assert_string_equal(work->error.code, "deadline_passed");
    assert_true(work->result.outcome.statements.count > 2); // it had begun
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void revoke_removes_the_account_and_may_be_repeated(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    must(work, do_revoke(work));
    assert_false(work->result.outcome.account_present);
    assert_true(work->result.outcome.login_refused);
    assert_int_equal(work->result.outcome.obstacles.count, 0);
    assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_NO_LOGIN);
    must(work, do_revoke(work));
    assert_false(work->result.outcome.account_present);
    work_free(work);
}

static void revoke_of_what_never_was_succeeds(void **state) {
    Work *work = work_new(*state);
    must(work, do_revoke(work));
    work_free(work);
}

static void revoke_ends_sessions_also_in_a_transaction(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    UserSession *idle = engine->user_open(work->world, work->plan->account, work_password(work));
    UserSession *busy = engine->user_open(work->world, work->plan->account, work_password(work));
    assert_true(engine->user_run(idle, CUSTOMERS));
    assert_true(engine->user_run(busy, "BEGIN"));
    assert_true(engine->user_run(busy, CUSTOMERS));
    FoundAccount found;
    assert_true(account_listed(work, &found));
    assert_int_equal(found.sessions, 2);
    must(work, do_revoke(work));
    assert_int_equal(work->result.outcome.sessions_ended, 2);
    assert_int_equal(work->result.outcome.sessions_left, 0);
    assert_false(engine->user_run(idle, CUSTOMERS));
    assert_false(engine->user_run(busy, CUSTOMERS));
    engine->user_close(idle);
    engine->user_close(busy);
    work_free(work);
}

static void missing_table_is_named_and_leaves_nothing(void **state) {
    Work *work = work_new(*state);
    AccessItem items[] = {select_on(work->arena, work->world, "customers"),
                          select_on(work->arena, work->world, "not_there")};
    plan_grants(work, items, COUNT_OF(items));
    assert_int_equal(do_grant(work), STATUS_NOT_FOUND);
    assert_int_equal(work->result.failure, FAILURE_NOT_FOUND);
    assert_non_null(strstr(work->error.message, "not_there"));
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void missing_schema_and_role_are_named(void **state) {
    Work *work = work_new(*state);
    AccessItem item = select_on(work->arena, work->world, "customers");
    item.schema = "no_such_schema";
    plan_grants(work, &item, 1);
    assert_int_equal(do_grant(work), STATUS_NOT_FOUND);
    assert_non_null(strstr(work->error.message, "no_such_schema"));
    AccessItem role = {.role = "no_such_role"};
    plan_grants(work, &role, 1);
    assert_int_equal(do_grant(work), STATUS_NOT_FOUND);
    assert_non_null(strstr(work->error.message, "no_such_role"));
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void names_too_long_or_empty_are_refused(void **state) {
    Work *work = work_new(*state);
    const char *const names[] = {
        "", "a234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AccessItem item = select_on(work->arena, work->world, names[i]);
        plan_grants(work, &item, 1);
        assert_int_equal(do_grant(work), STATUS_INVALID);
        assert_string_equal(work->error.code, "bad_name");
        assert_int_equal(work->result.failure, FAILURE_FATAL);
    }
    assert_false(account_listed(work, NULL));
    work_free(work);
}

static void tables_of_any_name_are_granted(void **state) {
    static const char *const NAMES[][2] = {
        {"weird; DROP TABLE x; --", "SELECT * FROM app.\"weird; DROP TABLE x; --\""},
        {"qu\"ote's", "SELECT * FROM app.\"qu\"\"ote's\""},
        {"back\\slash\\", "SELECT * FROM app.\"back\\slash\\\""},
        {" spaces ", "SELECT * FROM app.\" spaces \""},
        {"t\xc3\xa4glich \xf0\x9f\x90\x98",
         "SELECT * FROM app.\"t\xc3\xa4glich \xf0\x9f\x90\x98\""},
        {"n23456789012345678901234567890123456789012345678901234567890123",
         "SELECT * FROM app.n23456789012345678901234567890123456789012345678901234567890123"},
    };
    Work *work = work_new(*state);
    AccessItem items[COUNT_OF(NAMES)];
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        items[i] = select_on(work->arena, work->world, NAMES[i][0]);
    plan_grants(work, items, COUNT_OF(items));
    must(work, do_grant(work));
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        assert_int_equal(user_answer(work, NAMES[i][1]), ANSWER_DONE);
    assert_int_equal(user_answer(work, "SELECT * FROM app.x"), ANSWER_REFUSED);
    must(work, do_revoke(work));
    work->world->engine->run(work->world, NULL, "SELECT * FROM app.x"); // still there
    work_free(work);
}

static void account_without_our_mark_is_not_touched(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    engine->run(work->world, NULL,
                sql_of(work, "CREATE ROLE %s LOGIN PASSWORD 'theirs'", work->plan->account));
    assert_int_equal(do_grant(work), STATUS_CONFLICT);
    assert_int_equal(work->result.failure, FAILURE_CONFLICT);
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    assert_int_equal(work->result.outcome.obstacles.count, 1);
    assert_int_equal(do_extend(work, 60 * SECOND_MS), STATUS_CONFLICT);
    assert_int_equal(do_reset(work), STATUS_CONFLICT);
    assert_int_equal(engine->answer(work->world, work->plan->account, "theirs", "SELECT 1"),
                     ANSWER_DONE);
    assert_false(account_listed(work, NULL));
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
    assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_DONE);
    must(work, do_revoke(work));
    work_free(work);
}

static void extend_moves_the_end_and_keeps_sessions(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    int64_t before = work->result.outcome.target_expires_at;
    UserSession *user = engine->user_open(work->world, work->plan->account, work_password(work));
    must(work, do_extend(work, 2 * 3600 * SECOND_MS));
    int64_t after = work->result.outcome.target_expires_at;
    assert_true(after > before + 3000 * SECOND_MS);
    FoundAccount found;
    assert_true(account_listed(work, &found));
    assert_int_equal(found.expires_at, after);
    assert_true(engine->user_run(user, CUSTOMERS));
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
    UserSession *user = engine->user_open(work->world, work->plan->account, old);
    must(work, do_reset(work));
    assert_int_equal(work->result.outcome.target_expires_at, end);
    assert_true(engine->user_run(user, CUSTOMERS));
    engine->user_close(user);
    assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_DONE);
    assert_int_equal(engine->answer(work->world, work->plan->account, old, CUSTOMERS),
                     ANSWER_NO_LOGIN);
    must(work, do_revoke(work));
    assert_int_equal(do_reset(work), STATUS_NOT_FOUND);
    work_free(work);
}

static void server_alone_refuses_logins_at_the_end(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant_for(work, SHORT_MS, 30 * SECOND_MS));
    // The server wakes us when its own clock has passed the end.
    work->world->engine->run(
        work->world, NULL,
        sql_of(work, "SELECT pg_sleep_until(rolvaliduntil) FROM pg_roles WHERE rolname = '%s'",
               work->plan->account));
    assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_NO_LOGIN);
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

static bool outcome_has(const Work *work, const char *text) {
    const Statements *statements = &work->result.outcome.statements;
    for (size_t i = 0; i < statements->count; i++)
        if (strstr(statements->items[i].sql, text) != NULL)
            return true;
    return false;
}

static void password_reaches_neither_log_nor_evidence_nor_catalog(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    assert_true(outcome_has(work, "PASSWORD '(elided)'"));
    assert_false(outcome_has(work, work_password(work)));
    assert_false(outcome_has(work, "SCRAM-SHA-256$"));
    assert_false(engine->log_has(work->world, work_password(work)));
    must(work, do_reset(work));
    assert_false(outcome_has(work, work_password(work)));
    assert_false(outcome_has(work, "SCRAM-SHA-256$"));
    assert_false(engine->log_has(work->world, work_password(work)));
    // The log would have shown it: the statement itself is there.
    assert_true(engine->log_has(work->world,
                                sql_of(work, "CREATE ROLE \"%s\" LOGIN", work->plan->account)));
    assert_int_equal(engine->number(work->world, NULL,
                                    sql_of(work,
                                           "SELECT count(*) FROM pg_authid WHERE rolname = '%s'"
                                           " AND rolpassword LIKE 'SCRAM-SHA-256$%%'",
                                           work->plan->account)),
                     1);
    must(work, do_revoke(work));
    work_free(work);
}

static void connection_limit_holds(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    work->plan->connection_limit = 1;
    must(work, do_grant(work));
    UserSession *one = engine->user_open(work->world, work->plan->account, work_password(work));
    assert_non_null(one);
    assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_NO_LOGIN);
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
        status = grant
                     ? driver->grant(session, racer->arena, &order, &result, &racer->error)
                     : driver->revoke(session, racer->arena, &racer->plan, &result, &racer->error);
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
        racers[i].plan.account = sql_of(work, "%s_%d", work->plan->account, i);
        racers[i].plan.grant_id = sql_of(work, "%s_%d", work->plan->grant_id, i);
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

// Runs one operation over a connection that is cut at a statement. False: it was not reached.
static bool cut_off(Work *work, int at, bool after, bool grant) {
    const Engine *engine = work->world->engine;
    int64_t statements = 0;
    DriverLogin login;
    void *cutter = engine->cutter_new(
        work->world, &(Cut){.at = at, .after = after, .ret_statements = &statements}, &login);
    DriverSession *session = NULL;
    FailureClass failure = FAILURE_NONE;
    Status status = engine->driver->session_open(&login, &session, &failure, &work->error);
    if (status == STATUS_OK) {
        DriverResult result;
        GrantOrder order = {.plan = work->plan,
                            .password = work->password,
                            .ends_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + 3600 * SECOND_MS,
                            .deadline_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + 60 * SECOND_MS};
        status =
            grant ? engine->driver->grant(session, work->arena, &order, &result, &work->error)
                  : engine->driver->revoke(session, work->arena, work->plan, &result, &work->error);
        failure = result.failure;
        engine->driver->session_close(session);
    }
    engine->cutter_free(cutter);
    bool reached = statements >= at;
    // Sweeping unused roles is best effort, so a cut there does not fail a revoke.
    if (reached && status != STATUS_OK)
        assert_int_equal(failure, FAILURE_RETRY);
    if (!reached && status != STATUS_OK)
        fail_msg("not cut, yet: %s (%s)", work->error.message, work->error.detail);
    return reached;
}

static void repeat_until_done(Work *work, Status (*operation)(Work *work)) {
    Status status = STATUS_UNAVAILABLE;
    for (int i = 0; i < ATTEMPTS && status == STATUS_UNAVAILABLE; i++)
        status = operation(work);
    must(work, status);
}

static void connector_cut_off_at_any_statement_of_a_grant_converges(void **state) {
    for (int side = 0; side < 2; side++) {
        bool reached = true;
        for (int at = 1; reached && at < STATEMENTS_MAX; at++) {
            Work *work = work_new(*state);
            reached = cut_off(work, at, side == 1, true);
            secret_free(work->password);
            work->password = secret_new_password(24);
            repeat_until_done(work, do_grant);
            assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_DONE);
            assert_int_equal(user_answer(work, ORDERS), ANSWER_REFUSED);
            repeat_until_done(work, do_revoke);
            assert_false(account_listed(work, NULL));
            work_free(work);
        }
        assert_false(reached);
    }
}

static void connector_cut_off_at_any_statement_of_a_revoke_converges(void **state) {
    for (int side = 0; side < 2; side++) {
        bool reached = true;
        for (int at = 1; reached && at < STATEMENTS_MAX; at++) {
            Work *work = work_new(*state);
            repeat_until_done(work, do_grant);
            UserSession *user = work->world->engine->user_open(work->world, work->plan->account,
                                                               work_password(work));
            assert_non_null(user);
            reached = cut_off(work, at, side == 1, false);
            repeat_until_done(work, do_revoke);
            assert_false(work->result.outcome.account_present);
            assert_false(work->world->engine->user_run(user, CUSTOMERS));
            work->world->engine->user_close(user);
            assert_false(account_listed(work, NULL));
            work_free(work);
        }
        assert_false(reached);
    }
}

static void discovery_shows_what_is_there(void **state) {
    Work *work = work_new(*state);
    Discovery found;
    FailureClass failure;
    assert_int_equal(work->world->engine->driver->discover(work->session, work->arena, &found,
                                                           &failure, &work->error),
                     STATUS_OK);
    bool customers = false, view = false, weird = false;
    for (size_t i = 0; i < found.tables.count; i++) {
        const FoundTable *table = &found.tables.items[i];
        customers |= strcmp(table->name, "customers") == 0 && strcmp(table->kind, "table") == 0;
        view |= strcmp(table->name, "names") == 0 && strcmp(table->kind, "view") == 0;
        weird |= strcmp(table->name, "weird; DROP TABLE x; --") == 0;
        assert_string_not_equal(table->schema, "pg_catalog");
    }
    assert_true(customers && view && weird);
    assert_true(string_list_has(&found.schemas, "app"));
    assert_true(string_list_has(&found.sequences, "app.tickets"));
    assert_true(string_list_has(&found.functions, "app.twice(integer)"));
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

const ContractTest CONTRACT_TESTS[] = {
    CONTRACT_TEST(granted_account_reads_the_granted_table_and_no_other),
    CONTRACT_TEST(wrong_password_is_refused),
    CONTRACT_TEST(grant_that_finds_its_own_account_resets_it),
    CONTRACT_TEST(grant_past_its_deadline_leaves_nothing),
    CONTRACT_TEST(grant_whose_deadline_comes_before_its_commit_leaves_nothing),
    CONTRACT_TEST(revoke_removes_the_account_and_may_be_repeated),
    CONTRACT_TEST(revoke_of_what_never_was_succeeds),
    CONTRACT_TEST(revoke_ends_sessions_also_in_a_transaction),
    CONTRACT_TEST(missing_table_is_named_and_leaves_nothing),
    CONTRACT_TEST(missing_schema_and_role_are_named),
    CONTRACT_TEST(names_too_long_or_empty_are_refused),
    CONTRACT_TEST(tables_of_any_name_are_granted),
    CONTRACT_TEST(account_without_our_mark_is_not_touched),
    CONTRACT_TEST(account_of_another_grant_or_deployment_is_not_touched),
    CONTRACT_TEST(extend_moves_the_end_and_keeps_sessions),
    CONTRACT_TEST(reset_changes_the_password_and_keeps_sessions_and_end),
    CONTRACT_TEST(server_alone_refuses_logins_at_the_end),
    CONTRACT_TEST(found_account_says_all_that_a_sweep_needs),
    CONTRACT_TEST(password_reaches_neither_log_nor_evidence_nor_catalog),
    CONTRACT_TEST(connection_limit_holds),
    CONTRACT_TEST(many_grants_of_one_table_at_once_all_succeed),
    CONTRACT_TEST(connector_cut_off_at_any_statement_of_a_grant_converges),
    CONTRACT_TEST(connector_cut_off_at_any_statement_of_a_revoke_converges),
    CONTRACT_TEST(discovery_shows_what_is_there),
    CONTRACT_TEST(wrong_admin_password_is_denied_without_secrets),
    CONTRACT_TEST(nobody_listening_is_worth_repeating),
};
const size_t CONTRACT_TEST_COUNT = COUNT_OF(CONTRACT_TESTS);
