// Roles, assumed at STS: as somebody, or with the token of a web identity.
#include "aws/source.h"

#include "aws/arn.h"
#include "aws/call.h"
#include "base/text.h"

#include <sodium.h>
#include <string.h>

enum { DEFAULT_DURATION_S = 3600, RANDOM_BYTES = 8 };

typedef struct RoleCall {
    const SourceCall *call;
    const char *source; // for messages and the credentials
    AwsProvider *provider;
    AwsQuery query;
} RoleCall;

static Status credentials_take(const XmlNode *result, const char *source,
                               AwsCredentials **ret_credentials, Error *reterr) {
    const XmlNode *node = xml_find(result, "Credentials");
    const char *expiration = xml_text(node, "Expiration");
    int64_t expires_at = 0;
    if (expiration == NULL || timestamp_parse(expiration, &expires_at, NULL) != STATUS_OK)
        return error_set(reterr, STATUS_UNAVAILABLE, "bad_credentials",
                         "%s: STS answered without the time the credentials end", source);
    return aws_credentials_new(source, xml_text(node, "AccessKeyId"),
                               xml_text(node, "SecretAccessKey"), xml_text(node, "SessionToken"),
                               expires_at, ret_credentials, reterr);
}

static void take_account(Arena *arena, const XmlNode *result, AwsCredentials *credentials) {
    ArnPrincipal who;
    const char *arn = xml_text(result, "AssumedRoleUser/Arn");
    if (arn != NULL && arn_principal_parse(arena, arn, &who, NULL) == STATUS_OK)
        credentials->account = mem_strdup(who.account);
}

static Status role_call_run(Arena *arena, const RoleCall *role, AwsCredentials **ret_credentials,
                            Error *reterr) {
    const AwsProviderOptions *options = role->call->options;
    AwsClientOptions client_options = {
        .service = AWS_SERVICE_STS,
        .region = source_region(arena, role->call),
        .endpoint = options->sts_endpoint,
        .provider = role->provider,
        .ca_file = options->ca_file,
        .user_agent = options->user_agent,
        .clock = options->clock,
        .stop = options->stop,
    };
    CLEANUP(aws_client_freep) AwsClient *client = NULL;
    TRY(aws_client_new(&client_options, &client, reterr));
    AwsAnswer answer = {0};
    TRY(aws_client_query(client, arena, &role->query, &answer, NULL, reterr));
    TRY(credentials_take(answer.result, role->source, ret_credentials, reterr));
    take_account(arena, answer.result, *ret_credentials);
    return STATUS_OK;
}

// Says whose failure it was.
static Status prefixed(Error *error, const char *source, Error *reterr) {
    error_prefix(error, "%s", source);
    if (reterr != NULL)
        *reterr = *error;
    return error->status;
}

Status source_assume(const SourceCall *call, AwsProvider *base, const AwsAssumption *assumption,
                     AwsCredentials **ret_credentials, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    int64_t duration_s =
        assumption->duration_s > 0 ? assumption->duration_s : (int64_t)DEFAULT_DURATION_S;
    RoleCall role = {
        .call = call,
        .source = arena_printf(arena, "role %s", assumption->role_arn),
        .provider = base,
        .query = {.action = "AssumeRole", .deadline_ms = call->deadline_ms},
    };
    AwsParameters *parameters = &role.query.parameters;
    aws_parameters_add(arena, parameters, "RoleArn", assumption->role_arn);
    aws_parameters_add(arena, parameters, "RoleSessionName", assumption->session_name);
    aws_parameters_add(arena, parameters, "DurationSeconds",
                       arena_printf(arena, "%lld", (long long)duration_s));
    aws_parameters_add(arena, parameters, "ExternalId", assumption->external_id);
    aws_parameters_add(arena, parameters, "SourceIdentity", assumption->source_identity);
    Error error = {0};
    Status status = role_call_run(arena, &role, ret_credentials, &error);
    return status == STATUS_OK ? STATUS_OK : prefixed(&error, role.source, reterr);
}

const char *source_session_name(Arena *arena) {
    unsigned char bytes[RANDOM_BYTES];
    randombytes_buf(bytes, sizeof(bytes));
    return arena_printf(arena, "session-%s", hex_encode(arena, bytes, sizeof(bytes)));
}

static Status assume_with_token(Arena *arena, RoleCall *role, const WebIdentity *identity,
                                AwsCredentials **ret_credentials, Error *reterr) {
    CLEANUP(secret_freep) Secret *token = NULL;
    TRY(secret_read_file(identity->token_file, false, &token, reterr));
    const char *name =
        identity->session_name != NULL ? identity->session_name : source_session_name(arena);
    AwsParameters *parameters = &role->query.parameters;
    aws_parameters_add(arena, parameters, "RoleArn", identity->role_arn);
    aws_parameters_add(arena, parameters, "RoleSessionName", name);
    aws_parameters_add(arena, parameters, "WebIdentityToken", secret_text(token));
    return role_call_run(arena, role, ret_credentials, reterr);
}

Status source_assume_with_token(const SourceCall *call, const WebIdentity *identity,
                                AwsCredentials **ret_credentials, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    RoleCall role = {
        .call = call,
        .source = arena_printf(arena, "web identity, role %s", identity->role_arn),
        .query = {.action = "AssumeRoleWithWebIdentity", .deadline_ms = call->deadline_ms},
    };
    Error error = {0};
    Status status = assume_with_token(arena, &role, identity, ret_credentials, &error);
    return status == STATUS_OK ? STATUS_OK : prefixed(&error, role.source, reterr);
}

Status source_web_identity(const SourceCall *call, AwsCredentials **ret_credentials,
                           Error *reterr) {
    WebIdentity identity = {
        .token_file = source_variable("AWS_WEB_IDENTITY_TOKEN_FILE"),
        .role_arn = source_variable("AWS_ROLE_ARN"),
        .session_name = source_variable("AWS_ROLE_SESSION_NAME"),
    };
    if (identity.token_file == NULL)
        return source_not_set_up(reterr, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    if (identity.role_arn == NULL)
        return error_set(reterr, STATUS_INVALID, "bad_credentials",
                         "web identity: AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is "
                         "not");
    return source_assume_with_token(call, &identity, ret_credentials, reterr);
}
