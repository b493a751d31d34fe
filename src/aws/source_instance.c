// The role of the EC2 instance, from its metadata service, version 2 alone: an answer to version 1
// could be had by whoever makes us follow a URL.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
#include "aws/source.h"

#include "base/text.h"
#include "http/client.h"
#include "http/percent.h"

#include <string.h>
#include <strings.h>

// Off EC2 nobody answers, and that is to be known soon.
enum {
    TIMEOUT_MS = 2 * SECOND_MS,
    CONNECT_TIMEOUT_MS = SECOND_MS,
    MAX_ANSWER = 65536,
    ROLE_MAX_BYTES = 128,
};

static const char SOURCE[] = "instance metadata";
static const char ROLES[] = "/latest/meta-data/iam/security-credentials/";

typedef struct Metadata {
    HttpClient *client;
    Arena *arena;
    Secret *token;
    const atomic_bool *stop;
} Metadata;

static Status metadata_call(const Metadata *metadata, HttpCall *call, HttpReply *ret_reply,
                            Error *reterr) {
    call->timeout_ms = TIMEOUT_MS;
    call->stop = metadata->stop;
    if (metadata->token != NULL) {
        call->secret_name = "X-aws-ec2-metadata-token";
        call->secret_value = metadata->token;
    }
    return http_client_call(metadata->client, metadata->arena, call, ret_reply, reterr);
}

static Status not_there(const char *why, Error *reterr) {
    char text[400];
    snprintf(text, sizeof(text), "%s: %.300s", SOURCE, why);
    return source_not_set_up(reterr, text);
}

static Status answered_with(const HttpReply *reply, Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "credentials_refused", "%s: HTTP %d", SOURCE,
                     reply->status);
}

static Status metadata_take_token(Metadata *metadata, Error *reterr) {
    HttpCall call = {.method = "PUT",
                     .target = "/latest/api/token",
                     .headers = {"X-aws-ec2-metadata-token-ttl-seconds: 21600"}};
    HttpReply reply = {0};
    Error error = {0};
    if (metadata_call(metadata, &call, &reply, &error) != STATUS_OK)
        return not_there(error.message, reterr);
    if (reply.status >= 500)
        return answered_with(&reply, reterr);
    if (reply.status != 200 || reply.length == 0 || reply.length > SECRET_MAX_BYTES)
        return not_there("it gives no token of version 2", reterr);
    metadata->token = secret_new(reply.body, reply.length);
    return STATUS_OK;
}

// The name of the instance's role, which is the next part of the path.
static Status metadata_find_role(const Metadata *metadata, const char **ret_role, Error *reterr) {
    HttpCall call = {.method = "GET", .target = ROLES};
    HttpReply reply = {0};
    TRY(metadata_call(metadata, &call, &reply, reterr));
    if (reply.status == 404)
        return not_there("the instance has no role", reterr);
    if (reply.status != 200)
        return answered_with(&reply, reterr);
    const char *role = arena_copy(metadata->arena, reply.body, strcspn(reply.body, "\r\n"));
    if (*role == '\0' || strlen(role) > ROLE_MAX_BYTES)
        return not_there("the instance has no role", reterr);
    *ret_role = role;
    return STATUS_OK;
}

static Status metadata_fetch(Metadata *metadata, AwsCredentials **ret_credentials, Error *reterr) {
    TRY(metadata_take_token(metadata, reterr));
    const char *role = NULL;
    TRY(metadata_find_role(metadata, &role, reterr));
    HttpCall call = {.method = "GET",
                     .target = arena_printf(metadata->arena, "%s%s", ROLES,
                                            percent_encode(metadata->arena, role))};
    HttpReply reply = {0};
    TRY(metadata_call(metadata, &call, &reply, reterr));
    if (reply.status != 200)
        return answered_with(&reply, reterr);
    return aws_credentials_parse(SOURCE, reply.body, reply.length, ret_credentials, reterr);
}

static const char *endpoint(void) {
    const char *set = source_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = source_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    if (set != NULL)
        return set;
    return mode != NULL && strcasecmp(mode, "ipv6") == 0 ? "http://[fd00:ec2::254]"
                                                         : "http://169.254.169.254";
}

Status source_instance(const SourceCall *call, AwsCredentials **ret_credentials, Error *reterr) {
    const char *disabled = source_variable("AWS_EC2_METADATA_DISABLED");
    if (disabled != NULL && strcasecmp(disabled, "true") == 0)
        return not_there("AWS_EC2_METADATA_DISABLED says not to ask", reterr);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    HttpClientOptions options = {
        .base_url = endpoint(),
        .user_agent = call->options->user_agent,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .max_body_bytes = MAX_ANSWER,
        .plain = true,
    };
    CLEANUP(http_client_freep) HttpClient *client = NULL;
    Error error = {0};
    Status status = http_client_new(&options, &client, &error);
    if (status == STATUS_OK) {
        Metadata metadata = {.client = client, .arena = arena, .stop = call->options->stop};
        status = metadata_fetch(&metadata, ret_credentials, &error);
        secret_free(metadata.token);
    }
    if (status == STATUS_OK)
        return STATUS_OK;
    if (!text_starts_with(error.message, SOURCE))
        error_prefix(&error, "%s", SOURCE);
    if (reterr != NULL)
        *reterr = error;
    return status;
}
