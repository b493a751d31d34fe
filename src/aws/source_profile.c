// Profiles of the shared config: keys, roles on top of other profiles, programs.
#include "aws/shared_config.h"
#include "aws/source.h"

#include "base/program.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

enum { MAX_CHAIN = 8, DURATION_MIN_S = 900, DURATION_MAX_S = 43200 };

// One walk along source_profile.
typedef struct ProfileWalk {
    SourceCall call;
    Arena *arena;
    const SharedConfig *config;
    const char *visited[MAX_CHAIN];
    size_t depth;
} ProfileWalk;

static const char *setting(const ProfileWalk *walk, const char *profile, const char *key) {
    return shared_config_get(walk->config, profile, key);
}

static Status fault(const char *profile, const char *code, const char *what, Error *reterr) {
    return error_set(reterr, STATUS_INVALID, code, "AWS profile %.100s: %s", profile, what);
}

static const char *source_name(const ProfileWalk *walk, const char *profile) {
    return arena_printf(walk->arena, "profile %s", profile);
}

// Keys

static bool has_keys(const ProfileWalk *walk, const char *profile) {
    return setting(walk, profile, "aws_access_key_id") != NULL ||
           setting(walk, profile, "aws_secret_access_key") != NULL;
}

static Status fetch_keys(const ProfileWalk *walk, const char *profile,
                         AwsCredentials **ret_credentials, Error *reterr) {
    TRY(aws_credentials_new(source_name(walk, profile), setting(walk, profile, "aws_access_key_id"),
                            setting(walk, profile, "aws_secret_access_key"),
                            setting(walk, profile, "aws_session_token"), 0, ret_credentials,
                            reterr));
    aws_credentials_note_account(*ret_credentials, setting(walk, profile, "aws_account_id"));
    return STATUS_OK;
}

// Programs

static Status check_programs(const ProfileWalk *walk, const char *profile, Error *reterr) {
    if (walk->call.options->programs)
        return STATUS_OK;
    return fault(profile, "programs_refused",
                 "a program would have to be run for its credentials, which is not allowed here; "
                 "allow programs for it, or use a profile with keys or a role",
                 reterr);
}

static Status read_version(const ProfileWalk *walk, const char *profile, const char *output,
                           size_t length, Error *reterr) {
    json_t *value = NULL;
    if (json_read(walk->arena, output, length, &value, NULL) != STATUS_OK ||
        json_integer_value(json_object_get(value, "Version")) != 1)
        return fault(profile, "bad_credentials",
                     "its program printed no JSON of credentials with \"Version\": 1", reterr);
    return STATUS_OK;
}

static Status fetch_from_program(const ProfileWalk *walk, const char *profile,
                                 const StringList *argv, AwsCredentials **ret_credentials,
                                 Error *reterr) {
    const AwsProviderOptions *options = walk->call.options;
    int64_t left_ms = walk->call.deadline_ms - clock_monotonic_ms(options->clock);
    ProgramRun run = {
        .argv = *argv,
        .withheld = options->withheld,
        .timeout_ms = left_ms < PROGRAM_TIMEOUT_MS ? left_ms : PROGRAM_TIMEOUT_MS,
        .stop = options->stop,
    };
    const char *output = NULL;
    size_t length = 0;
    Error error = {0};
    Status status = program_run(walk->arena, &run, &output, &length, &error);
    if (status != STATUS_OK) {
        error_prefix(&error, "AWS profile %.100s", profile);
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    TRY(read_version(walk, profile, output, length, reterr));
    TRY(aws_credentials_parse(source_name(walk, profile), output, length, ret_credentials, reterr));
    aws_credentials_note_account(*ret_credentials, setting(walk, profile, "aws_account_id"));
    return STATUS_OK;
}

static Status fetch_process(const ProfileWalk *walk, const char *profile,
                            AwsCredentials **ret_credentials, Error *reterr) {
    TRY(check_programs(walk, profile, reterr));
    StringList argv = {0};
    if (program_split(walk->arena, setting(walk, profile, "credential_process"), &argv, NULL) !=
        STATUS_OK)
        return fault(profile, "bad_command",
                     "credential_process is no command: a quote does not end, or it is empty",
                     reterr);
    return fetch_from_program(walk, profile, &argv, ret_credentials, reterr);
}

static bool is_signed_in_elsewhere(const ProfileWalk *walk, const char *profile) {
    static const char *const KEYS[] = {"sso_session", "sso_start_url", "login_session"};
    for (size_t i = 0; i < COUNT_OF(KEYS); i++)
        if (setting(walk, profile, KEYS[i]) != NULL)
            return true;
    return false;
}

// Signing in through a browser, and the cache of it, are the AWS command line's.
static Status fetch_from_aws(const ProfileWalk *walk, const char *profile,
                             AwsCredentials **ret_credentials, Error *reterr) {
    TRY(check_programs(walk, profile, reterr));
    StringList argv = {0};
    const char *const words[] = {
        "aws", "configure", "export-credentials", "--profile", profile, "--format", "process"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        string_list_add(walk->arena, &argv, words[i]);
    Error error = {0};
    Status status = fetch_from_program(walk, profile, &argv, ret_credentials, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (text_equal(error.code, "program_failed"))
        return error_set(reterr, STATUS_UNAVAILABLE, "aws_sign_in_needed",
                         "%.300s; it is signed in to with AWS's own command line (version 2): "
                         "aws sso login --profile %.100s, or aws login",
                         error.message, profile);
    if (reterr != NULL)
        *reterr = error;
    return status;
}

// Roles

static Status fetch_profile(ProfileWalk *walk, const char *profile,
                            AwsCredentials **ret_credentials, Error *reterr);

static Status fetch_base_of(ProfileWalk *walk, const char *profile,
                            AwsCredentials **ret_credentials, Error *reterr) {
    static const struct {
        const char *name;
        SourceFetch *fetch;
    } SOURCES[] = {
        {"Environment", source_environment},
        {"Ec2InstanceMetadata", source_instance},
        {"EcsContainer", source_container},
    };
    const char *base = setting(walk, profile, "source_profile");
    const char *source = setting(walk, profile, "credential_source");
    if ((base == NULL) == (source == NULL))
        return fault(profile, "bad_aws_config",
                     "beside role_arn there must be either source_profile or credential_source",
                     reterr);
    // A profile may name itself: its own keys assume its role.
    if (base != NULL && text_equal(base, profile) && has_keys(walk, profile))
        return fetch_keys(walk, profile, ret_credentials, reterr);
    if (base != NULL)
        return fetch_profile(walk, base, ret_credentials, reterr);
    for (size_t i = 0; i < COUNT_OF(SOURCES); i++)
        if (text_equal(source, SOURCES[i].name))
            return SOURCES[i].fetch(&walk->call, ret_credentials, reterr);
    return fault(profile, "bad_aws_config",
                 "credential_source is one of Environment, Ec2InstanceMetadata, EcsContainer",
                 reterr);
}

static Status read_duration(const ProfileWalk *walk, const char *profile, int64_t *ret_duration_s,
                            Error *reterr) {
    const char *text = setting(walk, profile, "duration_seconds");
    if (text == NULL)
        return STATUS_OK;
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || value < DURATION_MIN_S || value > DURATION_MAX_S)
        return fault(profile, "bad_aws_config", "duration_seconds is a number from 900 to 43200",
                     reterr);
    *ret_duration_s = value;
    return STATUS_OK;
}

static Status fetch_role(ProfileWalk *walk, const char *profile, AwsCredentials **ret_credentials,
                         Error *reterr) {
    if (setting(walk, profile, "mfa_serial") != NULL)
        return error_set(reterr, STATUS_UNSUPPORTED, "mfa_unsupported",
                         "AWS profile %.100s: it asks for a code of an MFA device (mfa_serial), "
                         "and nobody is asked here; get a session with AWS's own command line and "
                         "use a profile that has it, or one of sso",
                         profile);
    const char *name = setting(walk, profile, "role_session_name");
    AwsAssumption assumption = {
        .role_arn = setting(walk, profile, "role_arn"),
        .external_id = setting(walk, profile, "external_id"),
        .session_name = name != NULL ? name : source_session_name(walk->arena),
    };
    TRY(read_duration(walk, profile, &assumption.duration_s, reterr));
    AwsCredentials *credentials = NULL;
    TRY(fetch_base_of(walk, profile, &credentials, reterr));
    CLEANUP(aws_provider_freep) AwsProvider *base = aws_provider_new_fixed(credentials);
    SourceCall call = walk->call;
    call.profile = profile;
    return source_assume(&call, base, &assumption, ret_credentials, reterr);
}

static Status fetch_web_identity(ProfileWalk *walk, const char *profile,
                                 AwsCredentials **ret_credentials, Error *reterr) {
    WebIdentity identity = {
        .token_file = setting(walk, profile, "web_identity_token_file"),
        .role_arn = setting(walk, profile, "role_arn"),
        .session_name = setting(walk, profile, "role_session_name"),
    };
    SourceCall call = walk->call;
    call.profile = profile;
    return source_assume_with_token(&call, &identity, ret_credentials, reterr);
}

// The order within a profile is that of AWS's SDKs.
static Status fetch_known(ProfileWalk *walk, const char *profile, AwsCredentials **ret_credentials,
                          Error *reterr) {
    bool has_role = setting(walk, profile, "role_arn") != NULL;
    if (has_role && setting(walk, profile, "web_identity_token_file") != NULL)
        return fetch_web_identity(walk, profile, ret_credentials, reterr);
    if (has_role)
        return fetch_role(walk, profile, ret_credentials, reterr);
    if (has_keys(walk, profile))
        return fetch_keys(walk, profile, ret_credentials, reterr);
    if (is_signed_in_elsewhere(walk, profile))
        return fetch_from_aws(walk, profile, ret_credentials, reterr);
    if (setting(walk, profile, "credential_process") != NULL)
        return fetch_process(walk, profile, ret_credentials, reterr);
    return source_not_set_up(reterr, "the profile has no credentials");
}

// A profile that another one names.
static Status fetch_profile(ProfileWalk *walk, const char *profile,
                            AwsCredentials **ret_credentials, Error *reterr) {
    for (size_t i = 0; i < walk->depth; i++)
        if (text_equal(walk->visited[i], profile))
            return fault(profile, "bad_aws_config", "source_profile leads back to it", reterr);
    if (walk->depth == MAX_CHAIN)
        return fault(profile, "bad_aws_config", "too many profiles lead to each other", reterr);
    walk->visited[walk->depth++] = profile;
    if (!shared_config_has(walk->config, profile))
        return fault(profile, "no_aws_profile",
                     "it is neither in the config file nor in the credentials file of AWS", reterr);
    return fetch_known(walk, profile, ret_credentials, reterr);
}

Status source_profile(const SourceCall *call, AwsCredentials **ret_credentials, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ProfileWalk walk = {.call = *call, .arena = arena};
    TRY(shared_config_read(arena, &walk.config, reterr));
    bool wanted = call->profile != NULL;
    const char *profile = wanted ? call->profile : shared_config_profile_name();
    bool named = wanted || source_variable("AWS_PROFILE") != NULL;
    if (!named && !shared_config_has(walk.config, profile))
        return source_not_set_up(reterr, "there is no default profile");
    Error error = {0};
    Status status = fetch_profile(&walk, profile, ret_credentials, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    // In the middle of the chain the next source may have some; asked for by name, or on the way to
    // a role, there is none.
    if (source_is_not_set_up(&error) && (wanted || walk.depth > 1))
        return fault(walk.visited[walk.depth - 1], "no_aws_credentials",
                     "it has no credentials, and says nowhere where they are", reterr);
    if (reterr != NULL)
        *reterr = error;
    return status;
}
