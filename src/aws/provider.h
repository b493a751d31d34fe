// Who has AWS credentials and keeps them fresh. Any number of threads may ask one provider; one of
// them at a time goes for new ones, five minutes before the old end, and the others are served with
// the old as long as these last. Where new ones cannot be had, what is still good goes on being
// served, and the next try is at least some seconds away.
#pragma once

#include "aws/credentials.h"
#include "base/clock.h"
#include "base/text.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// Everything may be left out. What is given is borrowed for as long as the provider lives.
typedef struct AwsProviderOptions {
    const char *profile;        // of the shared config; given here, it alone is looked at.
                                // NULL: AWS_PROFILE, or "default", within the whole chain
    const char *region;         // of calls to STS; NULL: AWS_REGION, AWS_DEFAULT_REGION, profile's
    const char *sts_endpoint;   // URL instead of AWS's own
    const char *ca_file;        // NULL: the system's
    const char *user_agent;     // NULL: libcurl's
    bool programs;              // credential_process and `aws` (for sso and login) may be run
    const StringList *withheld; // names of variables such programs do not get to see
    const Clock *clock;         // NULL: the system's
    const atomic_bool *stop;    // may be NULL; when it becomes true, waiting ends
} AwsProviderOptions;

typedef struct AwsProvider AwsProvider;

// The chain of AWS's own SDKs; the first that is set up decides, and its failure is the failure:
//   environment   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   profile       of AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE: role_arn (with source_profile
//                 or credential_source), web identity, sso and login, keys, credential_process
//   web identity  AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME
//   container     AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI (ECS, EKS)
//   instance      metadata v2, unless AWS_EC2_METADATA_DISABLED is "true"
// Asks nobody yet.
AwsProvider *aws_provider_new(const AwsProviderOptions *options);
// Of these credentials and nothing else (takes them).
AwsProvider *aws_provider_new_fixed(AwsCredentials *take_credentials);

// sts:AssumeRole. Borrowed for as long as the provider lives.
typedef struct AwsAssumption {
    const char *role_arn;
    const char *external_id;     // NULL: none
    const char *session_name;    // arn_is_session_name
    const char *source_identity; // NULL: none
    int64_t duration_s;          // 0: 3600, which is also the most where a role assumed the role
} AwsAssumption;
// On top of `base` (borrowed, and outlives this one). Takes region, endpoint, ca_file, user_agent,
// clock and stop of the options.
AwsProvider *aws_provider_new_assumed(AwsProvider *base, const AwsAssumption *assumption,
                                      const AwsProviderOptions *options);

// Nobody may be in aws_provider_get.
AwsProvider *aws_provider_free(AwsProvider *provider);
DEFINE_CLEANUP(AwsProvider, aws_provider_free)

// Good for a minute at least. `deadline_ms` is of the options' monotonic clock; 0: 30 s from now.
// STATUS_NOT_FOUND "no_aws_credentials": none of the chain is set up; the message says what was
// looked at. STATUS_UNAVAILABLE: one is, and does not answer. Otherwise what is wrong with it.
MUST_USE Status aws_provider_get(AwsProvider *provider, int64_t deadline_ms,
                                 AwsCredentials **ret_credentials, Error *reterr);
// AWS said that these have ended: the next aws_provider_get goes for new ones, if these are still
// what the provider has. False where that cannot help: it has them for good.
bool aws_provider_refuse(AwsProvider *provider, const AwsCredentials *credentials);

// The region that the options, the environment or the profile name; NULL: nobody says. A config
// file that cannot be read is no region.
const char *aws_region_default(Arena *arena, const AwsProviderOptions *options);
