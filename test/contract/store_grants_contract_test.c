#include "contract/store_shop.h"

// ---- Asking -------------------------------------------------------------------------------------

static void keeps_what_was_asked(void **state) {
    Shop *shop = *state;
    Grant asked = shop_request(shop, &ANN, "shop-read");
    assert_int_equal(asked.state, GRANT_PENDING);
    assert_true(text_starts_with(asked.id, "grt_"));
    shop_reopen(shop);
    Grant grant = shop_grant(shop, asked.id);
    assert_string_equal(grant.requester, "ann");
    assert_string_equal(grant.reason, "ticket 7");
    assert_string_equal(grant.flow->name, "shop-read");
    assert_string_equal(grant.plan->grant_id, grant.id);
    assert_string_equal(grant.plan->deployment, store_deployment(shop->store));
    assert_int_equal(grant.duration_s, 3600);
    assert_int_equal(grant.requested_at, shop->clock.at_ms);
    AuditEvent event = shop_event(shop, "grant.requested", grant.id);
    assert_string_equal(event.actor, "ann");
    assert_string_equal(event.peer, "127.0.0.1");
    assert_string_equal(event.token, "tok_ann");
    assert_string_equal(event.flow, "shop-read");
    assert_string_equal(event.integration, "shop-prod");
    const char *detail = json_text(shop->arena, event.detail);
    assert_non_null(strstr(detail, "SELECT on app.orders"));
    assert_non_null(strstr(detail, "db.internal"));
    assert_non_null(strstr(detail, "ticket 7"));
    assert_non_null(strstr(detail, "3600"));
    expect_no_work(shop);
}

static void refuses_a_request_by_the_flows_rules(void **state) {
    Shop *shop = *state;
    int64_t events = shop_verify_audit(shop);
    RequestForm form = shop_form(&CLEO, "shop-read");
    Grant grant = {.id = "untouched"};
    Error error = {0};
    expect_fault(store_request_grant(shop->store, shop->arena, &CLEO, &form, NULL, &grant, &error),
                 &error, STATUS_FORBIDDEN, "not_a_requester");
    form = shop_form(&ANN, "shop-read");
    form.duration_s = 9 * 3600;
    expect_fault(store_request_grant(shop->store, shop->arena, &ANN, &form, NULL, &grant, &error),
                 &error, STATUS_INVALID, "duration_too_long");
    assert_string_equal(grant.id, "untouched");
    assert_int_equal(shop_verify_audit(shop), events);
}

static void approves_at_once_where_the_flow_says_so(void **state) {
    Shop *shop = *state;
    Grant grant = shop_request(shop, &ANN, "shop-auto");
    assert_int_equal(grant.state, GRANT_APPROVED);
    AuditEvent event = shop_event(shop, "grant.approved", grant.id);
    assert_string_equal(event.actor, "daypass");
    assert_string_equal(event.person, "ann");
    assert_non_null(strstr(json_text(shop->arena, event.detail), "automatic"));
    assert_string_equal(shop_lease_one(shop, "grant").grant_id, grant.id);
}

static void the_same_key_asks_once(void **state) {
    Shop *shop = *state;
    RequestForm form = shop_form(&ANN, "shop-read");
    Grant first, second;
    Error error = {0};
    expect_ok(store_request_grant(shop->store, shop->arena, &ANN, &form, "k1", &first, &error),
              &error);
    shop_reopen(shop);
    expect_ok(store_request_grant(shop->store, shop->arena, &ANN, &form, "k1", &second, &error),
              &error);
    assert_string_equal(first.id, second.id);
    assert_int_equal(shop_count_events(shop, "grant.requested", NULL), 1);
    form.duration_s = 60;
    expect_fault(store_request_grant(shop->store, shop->arena, &ANN, &form, "k1", &second, &error),
                 &error, STATUS_CONFLICT, "idempotency_mismatch");
    RequestForm bobs = shop_form(&BOB, "shop-read"); // the key is each principal's own
    expect_ok(store_request_grant(shop->store, shop->arena, &BOB, &bobs, "k1", &second, &error),
              &error);
    assert_string_not_equal(first.id, second.id);
    expect_fault(store_request_grant(shop->store, shop->arena, &BOB, &bobs, "", &second, &error),
                 &error, STATUS_INVALID, "bad_idempotency_key");
}

static void bounds_undecided_requests(void **state) {
    Shop *shop = *state;
    Grant last = {0};
    for (int i = 0; i < 20; i++)
        last = shop_request(shop, &ANN, "shop-read");
    RequestForm form = shop_form(&ANN, "shop-read");
    Grant grant;
    Error error = {0};
    expect_fault(store_request_grant(shop->store, shop->arena, &ANN, &form, NULL, &grant, &error),
                 &error, STATUS_LIMITED, "too_many_pending");
    shop_request(shop, &BOB, "shop-read");
    shop_decide(shop, &CLEO, last.id, false);
    shop_request(shop, &ANN, "shop-read");
}

// ---- Deciding -----------------------------------------------------------------------------------

static void approval_freezes_and_queues(void **state) {
    Shop *shop = *state;
    Grant grant = shop_request(shop, &ANN, "shop-read");
    int queued = shop->work_queued;
    Grant approved = shop_decide(shop, &CLEO, grant.id, true);
    assert_int_equal(approved.state, GRANT_APPROVED);
    assert_int_equal(approved.approved_at, shop->clock.at_ms);
    assert_true(shop->work_queued > queued);
    AuditEvent event = shop_event(shop, "grant.approved", grant.id);
    assert_string_equal(event.actor, "cleo");
    assert_string_equal(event.person, "ann");
    assert_non_null(strstr(json_text(shop->arena, event.detail), "\"approvers\":[\"cleo\"]"));
    // What is configured afterwards changes nothing about it.
    shop_apply(shop, "{\"integrations\": [{\"name\": \"shop-prod\", \"kind\": \"postgresql\","
                     " \"connector\": \"second\", \"host\": \"elsewhere\", \"database\": \"x\","
                     " \"admin_secret\": \"other\"}]}");
    StoredAction action = shop_lease_one(shop, "grant");
    const char *plan = json_text(shop->arena, action.plan);
    assert_non_null(strstr(plan, "db.internal"));
    assert_null(strstr(plan, "elsewhere"));
    assert_string_equal(action.seal_to, "first key");
    assert_int_equal(action.expires_at, shop->clock.at_ms + HOUR_MS);
    assert_int_equal(action.deadline_at, shop->clock.at_ms + LEASE_MS);
}

static void denial_rejects(void **state) {
    Shop *shop = *state;
    Grant grant = shop_request(shop, &ANN, "shop-read");
    Grant rejected = shop_decide(shop, &CLEO, grant.id, false);
    assert_int_equal(rejected.state, GRANT_REJECTED);
    assert_string_equal(rejected.ended_by, "cleo");
    assert_string_equal(rejected.note, "noted");
    assert_int_equal(shop_count_events(shop, "grant.rejected", grant.id), 1);
    expect_no_work(shop);
}

static void refuse_decision(Shop *shop, const Actor *actor, const char *id, Status status,
                            const char *code) {
    Grant grant;
    Error error = {0};
    expect_fault(
        store_decide_grant(shop->store, shop->arena, actor, id, true, NULL, &grant, &error), &error,
        status, code);
}

static void only_the_current_steps_approvers_decide(void **state) {
    Shop *shop = *state;
    Grant own = shop_request(shop, &BOB, "shop-read");
    refuse_decision(shop, &BOB, own.id, STATUS_FORBIDDEN, "own_request");
    Grant grant = shop_request(shop, &ANN, "shop-steps");
    refuse_decision(shop, &DAN, grant.id, STATUS_FORBIDDEN, "not_an_approver");
    refuse_decision(shop, &ROOT, grant.id, STATUS_FORBIDDEN, "not_an_approver");
    refuse_decision(shop, &CLEO, "grt_none", STATUS_NOT_FOUND, "unknown_grant");
    assert_int_equal(shop_decide(shop, &CLEO, grant.id, true).state, GRANT_PENDING);
    assert_int_equal(shop_count_events(shop, "grant.decided", grant.id), 1);
    refuse_decision(shop, &CLEO, grant.id, STATUS_FORBIDDEN, "not_an_approver");
    expect_no_work(shop);
    assert_int_equal(shop_decide(shop, &DAN, grant.id, true).state, GRANT_APPROVED);
    refuse_decision(shop, &DAN, grant.id, STATUS_CONFLICT, "wrong_state");
    Grant two = shop_request(shop, &ANN, "shop-two");
    shop_decide(shop, &BOB, two.id, true);
    refuse_decision(shop, &BOB, two.id, STATUS_CONFLICT, "already_decided");
    assert_int_equal(shop_grant(shop, two.id).decisions.count, 1);
}

static void refuses_approval_of_what_was_changed(void **state) {
    Shop *shop = *state;
    Grant grant = shop_request(shop, &ANN, "shop-read");
    shop_apply(shop, "{\"integrations\": [{\"name\": \"shop-prod\", \"kind\": \"postgresql\","
                     " \"connector\": \"main\", \"host\": \"elsewhere\", \"database\": \"shop\","
                     " \"admin_secret\": \"shop-admin\"}]}");
    refuse_decision(shop, &CLEO, grant.id, STATUS_CONFLICT, "flow_changed");
    assert_int_equal(shop_decide(shop, &CLEO, grant.id, false).state, GRANT_REJECTED);
}

static void refuses_approval_past_its_time(void **state) {
    Shop *shop = *state;
    Grant grant = shop_request(shop, &ANN, "shop-read");
    shop_advance(shop, 24 * HOUR_MS);
    refuse_decision(shop, &CLEO, grant.id, STATUS_CONFLICT, "wrong_state");
    assert_int_equal(shop_run_due(shop).changed, 1);
    expect_state(shop, grant.id, GRANT_LAPSED);
    assert_string_equal(shop_event(shop, "grant.lapsed", grant.id).actor, "daypass");
}

// ---- Cancelling and revoking --------------------------------------------------------------------

static Grant cancel(Shop *shop, const char *id) {
    Grant grant;
    Error error = {0};
    expect_ok(
        store_cancel_grant(shop->store, shop->arena, &ANN, id, "changed my mind", &grant, &error),
        &error);
    return grant;
}

static Grant revoke_by(Shop *shop, const Actor *actor, const char *id) {
    Grant grant;
    Error error = {0};
    expect_ok(store_revoke_grant(shop->store, shop->arena, actor, id, "enough", &grant, &error),
              &error);
    return grant;
}

static void cancelling_before_dispatch_ends_it(void **state) {
    Shop *shop = *state;
    Grant pending = shop_request(shop, &ANN, "shop-read");
    assert_int_equal(cancel(shop, pending.id).state, GRANT_CANCELLED);
    Grant approved = shop_approved(shop);
    assert_int_equal(cancel(shop, approved.id).state, GRANT_CANCELLED);
    expect_no_work(shop);
    assert_string_equal(shop_event(shop, "grant.cancelled", approved.id).actor, "ann");
}

static void cancelling_while_granting_revokes_after_the_lease(void **state) {
    Shop *shop = *state;
    StoredAction action = shop_granting(shop);
    Grant grant = cancel(shop, action.grant_id);
    assert_int_equal(grant.state, GRANT_REVOKING);
    assert_int_equal(grant.cause, CAUSE_CANCELLED);
    expect_no_work(shop);
    shop_report(shop, done_report(&action, "a late box"));
    expect_state(shop, grant.id, GRANT_REVOKING);
    assert_null(shop_grant(shop, grant.id).sealed);
    shop_finish(shop, grant.id);
    expect_state(shop, grant.id, GRANT_ENDED);
}

static void refuses_to_cancel_what_is_not_ones_own_or_active(void **state) {
    Shop *shop = *state;
    Grant grant = shop_request(shop, &ANN, "shop-read");
    Grant given;
    Error error = {0};
    expect_fault(store_cancel_grant(shop->store, shop->arena, &BOB, grant.id, NULL, &given, &error),
                 &error, STATUS_FORBIDDEN, "not_the_requester");
    cancel(shop, grant.id);
    expect_fault(store_cancel_grant(shop->store, shop->arena, &ANN, grant.id, NULL, &given, &error),
                 &error, STATUS_CONFLICT, "wrong_state");
    Grant active = shop_active(shop, "shop-read");
    expect_fault(
        store_cancel_grant(shop->store, shop->arena, &ANN, active.id, NULL, &given, &error), &error,
        STATUS_CONFLICT, "wrong_state");
    expect_state(shop, active.id, GRANT_ACTIVE);
}

static void revokes_early_and_once(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-read");
    Grant revoking = revoke_by(shop, &CLEO, active.id);
    assert_int_equal(revoking.state, GRANT_REVOKING);
    assert_int_equal(revoking.cause, CAUSE_REVOKED);
    assert_string_equal(revoking.ended_by, "cleo");
    assert_string_equal(revoking.note, "enough");
    assert_null(revoking.sealed);
    Grant again = revoke_by(shop, &BOB, active.id);
    assert_int_equal(again.version, revoking.version);
    shop_finish(shop, active.id);
    Grant ended = shop_grant(shop, active.id);
    assert_int_equal(ended.state, GRANT_ENDED);
    assert_int_equal(ended.cause, CAUSE_REVOKED);
    assert_int_equal(ended.ended_at, shop->clock.at_ms);
    assert_int_equal(revoke_by(shop, &BOB, active.id).version, ended.version);
    assert_int_equal(shop_count_events(shop, "grant.revoking", active.id), 1);
    assert_int_equal(shop_count_events(shop, "grant.ended", active.id), 1);
    expect_no_work(shop);
}

// Whoever solved what was in the way does not wait for the pause to end.
static void revoking_again_makes_the_next_attempt_due(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-read");
    revoke_by(shop, &CLEO, active.id);
    for (int64_t failures = 1; failures < 10; failures++) {
        StoredAction action = shop_lease_one(shop, "revoke");
        assert_int_equal(action.attempt, failures);
        assert_int_equal(revoke_by(shop, &CLEO, active.id).state, GRANT_REVOKING); // it is out
        assert_int_equal(shop_count_events(shop, "grant.hurried", active.id), failures - 1);
        StoreReport report = {.action_id = action.id,
                              .attempt = action.attempt,
                              .failure = "conflict",
                              .message = "objects in the way"};
        shop_report(shop, report);
        expect_no_work(shop);
        int queued = shop->work_queued;
        assert_int_equal(revoke_by(shop, &BOB, active.id).state, GRANT_REVOKING);
        assert_int_equal(shop_count_events(shop, "grant.hurried", active.id), failures);
        assert_string_equal(shop_event(shop, "grant.hurried", active.id).actor, "bob");
        assert_int_equal(shop->work_queued, queued + 1);
    }
    shop_finish(shop, active.id);
    expect_state(shop, active.id, GRANT_ENDED);
    revoke_by(shop, &BOB, active.id);
    expect_no_work(shop);
}

static void revoking_an_approved_one_ends_it(void **state) {
    Shop *shop = *state;
    Grant approved = shop_approved(shop);
    assert_int_equal(revoke_by(shop, &ROOT, approved.id).state, GRANT_CANCELLED);
    expect_no_work(shop);
}

static void refuses_to_revoke_what_is_pending(void **state) {
    Shop *shop = *state;
    Grant pending = shop_request(shop, &ANN, "shop-read");
    Grant given;
    Error error = {0};
    expect_fault(
        store_revoke_grant(shop->store, shop->arena, &ROOT, pending.id, NULL, &given, &error),
        &error, STATUS_CONFLICT, "wrong_state");
}

// ---- Extending ----------------------------------------------------------------------------------

static Status extend(Shop *shop, const Actor *actor, const char *id, int64_t duration_s,
                     Grant *ret_grant, Error *reterr) {
    return store_extend_grant(shop->store, shop->arena, actor, id, duration_s, "not done yet",
                              ret_grant, reterr);
}

static void extends_after_a_new_decision(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-read");
    Grant grant;
    Error error = {0};
    expect_ok(extend(shop, &ANN, active.id, 3600, &grant, &error), &error);
    assert_int_equal(grant.extension_state, EXTENSION_PENDING);
    expect_no_work(shop);
    expect_fault(extend(shop, &ANN, active.id, 60, &grant, &error), &error, STATUS_CONFLICT,
                 "extension_pending");
    refuse_decision(shop, &ANN, active.id, STATUS_FORBIDDEN, "own_request");
    // Who approved the request may approve its extension.
    shop_decide(shop, &CLEO, active.id, true);
    StoredAction action = shop_lease_one(shop, "extend");
    assert_int_equal(action.expires_at, active.expires_at + HOUR_MS);
    assert_int_equal(shop_grant(shop, active.id).expires_at, active.expires_at);
    shop_report(shop, done_report(&action, NULL));
    Grant extended = shop_grant(shop, active.id);
    assert_int_equal(extended.expires_at, active.expires_at + HOUR_MS);
    assert_int_equal(extended.extension_state, EXTENSION_NONE);
    assert_string_equal(extended.sealed, "first box");
    assert_int_equal(shop_count_events(shop, "grant.extended", active.id), 1);
    shop_advance(shop, HOUR_MS);
    assert_int_equal(shop_run_due(shop).changed, 0);
    shop_advance(shop, HOUR_MS);
    assert_int_equal(shop_run_due(shop).changed, 1);
    expect_state(shop, active.id, GRANT_REVOKING);
}

static void a_denied_extension_leaves_the_grant(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-read");
    Grant grant;
    Error error = {0};
    expect_ok(extend(shop, &ANN, active.id, 3600, &grant, &error), &error);
    Grant denied = shop_decide(shop, &CLEO, active.id, false);
    assert_int_equal(denied.state, GRANT_ACTIVE);
    assert_int_equal(denied.extension_state, EXTENSION_NONE);
    assert_int_equal(denied.expires_at, active.expires_at);
    assert_int_equal(shop_count_events(shop, "grant.extension_rejected", active.id), 1);
    expect_no_work(shop);
    expect_ok(extend(shop, &ANN, active.id, 3600, &grant, &error), &error);
    shop_decide(shop, &CLEO, active.id, true); // another round
    shop_lease_one(shop, "extend");
}

static void an_extension_takes_every_step_again(void **state) {
    Shop *shop = *state;
    Grant asked = shop_request(shop, &ANN, "shop-steps");
    shop_decide(shop, &CLEO, asked.id, true);
    shop_decide(shop, &DAN, asked.id, true);
    StoredAction action = shop_lease_one(shop, "grant");
    shop_report(shop, done_report(&action, "first box"));
    Grant grant;
    Error error = {0};
    expect_ok(extend(shop, &ANN, asked.id, 60, &grant, &error), &error);
    refuse_decision(shop, &DAN, asked.id, STATUS_FORBIDDEN, "not_an_approver");
    assert_int_equal(shop_decide(shop, &CLEO, asked.id, true).extension_state, EXTENSION_PENDING);
    expect_no_work(shop);
    assert_int_equal(shop_decide(shop, &DAN, asked.id, true).extension_state, EXTENSION_APPROVED);
    shop_lease_one(shop, "extend");
}

static void an_extension_is_not_approved_past_the_end(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-read");
    Grant grant;
    Error error = {0};
    expect_ok(extend(shop, &ANN, active.id, 60, &grant, &error), &error);
    shop_advance(shop, HOUR_MS); // and nobody ran what is due
    refuse_decision(shop, &CLEO, active.id, STATUS_CONFLICT, "wrong_state");
    shop_run_due(shop);
    expect_state(shop, active.id, GRANT_REVOKING);
    assert_int_equal(shop_grant(shop, active.id).extension_state, EXTENSION_NONE);
}

static void refuses_extensions_beyond_the_rules(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    Grant grant;
    Error error = {0};
    expect_fault(extend(shop, &ANN, active.id, 7 * 3600 + 1, &grant, &error), &error,
                 STATUS_INVALID, "duration_too_long");
    expect_fault(extend(shop, &BOB, active.id, 60, &grant, &error), &error, STATUS_FORBIDDEN,
                 "not_the_requester");
    expect_fault(
        store_extend_grant(shop->store, shop->arena, &ANN, active.id, 60, NULL, &grant, &error),
        &error, STATUS_INVALID, "reason_missing");
    Grant never = shop_active(shop, "shop-never");
    expect_fault(extend(shop, &ANN, never.id, 60, &grant, &error), &error, STATUS_FORBIDDEN,
                 "extension_not_offered");
    Grant pending = shop_request(shop, &ANN, "shop-read");
    expect_fault(extend(shop, &ANN, pending.id, 60, &grant, &error), &error, STATUS_CONFLICT,
                 "wrong_state");
    shop_apply(shop, "{\"groups\": [{\"name\": \"backend\", \"members\": [\"bob\"]}]}");
    expect_fault(extend(shop, &ANN, active.id, 60, &grant, &error), &error, STATUS_CONFLICT,
                 "flow_changed");
    shop_advance(shop, HOUR_MS); // over, though nobody looked yet
    expect_fault(extend(shop, &ANN, active.id, 60, &grant, &error), &error, STATUS_CONFLICT,
                 "wrong_state");
}

static void an_automatic_extension_goes_out_at_once(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    Grant grant;
    Error error = {0};
    expect_ok(extend(shop, &ANN, active.id, 7 * 3600, &grant, &error), &error);
    assert_int_equal(grant.extension_state, EXTENSION_APPROVED);
    assert_string_equal(shop_event(shop, "grant.extension_approved", active.id).actor, "daypass");
    StoredAction action = shop_lease_one(shop, "extend");
    StoreReport report = done_report(&action, NULL);
    report.expires_at = action.expires_at + HOUR_MS; // later than was decided: not believed
    shop_report(shop, report);
    assert_int_equal(shop_grant(shop, active.id).expires_at, active.expires_at + 7 * HOUR_MS);
}

static void a_failed_extension_is_dropped(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    Grant grant;
    Error error = {0};
    expect_ok(extend(shop, &ANN, active.id, 3600, &grant, &error), &error);
    StoredAction action = shop_lease_one(shop, "extend");
    shop_report(shop, failed_report(&action, "retry"));
    assert_int_equal(shop_grant(shop, active.id).extension_state, EXTENSION_APPROVED);
    shop_advance(shop, 2 * SECOND_MS);
    action = shop_lease_one(shop, "extend");
    assert_int_equal(action.attempt, 2);
    shop_report(shop, failed_report(&action, "denied"));
    Grant after = shop_grant(shop, active.id);
    assert_int_equal(after.state, GRANT_ACTIVE);
    assert_int_equal(after.extension_state, EXTENSION_NONE);
    assert_string_equal(after.trouble, "the server said no");
    assert_int_equal(shop_count_events(shop, "grant.extension_failed", active.id), 1);
    shop_advance(shop, MINUTE_MS);
    expect_no_work(shop);
}

// ---- A new credential ---------------------------------------------------------------------------

static void reset_seals_to_the_new_key(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-read");
    Grant grant;
    Error error = {0};
    expect_fault(
        store_reset_grant(shop->store, shop->arena, &CLEO, active.id, "cleo's", &grant, &error),
        &error, STATUS_FORBIDDEN, "not_the_requester");
    expect_fault(store_reset_grant(shop->store, shop->arena, &ANN, active.id, "", &grant, &error),
                 &error, STATUS_INVALID, "bad_key");
    expect_ok(store_reset_grant(shop->store, shop->arena, &ANN, active.id, "lost", &grant, &error),
              &error);
    expect_ok(
        store_reset_grant(shop->store, shop->arena, &ANN, active.id, "second key", &grant, &error),
        &error);
    assert_string_equal(grant.sealed, "first box");
    StoredAction action = shop_lease_one(shop, "reset"); // the first was replaced
    assert_string_equal(action.seal_to, "second key");
    assert_int_equal(action.expires_at, active.expires_at);
    shop_report(shop, done_report(&action, "second box"));
    Grant after = shop_grant(shop, active.id);
    assert_string_equal(after.sealed, "second box");
    assert_string_equal(after.public_key, "second key");
    assert_int_equal(after.expires_at, active.expires_at);
    assert_int_equal(shop_count_events(shop, "grant.reset", active.id), 1);
}

static void a_failed_reset_leaves_the_grant(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-read");
    Grant grant;
    Error error = {0};
    expect_ok(
        store_reset_grant(shop->store, shop->arena, &ANN, active.id, "second key", &grant, &error),
        &error);
    StoredAction action = shop_lease_one(shop, "reset");
    shop_report(shop, failed_report(&action, "retry"));
    shop_advance(shop, 2 * SECOND_MS);
    action = shop_lease_one(shop, "reset");
    shop_report(shop, failed_report(&action, "denied"));
    Grant after = shop_grant(shop, active.id);
    assert_int_equal(after.state, GRANT_ACTIVE);
    assert_string_equal(after.sealed, "first box");
    assert_string_equal(after.public_key, "first key");
    assert_int_equal(shop_count_events(shop, "grant.reset_failed", active.id), 1);
    Grant pending = shop_request(shop, &ANN, "shop-read");
    expect_fault(store_reset_grant(shop->store, shop->arena, &ANN, pending.id, "k", &grant, &error),
                 &error, STATUS_CONFLICT, "wrong_state");
    shop_advance(shop, HOUR_MS);
    expect_fault(store_reset_grant(shop->store, shop->arena, &ANN, active.id, "k", &grant, &error),
                 &error, STATUS_CONFLICT, "wrong_state");
}

static void leaving_active_drops_what_waits(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    Grant grant;
    Error error = {0};
    expect_ok(extend(shop, &ANN, active.id, 3600, &grant, &error), &error);
    expect_ok(
        store_reset_grant(shop->store, shop->arena, &ANN, active.id, "second key", &grant, &error),
        &error);
    revoke_by(shop, &ANN, active.id);
    shop_finish(shop, active.id);
    expect_no_work(shop);
    expect_state(shop, active.id, GRANT_ENDED);
}

// ---- Lists --------------------------------------------------------------------------------------

static Grants list(Shop *shop, GrantFilter filter) {
    Grants grants;
    Error error = {0};
    expect_ok(store_list_grants(shop->store, shop->arena, &filter, &grants, &error), &error);
    return grants;
}

static void lists_newest_first_in_pages(void **state) {
    Shop *shop = *state;
    const char *ids[5];
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        ids[i] = shop_request(shop, &ANN, "shop-read").id;
        shop_advance(shop, i == 2 ? 0 : 1); // two at the same moment
    }
    StringList seen = {0};
    GrantFilter filter = {.limit = 2};
    for (;;) {
        Grants page = list(shop, filter);
        for (size_t i = 0; i < page.count; i++)
            string_list_add(shop->arena, &seen, page.items[i].id);
        if (page.count < 2)
            break;
        filter.after_id = page.items[page.count - 1].id;
    }
    assert_int_equal(seen.count, COUNT_OF(ids));
    assert_string_equal(seen.items[0], ids[4]);
    assert_string_equal(seen.items[4], ids[0]);
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        assert_true(string_list_has(&seen, ids[i]));
    Grants grants;
    Error error = {0};
    filter.after_id = "grt_none";
    expect_fault(store_list_grants(shop->store, shop->arena, &filter, &grants, &error), &error,
                 STATUS_INVALID, "bad_cursor");
}

static void refuses_text_that_is_too_long(void **state) {
    Shop *shop = *state;
    char text[1002];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    Grant pending = shop_request(shop, &ANN, "shop-read");
    Grant active = shop_active(shop, "shop-read");
    int64_t events = shop_verify_audit(shop);
    Grant grant;
    Error error = {0};
    expect_fault(
        store_decide_grant(shop->store, shop->arena, &CLEO, pending.id, true, text, &grant, &error),
        &error, STATUS_INVALID, "bad_value");
    expect_fault(
        store_revoke_grant(shop->store, shop->arena, &CLEO, active.id, text, &grant, &error),
        &error, STATUS_INVALID, "bad_value");
    expect_fault(
        store_extend_grant(shop->store, shop->arena, &ANN, active.id, 60, text, &grant, &error),
        &error, STATUS_INVALID, "reason_too_long");
    expect_fault(store_reset_grant(shop->store, shop->arena, &ANN, active.id, text, &grant, &error),
                 &error, STATUS_INVALID, "bad_key");
    expect_state(shop, pending.id, GRANT_PENDING);
    expect_state(shop, active.id, GRANT_ACTIVE);
    assert_int_equal(shop_verify_audit(shop), events);
}

static void lists_what_is_asked_for(void **state) {
    Shop *shop = *state;
    Grant ann = shop_request(shop, &ANN, "shop-read");
    shop_request(shop, &BOB, "shop-second");
    Grant over = shop_request(shop, &ANN, "shop-steps");
    shop_decide(shop, &CLEO, over.id, false);
    assert_int_equal(list(shop, (GrantFilter){0}).count, 3);
    assert_int_equal(list(shop, (GrantFilter){.requester = "ann"}).count, 2);
    assert_int_equal(list(shop, (GrantFilter){.live_only = true}).count, 2);
    assert_int_equal(list(shop, (GrantFilter){.integration = "shop-second"}).count, 1);
    assert_int_equal(list(shop, (GrantFilter){.flow = "shop-steps"}).count, 1);
    const char *names[] = {"pending", "rejected"};
    StringList states = {.items = names, .count = 2};
    assert_int_equal(list(shop, (GrantFilter){.states = states}).count, 2);
    Grants both =
        list(shop, (GrantFilter){.states = states, .requester = "ann", .live_only = true});
    assert_int_equal(both.count, 1);
    assert_string_equal(both.items[0].id, ann.id);
    assert_int_equal(list(shop, (GrantFilter){.requester = "' OR '1'='1"}).count, 0);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        SHOP_CASE(keeps_what_was_asked),
        SHOP_CASE(refuses_a_request_by_the_flows_rules),
        SHOP_CASE(approves_at_once_where_the_flow_says_so),
        SHOP_CASE(the_same_key_asks_once),
        SHOP_CASE(bounds_undecided_requests),
        SHOP_CASE(approval_freezes_and_queues),
        SHOP_CASE(denial_rejects),
        SHOP_CASE(only_the_current_steps_approvers_decide),
        SHOP_CASE(refuses_approval_of_what_was_changed),
        SHOP_CASE(refuses_approval_past_its_time),
        SHOP_CASE(cancelling_before_dispatch_ends_it),
        SHOP_CASE(cancelling_while_granting_revokes_after_the_lease),
        SHOP_CASE(refuses_to_cancel_what_is_not_ones_own_or_active),
        SHOP_CASE(revokes_early_and_once),
        SHOP_CASE(revoking_again_makes_the_next_attempt_due),
        SHOP_CASE(revoking_an_approved_one_ends_it),
        SHOP_CASE(refuses_to_revoke_what_is_pending),
        SHOP_CASE(extends_after_a_new_decision),
        SHOP_CASE(a_denied_extension_leaves_the_grant),
        SHOP_CASE(an_extension_takes_every_step_again),
        SHOP_CASE(an_extension_is_not_approved_past_the_end),
        SHOP_CASE(refuses_extensions_beyond_the_rules),
        SHOP_CASE(an_automatic_extension_goes_out_at_once),
        SHOP_CASE(a_failed_extension_is_dropped),
        SHOP_CASE(reset_seals_to_the_new_key),
        SHOP_CASE(a_failed_reset_leaves_the_grant),
        SHOP_CASE(leaving_active_drops_what_waits),
        SHOP_CASE(refuses_text_that_is_too_long),
        SHOP_CASE(lists_newest_first_in_pages),
        SHOP_CASE(lists_what_is_asked_for),
    };
    return RUN_CASES(cases);
}
