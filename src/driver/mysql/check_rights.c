#include "driver/mysql/check_rights.h"

#include <string.h>

#include "driver/mysql/access.h"
#include "driver/mysql/account_sessions.h"
#include "driver/mysql/definers.h"

typedef struct RightsCheck {
    CheckList *list;
    Operation *operation;
    Arena *arena;
    const char *admin; // quoted
    StringList done;   // what has been said
    bool complained;
} RightsCheck;

static bool is_new(RightsCheck *check, const char *item) {
    if (string_list_has(&check->done, item))
        return false;
    string_list_add(check->arena, &check->done, item);
    return true;
}

static void could_not(RightsCheck *check, const Error *error) {
    check->complained = true;
    if (is_new(check, error->message))
        check_list_add(check->list, CHECK_FAILED, "rights", "run the check again", "%s",
                       error->message);
}

// A privilege that the admin needs for itself.
static bool needs(RightsCheck *check, const char *name, const MyGrant *wanted, const char *why) {
    const OwnGrants *own = &check->operation->session->own;
    MyGrant lacks = my_own_grants_lacks_use(check->arena, own, wanted);
    const char *what = my_grant_describe(check->arena, wanted);
    if (lacks.words.count == 0) {
        check_list_add(check->list, CHECK_OK, name, NULL, "%s", what);
        return true;
    }
    const char *sql =
        my_sql_grant(check->arena, &lacks, check->admin, own->patterns_are_names, false);
    if (is_new(check, sql))
        check_list_add(check->list, CHECK_FAILED, name, arena_printf(check->arena, "%s;", sql),
                       "%s lacks %s and may not %s", check->admin,
                       my_grant_describe(check->arena, &lacks), why);
    return false;
}

static StringList words(Arena *arena, const char *const *items) {
    StringList list = {0};
    for (; *items != NULL; items++)
        string_list_add(arena, &list, *items);
    return list;
}

// ---- What every grant needs ---------------------------------------------------------------------

static void check_kill(RightsCheck *check) {
    const DriverSession *session = check->operation->session;
    const char *const right[] = {session->mariadb ? "CONNECTION ADMIN" : "CONNECTION_ADMIN", NULL};
    const char *procedure = NULL;
    Error error = {0};
    if (!my_session_has(session, right[0]) &&
        my_kill_procedure(check->operation, &procedure, &error) != STATUS_OK) {
        could_not(check, &error);
        return;
    }
    if (procedure != NULL || my_session_has(session, "SUPER"))
        check_list_add(check->list, CHECK_OK, "rights: end sessions", NULL, "%s",
                       procedure != NULL ? procedure : "SUPER");
    else
        needs(check, "rights: end sessions",
              &(MyGrant){.kind = MY_SERVER, .words = words(check->arena, right)},
              "end the sessions of the accounts it makes");
}

static void check_server_rights(RightsCheck *check) {
    static const char *const CREATE[] = {"CREATE USER", NULL};
    static const char *const SEE[] = {"PROCESS", NULL};
    static const char *const READ[] = {"SELECT", NULL};
    static const char *const OWN[] = {"CREATE", "EVENT", NULL};
    static const char *const OWN_MARKS[] = {"CREATE", "EVENT",  "SELECT", "INSERT",
                                            "UPDATE", "DELETE", NULL};
    Arena *arena = check->arena;
    needs(check, "rights: create accounts",
          &(MyGrant){.kind = MY_SERVER, .words = words(arena, CREATE)},
          "make, lock and remove accounts");
    needs(check, "rights: see sessions", &(MyGrant){.kind = MY_SERVER, .words = words(arena, SEE)},
          "see the sessions of the accounts it makes");
    check_kill(check);
    needs(check, "rights: read accounts",
          &(MyGrant){.kind = MY_SCHEMA, .schema = "mysql", .words = words(arena, READ)},
          "read which accounts there are and what they hold");
    needs(check, "rights: Daypass's own schema",
          &(MyGrant){.kind = MY_SCHEMA,
                     .schema = MY_OWN_SCHEMA,
                     .words = words(arena, check->operation->session->mariadb ? OWN_MARKS : OWN)},
          "keep there what ends accounts");
}

static void check_surroundings(RightsCheck *check) {
    const DriverSession *session = check->operation->session;
    if (session->events_run)
        check_list_add(check->list, CHECK_OK, "end on the server", NULL,
                       "the event scheduler is on");
    else
        check_list_add(check->list, CHECK_WARNING, "end on the server",
                       "SET GLOBAL event_scheduler = ON;",
                       "the event scheduler is off: at the end of a grant the server does not "
                       "refuse logins by itself, a connector has to do it");
    Error error = {0};
    const char *everybody = NULL;
    if (my_everybody_has(check->operation, &everybody, &error) != STATUS_OK &&
        check->operation->evidence.failure != FAILURE_DENIED) // which has been said already
        could_not(check, &error);
    if (everybody != NULL)
        check_list_add(check->list, CHECK_WARNING, "what everybody has",
                       "take back what only some shall have",
                       "every account, each temporary one too, has %s", everybody);
}

// ---- What flows grant ---------------------------------------------------------------------------

static void check_grants(RightsCheck *check, const Access *access) {
    const OwnGrants *own = &check->operation->session->own;
    for (size_t i = 0; i < access->count; i++) {
        MyGrant lacks = my_own_grants_lacks(check->arena, own, &access->grants[i]);
        if (lacks.words.count == 0)
            continue;
        check->complained = true;
        const char *sql =
            my_sql_grant(check->arena, &lacks, check->admin, own->patterns_are_names, true);
        if (is_new(check, sql))
            check_list_add(check->list, CHECK_FAILED, "rights: what flows grant",
                           arena_printf(check->arena, "%s;", sql), "%s may not give %s",
                           check->admin, my_grant_describe(check->arena, &lacks));
    }
}

static void check_roles(RightsCheck *check, const Access *access) {
    const DriverSession *session = check->operation->session;
    for (size_t i = 0; i < access->roles.count; i++) {
        const char *role = access->roles.items[i];
        bool may = my_own_grants_has_role(&session->own, access->role_names.items[i], true) ||
                   (!session->mariadb && my_session_has(session, "ROLE_ADMIN"));
        if (may || !is_new(check, role))
            continue;
        check->complained = true;
        check_list_add(
            check->list, CHECK_FAILED, "rights: roles",
            arena_printf(check->arena, "GRANT %s TO %s WITH ADMIN OPTION;", role, check->admin),
            "%s may not give role %s", check->admin, role);
    }
    static const char *const UPDATE[] = {"UPDATE", NULL};
    const MyGrant update = {
        .kind = MY_SCHEMA, .schema = "mysql", .words = words(check->arena, UPDATE)};
    if (session->mariadb && access->roles.count > 0 &&
        my_own_grants_lacks_use(check->arena, &session->own, &update).words.count > 0 &&
        is_new(check, "default roles"))
        // Not to be pasted with the others.
        check_list_add(check->list, CHECK_WARNING, "roles at login",
                       arena_printf(check->arena,
                                    "-- have users say SET ROLE; only if they cannot, and you want "
                                    "the account to be an administrator of the server: GRANT "
                                    "UPDATE ON `mysql`.* TO %s;",
                                    check->admin),
                       "%s may not say which role is active at login, so that users have to SET "
                       "ROLE; the right to say so is that of an administrator",
                       check->admin);
    for (size_t i = 0; i < access->refused_count; i++) {
        const RefusedRole *refused = &access->refused[i];
        check->complained = true;
        if (is_new(check, refused->role))
            check_list_add(check->list, CHECK_FAILED, "rights: roles",
                           "grant a role without such rights, or privileges on objects",
                           "nobody is given role \"%s\" because of %s", refused->role,
                           refused->reason);
    }
}

static void check_absent(RightsCheck *check, const Access *access) {
    for (size_t i = 0; i < access->absent.count; i++) {
        check->complained = true;
        if (is_new(check, access->absent.items[i]))
            check_list_add(check->list, CHECK_FAILED, "objects",
                           "create it, give the admin account a right on it, or correct the flow",
                           "%s is not there, or is not shown to %s", access->absent.items[i],
                           check->admin);
    }
}

// ---- What accounts may make ---------------------------------------------------------------------

static const char *definer_right(const DriverSession *session) {
    enum { SET_ANY_DEFINER_SINCE = 80200 };
    if (session->mariadb)
        return "SET USER";
    return session->version >= SET_ANY_DEFINER_SINCE ? "SET_ANY_DEFINER" : "SET_USER_ID";
}

static void check_making(RightsCheck *check, const Access *access) {
    if (!access->makes_things || !is_new(check, "definers"))
        return;
    StringList all = my_definers_seen_by(check->operation);
    needs(check, "rights: see what accounts define", &(MyGrant){.kind = MY_SERVER, .words = all},
          "see what accounts define, without which they are not removed");
    const char *const right[] = {definer_right(check->operation->session), NULL};
    needs(check, "rights: hand over",
          &(MyGrant){.kind = MY_SERVER, .words = words(check->arena, right)},
          "hand over what accounts define");
}

static void check_custodian(RightsCheck *check, const char *custodian) {
    if (custodian == NULL || !is_new(check, arena_printf(check->arena, "custodian %s", custodian)))
        return;
    Error error = {0};
    bool found;
    MyName name;
    const char *reason;
    if (my_custodian_read(check->operation, custodian, &found, &name, &reason, &error) !=
        STATUS_OK) {
        could_not(check, &error);
        return;
    }
    if (!found)
        check_list_add(check->list, CHECK_FAILED, "custodian",
                       arena_printf(check->arena, "CREATE USER %s ACCOUNT LOCK;",
                                    my_sql_account(check->arena, (MyName){custodian, "%"})),
                       "custodian \"%s\" is not an account of the server", custodian);
    else if (reason != NULL)
        check_list_add(check->list, CHECK_FAILED, "custodian",
                       "name an account without rights of its own as custodian",
                       "custodian \"%s\" may not be given what users make because of %s", custodian,
                       reason);
    else
        check_list_add(check->list, CHECK_OK, "custodian", NULL, "%s",
                       my_sql_account(check->arena, name));
}

static void check_plan(RightsCheck *check, const Plan *plan) {
    Error error = {0};
    Access access;
    if (my_access_read(check->operation, &plan->access, &access, &error) != STATUS_OK) {
        check->complained = true;
        if (is_new(check, error.message))
            check_list_add(check->list, CHECK_FAILED, "rights: what flows grant",
                           check->operation->evidence.failure == FAILURE_DENIED
                               ? "give the rights that are said to be missing, and check again"
                               : "correct the flow",
                           "%s", error.message);
        return;
    }
    check_absent(check, &access);
    check_grants(check, &access);
    check_roles(check, &access);
    check_making(check, &access);
    check_custodian(check, plan->custodian);
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
    for (size_t i = 0; i < plan_count; i++)
        check_plan(&check, plans[i]);
    if (plan_count > 0 && !check.complained)
        check_list_add(list, CHECK_OK, "rights: what flows grant", NULL,
                       "everything can be granted");
    check_surroundings(&check);
}
