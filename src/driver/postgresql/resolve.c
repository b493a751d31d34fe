#include "driver/postgresql/resolve.h"

#include <string.h>

#include "driver/postgresql/role.h"

enum { SET_OPTION_SINCE = 160000, MAINTAIN_SINCE = 170000, NAMED_AT_MOST = 5 };

static const char TABLE_KINDS[] = "'r','p','v','m','f'";

typedef struct Resolver {
    Operation *operation;
    Arena *arena;
    Resolution *resolution;
} Resolver;

static void add_wanted(Resolver *resolver, const SqlObject *object, uint32_t privileges,
                       const char *lacking) {
    pg_privilege_set_add(resolver->arena, &resolver->resolution->wanted, object, privileges);
    uint32_t missing = 0;
    char *rest = arena_strdup(resolver->arena, lacking == NULL ? "" : lacking);
    for (char *word; (word = strsep(&rest, ",")) != NULL;)
        if (word[0] != '\0')
            missing |= pg_sql_privilege(word);
    pg_privilege_set_add(resolver->arena, &resolver->resolution->lacking, object, missing);
}

static void add_absent(Resolver *resolver, const char *kind, const char *schema, const char *name) {
    const char *text = name == NULL ? arena_printf(resolver->arena, "%s %s", kind,
                                                   pg_sql_identifier(resolver->arena, schema))
                                    : arena_printf(resolver->arena, "%s %s.%s", kind,
                                                   pg_sql_identifier(resolver->arena, schema),
                                                   pg_sql_identifier(resolver->arena, name));
    if (!string_list_has(&resolver->resolution->absent, text))
        string_list_add(resolver->arena, &resolver->resolution->absent, text);
}

static Status read_rows(Resolver *resolver, const char *doing, const char *sql,
                        const char *const *parameters, size_t count, Rows **ret_rows,
                        Error *reterr) {
    return pg_operation_read(
        resolver->operation,
        &(Query){.doing = doing, .sql = sql, .parameters = parameters, .parameter_count = count},
        ret_rows, reterr);
}

static Status check_names(Resolver *resolver, const char *what, const char *schema,
                          const StringList *names, Error *reterr) {
    Status status = pg_sql_name_check("schema", schema, reterr);
    for (size_t i = 0; status == STATUS_OK && i < names->count; i++)
        status = pg_sql_name_check(what, names->items[i], reterr);
    if (status != STATUS_OK)
        resolver->operation->evidence.failure = FAILURE_FATAL;
    return status;
}

typedef struct RelationQuery {
    const char *what;     // "table"
    int kind;             // SQL_TABLE
    const char *relkinds; // SQL list
    const char *function; // has_table_privilege
    const StringList *names;
    bool all;
    StringList privileges;
} RelationQuery;

// Named ones, or all of the schema, each with the privileges that the admin cannot hand on.
static Status resolve_relations(Resolver *resolver, const char *schema, const RelationQuery *query,
                                Error *reterr) {
    if (query->privileges.count == 0 || (!query->all && query->names->count == 0))
        return STATUS_OK;
    TRY(check_names(resolver, query->what, schema, query->names, reterr));
    const char *sql =
        arena_printf(resolver->arena,
                     "SELECT c.relname, array_to_string(ARRAY(SELECT p FROM unnest($3::text[]) p"
                     "  WHERE NOT %s(c.oid, p || ' WITH GRANT OPTION')), ',')"
                     " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                     " WHERE n.nspname = $1 AND c.relkind IN (%s)"
                     " AND ($2::text[] IS NULL OR c.relname::text = ANY ($2::text[]))",
                     query->function, query->relkinds);
    const char *parameters[] = {schema,
                                query->all ? NULL : pg_sql_array(resolver->arena, query->names),
                                pg_sql_array(resolver->arena, &query->privileges)};
    Rows *rows;
    TRY(read_rows(resolver, "looking up tables and sequences", sql, parameters,
                  COUNT_OF(parameters), &rows, reterr));
    StringList found = {0};
    for (int i = 0; i < pg_rows_count(rows); i++) {
        SqlObject object = {
            .kind = query->kind, .schema = schema, .name = pg_rows_text(rows, i, 0)};
        add_wanted(resolver, &object, pg_sql_privileges(&query->privileges),
                   pg_rows_text(rows, i, 1));
        string_list_add(resolver->arena, &found, object.name);
    }
    for (size_t i = 0; !query->all && i < query->names->count; i++)
        if (!string_list_has(&found, query->names->items[i]))
            add_absent(resolver, query->what, schema, query->names->items[i]);
    return STATUS_OK;
}

// Sequences that columns of the item's tables draw from by default, or own: inserting needs them.
static Status resolve_drawn_sequences(Resolver *resolver, const AccessItem *item, Error *reterr) {
    if (item->preset != PRESET_READ_WRITE || (!item->all_tables && item->tables.count == 0))
        return STATUS_OK;
    StringList privileges =
        access_item_privileges(resolver->arena, TARGET_POSTGRESQL, item, OBJECT_SEQUENCES);
    static const char SQL[] =
        "WITH tables AS (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        "  WHERE n.nspname = $1 AND ($2::text[] IS NULL OR c.relname::text = ANY ($2::text[]))),"
        "drawn AS (SELECT d.refobjid AS oid FROM pg_attrdef a JOIN pg_depend d"
        "   ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid"
        "   AND d.refclassid = 'pg_class'::regclass"
        "  WHERE a.adrelid IN (SELECT oid FROM tables)"
        " UNION SELECT d.objid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
        "  AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'"
        "  AND d.refobjid IN (SELECT oid FROM tables))"
        " SELECT n.nspname, c.relname, array_to_string(ARRAY(SELECT p FROM unnest($3::text[]) p"
        "  WHERE NOT has_sequence_privilege(c.oid, p || ' WITH GRANT OPTION')), ',')"
        " FROM drawn JOIN pg_class c ON c.oid = drawn.oid AND c.relkind = 'S'"
        " JOIN pg_namespace n ON n.oid = c.relnamespace";
    const char *parameters[] = {
        item->schema, item->all_tables ? NULL : pg_sql_array(resolver->arena, &item->tables),
        pg_sql_array(resolver->arena, &privileges)};
    Rows *rows;
    TRY(read_rows(resolver, "looking up the sequences of tables", SQL, parameters,
                  COUNT_OF(parameters), &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++)
        add_wanted(resolver,
                   &(SqlObject){.kind = SQL_SEQUENCE,
                                .schema = pg_rows_text(rows, i, 0),
                                .name = pg_rows_text(rows, i, 1)},
                   pg_sql_privileges(&privileges), pg_rows_text(rows, i, 2));
    return STATUS_OK;
}

static void add_routines(Resolver *resolver, const char *schema, Rows *rows) {
    for (int i = 0; i < pg_rows_count(rows); i++)
        add_wanted(resolver,
                   &(SqlObject){.kind = SQL_ROUTINE,
                                .schema = schema,
                                .name = pg_rows_text(rows, i, 0),
                                .arguments = pg_rows_text(rows, i, 1)},
                   SQL_EXECUTE, pg_rows_bool(rows, i, 2) ? "" : "EXECUTE");
}

#define ROUTINE_COLUMNS                                                                            \
    "SELECT p.proname, oidvectortypes(p.proargtypes),"                                             \
    " has_function_privilege(p.oid, 'EXECUTE WITH GRANT OPTION')"                                  \
    " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1"

// "name(integer, text)": the server reads the types, so their other spellings are known too.
static Status resolve_signature(Resolver *resolver, const char *schema, const char *text,
                                const char *bracket, Error *reterr) {
    char *name = arena_copy(resolver->arena, text, (size_t)(bracket - text));
    TRY(check_names(resolver, "function", schema,
                    &(StringList){.items = (const char *[]){name}, .count = 1}, reterr));
    const char *signature =
        arena_printf(resolver->arena, "%s.%s%s", pg_sql_identifier(resolver->arena, schema),
                     pg_sql_identifier(resolver->arena, name), bracket);
    const char *parameters[] = {schema, signature};
    Rows *rows;
    Status status =
        read_rows(resolver, "looking up a function",
                  ROUTINE_COLUMNS " AND p.oid = to_regprocedure($2)", parameters, 2, &rows, reterr);
    if (status != STATUS_OK && resolver->operation->evidence.failure == FAILURE_RETRY)
        return status;
    if (status != STATUS_OK)
        return evidence_fail(&resolver->operation->evidence, FAILURE_NOT_FOUND, reterr,
                             "object_not_found",
                             "the arguments of function %s are not types of this database; "
                             "expected \"name(integer, schema.type)\"",
                             signature);
    if (pg_rows_count(rows) == 0)
        string_list_add(resolver->arena, &resolver->resolution->absent,
                        arena_printf(resolver->arena, "function %s", signature));
    add_routines(resolver, schema, rows);
    return STATUS_OK;
}

static Status resolve_overloads(Resolver *resolver, const char *schema, const char *name,
                                Error *reterr) {
    TRY(check_names(resolver, "function", schema, &(StringList){.items = &name, .count = 1},
                    reterr));
    const char *parameters[] = {schema, name};
    Rows *rows;
    TRY(read_rows(resolver, "looking up a function", ROUTINE_COLUMNS " AND p.proname = $2",
                  parameters, 2, &rows, reterr));
    if (pg_rows_count(rows) == 0)
        add_absent(resolver, "function", schema, name);
    add_routines(resolver, schema, rows);
    return STATUS_OK;
}

static Status resolve_routines(Resolver *resolver, const AccessItem *item, Error *reterr) {
    if (access_item_privileges(resolver->arena, TARGET_POSTGRESQL, item, OBJECT_FUNCTIONS).count ==
        0)
        return STATUS_OK;
    if (item->all_functions) {
        Rows *rows;
        TRY(read_rows(resolver, "looking up functions", ROUTINE_COLUMNS, &item->schema, 1, &rows,
                      reterr));
        add_routines(resolver, item->schema, rows);
    }
    for (size_t i = 0; i < item->functions.count; i++) {
        const char *text = item->functions.items[i];
        size_t length = strlen(text);
        const char *bracket = strrchr(text, '(');
        if (bracket != NULL && text[length - 1] == ')')
            TRY(resolve_signature(resolver, item->schema, text, bracket, reterr));
        else
            TRY(resolve_overloads(resolver, item->schema, text, reterr));
    }
    return STATUS_OK;
}

// Default privileges belong to who makes a table. Temporary accounts make tables too, but theirs
// go to the custodian, and an entry for them would be in the way of their removal.
static Status resolve_future(Resolver *resolver, const AccessItem *item, Error *reterr) {
    if (!item->all_tables || !item->future_tables)
        return STATUS_OK;
    static const char SQL[] =
        "SELECT r.rolname, pg_has_role(r.oid, 'USAGE') FROM pg_roles r WHERE r.oid IN ("
        " SELECT nspowner FROM pg_namespace WHERE nspname = $1"
        " UNION SELECT c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = $1)"
        " AND coalesce(shobj_description(r.oid, 'pg_authid'), '') NOT LIKE 'daypass%{%'";
    Rows *rows;
    TRY(read_rows(resolver, "looking up owners", SQL, &item->schema, 1, &rows, reterr));
    StringList tables =
        access_item_privileges(resolver->arena, TARGET_POSTGRESQL, item, OBJECT_TABLES);
    StringList sequences =
        access_item_privileges(resolver->arena, TARGET_POSTGRESQL, item, OBJECT_SEQUENCES);
    for (int i = 0; i < pg_rows_count(rows); i++) {
        SqlObject object = {
            .kind = SQL_FUTURE_TABLES, .owner = pg_rows_text(rows, i, 0), .schema = item->schema};
        StringList *unassumed = &resolver->resolution->unassumed_owners;
        if (!pg_rows_bool(rows, i, 1)) {
            if (!string_list_has(unassumed, object.owner))
                string_list_add(resolver->arena, unassumed, object.owner);
            continue;
        }
        add_wanted(resolver, &object, pg_sql_privileges(&tables), NULL);
        object.kind = SQL_FUTURE_SEQUENCES;
        if (item->preset == PRESET_READ_WRITE)
            add_wanted(resolver, &object, pg_sql_privileges(&sequences), NULL);
    }
    return STATUS_OK;
}

// The schema itself: what the item asks for on it, and USAGE, without which nothing in it can be
// reached, where not everybody has that.
static Status resolve_schema(Resolver *resolver, const AccessItem *item, bool *ret_found,
                             Error *reterr) {
    TRY(check_names(resolver, "schema", item->schema, &(StringList){0}, reterr));
    if (text_starts_with(item->schema, "pg_") || strcmp(item->schema, "information_schema") == 0)
        return evidence_fail(&resolver->operation->evidence, FAILURE_REFUSED, reterr,
                             "system_schema",
                             "schema \"%s\" belongs to the server; nothing in it can be granted. "
                             "For monitoring, grant the role pg_monitor",
                             item->schema);
    static const char SQL[] = "SELECT has_schema_privilege('public', oid, 'USAGE'),"
                              " has_schema_privilege(oid, 'USAGE WITH GRANT OPTION'),"
                              " has_schema_privilege(oid, 'CREATE WITH GRANT OPTION')"
                              " FROM pg_namespace WHERE nspname = $1";
    Rows *rows;
    TRY(read_rows(resolver, "looking up a schema", SQL, &item->schema, 1, &rows, reterr));
    *ret_found = pg_rows_count(rows) > 0;
    if (!*ret_found) {
        add_absent(resolver, "schema", item->schema, NULL);
        return STATUS_OK;
    }
    StringList asked =
        access_item_privileges(resolver->arena, TARGET_POSTGRESQL, item, OBJECT_SCHEMA);
    uint32_t wanted = pg_sql_privileges(&asked) | (pg_rows_bool(rows, 0, 0) ? 0 : SQL_USAGE);
    uint32_t can =
        (pg_rows_bool(rows, 0, 1) ? SQL_USAGE : 0) | (pg_rows_bool(rows, 0, 2) ? SQL_CREATE : 0);
    SqlObject schema = {.kind = SQL_SCHEMA, .schema = item->schema};
    pg_privilege_set_add(resolver->arena, &resolver->resolution->wanted, &schema, wanted);
    pg_privilege_set_add(resolver->arena, &resolver->resolution->lacking, &schema, wanted & ~can);
    return STATUS_OK;
}

static Status resolve_role(Resolver *resolver, const char *role, Error *reterr) {
    Resolution *resolution = resolver->resolution;
    if (pg_sql_name_check("role", role, reterr) != STATUS_OK) {
        resolver->operation->evidence.failure = FAILURE_FATAL;
        return STATUS_INVALID;
    }
    bool found;
    Role row;
    TRY(pg_role_read(resolver->operation, role, &found, &row, reterr));
    if (!found) {
        string_list_add(
            resolver->arena, &resolution->absent,
            arena_printf(resolver->arena, "role %s", pg_sql_identifier(resolver->arena, role)));
        return STATUS_OK;
    }
    const char *reason;
    TRY(pg_role_member_refusal(resolver->operation, role, &reason, reterr));
    if (reason != NULL) {
        resolution->refused[resolution->refused_count++] =
            (RefusedRole){.role = role, .reason = reason};
        return STATUS_OK;
    }
    if (string_list_has(&resolution->roles, role))
        return STATUS_OK;
    bool owns;
    TRY(pg_role_owns_objects(resolver->operation, role, &owns, reterr));
    string_list_add(resolver->arena, &resolution->roles, role);
    if (owns)
        string_list_add(resolver->arena, &resolution->owning_roles, role);
    return STATUS_OK;
}

static Status resolve_item(Resolver *resolver, const AccessItem *item, Error *reterr) {
    if (item->role != NULL)
        return resolve_role(resolver, item->role, reterr);
    Operation *operation = resolver->operation;
    if (string_list_has(&item->privileges, "MAINTAIN") &&
        operation->session->version < MAINTAIN_SINCE)
        return evidence_fail(&operation->evidence, FAILURE_UNSUPPORTED, reterr,
                             "privilege_unsupported",
                             "privilege MAINTAIN needs PostgreSQL 17; this server is %s",
                             operation->session->version_text);
    bool found = false;
    TRY(resolve_schema(resolver, item, &found, reterr));
    if (!found)
        return STATUS_OK;
    TRY(resolve_relations(
        resolver, item->schema,
        &(RelationQuery){.what = "table",
                         .kind = SQL_TABLE,
                         .relkinds = TABLE_KINDS,
                         .function = "has_table_privilege",
                         .names = &item->tables,
                         .all = item->all_tables,
                         .privileges = access_item_privileges(resolver->arena, TARGET_POSTGRESQL,
                                                              item, OBJECT_TABLES)},
        reterr));
    TRY(resolve_relations(
        resolver, item->schema,
        &(RelationQuery){.what = "sequence",
                         .kind = SQL_SEQUENCE,
                         .relkinds = "'S'",
                         .function = "has_sequence_privilege",
                         .names = &item->sequences,
                         .all = item->all_sequences,
                         .privileges = access_item_privileges(resolver->arena, TARGET_POSTGRESQL,
                                                              item, OBJECT_SEQUENCES)},
        reterr));
    TRY(resolve_drawn_sequences(resolver, item, reterr));
    TRY(resolve_routines(resolver, item, reterr));
    return resolve_future(resolver, item, reterr);
}

static Status resolve_connect(Resolver *resolver, Error *reterr) {
    static const char SQL[] =
        "SELECT current_database(), has_database_privilege('public', current_database(), "
        "'CONNECT'),"
        " has_database_privilege(current_database(), 'CONNECT WITH GRANT OPTION')";
    Rows *rows;
    TRY(read_rows(resolver, "reading who may connect", SQL, NULL, 0, &rows, reterr));
    if (!pg_rows_bool(rows, 0, 1))
        add_wanted(resolver, &(SqlObject){.kind = SQL_DATABASE, .name = pg_rows_text(rows, 0, 0)},
                   SQL_CONNECT, pg_rows_bool(rows, 0, 2) ? "" : "CONNECT");
    return STATUS_OK;
}

Status pg_resolve_access(Operation *operation, const AccessItems *access,
                         Resolution *ret_resolution, Error *reterr) {
    Resolution resolution = {0};
    Resolver resolver = {
        .operation = operation, .arena = operation->arena, .resolution = &resolution};
    resolution.refused =
        arena_alloc(operation->arena, access->count * sizeof resolution.refused[0]);
    TRY(resolve_connect(&resolver, reterr));
    for (size_t i = 0; i < access->count; i++)
        TRY(resolve_item(&resolver, &access->items[i], reterr));
    pg_privilege_set_normalise(&resolution.wanted);
    pg_privilege_set_normalise(&resolution.lacking);
    *ret_resolution = resolution;
    return STATUS_OK;
}

Status pg_resolution_require(Operation *operation, const Resolution *resolution, Error *reterr) {
    const DriverSession *session = operation->session;
    if (resolution->absent.count > 0) {
        StringList shown = resolution->absent;
        if (shown.count > NAMED_AT_MOST)
            shown.count = NAMED_AT_MOST;
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "object_not_found",
                             "database \"%s\" has no %s%s", session->target.database,
                             string_list_join(operation->arena, &shown, ", no "),
                             shown.count < resolution->absent.count ? ", and more" : "");
    }
    if (resolution->refused_count > 0)
        return evidence_fail(&operation->evidence, FAILURE_REFUSED, reterr, "role_refused",
                             "nobody may be made a member of role \"%s\" because of %s",
                             resolution->refused[0].role, resolution->refused[0].reason);
    if (resolution->lacking.count > 0)
        return evidence_fail(&operation->evidence, FAILURE_DENIED, reterr, "grant_option_missing",
                             "admin account \"%s\" may not give %s; it needs the grant option, "
                             "and daypass-connector check prints the SQL",
                             session->admin,
                             pg_privilege_set_describe(operation->arena, &resolution->lacking));
    for (size_t i = 0; session->version < SET_OPTION_SINCE && i < resolution->roles.count; i++)
        evidence_warn(&operation->evidence,
                      "before PostgreSQL 16 a member may act as role \"%s\": what is made as it "
                      "stays, and has its rights, after the grant",
                      resolution->roles.items[i]);
    for (size_t i = 0; i < resolution->owning_roles.count; i++)
        evidence_warn(&operation->evidence,
                      "role \"%s\" owns objects, or is a member of a role that does: the "
                      "account may give rights on them to others, which stay after the grant",
                      resolution->owning_roles.items[i]);
    for (size_t i = 0; i < resolution->unassumed_owners.count; i++)
        evidence_warn(&operation->evidence,
                      "future tables of \"%s\" are not included: the admin account is not a "
                      "member of that role",
                      resolution->unassumed_owners.items[i]);
    return STATUS_OK;
}
