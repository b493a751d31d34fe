// An admin of MySQL or MariaDB who lacks a right: check names it with the statement that gives it,
// and no operation takes what it is not shown for what is not there.
#include "driver_mysql_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "base/buffer.h"

static CheckReport check_plan(Work *work) {
    CheckReport report;
    const Plan *plans[] = {work->plan};
    driver_of(work)->check(&work->world->login, work->arena, plans, COUNT_OF(plans), &report);
    return report;
}

static bool is_of_scheduler(const CheckItem *item) {
    return strcmp(item->name, "end on the server") == 0;
}

// What is not as it should be; the event scheduler, which one server has off, is not the admin's,
// and nobody is asked for the rights of an administrator.
static const CheckItem *complaint(const CheckReport *report) {
    for (size_t i = 0; i < report->count; i++)
        if (report->items[i].result != CHECK_OK && !is_of_scheduler(&report->items[i]) &&
            strcmp(report->items[i].name, "tls") != 0 &&
            strcmp(report->items[i].name, "roles at login") != 0)
            return &report->items[i];
    return NULL;
}

static void must_be_fit(Work *work) {
    CheckReport report = check_plan(work);
    const CheckItem *item = complaint(&report);
    if (item != NULL)
        fail_msg("%s: %s; %s", item->name, item->found, item->repair);
}

static void plan_all(Work *work) {
    const World *world = work->world;
    AccessItem items[] = {
        world->engine->access(world, work->arena, ACCESS_READ_WRITE, "customers"),
        {.schema = world->schema, .all_functions = true},
        world->engine->access(world, work->arena, ACCESS_MAKE, NULL),
        world->engine->access(world, work->arena, ACCESS_ROLE, NULL),
    };
    string_list_add(work->arena, &items[1].privileges, "EXECUTE");
    plan_grants(work, items, COUNT_OF(items));
}

typedef struct Right {
    const char *on;    // of REVOKE: "PROCESS ON *.*"; ~ is the schema as a pattern
    const char *taken; // is in the repair
} Right;

static const Right BOTH[] = {
    {"CREATE USER ON *.*", "CREATE USER"},
    {"PROCESS ON *.*", "PROCESS"},
    {"SHOW VIEW ON *.*", "SHOW VIEW"},
    {"TRIGGER ON *.*", "TRIGGER"},
    {"EVENT ON *.*", "EVENT"},
    {"SELECT ON mysql.*", "SELECT"},
    {"CREATE ON daypass.*", "CREATE"},
    {"SELECT ON `~`.*", "SELECT"},
    {"DELETE ON `~`.*", "DELETE"},
    {"EXECUTE ON `~`.*", "EXECUTE"},
    {"CREATE VIEW ON `~`.*", "CREATE VIEW"},
    {"GRANT OPTION ON `~`.*", "WITH GRANT OPTION"},
    {"ADMIN OPTION FOR @", "WITH ADMIN OPTION"},
};
static const Right MYSQL_ONLY[] = {
    {"CONNECTION_ADMIN ON *.*", "CONNECTION_ADMIN"},
    {"SHOW_ROUTINE ON *.*", "SHOW_ROUTINE"},
    {"SET_ANY_DEFINER ON *.*", "SET_ANY_DEFINER"},
};
static const Right MARIADB_ONLY[] = {
    {"CONNECTION ADMIN ON *.*", "CONNECTION ADMIN"},
    {"SET USER ON *.*", "SET USER"},
    {"INSERT ON daypass.*", "INSERT"},
    {"SELECT ON daypass.*", "SELECT"},
    {"DELETE ON daypass.*", "DELETE"},
};

// The world's schema as the server keeps it in privileges on all of it.
static const char *pattern_of(Work *work) {
    CLEANUP(buffer_done) Buffer pattern = {0};
    for (const char *at = work->world->schema; *at != '\0'; at++)
        buffer_addf(&pattern, *at == '_' ? "\\%c" : "%c", *at);
    return text_of(work, "%s", buffer_text(&pattern));
}

// One role's ADMIN OPTION is taken by taking the role.
static const char *take_sql(Work *work, const Right *right) {
    const World *world = work->world;
    if (strchr(right->on, '@') != NULL && is_mariadb(world))
        return text_of(work, "REVOKE ADMIN OPTION FOR %s FROM %s", world->role, world->login.user);
    if (strchr(right->on, '@') != NULL)
        return text_of(work, "REVOKE %s FROM %s; GRANT %s TO %s", world->role, world->login.user,
                       world->role, world->login.user);
    CLEANUP(buffer_done) Buffer on = {0};
    for (const char *at = right->on; *at != '\0'; at++)
        if (*at == '~')
            buffer_add(&on, pattern_of(work));
        else
            buffer_add_bytes(&on, at, 1);
    return text_of(work, "REVOKE %s FROM %s", buffer_text(&on), world->login.user);
}

// Statements as they stand there. Without one right another may not be seen to be missing, so that
// there can be more to say after it.
static void repair_all(Work *work) {
    enum { ROUNDS_MAX = 6 };
    CheckReport report = check_plan(work);
    for (int round = 0; complaint(&report) != NULL && round < ROUNDS_MAX; round++) {
        for (size_t i = 0; i < report.count; i++) {
            const char *repair = report.items[i].repair;
            if (repair != NULL && strncmp(repair, "GRANT ", 6) == 0)
                my_run(work->world, repair);
        }
        report = check_plan(work);
    }
    must_be_fit(work);
}

static void take_and_repair(Work *work, const Right *right) {
    my_run(work->world, take_sql(work, right));
    CheckReport report = check_plan(work);
    bool named = false;
    for (size_t i = 0; i < report.count && !named; i++)
        named = report.items[i].result != CHECK_OK && report.items[i].repair != NULL &&
                strncmp(report.items[i].repair, "GRANT ", 6) == 0 &&
                strstr(report.items[i].repair, right->taken) != NULL;
    const CheckItem *item = complaint(&report);
    if (item == NULL || !named)
        fail_msg("without %s: %s: %s; %s", right->on, item == NULL ? "nothing" : item->name,
                 item == NULL ? "" : item->found, item == NULL ? "" : item->repair);
    repair_all(work);
}

// A role is active at login only with the rights of an administrator: they are not among the
// statements that are there to be pasted.
static void nobody_is_made_an_administrator_by_pasting(void **state) {
    Work *work = work_new(*state);
    plan_all(work);
    if (is_mariadb(work->world))
        my_run(work->world,
               text_of(work, "REVOKE UPDATE ON mysql.* FROM %s", work->world->login.user));
    CheckReport report = check_plan(work);
    bool said = false;
    for (size_t i = 0; i < report.count; i++) {
        const char *repair = report.items[i].repair;
        bool gives = repair != NULL && strstr(repair, "ON `mysql`.*") != NULL;
        said = said || gives;
        if (gives && strstr(repair, "UPDATE") != NULL)
            assert_int_equal(strncmp(repair, "--", 2), 0);
    }
    assert_int_equal(said, is_mariadb(work->world));
    if (is_mariadb(work->world))
        my_run(work->world,
               text_of(work, "GRANT UPDATE ON mysql.* TO %s", work->world->login.user));
    work_free(work);
}

static void each_missing_right_is_named_with_the_grant_that_gives_it(void **state) {
    Work *work = work_new(*state);
    plan_all(work);
    must_be_fit(work);
    bool mariadb = is_mariadb(work->world);
    const Right *own = mariadb ? MARIADB_ONLY : MYSQL_ONLY;
    size_t count = mariadb ? COUNT_OF(MARIADB_ONLY) : COUNT_OF(MYSQL_ONLY);
    for (size_t i = 0; i < COUNT_OF(BOTH); i++)
        take_and_repair(work, &BOTH[i]);
    for (size_t i = 0; i < count; i++)
        take_and_repair(work, &own[i]);
    reopen(work);
    must(work, do_grant(work));
    assert_int_equal(user_tries(work, DEED_WRITE, "customers"), ANSWER_DONE);
    must(work, do_revoke(work));
    work_free(work);
}

// One who has nothing but a login gets all by the repairs, and nothing on the whole server that
// would be more than the documents say.
static void admin_without_any_right_becomes_fit_by_the_repairs_of_check(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    const char *bare = text_of(work, "bare%s", strchr(world->login.user, '_'));
    my_run(world, text_of(work, "CREATE USER %s IDENTIFIED BY '%s'; GRANT SHOW VIEW ON %s.* TO %s",
                          bare, secret_text(world->admin_password), world->schema, bare));
    plan_all(work);
    DriverLogin usual = world->login;
    world->login.user = bare;
    repair_all(work);
    reopen(work);
    must(work, do_grant(work));
    assert_int_equal(user_tries(work, DEED_WRITE, "customers"), ANSWER_DONE);
    must(work, do_revoke(work));
    const char *sql = text_of(work,
                              "SELECT COUNT(*) FROM mysql.user WHERE User = '%s' AND Super_priv ="
                              " 'N' AND Grant_priv = 'N' AND Select_priv = 'N' AND Insert_priv ="
                              " 'N'",
                              bare);
    assert_int_equal(my_number(world, sql), 1);
    world->login = usual;
    work_free(work);
}

// ---- Sessions -----------------------------------------------------------------------------------

static void without(Work *work, const char *privilege) {
    my_run(work->world,
           text_of(work, "REVOKE %s ON *.* FROM %s", privilege, work->world->login.user));
    reopen(work);
}

static void revoke_stops_for_a_right_and_goes_on_with_it(Work *work, const char *privilege,
                                                         const char *code) {
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    UserSession *user = user_opens(work);
    without(work, privilege);
    assert_int_equal(do_revoke(work), STATUS_FORBIDDEN);
    assert_int_equal(work->result.failure, FAILURE_DENIED);
    assert_string_equal(work->error.code, code);
    assert_non_null(strstr(work->error.message, privilege));
    assert_true(work->result.outcome.account_present && work->result.outcome.login_refused);
    assert_true(engine->user_does(user, DEED_READ, "customers")); // so it was not to be believed
    assert_int_equal(user_reads(work, "customers"), ANSWER_NO_LOGIN);
    assert_int_equal(work->result.outcome.obstacles.count, 1);
    const Obstacle *obstacle = &work->result.outcome.obstacles.items[0];
    assert_non_null(strstr(obstacle->repair, privilege));
    my_run(work->world, obstacle->repair);
    reopen(work);
    must(work, do_revoke(work));
    assert_int_equal(work->result.outcome.sessions_ended, 1);
    assert_false(engine->user_does(user, DEED_READ, "customers"));
    engine->user_close(user);
}

static void sessions_that_the_admin_is_not_shown_are_not_taken_for_none(void **state) {
    Work *work = work_new(*state);
    revoke_stops_for_a_right_and_goes_on_with_it(work, "PROCESS", "sessions_unseen");
    work_free(work);
}

static void sessions_that_the_admin_may_not_end_are_not_taken_for_ended(void **state) {
    Work *work = work_new(*state);
    revoke_stops_for_a_right_and_goes_on_with_it(
        work, is_mariadb(work->world) ? "CONNECTION ADMIN" : "CONNECTION_ADMIN", "target_denied");
    work_free(work);
}

// ---- Privileges ---------------------------------------------------------------------------------

static void privilege_that_the_admin_may_not_give_is_named(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    const Right right = {.on = "GRANT OPTION ON `~`.*"};
    plan_access(work, ACCESS_READ, "orders"); // which no repair of another test was about
    my_run(world, take_sql(work, &right));
    reopen(work);
    assert_int_equal(do_grant(work), STATUS_FORBIDDEN);
    assert_int_equal(work->result.failure, FAILURE_DENIED);
    assert_non_null(strstr(work->error.message, "orders"));
    assert_false(account_listed(work, NULL));
    assert_false(world->engine->has_account(world, work->plan->account));
    CheckReport report = check_plan(work);
    my_run(world, complaint(&report)->repair);
    reopen(work);
    must(work, do_grant(work));
    must(work, do_revoke(work));
    // Whatever the repair did not give back.
    my_run(world, text_of(work, "GRANT ALL ON `%s`.* TO %s WITH GRANT OPTION", pattern_of(work),
                          world->login.user));
    work_free(work);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(each_missing_right_is_named_with_the_grant_that_gives_it, ONCE),
    CONTRACT_TEST(nobody_is_made_an_administrator_by_pasting, ONCE),
    CONTRACT_TEST(admin_without_any_right_becomes_fit_by_the_repairs_of_check, ONCE),
    CONTRACT_TEST(sessions_that_the_admin_is_not_shown_are_not_taken_for_none, ONCE),
    CONTRACT_TEST(sessions_that_the_admin_may_not_end_are_not_taken_for_ended, ONCE),
    CONTRACT_TEST(privilege_that_the_admin_may_not_give_is_named, ONCE),
};
const ContractSuite MYSQL_RIGHTS_SUITE = {TESTS, COUNT_OF(TESTS)};
