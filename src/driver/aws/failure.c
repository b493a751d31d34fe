#include "driver/aws/failure.h"

#include "base/text.h"

typedef struct Row {
    const char *code; // AWS's
    AwsFailure meaning;
} Row;

// Where AWS's code says more than its Status does.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html#API_PutUserPolicy_Errors
static const Row ROWS[] = {
    {"LimitExceeded",
     {FAILURE_CONFLICT, "policies_full",
      "the inline policies of a user may have 2,048 characters together, those of a role 10,240; "
      "end other grants, turn other inline policies into managed ones, or ask for less in one "
      "grant"}},
    {"ConcurrentModification", {FAILURE_RETRY, "target_busy", NULL}},
    {"EntityTemporarilyUnmodifiable", {FAILURE_RETRY, "target_busy", NULL}},
    {"UnmodifiableEntity",
     {FAILURE_DENIED, "target_denied", "AWS itself keeps this role; name another identity"}},
    {"MalformedPolicyDocument", {FAILURE_FATAL, "target_failed", NULL}},
    {"ExpiredToken", {FAILURE_RETRY, "credentials_ended", NULL}},
    {"RequestExpired", {FAILURE_RETRY, "credentials_ended", NULL}},
};

static const AwsFailure BY_STATUS[STATUS_COUNT_] = {
    [STATUS_INVALID] = {FAILURE_FATAL, "target_failed", NULL},
    [STATUS_UNAUTHENTICATED] =
        {FAILURE_DENIED, "login_denied",
         "check the connector's AWS credentials: that the key is active, and the clock right"},
    [STATUS_FORBIDDEN] =
        {FAILURE_DENIED, "target_denied",
         "the connector's own IAM policy lacks it; daypass-connector check prints the whole one"},
    [STATUS_NOT_FOUND] = {FAILURE_NOT_FOUND, "target_object_missing", NULL},
    [STATUS_CONFLICT] = {FAILURE_CONFLICT, "target_conflict", NULL},
    [STATUS_EXPIRED] = {FAILURE_RETRY, "credentials_ended", NULL},
    [STATUS_TOO_LARGE] = {FAILURE_FATAL, "target_failed", NULL},
    [STATUS_LIMITED] = {FAILURE_RETRY, "target_busy", NULL},
    [STATUS_UNAVAILABLE] = {FAILURE_RETRY, "target_not_ready", NULL},
    [STATUS_UNSUPPORTED] = {FAILURE_UNSUPPORTED, "target_unsupported", NULL},
    [STATUS_INTERNAL] = {FAILURE_FATAL, "target_failed", NULL},
};

AwsFailure aws_failure_of(Status status, const AwsFault *fault) {
    for (size_t i = 0; i < COUNT_OF(ROWS); i++)
        if (text_equal(fault->code, ROWS[i].code))
            return ROWS[i].meaning;
    // No word of AWS's: it is the credentials that were not found.
    if (status == STATUS_NOT_FOUND && fault->http_status == 0)
        return (AwsFailure){FAILURE_RETRY, "no_aws_credentials", NULL};
    return BY_STATUS[status];
}
