#include "driver/postgresql/session.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "driver/login.h"
#include "driver/sqlstate.h"

enum {
    OLDEST_VERSION = 130000,
    SQLSTATE_LENGTH = 5,
    LOCK_TIMEOUT_MS = 5000,
    // A connector that hangs in a transaction holds locks, for which the revocation by another
    // waits.
    IDLE_IN_TRANSACTION_MS = 15000,
    // What the server may take beyond its own statement_timeout before we call it lost.
    ANSWER_GRACE_MS = 5000,
};

// libpq before 16 has no word for the system's certificate authorities, only for a file.
static const char *const SYSTEM_CA_FILES[] = {
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",   // Red Hat
    "/etc/ssl/ca-bundle.pem",             // SUSE
    "/etc/ssl/cert.pem",                  // BSD, macOS
};

static const char *ca_file_of(const DriverLogin *login) {
    if (login->ca_file != NULL)
        return login->ca_file;
    for (size_t i = 0; i < COUNT_OF(SYSTEM_CA_FILES); i++)
        if (access(SYSTEM_CA_FILES[i], R_OK) == 0)
            return SYSTEM_CA_FILES[i];
    return SYSTEM_CA_FILES[0];
}

// Everything is said explicitly, so that PG… variables and service files decide nothing.
static PGconn *start_connection(const DriverLogin *login) {
    const TargetAddress *target = login->target;
    bool verifies = target->tls == TLS_VERIFY_FULL || target->tls == TLS_VERIFY_CA;
    char port[16];
    int64_t number = target->port != 0 ? target->port : target_default_port(TARGET_POSTGRESQL);
    snprintf(port, sizeof port, "%lld", (long long)number);
    const char *keywords[] = {
        "host",
        "port",
        "dbname",
        "user",
        "sslmode",
        "application_name",
        "client_encoding",
        "gssencmode",
        "channel_binding",
        "target_session_attrs",
        "passfile",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        verifies || login->ca_file != NULL ? "sslrootcert" : "sslcompression",
        login->password != NULL ? "password" : NULL,
        NULL,
    };
    const char *values[] = {
        target->host,
        port,
        target->database,
        login->user,
        enum_name(&TLS_MODES, target->tls),
        "daypass-connector",
        "UTF8",
        "disable",
        "prefer",
        "any",
        "/dev/null",
        "30",
        "10",
        "3",
        verifies || login->ca_file != NULL ? ca_file_of(login) : "0",
        login->password != NULL ? secret_text(login->password) : NULL,
        NULL,
    };
    _Static_assert(COUNT_OF(keywords) == COUNT_OF(values), "a value for each keyword");
    return PQconnectStartParams(keywords, values, 0);
}

// Waits until the socket is ready for what libpq wants. False when the time is over.
static bool wait_for(PGconn *connection, short events, const Clock *clock, int64_t until_ms) {
    int64_t remaining_ms = until_ms - clock_monotonic_ms(clock);
    if (remaining_ms <= 0 || PQsocket(connection) < 0)
        return false;
    struct pollfd ready = {.fd = PQsocket(connection), .events = events};
    int count = poll(&ready, 1, remaining_ms > INT32_MAX ? INT32_MAX : (int)remaining_ms);
    return count != 0; // a signal or an error: libpq looks for itself
}

static bool finish_connecting(PGconn *connection, const Clock *clock, int64_t until_ms) {
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
        short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!wait_for(connection, events, clock, until_ms))
            return false;
        status = PQconnectPoll(connection);
    }
    return true; // libpq came to an end, good or bad
}

// With PQERRORS_SQLSTATE a refused login reads "…: FATAL:  28P01", in the server's language but for
// the code. Gives "" where the failure did not come from the server.
static void sqlstate_of_message(const char *message, char sqlstate[SQLSTATE_LENGTH + 1]) {
    sqlstate[0] = '\0';
    size_t length = strlen(message);
    while (length > 0 && isspace((unsigned char)message[length - 1]))
        length--;
    if (length < SQLSTATE_LENGTH + 2)
        return;
    const char *code = message + length - SQLSTATE_LENGTH;
    if (code[-1] != ' ' || code[-2] != ' ')
        return;
    for (size_t i = 0; i < SQLSTATE_LENGTH; i++)
        if (!isdigit((unsigned char)code[i]) && !isupper((unsigned char)code[i]))
            return;
    memcpy(sqlstate, code, SQLSTATE_LENGTH);
    sqlstate[SQLSTATE_LENGTH] = '\0';
}

static Status fail(FailureClass failure, FailureClass *ret_failure) {
    *ret_failure = failure;
    return failure_status(failure);
}

static const char *reason_of(const char *sqlstate, FailureClass failure) {
    const char *reason = sqlstate_reason(sqlstate);
    return reason != NULL ? reason : failure_reason(failure);
}

static Status refused_by_server(const DriverLogin *login, const char *sqlstate,
                                FailureClass *ret_failure, Error *reterr) {
    FailureClass failure = sqlstate_class(sqlstate);
    Status status = fail(failure, ret_failure);
    if (text_equal(sqlstate, "42501"))
        error_set(reterr, status, "login_denied",
                  "admin account \"%s\" may not connect to database \"%s\"; as its owner: GRANT "
                  "CONNECT ON DATABASE",
                  login->user, login->target->database);
    else if (failure == FAILURE_DENIED)
        error_set(reterr, status, "login_denied",
                  "PostgreSQL refused the login of admin account \"%s\" to database \"%s\"; check "
                  "the user and password of the admin secret, that the role may log in, and "
                  "pg_hba.conf",
                  login->user, login->target->database);
    else if (failure == FAILURE_NOT_FOUND)
        error_set(reterr, status, "target_database_missing",
                  "there is no database \"%s\" on this server", login->target->database);
    else
        error_set(reterr, status, "target_not_ready",
                  "PostgreSQL does not accept a session now: %s", reason_of(sqlstate, failure));
    error_set_detail(reterr, "SQLSTATE %s", sqlstate);
    return status;
}

// libpq's own text may repeat what it was given, so only its nature goes on.
static Status explain_no_connection(const DriverLogin *login, PGconn *connection,
                                    FailureClass *ret_failure, Error *reterr) {
    const char *message = PQerrorMessage(connection);
    char sqlstate[SQLSTATE_LENGTH + 1];
    sqlstate_of_message(message, sqlstate);
    if (sqlstate[0] != '\0')
        return refused_by_server(login, sqlstate, ret_failure, reterr);
    if (strcasestr(message, "certificate") != NULL || strstr(message, "SSL") != NULL) {
        Status status = fail(FAILURE_FATAL, ret_failure);
        error_set(reterr, status, "tls_failed", "no TLS connection to %s in mode %s: %s",
                  login->target->host, enum_name(&TLS_MODES, login->target->tls),
                  strcasestr(message, "certificate") != NULL
                      ? "the server's certificate is not accepted; check ca_file and that the "
                        "certificate names this host"
                      : "the server does not offer TLS, or no common version of it");
        return status;
    }
    if (strstr(message, "no password supplied") != NULL || strstr(message, "SCRAM") != NULL) {
        Status status = fail(FAILURE_DENIED, ret_failure);
        error_set(reterr, status, "login_denied",
                  "the login of admin account \"%s\" did not succeed; check the password of the "
                  "admin secret",
                  login->user);
        return status;
    }
    Status status = fail(FAILURE_RETRY, ret_failure);
    if (strstr(message, strerror(EMFILE)) != NULL || strstr(message, strerror(ENFILE)) != NULL)
        error_set(reterr, status, "connector_out_of_files",
                  "the connector has as many files open as it may; raise its LimitNOFILE "
                  "(ulimit -n), and see what else holds them");
    else if (strstr(message, "could not translate host name") != NULL)
        error_set(reterr, status, "target_unreachable",
                  "cannot resolve %s; is the name right, and does name resolution work on the "
                  "connector's host?",
                  login->target->host);
    else
        error_set(reterr, status, "target_unreachable",
                  "no connection to PostgreSQL at %s; check address, port and route",
                  login->target->host);
    return status;
}

static void note_warning(void *session_pointer, const PGresult *notice) {
    DriverSession *session = session_pointer;
    const char *sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    if (sqlstate != NULL && strcmp(sqlstate, "01007") == 0)
        session->not_granted = true;
    if (sqlstate != NULL && strcmp(sqlstate, "01006") == 0)
        session->not_revoked = true;
}

// pg_temp comes last, so that nothing can stand before the catalog. A read-only default of the
// role or the database is not ours; a server that cannot write is found by its recovery.
static Status prepare_session(DriverSession *session, FailureClass *ret_failure, Error *reterr) {
    // Without an encoding of its own a database may hold names that are no UTF-8, and the server
    // would refuse to show them as such.
    const char *encoding = PQparameterStatus(session->connection, "server_encoding");
    bool any_bytes = encoding != NULL && strcmp(encoding, "SQL_ASCII") == 0;
    const char *settings[] = {
        any_bytes ? "SET client_encoding = 'SQL_ASCII'" : "SET client_encoding = 'UTF8'",
        "SET search_path = pg_catalog, pg_temp",
        "SET client_min_messages = warning",
        "SET standard_conforming_strings = on",
        "SET default_transaction_read_only = off",
        "SET default_transaction_isolation = 'read committed'",
        "SET DateStyle = 'ISO, YMD'",
        "SET TimeZone = 'UTC'",
        arena_printf(session->arena, "SET statement_timeout = %d",
                     session->login.statement_timeout_ms),
        arena_printf(session->arena, "SET lock_timeout = %d", LOCK_TIMEOUT_MS),
        arena_printf(session->arena, "SET idle_in_transaction_session_timeout = %d",
                     IDLE_IN_TRANSACTION_MS),
        // Otherwise the admin could become a member of each account it makes.
        PQserverVersion(session->connection) >= 160000 ? "SET createrole_self_grant = ''" : "",
    };
    const char *all = string_list_join(
        session->arena, &(StringList){.items = settings, .count = COUNT_OF(settings)}, ";");
    // One round trip: without parameters, libpq's simple protocol takes several statements.
    PGresult *result = NULL;
    Status status = pg_session_run(session, &(Query){.doing = "preparing the session", .sql = all},
                                   &result, ret_failure, reterr);
    PQclear(result);
    return status;
}

static Status learn_server(DriverSession *session, FailureClass *ret_failure, Error *reterr) {
    static const char SQL[] =
        "SELECT current_setting('server_version_num'), current_setting('server_version'),"
        " current_user, r.rolsuper, pg_is_in_recovery(), pg_backend_pid(), d.oid"
        " FROM pg_roles r, pg_database d"
        " WHERE r.rolname = current_user AND d.datname = current_database()";
    PGresult *result = NULL;
    TRY(pg_session_run(session, &(Query){.doing = "reading the server's version", .sql = SQL},
                       &result, ret_failure, reterr));
    bool recovery = false;
    if (PQntuples(result) == 1) {
        session->version = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);
        session->version_text = arena_strdup(session->arena, PQgetvalue(result, 0, 1));
        session->admin = arena_strdup(session->arena, PQgetvalue(result, 0, 2));
        session->superuser = PQgetvalue(result, 0, 3)[0] == 't';
        recovery = PQgetvalue(result, 0, 4)[0] == 't';
        session->pooled =
            strtol(PQgetvalue(result, 0, 5), NULL, 10) != PQbackendPID(session->connection);
        session->database_oid = strtoll(PQgetvalue(result, 0, 6), NULL, 10);
    }
    PQclear(result);
    if (session->version < OLDEST_VERSION)
        return error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_unsupported",
                         "PostgreSQL %s is too old; expected 13 or newer",
                         session->version_text == NULL ? "?" : session->version_text);
    if (recovery)
        return error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_read_only",
                         "this PostgreSQL server is a standby and takes no changes; expected the "
                         "primary");
    return STATUS_OK;
}

static void copy_login(DriverSession *session, const DriverLogin *login, const char *database) {
    session->arena = arena_new();
    login_copy(session->arena, login, &session->target, &session->password, &session->login);
    session->clock = login->clock;
    session->target.database = arena_strdup(session->arena, database);
}

static Status open_database(const DriverLogin *login, const char *database,
                            DriverSession **ret_session, FailureClass *ret_failure, Error *reterr) {
    CLEANUP(pg_session_closep) DriverSession *session = mem_alloc(sizeof *session);
    copy_login(session, login, database);
    const DriverLogin *own = &session->login;
    int64_t until_ms = clock_monotonic_ms(session->clock) + own->connect_timeout_ms;
    session->connection = start_connection(own);
    if (session->connection == NULL)
        return error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_unreachable",
                         "libpq has no memory for a connection");
    PQsetErrorVerbosity(session->connection, PQERRORS_SQLSTATE);
    PQsetNoticeReceiver(session->connection, note_warning, session);
    if (PQstatus(session->connection) != CONNECTION_BAD &&
        !finish_connecting(session->connection, session->clock, until_ms))
        return error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_unreachable",
                         "PostgreSQL at %s did not answer within %d ms", own->target->host,
                         own->connect_timeout_ms);
    if (PQstatus(session->connection) != CONNECTION_OK)
        return explain_no_connection(own, session->connection, ret_failure, reterr);
    TRY(prepare_session(session, ret_failure, reterr));
    TRY(learn_server(session, ret_failure, reterr));
    *ret_session = session;
    session = NULL;
    return STATUS_OK;
}

Status pg_session_open(const DriverLogin *login, DriverSession **ret_session,
                       FailureClass *ret_failure, Error *reterr) {
    return open_database(login, login->target->database, ret_session, ret_failure, reterr);
}

Status pg_session_open_beside(const DriverSession *session, const char *database,
                              DriverSession **ret_session, FailureClass *ret_failure,
                              Error *reterr) {
    return open_database(&session->login, database, ret_session, ret_failure, reterr);
}

DriverSession *pg_session_close(DriverSession *session) {
    if (session == NULL)
        return NULL;
    PQfinish(session->connection);
    secret_free(session->password);
    arena_free(session->arena);
    return mem_free(session);
}

// Sends what is queued and reads until a whole answer is there. False: lost, or too late.
static bool await_answer(DriverSession *session, int64_t until_ms) {
    PGconn *connection = session->connection;
    int unsent = PQflush(connection);
    while (unsent == 1) {
        if (!wait_for(connection, POLLIN | POLLOUT, session->clock, until_ms) ||
            PQconsumeInput(connection) == 0)
            return false;
        unsent = PQflush(connection);
    }
    if (unsent < 0)
        return false;
    while (PQisBusy(connection))
        if (!wait_for(connection, POLLIN, session->clock, until_ms) ||
            PQconsumeInput(connection) == 0)
            return false;
    return true;
}

static Status explain_lost(const Query *query, FailureClass *ret_failure, Error *reterr) {
    Status status = fail(FAILURE_RETRY, ret_failure);
    return error_set(reterr, status, "target_connection_lost",
                     "the connection to PostgreSQL was lost while %s", query->doing);
}

// The server's own sentence may repeat part of the statement, so the code alone goes on.
static Status explain_failure(const Query *query, const PGresult *result, FailureClass *ret_failure,
                              Error *reterr) {
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    FailureClass failure = sqlstate_class(sqlstate);
    Status status = fail(failure, ret_failure);
    error_set(reterr, status, failure == FAILURE_DENIED ? "target_denied" : "target_failed",
              "PostgreSQL did not accept %s: %s", query->doing, reason_of(sqlstate, failure));
    error_set_detail(reterr, "SQLSTATE %s", sqlstate == NULL ? "none" : sqlstate);
    return status;
}

// Collects every result of the statement; gives the first failure, or else the last result.
static PGresult *collect_results(DriverSession *session, int64_t until_ms, bool *ret_lost) {
    PGresult *kept = NULL;
    for (;;) {
        if (!await_answer(session, until_ms)) {
            *ret_lost = true;
            return kept;
        }
        PGresult *result = PQgetResult(session->connection);
        if (result == NULL)
            break;
        bool failed_before = kept != NULL && PQresultStatus(kept) == PGRES_FATAL_ERROR;
        if (failed_before) {
            PQclear(result);
        } else {
            PQclear(kept);
            kept = result;
        }
    }
    *ret_lost = PQstatus(session->connection) != CONNECTION_OK;
    return kept;
}

Status pg_session_run(DriverSession *session, const Query *query, PGresult **ret_result,
                      FailureClass *ret_failure, Error *reterr) {
    session->not_granted = session->not_revoked = false;
    int64_t until_ms =
        clock_monotonic_ms(session->clock) + session->login.statement_timeout_ms + ANSWER_GRACE_MS;
    int sent = query->parameter_count == 0
                   ? PQsendQuery(session->connection, query->sql)
                   : PQsendQueryParams(session->connection, query->sql, (int)query->parameter_count,
                                       NULL, query->parameters, NULL, NULL, 0);
    if (sent == 0)
        return explain_lost(query, ret_failure, reterr);
    bool lost = false;
    PGresult *result = collect_results(session, until_ms, &lost);
    ExecStatusType answer = result == NULL ? PGRES_FATAL_ERROR : PQresultStatus(result);
    if (!lost && (answer == PGRES_COMMAND_OK || answer == PGRES_TUPLES_OK)) {
        *ret_result = result;
        return STATUS_OK;
    }
    const char *sqlstate = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    Status status = sqlstate == NULL ? explain_lost(query, ret_failure, reterr)
                                     : explain_failure(query, result, ret_failure, reterr);
    PQclear(result);
    return status;
}

Status pg_session_verifier(DriverSession *session, const char *account, const Secret *password,
                           Secret **ret_verifier, FailureClass *ret_failure, Error *reterr) {
    char *verifier =
        PQencryptPasswordConn(session->connection, secret_text(password), account, "scram-sha-256");
    if (verifier == NULL)
        return error_set(reterr, fail(FAILURE_FATAL, ret_failure), "verifier_failed",
                         "no SCRAM verifier could be made of the new password");
    size_t length = strlen(verifier);
    *ret_verifier = secret_new(verifier, length);
    sodium_memzero(verifier, length);
    PQfreemem(verifier);
    return STATUS_OK;
}
