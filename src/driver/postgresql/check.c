#include "driver/postgresql/check.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/postgresql/check_rights.h"
#include "driver/postgresql/operation.h"

enum { NEWEST_TRIED = 180000, VERSION_STEP = 10000, DEFAULT_CONNECT_MS = 10000, REPORT_MAX = 500 };

void pg_check_add(CheckList *list, int result, const char *name, const char *repair,
                  const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *found = arena_vprintf(list->arena, format, arguments);
    va_end(arguments);
    CheckReport *report = &list->report;
    if (report->count == REPORT_MAX)
        return;
    report->items[report->count++] = (CheckItem){.name = arena_strdup(list->arena, name),
                                                 .result = result,
                                                 .found = found,
                                                 .repair = arena_strdup(list->arena, repair)};
}

static int connect_one(const struct addrinfo *address, int timeout_ms) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int failure = 0;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        failure = errno;
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        socklen_t size = sizeof failure;
        if (failure == EINPROGRESS) {
            if (poll(&ready, 1, timeout_ms) != 1)
                failure = ETIMEDOUT;
            else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
                failure = errno;
        }
    }
    close(fd);
    return failure;
}

static const char *failure_text(Arena *arena, int failure) {
    char text[128];
    return arena_strdup(arena, strerror_r(failure, text, sizeof text));
}

// Name and route, apart from PostgreSQL. False: the rest makes no sense.
static bool check_route(CheckList *list, const DriverLogin *login) {
    const TargetAddress *target = login->target;
    int64_t port = target->port != 0 ? target->port : target_default_port(TARGET_POSTGRESQL);
    if (target->host[0] == '/') {
        pg_check_add(list, CHECK_OK, "route", NULL, "Unix socket in %s", target->host);
        return true;
    }
    char service[16];
    snprintf(service, sizeof service, "%lld", (long long)port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    int failure = getaddrinfo(target->host, service, &hints, &addresses);
    if (failure != 0) {
        pg_check_add(
            list, CHECK_FAILED, "name resolution",
            "correct the integration's host, or the name service of the connector's machine",
            "%s is not known: %s", target->host, gai_strerror(failure));
        return false;
    }
    char text[NI_MAXHOST] = "?";
    getnameinfo(addresses->ai_addr, addresses->ai_addrlen, text, sizeof text, NULL, 0,
                NI_NUMERICHOST);
    pg_check_add(list, CHECK_OK, "name resolution", NULL, "%s is %s", target->host, text);
    int timeout_ms = login->connect_timeout_ms > 0 ? login->connect_timeout_ms : DEFAULT_CONNECT_MS;
    int last = ECONNREFUSED;
    for (const struct addrinfo *at = addresses; at != NULL && last != 0; at = at->ai_next)
        last = connect_one(at, timeout_ms);
    freeaddrinfo(addresses);
    if (last != 0) {
        pg_check_add(list, CHECK_FAILED, "route",
                     "let the connector's machine reach that port: firewall, security group, "
                     "listen_addresses of the server",
                     "no connection to port %s: %s", service, failure_text(list->arena, last));
        return false;
    }
    pg_check_add(list, CHECK_OK, "route", NULL, "port %s answers", service);
    return true;
}

static void report_no_session(CheckList *list, const DriverLogin *login, const Error *error) {
    const char *mode = enum_name(&TLS_MODES, login->target->tls);
    if (strcmp(error->code, "tls_failed") == 0) {
        pg_check_add(
            list, CHECK_FAILED, "tls",
            "set ssl = on at the server with a certificate for this host name, and ca_file "
            "in the connector's configuration to what signed it",
            "%s", error->message);
        return;
    }
    if (strcmp(error->code, "target_unsupported") == 0) {
        pg_check_add(list, CHECK_FAILED, "version", "upgrade the server to PostgreSQL 13 or newer",
                     "%s", error->message);
        return;
    }
    if (login->target->tls != TLS_DISABLE)
        pg_check_add(list, CHECK_OK, "tls", NULL, "accepted in mode %s", mode);
    const char *repair = "correct the user and password of the admin secret, or let it in by "
                         "pg_hba.conf";
    if (strcmp(error->code, "target_database_missing") == 0)
        repair = "correct the integration's database";
    else if (strcmp(error->code, "target_read_only") == 0)
        repair = "name the primary as the integration's host";
    else if (strcmp(error->code, "login_denied") != 0)
        repair = "try again when the server accepts sessions";
    pg_check_add(list, CHECK_FAILED, "login", repair, "%s", error->message);
}

static void report_session(CheckList *list, const DriverSession *session) {
    const char *protocol = PQsslAttribute(session->connection, "protocol");
    if (PQsslInUse(session->connection))
        pg_check_add(list, CHECK_OK, "tls", NULL, "%s, %s", protocol == NULL ? "TLS" : protocol,
                     enum_name(&TLS_MODES, session->target.tls));
    else
        pg_check_add(list, CHECK_WARNING, "tls",
                     "set ssl = on at the server and tls: verify-full in the integration",
                     "the connection is not encrypted");
    pg_check_add(list, CHECK_OK, "login", NULL, "as %s in database %s", session->admin,
                 session->target.database);
    if (session->version >= NEWEST_TRIED + VERSION_STEP)
        pg_check_add(list, CHECK_WARNING, "version",
                     "look for a newer release of Daypass that knows this version",
                     "PostgreSQL %s; tried are 13 to 18", session->version_text);
    else
        pg_check_add(list, CHECK_OK, "version", NULL, "PostgreSQL %s", session->version_text);
    if (session->pooled)
        pg_check_add(
            list, CHECK_WARNING, "pooler",
            "point the integration at the server itself, not at its pooler",
            "what answers is a connection pooler; it keeps sessions open past the end of a "
            "grant");
}

void pg_check(const DriverLogin *login, Arena *arena, const Plan *const *plans, size_t plan_count,
              CheckReport *ret_report) {
    CheckList list = {.arena = arena};
    list.report.items = arena_alloc(arena, REPORT_MAX * sizeof list.report.items[0]);
    if (check_route(&list, login)) {
        CLEANUP(pg_session_closep) DriverSession *session = NULL;
        FailureClass failure;
        Error error = {0};
        if (pg_session_open(login, &session, &failure, &error) != STATUS_OK) {
            report_no_session(&list, login, &error);
        } else {
            Operation operation = {
                .session = session, .arena = arena, .evidence = {.arena = arena}};
            report_session(&list, session);
            pg_check_rights(&list, &operation, plans, plan_count);
        }
    }
    *ret_report = list.report;
}
