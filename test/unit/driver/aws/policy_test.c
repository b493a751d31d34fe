#include "driver/aws/policy.h"

#include "base/clock.h"
#include "driver/aws/resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const int64_t EXPIRES_AT = 1767229200 * (int64_t)SECOND_MS; // 2026-01-01T01:00:00Z

static const AwsAddress ADDRESS = {.account = "123456789012", .region = "eu-central-1"};
static const AwsAddress CHINA = {.account = "123456789012", .region = "cn-north-1"};

static const char CONNECT_JANE[] =
    "{\"Statement\":[{\"Action\":\"rds-db:connect\",\"Effect\":\"Allow\",\"Resource\":"
    "\"arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC/app_read\"}],"
    "\"Version\":\"2012-10-17\"}";
static const char SHELL[] =
    "{\"Statement\":[{\"Action\":\"ssm:StartSession\",\"Condition\":{"
    "\"BoolIfExists\":{\"ssm:SessionDocumentAccessCheck\":\"true\"},"
    "\"DateLessThan\":{\"aws:CurrentTime\":\"2026-01-01T01:00:00Z\"}},\"Effect\":\"Allow\","
    "\"Resource\":[\"arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0\","
    "\"arn:aws:ssm:eu-central-1:123456789012:document/SSM-SessionManagerRunShell\"]},"
    "{\"Action\":[\"ssm:ResumeSession\",\"ssm:TerminateSession\"],\"Condition\":{"
    "\"DateLessThan\":{\"aws:CurrentTime\":\"2026-01-01T01:00:00Z\"}},\"Effect\":\"Allow\","
    "\"Resource\":\"arn:aws:ssm:*:*:session/${aws:username}-*\"}],\"Version\":\"2012-10-17\"}";

static StringList list_of(Arena *arena, const char *one, const char *other) {
    StringList list = {0};
    string_list_add(arena, &list, one);
    if (other != NULL)
        string_list_add(arena, &list, other);
    return list;
}

static PolicyItem connect_item(Arena *arena) {
    return (PolicyItem){
        .kind = POLICY_RDS_CONNECT,
        .resources = list_of(
            arena, aws_database_user_arn(arena, "aws", &ADDRESS, "db-ABC", "app_read"), NULL),
    };
}

static PolicyItem shell_item(Arena *arena) {
    return (PolicyItem){
        .kind = POLICY_SSM_SESSION,
        .resources =
            list_of(arena, aws_instance_arn(arena, "aws", &ADDRESS, "i-0123456789abcdef0"),
                    aws_document_arn(arena, "aws", &ADDRESS, "SSM-SessionManagerRunShell")),
    };
}

static const char *build(Arena *arena, PolicyItem *items, size_t count, bool is_role,
                         const char *user_id) {
    const PolicyItems all = {items, count};
    const PolicyOrder order = {.partition = "aws",
                               .is_role = is_role,
                               .user_id = user_id,
                               .expires_at = EXPIRES_AT,
                               .items = &all};
    const char *document = NULL;
    Error error = {0};
    if (aws_policy_build(arena, &order, &document, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    return document;
}

static void connecting_to_a_database_has_no_date(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    PolicyItem items[] = {connect_item(arena)};
    assert_string_equal(build(arena, items, 1, false, NULL), CONNECT_JANE);
    assert_false(aws_policy_ends_itself(&(PolicyItems){items, 1}));
}

static void a_session_has_its_date_and_ones_own_sessions(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    PolicyItem items[] = {shell_item(arena), connect_item(arena)};
    assert_string_equal(build(arena, items, 1, false, NULL), SHELL);
    assert_true(aws_policy_ends_itself(&(PolicyItems){items, 1}));
    assert_false(aws_policy_ends_itself(&(PolicyItems){items, 2}));
    assert_false(aws_policy_ends_itself(&(PolicyItems){items, 0}));
    const char *of_role = build(arena, items, 1, true, NULL);
    assert_non_null(strstr(of_role, "session/${aws:userid}-*"));
    assert_null(strstr(of_role, "aws:username"));
}

static void one_person_in_a_shared_role_is_a_condition_of_every_statement(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    PolicyItem items[] = {connect_item(arena), shell_item(arena)};
    const char *document = build(arena, items, 2, true, "AROAEXAMPLE:jane");
    size_t conditions = 0;
    for (const char *at = document;
         (at = strstr(at, "\"StringEquals\":{\"aws:userid\":\"AROAEXAMPLE:jane\"}")) != NULL; at++)
        conditions++;
    assert_int_equal(conditions, 3);
    PolicyFacts facts = aws_policy_read(arena, document);
    assert_string_equal(facts.user_id, "AROAEXAMPLE:jane");
}

static void anything_else_is_given_with_a_date(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    PolicyItem items[] = {{.kind = POLICY_ALLOW,
                           .actions = list_of(arena, "s3:GetObject", "s3:ListBucket"),
                           .resources = list_of(arena, "arn:aws:s3:::shop/*", NULL)}};
    assert_string_equal(build(arena, items, 1, false, NULL),
                        "{\"Statement\":[{\"Action\":[\"s3:GetObject\",\"s3:ListBucket\"],"
                        "\"Condition\":{\"DateLessThan\":{\"aws:CurrentTime\":"
                        "\"2026-01-01T01:00:00Z\"}},\"Effect\":\"Allow\",\"Resource\":"
                        "\"arn:aws:s3:::shop/*\"}],\"Version\":\"2012-10-17\"}");
}

static void more_than_aws_takes_is_refused_with_the_sizes(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    PolicyItem item = {.kind = POLICY_RDS_CONNECT};
    for (int i = 0; i < 30; i++)
        string_list_add(arena, &item.resources,
                        aws_database_user_arn(arena, "aws", &ADDRESS, "db-ABCDEFGHIJKLMNOPQRSTUV",
                                              arena_printf(arena, "user_%d", i)));
    const PolicyItems items = {&item, 1};
    PolicyOrder order = {.partition = "aws", .expires_at = EXPIRES_AT, .items = &items};
    const char *document = NULL;
    Error error = {0};
    assert_int_equal(aws_policy_build(arena, &order, &document, &error), STATUS_TOO_LARGE);
    assert_string_equal(error.code, "policy_too_large");
    assert_non_null(strstr(error.message, "2048"));
    assert_null(document);
    order.is_role = true; // has room for five times as much
    assert_int_equal(aws_policy_build(arena, &order, &document, NULL), STATUS_OK);
}

static void arns_are_of_partition_region_and_account(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_string_equal(aws_database_user_arn(arena, "aws-cn", &CHINA, "cluster-A", "*"),
                        "arn:aws-cn:rds-db:cn-north-1:123456789012:dbuser:cluster-A/*");
    assert_string_equal(aws_instance_arn(arena, "aws-cn", &CHINA, "i-1"),
                        "arn:aws-cn:ec2:cn-north-1:123456789012:instance/i-1");
    assert_string_equal(aws_instance_arn(arena, "aws", &ADDRESS, "mi-1"),
                        "arn:aws:ssm:eu-central-1:123456789012:managed-instance/mi-1");
    assert_string_equal(aws_document_arn(arena, "aws", &ADDRESS, "AWS-StartSSHSession"),
                        "arn:aws:ssm:eu-central-1::document/AWS-StartSSHSession");
}

static void an_extension_gives_nothing_that_got_a_tag_later(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    PolicyItem items[] = {
        {.kind = POLICY_SSM_SESSION,
         .by_tag = true,
         .resources = list_of(arena, aws_instance_arn(arena, "aws", &ADDRESS, "i-1"),
                              aws_instance_arn(arena, "aws", &ADDRESS, "i-12"))},
        {.kind = POLICY_SSM_SESSION,
         .by_tag = true,
         .resources = list_of(arena, aws_instance_arn(arena, "aws", &ADDRESS, "i-2"),
                              aws_document_arn(arena, "aws", &ADDRESS, "shell"))},
        connect_item(arena),
    };
    AwsResource resources[] = {{.id = "i-1"}, {.id = "i-12"}, {.id = "i-2"}, {.id = "db-ABC"}};
    Resolved resolved = {.items = {items, 3}, .resources = {resources, 4}};
    const char *const ids[] = {"i-1", "i-12", "i-2", ""};
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        string_list_add(arena, &resolved.tagged_ids, ids[i]);
    const StringList had = list_of(arena, aws_instance_arn(arena, "aws", &ADDRESS, "i-12"),
                                   aws_document_arn(arena, "aws", &ADDRESS, "shell"));
    aws_resolved_keep(arena, &resolved, &had);
    assert_int_equal(resolved.items.count, 2);
    assert_int_equal(resolved.items.items[0].resources.count, 1);
    assert_string_equal(resolved.items.items[0].resources.items[0], had.items[0]);
    assert_int_equal(resolved.items.items[1].kind, POLICY_RDS_CONNECT);
    assert_int_equal(resolved.resources.count, 2);
    assert_string_equal(resolved.resources.items[0].id, "i-12");
    assert_string_equal(resolved.resources.items[1].id, "db-ABC");
}

// ---- Reading ------------------------------------------------------------------------------------

static void what_was_written_is_read(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    PolicyFacts facts = aws_policy_read(arena, SHELL);
    assert_true(facts.readable && facts.allows && facts.sessions && facts.ends);
    assert_false(facts.rds);
    assert_int_equal(facts.ends_at, EXPIRES_AT);
    assert_int_equal(facts.instances.count, 1);
    assert_string_equal(facts.instances.items[0], "i-0123456789abcdef0");
    assert_int_equal(facts.lines.count, 4);
    assert_string_equal(facts.lines.items[0],
                        "ssm:StartSession on arn:aws:ec2:eu-central-1:123456789012:instance/"
                        "i-0123456789abcdef0 if "
                        "{\"BoolIfExists\":{\"ssm:SessionDocumentAccessCheck\":\"true\"}}");
    facts = aws_policy_read(arena, CONNECT_JANE);
    assert_true(facts.rds && facts.allows);
    assert_false(facts.ends || facts.sessions);
    assert_int_equal(facts.lines.count, 1);
    assert_string_equal(facts.lines.items[0],
                        "rds-db:connect on "
                        "arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC/app_read");
}

static const AccountMark MARK = {.grant = "grt_a",
                                 .deployment = "dep_a",
                                 .connector = "main",
                                 .database = "eu-central-1",
                                 .expires = EXPIRES_AT};

static const AccountState *state_of(Arena *arena, const char *document) {
    const PolicyFacts facts = aws_policy_read(arena, document);
    return aws_policy_state(arena, "AIDAEXAMPLE", &MARK, &facts);
}

static const char *replaced(Arena *arena, const char *text, const char *what, const char *with) {
    const char *at = strstr(text, what);
    assert_non_null(at);
    return arena_printf(arena, "%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
}

static bool widens(Arena *arena, const char *given, const char *found) {
    const DriftRules rules = {0};
    Drifts drifts = account_drift(arena, state_of(arena, given), state_of(arena, found), rules);
    return drifts_widen(&drifts);
}

static void the_same_policy_is_no_drift_however_it_is_written(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const char OTHERWISE[] =
        "{ \"Version\": \"2012-10-17\", \"Statement\": {\"Sid\": \"a\", \"Effect\": \"Allow\", "
        "\"Resource\": [\"arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC/app_read\"], "
        "\"Action\": [\"rds-db:connect\"]}}";
    const DriftRules rules = {0};
    for (int i = 0; i < 2; i++) {
        const char *same = i == 0 ? CONNECT_JANE : SHELL;
        assert_int_equal(
            account_drift(arena, state_of(arena, same), state_of(arena, same), rules).count, 0);
    }
    const PolicyFacts facts = aws_policy_read(arena, OTHERWISE);
    assert_int_equal(facts.lines.count, 1);
    assert_string_equal(facts.lines.items[0], aws_policy_read(arena, CONNECT_JANE).lines.items[0]);
}

static void more_than_was_given_is_seen(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_true(
        widens(arena, CONNECT_JANE, replaced(arena, CONNECT_JANE, "db-ABC/app_read", "db-ABC/*")));
    assert_true(
        widens(arena, CONNECT_JANE, replaced(arena, CONNECT_JANE, "\"rds-db:connect\"", "\"*\"")));
    assert_true(widens(arena, CONNECT_JANE,
                       replaced(arena, CONNECT_JANE, "\"Resource\"", "\"NotResource\"")));
    assert_true(widens(arena, SHELL, replaced(arena, SHELL, "2026-01-01T01", "2027-01-01T01")));
    assert_true(
        widens(arena, SHELL,
               replaced(arena, SHELL,
                        ",\"DateLessThan\":{\"aws:CurrentTime\":\"2026-01-01T01:00:00Z\"}", "")));
    assert_true(
        widens(arena, SHELL,
               replaced(arena, SHELL, "ssm:SessionDocumentAccessCheck", "aws:SecureTransport")));
    assert_true(widens(arena, CONNECT_JANE, "[]"));
    assert_true(widens(arena, CONNECT_JANE, "not a document"));
}

static void less_than_was_given_is_seen_and_is_not_more(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *refused = replaced(arena, CONNECT_JANE, "\"Allow\"", "\"Deny\"");
    assert_false(state_of(arena, refused)->can_login);
    assert_true(state_of(arena, CONNECT_JANE)->can_login);
    const char *earlier = replaced(arena, SHELL, "2026-01-01T01", "2025-01-01T01");
    assert_int_equal(state_of(arena, earlier)->expires_at, EXPIRES_AT);
}

static void an_end_that_was_put_off_is_set_back_and_none_is_ever_put_off(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *later = replaced(arena, SHELL, "2026-01-01T01", "2027-01-01T01");
    assert_true(aws_policy_equal(arena, aws_policy_restrained(arena, later, EXPIRES_AT), SHELL));
    const char *never = replaced(
        arena, SHELL, ",\"DateLessThan\":{\"aws:CurrentTime\":\"2026-01-01T01:00:00Z\"}", "");
    assert_true(aws_policy_equal(arena, aws_policy_restrained(arena, never, EXPIRES_AT), SHELL));
    const char *earlier = replaced(arena, SHELL, "2026-01-01T01", "2025-01-01T01");
    assert_true(
        aws_policy_equal(arena, aws_policy_restrained(arena, earlier, EXPIRES_AT), earlier));
    assert_true(aws_policy_equal(arena, aws_policy_restrained(arena, CONNECT_JANE, EXPIRES_AT),
                                 CONNECT_JANE));
    assert_true(aws_policy_is_ours(arena, later, &(StringList){0}));
    assert_true(aws_policy_is_ours(arena, never, &(StringList){0}));
    assert_true(aws_policy_is_ours(arena, CONNECT_JANE, &(StringList){0}));
}

static void what_somebody_changed_by_hand_is_none_of_ours(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const StringList allowed = list_of(arena, "s3:GetObject", "*");
    const char *const changed[] = {
        replaced(arena, CONNECT_JANE, "\"rds-db:connect\"", "\"*\""),
        replaced(arena, CONNECT_JANE, "\"rds-db:connect\"", "[\"rds-db:connect\"]"),
        replaced(arena, CONNECT_JANE, "\"rds-db:connect\"", "\"RDS-DB:Connect\""),
        replaced(arena, CONNECT_JANE, "\"rds-db:connect\"", "\"iam:PutUserPolicy\""),
        replaced(arena, CONNECT_JANE, "arn:aws:rds-db:eu-central-1:123456789012:dbuser:", "*"),
        replaced(arena, CONNECT_JANE, "\"Effect\"", "\"Sid\":\"a\",\"Effect\""),
        replaced(arena, CONNECT_JANE, "\"Allow\"", "\"Deny\""),
        replaced(arena, SHELL, "\"true\"", "\"false\""),
        replaced(arena, SHELL, "\"BoolIfExists\"", "\"Bool\""),
        replaced(arena, SHELL, "arn:aws:ec2:eu-central-1:123456789012:instance/i-", "arn:aws:s3:"),
        replaced(arena, SHELL, "session/${aws:username}-*", "session/*"),
        "[]",
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
        "\"Resource\":\"*\"}}",
        "{\"Version\":\"2012-10-17\",\"Statement\":[]}",
    };
    for (size_t i = 0; i < COUNT_OF(changed); i++)
        if (aws_policy_is_ours(arena, changed[i], &allowed))
            fail_msg("taken for ours: %s", changed[i]);
    PolicyItem item = {.kind = POLICY_ALLOW,
                       .actions = list_of(arena, "s3:GetObject", NULL),
                       .resources = list_of(arena, "arn:aws:s3:::shop/*", NULL)};
    PolicyItem items[] = {item, connect_item(arena), shell_item(arena)};
    const char *of_session = build(arena, items, 3, true, "AROAEXAMPLE:jane");
    assert_true(aws_policy_is_ours(arena, of_session, &allowed));
    assert_false(aws_policy_is_ours(arena, of_session, &(StringList){0}));
}

static void a_state_is_known_by_identity_and_grant_and_not_by_its_end(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const AccountState *given = state_of(arena, CONNECT_JANE);
    assert_string_equal(given->key, "AIDAEXAMPLE/grt_a.dep_a");
    assert_int_equal(given->expires_at, EXPIRES_AT);
    assert_int_equal(given->mark_expires_at, EXPIRES_AT);
    assert_int_equal(given->privilege_count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connecting_to_a_database_has_no_date),
        cmocka_unit_test(a_session_has_its_date_and_ones_own_sessions),
        cmocka_unit_test(one_person_in_a_shared_role_is_a_condition_of_every_statement),
        cmocka_unit_test(anything_else_is_given_with_a_date),
        cmocka_unit_test(more_than_aws_takes_is_refused_with_the_sizes),
        cmocka_unit_test(arns_are_of_partition_region_and_account),
        cmocka_unit_test(an_extension_gives_nothing_that_got_a_tag_later),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(the_same_policy_is_no_drift_however_it_is_written),
        cmocka_unit_test(more_than_was_given_is_seen),
        cmocka_unit_test(less_than_was_given_is_seen_and_is_not_more),
        cmocka_unit_test(an_end_that_was_put_off_is_set_back_and_none_is_ever_put_off),
        cmocka_unit_test(what_somebody_changed_by_hand_is_none_of_ours),
        cmocka_unit_test(a_state_is_known_by_identity_and_grant_and_not_by_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
