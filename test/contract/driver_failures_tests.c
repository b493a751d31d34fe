// Each statement of each operation is cut off once, or fails once with an error. What is there then
// is as driver.h says, nothing is ever lost, and the repeat succeeds.
#include "driver_contract_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { STATEMENTS_MAX = 300, HOUR_MS = 3600 * SECOND_MS };

static size_t error_count(const World *world) {
    size_t count = 0;
    while (world->engine->errors[count] != NULL)
        count++;
    return count;
}

// One after the other, beginning elsewhere in each world, so that a statement fails with several.
static const char *error_at(const World *world, int at) {
    return world->engine->errors[(size_t)(at + world->number) % error_count(world)];
}

static Status extend(Work *work) {
    return do_extend(work, 2 * HOUR_MS);
}

static Status list(Work *work) {
    FoundAccounts accounts;
    return do_list(work, &(AccountQuery){0}, &accounts);
}

static Status discover(Work *work) {
    Discovery found;
    return do_discover(work, &found);
}

static bool can_read(Work *work) {
    return user_reads(work, "customers") == ANSWER_DONE;
}

// ---- Cut off ------------------------------------------------------------------------------------

static bool cut_off(Work *work, int at, bool after, WorkStep *operation) {
    Status status;
    bool reached = run_cut_off(work, (Cut){.at = at, .after = after}, operation, &status);
    // Sweeping unused roles is best effort, so a cut there does not fail a revoke.
    if (reached && status != STATUS_OK)
        assert_int_equal(work->result.failure, FAILURE_RETRY);
    return reached;
}

// The whole account, of which nobody was told, or none. Where a grant is no transaction, half of
// one is there at most, which nobody can use.
static void half_made_is_of_no_use(Work *work) {
    const Engine *engine = work->world->engine;
    if (!engine->has_account(work->world, work->plan->account))
        return;
    Answer answer = user_reads(work, "customers");
    if (engine_has(engine, TRAIT_TRANSACTIONAL) || answer != ANSWER_NO_LOGIN)
        assert_int_equal(answer, ANSWER_DONE);
}

static void connector_cut_off_at_any_statement_of_a_grant_converges(void **state) {
    Work *work = work_new(*state);
    for (int side = 0; side < 2; side++) {
        int at = 0;
        for (bool reached = true; reached && at < STATEMENTS_MAX; work_renew(work)) {
            reached = cut_off(work, ++at, side == 1, do_grant);
            half_made_is_of_no_use(work);
            secret_free(work->password);
            work->password = secret_new_password(24);
            repeat(work, do_grant);
            assert_int_equal(user_reads_but(work, "customers", "orders"), ANSWER_DONE);
            repeat(work, do_revoke);
            assert_false(account_listed(work, NULL));
        }
        assert_true(at > work->world->engine->fewest_statements && at < STATEMENTS_MAX);
    }
    work_free(work);
}

static void connector_cut_off_at_any_statement_of_a_revoke_converges(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    for (int side = 0; side < 2; side++) {
        int at = 0;
        for (bool reached = true; reached && at < STATEMENTS_MAX; work_renew(work)) {
            repeat(work, do_grant);
            UserSession *user = user_opens(work);
            reached = cut_off(work, ++at, side == 1, do_revoke);
            repeat(work, do_revoke);
            assert_false(work->result.outcome.account_present);
            assert_false(engine->user_does(user, DEED_READ, "customers"));
            engine->user_close(user);
            assert_false(account_listed(work, NULL));
        }
        assert_true(at > engine->fewest_statements && at < STATEMENTS_MAX);
    }
    work_free(work);
}

// ---- Failed -------------------------------------------------------------------------------------

// Where a grant is a transaction, nothing after it can fail: an error means that nothing is there.
static void after_grant(Work *work, Status status) {
    const Engine *engine = work->world->engine;
    if (status == STATUS_OK)
        assert_true(can_read(work));
    else if (engine_has(engine, TRAIT_TRANSACTIONAL))
        assert_false(engine->has_account(work->world, work->plan->account));
    else
        half_made_is_of_no_use(work);
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
        assert_false(can_log_in(work));
}

typedef struct Case {
    const char *name;
    WorkStep *operation;
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

static bool fail_once(Work *work, const Case *it, int at, bool refuses) {
    World *world = work->world;
    work_renew(work);
    if (it->wants_account)
        repeat(work, do_grant);
    const char *error = error_at(world, at);
    Status status;
    bool reached = run_cut_off(work, (Cut){.at = at, .error = error, .refuses = refuses},
                               it->operation, &status);
    if (reached && it->reads) {
        if (status == STATUS_OK)
            fail_msg("%s: statement %d failed with %s, and it was done", it->name, at, error);
        assert_int_equal(work->result.failure, world->engine->error_class(error));
    }
    it->after(work, status);
    repeat(work, do_revoke);
    assert_false(account_listed(work, NULL));
    return reached;
}

static void each_statement_fails_once(World *world, const char *name) {
    const Case *it = NULL;
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        if (strcmp(CASES[i].name, name) == 0)
            it = &CASES[i];
    assert_non_null(it);
    Work *work = work_new(world);
    int at = 1;
    while (at < STATEMENTS_MAX && fail_once(work, it, at, false))
        at++;
    print_message("# %s: %d statements failed, one at a time\n", name, at - 1);
    assert_true(at > world->engine->fewest_statements && at < STATEMENTS_MAX);
    assert_true(fail_once(work, it, 1, true)); // and the connection
    assert_false(fail_once(work, it, 2, true));
    work_free(work);
}

static void each_statement_of_a_grant_fails_once(void **state) {
    each_statement_fails_once(*state, "grant");
}

static void each_statement_of_an_extension_fails_once(void **state) {
    each_statement_fails_once(*state, "extend");
}

static void each_statement_of_a_reset_fails_once(void **state) {
    each_statement_fails_once(*state, "reset");
}

static void each_statement_of_a_list_fails_once(void **state) {
    each_statement_fails_once(*state, "list");
}

static void each_statement_of_a_discovery_fails_once(void **state) {
    each_statement_fails_once(*state, "discover");
}

static void each_statement_of_a_revoke_fails_once(void **state) {
    each_statement_fails_once(*state, "revoke");
}

// ---- Taking back what an account made, wherever it may ------------------------------------------

static void note_lines(Work *work, StringList *lines) {
    const StringList *handed_over = &work->result.outcome.handed_over;
    for (size_t i = 0; i < handed_over->count; i++)
        string_list_add(work->arena, lines, handed_over->items[i]);
}

// Gives whether the cut was reached.
static bool take_back_once(Work *work, Cut cut) {
    World *world = work->world;
    const MadeThings *made = world->engine->made;
    work_renew(work);
    const char *account = work->plan->account;
    plan_maker(work);
    repeat(work, do_grant);
    made->make(world, account, work_password(work));
    Status status;
    StringList lines = {0};
    bool reached = run_cut_off(work, cut, do_revoke, &status);
    note_lines(work, &lines);
    made->check(world, account);
    after_revoke(work, status);
    repeat(work, do_revoke);
    note_lines(work, &lines);
    made->check(world, account);
    made->check_handed_over(world, account);
    made->remove(world, account);
    // Whichever attempt did it, somebody can read that it was done.
    for (int i = 0; made->line(world, account, i) != NULL; i++)
        must_have_line(&lines, text_of(work, "%s to %s", made->line(world, account, i),
                                       work->plan->custodian));
    assert_false(account_listed(work, NULL));
    return reached;
}

// What the server has done is the same before a statement as after the one that precedes it. So
// where there are several servers, each takes one side; DAYPASS_LONG=1 has all take both.
static bool takes_side(const World *world, int side) {
    return world->server_count == 1 || getenv("DAYPASS_LONG") != NULL ||
           world->server_number % 2 == side;
}

static void nothing_is_lost_wherever_taking_back_is_cut_off(void **state) {
    Work *work = work_new(*state);
    for (int side = 0; side < 2; side++) {
        if (!takes_side(work->world, side))
            continue;
        int at = 1;
        while (at < STATEMENTS_MAX && take_back_once(work, (Cut){.at = at, .after = side == 1}))
            at++;
        print_message("# cut %s %d statements\n", side == 1 ? "after" : "before", at - 1);
        assert_true(at > work->world->engine->made->fewest_statements && at < STATEMENTS_MAX);
    }
    work_free(work);
}

static void nothing_is_lost_wherever_taking_back_fails(void **state) {
    Work *work = work_new(*state);
    const World *world = work->world;
    int at = 1;
    while (at < STATEMENTS_MAX &&
           take_back_once(work, (Cut){.at = at, .error = error_at(world, at)}))
        at++;
    print_message("# %d statements failed, one at a time\n", at - 1);
    assert_true(at > world->engine->made->fewest_statements && at < STATEMENTS_MAX);
    for (int connection = 1; connection <= world->engine->made->fewest_connections; connection++)
        for (size_t i = 0; i < error_count(world); i++)
            assert_true(take_back_once(
                work, (Cut){.at = connection, .error = world->engine->errors[i], .refuses = true}));
    work_free(work);
}

enum { FAILED = SAMPLED | LIMITED_SHARED };

static const ContractTest TESTS[] = {
    CONTRACT_TEST(connector_cut_off_at_any_statement_of_a_grant_converges, CROSSED | SAMPLED),
    CONTRACT_TEST(connector_cut_off_at_any_statement_of_a_revoke_converges, CROSSED | SAMPLED),
    CONTRACT_TEST(each_statement_of_a_grant_fails_once, FAILED),
    CONTRACT_TEST(each_statement_of_an_extension_fails_once, FAILED),
    CONTRACT_TEST(each_statement_of_a_reset_fails_once, FAILED),
    CONTRACT_TEST(each_statement_of_a_list_fails_once, FAILED),
    CONTRACT_TEST(each_statement_of_a_discovery_fails_once, FAILED, TRAIT_DISCOVERY),
    CONTRACT_TEST(each_statement_of_a_revoke_fails_once, FAILED),
    CONTRACT_TEST(nothing_is_lost_wherever_taking_back_is_cut_off, ONCE, TRAIT_OWNED_OBJECTS),
    CONTRACT_TEST(nothing_is_lost_wherever_taking_back_fails, SAMPLED | SUPERUSER_DIRECT,
                  TRAIT_OWNED_OBJECTS),
};
const ContractSuite FAILURES_SUITE = {TESTS, COUNT_OF(TESTS)};
