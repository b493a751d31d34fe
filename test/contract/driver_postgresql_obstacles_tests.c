// What keeps an account on PostgreSQL from being removed is named with the statement that solves
// it. The statements are run here, and then the account must be gone. Sessions are seen ended.
#include "driver_postgresql_shop.h"
#include "driver_postgresql_tests.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "driver/postgresql/statement.h"

enum { PREPARED = 2 };

static void check_line(const Obstacle *obstacle) {
    if (strpbrk(obstacle->repair, "\n\r") != NULL || strpbrk(obstacle->what, "\n\r") != NULL)
        fail_msg("more than a line: %s\n%s", obstacle->what, obstacle->repair);
}

// What a DBA pastes must not be what a user wrote.
static void names_cannot_get_out_of_a_repair(void **state) {
    static const char *const NAMES[] = {
        "a\nALTER ROLE pg_monitor SUPERUSER; --",
        "back\\slash\\\" '; SELECT 1; --",
        "100 %s %n $1 $$ ${HOME} `x`",
        "t\xc3\xa4glich \xf0\x9f\x90\x98\r\n",
        "m23456789012345678901234567890123456789012345678901234567890123",
    };
    Work *work = work_new(*state);
    const char *account = work->plan->account;
    plan_maker(work);
    must(work, do_grant(work));
    run_in(work, NULL, text_of(work, "CREATE TABLE app.ruled_%s (i int)", account));
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        const char *name = pg_sql_identifier(work->arena, NAMES[i]);
        user_run_in(work, NULL,
                    text_of(work,
                            "CREATE TABLE app.%s AS SELECT 7 AS i; CREATE POLICY %s ON app.%s",
                            name, name, name));
        run_in(work, NULL,
               text_of(work, "CREATE POLICY %s ON app.ruled_%s TO %s%s", name, account, account,
                       i % 2 == 0 ? ", pg_monitor" : ""));
        const char *gid = pg_sql_literal(work->arena, text_of(work, "%s %s", account, NAMES[i]));
        if (i < PREPARED)
            user_run_in(work, NULL, text_of(work, "BEGIN; SELECT 1; PREPARE TRANSACTION %s", gid));
    }
    const char *custodian = work->plan->custodian;
    work->plan->custodian = NULL;
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    check_line(obstacle_of(work, "names no custodian"));
    work->plan->custodian = custodian;
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    const Obstacles *obstacles = &work->result.outcome.obstacles;
    assert_int_equal(obstacles->count, PREPARED + COUNT_OF(NAMES));
    for (size_t i = 0; i < obstacles->count; i++)
        check_line(&obstacles->items[i]);
    assert_int_equal(revoke_with_repairs(work), 1);
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        const char *name = pg_sql_identifier(work->arena, NAMES[i]);
        assert_int_equal(number_in(work, NULL, text_of(work, "SELECT i FROM app.%s", name)), 7);
        run_in(work, NULL, text_of(work, "DROP TABLE app.%s", name));
    }
    assert_int_equal(number_in(work, NULL,
                               "SELECT count(*) FROM pg_roles WHERE rolname = 'pg_monitor'"
                               " AND rolsuper"),
                     0);
    work_free(work);
}

static void *login_slowly(void *work_) {
    Work *work = work_;
    char port[16];
    snprintf(port, sizeof port, "%lld", (long long)work->world->target.port);
    const char *keywords[] = {"host",     "port",    "dbname",  "user",
                              "password", "sslmode", "options", NULL};
    const char *values[] = {
        work->world->target.host, port,      work->world->target.database, work->plan->account,
        work_password(work),      "disable", "-c post_auth_delay=600",     NULL};
    return PQconnectdbParams(keywords, values, 0);
}

// The server lets a client ask for a pause after its authentication, in which nothing shows it.
static void login_that_is_held_up_does_not_outlive_the_account(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, login_slowly, work), 0);
    while (number_in(work, NULL,
                     "SELECT count(*) FROM pg_locks l WHERE l.locktype = 'object'"
                     " AND l.classid = 'pg_database'::regclass AND NOT EXISTS (SELECT FROM"
                     " pg_stat_activity a WHERE a.pid = l.pid AND a.usesysid IS NOT NULL)") == 0) {
    }
    must(work, do_revoke(work));
    void *connection = NULL;
    assert_int_equal(pthread_join(thread, &connection), 0);
    PGresult *result = PQexec(connection, "SELECT 1");
    assert_int_equal(PQresultStatus(result), PGRES_FATAL_ERROR);
    PQclear(result);
    PQfinish(connection);
    work_free(work);
}

// Ended only when the server's process gets to it: reported until then, never assumed.
static void session_that_does_not_end_is_reported_until_it_does(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    const Engine *engine = work->world->engine;
    UserSession *user = user_opens(work);
    assert_non_null(user);
    pid_t backend =
        (pid_t)number_in(work, NULL,
                         text_of(work, "SELECT pid FROM pg_stat_activity WHERE usename = '%s'",
                                 work->plan->account));
    assert_int_equal(kill(backend, SIGSTOP), 0);
    Status status = do_revoke(work);
    kill(backend, SIGCONT);
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_string_equal(work->error.code, "sessions_left");
    assert_int_equal(work->result.outcome.sessions_left, 1);
    assert_true(work->result.outcome.account_present && work->result.outcome.login_refused);
    must(work, do_revoke(work));
    assert_int_equal(work->result.outcome.sessions_left, 0);
    assert_false(pg_user_run(user, "SELECT 1"));
    engine->user_close(user);
    work_free(work);
}

// ---- Sessions -----------------------------------------------------------------------------------

static void sessions_in_any_state_are_ended_with_what_they_held(void **state) {
    static const char *const STATES[] = {
        "BEGIN; LOCK TABLE app.customers IN ACCESS SHARE MODE; SELECT pg_advisory_xact_lock(77)",
        "SELECT pg_advisory_lock(78); LISTEN news",
        "CREATE TEMPORARY TABLE scratch AS SELECT 1; DECLARE held CURSOR WITH HOLD FOR SELECT 1",
        "BEGIN; DECLARE open_one CURSOR FOR SELECT * FROM app.customers; FETCH 1 FROM open_one",
    };
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    UserSession *sessions[COUNT_OF(STATES) + 1];
    for (size_t i = 0; i < COUNT_OF(sessions); i++) {
        sessions[i] = user_opens(work);
        assert_non_null(sessions[i]);
        if (i < COUNT_OF(STATES))
            assert_true(pg_user_run(sessions[i], STATES[i]));
    }
    assert_true(pg_user_run(sessions[COUNT_OF(STATES)], "BEGIN"));
    assert_false(pg_user_run(sessions[COUNT_OF(STATES)], "SELECT 1 / 0")); // aborted
    must(work, do_revoke(work));
    assert_int_equal(work->result.outcome.sessions_ended, COUNT_OF(sessions));
    assert_int_equal(number_in(work, NULL,
                               "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                               " AND objid IN (77, 78)"),
                     0);
    for (size_t i = 0; i < COUNT_OF(sessions); i++) {
        assert_false(pg_user_run(sessions[i], "SELECT 1"));
        engine->user_close(sessions[i]);
    }
    work_free(work);
}

// ---- Obstacles ----------------------------------------------------------------------------------

static void prepared_transactions_are_left_to_their_coordinator(void **state) {
    Work *work = work_new(*state);
    const char *account = work->plan->account;
    plan_maker(work);
    must(work, do_grant(work));
    user_run_in(work, NULL, text_of(work, "CREATE TABLE app.held_%s AS SELECT 7 AS i", account));
    const char *const ENDS[] = {"committed", "undone"};
    for (size_t i = 0; i < COUNT_OF(ENDS); i++)
        user_run_in(work, NULL,
                    text_of(work,
                            "BEGIN; CREATE TABLE app.%s_%s (i int); PREPARE TRANSACTION '%s_%s'",
                            ENDS[i], account, ENDS[i], account));
    for (int attempt = 0; attempt < 2; attempt++) {
        assert_int_equal(do_revoke(work), STATUS_CONFLICT);
        assert_int_equal(work->result.outcome.obstacles.count, 2);
        assert_int_equal(number_in(work, NULL,
                                   text_of(work,
                                           "SELECT count(*) FROM pg_prepared_xacts"
                                           " WHERE owner = '%s'",
                                           account)),
                         2);
    }
    const char *commit = text_of(work, "COMMIT PREPARED 'committed_%s';", account);
    const char *rollback = text_of(work, "ROLLBACK PREPARED 'undone_%s';", account);
    assert_non_null(strstr(obstacle_of(work, "'committed_")->repair, commit));
    assert_non_null(strstr(obstacle_of(work, "'undone_")->repair, rollback));
    assert_non_null(strstr(obstacle_of(work, "'undone_")->repair, work->world->target.database));
    run_in(work, NULL, commit);
    run_in(work, NULL, rollback);
    must(work, do_revoke(work));
    must_have_line(&work->result.outcome.handed_over,
                   text_of(work, "table app.committed_%s to", account));
    assert_int_equal(number_in(work, NULL, text_of(work, "SELECT i FROM app.held_%s", account)), 7);
    work_free(work);
}

static void who_holds_a_lock_on_it_is_named(void **state) {
    Work *work = work_new(*state);
    const char *account = work->plan->account;
    plan_maker(work);
    must(work, do_grant(work));
    user_run_in(work, NULL, text_of(work, "CREATE TABLE app.busy_%s AS SELECT 7 AS i", account));
    user_run_in(work, NULL,
                text_of(work, "BEGIN; UPDATE app.busy_%s SET i = 8; PREPARE TRANSACTION 'own_%s'",
                        account, account));
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    assert_int_equal(work->result.outcome.obstacles.count, 1); // its own is named once
    run_repairs(work);
    run_in(work, NULL,
           text_of(work, "BEGIN; LOCK TABLE app.busy_%s IN ACCESS SHARE MODE", account));
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    const Obstacle *obstacle = obstacle_of(work, "holds a lock");
    assert_non_null(strstr(obstacle->what, "session"));
    assert_non_null(strstr(obstacle->repair, "SELECT pg_terminate_backend("));
    run_in(work, NULL, "COMMIT");
    must(work, do_revoke(work));
    assert_int_equal(number_in(work, NULL, text_of(work, "SELECT i FROM app.busy_%s", account)), 7);
    work_free(work);
}

typedef struct Trap {
    const char *name;
    const char *sql;      // run by the superuser; ACCOUNT is the name of it
    const char *obstacle; // what a limited admin says; NULL: nothing
    bool for_superuser;   // says it, too
    const char *undo;
} Trap;

static const Trap TRAPS[] = {
    {"column grants", "GRANT SELECT (name), UPDATE (name) ON app.customers TO ACCOUNT", "given by",
     false, NULL},
    {"grant chains",
     "GRANT SELECT ON app.secrets TO ACCOUNT WITH GRANT OPTION; SET ROLE ACCOUNT;"
     "GRANT SELECT ON app.secrets TO pg_monitor; RESET ROLE",
     "given by", false, NULL},
    {"languages", "GRANT USAGE ON LANGUAGE plpgsql TO ACCOUNT", "language", false, NULL},
    {"foreign-data wrappers",
     "CREATE FOREIGN DATA WRAPPER w_ACCOUNT; GRANT USAGE ON FOREIGN DATA WRAPPER w_ACCOUNT TO "
     "ACCOUNT",
     "foreign-data wrapper", false, "DROP FOREIGN DATA WRAPPER w_ACCOUNT"},
    {"foreign servers",
     "CREATE FOREIGN DATA WRAPPER w_ACCOUNT; CREATE SERVER s_ACCOUNT FOREIGN DATA WRAPPER "
     "w_ACCOUNT; GRANT USAGE ON FOREIGN SERVER s_ACCOUNT TO ACCOUNT;"
     "CREATE USER MAPPING FOR ACCOUNT SERVER s_ACCOUNT",
     "foreign server", false, "DROP SERVER s_ACCOUNT; DROP FOREIGN DATA WRAPPER w_ACCOUNT"},
    {"user mappings out of reach",
     "CREATE FOREIGN DATA WRAPPER w_ACCOUNT; CREATE SERVER s_ACCOUNT FOREIGN DATA WRAPPER "
     "w_ACCOUNT; CREATE USER MAPPING FOR ACCOUNT SERVER s_ACCOUNT",
     "user mapping", false, "DROP SERVER s_ACCOUNT; DROP FOREIGN DATA WRAPPER w_ACCOUNT"},
    {"large objects", "SELECT lo_create(4242); GRANT SELECT ON LARGE OBJECT 4242 TO ACCOUNT",
     "large object", false, "SELECT lo_unlink(4242)"},
    {"tablespaces", "GRANT CREATE ON TABLESPACE pg_default TO ACCOUNT", "tablespace", false, NULL},
    {"parameters", "GRANT SET ON PARAMETER log_statement, my.own TO ACCOUNT", "parameter", false,
     NULL},
    {"types", "CREATE DOMAIN app.d_ACCOUNT AS int; GRANT USAGE ON DOMAIN app.d_ACCOUNT TO ACCOUNT",
     "type", false, "DROP DOMAIN app.d_ACCOUNT"},
    {"databases", "GRANT CREATE, TEMPORARY ON DATABASE template1 TO ACCOUNT", "database", false,
     NULL},
    {"default privileges of others",
     "CREATE ROLE o_ACCOUNT; ALTER DEFAULT PRIVILEGES FOR ROLE o_ACCOUNT GRANT SELECT ON TABLES TO "
     "ACCOUNT",
     "future tables", false, "DROP OWNED BY o_ACCOUNT; DROP ROLE o_ACCOUNT"},
    {"policies of others", "CREATE POLICY p_ACCOUNT ON app.x TO ACCOUNT, pg_monitor USING (true)",
     "policy", true, "DROP POLICY p_ACCOUNT ON app.x"},
    {"memberships it gave",
     "CREATE ROLE g_ACCOUNT; CREATE ROLE m_ACCOUNT; GRANT g_ACCOUNT TO ACCOUNT WITH ADMIN OPTION;"
     "SET ROLE ACCOUNT; GRANT g_ACCOUNT TO m_ACCOUNT; RESET ROLE",
     NULL, false, "DROP ROLE g_ACCOUNT, m_ACCOUNT"},
    {"a database of its own", "ALTER DATABASE beside OWNER TO ACCOUNT", NULL, false, NULL},
    {"power of its own", "ALTER ROLE ACCOUNT SUPERUSER REPLICATION BYPASSRLS", NULL, false, NULL},
    {"settings",
     "ALTER ROLE ACCOUNT SET work_mem = '8MB'; ALTER ROLE ACCOUNT IN DATABASE template1"
     " SET work_mem = '9MB'; COMMENT ON ROLE pg_monitor IS NULL",
     NULL, false, NULL},
};

static void what_others_gave_the_account_ends_with_it_or_by_its_repair(void **state) {
    for (size_t i = 0; i < COUNT_OF(TRAPS); i++) {
        Work *work = work_new(*state);
        const Trap *trap = &TRAPS[i];
        must(work, do_grant(work));
        if (strstr(trap->sql, "DATABASE beside") != NULL)
            run_in(work, NULL,
                   text_of(work, "ALTER DATABASE %s OWNER TO %s", work->world->other_database,
                           work->plan->account));
        else
            run_in(work, NULL, with_word(work, trap->sql, "ACCOUNT", work->plan->account));
        Status status = do_revoke(work);
        bool expected =
            trap->obstacle != NULL && (work->world->limited_admin || trap->for_superuser);
        if (expected && status != STATUS_CONFLICT)
            fail_msg("%s: no obstacle", trap->name);
        if (expected)
            obstacle_of(work, trap->obstacle);
        if (status == STATUS_FORBIDDEN) // it could not even be locked
            run_repairs(work);
        revoke_with_repairs(work);
        run_in(
            work, NULL,
            text_of(work, "ALTER DATABASE %s OWNER TO CURRENT_USER", work->world->other_database));
        if (trap->undo != NULL)
            run_in(work, NULL, with_word(work, trap->undo, "ACCOUNT", work->plan->account));
        work_free(work);
    }
}

static void databases_that_cannot_be_entered_are_named(void **state) {
    Work *work = work_new(*state);
    const char *beside = work->world->other_database;
    const char *table = text_of(work, "shut_%s", work->plan->account);
    run_in(work, beside,
           text_of(work, "GRANT CREATE ON SCHEMA public TO %s", work->world->custodian));
    must(work, do_grant(work));
    run_in(work, beside,
           text_of(work, "CREATE TABLE %s AS SELECT 7 AS i; ALTER TABLE %s OWNER TO %s", table,
                   table, work->plan->account));
    run_in(work, NULL, text_of(work, "ALTER DATABASE %s ALLOW_CONNECTIONS false", beside));
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    obstacle_of(work, "accepts no connections");
    run_repairs(work);
    run_in(work, NULL, text_of(work, "REVOKE CONNECT ON DATABASE %s FROM PUBLIC", beside));
    if (work->world->limited_admin) {
        assert_int_equal(do_revoke(work), STATUS_CONFLICT);
        obstacle_of(work, "cannot connect");
        run_repairs(work);
    }
    must(work, do_revoke(work));
    must_have_line(&work->result.outcome.handed_over, table);
    assert_int_equal(number_in(work, beside, text_of(work, "SELECT i FROM %s", table)), 7);
    run_in(work, NULL, text_of(work, "GRANT CONNECT ON DATABASE %s TO PUBLIC", beside));
    work_free(work);
}

static void replication_slots_cannot_be_made_by_any_way(void **state) {
    static const char SLOT[] = "SELECT pg_create_physical_replication_slot('slot_of_a_user')";
    Work *work = work_new(*state);
    const char *role = text_of(work, "copier_%s", work->plan->account);
    must(work, do_grant(work));
    assert_int_equal(user_answer(work, SLOT), ANSWER_REFUSED);
    must(work, do_revoke(work));
    run_in(work, NULL,
           text_of(work, "CREATE ROLE %s REPLICATION; CREATE ROLE via_%s; GRANT %s TO via_%s", role,
                   role, role, role));
    const char *const roles[] = {role, text_of(work, "via_%s", role)};
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        AccessItem item = {.role = roles[i]};
        plan_grants(work, &item, 1);
        assert_int_not_equal(do_grant(work), STATUS_OK);
        assert_non_null(strstr(work->error.message, "REPLICATION"));
        assert_false(account_listed(work, NULL));
    }
    assert_int_equal(number_in(work, NULL, "SELECT count(*) FROM pg_replication_slots"), 0);
    work_free(work);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(names_cannot_get_out_of_a_repair, CROSSED | SAMPLED),
    CONTRACT_TEST(login_that_is_held_up_does_not_outlive_the_account, CROSSED | SAMPLED),
    CONTRACT_TEST(session_that_does_not_end_is_reported_until_it_does, ONCE),
    CONTRACT_TEST(sessions_in_any_state_are_ended_with_what_they_held, CROSSED | SAMPLED),
    CONTRACT_TEST(prepared_transactions_are_left_to_their_coordinator, CROSSED | SAMPLED),
    CONTRACT_TEST(who_holds_a_lock_on_it_is_named, ONCE),
    CONTRACT_TEST(what_others_gave_the_account_ends_with_it_or_by_its_repair, CROSSED | SAMPLED),
    CONTRACT_TEST(databases_that_cannot_be_entered_are_named, CROSSED | SAMPLED),
    CONTRACT_TEST(replication_slots_cannot_be_made_by_any_way, CROSSED | SAMPLED),
};
const ContractSuite POSTGRESQL_OBSTACLES_SUITE = {TESTS, COUNT_OF(TESTS)};
