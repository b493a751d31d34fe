// Each statement of each operation is cut off once, or fails once with an error. What is there then
// is as driver.h says, nothing is ever lost, and the repeat succeeds.
#include "driver_objects.h"
#include "driver_postgresql_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "driver/sqlstate.h"

enum { STATEMENTS_MAX = 300, ATTEMPTS = 20, HOUR_MS = 3600 * SECOND_MS };

static const char CUSTOMERS[] = "SELECT count(*) FROM app.customers";

// Too many connections, serialization, cancelled, a right missing, read-only, internal.
static const char *const SQLSTATES[] = {"53300", "40001", "57014", "42501", "25006", "XX000"};

// One after the other, beginning elsewhere in each world, so that a statement fails with several.
static const char *sqlstate_at(const Work *work, int at) {
    int64_t world =
        work->world->limited_admin + 2 * (work->world->privilege_mode == PRIVILEGE_DIRECT);
    world += 3 * (work->world->engine->number(
                      work->world, NULL, "SELECT current_setting('server_version_num')") >= 160000);
    return SQLSTATES[(at + world) % (int64_t)COUNT_OF(SQLSTATES)];
}

// A loop over all statements takes its time: a short run has each in some of the worlds.
static bool runs_here(const World *world, bool limited, int privilege_mode) {
    return getenv("DAYPASS_LONG") != NULL ||
           (world->limited_admin == limited && world->privilege_mode == privilege_mode);
}

typedef Status Step(Work *work);

static Status extend(Work *work) {
    return do_extend(work, 2 * HOUR_MS);
}

static Status list(Work *work) {
    FoundAccounts accounts;
    work->result.failure = FAILURE_NONE;
    work->error = (Error){0};
    const AccountQuery query = {0};
    return work->world->engine->driver->list_accounts(work->session, work->arena, &query, &accounts,
                                                      &work->result.failure, &work->error);
}

static Status discover(Work *work) {
    Discovery found;
    work->result.failure = FAILURE_NONE;
    work->error = (Error){0};
    return work->world->engine->driver->discover(work->session, work->arena, &found,
                                                 &work->result.failure, &work->error);
}

// Runs one step in a session of its own through the proxy. False: the cut was not reached.
static bool step_through(Work *work, Cut cut, Step *step, Status *ret_status) {
    const Engine *engine = work->world->engine;
    int64_t went_by = 0;
    cut.ret_statements = &went_by;
    DriverLogin login;
    void *cutter = engine->cutter_new(work->world, &cut, &login);
    DriverSession *own = work->session;
    FailureClass failure = FAILURE_NONE;
    work->session = NULL;
    work->result = (DriverResult){0};
    work->error = (Error){0};
    *ret_status = engine->driver->session_open(&login, &work->session, &failure, &work->error);
    if (*ret_status == STATUS_OK)
        *ret_status = step(work);
    else
        work->result.failure = failure;
    engine->driver->session_close(work->session);
    work->session = own;
    engine->cutter_free(cutter);
    bool reached = went_by >= cut.at;
    if (!reached && *ret_status != STATUS_OK)
        fail_msg("nothing failed, yet: %s (%s)", work->error.message, work->error.detail);
    if (*ret_status != STATUS_OK) {
        assert_int_not_equal(work->result.failure, FAILURE_NONE);
        assert_null(strstr(work->error.message, "made to fail")); // it may hold anything
        assert_null(strstr(work->error.detail, "made to fail"));
    }
    return reached;
}

static void repeat(Work *work, Step *step) {
    Status status = STATUS_UNAVAILABLE;
    for (int i = 0; i < ATTEMPTS && status == STATUS_UNAVAILABLE; i++)
        status = step(work);
    must(work, status);
}

static bool can_read(Work *work) {
    return user_answer(work, CUSTOMERS) == ANSWER_DONE;
}

// ---- Operations ---------------------------------------------------------------------------------

static void after_grant(Work *work, Status status) {
    FoundAccount found;
    if (status == STATUS_OK)
        assert_true(can_read(work));
    // The whole account, of which nobody was told; or none.
    if (status != STATUS_OK && account_listed(work, &found))
        assert_true(can_read(work));
    repeat(work, do_grant);
    assert_true(can_read(work));
}

static void after_extend(Work *work, Status status) {
    assert_true(can_read(work));
    repeat(work, extend);
    FoundAccount found;
    assert_true(account_listed(work, &found));
    assert_true(found.expires_at > work->result.outcome.target_now_at + HOUR_MS);
    assert_int_equal(found.expires_at, work->result.outcome.target_expires_at);
    (void)status;
}

static void after_reset(Work *work, Status status) {
    if (status == STATUS_OK)
        assert_true(can_read(work));
    repeat(work, do_reset);
    assert_true(can_read(work));
}

static void after_reading(Work *work, Status status) {
    assert_true(can_read(work));
    (void)status;
}

static void after_revoke(Work *work, Status status) {
    if (status == STATUS_OK)
        assert_false(account_listed(work, NULL));
    // What the evidence says holds, however far it came.
    if (work->result.outcome.login_refused)
        assert_int_equal(user_answer(work, CUSTOMERS), ANSWER_NO_LOGIN);
}

typedef struct Case {
    const char *name;
    Step *step;
    bool wants_account;
    void (*after)(Work *work, Status status);
    bool reads; // fails with the very class of the error
} Case;

static const Case CASES[] = {
    {"grant", do_grant, false, after_grant, false},
    {"extend", extend, true, after_extend, false},
    {"reset", do_reset, true, after_reset, false},
    {"list", list, true, after_reading, true},
    {"discover", discover, true, after_reading, true},
    {"revoke", do_revoke, true, after_revoke, false},
};

static bool fail_once(World *world, const Case *it, int at, bool refuses) {
    Work *work = work_new(world);
    if (it->wants_account)
        repeat(work, do_grant);
    const char *sqlstate = sqlstate_at(work, at);
    Status status;
    bool reached = step_through(work, (Cut){.at = at, .error = sqlstate, .refuses = refuses},
                                it->step, &status);
    if (reached && it->reads) {
        if (status == STATUS_OK)
            fail_msg("%s: statement %d failed with %s, and it was done", it->name, at, sqlstate);
        assert_int_equal(work->result.failure, sqlstate_class(sqlstate));
    }
    it->after(work, status);
    repeat(work, do_revoke);
    assert_false(account_listed(work, NULL));
    work_free(work);
    return reached;
}

static void each_statement_of_each_operation_fails_once(void **state) {
    if (!runs_here(*state, true, PRIVILEGE_SHARED_ROLE))
        return;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        int at = 1;
        while (at < STATEMENTS_MAX && fail_once(*state, &CASES[i], at, false))
            at++;
        print_message("# %s: %d statements failed, one at a time\n", CASES[i].name, at - 1);
        assert_true(at > 3 && at < STATEMENTS_MAX);
        assert_true(fail_once(*state, &CASES[i], 1, true)); // and the connection
        assert_false(fail_once(*state, &CASES[i], 2, true));
    }
}

// ---- Taking back what an account made, in two databases -----------------------------------------

static const char *made(Work *work) {
    return sql_of(work, "made_%s", work->plan->account);
}

static void make_things(Work *work) {
    const char *beside = work->world->other_database;
    AccessItem items[] = {select_on(work->arena, work->world, "customers"),
                          {.schema = work->world->schema}};
    string_list_add(work->arena, &items[1].privileges, "CREATE");
    string_list_add(work->arena, &items[1].privileges, "USAGE");
    plan_grants(work, items, COUNT_OF(items));
    repeat(work, do_grant);
    user_run_in(work, NULL,
                sql_of(work,
                       "CREATE TABLE app.%s AS SELECT 7 AS i; ALTER DEFAULT PRIVILEGES GRANT SELECT"
                       " ON TABLES TO PUBLIC; GRANT SELECT ON app.%s TO PUBLIC",
                       made(work), made(work)));
    run_in(work, beside,
           sql_of(work,
                  "CREATE TABLE public.%s AS SELECT 7 AS i; ALTER TABLE public.%s OWNER TO %s;"
                  "GRANT CREATE ON SCHEMA public TO %s",
                  made(work), made(work), work->plan->account, work->world->custodian));
}

static void check_things(Work *work) {
    assert_int_equal(number_in(work, NULL, sql_of(work, "SELECT i FROM app.%s", made(work))), 7);
    assert_int_equal(number_in(work, work->world->other_database,
                               sql_of(work, "SELECT i FROM public.%s", made(work))),
                     7);
}

static void check_owners(Work *work) {
    const char *sql = sql_of(work,
                             "SELECT count(*) FROM pg_class WHERE relname = '%s'"
                             " AND relowner = '%s'::regrole",
                             made(work), work->world->custodian);
    assert_int_equal(number_in(work, NULL, sql), 1);
    assert_int_equal(number_in(work, work->world->other_database, sql), 1);
    run_in(work, NULL, sql_of(work, "DROP TABLE app.%s", made(work)));
    run_in(work, work->world->other_database, sql_of(work, "DROP TABLE public.%s", made(work)));
}

static void note_lines(Work *work, StringList *lines) {
    const StringList *handed_over = &work->result.outcome.handed_over;
    for (size_t i = 0; i < handed_over->count; i++)
        string_list_add(work->arena, lines, handed_over->items[i]);
}

// Gives whether the cut was reached.
static bool take_back_once(World *world, Cut cut) {
    Work *work = work_new(world);
    make_things(work);
    Status status;
    StringList lines = {0};
    bool reached = step_through(work, cut, do_revoke, &status);
    note_lines(work, &lines);
    check_things(work);
    after_revoke(work, status);
    repeat(work, do_revoke);
    note_lines(work, &lines);
    check_things(work);
    check_owners(work);
    // Whichever attempt did it, somebody can read that it was done.
    must_have_line(&lines, sql_of(work, "table app.%s to", made(work)));
    must_have_line(&lines, sql_of(work, "table public.%s to", made(work)));
    assert_false(account_listed(work, NULL));
    work_free(work);
    return reached;
}

static void nothing_is_lost_wherever_taking_back_is_cut_off(void **state) {
    if (!runs_here(*state, true, PRIVILEGE_DIRECT))
        return;
    for (int side = 0; side < 2; side++) {
        int at = 1;
        while (at < STATEMENTS_MAX && take_back_once(*state, (Cut){.at = at, .after = side == 1}))
            at++;
        print_message("# cut %s %d statements\n", side == 1 ? "after" : "before", at - 1);
        assert_true(at > 20 && at < STATEMENTS_MAX);
    }
}

static void nothing_is_lost_wherever_taking_back_fails(void **state) {
    if (!runs_here(*state, false, PRIVILEGE_DIRECT))
        return;
    Work *work = work_new(*state);
    int at = 1;
    while (at < STATEMENTS_MAX &&
           take_back_once(*state, (Cut){.at = at, .error = sqlstate_at(work, at)}))
        at++;
    print_message("# %d statements failed, one at a time\n", at - 1);
    assert_true(at > 20 && at < STATEMENTS_MAX);
    for (int connection = 1; connection <= 2; connection++)
        for (size_t i = 0; i < COUNT_OF(SQLSTATES); i++)
            assert_true(take_back_once(
                *state, (Cut){.at = connection, .error = SQLSTATES[i], .refuses = true}));
    work_free(work);
}

const ContractTest FAILURES_TESTS[] = {
    CONTRACT_TEST(each_statement_of_each_operation_fails_once),
    CONTRACT_TEST(nothing_is_lost_wherever_taking_back_is_cut_off),
    CONTRACT_TEST(nothing_is_lost_wherever_taking_back_fails),
};
const size_t FAILURES_TEST_COUNT = COUNT_OF(FAILURES_TESTS);
