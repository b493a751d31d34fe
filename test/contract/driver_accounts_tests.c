// What is read of accounts for the comparison with the record: their state, leftovers of others,
// and what their removal would do; and the one thing that is set right without being asked.
#include "driver_postgresql_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static void run_as_superuser(Work *work, const char *sql) {
    work->world->engine->run(work->world, NULL, sql);
}

static int64_t number(Work *work, const char *sql) {
    return work->world->engine->number(work->world, NULL, sql);
}

static const Driver *driver_of(const Work *work) {
    return work->world->engine->driver;
}

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
    assert_int_equal(given->expires_at, given->mark_expires_at);
    expect_drift(work, given, "");
    must(work, do_reset(work));
    expect_drift(work, given, "");
    must(work, do_extend(work, 2LL * 3600 * 1000));
    assert_true(work->result.outcome.state->expires_at > given->expires_at);
    expect_drift(work, work->result.outcome.state, "");
    must(work, do_revoke(work));
    work_free(work);
}

static void what_others_change_is_read(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    const AccountState *given = work->result.outcome.state;
    const char *account = work->plan->account;
    const char *role = work->world->role;
    run_as_superuser(work, sql_of(work, "GRANT %s TO %s", role, account));
    expect_drift(work, given, "roles");
    run_as_superuser(work, sql_of(work, "REVOKE %s FROM %s; GRANT SELECT ON app.secrets TO %s",
                                  role, account, account));
    expect_drift(work, given, "privileges");
    Drifts drifts = drift_since(work, given);
    assert_non_null(strstr(drifts.items[0].found, "SELECT on table app.secrets"));
    assert_true(drifts.items[0].widens);
    run_as_superuser(work, sql_of(work,
                                  "REVOKE SELECT ON app.secrets FROM %s;"
                                  "ALTER ROLE %s CREATEDB VALID UNTIL '-infinity'",
                                  account, account));
    expect_drift(work, given, "valid until, attributes");
    run_as_superuser(work, sql_of(work, "ALTER ROLE %s NOCREATEDB", account));
    must(work, do_revoke(work));
    work_free(work);
}

static Status do_restrain(Work *work) {
    return driver_of(work)->restrain(work->session, work->arena, work->plan, &work->result,
                                     &work->error);
}

static void an_end_is_set_back_and_never_put_off(void **state) {
    Work *work = work_new(*state);
    must(work, do_restrain(work)); // there is no account
    must(work, do_grant(work));
    const AccountState *given = work->result.outcome.state;
    must(work, do_restrain(work));
    static const char *const LATER[] = {"infinity", "2099-01-01", "99999-12-31"};
    for (size_t i = 0; i < COUNT_OF(LATER); i++) {
        run_as_superuser(
            work, sql_of(work, "ALTER ROLE %s VALID UNTIL '%s'", work->plan->account, LATER[i]));
        expect_drift(work, given, "valid until");
        must(work, do_restrain(work));
        expect_drift(work, given, "");
    }
    static const char *const EARLIER[] = {"-infinity", "1969-01-01", "2020-01-01"};
    for (size_t i = 0; i < COUNT_OF(EARLIER); i++) {
        run_as_superuser(
            work, sql_of(work, "ALTER ROLE %s VALID UNTIL '%s'", work->plan->account, EARLIER[i]));
        must(work, do_restrain(work));
        expect_drift(work, given, "valid until");
        assert_false(drift_since(work, given).items[0].widens);
    }
    must(work, do_revoke(work));
    // One of that name without the mark is nobody's to change.
    run_as_superuser(work, sql_of(work, "CREATE ROLE %s LOGIN", work->plan->account));
    assert_int_equal(do_restrain(work), STATUS_CONFLICT);
    assert_int_equal(number(work, sql_of(work,
                                         "SELECT count(*) FROM pg_roles WHERE rolname = '%s'"
                                         " AND rolvaliduntil IS NULL",
                                         work->plan->account)),
                     1);
    run_as_superuser(work, sql_of(work, "DROP ROLE %s", work->plan->account));
    work_free(work);
}

static const FoundAccount *found_among(const FoundAccounts *accounts, const char *name) {
    for (size_t i = 0; i < accounts->count; i++)
        if (strcmp(accounts->items[i].account, name) == 0)
            return &accounts->items[i];
    return NULL;
}

static FoundAccounts list(Work *work, const StringList *leftovers) {
    const AccountQuery query = {.leftovers = leftovers};
    FoundAccounts found;
    FailureClass failure;
    must(work, driver_of(work)->list_accounts(work->session, work->arena, &query, &found, &failure,
                                              &work->error));
    return found;
}

static void leftovers_are_found_by_name_alone(void **state) {
    Work *work = work_new(*state);
    must(work, do_grant(work));
    const char *account = work->plan->account;
    const char *like = sql_of(work, "v-%s", account);
    const char *other = sql_of(work, "vx%s", account); // _ and % in patterns are themselves
    const char *broken = sql_of(work, "b_%s", account);
    run_as_superuser(work, sql_of(work,
                                  "CREATE ROLE \"%s\" LOGIN VALID UNTIL '2020-01-01';"
                                  "CREATE ROLE \"%s\"; CREATE ROLE %s;"
                                  "COMMENT ON ROLE %s IS 'daypass {broken'",
                                  like, other, broken, broken));
    StringList patterns = {0};
    string_list_add(work->arena, &patterns, sql_of(work, "v-*%s", account));
    string_list_add(work->arena, &patterns, sql_of(work, "v_%s", account));
    string_list_add(work->arena, &patterns, "v%%\\");
    FoundAccounts found = list(work, &patterns);
    const FoundAccount *leftover = found_among(&found, like);
    assert_non_null(leftover);
    assert_non_null(strstr(leftover->leftover, "v-*"));
    assert_true(leftover->expired && leftover->can_login && leftover->grant_id == NULL);
    assert_null(found_among(&found, other));
    assert_non_null(found_among(&found, broken)->leftover);
    assert_null(found_among(&found, account)->leftover);
    found = list(work, NULL);
    assert_null(found_among(&found, like));
    assert_non_null(found_among(&found, account));
    run_as_superuser(work, sql_of(work, "DROP ROLE \"%s\"; DROP ROLE \"%s\"; DROP ROLE %s", like,
                                  other, broken));
    must(work, do_revoke(work));
    work_free(work);
}

static AccountInspection inspect(Work *work) {
    AccountInspection inspection;
    FailureClass failure;
    must(work, driver_of(work)->inspect(work->session, work->arena, work->plan, &inspection,
                                        &failure, &work->error));
    return inspection;
}

static void an_inspection_tells_what_a_removal_would_do_and_does_nothing(void **state) {
    Work *work = work_new(*state);
    assert_false(inspect(work).present);
    must(work, do_grant(work));
    const char *account = work->plan->account;
    run_as_superuser(
        work, sql_of(work, "CREATE TABLE app.of_%s (i int); ALTER TABLE app.of_%s OWNER TO %s",
                     account, account, account));
    UserSession *user = work->world->engine->user_open(work->world, account, work_password(work));
    assert_non_null(user);
    AccountInspection found = inspect(work);
    assert_true(found.present && found.marked && found.can_login);
    assert_int_equal(found.session_count, 1);
    assert_int_equal(found.owned_count, 1);
    assert_non_null(strstr(found.owned.items[0], sql_of(work, "table app.of_%s", account)));
    assert_string_equal(found.custodian, work->plan->custodian);
    assert_int_equal(found.obstacles.count, 0);
    assert_true(work->world->engine->user_run(user, "SELECT 1"));
    work->world->engine->user_close(user);
    const char *custodian = work->plan->custodian;
    work->plan->custodian = NULL;
    found = inspect(work);
    assert_null(found.custodian);
    assert_int_equal(found.obstacles.count, 1);
    work->plan->custodian = custodian;
    const char *grant = work->plan->grant_id;
    work->plan->grant_id = "grt_another";
    found = inspect(work);
    assert_true(found.present && !found.marked && found.owned_count == 0);
    work->plan->grant_id = grant;
    must(work, do_revoke(work));
    work_free(work);
}

const ContractTest ACCOUNTS_TESTS[] = {
    CONTRACT_TEST(what_was_given_is_read_back_as_each_list_has_it),
    CONTRACT_TEST(what_others_change_is_read),
    CONTRACT_TEST(an_end_is_set_back_and_never_put_off),
    CONTRACT_TEST(leftovers_are_found_by_name_alone),
    CONTRACT_TEST(an_inspection_tells_what_a_removal_would_do_and_does_nothing),
};
const size_t ACCOUNTS_TEST_COUNT = COUNT_OF(ACCOUNTS_TESTS);
