#include "contract/store_shop.h"

static void reconcile_at(Shop *shop, StoreSweptAccount account, int64_t swept_at) {
    Error error = {0};
    expect_ok(shop_sweep(shop->store, shop->arena, shop, &account, swept_at, &error), &error);
}

static void reconcile(Shop *shop, StoreSweptAccount account) {
    reconcile_at(shop, account, 0);
}

static StoreSweptAccount account_of(const Grant *grant) {
    return (StoreSweptAccount){
        .account = grant->plan->account, .grant_id = grant->id, .can_login = true};
}

static void an_account_that_a_live_grant_explains_stays(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    int64_t events = shop_verify_audit(shop);
    reconcile(shop, account_of(&active));
    assert_int_equal(shop_grant(shop, active.id).version, active.version);
    assert_int_equal(shop_verify_audit(shop), events);
    expect_no_work(shop);
    StoredAction granting = shop_granting(shop);
    Grant half_made = shop_grant(shop, granting.grant_id);
    reconcile(shop, account_of(&half_made));
    expect_state(shop, half_made.id, GRANT_GRANTING);
    expect_no_work(shop);
}

static void an_account_of_a_grant_that_is_over_is_revoked(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    shop->clock.at_ms = active.expires_at;
    shop_run_due(shop);
    reconcile(shop, account_of(&active)); // the revocation is under way already
    shop_finish(shop, active.id);
    assert_int_equal(shop_count_events(shop, "account.stray", NULL), 0);
    reconcile(shop, account_of(&active));
    reconcile(shop, account_of(&active));
    assert_int_equal(shop_count_events(shop, "account.stray", active.id), 1);
    StoredAction action = shop_lease_one(shop, "revoke");
    shop_report(shop, failed_report(&action, "retry"));
    expect_state(shop, active.id, GRANT_ENDED);
    shop_advance(shop, 2 * SECOND_MS);
    action = shop_lease_one(shop, "revoke");
    shop_report(shop, done_report(&action, NULL));
    expect_state(shop, active.id, GRANT_ENDED);
    assert_int_equal(shop_count_events(shop, "account.removed", active.id), 1);
    assert_null(shop_grant(shop, active.id).trouble);
}

static void a_mark_of_a_grant_that_is_not_begun_takes_nothing_back(void **state) {
    Shop *shop = *state;
    Grant pending = shop_request(shop, &ANN, "shop-read");
    reconcile(shop, account_of(&pending));
    expect_no_work(shop);
    Grant approved = shop_decide(shop, &BOB, pending.id, true);
    reconcile(shop, account_of(&approved));
    shop_lease_one(shop, "grant");
    expect_state(shop, pending.id, GRANT_GRANTING);
    Grant lapsed = shop_request(shop, &ANN, "shop-read");
    int64_t events = shop_verify_audit(shop);
    reconcile(shop, account_of(&lapsed));
    assert_int_equal(shop_verify_audit(shop), events);
    shop->clock.at_ms = lapsed.lapses_at;
    shop_run_due(shop);
    expect_state(shop, lapsed.id, GRANT_LAPSED);
    shop_advance(shop, MINUTE_MS);
    reconcile(shop, account_of(&lapsed));
    assert_int_equal(shop_count_events(shop, "account.stray", lapsed.id), 1);
}

// Its report overtook that of the sweep.
static void a_list_read_before_the_end_says_nothing_of_afterwards(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    shop->clock.at_ms = active.expires_at;
    StoreSweptAccount account = account_of(&active);
    int64_t swept_at = shop->clock.at_ms;
    shop_run_due(shop);
    shop_advance(shop, SECOND_MS);
    shop_finish(shop, active.id);
    expect_state(shop, active.id, GRANT_ENDED);
    reconcile_at(shop, account, swept_at);
    assert_int_equal(shop_count_events(shop, "account.stray", active.id), 0);
    expect_no_work(shop);
    reconcile_at(shop, account, shop->clock.at_ms + 30 * SECOND_MS);
    assert_int_equal(shop_count_events(shop, "account.stray", active.id), 1);
    shop_lease_one(shop, "revoke");
}

static void a_late_grant_of_what_is_over_is_revoked(void **state) {
    Shop *shop = *state;
    StoredAction action = shop_granting(shop);
    Grant given;
    Error error = {0};
    expect_ok(
        store_revoke_grant(shop->store, shop->arena, &ROOT, action.grant_id, NULL, &given, &error),
        &error);
    shop_advance(shop, LEASE_MS);
    shop_run_due(shop);
    shop_finish(shop, action.grant_id);
    expect_state(shop, action.grant_id, GRANT_ENDED);
    shop_report(shop, done_report(&action, "late box")); // against its deadline
    assert_null(shop_grant(shop, action.grant_id).sealed);
    shop_finish(shop, action.grant_id);
    expect_state(shop, action.grant_id, GRANT_ENDED);
}

static void a_removed_account_ends_its_grant(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    shop->clock.at_ms = active.expires_at - 200; // the target's clock is ahead of ours
    StoreSweptAccount account = account_of(&active);
    account.removed = true;
    account.message = "it had expired";
    account.outcome = shop_outcome(shop, "DROP ROLE temp_ann_x");
    reconcile(shop, account);
    Grant ended = shop_grant(shop, active.id);
    assert_int_equal(ended.state, GRANT_ENDED);
    assert_int_equal(ended.cause, CAUSE_EXPIRED);
    assert_int_equal(ended.ended_at, shop->clock.at_ms);
    expect_no_work(shop);
    EvidenceList evidence;
    Error error = {0};
    expect_ok(store_grant_evidence(shop->store, shop->arena, active.id, &evidence, &error), &error);
    assert_string_equal(evidence.items[evidence.count - 1].kind, "sweep");
    reconcile(shop, account); // found, and removed, once more
    assert_int_equal(shop_count_events(shop, "account.removed", active.id), 1);
    assert_int_equal(shop_grant(shop, active.id).version, ended.version);
    // Removed while our own revocation is out: its report changes nothing more.
    Grant second = shop_active(shop, "shop-auto");
    shop->clock.at_ms = second.expires_at;
    shop_run_due(shop);
    StoredAction action = shop_lease_one(shop, "revoke");
    account = account_of(&second);
    account.removed = true;
    reconcile(shop, account);
    expect_state(shop, second.id, GRANT_ENDED);
    shop_report(shop, done_report(&action, NULL));
    assert_int_equal(shop_count_events(shop, "grant.ended", second.id), 1);
}

static void an_altered_account_is_drift(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    StoreSweptAccount account = account_of(&active);
    account.can_login = false;
    reconcile(shop, account);
    reconcile(shop, account);
    assert_true(shop_grant(shop, active.id).drifted);
    assert_int_equal(shop_count_events(shop, "grant.drifted", active.id), 1);
    account.can_login = true;
    reconcile(shop, account);
    assert_false(shop_grant(shop, active.id).drifted);
}

static Orphan orphan_of(Shop *shop, const char *account) {
    OrphanFilter filter = {.account = account, .limit = 10};
    Orphans orphans;
    Error error = {0};
    expect_ok(store_list_orphans(shop->store, shop->arena, &filter, &orphans, &error), &error);
    assert_int_equal(orphans.count, 1);
    return orphans.items[0];
}

// Anybody who may make roles on one target can write such a mark: it must not keep the rest of the
// page from being looked after, nor touch the grant that it names.
static void a_mark_with_another_connectors_grant_is_taken_by_itself(void **state) {
    Shop *shop = *state;
    Grant others = shop_active(shop, "shop-auto");
    StoreSweptAccount accounts[] = {
        account_of(&others),
        {.account = "temp_y_1", .grant_id = "grt_none", .can_login = true},
    };
    StoreSweep sweep = {
        .admin_secret = "shop-admin",
        .target_kind = TARGET_MARIADB,
        .host = "db2.internal",
        .after = "~",
        .until = "!",
        .accounts = {accounts, COUNT_OF(accounts)},
    };
    for (int i = 0; i < 4; i++) {
        accounts[0].removed = i == 2;
        accounts[0].can_login = i != 3;
        Error error = {0};
        expect_ok(store_reconcile(shop->store, shop->arena, &shop->second, &sweep, &error), &error);
        shop_advance(shop, MINUTE_MS);
    }
    Orphan forged = orphan_of(shop, others.plan->account);
    assert_int_equal(forged.kind, ORPHAN_MISMATCHED);
    assert_int_equal(forged.state, ORPHAN_FOUND);
    assert_string_equal(forged.connector, "second");
    assert_string_equal(forged.grant_connector, "main");
    assert_int_equal(orphan_of(shop, "temp_y_1").state, ORPHAN_REMOVING);
    assert_int_equal(orphan_of(shop, "temp_y_1").target_kind, TARGET_MARIADB);
    assert_int_equal(shop_count_events(shop, "account.orphan", NULL), 2);
    assert_int_equal(shop_count_events(shop, "account.removed", others.id), 0);
    assert_int_equal(shop_grant(shop, others.id).version, others.version);
    expect_state(shop, others.id, GRANT_ACTIVE);
}

// ---- Drift --------------------------------------------------------------------------------------

static AccountState state_of(const Grant *grant) {
    return (AccountState){
        .key = "16400",
        .expires_at = grant->expires_at,
        .mark_expires_at = grant->expires_at,
        .can_login = true,
        .connection_limit = 10,
    };
}

static Drift drift_of(Shop *shop, const Grant *grant, const AccountState *state) {
    StoreSweptAccount account = account_of(grant);
    account.state = state;
    reconcile(shop, account);
    Grant found = shop_grant(shop, grant->id);
    assert_true(found.drifted);
    assert_int_equal(found.drift.count, 1);
    return found.drift.items[0];
}

static StoreNumbers numbers_of(Shop *shop) {
    StoreNumbers numbers;
    Error error = {0};
    expect_ok(store_numbers(shop->store, &numbers, &error), &error);
    return numbers;
}

static void drift_is_named_and_counted(void **unused) {
    Shop *shop = *unused;
    Grant active = shop_active(shop, "shop-auto");
    AccountState state = state_of(&active);
    state.expires_at = 0;
    Drift drift = drift_of(shop, &active, &state);
    assert_string_equal(drift.field, "valid until");
    assert_string_equal(drift.found, "never");
    assert_true(drift.widens);
    assert_int_equal(numbers_of(shop).grants_widened, 1);
    AuditEvent event = shop_event(shop, "grant.drifted", active.id);
    assert_true(json_is_true(json_object_get(event.detail, "widened")));
    state = state_of(&active);
    string_list_add(shop->arena, &state.attributes, "SUPERUSER");
    drift = drift_of(shop, &active, &state);
    assert_string_equal(drift.field, "attributes");
    assert_int_equal(shop_count_events(shop, "grant.drifted", active.id), 2);
    state = state_of(&active);
    state.can_login = false;
    assert_false(drift_of(shop, &active, &state).widens);
    assert_int_equal(numbers_of(shop).grants_drifted, 1);
    assert_int_equal(numbers_of(shop).grants_widened, 0);
    shop->clock.at_ms = active.expires_at;
    shop_run_due(shop);
    assert_int_equal(numbers_of(shop).grants_drifted, 0);
    shop_finish(shop, active.id);
}

static void a_name_under_another_mark_is_drift_and_no_orphan(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    const char *account = active.plan->account;
    StoreSweptAccount others[] = {
        {.account = account, .leftover = "like temp_*"},
        {.account = account, .grant_id = "grt_other"},
        {.account = account, .grant_id = active.id, .deployment = "dep_other"},
        {.account = account, .grant_id = active.id, .connector = "second"},
    };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        reconcile(shop, others[i]);
        Grant found = shop_grant(shop, active.id);
        assert_int_equal(found.state, GRANT_ACTIVE);
        assert_string_equal(found.drift.items[0].field, "mark");
    }
    assert_int_equal(shop_count_events(shop, "account.orphan", NULL), 0);
    expect_no_work(shop);
}

static void sweep_nothing(Shop *shop, int64_t swept_at) {
    StoreSweep sweep = {
        .admin_secret = "shop-admin",
        .host = "db.internal",
        .port = 5432,
        .swept_at = swept_at,
    };
    Error error = {0};
    expect_ok(store_reconcile(shop->store, shop->arena, &shop->main, &sweep, &error), &error);
}

static void an_account_that_two_sweeps_miss_ends_its_grant(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    sweep_nothing(shop, shop->clock.at_ms + 9 * SECOND_MS); // too young
    assert_false(shop_grant(shop, active.id).drifted);
    shop_advance(shop, 30 * SECOND_MS);
    sweep_nothing(shop, shop->clock.at_ms);
    sweep_nothing(shop, shop->clock.at_ms); // at the same moment: no second look
    Grant missed = shop_grant(shop, active.id);
    assert_int_equal(missed.state, GRANT_ACTIVE);
    assert_string_equal(missed.drift.items[0].found, "none");
    // It was there all the same.
    reconcile(shop, account_of(&active));
    assert_false(shop_grant(shop, active.id).drifted);
    shop_advance(shop, 30 * SECOND_MS);
    sweep_nothing(shop, shop->clock.at_ms);
    shop_advance(shop, 6 * SECOND_MS);
    sweep_nothing(shop, shop->clock.at_ms - 3 * SECOND_MS); // read before the first was taken
    expect_state(shop, active.id, GRANT_ACTIVE);
    sweep_nothing(shop, shop->clock.at_ms);
    expect_state(shop, active.id, GRANT_REVOKING);
    StoredAction action = shop_lease_one(shop, "revoke");
    shop_report(shop, done_report(&action, NULL));
    Grant ended = shop_grant(shop, active.id);
    assert_int_equal(ended.state, GRANT_ENDED);
    assert_int_equal(ended.cause, CAUSE_DRIFTED);
}

static void an_end_moved_nearer_is_told_from_expiry(void **unused) {
    Shop *shop = *unused;
    Grant active = shop_active(shop, "shop-auto");
    AccountState state = state_of(&active);
    state.expires_at = shop->clock.at_ms;
    StoreSweptAccount account = account_of(&active);
    account.state = &state;
    account.removed = true;
    reconcile(shop, account);
    Grant ended = shop_grant(shop, active.id);
    assert_int_equal(ended.state, GRANT_ENDED);
    assert_int_equal(ended.cause, CAUSE_DRIFTED);
}

// ---- Orphans ------------------------------------------------------------------------------------

// The second connector serves the target of the first, too.
static const char BESIDE[] =
    "{\"integrations\": [{\"name\": \"shop-beside\", \"kind\": \"postgresql\","
    " \"connector\": \"second\", \"host\": \"db.internal\", \"database\": \"shop\","
    " \"admin_secret\": \"shop-admin\"}]}";

static void an_account_of_a_grant_that_nobody_knows_is_removed(void **state) {
    Shop *shop = *state;
    StoreSweptAccount unknown = {.account = "temp_x_1",
                                 .grant_id = "grt_none",
                                 .custodian = "keeper",
                                 .database = "shop2",
                                 .can_login = true};
    for (int i = 0; i < 3; i++)
        reconcile(shop, unknown);
    assert_int_equal(shop_count_events(shop, "account.orphan", NULL), 1);
    Orphan orphan = orphan_of(shop, "temp_x_1");
    assert_int_equal(orphan.kind, ORPHAN_UNKNOWN);
    assert_int_equal(orphan.state, ORPHAN_REMOVING);
    StoredAction action = shop_lease_one(shop, "remove");
    assert_string_equal(action.grant_id, "grt_none");
    Plan plan;
    Error error = {0};
    expect_ok(shape_read(shop->arena, &PLAN_SHAPE, action.plan, &plan, &error), &error);
    assert_string_equal(plan.account, "temp_x_1");
    assert_string_equal(plan.custodian, "keeper");
    assert_string_equal(plan.deployment, store_deployment(shop->store));
    assert_string_equal(plan.target->database, "shop2");
    // It is not given up, whatever the failure.
    shop_report(shop, failed_report(&action, "refused"));
    assert_int_equal(orphan_of(shop, "temp_x_1").failures, 1);
    reconcile(shop, unknown);
    expect_no_work(shop);
    shop_advance(shop, 2 * SECOND_MS);
    action = shop_lease_one(shop, "remove");
    shop_report(shop, done_report(&action, NULL));
    shop_report(shop, done_report(&action, NULL));
    assert_int_equal(shop_count_events(shop, "account.removed", NULL), 1);
    assert_int_equal(numbers_of(shop).orphans_by_kind[ORPHAN_UNKNOWN], 0);
    expect_no_work(shop);
}

// The second connector serves a target of its own; its account on this one is seen by nobody else.
static void an_account_of_a_connector_that_does_not_serve_the_target_is_listed(void **state) {
    Shop *shop = *state;
    StoredAction grant = {0};
    Grant live = shop_request(shop, &ANN, "shop-second");
    StoredActions leased = shop_lease(shop, &shop->second, 10);
    assert_int_equal(leased.count, 1);
    grant = leased.items[0];
    StoreSweptAccount stray = {.account = "temp_x_5", .grant_id = "grt_d", .connector = "second"};
    StoreSweptAccount alias = {
        .account = live.plan->account, .grant_id = grant.grant_id, .connector = "second"};
    reconcile(shop, stray);
    reconcile(shop, alias); // a live grant explains it: the target has two names
    assert_int_equal(shop_count_events(shop, "account.orphan", NULL), 1);
    assert_int_equal(orphan_of(shop, "temp_x_5").kind, ORPHAN_UNSERVED);
    alias.account = "temp_x_6";
    reconcile(shop, alias);
    assert_int_equal(orphan_of(shop, "temp_x_6").kind, ORPHAN_UNSERVED);
    expect_no_work(shop);
    shop_apply(shop, BESIDE);
    reconcile(shop, stray); // by now that connector sees to it
    sweep_nothing(shop, 0);
    assert_int_equal(shop_count_events(shop, "account.orphan", NULL), 2);
    assert_int_equal(shop_count_events(shop, "account.orphan_gone", NULL), 2);
}

static void what_is_not_ours_is_listed_and_left_alone(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    StoreSweptAccount foreign = {
        .account = "temp_x_1", .grant_id = "grt_a", .deployment = "dep_b", .database = "shop"};
    StoreSweptAccount leftover = {.account = "v-x", .leftover = "like v-*"};
    StoreSweptAccount renamed = account_of(&active);
    StoreSweptAccount unserved = {.account = "temp_x_4", .grant_id = "grt_c", .connector = "gone"};
    StoreSweptAccount beside = {.account = "temp_x_5", .grant_id = "grt_d", .connector = "second"};
    renamed.account = "temp_x_3";
    shop_apply(shop, BESIDE);
    for (int i = 0; i < 3; i++) {
        reconcile(shop, foreign);
        reconcile(shop, leftover);
        reconcile(shop, renamed);
        reconcile(shop, unserved);
        reconcile(shop, beside); // that connector sees to it
    }
    assert_int_equal(shop_count_events(shop, "account.orphan", NULL), 4);
    assert_int_equal(orphan_of(shop, "temp_x_1").kind, ORPHAN_FOREIGN);
    assert_int_equal(orphan_of(shop, "v-x").kind, ORPHAN_LEFTOVER);
    assert_int_equal(orphan_of(shop, "temp_x_3").kind, ORPHAN_MISMATCHED);
    assert_int_equal(orphan_of(shop, "temp_x_4").kind, ORPHAN_UNSERVED);
    expect_no_work(shop);
    shop_advance(shop, 24 * HOUR_MS);
    reconcile(shop, foreign);
    assert_int_equal(shop_count_events(shop, "account.orphan", NULL), 5);
    sweep_nothing(shop, 0);
    assert_int_equal(shop_count_events(shop, "account.orphan_gone", NULL), 4);
}

static void a_removal_is_asked_for_by_its_mark(void **state) {
    Shop *shop = *state;
    StoreSweptAccount foreign = {
        .account = "temp_x_1", .grant_id = "grt_a", .deployment = "dep_b", .database = "shop"};
    reconcile(shop, foreign);
    reconcile(shop, (StoreSweptAccount){.account = "v-x", .leftover = "like v-*"});
    Orphan orphan = orphan_of(shop, "temp_x_1");
    Error error = {0};
    expect_fault(store_remove_orphan(shop->store, shop->arena, &ROOT, orphan_of(shop, "v-x").id,
                                     NULL, NULL, &orphan, &error),
                 &error, STATUS_FORBIDDEN, "not_daypass");
    orphan = orphan_of(shop, "temp_x_1");
    expect_fault(store_remove_orphan(shop->store, shop->arena, &ROOT, orphan.id, "grt_b", "dep_b",
                                     &orphan, &error),
                 &error, STATUS_CONFLICT, "orphan_changed");
    expect_ok(store_inspect_orphan(shop->store, shop->arena, &ROOT, orphan.id, &orphan, &error),
              &error);
    StoredAction action = shop_lease_one(shop, "inspect");
    StoreReport report = done_report(&action, NULL);
    report.inspection =
        json_keep(shop->arena, json_pack("{s:s, s:b}", "account", "temp_x_1", "present", 1));
    shop_report(shop, report);
    assert_non_null(orphan_of(shop, "temp_x_1").inspection);
    expect_ok(store_remove_orphan(shop->store, shop->arena, &ROOT, orphan.id, "grt_a", "dep_b",
                                  &orphan, &error),
              &error);
    // What the connector's file does not allow waits to be asked for again.
    action = shop_lease_one(shop, "remove");
    shop_report(shop, failed_report(&action, "refused"));
    orphan = orphan_of(shop, "temp_x_1");
    assert_int_equal(orphan.state, ORPHAN_FOUND);
    assert_non_null(orphan.trouble);
    assert_int_equal(shop_count_events(shop, "account.removal_refused", NULL), 1);
    expect_no_work(shop);
    // Another account under that name is another orphan, for which nobody asked.
    expect_ok(store_remove_orphan(shop->store, shop->arena, &ROOT, orphan.id, "grt_a", "dep_b",
                                  &orphan, &error),
              &error);
    foreign.grant_id = "grt_z";
    reconcile(shop, foreign);
    expect_no_work(shop);
    assert_int_equal(orphan_of(shop, "temp_x_1").state, ORPHAN_FOUND);
}

static void what_came_of_an_orphan_is_forgotten_with_the_next(void **state) {
    Shop *shop = *state;
    StoreReport before = {0};
    for (int i = 0; i < 4; i++) {
        reconcile(shop, (StoreSweptAccount){.account = arena_printf(shop->arena, "temp_x_%d", i),
                                            .grant_id = "grt_none"});
        StoredAction action = shop_lease_one(shop, "remove");
        StoreReport report = done_report(&action, NULL);
        shop_report(shop, report);
        shop_report(shop, report); // the answer was lost
        if (i > 0)
            expect_report_fault(shop, before, STATUS_NOT_FOUND, "unknown_action");
        before = report;
        shop_advance(shop, LEASE_MS);
    }
    // Of the same time, it may be reported once more.
    reconcile(shop, (StoreSweptAccount){.account = "temp_x_5", .grant_id = "grt_none"});
    StoredAction action = shop_lease_one(shop, "remove");
    shop_report(shop, done_report(&action, NULL));
    reconcile(shop, (StoreSweptAccount){.account = "temp_x_6", .grant_id = "grt_none"});
    shop_report(shop, done_report(&action, NULL));
    assert_int_equal(shop_count_events(shop, "account.removed", NULL), 5);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        SHOP_CASE(an_account_that_a_live_grant_explains_stays),
        SHOP_CASE(an_account_of_a_grant_that_is_over_is_revoked),
        SHOP_CASE(a_mark_of_a_grant_that_is_not_begun_takes_nothing_back),
        SHOP_CASE(a_list_read_before_the_end_says_nothing_of_afterwards),
        SHOP_CASE(a_late_grant_of_what_is_over_is_revoked),
        SHOP_CASE(a_removed_account_ends_its_grant),
        SHOP_CASE(an_altered_account_is_drift),
        SHOP_CASE(a_mark_with_another_connectors_grant_is_taken_by_itself),
        SHOP_CASE(drift_is_named_and_counted),
        SHOP_CASE(a_name_under_another_mark_is_drift_and_no_orphan),
        SHOP_CASE(an_account_that_two_sweeps_miss_ends_its_grant),
        SHOP_CASE(an_end_moved_nearer_is_told_from_expiry),
        SHOP_CASE(an_account_of_a_grant_that_nobody_knows_is_removed),
        SHOP_CASE(an_account_of_a_connector_that_does_not_serve_the_target_is_listed),
        SHOP_CASE(what_is_not_ours_is_listed_and_left_alone),
        SHOP_CASE(a_removal_is_asked_for_by_its_mark),
        SHOP_CASE(what_came_of_an_orphan_is_forgotten_with_the_next),
    };
    return RUN_CASES(cases);
}
