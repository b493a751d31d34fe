#include "driver/sqlserver/session.h"

#include <string.h>

#include "driver/login.h"
#include "driver/odbc/environment.h"
#include "driver/sqlserver/errors.h"
#include "driver/sqlserver/statement.h"
#include "driver/sqlstate.h"

enum {
    OLDEST_MAJOR = 14, // 2017
    EDITION_MANAGED_INSTANCE = 8,
};

// Microsoft's first: FreeTDS before 1.5 cannot be told with a connection whose certificate to
// accept, so that it is no choice where that matters.
static const char *const DRIVERS[] = {"ODBC Driver 18 for SQL Server",
                                      "ODBC Driver 17 for SQL Server", "FreeTDS"};
enum { DRIVERS_THAT_VERIFY = 2 };

static bool verifies(const TargetAddress *target) {
    return target->tls == TLS_VERIFY_FULL || target->tls == TLS_VERIFY_CA;
}

static Status choose_driver(Arena *arena, const TargetAddress *target, const char **ret_driver,
                            FailureClass *ret_failure, Error *reterr) {
    Status status =
        verifies(target)
            ? odbc_driver_choose(arena, "SQL Server with a verified certificate", DRIVERS,
                                 DRIVERS_THAT_VERIFY,
                                 "install Microsoft's msodbcsql18 (FreeTDS cannot verify: it needs "
                                 "tls: require)",
                                 ret_driver, reterr)
            : odbc_driver_choose(arena, "SQL Server", DRIVERS, COUNT_OF(DRIVERS),
                                 "install Microsoft's msodbcsql18, or Debian's tdsodbc", ret_driver,
                                 reterr);
    if (status != STATUS_OK)
        *ret_failure = FAILURE_FATAL;
    return status;
}

static bool is_freetds(const char *driver) {
    return strcmp(driver, DRIVERS[COUNT_OF(DRIVERS) - 1]) == 0;
}

// A connection that came back by itself would have lost what was set in it, and its transaction.
static Status connect_by_microsoft(const DriverSession *session, OdbcLogin *login, const char *user,
                                   const char *password, Arena *arena, OdbcAnswer *answer,
                                   OdbcConnection **ret_connection, Error *reterr) {
    const TargetAddress *target = &session->target;
    bool plain = target->tls == TLS_DISABLE;
    const OdbcSetting settings[] = {
        {"DRIVER", session->odbc_driver},
        {"SERVER", arena_printf(arena, "tcp:%s,%lld", target->host, (long long)target->port)},
        {"DATABASE", target->database},
        {"UID", user},
        {"APP", "daypass-connector"},
        {"Encrypt", plain ? "no" : "yes"},
        {"TrustServerCertificate", target->tls == TLS_REQUIRE ? "yes" : "no"},
        {"ConnectRetryCount", "0"},
        {"PWD", password},
    };
    login->settings = settings;
    login->setting_count = COUNT_OF(settings);
    return odbc_connection_open(login, arena, answer, ret_connection, reterr);
}

static Status connect_by_freetds(const DriverSession *session, OdbcLogin *login, const char *user,
                                 const char *password, Arena *arena, OdbcAnswer *answer,
                                 OdbcConnection **ret_connection, Error *reterr) {
    const TargetAddress *target = &session->target;
    const OdbcSetting settings[] = {
        {"DRIVER", session->odbc_driver},
        {"SERVER", target->host},
        {"PORT", arena_printf(arena, "%lld", (long long)target->port)},
        {"DATABASE", target->database},
        {"UID", user},
        {"APP", "daypass-connector"},
        {"TDS_Version", "7.4"},
        {"ClientCharset", "UTF-8"},
        {"Encryption", target->tls == TLS_DISABLE ? "off" : "require"},
        {"PWD", password},
    };
    login->settings = settings;
    login->setting_count = COUNT_OF(settings);
    login->braces = ODBC_BRACES_REFUSED;
    return odbc_connection_open(login, arena, answer, ret_connection, reterr);
}

static Status fail(FailureClass failure, FailureClass *ret_failure) {
    *ret_failure = failure;
    return failure_status(failure);
}

static Status explain_refusal(const DriverSession *session, const char *user,
                              const OdbcAnswer *answer, FailureClass *ret_failure, Error *reterr) {
    OdbcCause cause = odbc_cause(&SQLSERVER_ERRORS, answer);
    int native = cause.diagnostic == NULL ? 0 : cause.diagnostic->native;
    Status status;
    if (cause.failure == FAILURE_NOT_FOUND || native == ERROR_NO_DEFAULT_DATABASE)
        status = error_set(reterr, fail(FAILURE_NOT_FOUND, ret_failure), "target_database_missing",
                           "database \"%s\" is not there, not open, or not for admin account "
                           "\"%s\"",
                           session->target.database, user);
    else if (cause.failure == FAILURE_DENIED)
        status = error_set(reterr, fail(FAILURE_DENIED, ret_failure), "login_denied",
                           "SQL Server refused the login of admin account \"%s\"; check the user "
                           "and password of the admin secret, that the login is enabled, and that "
                           "the server allows SQL Server authentication",
                           user);
    else
        status = error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_not_ready",
                           "SQL Server does not accept a session now: %s",
                           cause.row != NULL && cause.row->reason != NULL
                               ? cause.row->reason
                               : failure_reason(FAILURE_RETRY));
    if (cause.diagnostic != NULL && reterr != NULL)
        error_set_detail(reterr, "SQLSTATE %s, error %d", cause.diagnostic->sqlstate, native);
    return status;
}

static Status connect_session(DriverSession *session, const DriverLogin *login,
                              FailureClass *ret_failure, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    TRY(choose_driver(session->arena, &session->target, &session->odbc_driver, ret_failure,
                      reterr));
    OdbcLogin odbc = {.connect_timeout_ms = login->connect_timeout_ms,
                      .statement_timeout_ms = login->statement_timeout_ms};
    const char *password = login->password == NULL ? "" : secret_text(login->password);
    OdbcAnswer answer;
    *ret_failure = FAILURE_RETRY;
    Status status = (is_freetds(session->odbc_driver) ? connect_by_freetds : connect_by_microsoft)(
        session, &odbc, login->user, password, arena, &answer, &session->connection, reterr);
    if (status == STATUS_INVALID)
        *ret_failure = FAILURE_FATAL;
    TRY(status);
    if (session->connection != NULL)
        return STATUS_OK;
    const OdbcPlace place = {.driver = session->odbc_driver,
                             .host = session->target.host,
                             .tls_mode = enum_name(&TLS_MODES, session->target.tls),
                             .connect_timeout_ms = login_connect_ms(login)};
    if (odbc_explain_unreached(&SQLSERVER_ERRORS, &answer, &place, ret_failure, reterr))
        return failure_status(*ret_failure);
    return explain_refusal(session, login->user, &answer, ret_failure, reterr);
}

// What a login's defaults, or the server's, would decide otherwise. An error ends the whole
// transaction, so that nothing of it can be committed by what follows.
static const char SETTINGS_SQL[] =
    "SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 5000; SET IMPLICIT_TRANSACTIONS OFF; "
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LANGUAGE us_english; "
    "SET QUOTED_IDENTIFIER ON; SET ANSI_NULLS ON; SET CURSOR_CLOSE_ON_COMMIT OFF";

static const char SERVER_SQL[] =
    "SELECT CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')),"
    " CONVERT(int, SERVERPROPERTY('EngineEdition')), ORIGINAL_LOGIN(),"
    " COALESCE(IS_SRVROLEMEMBER('sysadmin'), 0),"
    " CONVERT(nvarchar(60), DATABASEPROPERTYEX(DB_NAME(), 'Updateability'))";

static Status learn_server(DriverSession *session, FailureClass *ret_failure, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    OdbcAnswer answer;
    TRY(mssql_session_run(session, arena, "preparing the session", SETTINGS_SQL, &answer,
                          ret_failure, reterr));
    TRY(mssql_session_run(session, arena, "reading the server's version", SERVER_SQL, &answer,
                          ret_failure, reterr));
    const char *values[5] = {0};
    for (size_t i = 0; i < COUNT_OF(values) && answer.row_count == 1 && i < answer.column_count;
         i++)
        values[i] = odbc_value(&answer, 0, i);
    session->version_text = arena_strdup(session->arena, values[0] == NULL ? "?" : values[0]);
    session->major_version = (int)strtol(session->version_text, NULL, 10);
    long edition = values[1] == NULL ? 0 : strtol(values[1], NULL, 10);
    session->takes_hash = edition != EDITION_MANAGED_INSTANCE;
    session->admin = arena_strdup(session->arena, values[2] == NULL ? "?" : values[2]);
    session->sysadmin = text_equal(values[3], "1");
    // A single database of Azure SQL, a warehouse, and what is on the edge, have no logins to be
    // made from within a database, or no sessions to be ended.
    if (edition > 4 && edition != EDITION_MANAGED_INSTANCE)
        return error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_unsupported",
                         "this edition of SQL Server (%ld) is not supported; expected SQL Server "
                         "2017 or newer, Azure SQL Managed Instance or RDS",
                         edition);
    if (edition != EDITION_MANAGED_INSTANCE && session->major_version < OLDEST_MAJOR)
        return error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_unsupported",
                         "SQL Server %s is too old; expected 2017 (14) or newer",
                         session->version_text);
    if (text_equal(values[4], "READ_ONLY"))
        return error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_read_only",
                         "database \"%s\" takes no changes here; expected the primary replica",
                         session->target.database);
    return STATUS_OK;
}

Status mssql_session_open(const DriverLogin *login, DriverSession **ret_session,
                          FailureClass *ret_failure, Error *reterr) {
    CLEANUP(mssql_session_closep) DriverSession *session = mem_alloc(sizeof *session);
    session->arena = arena_new();
    session->target = *login->target;
    session->target.host = arena_strdup(session->arena, login->target->host);
    session->target.database = arena_strdup(session->arena, login->target->database);
    if (session->target.port == 0)
        session->target.port = target_default_port(TARGET_SQLSERVER);
    session->clock = login->clock;
    TRY(connect_session(session, login, ret_failure, reterr));
    session->current = session->target.database;
    TRY(learn_server(session, ret_failure, reterr));
    *ret_session = session;
    session = NULL;
    return STATUS_OK;
}

DriverSession *mssql_session_close(DriverSession *session) {
    if (session == NULL)
        return NULL;
    odbc_connection_close(session->connection);
    arena_free(session->arena);
    return mem_free(session);
}

Status mssql_session_run(DriverSession *session, Arena *arena, const char *doing, const char *sql,
                         OdbcAnswer *ret_answer, FailureClass *ret_failure, Error *reterr) {
    OdbcAnswer answer;
    session->native = 0;
    odbc_connection_run(session->connection, arena, &(OdbcQuery){.sql = sql}, &answer);
    if (answer.kind == ODBC_DONE) {
        *ret_answer = answer;
        return STATUS_OK;
    }
    OdbcCause cause = odbc_cause(&SQLSERVER_ERRORS, &answer);
    session->native = cause.diagnostic == NULL ? 0 : cause.diagnostic->native;
    return odbc_explain(&SQLSERVER_ERRORS, &answer, doing, ret_failure, reterr);
}
