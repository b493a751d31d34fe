#include "domain/flow.h"

#include "shop.h"

// A flow that is in order, with one key's value replaced.
static const char *flow_json(Arena *arena, const char *key, const char *value) {
    static const char *const KEYS[][2] = {
        {"name", "\"shop-read\""},
        {"integration", "\"shop-prod\""},
        {"requesters", "{\"principals\": [\"ann\"]}"},
        {"grants", "[{\"role\": \"reporting\"}]"},
        {"duration", "{\"default\": \"1h\", \"max\": \"8h\"}"},
        {"approval", "[{\"any_of\": {\"groups\": [\"dba\"]}}]"},
    };
    const char *json = "";
    bool replaced = false;
    for (size_t i = 0; i < COUNT_OF(KEYS); i++) {
        bool this_one = text_equal(key, KEYS[i][0]);
        replaced |= this_one;
        json = arena_printf(arena, "%s%s\"%s\": %s", json, i == 0 ? "" : ", ", KEYS[i][0],
                            this_one ? value : KEYS[i][1]);
    }
    if (!replaced && key != NULL)
        json = arena_printf(arena, "%s, \"%s\": %s", json, key, value);
    return arena_printf(arena, "{%s}", json);
}

static Flow flow_of(Arena *arena, const char *key, const char *value) {
    const char *json = flow_json(arena, key, value);
    Flow flow;
    Error error = {0};
    expect_ok(shape_parse(arena, &FLOW_SHAPE, json, strlen(json), &flow, &error), &error);
    return flow;
}

static Status check_all(const Flow *flow, TargetKind kind, Error *reterr) {
    TRY(flow_check(flow, reterr));
    return flow_check_kind(flow, kind, reterr);
}

static void accepts(const char *key, const char *value) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Flow flow = flow_of(arena, key, value);
    Error error = {0};
    expect_ok(check_all(&flow, TARGET_POSTGRESQL, &error), &error);
}

static void refuses(const char *key, const char *value, const char *pointer) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Flow flow = flow_of(arena, key, value);
    Error error = {0};
    expect_fault(check_all(&flow, TARGET_POSTGRESQL, &error), &error, STATUS_INVALID,
                 text_starts_with(pointer, "/grants/") ? "bad_access_item" : "bad_value");
    assert_string_equal(error.pointer, pointer);
    assert_int_equal(check_all(&flow, TARGET_POSTGRESQL, NULL),
                     STATUS_INVALID); // who asks for no reason gets none
}

static void defaults_are_safe(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Flow flow = flow_of(arena, NULL, NULL);
    assert_false(flow.self_approval);
    assert_int_equal(flow.lapse_after_s, 24 * 3600);
    assert_int_equal(flow.extension, EXTENSION_APPROVAL);
    assert_int_equal(flow.reason, REASON_OPTIONAL);
    assert_int_equal(flow.approval.items[0].count, 1);
    assert_false(flow.approval.items[0].automatic);
    const Configuration configuration = shop(arena);
    const Integration *integration = configuration_integration(&configuration, "shop-prod");
    assert_int_equal(integration->tls, TLS_VERIFY_FULL);
    assert_int_equal(integration->privilege_mode, PRIVILEGE_AUTO);
    assert_int_equal(integration->connection_limit, 10);
    assert_string_equal(integration->account_prefix, "temp_");
    assert_false(integration->require_tls);
    assert_null(flow.account_host);
}

static void takes_flows_in_order(void **state) {
    accepts(NULL, NULL);
    accepts("duration", "{\"max\": \"5s\"}");
    accepts("duration", "{\"max\": \"365d\", \"default\": \"365d\"}");
    accepts("approval", "[{\"auto\": true}]");
    accepts("approval", "[{\"any_of\": {\"principals\": [\"bob\", \"cleo\"]}, \"count\": 2},"
                        " {\"all_of\": {\"principals\": [\"dan\"]}, \"count\": 5}]");
    accepts("lapse_after", "\"5s\"");
}

static void refuses_flows_that_name_nobody(void **state) {
    refuses("requesters", "{}", "/requesters");
    refuses("requesters", "{\"groups\": []}", "/requesters");
    refuses("approval", "[{\"any_of\": {}}]", "/approval/0/any_of");
    refuses("approval", "[{\"auto\": true}, {\"all_of\": {}}]", "/approval/1/all_of");
}

static void refuses_flows_that_give_nothing_or_nonsense(void **state) {
    refuses("grants", "[]", "/grants");
    refuses("grants", "[{\"role\": \"r\"}, {}]", "/grants/1");
}

static void refuses_unbounded_durations(void **state) {
    refuses("duration", "{\"max\": \"4s\"}", "/duration/max");
    refuses("duration", "{\"max\": \"366d\"}", "/duration/max");
    refuses("duration", "{\"max\": \"1h\", \"default\": \"4s\"}", "/duration/default");
    refuses("duration", "{\"max\": \"1h\", \"default\": \"61m\"}", "/duration/default");
    refuses("lapse_after", "\"4s\"", "/lapse_after");
    refuses("lapse_after", "\"366d\"", "/lapse_after");
}

static void approval_is_written_out(void **state) {
    refuses("approval", "[]", "/approval");
    refuses("approval", "[{}]", "/approval/0");
    refuses("approval", "[{\"auto\": true, \"any_of\": {\"groups\": [\"dba\"]}}]", "/approval/0");
    refuses("approval",
            "[{\"all_of\": {\"groups\": [\"dba\"]}, \"any_of\": {\"groups\": [\"dba\"]}}]",
            "/approval/0");
}

static void refuses_counts_nobody_can_reach(void **state) {
    refuses("approval", "[{\"any_of\": {\"principals\": [\"bob\"]}, \"count\": 2}]",
            "/approval/0/count");
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Flow flow = flow_of(arena, NULL, NULL);
    static const int64_t BAD[] = {0, -1, 101};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        flow.approval.items[0].count = BAD[i];
        Error error = {0};
        expect_fault(flow_check(&flow, &error), &error, STATUS_INVALID, "bad_value");
        assert_string_equal(error.pointer, "/approval/0/count");
    }
}

static void no_tls_over_unix_sockets(void **state) {
    Integration integration = {
        .host = "/run/postgresql", .database = "shop", .tls = TLS_VERIFY_FULL};
    Error error = {0};
    expect_fault(integration_check(&integration, &error), &error, STATUS_INVALID, "bad_value");
    assert_string_equal(error.pointer, "/tls");
    integration.tls = TLS_DISABLE;
    assert_int_equal(integration_check(&integration, NULL), STATUS_OK);
    integration = (Integration){.host = "db.internal", .database = "shop", .tls = TLS_VERIFY_FULL};
    assert_int_equal(integration_check(&integration, NULL), STATUS_OK);
}

static void refuses_what_a_kind_does_not_offer(void **state) {
    static const struct {
        Integration integration;
        const char *pointer;
    } BAD[] = {
        {{.kind = TARGET_POSTGRESQL, .host = "h"}, "/database"},
        {{.kind = TARGET_MYSQL, .host = "h"}, "/database"},
        {{.kind = TARGET_MYSQL,
          .host = "h",
          .database = "d",
          .privilege_mode = PRIVILEGE_SHARED_ROLE},
         "/privilege_mode"},
        {{.kind = TARGET_POSTGRESQL, .host = "h", .database = "d", .require_tls = true},
         "/require_tls"},
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        Error error = {0};
        assert_int_equal(integration_check(&BAD[i].integration, &error), STATUS_INVALID);
        assert_string_equal(error.pointer, BAD[i].pointer);
    }
    const Integration postgresql = {
        .host = "h", .database = "d", .privilege_mode = PRIVILEGE_SHARED_ROLE};
    assert_int_equal(integration_check(&postgresql, NULL), STATUS_OK);
    const Integration mariadb = {
        .kind = TARGET_MARIADB, .host = "h", .database = "d", .require_tls = true};
    assert_int_equal(integration_check(&mariadb, NULL), STATUS_OK);
    const Integration redis = {.kind = TARGET_REDIS, .host = "h"};
    assert_int_equal(integration_check(&redis, NULL), STATUS_OK);
    assert_string_equal(integration_target(&redis).database, "0");
}

static void where_accounts_log_in_from_is_for_kinds_that_know(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Flow flow = flow_of(arena, "account_host", "\"requester\"");
    Error error = {0};
    expect_ok(check_all(&flow, TARGET_MYSQL, &error), &error);
    expect_fault(check_all(&flow, TARGET_POSTGRESQL, &error), &error, STATUS_INVALID, "bad_value");
    assert_string_equal(error.pointer, "/account_host");
}

static void duration_is(const char *rule, int64_t wanted_s, int64_t expected_s) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Flow flow = flow_of(arena, "duration", rule);
    int64_t duration_s = 0;
    Error error = {0};
    expect_ok(flow_duration(&flow, wanted_s, &duration_s, &error), &error);
    assert_int_equal(duration_s, expected_s);
}

static void a_request_gets_the_time_it_asks_for_or_the_default(void **state) {
    duration_is("{\"default\": \"2h\", \"max\": \"8h\"}", 0, 2 * 3600);
    duration_is("{\"max\": \"8h\"}", 0, 3600);
    duration_is("{\"max\": \"30m\"}", 0, 30 * 60);
    duration_is("{\"max\": \"8h\"}", 8 * 3600, 8 * 3600);
    duration_is("{\"max\": \"8h\"}", 5, 5);
}

static void refuses_duration_above_the_flow_maximum(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Flow flow = flow_of(arena, NULL, NULL);
    int64_t duration_s = 77;
    Error error = {0};
    expect_fault(flow_duration(&flow, 8 * 3600 + 1, &duration_s, &error), &error, STATUS_INVALID,
                 "duration_too_long");
    assert_non_null(strstr(error.message, "8h"));
    expect_fault(flow_duration(&flow, 4, &duration_s, &error), &error, STATUS_INVALID,
                 "duration_too_short");
    expect_fault(flow_duration(&flow, -3600, &duration_s, &error), &error, STATUS_INVALID,
                 "duration_too_short");
    assert_int_equal(duration_s, 77);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(defaults_are_safe),
        cmocka_unit_test(takes_flows_in_order),
        cmocka_unit_test(refuses_flows_that_name_nobody),
        cmocka_unit_test(refuses_flows_that_give_nothing_or_nonsense),
        cmocka_unit_test(refuses_unbounded_durations),
        cmocka_unit_test(approval_is_written_out),
        cmocka_unit_test(refuses_counts_nobody_can_reach),
        cmocka_unit_test(no_tls_over_unix_sockets),
        cmocka_unit_test(refuses_what_a_kind_does_not_offer),
        cmocka_unit_test(where_accounts_log_in_from_is_for_kinds_that_know),
        cmocka_unit_test(a_request_gets_the_time_it_asks_for_or_the_default),
        cmocka_unit_test(refuses_duration_above_the_flow_maximum),
    };
    return RUN_CASES(cases);
}
