#include "driver/aws/ceiling.h"

#include "base/json.h"
#include "driver/aws/connector_policy.h"
#include "driver/aws/live_sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char JANE[] = "arn:aws:iam::123456789012:user/engineers/jane";
static const char CONNECTOR[] = "arn:aws:sts::123456789012:assumed-role/daypass/daypass-grt_a";
static const char DATABASE[] = "arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC/app_read";
static const char ANY_USER[] = "arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC/*";
static const char BOUNDARY[] = "arn:aws:iam::123456789012:policy/engineers";

static const AwsAddress ADDRESS = {.account = "123456789012", .region = "eu-central-1"};

static StringList one(Arena *arena, const char *text) {
    StringList list = {0};
    string_list_add(arena, &list, text);
    return list;
}

static Status check_subject(const ResourceCeiling *ceiling, const Subject *subject) {
    Error error = {0};
    Status status = aws_ceiling_check_subject(ceiling, subject, subject->arn, CONNECTOR, &error);
    if (status != STATUS_OK)
        assert_string_equal(error.code, "above_ceiling");
    return status;
}

static void identities_are_held_to_path_tags_and_boundary(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Subject jane = {.name = "jane", .arn = JANE, .id = "AIDA1", .tags = one(arena, "team=backend")};
    ResourceCeiling ceiling = {0};
    assert_int_equal(check_subject(&ceiling, &jane), STATUS_OK);
    ceiling.identities = one(arena, "arn:aws:iam::123456789012:user/engineers/*");
    ceiling.identity_tags = one(arena, "team=backend");
    assert_int_equal(check_subject(&ceiling, &jane), STATUS_OK);
    ceiling.boundary = BOUNDARY;
    assert_int_equal(check_subject(&ceiling, &jane), STATUS_FORBIDDEN);
    jane.boundary = BOUNDARY;
    assert_int_equal(check_subject(&ceiling, &jane), STATUS_OK);
    string_list_add(arena, &ceiling.identity_tags, "on-call=true");
    assert_int_equal(check_subject(&ceiling, &jane), STATUS_FORBIDDEN);
    ceiling.identity_tags = (StringList){0};
    ceiling.identities = one(arena, "arn:aws:iam::123456789012:user/admins/*");
    assert_int_equal(check_subject(&ceiling, &jane), STATUS_FORBIDDEN);
}

static void the_connector_is_never_given_anything_itself(void **state) {
    (void)state;
    const ResourceCeiling none = {0};
    const Subject role = {.is_role = true,
                          .name = "daypass",
                          .arn = "arn:aws:iam::123456789012:role/ops/daypass",
                          .id = "AROA1"};
    const Subject user = {
        .name = "daypass", .arn = "arn:aws:iam::123456789012:user/daypass", .id = "AIDA1"};
    Error error = {0};
    assert_int_equal(check_subject(&none, &role), STATUS_FORBIDDEN);
    assert_int_equal(check_subject(&none, &user), STATUS_OK);
    assert_int_equal(aws_ceiling_check_subject(&none, &user, user.arn, user.arn, &error),
                     STATUS_FORBIDDEN);
}

static Status check_item(const ResourceCeiling *ceiling, PolicyItem item) {
    const PolicyItems items = {&item, 1};
    return aws_ceiling_check_items(ceiling, &items, NULL);
}

static void what_names_turned_out_to_be_is_held_to_patterns(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const PolicyItem exact = {.kind = POLICY_RDS_CONNECT, .resources = one(arena, DATABASE)};
    const PolicyItem any = {.kind = POLICY_RDS_CONNECT, .resources = one(arena, ANY_USER)};
    ResourceCeiling ceiling = {0};
    assert_int_equal(check_item(&ceiling, any), STATUS_OK);
    ceiling.resources = one(arena, DATABASE);
    assert_int_equal(check_item(&ceiling, exact), STATUS_OK);
    assert_int_equal(check_item(&ceiling, any), STATUS_FORBIDDEN);
    ceiling.resources = one(arena, "arn:aws:rds-db:*");
    assert_int_equal(check_item(&ceiling, exact), STATUS_OK);
    assert_int_equal(check_item(&ceiling, any), STATUS_OK);
    ceiling.resources = one(arena, "arn:aws:rds-db:us-east-1:*");
    assert_int_equal(check_item(&ceiling, exact), STATUS_FORBIDDEN);
}

static void other_actions_are_given_only_where_they_are_named(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const PolicyItem read = {.kind = POLICY_ALLOW,
                             .actions = one(arena, "s3:GetObject"),
                             .resources = one(arena, "arn:aws:s3:::shop/*")};
    ResourceCeiling ceiling = {0};
    assert_int_equal(check_item(&ceiling, read), STATUS_FORBIDDEN);
    ceiling.actions = one(arena, "s3:GetObject");
    assert_int_equal(check_item(&ceiling, read), STATUS_OK);
}

static void wildcards_of_a_flow_are_not_taken_for_characters(void **state) {
    (void)state;
    assert_true(aws_ceiling_covers("arn:aws:s3:::log*", "arn:aws:s3:::log*"));
    assert_true(aws_ceiling_covers("arn:aws:s3:::log?", "arn:aws:s3:::log?"));
    assert_false(aws_ceiling_covers("arn:aws:s3:::log?", "arn:aws:s3:::log*"));
    assert_false(aws_ceiling_covers("arn:aws:s3:::log-a", "arn:aws:s3:::log*"));
    assert_false(aws_ceiling_covers("arn:aws:s3:::log*", "*"));
    assert_true(aws_ceiling_covers("*", "*"));
}

// ---- The connector's own policy -----------------------------------------------------------------

static void its_own_policy_is_held_to_the_identities_of_the_ceiling(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ResourceCeiling ceiling = {.identities =
                                   one(arena, "arn:aws:iam::123456789012:user/engineers/*")};
    string_list_add(arena, &ceiling.identities, "arn:aws:sts::123456789012:assumed-role/dev/*");
    const char *policy = aws_connector_policy(arena, "aws", &ADDRESS, &ceiling, CONNECTOR);
    assert_non_null(strstr(policy, "\"arn:aws:iam::123456789012:user/engineers/*\""));
    assert_non_null(strstr(policy, "\"arn:aws:iam::123456789012:role/dev\""));
    assert_non_null(strstr(policy, "\"arn:aws:iam::123456789012:role/*/dev\""));
    assert_null(strstr(policy, "Condition"));
    assert_non_null(strstr(policy, "\"arn:aws:iam::123456789012:role/daypass\""));
    assert_null(strstr(policy, "user/*"));
    ceiling.identities = one(arena, "arn:aws:iam::123456789012:*/engineers/*");
    StringList roles = aws_identity_patterns(arena, "aws", &ADDRESS, &ceiling, true);
    assert_int_equal(roles.count, 1);
    assert_string_equal(roles.items[0], "arn:aws:iam::123456789012:role*/engineers/*");
    ceiling.identities = (StringList){0};
    policy = aws_connector_policy(arena, "aws-cn", &ADDRESS, &ceiling, CONNECTOR);
    assert_non_null(strstr(policy, "\"arn:aws-cn:iam::123456789012:user/*\""));
    assert_non_null(strstr(policy, "\"arn:aws-cn:iam::123456789012:role/*\""));
}

static void a_session_stands_for_the_role_of_that_name_and_no_other(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const struct {
        const char *role;
        bool covered;
    } ROLES[] = {
        {"arn:aws:iam::123456789012:role/dev", true},
        {"arn:aws:iam::123456789012:role/engineers/dev", true},
        {"arn:aws:iam::123456789012:role/admin-dev", false},
        {"arn:aws:iam::123456789012:role/engineers/admin-dev", false},
        {"arn:aws:iam::123456789012:role/dev2", false},
    };
    ResourceCeiling ceiling = {.identities =
                                   one(arena, "arn:aws:sts::123456789012:assumed-role/dev/*")};
    StringList roles = aws_identity_patterns(arena, "aws", &ADDRESS, &ceiling, true);
    assert_int_equal(roles.count, 2);
    for (size_t i = 0; i < COUNT_OF(ROLES); i++)
        assert_int_equal(aws_ceiling_covers(roles.items[0], ROLES[i].role) ||
                             aws_ceiling_covers(roles.items[1], ROLES[i].role),
                         ROLES[i].covered);
    assert_int_equal(aws_identity_patterns(arena, "aws", &ADDRESS, &ceiling, false).count, 0);
    ceiling.identities = one(arena, "arn:aws:sts::123456789012:assumed-role/*/*");
    roles = aws_identity_patterns(arena, "aws", &ADDRESS, &ceiling, true);
    assert_int_equal(roles.count, 1);
    assert_string_equal(roles.items[0], "arn:aws:iam::123456789012:role/*");
}

static void putting_wants_the_boundary_and_taking_away_does_not(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const ResourceCeiling ceiling = {.boundary = BOUNDARY};
    const char *text = aws_connector_policy(arena, "aws", &ADDRESS, &ceiling, CONNECTOR);
    json_t *policy = json_keep(arena, json_loads(text, 0, NULL));
    const json_t *statements = json_object_get(policy, "Statement");
    size_t bounded = 0;
    for (size_t i = 0; i < json_array_size(statements); i++) {
        const json_t *statement = json_array_get(statements, i);
        const char *actions = json_text(arena, json_object_get(statement, "Action"));
        const json_t *condition = json_object_get(statement, "Condition");
        bool puts = strstr(actions, "iam:Put") != NULL;
        assert_int_equal(condition != NULL, puts);
        if (!puts)
            continue;
        bounded++;
        assert_null(strchr(actions, ',')); // nothing beside it is held to the boundary
        assert_string_equal(json_text(arena, condition),
                            arena_printf(arena,
                                         "{\"StringEquals\":{\"iam:PermissionsBoundary\":\"%s\"}}",
                                         BOUNDARY));
    }
    assert_int_equal(bounded, 2);
}

// ---- Owners of sessions -------------------------------------------------------------------------

static void sessions_are_known_by_who_opened_them(void **state) {
    (void)state;
    const AwsAccountName jane = {.name = "jane"};
    const AwsAccountName dev = {.is_role = true, .name = "dev"};
    SessionSearch search = {.owner = &jane};
    assert_true(aws_session_owner_is(&search, JANE));
    assert_false(aws_session_owner_is(&search, "arn:aws:iam::123456789012:user/john"));
    assert_false(aws_session_owner_is(&search, "arn:aws:sts::123456789012:assumed-role/jane/a"));
    assert_false(aws_session_owner_is(&search, "jane"));
    assert_false(aws_session_owner_is(&search, NULL));
    search.owner = &dev;
    assert_true(aws_session_owner_is(&search, "arn:aws:sts::123456789012:assumed-role/dev/jane"));
    search.role_session = "jane";
    assert_true(aws_session_owner_is(&search, "arn:aws:sts::123456789012:assumed-role/dev/jane"));
    assert_false(aws_session_owner_is(&search, "arn:aws:sts::123456789012:assumed-role/dev/john"));
    assert_false(aws_session_owner_is(&search, "arn:aws:iam::123456789012:user/dev"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities_are_held_to_path_tags_and_boundary),
        cmocka_unit_test(the_connector_is_never_given_anything_itself),
        cmocka_unit_test(what_names_turned_out_to_be_is_held_to_patterns),
        cmocka_unit_test(other_actions_are_given_only_where_they_are_named),
        cmocka_unit_test(wildcards_of_a_flow_are_not_taken_for_characters),
        cmocka_unit_test(its_own_policy_is_held_to_the_identities_of_the_ceiling),
        cmocka_unit_test(a_session_stands_for_the_role_of_that_name_and_no_other),
        cmocka_unit_test(putting_wants_the_boundary_and_taking_away_does_not),
        cmocka_unit_test(sessions_are_known_by_who_opened_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
