#include "driver/oracle/session.h"

#include <string.h>

#include "base/text.h"
#include "driver/login.h"
#include "driver/odbc/environment.h"
#include "driver/oracle/errors.h"
#include "driver/sqlstate.h"

enum { OLDEST_VERSION = 19, DDL_LOCK_TIMEOUT_S = 5 };

// Newest first. What Oracle's own odbc_update_ini.sh calls them.
static const char *const ODBC_DRIVERS[] = {
    "Oracle 23 ODBC driver",
    "Oracle 21 ODBC driver",
    "Oracle 19 ODBC driver",
};

static Status fail(FailureClass failure, FailureClass *ret_failure) {
    *ret_failure = failure;
    return failure_status(failure);
}

// ---- Where to -----------------------------------------------------------------------------------

static Status check_part(const char *what, const char *value, Error *reterr) {
    if (value[0] != '\0' && strpbrk(value, "()={};\"'\\#, \t") == NULL && text_is_printable(value))
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_target",
                     "the %s is empty or has a character that no Oracle address has: blanks, "
                     "quotes, commas, semicolons, brackets, =, # or \\",
                     what);
}

static const char *folder_of(Arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return ".";
    return arena_printf(arena, "%.*s", (int)(slash == path ? 1 : slash - path), path);
}

// The client checks a certificate whenever there is TLS, so that "require" is no less here. Which
// authorities it knows says a wallet; where none is named, its own files or the system's.
static Status security(Arena *arena, const DriverLogin *login, const char **ret_text,
                       Error *reterr) {
    const char *match = login->target->tls == TLS_VERIFY_FULL ? "YES" : "NO";
    if (login->ca_file == NULL) {
        *ret_text = arena_printf(arena, "(SECURITY=(SSL_SERVER_DN_MATCH=%s))", match);
        return STATUS_OK;
    }
    const char *wallet = folder_of(arena, login->ca_file);
    TRY(check_part("folder of ca_file", wallet, reterr));
    *ret_text = arena_printf(arena, "(SECURITY=(SSL_SERVER_DN_MATCH=%s)(MY_WALLET_DIRECTORY=%s))",
                             match, wallet);
    return STATUS_OK;
}

Status oracle_connect_descriptor(Arena *arena, const DriverLogin *login,
                                 const char **ret_descriptor, Error *reterr) {
    const TargetAddress *target = login->target;
    int64_t port = target->port != 0 ? target->port : target_default_port(TARGET_ORACLE);
    TRY(check_part("host", target->host, reterr));
    TRY(check_part("database (the service)", target->database, reterr));
    const char *secured = "";
    if (target->tls != TLS_DISABLE)
        TRY(security(arena, login, &secured, reterr));
    *ret_descriptor = arena_printf(arena,
                                   "(DESCRIPTION=(ADDRESS=(PROTOCOL=%s)(HOST=%s)(PORT=%lld))"
                                   "(CONNECT_DATA=(SERVICE_NAME=%s))%s)",
                                   target->tls == TLS_DISABLE ? "TCP" : "TCPS", target->host,
                                   (long long)port, target->database, secured);
    return STATUS_OK;
}

// ---- Failures -----------------------------------------------------------------------------------

static int number_of_refusal(const OdbcAnswer *answer, OracleRefusal *ret_refusal) {
    for (size_t i = 0; i < answer->diagnostic_count; i++) {
        *ret_refusal = oracle_refusal(answer->diagnostics[i].native);
        if (*ret_refusal != ORACLE_REFUSAL_NONE)
            return answer->diagnostics[i].native;
    }
    *ret_refusal = ORACLE_REFUSAL_NONE;
    return 0;
}

static const char *reason_of(const OdbcAnswer *answer) {
    OdbcCause cause = odbc_cause(&ORACLE_ERRORS, answer);
    bool has_words = cause.row != NULL && cause.row->reason != NULL;
    return has_words ? cause.row->reason : failure_reason(cause.failure);
}

static void explain_refusal(const DriverLogin *login, OracleRefusal refusal,
                            const OdbcAnswer *answer, FailureClass *ret_failure, Error *reterr) {
    const TargetAddress *target = login->target;
    switch (refusal) {
    case ORACLE_REFUSAL_LOGIN:
        error_set(reterr, fail(FAILURE_DENIED, ret_failure), "login_denied",
                  "Oracle refused the login of admin account \"%s\" to service %s: %s", login->user,
                  target->database, reason_of(answer));
        break;
    case ORACLE_REFUSAL_SERVICE:
        error_set(reterr, fail(FAILURE_NOT_FOUND, ret_failure), "target_database_missing",
                  "the listener at %s knows no service \"%s\"; lsnrctl services lists them",
                  target->host, target->database);
        break;
    case ORACLE_REFUSAL_TLS:
        error_set(reterr, fail(FAILURE_FATAL, ret_failure), "tls_failed",
                  "no TLS connection to %s in mode %s: the server's certificate is not accepted, "
                  "or the wallet beside ca_file cannot be read",
                  target->host, enum_name(&TLS_MODES, target->tls));
        break;
    case ORACLE_REFUSAL_VERSION:
        error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_unsupported", "%s",
                  reason_of(answer));
        break;
    case ORACLE_REFUSAL_NOT_READY:
        error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_not_ready",
                  "Oracle does not accept a session now: %s", reason_of(answer));
        break;
    case ORACLE_REFUSAL_ROUTE:
    case ORACLE_REFUSAL_NONE:
    default:
        error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_unreachable",
                  "no connection to Oracle at %s; check address, port and route", target->host);
    }
}

static Status explain_no_connection(const DriverLogin *login, const char *driver,
                                    const OdbcAnswer *answer, FailureClass *ret_failure,
                                    Error *reterr) {
    OracleRefusal refusal;
    int native = number_of_refusal(answer, &refusal);
    OdbcPlace place = {.driver = driver,
                       .host = login->target->host,
                       .tls_mode = enum_name(&TLS_MODES, login->target->tls),
                       .connect_timeout_ms = login_connect_ms(login)};
    Error unreached = {0};
    if (refusal != ORACLE_REFUSAL_NONE) {
        explain_refusal(login, refusal, answer, ret_failure, reterr);
        error_set_detail(reterr, "ORA-%05d", native);
    } else if (odbc_explain_unreached(&ORACLE_ERRORS, answer, &place, ret_failure, &unreached)) {
        if (reterr != NULL)
            *reterr = unreached;
    } else {
        OdbcCause cause = odbc_cause(&ORACLE_ERRORS, answer);
        error_set(reterr, fail(cause.failure, ret_failure), "target_not_ready",
                  "Oracle does not accept a session: %s", reason_of(answer));
        if (cause.diagnostic != NULL)
            error_set_detail(reterr, "SQLSTATE %s, error %d", cause.diagnostic->sqlstate,
                             cause.diagnostic->native);
    }
    return failure_status(*ret_failure);
}

// ---- Opening ------------------------------------------------------------------------------------

static Status prepare(DriverSession *session, FailureClass *ret_failure, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    OdbcAnswer answer;
    const char *sql =
        arena_printf(arena, "ALTER SESSION SET DDL_LOCK_TIMEOUT = %d", DDL_LOCK_TIMEOUT_S);
    return oracle_session_run(session, arena,
                              &(OracleQuery){.doing = "preparing the session", .sql = sql}, &answer,
                              ret_failure, reterr);
}

// https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/SYS_CONTEXT.html
static Status learn_server(DriverSession *session, FailureClass *ret_failure, Error *reterr) {
    static const char SQL[] =
        "SELECT SYS_CONTEXT('USERENV', 'SESSION_USER'), SYS_CONTEXT('USERENV', 'CON_NAME'),"
        " SYS_CONTEXT('USERENV', 'DATABASE_ROLE'),"
        " (SELECT MAX(VERSION) FROM PRODUCT_COMPONENT_VERSION WHERE PRODUCT LIKE 'Oracle%'),"
        " (SELECT COUNT(*) FROM SYS.ALL_USERS WHERE USERNAME = 'RDSADMIN') FROM SYS.DUAL";
    CLEANUP(arena_freep) Arena *arena = arena_new();
    OdbcAnswer answer;
    TRY(oracle_session_run(session, arena,
                           &(OracleQuery){.doing = "reading the server's version", .sql = SQL},
                           &answer, ret_failure, reterr));
    bool whole = answer.row_count == 1 && answer.column_count == 5;
    for (size_t i = 0; whole && i < answer.column_count; i++)
        whole = odbc_value(&answer, 0, i) != NULL;
    if (!whole)
        return error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_unsupported",
                         "what answers does not say which version of Oracle it is");
    session->admin = arena_strdup(session->arena, odbc_value(&answer, 0, 0));
    session->container = arena_strdup(session->arena, odbc_value(&answer, 0, 1));
    session->version_text = arena_strdup(session->arena, odbc_value(&answer, 0, 3));
    session->version = (int)strtol(session->version_text, NULL, 10);
    session->hosted = strcmp(odbc_value(&answer, 0, 4), "0") != 0;
    if (session->version < OLDEST_VERSION)
        return error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_unsupported",
                         "this is Oracle %s; Daypass needs 19c or newer", session->version_text);
    if (strcmp(session->container, "CDB$ROOT") == 0)
        return error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_unsupported",
                         "service %s is the root of a container database, where accounts would be "
                         "of every pluggable database; name the service of one of those",
                         session->target.database);
    if (strcmp(odbc_value(&answer, 0, 2), "PRIMARY") != 0)
        return error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_read_only",
                         "what answers at %s is a standby (%s), where nothing can be changed",
                         session->target.host, odbc_value(&answer, 0, 2));
    return STATUS_OK;
}

static Status connect_session(const DriverLogin *login, DriverSession *session,
                              FailureClass *ret_failure, Error *reterr) {
    const char *driver, *descriptor;
    *ret_failure = FAILURE_FATAL;
    TRY(odbc_driver_choose(session->arena, "Oracle", ODBC_DRIVERS, COUNT_OF(ODBC_DRIVERS),
                           "install Oracle Instant Client's ODBC package and run its "
                           "odbc_update_ini.sh",
                           &driver, reterr));
    TRY(oracle_connect_descriptor(session->arena, login, &descriptor, reterr));
    const OdbcSetting settings[] = {
        {"DRIVER", driver},
        {"DBQ", descriptor, .bare = true},
        {"UID", login->user},
        {"PWD", login->password != NULL ? secret_text(login->password) : NULL},
        {"QTO", "T"}, // limits of statements' time are kept
        {"FEN", "F"}, // no failover to another instance in the middle of an operation
    };
    const OdbcLogin odbc_login = {.settings = settings,
                                  .setting_count = COUNT_OF(settings),
                                  .braces = ODBC_BRACES_REFUSED,
                                  .connect_timeout_ms = login->connect_timeout_ms,
                                  .statement_timeout_ms = login->statement_timeout_ms};
    OdbcAnswer answer;
    TRY(odbc_connection_open(&odbc_login, session->arena, &answer, &session->connection, reterr));
    if (session->connection == NULL)
        return explain_no_connection(login, driver, &answer, ret_failure, reterr);
    TRY(prepare(session, ret_failure, reterr));
    return learn_server(session, ret_failure, reterr);
}

Status oracle_session_open(const DriverLogin *login, DriverSession **ret_session,
                           FailureClass *ret_failure, Error *reterr) {
    CLEANUP(oracle_session_closep) DriverSession *session = mem_alloc(sizeof *session);
    session->arena = arena_new();
    session->clock = login->clock;
    session->target = *login->target;
    session->target.host = arena_strdup(session->arena, login->target->host);
    session->target.database = arena_strdup(session->arena, login->target->database);
    TRY(connect_session(login, session, ret_failure, reterr));
    *ret_session = session;
    session = NULL;
    *ret_failure = FAILURE_NONE;
    return STATUS_OK;
}

DriverSession *oracle_session_close(DriverSession *session) {
    if (session == NULL)
        return NULL;
    odbc_connection_close(session->connection);
    arena_free(session->arena);
    return mem_free(session);
}

Status oracle_session_run(DriverSession *session, Arena *arena, const OracleQuery *query,
                          OdbcAnswer *ret_answer, FailureClass *ret_failure, Error *reterr) {
    odbc_connection_run(session->connection, arena,
                        &(OdbcQuery){.sql = query->sql,
                                     .parameters = query->parameters,
                                     .parameter_count = query->parameter_count},
                        ret_answer);
    if (ret_answer->kind == ODBC_DONE)
        return STATUS_OK;
    return odbc_explain(&ORACLE_ERRORS, ret_answer, query->doing, ret_failure, reterr);
}
