#include "driver/postgresql/leftovers.h"

#include <string.h>

#include "driver/postgresql/statement.h"

enum { NAMED_AT_MOST = 20 };

// ---- Prepared transactions ----------------------------------------------------------------------

static const char *end_prepared(Arena *arena, const char *gid, const char *database) {
    const char *name = pg_sql_one_line(arena, pg_sql_literal(arena, gid));
    return pg_sql_in_database(
        arena, arena_printf(arena, "ROLLBACK PREPARED %s;", name), database,
        arena_printf(arena, "or, if its coordinator decided so: COMMIT PREPARED %s;", name));
}

Status pg_leftovers_find_prepared(Operation *operation, const Role *account, Error *reterr) {
    static const char SQL[] = "SELECT gid, database FROM pg_prepared_xacts WHERE owner = $1";
    Arena *arena = operation->arena;
    Rows *rows;
    TRY(pg_operation_read(operation,
                          &(Query){.doing = "reading prepared transactions",
                                   .sql = SQL,
                                   .parameters = &account->name,
                                   .parameter_count = 1},
                          &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        const char *gid = pg_rows_text(rows, i, 0);
        const char *database = pg_rows_text(rows, i, 1);
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena,
                         "account \"%s\" left prepared transaction %s in database \"%s\", which is "
                         "neither committed nor rolled back",
                         account->name, pg_sql_literal(arena, gid), database),
            end_prepared(arena, gid, database));
    }
    return STATUS_OK;
}

// ---- Memberships --------------------------------------------------------------------------------

Status pg_leftovers_find_memberships(Operation *operation, const Role *account, Error *reterr) {
    Arena *arena = operation->arena;
    Rows *rows;
    TRY(pg_role_given_memberships(operation, account->oid, &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        const char *role = pg_rows_text(rows, i, 0);
        const char *member = pg_rows_text(rows, i, 1);
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena, "account \"%s\" made \"%s\" a member of role \"%s\"", account->name,
                         member, role),
            arena_printf(arena, "%s;",
                         pg_sql_revoke_role_of(arena, role, member, account->name,
                                               operation->session->version)));
    }
    return STATUS_OK;
}

// ---- Policies of others -------------------------------------------------------------------------

// One line for each other role that a policy names; one line with none where there is no other.
static const char POLICIES_SQL[] =
    "SELECT p.oid, p.polname, n.nspname, c.relname, pg_get_userbyid(r.role)"
    " FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN LATERAL unnest(p.polroles) r(role) ON r.role <> %lld"
    " WHERE %lld = ANY (p.polroles) ORDER BY 1, 5";

static void add_policy(Operation *operation, const Role *account, Rows *rows, int row,
                       const StringList *others) {
    Arena *arena = operation->arena;
    const char *database = operation->session->target.database;
    const char *policy = pg_rows_text(rows, row, 1);
    SqlObject table = {.kind = SQL_TABLE,
                       .schema = pg_rows_text(rows, row, 2),
                       .name = pg_rows_text(rows, row, 3)};
    const char *sql = others->count > 0 ? pg_sql_set_policy_roles(arena, policy, &table, others)
                                        : pg_sql_drop_policy(arena, policy, &table);
    pg_operation_add_obstacle(
        operation,
        arena_printf(arena, "policy %s of %s in database \"%s\" names account \"%s\"",
                     pg_sql_identifier(arena, policy), pg_sql_object_describe(arena, &table),
                     database, account->name),
        pg_sql_in_database(arena, arena_printf(arena, "%s;", sql), database,
                           others->count > 0 ? NULL : "or name another role in it"));
}

static Status find_policies(Operation *operation, const Role *account, Error *reterr) {
    const char *sql = arena_printf(operation->arena, POLICIES_SQL, (long long)account->oid,
                                   (long long)account->oid);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading policies", .sql = sql}, &rows,
                          reterr));
    StringList others = {0};
    for (int i = 0; i < pg_rows_count(rows); i++) {
        if (pg_rows_text(rows, i, 4) != NULL)
            string_list_add(operation->arena, &others, pg_rows_text(rows, i, 4));
        if (i + 1 < pg_rows_count(rows) && pg_rows_int(rows, i + 1, 0) == pg_rows_int(rows, i, 0))
            continue;
        add_policy(operation, account, rows, i, &others);
        others = (StringList){0};
    }
    return STATUS_OK;
}

// ---- Whatever else ------------------------------------------------------------------------------

// What it owned has been handed over or named, and so has everything that this driver knows to hold
// privileges.
static Status find_unknown(Operation *operation, const Role *account, Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql = arena_printf(
        arena,
        "SELECT DISTINCT pg_describe_object(classid, objid, 0) FROM pg_shdepend"
        " WHERE refclassid = 'pg_authid'::regclass AND refobjid = %lld AND dbid IN (0, %lld)"
        " AND deptype NOT IN ('o', 'r') AND classid::regclass::text <> 'pg_auth_members'"
        " ORDER BY 1 LIMIT %d",
        (long long)account->oid, (long long)operation->session->database_oid, NAMED_AT_MOST);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading what is left", .sql = sql}, &rows,
                          reterr));
    const char *database = operation->session->target.database;
    for (int i = 0; i < pg_rows_count(rows); i++) {
        const char *object =
            pg_rows_text(rows, i, 0) == NULL ? "an object" : pg_rows_text(rows, i, 0);
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena, "%s in database \"%s\" has privileges of account \"%s\"", object,
                         database, account->name),
            pg_sql_remark(arena,
                          arena_printf(arena, "take the role's privileges on %s in database %s",
                                       object, pg_sql_identifier(arena, database))));
    }
    return STATUS_OK;
}

Status pg_leftovers_find(Operation *operation, const Role *account, Error *reterr) {
    TRY(find_policies(operation, account, reterr));
    return find_unknown(operation, account, reterr);
}

// ---- Locks --------------------------------------------------------------------------------------

Status pg_leftovers_find_locks(Operation *operation, const Role *account, bool *ret_any,
                               Error *reterr) {
    Arena *arena = operation->arena;
    // Of a prepared transaction, pg_locks knows the transaction's number instead of a process.
    const char *sql = arena_printf(
        arena,
        "SELECT DISTINCT l.pid, a.usename, x.gid, x.database, x.owner = $1 FROM pg_locks l"
        " JOIN pg_shdepend d ON d.classid = 'pg_class'::regclass AND d.objid = l.relation"
        "  AND d.dbid = l.database AND d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o'"
        " LEFT JOIN pg_stat_activity a ON a.pid = l.pid LEFT JOIN pg_prepared_xacts x"
        "  ON l.pid IS NULL AND l.virtualtransaction = '-1/' || x.transaction::text"
        " WHERE d.refobjid = %lld AND d.dbid = %lld AND l.granted"
        " AND l.pid IS DISTINCT FROM pg_backend_pid() ORDER BY 1, 3 LIMIT %d",
        (long long)account->oid, (long long)operation->session->database_oid, NAMED_AT_MOST);
    Rows *rows;
    TRY(pg_operation_read(operation,
                          &(Query){.doing = "reading locks",
                                   .sql = sql,
                                   .parameters = &account->name,
                                   .parameter_count = 1},
                          &rows, reterr));
    *ret_any = pg_rows_count(rows) > 0;
    const char *database = operation->session->target.database;
    for (int i = 0; i < pg_rows_count(rows); i++) {
        const char *pid = pg_rows_text(rows, i, 0);
        const char *user = pg_rows_text(rows, i, 1);
        const char *gid = pg_rows_text(rows, i, 2);
        if (pid == NULL && (gid == NULL || pg_rows_bool(rows, i, 4)))
            continue; // its own has been named
        const char *holder = pid != NULL ? arena_printf(arena, "session %s of \"%s\"", pid,
                                                        user == NULL ? "the server" : user)
                                         : arena_printf(arena, "prepared transaction %s",
                                                        pg_sql_literal(arena, gid));
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena,
                         "%s holds a lock on what account \"%s\" owns in database \"%s\", which "
                         "cannot be handed over meanwhile",
                         holder, account->name, database),
            pid != NULL ? arena_printf(arena, "SELECT pg_terminate_backend(%s); -- or wait", pid)
                        : end_prepared(arena, gid, pg_rows_text(rows, i, 3)));
    }
    return STATUS_OK;
}
