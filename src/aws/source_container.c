// The endpoints that ECS and EKS give to containers.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
#include "aws/source.h"

#include "base/text.h"
#include "http/client.h"

#include <string.h>
#include <strings.h>

enum {
    TIMEOUT_MS = 5 * SECOND_MS,
    CONNECT_TIMEOUT_MS = 2 * SECOND_MS,
    TRIES = 3,
    MAX_ANSWER = 65536
};

static const char SOURCE[] = "container";

Status container_place_relative(Arena *arena, const char *uri, ContainerPlace *ret_place,
                                Error *reterr) {
    if (uri[0] != '/')
        return error_set(reterr, STATUS_INVALID, "bad_url",
                         "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with a slash");
    *ret_place = (ContainerPlace){"http://169.254.170.2", arena_strdup(arena, uri)};
    return STATUS_OK;
}

// Without TLS, an answer may come from this machine alone, or from where ECS and EKS answer.
static bool may_be_plain(const char *host) {
    static const char *const HOSTS[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
                                        "localhost", "[::1]"};
    for (size_t i = 0; i < COUNT_OF(HOSTS); i++)
        if (strcasecmp(host, HOSTS[i]) == 0)
            return true;
    return text_starts_with(host, "127.") && host[strspn(host, "0123456789.")] == '\0';
}

// "[::1]:80" and "127.0.0.1:80" without the port.
static const char *host_of(Arena *arena, const char *authority) {
    const char *bracket = strchr(authority, ']');
    size_t length = *authority == '[' && bracket != NULL ? (size_t)(bracket - authority) + 1
                                                         : strcspn(authority, ":");
    return arena_copy(arena, authority, length);
}

Status container_place_full(Arena *arena, const char *uri, ContainerPlace *ret_place,
                            Error *reterr) {
    bool https = text_starts_with(uri, "https://"), plain = text_starts_with(uri, "http://");
    const char *authority = uri + (https ? strlen("https://") : strlen("http://"));
    size_t length = https || plain ? strcspn(authority, "/?#") : 0;
    const char *alone = length > 0 ? arena_copy(arena, authority, length) : "";
    if (length == 0 || strchr(alone, '@') != NULL || authority[length] == '#')
        return error_set(reterr, STATUS_INVALID, "bad_url",
                         "AWS_CONTAINER_CREDENTIALS_FULL_URI cannot be read; expected a URL such "
                         "as http://169.254.170.23/v1/credentials");
    if (plain && !may_be_plain(host_of(arena, alone)))
        return error_set(reterr, STATUS_INVALID, "tls_required",
                         "AWS_CONTAINER_CREDENTIALS_FULL_URI: http is accepted to this machine "
                         "and the addresses of ECS and EKS only; use https");
    const char *target = authority + length;
    *ret_place = (ContainerPlace){
        .base_url = arena_printf(arena, "%s%s", https ? "https://" : "http://", alone),
        .target = *target == '/' ? arena_strdup(arena, target) : arena_printf(arena, "/%s", target),
    };
    return STATUS_OK;
}

static Status read_token(Secret **ret_token, Error *reterr) {
    const char *file = source_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = source_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (file != NULL)
        return secret_read_file(file, false, ret_token, reterr); // it is changed now and then
    if (token != NULL && strlen(token) <= SECRET_MAX_BYTES)
        *ret_token = secret_new(token, strlen(token));
    return STATUS_OK;
}

static bool is_worth_repeating(Status status, const HttpReply *reply, const Error *error) {
    if (status != STATUS_OK)
        return status == STATUS_UNAVAILABLE && !text_equal(error->code, "stopped");
    return reply->status >= 500 || reply->status == 429;
}

static Status ask(HttpClient *client, Arena *arena, const HttpCall *call, HttpReply *ret_reply,
                  Error *reterr) {
    for (int tries = 1;; tries++) {
        Error error = {0};
        Status status = http_client_call(client, arena, call, ret_reply, &error);
        if (tries < TRIES && is_worth_repeating(status, ret_reply, &error))
            continue;
        if (status != STATUS_OK && reterr != NULL)
            *reterr = error;
        return status;
    }
}

static Status fetch_from(Arena *arena, const SourceCall *call, const ContainerPlace *place,
                         AwsCredentials **ret_credentials, Error *reterr) {
    const AwsProviderOptions *options = call->options;
    CLEANUP(secret_freep) Secret *token = NULL;
    TRY(read_token(&token, reterr));
    HttpClientOptions client_options = {
        .base_url = place->base_url,
        .user_agent = options->user_agent,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .max_body_bytes = MAX_ANSWER,
        .plain = text_starts_with(place->base_url, "http://"),
    };
    CLEANUP(http_client_freep) HttpClient *client = NULL;
    TRY(http_client_new(&client_options, &client, reterr));
    HttpCall http = {
        .method = "GET",
        .target = place->target,
        .headers = {"Accept: application/json"},
        .secret_name = token != NULL ? "Authorization" : NULL,
        .secret_value = token,
        .timeout_ms = TIMEOUT_MS,
        .stop = options->stop,
    };
    HttpReply reply = {0};
    TRY(ask(client, arena, &http, &reply, reterr));
    if (reply.status != 200)
        return error_set(reterr, STATUS_UNAVAILABLE, "credentials_refused",
                         "the endpoint answered with HTTP %d", reply.status);
    return aws_credentials_parse(SOURCE, reply.body, reply.length, ret_credentials, reterr);
}

Status source_container(const SourceCall *call, AwsCredentials **ret_credentials, Error *reterr) {
    const char *relative = source_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = source_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative == NULL && full == NULL)
        return source_not_set_up(reterr, "no container endpoint is set");
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ContainerPlace place = {0};
    Error error = {0};
    Status status = relative != NULL ? container_place_relative(arena, relative, &place, &error)
                                     : container_place_full(arena, full, &place, &error);
    if (status == STATUS_OK)
        status = fetch_from(arena, call, &place, ret_credentials, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (!text_starts_with(error.message, SOURCE))
        error_prefix(&error, "%s credentials", SOURCE);
    if (reterr != NULL)
        *reterr = error;
    return status;
}
