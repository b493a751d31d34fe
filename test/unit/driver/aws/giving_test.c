// What the driver makes of AWS's answers, each played by a server: good ones, refusals, answers
// that never come and reads that lag.
#include "scene.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { REMAINING_MS = 3600 * SECOND_MS, DEADLINE_MS = 20 * SECOND_MS };

static const int64_t MIDNIGHT_MS = 1767225600 * (int64_t)SECOND_MS;

static const char OTHER_CALLER[] =
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>210987654321</Account>"
    "<Arn>arn:aws:iam::210987654321:user/daypass</Arn></GetCallerIdentityResult>"
    "</GetCallerIdentityResponse>";
static const char JANE[] =
    "<GetUserResponse><GetUserResult><User><UserName>jane</UserName><UserId>AIDAJANE</UserId>"
    "<Arn>arn:aws:iam::123456789012:user/jane</Arn></User></GetUserResult></GetUserResponse>";
static const char JANE_ELSEWHERE[] =
    "<GetUserResponse><GetUserResult><User><UserName>jane</UserName><UserId>AIDAJANE</UserId>"
    "<Arn>arn:aws:iam::123456789012:user/admins/jane</Arn></User></GetUserResult>"
    "</GetUserResponse>";
static const char DATABASES[] =
    "<R><DescribeDBInstancesResult><DBInstances><DBInstance>"
    "<DBInstanceIdentifier>orders-db</DBInstanceIdentifier><DbiResourceId>db-ABC</DbiResourceId>"
    "<Engine>postgres</Engine><DBName>shop</DBName><Endpoint><Address>orders.example</Address>"
    "<Port>5433</Port></Endpoint><IAMDatabaseAuthenticationEnabled>true"
    "</IAMDatabaseAuthenticationEnabled></DBInstance></DBInstances></DescribeDBInstancesResult></"
    "R>";
static const char DOCUMENT[] =
    "<R><GetUserPolicyResult><PolicyDocument>%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22"
    "%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22rds-db%3Aconnect%22%2C%22Resource%22"
    "%3A%22arn%3Aaws%3Ards-db%3Aeu-central-1%3A123456789012%3Adbuser%3Adb-ABC%2Fapp_read%22%7D%5D%"
    "7D"
    "</PolicyDocument></GetUserPolicyResult></R>";
static const char OWN_NAMES[] =
    "<R><ListUserPoliciesResult><PolicyNames><member>theirs</member><member>" NAME_BEGIN
    "1767229000</member></PolicyNames></ListUserPoliciesResult></R>";
static const char STRANGE_NAMES[] =
    "<R><ListUserPoliciesResult><PolicyNames><member>"
    "daypass.grt_abcdefgh12345678.dep_other.main.1767229000</member></PolicyNames>"
    "</ListUserPoliciesResult></R>";

// Everything up to the change.
static void say_who_and_what(Scene *scene, const char *names) {
    say(scene, CALLER);
    say(scene, JANE);
    say(scene, DATABASES);
    say(scene, EMPTY);
    say(scene, EMPTY);
    say(scene, names);
}

typedef enum Doing { GRANT, EXTEND, RESET, REVOKE } Doing;

static Status perform(Scene *scene, Doing what) {
    TRY(scene_open(scene));
    DriverSession *session = scene->session;
    const Plan plan = scene->plan;
    Status status = STATUS_OK;
    int64_t now_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    const GrantOrder order = {
        .plan = &plan, .ends_ms = now_ms + REMAINING_MS, .deadline_ms = now_ms + DEADLINE_MS};
    Arena *arena = scene->arena;
    switch (what) {
    case GRANT:
        status = driver_grant(&AWS_DRIVER, session, arena, &order, &scene->result, &scene->error);
        break;
    case EXTEND:
        status = driver_extend(&AWS_DRIVER, session, arena, &order, &scene->result, &scene->error);
        break;
    case RESET:
        status = driver_reset(&AWS_DRIVER, session, arena, &order, &scene->result, &scene->error);
        break;
    case REVOKE:
        status = driver_revoke(&AWS_DRIVER, session, arena, &plan, &scene->result, &scene->error);
        break;
    }
    return status;
}

static void succeeds(Scene *scene, Doing what) {
    if (perform(scene, what) != STATUS_OK)
        fail_msg("%s: %s", scene->error.code, scene->error.message);
    scene_is_over(scene);
}

static void fails(Scene *scene, Doing what, FailureClass failure, const char *code) {
    assert_int_not_equal(perform(scene, what), STATUS_OK);
    if (!text_equal(scene->error.code, code))
        fail_msg("expected %s, got %s: %s", code, scene->error.code, scene->error.message);
    assert_int_equal(scene->result.failure, failure);
    scene_is_over(scene);
}

// ---- Giving -------------------------------------------------------------------------------------

static void a_grant_is_one_policy_that_reads_back(void **state) {
    Scene *scene = *state;
    say_who_and_what(scene, EMPTY);
    say(scene, EMPTY);
    say(scene, DOCUMENT);
    succeeds(scene, GRANT);
    asked(scene, 6, "Action=PutUserPolicy");
    asked(scene, 6, "PolicyName=" NAME_BEGIN "176722");
    const Outcome *outcome = &scene->result.outcome;
    assert_true(outcome->account_present);
    assert_false(outcome->end_enforced || outcome->login_refused);
    assert_string_equal(outcome->server_version, "AWS IAM");
    assert_string_equal(outcome->account_key, "AIDAJANE/grt_abcdefgh12345678.dep_abcdefgh12345678");
    assert_int_equal(outcome->target_expires_at, outcome->state->mark_expires_at);
    // An hour after midnight by AWS's clock, give or take what the calls took.
    assert_in_range(outcome->target_expires_at, MIDNIGHT_MS + REMAINING_MS - SECOND_MS,
                    MIDNIGHT_MS + REMAINING_MS + DEADLINE_MS);
    assert_int_equal(outcome->resources.count, 1);
    assert_string_equal(outcome->resources.items[0].host, "orders.example");
    assert_int_equal(outcome->resources.items[0].port, 5433);
    assert_string_equal(outcome->resources.items[0].engine, "postgresql");
    assert_string_equal(outcome->resources.items[0].users.items[0], "app_read");
    assert_int_equal(outcome->statements.count, 1);
    assert_true(text_starts_with(outcome->statements.items[0].sql,
                                 "iam PutUserPolicy user/jane policy " NAME_BEGIN));
}

static void a_read_that_lags_is_waited_for(void **state) {
    Scene *scene = *state;
    say_who_and_what(scene, EMPTY);
    say(scene, EMPTY);
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    say(scene, DOCUMENT);
    succeeds(scene, GRANT);
}

static void an_answer_that_never_came_is_settled_by_reading_back(void **state) {
    Scene *scene = *state;
    say_who_and_what(scene, EMPTY);
    say_nothing(scene); // it was made, and then
    refuse(scene, 403, REFUSAL("AccessDenied"));
    say(scene, DOCUMENT);
    succeeds(scene, GRANT);
}

static void another_policy_of_the_grant_goes_after_the_new_one_is_there(void **state) {
    Scene *scene = *state;
    say_who_and_what(scene, OWN_NAMES);
    say(scene, DOCUMENT);
    say(scene, EMPTY);
    say(scene, DOCUMENT);
    say(scene, EMPTY);
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    succeeds(scene, EXTEND);
    asked(scene, 9, "Action=DeleteUserPolicy");
    asked(scene, 9, "PolicyName=" NAME_BEGIN "1767229000");
}

static void a_full_identity_has_room_again_once_the_old_policy_went(void **state) {
    Scene *scene = *state;
    say_who_and_what(scene, OWN_NAMES);
    say(scene, DOCUMENT);
    refuse(scene, 409, REFUSAL("LimitExceeded"));
    say(scene, EMPTY);
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    say(scene, EMPTY);
    say(scene, DOCUMENT);
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    succeeds(scene, EXTEND);
}

static void a_full_identity_is_a_conflict(void **state) {
    Scene *scene = *state;
    say_who_and_what(scene, EMPTY);
    refuse(scene, 409, REFUSAL("LimitExceeded"));
    fails(scene, GRANT, FAILURE_CONFLICT, "policies_full");
    assert_non_null(strstr(scene->error.message, "2,048"));
    assert_int_equal(scene->result.outcome.statements.count, 0);
}

static void a_missing_right_is_said(void **state) {
    Scene *scene = *state;
    say_who_and_what(scene, EMPTY);
    refuse(scene, 403, REFUSAL("AccessDenied"));
    fails(scene, GRANT, FAILURE_DENIED, "target_denied");
    assert_non_null(strstr(scene->error.message, "PutUserPolicy"));
}

static void nobody_of_that_name_is_given_anything(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    fails(scene, GRANT, FAILURE_NOT_FOUND, "identity_not_found");
}

static void somebody_else_of_that_name_is_given_nothing(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, JANE_ELSEWHERE);
    fails(scene, GRANT, FAILURE_CONFLICT, "identity_differs");
}

static void what_is_above_the_ceiling_is_refused_before_anything_is_changed(void **state) {
    Scene *scene = *state;
    string_list_add(scene->arena, &scene->ceiling.resources,
                    "arn:aws:rds-db:*:*:dbuser:db-OTHER/*");
    say(scene, CALLER);
    say(scene, JANE);
    say(scene, DATABASES);
    say(scene, EMPTY);
    say(scene, EMPTY);
    fails(scene, GRANT, FAILURE_REFUSED, "above_ceiling");
}

static void an_identity_above_the_ceiling_is_refused(void **state) {
    Scene *scene = *state;
    string_list_add(scene->arena, &scene->ceiling.identity_tags, "team=backend");
    say(scene, CALLER);
    say(scene, JANE);
    fails(scene, GRANT, FAILURE_REFUSED, "above_ceiling");
}

static void who_is_outside_the_ceiling_is_refused_before_aws_is_asked(void **state) {
    Scene *scene = *state;
    string_list_add(scene->arena, &scene->ceiling.identities,
                    "arn:aws:iam::123456789012:user/engineers/*");
    say(scene, CALLER);
    fails(scene, GRANT, FAILURE_REFUSED, "above_ceiling");
    assert_non_null(strstr(scene->error.message, "user/jane is not among identities"));
}

static void a_database_that_is_not_there_is_said(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, JANE);
    say(scene, EMPTY);
    say(scene, EMPTY);
    say(scene, EMPTY);
    fails(scene, GRANT, FAILURE_NOT_FOUND, "resource_not_found");
}

static void another_installations_policy_is_not_touched(void **state) {
    Scene *scene = *state;
    say_who_and_what(scene, STRANGE_NAMES);
    fails(scene, GRANT, FAILURE_CONFLICT, "account_taken");
}

static void an_extension_of_what_is_gone_is_not_found(void **state) {
    Scene *scene = *state;
    say_who_and_what(scene, EMPTY);
    fails(scene, EXTEND, FAILURE_NOT_FOUND, "account_not_found");
}

static void there_is_no_credential_to_make_anew(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    fails(scene, RESET, FAILURE_UNSUPPORTED, "no_credential");
}

static void another_account_is_never_worked_in(void **state) {
    Scene *scene = *state;
    say(scene, OTHER_CALLER);
    fails(scene, GRANT, FAILURE_FATAL, "wrong_account");
}

// ---- Taking back --------------------------------------------------------------------------------

static void a_policy_is_deleted_and_seen_gone(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, OWN_NAMES);
    say(scene, DOCUMENT);
    say(scene, EMPTY);
    say(scene, DOCUMENT); // a read that lags
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    say(scene, EMPTY);
    succeeds(scene, REVOKE);
    asked(scene, 3, "Action=DeleteUserPolicy");
    const Outcome *outcome = &scene->result.outcome;
    assert_false(outcome->account_present);
    assert_true(outcome->login_refused);
    assert_int_equal(outcome->statements.count, 1);
    assert_int_equal(outcome->warnings.count, 1);
    assert_non_null(strstr(outcome->warnings.items[0], "lasts until it is closed"));
}

static void what_is_gone_already_is_success(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, EMPTY);
    say(scene, EMPTY);
    succeeds(scene, REVOKE);
    assert_int_equal(scene->result.outcome.statements.count, 0);
}

#define DETAILS(policies)                                                                          \
    "<R><GetAccountAuthorizationDetailsResult><UserDetailList><member><UserName>jane</UserName>"   \
    "<UserId>AIDAJANE</UserId><Arn>arn:aws:iam::123456789012:user/jane</Arn><UserPolicyList>"      \
    "<member><PolicyName>theirs</PolicyName></member>" policies                                    \
    "</UserPolicyList></member></UserDetailList></GetAccountAuthorizationDetailsResult></R>"

static void where_its_rights_do_not_reach_the_list_of_all_tells(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    for (int i = 0; i < 2; i++) {
        refuse(scene, 403, REFUSAL("AccessDenied"));
        say(scene, DETAILS(""));
    }
    succeeds(scene, REVOKE);
    asked(scene, 2, "Action=GetAccountAuthorizationDetails");
    assert_false(scene->result.outcome.account_present);
    assert_int_equal(scene->result.outcome.warnings.count, 0); // nobody had a token
}

static void what_the_list_has_and_cannot_be_taken_back_is_said(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    refuse(scene, 403, REFUSAL("AccessDenied"));
    say(scene, DETAILS("<member><PolicyName>" NAME_BEGIN "1767229000</PolicyName></member>"));
    refuse(scene, 403, REFUSAL("AccessDenied"));
    fails(scene, REVOKE, FAILURE_DENIED, "target_denied");
    assert_true(scene->result.outcome.account_present);
}

static void where_nobody_could_look_nothing_is_said(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    refuse(scene, 403, REFUSAL("AccessDenied"));
    refuse(scene, 403, REFUSAL("AccessDenied"));
    fails(scene, REVOKE, FAILURE_DENIED, "target_denied");
    assert_null(scene->result.outcome.server_version);
    assert_null(scene->result.outcome.account);
    assert_false(scene->result.outcome.account_present);
}

static void an_identity_that_is_gone_is_success(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    refuse(scene, 404, REFUSAL("NoSuchEntity"));
    succeeds(scene, REVOKE);
    assert_true(scene->result.outcome.login_refused);
}

static void a_deletion_whose_answer_never_came_is_settled_by_reading_back(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, OWN_NAMES);
    say(scene, DOCUMENT);
    say_nothing(scene);
    refuse(scene, 404, REFUSAL("NoSuchEntity")); // the second try
    refuse(scene, 404, REFUSAL("NoSuchEntity")); // reading back
    say(scene, EMPTY);
    succeeds(scene, REVOKE);
}

static void a_deletion_that_is_not_allowed_is_said(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, OWN_NAMES);
    say(scene, DOCUMENT);
    refuse(scene, 403, REFUSAL("AccessDenied"));
    fails(scene, REVOKE, FAILURE_DENIED, "target_denied");
    assert_true(scene->result.outcome.account_present);
    assert_false(scene->result.outcome.login_refused);
}

static void another_installations_policy_is_not_taken_back(void **state) {
    Scene *scene = *state;
    say(scene, CALLER);
    say(scene, STRANGE_NAMES);
    say(scene, STRANGE_NAMES);
    fails(scene, REVOKE, FAILURE_CONFLICT, "account_taken");
    assert_int_equal(scene->result.outcome.obstacles.count, 1);
}

#define SCENE_TEST(function) cmocka_unit_test_setup_teardown(function, scene_start, scene_stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_grant_is_one_policy_that_reads_back),
        SCENE_TEST(a_read_that_lags_is_waited_for),
        SCENE_TEST(an_answer_that_never_came_is_settled_by_reading_back),
        SCENE_TEST(another_policy_of_the_grant_goes_after_the_new_one_is_there),
        SCENE_TEST(a_full_identity_has_room_again_once_the_old_policy_went),
        SCENE_TEST(a_full_identity_is_a_conflict),
        SCENE_TEST(a_missing_right_is_said),
        SCENE_TEST(nobody_of_that_name_is_given_anything),
        SCENE_TEST(somebody_else_of_that_name_is_given_nothing),
        SCENE_TEST(what_is_above_the_ceiling_is_refused_before_anything_is_changed),
        SCENE_TEST(an_identity_above_the_ceiling_is_refused),
        SCENE_TEST(who_is_outside_the_ceiling_is_refused_before_aws_is_asked),
        SCENE_TEST(a_database_that_is_not_there_is_said),
        SCENE_TEST(another_installations_policy_is_not_touched),
        SCENE_TEST(an_extension_of_what_is_gone_is_not_found),
        SCENE_TEST(there_is_no_credential_to_make_anew),
        SCENE_TEST(another_account_is_never_worked_in),
        SCENE_TEST(a_policy_is_deleted_and_seen_gone),
        SCENE_TEST(what_is_gone_already_is_success),
        SCENE_TEST(where_its_rights_do_not_reach_the_list_of_all_tells),
        SCENE_TEST(what_the_list_has_and_cannot_be_taken_back_is_said),
        SCENE_TEST(where_nobody_could_look_nothing_is_said),
        SCENE_TEST(an_identity_that_is_gone_is_success),
        SCENE_TEST(a_deletion_whose_answer_never_came_is_settled_by_reading_back),
        SCENE_TEST(a_deletion_that_is_not_allowed_is_said),
        SCENE_TEST(another_installations_policy_is_not_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
