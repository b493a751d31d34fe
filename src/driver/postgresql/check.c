#include "driver/postgresql/check.h"

#include <string.h>

#include "driver/postgresql/check_rights.h"
#include "driver/postgresql/operation.h"

enum { NEWEST_TRIED = 180000, VERSION_STEP = 10000 };

static void report_no_session(CheckList *list, const DriverLogin *login, const Error *error) {
    const char *mode = enum_name(&TLS_MODES, login->target->tls);
    if (strcmp(error->code, "tls_failed") == 0) {
        check_list_add(
            list, CHECK_FAILED, "tls",
            "set ssl = on at the server with a certificate for this host name, and ca_file "
            "in the connector's configuration to what signed it",
            "%s", error->message);
        return;
    }
    if (strcmp(error->code, "target_unsupported") == 0) {
        check_list_add(list, CHECK_FAILED, "version",
                       "upgrade the server to PostgreSQL 13 or newer", "%s", error->message);
        return;
    }
    if (login->target->tls != TLS_DISABLE)
        check_list_add(list, CHECK_OK, "tls", NULL, "accepted in mode %s", mode);
    const char *repair = "correct the user and password of the admin secret, or let it in by "
                         "pg_hba.conf";
    if (strcmp(error->code, "target_database_missing") == 0)
        repair = "correct the integration's database";
    else if (strcmp(error->code, "target_read_only") == 0)
        repair = "name the primary as the integration's host";
    else if (strcmp(error->code, "login_denied") != 0)
        repair = "try again when the server accepts sessions";
    check_list_add(list, CHECK_FAILED, "login", repair, "%s", error->message);
}

static void report_session(CheckList *list, const DriverSession *session) {
    const char *protocol = PQsslAttribute(session->connection, "protocol");
    if (PQsslInUse(session->connection))
        check_list_add(list, CHECK_OK, "tls", NULL, "%s, %s", protocol == NULL ? "TLS" : protocol,
                       enum_name(&TLS_MODES, session->target.tls));
    else
        check_list_add(list, CHECK_WARNING, "tls",
                       "set ssl = on at the server and tls: verify-full in the integration",
                       "the connection is not encrypted");
    check_list_add(list, CHECK_OK, "login", NULL, "as %s in database %s", session->admin,
                   session->target.database);
    if (session->version >= NEWEST_TRIED + VERSION_STEP)
        check_list_add(list, CHECK_WARNING, "version",
                       "look for a newer release of Daypass that knows this version",
                       "PostgreSQL %s; tried are 13 to 18", session->version_text);
    else
        check_list_add(list, CHECK_OK, "version", NULL, "PostgreSQL %s", session->version_text);
    if (session->pooled)
        check_list_add(
            list, CHECK_WARNING, "pooler",
            "point the integration at the server itself, not at its pooler",
            "what answers is a connection pooler; it keeps sessions open past the end of a "
            "grant");
}

void pg_check(const DriverLogin *login, Arena *arena, const Plan *const *plans, size_t plan_count,
              CheckReport *ret_report) {
    CheckList list = check_list_new(arena);
    if (check_list_add_route(&list, login)) {
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
