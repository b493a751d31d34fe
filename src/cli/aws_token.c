#include "cli/aws_token.h"

#include "aws/presign.h"
#include "aws/provider.h"
#include "cli/output.h"
#include "domain/aws_identity.h"
#include "domain/plan.h"

#include <string.h>

// What programs that give out AWS credentials have no business with.
static const char *const WITHHELD[] = {"DAYPASS_TOKEN", "DAYPASS_TOKEN_FILE"};

static StringList withheld_names(Arena *arena) {
    StringList names = {0};
    for (size_t i = 0; i < COUNT_OF(WITHHELD); i++)
        string_list_add(arena, &names, WITHHELD[i]);
    return names;
}

// "eu-central-1" of "orders.abcdefghijkl.eu-central-1.rds.amazonaws.com"; NULL: not of that form.
static const char *region_of_host(Arena *arena, const char *host) {
    const char *end = strstr(host, ".rds.");
    if (end == NULL)
        return NULL;
    const char *begin = end;
    while (begin > host && begin[-1] != '.')
        begin--;
    return arena_printf(arena, "%.*s", (int)(end - begin), begin);
}

static Status choose_region(Arena *arena, const AwsLogin *login, const AwsProviderOptions *options,
                            const char **ret_region, Error *reterr) {
    const char *region = login->region;
    if (region == NULL)
        region = region_of_host(arena, login->host);
    if (region == NULL)
        region = aws_region_default(arena, options);
    if (region == NULL)
        return error_set(reterr, STATUS_INVALID, "no_region",
                         "nothing says which AWS region %s is in: set AWS_REGION", login->host);
    *ret_region = region;
    return STATUS_OK;
}

static Status account_check(Arena *arena, const AwsCredentials *credentials, const GrantView *grant,
                            Error *reterr) {
    AwsIdentity identity;
    if (grant->identity == NULL || credentials->account == NULL)
        return STATUS_OK; // the database will say
    TRY(aws_identity_parse(arena, grant->identity, &identity, reterr));
    if (text_equal(identity.account, credentials->account))
        return STATUS_OK;
    return error_set(reterr, STATUS_FORBIDDEN, "other_aws_account",
                     "your AWS credentials (%s) are of account %s, and %s is for %s: choose others "
                     "with --profile or AWS_PROFILE",
                     credentials->source, credentials->account, grant->id, grant->identity);
}

static Status credentials_get(Cli *cli, const AwsProviderOptions *options, const GrantView *grant,
                              AwsCredentials **ret_credentials, Error *reterr) {
    CLEANUP(aws_provider_freep) AwsProvider *provider = aws_provider_new(options);
    CLEANUP(aws_credentials_freep) AwsCredentials *credentials = NULL;
    Error error = {0};
    Status status = aws_provider_get(provider, 0, &credentials, &error);
    if (status != STATUS_OK) {
        return error_set(reterr, status, error.code,
                         "%s is used with your own AWS credentials: %s. Sign in to AWS, as with "
                         "aws sso login, or choose others with --profile or AWS_PROFILE",
                         grant->id, error.message);
    }
    if (credentials->expires_at != 0 && credentials->expires_at <= clock_now_ms(cli->clock))
        return error_set(reterr, STATUS_EXPIRED, "aws_credentials_expired",
                         "your AWS credentials (%s) ended %s: sign in to AWS again, as with aws "
                         "sso login, or choose others with --profile",
                         credentials->source, time_text(cli, credentials->expires_at));
    TRY(account_check(cli->arena, credentials, grant, reterr));
    *ret_credentials = credentials;
    credentials = NULL;
    return STATUS_OK;
}

Status aws_token_make(Cli *cli, const GrantView *grant, const AwsLogin *login, const char *profile,
                      Credential *ret_credential, Error *reterr) {
    const StringList withheld = withheld_names(cli->arena);
    AwsProviderOptions options = {
        .profile = profile, .programs = true, .withheld = &withheld, .clock = cli->clock};
    const char *region = NULL;
    TRY(choose_region(cli->arena, login, &options, &region, reterr));
    options.region = aws_region_default(cli->arena, &options);
    if (options.region == NULL)
        options.region = region; // any of the partition will do for STS
    CLEANUP(aws_credentials_freep) AwsCredentials *credentials = NULL;
    TRY(credentials_get(cli, &options, grant, &credentials, reterr));
    const RdsTokenRequest request = {.host = login->host,
                                     .port = (int)login->port,
                                     .user = login->user,
                                     .region = region,
                                     .signed_at = clock_now_ms(cli->clock)};
    CLEANUP(secret_freep) Secret *token = NULL;
    int64_t ends_at;
    TRY(rds_token_new(credentials, &request, &token, &ends_at, reterr));
    bool grant_first = grant->expires_at != 0 && grant->expires_at < ends_at;
    *ret_credential = (Credential){
        .kind = login->engine,
        .host = login->host,
        .port = login->port,
        .database = login->database,
        .user = login->user,
        .password = arena_copy(cli->arena, secret_text(token), secret_length(token)),
        .tls = enum_name(&TLS_MODES, TLS_VERIFY_FULL),
        .authentication = AUTHENTICATION_IAM,
        .expires_at = grant_first ? grant->expires_at : ends_at,
        .grant_id = grant->id,
    };
    return STATUS_OK;
}
