// Where credentials come from, and in which order.
#include "chain_scene.h"

#include "aws/source.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const AwsProviderOptions PLAIN = {0};

static const char KEYS[] = "[default]\naws_access_key_id = AKDEFAULT\n"
                           "aws_secret_access_key = hidden-default\n";

static void without_any_it_says_what_was_looked_at(void **state) {
    machine_fails(&PLAIN, STATUS_NOT_FOUND, "no_aws_credentials", "AWS_ACCESS_KEY_ID");
    machine_fails(&PLAIN, STATUS_NOT_FOUND, "no_aws_credentials", "AWS_EC2_METADATA_DISABLED");
}

static void the_environment_comes_first(void **state) {
    machine_profiles(NULL, KEYS);
    setenv("AWS_ACCESS_KEY_ID", "AKENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "hidden-env", 1);
    machine_gives(&PLAIN, "AKENV", "environment");
    // A profile asked for by name is answered with its own.
    AwsProviderOptions named = {.profile = "default"};
    machine_gives(&named, "AKDEFAULT", "profile default");
}

static void the_environment_says_whose_its_keys_are(void **state) {
    setenv("AWS_ACCESS_KEY_ID", "AKENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "hidden-env", 1);
    machine_gives_account(&PLAIN, NULL);
    setenv("AWS_ACCOUNT_ID", "production", 1);
    machine_gives_account(&PLAIN, NULL);
    setenv("AWS_ACCOUNT_ID", "210987654321", 1);
    machine_gives_account(&PLAIN, "210987654321");
}

static void half_of_the_environment_is_a_mistake(void **state) {
    machine_profiles(NULL, KEYS);
    setenv("AWS_ACCESS_KEY_ID", "AKENV", 1);
    machine_fails(&PLAIN, STATUS_INVALID, "bad_credentials", "AWS_SECRET_ACCESS_KEY is not");
    setenv("AWS_SECRET_ACCESS_KEY", "hidden\nline", 1);
    machine_fails(&PLAIN, STATUS_INVALID, "bad_credentials", "secret access key");
}

static void profiles_come_before_a_web_identity(void **state) {
    machine_profiles(NULL, KEYS);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere", 1);
    machine_gives(&PLAIN, "AKDEFAULT", "profile default");
    setenv("AWS_PROFILE", "other", 1);
    machine_fails(&PLAIN, STATUS_INVALID, "no_aws_profile", "AWS profile other");
}

// One that only names a region leaves credentials to the rest of the chain.
static void a_profile_without_credentials_passes_on(void **state) {
    machine_profiles("[default]\nregion = eu-central-1\n", NULL);
    const ScriptedAnswer answers[] = {{.body = machine_json_answer("AKCONTAINER")}};
    Scripted *server = scripted_start(answers, 1);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", scripted_url(server), 1);
    machine_gives(&PLAIN, "AKCONTAINER", "container");
    AwsProviderOptions named = {.profile = "default"};
    machine_fails(&named, STATUS_INVALID, "no_aws_credentials", "AWS profile default");
    scripted_stop(server);
}

static void variables_move_the_files(void **state) {
    setenv("AWS_CONFIG_FILE", machine_file("elsewhere", "[profile a]\naws_access_key_id = AKA\n"),
           1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "~/keys", 1);
    machine_file("keys", "[a]\naws_secret_access_key = hidden-a\n");
    AwsProviderOptions named = {.profile = "a"};
    machine_gives(&named, "AKA", "profile a");
}

// Web identity

static void a_token_is_exchanged_for_a_role(void **state) {
    const ScriptedAnswer answers[] = {
        {.body = machine_sts_answer("AssumeRoleWithWebIdentity", "ASWEB")}};
    Scripted *server = scripted_start(answers, 1);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", machine_file("token", "hidden.jwt+/=\n"), 1);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod", 1);
    AwsProviderOptions options = {.sts_endpoint = scripted_url(server), .region = "eu-central-1"};
    machine_gives(&options, "ASWEB", "web identity, role arn:aws:iam::123456789012:role/pod");
    const char *call = scripted_call(server, 0);
    assert_non_null(strstr(call, "&WebIdentityToken=hidden.jwt%2B%2F%3D"));
    assert_non_null(strstr(call, "&RoleSessionName=session-"));
    assert_null(strcasestr(call, "Authorization:"));
    scripted_stop(server);
}

static void a_token_that_is_refused_is_not_shown(void **state) {
    const ScriptedAnswer answers[] = {
        {.status = 400,
         .body = "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>No provider"
                 "</Message></Error></ErrorResponse>"}};
    Scripted *server = scripted_start(answers, 1);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", machine_file("token", "hidden.jwt"), 1);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod", 1);
    AwsProviderOptions options = {.sts_endpoint = scripted_url(server)};
    machine_fails(&options, STATUS_UNAUTHENTICATED, "aws_refused", "InvalidIdentityToken");
    unsetenv("AWS_ROLE_ARN");
    machine_fails(&options, STATUS_INVALID, "bad_credentials", "AWS_ROLE_ARN is not");
    setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod", 1);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token", 1);
    machine_fails(&options, STATUS_NOT_FOUND, "secret_file_missing", "/nowhere/token");
    scripted_stop(server);
}

// Containers

static void a_container_asks_with_its_token(void **state) {
    const ScriptedAnswer answers[] = {{.status = 500, .body = ""},
                                      {.body = machine_json_answer("AKCONTAINER")}};
    Scripted *server = scripted_start(answers, 2);
    CLEANUP(mem_freep) char *uri = mem_printf("%s/v1/credentials?a=b", scripted_url(server));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic other", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", machine_file("token", "hidden-auth\n"), 1);
    machine_gives(&PLAIN, "AKCONTAINER", "container");
    assert_true(text_starts_with(scripted_call(server, 1), "GET /v1/credentials?a=b HTTP/1.1\r\n"));
    assert_non_null(strcasestr(scripted_call(server, 1), "Authorization: hidden-auth\r\n"));
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    machine_gives(&PLAIN, "AKCONTAINER", "container");
    assert_non_null(strcasestr(scripted_call(server, 2), "Authorization: Basic other\r\n"));
    scripted_stop(server);
}

static void a_container_endpoint_that_fails_is_the_failure(void **state) {
    const ScriptedAnswer answers[] = {{.status = 403, .body = "hidden"},
                                      {.body = "{\"AccessKeyId\": \"hidden\"}"},
                                      {.body = "hidden"},
                                      {.body = "{\"AccessKeyId\": \"AK\", \"SecretAccessKey\": "
                                               "\"hidden\", \"Expiration\": \"hidden\"}"}};
    Scripted *server = scripted_start(answers, COUNT_OF(answers));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", scripted_url(server), 1);
    machine_fails(&PLAIN, STATUS_UNAVAILABLE, "credentials_refused", "container credentials: ");
    machine_fails(&PLAIN, STATUS_INVALID, "bad_credentials", "secret access key");
    machine_fails(&PLAIN, STATUS_INVALID, "bad_credentials", "no JSON object");
    machine_fails(&PLAIN, STATUS_INVALID, "bad_credentials", "Expiration");
    scripted_stop(server);
    machine_fails(&PLAIN, STATUS_UNAVAILABLE, "cannot_connect", "container credentials: ");
}

static void container_endpoints_are_https_or_near(void **state) {
    static const struct {
        const char *uri, *base_url, *target; // NULL: refused
    } CASES[] = {
        {"https://example.com/x", "https://example.com", "/x"},
        {"http://169.254.170.23/v1/credentials", "http://169.254.170.23", "/v1/credentials"},
        {"http://[fd00:ec2::23]/x", "http://[fd00:ec2::23]", "/x"},
        {"http://169.254.170.2:80/x?y", "http://169.254.170.2:80", "/x?y"},
        {"http://127.1.2.3:9", "http://127.1.2.3:9", "/"},
        {"http://localhost?q", "http://localhost", "/?q"},
        {"http://[::1]:8/x", "http://[::1]:8", "/x"},
        {"http://example.com/x", NULL, NULL},
        {"http://127.0.0.1.example.com/x", NULL, NULL},
        {"http://169.254.170.2@example.com/x", NULL, NULL},
        {"http://169.254.169.254/x", NULL, NULL},
        {"https://user@example.com/x", NULL, NULL},
        {"http:///x", NULL, NULL},
        {"ftp://localhost/x", NULL, NULL},
        {"localhost/x", NULL, NULL},
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        ContainerPlace place = {0};
        Status status = container_place_full(arena, CASES[i].uri, &place, NULL);
        if ((status == STATUS_OK) != (CASES[i].base_url != NULL) ||
            !text_equal(place.base_url, CASES[i].base_url) ||
            !text_equal(place.target, CASES[i].target))
            fail_msg("%s: %s %s", CASES[i].uri, place.base_url, place.target);
    }
    ContainerPlace place = {0};
    assert_int_equal(container_place_relative(arena, "/v2/x", &place, NULL), STATUS_OK);
    assert_string_equal(place.base_url, "http://169.254.170.2");
    assert_int_equal(container_place_relative(arena, "@example.com/", &place, NULL),
                     STATUS_INVALID);
}

// Instances

static void an_instance_has_its_role(void **state) {
    const ScriptedAnswer answers[] = {{.body = "hidden-imds-token"},
                                      {.body = "web-role\n"},
                                      {.body = machine_json_answer("AKINSTANCE")}};
    Scripted *server = scripted_start(answers, 3);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", scripted_url(server), 1);
    machine_gives(&PLAIN, "AKINSTANCE", "instance metadata");
    assert_true(text_starts_with(scripted_call(server, 0), "PUT /latest/api/token HTTP/1.1\r\n"));
    assert_non_null(strcasestr(scripted_call(server, 0), "x-aws-ec2-metadata-token-ttl-seconds: "));
    assert_true(text_starts_with(scripted_call(server, 2),
                                 "GET /latest/meta-data/iam/security-credentials/web-role HTTP"));
    for (size_t i = 1; i < 3; i++)
        assert_non_null(strcasestr(scripted_call(server, i),
                                   "X-aws-ec2-metadata-token: hidden-imds-token\r\n"));
    scripted_stop(server);
}

static void instances_that_have_none_say_so(void **state) {
    const ScriptedAnswer no_role[] = {{.body = "hidden-token"}, {.status = 404, .body = ""}};
    Scripted *server = scripted_start(no_role, 2);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", scripted_url(server), 1);
    machine_fails(&PLAIN, STATUS_NOT_FOUND, "no_aws_credentials", "the instance has no role");
    scripted_stop(server);
    // Of version 1 alone: nothing more is asked.
    const ScriptedAnswer old[] = {{.status = 404, .body = ""}};
    server = scripted_start(old, 1);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", scripted_url(server), 1);
    machine_fails(&PLAIN, STATUS_NOT_FOUND, "no_aws_credentials", "no token of version 2");
    assert_int_equal(scripted_calls(server), 1);
    scripted_stop(server);
    machine_fails(&PLAIN, STATUS_NOT_FOUND, "no_aws_credentials",
                  "instance metadata: cannot connect");
}

static void a_silent_metadata_service_is_soon_given_up(void **state) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(listener, 8), 0);
    CLEANUP(mem_freep) char *url = mem_printf("http://127.0.0.1:%d", ntohs(address.sin_port));
    unsetenv("AWS_EC2_METADATA_DISABLED");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
    int64_t began_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    machine_fails(&PLAIN, STATUS_NOT_FOUND, "no_aws_credentials", "no answer from 127.0.0.1");
    assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) - began_ms < 10000);
    close(listener);
}

static void regions_come_from_options_environment_and_profile(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_null(aws_region_default(arena, NULL));
    machine_profiles("[default]\nregion = eu-north-1\n[profile b]\nregion = eu-south-1\n", NULL);
    assert_string_equal(aws_region_default(arena, NULL), "eu-north-1");
    AwsProviderOptions options = {.profile = "b"};
    assert_string_equal(aws_region_default(arena, &options), "eu-south-1");
    setenv("AWS_DEFAULT_REGION", "eu-west-2", 1);
    assert_string_equal(aws_region_default(arena, &options), "eu-west-2");
    setenv("AWS_REGION", "eu-west-1", 1);
    assert_string_equal(aws_region_default(arena, &options), "eu-west-1");
    options.region = "eu-central-1";
    assert_string_equal(aws_region_default(arena, &options), "eu-central-1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_any_it_says_what_was_looked_at, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(the_environment_comes_first, machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(the_environment_says_whose_its_keys_are, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(half_of_the_environment_is_a_mistake, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(profiles_come_before_a_web_identity, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(a_profile_without_credentials_passes_on, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(variables_move_the_files, machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(a_token_is_exchanged_for_a_role, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(a_token_that_is_refused_is_not_shown, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(a_container_asks_with_its_token, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(a_container_endpoint_that_fails_is_the_failure,
                                        machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(container_endpoints_are_https_or_near, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(an_instance_has_its_role, machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(instances_that_have_none_say_so, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(a_silent_metadata_service_is_soon_given_up, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(regions_come_from_options_environment_and_profile,
                                        machine_start, machine_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
