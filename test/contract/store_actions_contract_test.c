#include "contract/store_shop.h"

// ---- Leasing ------------------------------------------------------------------------------------

static void dispatch_moves_to_granting(void **state) {
    Shop *shop = *state;
    Grant approved = shop_approved(shop);
    StoredAction action = shop_lease_one(shop, "grant");
    assert_int_equal(action.attempt, 1);
    assert_string_equal(action.connector, "main");
    assert_string_equal(action.integration, "shop-prod");
    Grant granting = shop_grant(shop, approved.id);
    assert_int_equal(granting.state, GRANT_GRANTING);
    assert_int_equal(granting.expires_at, shop->clock.at_ms + HOUR_MS);
    AuditEvent event = shop_event(shop, "grant.granting", approved.id);
    assert_string_equal(event.actor, "con_main");
    assert_string_equal(event.actor_kind, "connector");
    expect_no_work(shop);
}

static void a_connector_sees_only_its_own_work(void **state) {
    Shop *shop = *state;
    Grant grant = shop_request(shop, &ANN, "shop-second");
    expect_no_work(shop);
    StoredActions actions = shop_lease(shop, &shop->second, 10);
    assert_int_equal(actions.count, 1);
    StoreReport report = done_report(&actions.items[0], "box");
    expect_report_fault(shop, report, STATUS_FORBIDDEN, "not_yours");
    expect_state(shop, grant.id, GRANT_GRANTING);
}

static void a_lease_without_outcome_is_handed_out_again(void **state) {
    Shop *shop = *state;
    StoredAction first = shop_granting(shop);
    shop_advance(shop, LEASE_MS - 1);
    expect_no_work(shop);
    shop_advance(shop, 1);
    StoredAction second = shop_lease_one(shop, "grant");
    assert_string_equal(second.id, first.id);
    assert_int_equal(second.attempt, 2);
    assert_int_equal(second.expires_at, shop->clock.at_ms + HOUR_MS);
    assert_int_equal(shop_grant(shop, first.grant_id).expires_at, second.expires_at);
}

static void capacity_bounds_a_lease(void **state) {
    Shop *shop = *state;
    for (int i = 0; i < 3; i++)
        shop_request(shop, &ANN, "shop-auto");
    assert_int_equal(shop_lease(shop, &shop->main, 0).count, 0);
    assert_int_equal(shop_lease(shop, &shop->main, 2).count, 2);
    assert_int_equal(shop_lease(shop, &shop->main, 2).count, 1);
}

static void revocations_go_first_the_longest_overdue_ahead(void **state) {
    Shop *shop = *state;
    Grant one = shop_active(shop, "shop-auto");
    shop_advance(shop, SECOND_MS);
    Grant two = shop_active(shop, "shop-auto");
    shop_advance(shop, SECOND_MS);
    Grant early = shop_active(shop, "shop-auto");
    shop_advance(shop, HOUR_MS - 2 * SECOND_MS + 500);
    Grant waiting = shop_request(shop, &ANN, "shop-auto");
    Grant given;
    Error error = {0};
    expect_ok(store_revoke_grant(shop->store, shop->arena, &CLEO, early.id, NULL, &given, &error),
              &error);
    shop_advance(shop, 1500);
    assert_int_equal(shop_run_due(shop).changed, 2);
    StoredActions actions = shop_lease(shop, &shop->main, 10);
    assert_int_equal(actions.count, 4);
    assert_string_equal(actions.items[0].grant_id, one.id);
    // Asked for after `one` had expired, and before `two` did.
    assert_string_equal(actions.items[1].grant_id, early.id);
    assert_string_equal(actions.items[2].grant_id, two.id);
    assert_string_equal(actions.items[3].grant_id, waiting.id);
}

static void one_action_of_a_grant_is_out_at_a_time(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    Grant given;
    Error error = {0};
    expect_ok(
        store_extend_grant(shop->store, shop->arena, &ANN, active.id, 60, "more", &given, &error),
        &error);
    expect_ok(store_reset_grant(shop->store, shop->arena, &ANN, active.id, "k2", &given, &error),
              &error);
    StoredActions first = shop_lease(shop, &shop->main, 10);
    assert_int_equal(first.count, 1);
    expect_ok(store_revoke_grant(shop->store, shop->arena, &CLEO, active.id, NULL, &given, &error),
              &error);
    expect_no_work(shop); // the first may still be at it
    shop_advance(shop, LEASE_MS);
    StoredAction revoke = shop_lease_one(shop, "revoke");
    shop_report(shop, done_report(&revoke, NULL));
    expect_no_work(shop);
    // What came too late is evidence and no more.
    shop_report(shop, done_report(&first.items[0], "late box"));
    expect_state(shop, active.id, GRANT_ENDED);
    assert_null(shop_grant(shop, active.id).sealed);
    expect_no_work(shop);
}

static void an_approval_that_lapsed_is_not_dispatched(void **state) {
    Shop *shop = *state;
    Grant grant = shop_request(shop, &ANN, "shop-brief");
    shop_advance(shop, 10 * MINUTE_MS); // and nobody ran what is due
    expect_no_work(shop);
    expect_state(shop, grant.id, GRANT_LAPSED);
    assert_string_equal(shop_event(shop, "grant.lapsed", grant.id).actor, "daypass");
}

// ---- Reports ------------------------------------------------------------------------------------

static void a_grant_reported_done_is_active(void **state) {
    Shop *shop = *state;
    StoredAction action = shop_granting(shop);
    shop_advance(shop, 5 * SECOND_MS);
    StoreReport report = done_report(&action, "first box");
    report.expires_at = action.expires_at - 300; // the target rounds down
    report.outcome = shop_outcome(shop, "CREATE ROLE temp_ann_x PASSWORD '(elided)'");
    shop_report(shop, report);
    Grant active = shop_grant(shop, action.grant_id);
    assert_int_equal(active.state, GRANT_ACTIVE);
    assert_int_equal(active.granted_at, shop->clock.at_ms);
    assert_int_equal(active.expires_at, action.expires_at - 300);
    assert_string_equal(active.sealed, "first box");
    const char *detail = json_text(shop->arena, shop_event(shop, "grant.active", active.id).detail);
    assert_non_null(strstr(detail, "CREATE ROLE temp_ann_x"));
    assert_non_null(strstr(detail, "evidence_hash"));
    assert_null(strstr(detail, "first box"));
    EvidenceList evidence;
    Error error = {0};
    expect_ok(store_grant_evidence(shop->store, shop->arena, active.id, &evidence, &error), &error);
    assert_int_equal(evidence.count, 1);
    assert_string_equal(evidence.items[0].action_id, action.id);
    assert_string_equal(evidence.items[0].kind, "grant");
    assert_string_equal(evidence.items[0].instance, "con_main");
    assert_string_equal(evidence.items[0].failure, "none");
    assert_true(json_equal(evidence.items[0].outcome, report.outcome));
}

static void a_report_is_taken_once(void **state) {
    Shop *shop = *state;
    StoredAction action = shop_granting(shop);
    shop_report(shop, done_report(&action, "first box"));
    int64_t version = shop_grant(shop, action.grant_id).version;
    int64_t events = shop_verify_audit(shop);
    shop_report(shop, done_report(&action, "another box"));
    shop_report(shop, failed_report(&action, "fatal"));
    Grant grant = shop_grant(shop, action.grant_id);
    assert_int_equal(grant.version, version);
    assert_string_equal(grant.sealed, "first box");
    assert_int_equal(shop_verify_audit(shop), events);
}

static void a_failure_told_twice_counts_once(void **state) {
    Shop *shop = *state;
    StoredAction action = shop_granting(shop);
    shop_report(shop, failed_report(&action, "retry"));
    int64_t version = shop_grant(shop, action.grant_id).version;
    shop_report(shop, failed_report(&action, "retry"));
    assert_int_equal(shop_grant(shop, action.grant_id).version, version);
    shop_advance(shop, 1200 + 1); // one pause, not two
    assert_int_equal(shop_lease_one(shop, "grant").attempt, 2);
}

static void refuses_reports_of_nothing(void **state) {
    Shop *shop = *state;
    StoredAction action = shop_granting(shop);
    StoreReport report = done_report(&action, "box");
    report.action_id = "act_none";
    expect_report_fault(shop, report, STATUS_NOT_FOUND, "unknown_action");
    report = done_report(&action, "box");
    report.attempt = 2;
    expect_report_fault(shop, report, STATUS_INVALID, "unknown_attempt");
    report.attempt = 0;
    expect_report_fault(shop, report, STATUS_INVALID, "unknown_attempt");
    expect_state(shop, action.grant_id, GRANT_GRANTING);
}

static void an_action_is_shown_to_its_connector(void **state) {
    Shop *shop = *state;
    StoredAction leased = shop_granting(shop);
    StoredAction found;
    Error error = {0};
    expect_ok(store_find_action(shop->store, shop->arena, &shop->main, leased.id, &found, &error),
              &error);
    assert_string_equal(found.kind, "grant");
    assert_string_equal(found.grant_id, leased.grant_id);
    assert_string_equal(found.integration, "shop-prod");
    assert_int_equal(found.attempt, 1);
    assert_int_equal(found.deadline_at, leased.deadline_at);
    expect_fault(
        store_find_action(shop->store, shop->arena, &shop->second, leased.id, &found, &error),
        &error, STATUS_FORBIDDEN, "not_yours");
    expect_fault(
        store_find_action(shop->store, shop->arena, &shop->main, "act_none", &found, &error),
        &error, STATUS_NOT_FOUND, "unknown_action");
}

static StoredAction handed_out_again(Shop *shop, const StoredAction *first) {
    shop_advance(shop, LEASE_MS);
    StoredAction second = shop_lease_one(shop, "grant");
    assert_string_equal(second.id, first->id);
    return second;
}

static void an_older_attempt_does_not_make_a_grant_active(void **state) {
    Shop *shop = *state;
    StoredAction first = shop_granting(shop);
    StoredAction second = handed_out_again(shop, &first);
    expect_report_fault(shop, failed_report(&first, "fatal"), STATUS_CONFLICT, "stale_report");
    shop_report(shop, done_report(&first, "first box"));
    expect_state(shop, first.grant_id, GRANT_GRANTING);
    assert_null(shop_grant(shop, first.grant_id).sealed);
    assert_int_equal(shop_count_events(shop, "grant.late_report", first.grant_id), 1);
    expect_no_work(shop);
    // The second attempt resets the account, so its password is the one that holds.
    shop_report(shop, done_report(&second, "second box"));
    Grant active = shop_grant(shop, first.grant_id);
    assert_int_equal(active.state, GRANT_ACTIVE);
    assert_int_equal(active.expires_at, second.expires_at);
    assert_string_equal(active.sealed, "second box");
    expect_no_work(shop);
}

// The newer attempt removed what the older one had made, and then could not make it.
static void a_newer_attempt_that_fails_counts_more_than_an_older_one_that_is_done(void **state) {
    Shop *shop = *state;
    StoredAction first = shop_granting(shop);
    StoredAction second = handed_out_again(shop, &first);
    shop_report(shop, done_report(&first, "first box"));
    shop_report(shop, failed_report(&second, "fatal"));
    Grant revoking = shop_grant(shop, first.grant_id);
    assert_int_equal(revoking.state, GRANT_REVOKING);
    assert_int_equal(revoking.cause, CAUSE_FAILED);
    shop_finish(shop, first.grant_id);
    expect_state(shop, first.grant_id, GRANT_FAILED);
    expect_no_work(shop);
}

static void an_older_attempt_done_after_a_newer_one_failed_changes_nothing(void **state) {
    Shop *shop = *state;
    StoredAction first = shop_granting(shop);
    StoredAction second = handed_out_again(shop, &first);
    shop_report(shop, failed_report(&second, "retry"));
    shop_report(shop, done_report(&first, "first box"));
    expect_state(shop, first.grant_id, GRANT_GRANTING);
    shop_advance(shop, 2 * SECOND_MS);
    StoredAction third = shop_lease_one(shop, "grant");
    assert_int_equal(third.attempt, 3);
    shop_report(shop, done_report(&third, "third box"));
    assert_string_equal(shop_grant(shop, first.grant_id).sealed, "third box");
}

static void a_newer_attempt_without_answer_is_followed_by_another(void **state) {
    Shop *shop = *state;
    StoredAction first = shop_granting(shop);
    handed_out_again(shop, &first);
    shop_report(shop, done_report(&first, "first box"));
    shop_advance(shop, LEASE_MS);
    shop_run_due(shop);
    StoredAction third = shop_lease_one(shop, "grant");
    assert_int_equal(third.attempt, 3);
    shop_report(shop, done_report(&third, "third box"));
    expect_state(shop, first.grant_id, GRANT_ACTIVE);
    assert_string_equal(shop_grant(shop, first.grant_id).sealed, "third box");
    expect_no_work(shop);
}

static void a_grant_that_may_succeed_is_tried_until_it_lapses(void **state) {
    Shop *shop = *state;
    Grant grant = shop_request(shop, &ANN, "shop-brief");
    int64_t lapses_at = shop_grant(shop, grant.id).lapses_at;
    int attempts = 0;
    while (shop_grant(shop, grant.id).state != GRANT_REVOKING) {
        StoredActions actions = shop_lease(shop, &shop->main, 1);
        if (actions.count > 0) {
            attempts++;
            shop_report(shop, failed_report(&actions.items[0], "retry"));
        }
        DueResult due = shop_run_due(shop);
        if (due.changed == 0 && due.next_due_at > shop->clock.at_ms)
            shop->clock.at_ms = due.next_due_at;
        assert_true(shop->clock.at_ms <= lapses_at);
    }
    assert_int_equal(shop->clock.at_ms, lapses_at);
    assert_in_range(attempts, 5, 20);
    Grant revoking = shop_grant(shop, grant.id);
    assert_int_equal(revoking.cause, CAUSE_FAILED);
    assert_string_equal(revoking.note, "the server said no");
    // At attempts 1, 2, 4 and 8 only.
    assert_in_range(shop_count_events(shop, "grant.trouble", grant.id), 3, 5);
    shop_finish(shop, grant.id);
    expect_state(shop, grant.id, GRANT_FAILED);
}

static void a_lease_that_is_out_is_waited_for_past_the_lapse(void **state) {
    Shop *shop = *state;
    Grant grant = shop_request(shop, &ANN, "shop-brief");
    shop_advance(shop, 10 * MINUTE_MS - SECOND_MS);
    StoredAction action = shop_lease_one(shop, "grant");
    shop_advance(shop, 2 * SECOND_MS);
    assert_int_equal(shop_run_due(shop).changed, 0);
    shop_report(shop, done_report(&action, "box"));
    expect_state(shop, grant.id, GRANT_ACTIVE);
    Grant silent = shop_request(shop, &ANN, "shop-brief");
    shop_advance(shop, 10 * MINUTE_MS - SECOND_MS);
    shop_lease_one(shop, "grant");
    shop_advance(shop, LEASE_MS);
    assert_int_equal(shop_run_due(shop).changed, 1);
    expect_state(shop, silent.id, GRANT_REVOKING);
}

static void a_grant_that_cannot_be_given_is_cleaned_up(void **state) {
    Shop *shop = *state;
    StoredAction action = shop_granting(shop);
    StoreReport report = failed_report(&action, "not found");
    report.failure = enum_name(&FAILURE_CLASSES, FAILURE_NOT_FOUND);
    shop_report(shop, report);
    Grant revoking = shop_grant(shop, action.grant_id);
    assert_int_equal(revoking.state, GRANT_REVOKING);
    assert_int_equal(revoking.cause, CAUSE_FAILED);
    assert_string_equal(revoking.note, "the server said no");
    shop_finish(shop, action.grant_id);
    expect_state(shop, action.grant_id, GRANT_FAILED);
    assert_non_null(
        strstr(json_text(shop->arena, shop_event(shop, "grant.revoking", action.grant_id).detail),
               "it_failed"));
}

static void a_failure_of_a_class_not_known_is_fatal(void **state) {
    Shop *shop = *state;
    StoredAction action = shop_granting(shop);
    char long_text[5000];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    StoreReport report = failed_report(&action, long_text);
    report.code = long_text;
    report.message = long_text;
    shop_report(shop, report);
    expect_state(shop, action.grant_id, GRANT_REVOKING);
}

static int64_t next_attempt(Shop *shop, const char *grant) {
    Revocation revocation;
    bool found = false;
    Error error = {0};
    expect_ok(store_find_revocation(shop->store, shop->arena, grant, &revocation, &found, &error),
              &error);
    assert_true(found);
    return revocation.next_attempt_at;
}

static void a_revocation_never_gives_up(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    shop_advance(shop, HOUR_MS);
    shop_run_due(shop);
    int64_t longest_ms = 0;
    for (int i = 1; i <= 40; i++) {
        StoredAction action = shop_lease_one(shop, "revoke");
        assert_int_equal(action.attempt, i);
        shop_report(shop, failed_report(&action, i % 2 == 0 ? "fatal" : "conflict"));
        Grant grant = shop_grant(shop, active.id);
        assert_int_equal(grant.state, GRANT_REVOKING);
        assert_string_equal(grant.trouble, "the server said no");
        shop_run_due(shop);
        int64_t pause_ms = next_attempt(shop, active.id) - shop->clock.at_ms;
        longest_ms = pause_ms > longest_ms ? pause_ms : longest_ms;
        assert_in_range(pause_ms, 800, 360 * SECOND_MS);
        if (i == 1)
            assert_in_range(pause_ms, 800, 1200);
        expect_no_work(shop);
        shop_advance(shop, pause_ms);
    }
    assert_in_range(longest_ms, 240 * SECOND_MS, 360 * SECOND_MS);
    assert_int_equal(shop_count_events(shop, "grant.trouble", active.id), 6); // 1, 2, 4 … 32
    EvidenceList evidence;
    Error error = {0};
    expect_ok(store_grant_evidence(shop->store, shop->arena, active.id, &evidence, &error), &error);
    assert_int_equal(evidence.count, 1 + 6 + 1); // of the grant, those, and the newest
    shop_finish(shop, active.id);
    expect_state(shop, active.id, GRANT_ENDED);
    assert_null(shop_grant(shop, active.id).trouble);
}

static void work_that_paused_is_announced(void **state) {
    Shop *shop = *state;
    StoredAction action = shop_granting(shop);
    shop_report(shop, failed_report(&action, "retry"));
    DueResult due = shop_run_due(shop);
    int queued = shop->work_queued;
    shop_run_due(shop);
    assert_int_equal(shop->work_queued, queued);
    shop->clock.at_ms = due.next_due_at;
    shop_run_due(shop);
    assert_int_equal(shop->work_queued, queued + 1);
    shop_run_due(shop);
    assert_int_equal(shop->work_queued, queued + 1);
}

// ---- Time ---------------------------------------------------------------------------------------

static void access_expires(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-read");
    DueResult due = shop_run_due(shop);
    assert_int_equal(due.changed, 0);
    assert_int_equal(due.next_due_at, active.expires_at);
    shop->clock.at_ms = active.expires_at - 1;
    assert_int_equal(shop_run_due(shop).changed, 0);
    shop_advance(shop, 1);
    int queued = shop->work_queued;
    assert_int_equal(shop_run_due(shop).changed, 1);
    assert_int_equal(shop->work_queued, queued + 1);
    Grant revoking = shop_grant(shop, active.id);
    assert_int_equal(revoking.state, GRANT_REVOKING);
    assert_int_equal(revoking.cause, CAUSE_EXPIRED);
    assert_null(revoking.sealed);
    assert_string_equal(shop_event(shop, "grant.revoking", active.id).actor, "daypass");
    shop_finish(shop, active.id);
    assert_int_equal(shop_run_due(shop).next_due_at, 0);
}

static void what_is_due_is_done_in_pieces(void **state) {
    Shop *shop = *state;
    for (int i = 0; i < 70; i++) {
        RequestForm form = shop_form(&ANN, "shop-brief");
        Grant grant;
        Error error = {0};
        expect_ok(store_request_grant(shop->store, shop->arena, &ANN, &form, NULL, &grant, &error),
                  &error);
    }
    shop_advance(shop, 10 * MINUTE_MS);
    DueResult result;
    Error error = {0};
    expect_ok(store_run_due(shop->store, 40, &result, &error), &error);
    assert_int_equal(result.changed, 40);
    assert_true(result.next_due_at <= shop->clock.at_ms);
    expect_ok(store_run_due(shop->store, 40, &result, &error), &error);
    assert_int_equal(result.changed, 30);
    assert_int_equal(result.next_due_at, 0);
}

static void the_watch_hears_of_changes_after_they_are_there(void **state) {
    Shop *shop = *state;
    int changed = shop->grants_changed;
    int due = shop->due_changed;
    Grant grant = shop_request(shop, &ANN, "shop-read");
    assert_int_equal(shop->grants_changed, changed + 1);
    assert_int_equal(shop->due_changed, due + 1);
    Grant given;
    Error error = {0};
    expect_fault(store_cancel_grant(shop->store, shop->arena, &BOB, grant.id, NULL, &given, &error),
                 &error, STATUS_FORBIDDEN, "not_the_requester");
    assert_int_equal(shop->grants_changed, changed + 1);
}

// ---- Numbers ------------------------------------------------------------------------------------

static StoreNumbers numbers(Shop *shop) {
    StoreNumbers found;
    Error error = {0};
    expect_ok(store_numbers(shop->store, &found, &error), &error);
    return found;
}

static void counts_states_and_lateness(void **state) {
    Shop *shop = *state;
    shop_request(shop, &ANN, "shop-read");
    Grant active = shop_active(shop, "shop-auto");
    StoreNumbers before = numbers(shop);
    assert_int_equal(before.grants_by_state[GRANT_PENDING], 1);
    assert_int_equal(before.grants_by_state[GRANT_ACTIVE], 1);
    assert_int_equal(before.lateness_count, 0);
    shop->clock.at_ms = active.expires_at;
    shop_run_due(shop);
    assert_int_equal(numbers(shop).actions_queued, 1);
    shop_advance(shop, MINUTE_MS);
    assert_int_equal(numbers(shop).overdue_revocations, 0);
    shop_advance(shop, 1);
    assert_int_equal(numbers(shop).overdue_revocations, 1);
    shop_finish(shop, active.id);
    StoreNumbers after = numbers(shop);
    assert_int_equal(after.overdue_revocations, 0);
    assert_int_equal(after.lateness_count, 1);
    assert_int_equal(after.lateness_ms_sum, MINUTE_MS + 1);
    assert_int_equal(after.lateness_le[3], 0); // one minute
    assert_int_equal(after.lateness_le[4], 1);
    assert_int_equal(after.lateness_le[7], 1);
}

// ---- Checks -------------------------------------------------------------------------------------

static void checks_are_queued_once(void **state) {
    Shop *shop = *state;
    Error error = {0};
    for (int i = 0; i < 3; i++)
        expect_ok(store_queue_check(shop->store, &ROOT, "shop-prod", "check", &error), &error);
    expect_ok(store_queue_check(shop->store, &ROOT, "shop-prod", "discover", &error), &error);
    expect_fault(store_queue_check(shop->store, &ROOT, "none", "check", &error), &error,
                 STATUS_NOT_FOUND, "unknown_integration");
    expect_fault(store_queue_check(shop->store, &ROOT, "shop-prod", "revoke", &error), &error,
                 STATUS_INVALID, "bad_value");
    StoredActions actions = shop_lease(shop, &shop->main, 10);
    assert_int_equal(actions.count, 2);
    for (size_t i = 0; i < actions.count; i++) {
        assert_null(actions.items[i].grant_id);
        const char *plan = json_text(shop->arena, actions.items[i].plan);
        assert_non_null(strstr(plan, "shop-admin"));
        assert_null(strstr(plan, "account\""));
        shop_report(shop, done_report(&actions.items[i], NULL));
    }
    shop_advance(shop, HOUR_MS);
    expect_no_work(shop);
}

static void a_check_of_what_moved_away_is_dropped(void **state) {
    Shop *shop = *state;
    Error error = {0};
    expect_ok(store_queue_check(shop->store, &ROOT, "shop-prod", "check", &error), &error);
    shop_apply(shop, "{\"integrations\": [{\"name\": \"shop-prod\", \"kind\": \"postgresql\","
                     " \"connector\": \"second\", \"host\": \"db\", \"database\": \"shop\","
                     " \"admin_secret\": \"shop-admin\"}]}");
    Grant grant = shop_request(shop, &ANN, "shop-second");
    StoredActions actions = shop_lease(shop, &shop->main, 1);
    assert_int_equal(actions.count, 0);
    assert_string_equal(shop_lease(shop, &shop->second, 10).items[0].grant_id, grant.id);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        SHOP_CASE(dispatch_moves_to_granting),
        SHOP_CASE(a_connector_sees_only_its_own_work),
        SHOP_CASE(a_lease_without_outcome_is_handed_out_again),
        SHOP_CASE(capacity_bounds_a_lease),
        SHOP_CASE(revocations_go_first_the_longest_overdue_ahead),
        SHOP_CASE(one_action_of_a_grant_is_out_at_a_time),
        SHOP_CASE(an_approval_that_lapsed_is_not_dispatched),
        SHOP_CASE(a_grant_reported_done_is_active),
        SHOP_CASE(a_report_is_taken_once),
        SHOP_CASE(a_failure_told_twice_counts_once),
        SHOP_CASE(refuses_reports_of_nothing),
        SHOP_CASE(an_action_is_shown_to_its_connector),
        SHOP_CASE(an_older_attempt_does_not_make_a_grant_active),
        SHOP_CASE(a_newer_attempt_that_fails_counts_more_than_an_older_one_that_is_done),
        SHOP_CASE(an_older_attempt_done_after_a_newer_one_failed_changes_nothing),
        SHOP_CASE(a_newer_attempt_without_answer_is_followed_by_another),
        SHOP_CASE(a_grant_that_may_succeed_is_tried_until_it_lapses),
        SHOP_CASE(a_lease_that_is_out_is_waited_for_past_the_lapse),
        SHOP_CASE(a_grant_that_cannot_be_given_is_cleaned_up),
        SHOP_CASE(a_failure_of_a_class_not_known_is_fatal),
        SHOP_CASE(a_revocation_never_gives_up),
        SHOP_CASE(work_that_paused_is_announced),
        SHOP_CASE(access_expires),
        SHOP_CASE(what_is_due_is_done_in_pieces),
        SHOP_CASE(the_watch_hears_of_changes_after_they_are_there),
        SHOP_CASE(counts_states_and_lateness),
        SHOP_CASE(checks_are_queued_once),
        SHOP_CASE(a_check_of_what_moved_away_is_dropped),
    };
    return RUN_CASES(cases);
}
