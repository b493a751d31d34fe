#include "driver/postgresql/shared_role_excess.h"

#include <string.h>

#include "driver/postgresql/shared_role_mark.h"
#include "driver/postgresql/statement.h"

enum { LISTED_AT_MOST = 50 };

// By database and kind of dependency. The server describes only what is in the session's database.
static const char EXCESS_SQL[] =
    "SELECT coalesce(d.datname, current_database()), s.deptype = 'o', s.deptype = 'a',"
    " s.dbid NOT IN (0, %lld), count(*),"
    " min(CASE WHEN s.dbid IN (0, %lld) THEN pg_describe_object(s.classid, s.objid, 0) END)"
    " FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid"
    " WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %lld"
    " AND (s.deptype <> 'a' OR s.dbid NOT IN (0, %lld) OR s.classid NOT IN"
    " ('pg_class'::regclass, 'pg_namespace'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass,"
    " 'pg_database'::regclass, 'pg_default_acl'::regclass, 'pg_language'::regclass,"
    " 'pg_foreign_data_wrapper'::regclass, 'pg_foreign_server'::regclass,"
    " 'pg_largeobject'::regclass, 'pg_tablespace'::regclass%s))"
    " GROUP BY 1, 2, 3, 4 ORDER BY 2 DESC, 1, 3 LIMIT %d";

// One line of the above.
typedef struct Excess {
    const char *role; // quoted, as the custodian
    const char *custodian;
    const char *database;
    bool owned;
    bool granted;
    bool elsewhere; // in another database than the session's
    int64_t count;
    const char *object; // the first; NULL where it cannot be described
} Excess;

static const char *objects_text(Arena *arena, const Excess *excess) {
    if (excess->object == NULL)
        return arena_printf(arena, "%lld objects", (long long)excess->count);
    if (excess->count == 1)
        return excess->object;
    return arena_printf(arena, "%s and %lld more", excess->object, (long long)excess->count - 1);
}

// Whoever gets them runs what is in them: a custodian, or a role that is chosen for it.
static const char *reassign_text(Arena *arena, const Excess *excess) {
    return arena_printf(arena, "REASSIGN OWNED BY %s TO %s;", excess->role,
                        excess->custodian == NULL ? "new_owner" : excess->custodian);
}

static const char *repair_text(Arena *arena, const Excess *excess) {
    const char *choice =
        excess->custodian == NULL ? "with the role that shall own them for new_owner" : NULL;
    if (excess->owned)
        return pg_sql_in_database(arena, reassign_text(arena, excess), excess->database, choice);
    // DROP OWNED takes privileges, and would drop what it owns: never without REASSIGN before it.
    if (excess->granted && excess->elsewhere)
        return pg_sql_in_database(arena,
                                  arena_printf(arena, "BEGIN; %s DROP OWNED BY %s; COMMIT;",
                                               reassign_text(arena, excess), excess->role),
                                  excess->database, choice);
    return pg_sql_remark(arena,
                         arena_printf(arena, "%s in database %s: %s", objects_text(arena, excess),
                                      pg_sql_identifier(arena, excess->database),
                                      excess->granted ? "take the role's privileges on it"
                                                      : "name another role in it, or drop it"));
}

static void add(Operation *operation, Obstacles *list, const char *what, const char *repair) {
    if (list->count < LISTED_AT_MOST)
        list->items[list->count++] = (Obstacle){.what = what, .repair = repair};
}

static Status add_excess(Operation *operation, const Role *role, const char *custodian,
                         Obstacles *list, Error *reterr) {
    Arena *arena = operation->arena;
    long long here = operation->session->database_oid;
    const char *sql =
        arena_printf(arena, EXCESS_SQL, here, here, (long long)role->oid, here,
                     operation->session->version >= 150000 ? ", 'pg_parameter_acl'::regclass" : "",
                     (int)LISTED_AT_MOST);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading a shared role", .sql = sql}, &rows,
                          reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        Excess excess = {
            .role = pg_sql_identifier(arena, role->name),
            .custodian = custodian == NULL ? NULL : pg_sql_identifier(arena, custodian),
            .database = pg_rows_text(rows, i, 0),
            .owned = pg_rows_bool(rows, i, 1),
            .granted = pg_rows_bool(rows, i, 2),
            .elsewhere = pg_rows_bool(rows, i, 3),
            .count = pg_rows_int(rows, i, 4),
            .object = pg_rows_text(rows, i, 5),
        };
        const char *relation = excess.owned     ? "owns"
                               : excess.granted ? "has privileges on"
                                                : "is named by";
        add(operation, list,
            arena_printf(arena, "shared role \"%s\" %s %s in database %s", role->name, relation,
                         objects_text(arena, &excess), pg_sql_identifier(arena, excess.database)),
            repair_text(arena, &excess));
    }
    if (role->privileged)
        add(operation, list,
            arena_printf(arena, "shared role \"%s\" was given attributes of an administrator",
                         role->name),
            arena_printf(
                arena,
                "ALTER ROLE %s NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;",
                pg_sql_identifier(arena, role->name)));
    return STATUS_OK;
}

static Obstacles list_new(Operation *operation) {
    return (Obstacles){.items = arena_alloc(operation->arena, LISTED_AT_MOST * sizeof(Obstacle))};
}

Status pg_shared_role_excess(Operation *operation, const Role *role, const char *custodian,
                             Obstacles *ret_excess, Error *reterr) {
    Obstacles list = list_new(operation);
    TRY(add_excess(operation, role, custodian, &list, reterr));
    *ret_excess = list;
    return STATUS_OK;
}

Status pg_shared_roles_excess(Operation *operation, const char *deployment, const char *custodian,
                              Obstacles *ret_excess, Error *reterr) {
    static const char SQL[] =
        "SELECT oid, rolname, shobj_description(oid, 'pg_authid'),"
        " rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
        " FROM pg_roles WHERE shobj_description(oid, 'pg_authid') LIKE 'daypass-role {%'"
        " ORDER BY 2";
    Obstacles list = list_new(operation);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading shared roles", .sql = SQL}, &rows,
                          reterr));
    for (int i = 0; i < pg_rows_count(rows) && list.count < LISTED_AT_MOST; i++) {
        SharedRoleMark mark;
        if (!pg_shared_role_mark_parse(operation->arena, pg_rows_text(rows, i, 2), &mark) ||
            !text_equal(mark.deployment, deployment) ||
            !text_equal(mark.database, operation->session->target.database))
            continue;
        Role role = {.oid = pg_rows_int(rows, i, 0),
                     .name = pg_rows_text(rows, i, 1),
                     .privileged = pg_rows_bool(rows, i, 3)};
        TRY(add_excess(operation, &role, custodian, &list, reterr));
    }
    *ret_excess = list;
    return STATUS_OK;
}
