#include "base/text.h"
#include "cli/credential_engine.h"
#include "cli/credential_text.h"
#include "http/percent.h"

#include <ctype.h>
#include <string.h>

// Oracle's clients encrypt by TCPS, which always verifies who vouches for the server's certificate:
// `require` becomes verify-ca.

static Status refuse(const char *what, Error *reterr) {
    return error_set(reterr, STATUS_UNSUPPORTED, "unsupported_form",
                     "%s: give the client the bare values, from --format json", what);
}

// Host and service go into languages of which none has an escape.
static Status check_address(const Credential *credential, Error *reterr) {
    if (!text_is_plain(credential->database))
        return refuse("Oracle's address has no way to write this service name", reterr);
    if (!host_is_ipv6(credential->host) && !text_is_plain(credential->host))
        return refuse("Oracle's address has no way to write this host", reterr);
    return STATUS_OK;
}

// Easy Connect Plus, of clients from 19c on:
// https://docs.oracle.com/en/database/oracle/oracle-database/19/netag/configuring-naming-methods.html
static Status add_easy_connect(const Credential *credential, TlsMode tls, Buffer *into,
                               Error *reterr) {
    TRY(check_address(credential, reterr));
    bool is_ipv6 = host_is_ipv6(credential->host);
    buffer_addf(into, "%s//%s%s%s:%lld/%s", tls == TLS_DISABLE ? "" : "tcps:", is_ipv6 ? "[" : "",
                credential->host, is_ipv6 ? "]" : "", (long long)credential->port,
                credential->database);
    if (tls != TLS_DISABLE)
        buffer_addf(into, "?ssl_server_dn_match=%s", tls == TLS_VERIFY_FULL ? "on" : "off");
    return STATUS_OK;
}

static Status easy_connect(Arena *arena, const Credential *credential, const char **ret_text,
                           Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    Buffer text = {0};
    Status status = add_easy_connect(credential, tls, &text, reterr);
    *ret_text = arena_strdup(arena, buffer_text(&text));
    buffer_done(&text);
    return status;
}

// ---- Forms ------------------------------------------------------------------------------------

// TWO_TASK is what SQL*Plus takes for a missing address:
// https://docs.oracle.com/en/database/oracle/oracle-database/19/sqpug/configuring-SQL-Plus.html; no
// client reads the others.
static Status write_env(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    const char *address;
    TRY(easy_connect(arena, credential, &address, reterr));
    add_export(into, "TWO_TASK", address);
    add_export(into, "ORACLE_USER", credential->user);
    add_export(into, "ORACLE_PASSWORD", credential->password);
    return STATUS_OK;
}

// As go-ora has it: https://github.com/sijms/go-ora#ssl-connection
static Status write_url(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    buffer_add(into, "oracle://");
    add_url_login(arena, into, credential);
    buffer_addf(into, "/%s", percent_encode(arena, credential->database));
    if (tls != TLS_DISABLE)
        buffer_add(into, "?ssl=true&ssl%20verify=true");
    buffer_add(into, "\n");
    return STATUS_OK;
}

// https://docs.oracle.com/en/database/oracle/oracle-database/19/jjdbc/data-sources-and-URLs.html:
// user/password@ has no escape.
static Status write_jdbc(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    const char *address;
    TRY(easy_connect(arena, credential, &address, reterr));
    if (!text_is_plain(credential->user) || !text_is_plain(credential->password))
        return refuse("Oracle's JDBC URL has no way to write this user or password", reterr);
    buffer_addf(into, "jdbc:oracle:thin:%s/%s@%s\n", credential->user, credential->password,
                address);
    return STATUS_OK;
}

// https://docs.oracle.com/en/database/oracle/oracle-database/19/adfns/odbc-driver.html
static Status write_odbc(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    const char *address;
    TRY(easy_connect(arena, credential, &address, reterr));
    buffer_add(into, "Driver={Oracle 19 ODBC driver};");
    add_braced(into, "DBQ", address);
    add_braced(into, "UID", credential->user);
    add_braced(into, "PWD", credential->password);
    buffer_add(into, "\n");
    return STATUS_OK;
}

// https://docs.oracle.com/en/database/oracle/oracle-database/19/odpnt/ConnectionConnectionString.html
static Status write_dotnet(Arena *arena, const Credential *credential, Buffer *into,
                           Error *reterr) {
    const char *address;
    TRY(easy_connect(arena, credential, &address, reterr));
    add_dotnet(into, "Data Source", address);
    add_dotnet(into, "User Id", credential->user);
    add_dotnet(into, "Password", credential->password);
    buffer_add(into, "\n");
    return STATUS_OK;
}

// ---- SQL*Plus and SQLcl -----------------------------------------------------------------------

// A name that Oracle folds to upper case is left to it; any other is quoted as it is.
static bool is_simple_name(const char *name) {
    return isalpha((unsigned char)name[0]) &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$#") ==
               strlen(name);
}

// A descriptor, which every client reads; Easy Connect knows TLS from 19c on only.
// https://docs.oracle.com/en/database/oracle/oracle-database/19/netrf/local-naming-parameters-in-tns-ora-file.html
static void add_descriptor(const Credential *credential, TlsMode tls, Buffer *into) {
    buffer_addf(into, "(DESCRIPTION=(ADDRESS=(PROTOCOL=%s)(HOST=%s)(PORT=%lld))",
                tls == TLS_DISABLE ? "TCP" : "TCPS", credential->host, (long long)credential->port);
    buffer_addf(into, "(CONNECT_DATA=(SERVICE_NAME=%s))", credential->database);
    if (tls != TLS_DISABLE)
        buffer_addf(into, "(SECURITY=(SSL_SERVER_DN_MATCH=%s))",
                    tls == TLS_VERIFY_FULL ? "YES" : "NO");
    buffer_add(into, ")");
}

// The first word of the person's that is a script, "@name"; with what follows, its parameters.
static size_t script_at(const StringList *arguments) {
    size_t i = 0;
    while (i < arguments->count && arguments->items[i][0] != '@')
        i++;
    return i;
}

static Status add_script(const StringList *arguments, size_t at, Buffer *into, Error *reterr) {
    for (size_t i = at; i < arguments->count; i++) {
        const char *word = arguments->items[i];
        if (strpbrk(word, "\"\n") != NULL)
            return refuse("a script's name or parameter with a '\"' or a line break cannot be "
                          "given to SQL*Plus",
                          reterr);
        // The '@' outside of the quotes.
        buffer_addf(into, i == at ? "@\"%s\"" : " \"%s\"", i == at ? word + 1 : word);
    }
    if (at < arguments->count)
        buffer_add(into, "\n");
    return STATUS_OK;
}

// https://docs.oracle.com/en/database/oracle/oracle-database/19/sqpug/CONNECT.html. Without SET
// DEFINE OFF an '&' of the password would be asked for.
static Status add_connect(const ClientOrder *order, Buffer *into, Error *reterr) {
    const Credential *credential = order->credential;
    if (strchr(credential->password, '"') != NULL || strchr(credential->user, '"') != NULL)
        return refuse("Oracle has no names and no passwords with a '\"'", reterr);
    const char *quote = is_simple_name(credential->user) ? "" : "\"";
    buffer_add(into, "SET DEFINE OFF\nWHENEVER SQLERROR EXIT FAILURE\n");
    buffer_addf(into, "CONNECT %s%s%s/\"%s\"@", quote, credential->user, quote,
                credential->password);
    add_descriptor(credential, order->tls, into);
    buffer_add(into, "\nWHENEVER SQLERROR CONTINUE\nSET DEFINE ON\n");
    return STATUS_OK;
}

// Other addresses for the same words, or a script of somebody else's that is run before ours.
static const char *const ORACLE_UNSET[] = {"TWO_TASK", "LOCAL", "ORACLE_SID"};

// They take a password from their command line or a prompt; a script that connects has to have a
// name that ends in .sql.
static Status prepare_sqlplus(ClientLaunch *launch, const ClientOrder *order, Error *reterr) {
    TRY(check_address(order->credential, reterr));
    Buffer script = {.wipe = true};
    size_t at = script_at(order->arguments);
    const char *path = NULL;
    Status status = add_connect(order, &script, reterr);
    if (status == STATUS_OK)
        status = add_script(order->arguments, at, &script, reterr);
    if (status == STATUS_OK)
        status = client_text_named(launch, &script, "connect.sql", &path, reterr);
    buffer_done(&script);
    TRY(status);
    client_unset(launch, ORACLE_UNSET, COUNT_OF(ORACLE_UNSET));
    for (size_t i = 0; i < at; i++)
        client_argument(launch, "%s", order->arguments->items[i]);
    client_argument(launch, "/nolog");
    client_argument(launch, "@%s", path);
    if (order->ca_file != NULL)
        launch->note = "Oracle's clients take the authority's certificate from a wallet "
                       "(WALLET_LOCATION in sqlnet.ora): --ca-file has no effect";
    else if (order->tls == TLS_REQUIRE)
        launch->note = "Oracle's clients cannot hold to require alone: they verify who vouches for "
                       "the server's certificate too (verify-ca)";
    return STATUS_OK;
}

const CredentialEngine ORACLE_ENGINE = {
    .needs_database = true,
    .writers = {[FORM_ENV] = write_env,
                [FORM_URL] = write_url,
                [FORM_JDBC] = write_jdbc,
                [FORM_ODBC] = write_odbc,
                [FORM_DOTNET] = write_dotnet},
    .clients = {{"sqlplus", prepare_sqlplus}, {"sql", prepare_sqlplus}},
    .install = "install SQL*Plus (Oracle Instant Client: "
               "https://www.oracle.com/database/technologies/instant-client.html) or SQLcl "
               "(https://www.oracle.com/database/sqldeveloper/technologies/sqlcl/)",
};
