#include "driver/postgresql/owned.h"

enum { LISTED_AT_MOST = 200, NAMED_AT_MOST = 5 };

// Default privileges and user mappings have an owner too, but are settings of the account and not
// something others could own. What runs with its owner's rights comes first, and so is not hidden
// behind a thousand tables. Only few are named: that takes the server a while for each.
static const char OWNED_SQL[] =
    "SELECT coalesce(i.type || ' ' || i.identity, 'an object'), s.definer, s.total FROM"
    " (SELECT d.classid, d.objid, coalesce(p.prosecdef, false) AS definer,"
    "   count(*) OVER () AS total FROM pg_shdepend d"
    "  LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid"
    "  WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = %lld AND d.deptype = 'o'"
    "  AND d.dbid IN (0, %lld)"
    "  AND d.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)"
    "  ORDER BY definer DESC, d.classid, d.objid LIMIT %d) s"
    " CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, 0) i"
    " ORDER BY s.definer DESC, s.classid, s.objid";

// A sequence of a column follows its table.
static const char TABLES_SQL[] =
    "SELECT n.nspname, c.relname FROM pg_shdepend d"
    " JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = %lld AND d.deptype = 'o'"
    " AND d.dbid = %lld AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
    " AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend o"
    "  WHERE o.classid = 'pg_class'::regclass AND o.objid = c.oid"
    "  AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i')))"
    " ORDER BY c.oid LIMIT %d";

Status pg_owned_read(Operation *operation, const Role *role, Owned *ret_owned, Error *reterr) {
    const char *sql = arena_printf(operation->arena, OWNED_SQL, (long long)role->oid,
                                   (long long)operation->session->database_oid, LISTED_AT_MOST);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading what the account owns", .sql = sql},
                          &rows, reterr));
    Owned owned = {.count = pg_rows_count(rows) > 0 ? pg_rows_int(rows, 0, 2) : 0};
    for (int i = 0; i < pg_rows_count(rows); i++) {
        string_list_add(operation->arena, &owned.objects, pg_rows_text(rows, i, 0));
        if (pg_rows_bool(rows, i, 1))
            string_list_add(operation->arena, &owned.definer_objects, pg_rows_text(rows, i, 0));
    }
    *ret_owned = owned;
    return STATUS_OK;
}

const char *pg_owned_few(Arena *arena, const Owned *owned) {
    StringList shown = owned->objects;
    if (shown.count > NAMED_AT_MOST)
        shown.count = NAMED_AT_MOST;
    const char *names = string_list_join(arena, &shown, ", ");
    if ((int64_t)shown.count == owned->count)
        return names;
    return arena_printf(arena, "%s, and %lld more", names,
                        (long long)(owned->count - (int64_t)shown.count));
}

Status pg_owned_schemas(Operation *operation, const Role *role, StringList *ret_schemas,
                        Error *reterr) {
    const char *sql = arena_printf(operation->arena,
                                   "SELECT nspname FROM pg_namespace WHERE nspowner = %lld"
                                   " ORDER BY 1",
                                   (long long)role->oid);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading schemas", .sql = sql}, &rows,
                          reterr));
    for (int i = 0; i < pg_rows_count(rows); i++)
        string_list_add(operation->arena, ret_schemas, pg_rows_text(rows, i, 0));
    return STATUS_OK;
}

Status pg_owned_tables(Operation *operation, const Role *role, int limit, Rows **ret_rows,
                       Error *reterr) {
    const char *sql = arena_printf(operation->arena, TABLES_SQL, (long long)role->oid,
                                   (long long)operation->session->database_oid, limit);
    return pg_operation_read(operation, &(Query){.doing = "reading tables", .sql = sql}, ret_rows,
                             reterr);
}
