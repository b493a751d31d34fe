#include "driver/oracle/check.h"

#include <string.h>

#include "driver/oracle/check_rights.h"

enum { NEWEST_KNOWN = 26 }; // 23ai goes on as 26ai

static void report_no_session(CheckList *list, const Error *error) {
    static const struct {
        const char *code;
        const char *item;
        const char *repair;
    } CASES[] = {
        {"odbc_driver_missing", "ODBC driver",
         "install Oracle Instant Client (Basic and ODBC packages) on the connector's machine and "
         "run its odbc_update_ini.sh"},
        {"odbc_driver_broken", "ODBC driver",
         "let the dynamic linker find Instant Client's libraries (ldconfig) and libaio"},
        {"tls_failed", "tls",
         "let the listener offer TCPS with a certificate for this host name, and name in ca_file a "
         "file beside the wallet (cwallet.sso) that trusts what signed it"},
        {"target_unsupported", "version",
         "name the service of a pluggable database of Oracle 19c or newer"},
        {"target_database_missing", "login",
         "correct the integration's database: it is the name of a service"},
        {"target_read_only", "login", "name the primary database as the integration's host"},
        {"login_denied", "login", "correct the user and password of the admin secret"},
        {"bad_target", "login", "correct the integration's host and database"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        if (strcmp(error->code, CASES[i].code) == 0) {
            check_list_add(list, CHECK_FAILED, CASES[i].item, CASES[i].repair, "%s",
                           error->message);
            return;
        }
    check_list_add(list, CHECK_FAILED, "login", "try again when the server accepts sessions", "%s",
                   error->message);
}

static void report_session(CheckList *list, const DriverSession *session) {
    if (session->target.tls == TLS_DISABLE)
        check_list_add(list, CHECK_WARNING, "tls",
                       "let the listener offer TCPS, and set tls: verify-full in the integration",
                       "the connection is not encrypted by TLS");
    else
        check_list_add(list, CHECK_OK, "tls", NULL, "TCPS, %s",
                       enum_name(&TLS_MODES, session->target.tls));
    check_list_add(list, CHECK_OK, "login", NULL, "as %s in %s", session->admin,
                   session->container);
    if (session->version > NEWEST_KNOWN)
        check_list_add(list, CHECK_WARNING, "version",
                       "look for a newer release of Daypass that knows this version",
                       "Oracle %s is newer than this driver", session->version_text);
    else
        check_list_add(list, CHECK_OK, "version", NULL, "Oracle %s%s", session->version_text,
                       session->hosted ? " on Amazon RDS" : "");
}

void oracle_check(const DriverLogin *login, Arena *arena, const Plan *const *plans,
                  size_t plan_count, CheckReport *ret_report) {
    CheckList list = check_list_new(arena);
    if (check_list_add_route(&list, login)) {
        CLEANUP(oracle_session_closep) DriverSession *session = NULL;
        FailureClass failure;
        Error error = {0};
        if (oracle_session_open(login, &session, &failure, &error) != STATUS_OK) {
            report_no_session(&list, &error);
        } else {
            Operation operation = {
                .session = session, .arena = arena, .evidence = {.arena = arena}};
            report_session(&list, session);
            oracle_check_rights(&list, &operation, plans, plan_count);
        }
    }
    *ret_report = list.report;
}
