// Declarations, principals, integrations and the audit trail, through the API.
#include "world.h"

#include <string.h>

static Answer apply(World *world, const char *configuration, const char *more) {
    return world_as(world, "admin", "POST", "/v1/apply",
                    arena_printf(world->arena, "{\"configuration\":%s%s}", configuration, more));
}

static int64_t version_of(World *world) {
    Configuration configuration = {0};
    Error error = {0};
    assert_int_equal(store_configuration(world->store, world->arena, &configuration, &error),
                     STATUS_OK);
    return configuration.version;
}

static const char GROUP[] = "{\"groups\":[{\"name\":\"new\",\"members\":[\"eve\"]}]}";

static void a_dry_run_says_what_would_change_and_changes_nothing(void **state) {
    WITH_WORLD(world);
    int64_t before = version_of(world);
    Answer dry = apply(world, GROUP, ",\"dry_run\":true");
    assert_status(dry, 200);
    assert_true(json_is_false(json_object_get(dry.body, "applied")));
    assert_int_equal(json_array_size(json_object_get(dry.body, "changes")), 1);
    assert_int_equal(version_of(world), before);
    Answer real = apply(world, GROUP, "");
    assert_true(json_is_true(json_object_get(real.body, "applied")));
    assert_int_equal(int_at(&real, "version"), before + 1);
    Answer again = apply(world, GROUP, "");
    assert_true(json_is_false(json_object_get(again.body, "applied")));
    assert_int_equal(json_array_size(json_object_get(again.body, "changes")), 0);
}

static void faults_are_pointed_at_inside_the_body(void **state) {
    WITH_WORLD(world);
    static const struct {
        const char *configuration, *pointer;
    } CASES[] = {
        {"{\"groups\":[{\"name\":\"Bad Name\"}]}", "/configuration/groups/0/name"},
        {"{\"groups\":[{\"nome\":\"x\"}]}", "/configuration/groups/0/nome"},
        {"{\"flow\":[]}", "/configuration/flow"},
        {"{\"flows\":[{\"name\":\"x\",\"integration\":\"nowhere\",\"requesters\":{\"groups\":["
         "\"dba\"]},\"grants\":[{\"schema\":\"a\",\"tables\":[\"b\"],\"privileges\":[\"SELECT\"]}],"
         "\"duration\":{\"max\":\"1h\"},\"approval\":[{\"auto\":true}]}]}",
         "/configuration/flows/0/integration"},
        {"[]", "/configuration"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        int64_t before = version_of(world);
        Answer answer = apply(world, CASES[i].configuration, "");
        assert_int_equal(answer.status / 100, 4);
        assert_string_equal(text_at(&answer, "pointer"), CASES[i].pointer);
        assert_int_equal(version_of(world), before);
    }
}

static void pruning_deletes_what_is_not_declared(void **state) {
    WITH_WORLD(world);
    assert_status(apply(world, GROUP, ""), 200);
    // Named by a flow: it stays, and all with it.
    Answer refused = apply(world, GROUP, ",\"prune\":true");
    assert_int_equal(refused.status / 100, 4);
    Answer pruned = apply(world,
                          "{\"groups\":[{\"name\":\"backend\",\"members\":[\"ann\"]},"
                          "{\"name\":\"dba\",\"members\":[\"ben\"]}]}",
                          ",\"prune\":true");
    assert_status(pruned, 200);
    Answer groups = world_as(world, "auditor", "GET", "/v1/groups", NULL);
    assert_int_equal(count_of(&groups), 2);
}

static bool warns(const Answer *answer, const char *text) {
    json_t *item;
    for (size_t index = 0;
         (item = json_array_get(json_object_get(answer->body, "warnings"), index)) != NULL;
         index++) {
        if (strstr(json_string_value(item), text) != NULL)
            return true;
    }
    return false;
}

static const char *flow_with(World *world, const char *grants) {
    return arena_printf(world->arena,
                        "{\"flows\":[{\"name\":\"looked-at\",\"integration\":\"shop\","
                        "\"requesters\":{\"groups\":[\"backend\"]},\"grants\":[%s],"
                        "\"duration\":{\"max\":\"1h\"},\"approval\":[{\"auto\":true}]}]}",
                        grants);
}

static void save_discovery(World *world) {
    static const char DISCOVERY[] =
        "{\"schemas\":[\"app\"],\"tables\":[{\"schema\":\"app\",\"name\":\"orders\","
        "\"kind\":\"table\"}],\"sequences\":[\"app.ids\"],"
        "\"functions\":[\"app.total(integer)\"],\"roles\":[\"reader\"]}";
    json_t *discovery = NULL;
    Error error = {0};
    assert_int_equal(json_read(world->arena, DISCOVERY, strlen(DISCOVERY), &discovery, &error),
                     STATUS_OK);
    const IntegrationReport report = {
        .integration = "shop", .discovery = discovery, .discovered_at = world_now_ms(world)};
    assert_int_equal(store_save_integration_report(world->store, &report, &error), STATUS_OK);
}

static void applying_warns_of_what_does_not_exist(void **state) {
    WITH_WORLD(world);
    const char *orders = "{\"schema\":\"app\",\"tables\":[\"orders\"],\"privileges\":[\"SELECT\"]}";
    Answer unknown = apply(world, flow_with(world, orders), ",\"dry_run\":true");
    assert_true(warns(&unknown, "not discovered yet"));
    save_discovery(world);
    Answer good = apply(world, flow_with(world, orders), ",\"dry_run\":true");
    assert_status(good, 200);
    assert_null(json_object_get(good.body, "warnings"));
    static const struct {
        const char *grants, *warning;
    } CASES[] = {
        {"{\"schema\":\"app\",\"tables\":[\"none\"],\"privileges\":[\"SELECT\"]}",
         "table app.none does not exist on shop"},
        {"{\"schema\":\"nope\",\"tables\":[\"orders\"],\"privileges\":[\"SELECT\"]}",
         "schema nope does not exist on shop"},
        {"{\"schema\":\"app\",\"sequences\":[\"none\"],\"privileges\":[\"USAGE\"]}",
         "sequence app.none does not exist on shop"},
        {"{\"schema\":\"app\",\"functions\":[\"none\"],\"privileges\":[\"EXECUTE\"]}",
         "function app.none does not exist on shop"},
        {"{\"role\":\"none\"}", "role none does not exist on shop"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        Answer answer = apply(world, flow_with(world, CASES[i].grants), ",\"dry_run\":true");
        assert_status(answer, 200);
        if (!warns(&answer, CASES[i].warning))
            fail_msg("expected '%s' in: %s", CASES[i].warning, answer.text);
    }
    static const char *const GOOD[] = {
        "{\"schema\":\"app\",\"functions\":[\"total\"],\"privileges\":[\"EXECUTE\"]}",
        "{\"schema\":\"app\",\"functions\":[\"total(integer)\"],\"privileges\":[\"EXECUTE\"]}",
        "{\"role\":\"reader\"}",
    };
    for (size_t i = 0; i < COUNT_OF(GOOD); i++) {
        Answer answer = apply(world, flow_with(world, GOOD[i]), ",\"dry_run\":true");
        assert_status(answer, 200);
        assert_null(json_object_get(answer.body, "warnings"));
    }
}

static void applying_warns_of_a_connector_that_was_never_made(void **state) {
    WITH_WORLD(world);
    Answer answer =
        apply(world,
              "{\"integrations\":[{\"name\":\"x\",\"kind\":\"postgresql\",\"connector\":\"absent\","
              "\"host\":\"h\",\"database\":\"d\",\"admin_secret\":\"s\"}]}",
              "");
    assert_status(answer, 200);
    assert_true(warns(&answer, "there is no connector absent"));
}

static void a_changed_integration_is_looked_at(void **state) {
    WITH_WORLD(world);
    Instance instance = world_enroll(world, "main");
    Action action = {0};
    while (world_poll(world, &instance, &action))
        assert_status(world_report(world, &instance, &action), 204);
    assert_status(
        apply(world,
              "{\"integrations\":[{\"name\":\"shop\",\"kind\":\"postgresql\","
              "\"connector\":\"main\",\"host\":\"elsewhere.internal\",\"port\":5432,"
              "\"database\":\"shop\",\"tls\":\"require\",\"admin_secret\":\"shop-admin\"}]}",
              ""),
        200);
    int checks = 0;
    while (world_poll(world, &instance, &action)) {
        checks++;
        assert_string_equal(action.integration, "shop");
        assert_status(world_report(world, &instance, &action), 204);
    }
    assert_int_equal(checks, 2); // check and discover
    assert_status(
        world_as(world, "admin", "POST", "/v1/integrations/shop/check", "{\"discover\":true}"),
        202);
    checks = 0;
    while (world_poll(world, &instance, &action)) {
        checks++;
        assert_status(world_report(world, &instance, &action), 204);
    }
    assert_int_equal(checks, 2);
    assert_problem(world_as(world, "admin", "POST", "/v1/integrations/none/check", "{}"), 404,
                   "unknown_integration");
}

static void what_is_configured_can_be_declared_again(void **state) {
    WITH_WORLD(world);
    Answer shown = world_as(world, "auditor", "GET", "/v1/configuration", NULL);
    assert_status(shown, 200);
    Answer again = apply(world, shown.text, ",\"dry_run\":true,\"prune\":true");
    assert_status(again, 200);
    assert_int_equal(json_array_size(json_object_get(again.body, "changes")), 0);
}

// ---- Principals -------------------------------------------------------------------------------

static void principals_are_added_changed_and_kept_from_locking_out_all(void **state) {
    WITH_WORLD(world);
    Answer created =
        world_as(world, "admin", "POST", "/v1/principals", "{\"name\":\"zoe@example.com\"}");
    assert_status(created, 201);
    assert_string_equal(text_at(&created, "principal"), "zoe@example.com");
    assert_int_equal(strncmp(text_at(&created, "invitation"), "dpi_", 4), 0);
    assert_problem(
        world_as(world, "admin", "POST", "/v1/principals", "{\"name\":\"zoe@example.com\"}"), 409,
        "already_there");
    assert_problem(world_as(world, "admin", "POST", "/v1/principals", "{\"name\":\"no good\"}"),
                   400, "bad_value");
    Answer changed = world_as(world, "admin", "POST", "/v1/principals/zoe@example.com",
                              "{\"role\":\"auditor\",\"status\":\"disabled\"}");
    assert_status(changed, 200);
    assert_string_equal(text_at(&changed, "role"), "auditor");
    assert_true(json_is_true(json_object_get(changed.body, "disabled")));
    Answer enabled = world_as(world, "admin", "POST", "/v1/principals/zoe@example.com",
                              "{\"status\":\"enabled\"}");
    assert_string_equal(text_at(&enabled, "role"), "auditor");
    assert_true(json_is_false(json_object_get(enabled.body, "disabled")));
    assert_int_equal(
        world_as(world, "admin", "POST", "/v1/principals/admin", "{\"role\":\"member\"}").status /
            100,
        4);
    assert_status(world_as(world, "admin", "GET", "/v1/principals", NULL), 200);
    assert_problem(world_as(world, "admin", "POST", "/v1/principals/nobody", "{}"), 404,
                   "unknown_principal");
}

static void named_things_are_paged_in_their_order(void **state) {
    WITH_WORLD(world);
    static const char *const PEOPLE[] = {"admin", "ann", "auditor", "bea", "ben", "eve"};
    const char *target = "/v1/principals?limit=4";
    size_t seen = 0;
    while (target != NULL) {
        Answer page = world_as(world, "auditor", "GET", target, NULL);
        json_t *item;
        for (size_t index = 0;
             (item = json_array_get(json_object_get(page.body, "items"), index)) != NULL; index++)
            assert_string_equal(json_string_value(json_object_get(item, "name")), PEOPLE[seen++]);
        const char *next = text_at(&page, "next");
        target = next != NULL ? arena_printf(world->arena, "/v1/principals?limit=4&cursor=%s", next)
                              : NULL;
    }
    assert_int_equal(seen, COUNT_OF(PEOPLE));
}

// ---- Audit trail ------------------------------------------------------------------------------

static void the_trail_is_read_in_pages_and_verifies(void **state) {
    WITH_WORLD(world);
    world_request(world);
    AuditVerifier verifier = {.public_key =
                                  signing_key_public_text(world->arena, world->audit_key)};
    const char *target = "/v1/audit?limit=3";
    // The reader's session: asking with a new one each time would add an event a page.
    const char *token = world_session(world, "auditor");
    while (target != NULL) {
        Answer page = world_call(world, token, "GET", target, NULL);
        assert_status(page, 200);
        json_t *item;
        for (size_t index = 0;
             (item = json_array_get(json_object_get(page.body, "items"), index)) != NULL; index++) {
            AuditEvent event = {0};
            Error error = {0};
            if (shape_read(world->arena, &AUDIT_EVENT_SHAPE, item, &event, &error) != STATUS_OK ||
                audit_verify_next(world->arena, &verifier, &event, &error) != STATUS_OK)
                fail_msg("%s", error.message);
        }
        const char *next = text_at(&page, "next");
        target =
            next != NULL ? arena_printf(world->arena, "/v1/audit?limit=3&cursor=%s", next) : NULL;
    }
    Answer head = world_call(world, token, "GET", "/v1/audit/head", NULL);
    assert_int_equal(int_at(&head, "sequence"), verifier.sequence);
    assert_string_equal(text_at(&head, "hash"), verifier.hash);
    assert_true(verifier.verified > 3);
}

static void the_trail_is_filtered(void **state) {
    WITH_WORLD(world);
    const char *id = world_request(world);
    world_request(world);
    Answer by_grant =
        world_as(world, "admin", "GET", arena_printf(world->arena, "/v1/audit?grant=%s", id), NULL);
    assert_int_equal(count_of(&by_grant), 1);
    Answer by_flow = world_as(world, "admin", "GET", "/v1/audit?flow=shop-read&person=ann", NULL);
    assert_int_equal(count_of(&by_flow), 2);
    Answer by_time = world_as(world, "admin", "GET", "/v1/audit?until=2000-01-01T00:00:00Z", NULL);
    assert_int_equal(count_of(&by_time), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dry_run_says_what_would_change_and_changes_nothing),
        cmocka_unit_test(faults_are_pointed_at_inside_the_body),
        cmocka_unit_test(pruning_deletes_what_is_not_declared),
        cmocka_unit_test(applying_warns_of_what_does_not_exist),
        cmocka_unit_test(applying_warns_of_a_connector_that_was_never_made),
        cmocka_unit_test(a_changed_integration_is_looked_at),
        cmocka_unit_test(what_is_configured_can_be_declared_again),
        cmocka_unit_test(principals_are_added_changed_and_kept_from_locking_out_all),
        cmocka_unit_test(named_things_are_paged_in_their_order),
        cmocka_unit_test(the_trail_is_read_in_pages_and_verifies),
        cmocka_unit_test(the_trail_is_filtered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
