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
    "  pg_has_role(x.grantor, 'USAGE'), pg_has_role(x.grantor, '%s')"
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
    "  UNION ALL SELECT %d, NULL, NULL, l.lanname, NULL, false, l.lanacl"
    "   FROM held JOIN pg_language l ON classid = 'pg_language'::regclass AND l.oid = objid"
    "  UNION ALL SELECT %d, NULL, NULL, w.fdwname, NULL, false, w.fdwacl FROM held"
    "   JOIN pg_foreign_data_wrapper w"
    "   ON classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = objid"
    "  UNION ALL SELECT %d, NULL, NULL, s.srvname, NULL, false, s.srvacl FROM held"
    "   JOIN pg_foreign_server s ON classid = 'pg_foreign_server'::regclass AND s.oid = objid"
    "  UNION ALL SELECT %d, NULL, NULL, m.oid::text, NULL, false, m.lomacl FROM held"
    "   JOIN pg_largeobject_metadata m ON classid = 'pg_largeobject'::regclass AND m.oid = objid"
    "  UNION ALL SELECT %d, NULL, NULL, t.spcname, NULL, false, t.spcacl"
    "   FROM held JOIN pg_tablespace t ON classid = 'pg_tablespace'::regclass AND t.oid = objid"
    "  %s"
    "  UNION ALL SELECT CASE d.defaclobjtype WHEN 'r' THEN %d WHEN 'S' THEN %d WHEN 'f' THEN %d"
    "    WHEN 'T' THEN %d WHEN 'n' THEN %d ELSE %d END,"
    "   pg_get_userbyid(d.defaclrole), n.nspname, NULL, NULL, false, d.defaclacl"
    "   FROM held JOIN pg_default_acl d ON classid = 'pg_default_acl'::regclass AND d.oid = objid"
    "   LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace"
    " ) AS a(kind, owner, schema, name, arguments, of_columns, acl)"
    " CROSS JOIN LATERAL aclexplode(a.acl) x WHERE x.grantee = %lld"
    " GROUP BY a.kind, a.owner, a.schema, a.name, a.arguments, a.of_columns, x.grantor"
    " ORDER BY x.grantor, a.kind, a.schema, a.name, a.arguments, a.owner";

// Only a server that has the catalog knows its name.
static const char *parameters_sql(Operation *operation) {
    if (operation->session->version < 150000)
        return "";
    return arena_printf(
        operation->arena,
        "UNION ALL SELECT %d, NULL, NULL, p.parname, NULL, false, p.paracl FROM held"
        " JOIN pg_parameter_acl p ON classid = 'pg_parameter_acl'::regclass AND p.oid = objid",
        SQL_PARAMETER);
}

static const char *acl_sql(Operation *operation, int64_t role_oid) {
    const DriverSession *session = operation->session;
    return arena_printf(
        operation->arena, ACL_SQL, (long long)role_oid, (long long)session->database_oid,
        session->version >= 160000 ? "SET" : "MEMBER", SQL_SEQUENCE, SQL_TABLE, SQL_TABLE,
        SQL_SCHEMA, SQL_ROUTINE, SQL_TYPE, SQL_DATABASE, SQL_LANGUAGE, SQL_WRAPPER, SQL_SERVER,
        SQL_LARGE_OBJECT, SQL_TABLESPACE, parameters_sql(operation), SQL_FUTURE_TABLES,
        SQL_FUTURE_SEQUENCES, SQL_FUTURE_ROUTINES, SQL_FUTURE_TYPES, SQL_FUTURE_SCHEMAS,
        SQL_FUTURE_LARGE_OBJECTS, (long long)role_oid);
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
        entry->inherits = pg_rows_bool(rows, i, 9);
        entry->can_assume = pg_rows_bool(rows, i, 10);
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

static void add_obstacle(Operation *operation, const AclEntries *group, const char *role) {
    Arena *arena = operation->arena;
    const char *grantor = group->items[0].grantor;
    PrivilegeSet set = pg_acl_privileges(arena, group);
    StringList revokes = pg_privilege_set_revokes(arena, &set, role);
    pg_operation_add_obstacle(
        operation,
        arena_printf(arena,
                     "privileges of \"%s\" in database \"%s\" were given by \"%s\", and the "
                     "admin account could not take them back: %s",
                     role, operation->session->target.database, grantor,
                     pg_privilege_set_describe(arena, &set)),
        pg_sql_in_database(arena,
                           arena_printf(arena, "SET ROLE %s; %s; RESET ROLE;",
                                        pg_sql_identifier(arena, grantor),
                                        string_list_join(arena, &revokes, "; ")),
                           operation->session->target.database, NULL));
}

// grantor NULL: as the admin itself.
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

// The admin acts as itself, and then as the grantor: the first is enough for what its own grants
// left and needs no right of the grantor to look into the schema; the second reaches the rest.
typedef enum Pass { PASS_ADMIN, PASS_GRANTOR, PASS_COUNT_ } Pass;

static Status revoke_group(Operation *operation, const AclEntries *group, const char *role,
                           Pass pass, Error *reterr) {
    const AclEntry *first = &group->items[0];
    if (!(pass == PASS_ADMIN ? first->inherits : first->can_assume))
        return STATUS_OK;
    PrivilegeSet set = pg_acl_privileges(operation->arena, group);
    StringList statements = pg_privilege_set_revokes(operation->arena, &set, role);
    Status status =
        revoke_as(operation, pass == PASS_ADMIN ? NULL : first->grantor, &statements, reterr);
    if (status == STATUS_OK)
        return STATUS_OK;
    pg_operation_rollback(operation);
    return operation->evidence.failure == FAILURE_RETRY ? status : STATUS_OK;
}

// The entries that one grantor gave, from `from` on.
static AclEntries group_at(const AclEntries *entries, size_t from) {
    AclEntries group = {.items = &entries->items[from]};
    while (from < entries->count &&
           strcmp(entries->items[from].grantor, group.items[0].grantor) == 0)
        from++, group.count++;
    return group;
}

Status pg_acl_revoke(Operation *operation, int64_t role_oid, const char *role, Error *reterr) {
    AclEntries entries;
    AclEntries group;
    TRY(pg_acl_read(operation, role_oid, &entries, reterr));
    for (Pass pass = PASS_ADMIN; pass < PASS_COUNT_ && entries.count > 0; pass++) {
        for (size_t i = 0; i < entries.count; i += group.count) {
            group = group_at(&entries, i);
            TRY(revoke_group(operation, &group, role, pass, reterr));
        }
        TRY(pg_acl_read(operation, role_oid, &entries, reterr));
    }
    for (size_t i = 0; i < entries.count; i += group.count) {
        group = group_at(&entries, i);
        add_obstacle(operation, &group, role);
    }
    return STATUS_OK;
}
