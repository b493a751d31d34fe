#include "driver/mysql/check_rights.h"

#include <string.h>

#include "driver/mysql/access.h"
#include "driver/mysql/definers.h"

typedef struct RightsCheck {
    CheckList *list;
    Operation *operation;
    Arena *arena;
    const char *admin; // quoted
} RightsCheck;

typedef struct Right {
    const char *mysql, *mariadb; // NULL: not there
    const char *name;            // of the item
    const char *why;
} Right;

static const Right RIGHTS[] = {
    {"CREATE USER", "CREATE USER", "rights: create accounts", "make, lock and remove accounts"},
    {"PROCESS", "PROCESS", "rights: see sessions", "see the sessions of the accounts it makes"},
    {"CONNECTION_ADMIN", "CONNECTION ADMIN", "rights: end sessions",
     "end the sessions of the accounts it makes"},
};

static void check_server_rights(RightsCheck *check) {
    const DriverSession *session = check->operation->session;
    for (size_t i = 0; i < COUNT_OF(RIGHTS); i++) {
        const Right *right = &RIGHTS[i];
        const char *word = session->mariadb ? right->mariadb : right->mysql;
        if (my_session_has(session, word))
            check_list_add(check->list, CHECK_OK, right->name, NULL, "%s", word);
        else
            check_list_add(check->list, CHECK_FAILED, right->name,
                           arena_printf(check->arena, "GRANT %s ON *.* TO %s;", word, check->admin),
                           "%s lacks %s and may not %s", check->admin, word, right->why);
    }
}

static void check_events(RightsCheck *check) {
    if (check->operation->session->events_run)
        check_list_add(check->list, CHECK_OK, "end on the server", NULL,
                       "the event scheduler is on");
    else
        check_list_add(check->list, CHECK_WARNING, "end on the server",
                       "SET GLOBAL event_scheduler = ON;",
                       "the event scheduler is off: at the end of a grant the server does not "
                       "refuse logins by itself, a connector has to do it");
}

void my_check_rights(CheckList *list, Operation *operation, const Plan *const *plans,
                     size_t plan_count) {
    const DriverSession *session = operation->session;
    RightsCheck check = {
        .list = list,
        .operation = operation,
        .arena = list->arena,
        .admin = my_sql_account(list->arena, (MyName){session->admin, session->admin_host})};
    check_server_rights(&check);
    check_events(&check);
    (void)plans;
    (void)plan_count;
}
