// What is overdue: one definition for the list, the number, the view of one grant and the trail.
#include "contract/store_shop.h"

#include <sqlite3.h>

static Revocations list(Shop *shop, OverdueFilter filter) {
    Revocations found;
    Error error = {0};
    expect_ok(store_list_overdue(shop->store, shop->arena, &filter, &found, &error), &error);
    return found;
}

static Revocation revocation_of(Shop *shop, const char *grant) {
    Revocation found;
    bool is_there = false;
    Error error = {0};
    expect_ok(store_find_revocation(shop->store, shop->arena, grant, &found, &is_there, &error),
              &error);
    assert_true(is_there);
    return found;
}

// Everything that speaks of it says the same.
static void expect_overdue(Shop *shop, size_t count) {
    StoreNumbers numbers;
    Error error = {0};
    expect_ok(store_numbers(shop->store, &numbers, &error), &error);
    assert_int_equal(numbers.overdue_revocations, count);
    Revocations found = list(shop, (OverdueFilter){.limit = 500});
    assert_int_equal(found.count, count);
    for (size_t i = 0; i < found.count; i++) {
        assert_true(found.items[i].overdue);
        assert_true(revocation_of(shop, found.items[i].grant_id).overdue);
    }
}

static Grant expired(Shop *shop) {
    Grant active = shop_active(shop, "shop-auto");
    shop->clock.at_ms = active.expires_at;
    shop_run_due(shop);
    expect_state(shop, active.id, GRANT_REVOKING);
    return active;
}

static Grant revoke_early(Shop *shop, const char *id) {
    Grant grant;
    Error error = {0};
    expect_ok(store_revoke_grant(shop->store, shop->arena, &ANN, id, NULL, &grant, &error), &error);
    return grant;
}

static void becomes_overdue_a_minute_after_its_end_and_is_noted_once(void **state) {
    Shop *shop = *state;
    Grant grant = expired(shop);
    shop_advance(shop, MINUTE_MS);
    expect_overdue(shop, 0);
    assert_false(revocation_of(shop, grant.id).overdue);
    DueResult due = shop_run_due(shop);
    assert_int_equal(due.changed, 0);
    assert_int_equal(due.next_due_at, shop->clock.at_ms + 1);
    shop_advance(shop, 1);
    expect_overdue(shop, 1);
    assert_int_equal(shop_run_due(shop).changed, 1);
    for (int i = 0; i < 3; i++) {
        shop_advance(shop, HOUR_MS);
        due = shop_run_due(shop);
        assert_int_equal(due.changed, 0);
        assert_int_equal(due.next_due_at, 0); // nothing to note any more
        shop_reopen(shop);
    }
    expect_overdue(shop, 1);
    assert_int_equal(shop_count_events(shop, "grant.overdue", grant.id), 1);
    AuditEvent event = shop_event(shop, "grant.overdue", grant.id);
    assert_string_equal(event.actor_kind, "system");
    assert_string_equal(event.person, "ann");
    assert_string_equal(event.integration, "shop-prod");
    assert_string_equal(json_string_value(json_object_get(event.detail, "account")),
                        grant.plan->account);
    expect_state(shop, grant.id, GRANT_REVOKING); // it changes nothing
}

static void what_was_settled_late_is_noted_once(void **state) {
    Shop *shop = *state;
    Grant grant = expired(shop);
    shop_advance(shop, 2 * MINUTE_MS);
    shop_run_due(shop);
    StoredAction action = shop_lease_one(shop, "revoke");
    shop_report(shop, done_report(&action, NULL));
    shop_report(shop, done_report(&action, NULL));
    expect_state(shop, grant.id, GRANT_ENDED);
    expect_overdue(shop, 0);
    shop_advance(shop, HOUR_MS);
    shop_run_due(shop);
    assert_int_equal(shop_count_events(shop, "grant.overdue", grant.id), 1);
    assert_int_equal(shop_count_events(shop, "grant.overdue_ended", grant.id), 1);
    AuditEvent event = shop_event(shop, "grant.overdue_ended", grant.id);
    assert_int_equal(json_integer_value(json_object_get(event.detail, "late_ms")), 2 * MINUTE_MS);
}

static void what_is_settled_in_time_is_not_noted(void **state) {
    Shop *shop = *state;
    Grant grant = expired(shop);
    shop_advance(shop, MINUTE_MS);
    shop_finish(shop, grant.id);
    shop_advance(shop, HOUR_MS);
    shop_run_due(shop);
    expect_overdue(shop, 0);
    assert_int_equal(shop_count_events(shop, "grant.overdue", NULL), 0);
    assert_int_equal(shop_count_events(shop, "grant.overdue_ended", NULL), 0);
}

// Whoever revokes early wants it over now, and not at the end that was agreed once.
static void an_early_end_is_overdue_from_when_it_was_asked_for(void **state) {
    Shop *shop = *state;
    Grant grant = shop_active(shop, "shop-auto");
    shop_advance(shop, 10 * MINUTE_MS);
    revoke_early(shop, grant.id);
    int64_t asked_at = shop->clock.at_ms;
    shop_advance(shop, MINUTE_MS + 1);
    assert_true(shop->clock.at_ms < grant.expires_at);
    expect_overdue(shop, 1);
    assert_int_equal(revocation_of(shop, grant.id).since_at, asked_at);
    shop_finish(shop, grant.id);
    AuditEvent event = shop_event(shop, "grant.ended", grant.id);
    assert_int_equal(json_integer_value(json_object_get(event.detail, "late_ms")), MINUTE_MS + 1);
}

static void a_clock_that_was_set_back_makes_no_end_early(void **state) {
    Shop *shop = *state;
    Grant grant = shop_active(shop, "shop-auto");
    revoke_early(shop, grant.id);
    shop->clock.at_ms -= MINUTE_MS;
    shop_finish(shop, grant.id);
    AuditEvent event = shop_event(shop, "grant.ended", grant.id);
    assert_int_equal(json_integer_value(json_object_get(event.detail, "late_ms")), 0);
    StoreNumbers numbers;
    Error error = {0};
    expect_ok(store_numbers(shop->store, &numbers, &error), &error);
    assert_int_equal(numbers.lateness_count, 1);
    assert_int_equal(numbers.lateness_ms_sum, 0);
}

// The control plane was away: late is counted from the end, not from when it came back.
static void an_end_that_nobody_saw_is_overdue_from_its_time(void **state) {
    Shop *shop = *state;
    Grant grant = shop_active(shop, "shop-auto");
    shop_close(shop);
    shop->clock.at_ms = grant.expires_at + HOUR_MS;
    shop_reopen(shop);
    expect_overdue(shop, 0); // not yet known to be over
    shop_run_due(shop);
    expect_overdue(shop, 1);
    assert_int_equal(revocation_of(shop, grant.id).since_at, grant.expires_at);
    assert_int_equal(shop_count_events(shop, "grant.overdue", grant.id), 1);
    StoreSweptAccount swept = {
        .account = grant.plan->account, .grant_id = grant.id, .removed = true};
    Error error = {0};
    for (int i = 0; i < 2; i++)
        expect_ok(shop_sweep(shop->store, shop->arena, shop, &swept, 0, &error), &error);
    expect_state(shop, grant.id, GRANT_ENDED);
    expect_overdue(shop, 0);
    assert_int_equal(shop_count_events(shop, "grant.overdue_ended", grant.id), 1);
}

// A connector's sweep ended it while the revocation was out: that report is no second end.
static void a_report_after_the_sweeps_is_no_second_end(void **state) {
    Shop *shop = *state;
    Grant grant = expired(shop);
    StoredAction action = shop_lease_one(shop, "revoke");
    shop_advance(shop, 2 * MINUTE_MS);
    StoreSweptAccount swept = {
        .account = grant.plan->account, .grant_id = grant.id, .removed = true};
    Error error = {0};
    expect_ok(shop_sweep(shop->store, shop->arena, shop, &swept, 0, &error), &error);
    expect_state(shop, grant.id, GRANT_ENDED);
    int64_t ended_at = shop_grant(shop, grant.id).ended_at;
    shop_advance(shop, SECOND_MS);
    shop_report(shop, done_report(&action, NULL));
    assert_int_equal(shop_grant(shop, grant.id).ended_at, ended_at);
    assert_int_equal(shop_count_events(shop, "grant.ended", grant.id), 1);
    assert_int_equal(shop_count_events(shop, "account.removed", grant.id), 0);
    EvidenceList evidence;
    expect_ok(store_grant_evidence(shop->store, shop->arena, grant.id, &evidence, &error), &error);
    assert_int_equal(evidence.count, 3); // given, swept, revoked
    expect_overdue(shop, 0);
    expect_no_work(shop);
}

static void an_account_that_came_back_can_be_overdue_too(void **state) {
    Shop *shop = *state;
    Grant grant = expired(shop);
    shop_finish(shop, grant.id);
    shop_advance(shop, HOUR_MS);
    StoreSweptAccount swept = {
        .account = grant.plan->account, .grant_id = grant.id, .can_login = true};
    Error error = {0};
    expect_ok(shop_sweep(shop->store, shop->arena, shop, &swept, 0, &error), &error);
    shop_advance(shop, MINUTE_MS + 1);
    shop_run_due(shop);
    expect_overdue(shop, 1);
    assert_string_equal(list(shop, (OverdueFilter){0}).items[0].state, "ended");
    shop_finish(shop, grant.id);
    expect_overdue(shop, 0);
    assert_int_equal(shop_count_events(shop, "grant.overdue", grant.id), 1);
    assert_int_equal(shop_count_events(shop, "grant.overdue_ended", grant.id), 1);
}

static void says_what_it_waits_for(void **state) {
    Shop *shop = *state;
    Grant grant = expired(shop);
    Revocation revocation = revocation_of(shop, grant.id);
    assert_int_equal(revocation.waits_for, REVOCATION_WAITS_FOR_CONNECTOR);
    assert_int_equal(revocation.next_attempt_at, 0);
    assert_int_equal(revocation.attempts, 0);
    StoredAction action = shop_lease_one(shop, "revoke");
    revocation = revocation_of(shop, grant.id);
    assert_int_equal(revocation.waits_for, REVOCATION_WAITS_FOR_REPORT);
    assert_int_equal(revocation.next_attempt_at, action.deadline_at);
    shop_report(shop, failed_report(&action, "conflict"));
    revocation = revocation_of(shop, grant.id);
    assert_int_equal(revocation.waits_for, REVOCATION_WAITS_FOR_PAUSE);
    assert_in_range(revocation.next_attempt_at, shop->clock.at_ms + 800, shop->clock.at_ms + 1200);
    assert_int_equal(revocation.attempts, 1);
    assert_int_equal(revocation.failures, 1);
    assert_string_equal(revocation.trouble, "the server said no");
    assert_string_equal(revocation.connector, "main");
    assert_string_equal(revocation.requester, "ann");
    shop->clock.at_ms = revocation.next_attempt_at;
    assert_int_equal(revocation_of(shop, grant.id).waits_for, REVOCATION_WAITS_FOR_CONNECTOR);
}

static const char *overdue_of(Shop *shop, const Actor *actor) {
    Grant grant = shop_request(shop, actor, "shop-auto");
    StoredAction action = shop_lease_one(shop, "grant");
    shop_report(shop, done_report(&action, "box"));
    revoke_early(shop, grant.id);
    // Out of the way of the next one.
    action = shop_lease_one(shop, "revoke");
    shop_report(shop, failed_report(&action, "retry"));
    shop_advance(shop, SECOND_MS / 10);
    return grant.id;
}

static void the_longest_overdue_come_first_in_pages(void **state) {
    Shop *shop = *state;
    const char *ids[5];
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        ids[i] = overdue_of(shop, i % 2 == 0 ? &ANN : &BOB);
    shop_advance(shop, MINUTE_MS);
    expect_overdue(shop, COUNT_OF(ids));
    const char *cursor = NULL;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        Revocations page = list(shop, (OverdueFilter){.after_id = cursor, .limit = 1});
        assert_int_equal(page.count, 1);
        assert_string_equal(page.items[0].grant_id, ids[i]);
        cursor = page.items[0].action_id;
    }
    assert_int_equal(list(shop, (OverdueFilter){.after_id = cursor}).count, 0);
    Revocations of_bob = list(shop, (OverdueFilter){.requester = "bob"});
    assert_int_equal(of_bob.count, 2);
    assert_string_equal(of_bob.items[0].grant_id, ids[1]);
    // 100 ms lie between one and the next.
    assert_int_equal(list(shop, (OverdueFilter){.older_than_ms = MINUTE_MS + 250}).count, 3);
    assert_int_equal(list(shop, (OverdueFilter){.older_than_ms = HOUR_MS}).count, 0);
    assert_int_equal(list(shop, (OverdueFilter){.older_than_ms = 1}).count, COUNT_OF(ids));
    OverdueFilter unknown = {.after_id = "act_unknown"};
    Revocations none;
    Error error = {0};
    expect_fault(store_list_overdue(shop->store, shop->arena, &unknown, &none, &error), &error,
                 STATUS_INVALID, "bad_cursor");
}

static void many_are_noted_in_pieces_each_once(void **state) {
    enum { MANY = 90, PIECE = 40 };
    Shop *shop = *state;
    for (int i = 0; i < MANY; i++)
        shop_request(shop, &ANN, "shop-auto");
    for (StoredActions out; (out = shop_lease(shop, &shop->main, MANY)).count > 0;)
        for (size_t i = 0; i < out.count; i++)
            shop_report(shop, done_report(&out.items[i], "box"));
    shop_advance(shop, HOUR_MS + MINUTE_MS + 1);
    Error error = {0};
    DueResult due = {.changed = 1};
    for (int i = 0; due.changed > 0; i++) {
        assert_true(i < 10);
        expect_ok(store_run_due(shop->store, PIECE, &due, &error), &error);
    }
    expect_overdue(shop, MANY);
    assert_int_equal(shop_count_events(shop, "grant.overdue", NULL), MANY);
}

static void a_record_that_cannot_be_read_is_overdue_all_the_same(void **state) {
    Shop *shop = *state;
    Grant grant = expired(shop);
    sqlite3 *file = NULL;
    assert_int_equal(sqlite3_open_v2(shop->path, &file, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, "UPDATE grants SET document = '{}'", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(file);
    shop_advance(shop, 2 * MINUTE_MS);
    shop_run_due(shop);
    expect_overdue(shop, 1);
    Revocation found = list(shop, (OverdueFilter){0}).items[0];
    assert_string_equal(found.grant_id, grant.id);
    assert_string_equal(found.connector, "main");
    assert_null(found.account);
    assert_non_null(found.trouble);
    assert_int_equal(shop_count_events(shop, "grant.overdue", grant.id), 1);
}

// ---- Written off --------------------------------------------------------------------------------

static Status write_off(Shop *shop, const char *id, const char *reason, Error *reterr) {
    Grant ignored;
    return store_write_off_grant(shop->store, shop->arena, &ROOT, id, reason, &ignored, reterr);
}

static void expect_not_written_off(Shop *shop, const char *id, Status status, const char *code) {
    Grant before = shop_grant(shop, id);
    Error error = {0};
    expect_fault(write_off(shop, id, "the server is gone", &error), &error, status, code);
    assert_int_equal(shop_grant(shop, id).version, before.version);
}

// Expired an hour ago, and not seen gone.
static Grant given_up(Shop *shop) {
    Grant grant = expired(shop);
    StoredAction action = shop_lease_one(shop, "revoke");
    shop_report(shop, failed_report(&action, "retry"));
    shop_advance(shop, HOUR_MS);
    shop_run_due(shop);
    return grant;
}

static const char *text_of(const AuditEvent *event, const char *key) {
    return json_string_value(json_object_get(event->detail, key));
}

static void what_nobody_will_see_gone_is_written_off(void **state) {
    Shop *shop = *state;
    Grant grant = given_up(shop);
    expect_overdue(shop, 1);
    Error error = {0};
    expect_ok(write_off(shop, grant.id, "the server is gone", &error), &error);
    Grant ended = shop_grant(shop, grant.id);
    assert_int_equal(ended.state, GRANT_ENDED);
    assert_int_equal(ended.cause, CAUSE_WRITTEN_OFF);
    assert_string_equal(ended.ended_by, "root");
    assert_string_equal(ended.note, "the server is gone");
    assert_int_equal(ended.ended_at, shop->clock.at_ms);
    AuditEvent event = shop_event(shop, "grant.ended", grant.id);
    assert_string_equal(event.actor, "root");
    assert_string_equal(text_of(&event, "cause"), "written_off");
    assert_string_equal(text_of(&event, "earlier_cause"), "expired");
    assert_string_equal(text_of(&event, "note"), "the server is gone");
    event = shop_event(shop, "grant.overdue_ended", grant.id);
    assert_true(json_is_true(json_object_get(event.detail, "written_off")));
    assert_null(json_object_get(event.detail, "late_ms"));
    shop_advance(shop, HOUR_MS);
    shop_run_due(shop);
    expect_overdue(shop, 0);
    expect_no_work(shop);
    StoreNumbers numbers;
    expect_ok(store_numbers(shop->store, &numbers, &error), &error);
    assert_int_equal(numbers.lateness_count, 0); // nobody knows how late it was
    expect_not_written_off(shop, grant.id, STATUS_CONFLICT, "wrong_state");
}

static void what_may_still_be_taken_back_is_not_written_off(void **state) {
    Shop *shop = *state;
    Grant grant = shop_active(shop, "shop-auto");
    expect_not_written_off(shop, grant.id, STATUS_CONFLICT, "wrong_state");
    revoke_early(shop, grant.id);
    shop->clock.at_ms = grant.expires_at - 1;
    expect_not_written_off(shop, grant.id, STATUS_CONFLICT, "wrong_state");
    shop_finish(shop, grant.id);
    Grant other = expired(shop);
    expect_not_written_off(shop, other.id, STATUS_CONFLICT, "too_early");
    shop_advance(shop, HOUR_MS - 1);
    expect_not_written_off(shop, other.id, STATUS_CONFLICT, "too_early");
    shop_advance(shop, 1);
    Error error = {0};
    expect_fault(write_off(shop, other.id, "", &error), &error, STATUS_INVALID, "reason_missing");
    expect_fault(write_off(shop, other.id, NULL, &error), &error, STATUS_INVALID, "reason_missing");
    expect_ok(write_off(shop, other.id, "gone", &error), &error); // no connector ever came
    expect_state(shop, other.id, GRANT_ENDED);
}

static void an_attempt_that_is_out_does_not_open_it_again(void **state) {
    static const bool DONE[] = {false, true};
    Shop *shop = *state;
    for (size_t i = 0; i < COUNT_OF(DONE); i++) {
        Grant grant = given_up(shop);
        StoredAction action = shop_lease_one(shop, "revoke");
        Error error = {0};
        expect_ok(write_off(shop, grant.id, "gone", &error), &error);
        shop_report(shop, DONE[i] ? done_report(&action, NULL) : failed_report(&action, "retry"));
        // That it was there and is gone after all is on record.
        assert_int_equal(shop_count_events(shop, "account.removed", grant.id), DONE[i]);
        shop_advance(shop, HOUR_MS);
        shop_run_due(shop);
        expect_no_work(shop);
        expect_overdue(shop, 0);
        assert_int_equal(shop_grant(shop, grant.id).cause, CAUSE_WRITTEN_OFF);
    }
}

static void an_account_that_was_written_off_and_is_found_is_removed(void **state) {
    Shop *shop = *state;
    Grant grant = given_up(shop);
    Error error = {0};
    expect_ok(write_off(shop, grant.id, "gone", &error), &error);
    shop_advance(shop, HOUR_MS);
    StoreSweptAccount account = {
        .account = grant.plan->account, .grant_id = grant.id, .can_login = true};
    expect_ok(shop_sweep(shop->store, shop->arena, shop, &account, 0, &error), &error);
    assert_int_equal(shop_count_events(shop, "account.stray", grant.id), 1);
    expect_overdue(shop, 1); // it should not be there, and is
    StoredAction action = shop_lease_one(shop, "revoke");
    assert_string_equal(action.grant_id, grant.id);
    shop_report(shop, done_report(&action, NULL));
    assert_int_equal(shop_count_events(shop, "account.removed", grant.id), 1);
    expect_overdue(shop, 0);
    expect_state(shop, grant.id, GRANT_ENDED);
    assert_int_equal(shop_grant(shop, grant.id).cause, CAUSE_WRITTEN_OFF);
    // Or by the connector's sweep itself, since its end is past.
    account.removed = true;
    expect_ok(shop_sweep(shop->store, shop->arena, shop, &account, 0, &error), &error);
    assert_int_equal(shop_count_events(shop, "account.removed", grant.id), 2);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        SHOP_CASE(becomes_overdue_a_minute_after_its_end_and_is_noted_once),
        SHOP_CASE(what_was_settled_late_is_noted_once),
        SHOP_CASE(what_is_settled_in_time_is_not_noted),
        SHOP_CASE(an_early_end_is_overdue_from_when_it_was_asked_for),
        SHOP_CASE(a_clock_that_was_set_back_makes_no_end_early),
        SHOP_CASE(an_end_that_nobody_saw_is_overdue_from_its_time),
        SHOP_CASE(a_report_after_the_sweeps_is_no_second_end),
        SHOP_CASE(an_account_that_came_back_can_be_overdue_too),
        SHOP_CASE(says_what_it_waits_for),
        SHOP_CASE(the_longest_overdue_come_first_in_pages),
        SHOP_CASE(many_are_noted_in_pieces_each_once),
        SHOP_CASE(a_record_that_cannot_be_read_is_overdue_all_the_same),
        SHOP_CASE(what_nobody_will_see_gone_is_written_off),
        SHOP_CASE(what_may_still_be_taken_back_is_not_written_off),
        SHOP_CASE(an_attempt_that_is_out_does_not_open_it_again),
        SHOP_CASE(an_account_that_was_written_off_and_is_found_is_removed),
    };
    return RUN_CASES(cases);
}
