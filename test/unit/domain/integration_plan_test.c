#include "domain/integration_plan.h"

#include "unit/base/cases.h"

#include <string.h>

static Configuration parse(Arena *arena, const char *json) {
    Configuration configuration;
    Error error = {0};
    if (shape_parse(arena, &CONFIGURATION_SHAPE, json, strlen(json), &configuration, &error) !=
        STATUS_OK)
        fail_msg("%s: %s", error.pointer, error.message);
    return configuration;
}

#define INTEGRATION(name, port)                                                                    \
    "{\"name\": \"" name "\", \"kind\": \"postgresql\", \"connector\": \"main\"," port             \
    " \"host\": \"db\", \"database\": \"shop\", \"admin_secret\": \"admin\"}"
#define FLOW(name, integration, access)                                                            \
    "{\"name\": \"" name "\", \"integration\": \"" integration "\", \"requesters\": {\"groups\":"  \
    " [\"g\"]}, \"duration\": {\"default\": \"1h\", \"max\": \"1h\"}, \"approval\":"               \
    " [{\"auto\": true}], \"grants\": [" access "]}"
#define READ(table)                                                                                \
    "{\"schema\": \"app\", \"tables\": [\"" table "\"], \"privileges\": [\"SELECT\"]}"

static void names_the_port_of_the_kind_where_none_is_given(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Configuration configuration = parse(
        arena,
        "{\"integrations\": [" INTEGRATION("a", "") "," INTEGRATION("b", "\"port\": 6000,") "]}");
    Plan usual = integration_plan(arena, &configuration.integrations.items[0]);
    Plan other = integration_plan(arena, &configuration.integrations.items[1]);
    assert_int_equal(usual.target->port, 5432);
    assert_int_equal(other.target->port, 6000);
    configuration.integrations.items[1].privilege_mode = PRIVILEGE_DIRECT;
    other = integration_plan(arena, &configuration.integrations.items[1]);
    assert_int_equal(usual.privilege_mode, PRIVILEGE_SHARED_ROLE);
    assert_int_equal(other.privilege_mode, PRIVILEGE_DIRECT);
    assert_string_equal(usual.admin_secret, "admin");
    assert_string_equal(usual.connector, "main");
}

static void holds_what_all_its_flows_grant_once(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Configuration configuration = parse(
        arena,
        "{\"integrations\": [" INTEGRATION("a", "") "," INTEGRATION(
            "b", "") "],"
                     " \"flows\": [" FLOW("one", "a", READ("orders") "," READ("items")) "," FLOW(
                         "two", "a",
                         READ("items") "," READ("people")) "," FLOW("three", "b",
                                                                    READ("secret")) "]}");
    Plan plan = integration_plan_of_flows(arena, &configuration,
                                          &configuration.integrations.items[0], "dep_1");
    assert_string_equal(plan.deployment, "dep_1");
    static const char *const TABLES[] = {"orders", "items", "people"};
    assert_int_equal(plan.access.count, COUNT_OF(TABLES));
    for (size_t i = 0; i < COUNT_OF(TABLES); i++)
        assert_string_equal(plan.access.items[i].tables.items[0], TABLES[i]);
}

static void stops_where_a_plan_is_full(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Configuration configuration =
        parse(arena, "{\"integrations\": [" INTEGRATION("a", "") "], \"flows\": [" FLOW(
                         "one", "a", READ("orders")) "," FLOW("two", "a", READ("items")) "]}");
    Flow *flow = &configuration.flows.items[0];
    AccessItem *items = arena_alloc(arena, ACCESS_ITEMS_MAX * sizeof(*items));
    for (size_t i = 0; i < ACCESS_ITEMS_MAX; i++) {
        const char **table = arena_alloc(arena, sizeof(*table));
        *table = arena_printf(arena, "t%zu", i);
        items[i] = flow->access.items[0];
        items[i].tables = (StringList){table, 1};
    }
    flow->access.items = items;
    flow->access.count = ACCESS_ITEMS_MAX;
    Plan plan = integration_plan_of_flows(arena, &configuration,
                                          &configuration.integrations.items[0], "dep_1");
    assert_int_equal(plan.access.count, ACCESS_ITEMS_MAX);
    assert_string_equal(plan.access.items[ACCESS_ITEMS_MAX - 1].tables.items[0],
                        arena_printf(arena, "t%d", ACCESS_ITEMS_MAX - 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_port_of_the_kind_where_none_is_given),
        cmocka_unit_test(holds_what_all_its_flows_grant_once),
        cmocka_unit_test(stops_where_a_plan_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
