// Grants on AWS, of which nothing is delivered, and what applying warns of in flows for AWS.
#include "world.h"

#include <string.h>

static const char CONFIGURATION[] =
    "{\"principals\":[{\"name\":\"ann\",\"aws_identities\":["
    "\"arn:aws:iam::999999999999:user/ann\",\"arn:aws:iam::123456789012:user/dev/ann\"]}],"
    "\"integrations\":[{\"name\":\"aws-prod\",\"kind\":\"aws\",\"connector\":\"main\","
    "\"aws\":{\"account\":\"123456789012\",\"region\":\"eu-central-1\"},"
    "\"admin_secret\":\"aws-admin\"}],"
    "\"flows\":[{\"name\":\"orders-iam\",\"integration\":\"aws-prod\","
    "\"requesters\":{\"groups\":[\"backend\"]},"
    "\"grants\":[{\"rds_connect\":{\"identifier\":\"orders-db\",\"users\":[\"app_read\"]}}],"
    "\"duration\":{\"max\":\"4h\"},\"approval\":[{\"auto\":true}]}]}";

static Answer apply(World *world, const char *configuration, const char *more) {
    return world_as(world, "admin", "POST", "/v1/apply",
                    arena_printf(world->arena, "{\"configuration\":%s%s}", configuration, more));
}

static Answer request(World *world, const char *flow, const char *more) {
    return world_as(
        world, "ann", "POST", "/v1/grants",
        arena_printf(world->arena, "{\"flow\":\"%s\",\"reason\":\"a test\"%s}", flow, more));
}

// Given, as a connector reports it that has nothing to seal.
static const char *active_grant(World *world) {
    assert_status(apply(world, CONFIGURATION, ""), 200);
    Answer asked = request(world, "orders-iam", "");
    assert_status(asked, 201);
    Instance instance = world_enroll(world, "main");
    for (Action action; world_poll(world, &instance, &action);) {
        const ActionReport report = {
            .action_id = action.id,
            .attempt = action.attempt,
            .done = true,
            .expires_in_ms = action.kind == ACTION_GRANT ? action.expires_at - action.issued_at : 0,
        };
        assert_status(world_signed(world, &instance, "/v1/connector/report",
                                   shape_format(world->arena, &ACTION_REPORT_SHAPE, &report)),
                      204);
        if (action.kind == ACTION_GRANT)
            return text_at(&asked, "id");
    }
    fail_msg("the grant action was never handed out");
    return NULL;
}

static void nothing_is_sealed_and_nothing_can_be_fetched_or_reset(void **state) {
    WITH_WORLD(world);
    const char *id = active_grant(world);
    const char *target = arena_printf(world->arena, "/v1/grants/%s", id);
    Answer shown = world_as(world, "ann", "GET", target, NULL);
    assert_string_equal(text_at(&shown, "state"), "active");
    assert_string_equal(text_at(&shown, "kind"), "aws");
    assert_string_equal(text_at(&shown, "target"), "aws account 123456789012, eu-central-1");
    assert_string_equal(text_at(&shown, "identity"), "arn:aws:iam::123456789012:user/dev/ann");
    assert_null(text_at(&shown, "public_key"));
    assert_true(list_has(&shown, "may", "connect"));
    assert_true(list_has(&shown, "may", "extend"));
    assert_false(list_has(&shown, "may", "credentials"));
    assert_false(list_has(&shown, "may", "reset"));
    assert_problem(
        world_as(world, "ann", "GET", arena_printf(world->arena, "%s/credentials", target), NULL),
        409, "nothing_delivered");
    const char *key =
        arena_printf(world->arena, "{\"public_key\":\"%s\"}", world_public_key(world));
    assert_problem(
        world_as(world, "ann", "POST", arena_printf(world->arena, "%s/reset", target), key), 409,
        "nothing_delivered");
    assert_false(world_has_event(world, "grant.reset_requested", id));
    Answer others = world_as(world, "admin", "GET", target, NULL);
    assert_false(list_has(&others, "may", "connect"));
}

static void a_key_is_kept_only_where_something_is_sealed_to_it(void **state) {
    WITH_WORLD(world);
    assert_status(apply(world, CONFIGURATION, ""), 200);
    Answer given =
        request(world, "orders-iam",
                arena_printf(world->arena, ",\"public_key\":\"%s\"", world_public_key(world)));
    assert_status(given, 201);
    assert_null(text_at(&given, "public_key"));
    Answer missing = request(world, "shop-read", "");
    assert_problem(missing, 400, "missing_field");
    assert_string_equal(text_at(&missing, "pointer"), "/public_key");
}

static void principals_show_who_they_are_on_aws(void **state) {
    WITH_WORLD(world);
    assert_status(apply(world, CONFIGURATION, ""), 200);
    Answer answer = world_as(world, "admin", "POST", "/v1/principals/ann", "{\"role\":\"member\"}");
    assert_status(answer, 200);
    assert_true(list_has(&answer, "aws_identities", "arn:aws:iam::123456789012:user/dev/ann"));
}

static void an_orphan_is_in_an_account(void **state) {
    WITH_WORLD(world);
    assert_status(apply(world, CONFIGURATION, ""), 200);
    Instance instance = world_enroll(world, "main");
    static const char SWEEP[] =
        "{\"admin_secret\":\"aws-admin\",\"target_kind\":\"aws\",\"host\":\"123456789012\","
        "\"port\":443,\"accounts\":[{\"account\":\"user/ann/grt_aaaaaaaaaaaaaaaa\","
        "\"grant_id\":\"grt_aaaaaaaaaaaaaaaa\",\"deployment\":\"dep_another\"}]}";
    assert_status(world_signed(world, &instance, "/v1/connector/accounts", SWEEP), 204);
    Answer list = world_as(world, "auditor", "GET", "/v1/orphans", NULL);
    const json_t *orphan = json_array_get(json_object_get(list.body, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(orphan, "target")),
                        "account 123456789012");
}

// ---- Warnings -----------------------------------------------------------------------------------

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

static void save_discovery(World *world, const char *notes) {
    const char *text = arena_printf(
        world->arena,
        "{\"resources\":["
        "{\"kind\":\"rds instance\",\"id\":\"db-ON\",\"identifier\":\"orders-db\","
        "\"iam_authentication\":true,\"tags\":[\"team=orders\"]},"
        "{\"kind\":\"rds cluster\",\"id\":\"cluster-OFF\",\"identifier\":\"old\","
        "\"iam_authentication\":false,\"tags\":[\"team=old\"]},"
        "{\"kind\":\"rds proxy\",\"id\":\"prx-OFF\",\"identifier\":\"pool\"},"
        "{\"kind\":\"instance\",\"id\":\"i-0123456789abcdef0\",\"tags\":[\"team=orders\","
        "\"tier=web\"]}],\"notes\":[%s]}",
        notes);
    json_t *discovery = NULL;
    Error error = {0};
    assert_int_equal(json_read(world->arena, text, strlen(text), &discovery, &error), STATUS_OK);
    const IntegrationReport report = {
        .integration = "aws-prod", .discovery = discovery, .discovered_at = world_now_ms(world)};
    assert_int_equal(store_save_integration_report(world->store, &report, &error), STATUS_OK);
}

static const char *flow_with(World *world, const char *grants, const char *requester) {
    return arena_printf(world->arena,
                        "{\"flows\":[{\"name\":\"looked-at\",\"integration\":\"aws-prod\","
                        "\"requesters\":{\"principals\":[\"%s\"]},\"grants\":[%s],"
                        "\"duration\":{\"max\":\"1h\"},\"approval\":[{\"auto\":true}]}]}",
                        requester, grants);
}

// "": no warning at all.
static const struct {
    const char *item, *warning;
} WARNINGS[] = {
    {"{\"rds_connect\":{\"identifier\":\"orders-db\",\"users\":[\"a\"]}}", ""},
    {"{\"rds_connect\":{\"resource\":\"db-ON\",\"users\":[\"a\"]}}", ""},
    {"{\"rds_connect\":{\"resource\":\"*\",\"users\":[\"a\"]}}", ""},
    {"{\"rds_connect\":{\"tag\":\"team=orders\",\"users\":[\"a\"]}}", ""},
    {"{\"rds_connect\":{\"identifier\":\"order-db\",\"users\":[\"a\"]}}",
     "database order-db was not found through aws-prod"},
    {"{\"rds_connect\":{\"resource\":\"db-GONE\",\"users\":[\"a\"]}}",
     "database db-GONE was not found"},
    {"{\"rds_connect\":{\"tag\":\"tier=web\",\"users\":[\"a\"]}}",
     "a database with tag tier=web was not found"},
    {"{\"rds_connect\":{\"identifier\":\"old\",\"users\":[\"a\"]}}",
     "IAM authentication is off on rds cluster old, which lets nobody in this way; to turn it on: "
     "aws rds modify-db-cluster --db-cluster-identifier old "},
    {"{\"rds_connect\":{\"tag\":\"team=old\",\"users\":[\"a\"]}}",
     "IAM authentication is off on rds cluster old"},
    {"{\"rds_connect\":{\"resource\":\"prx-OFF\",\"users\":[\"a\"]}}",
     "IAM authentication is off on rds proxy pool"},
    {"{\"ssm_session\":{\"instances\":[\"i-0123456789abcdef0\",\"mi-0123456789abcdef0\"]}}", ""},
    {"{\"ssm_session\":{\"tag\":\"tier=web\"}}", ""},
    {"{\"ssm_session\":{\"instances\":[\"i-0123456789abcdef1\"]}}",
     "instance i-0123456789abcdef1 was not found"},
    {"{\"ssm_session\":{\"tag\":\"team=old\"}}", "an instance with tag team=old was not found"},
    {"{\"allow\":{\"actions\":[\"s3:GetObject\"],\"resources\":[\"arn:aws:s3:::a/*\"]}}", ""},
};

static void applying_warns_of_what_is_not_found_or_lets_nobody_in(void **state) {
    WITH_WORLD(world);
    world_enroll(world, "main");
    assert_status(apply(world, CONFIGURATION, ""), 200);
    save_discovery(world, "");
    for (size_t i = 0; i < COUNT_OF(WARNINGS); i++) {
        const char *flow = flow_with(world, WARNINGS[i].item, "ann");
        Answer answer = apply(world, flow, ",\"dry_run\":true");
        assert_status(answer, 200);
        bool expected = WARNINGS[i].warning[0] != '\0';
        if (expected ? !warns(&answer, WARNINGS[i].warning)
                     : json_object_get(answer.body, "warnings") != NULL)
            fail_msg("expected '%s' in: %s", WARNINGS[i].warning, answer.text);
        assert_false(warns(&answer, "not everything could be read"));
    }
    save_discovery(world, "\"IAM authentication is off on rds cluster old: nobody can connect\"");
    Answer noted = apply(world, flow_with(world, WARNINGS[4].item, "ann"), ",\"dry_run\":true");
    assert_true(warns(&noted, "order-db was not found through aws-prod"));
    assert_false(warns(&noted, "not everything could be read"));
    save_discovery(world, "\"instances are not listed: AccessDenied\"");
    Answer cut = apply(world, flow_with(world, WARNINGS[4].item, "ann"), ",\"dry_run\":true");
    assert_true(warns(&cut, "order-db was not found through aws-prod, where not everything"));
}

static void applying_warns_of_requesters_whom_aws_does_not_know(void **state) {
    WITH_WORLD(world);
    world_enroll(world, "main");
    assert_status(apply(world, CONFIGURATION, ""), 200);
    save_discovery(world, "");
    static const char MISSING[] = "nothing says who eve is in AWS account 123456789012";
    const char *item = WARNINGS[0].item;
    Answer unknown = apply(world, flow_with(world, item, "eve"), ",\"dry_run\":true");
    assert_true(warns(&unknown, MISSING));
    // What is declared with the flow counts already.
    const char *flow = flow_with(world, item, "eve");
    const char *with = arena_printf(world->arena,
                                    "{\"principals\":[{\"name\":\"eve\",\"aws_identities\":["
                                    "\"arn:aws:iam::123456789012:role/eve\"]}],%s",
                                    flow + 1);
    Answer known = apply(world, with, ",\"dry_run\":true");
    assert_status(known, 200);
    assert_false(warns(&known, MISSING));
    const char *other = arena_printf(world->arena,
                                     "{\"principals\":[{\"name\":\"eve\",\"aws_identities\":["
                                     "\"arn:aws:iam::999999999999:role/eve\"]}],%s",
                                     flow + 1);
    Answer elsewhere = apply(world, other, ",\"dry_run\":true");
    assert_true(warns(&elsewhere, MISSING));
}

static void a_template_makes_everybody_known(void **state) {
    WITH_WORLD(world);
    char *templated = arena_strdup(world->arena, CONFIGURATION);
    const char *rest = strstr(templated, "\"admin_secret\"");
    const char *configuration =
        arena_printf(world->arena, "%.*s\"identity\":\"arn:aws:iam::123456789012:user/{name}\",%s",
                     (int)(rest - templated), templated, rest);
    assert_status(apply(world, configuration, ""), 200);
    const char *flow = flow_with(world, WARNINGS[0].item, "eve");
    Answer answer = apply(world, flow, ",\"dry_run\":true");
    assert_status(answer, 200);
    assert_false(warns(&answer, "nothing says who"));
}

static void applying_warns_of_roles_of_identity_center(void **state) {
    WITH_WORLD(world);
    static const struct {
        const char *identity;
        bool reserved;
    } CASES[] = {
        {"arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Dev_0123/ann", true},
        {"arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0",
         true},
        {"arn:aws:sts::123456789012:assumed-role/dev/AWSReservedSSO_Dev", false},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const char *principals = arena_printf(
            world->arena, "{\"principals\":[{\"name\":\"ann\",\"aws_identities\":[\"%s\"]}]}",
            CASES[i].identity);
        Answer answer = apply(world, principals, ",\"dry_run\":true");
        assert_status(answer, 200);
        assert_int_equal(warns(&answer, "principal ann: role AWSReservedSSO_Dev"),
                         CASES[i].reserved);
    }
    static const char TEMPLATE[] =
        "{\"integrations\":[{\"name\":\"aws-prod\",\"kind\":\"aws\",\"connector\":\"main\","
        "\"aws\":{\"account\":\"123456789012\",\"region\":\"eu-central-1\"},"
        "\"identity\":\"arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Dev_0/{name}\","
        "\"admin_secret\":\"aws-admin\"}]}";
    Answer template = apply(world, TEMPLATE, ",\"dry_run\":true");
    assert_true(warns(&template, "integration aws-prod: role AWSReservedSSO_Dev_0 belongs to IAM"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sealed_and_nothing_can_be_fetched_or_reset),
        cmocka_unit_test(a_key_is_kept_only_where_something_is_sealed_to_it),
        cmocka_unit_test(principals_show_who_they_are_on_aws),
        cmocka_unit_test(an_orphan_is_in_an_account),
        cmocka_unit_test(applying_warns_of_what_is_not_found_or_lets_nobody_in),
        cmocka_unit_test(applying_warns_of_requesters_whom_aws_does_not_know),
        cmocka_unit_test(a_template_makes_everybody_known),
        cmocka_unit_test(applying_warns_of_roles_of_identity_center),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
