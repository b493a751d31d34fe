#include "driver/sqlserver/check_rights.h"

#include <string.h>

#include "driver/sqlserver/account.h"
#include "driver/sqlserver/resolve.h"

typedef struct RightsCheck {
    CheckList *list;
    Operation *operation;
    Arena *arena;
    const char *admin; // quoted
    StringList databases;
    StringList said; // messages, each once
    bool complained;
} RightsCheck;

static void complain(RightsCheck *check, const char *name, const char *repair,
                     const char *message) {
    check->complained = true;
    if (string_list_has(&check->said, message))
        return;
    string_list_add(check->arena, &check->said, message);
    check_list_add(check->list, CHECK_FAILED, name, repair, "%s", message);
}

static void could_not(RightsCheck *check, const Error *error) {
    complain(check, "rights", "run the check again", error->message);
}

// ---- The server ---------------------------------------------------------------------------------

static const struct {
    const char *name;
    const char *right;
    const char *lacks;
} SERVER_RIGHTS[] = {
    {"rights: create accounts", "ALTER ANY LOGIN", "may not create logins"},
    {"rights: see sessions", "VIEW SERVER STATE", "may not see sessions of the accounts it makes"},
    {"rights: end sessions", "ALTER ANY CONNECTION",
     "may not end sessions of the accounts it makes"},
};

static void check_server(RightsCheck *check) {
    if (check->operation->session->sysadmin) {
        check_list_add(check->list, CHECK_WARNING, "rights: admin account",
                       "use an account with only the rights listed in docs/sqlserver.md",
                       "%s is a member of sysadmin, which is more than Daypass needs",
                       check->admin);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(SERVER_RIGHTS); i++) {
        Rows rows;
        Error error = {0};
        const char *right = SERVER_RIGHTS[i].right;
        const char *sql = arena_printf(
            check->arena, "SELECT COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, '%s'), 0)", right);
        if (mssql_read(check->operation, "reading the admin account's rights", sql, &rows,
                       &error) != STATUS_OK) {
            could_not(check, &error);
            return;
        }
        if (rows.row_count == 1 && rows_bool(&rows, 0, 0))
            check_list_add(check->list, CHECK_OK, SERVER_RIGHTS[i].name, NULL, "%s", right);
        else
            complain(
                check, SERVER_RIGHTS[i].name,
                arena_printf(check->arena, "USE [master]; GRANT %s TO %s;", right, check->admin),
                arena_printf(check->arena, "%s %s: it lacks %s", check->admin,
                             SERVER_RIGHTS[i].lacks, right));
    }
}

// ---- Databases ----------------------------------------------------------------------------------

static void check_database(RightsCheck *check, const char *database) {
    Arena *arena = check->arena;
    Rows rows;
    Error error = {0};
    if (mssql_use(check->operation, database, &error) != STATUS_OK) {
        complain(check, "rights: databases",
                 tsql_in_database(arena, database,
                                  arena_printf(arena,
                                               "CREATE USER %s FOR LOGIN %s; GRANT ALTER ANY USER "
                                               "TO %s;",
                                               check->admin, check->admin, check->admin)),
                 arena_printf(arena,
                              "database \"%s\" is not there, not online, or %s has no user "
                              "in it",
                              database, check->admin));
        return;
    }
    if (mssql_read(check->operation, "reading the admin account's rights",
                   "SELECT USER_NAME(), COALESCE(HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE',"
                   " 'ALTER ANY USER'), 0),"
                   " COALESCE(HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION'), 0)",
                   &rows, &error) != STATUS_OK) {
        could_not(check, &error);
        return;
    }
    if (rows.row_count != 1)
        return;
    const char *user =
        tsql_name(arena, rows_text(&rows, 0, 0) == NULL ? "?" : rows_text(&rows, 0, 0));
    if (!rows_bool(&rows, 0, 1))
        complain(check, "rights: create users",
                 tsql_in_database(arena, database,
                                  arena_printf(arena, "GRANT ALTER ANY USER TO %s;", user)),
                 arena_printf(arena,
                              "%s may not create users in database \"%s\": it lacks ALTER "
                              "ANY USER",
                              check->admin, database));
    if (!rows_bool(&rows, 0, 2))
        check_list_add(check->list, CHECK_WARNING, "rights: see objects",
                       tsql_in_database(arena, database,
                                        arena_printf(arena, "GRANT VIEW DEFINITION TO %s;", user)),
                       "%s sees only part of database \"%s\": what an account owns there may be "
                       "found only when its user cannot be removed",
                       check->admin, database);
}

static const char *user_in(RightsCheck *check, const char *database) {
    Rows rows;
    if (mssql_use(check->operation, database, NULL) == STATUS_OK &&
        mssql_read(check->operation, "reading the admin account's rights", "SELECT USER_NAME()",
                   &rows, NULL) == STATUS_OK &&
        rows.row_count == 1 && rows_text(&rows, 0, 0) != NULL)
        return arena_strdup(check->arena, rows_text(&rows, 0, 0));
    return check->operation->session->admin;
}

// ---- What flows grant ---------------------------------------------------------------------------

static void report_roles(RightsCheck *check, const Resolution *resolution) {
    Arena *arena = check->arena;
    for (size_t i = 0; i < resolution->role_count; i++) {
        const WantedRole *role = &resolution->roles[i];
        if (role->refusal != NULL) {
            complain(check, "rights: roles",
                     "grant a role without such rights, or privileges on objects",
                     arena_printf(arena,
                                  "no account is made a member of role \"%s\" in database \"%s\" "
                                  "because of %s",
                                  role->role, role->database, role->refusal));
            continue;
        }
        if (role->can_give)
            continue;
        bool fixed = text_starts_with(role->role, "db_");
        const char *user = tsql_name(arena, user_in(check, role->database));
        complain(check, "rights: roles",
                 fixed
                     ? "grant privileges on schemas instead: the server lets only db_owner change "
                       "who is in its fixed roles"
                     : tsql_in_database(arena, role->database,
                                        arena_printf(arena, "GRANT ALTER ON ROLE::%s TO %s;",
                                                     tsql_name(arena, role->role), user)),
                 arena_printf(arena,
                              "%s may not make anybody a member of role \"%s\" in database "
                              "\"%s\"",
                              check->admin, role->role, role->database));
    }
}

static void report_lacking(RightsCheck *check, const Resolution *resolution) {
    Arena *arena = check->arena;
    static const StringList NO_COLUMNS = {0};
    for (size_t i = 0; i < resolution->wanted_count; i++) {
        const Wanted *wanted = &resolution->wanted[i];
        if (wanted->can_give)
            continue;
        const char *grant = tsql_grant(arena, &wanted->privileges, &NO_COLUMNS, &wanted->securable,
                                       user_in(check, wanted->database), true);
        complain(check, "rights: what flows grant",
                 tsql_in_database(arena, wanted->database, arena_printf(arena, "%s;", grant)),
                 arena_printf(arena, "%s may not hand on %s", check->admin,
                              mssql_wanted_describe(arena, wanted)));
    }
}

static void check_plan(RightsCheck *check, const Plan *plan) {
    Error error = {0};
    Resolution resolution;
    StringList databases = mssql_plan_databases(check->arena, plan);
    for (size_t i = 0; i < databases.count; i++)
        if (!string_list_has(&check->databases, databases.items[i])) {
            string_list_add(check->arena, &check->databases, databases.items[i]);
            check_database(check, databases.items[i]);
        }
    if (mssql_resolve_access(check->operation, plan, &resolution, &error) != STATUS_OK) {
        complain(check, "rights: what flows grant", "correct the flow, or what the line above says",
                 error.message);
        return;
    }
    for (size_t i = 0; i < resolution.absent.count; i++)
        complain(check, "objects", "create it, let the admin account see it, or correct the flow",
                 arena_printf(check->arena, "%s is not to be seen", resolution.absent.items[i]));
    report_lacking(check, &resolution);
    report_roles(check, &resolution);
}

static void check_custodian(RightsCheck *check, const char *database, const char *custodian) {
    Arena *arena = check->arena;
    Rows rows;
    Error error = {0};
    const char *sql = arena_printf(
        arena,
        "SELECT 1 FROM sys.database_principals AS p WHERE p.name = %s AND p.type IN ('R',"
        " 'S', 'U', 'G')",
        tsql_text(arena, custodian));
    if (mssql_use(check->operation, database, &error) != STATUS_OK)
        return; // said already
    if (mssql_read(check->operation, "looking up the custodian", sql, &rows, &error) != STATUS_OK) {
        could_not(check, &error);
        return;
    }
    if (rows.row_count == 0)
        complain(
            check, "custodian",
            tsql_in_database(arena, database,
                             arena_printf(arena, "CREATE ROLE %s;", tsql_name(arena, custodian))),
            arena_printf(arena, "custodian %s is not there in database \"%s\"",
                         tsql_name(arena, custodian), database));
}

void mssql_check_rights(CheckList *list, Operation *operation, const Plan *const *plans,
                        size_t plan_count) {
    RightsCheck check = {.list = list,
                         .operation = operation,
                         .arena = list->arena,
                         .admin = tsql_name(list->arena, operation->session->admin)};
    check_server(&check);
    bool server_is_fit = !check.complained;
    check.complained = false;
    for (size_t i = 0; i < plan_count; i++)
        check_plan(&check, plans[i]);
    if (plan_count > 0 && !check.complained && server_is_fit)
        check_list_add(list, CHECK_OK, "rights: what flows grant", NULL,
                       "everything can be granted");
    for (size_t i = 0; i < plan_count; i++)
        if (plans[i]->custodian != NULL) {
            StringList databases = mssql_plan_databases(list->arena, plans[i]);
            for (size_t d = 0; d < databases.count; d++)
                check_custodian(&check, databases.items[d], plans[i]->custodian);
        }
    mssql_rollback(operation);
}
