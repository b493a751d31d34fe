#include "driver/postgresql/acl.h"

#include <string.h>

// The numbers are SqlObjectKind, put in by acl_sql. pg_shdepend is read by its index, so the cost
// follows what the role holds and not the size of the catalog.
static const char ACL_SQL[] =
    "WITH held AS (SELECT DISTINCT classid, objid FROM pg_shdepend"
    "  WHERE refclassid = 'pg_authid'::regclass AND refobjid = %lld AND deptype = 'a'"
    "  AND dbid IN (0, %lld))"
    " SELECT a.kind, a.owner, a.schema, a.name, a.arguments, a.of_columns,"
    "  pg_get_userbyid(x.grantor), bool_or(x.is_grantable),"
    "  array_to_string(array_agg(DISTINCT x.privilege_type::text), ','),"
    "  pg_has_role(x.grantor, '%s')"
    " FROM ("
    "  SELECT CASE c.relkind WHEN 'S' THEN %d ELSE %d END, NULL::name, n.nspname, c.relname,"
    "   NULL::text, false, c.relacl"
    "   FROM held JOIN pg_class c ON classid = 'pg_class'::regclass AND c.oid = objid"
    "   JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  UNION ALL SELECT %d, NULL, n.nspname, c.relname, NULL, true, t.attacl"
    "   FROM held JOIN pg_class c ON classid = 'pg_class'::regclass AND c.oid = objid"
    "   JOIN pg_namespace n ON n.oid = c.relnamespace"
    "   JOIN pg_attribute t ON t.attrelid = c.oid AND t.attacl IS NOT NULL"
    "  UNION ALL SELECT %d, NULL, n.nspname, NULL, NULL, false, n.nspacl"
    "   FROM held JOIN pg_namespace n ON classid = 'pg_namespace'::regclass AND n.oid = objid"
    "  UNION ALL SELECT %d, NULL, n.nspname, p.proname, oidvectortypes(p.proargtypes), false,"
    "   p.proacl"
    "   FROM held JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid"
    "   JOIN pg_namespace n ON n.oid = p.pronamespace"
    "  UNION ALL SELECT %d, NULL, n.nspname, t.typname, NULL, false, t.typacl"
    "   FROM held JOIN pg_type t ON classid = 'pg_type'::regclass AND t.oid = objid"
    "   JOIN pg_namespace n ON n.oid = t.typnamespace"
    "  UNION ALL SELECT %d, NULL, NULL, d.datname, NULL, false, d.datacl"
    "   FROM held JOIN pg_database d ON classid = 'pg_database'::regclass AND d.oid = objid"
    "  UNION ALL SELECT CASE d.defaclobjtype WHEN 'r' THEN %d WHEN 'S' THEN %d WHEN 'f' THEN %d"
    "    WHEN 'T' THEN %d ELSE %d END,"
    "   pg_get_userbyid(d.defaclrole), n.nspname, NULL, NULL, false, d.defaclacl"
    "   FROM held JOIN pg_default_acl d ON classid = 'pg_default_acl'::regclass AND d.oid = objid"
    "   LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace"
    " ) AS a(kind, owner, schema, name, arguments, of_columns, acl)"
    " CROSS JOIN LATERAL aclexplode(a.acl) x WHERE x.grantee = %lld"
    " GROUP BY a.kind, a.owner, a.schema, a.name, a.arguments, a.of_columns, x.grantor"
    " ORDER BY x.grantor, a.kind, a.schema, a.name, a.arguments, a.owner";

static const char *acl_sql(Operation *operation, int64_t role_oid) {
    const DriverSession *session = operation->session;
    return arena_printf(
        operation->arena, ACL_SQL, (long long)role_oid, (long long)session->database_oid,
        session->version >= 160000 ? "SET" : "MEMBER", SQL_SEQUENCE, SQL_TABLE, SQL_TABLE,
        SQL_SCHEMA, SQL_ROUTINE, SQL_TYPE, SQL_DATABASE, SQL_FUTURE_TABLES, SQL_FUTURE_SEQUENCES,
        SQL_FUTURE_ROUTINES, SQL_FUTURE_TYPES, SQL_FUTURE_SCHEMAS, (long long)role_oid);
}

static uint32_t privileges_of_text(Arena *arena, const char *text) {
    uint32_t privileges = 0;
    char *rest = arena_strdup(arena, text);
    for (char *word; (word = strsep(&rest, ",")) != NULL;)
        privileges |= pg_sql_privilege(word);
    return privileges;
}

Status pg_acl_read(Operation *operation, int64_t role_oid, AclEntries *ret_entries, Error *reterr) {
    Rows *rows;
    TRY(pg_operation_read(
        operation, &(Query){.doing = "reading access lists", .sql = acl_sql(operation, role_oid)},
        &rows, reterr));
    AclEntries entries = {.count = (size_t)pg_rows_count(rows)};
    entries.items = arena_alloc(operation->arena, entries.count * sizeof entries.items[0]);
    for (int i = 0; i < pg_rows_count(rows); i++) {
        AclEntry *entry = &entries.items[i];
        entry->object = (SqlObject){
            .kind = (int)pg_rows_int(rows, i, 0),
            .owner = pg_rows_text(rows, i, 1),
            .schema = pg_rows_text(rows, i, 2),
            .name = pg_rows_text(rows, i, 3),
            .arguments = pg_rows_text(rows, i, 4),
        };
        entry->of_columns = pg_rows_bool(rows, i, 5);
        entry->grantor = pg_rows_text(rows, i, 6);
        entry->grantable = pg_rows_bool(rows, i, 7);
        entry->privileges = privileges_of_text(operation->arena, pg_rows_text(rows, i, 8));
        entry->can_assume = pg_rows_bool(rows, i, 9);
    }
    *ret_entries = entries;
    return STATUS_OK;
}

PrivilegeSet pg_acl_privileges(Arena *arena, const AclEntries *entries) {
    PrivilegeSet set = {0};
    for (size_t i = 0; i < entries->count; i++)
        pg_privilege_set_add(arena, &set, &entries->items[i].object, entries->items[i].privileges);
    pg_privilege_set_normalise(&set);
    return set;
}

static void add_obstacle(Operation *operation, const PrivilegeSet *set, const char *role,
                         const char *grantor) {
    Arena *arena = operation->arena;
    StringList revokes = pg_privilege_set_revokes(arena, set, role);
    pg_operation_add_obstacle(
        operation,
        arena_printf(arena,
                     "privileges of \"%s\" in database \"%s\" were given by \"%s\", as whom "
                     "the admin account may not act: %s",
                     role, operation->session->target.database, grantor,
                     pg_privilege_set_describe(arena, set)),
        arena_printf(arena, "SET ROLE %s; %s; RESET ROLE;", pg_sql_identifier(arena, grantor),
                     string_list_join(arena, &revokes, "; ")));
}

static Status revoke_as(Operation *operation, const char *grantor, const StringList *statements,
                        Error *reterr) {
    TRY(pg_operation_begin(operation, reterr));
    TRY(pg_operation_lock_privileges(operation, true, reterr));
    if (grantor != NULL)
        TRY(pg_operation_change(operation, "acting as the giver of privileges",
                                pg_sql_set_role(operation->arena, grantor), reterr));
    TRY(pg_operation_change_all(operation, "taking privileges back", statements, reterr));
    return pg_operation_commit(operation, reterr);
}

// Entries from `first` on that one grantor gave.
static Status revoke_group(Operation *operation, const AclEntries *group, const char *role,
                           Error *reterr) {
    const AclEntry *first = &group->items[0];
    const DriverSession *session = operation->session;
    PrivilegeSet set = pg_acl_privileges(operation->arena, group);
    bool is_admin = strcmp(first->grantor, session->admin) == 0;
    if (!is_admin && !first->can_assume) {
        add_obstacle(operation, &set, role, first->grantor);
        return STATUS_OK;
    }
    StringList statements = pg_privilege_set_revokes(operation->arena, &set, role);
    Status status = revoke_as(operation, is_admin ? NULL : first->grantor, &statements, reterr);
    if (status == STATUS_OK)
        return STATUS_OK;
    pg_operation_rollback(operation);
    if (operation->failure == FAILURE_RETRY)
        return status;
    add_obstacle(operation, &set, role, first->grantor);
    return STATUS_OK;
}

Status pg_acl_revoke(Operation *operation, int64_t role_oid, const char *role, Error *reterr) {
    AclEntries entries;
    TRY(pg_acl_read(operation, role_oid, &entries, reterr));
    for (size_t i = 0; i < entries.count;) {
        AclEntries group = {.items = &entries.items[i]};
        while (i < entries.count && strcmp(entries.items[i].grantor, group.items[0].grantor) == 0)
            i++, group.count++;
        TRY(revoke_group(operation, &group, role, reterr));
    }
    return STATUS_OK;
}
