// The sources in their order, and what they share.
#include "aws/shared_config.h"
#include "aws/source.h"

#include "base/text.h"

#include <string.h>

static const char NOT_SET_UP[] = "not_set_up";

Status source_not_set_up(Error *reterr, const char *why) {
    return error_set(reterr, STATUS_NOT_FOUND, NOT_SET_UP, "%s", why);
}

bool source_is_not_set_up(const Error *error) {
    return error->status == STATUS_NOT_FOUND && text_equal(error->code, NOT_SET_UP);
}

const char *source_variable(const char *name) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

Status source_chain(const SourceCall *call, AwsCredentials **ret_credentials, Error *reterr) {
    static SourceFetch *const ORDER[] = {source_environment, source_profile, source_web_identity,
                                         source_container, source_instance};
    Error last = {0};
    for (size_t i = 0; i < COUNT_OF(ORDER); i++) {
        Error error = {0};
        Status status = ORDER[i](call, ret_credentials, &error);
        if (status == STATUS_OK || !source_is_not_set_up(&error)) {
            if (status != STATUS_OK && reterr != NULL)
                *reterr = error;
            return status;
        }
        last = error;
    }
    return error_set(reterr, STATUS_NOT_FOUND, "no_aws_credentials",
                     "no AWS credentials: the environment has no AWS_ACCESS_KEY_ID, the shared "
                     "config no profile with credentials, no web identity and no container "
                     "endpoint is set, and %.300s",
                     last.message);
}

static const char *profile_region(Arena *arena, const char *profile) {
    const SharedConfig *config = NULL;
    if (shared_config_read(arena, &config, NULL) != STATUS_OK)
        return NULL;
    const char *name = profile != NULL ? profile : shared_config_profile_name();
    return shared_config_get(config, name, "region");
}

const char *aws_region_default(Arena *arena, const AwsProviderOptions *options) {
    if (options != NULL && options->region != NULL)
        return arena_strdup(arena, options->region);
    static const char *const VARIABLES[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    for (size_t i = 0; i < COUNT_OF(VARIABLES); i++)
        if (source_variable(VARIABLES[i]) != NULL)
            return arena_strdup(arena, source_variable(VARIABLES[i]));
    return profile_region(arena, options != NULL ? options->profile : NULL);
}

const char *source_region(Arena *arena, const SourceCall *call) {
    AwsProviderOptions options = *call->options;
    options.profile = call->profile;
    const char *region = aws_region_default(arena, &options);
    return region != NULL ? region : "us-east-1";
}
