#include "base/text.h"
#include "cli/aws_token.h"
#include "cli/aws_use.h"
#include "cli/credential_engine.h"
#include "cli/credential_obtain.h"
#include "cli/handlers.h"
#include "cli/output.h"

#include <stdlib.h>
#include <unistd.h>

static Status find_client(Arena *arena, const CredentialEngine *engine, const char *id,
                          const EngineClient **ret_client, const char **ret_path, Error *reterr) {
    for (size_t i = 0; i < ENGINE_CLIENTS_MAX && engine->clients[i].program != NULL; i++) {
        const char *path = client_find(arena, engine->clients[i].program);
        if (path == NULL)
            continue;
        *ret_client = &engine->clients[i];
        *ret_path = path;
        return STATUS_OK;
    }
    return error_set(reterr, STATUS_UNAVAILABLE, "no_client",
                     "there is no client in PATH: %s; or take the settings for another program "
                     "from: daypass credentials %s",
                     engine->install, id);
}

static Status choose_tls(const Invocation *invocation, const Credential *credential,
                         TlsMode *ret_tls, Error *reterr) {
    const char *chosen = invocation_option(invocation, "tls");
    int tls;
    if (chosen == NULL)
        return credential_tls(credential, ret_tls, reterr);
    if (!enum_find(&TLS_MODES, chosen, &tls))
        return error_set(reterr, STATUS_INVALID, USAGE_CODE, "--tls: no such mode");
    if (tls == TLS_DISABLE && credential_is_token(credential))
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "--tls disable would send the token in clear text, and RDS takes none so");
    if (tls == TLS_REQUIRE && credential_is_token(credential))
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "--tls require would send the token to whoever answers: the server has to "
                         "be verified, with verify-full or verify-ca; --ca-file names a file of "
                         "who vouches for it");
    *ret_tls = (TlsMode)tls;
    return STATUS_OK;
}

static Status choose_ca_file(const Invocation *invocation, const char **ret_file, Error *reterr) {
    const char *file = invocation_option(invocation, "ca-file");
    if (file == NULL)
        file = getenv("DAYPASS_TARGET_CA_FILE");
    if (file != NULL && file[0] == '\0')
        file = NULL;
    if (file != NULL && access(file, R_OK) != 0)
        return error_set(reterr, STATUS_INVALID, "ca_file_unreadable",
                         "the certificates in %s cannot be read", file);
    *ret_file = file;
    return STATUS_OK;
}

static Status start_client(Cli *cli, const EngineClient *client, const ClientOrder *order,
                           int64_t ends_at, Error *reterr) {
    ClientLaunch launch = {.arena = cli->arena, .program = order->program};
    Status status = client->prepare(&launch, order, reterr);
    if (status == STATUS_OK) {
        if (launch.note != NULL)
            note(cli, "%s", launch.note);
        note(cli, "Connecting as %s with %s; access ends %s", order->credential->user,
             client->program, time_text(cli, ends_at));
        fflush(cli->out);
        fflush(cli->err);
        status = client_run(&launch, reterr);
    }
    client_launch_done(&launch);
    return status;
}

// Instances and clusters have certificates of RDS's own authorities, proxies of one that systems
// know.
static void choose_aws_authority(Cli *cli, const AwsLogin *login, ClientOrder *order) {
    if (order->ca_file != NULL)
        return;
    if (text_equal(login->resource->kind, "rds proxy"))
        order->ca_file = system_authorities();
    else
        order->authority_hint = aws_authority_hint(cli->arena, login->region);
}

static Status connect_with(Cli *cli, const Invocation *invocation, const Credential *credential,
                           const AwsUse *aws, Error *reterr) {
    TargetKind kind;
    const CredentialEngine *engine;
    TRY(credential_engine_find(credential, &kind, &engine, reterr));
    TRY(credential_check(credential, engine, reterr));
    const EngineClient *client = NULL;
    ClientOrder order = {.credential = credential, .arguments = &invocation->rest};
    TRY(choose_tls(invocation, credential, &order.tls, reterr));
    TRY(choose_ca_file(invocation, &order.ca_file, reterr));
    if (aws != NULL)
        choose_aws_authority(cli, &aws->login, &order);
    TRY(find_client(cli->arena, engine, credential->grant_id, &client, &order.program, reterr));
    // A token is for getting in: who is in stays for as long as the grant.
    return start_client(cli, client, &order,
                        aws != NULL ? aws->grant.expires_at : credential->expires_at, reterr);
}

Status command_connect(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *id = invocation_argument(invocation, "ID");
    Credential credential;
    Error error = {0};
    Status status = credential_obtain(cli, id, false, &credential, &error);
    if (status == STATUS_OK) {
        TRY(aws_options_refuse(invocation, reterr));
        credential.grant_id = id;
        return connect_with(cli, invocation, &credential, NULL, reterr);
    }
    if (!text_equal(error.code, NOTHING_DELIVERED)) {
        *reterr = error;
        return status;
    }
    AwsUse use;
    TRY(aws_use_choose(cli, invocation, id, &use, reterr));
    if (use.instance != NULL)
        return aws_session_start(cli, &use, &invocation->rest, reterr);
    TRY(aws_token_make(cli, &use.grant, &use.login, use.profile, &credential, reterr));
    return connect_with(cli, invocation, &credential, &use, reterr);
}
