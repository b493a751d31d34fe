// What an account of MySQL or MariaDB has defined runs with its rights: it is given to the
// custodian, or named with what gives it, which is run here by the server's own client as a DBA
// would. Nothing of it changes, and nothing stops to work.
#include "driver_mysql_tests.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { DEFINED = 5 };

// Bodies that would get out of a statement if it were not kept together, or change in another mode.
static const char *const MAKING[DEFINED] = {
    "CREATE VIEW ~.`a``b; -- '\"` AS SELECT id, '\\' AS `it's` FROM ~.customers WHERE name <> ';;'",
    "CREATE FUNCTION ~.`f``1;;` (i int, t text) RETURNS int DETERMINISTIC BEGIN\n"
    "  -- it's a comment; DELIMITER ;;\n"
    "  /* another ;; one\n"
    "DELIMITER //\n"
    "  */\n"
    "  RETURN i + CHAR_LENGTH(';;\n\\') + CHAR_LENGTH(t);\n"
    "END",
    "CREATE PROCEDURE ~.`p'1`() SQL SECURITY DEFINER COMMENT 'it''s' BEGIN\n"
    "  SELECT COUNT(*) FROM ~.customers; # ;;\n"
    "  SELECT 't\xc3\xa4glich;;';\n"
    "END",
    "CREATE TRIGGER ~.`t\\1` BEFORE INSERT ON ~.orders FOR EACH ROW SET NEW.customer ="
    " CHAR_LENGTH('\\;;')",
    "CREATE EVENT ~.`e 1` ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01' ON COMPLETION PRESERVE"
    " DISABLE COMMENT 'DISABLE' DO DELETE FROM ~.orders WHERE customer = '\\'",
};

static const char DEFINERS[] =
    "SELECT COUNT(*) FROM ("
    "SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '~' UNION ALL"
    " SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '~' UNION ALL"
    " SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '~' UNION ALL"
    " SELECT DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '~') d"
    " WHERE DEFINER = ";

// All that must be the same afterwards.
static const char EVERYTHING[] =
    "SELECT GROUP_CONCAT(line ORDER BY line SEPARATOR '\n') FROM ("
    "SELECT CONCAT_WS('|', TABLE_NAME, VIEW_DEFINITION, CHECK_OPTION, SECURITY_TYPE) AS line"
    " FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '~' UNION ALL"
    " SELECT CONCAT_WS('|', ROUTINE_TYPE, ROUTINE_NAME, ROUTINE_DEFINITION, DTD_IDENTIFIER,"
    "  IS_DETERMINISTIC, SECURITY_TYPE, ROUTINE_COMMENT, SQL_MODE, CHARACTER_SET_CLIENT,"
    "  COLLATION_CONNECTION) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '~' UNION ALL"
    " SELECT CONCAT_WS('|', TRIGGER_NAME, ACTION_STATEMENT, ACTION_TIMING, EVENT_MANIPULATION,"
    "  EVENT_OBJECT_TABLE, SQL_MODE, CHARACTER_SET_CLIENT, COLLATION_CONNECTION)"
    "  FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '~' UNION ALL"
    " SELECT CONCAT_WS('|', EVENT_NAME, EVENT_DEFINITION, INTERVAL_VALUE, INTERVAL_FIELD, STARTS,"
    "  ON_COMPLETION, STATUS, EVENT_COMMENT, SQL_MODE)"
    "  FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '~') l";

static void plan_definer(Work *work) {
    static const char *const WORDS[] = {"CREATE VIEW", "CREATE ROUTINE", "TRIGGER", "EVENT"};
    const World *world = work->world;
    AccessItem items[] = {
        {.schema = world->schema, .all_tables = true, .future_tables = true},
        {.schema = world->schema},
    };
    string_list_add(work->arena, &items[0].privileges, "SELECT");
    string_list_add(work->arena, &items[0].privileges, "TRIGGER");
    for (size_t i = 0; i < COUNT_OF(WORDS); i++)
        string_list_add(work->arena, &items[1].privileges, WORDS[i]);
    plan_grants(work, items, COUNT_OF(items));
}

// In a mode of its own, so that the driver's is not the one it was made in.
static void define_all(Work *work, const char *mode) {
    UserSession *user = user_opens(work);
    assert_true(my_user_run(user, text_of(work, "SET sql_mode = '%s'", mode)));
    for (int i = 0; i < DEFINED; i++) {
        const char *sql = my_fill(work->world, MAKING[i], "#");
        if (strstr(mode, "NO_BACKSLASH") == NULL) { // where one would escape what follows
            char *copy = arena_strdup(work->arena, sql);
            for (char *at = copy; (at = strchr(at, '\\')) != NULL && i != 3; at++)
                *at = '/';
            sql = copy;
        }
        if (!my_user_run(user, sql))
            fail_msg("%u: %s", my_user_error(user), sql);
    }
    work->world->engine->user_close(user);
}

static int64_t defined_by(Work *work, const char *account) {
    return sql_number(work, text_of(work, "%s'%s@%%'", DEFINERS, account));
}

static const char *everything(Work *work) {
    return my_text(work->world, my_fill(work->world, EVERYTHING, ""));
}

static void must_work(Work *work) {
    run_sql(work, "INSERT INTO ~.orders () VALUES ()");
    assert_true(sql_number(work, "SELECT MIN(customer) FROM ~.orders") > 0);
    run_sql(work, "SELECT * FROM ~.`a``b; -- '\"`; CALL ~.`p'1`()");
    run_sql(work, "SELECT ~.`f``1;;`(1, 'a')");
}

static void drop_all(Work *work) {
    run_sql(work, "DROP VIEW ~.`a``b; -- '\"`; DROP FUNCTION ~.`f``1;;`; DROP PROCEDURE ~.`p'1`;"
                  "DROP TRIGGER ~.`t\\1`; DROP EVENT ~.`e 1`; DELETE FROM ~.orders");
}

// ---- The client ---------------------------------------------------------------------------------

static void run_by_client(Work *work, const char *sql) {
    const MysqlServer *server = mysql_server_of(work->world);
    const char *defaults = text_of(work, "--defaults-file=%s", server->defaults_file);
    // Without the last it would leave out comments.
    char *const arguments[] = {(char[]){"mariadb"}, arena_strdup(work->arena, defaults),
                               (char[]){"--comments"}, NULL};
    int ends[2];
    pid_t child;
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int failure = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    if (failure != 0)
        fail_msg("cannot run %s: %s", arguments[0], strerror(failure));
    ssize_t length = (ssize_t)strlen(sql);
    assert_int_equal(write(ends[1], sql, (size_t)length), length);
    close(ends[1]);
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0)
        fail_msg("the client failed with: %s", sql);
}

static void run_repairs(Work *work) {
    const Obstacles *obstacles = &work->result.outcome.obstacles;
    for (size_t i = 0; i < obstacles->count; i++) {
        assert_null(strchr(obstacles->items[i].what, '\n'));
        run_by_client(work, obstacles->items[i].repair);
    }
}

// Until it is done; meanwhile nobody can log in.
static int revoke_with_repairs(Work *work) {
    enum { ROUNDS_MAX = 3 };
    int rounds = 0;
    Status status = do_revoke(work);
    for (; status == STATUS_CONFLICT && rounds < ROUNDS_MAX; rounds++) {
        assert_int_equal(work->result.failure, FAILURE_CONFLICT);
        assert_true(work->result.outcome.obstacles.count > 0);
        assert_true(work->result.outcome.account_present && work->result.outcome.login_refused);
        assert_false(can_log_in(work));
        run_repairs(work);
        reopen(work);
        status = do_revoke(work);
    }
    must(work, status);
    assert_false(work->world->engine->has_account(work->world, work->plan->account));
    return rounds;
}

// ---- Tests --------------------------------------------------------------------------------------

// MySQL has no statement that gives a routine or a trigger another definer.
static void everything_that_was_defined_works_on_unchanged(void **state) {
    static const char *const MODES[] = {"NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES", "ANSI_QUOTES",
                                        ""};
    Work *work = work_new(*state);
    World *world = work->world;
    run_sql(work,
            text_of(work, "GRANT SELECT, EXECUTE, INSERT, UPDATE, DELETE, TRIGGER ON ~.* TO %s",
                    world->custodian));
    for (size_t i = 0; i < COUNT_OF(MODES); i++, work_renew(work)) {
        plan_definer(work);
        must(work, do_grant(work));
        define_all(work, MODES[i]);
        assert_int_equal(defined_by(work, work->plan->account), DEFINED);
        const char *before = everything(work);
        assert_int_equal(revoke_with_repairs(work), is_mariadb(world) ? 0 : 1);
        assert_int_equal(defined_by(work, work->plan->account), 0);
        assert_int_equal(defined_by(work, world->custodian), DEFINED);
        assert_string_equal(everything(work), before);
        must_work(work);
        drop_all(work);
    }
    work_free(work);
}

static void without_a_custodian_the_account_stays_locked(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    const char *custodian = work->plan->custodian;
    plan_maker(work);
    must(work, do_grant(work));
    world->engine->made->make(world, work->plan->account, work_password(work));
    work->plan->custodian = NULL;
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    obstacle_of(work, "names no custodian");
    work->plan->custodian = "not_there";
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    obstacle_of(work, "not an account");
    // What would run with the rights of somebody who has more must not be handed to them.
    my_run(world, text_of(work, "GRANT RELOAD ON *.* TO %s", custodian));
    work->plan->custodian = custodian;
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    obstacle_of(work, "may not be given");
    assert_false(can_log_in(work));
    my_run(world, text_of(work, "REVOKE RELOAD ON *.* FROM %s", custodian));
    world->engine->made->check(world, work->plan->account);
    must(work, do_revoke(work));
    world->engine->made->check_handed_over(world, work->plan->account);
    world->engine->made->remove(world, work->plan->account);
    work_free(work);
}

static void repair_gives_the_right_and_then_it_is_done(Work *work, const char *privilege,
                                                       const char *part) {
    World *world = work->world;
    plan_maker(work);
    reopen(work);
    must(work, do_grant(work));
    world->engine->made->make(world, work->plan->account, work_password(work));
    my_run(world, text_of(work, "REVOKE %s ON *.* FROM %s", privilege, world->login.user));
    reopen(work);
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    obstacle_of(work, part);
    world->engine->made->check(world, work->plan->account);
    assert_int_equal(revoke_with_repairs(work), 1);
    world->engine->made->check_handed_over(world, work->plan->account);
    world->engine->made->remove(world, work->plan->account);
    my_run(world, text_of(work, "GRANT %s ON *.* TO %s", privilege, world->login.user));
    work_renew(work);
}

static void what_the_admin_is_not_shown_is_not_taken_for_nothing(void **state) {
    Work *work = work_new(*state);
    repair_gives_the_right_and_then_it_is_done(work, "SHOW VIEW", "is not shown");
    repair_gives_the_right_and_then_it_is_done(work, "EVENT", "is not shown");
    repair_gives_the_right_and_then_it_is_done(work, "TRIGGER", "is not shown");
    if (!is_mariadb(work->world))
        repair_gives_the_right_and_then_it_is_done(work, "SHOW_ROUTINE", "is not shown");
    work_free(work);
}

static void what_the_admin_may_not_hand_over_is_named(void **state) {
    Work *work = work_new(*state);
    repair_gives_the_right_and_then_it_is_done(
        work, is_mariadb(work->world) ? "SET USER" : "SET_ANY_DEFINER", "cannot be handed over");
    work_free(work);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(everything_that_was_defined_works_on_unchanged, EVERYWHERE),
    CONTRACT_TEST(without_a_custodian_the_account_stays_locked, EVERYWHERE),
    CONTRACT_TEST(what_the_admin_is_not_shown_is_not_taken_for_nothing, ONCE),
    CONTRACT_TEST(what_the_admin_may_not_hand_over_is_named, ONCE),
};
const ContractSuite MYSQL_DEFINERS_SUITE = {TESTS, COUNT_OF(TESTS)};
