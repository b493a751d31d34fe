// Grants on AWS on the command line: what evidence says, what is chosen, and what needs no token.
#include "cli/aws_access.h"
#include "cli/credential_format.h"
#include "scene.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define HOST "orders.abcdefghijkl.eu-central-1.rds.amazonaws.com"
#define DATABASE(more)                                                                             \
    "{\"kind\":\"rds instance\",\"id\":\"db-A\",\"identifier\":\"orders\",\"host\":\"" HOST        \
    "\",\"port\":5432,\"engine\":\"postgresql\",\"region\":\"eu-central-1\"" more "}"
#define INSTANCE(more)                                                                             \
    "{\"kind\":\"instance\",\"id\":\"i-0123\",\"region\":\"eu-central-1\"" more "}"
#define DONE(kind_, resources)                                                                     \
    "{\"action_id\":\"a\",\"kind\":\"" kind_                                                       \
    "\",\"failure\":\"none\",\"outcome\":{\"account_present\":true,\"resources\":[" resources      \
    "]}}"
#define GRANT(more)                                                                                \
    "{\"id\":\"grt_a\",\"version\":3,\"state\":\"active\",\"requester\":\"ann\",\"kind\":\"aws\"," \
    "\"flow\":\"orders-iam\",\"integration\":\"aws-prod\",\"duration\":\"1h\","                    \
    "\"target\":\"aws account 123456789012, eu-central-1\","                                       \
    "\"identity\":\"arn:aws:iam::123456789012:user/ann\",\"may\":[\"connect\"],"                   \
    "\"expires_at\":\"2999-01-01T00:00:00Z\"" more "}"

static const char NOTHING[] = "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,"
                              "\"kind\":\"conflict\",\"code\":\"nothing_delivered\","
                              "\"detail\":\"a grant on AWS has no credential\"}";

static size_t key_count(Scene *scene) {
    DIR *folder = opendir(arena_printf(scene->arena, "%s/daypass/keys", scene->folder));
    if (folder == NULL)
        return 0;
    size_t count = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void offer(Scene *scene, const char *grant) {
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/grants/grt_a", 200, grant);
    scene_answer(scene, "GET", "/v1/grants/grt_a/credentials", 409, NOTHING);
    scene_answer(scene, "POST", "/v1/grants/grt_a/reset", 409, NOTHING);
}

static AwsResources resources_of(Scene *scene, const char *evidence) {
    json_t *value = NULL;
    Error error = {0};
    assert_int_equal(json_read(scene->arena, evidence, strlen(evidence), &value, &error),
                     STATUS_OK);
    AwsResources resources;
    const GrantView grant = {.id = "grt_a", .evidence = value};
    assert_int_equal(aws_access_read(scene->arena, &grant, &resources, &error), STATUS_OK);
    return resources;
}

// ---- Evidence -----------------------------------------------------------------------------------

static void the_last_that_was_done_says_what_it_is_on(void **state) {
    Scene *scene = *state;
    AwsResources resources = resources_of(
        scene,
        "[" DONE("grant", DATABASE("")) "," DONE("extend", INSTANCE("")) "," DONE(
            "revoke",
            DATABASE(
                "")) ","
                     "{\"action_id\":\"b\",\"kind\":\"grant\",\"failure\":\"denied\",\"outcome\":"
                     "{\"account_present\":false,\"resources\":[" DATABASE(
                         "") "]}},"
                             "{\"action_id\":\"c\",\"kind\":\"grant\",\"failure\":\"none\"}]");
    assert_int_equal(resources.count, 1);
    assert_string_equal(resources.items[0].id, "i-0123");
    // An extension that looked at nothing anew changes nothing.
    resources = resources_of(scene, "[" DONE("grant", DATABASE("")) "," DONE("extend", "") "]");
    assert_int_equal(resources.count, 1);
    assert_string_equal(aws_resource_name(&resources.items[0]), "orders");
    assert_int_equal(resources_of(scene, "[]").count, 0);
}

static void one_database_of_two_entries_is_one(void **state) {
    Scene *scene = *state;
    AwsResources resources = resources_of(
        scene,
        "[" DONE(
            "grant",
            DATABASE(",\"users\":[\"a\",\"b\"]") "," INSTANCE(",\"documents\":[\"D\"]") "," DATABASE(
                ",\"users\":[\"b\",\"c\"]") "," INSTANCE(",\"documents\":[\"E\"]")) "]");
    assert_int_equal(resources.count, 2);
    assert_string_equal(string_list_join(scene->arena, &resources.items[0].users, " "), "a b c");
    assert_string_equal(string_list_join(scene->arena, &resources.items[1].documents, " "), "D E");
}

static void evidence_that_cannot_be_read_is_said_so(void **state) {
    Scene *scene = *state;
    offer(scene, GRANT(",\"evidence\":[{\"kind\":\"grant\",\"action_id\":\"a\",\"outcome\":"
                       "{\"resources\":[{\"kind\":1}]}}]"));
    assert_int_equal(RUN(scene, "connect", "grt_a"), 20);
    assert_has(scene->err, "daypass version");
}

// ---- The AWS CLI's words ------------------------------------------------------------------------

static void words_are_quoted_for_a_shell(void **state) {
    Scene *scene = *state;
    const AwsLogin login = {
        .host = HOST, .port = 3306, .user = "o'brien $x", .region = "eu-central-1"};
    StringList words = aws_token_words(scene->arena, &login, "my profile");
    assert_string_equal(aws_words_line(scene->arena, &words),
                        "aws rds generate-db-auth-token --hostname " HOST
                        " --port 3306 --username 'o'\\''brien $x' --region eu-central-1"
                        " --profile 'my profile'");
    const AwsResource instance = {.id = "i-0123", .region = "eu-central-1"};
    words = aws_session_words(scene->arena, &instance, "AWS-StartPortForwardingSession", NULL);
    assert_string_equal(aws_words_line(scene->arena, &words),
                        "aws ssm start-session --target i-0123 --document-name "
                        "AWS-StartPortForwardingSession --region eu-central-1");
}

// ---- Commands -----------------------------------------------------------------------------------

static void show_tells_the_identity_and_the_commands(void **state) {
    Scene *scene = *state;
    offer(scene, GRANT(",\"evidence\":[" DONE(
                     "grant", DATABASE(",\"users\":[\"*\"]") "," INSTANCE(
                                  ",\"documents\":[\"SSM-SessionManagerRunShell\",\"D\"]")) "]"));
    assert_int_equal(RUN(scene, "show", "grt_a"), 0);
    assert_has(scene->out, "identity     arn:aws:iam::123456789012:user/ann\n");
    assert_has(scene->out, "rds instance orders (db-A), " HOST ":5432, postgresql, as *\n");
    assert_has(scene->out, "--username USER --region eu-central-1\n");
    assert_has(scene->out, "  aws ssm start-session --target i-0123 --region eu-central-1\n");
    assert_has(scene->out, "--document-name D --region eu-central-1\n");
    assert_has(scene->out, "use it with your own AWS credentials: daypass connect grt_a");
}

static void a_database_that_lets_nobody_in_is_said_so(void **state) {
    Scene *scene = *state;
    static const char OFF[] = "warning: IAM authentication was off on rds instance orders ";
    offer(scene, GRANT(",\"evidence\":[" DONE(
                     "grant", DATABASE(",\"iam_authentication\":false,\"users\":[\"u\"]")) "]"));
    assert_int_equal(RUN(scene, "show", "grt_a"), 0);
    assert_has(scene->out, OFF);
    scene_answer(scene, "GET", "/v1/grants/grt_a", 200,
                 GRANT(",\"evidence\":[" DONE(
                     "grant", DATABASE(",\"iam_authentication\":true,\"users\":[\"u\"]")) "]"));
    assert_int_equal(RUN(scene, "show", "grt_a"), 0);
    assert_has_not(scene->out, OFF);
    // One that could not be read.
    scene_answer(scene, "GET", "/v1/grants/grt_a", 200,
                 GRANT(",\"evidence\":[" DONE("grant", "{\"kind\":\"rds instance\",\"id\":\"db-A\","
                                                       "\"users\":[\"u\"]}") "]"));
    assert_int_equal(RUN(scene, "show", "grt_a"), 0);
    assert_has_not(scene->out, "IAM authentication");
}

static void a_session_is_printed_for_scripts(void **state) {
    Scene *scene = *state;
    offer(scene, GRANT(",\"evidence\":[" DONE("grant", INSTANCE("")) "]"));
    assert_int_equal(RUN(scene, "credentials", "grt_a"), 0);
    assert_string_equal(scene->out,
                        "aws ssm start-session --target i-0123 --region eu-central-1\n");
    assert_has(scene->err, "# a session on i-0123, until 2999-01-01");
    assert_int_equal(RUN(scene, "credentials", "grt_a", "--json"), 0);
    assert_has(scene->out, "\"instance\": \"i-0123\"");
    assert_has(scene->out, "\"start-session\"");
    assert_int_equal(RUN(scene, "credentials", "grt_a", "--format", "pgpass"), 10);
    assert_has(scene->err, "which has: env|json");
}

static void there_is_nothing_to_reset(void **state) {
    Scene *scene = *state;
    offer(scene, GRANT(""));
    assert_int_equal(RUN(scene, "credentials", "grt_a", "--reset"), 14);
    assert_has(scene->err, "has no credential");
    assert_int_equal(key_count(scene), 0);
}

static void actions_alone_are_nothing_to_connect_to(void **state) {
    Scene *scene = *state;
    offer(scene, GRANT(",\"access\":[\"s3:GetObject on arn:aws:s3:::a/b\"]"));
    assert_int_equal(RUN(scene, "connect", "grt_a"), 14);
    assert_has(scene->err, "allowed: s3:GetObject on arn:aws:s3:::a/b");
}

static void no_key_is_kept_for_what_is_not_delivered(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "POST", "/v1/grants", 201, GRANT(""));
    assert_int_equal(RUN(scene, "request", "orders-iam"), 0);
    assert_has(scene->out, "daypass connect grt_a");
    assert_int_equal(key_count(scene), 0);
}

static void discovery_shows_databases_and_instances(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/integrations/aws-prod/discovery", 200,
                 "{\"resources\":[" DATABASE(",\"tags\":[\"team=a\"]") "," INSTANCE(
                     ",\"tags\":[\"tier=web\"]") "],\"notes\":[\"proxies: not allowed\"]}");
    assert_int_equal(RUN(scene, "integrations", "discover", "aws-prod"), 0);
    assert_has(scene->out, HOST ":5432");
    assert_has(scene->out, "off");
    assert_has(scene->out, "tier=web");
    assert_has_not(scene->out, "schemas");
    assert_has(scene->err, "proxies: not allowed");
    scene_answer(scene, "GET", "/v1/integrations/aws-prod/discovery", 200,
                 "{\"server_version\":\"AWS IAM\",\"resources\":[]}");
    assert_int_equal(RUN(scene, "integrations", "discover", "aws-prod"), 0);
    assert_string_equal(scene->out, "");
    assert_has(scene->err, "No databases or instances.");
}

static void a_check_prints_no_policy_of_what_is_right(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/integrations/aws-prod", 200,
                 "{\"name\":\"aws-prod\",\"kind\":\"aws\",\"health\":\"failed\",\"checks\":["
                 "{\"name\":\"rights\",\"result\":\"ok\",\"found\":\"all are there\","
                 "\"repair\":\"{whole policy}\"},"
                 "{\"name\":\"route\",\"result\":\"failed\",\"found\":\"no answer\","
                 "\"repair\":\"open the port\"}]}");
    assert_int_equal(RUN(scene, "integrations", "aws-prod"), 0);
    assert_has_not(scene->out, "whole policy");
    assert_has(scene->out, "details: daypass integrations aws-prod --json");
    assert_has(scene->out, "to repair: open the port");
    assert_int_equal(RUN(scene, "integrations", "aws-prod", "--json"), 0);
    assert_has(scene->out, "whole policy");
}

static void principals_show_who_they_are_on_aws(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/principals", 200,
                 "{\"items\":[{\"name\":\"ann\",\"role\":\"member\",\"aws_identities\":"
                 "[\"arn:aws:iam::123456789012:user/ann\"]}]}");
    assert_int_equal(RUN(scene, "principal", "list"), 0);
    assert_has(scene->out, "arn:aws:iam::123456789012:user/ann");
}

// ---- Forms --------------------------------------------------------------------------------------

static const struct {
    const char *kind, *form, *has;
} CLEAR[] = {
    {"mysql", "env", "export LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN='1'\n"},
    {"mysql", "mycnf", "\nenable-cleartext-plugin\n"},
    {"mysql", "odbc", ";ENABLE_CLEARTEXT_PLUGIN=1;"},
    {"mysql", "json", "\"authentication\": \"iam\""},
    {"mariadb", "env", "export LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN='1'\n"},
    {"postgresql", "json", "\"authentication\": \"iam\""},
};

static void a_token_is_sent_as_it_is_and_a_password_never(void **state) {
    Scene *scene = *state;
    Credential credential = {
        .host = HOST, .port = 1, .database = "d", .user = "u", .password = "p"};
    for (size_t i = 0; i < COUNT_OF(CLEAR); i++) {
        credential.kind = CLEAR[i].kind;
        for (int token = 0; token < 2; token++) {
            credential.authentication = token ? AUTHENTICATION_IAM : NULL;
            Buffer text = {0};
            Error error = {0};
            assert_int_equal(
                credential_format(scene->arena, &credential, CLEAR[i].form, &text, &error),
                STATUS_OK);
            (token ? assert_has : assert_has_not)(buffer_text(&text), CLEAR[i].has);
            buffer_done(&text);
        }
    }
}

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, scene_set_up, scene_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE_TEST(the_last_that_was_done_says_what_it_is_on),
        SCENE_TEST(one_database_of_two_entries_is_one),
        SCENE_TEST(evidence_that_cannot_be_read_is_said_so),
        SCENE_TEST(words_are_quoted_for_a_shell),
        SCENE_TEST(show_tells_the_identity_and_the_commands),
        SCENE_TEST(a_database_that_lets_nobody_in_is_said_so),
        SCENE_TEST(a_session_is_printed_for_scripts),
        SCENE_TEST(there_is_nothing_to_reset),
        SCENE_TEST(actions_alone_are_nothing_to_connect_to),
        SCENE_TEST(no_key_is_kept_for_what_is_not_delivered),
        SCENE_TEST(discovery_shows_databases_and_instances),
        SCENE_TEST(a_check_prints_no_policy_of_what_is_right),
        SCENE_TEST(principals_show_who_they_are_on_aws),
        SCENE_TEST(a_token_is_sent_as_it_is_and_a_password_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
