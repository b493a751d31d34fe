#include "base/text.h"
#include "cli/credential_engine.h"
#include "cli/credential_text.h"
#include "http/percent.h"

#include <stdlib.h>
#include <unistd.h>

enum { SETTINGS = 6 };

// https://www.postgresql.org/docs/current/libpq-envars.html; absent values are NULL.
static void libpq_settings(Arena *arena, const Credential *credential,
                           ClientSetting settings[SETTINGS]) {
    settings[0] = (ClientSetting){"PGHOST", credential->host};
    settings[1] = (ClientSetting){"PGPORT", port_text(arena, credential)};
    settings[2] = (ClientSetting){"PGDATABASE", credential->database};
    settings[3] = (ClientSetting){"PGUSER", credential->user};
    settings[4] = (ClientSetting){"PGPASSWORD", credential->password};
    settings[5] = (ClientSetting){"PGSSLMODE", credential->tls};
}

static Status write_env(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    (void)reterr;
    ClientSetting settings[SETTINGS];
    libpq_settings(arena, credential, settings);
    for (size_t i = 0; i < SETTINGS; i++)
        add_export(into, settings[i].name, settings[i].value);
    return STATUS_OK;
}

// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
static Status write_url(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    (void)reterr;
    buffer_add(into, "postgresql://");
    add_url_login(arena, into, credential);
    buffer_addf(into, "/%s", percent_encode(arena, credential->database));
    if (credential->tls != NULL)
        buffer_addf(into, "?sslmode=%s", percent_encode(arena, credential->tls));
    buffer_add(into, "\n");
    return STATUS_OK;
}

// https://www.postgresql.org/docs/current/libpq-pgpass.html: ':' and '\' are escaped.
static void add_pgpass(Buffer *into, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == ':' || *text == '\\')
            buffer_add(into, "\\");
        buffer_add_bytes(into, text, 1);
    }
}

static Status write_pgpass(Arena *arena, const Credential *credential, Buffer *into,
                           Error *reterr) {
    (void)reterr;
    const char *parts[] = {credential->host, port_text(arena, credential), credential->database,
                           credential->user, credential->password};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (i > 0)
            buffer_add(into, ":");
        add_pgpass(into, parts[i]);
    }
    buffer_add(into, "\n");
    return STATUS_OK;
}

// https://jdbc.postgresql.org/documentation/use/: all parts are percent-decoded.
static Status write_jdbc(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    (void)reterr;
    buffer_add(into, "jdbc:postgresql://");
    add_url_authority(arena, into, credential);
    buffer_addf(into, "/%s?user=%s&password=%s", percent_encode(arena, credential->database),
                percent_encode(arena, credential->user),
                percent_encode(arena, credential->password));
    if (credential->tls != NULL)
        buffer_addf(into, "&sslmode=%s", percent_encode(arena, credential->tls));
    buffer_add(into, "\n");
    return STATUS_OK;
}

// https://odbc.postgresql.org/docs/config-opt.html; the name that psqlODBC registers.
static Status write_odbc(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    (void)reterr;
    buffer_add(into, "Driver={PostgreSQL Unicode};");
    add_braced(into, "Servername", credential->host);
    add_braced(into, "Port", port_text(arena, credential));
    add_braced(into, "Database", credential->database);
    add_braced(into, "UID", credential->user);
    add_braced(into, "PWD", credential->password);
    add_braced(into, "SSLmode", credential->tls);
    buffer_add(into, "\n");
    return STATUS_OK;
}

// https://www.npgsql.org/doc/connection-string-parameters.html
static Status write_dotnet(Arena *arena, const Credential *credential, Buffer *into,
                           Error *reterr) {
    static const char *const MODES[] = {"VerifyFull", "VerifyCA", "Require", "Disable"};
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    add_dotnet(into, "Host", credential->host);
    add_dotnet(into, "Port", port_text(arena, credential));
    add_dotnet(into, "Database", credential->database);
    add_dotnet(into, "Username", credential->user);
    add_dotnet(into, "Password", credential->password);
    add_dotnet(into, "SSL Mode", MODES[tls]);
    buffer_add(into, "\n");
    return STATUS_OK;
}

// ---- psql -------------------------------------------------------------------------------------

// libpq would follow these to another server or user than the credential's, or take its password
// from elsewhere.
static const char *const PSQL_UNSET[] = {"PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGPASSFILE",
                                         "PGREALM"};

static bool has_root(Arena *arena) {
    const char *root = getenv("PGSSLROOTCERT");
    const char *home = getenv("HOME");
    return (root != NULL && root[0] != '\0') || home == NULL ||
           access(arena_printf(arena, "%s/.postgresql/root.crt", home), R_OK) == 0;
}

// By its environment. That of a running program can be read by the same user and root alone, who
// could read a private file just as well; and psql connects again by it (\c).
static Status prepare_psql(ClientLaunch *launch, const ClientOrder *order, Error *reterr) {
    (void)reterr;
    Credential credential = *order->credential;
    credential.tls = enum_name(&TLS_MODES, order->tls);
    client_unset(launch, PSQL_UNSET, COUNT_OF(PSQL_UNSET));
    ClientSetting settings[SETTINGS];
    libpq_settings(launch->arena, &credential, settings);
    for (size_t i = 0; i < SETTINGS; i++)
        client_setting(launch, settings[i].name, settings[i].value);
    if (order->ca_file != NULL)
        client_setting(launch, "PGSSLROOTCERT", order->ca_file);
    else if (order->tls <= TLS_VERIFY_CA && !has_root(launch->arena))
        launch->note = arena_printf(
            launch->arena,
            "This server's certificate is verified (%s): put its authority's certificate into "
            "~/.postgresql/root.crt, or name its file in PGSSLROOTCERT or --ca-file%s%s",
            credential.tls, order->authority_hint != NULL ? ". " : "",
            order->authority_hint != NULL ? order->authority_hint : "");
    client_arguments(launch, order->arguments);
    return STATUS_OK;
}

const CredentialEngine POSTGRESQL_ENGINE = {
    .needs_database = true,
    .writers = {[FORM_ENV] = write_env,
                [FORM_URL] = write_url,
                [FORM_PGPASS] = write_pgpass,
                [FORM_JDBC] = write_jdbc,
                [FORM_ODBC] = write_odbc,
                [FORM_DOTNET] = write_dotnet},
    .clients = {{"psql", prepare_psql}},
    .install = "install psql (Debian: postgresql-client; macOS: brew install libpq)",
};
