// What the driver reads in an account, and what it ends by what it read.
#include "scene.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// IAM gives documents percent-encoded.
#define DOCUMENT                                                                                   \
    "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22"  \
    "Action%22%3A%22rds-db%3Aconnect%22%2C%22Resource%22%3A%22*%22%7D%7D"
#define SHELL(date)                                                                                \
    "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%" \
    "22"                                                                                           \
    "Action%22%3A%22ssm%3AStartSession%22%2C%22Condition%22%3A%7B%22BoolIfExists%22%3A%7B%22ssm"   \
    "%3ASessionDocumentAccessCheck%22%3A%22true%22%7D%2C%22DateLessThan%22%3A%7B%22"               \
    "aws%3ACurrentTime%22%3A%22" date "%22%7D%7D%2C%22Resource%22%3A%22arn%3Aaws%3Aec2%3A"         \
    "eu-central-1%3A123456789012%3Ainstance%2Fi-1%22%7D%5D%7D"
#define POLICY(name, document)                                                                     \
    "<member><PolicyName>" name "</PolicyName><PolicyDocument>" document                           \
    "</PolicyDocument></member>"
#define ONE_POLICY(document)                                                                       \
    "<R><GetUserPolicyResult><PolicyDocument>" document "</PolicyDocument></GetUserPolicyResult>"  \
    "</R>"
#define NAMES(name)                                                                                \
    "<R><ListUserPoliciesResult><PolicyNames><member>" name "</member></PolicyNames>"              \
    "</ListUserPoliciesResult></R>"

static const char DETAILS[] =
    "<R><GetAccountAuthorizationDetailsResult><UserDetailList><member><UserName>jane</UserName>"
    "<UserId>AIDAJANE</UserId><Arn>arn:aws:iam::123456789012:user/jane</"
    "Arn><UserPolicyList>" POLICY("theirs", DOCUMENT) POLICY("daypass.spoilt", DOCUMENT)
        POLICY(NAME_BEGIN "1767225600", DOCUMENT) POLICY(NAME_BEGIN "1767225700", DOCUMENT) POLICY(
            "daypass.grt_b.dep_b.other.1767225500",
            DOCUMENT) "</UserPolicyList></member>"
                      "</UserDetailList>"
                      "<RoleDetailList><member><RoleName>dev</RoleName><RoleId>AROADEV</RoleId>"
                      "<Arn>arn:aws:iam::123456789012:role/dev</Arn><RolePolicyList>" POLICY(
                          "daypass.grt_c.dep_abcdefgh12345678.main.1767225600",
                          DOCUMENT) "</RolePolicyList></member>"
                                    "</RoleDetailList></GetAccountAuthorizationDetailsResult></R>";

static void open_scene(Scene *scene) {
    if (scene_open(scene) != STATUS_OK)
        fail_msg("%s: %s", scene->error.code, scene->error.message);
}

static FoundAccounts list(Scene *scene, const AccountQuery *query) {
    FoundAccounts found = {0};
    FailureClass failure;
    if (driver_list_accounts(&AWS_DRIVER, scene->session, scene->arena, query, &found, &failure,
                             &scene->error) != STATUS_OK)
        fail_msg("%s: %s", scene->error.code, scene->error.message);
    return found;
}

static void a_sweep_finds_every_policy_by_its_name(void **state) {
    Scene *scene = *state;
    const StringList patterns = {0};
    const AccountQuery query = {.leftovers = &patterns};
    say(scene, CALLER);
    say(scene, DETAILS);
    open_scene(scene);
    FoundAccounts found = list(scene, &query);
    asked(scene, 1, "Filter.member.1=User&Filter.member.2=Role");
    assert_int_equal(found.count, 4);
    assert_string_equal(found.items[0].account, "role/dev/grt_c");
    assert_true(found.items[0].expired); // to the second
    assert_string_equal(found.items[1].account, "user/jane/grt_abcdefgh12345678");
    assert_string_equal(found.items[1].connector, "main");
    // While its end is moved there are two: the later one counts.
    assert_int_equal(found.items[1].expires_at, 1767225700 * (int64_t)SECOND_MS);
    assert_false(found.items[1].expired);
    assert_string_equal(found.items[1].state->key,
                        "AIDAJANE/grt_abcdefgh12345678.dep_abcdefgh12345678");
    assert_string_equal(found.items[2].account, "user/jane/grt_b");
    assert_string_equal(found.items[2].deployment, "dep_b");
    assert_string_equal(found.items[3].account, "user/jane/daypass.spoilt");
    assert_non_null(found.items[3].leftover);
    assert_null(found.items[3].deployment);
}

static void one_account_is_read_by_itself(void **state) {
    Scene *scene = *state;
    const AccountQuery query = {.account = "user/jane/grt_abcdefgh12345678"};
    say(scene, CALLER);
    say(scene, "<R><GetUserResult><User><UserName>jane</UserName><UserId>AIDAJANE</UserId>"
               "<Arn>arn:aws:iam::123456789012:user/jane</Arn></User></GetUserResult></R>");
    say(scene, NAMES(NAME_BEGIN "1767225700"));
    say(scene, ONE_POLICY(DOCUMENT));
    open_scene(scene);
    FoundAccounts found = list(scene, &query);
    scene_is_over(scene);
    assert_int_equal(found.count, 1);
    assert_false(found.items[0].expired);
}

static void nobody_is_no_account(void **state) {
    Scene *scene = *state;
    const AccountQuery query = {.account = "user/jane/grt_abcdefgh12345678"};
    say(scene, CALLER);
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    open_scene(scene);
    assert_int_equal(list(scene, &query).count, 0);
    scene_is_over(scene);
}

static void an_end_that_was_put_off_is_set_back_to_the_marks(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, NAMES(NAME_BEGIN "1767225700"));
    say(scene, ONE_POLICY(SHELL("2027-01-01T00%3A00%3A00Z")));
    say(scene, EMPTY);
    say(scene, ONE_POLICY(SHELL("2026-01-01T00%3A01%3A40Z")));
    open_scene(scene);
    if (driver_restrain(&AWS_DRIVER, scene->session, scene->arena, &scene->plan, &scene->result,
                        &scene->error) != STATUS_OK)
        fail_msg("%s: %s", scene->error.code, scene->error.message);
    scene_is_over(scene);
    asked(scene, 3, "Action=PutUserPolicy");
    asked(scene, 3, "2026-01-01T00%3A01%3A40Z");
}

static void a_policy_that_was_changed_by_hand_is_told_and_never_put_again(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, NAMES(NAME_BEGIN "1767225700"));
    say(scene, ONE_POLICY("%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect"
                          "%22%3A%22Allow%22%2C%22Action%22%3A%22*%22%2C%22Resource%22%3A%22*%22"
                          "%7D%5D%7D"));
    open_scene(scene);
    assert_int_not_equal(driver_restrain(&AWS_DRIVER, scene->session, scene->arena, &scene->plan,
                                         &scene->result, &scene->error),
                         STATUS_OK);
    scene_is_over(scene);
    assert_string_equal(scene->error.code, "policy_changed");
    assert_true(scene->result.outcome.account_present);
    assert_int_equal(scene->result.outcome.statements.count, 0);
}

static void an_end_as_it_was_made_is_left_alone(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, NAMES(NAME_BEGIN "1767225700"));
    say(scene, ONE_POLICY(SHELL("2026-01-01T00%3A01%3A40Z")));
    open_scene(scene);
    assert_int_equal(driver_restrain(&AWS_DRIVER, scene->session, scene->arena, &scene->plan,
                                     &scene->result, &scene->error),
                     STATUS_OK);
    scene_is_over(scene);
}

// ---- Sessions -----------------------------------------------------------------------------------

static const char LIVE[] =
    "{\"Sessions\":[{\"SessionId\":\"jane-1\",\"Target\":\"i-1\",\"StartDate\":1767225000.5,"
    "\"Owner\":\"arn:aws:iam::123456789012:user/jane\"},"
    "{\"SessionId\":\"jane-2\",\"Target\":\"i-2\",\"Owner\":\"arn:aws:iam::123456789012:user/"
    "jane\"},"
    "{\"SessionId\":\"john-1\",\"Target\":\"i-1\",\"Owner\":\"arn:aws:iam::123456789012:user/"
    "john\"}"
    "]}";

static void open_sessions_of_the_grant_end_with_it_and_no_others(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, NAMES(NAME_BEGIN "1767225700"));
    say(scene, ONE_POLICY(SHELL("2026-01-01T00%3A01%3A40Z")));
    say(scene, EMPTY);
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    say(scene, EMPTY);
    say(scene, LIVE);
    say(scene, "{\"SessionId\":\"jane-1\"}");
    say(scene, "{\"Sessions\":[]}");
    open_scene(scene);
    // All that a sweep knows of it.
    scene->plan.access = (AccessItems){0};
    scene->plan.identity = NULL;
    if (driver_revoke(&AWS_DRIVER, scene->session, scene->arena, &scene->plan, &scene->result,
                      &scene->error) != STATUS_OK)
        fail_msg("%s: %s", scene->error.code, scene->error.message);
    scene_is_over(scene);
    asked(scene, 7, "TerminateSession");
    asked(scene, 7, "jane-1");
    assert_int_equal(scene->result.outcome.sessions_ended, 1);
    assert_int_equal(scene->result.outcome.sessions_left, 0);
    assert_int_equal(scene->result.outcome.warnings.count, 0);
}

static void what_is_over_has_its_sessions_ended_before_it_is_forgotten(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, NAMES(NAME_BEGIN "1767225600"));
    say(scene, ONE_POLICY(SHELL("2026-01-01T00%3A00%3A00Z")));
    say(scene, LIVE);
    say(scene, "{\"SessionId\":\"jane-1\"}");
    say(scene, "{\"Sessions\":[]}");
    say(scene, EMPTY);
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    say(scene, EMPTY);
    say(scene, "{\"Sessions\":[]}");
    open_scene(scene);
    scene->plan.access = (AccessItems){0};
    if (driver_revoke(&AWS_DRIVER, scene->session, scene->arena, &scene->plan, &scene->result,
                      &scene->error) != STATUS_OK)
        fail_msg("%s: %s", scene->error.code, scene->error.message);
    scene_is_over(scene);
    asked(scene, 4, "TerminateSession");
    asked(scene, 6, "Action=DeleteUserPolicy");
    assert_int_equal(scene->result.outcome.sessions_ended, 1);
}

static void sessions_that_cannot_be_seen_are_not_taken_for_none(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, NAMES(NAME_BEGIN "1767225700"));
    say(scene, ONE_POLICY(SHELL("2026-01-01T00%3A01%3A40Z")));
    say(scene, EMPTY);
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    say(scene, EMPTY);
    refuse(scene, 400, "{\"__type\":\"AccessDeniedException\",\"Message\":\"no\"}");
    open_scene(scene);
    assert_int_not_equal(driver_revoke(&AWS_DRIVER, scene->session, scene->arena, &scene->plan,
                                       &scene->result, &scene->error),
                         STATUS_OK);
    assert_int_equal(scene->result.failure, FAILURE_DENIED);
    assert_true(scene->result.outcome.login_refused); // the policy is gone all the same
}

static void an_inspection_says_what_would_end(void **state) {
    Scene *scene = *state;
    AccountInspection inspection = {0};
    FailureClass failure;
    say(scene, CALLER);
    say(scene, NAMES(NAME_BEGIN "1767225700"));
    say(scene, ONE_POLICY(SHELL("2026-01-01T00%3A01%3A40Z")));
    say(scene, LIVE);
    open_scene(scene);
    if (driver_inspect(&AWS_DRIVER, scene->session, scene->arena, &scene->plan, &inspection,
                       &failure, &scene->error) != STATUS_OK)
        fail_msg("%s: %s", scene->error.code, scene->error.message);
    scene_is_over(scene);
    assert_true(inspection.present && inspection.marked && inspection.can_login);
    assert_int_equal(inspection.session_count, 1);
    assert_string_equal(inspection.sessions.items[0],
                        "jane-1 on i-1, since 2025-12-31T23:50:00.500Z");
    assert_int_equal(inspection.privilege_count, 1);
    assert_int_equal(inspection.expires_at, 1767225700 * (int64_t)SECOND_MS);
}

static void what_aws_does_not_end_does_not_end_by_itself(void **state) {
    Scene *scene = *state;
    AccountInspection inspection = {0};
    FailureClass failure;
    say(scene, CALLER);
    say(scene, NAMES(NAME_BEGIN "1767225700"));
    say(scene, ONE_POLICY(DOCUMENT));
    open_scene(scene);
    if (driver_inspect(&AWS_DRIVER, scene->session, scene->arena, &scene->plan, &inspection,
                       &failure, &scene->error) != STATUS_OK)
        fail_msg("%s: %s", scene->error.code, scene->error.message);
    assert_true(inspection.present);
    assert_int_equal(inspection.expires_at, 0);
}

// ---- What is there ------------------------------------------------------------------------------

static void a_kind_that_may_not_be_read_is_a_note_beside_the_others(void **state) {
    Scene *scene = *state;
    Discovery discovery = {0};
    FailureClass failure;
    say(scene, CALLER);
    refuse(scene, 403, REFUSAL("AccessDenied"));
    say(scene, "<R><DescribeDBClustersResult><DBClusters><DBCluster>"
               "<DBClusterIdentifier>stock</DBClusterIdentifier>"
               "<DbClusterResourceId>cluster-S</DbClusterResourceId><Engine>aurora-mysql</Engine>"
               "<Endpoint>stock.example</Endpoint><Port>3306</Port></DBCluster></DBClusters>"
               "</DescribeDBClustersResult></R>");
    say(scene, "<R><DescribeDBProxiesResult><DBProxies><member><DBProxyName>front</DBProxyName>"
               "<DBProxyArn>arn:aws:rds:eu-central-1:123456789012:db-proxy:prx-1</DBProxyArn>"
               "<EngineFamily>POSTGRESQL</EngineFamily><Endpoint>front.example</Endpoint><Auth>"
               "<member><IAMAuth>REQUIRED</IAMAuth></member></Auth></member></DBProxies>"
               "</DescribeDBProxiesResult></R>");
    say(scene, "<R><ListTagsForResourceResult><TagList><Tag><Key>app</Key><Value>web</Value></Tag>"
               "</TagList></ListTagsForResourceResult></R>");
    say(scene, "<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId>"
               "<instanceState><name>running</name></instanceState><tagSet><item><key>Name</key>"
               "<value>web-1</value></item></tagSet></item><item><instanceId>i-2</instanceId>"
               "<instanceState><name>terminated</name></instanceState></item></instancesSet>"
               "</item></reservationSet></R>");
    open_scene(scene);
    if (driver_discover(&AWS_DRIVER, scene->session, scene->arena, &discovery, &failure,
                        &scene->error) != STATUS_OK)
        fail_msg("%s: %s", scene->error.code, scene->error.message);
    scene_is_over(scene);
    const AwsResource *found = discovery.resources.items;
    assert_int_equal(discovery.resources.count, 3);
    assert_string_equal(found[0].id, "cluster-S");
    assert_string_equal(found[0].engine, "mysql");
    assert_false(found[0].iam_authentication);
    assert_string_equal(found[1].id, "prx-1");
    assert_int_equal(found[1].port, 5432);
    assert_true(found[1].iam_authentication);
    assert_string_equal(found[1].tags.items[0], "app=web");
    assert_string_equal(found[2].id, "i-1");
    assert_string_equal(found[2].identifier, "web-1");
    assert_int_equal(discovery.notes.count, 2);
    assert_true(text_starts_with(discovery.notes.items[0], "RDS instances are not listed"));
    assert_true(text_starts_with(discovery.notes.items[1], "IAM authentication is off"));
}

// ---- Check --------------------------------------------------------------------------------------

static void a_profile_that_is_not_there_is_the_connectors_file_to_correct(void **state) {
    Scene *scene = *state;
    CheckReport report = {0};
    bool told = false;
    say(scene, CALLER);
    open_scene(scene);
    const DriverLogin login = {
        .target = scene->plan.target,
        .connect_timeout_ms = 5 * SECOND_MS,
        .clock = &SYSTEM_CLOCK,
        .purpose = "check",
        .profile = "nobodys",
    };
    AWS_DRIVER.check(&login, scene->arena, NULL, 0, &report);
    for (size_t i = 0; i < report.count; i++)
        if (report.items[i].result == CHECK_FAILED) {
            assert_non_null(strstr(report.items[i].found, "nobodys"));
            assert_string_equal(report.items[i].repair, "correct profile in the connector's file");
            told = true;
        }
    assert_true(told);
}

#define SCENE_TEST(function) cmocka_unit_test_setup_teardown(function, scene_start, scene_stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_sweep_finds_every_policy_by_its_name),
        SCENE_TEST(one_account_is_read_by_itself),
        SCENE_TEST(nobody_is_no_account),
        SCENE_TEST(an_end_that_was_put_off_is_set_back_to_the_marks),
        SCENE_TEST(a_policy_that_was_changed_by_hand_is_told_and_never_put_again),
        SCENE_TEST(an_end_as_it_was_made_is_left_alone),
        SCENE_TEST(open_sessions_of_the_grant_end_with_it_and_no_others),
        SCENE_TEST(what_is_over_has_its_sessions_ended_before_it_is_forgotten),
        SCENE_TEST(sessions_that_cannot_be_seen_are_not_taken_for_none),
        SCENE_TEST(an_inspection_says_what_would_end),
        SCENE_TEST(what_aws_does_not_end_does_not_end_by_itself),
        SCENE_TEST(a_kind_that_may_not_be_read_is_a_note_beside_the_others),
        SCENE_TEST(a_profile_that_is_not_there_is_the_connectors_file_to_correct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
