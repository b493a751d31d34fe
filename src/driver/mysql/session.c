#include "driver/mysql/session.h"

#include <errmsg.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "driver/login.h"
#include "driver/mysql/failure.h"
#include "driver/mysql/time_guard.h"
#include "driver/mysql/tls_guard.h"
#include "driver/sqlstate.h"

enum {
    OLDEST_MYSQL = 80021, // marks are kept in ATTRIBUTE, which is new there
    OLDEST_MARIADB = 100600,
    LOCK_TIMEOUT_S = 5,
    // A connector that hangs holds locks on names, for which the revocation by another waits.
    IDLE_S = 60,
    // What the server may take beyond its own bound before we call it lost.
    ANSWER_GRACE_MS = 5000,
    PACKET_MAX_BYTES = 64 * 1024 * 1024,
    // With these the server ends the session, and says so.
    ENDED_SHUTDOWN = 1053,
    ENDED_KILLED = 1927,
    ENDED_IDLE = 4031,
};

// libmariadb has no word for the system's certificate authorities, only for a file.
static const char *const SYSTEM_CA_FILES[] = {
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",   // Red Hat
    "/etc/ssl/ca-bundle.pem",             // SUSE
    "/etc/ssl/cert.pem",                  // BSD, macOS
};

// None of them sends the password as it is, whatever the server asks for.
static const char WAYS_TO_LOG_IN[] =
    "caching_sha2_password,mysql_native_password,client_ed25519,sha256_password";

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void) {
    mysql_server_init(0, NULL, NULL);
    my_tls_guard_install();
    my_time_guard_install();
}

static const char *ca_file_of(const DriverLogin *login) {
    if (login->ca_file != NULL)
        return login->ca_file;
    for (size_t i = 0; i < COUNT_OF(SYSTEM_CA_FILES); i++)
        if (access(SYSTEM_CA_FILES[i], R_OK) == 0)
            return SYSTEM_CA_FILES[i];
    return SYSTEM_CA_FILES[0];
}

static unsigned whole_seconds(int milliseconds) {
    return (unsigned)((milliseconds + SECOND_MS - 1) / SECOND_MS);
}

static bool is_socket(const DriverLogin *login) {
    return login->target->host[0] == '/';
}

// With a file of authorities the chain is verified, and with VERIFY_SERVER_CERT the name as well. A
// Unix socket has neither, as with other engines.
static void set_tls(MYSQL *connection, const DriverLogin *login) {
    int mode = login->target->tls;
    my_bool enforced = mode != TLS_DISABLE && !is_socket(login);
    my_bool named = mode == TLS_VERIFY_FULL && !is_socket(login);
    bool chained = enforced && (mode != TLS_REQUIRE || login->ca_file != NULL);
    if (enforced)
        mysql_optionsv(connection, MYSQL_OPT_SSL_ENFORCE, &enforced);
    mysql_optionsv(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &named);
    if (chained)
        mysql_optionsv(connection, MYSQL_OPT_SSL_CA, ca_file_of(login));
}

// Everything is said explicitly; option files and variables of the environment are not read.
static void set_options(MYSQL *connection, const DriverLogin *login) {
    my_bool no = 0;
    unsigned never = 0;
    unsigned protocol = is_socket(login) ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    unsigned connect_s = whole_seconds(login->connect_timeout_ms);
    unsigned answer_s = whole_seconds(login->statement_timeout_ms + ANSWER_GRACE_MS);
    unsigned long packet = PACKET_MAX_BYTES;
    mysql_optionsv(connection, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_optionsv(connection, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_optionsv(connection, MYSQL_OPT_READ_TIMEOUT, &answer_s);
    mysql_optionsv(connection, MYSQL_OPT_WRITE_TIMEOUT, &answer_s);
    mysql_optionsv(connection, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    mysql_optionsv(connection, MYSQL_OPT_RECONNECT, &no);
    mysql_optionsv(connection, MYSQL_OPT_LOCAL_INFILE, &never);
    mysql_optionsv(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(connection, MARIADB_OPT_RESTRICTED_AUTH, WAYS_TO_LOG_IN);
    mysql_optionsv(connection, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "daypass-connector");
    set_tls(connection, login);
}

static Status fail(FailureClass failure, FailureClass *ret_failure) {
    *ret_failure = failure;
    return failure_status(failure);
}

static const char *reason_of(unsigned number, FailureClass failure) {
    const char *reason = my_failure_reason(number);
    return reason != NULL ? reason : failure_reason(failure);
}

static Status refused_by_server(const DriverLogin *login, unsigned number,
                                FailureClass *ret_failure, Error *reterr) {
    FailureClass failure = my_failure_class(number);
    Status status = fail(failure, ret_failure);
    if (number == 1044)
        error_set(reterr, status, "login_denied",
                  "admin account \"%s\" may not use database \"%s\"; as its administrator: GRANT a "
                  "privilege on it",
                  login->user, login->target->database);
    else if (failure == FAILURE_DENIED)
        error_set(reterr, status, "login_denied",
                  "the server refused the login of admin account \"%s\"; check the user and "
                  "password of the admin secret, from which hosts the account may log in, and "
                  "whether it needs TLS%s%s",
                  login->user, my_failure_reason(number) != NULL ? ": " : "",
                  my_failure_reason(number) != NULL ? my_failure_reason(number) : "");
    else if (failure == FAILURE_NOT_FOUND)
        error_set(reterr, status, "target_database_missing",
                  "there is no database \"%s\" on this server", login->target->database);
    else
        error_set(reterr, status, "target_not_ready",
                  "the server does not accept a session now: %s", reason_of(number, failure));
    return error_set_detail(reterr, "error %u", number);
}

// libmariadb's own text may repeat what it was given, so only its nature goes on.
static Status explain_no_connection(const DriverLogin *login, MYSQL *connection, bool tls_absent,
                                    FailureClass *ret_failure, Error *reterr) {
    unsigned number = tls_absent ? CR_SSL_CONNECTION_ERROR : mysql_errno(connection);
    const char *host = login->target->host;
    if (number < CR_MIN_ERROR || number > 2999)
        return refused_by_server(login, number, ret_failure, reterr);
    Status status;
    if (number == CR_SSL_CONNECTION_ERROR) {
        bool certificate = strcasestr(mysql_error(connection), "certificate") != NULL ||
                           strcasestr(mysql_error(connection), "verif") != NULL;
        status = fail(FAILURE_FATAL, ret_failure);
        error_set(reterr, status, "tls_failed", "no TLS connection to %s in mode %s: %s", host,
                  enum_name(&TLS_MODES, login->target->tls),
                  certificate ? "the server's certificate is not accepted; check ca_file and that "
                                "the certificate names this host"
                              : "the server does not offer TLS, or no common version of it");
    } else if (number == CR_AUTH_PLUGIN_CANNOT_LOAD || number == CR_AUTH_PLUGIN_ERR ||
               number == 2061) {
        status = fail(FAILURE_UNSUPPORTED, ret_failure);
        error_set(reterr, status, "login_denied",
                  "the server asks for a way to log in that this connector does not offer admin "
                  "account \"%s\"; expected one of %s",
                  login->user, WAYS_TO_LOG_IN);
    } else if (number == CR_UNKNOWN_HOST) {
        status = fail(FAILURE_RETRY, ret_failure);
        error_set(reterr, status, "target_unreachable",
                  "cannot resolve %s; is the name right, and does name resolution work on the "
                  "connector's host?",
                  host);
    } else {
        status = fail(FAILURE_RETRY, ret_failure);
        error_set(reterr, status, "target_unreachable",
                  "no connection to the server at %s; check address, port and route", host);
    }
    error_set_detail(reterr, "client error %u", number);
    return status;
}

// ---- Statements ---------------------------------------------------------------------------------

static Status explain_lost(DriverSession *session, const char *doing, FailureClass *ret_failure,
                           Error *reterr) {
    session->lost = true;
    Status status = fail(FAILURE_RETRY, ret_failure);
    return error_set(reterr, status, "target_connection_lost",
                     "the connection to the server was lost while %s", doing);
}

// The server's own sentence may repeat part of the statement, so the number alone goes on.
static Status explain_failure(DriverSession *session, const char *doing, FailureClass *ret_failure,
                              Error *reterr) {
    unsigned number = session->number;
    if (number == 0 || (number >= CR_MIN_ERROR && number <= 2999))
        return explain_lost(session, doing, ret_failure, reterr);
    FailureClass failure = my_failure_class(number);
    Status status = fail(failure, ret_failure);
    session->lost |= number == ENDED_IDLE || number == ENDED_KILLED || number == ENDED_SHUTDOWN;
    error_set(reterr, status, failure == FAILURE_DENIED ? "target_denied" : "target_failed",
              "the server did not accept %s: %s", doing, reason_of(number, failure));
    error_set_detail(reterr, "error %u, SQLSTATE %s", number, mysql_sqlstate(session->connection));
    return status;
}

// Sends it and reads all that comes: a CALL is followed by its own status. False: it failed.
static bool exchange(MYSQL *connection, const char *sql, MYSQL_RES **ret_result) {
    if (mysql_real_query(connection, sql, strlen(sql)) != 0)
        return false;
    MYSQL_RES *result = mysql_store_result(connection);
    if (result == NULL && (mysql_field_count(connection) > 0 || mysql_errno(connection) != 0))
        return false;
    while (mysql_more_results(connection) && mysql_next_result(connection) == 0)
        mysql_free_result(mysql_store_result(connection));
    *ret_result = result;
    return true;
}

Status my_session_run(DriverSession *session, const char *doing, const char *sql,
                      MYSQL_RES **ret_result, FailureClass *ret_failure, Error *reterr) {
    session->number = 0;
    if (session->lost)
        return explain_lost(session, doing, ret_failure, reterr);
    my_time_guard_begin(session->connection,
                        session->login.statement_timeout_ms + (int64_t)ANSWER_GRACE_MS);
    bool done = exchange(session->connection, sql, ret_result);
    my_time_guard_end();
    if (done)
        return STATUS_OK;
    session->number = mysql_errno(session->connection);
    return explain_failure(session, doing, ret_failure, reterr);
}

int64_t my_session_affected(const DriverSession *session) {
    my_ulonglong rows = mysql_affected_rows(session->connection);
    return rows == (my_ulonglong)-1 ? 0 : (int64_t)rows;
}

// ---- What the server is -------------------------------------------------------------------------

static Status run_once(DriverSession *session, const char *doing, const char *sql,
                       FailureClass *ret_failure, Error *reterr) {
    MYSQL_RES *result = NULL;
    TRY(my_session_run(session, doing, sql, &result, ret_failure, reterr));
    mysql_free_result(result);
    return STATUS_OK;
}

static int version_number(const char *text) {
    char *rest = NULL;
    long major = strtol(text, &rest, 10);
    long minor = *rest == '.' ? strtol(rest + 1, &rest, 10) : 0;
    long patch = *rest == '.' ? strtol(rest + 1, &rest, 10) : 0;
    bool sane = major >= 0 && major < 1000 && minor >= 0 && minor < 100 && patch >= 0;
    return sane ? (int)(major * 10000 + minor * 100 + (patch < 100 ? patch : 99)) : 0;
}

static Status check_kind(DriverSession *session, bool mariadb, FailureClass *ret_failure,
                         Error *reterr) {
    const char *text = mysql_get_server_info(session->connection);
    const char *title = strcasestr(text, "mariadb") != NULL ? "MariaDB" : "MySQL";
    session->mariadb = strcmp(title, "MariaDB") == 0;
    if (text_starts_with(text, "5.5.5-")) // how MariaDB spoke to old replicas
        text += strlen("5.5.5-");
    session->version = version_number(text);
    size_t length = strspn(text, "0123456789.");
    session->version_text = arena_copy(session->arena, text, length);
    if (session->mariadb != mariadb)
        return error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_kind_wrong",
                         "this is %s %s; declare the integration as kind %s", title,
                         session->version_text, session->mariadb ? "mariadb" : "mysql");
    if (session->version < (mariadb ? OLDEST_MARIADB : OLDEST_MYSQL))
        return error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_unsupported",
                         "%s %s is too old; expected %s or newer", title, session->version_text,
                         mariadb ? "10.6" : "8.0.21");
    return STATUS_OK;
}

// A known mode, so that quoting is right; times in UTC; nothing that waits for ever.
static Status prepare_session(DriverSession *session, FailureClass *ret_failure, Error *reterr) {
    int statement_ms = session->login.statement_timeout_ms;
    const char *bound = session->mariadb
                            ? arena_printf(session->arena, "max_statement_time = %d.%03d",
                                           statement_ms / SECOND_MS, statement_ms % SECOND_MS)
                            : arena_printf(session->arena, "max_execution_time = %d", statement_ms);
    const char *sql = arena_printf(
        session->arena,
        "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES', time_zone = '+00:00',"
        " lock_wait_timeout = %d, innodb_lock_wait_timeout = %d, wait_timeout = %d,"
        " autocommit = 1, sql_safe_updates = 0, max_join_size = DEFAULT,"
        " sql_select_limit = DEFAULT, group_concat_max_len = 1048576, %s",
        LOCK_TIMEOUT_S, LOCK_TIMEOUT_S, IDLE_S, bound);
    TRY(run_once(session, "preparing the session", sql, ret_failure, reterr));
    TRY(run_once(session, "preparing the session", "SET NAMES utf8mb4", ret_failure, reterr));
    if (session->mariadb)
        return STATUS_OK;
    return run_once(session, "taking on the admin's roles", "SET ROLE ALL", ret_failure, reterr);
}

Status my_session_prepare(DriverSession *session) {
    FailureClass failure;
    unsigned number = session->number;
    Status status = prepare_session(session, &failure, NULL);
    if (status == STATUS_OK)
        status = run_once(session, "going back to the database",
                          arena_printf(session->arena, "USE %s",
                                       my_sql_identifier(session->arena, session->target.database)),
                          &failure, NULL);
    session->number = number;
    return status;
}

static bool is_on(const char *value) {
    return value != NULL && (strcmp(value, "1") == 0 || strcasecmp(value, "ON") == 0);
}

static Status learn_server(DriverSession *session, FailureClass *ret_failure, Error *reterr) {
    const char *sql = arena_printf(
        session->arena,
        "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', -1),"
        " LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER())"
        "  - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1),"
        " @@lower_case_table_names <> 0, @@read_only OR @@innodb_read_only,"
        " @@event_scheduler, %s",
        session->mariadb ? "0, 0, EXISTS (SELECT 1 FROM information_schema.PLUGINS"
                           " WHERE PLUGIN_NAME = 'ed25519' AND PLUGIN_STATUS = 'ACTIVE')"
                         : "@@super_read_only, @@partial_revokes, 0");
    MYSQL_RES *result = NULL;
    TRY(my_session_run(session, "reading what the server is", sql, &result, ret_failure, reterr));
    MYSQL_ROW row = result != NULL ? mysql_fetch_row(result) : NULL;
    bool read_only = false;
    if (row != NULL) {
        session->admin_host = arena_strdup(session->arena, row[0]);
        session->admin = arena_strdup(session->arena, row[1]);
        session->own.names_fold = is_on(row[2]);
        read_only = is_on(row[3]) || is_on(row[5]);
        session->events_run = is_on(row[4]);
        session->own.patterns_are_names = is_on(row[6]);
        session->ed25519 = is_on(row[7]);
    }
    mysql_free_result(result);
    if (row == NULL)
        return explain_lost(session, "reading what the server is", ret_failure, reterr);
    if (read_only)
        return error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_read_only",
                         "this server takes no changes (read_only: a replica, or set so); expected "
                         "the primary");
    return STATUS_OK;
}

static Status learn_privileges(DriverSession *session, FailureClass *ret_failure, Error *reterr) {
    MYSQL_RES *result = NULL;
    TRY(my_session_run(session, "reading the admin account's rights", "SHOW GRANTS", &result,
                       ret_failure, reterr));
    MYSQL_ROW row;
    while (result != NULL && (row = mysql_fetch_row(result)) != NULL)
        if (row[0] != NULL)
            my_own_grants_add(session->arena, &session->own, row[0]);
    mysql_free_result(result);
    return STATUS_OK;
}

bool my_session_has(const DriverSession *session, const char *privilege) {
    return my_own_grants_has(&session->own, privilege);
}

// ---- Opening ------------------------------------------------------------------------------------

static void copy_login(DriverSession *session, const DriverLogin *login) {
    session->arena = arena_new();
    login_copy(session->arena, login, &session->target, &session->password, &session->login);
    session->clock = login->clock;
}

static bool connect_to(DriverSession *session, bool *ret_tls_absent) {
    const DriverLogin *login = &session->login;
    bool needs_tls = login->target->tls != TLS_DISABLE && !is_socket(login);
    int64_t port = session->target.port != 0
                       ? session->target.port
                       : target_default_port((TargetKind)session->target.kind);
    set_options(session->connection, login);
    my_tls_guard_begin(needs_tls ? session->connection : NULL);
    my_time_guard_begin(session->connection, login->connect_timeout_ms);
    bool connected =
        mysql_real_connect(
            session->connection, is_socket(login) ? NULL : login->target->host, login->user,
            login->password != NULL ? secret_text(login->password) : NULL, login->target->database,
            (unsigned)port, is_socket(login) ? login->target->host : NULL, 0) != NULL;
    my_time_guard_end();
    bool has_tls = connected && mysql_get_ssl_cipher(session->connection) != NULL;
    *ret_tls_absent = my_tls_guard_end() || (connected && needs_tls && !has_tls);
    return connected && !*ret_tls_absent;
}

static Status open_session(const DriverLogin *login, bool mariadb, DriverSession **ret_session,
                           FailureClass *ret_failure, Error *reterr) {
    pthread_once(&library_once, start_library);
    CLEANUP(my_session_closep) DriverSession *session = mem_alloc(sizeof *session);
    copy_login(session, login);
    session->connection = mysql_init(NULL);
    if (session->connection == NULL)
        return error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_unreachable",
                         "libmariadb has no memory for a connection");
    bool tls_absent;
    if (!connect_to(session, &tls_absent))
        return explain_no_connection(&session->login, session->connection, tls_absent, ret_failure,
                                     reterr);
    TRY(check_kind(session, mariadb, ret_failure, reterr));
    TRY(prepare_session(session, ret_failure, reterr));
    TRY(learn_server(session, ret_failure, reterr));
    TRY(learn_privileges(session, ret_failure, reterr));
    *ret_session = session;
    session = NULL;
    return STATUS_OK;
}

Status my_session_open_mysql(const DriverLogin *login, DriverSession **ret_session,
                             FailureClass *ret_failure, Error *reterr) {
    return open_session(login, false, ret_session, ret_failure, reterr);
}

Status my_session_open_mariadb(const DriverLogin *login, DriverSession **ret_session,
                               FailureClass *ret_failure, Error *reterr) {
    return open_session(login, true, ret_session, ret_failure, reterr);
}

Status my_session_open_beside(const DriverSession *session, DriverSession **ret_session,
                              FailureClass *ret_failure, Error *reterr) {
    return open_session(&session->login, session->mariadb, ret_session, ret_failure, reterr);
}

DriverSession *my_session_close(DriverSession *session) {
    if (session == NULL)
        return NULL;
    if (session->connection != NULL)
        mysql_close(session->connection);
    secret_free(session->password);
    arena_free(session->arena);
    return mem_free(session);
}
