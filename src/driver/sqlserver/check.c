#include "driver/sqlserver/check.h"

#include <string.h>

#include "driver/check_list.h"
#include "driver/sqlserver/check_rights.h"

static bool is(const Error *error, const char *code) {
    return strcmp(error->code, code) == 0;
}

static void report_no_session(CheckList *list, const DriverLogin *login, const Error *error) {
    if (is(error, "odbc_driver_missing") || is(error, "odbc_driver_broken")) {
        check_list_add(list, CHECK_FAILED, "odbc driver",
                       "install msodbcsql18 from Microsoft's packages, or tdsodbc from Debian's "
                       "(without verified certificates), on the connector's machine",
                       "%s", error->message);
        return;
    }
    if (is(error, "tls_failed")) {
        check_list_add(list, CHECK_FAILED, "tls",
                       "give the server a certificate for this host name, and put what signed it "
                       "among the certificate authorities of the connector's machine",
                       "%s", error->message);
        return;
    }
    if (is(error, "target_unsupported")) {
        check_list_add(list, CHECK_FAILED, "version", "use SQL Server 2017 or newer", "%s",
                       error->message);
        return;
    }
    if (login->target->tls != TLS_DISABLE)
        check_list_add(list, CHECK_OK, "tls", NULL, "accepted in mode %s",
                       enum_name(&TLS_MODES, login->target->tls));
    const char *repair = "correct the user and password of the admin secret, enable the login, and "
                         "allow SQL Server authentication (mixed mode)";
    if (is(error, "target_database_missing"))
        repair = "correct the integration's database, or make the admin account a user in it";
    else if (is(error, "target_read_only"))
        repair = "name the primary replica, or the listener, as the integration's host";
    else if (is(error, "bad_connection_value"))
        repair = "change what it names";
    else if (!is(error, "login_denied"))
        repair = "try again when the server accepts sessions";
    check_list_add(list, CHECK_FAILED, "login", repair, "%s", error->message);
}

static void report_session(CheckList *list, const DriverSession *session) {
    const char *mode = enum_name(&TLS_MODES, session->target.tls);
    check_list_add(list, CHECK_OK, "odbc driver", NULL, "%s", session->odbc_driver);
    if (session->target.tls == TLS_DISABLE)
        check_list_add(list, CHECK_WARNING, "tls", "set tls: verify-full in the integration",
                       "the connection is not encrypted");
    else
        check_list_add(list, CHECK_OK, "tls", NULL, "%s", mode);
    check_list_add(list, CHECK_OK, "login", NULL, "as %s in database %s", session->admin,
                   session->target.database);
    check_list_add(list, CHECK_OK, "version", NULL, "SQL Server %s", session->version_text);
    check_list_add(list, CHECK_OK, "expiry", NULL,
                   "this server ends no login at a time by itself: a connector has to be alive");
}

void mssql_check(const DriverLogin *login, Arena *arena, const Plan *const *plans,
                 size_t plan_count, CheckReport *ret_report) {
    CheckList list = check_list_new(arena);
    if (check_list_add_route(&list, login)) {
        CLEANUP(mssql_session_closep) DriverSession *session = NULL;
        FailureClass failure;
        Error error = {0};
        if (mssql_session_open(login, &session, &failure, &error) != STATUS_OK) {
            report_no_session(&list, login, &error);
        } else {
            Operation operation = {
                .session = session, .arena = arena, .evidence = {.arena = arena}};
            report_session(&list, session);
            mssql_check_rights(&list, &operation, plans, plan_count);
        }
    }
    *ret_report = list.report;
}
