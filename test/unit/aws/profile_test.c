// What a profile of the shared config may be: keys, roles, programs.
#include "chain_scene.h"

#include "aws/shared_config.h"
#include "base/program.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static AwsProviderOptions profile(const char *name) {
    return (AwsProviderOptions){.profile = name, .programs = true, .region = "eu-central-1"};
}

// Files

static void parses_what_people_write(void **state) {
    static const char TEXT[] =
        "\xEF\xBB\xBF# comment\n; another\n\n[default]\r\nRegion = eu-central-1 # why\r\n"
        "s3 =\n  region = nested\n\taws_access_key_id = nested\n"
        "[profile  dev x ]\nregion=a#b;c\nempty =\nrole_arn = a=b\n"
        "[profile 'quoted name']\nregion = q\n"
        "[sso-session corp]\nregion = not-a-profile\n[services s]\nregion = neither\n"
        "[dev2]\nregion = no-profile-word\n[default]\noutput = json\n";
    CLEANUP(arena_freep) Arena *arena = arena_new();
    SharedConfig *config = shared_config_new(arena);
    Error error = {0};
    if (shared_config_parse(config, SHARED_FILE_CONFIG, TEXT, strlen(TEXT), &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_string_equal(shared_config_get(config, "default", "region"), "eu-central-1");
    assert_string_equal(shared_config_get(config, "default", "output"), "json");
    assert_null(shared_config_get(config, "default", "aws_access_key_id"));
    assert_string_equal(shared_config_get(config, "dev x", "region"), "a#b;c");
    assert_string_equal(shared_config_get(config, "dev x", "role_arn"), "a=b");
    assert_null(shared_config_get(config, "dev x", "empty"));
    assert_string_equal(shared_config_get(config, "quoted name", "region"), "q");
    assert_false(shared_config_has(config, "corp"));
    assert_false(shared_config_has(config, "dev2"));
    assert_null(shared_config_get(config, "none", "region"));
}

static void values_of_the_credentials_file_count_more(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    SharedConfig *config = shared_config_new(arena);
    static const char FIRST[] = "[profile a]\nregion = one\noutput = json\n";
    static const char SECOND[] = "[a]\nregion = two\n[profile b]\nregion = none\n";
    assert_int_equal(shared_config_parse(config, SHARED_FILE_CONFIG, FIRST, strlen(FIRST), NULL),
                     STATUS_OK);
    assert_int_equal(
        shared_config_parse(config, SHARED_FILE_CREDENTIALS, SECOND, strlen(SECOND), NULL),
        STATUS_OK);
    assert_string_equal(shared_config_get(config, "a", "region"), "two");
    assert_string_equal(shared_config_get(config, "a", "output"), "json");
    assert_false(shared_config_has(config, "b"));
}

static void says_in_which_line_a_file_is_wrong(void **state) {
    static const struct {
        const char *text, *part;
    } CASES[] = {
        {"[default]\nhidden\n", "line 2"},           {"[default\n", "line 1"},
        {"\n\n[a]\nx = 1\nhidden-word\n", "line 5"}, {"[a]\n\xff = hidden\n", "UTF-8"},
        {"[a]\nregion = eu\rhidden\n", "line 2"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        machine_profiles(NULL, CASES[i].text);
        machine_fails(&(AwsProviderOptions){0}, STATUS_INVALID, "bad_aws_config", CASES[i].part);
        machine_fails(&(AwsProviderOptions){0}, STATUS_INVALID, "bad_aws_config",
                      "/.aws/credentials");
    }
}

// Keys

static void a_profile_of_keys(void **state) {
    machine_profiles(NULL, "[a]\naws_access_key_id = AKA\naws_secret_access_key = hidden-a\n"
                           "aws_session_token = hidden-token\n[half]\naws_access_key_id = AKH\n");
    AwsProviderOptions a = profile("a"), half = profile("half"), none = profile("none");
    machine_gives(&a, "AKA", "profile a");
    machine_fails(&half, STATUS_INVALID, "bad_credentials", "profile half: the secret access key");
    machine_fails(&none, STATUS_INVALID, "no_aws_profile", "AWS profile none");
    setenv("AWS_PROFILE", "a", 1);
    machine_gives(&(AwsProviderOptions){0}, "AKA", "profile a");
}

// Roles

static const char ROLES[] =
    "[profile keys]\naws_access_key_id = AKKEYS\naws_secret_access_key = hidden-keys\n"
    "[profile dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\nsource_profile = keys\n"
    "external_id = ext-1\nrole_session_name = jane\nduration_seconds = 900\n"
    "[profile top]\nrole_arn = arn:aws:iam::123456789012:role/top\nsource_profile = dev\n"
    "[profile self]\nrole_arn = arn:aws:iam::123456789012:role/self\nsource_profile = self\n"
    "aws_access_key_id = AKSELF\naws_secret_access_key = hidden-self\n"
    "[profile env]\nrole_arn = arn:aws:iam::123456789012:role/env\n"
    "credential_source = Environment\n"
    "[profile mfa]\nrole_arn = arn:aws:iam::123456789012:role/m\nsource_profile = keys\n"
    "mfa_serial = arn:aws:iam::123456789012:mfa/jane\n"
    "[profile round]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = trip\n"
    "[profile trip]\nrole_arn = arn:aws:iam::123456789012:role/t\nsource_profile = round\n"
    "[profile both]\nrole_arn = arn:aws:iam::123456789012:role/b\nsource_profile = keys\n"
    "credential_source = Environment\n"
    "[profile lost]\nrole_arn = arn:aws:iam::123456789012:role/l\nsource_profile = gone\n"
    "[profile empty]\nregion = eu-central-1\n"
    "[profile dry]\nrole_arn = arn:aws:iam::123456789012:role/d\nsource_profile = empty\n"
    "[profile odd]\nrole_arn = arn:aws:iam::123456789012:role/o\ncredential_source = Moon\n"
    "[profile long]\nrole_arn = arn:aws:iam::123456789012:role/o\nsource_profile = keys\n"
    "duration_seconds = 12h\n";

static void a_profile_of_a_role(void **state) {
    machine_profiles(ROLES, NULL);
    const ScriptedAnswer answers[] = {{.body = machine_sts_answer("AssumeRole", "ASROLE")}};
    Scripted *server = scripted_start(answers, 1);
    AwsProviderOptions options = profile("dev");
    options.sts_endpoint = scripted_url(server);
    machine_gives(&options, "ASROLE", "role arn:aws:iam::123456789012:role/dev");
    const char *call = scripted_call(server, 0);
    assert_non_null(strstr(call, "Action=AssumeRole&Version=2011-06-15&"
                                 "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdev&"
                                 "RoleSessionName=jane&DurationSeconds=900&ExternalId=ext-1"));
    assert_non_null(strstr(call, "Credential=AKKEYS/"));
    assert_non_null(strstr(call, "/eu-central-1/sts/aws4_request"));
    scripted_stop(server);
}

static void a_role_on_top_of_a_role(void **state) {
    machine_profiles(ROLES, NULL);
    const ScriptedAnswer answers[] = {{.body = machine_sts_answer("AssumeRole", "ASFIRST")},
                                      {.body = machine_sts_answer("AssumeRole", "ASSECOND")}};
    Scripted *server = scripted_start(answers, 2);
    AwsProviderOptions options = profile("top");
    options.sts_endpoint = scripted_url(server);
    machine_gives(&options, "ASSECOND", "role arn:aws:iam::123456789012:role/top");
    assert_non_null(strstr(scripted_call(server, 1), "Credential=ASFIRST/"));
    assert_non_null(strcasestr(scripted_call(server, 1), "X-Amz-Security-Token: hidden-token\r\n"));
    scripted_stop(server);
}

static void a_role_of_the_profiles_own_keys_or_the_environments(void **state) {
    machine_profiles(ROLES, NULL);
    const ScriptedAnswer answers[] = {{.body = machine_sts_answer("AssumeRole", "ASROLE")}};
    Scripted *server = scripted_start(answers, 1);
    AwsProviderOptions self = profile("self"), env = profile("env");
    self.sts_endpoint = env.sts_endpoint = scripted_url(server);
    machine_gives(&self, "ASROLE", "role arn:aws:iam::123456789012:role/self");
    assert_non_null(strstr(scripted_call(server, 0), "Credential=AKSELF/"));
    setenv("AWS_ACCESS_KEY_ID", "AKENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "hidden-env", 1);
    machine_gives(&env, "ASROLE", "role arn:aws:iam::123456789012:role/env");
    assert_non_null(strstr(scripted_call(server, 1), "Credential=AKENV/"));
    scripted_stop(server);
}

static void roles_that_cannot_be_assumed_say_why(void **state) {
    machine_profiles(ROLES, NULL);
    static const struct {
        const char *name;
        Status status;
        const char *code, *part;
    } CASES[] = {
        {"mfa", STATUS_UNSUPPORTED, "mfa_unsupported", "mfa_serial"},
        {"round", STATUS_INVALID, "bad_aws_config", "AWS profile round: source_profile leads back"},
        {"both", STATUS_INVALID, "bad_aws_config", "either source_profile or credential_source"},
        {"lost", STATUS_INVALID, "no_aws_profile", "AWS profile gone"},
        {"dry", STATUS_INVALID, "no_aws_credentials", "AWS profile empty"},
        {"odd", STATUS_INVALID, "bad_aws_config", "Ec2InstanceMetadata"},
        {"long", STATUS_INVALID, "bad_aws_config", "duration_seconds"},
        {"env", STATUS_INVALID, "no_aws_credentials", "AWS profile env"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        AwsProviderOptions options = profile(CASES[i].name);
        machine_fails(&options, CASES[i].status, CASES[i].code, CASES[i].part);
    }
}

static void a_role_that_is_denied_is_the_failure(void **state) {
    machine_profiles(ROLES, NULL);
    const ScriptedAnswer answers[] = {
        {.status = 403,
         .body = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message>"
                 "</Error></ErrorResponse>"},
        {.body = "<AssumeRoleResponse/>"}};
    Scripted *server = scripted_start(answers, 2);
    AwsProviderOptions options = profile("dev");
    options.sts_endpoint = scripted_url(server);
    machine_fails(&options, STATUS_FORBIDDEN, "aws_refused",
                  "role arn:aws:iam::123456789012:role/dev: sts AssumeRole: AccessDenied");
    machine_fails(&options, STATUS_UNAVAILABLE, "bad_credentials", "time the credentials end");
    scripted_stop(server);
}

static void a_profile_of_a_web_identity(void **state) {
    const ScriptedAnswer answers[] = {
        {.body = machine_sts_answer("AssumeRoleWithWebIdentity", "ASWEB")}};
    Scripted *server = scripted_start(answers, 1);
    CLEANUP(mem_freep)
    char *config = mem_printf("[profile web]\nrole_arn = arn:aws:iam::123456789012:role/web\n"
                              "web_identity_token_file = %s\nrole_session_name = pod-1\n",
                              machine_file("token", "hidden.jwt"));
    machine_profiles(config, NULL);
    AwsProviderOptions options = profile("web");
    options.sts_endpoint = scripted_url(server);
    machine_gives(&options, "ASWEB", "web identity, role arn:aws:iam::123456789012:role/web");
    assert_non_null(strstr(scripted_call(server, 0), "RoleSessionName=pod-1"));
    scripted_stop(server);
}

// Programs

static const char *program_file(const char *name, const char *script) {
    const char *path = machine_file(name, script);
    assert_int_equal(chmod(path, 0700), 0);
    return path;
}

static void program_profile(const char *script, const char *arguments) {
    CLEANUP(mem_freep)
    char *config = mem_printf("[profile p]\ncredential_process = %s %s\n",
                              program_file("give", script), arguments);
    machine_profiles(config, NULL);
}

static const char GIVE[] = "#!/bin/sh\n[ \"$1\" = 'a b' ] && [ \"$2\" = '$HOME' ] || exit 3\n"
                           "[ -z \"$DAYPASS_WITHHELD\" ] || exit 4\n"
                           "echo '{\"Version\": 1, \"AccessKeyId\": \"AKPROGRAM\", "
                           "\"SecretAccessKey\": \"hidden\", \"SessionToken\": \"hidden\", "
                           "\"Expiration\": \"2999-01-01T00:00:00Z\"}'\n";

static void a_profile_of_a_program(void **state) {
    program_profile(GIVE, "\"a b\" '$HOME'");
    setenv("DAYPASS_WITHHELD", "hidden", 1);
    const char *names[] = {"DAYPASS_WITHHELD"};
    const StringList withheld = {names, 1, 0};
    AwsProviderOptions options = profile("p");
    machine_fails(&options, STATUS_UNAVAILABLE, "program_failed", "exit status 4");
    options.withheld = &withheld;
    machine_gives(&options, "AKPROGRAM", "profile p");
    options.programs = false;
    machine_fails(&options, STATUS_INVALID, "programs_refused", "not allowed here");
    unsetenv("DAYPASS_WITHHELD");
}

static void a_profile_says_whose_its_keys_are(void **state) {
    CLEANUP(mem_freep)
    char *program = mem_printf(
        "[profile p]\naws_account_id = 210987654321\ncredential_process = %s\n",
        program_file("give", "#!/bin/sh\necho '{\"Version\": 1, \"AccessKeyId\": \"AKP\", "
                             "\"SecretAccessKey\": \"hidden\"}'\n"));
    machine_profiles(program, "[a]\naws_access_key_id = AKA\naws_secret_access_key = hidden-a\n"
                              "aws_account_id = 210987654321\n");
    AwsProviderOptions a = profile("a"), p = profile("p");
    machine_gives_account(&a, "210987654321");
    machine_gives_account(&p, "210987654321");
    // What the program says goes before what is written beside it.
    program_file("give", "#!/bin/sh\necho '{\"Version\": 1, \"AccessKeyId\": \"AKP\", "
                         "\"SecretAccessKey\": \"hidden\", \"AccountId\": \"123456789012\"}'\n");
    machine_gives_account(&p, "123456789012");
}

static void programs_that_fail_say_so(void **state) {
    AwsProviderOptions options = profile("p");
    program_profile("#!/bin/sh\necho hidden; exit 7\n", "");
    machine_fails(&options, STATUS_UNAVAILABLE, "program_failed", "exit status 7");
    program_profile("#!/bin/sh\necho hidden\n", "");
    machine_fails(&options, STATUS_INVALID, "bad_credentials", "\"Version\": 1");
    program_profile("#!/bin/sh\nhead -c 70000 /dev/zero\n", "");
    machine_fails(&options, STATUS_UNAVAILABLE, "program_failed", "too much");
    program_profile("#!/bin/sh\n", "\"a");
    machine_fails(&options, STATUS_INVALID, "bad_command", "credential_process");
    machine_profiles("[profile p]\ncredential_process = /nowhere/program\n", NULL);
    machine_fails(&options, STATUS_UNAVAILABLE, "program_failed", "cannot run /nowhere/program");
}

static void a_program_that_hangs_is_ended(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *script = program_file("hang", "#!/bin/sh\nsleep 600 & wait\n");
    const char *argv[] = {script};
    ProgramRun run = {.argv = {argv, 1, 0}, .timeout_ms = 300};
    const char *output = NULL;
    size_t length = 0;
    Error error = {0};
    int64_t began_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    assert_int_equal(program_run(arena, &run, &output, &length, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "program_failed");
    assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) - began_ms < 20000);
    atomic_bool stop = true;
    run.stop = &stop;
    run.timeout_ms = 600000;
    assert_int_equal(program_run(arena, &run, &output, &length, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "stopped");
}

static void a_profile_that_is_signed_in_elsewhere_asks_aws(void **state) {
    machine_profiles("[profile p]\nsso_session = corp\nsso_account_id = 123456789012\n"
                     "[profile q]\nlogin_session = arn:aws:iam::123456789012:user/jane\n",
                     NULL);
    program_file("aws", "#!/bin/sh\n[ \"$*\" = 'configure export-credentials --profile p --format "
                        "process' ] || exit 5\n"
                        "echo '{\"Version\": 1, \"AccessKeyId\": \"AKSSO\", \"SecretAccessKey\": "
                        "\"hidden\"}'\n");
    CLEANUP(mem_freep) char *path = mem_strdup(getenv("PATH"));
    CLEANUP(mem_freep) char *with_home = mem_printf("%s:%s", getenv("HOME"), path);
    setenv("PATH", with_home, 1);
    AwsProviderOptions p = profile("p"), q = profile("q");
    machine_gives(&p, "AKSSO", "profile p");
    machine_fails(&q, STATUS_UNAVAILABLE, "aws_sign_in_needed", "aws sso login --profile q");
    p.programs = false;
    machine_fails(&p, STATUS_INVALID, "programs_refused", "AWS profile p");
    setenv("PATH", path, 1);
}

static void splits_commands_as_a_shell_would(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    StringList words = {0};
    assert_int_equal(
        program_split(arena, "  a 'b c' \"d 'e'\"f  g\\ h \"\\\"\" '' $X *", &words, NULL),
        STATUS_OK);
    assert_string_equal(string_list_join(arena, &words, "|"), "a|b c|d 'e'f|g h|\"||$X|*");
    static const char *const BAD[] = {"", "  ", "a 'b", "\"", "''"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++)
        assert_int_equal(program_split(arena, BAD[i], &words, NULL), STATUS_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_what_people_write),
        cmocka_unit_test(values_of_the_credentials_file_count_more),
        cmocka_unit_test_setup_teardown(says_in_which_line_a_file_is_wrong, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(a_profile_of_keys, machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(a_profile_says_whose_its_keys_are, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(a_profile_of_a_role, machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(a_role_on_top_of_a_role, machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(a_role_of_the_profiles_own_keys_or_the_environments,
                                        machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(roles_that_cannot_be_assumed_say_why, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(a_role_that_is_denied_is_the_failure, machine_start,
                                        machine_stop),
        cmocka_unit_test_setup_teardown(a_profile_of_a_web_identity, machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(a_profile_of_a_program, machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(programs_that_fail_say_so, machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(a_program_that_hangs_is_ended, machine_start, machine_stop),
        cmocka_unit_test_setup_teardown(a_profile_that_is_signed_in_elsewhere_asks_aws,
                                        machine_start, machine_stop),
        cmocka_unit_test(splits_commands_as_a_shell_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
