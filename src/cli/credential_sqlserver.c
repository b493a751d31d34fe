#include "base/text.h"
#include "cli/credential_engine.h"
#include "cli/credential_text.h"
#include "http/percent.h"

#include <string.h>

// "tcp:host,port": https://learn.microsoft.com/sql/tools/sqlcmd/sqlcmd-connect-database-engine
static const char *server_text(Arena *arena, const Credential *credential) {
    return arena_printf(arena, "tcp:%s,%lld", credential->host, (long long)credential->port);
}

// ---- Forms ------------------------------------------------------------------------------------
// Microsoft's drivers cannot verify a certificate without its name: verify-ca becomes verify-full.

// https://learn.microsoft.com/sql/tools/sqlcmd/sqlcmd-use-scripting-variables
static Status write_env(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    (void)reterr;
    add_export(into, "SQLCMDSERVER", server_text(arena, credential));
    add_export(into, "SQLCMDDBNAME", credential->database);
    add_export(into, "SQLCMDUSER", credential->user);
    add_export(into, "SQLCMDPASSWORD", credential->password);
    return STATUS_OK;
}

// https://github.com/microsoft/go-mssqldb#the-connection-string-can-be-specified-in-one-of-three-formats
static Status write_url(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    buffer_add(into, "sqlserver://");
    add_url_login(arena, into, credential);
    buffer_addf(into, "?encrypt=%s", tls == TLS_DISABLE ? "disable" : "true");
    if (tls != TLS_DISABLE)
        buffer_addf(into, "&TrustServerCertificate=%s", tls == TLS_REQUIRE ? "true" : "false");
    if (credential->database != NULL)
        buffer_addf(into, "&database=%s", percent_encode(arena, credential->database));
    buffer_add(into, "\n");
    return STATUS_OK;
}

// https://learn.microsoft.com/sql/connect/jdbc/building-the-connection-url. The host as a property,
// which takes an address of IPv6 too.
static Status write_jdbc(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    buffer_add(into, "jdbc:sqlserver://;");
    add_braced(into, "serverName", credential->host);
    buffer_addf(into, "portNumber=%s;", port_text(arena, credential));
    add_braced(into, "databaseName", credential->database);
    add_braced(into, "user", credential->user);
    add_braced(into, "password", credential->password);
    buffer_addf(into, "encrypt=%s;trustServerCertificate=%s;\n",
                tls == TLS_DISABLE ? "false" : "true", tls == TLS_REQUIRE ? "true" : "false");
    return STATUS_OK;
}

// https://learn.microsoft.com/sql/connect/odbc/dsn-connection-string-attribute
static Status write_odbc(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    buffer_add(into, "Driver={ODBC Driver 18 for SQL Server};");
    add_braced(into, "Server", server_text(arena, credential));
    add_braced(into, "Database", credential->database);
    add_braced(into, "UID", credential->user);
    add_braced(into, "PWD", credential->password);
    buffer_addf(into, "Encrypt=%s;TrustServerCertificate=%s;\n", tls == TLS_DISABLE ? "no" : "yes",
                tls == TLS_REQUIRE ? "yes" : "no");
    return STATUS_OK;
}

// https://learn.microsoft.com/dotnet/api/microsoft.data.sqlclient.sqlconnection.connectionstring
static Status write_dotnet(Arena *arena, const Credential *credential, Buffer *into,
                           Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    add_dotnet(into, "Server", server_text(arena, credential));
    add_dotnet(into, "Database", credential->database);
    add_dotnet(into, "User ID", credential->user);
    add_dotnet(into, "Password", credential->password);
    add_dotnet(into, "Encrypt", tls == TLS_DISABLE ? "False" : "True");
    add_dotnet(into, "TrustServerCertificate", tls == TLS_REQUIRE ? "True" : "False");
    buffer_add(into, "\n");
    return STATUS_OK;
}

// ---- sqlcmd -----------------------------------------------------------------------------------

// A server, a user or a way to sign in of somebody else's, or a script that is run first.
static const char *const SQLCMD_UNSET[] = {"SQLCMDSERVER", "SQLCMDDBNAME", "SQLCMDUSER",
                                           "SQLCMDINI", "SQLCMDUSEAAD"};

// Both sqlcmds, Microsoft's ODBC one and go-sqlcmd, take SQLCMDPASSWORD and these options, which
// leaves a password on neither command line nor disk. -N before another option means "mandatory" to
// all versions of both. Without -N, version 18 and later encrypt all the same; -C lets them.
static Status prepare_sqlcmd(ClientLaunch *launch, const ClientOrder *order, Error *reterr) {
    (void)reterr;
    const Credential *credential = order->credential;
    client_unset(launch, SQLCMD_UNSET, COUNT_OF(SQLCMD_UNSET));
    client_setting(launch, "SQLCMDPASSWORD", credential->password);
    if (order->ca_file != NULL) // of OpenSSL and of Go
        client_setting(launch, "SSL_CERT_FILE", order->ca_file);
    if (order->tls == TLS_VERIFY_CA)
        launch->note = "sqlcmd cannot hold to verify-ca alone: it verifies the name in the "
                       "server's certificate too (verify-full)";
    if (order->tls != TLS_DISABLE)
        client_argument(launch, "-N");
    if (order->tls >= TLS_REQUIRE)
        client_argument(launch, "-C");
    client_argument(launch, "-S");
    client_argument(launch, "%s", server_text(launch->arena, credential));
    client_argument(launch, "-U");
    client_argument(launch, "%s", credential->user);
    if (credential->database != NULL) {
        client_argument(launch, "-d");
        client_argument(launch, "%s", credential->database);
    }
    client_arguments(launch, order->arguments);
    return STATUS_OK;
}

// ---- FreeTDS: tsql, and isql with its ODBC driver ----------------------------------------------

// Where FreeTDS would find other settings, or write everything it sends, or log in elsewhere.
static const char *const FREETDS_UNSET[] = {"FREETDS",    "TDSVER",  "TDSDUMP",   "TDSDUMPCONFIG",
                                            "TDSHOST",    "TDSPORT", "TDSQUERY",  "DSQUERY",
                                            "ODBCSYSINI", "ODBCINI", "ODBCSEARCH"};

#define FREETDS_SERVER "daypass"

// https://www.freetds.org/userguide/freetdsconf.html. A value is taken as it stands, up to the end
// of the line or a comment. "system": the authorities that the system trusts.
static Status freetds_conf(ClientLaunch *launch, const ClientOrder *order, Error *reterr) {
    const Credential *credential = order->credential;
    const char *ca_file = order->ca_file != NULL ? order->ca_file : "system";
    if (strpbrk(ca_file, ";#") != NULL || strpbrk(credential->host, ";# ") != NULL)
        return error_set(reterr, STATUS_UNSUPPORTED, "unsupported_form",
                         "FreeTDS takes no file or host with a ';', '#' or blank in its name");
    Buffer conf = {0};
    buffer_addf(&conf, "[" FREETDS_SERVER "]\nhost = %s\nport = %s\ntds version = 7.4\n",
                credential->host, port_text(launch->arena, credential));
    buffer_addf(&conf, "encryption = %s\n", order->tls == TLS_DISABLE ? "off" : "require");
    if (order->tls <= TLS_VERIFY_CA)
        buffer_addf(&conf, "ca file = %s\ncheck certificate hostname = %s\n", ca_file,
                    order->tls == TLS_VERIFY_FULL ? "yes" : "no");
    const char *path;
    Status status = client_text(launch, &conf, &path, reterr);
    buffer_done(&conf);
    TRY(status);
    client_unset(launch, FREETDS_UNSET, COUNT_OF(FREETDS_UNSET));
    client_setting(launch, "FREETDSCONF", path);
    return STATUS_OK;
}

// It takes a password from its command line, a prompt, or (-P -) the first line of its input.
static Status prepare_tsql(ClientLaunch *launch, const ClientOrder *order, Error *reterr) {
    const Credential *credential = order->credential;
    if (strlen(credential->password) > 250) // it cuts at 255
        return error_set(reterr, STATUS_UNSUPPORTED, "unsupported_form",
                         "tsql takes no password this long");
    TRY(freetds_conf(launch, order, reterr));
    client_argument(launch, "-S");
    client_argument(launch, FREETDS_SERVER);
    client_argument(launch, "-U");
    client_argument(launch, "%s", credential->user);
    if (credential->database != NULL) {
        client_argument(launch, "-D");
        client_argument(launch, "%s", credential->database);
    }
    client_argument(launch, "-P");
    client_argument(launch, "-");
    launch->typed = (Buffer){.wipe = true};
    buffer_addf(&launch->typed, "%s\n", credential->password);
    client_arguments(launch, order->arguments);
    return STATUS_OK;
}

// unixODBC's takes a password from its command line or from the file of a data source, whose name
// has to end in .dsn; FreeTDS reads no password from odbc.ini.
static Status prepare_isql(ClientLaunch *launch, const ClientOrder *order, Error *reterr) {
    const Credential *credential = order->credential;
    const char *values[] = {credential->user, credential->password, credential->database};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        // The driver manager hands what it read there on without braces.
        if (values[i] != NULL && strpbrk(values[i], ";{}=[]") != NULL)
            return error_set(reterr, STATUS_UNSUPPORTED, "unsupported_form",
                             "isql takes no name and no password with one of ;{}=[] in it: "
                             "install sqlcmd");
    }
    TRY(freetds_conf(launch, order, reterr));
    Buffer source = {.wipe = true};
    buffer_addf(&source, "[ODBC]\nDRIVER=FreeTDS\nServername=" FREETDS_SERVER "\nUID=%s\nPWD=%s\n",
                credential->user, credential->password);
    if (credential->database != NULL)
        buffer_addf(&source, "Database=%s\n", credential->database);
    const char *path;
    Status status = client_text_named(launch, &source, "target.dsn", &path, reterr);
    buffer_done(&source);
    TRY(status);
    client_argument(launch, "-k");
    client_argument(launch, "FILEDSN=%s", path);
    client_arguments(launch, order->arguments);
    return STATUS_OK;
}

const CredentialEngine SQLSERVER_ENGINE = {
    .writers = {[FORM_ENV] = write_env,
                [FORM_URL] = write_url,
                [FORM_JDBC] = write_jdbc,
                [FORM_ODBC] = write_odbc,
                [FORM_DOTNET] = write_dotnet},
    .clients = {{"sqlcmd", prepare_sqlcmd}, {"tsql", prepare_tsql}, {"isql", prepare_isql}},
    .install =
        "install sqlcmd (https://learn.microsoft.com/sql/tools/sqlcmd/sqlcmd-download-install) "
        "or tsql (Debian: freetds-bin; macOS: brew install freetds)",
};
