#include "domain/grant.h"

#include "shop.h"

static RequestForm form_of(void) {
    return (RequestForm){
        .id = "req_aaaabbbbccccdddd",
        .requester = "ann",
        .flow = "shop-read",
        .reason = "ticket 7",
        .public_key = "key",
        .deployment = "dep_1",
        .now_ms = NOON_MS,
    };
}

static void a_draft_is_a_pending_request_with_its_whole_plan(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    const Grant grant = shop_request(arena, &configuration);
    assert_int_equal(grant.state, GRANT_PENDING);
    assert_string_equal(grant.requester, "ann");
    assert_string_equal(grant.reason, "ticket 7");
    assert_string_equal(grant.public_key, "key");
    assert_int_equal(grant.duration_s, 3600);
    assert_int_equal(grant.requested_at, NOON_MS);
    assert_int_equal(grant.lapses_at, NOON_MS + 24 * HOUR_MS);
    assert_ptr_equal(grant.flow, configuration_flow(&configuration, "shop-read"));
    assert_string_equal(
        shape_format(arena, &PLAN_SHAPE, grant.plan),
        "{\"access\":[{\"all_functions\":false,\"all_sequences\":false,\"all_tables\":false,"
        "\"future_tables\":false,\"preset\":\"none\",\"privileges\":[\"SELECT\"],\"schema\":"
        "\"app\",\"tables\":[\"orders\"]}],\"account\":\"temp_ann_ccccdddd\",\"admin_secret\":"
        "\"shop-admin\",\"connection_limit\":10,\"connector\":\"main\",\"deployment\":\"dep_1\","
        "\"duration\":\"1h\",\"grant_id\":\"req_aaaabbbbccccdddd\",\"integration\":\"shop-prod\","
        "\"privilege_mode\":\"shared-role\",\"require_tls\":false,\"target\":{\"database\":"
        "\"shop\",\"host\":"
        "\"db.internal\",\"kind\":\"postgresql\",\"port\":5432,\"tls\":\"verify-full\"}}");
}

static void a_draft_keeps_the_port_and_custodian_of_the_integration(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    configuration.integrations.items[0].port = 6432;
    configuration.integrations.items[0].custodian = "keeper";
    const Grant grant = shop_request(arena, &configuration);
    assert_int_equal(grant.plan->target->port, 6432);
    assert_string_equal(grant.plan->custodian, "keeper");
}

static void an_account_is_pinned_as_the_flow_says(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    configuration.integrations.items[0].kind = TARGET_MARIADB;
    RequestForm form = form_of();
    form.address = "192.0.2.7";
    Grant grant;
    assert_int_equal(grant_draft(arena, &configuration, &form, &grant, NULL), STATUS_OK);
    assert_null(grant.plan->account_host);
    assert_int_equal(grant.plan->privilege_mode, PRIVILEGE_DIRECT); // auto, of this kind
    configuration.flows.items[0].account_host = "10.1.%";
    assert_int_equal(grant_draft(arena, &configuration, &form, &grant, NULL), STATUS_OK);
    assert_string_equal(grant.plan->account_host, "10.1.%");
    configuration.flows.items[0].account_host = ACCOUNT_HOST_REQUESTER;
    assert_int_equal(grant_draft(arena, &configuration, &form, &grant, NULL), STATUS_OK);
    assert_string_equal(grant.plan->account_host, "192.0.2.7");
    // It stays so when somebody looks from elsewhere.
    assert_int_equal(grant_check_current(arena, &configuration, &grant, NULL), STATUS_OK);
}

static void is_refused(const RequestForm *form, Status status, const char *code) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = {.id = "untouched"};
    Error error = {0};
    expect_fault(grant_draft(arena, &configuration, form, &grant, &error), &error, status, code);
    assert_string_equal(grant.id, "untouched");
}

static void only_requesters_of_a_flow_may_ask(void **state) {
    static const char *const OTHERS[] = {"cleo", "eve", "root", "ida", "stranger", "", "backend"};
    for (size_t i = 0; i < COUNT_OF(OTHERS); i++) {
        RequestForm form = form_of();
        form.requester = OTHERS[i];
        is_refused(&form, STATUS_FORBIDDEN, "not_a_requester");
    }
}

static void a_flow_that_is_not_there_looks_like_one_of_others(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    RequestForm stranger = form_of(), missing = form_of();
    stranger.requester = "cleo";
    missing.flow = "shop-writ";
    Grant grant;
    Error of_others = {0}, of_none = {0};
    expect_fault(grant_draft(arena, &configuration, &stranger, &grant, &of_others), &of_others,
                 STATUS_FORBIDDEN, "not_a_requester");
    expect_fault(grant_draft(arena, &configuration, &missing, &grant, &of_none), &of_none,
                 STATUS_FORBIDDEN, "not_a_requester");
    const char *end = strchr(of_others.message, '"') + 1;
    assert_memory_equal(of_others.message, of_none.message, (size_t)(end - of_others.message));
    assert_string_equal(strstr(of_others.message, "\" that"), strstr(of_none.message, "\" that"));
}

static void a_hostile_flow_name_comes_back_printable(void **state) {
    RequestForm form = form_of();
    form.flow = "\x1b[31m\n";
    is_refused(&form, STATUS_FORBIDDEN, "not_a_requester");
    char longest[300];
    memset(longest, 'x', sizeof(longest));
    for (size_t i = 0; i + 2 < sizeof(longest); i += 2) { // cut anywhere, a character is cut
        longest[i + 1] = '\xC3';
        longest[i + 2] = '\xA4';
    }
    longest[sizeof(longest) - 1] = '\0';
    form.flow = longest;
    is_refused(&form, STATUS_FORBIDDEN, "not_a_requester");
}

static void a_reason_is_wanted_where_the_flow_says_so(void **state) {
    static const char *const MISSING[] = {NULL, "", "   "};
    for (size_t i = 0; i < COUNT_OF(MISSING); i++) {
        RequestForm form = form_of();
        form.reason = MISSING[i];
        is_refused(&form, STATUS_INVALID, "reason_missing");

        CLEANUP(arena_freep) Arena *arena = arena_new();
        Configuration configuration = shop(arena);
        configuration.flows.items[0].reason = REASON_OPTIONAL;
        Grant grant;
        Error error = {0};
        expect_ok(grant_draft(arena, &configuration, &form, &grant, &error), &error);
        assert_null(grant.reason);
    }
}

static void a_reason_is_one_short_line(void **state) {
    char longest[1002];
    memset(longest, 'x', sizeof(longest));
    longest[1001] = '\0';
    RequestForm form = form_of();
    form.reason = longest;
    is_refused(&form, STATUS_INVALID, "reason_too_long");
    form.reason = "two\nlines";
    is_refused(&form, STATUS_INVALID, "bad_reason");
    form.reason = "\xE2\x80\xAE"
                  "backwards";
    is_refused(&form, STATUS_INVALID, "bad_reason");

    longest[1000] = '\0';
    form.reason = longest;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant;
    Error error = {0};
    expect_ok(grant_draft(arena, &configuration, &form, &grant, &error), &error);
}

static void refuses_durations_outside_the_flow(void **state) {
    RequestForm form = form_of();
    form.duration_s = 8 * 3600 + 1;
    is_refused(&form, STATUS_INVALID, "duration_too_long");
    form.duration_s = -1;
    is_refused(&form, STATUS_INVALID, "duration_too_short");
}

static void refuses_a_flow_without_its_integration(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Configuration configuration = shop(arena);
    configuration.integrations.count = 0; // no declaration leads here
    const RequestForm form = form_of();
    Grant grant;
    Error error = {0};
    expect_fault(grant_draft(arena, &configuration, &form, &grant, &error), &error, STATUS_CONFLICT,
                 "unknown_integration");
}

static void a_request_stays_current_while_nothing_changes(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration before = shop(arena);
    const Grant grant = shop_request(arena, &before);
    Configuration now = shop(arena);
    now.flows.items[0].description = "reads the shop"; // means nothing
    now.groups.items[1].members = (StringList){0};
    Error error = {0};
    expect_ok(grant_check_current(arena, &now, &grant, &error), &error);
}

static void is_changed(Arena *arena, const Configuration *now, const char *what) {
    const Configuration before = shop(arena);
    const Grant grant = shop_request(arena, &before);
    Error error = {0};
    expect_fault(grant_check_current(arena, now, &grant, &error), &error, STATUS_CONFLICT,
                 "flow_changed");
    assert_true(text_starts_with(error.message, what));
    assert_non_null(strstr(error.message, "cancel it"));
    Grant live = grant; // one that is extended goes on, and cannot be cancelled
    live.state = GRANT_ACTIVE;
    expect_fault(grant_check_current(arena, now, &live, &error), &error, STATUS_CONFLICT,
                 "flow_changed");
    assert_true(text_starts_with(error.message, what));
    assert_non_null(strstr(error.message, "it keeps its end"));
}

static void a_request_does_not_outlive_what_it_was_made_for(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Configuration now = shop(arena);
    now.flows.count = 0;
    is_changed(arena, &now, "the flow was deleted");
    now = shop(arena);
    string_list_add(arena, &now.flows.items[0].access.items[0].tables, "customers");
    is_changed(arena, &now, "the flow was changed");
    now = shop(arena);
    now.flows.items[0].approval.items[0].count = 2;
    is_changed(arena, &now, "the flow was changed");
    now = shop(arena);
    now.integrations.items[0].host = "elsewhere";
    is_changed(arena, &now, "the integration was changed");
    now = shop(arena);
    now.integrations.count = 0;
    is_changed(arena, &now, "the integration was deleted");
    now = shop(arena);
    now.groups.items[0].members = (StringList){0};
    is_changed(arena, &now, "the requester lost");
    now = shop(arena);
    now.principals.items[0].disabled = true;
    is_changed(arena, &now, "the requester lost");
}

static void an_extension_is_within_the_flow(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Grant grant = shop_request(arena, &configuration);
    Error error = {0};
    expect_fault(grant_extension_check(&grant, 60, &error), &error, STATUS_CONFLICT, "wrong_state");
    grant.state = GRANT_ACTIVE;
    grant.granted_at = NOON_MS;
    grant.expires_at = NOON_MS + HOUR_MS;
    assert_int_equal(grant_extension_check(&grant, 1, &error), STATUS_OK);
    assert_int_equal(grant_extension_check(&grant, 7 * 3600, &error), STATUS_OK);
    expect_fault(grant_extension_check(&grant, 7 * 3600 + 1, &error), &error, STATUS_INVALID,
                 "duration_too_long");
    expect_fault(grant_extension_check(&grant, INT64_MAX, &error), &error, STATUS_INVALID,
                 "duration_too_long");
    expect_fault(grant_extension_check(&grant, 0, &error), &error, STATUS_INVALID,
                 "duration_too_short");
    expect_fault(grant_extension_check(&grant, INT64_MIN, &error), &error, STATUS_INVALID,
                 "duration_too_short");
    grant.extension_state = EXTENSION_PENDING;
    expect_fault(grant_extension_check(&grant, 60, &error), &error, STATUS_CONFLICT,
                 "extension_pending");
    configuration.flows.items[0].extension = EXTENSION_NEVER;
    expect_fault(grant_extension_check(&grant, 60, &error), &error, STATUS_FORBIDDEN,
                 "extension_not_offered");
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_draft_is_a_pending_request_with_its_whole_plan),
        cmocka_unit_test(a_draft_keeps_the_port_and_custodian_of_the_integration),
        cmocka_unit_test(an_account_is_pinned_as_the_flow_says),
        cmocka_unit_test(only_requesters_of_a_flow_may_ask),
        cmocka_unit_test(a_flow_that_is_not_there_looks_like_one_of_others),
        cmocka_unit_test(a_hostile_flow_name_comes_back_printable),
        cmocka_unit_test(a_reason_is_wanted_where_the_flow_says_so),
        cmocka_unit_test(a_reason_is_one_short_line),
        cmocka_unit_test(refuses_durations_outside_the_flow),
        cmocka_unit_test(refuses_a_flow_without_its_integration),
        cmocka_unit_test(a_request_stays_current_while_nothing_changes),
        cmocka_unit_test(a_request_does_not_outlive_what_it_was_made_for),
        cmocka_unit_test(an_extension_is_within_the_flow),
    };
    return RUN_CASES(cases);
}
