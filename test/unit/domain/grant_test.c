#include "domain/grant.h"

#include "shop.h"

#include "base/buffer.h"
#include "base/file.h"

#include <stdlib.h>

// Times of the grant that most cases start from.
enum { LAPSE_MS = 24 * HOUR_MS };

static Grant grant_in(Arena *arena, const Configuration *configuration, GrantState state) {
    Grant grant = shop_request(arena, configuration);
    grant.state = (int)state;
    grant.expires_at = NOON_MS + HOUR_MS;
    grant.sealed = "sealed";
    grant.trouble = "no route";
    return grant;
}

static Status change(Grant *grant, GrantEvent event, int64_t now_ms, Error *reterr) {
    const GrantChange change = {
        .event = event,
        .now_ms = now_ms,
        .by = "cleo",
        .note = "a note",
        .expires_at = NOON_MS + 2 * HOUR_MS,
        .sealed = "sealed anew",
    };
    return grant_change(grant, &change, reterr);
}

// Everything that may happen while a request is in time and access has not expired, and once all
// its times are over. Whatever is not here is refused.
typedef struct Allowed {
    GrantState from;
    GrantEvent event;
    GrantState to;
    bool in_time, afterwards;
} Allowed;

static const Allowed ALLOWED[] = {
    {GRANT_PENDING, GRANT_EVENT_APPROVE, GRANT_APPROVED, true, false},
    {GRANT_PENDING, GRANT_EVENT_REJECT, GRANT_REJECTED, true, true},
    {GRANT_PENDING, GRANT_EVENT_CANCEL, GRANT_CANCELLED, true, true},
    {GRANT_PENDING, GRANT_EVENT_LAPSE, GRANT_LAPSED, false, true},
    {GRANT_APPROVED, GRANT_EVENT_DISPATCH, GRANT_GRANTING, true, false},
    {GRANT_APPROVED, GRANT_EVENT_CANCEL, GRANT_CANCELLED, true, true},
    {GRANT_APPROVED, GRANT_EVENT_REVOKE, GRANT_CANCELLED, true, true},
    {GRANT_APPROVED, GRANT_EVENT_LAPSE, GRANT_LAPSED, false, true},
    {GRANT_APPROVED, GRANT_EVENT_FAIL, GRANT_FAILED, true, true},
    {GRANT_GRANTING, GRANT_EVENT_DISPATCH, GRANT_GRANTING, true, false},
    {GRANT_GRANTING, GRANT_EVENT_GRANTED, GRANT_ACTIVE, true, true},
    {GRANT_GRANTING, GRANT_EVENT_FAIL, GRANT_REVOKING, true, true},
    {GRANT_GRANTING, GRANT_EVENT_REFUSE, GRANT_FAILED, true, true},
    {GRANT_GRANTING, GRANT_EVENT_CANCEL, GRANT_REVOKING, true, true},
    {GRANT_GRANTING, GRANT_EVENT_REVOKE, GRANT_REVOKING, true, true},
    {GRANT_GRANTING, GRANT_EVENT_EXPIRE, GRANT_REVOKING, false, true},
    {GRANT_ACTIVE, GRANT_EVENT_EXTEND, GRANT_ACTIVE, true, true},
    {GRANT_ACTIVE, GRANT_EVENT_RESET, GRANT_ACTIVE, true, true},
    {GRANT_ACTIVE, GRANT_EVENT_EXPIRE, GRANT_REVOKING, false, true},
    {GRANT_ACTIVE, GRANT_EVENT_REVOKE, GRANT_REVOKING, true, true},
    {GRANT_REVOKING, GRANT_EVENT_REVOKED, GRANT_ENDED, true, true},
    {GRANT_REVOKING, GRANT_EVENT_WRITE_OFF, GRANT_ENDED, false, true},
};

static const Allowed *allowed_find(int from, int event) {
    for (size_t i = 0; i < COUNT_OF(ALLOWED); i++) {
        if ((int)ALLOWED[i].from == from && (int)ALLOWED[i].event == event)
            return &ALLOWED[i];
    }
    return NULL;
}

static void expect_transition(Grant grant, int event, int64_t now_ms, bool possible, int to) {
    const int from = grant.state;
    assert_int_equal(grant_event_allowed(&grant, (GrantEvent)event, now_ms), possible);
    Error error = {0};
    Status status = change(&grant, (GrantEvent)event, now_ms, &error);
    if (possible) {
        expect_ok(status, &error);
        assert_int_equal(grant.state, to);
    } else {
        expect_fault(status, &error, STATUS_CONFLICT, "wrong_state");
        assert_int_equal(grant.state, from);
    }
}

static void allows_what_the_table_says_and_nothing_else(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    for (int from = 0; from < GRANT_STATE_COUNT_; from++) {
        for (int event = 0; event < GRANT_EVENT_COUNT_; event++) {
            const Grant grant = grant_in(arena, &configuration, (GrantState)from);
            const Allowed *allowed = allowed_find(from, event);
            int to = allowed != NULL ? (int)allowed->to : from;
            expect_transition(grant, event, NOON_MS, allowed != NULL && allowed->in_time, to);
            expect_transition(grant, event, NOON_MS + LAPSE_MS,
                              allowed != NULL && allowed->afterwards, to);
        }
    }
}

static void a_refused_change_changes_nothing(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = grant_in(arena, &configuration, GRANT_ACTIVE);
    const char *before = shape_format(arena, &GRANT_SHAPE, &grant);
    Error error = {0};
    expect_fault(change(&grant, GRANT_EVENT_APPROVE, NOON_MS, &error), &error, STATUS_CONFLICT,
                 "wrong_state");
    assert_string_equal(error.message,
                        "req_aaaabbbbccccdddd is active; for \"approve\" it would have to be "
                        "pending");
    expect_fault(change(&grant, GRANT_EVENT_EXPIRE, NOON_MS, &error), &error, STATUS_CONFLICT,
                 "wrong_state");
    assert_string_equal(error.message,
                        "req_aaaabbbbccccdddd is active, and \"expire\" is not possible: it has "
                        "not expired yet");
    Grant revoking = grant_in(arena, &configuration, GRANT_REVOKING);
    expect_fault(change(&revoking, GRANT_EVENT_WRITE_OFF, NOON_MS, &error), &error, STATUS_CONFLICT,
                 "wrong_state");
    assert_non_null(strstr(error.message, "its time is not over yet, and until then the target"));
    assert_string_equal(shape_format(arena, &GRANT_SHAPE, &grant), before);
    expect_fault(change(&grant, GRANT_EVENT_CANCEL, NOON_MS, &error), &error, STATUS_CONFLICT,
                 "wrong_state");
    assert_non_null(strstr(error.message, "pending, approved or granting"));
}

static void guards_turn_at_their_moment(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    const Grant pending = grant_in(arena, &configuration, GRANT_PENDING);
    int64_t lapses_at = NOON_MS + LAPSE_MS;
    assert_int_equal(pending.lapses_at, lapses_at);
    assert_true(grant_event_allowed(&pending, GRANT_EVENT_APPROVE, lapses_at - 1));
    assert_false(grant_event_allowed(&pending, GRANT_EVENT_APPROVE, lapses_at));
    assert_false(grant_event_allowed(&pending, GRANT_EVENT_LAPSE, lapses_at - 1));
    assert_true(grant_event_allowed(&pending, GRANT_EVENT_LAPSE, lapses_at));
    const Grant active = grant_in(arena, &configuration, GRANT_ACTIVE);
    assert_false(grant_event_allowed(&active, GRANT_EVENT_EXPIRE, active.expires_at - 1));
    assert_true(grant_event_allowed(&active, GRANT_EVENT_EXPIRE, active.expires_at));
}

static void lives_from_request_to_end(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = shop_request(arena, &configuration);
    int64_t now_ms = NOON_MS + 1000;
    assert_int_equal(change(&grant, GRANT_EVENT_APPROVE, now_ms, NULL), STATUS_OK);
    assert_int_equal(grant.approved_at, now_ms);
    assert_int_equal(grant.lapses_at, now_ms + LAPSE_MS);
    assert_false(grant_may_have_account(&grant));

    assert_int_equal(change(&grant, GRANT_EVENT_DISPATCH, now_ms + 1, NULL), STATUS_OK);
    assert_int_equal(grant.expires_at, NOON_MS + 2 * HOUR_MS);
    assert_true(grant_may_have_account(&grant));
    assert_null(grant.sealed);

    grant.trouble = "the first try failed";
    const GrantChange granted = {GRANT_EVENT_GRANTED, .now_ms = now_ms + 2, .sealed = "box"};
    assert_int_equal(grant_change(&grant, &granted, NULL), STATUS_OK);
    assert_int_equal(grant.granted_at, now_ms + 2);
    assert_int_equal(grant.expires_at, NOON_MS + 2 * HOUR_MS); // kept
    assert_string_equal(grant.sealed, "box");
    assert_int_equal(grant.lapses_at, 0);
    assert_null(grant.trouble);

    const GrantChange expire = {GRANT_EVENT_EXPIRE, .now_ms = NOON_MS + 2 * HOUR_MS};
    assert_int_equal(grant_change(&grant, &expire, NULL), STATUS_OK);
    assert_int_equal(grant.cause, CAUSE_EXPIRED);
    assert_null(grant.sealed);
    assert_int_equal(grant.ended_at, 0); // not before the account is gone
    assert_false(grant_is_over(&grant));
    assert_true(grant_may_have_account(&grant));

    const GrantChange revoked = {GRANT_EVENT_REVOKED, .now_ms = NOON_MS + 3 * HOUR_MS};
    assert_int_equal(grant_change(&grant, &revoked, NULL), STATUS_OK);
    assert_int_equal(grant.state, GRANT_ENDED);
    assert_int_equal(grant.cause, CAUSE_EXPIRED);
    assert_int_equal(grant.ended_at, NOON_MS + 3 * HOUR_MS);
    assert_null(grant.ended_by);
    assert_true(grant_is_over(&grant));
    assert_false(grant_may_have_account(&grant));
}

static void the_connectors_own_expiry_counts_when_it_reports_one(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = grant_in(arena, &configuration, GRANT_GRANTING);
    assert_int_equal(change(&grant, GRANT_EVENT_GRANTED, NOON_MS, NULL), STATUS_OK);
    assert_int_equal(grant.expires_at, NOON_MS + 2 * HOUR_MS);
}

// Where an event that ends access leads, and what is written down.
static void ends(GrantState from, GrantEvent event, int64_t now_ms, GrantState to,
                 GrantCause cause) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = grant_in(arena, &configuration, from);
    grant.extension_s = 60;
    grant.extension_state = EXTENSION_PENDING;
    grant.extension_round = 3;
    Error error = {0};
    expect_ok(change(&grant, event, now_ms, &error), &error);
    assert_int_equal(grant.state, to);
    assert_int_equal(grant.cause, cause);
    assert_string_equal(grant.ended_by, "cleo");
    assert_string_equal(grant.note, "a note");
    assert_int_equal(grant.ended_at, grant_is_over(&grant) ? now_ms : 0);
    assert_null(grant.sealed);
    assert_null(grant.trouble);
    assert_int_equal(grant.lapses_at, 0);
    assert_int_equal(grant.extension_s, 0);
    assert_int_equal(grant.extension_state, EXTENSION_NONE);
    assert_int_equal(grant.extension_round, 3); // rounds are never used twice
}

static void every_end_says_why_and_keeps_no_credential(void **state) {
    const int64_t late_ms = NOON_MS + LAPSE_MS;
    ends(GRANT_PENDING, GRANT_EVENT_REJECT, NOON_MS, GRANT_REJECTED, CAUSE_NONE);
    ends(GRANT_PENDING, GRANT_EVENT_CANCEL, NOON_MS, GRANT_CANCELLED, CAUSE_CANCELLED);
    ends(GRANT_PENDING, GRANT_EVENT_LAPSE, late_ms, GRANT_LAPSED, CAUSE_NONE);
    ends(GRANT_APPROVED, GRANT_EVENT_CANCEL, NOON_MS, GRANT_CANCELLED, CAUSE_CANCELLED);
    ends(GRANT_APPROVED, GRANT_EVENT_REVOKE, NOON_MS, GRANT_CANCELLED, CAUSE_REVOKED);
    ends(GRANT_APPROVED, GRANT_EVENT_LAPSE, late_ms, GRANT_LAPSED, CAUSE_NONE);
    ends(GRANT_APPROVED, GRANT_EVENT_FAIL, NOON_MS, GRANT_FAILED, CAUSE_FAILED);
    ends(GRANT_GRANTING, GRANT_EVENT_FAIL, NOON_MS, GRANT_REVOKING, CAUSE_FAILED);
    ends(GRANT_GRANTING, GRANT_EVENT_REFUSE, NOON_MS, GRANT_FAILED, CAUSE_FAILED);
    ends(GRANT_GRANTING, GRANT_EVENT_CANCEL, NOON_MS, GRANT_REVOKING, CAUSE_CANCELLED);
    ends(GRANT_GRANTING, GRANT_EVENT_REVOKE, NOON_MS, GRANT_REVOKING, CAUSE_REVOKED);
    ends(GRANT_GRANTING, GRANT_EVENT_EXPIRE, late_ms, GRANT_REVOKING, CAUSE_FAILED);
    ends(GRANT_ACTIVE, GRANT_EVENT_EXPIRE, late_ms, GRANT_REVOKING, CAUSE_EXPIRED);
    ends(GRANT_ACTIVE, GRANT_EVENT_REVOKE, NOON_MS, GRANT_REVOKING, CAUSE_REVOKED);
    ends(GRANT_REVOKING, GRANT_EVENT_WRITE_OFF, late_ms, GRANT_ENDED, CAUSE_WRITTEN_OFF);
}

static void the_cause_of_a_revocation_may_be_another(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = grant_in(arena, &configuration, GRANT_GRANTING);
    const GrantChange revoke = {
        .event = GRANT_EVENT_REVOKE, .now_ms = NOON_MS, .cause = CAUSE_CANCELLED};
    assert_int_equal(grant_change(&grant, &revoke, NULL), STATUS_OK);
    assert_int_equal(grant.cause, CAUSE_CANCELLED);
    assert_int_equal(change(&grant, GRANT_EVENT_REVOKED, NOON_MS, NULL), STATUS_OK);
    assert_int_equal(grant.state, GRANT_ENDED);
    assert_null(grant.ended_by); // who ended it was said when it began to end
}

static void what_could_not_be_given_is_failed_once_it_is_cleaned_up(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = grant_in(arena, &configuration, GRANT_GRANTING);
    const GrantChange expire = {.event = GRANT_EVENT_EXPIRE, .now_ms = NOON_MS + HOUR_MS};
    assert_int_equal(grant_change(&grant, &expire, NULL), STATUS_OK);
    assert_string_equal(grant.note, "the access was not ready before its time was over");
    assert_int_equal(change(&grant, GRANT_EVENT_REVOKED, NOON_MS + 2 * HOUR_MS, NULL), STATUS_OK);
    assert_int_equal(grant.state, GRANT_FAILED);
    assert_int_equal(grant.cause, CAUSE_FAILED);
}

static void an_extension_moves_the_expiry(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = grant_in(arena, &configuration, GRANT_ACTIVE);
    grant.extension_s = 3600;
    grant.extension_state = EXTENSION_APPROVED;
    grant.extension_round = 1;
    assert_int_equal(change(&grant, GRANT_EVENT_EXTEND, NOON_MS, NULL), STATUS_OK);
    assert_int_equal(grant.expires_at, NOON_MS + 2 * HOUR_MS);
    assert_int_equal(grant.extension_s, 0);
    assert_int_equal(grant.extension_state, EXTENSION_NONE);
    assert_int_equal(grant.extension_round, 1);
    assert_string_equal(grant.sealed, "sealed");
    assert_null(grant.trouble);
}

static void an_extension_notes_what_the_account_is_like_then(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = grant_in(arena, &configuration, GRANT_ACTIVE);
    const AccountState found = {.key = "16400"};
    const GrantChange longer = {.event = GRANT_EVENT_EXTEND,
                                .now_ms = NOON_MS,
                                .expires_at = NOON_MS + 2 * HOUR_MS,
                                .state = &found};
    assert_int_equal(grant_change(&grant, &longer, NULL), STATUS_OK);
    assert_ptr_equal(grant.given, longer.state);
    assert_int_equal(grant.given_at, NOON_MS);
}

static void a_reset_brings_a_new_credential_and_no_more_time(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = grant_in(arena, &configuration, GRANT_ACTIVE);
    assert_int_equal(change(&grant, GRANT_EVENT_RESET, NOON_MS, NULL), STATUS_OK);
    assert_string_equal(grant.sealed, "sealed anew");
    assert_int_equal(grant.expires_at, NOON_MS + HOUR_MS);
    assert_null(grant.trouble);
}

static void grants_come_back_as_they_were_stored(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = grant_in(arena, &configuration, GRANT_ACTIVE);
    Decision decisions[] = {{"cleo", true, .round = 1, .step = 2, "fine", NOON_MS}};
    grant.decisions = (Decisions){decisions, COUNT_OF(decisions)};
    grant.extension_s = 60;
    grant.drifted = true;
    const char *text = shape_format(arena, &GRANT_SHAPE, &grant);
    Grant again;
    Error error = {0};
    expect_ok(shape_parse(arena, &GRANT_SHAPE, text, strlen(text), &again, &error), &error);
    assert_string_equal(shape_format(arena, &GRANT_SHAPE, &again), text);
    assert_int_equal(again.decisions.items[0].step, 2);
    assert_string_equal(again.flow->name, "shop-read");
    assert_string_equal(again.plan->account, grant.plan->account);
}

static void the_diagram_in_the_docs_is_the_table(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *folder = getenv("DAYPASS_DOCS");
    assert_non_null(folder);
    CLEANUP(buffer_done) Buffer page = {.ceiling = 65536};
    Error error = {0};
    expect_ok(file_read(arena_printf(arena, "%s/states.md", folder), &page, &error), &error);
    const char *block = arena_printf(arena, "```mermaid\n%s```\n", grant_state_diagram(arena));
    if (strstr(buffer_text(&page), block) == NULL)
        fail_msg("docs/states.md is not what src/domain/grant.c says; put this into it:\n%s",
                 block);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(allows_what_the_table_says_and_nothing_else),
        cmocka_unit_test(a_refused_change_changes_nothing),
        cmocka_unit_test(guards_turn_at_their_moment),
        cmocka_unit_test(lives_from_request_to_end),
        cmocka_unit_test(the_connectors_own_expiry_counts_when_it_reports_one),
        cmocka_unit_test(every_end_says_why_and_keeps_no_credential),
        cmocka_unit_test(the_cause_of_a_revocation_may_be_another),
        cmocka_unit_test(what_could_not_be_given_is_failed_once_it_is_cleaned_up),
        cmocka_unit_test(an_extension_moves_the_expiry),
        cmocka_unit_test(an_extension_notes_what_the_account_is_like_then),
        cmocka_unit_test(a_reset_brings_a_new_credential_and_no_more_time),
        cmocka_unit_test(grants_come_back_as_they_were_stored),
        cmocka_unit_test(the_diagram_in_the_docs_is_the_table),
    };
    return RUN_CASES(cases);
}
