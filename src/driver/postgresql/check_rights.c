#include "driver/postgresql/check_rights.h"

#include <string.h>

#include "driver/postgresql/resolve.h"
#include "driver/postgresql/role.h"
#include "driver/postgresql/shared_role_excess.h"

enum { ADMIN_OPTION_SINCE = 160000, NEARLY_FULL_PERCENT = 85 };

typedef struct RightsCheck {
    CheckList *list;
    Operation *operation;
    Arena *arena;
    const char *admin; // quoted
    PrivilegeSet lacking;
    StringList absent, roles, owning_roles, unassumed_owners, custodians, failed, deployments;
    bool complained;
} RightsCheck;

static void could_not(RightsCheck *check, const Error *error) {
    check->complained = true;
    check_list_add(check->list, CHECK_FAILED, "rights", "run the check again", "%s",
                   error->message);
}

static bool read_facts(RightsCheck *check, const char *sql, const char *const *parameters,
                       size_t count, Rows **ret_rows) {
    Error error = {0};
    if (pg_operation_read(check->operation,
                          &(Query){.doing = "reading the admin account's rights",
                                   .sql = sql,
                                   .parameters = parameters,
                                   .parameter_count = count},
                          ret_rows, &error) == STATUS_OK)
        return true;
    could_not(check, &error);
    return false;
}

static void check_admin(RightsCheck *check) {
    static const char SQL[] =
        "SELECT rolcreaterole, pg_has_role(current_user, 'pg_signal_backend', 'USAGE')"
        " FROM pg_roles WHERE rolname = current_user";
    if (check->operation->session->superuser) {
        check_list_add(check->list, CHECK_WARNING, "rights: admin account",
                       "use an account with only the rights listed in docs/postgresql.md",
                       "%s is superuser, which is more than Daypass needs", check->admin);
        return;
    }
    Rows *rows;
    if (!read_facts(check, SQL, NULL, 0, &rows))
        return;
    if (pg_rows_bool(rows, 0, 0))
        check_list_add(check->list, CHECK_OK, "rights: create accounts", NULL, "CREATEROLE");
    else
        check_list_add(check->list, CHECK_FAILED, "rights: create accounts",
                       arena_printf(check->arena, "ALTER ROLE %s CREATEROLE;", check->admin),
                       "%s lacks CREATEROLE", check->admin);
    if (pg_rows_bool(rows, 0, 1))
        check_list_add(check->list, CHECK_OK, "rights: end sessions", NULL, "pg_signal_backend");
    else
        check_list_add(check->list, CHECK_FAILED, "rights: end sessions",
                       arena_printf(check->arena, "GRANT pg_signal_backend TO %s;", check->admin),
                       "%s may not end sessions of the accounts it makes", check->admin);
}

static void check_surroundings(RightsCheck *check) {
    static const char SQL[] =
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
        " current_setting('max_connections')::int,"
        " EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public'"
        "  AND has_schema_privilege('public', oid, 'CREATE'))";
    Rows *rows;
    if (!read_facts(check, SQL, NULL, 0, &rows))
        return;
    int64_t used = pg_rows_int(rows, 0, 0);
    int64_t most = pg_rows_int(rows, 0, 1);
    if (used * 100 >= most * NEARLY_FULL_PERCENT)
        check_list_add(check->list, CHECK_WARNING, "connections",
                       "raise max_connections, or end sessions that are not used",
                       "%lld of %lld connections are in use", (long long)used, (long long)most);
    if (pg_rows_bool(rows, 0, 2))
        check_list_add(
            check->list, CHECK_WARNING, "schema public",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
            "everybody, each temporary account too, may create objects in schema public");
}

static void add_new(Arena *arena, StringList *list, const char *item) {
    if (!string_list_has(list, item))
        string_list_add(arena, list, item);
}

static void collect_plan(RightsCheck *check, const Plan *plan) {
    Error error = {0};
    Resolution resolution;
    if (pg_resolve_access(check->operation, &plan->access, &resolution, &error) != STATUS_OK) {
        if (!string_list_has(&check->failed, error.message)) {
            string_list_add(check->arena, &check->failed, error.message);
            check_list_add(check->list, CHECK_FAILED, "rights: what flows grant",
                           "correct the flow", "%s", error.message);
        }
        check->complained = true;
        return;
    }
    for (size_t i = 0; i < resolution.lacking.count; i++)
        pg_privilege_set_add(check->arena, &check->lacking, &resolution.lacking.items[i].object,
                             resolution.lacking.items[i].privileges);
    for (size_t i = 0; i < resolution.absent.count; i++)
        add_new(check->arena, &check->absent, resolution.absent.items[i]);
    for (size_t i = 0; i < resolution.roles.count; i++)
        add_new(check->arena, &check->roles, resolution.roles.items[i]);
    for (size_t i = 0; i < resolution.owning_roles.count; i++)
        add_new(check->arena, &check->owning_roles, resolution.owning_roles.items[i]);
    for (size_t i = 0; i < resolution.unassumed_owners.count; i++)
        add_new(check->arena, &check->unassumed_owners, resolution.unassumed_owners.items[i]);
    for (size_t i = 0; i < resolution.refused_count; i++) {
        const RefusedRole *refused = &resolution.refused[i];
        check->complained = true;
        if (string_list_has(&check->failed, refused->role))
            continue;
        string_list_add(check->arena, &check->failed, refused->role);
        check_list_add(check->list, CHECK_FAILED, "rights: roles",
                       "grant a role without such rights, or privileges on objects",
                       "no account is made a member of role \"%s\" because of %s", refused->role,
                       refused->reason);
    }
    if (plan->custodian != NULL)
        add_new(check->arena, &check->custodians, plan->custodian);
}

static void report_absent(RightsCheck *check) {
    for (size_t i = 0; i < check->absent.count; i++) {
        check->complained = true;
        check_list_add(check->list, CHECK_FAILED, "objects", "create it, or correct the flow",
                       "%s is not there", check->absent.items[i]);
    }
}

static void report_lacking(RightsCheck *check) {
    pg_privilege_set_normalise(&check->lacking);
    StringList grants = pg_privilege_set_grants(check->arena, &check->lacking,
                                                check->operation->session->admin, true);
    for (size_t i = 0; i < grants.count; i++) {
        check->complained = true;
        check_list_add(check->list, CHECK_FAILED, "rights: what flows grant",
                       arena_printf(check->arena, "%s;", grants.items[i]),
                       "%s may not hand on privileges that flows grant", check->admin);
    }
}

// Before 16 CREATEROLE was enough to give any role that is not superuser.
static void check_roles(RightsCheck *check) {
    if (check->operation->session->version < ADMIN_OPTION_SINCE)
        return;
    for (size_t i = 0; i < check->roles.count; i++) {
        Rows *rows;
        if (!read_facts(check, "SELECT pg_has_role($1::name, 'MEMBER WITH ADMIN OPTION')",
                        &check->roles.items[i], 1, &rows))
            return;
        if (pg_rows_bool(rows, 0, 0))
            continue;
        check->complained = true;
        check_list_add(
            check->list, CHECK_FAILED, "rights: roles",
            arena_printf(check->arena, "GRANT %s TO %s WITH ADMIN OPTION;",
                         pg_sql_identifier(check->arena, check->roles.items[i]), check->admin),
            "%s may not make anybody a member of role \"%s\"", check->admin, check->roles.items[i]);
    }
}

static void report_owning_roles(RightsCheck *check) {
    for (size_t i = 0; i < check->owning_roles.count; i++)
        check_list_add(
            check->list, CHECK_WARNING, "rights: roles",
            "grant a role that owns nothing, or privileges on objects",
            "role \"%s\" owns objects, or is a member of a role that does: who has it may "
            "give rights on them to others, which stay after the grant",
            check->owning_roles.items[i]);
}

static void check_owners(RightsCheck *check) {
    for (size_t i = 0; i < check->unassumed_owners.count; i++) {
        check->complained = true;
        check_list_add(
            check->list, CHECK_WARNING, "rights: future tables",
            arena_printf(check->arena, "GRANT %s TO %s;",
                         pg_sql_identifier(check->arena, check->unassumed_owners.items[i]),
                         check->admin),
            "tables that \"%s\" makes during a grant are not in it",
            check->unassumed_owners.items[i]);
    }
}

static void check_custodian(RightsCheck *check, const char *custodian) {
    Error error = {0};
    bool found, can_assume;
    Role role;
    const char *reason = NULL;
    const char *quoted = pg_sql_identifier(check->arena, custodian);
    if (pg_role_read(check->operation, custodian, &found, &role, &error) != STATUS_OK ||
        (found &&
         (pg_role_refusal(check->operation, custodian, &reason, &error) != STATUS_OK ||
          pg_role_can_assume(check->operation, custodian, &can_assume, &error) != STATUS_OK))) {
        could_not(check, &error);
        return;
    }
    if (!found) {
        check_list_add(check->list, CHECK_FAILED, "custodian",
                       arena_printf(check->arena, "CREATE ROLE %s NOLOGIN;", quoted),
                       "custodian %s is not there", quoted);
        return;
    }
    if (reason != NULL) {
        check_list_add(check->list, CHECK_FAILED, "custodian",
                       "name a role without rights of its own as custodian",
                       "custodian %s may not be given what users make because of %s", quoted,
                       reason);
        return;
    }
    if (!can_assume && !check->operation->session->superuser) {
        check_list_add(check->list, CHECK_FAILED, "custodian",
                       arena_printf(check->arena, "GRANT %s TO %s;", quoted, check->admin),
                       "%s is not a member of custodian %s", check->admin, quoted);
        return;
    }
    check_list_add(check->list, CHECK_OK, "custodian", NULL, "%s", quoted);
}

// Where one has more than its plan, the grants of its flow fail.
static void check_shared_roles(RightsCheck *check, const Plan *plan) {
    if (plan->privilege_mode != PRIVILEGE_SHARED_ROLE || plan->deployment == NULL ||
        string_list_has(&check->deployments, plan->deployment))
        return;
    string_list_add(check->arena, &check->deployments, plan->deployment);
    Error error = {0};
    Obstacles excess;
    if (pg_shared_roles_excess(check->operation, plan->deployment, plan->custodian, &excess,
                               &error) != STATUS_OK) {
        could_not(check, &error);
        return;
    }
    for (size_t i = 0; i < excess.count; i++)
        check_list_add(check->list, CHECK_FAILED, "shared roles", excess.items[i].repair, "%s",
                       excess.items[i].what);
}

void pg_check_rights(CheckList *list, Operation *operation, const Plan *const *plans,
                     size_t plan_count) {
    RightsCheck check = {.list = list,
                         .operation = operation,
                         .arena = list->arena,
                         .admin = pg_sql_identifier(list->arena, operation->session->admin)};
    check_admin(&check);
    for (size_t i = 0; i < plan_count; i++)
        collect_plan(&check, plans[i]);
    report_absent(&check);
    report_lacking(&check);
    check_roles(&check);
    report_owning_roles(&check);
    check_owners(&check);
    if (plan_count > 0 && !check.complained)
        check_list_add(list, CHECK_OK, "rights: what flows grant", NULL,
                       "everything can be granted");
    for (size_t i = 0; i < check.custodians.count; i++)
        check_custodian(&check, check.custodians.items[i]);
    for (size_t i = 0; i < plan_count; i++)
        check_shared_roles(&check, plans[i]);
    check_surroundings(&check);
}
