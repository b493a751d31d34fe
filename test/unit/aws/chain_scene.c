#include "chain_scene.h"

#include "aws/partition.h"
#include "base/text.h"
#include "../base/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern char **environ;

static Scratch home;
static Arena *arena;

static void forget_variables(void) {
    for (size_t i = 0; environ[i] != NULL;) {
        size_t length = strcspn(environ[i], "=");
        if (!text_starts_with(environ[i], "AWS_")) {
            i++;
            continue;
        }
        CLEANUP(mem_freep) char *name = mem_printf("%.*s", (int)length, environ[i]);
        unsetenv(name);
    }
}

int machine_start(void **state) {
    forget_variables();
    home = scratch_open();
    arena = arena_new();
    setenv("HOME", home.path, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    return 0;
}

int machine_stop(void **state) {
    forget_variables();
    scratch_close(&home);
    arena = arena_free(arena);
    return 0;
}

const char *machine_file(const char *name, const char *text) {
    const char *path = arena_printf(arena, "%s/%s", home.path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

void machine_profiles(const char *config, const char *credentials) {
    const char *folder = arena_printf(arena, "%s/.aws", home.path);
    mkdir(folder, 0700);
    if (config != NULL)
        machine_file(".aws/config", config);
    if (credentials != NULL)
        machine_file(".aws/credentials", credentials);
}

void machine_gives(const AwsProviderOptions *options, const char *key_id, const char *source) {
    CLEANUP(aws_provider_freep) AwsProvider *provider = aws_provider_new(options);
    CLEANUP(aws_credentials_freep) AwsCredentials *credentials = NULL;
    Error error = {0};
    if (aws_provider_get(provider, 0, &credentials, &error) != STATUS_OK)
        fail_msg("%s: %s", error.code, error.message);
    assert_string_equal(credentials->access_key_id, key_id);
    assert_string_equal(credentials->source, source);
    assert_true(secret_length(credentials->secret_key) > 0);
}

void machine_gives_account(const AwsProviderOptions *options, const char *account) {
    CLEANUP(aws_provider_freep) AwsProvider *provider = aws_provider_new(options);
    CLEANUP(aws_credentials_freep) AwsCredentials *credentials = NULL;
    Error error = {0};
    if (aws_provider_get(provider, 0, &credentials, &error) != STATUS_OK)
        fail_msg("%s: %s", error.code, error.message);
    if (!text_equal(credentials->account, account))
        fail_msg("account %s", credentials->account);
}

void machine_fails(const AwsProviderOptions *options, Status status, const char *code,
                   const char *message_part) {
    CLEANUP(aws_provider_freep) AwsProvider *provider = aws_provider_new(options);
    AwsCredentials *credentials = NULL;
    Error error = {0};
    Status got = aws_provider_get(provider, 0, &credentials, &error);
    assert_null(credentials);
    if (got != status || !text_equal(error.code, code) ||
        strstr(error.message, message_part) == NULL)
        fail_msg("%s, %s: %s", status_name(got), error.code, error.message);
    assert_null(strstr(error.message, "hidden"));
    assert_null(strstr(error.detail, "hidden"));
}

static const char *in_an_hour(void) {
    char text[TIMESTAMP_SIZE];
    return arena_strdup(arena,
                        timestamp_format(clock_now_ms(&SYSTEM_CLOCK) + 3600 * SECOND_MS, text));
}

const char *machine_sts_answer(const char *action, const char *key_id) {
    return arena_printf(arena,
                        "<%sResponse><%sResult><Credentials><AccessKeyId>%s</AccessKeyId>"
                        "<SecretAccessKey>hidden-key</SecretAccessKey><SessionToken>hidden-token"
                        "</SessionToken><Expiration>%s</Expiration></Credentials><AssumedRoleUser>"
                        "<Arn>arn:aws:sts::123456789012:assumed-role/dev/session</Arn>"
                        "</AssumedRoleUser></%sResult></%sResponse>",
                        action, action, key_id, in_an_hour(), action, action);
}

const char *machine_json_answer(const char *key_id) {
    return arena_printf(arena,
                        "{\"Code\": \"Success\", \"AccessKeyId\": \"%s\", \"SecretAccessKey\": "
                        "\"hidden-key\", \"Token\": \"hidden-token\", \"Expiration\": \"%s\"}",
                        key_id, in_an_hour());
}
