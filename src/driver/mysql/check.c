#include "driver/mysql/check.h"

#include <string.h>

#include "driver/mysql/check_rights.h"

enum { NEWEST_MYSQL = 100000, NEWEST_MARIADB = 120000 };

static void report_no_session(CheckList *list, const DriverLogin *login, const Error *error) {
    if (strcmp(error->code, "tls_failed") == 0) {
        check_list_add(list, CHECK_FAILED, "tls",
                       "give the server a certificate for this host name (ssl_cert, ssl_key), and "
                       "set ca_file in the connector's configuration to what signed it",
                       "%s", error->message);
        return;
    }
    bool is_version = strcmp(error->code, "target_unsupported") == 0;
    if (is_version || strcmp(error->code, "target_kind_wrong") == 0) {
        check_list_add(list, CHECK_FAILED, "version",
                       is_version ? "upgrade the server" : "correct the integration's kind", "%s",
                       error->message);
        return;
    }
    if (login->target->tls != TLS_DISABLE && login->target->host[0] != '/')
        check_list_add(list, CHECK_OK, "tls", NULL, "accepted in mode %s",
                       enum_name(&TLS_MODES, login->target->tls));
    const char *repair = "correct the user and password of the admin secret, or the hosts that the "
                         "account may log in from";
    if (strcmp(error->code, "target_database_missing") == 0)
        repair = "correct the integration's database";
    else if (strcmp(error->code, "target_read_only") == 0)
        repair = "name the primary as the integration's host";
    else if (strcmp(error->code, "login_denied") != 0)
        repair = "try again when the server accepts sessions";
    check_list_add(list, CHECK_FAILED, "login", repair, "%s", error->message);
}

static void report_session(CheckList *list, const DriverSession *session) {
    const char *cipher = mysql_get_ssl_cipher(session->connection);
    if (cipher != NULL)
        check_list_add(list, CHECK_OK, "tls", NULL, "%s, %s",
                       mysql_get_ssl_cipher(session->connection),
                       enum_name(&TLS_MODES, session->target.tls));
    else if (session->target.host[0] != '/')
        check_list_add(list, CHECK_WARNING, "tls",
                       "give the server a certificate and set tls: verify-full in the integration",
                       "the connection is not encrypted");
    check_list_add(list, CHECK_OK, "login", NULL, "as %s@%s in database %s", session->admin,
                   session->admin_host, session->target.database);
    const char *title = session->mariadb ? "MariaDB" : "MySQL";
    if (session->version >= (session->mariadb ? NEWEST_MARIADB : NEWEST_MYSQL))
        check_list_add(list, CHECK_WARNING, "version",
                       "look for a newer release of Daypass that knows this version",
                       "%s %s; known are %s", title, session->version_text,
                       session->mariadb ? "10.6 to 11" : "8.0.21 to 9");
    else
        check_list_add(list, CHECK_OK, "version", NULL, "%s %s", title, session->version_text);
}

typedef Status Open(const DriverLogin *login, DriverSession **ret_session,
                    FailureClass *ret_failure, Error *reterr);

static void check(Open *open, const DriverLogin *login, Arena *arena, const Plan *const *plans,
                  size_t plan_count, CheckReport *ret_report) {
    CheckList list = check_list_new(arena);
    if (check_list_add_route(&list, login)) {
        CLEANUP(my_session_closep) DriverSession *session = NULL;
        FailureClass failure;
        Error error = {0};
        if (open(login, &session, &failure, &error) != STATUS_OK) {
            report_no_session(&list, login, &error);
        } else {
            Operation operation = {
                .session = session, .arena = arena, .evidence = {.arena = arena}};
            report_session(&list, session);
            my_check_rights(&list, &operation, plans, plan_count);
        }
    }
    *ret_report = list.report;
}

void my_check_mysql(const DriverLogin *login, Arena *arena, const Plan *const *plans,
                    size_t plan_count, CheckReport *ret_report) {
    check(my_session_open_mysql, login, arena, plans, plan_count, ret_report);
}

void my_check_mariadb(const DriverLogin *login, Arena *arena, const Plan *const *plans,
                      size_t plan_count, CheckReport *ret_report) {
    check(my_session_open_mariadb, login, arena, plans, plan_count, ret_report);
}
