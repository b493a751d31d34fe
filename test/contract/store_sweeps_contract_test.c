#include "contract/store_shop.h"

static void reconcile(Shop *shop, StoreSweptAccount account) {
    Error error = {0};
    expect_ok(store_reconcile_account(shop->store, shop->arena, &shop->main, &account, &error),
              &error);
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

// Its report overtook that of the sweep.
static void a_list_read_before_the_end_says_nothing_of_afterwards(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    shop->clock.at_ms = active.expires_at;
    StoreSweptAccount account = account_of(&active);
    account.found_at = shop->clock.at_ms;
    shop_run_due(shop);
    shop_advance(shop, SECOND_MS);
    shop_finish(shop, active.id);
    expect_state(shop, active.id, GRANT_ENDED);
    reconcile(shop, account);
    assert_int_equal(shop_count_events(shop, "account.stray", active.id), 0);
    expect_no_work(shop);
    account.found_at = shop->clock.at_ms + 30 * SECOND_MS;
    reconcile(shop, account);
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

static void an_account_that_nobody_knows_is_noted_once_a_day(void **state) {
    Shop *shop = *state;
    Grant others = shop_request(shop, &ANN, "shop-second");
    StoreSweptAccount unknown = {.account = "temp_x_1", .grant_id = "grt_none", .can_login = true};
    StoreSweptAccount unmarked = {.account = "temp_x_2"};
    StoreSweptAccount not_ours = account_of(&others); // of another connector
    Grant active = shop_active(shop, "shop-auto");
    StoreSweptAccount renamed = account_of(&active);
    renamed.account = "temp_x_3";
    for (int i = 0; i < 3; i++) {
        reconcile(shop, unknown);
        reconcile(shop, unmarked);
        reconcile(shop, not_ours);
        reconcile(shop, renamed);
    }
    assert_int_equal(shop_count_events(shop, "account.orphan", NULL), 4);
    assert_int_equal(shop_lease(shop, &shop->second, 10).count, 1); // its grant; no revocation
    expect_no_work(shop);
    shop_advance(shop, 24 * HOUR_MS);
    reconcile(shop, unknown);
    assert_int_equal(shop_count_events(shop, "account.orphan", NULL), 5);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        SHOP_CASE(an_account_that_a_live_grant_explains_stays),
        SHOP_CASE(an_account_of_a_grant_that_is_over_is_revoked),
        SHOP_CASE(a_list_read_before_the_end_says_nothing_of_afterwards),
        SHOP_CASE(a_late_grant_of_what_is_over_is_revoked),
        SHOP_CASE(a_removed_account_ends_its_grant),
        SHOP_CASE(an_altered_account_is_drift),
        SHOP_CASE(an_account_that_nobody_knows_is_noted_once_a_day),
    };
    return RUN_CASES(cases);
}
