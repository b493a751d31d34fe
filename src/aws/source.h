// The sources of the chain, one file each (source_*.c). Inside src/aws alone. A source that is not
// set up gives STATUS_NOT_FOUND with the code "not_set_up"; any other failure is the chain's.
#pragma once

#include "aws/credentials.h"
#include "aws/provider.h"

// One go for credentials: what it may use, and until when.
typedef struct SourceCall {
    const AwsProviderOptions *options; // clock is set
    const char *profile;               // whose settings count; NULL: of the environment
    int64_t deadline_ms;               // monotonic
} SourceCall;

typedef Status SourceFetch(const SourceCall *call, AwsCredentials **ret_credentials, Error *reterr);

SourceFetch source_chain;
SourceFetch source_environment;
SourceFetch source_profile;      // options' profile, AWS_PROFILE, or "default"
SourceFetch source_web_identity; // of the environment's variables
SourceFetch source_container;
SourceFetch source_instance;

// "not_set_up".
Status source_not_set_up(Error *reterr, const char *why);
bool source_is_not_set_up(const Error *error);

// NULL for a variable that is not set, or empty.
const char *source_variable(const char *name);
// Of calls to STS; the last resort is us-east-1, whose STS is the one that everybody may use.
const char *source_region(Arena *arena, const SourceCall *call);

// "session-9f2c…", for who gives none.
const char *source_session_name(Arena *arena);

// sts:AssumeRole as `base`, and sts:AssumeRoleWithWebIdentity with the token in a file, as nobody.
MUST_USE Status source_assume(const SourceCall *call, AwsProvider *base,
                              const AwsAssumption *assumption, AwsCredentials **ret_credentials,
                              Error *reterr);
typedef struct WebIdentity {
    const char *token_file;
    const char *role_arn;
    const char *session_name; // NULL: one is made up
} WebIdentity;
MUST_USE Status source_assume_with_token(const SourceCall *call, const WebIdentity *identity,
                                         AwsCredentials **ret_credentials, Error *reterr);

// Where container credentials are had. `uri` is checked as AWS's SDKs do: https, or http to this
// machine or to one of the addresses that ECS and EKS answer on. "bad_url".
typedef struct ContainerPlace {
    const char *base_url;
    const char *target;
} ContainerPlace;
MUST_USE Status container_place_full(Arena *arena, const char *uri, ContainerPlace *ret_place,
                                     Error *reterr);
MUST_USE Status container_place_relative(Arena *arena, const char *uri, ContainerPlace *ret_place,
                                         Error *reterr);
