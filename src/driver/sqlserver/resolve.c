#include "driver/sqlserver/resolve.h"

#include <string.h>

enum { NAMED_AT_MOST = 5, FIRST_CAPACITY = 16 };

typedef struct Resolver {
    Operation *operation;
    Arena *arena;
    Resolution *resolution;
    const char *database; // of the item
    size_t capacity;      // of wanted
} Resolver;

// May hand on: whoever controls the securable or the database's security, or holds each of the
// privileges with the grant option by themselves. What a role holds with it could be handed on as
// that role alone.
static const char SECURITY_SQL[] =
    "COALESCE(HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CONTROL'), 0) = 1"
    " OR COALESCE(IS_ROLEMEMBER('db_securityadmin'), 0) = 1";

static const char *can_give(Arena *arena, const StringList *privileges, const char *control,
                            const char *where) {
    return arena_printf(arena,
                        "CASE WHEN %s OR %s OR (SELECT COUNT(DISTINCT g.permission_name) FROM"
                        " sys.database_permissions AS g WHERE g.state = 'W'"
                        " AND g.grantee_principal_id = DATABASE_PRINCIPAL_ID()"
                        " AND g.permission_name IN (%s) AND (%s)) = %zu THEN 1 ELSE 0 END",
                        SECURITY_SQL, control, tsql_texts(arena, privileges), where,
                        privileges->count);
}

static void add_wanted(Resolver *resolver, const Wanted *wanted) {
    Resolution *resolution = resolver->resolution;
    if (resolution->wanted_count == resolver->capacity) {
        resolver->capacity = resolver->capacity == 0 ? FIRST_CAPACITY : resolver->capacity * 2;
        Wanted *items = arena_alloc(resolver->arena, resolver->capacity * sizeof *items);
        if (resolution->wanted_count > 0)
            memcpy(items, resolution->wanted, resolution->wanted_count * sizeof *items);
        resolution->wanted = items;
    }
    resolution->wanted[resolution->wanted_count] = *wanted;
    resolution->wanted[resolution->wanted_count++].database = resolver->database;
}

static void add_absent(Resolver *resolver, const char *what) {
    string_list_add(
        resolver->arena, &resolver->resolution->absent,
        arena_printf(resolver->arena, "%s in database \"%s\"", what, resolver->database));
}

static Status check_name(Resolver *resolver, const char *what, const char *name, Error *reterr) {
    Status status = tsql_name_check(what, name, reterr);
    if (status != STATUS_OK)
        resolver->operation->evidence.failure = FAILURE_FATAL;
    return status;
}

// ---- Objects ------------------------------------------------------------------------------------

typedef struct ObjectQuery {
    const char *what;  // "table"
    const char *types; // in sys.objects
    const char *schema;
    const StringList *names;
    bool all;
    StringList privileges;
    const StringList *columns;
} ObjectQuery;

// Procedures and scalar functions are executed, functions that give tables are read.
static StringList fitting(Arena *arena, const StringList *privileges, const char *type) {
    StringList fit = {0};
    bool gives_table =
        strcmp(type, "IF") == 0 || strcmp(type, "TF") == 0 || strcmp(type, "FT") == 0;
    bool is_procedure = type[0] == 'P' || type[0] == 'X';
    bool is_function = gives_table || is_procedure || strcmp(type, "FN") == 0 ||
                       strcmp(type, "FS") == 0 || strcmp(type, "AF") == 0;
    for (size_t i = 0; i < privileges->count; i++) {
        const char *privilege = privileges->items[i];
        bool fits = !is_function || strcmp(privilege, "VIEW DEFINITION") == 0 ||
                    (strcmp(privilege, "EXECUTE") == 0 && !gives_table) ||
                    (strcmp(privilege, "SELECT") == 0 && gives_table) ||
                    (strcmp(privilege, "REFERENCES") == 0 && !is_procedure);
        if (fits)
            string_list_add(arena, &fit, privilege);
    }
    return fit;
}

static const char *objects_sql(Arena *arena, const ObjectQuery *query) {
    const char *named =
        query->all ? ""
                   : arena_printf(arena, " AND o.name IN (%s)", tsql_texts(arena, query->names));
    const char *given = can_give(
        arena, &query->privileges,
        "COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', "
        "'CONTROL'), 0) = 1",
        "g.class = 1 AND g.major_id = o.object_id AND g.minor_id = 0"
        " OR g.class = 3 AND g.major_id = o.schema_id OR g.class = 0");
    return arena_printf(arena,
                        "SELECT o.name, RTRIM(o.type), %s FROM sys.objects AS o"
                        " JOIN sys.schemas AS s ON s.schema_id = o.schema_id"
                        " WHERE s.name = %s AND o.type IN (%s) AND o.is_ms_shipped = 0%s"
                        " ORDER BY o.name",
                        given, tsql_text(arena, query->schema), query->types, named);
}

static bool has_row(const Rows *rows, const char *name) {
    for (size_t i = 0; i < rows->row_count; i++)
        if (text_equal(rows_text(rows, i, 0), name))
            return true;
    return false;
}

// Most databases take ORDERS for orders. A row that is another of the names is that one alone.
static bool is_found(const Rows *rows, const StringList *names, const char *name) {
    if (has_row(rows, name))
        return true;
    for (size_t i = 0; i < rows->row_count; i++)
        if (strcasecmp(rows_text(rows, i, 0), name) == 0 &&
            !string_list_has(names, rows_text(rows, i, 0)))
            return true;
    return false;
}

static Status resolve_objects(Resolver *resolver, const ObjectQuery *query, Error *reterr) {
    Arena *arena = resolver->arena;
    if ((!query->all && query->names->count == 0) || query->privileges.count == 0)
        return STATUS_OK;
    for (size_t i = 0; i < query->names->count; i++)
        TRY(check_name(resolver, query->what, query->names->items[i], reterr));
    Rows rows;
    TRY(mssql_read(resolver->operation, "looking up objects", objects_sql(arena, query), &rows,
                   reterr));
    for (size_t i = 0; i < query->names->count; i++)
        if (!is_found(&rows, query->names, query->names->items[i]))
            add_absent(resolver,
                       arena_printf(arena, "%s %s.%s", query->what, tsql_name(arena, query->schema),
                                    tsql_name(arena, query->names->items[i])));
    for (size_t i = 0; i < rows.row_count; i++) {
        Wanted wanted = {.securable = {.class = TSQL_OBJECT,
                                       .schema = query->schema,
                                       .name = rows_text(&rows, i, 0)},
                         .privileges = fitting(arena, &query->privileges, rows_text(&rows, i, 1)),
                         .can_give = rows_bool(&rows, i, 2)};
        if (query->columns != NULL)
            wanted.columns = *query->columns;
        if (wanted.privileges.count > 0)
            add_wanted(resolver, &wanted);
        else if (!query->all)
            add_absent(resolver, arena_printf(arena, "%s %s.%s to which %s could be given",
                                              query->what, tsql_name(arena, query->schema),
                                              tsql_name(arena, wanted.securable.name),
                                              string_list_join(arena, &query->privileges, " or ")));
    }
    return STATUS_OK;
}

// Columns may draw their defaults from sequences that the item does not name.
static Status resolve_drawn_sequences(Resolver *resolver, const AccessItem *item, Error *reterr) {
    Arena *arena = resolver->arena;
    if (item->preset != PRESET_READ_WRITE || (!item->all_tables && item->tables.count == 0))
        return STATUS_OK;
    StringList privileges = access_item_privileges(arena, TARGET_SQLSERVER, item, OBJECT_SEQUENCES);
    const char *named = item->all_tables ? ""
                                         : arena_printf(arena, " AND t.name IN (%s)",
                                                        tsql_texts(arena, &item->tables));
    const char *given =
        can_give(arena, &privileges, "1 = 0",
                 "g.class = 1 AND g.major_id = q.object_id OR g.class = 3 AND g.major_id = "
                 "q.schema_id OR g.class = 0");
    const char *sql = arena_printf(
        arena,
        "SELECT DISTINCT SCHEMA_NAME(q.schema_id), q.name, %s FROM sys.default_constraints AS d"
        " JOIN sys.objects AS t ON t.object_id = d.parent_object_id"
        " JOIN sys.sql_expression_dependencies AS x ON x.referencing_id = d.object_id"
        " JOIN sys.objects AS q ON q.object_id = x.referenced_id AND q.type = 'SO'"
        " WHERE SCHEMA_NAME(t.schema_id) = %s%s ORDER BY 1, 2",
        given, tsql_text(arena, item->schema), named);
    Rows rows;
    TRY(mssql_read(resolver->operation, "looking up sequences", sql, &rows, reterr));
    for (size_t i = 0; i < rows.row_count; i++)
        add_wanted(resolver, &(Wanted){.securable = {.class = TSQL_OBJECT,
                                                     .schema = rows_text(&rows, i, 0),
                                                     .name = rows_text(&rows, i, 1)},
                                       .privileges = privileges,
                                       .can_give = rows_bool(&rows, i, 2)});
    return STATUS_OK;
}

// ---- Schemas ------------------------------------------------------------------------------------

static bool belongs_to_server(const char *schema) {
    static const char *const SCHEMAS[] = {"sys", "INFORMATION_SCHEMA"};
    for (size_t i = 0; i < COUNT_OF(SCHEMAS); i++)
        if (strcasecmp(schema, SCHEMAS[i]) == 0)
            return true;
    return false;
}

// What is given on the schema itself reaches all in it, and what is made in it later.
static Status resolve_schema(Resolver *resolver, const AccessItem *item, bool *ret_found,
                             Error *reterr) {
    Arena *arena = resolver->arena;
    TRY(check_name(resolver, "schema", item->schema, reterr));
    if (belongs_to_server(item->schema))
        return evidence_fail(
            &resolver->operation->evidence, FAILURE_REFUSED, reterr, "system_schema",
            "schema \"%s\" belongs to the server; nothing in it can be granted", item->schema);
    StringList privileges =
        item->all_tables && item->future_tables
            ? access_item_privileges(arena, TARGET_SQLSERVER, item, OBJECT_TABLES)
            : access_item_privileges(arena, TARGET_SQLSERVER, item, OBJECT_SCHEMA);
    const char *given =
        privileges.count == 0
            ? "1"
            : can_give(arena, &privileges,
                       "COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(s.name), 'SCHEMA', 'CONTROL'), 0) = 1",
                       "g.class = 3 AND g.major_id = s.schema_id OR g.class = 0");
    const char *sql =
        arena_printf(arena, "SELECT s.name, %s FROM sys.schemas AS s WHERE s.name = %s", given,
                     tsql_text(arena, item->schema));
    Rows rows;
    TRY(mssql_read(resolver->operation, "looking up a schema", sql, &rows, reterr));
    *ret_found = rows.row_count > 0;
    if (!*ret_found)
        add_absent(resolver, arena_printf(arena, "schema %s", tsql_name(arena, item->schema)));
    else if (privileges.count > 0)
        add_wanted(resolver, &(Wanted){.securable = {.class = TSQL_SCHEMA, .name = item->schema},
                                       .privileges = privileges,
                                       .can_give = rows_bool(&rows, 0, 1)});
    return STATUS_OK;
}

// ---- Roles --------------------------------------------------------------------------------------

// Roles that lead to more than data: the server's own that rule a database, and any that owns
// something, may hand on what it has, or may make or become somebody.
static const char ROLE_SQL[] =
    "WITH held(id) AS (SELECT r.principal_id FROM sys.database_principals AS r"
    " WHERE r.type = 'R' AND r.name = %s UNION ALL SELECT m.role_principal_id"
    " FROM sys.database_role_members AS m JOIN held AS h ON h.id = m.member_principal_id)"
    " SELECT TOP (1) CASE"
    " WHEN r.name IN (N'db_owner', N'db_securityadmin', N'db_accessadmin', N'db_ddladmin',"
    "  N'db_backupoperator') THEN N'the power of ' + r.name"
    " WHEN EXISTS (SELECT 1 FROM sys.schemas AS s WHERE s.principal_id = r.principal_id"
    "  AND r.is_fixed_role = 0) THEN N'schemas that ' + r.name + N' owns'"
    " WHEN EXISTS (SELECT 1 FROM sys.objects AS o WHERE o.principal_id = r.principal_id)"
    "  THEN N'objects that ' + r.name + N' owns'"
    " WHEN EXISTS (SELECT 1 FROM sys.database_permissions AS g"
    "  WHERE g.grantee_principal_id = r.principal_id AND g.state = 'W')"
    "  THEN N'permissions that ' + r.name + N' may hand on'"
    " WHEN EXISTS (SELECT 1 FROM sys.database_permissions AS g WHERE g.state = 'G'"
    "  AND g.grantee_principal_id = r.principal_id AND (g.permission_name IN (N'CONTROL',"
    "   N'IMPERSONATE', N'TAKE OWNERSHIP') OR g.class = 0 AND (g.permission_name LIKE N'ALTER%%'"
    "   OR g.permission_name LIKE N'CREATE%%')))"
    "  THEN N'permissions of ' + r.name + N' that outlive a grant' END,"
    " CASE WHEN COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(%s), 'ROLE', 'ALTER'), 0) = 1"
    "  AND (d.is_fixed_role = 0 OR COALESCE(IS_ROLEMEMBER('db_owner'), 0) = 1) THEN 1 ELSE 0 END"
    " FROM held AS h JOIN sys.database_principals AS r ON r.principal_id = h.id"
    " JOIN sys.database_principals AS d ON d.name = %s ORDER BY 1 DESC";

static Status resolve_role(Resolver *resolver, const char *role, Error *reterr) {
    Arena *arena = resolver->arena;
    TRY(check_name(resolver, "role", role, reterr));
    const char *text = tsql_text(arena, role);
    Rows rows;
    TRY(mssql_read(resolver->operation, "judging a role",
                   arena_printf(arena, ROLE_SQL, text, text, text), &rows, reterr));
    if (rows.row_count == 0) {
        add_absent(resolver, arena_printf(arena, "role %s", tsql_name(arena, role)));
        return STATUS_OK;
    }
    Resolution *resolution = resolver->resolution;
    resolution->roles[resolution->role_count++] = (WantedRole){.database = resolver->database,
                                                               .role = role,
                                                               .refusal = rows_text(&rows, 0, 0),
                                                               .can_give = rows_bool(&rows, 0, 1)};
    return STATUS_OK;
}

// ---- Items --------------------------------------------------------------------------------------

static Status resolve_item(Resolver *resolver, const AccessItem *item, Error *reterr) {
    static const StringList NO_NAMES = {0};
    Arena *arena = resolver->arena;
    if (item->role != NULL)
        return resolve_role(resolver, item->role, reterr);
    bool found = false;
    TRY(resolve_schema(resolver, item, &found, reterr));
    if (!found)
        return STATUS_OK;
    bool by_schema = item->all_tables && item->future_tables;
    const ObjectQuery queries[] = {
        {"table", "'U', 'V'", item->schema, by_schema ? &NO_NAMES : &item->tables,
         item->all_tables && !by_schema,
         access_item_privileges(arena, TARGET_SQLSERVER, item, OBJECT_TABLES), &item->columns},
        {"sequence", "'SO'", item->schema, &item->sequences, item->all_sequences,
         access_item_privileges(arena, TARGET_SQLSERVER, item, OBJECT_SEQUENCES), NULL},
        {"function", "'P', 'PC', 'X', 'FN', 'FS', 'AF', 'IF', 'TF', 'FT'", item->schema,
         &item->functions, item->all_functions,
         access_item_privileges(arena, TARGET_SQLSERVER, item, OBJECT_FUNCTIONS), NULL},
    };
    for (size_t i = 0; i < COUNT_OF(queries); i++)
        TRY(resolve_objects(resolver, &queries[i], reterr));
    return resolve_drawn_sequences(resolver, item, reterr);
}

static Status enter(Resolver *resolver, Error *reterr) {
    TRY(check_name(resolver, "database", resolver->database, reterr));
    Operation *operation = resolver->operation;
    Status status = mssql_use(operation, resolver->database, reterr);
    if (status == STATUS_OK || operation->evidence.failure == FAILURE_RETRY)
        return status;
    return evidence_fail(&operation->evidence, operation->evidence.failure, reterr,
                         "database_closed",
                         "database \"%s\" is not there, not online, or admin account \"%s\" has no "
                         "user in it",
                         resolver->database, operation->session->admin);
}

Status mssql_resolve_access(Operation *operation, const Plan *plan, Resolution *ret_resolution,
                            Error *reterr) {
    Resolution resolution = {0};
    Resolver resolver = {
        .operation = operation, .arena = operation->arena, .resolution = &resolution};
    resolution.roles = arena_alloc(operation->arena, (plan->access.count + 1) * sizeof(WantedRole));
    for (size_t i = 0; i < plan->access.count; i++) {
        const AccessItem *item = &plan->access.items[i];
        resolver.database = item->database != NULL ? item->database : plan->target->database;
        TRY(enter(&resolver, reterr));
        TRY(resolve_item(&resolver, item, reterr));
    }
    *ret_resolution = resolution;
    return STATUS_OK;
}

const char *mssql_wanted_describe(Arena *arena, const Wanted *wanted) {
    return arena_printf(arena, "%s on %s in database \"%s\"",
                        string_list_join(arena, &wanted->privileges, ", "),
                        tsql_securable_describe(arena, &wanted->securable), wanted->database);
}

Status mssql_resolution_require(Operation *operation, const Resolution *resolution, Error *reterr) {
    Evidence *evidence = &operation->evidence;
    const char *admin = operation->session->admin;
    if (resolution->absent.count > 0) {
        StringList shown = resolution->absent;
        if (shown.count > NAMED_AT_MOST)
            shown.count = NAMED_AT_MOST;
        return evidence_fail(evidence, FAILURE_NOT_FOUND, reterr, "object_not_found",
                             "there is no %s%s, or admin account \"%s\" may not see it",
                             string_list_join(operation->arena, &shown, ", no "),
                             shown.count < resolution->absent.count ? ", and more" : "", admin);
    }
    for (size_t i = 0; i < resolution->role_count; i++) {
        const WantedRole *role = &resolution->roles[i];
        if (role->refusal != NULL)
            return evidence_fail(evidence, FAILURE_REFUSED, reterr, "role_refused",
                                 "nobody may be made a member of role \"%s\" in database \"%s\" "
                                 "because of %s",
                                 role->role, role->database, role->refusal);
        if (!role->can_give)
            return evidence_fail(
                evidence, FAILURE_DENIED, reterr, "grant_option_missing",
                "admin account \"%s\" may not make anybody a member of role "
                "\"%s\" in database \"%s\"; daypass-connector check prints the SQL",
                admin, role->role, role->database);
    }
    for (size_t i = 0; i < resolution->wanted_count; i++)
        if (!resolution->wanted[i].can_give)
            return evidence_fail(
                evidence, FAILURE_DENIED, reterr, "grant_option_missing",
                "admin account \"%s\" may not give %s; it needs the grant option, and "
                "daypass-connector check prints the SQL",
                admin, mssql_wanted_describe(operation->arena, &resolution->wanted[i]));
    return STATUS_OK;
}
