#include "driver/postgresql/role.h"

#include <string.h>

// $1: a name, or null for all. Roles that lead to more than tables: the server's own ones that
// reach its files, processes or other sessions, and what hosted services call their superusers.
// A role that holds another with ADMIN OPTION can hand it on, to stay beyond the end of a grant.
static const char REFUSALS_SQL[] =
    "WITH RECURSIVE held(root, oid) AS ("
    "  SELECT oid, oid FROM pg_roles WHERE $1::text IS NULL OR rolname = $1::text"
    "  UNION"
    "  SELECT h.root, m.roleid FROM held h JOIN pg_auth_members m ON m.member = h.oid),"
    "refused(root, reason) AS ("
    "  SELECT h.root, min(CASE"
    "    WHEN r.rolsuper THEN 'SUPERUSER of ' || r.rolname"
    "    WHEN r.rolcreaterole THEN 'CREATEROLE of ' || r.rolname"
    "    WHEN r.rolcreatedb THEN 'CREATEDB of ' || r.rolname"
    "    WHEN r.rolreplication THEN 'REPLICATION of ' || r.rolname"
    "    WHEN r.rolbypassrls THEN 'BYPASSRLS of ' || r.rolname"
    "    WHEN r.rolname IN ('pg_execute_server_program', 'pg_read_server_files',"
    "      'pg_write_server_files', 'pg_signal_backend', 'pg_maintain', 'pg_checkpoint',"
    "      'pg_create_subscription', 'pg_use_reserved_connections', 'pg_database_owner',"
    "      'pg_signal_autovacuum_worker', 'rds_superuser', 'rds_replication', 'rds_password',"
    "      'rdsadmin', 'azure_pg_admin', 'azuresu', 'cloudsqlsuperuser', 'cloudsqladmin',"
    "      'cloudsqlagent') THEN 'the power of ' || r.rolname"
    "    WHEN shobj_description(r.oid, 'pg_authid') LIKE 'daypass%{%'"
    "      THEN 'being a role of Daypass itself (' || r.rolname || ')'"
    "    WHEN EXISTS (SELECT FROM pg_auth_members a WHERE a.member = r.oid AND a.admin_option)"
    "      THEN 'ADMIN OPTION held by ' || r.rolname"
    "    END)"
    "  FROM held h JOIN pg_roles r ON r.oid = h.oid GROUP BY h.root)";

// Follows the above. Before 16 a member may always SET ROLE, and who acts as a role may change its
// password: a role that can log in would stay open to its former members.
static const char MEMBER_REFUSALS_SQL[] =
    ", member_refused(root, reason) AS ("
    "  SELECT f.root, coalesce(f.reason, (SELECT min("
    "    'LOGIN of ' || r.rolname || ', whose password a member could change')"
    "   FROM held h JOIN pg_roles r ON r.oid = h.oid WHERE h.root = f.root AND r.rolcanlogin"
    "    AND current_setting('server_version_num')::int < 160000))"
    "  FROM refused f)";

Status pg_role_read(Operation *operation, const char *name, bool *ret_found, Role *ret_role,
                    Error *reterr) {
    static const char SQL[] =
        "SELECT oid, rolcanlogin, rolsuper, rolinherit,"
        " rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,"
        " shobj_description(oid, 'pg_authid'),"
        " " PG_ROLE_END ","
        " floor(extract(epoch FROM now()) * 1000)::bigint"
        " FROM pg_roles WHERE rolname = $1";
    Rows *rows;
    TRY(pg_operation_read(
        operation,
        &(Query){
            .doing = "looking up a role", .sql = SQL, .parameters = &name, .parameter_count = 1},
        &rows, reterr));
    *ret_found = pg_rows_count(rows) > 0;
    if (!*ret_found)
        return STATUS_OK;
    *ret_role = (Role){
        .oid = pg_rows_int(rows, 0, 0),
        .name = name,
        .can_login = pg_rows_bool(rows, 0, 1),
        .superuser = pg_rows_bool(rows, 0, 2),
        .inherits = pg_rows_bool(rows, 0, 3),
        .privileged = pg_rows_bool(rows, 0, 4),
        .comment = pg_rows_text(rows, 0, 5),
        .expires_at = pg_rows_int(rows, 0, 6),
        .now_at = pg_rows_int(rows, 0, 7),
    };
    return STATUS_OK;
}

static Status judge(Operation *operation, const char *name, const char *sql,
                    const char **ret_reason, Error *reterr) {
    Rows *rows;
    TRY(pg_operation_read(
        operation,
        &(Query){.doing = "judging a role", .sql = sql, .parameters = &name, .parameter_count = 1},
        &rows, reterr));
    *ret_reason = pg_rows_count(rows) > 0 ? pg_rows_text(rows, 0, 0) : "being absent";
    return STATUS_OK;
}

Status pg_role_refusal(Operation *operation, const char *name, const char **ret_reason,
                       Error *reterr) {
    const char *sql = arena_printf(operation->arena, "%s SELECT reason FROM refused", REFUSALS_SQL);
    return judge(operation, name, sql, ret_reason, reterr);
}

Status pg_role_member_refusal(Operation *operation, const char *name, const char **ret_reason,
                              Error *reterr) {
    const char *sql = arena_printf(operation->arena, "%s%s SELECT reason FROM member_refused",
                                   REFUSALS_SQL, MEMBER_REFUSALS_SQL);
    return judge(operation, name, sql, ret_reason, reterr);
}

Status pg_role_owns_objects(Operation *operation, const char *name, bool *ret_owns, Error *reterr) {
    static const char SQL[] =
        "WITH RECURSIVE held(oid) AS (SELECT oid FROM pg_roles WHERE rolname = $1"
        "  UNION SELECT m.roleid FROM held h JOIN pg_auth_members m ON m.member = h.oid)"
        " SELECT EXISTS (SELECT FROM pg_shdepend s JOIN held h ON h.oid = s.refobjid"
        "  WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o')";
    Rows *rows;
    TRY(pg_operation_read(operation,
                          &(Query){.doing = "reading what a role owns",
                                   .sql = SQL,
                                   .parameters = &name,
                                   .parameter_count = 1},
                          &rows, reterr));
    *ret_owns = pg_rows_bool(rows, 0, 0);
    return STATUS_OK;
}

Status pg_role_list_grantable(Operation *operation, int limit, StringList *ret_names,
                              Error *reterr) {
    const char *sql = arena_printf(operation->arena,
                                   "%s%s SELECT r.rolname FROM member_refused f JOIN pg_roles r"
                                   " ON r.oid = f.root WHERE f.reason IS NULL"
                                   " ORDER BY 1 LIMIT %d",
                                   REFUSALS_SQL, MEMBER_REFUSALS_SQL, limit);
    const char *all = NULL;
    Rows *rows;
    TRY(pg_operation_read(
        operation,
        &(Query){.doing = "listing roles", .sql = sql, .parameters = &all, .parameter_count = 1},
        &rows, reterr));
    StringList names = {0};
    for (int i = 0; i < pg_rows_count(rows); i++)
        string_list_add(operation->arena, &names, pg_rows_text(rows, i, 0));
    *ret_names = names;
    return STATUS_OK;
}

Status pg_role_memberships(Operation *operation, int64_t oid, StringList *ret_roles,
                           Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT DISTINCT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
        " WHERE m.member = %lld ORDER BY 1",
        (long long)oid);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading memberships", .sql = sql}, &rows,
                          reterr));
    StringList roles = {0};
    for (int i = 0; i < pg_rows_count(rows); i++)
        string_list_add(operation->arena, &roles, pg_rows_text(rows, i, 0));
    *ret_roles = roles;
    return STATUS_OK;
}

Status pg_role_given_memberships(Operation *operation, int64_t oid, Rows **ret_rows,
                                 Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT r.rolname, u.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
        " JOIN pg_roles u ON u.oid = m.member WHERE m.grantor = %lld AND m.roleid <> %lld"
        " AND m.member <> %lld ORDER BY 1, 2",
        (long long)oid, (long long)oid, (long long)oid);
    return pg_operation_read(
        operation, &(Query){.doing = "reading memberships it gave", .sql = sql}, ret_rows, reterr);
}

Status pg_role_can_assume(Operation *operation, const char *name, bool *ret_can, Error *reterr) {
    const char *sql = arena_printf(operation->arena, "SELECT pg_has_role($1::name, '%s')",
                                   operation->session->version >= 160000 ? "SET" : "MEMBER");
    Rows *rows;
    TRY(pg_operation_read(
        operation,
        &(Query){
            .doing = "reading memberships", .sql = sql, .parameters = &name, .parameter_count = 1},
        &rows, reterr));
    *ret_can = pg_rows_bool(rows, 0, 0);
    return STATUS_OK;
}
