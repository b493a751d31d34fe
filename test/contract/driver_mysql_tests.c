// Accounts of MySQL and MariaDB: where they may log in from and how, when they end, and that a half
// of one is of no use.
#include "driver_mysql_tests.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DENIED = 1045,
    LOCKED_MYSQL = 3118,
    LOCKED_MARIADB = 4151,
    CUTS_MAX = 200,
    CLOSING_MS = 1500
};

// ---- Hosts and TLS ------------------------------------------------------------------------------

static void account_bound_to_a_host_is_refused_from_elsewhere(void **state) {
    static const char *const HOSTS[] = {"127.0.0.2", "127.0.0.2/255.255.255.254"};
    Work *work = work_new(*state);
    for (size_t i = 0; i < COUNT_OF(HOSTS); i++, work_renew(work)) {
        work->plan->account_host = HOSTS[i];
        must(work, do_grant(work));
        assert_int_equal(login_error(work, "127.0.0.2", work_password(work), false), 0);
        assert_int_not_equal(login_error(work, "127.0.0.1", work_password(work), false), 0);
        FoundAccount found;
        assert_true(account_listed(work, &found));
        must(work, do_extend(work, 2LL * 3600 * SECOND_MS));
        must(work, do_reset(work));
        assert_int_equal(login_error(work, "127.0.0.2", work_password(work), false), 0);
        must(work, do_revoke(work));
        assert_false(work->world->engine->has_account(work->world, work->plan->account));
    }
    work_free(work);
}

// The same name at another host is another account to the server, and nobody's to touch.
static void same_name_at_another_host_is_a_conflict(void **state) {
    Work *work = work_new(*state);
    run_sql(work, "CREATE USER `#`@`10.0.0.1` IDENTIFIED BY 'theirs'");
    assert_int_equal(do_grant(work), STATUS_CONFLICT);
    assert_int_equal(work->result.failure, FAILURE_CONFLICT);
    assert_int_equal(sql_number(work, "SELECT COUNT(*) FROM mysql.user WHERE User = '#'"), 1);
    run_sql(work, "DROP USER `#`@`10.0.0.1`");
    must(work, do_grant(work));
    run_sql(work, "CREATE USER `#`@`10.0.0.1` IDENTIFIED BY 'theirs'");
    must(work, do_revoke(work));
    assert_int_equal(sql_number(work, "SELECT COUNT(*) FROM mysql.user WHERE User = '#' AND Host ="
                                      " '10.0.0.1'"),
                     1);
    run_sql(work, "DROP USER `#`@`10.0.0.1`");
    work_free(work);
}

static void account_held_to_tls_is_refused_without(void **state) {
    Work *work = work_new(*state);
    work->plan->require_tls = true;
    must(work, do_grant(work));
    assert_int_equal(login_error(work, NULL, work_password(work), true), 0);
    assert_int_equal(login_error(work, NULL, work_password(work), false), DENIED);
    // Somebody who lifts it has widened the account.
    const AccountState *given = work->result.outcome.state;
    run_sql(work, "ALTER USER `#`@`%` REQUIRE NONE");
    FoundAccount found;
    assert_true(account_listed(work, &found));
    Drifts drifts = account_drift(work->arena, given, found.state, (DriftRules){0});
    assert_int_equal(drifts.count, 1);
    must(work, do_revoke(work));
    work_free(work);
}

// A server forgets who logged in when it reloads its accounts, and then wants the whole password
// again: over TCP without TLS it goes under the server's key.
static void logins_without_tls_need_no_login_before(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    run_sql(work, "FLUSH PRIVILEGES");
    reopen(work);
    run_sql(work, "FLUSH PRIVILEGES");
    assert_int_equal(user_reads(work, "customers"), ANSWER_DONE);
    must(work, do_reset(work));
    assert_int_equal(user_reads(work, "customers"), ANSWER_DONE);
    must(work, do_revoke(work));
    work_free(work);
}

static void longest_name_of_an_account_is_taken(void **state) {
    Work *work = work_new(*state);
    const char *name = work->plan->account;
    int rest = 32 - (int)strlen(name);
    work->plan->account = text_of(work, "%s%0*d", name, rest, 7);
    must(work, do_grant(work));
    assert_int_equal(user_reads(work, "customers"), ANSWER_DONE);
    must(work, do_revoke(work));
    work->plan->account = text_of(work, "%s%0*d", name, rest + 1, 7);
    assert_int_equal(do_grant(work), STATUS_INVALID);
    assert_string_equal(work->error.code, "bad_name");
    work_free(work);
}

// ---- The end ------------------------------------------------------------------------------------

static void close_session(Work *work) {
    driver_of(work)->session_close(work->session);
    work->session = NULL;
}

static void scheduler_locks_the_account_with_nobody_connected(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    bool events_run = my_number(world, "SELECT @@event_scheduler = 'ON'") != 0;
    must(work, do_grant_for(work, 2 * SECOND_MS, 30 * SECOND_MS));
    assert_int_equal(work->result.outcome.end_enforced, events_run);
    assert_int_equal(list_has_part(&work->result.outcome.warnings, "event scheduler"), !events_run);
    close_session(work);
    world->engine->await_end(world, work->plan->account);
    unsigned locked = is_mariadb(world) ? LOCKED_MARIADB : LOCKED_MYSQL;
    assert_int_equal(login_error(work, NULL, work_password(work), false), locked);
    reopen(work);
    must(work, do_revoke(work));
    assert_int_equal(sql_number(work, "SELECT COUNT(*) FROM information_schema.EVENTS WHERE"
                                      " EVENT_NAME = '#'"),
                     0);
    work_free(work);
}

// The event runs with the rights of whoever defined it: who extends a grant defines it anew.
static void extension_moves_the_event(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    must(work, do_grant_for(work, 2 * SECOND_MS, 30 * SECOND_MS));
    must(work, do_extend(work, 4 * SECOND_MS));
    int64_t end = work->result.outcome.target_expires_at;
    assert_int_equal(sql_number(work, "SELECT UNIX_TIMESTAMP(EXECUTE_AT) * 1000 FROM"
                                      " information_schema.EVENTS WHERE EVENT_NAME = '#'"),
                     end);
    world->engine->await_end(world, work->plan->account);
    assert_int_equal(user_reads(work, "customers"), ANSWER_NO_LOGIN);
    must(work, do_revoke(work));
    work_free(work);
}

// What an administrator whom the admin cannot touch has put there is not set right, and said; the
// account goes all the same.
static void event_of_somebody_out_of_reach_is_said(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    run_sql(work, "DROP EVENT daypass.`#`; CREATE EVENT daypass.`#` ON SCHEDULE AT '2037-01-01' ON"
                  " COMPLETION PRESERVE DO ALTER USER IF EXISTS `#`@`%` ACCOUNT LOCK");
    Status status = do_restrain(work);
    if (is_mariadb(work->world) || !work->world->limited_admin) {
        must(work, status);
    } else {
        assert_int_equal(status, STATUS_FORBIDDEN);
        assert_int_equal(work->result.failure, FAILURE_DENIED);
    }
    must(work, do_revoke(work));
    assert_false(work->world->engine->has_account(work->world, work->plan->account));
    run_sql(work, "DROP EVENT IF EXISTS daypass.`#`");
    work_free(work);
}

// ---- Halves -------------------------------------------------------------------------------------

static bool is_locked(Work *work) {
    const char *sql =
        is_mariadb(work->world)
            ? "SELECT COUNT(*) FROM mysql.global_priv WHERE User = '#' AND"
              " COALESCE(JSON_VALUE(Priv, '$.account_locked'), '0') IN ('1', 'true')"
            : "SELECT COUNT(*) FROM mysql.user WHERE User = '#' AND account_locked = 'Y'";
    return sql_number(work, sql) == 1;
}

// Whatever is there of an account whose making was cut off is locked, or has all it was to have:
// its password (never an empty one), its mark and its end.
static void half_an_account_is_locked_or_whole(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    bool reached = true;
    int halves = 0;
    for (int at = 1; reached && at < CUTS_MAX; work_renew(work), at++) {
        Status status;
        reached =
            run_cut_off(work, (Cut){.at = at / 2 + 1, .after = at % 2 == 0}, do_grant, &status);
        if (!world->engine->has_account(world, work->plan->account))
            continue;
        assert_int_not_equal(login_error(work, NULL, "", false), 0);
        if (is_locked(work)) {
            halves++;
            assert_int_not_equal(login_error(work, NULL, work_password(work), false), 0);
        } else {
            assert_int_equal(user_reads_but(work, "customers", "orders"), ANSWER_DONE);
            assert_int_equal(sql_number(work, "SELECT COUNT(*) FROM information_schema.EVENTS WHERE"
                                              " EVENT_NAME = '#' AND STATUS = 'ENABLED'"),
                             1);
        }
        assert_true(account_listed(work, NULL)); // a sweep finds it
        repeat(work, do_revoke);
    }
    assert_true(halves > 2);
    work_free(work);
}

// ---- Sessions -----------------------------------------------------------------------------------

// The server keeps what a session may do in the schema it is in, whatever becomes of its account.
static void session_that_is_in_the_schema_is_ended(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    AccessItem item = {.schema = work->world->schema,
                       .all_tables = true,
                       .future_tables = true,
                       .preset = PRESET_READ_WRITE};
    plan_grants(work, &item, 1);
    must(work, do_grant(work));
    UserSession *user = user_opens(work);
    assert_true(my_user_run(user, text_of(work, "USE %s", work->world->schema)));
    assert_true(my_user_run(user, "SELECT * FROM customers"));
    run_sql(work, "ALTER USER `#`@`%` ACCOUNT LOCK; REVOKE ALL PRIVILEGES, GRANT OPTION FROM"
                  " `#`@`%`");
    assert_true(my_user_run(user, "INSERT INTO customers () VALUES ()")); // as said
    must(work, do_revoke(work));
    assert_int_equal(work->result.outcome.sessions_ended, 1);
    assert_false(my_user_run(user, "SELECT * FROM customers"));
    engine->user_close(user);
    work_free(work);
}

// And one of an account that somebody dropped by hand, which has a name no more.
static void sessions_of_an_account_dropped_by_hand_are_ended(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    UserSession *user = user_opens(work);
    run_sql(work, "DROP USER `#`@`%`");
    assert_true(my_user_run(user, "SELECT 1"));
    must(work, do_revoke(work));
    assert_false(my_user_run(user, "SELECT 1"));
    engine->user_close(user);
    work_free(work);
}

static void sessions_that_hold_something_are_ended(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    UserSession *idle = user_opens(work);
    UserSession *locks = user_opens(work);
    assert_true(my_user_run(locks, "SELECT GET_LOCK('contract', 0)"));
    assert_true(my_user_run(idle, "START TRANSACTION WITH CONSISTENT SNAPSHOT"));
    must(work, do_revoke(work));
    assert_int_equal(work->result.outcome.sessions_ended, 2);
    assert_int_equal(my_number(work->world, "SELECT IS_FREE_LOCK('contract')"), 1);
    engine->user_close(idle);
    engine->user_close(locks);
    work_free(work);
}

// The server looks at the lock when a login begins: whoever is slow would come after it.
static void login_that_is_held_up_does_not_outlive_the_account(void **state) {
    Work *work = work_new(*state);
    const MysqlServer *server = mysql_server_of(work->world);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)server->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned char greeting[256];
    must(work, do_grant(work));
    int slow = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(slow, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(recv(slow, greeting, sizeof greeting, 0) > 0);
    must(work, do_revoke(work));
    // The server has closed it, perhaps with a last word; by itself it would have waited longer.
    struct pollfd closed = {.fd = slow, .events = POLLIN};
    assert_int_equal(poll(&closed, 1, CLOSING_MS), 1);
    while (recv(slow, greeting, sizeof greeting, 0) > 0) {
    }
    close(slow);
    work_free(work);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(account_bound_to_a_host_is_refused_from_elsewhere, EVERYWHERE),
    CONTRACT_TEST(same_name_at_another_host_is_a_conflict, EVERYWHERE),
    CONTRACT_TEST(account_held_to_tls_is_refused_without, EVERYWHERE),
    CONTRACT_TEST(logins_without_tls_need_no_login_before, ONCE),
    CONTRACT_TEST(longest_name_of_an_account_is_taken, ONCE),
    CONTRACT_TEST(scheduler_locks_the_account_with_nobody_connected, EVERYWHERE),
    CONTRACT_TEST(extension_moves_the_event, ONCE),
    CONTRACT_TEST(event_of_somebody_out_of_reach_is_said, EVERYWHERE),
    CONTRACT_TEST(half_an_account_is_locked_or_whole, ONCE),
    CONTRACT_TEST(session_that_is_in_the_schema_is_ended, EVERYWHERE),
    CONTRACT_TEST(sessions_of_an_account_dropped_by_hand_are_ended, ONCE),
    CONTRACT_TEST(sessions_that_hold_something_are_ended, ONCE),
    CONTRACT_TEST(login_that_is_held_up_does_not_outlive_the_account, ONCE),
};
const ContractSuite MYSQL_SUITE = {TESTS, COUNT_OF(TESTS)};
