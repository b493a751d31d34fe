#include "base/text.h"
#include "cli/credential_engine.h"
#include "cli/credential_text.h"
#include "cli/output.h"
#include "http/percent.h"

static const char *database_number(const Credential *credential) {
    return credential->database != NULL ? credential->database : "0";
}

// redis-cli reads REDISCLI_AUTH; the others are for scripts and programs.
static Status write_env(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    (void)reterr;
    add_export(into, "REDIS_HOST", credential->host);
    add_export(into, "REDIS_PORT", port_text(arena, credential));
    add_export(into, "REDIS_DB", database_number(credential));
    add_export(into, "REDIS_USERNAME", credential->user);
    add_export(into, "REDISCLI_AUTH", credential->password);
    return STATUS_OK;
}

// https://www.iana.org/assignments/uri-schemes/prov/redis and rediss: with TLS. How a certificate
// is verified is for the library to say.
static Status write_url(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    buffer_add(into, tls == TLS_DISABLE ? "redis://" : "rediss://");
    add_url_login(arena, into, credential);
    buffer_addf(into, "/%s\n", percent_encode(arena, database_number(credential)));
    return STATUS_OK;
}

// By their environment: the alternatives are the command line and a prompt
// (https://redis.io/docs/latest/develop/tools/cli/). Valkey's reads either name.
static Status prepare_redis_cli(ClientLaunch *launch, const ClientOrder *order, Error *reterr) {
    const Credential *credential = order->credential;
    if (order->tls == TLS_VERIFY_FULL)
        return error_set(reterr, STATUS_UNSUPPORTED, "unsupported_tls",
                         "%s checks who vouches for a certificate but not that it is %s's, as "
                         "verify-full asks: use a client that does (daypass credentials %s "
                         "--format url), or accept that with --tls verify-ca",
                         order->program, credential->host, or_dash(credential->grant_id));
    client_setting(launch, "REDISCLI_AUTH", credential->password);
    client_setting(launch, "VALKEYCLI_AUTH", credential->password);
    client_argument(launch, "-h");
    client_argument(launch, "%s", credential->host);
    client_argument(launch, "-p");
    client_argument(launch, "%lld", (long long)credential->port);
    client_argument(launch, "-n");
    client_argument(launch, "%s", database_number(credential));
    client_argument(launch, "--user");
    client_argument(launch, "%s", credential->user);
    if (order->tls != TLS_DISABLE)
        client_argument(launch, "--tls");
    if (order->tls == TLS_REQUIRE) {
        client_argument(launch, "--insecure");
    } else if (order->tls == TLS_VERIFY_CA && order->ca_file != NULL) {
        client_argument(launch, "--cacert");
        client_argument(launch, "%s", order->ca_file);
    }
    client_arguments(launch, order->arguments);
    return STATUS_OK;
}

const CredentialEngine REDIS_ENGINE = {
    .writers = {[FORM_ENV] = write_env, [FORM_URL] = write_url},
    .clients = {{"redis-cli", prepare_redis_cli}, {"valkey-cli", prepare_redis_cli}},
    .install = "install redis-cli or valkey-cli (Debian: redis-tools or valkey-tools; macOS: brew "
               "install redis)",
};
