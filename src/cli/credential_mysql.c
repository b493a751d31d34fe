// MySQL and MariaDB: the protocol is one, the words for TLS are two.
#include "base/text.h"
#include "cli/credential_engine.h"
#include "cli/credential_text.h"
#include "http/percent.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// In the order of TlsMode.
// https://dev.mysql.com/doc/refman/9.4/en/connection-options.html#option_general_ssl-mode
static const char *const SSL_MODES[] = {"VERIFY_IDENTITY", "VERIFY_CA", "REQUIRED", "DISABLED"};
// https://mariadb.com/kb/en/about-mariadb-connector-j/#tls-parameters; "trust" is to encrypt alone.
static const char *const MARIADB_MODES[] = {"verify-full", "verify-ca", "trust", "disable"};
// https://mysqlconnector.net/connection-options/
static const char *const DOTNET_MODES[] = {"VerifyFull", "VerifyCA", "Required", "Disabled"};

// ---- Forms ------------------------------------------------------------------------------------

// https://dev.mysql.com/doc/refman/9.4/en/environment-variables.html: the clients read HOST,
// TCP_PORT and PWD; USER and DATABASE are what containers and frameworks call the others.
static Status write_env(Arena *arena, const Credential *credential, Buffer *into, Error *reterr) {
    (void)reterr;
    add_export(into, "MYSQL_HOST", credential->host);
    add_export(into, "MYSQL_TCP_PORT", port_text(arena, credential));
    add_export(into, "MYSQL_DATABASE", credential->database);
    add_export(into, "MYSQL_USER", credential->user);
    add_export(into, "MYSQL_PWD", credential->password);
    if (credential_is_token(credential))
        add_export(into, "LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN", "1");
    return STATUS_OK;
}

static Status add_url(Arena *arena, const Credential *credential, const char *scheme,
                      const char *mode_name, const char *const *modes, Buffer *into,
                      Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    buffer_addf(into, "%s://", scheme);
    add_url_login(arena, into, credential);
    buffer_addf(into, "/%s?%s=%s\n",
                credential->database != NULL ? percent_encode(arena, credential->database) : "",
                mode_name, modes[tls]);
    return STATUS_OK;
}

// https://dev.mysql.com/doc/refman/9.4/en/connecting-using-uri-or-key-value-pairs.html
static Status write_mysql_url(Arena *arena, const Credential *credential, Buffer *into,
                              Error *reterr) {
    return add_url(arena, credential, "mysql", "ssl-mode", SSL_MODES, into, reterr);
}

static Status write_mariadb_url(Arena *arena, const Credential *credential, Buffer *into,
                                Error *reterr) {
    return add_url(arena, credential, "mariadb", "sslMode", MARIADB_MODES, into, reterr);
}

static Status add_jdbc(Arena *arena, const Credential *credential, const char *scheme,
                       const char *const *modes, Buffer *into, Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    buffer_addf(into, "jdbc:%s://", scheme);
    add_url_authority(arena, into, credential);
    buffer_addf(into, "/%s?user=%s&password=%s&sslMode=%s\n",
                credential->database != NULL ? percent_encode(arena, credential->database) : "",
                percent_encode(arena, credential->user),
                percent_encode(arena, credential->password), modes[tls]);
    return STATUS_OK;
}

// https://dev.mysql.com/doc/connector-j/en/connector-j-reference-jdbc-url-format.html: keys and
// values are percent-decoded.
static Status write_mysql_jdbc(Arena *arena, const Credential *credential, Buffer *into,
                               Error *reterr) {
    return add_jdbc(arena, credential, "mysql", SSL_MODES, into, reterr);
}

// MariaDB's driver documents no escaping, so what would need some is not written.
static Status write_mariadb_jdbc(Arena *arena, const Credential *credential, Buffer *into,
                                 Error *reterr) {
    if (!text_is_plain(credential->user) || !text_is_plain(credential->password) ||
        (credential->database != NULL && !text_is_plain(credential->database)))
        return error_set(reterr, STATUS_UNSUPPORTED, "unsupported_form",
                         "this credential has a character that MariaDB's JDBC URL has no way to "
                         "write: give the driver its properties user and password, from --format "
                         "json");
    return add_jdbc(arena, credential, "mariadb", MARIADB_MODES, into, reterr);
}

static void add_odbc(Arena *arena, const Credential *credential, const char *driver, Buffer *into) {
    buffer_addf(into, "Driver={%s};", driver);
    add_braced(into, "Server", credential->host);
    add_braced(into, "Port", port_text(arena, credential));
    add_braced(into, "Database", credential->database);
    add_braced(into, "UID", credential->user);
    add_braced(into, "PWD", credential->password);
}

// https://dev.mysql.com/doc/connector-odbc/en/connector-odbc-configuration-connection-parameters.html
static Status write_mysql_odbc(Arena *arena, const Credential *credential, Buffer *into,
                               Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    add_odbc(arena, credential, "MySQL ODBC 9.4 Unicode Driver", into);
    buffer_addf(into, "SSLMODE=%s;%s\n", SSL_MODES[tls],
                credential_is_token(credential) ? "ENABLE_CLEARTEXT_PLUGIN=1;" : "");
    return STATUS_OK;
}

// https://mariadb.com/kb/en/about-mariadb-connector-odbc/#tls; by the library of the clients, which
// see below: what is to be encrypted has to be verified.
static Status write_mariadb_odbc(Arena *arena, const Credential *credential, Buffer *into,
                                 Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    add_odbc(arena, credential, "MariaDB Unicode", into);
    buffer_add(into, tls == TLS_DISABLE ? "" : "FORCETLS=1;SSLVERIFY=1;");
    buffer_add(into, "\n");
    return STATUS_OK;
}

static Status write_dotnet(Arena *arena, const Credential *credential, Buffer *into,
                           Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    add_dotnet(into, "Server", credential->host);
    add_dotnet(into, "Port", port_text(arena, credential));
    add_dotnet(into, "Database", credential->database);
    add_dotnet(into, "User ID", credential->user);
    add_dotnet(into, "Password", credential->password);
    add_dotnet(into, "SslMode", DOTNET_MODES[tls]);
    buffer_add(into, "\n");
    return STATUS_OK;
}

// ---- Option files -----------------------------------------------------------------------------

// Of a line the clients read 4096 bytes; a token that has a session token in it may be longer.
static bool fits_option_file(const Credential *credential) {
    enum { PASSWORD_MAX_BYTES = 3500 };
    return strlen(credential->password) <= PASSWORD_MAX_BYTES;
}

static Status option_file_check(const Credential *credential, Error *reterr) {
    if (fits_option_file(credential))
        return STATUS_OK;
    return error_set(reterr, STATUS_UNSUPPORTED, "unsupported_form",
                     "this password is longer than what clients read from an option file: take "
                     "--format env, or daypass connect");
}

static void add_section(Arena *arena, const Credential *credential, const char *ca_file,
                        Buffer *into) {
    buffer_add(into, "[client]\n");
    add_option_line(into, "host", credential->host);
    add_option_line(into, "port", port_text(arena, credential));
    add_option_line(into, "protocol", "tcp"); // "localhost" would mean a socket
    add_option_line(into, "user", credential->user);
    if (fits_option_file(credential))
        add_option_line(into, "password", credential->password);
    add_option_line(into, "ssl-ca", ca_file);
}

// Not in [client], where every tool would read it and some refuse it.
static void add_database(const Credential *credential, Buffer *into) {
    if (credential->database == NULL)
        return;
    buffer_add(into, "[mysql]\n");
    add_option_line(into, "database", credential->database);
}

static void add_mysql_tls(const Credential *credential, TlsMode tls, Buffer *into) {
    add_option_line(into, "ssl-mode", SSL_MODES[tls]);
    // MariaDB's library sends a password so whenever it is asked to.
    if (credential_is_token(credential))
        buffer_add(into, "enable-cleartext-plugin\n");
    // Without TLS, caching_sha2_password sends a password encrypted to a key that the server gives.
    if (tls == TLS_DISABLE)
        buffer_add(into, "get-server-public-key\n");
}

// Without verification MariaDB's clients, up to 11.8 at least, go on without TLS where a server
// says that it has none: what is to be encrypted has to be verified.
static void add_mariadb_tls(TlsMode tls, Buffer *into) {
    buffer_add(into, tls == TLS_DISABLE ? "skip-ssl\n" : "ssl\nssl-verify-server-cert\n");
}

static Status write_mysql_mycnf(Arena *arena, const Credential *credential, Buffer *into,
                                Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    TRY(option_file_check(credential, reterr));
    add_section(arena, credential, NULL, into);
    add_mysql_tls(credential, tls, into);
    add_database(credential, into);
    return STATUS_OK;
}

static Status write_mariadb_mycnf(Arena *arena, const Credential *credential, Buffer *into,
                                  Error *reterr) {
    TlsMode tls;
    TRY(credential_tls(credential, &tls, reterr));
    TRY(option_file_check(credential, reterr));
    add_section(arena, credential, NULL, into);
    add_mariadb_tls(tls, into);
    add_database(credential, into);
    return STATUS_OK;
}

// ---- mysql and mariadb ------------------------------------------------------------------------

// They would lead to another server or password, load code, or send the password in clear text.
static const char *const MYSQL_UNSET[] = {
    "MYSQL_HOST",       "MARIADB_HOST",        "MYSQL_TCP_PORT",
    "MYSQL_UNIX_PORT",  "MARIADB_TCP_PORT",    "MYSQL_PWD",
    "MYSQL_HOME",       "MARIADB_HOME",        "MYSQL_GROUP_SUFFIX",
    "LIBMYSQL_PLUGINS", "LIBMYSQL_PLUGIN_DIR", "LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN",
};

// Neither client looks at the system's own authorities in every version; and MariaDB's, from 11.4,
// takes a certificate that nobody vouches for when the server shows that it knows the password.
static Status find_authorities(ClientLaunch *launch, const ClientOrder *order, TlsMode tls,
                               const char **ret_file, Error *reterr) {
    if (tls <= TLS_VERIFY_CA && order->ca_file == NULL && launch->note == NULL)
        launch->note = order->authority_hint;
    *ret_file = tls > TLS_VERIFY_CA      ? NULL
                : order->ca_file != NULL ? order->ca_file
                                         : system_authorities();
    if (*ret_file == NULL && tls <= TLS_VERIFY_CA)
        return error_set(reterr, STATUS_INVALID, "ca_file_missing",
                         "this server's certificate is verified (%s): name the file of its "
                         "authority's certificate with --ca-file",
                         enum_name(&TLS_MODES, (int)tls));
    return STATUS_OK;
}

static Status launch_by_file(ClientLaunch *launch, const ClientOrder *order, const Buffer *file,
                             Error *reterr) {
    const char *path;
    TRY(client_text_once(launch, file, &path, reterr));
    client_unset(launch, MYSQL_UNSET, COUNT_OF(MYSQL_UNSET));
    if (!fits_option_file(order->credential))
        client_setting(launch, "MYSQL_PWD", order->credential->password);
    // ~/.mylogin.cnf is read after, and in spite of, --defaults-file
    // (https://dev.mysql.com/doc/refman/9.4/en/option-file-options.html).
    client_setting(launch, "MYSQL_TEST_LOGIN_FILE", "/dev/null");
    // Not --defaults-extra-file: ~/.my.cnf is read after it and would win.
    client_argument(launch, "--defaults-file=%s", path);
    client_arguments(launch, order->arguments);
    return STATUS_OK;
}

static Status prepare_mariadb(ClientLaunch *launch, const ClientOrder *order, Error *reterr) {
    TlsMode tls = order->tls == TLS_DISABLE ? TLS_DISABLE : TLS_VERIFY_FULL;
    if (tls != order->tls)
        launch->note = arena_printf(launch->arena,
                                    "MariaDB's client cannot hold to %s alone: it verifies the "
                                    "server's certificate and name too (verify-full)",
                                    enum_name(&TLS_MODES, (int)order->tls));
    const char *ca_file;
    TRY(find_authorities(launch, order, tls, &ca_file, reterr));
    Buffer file = {.wipe = true};
    add_section(launch->arena, order->credential, ca_file, &file);
    add_mariadb_tls(tls, &file);
    add_database(order->credential, &file);
    Status status = launch_by_file(launch, order, &file, reterr);
    buffer_done(&file);
    return status;
}

// Which of the two it is, it says itself: Debian's mysql is MariaDB's.
static Status prepare_mysql(ClientLaunch *launch, const ClientOrder *order, Error *reterr) {
    if (client_says(launch->arena, order->program, "MariaDB"))
        return prepare_mariadb(launch, order, reterr);
    const char *ca_file;
    TRY(find_authorities(launch, order, order->tls, &ca_file, reterr));
    Buffer file = {.wipe = true};
    add_section(launch->arena, order->credential, ca_file, &file);
    add_mysql_tls(order->credential, order->tls, &file);
    add_database(order->credential, &file);
    Status status = launch_by_file(launch, order, &file, reterr);
    buffer_done(&file);
    return status;
}

const CredentialEngine MYSQL_ENGINE = {
    .writers = {[FORM_ENV] = write_env,
                [FORM_URL] = write_mysql_url,
                [FORM_MYCNF] = write_mysql_mycnf,
                [FORM_JDBC] = write_mysql_jdbc,
                [FORM_ODBC] = write_mysql_odbc,
                [FORM_DOTNET] = write_dotnet},
    .clients = {{"mysql", prepare_mysql}, {"mariadb", prepare_mariadb}},
    .install = "install mysql or mariadb (Debian: default-mysql-client; macOS: brew install "
               "mysql-client)",
};

const CredentialEngine MARIADB_ENGINE = {
    .writers = {[FORM_ENV] = write_env,
                [FORM_URL] = write_mariadb_url,
                [FORM_MYCNF] = write_mariadb_mycnf,
                [FORM_JDBC] = write_mariadb_jdbc,
                [FORM_ODBC] = write_mariadb_odbc,
                [FORM_DOTNET] = write_dotnet},
    .clients = {{"mariadb", prepare_mariadb}, {"mysql", prepare_mysql}},
    .install = "install mariadb or mysql (Debian: mariadb-client; macOS: brew install mariadb)",
};
