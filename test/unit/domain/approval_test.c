#include "domain/approval.h"

#include "shop.h"

// A request of ann's to a flow with these steps, and room for decisions.
typedef struct Case {
    Arena *arena;
    Configuration configuration;
    Flow *flow;
    Grant grant;
    Decision decisions[16];
} Case;

static Case *case_new(Arena *arena, const char *approval) {
    Case *made = arena_alloc(arena, sizeof(*made));
    made->arena = arena;
    made->configuration = shop(arena);
    made->flow = shop_flow_with(arena, &made->configuration, approval);
    made->grant = shop_request(arena, &made->configuration);
    made->grant.decisions.items = made->decisions;
    return made;
}

static ApprovalProgress progress_of(Case *at) {
    return approval_progress(at->arena, &at->configuration, &at->grant);
}

static void store_decision(Case *at, const char *who, bool approved, int64_t round, size_t step) {
    at->decisions[at->grant.decisions.count++] =
        (Decision){.principal = who, .approved = approved, .round = round, .step = (int64_t)step};
}

// As the store does it: checked, then kept with the round and step that are current.
static void decide(Case *at, const char *who, bool approved) {
    Error error = {0};
    expect_ok(approval_check(at->arena, &at->configuration, &at->grant, who, &error), &error);
    store_decision(at, who, approved, approval_round(&at->grant), progress_of(at).step);
}

static void expect_waiting(Case *at, size_t step, const char *waiting, const char *needs) {
    const ApprovalProgress progress = progress_of(at);
    assert_int_equal(progress.result, APPROVAL_WAITING);
    assert_int_equal(progress.step, step);
    assert_string_equal(string_list_join(at->arena, &progress.waiting, " "), waiting);
    assert_string_equal(progress.needs, needs);
    assert_int_equal(progress.stuck, strstr(needs, "nobody can") != NULL);
}

static void expect_refused(Case *at, const char *who, Status status, const char *code) {
    Error error = {0};
    expect_fault(approval_check(at->arena, &at->configuration, &at->grant, who, &error), &error,
                 status, code);
}

static void one_of_a_group_decides(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}}]");
    expect_waiting(at, 0, "bob cleo", "1 of group dba");
    decide(at, "cleo", true);
    assert_int_equal(progress_of(at).result, APPROVAL_GRANTED);
    assert_int_equal(progress_of(at).step, 1);
}

static void one_denial_denies(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}, \"count\": 2}]");
    decide(at, "bob", true);
    decide(at, "cleo", false);
    assert_int_equal(progress_of(at).result, APPROVAL_DENIED);
    assert_int_equal(progress_of(at).step, 0);
}

static void count_means_different_people(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\", \"security\"],"
                               " \"principals\": [\"bob\"]}, \"count\": 2}]");
    expect_waiting(at, 0, "bob cleo dan", "2 of group dba or group security or bob");
    decide(at, "cleo", true); // who is in both groups, and is one person
    expect_waiting(at, 0, "bob dan", "1 of group dba or group security or bob");
    expect_refused(at, "cleo", STATUS_CONFLICT, "already_decided");
    decide(at, "dan", true);
    assert_int_equal(progress_of(at).result, APPROVAL_GRANTED);
}

static void a_decision_stored_twice_is_one(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}, \"count\": 2}]");
    store_decision(at, "bob", true, 0, 0);
    store_decision(at, "bob", true, 0, 0);
    expect_waiting(at, 0, "cleo", "1 of group dba");
}

static void all_of_means_each_one_named_and_some_of_each_group(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"all_of\": {\"groups\": [\"dba\", \"security\"],"
                               " \"principals\": [\"dan\"]}}]");
    expect_waiting(at, 0, "bob cleo dan", "dan, and 1 of group dba, and 1 of group security");
    decide(at, "dan", true); // counts as himself and as one of security
    expect_waiting(at, 0, "bob cleo", "1 of group dba");
    decide(at, "bob", true);
    assert_int_equal(progress_of(at).result, APPROVAL_GRANTED);
}

static void steps_follow_one_another(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}}, {\"auto\": true},"
                               " {\"any_of\": {\"groups\": [\"security\"]}}]");
    expect_waiting(at, 0, "bob cleo", "1 of group dba");
    expect_refused(at, "dan", STATUS_FORBIDDEN, "not_an_approver");
    decide(at, "cleo", true);
    expect_waiting(at, 2, "cleo dan", "1 of group security");
    expect_refused(at, "bob", STATUS_FORBIDDEN, "not_an_approver");
    decide(at, "cleo", true); // once more: this is another step
    assert_int_equal(progress_of(at).result, APPROVAL_GRANTED);
}

static void a_later_step_can_still_deny(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}},"
                               " {\"any_of\": {\"groups\": [\"security\"]}}]");
    decide(at, "bob", true);
    decide(at, "dan", false);
    assert_int_equal(progress_of(at).result, APPROVAL_DENIED);
    assert_int_equal(progress_of(at).step, 1);
}

static void a_decision_counts_only_in_its_step(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}},"
                               " {\"any_of\": {\"groups\": [\"security\"]}}]");
    store_decision(at, "dan", true, 0, 0); // was never an approver of the first step
    expect_waiting(at, 0, "bob cleo", "1 of group dba");
}

static void automatic_steps_pass_at_once(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"auto\": true}]");
    assert_int_equal(progress_of(at).result, APPROVAL_GRANTED);
    expect_refused(at, "cleo", STATUS_CONFLICT, "wrong_state");
}

static void nobody_decides_their_own_request(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"backend\"]}}]");
    expect_waiting(at, 0, "bob", "1 of group backend");
    expect_refused(at, "ann", STATUS_FORBIDDEN, "own_request");
    store_decision(at, "ann", true, 0, 0); // even if it were stored
    expect_waiting(at, 0, "bob", "1 of group backend");
}

static void unless_the_flow_says_so(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"backend\"]}}]");
    at->flow->self_approval = true;
    expect_waiting(at, 0, "ann bob", "1 of group backend");
    decide(at, "ann", true);
    assert_int_equal(progress_of(at).result, APPROVAL_GRANTED);
}

static void says_when_nobody_can_decide(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"principals\": [\"ann\"]}}]");
    expect_waiting(at, 0, "", "1 of ann (nobody can: 1 needed, 0 left who may decide)");
    at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}, \"count\": 3}]");
    decide(at, "bob", true);
    expect_waiting(at, 0, "cleo", "2 of group dba (nobody can: 2 needed, 1 left who may decide)");
    at = case_new(arena, "[{\"all_of\": {\"principals\": [\"dan\", \"ann\"]}}]");
    expect_waiting(at, 0, "dan", "dan, and ann (nobody can: 1 needed, 0 left who may decide)");
}

static void the_disabled_and_the_unknown_do_not_count(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}}]");
    expect_refused(at, "eve", STATUS_FORBIDDEN, "not_an_approver");
    expect_refused(at, "nobody-yet", STATUS_FORBIDDEN, "not_an_approver");
    expect_refused(at, "root", STATUS_FORBIDDEN, "not_an_approver");
    decide(at, "bob", true);
    at->configuration.principals.items[1].disabled = true; // bob
    expect_waiting(at, 0, "cleo", "1 of group dba");
    store_decision(at, "eve", false, 0, 0);
    expect_waiting(at, 0, "cleo", "1 of group dba");
}

static void auditors_decide_nothing_whatever_group_they_are_in(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}}]");
    decide(at, "bob", true);
    at->configuration.principals.items[1].role = ROLE_AUDITOR; // bob
    expect_waiting(at, 0, "cleo", "1 of group dba");
    expect_refused(at, "bob", STATUS_FORBIDDEN, "not_an_approver");
}

static void who_left_the_group_does_not_count(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}}]");
    decide(at, "bob", true);
    at->configuration.groups.items[1].members = (StringList){0};
    string_list_add(arena, &at->configuration.groups.items[1].members, "cleo");
    expect_waiting(at, 0, "cleo", "1 of group dba");
}

static void extensions_are_decided_in_rounds_of_their_own(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}}]");
    assert_int_equal(approval_round(&at->grant), 0);
    decide(at, "bob", true);
    at->grant.state = GRANT_ACTIVE;
    expect_refused(at, "cleo", STATUS_CONFLICT, "wrong_state");
    at->grant.extension_state = EXTENSION_PENDING;
    at->grant.extension_round = 2;
    assert_int_equal(approval_round(&at->grant), 2);
    store_decision(at, "cleo", false, 1, 0); // of the round before
    expect_waiting(at, 0, "bob cleo", "1 of group dba");
    decide(at, "bob", true);
    assert_int_equal(progress_of(at).result, APPROVAL_GRANTED);
    expect_refused(at, "cleo", STATUS_CONFLICT, "wrong_state");
}

static void only_what_is_open_is_decided(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"any_of\": {\"groups\": [\"dba\"]}}]");
    for (int other = 0; other < GRANT_STATE_COUNT_; other++) {
        at->grant.state = other;
        at->grant.extension_state = EXTENSION_NONE;
        if (other != GRANT_PENDING)
            expect_refused(at, "cleo", STATUS_CONFLICT, "wrong_state");
        at->grant.extension_state = EXTENSION_PENDING;
        if (other != GRANT_PENDING && other != GRANT_ACTIVE)
            expect_refused(at, "cleo", STATUS_CONFLICT, "wrong_state");
    }
}

static void those_concerned_see_a_grant_and_may_end_it(void **state) {
    static const struct {
        const char *name;
        bool sees, revokes;
    } WHO[] = {
        {"ann", true, true},   {"bob", false, false}, {"cleo", true, true}, {"dan", true, true},
        {"eve", false, false}, {"root", true, true},  {"ida", true, false},
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case *at = case_new(arena, "[{\"auto\": true}, {\"all_of\": {\"groups\": [\"security\"]}},"
                               " {\"any_of\": {\"principals\": [\"eve\"]}}]");
    for (size_t i = 0; i < COUNT_OF(WHO); i++) {
        const Principal *principal = configuration_principal(&at->configuration, WHO[i].name);
        assert_int_equal(grant_visible_to(&at->configuration, &at->grant, principal), WHO[i].sees);
        assert_int_equal(grant_revocable_by(&at->configuration, &at->grant, principal),
                         WHO[i].revokes);
    }
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(one_of_a_group_decides),
        cmocka_unit_test(one_denial_denies),
        cmocka_unit_test(count_means_different_people),
        cmocka_unit_test(a_decision_stored_twice_is_one),
        cmocka_unit_test(all_of_means_each_one_named_and_some_of_each_group),
        cmocka_unit_test(steps_follow_one_another),
        cmocka_unit_test(a_later_step_can_still_deny),
        cmocka_unit_test(a_decision_counts_only_in_its_step),
        cmocka_unit_test(automatic_steps_pass_at_once),
        cmocka_unit_test(nobody_decides_their_own_request),
        cmocka_unit_test(unless_the_flow_says_so),
        cmocka_unit_test(says_when_nobody_can_decide),
        cmocka_unit_test(the_disabled_and_the_unknown_do_not_count),
        cmocka_unit_test(auditors_decide_nothing_whatever_group_they_are_in),
        cmocka_unit_test(who_left_the_group_does_not_count),
        cmocka_unit_test(extensions_are_decided_in_rounds_of_their_own),
        cmocka_unit_test(only_what_is_open_is_decided),
        cmocka_unit_test(those_concerned_see_a_grant_and_may_end_it),
    };
    return RUN_CASES(cases);
}
