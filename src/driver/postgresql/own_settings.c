#include "driver/postgresql/own_settings.h"

#include <string.h>

#include "driver/postgresql/statement.h"

enum { MEMBERSHIP_OPTIONS_SINCE = 160000 };

// ---- Acting for the account ---------------------------------------------------------------------

Status pg_membership_begin(Operation *operation, const Role *account, Error *reterr) {
    const DriverSession *session = operation->session;
    if (session->superuser)
        return STATUS_OK;
    return pg_operation_change(operation, "acting for the account",
                               arena_printf(operation->arena, "GRANT %s TO %s%s",
                                            pg_sql_identifier(operation->arena, account->name),
                                            pg_sql_identifier(operation->arena, session->admin),
                                            session->version >= MEMBERSHIP_OPTIONS_SINCE
                                                ? " WITH INHERIT TRUE, SET TRUE"
                                                : ""),
                               reterr);
}

Status pg_membership_end(Operation *operation, const Role *account, Error *reterr) {
    const DriverSession *session = operation->session;
    if (session->superuser)
        return STATUS_OK;
    return pg_operation_change(operation, "ceasing to act for the account",
                               pg_sql_revoke_role_of(operation->arena, account->name,
                                                     session->admin, session->admin,
                                                     session->version),
                               reterr);
}

// ---- Default privileges -------------------------------------------------------------------------

// Each entry goes back to what is built in: within a schema that is nothing, else the owner's own
// rights and PUBLIC's.
static void restore_built_in(Arena *arena, const SqlObject *future, StringList *statements) {
    string_list_add(arena, statements,
                    pg_sql_grant(arena, SQL_ALL, future, 1, future->owner, false));
    if (future->kind == SQL_FUTURE_ROUTINES)
        string_list_add(arena, statements,
                        pg_sql_grant(arena, SQL_EXECUTE, future, 1, NULL, false));
    if (future->kind == SQL_FUTURE_TYPES)
        string_list_add(arena, statements, pg_sql_grant(arena, SQL_USAGE, future, 1, NULL, false));
}

static StringList clearing_statements(Operation *operation, const Role *account, Rows *entries) {
    StringList statements = {0};
    for (int i = 0; i < pg_rows_count(entries); i++) {
        SqlObject future = {.kind = (int)pg_rows_int(entries, i, 0),
                            .owner = account->name,
                            .schema = pg_rows_text(entries, i, 1)};
        if (pg_rows_text(entries, i, 2) != NULL) {
            bool is_public = pg_rows_int(entries, i, 2) == 0;
            string_list_add(operation->arena, &statements,
                            pg_sql_revoke(operation->arena, SQL_ALL, &future, 1,
                                          is_public ? NULL : pg_rows_text(entries, i, 3)));
        }
        bool last = i + 1 == pg_rows_count(entries) ||
                    pg_rows_int(entries, i + 1, 4) != pg_rows_int(entries, i, 4);
        if (last && future.schema == NULL)
            restore_built_in(operation->arena, &future, &statements);
    }
    return statements;
}

Status pg_own_settings_read(Operation *operation, const Role *account, StringList *ret_statements,
                            Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT CASE d.defaclobjtype WHEN 'r' THEN %d WHEN 'S' THEN %d WHEN 'f' THEN %d"
        "  WHEN 'T' THEN %d WHEN 'n' THEN %d ELSE %d END, n.nspname, x.grantee::bigint,"
        "  pg_get_userbyid(x.grantee), d.oid"
        " FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace"
        " LEFT JOIN LATERAL (SELECT DISTINCT grantee FROM aclexplode(d.defaclacl)) x ON true"
        " WHERE d.defaclrole = %lld ORDER BY d.oid, x.grantee",
        SQL_FUTURE_TABLES, SQL_FUTURE_SEQUENCES, SQL_FUTURE_ROUTINES, SQL_FUTURE_TYPES,
        SQL_FUTURE_SCHEMAS, SQL_FUTURE_LARGE_OBJECTS, (long long)account->oid);
    Rows *entries;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading default privileges", .sql = sql},
                          &entries, reterr));
    *ret_statements = clearing_statements(operation, account, entries);
    return STATUS_OK;
}

void pg_own_settings_add_obstacle(Operation *operation, const Role *account,
                                  const StringList *statements, const char *why) {
    Arena *arena = operation->arena;
    const char *database = operation->session->target.database;
    pg_operation_add_obstacle(
        operation,
        arena_printf(arena,
                     "account \"%s\" has default privileges of its own in database \"%s\", and "
                     "they cannot be cleared: %s",
                     account->name, database, why),
        pg_sql_in_database(arena,
                           arena_printf(arena, "%s;", string_list_join(arena, statements, "; ")),
                           database, NULL));
}

// ---- Policies -----------------------------------------------------------------------------------

Status pg_own_policies_read(Operation *operation, const Role *account, const char *custodian,
                            StringList *ret_statements, Error *reterr) {
    // The roles as they shall be: one line each, together by policy.
    const char *sql =
        arena_printf(operation->arena,
                     "SELECT DISTINCT p.oid, p.polname, n.nspname, c.relname,"
                     "  CASE r.role WHEN %lld THEN $1::name ELSE pg_get_userbyid(r.role) END"
                     " FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
                     " JOIN pg_namespace n ON n.oid = c.relnamespace"
                     " CROSS JOIN LATERAL unnest(p.polroles) r(role)"
                     " WHERE c.relowner = %lld AND %lld = ANY (p.polroles) ORDER BY 1, 5",
                     (long long)account->oid, (long long)account->oid, (long long)account->oid);
    Rows *rows;
    TRY(pg_operation_read(operation,
                          &(Query){.doing = "reading policies",
                                   .sql = sql,
                                   .parameters = &custodian,
                                   .parameter_count = 1},
                          &rows, reterr));
    StringList roles = {0};
    for (int i = 0; i < pg_rows_count(rows); i++) {
        string_list_add(operation->arena, &roles, pg_rows_text(rows, i, 4));
        if (i + 1 < pg_rows_count(rows) && pg_rows_int(rows, i + 1, 0) == pg_rows_int(rows, i, 0))
            continue;
        SqlObject table = {.kind = SQL_TABLE,
                           .schema = pg_rows_text(rows, i, 2),
                           .name = pg_rows_text(rows, i, 3)};
        string_list_add(
            operation->arena, ret_statements,
            pg_sql_set_policy_roles(operation->arena, pg_rows_text(rows, i, 1), &table, &roles));
        roles = (StringList){0};
    }
    return STATUS_OK;
}

// ---- Logins at foreign servers ------------------------------------------------------------------

// Only the account itself, or the server's owner, may do it.
static Status remove_mapping(Operation *operation, const Role *account, const char *sql,
                             Error *reterr) {
    TRY(pg_operation_begin(operation, reterr));
    TRY(pg_operation_lock_privileges(operation, true, reterr));
    TRY(pg_membership_begin(operation, account, reterr));
    if (!operation->session->superuser)
        TRY(pg_operation_change(operation, "acting for the account",
                                pg_sql_set_role(operation->arena, account->name), reterr));
    TRY(pg_operation_change(operation, "removing a login at a foreign server", sql, reterr));
    if (!operation->session->superuser)
        TRY(pg_operation_change(operation, "ceasing to act for the account", "RESET ROLE", reterr));
    TRY(pg_membership_end(operation, account, reterr));
    return pg_operation_commit(operation, reterr);
}

Status pg_own_mappings_remove(Operation *operation, const Role *account, Error *reterr) {
    Arena *arena = operation->arena;
    const char *database = operation->session->target.database;
    const char *select =
        arena_printf(arena, "SELECT srvname FROM pg_user_mappings WHERE umuser = %lld ORDER BY 1",
                     (long long)account->oid);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading user mappings", .sql = select},
                          &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        const char *server = pg_rows_text(rows, i, 0);
        const char *sql = pg_sql_drop_user_mapping(arena, account->name, server);
        Error error = {0};
        Status status = remove_mapping(operation, account, sql, &error);
        if (status == STATUS_OK) {
            evidence_warn(&operation->evidence,
                          "the account's login at foreign server %s of database %s was removed "
                          "with it",
                          server, database);
            continue;
        }
        pg_operation_rollback(operation);
        if (operation->evidence.failure == FAILURE_RETRY) {
            if (reterr != NULL)
                *reterr = error;
            return status;
        }
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena,
                         "account \"%s\" has a login at foreign server \"%s\" of database \"%s\" "
                         "(a user mapping), and the admin account could not remove it",
                         account->name, server, database),
            pg_sql_in_database(arena, arena_printf(arena, "%s;", sql), database, NULL));
    }
    return STATUS_OK;
}
