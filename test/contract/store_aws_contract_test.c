// An AWS account in the store: access that is somebody's own identity allowed more, for a time.
// Nothing is delivered, so nothing is sealed.
#include "contract/store_shop.h"

#define ACCOUNT "123456789012"
#define ANN_USER "arn:aws:iam::" ACCOUNT ":user/ann"

static const char CLOUD[] =
    "{\"principals\": [{\"name\": \"ann\", \"aws_identities\": [\"" ANN_USER "\"]},"
    " {\"name\": \"bob\"}],"
    " \"integrations\": [{\"name\": \"cloud\", \"kind\": \"aws\", \"connector\": \"main\","
    " \"admin_secret\": \"cloud-admin\", \"aws\": {\"account\": \"" ACCOUNT "\","
    " \"region\": \"eu-central-1\"}}],"
    " \"flows\": [{\"name\": \"cloud\", \"integration\": \"cloud\", \"requesters\": {\"groups\":"
    " [\"backend\"]}, \"grants\": [{\"ssm_session\": {\"instances\": [\"i-1\"]}}],"
    " \"duration\": {\"max\": \"8h\"}, \"approval\": [{\"auto\": true}], \"extension\":"
    " \"auto\"}]}";

static AccountState state_of(const Grant *grant) {
    return (AccountState){.key = "AIDAANN",
                          .expires_at = grant->plan->duration_s * SECOND_MS,
                          .mark_expires_at = grant->plan->duration_s * SECOND_MS,
                          .can_login = true,
                          .connection_limit = -1};
}

// A grant that the connector reported done, without a sealed credential.
static Grant cloud_active(Shop *shop) {
    shop_apply(shop, CLOUD);
    Grant grant = shop_request(shop, &ANN, "cloud");
    StoredAction action = shop_lease_one(shop, "grant");
    AwsResource instance = {.kind = "instance", .id = "i-1", .region = "eu-central-1"};
    string_list_add(shop->arena, &instance.documents, "SSM-SessionManagerRunShell");
    const AccountState state = state_of(&grant);
    const Outcome outcome = {
        .account = grant.plan->account, .state = &state, .resources = {&instance, 1}};
    StoreReport report = done_report(&action, NULL);
    report.outcome = shape_write(shop->arena, &OUTCOME_SHAPE, &outcome);
    shop_report(shop, report);
    return shop_grant(shop, grant.id);
}

static void a_grant_is_active_without_a_credential(void **state) {
    Shop *shop = *state;
    Grant active = cloud_active(shop);
    assert_int_equal(active.state, GRANT_ACTIVE);
    assert_null(active.sealed);
    assert_string_equal(active.plan->identity, ANN_USER);
    assert_string_equal(active.plan->account, arena_printf(shop->arena, "user/ann/%s", active.id));
    EvidenceList evidence;
    Error error = {0};
    expect_ok(store_grant_evidence(shop->store, shop->arena, active.id, &evidence, &error), &error);
    Outcome outcome;
    expect_ok(shape_read(shop->arena, &OUTCOME_SHAPE, evidence.items[0].outcome, &outcome, &error),
              &error);
    assert_int_equal(outcome.resources.count, 1);
    assert_string_equal(outcome.resources.items[0].id, "i-1");
}

static void who_has_no_identity_is_told_so(void **state) {
    Shop *shop = *state;
    shop_apply(shop, CLOUD);
    const RequestForm form = shop_form(&BOB, "cloud");
    Grant grant;
    Error error = {0};
    expect_fault(store_request_grant(shop->store, shop->arena, &BOB, &form, NULL, &grant, &error),
                 &error, STATUS_CONFLICT, "no_identity");
}

static void its_life_is_that_of_any_grant(void **state) {
    Shop *shop = *state;
    Grant active = cloud_active(shop);
    Error error = {0};
    Grant extending;
    expect_ok(store_extend_grant(shop->store, shop->arena, &ANN, active.id, 3600, "ticket 8",
                                 &extending, &error),
              &error);
    StoredAction action = shop_lease_one(shop, "extend");
    shop_report(shop, done_report(&action, NULL));
    assert_true(shop_grant(shop, active.id).expires_at > active.expires_at);
    shop->clock.at_ms = shop_grant(shop, active.id).expires_at;
    shop_run_due(shop);
    shop_finish(shop, active.id);
    expect_state(shop, active.id, GRANT_ENDED);
}

static void sweep(Shop *shop, StoreSweptAccount *accounts, size_t count) {
    const StoreSweep sweep = {.admin_secret = "cloud-admin",
                              .target_kind = TARGET_AWS,
                              .host = ACCOUNT,
                              .port = 443,
                              .swept_at = shop->clock.at_ms,
                              .accounts = {accounts, count}};
    Error error = {0};
    expect_ok(store_reconcile(shop->store, shop->arena, &shop->main, &sweep, &error), &error);
}

static void what_a_sweep_sees_is_compared(void **state) {
    Shop *shop = *state;
    Grant active = cloud_active(shop);
    AccountState found = state_of(&active);
    StoreSweptAccount account = {
        .account = active.plan->account, .grant_id = active.id, .state = &found, .can_login = true};
    shop_advance(shop, 30 * SECOND_MS);
    sweep(shop, &account, 1);
    assert_false(shop_grant(shop, active.id).drifted);
    found.key = "AIDAOTHER";
    sweep(shop, &account, 1);
    assert_true(shop_grant(shop, active.id).drifted);
    found.key = "AIDAANN";
    sweep(shop, &account, 1);
    assert_false(shop_grant(shop, active.id).drifted);
    for (int i = 0; i < 2; i++) { // somebody deleted the policy
        shop_advance(shop, 30 * SECOND_MS);
        sweep(shop, NULL, 0);
    }
    expect_state(shop, active.id, GRANT_REVOKING);
    shop_finish(shop, active.id);
    assert_int_equal(shop_grant(shop, active.id).cause, CAUSE_DRIFTED);
}

// Which no integration is left of, either.
static void a_policy_that_nobody_knows_is_an_orphan(void **state) {
    Shop *shop = *state;
    shop_apply(shop, CLOUD);
    StoreSweptAccount account = {
        .account = "role/dev/grt_none", .grant_id = "grt_none", .can_login = true};
    sweep(shop, &account, 1);
    StoredAction action = shop_lease_one(shop, "remove");
    Plan plan;
    Error error = {0};
    expect_ok(shape_read(shop->arena, &PLAN_SHAPE, action.plan, &plan, &error), &error);
    assert_string_equal(plan.account, "role/dev/grt_none");
    assert_int_equal(plan.target->kind, TARGET_AWS);
    assert_string_equal(plan.target->host, ACCOUNT);
    assert_null(plan.identity);
    shop_report(shop, done_report(&action, NULL));
    assert_int_equal(shop_count_events(shop, "account.removed", NULL), 1);
}

// A sweep has no plan, so that it cannot end the sessions that end with the access.
static void what_a_sweep_removed_has_its_sessions_ended(void **state) {
    Shop *shop = *state;
    shop_apply(shop, CLOUD);
    shop_apply(shop,
               "{\"flows\": [{\"name\": \"cloud\", \"integration\": \"cloud\", \"requesters\":"
               " {\"groups\": [\"backend\"]}, \"grants\": [{\"rds_connect\": {\"resource\":"
               " \"db-AB\", \"users\": [\"app_read\"], \"end_sessions\": \"shop-prod\"}}],"
               " \"duration\": {\"max\": \"8h\"}, \"approval\": [{\"auto\": true}]}]}");
    Grant grant = shop_request(shop, &ANN, "cloud");
    StoredAction action = shop_lease_one(shop, "grant");
    shop_report(shop, done_report(&action, NULL));
    Grant active = shop_grant(shop, grant.id);
    shop->clock.at_ms = active.expires_at;
    StoreSweptAccount account = {
        .account = active.plan->account, .grant_id = active.id, .removed = true};
    sweep(shop, &account, 1);
    expect_state(shop, active.id, GRANT_REVOKING);
    sweep(shop, &account, 1);
    action = shop_lease_one(shop, "revoke");
    Plan plan;
    Error error = {0};
    expect_ok(shape_read(shop->arena, &PLAN_SHAPE, action.plan, &plan, &error), &error);
    assert_int_equal(plan.session_endings.count, 1);
    assert_string_equal(plan.session_endings.items[0].target->host, "db.internal");
    shop_report(shop, done_report(&action, NULL));
    expect_state(shop, active.id, GRANT_ENDED);
    assert_int_equal(shop_grant(shop, active.id).cause, CAUSE_EXPIRED);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        SHOP_CASE(a_grant_is_active_without_a_credential),
        SHOP_CASE(who_has_no_identity_is_told_so),
        SHOP_CASE(its_life_is_that_of_any_grant),
        SHOP_CASE(what_a_sweep_sees_is_compared),
        SHOP_CASE(a_policy_that_nobody_knows_is_an_orphan),
        SHOP_CASE(what_a_sweep_removed_has_its_sessions_ended),
    };
    return RUN_CASES(cases);
}
