#include "driver/oracle/check_rights.h"

#include "driver/oracle/account.h"
#include "driver/oracle/resolve.h"

typedef struct RightsCheck {
    CheckList *list;
    Operation *operation;
    Arena *arena;
    const char *admin; // quoted
    StringList direct; // system privileges of its own
    StringList held;   // by roles, too
    StringList handed; // which it may hand on
    StringList said;   // what was reported of plans
    bool complained;
} RightsCheck;

static bool read_facts(RightsCheck *check, const char *sql, Rows **ret_rows) {
    Error error = {0};
    if (oracle_read(check->operation, "reading the admin account's rights", sql, ret_rows,
                    &error) == STATUS_OK)
        return true;
    check->complained = true;
    check_list_add(check->list, CHECK_FAILED, "rights", "run the check again", "%s", error.message);
    return false;
}

// ---- System privileges --------------------------------------------------------------------------

static bool read_privileges(RightsCheck *check) {
    Rows *rows;
    if (!read_facts(check,
                    "SELECT 'DIRECT', PRIVILEGE, ADMIN_OPTION FROM SYS.USER_SYS_PRIVS UNION ALL"
                    " SELECT 'ROLE', PRIVILEGE, ADMIN_OPTION FROM SYS.ROLE_SYS_PRIVS",
                    &rows))
        return false;
    for (size_t i = 0; i < rows->row_count; i++) {
        const char *privilege = oracle_rows_text(rows, i, 1);
        if (privilege == NULL)
            continue;
        string_list_add(check->arena, &check->held, privilege);
        if (text_equal(oracle_rows_text(rows, i, 0), "DIRECT"))
            string_list_add(check->arena, &check->direct, privilege);
        if (text_equal(oracle_rows_text(rows, i, 2), "YES"))
            string_list_add(check->arena, &check->handed, privilege);
    }
    return true;
}

static void lacks(RightsCheck *check, const char *item, const char *privilege, const char *option,
                  const char *why) {
    check->complained = true;
    check_list_add(check->list, CHECK_FAILED, item,
                   arena_printf(check->arena, "GRANT %s TO %s%s;", privilege, check->admin, option),
                   "%s lacks %s%s", check->admin, privilege, why);
}

static void require(RightsCheck *check, bool has, const char *item, const char *privilege,
                    const char *why) {
    if (has)
        check_list_add(check->list, CHECK_OK, item, NULL, "%s", privilege);
    else
        lacks(check, item, privilege, "", why);
}

static bool limits_sessions(const Plan *const *plans, size_t plan_count) {
    for (size_t i = 0; i < plan_count; i++)
        if (plans[i]->connection_limit > 0)
            return true;
    return false;
}

// Lists what the admin may call.
static void check_procedure(RightsCheck *check) {
    Rows *rows;
    if (read_facts(check,
                   "SELECT COUNT(*) FROM SYS.ALL_PROCEDURES WHERE OWNER = 'RDSADMIN' AND"
                   " OBJECT_NAME = 'RDSADMIN_UTIL' AND PROCEDURE_NAME = 'KILL'",
                   &rows))
        require(check, oracle_rows_int(rows, 0, 0) > 0, "rights: end sessions",
                "EXECUTE ON RDSADMIN.RDSADMIN_UTIL", "");
}

static void check_system(RightsCheck *check, const Plan *const *plans, size_t plan_count) {
    const StringList *held = &check->held;
    require(check, string_list_has(held, "CREATE USER"), "rights: create accounts", "CREATE USER",
            "");
    // The job that locks an account runs with what its owner has been granted itself.
    require(check, string_list_has(&check->direct, "ALTER USER"), "rights: lock accounts",
            "ALTER USER", " of its own, not by a role");
    require(check, string_list_has(held, "DROP USER"), "rights: remove accounts", "DROP USER", "");
    require(check, string_list_has(held, "CREATE JOB"), "rights: end accounts", "CREATE JOB", "");
    bool lets_in = string_list_has(&check->handed, "CREATE SESSION") ||
                   string_list_has(held, "GRANT ANY PRIVILEGE");
    if (lets_in)
        check_list_add(check->list, CHECK_OK, "rights: let accounts in", NULL, "CREATE SESSION");
    else
        lacks(check, "rights: let accounts in", "CREATE SESSION", " WITH ADMIN OPTION",
              " with the right to hand it on");
    if (check->operation->session->hosted)
        check_procedure(check);
    else
        require(check, string_list_has(held, "ALTER SYSTEM"), "rights: end sessions",
                "ALTER SYSTEM", "");
    if (limits_sessions(plans, plan_count))
        require(check, string_list_has(held, "CREATE PROFILE"), "rights: connection limits",
                "CREATE PROFILE", "");
}

// ---- Tables and views ---------------------------------------------------------------------------

// Amazon's master user is not SYS, and hands SYS's objects on by a procedure.
static const char *view_repair(RightsCheck *check, const char *view) {
    const DriverSession *session = check->operation->session;
    if (session->hosted)
        return arena_printf(check->arena,
                            "BEGIN rdsadmin.rdsadmin_util.grant_sys_object(p_obj_name => '%s',"
                            " p_grantee => %s, p_privilege => 'SELECT'); END;",
                            view, oracle_sql_literal(check->arena, session->admin));
    return arena_printf(check->arena, "GRANT SELECT ON SYS.%s TO %s;", view, check->admin);
}

// False: without it nothing else can be said.
static bool check_views(RightsCheck *check) {
    static const char *const VIEWS[] = {"DBA_USERS",      "DBA_OBJECTS",   "DBA_ROLES",
                                        "DBA_ROLE_PRIVS", "DBA_SYS_PRIVS", "DBA_TAB_PRIVS",
                                        "DBA_PROFILES",   "GV_$SESSION"};
    bool all = true;
    for (size_t i = 0; i < COUNT_OF(VIEWS); i++) {
        Rows *rows;
        Error error = {0};
        const char *sql =
            arena_printf(check->arena, "SELECT COUNT(*) FROM SYS.%s WHERE ROWNUM <= 1", VIEWS[i]);
        if (oracle_read(check->operation, "reading the dictionary", sql, &rows, &error) ==
            STATUS_OK)
            continue;
        all = false;
        check->complained = true;
        bool denied = check->operation->evidence.failure == FAILURE_NOT_FOUND ||
                      check->operation->evidence.failure == FAILURE_DENIED;
        check_list_add(check->list, CHECK_FAILED, "rights: dictionary",
                       denied ? view_repair(check, VIEWS[i]) : "run the check again",
                       denied ? "%s may not read SYS.%s" : "%s could not read SYS.%s", check->admin,
                       VIEWS[i]);
    }
    if (all)
        check_list_add(check->list, CHECK_OK, "rights: dictionary", NULL, "readable");
    return all;
}

static void check_marks(RightsCheck *check) {
    Rows *rows;
    if (!read_facts(check,
                    "SELECT (SELECT COUNT(*) FROM SYS.USER_TABLES WHERE TABLE_NAME = '" ORACLE_MARKS
                    "'), (SELECT COUNT(*) FROM SYS.USER_TS_QUOTAS q JOIN SYS.USER_USERS u ON"
                    " u.DEFAULT_TABLESPACE = q.TABLESPACE_NAME AND q.MAX_BYTES <> 0),"
                    " (SELECT u.DEFAULT_TABLESPACE FROM SYS.USER_USERS u) FROM SYS.DUAL",
                    &rows))
        return;
    if (oracle_rows_int(rows, 0, 0) > 0)
        check_list_add(check->list, CHECK_OK, "marks", NULL, "kept in %s.%s", check->admin,
                       ORACLE_MARKS);
    else
        require(check, string_list_has(&check->held, "CREATE TABLE"), "rights: marks",
                "CREATE TABLE", ", to keep the marks of accounts");
    if (oracle_rows_int(rows, 0, 1) > 0 || string_list_has(&check->held, "UNLIMITED TABLESPACE"))
        return;
    const char *tablespace = oracle_rows_text(rows, 0, 2);
    check->complained = true;
    check_list_add(check->list, CHECK_FAILED, "rights: marks",
                   arena_printf(check->arena, "ALTER USER %s QUOTA 10M ON %s;", check->admin,
                                oracle_sql_identifier(check->arena,
                                                      tablespace != NULL ? tablespace : "USERS")),
                   "%s has no quota for the table of marks", check->admin);
}

// ---- Settings -----------------------------------------------------------------------------------

static void check_settings(RightsCheck *check, bool limited) {
    Rows *rows;
    Error error = {0};
    if (oracle_read(check->operation, "reading settings", ORACLE_SETTINGS, &rows, &error) !=
        STATUS_OK) {
        check_list_add(check->list, CHECK_WARNING, "settings", view_repair(check, "V_$PARAMETER"),
                       "%s cannot see whether the server runs jobs, which lock accounts at their "
                       "end",
                       check->admin);
        return;
    }
    for (size_t i = 0; i < rows->row_count; i++) {
        const char *name = oracle_rows_text(rows, i, 0);
        const char *value = oracle_rows_text(rows, i, 1);
        if (text_equal(name, "job_queue_processes") && text_equal(value, "0"))
            check_list_add(check->list, CHECK_FAILED, "settings: jobs",
                           "ALTER SYSTEM SET JOB_QUEUE_PROCESSES = 20;",
                           "the server runs no jobs, so it locks no account at its end");
        if (text_equal(name, "SCHEDULER_DISABLED") && text_equal(value, "TRUE"))
            check_list_add(check->list, CHECK_FAILED, "settings: jobs",
                           "BEGIN DBMS_SCHEDULER.SET_SCHEDULER_ATTRIBUTE('SCHEDULER_DISABLED',"
                           " 'FALSE'); END;",
                           "the server's scheduler is off, so it locks no account at its end");
        if (limited && text_equal(name, "resource_limit") && text_equal(value, "FALSE"))
            check_list_add(check->list, CHECK_WARNING, "settings: connection limits",
                           "ALTER SYSTEM SET RESOURCE_LIMIT = TRUE;",
                           "the server does not hold accounts to their connection limits");
    }
}

// ---- What flows grant ---------------------------------------------------------------------------

static void say_once(RightsCheck *check, const char *item, const char *repair, const char *found) {
    check->complained = true;
    if (string_list_has(&check->said, found))
        return;
    string_list_add(check->arena, &check->said, found);
    check_list_add(check->list, CHECK_FAILED, item, repair, "%s", found);
}

static void check_plan(RightsCheck *check, const Plan *plan) {
    Error error = {0};
    OracleResolution resolution;
    Arena *arena = check->arena;
    if (oracle_resolve(check->operation, &plan->access, &resolution, &error) != STATUS_OK) {
        say_once(check, "rights: what flows grant", "run the check again", error.message);
        return;
    }
    for (size_t i = 0; i < resolution.absent.count; i++)
        say_once(check, "objects", "create it, or correct the flow",
                 arena_printf(arena, "%s is not there", resolution.absent.items[i]));
    for (size_t i = 0; i < resolution.refused.count; i++)
        say_once(check, "rights: roles",
                 "grant a role without such rights, or privileges on objects",
                 arena_printf(arena, "nobody is given %s", resolution.refused.items[i]));
    for (size_t i = 0; i < resolution.lacking.count; i++)
        say_once(check, "rights: what flows grant",
                 arena_printf(arena, "%s;", resolution.lacking.items[i]),
                 arena_printf(arena, "%s may not hand on what flows grant: %s", check->admin,
                              resolution.lacking.items[i]));
    if (plan->custodian != NULL)
        check_list_add(check->list, CHECK_WARNING, "custodian",
                       "leave the custodian out of the integration",
                       "Oracle cannot hand objects over: what an account owns keeps it from being "
                       "removed");
}

void oracle_check_rights(CheckList *list, Operation *operation, const Plan *const *plans,
                         size_t plan_count) {
    RightsCheck check = {.list = list,
                         .operation = operation,
                         .arena = list->arena,
                         .admin = oracle_sql_identifier(list->arena, operation->session->admin)};
    if (!read_privileges(&check))
        return;
    check_system(&check, plans, plan_count);
    bool readable = check_views(&check);
    check_marks(&check);
    check_settings(&check, limits_sessions(plans, plan_count));
    for (size_t i = 0; readable && i < plan_count; i++)
        check_plan(&check, plans[i]);
    if (plan_count > 0 && !check.complained)
        check_list_add(list, CHECK_OK, "rights: what flows grant", NULL,
                       "everything can be granted");
}
