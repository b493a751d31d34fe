// What is read of accounts for the comparison with the record: their state, leftovers of others,
// and what their removal would do; and the one thing that is set right without being asked.
#include "driver_contract_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static AccountState state_of(Work *work) {
    FoundAccount found;
    assert_true(account_listed(work, &found));
    assert_non_null(found.state);
    return *found.state;
}

static Drifts drift_since(Work *work, const AccountState *given) {
    AccountState found = state_of(work);
    return account_drift(work->arena, given, &found, (DriftRules){0});
}

static void expect_drift(Work *work, const AccountState *given, const char *fields) {
    Drifts drifts = drift_since(work, given);
    assert_string_equal(drifts_describe(work->arena, &drifts), fields);
}

static void what_was_given_is_read_back_as_each_list_has_it(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    const AccountState *given = work->result.outcome.state;
    assert_non_null(given);
    assert_true(given->can_login);
    if (engine_has(work->world->engine, TRAIT_SETTABLE_END))
        assert_int_equal(given->expires_at, given->mark_expires_at);
    expect_drift(work, given, "");
    must(work, do_reset(work));
    expect_drift(work, given, "");
    must(work, do_extend(work, 2LL * 3600 * 1000));
    assert_true(work->result.outcome.state->mark_expires_at > given->mark_expires_at);
    expect_drift(work, work->result.outcome.state, "");
    must(work, do_revoke(work));
    work_free(work);
}

static void what_others_change_is_read(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    const AccountState *given = work->result.outcome.state;
    size_t changes = 0;
    for (int i = 0; i < ALTERATION_COUNT; i++) {
        const AlterationFacts *facts = &engine->alterations[i];
        if (facts->drift == NULL)
            continue;
        engine->alter(work->world, work->plan->account, i, false);
        expect_drift(work, given, facts->drift);
        Drifts drifts = drift_since(work, given);
        if (facts->found != NULL)
            assert_non_null(strstr(drifts.items[0].found, facts->found));
        assert_int_equal(drifts.items[0].widens, facts->widens);
        engine->alter(work->world, work->plan->account, i, true);
        expect_drift(work, given, "");
        changes++;
    }
    assert_true(changes > 0);
    for (int i = 0; i < ALTERATION_COUNT; i++)
        if (engine->alterations[i].drift != NULL)
            engine->alter(work->world, work->plan->account, i, false);
    assert_int_equal(drift_since(work, given).count, changes);
    for (int i = 0; i < ALTERATION_COUNT; i++)
        if (engine->alterations[i].drift != NULL)
            engine->alter(work->world, work->plan->account, i, true);
    must(work, do_revoke(work));
    work_free(work);
}

static void an_end_is_set_back_and_never_put_off(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    const char *account = work->plan->account;
    must(work, do_restrain(work)); // there is no account
    must(work, do_grant(work));
    const AccountState *given = work->result.outcome.state;
    must(work, do_restrain(work));
    for (const char *const *end = engine->later_ends; *end != NULL; end++) {
        engine->set_end(work->world, account, *end);
        expect_drift(work, given, "valid until");
        must(work, do_restrain(work));
        expect_drift(work, given, "");
    }
    for (const char *const *end = engine->past_ends; *end != NULL; end++) {
        engine->set_end(work->world, account, *end);
        must(work, do_restrain(work));
        expect_drift(work, given, "valid until");
        assert_false(drift_since(work, given).items[0].widens);
    }
    must(work, do_revoke(work));
    // One of that name without the mark is nobody's to change.
    engine->stranger_make(work->world, account, NULL);
    assert_int_equal(do_restrain(work), STATUS_CONFLICT);
    assert_true(engine->has_no_end(work->world, account));
    engine->stranger_remove(work->world, account);
    work_free(work);
}

// Somebody who puts the end off by hand does not keep a sweep away.
static void end_in_the_mark_holds_when_the_account_says_later(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    int64_t end = work->result.outcome.target_expires_at;
    for (const char *const *later = engine->later_ends; *later != NULL; later++) {
        engine->set_end(work->world, work->plan->account, *later);
        FoundAccount found;
        assert_true(account_listed(work, &found));
        assert_int_equal(found.expires_at, end);
    }
    must(work, do_revoke(work));
    work_free(work);
}

static void marks_that_are_none_are_ignored(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    const char *account = work->plan->account;
    engine->stranger_make(work->world, account, NULL);
    for (const char *const *mark = engine->broken_marks; *mark != NULL; mark++) {
        engine->set_mark(work->world, account, *mark);
        assert_false(account_listed(work, NULL));
        assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    }
    assert_true(engine->has_account(work->world, account));
    engine->stranger_remove(work->world, account);
    work_free(work);
}

// Who altered the mark has taken the account over: it works on, and is theirs to remove.
static void an_account_whose_mark_was_altered_is_not_touched(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    engine->set_mark(work->world, work->plan->account, engine->broken_marks[0]);
    assert_false(account_listed(work, NULL));
    assert_false(inspect(work).marked);
    assert_int_equal(do_grant(work), STATUS_CONFLICT);
    assert_int_equal(do_revoke(work), STATUS_CONFLICT);
    assert_int_equal(do_extend(work, 60 * SECOND_MS), STATUS_CONFLICT);
    assert_int_equal(do_restrain(work), STATUS_CONFLICT);
    assert_int_equal(user_reads(work, "customers"), ANSWER_DONE);
    work_free(work);
}

static const FoundAccount *found_among(const FoundAccounts *accounts, const char *name) {
    for (size_t i = 0; i < accounts->count; i++)
        if (strcmp(accounts->items[i].account, name) == 0)
            return &accounts->items[i];
    return NULL;
}

static FoundAccounts list(Work *work, const StringList *leftovers) {
    FoundAccounts found;
    must(work, do_list(work, &(AccountQuery){.leftovers = leftovers}, &found));
    return found;
}

static void leftovers_are_found_by_name_alone(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    must(work, do_grant(work));
    const char *account = work->plan->account;
    const char *like = text_of(work, "v-%s", account);
    const char *other = text_of(work, "vx%s", account); // _ and % in patterns are themselves
    const char *broken = text_of(work, "b_%s", account);
    engine->stranger_make(work->world, like, NULL);
    engine->stranger_make(work->world, other, NULL);
    engine->stranger_make(work->world, broken, NULL);
    engine->set_mark(work->world, broken, engine->broken_marks[0]);
    bool has_end = engine_has(engine, TRAIT_SETTABLE_END);
    if (has_end)
        engine->set_end(work->world, like, engine->past_ends[1]);
    StringList patterns = {0};
    string_list_add(work->arena, &patterns, text_of(work, "v-*%s", account));
    string_list_add(work->arena, &patterns, text_of(work, "v_%s", account));
    string_list_add(work->arena, &patterns, "v%%\\");
    FoundAccounts found = list(work, &patterns);
    const FoundAccount *leftover = found_among(&found, like);
    assert_non_null(leftover);
    assert_non_null(strstr(leftover->leftover, "v-*"));
    assert_true(leftover->can_login && leftover->grant_id == NULL);
    assert_int_equal(leftover->expired, has_end);
    assert_null(found_among(&found, other));
    assert_non_null(found_among(&found, broken)->leftover);
    assert_null(found_among(&found, account)->leftover);
    found = list(work, NULL);
    assert_null(found_among(&found, like));
    assert_non_null(found_among(&found, account));
    engine->stranger_remove(work->world, like);
    engine->stranger_remove(work->world, other);
    engine->stranger_remove(work->world, broken);
    must(work, do_revoke(work));
    work_free(work);
}

static void an_inspection_tells_what_a_removal_would_do_and_does_nothing(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    assert_false(inspect(work).present);
    must(work, do_grant(work));
    UserSession *user = user_opens(work);
    AccountInspection found = inspect(work);
    assert_true(found.present && found.marked && found.can_login);
    assert_int_equal(found.session_count, 1);
    assert_int_equal(found.owned_count, 0);
    assert_int_equal(found.obstacles.count, 0);
    assert_true(engine->user_does(user, DEED_READ, "customers"));
    engine->user_close(user);
    const char *grant = work->plan->grant_id;
    work->plan->grant_id = "grt_another";
    found = inspect(work);
    assert_true(found.present && !found.marked && found.owned_count == 0);
    work->plan->grant_id = grant;
    must(work, do_revoke(work));
    work_free(work);
}

static void an_inspection_tells_what_would_be_handed_over(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    const MadeThings *made = world->engine->made;
    const char *account = work->plan->account;
    plan_maker(work);
    must(work, do_grant(work));
    made->make(world, account, work_password(work));
    AccountInspection found = inspect(work);
    assert_int_equal(found.owned_count, made->owned);
    assert_int_equal(found.owned.count, made->owned);
    for (int i = 0; made->line(world, account, i) != NULL; i++)
        must_have_line(&found.owned, made->line(world, account, i));
    assert_string_equal(found.custodian, work->plan->custodian);
    assert_int_equal(found.obstacles.count, 0);
    made->check(world, account);
    const char *custodian = work->plan->custodian;
    work->plan->custodian = NULL;
    found = inspect(work);
    assert_null(found.custodian);
    assert_int_equal(found.obstacles.count, 1);
    work->plan->custodian = custodian;
    must(work, do_revoke(work));
    made->check_handed_over(world, account);
    made->remove(world, account);
    work_free(work);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(what_was_given_is_read_back_as_each_list_has_it, EVERYWHERE),
    CONTRACT_TEST(what_others_change_is_read, EVERYWHERE),
    CONTRACT_TEST(an_end_is_set_back_and_never_put_off, EVERYWHERE, TRAIT_SETTABLE_END),
    CONTRACT_TEST(end_in_the_mark_holds_when_the_account_says_later, EVERYWHERE,
                  TRAIT_SETTABLE_END),
    CONTRACT_TEST(marks_that_are_none_are_ignored, EVERYWHERE),
    CONTRACT_TEST(an_account_whose_mark_was_altered_is_not_touched, EVERYWHERE),
    CONTRACT_TEST(leftovers_are_found_by_name_alone, EVERYWHERE),
    CONTRACT_TEST(an_inspection_tells_what_a_removal_would_do_and_does_nothing, EVERYWHERE),
    CONTRACT_TEST(an_inspection_tells_what_would_be_handed_over, EVERYWHERE, TRAIT_OWNED_OBJECTS),
};
const ContractSuite ACCOUNTS_SUITE = {TESTS, COUNT_OF(TESTS)};
