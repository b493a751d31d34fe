#include "driver/oracle/resolve.h"

#include <stdlib.h>
#include <string.h>

// What the admin may hand on of one schema.
typedef struct Handed {
    const char *name;
    const char *privilege;
} Handed;

typedef struct Resolving {
    Operation *operation;
    Arena *arena;
    OracleResolution *found;
    size_t capacity; // of found->grants
    bool any_object; // GRANT ANY OBJECT PRIVILEGE
    bool any_role;
    const char *schema; // whose `handed` has been read
    Handed *handed;
    size_t handed_count;
} Resolving;

static void add_new(Arena *arena, StringList *list, const char *item) {
    if (!string_list_has(list, item))
        string_list_add(arena, list, item);
}

// ---- What the admin has -------------------------------------------------------------------------

static Status read_admin(Resolving *work, Error *reterr) {
    Rows *rows;
    TRY(oracle_read(work->operation, "reading the admin account's rights",
                    "SELECT PRIVILEGE FROM SYS.SESSION_PRIVS WHERE PRIVILEGE IN"
                    " ('GRANT ANY OBJECT PRIVILEGE', 'GRANT ANY ROLE')",
                    &rows, reterr));
    for (size_t i = 0; i < rows->row_count; i++) {
        work->any_object |= text_equal(oracle_rows_text(rows, i, 0), "GRANT ANY OBJECT PRIVILEGE");
        work->any_role |= text_equal(oracle_rows_text(rows, i, 0), "GRANT ANY ROLE");
    }
    return STATUS_OK;
}

static int compare_handed(const void *a, const void *b) {
    const Handed *one = a, *other = b;
    int order = strcmp(one->name, other->name);
    return order != 0 ? order : strcmp(one->privilege, other->privilege);
}

// GRANT ANY OBJECT PRIVILEGE does not reach what is SYS's.
static bool may_all(const Resolving *work, const char *schema) {
    return work->any_object && strcmp(schema, "SYS") != 0;
}

static Status read_handed(Resolving *work, const char *schema, Error *reterr) {
    if (text_equal(work->schema, schema) || may_all(work, schema))
        return STATUS_OK;
    Rows *rows;
    TRY(oracle_read(work->operation, "reading what the admin account may hand on",
                    arena_printf(work->arena,
                                 "SELECT TABLE_NAME, PRIVILEGE FROM SYS.USER_TAB_PRIVS WHERE"
                                 " OWNER = %s AND GRANTEE = USER AND GRANTABLE = 'YES'",
                                 oracle_sql_literal(work->arena, schema)),
                    &rows, reterr));
    work->handed = arena_alloc(work->arena, (rows->row_count + 1) * sizeof(Handed));
    work->handed_count = 0;
    for (size_t i = 0; i < rows->row_count; i++) {
        Handed handed = {oracle_rows_text(rows, i, 0), oracle_rows_text(rows, i, 1)};
        if (handed.name != NULL && handed.privilege != NULL)
            work->handed[work->handed_count++] = handed;
    }
    qsort(work->handed, work->handed_count, sizeof(Handed), compare_handed);
    work->schema = schema;
    return STATUS_OK;
}

static bool may_hand_on(const Resolving *work, const OracleObject *object, const char *privilege) {
    const Handed key = {object->name, privilege};
    return may_all(work, object->schema) ||
           bsearch(&key, work->handed, work->handed_count, sizeof key, compare_handed) != NULL;
}

// ---- Objects ------------------------------------------------------------------------------------

static void add_grant(Resolving *work, const OracleObject *object, const StringList *privileges) {
    StringList lacking = {0};
    for (size_t i = 0; i < privileges->count; i++)
        if (!may_hand_on(work, object, privileges->items[i]))
            string_list_add(work->arena, &lacking, privileges->items[i]);
    if (lacking.count > 0)
        add_new(work->arena, &work->found->lacking,
                arena_printf(work->arena, "%s WITH GRANT OPTION",
                             oracle_sql_grant(work->arena, &lacking, object,
                                              work->operation->session->admin)));
    OracleResolution *found = work->found;
    if (found->grant_count == work->capacity) {
        size_t capacity = work->capacity == 0 ? 16 : work->capacity * 2;
        OracleGrant *grants = arena_alloc(work->arena, capacity * sizeof(OracleGrant));
        if (found->grant_count > 0)
            memcpy(grants, found->grants, found->grant_count * sizeof(OracleGrant));
        found->grants = grants;
        work->capacity = capacity;
    }
    found->grants[found->grant_count++] = (OracleGrant){*object, *privileges};
}

// https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/GRANT.html
static bool fits_view(const char *privilege) {
    return strcmp(privilege, "ALTER") != 0 && strcmp(privilege, "INDEX") != 0;
}

static StringList fitting(Resolving *work, const StringList *privileges, const char *type,
                          const OracleObject *object, bool named) {
    if (strcmp(type, "VIEW") != 0)
        return *privileges;
    StringList fit = {0};
    for (size_t i = 0; i < privileges->count; i++) {
        if (fits_view(privileges->items[i]))
            string_list_add(work->arena, &fit, privileges->items[i]);
        else if (named)
            add_new(work->arena, &work->found->refused,
                    arena_printf(work->arena, "%s on view %s, which Oracle has for tables alone",
                                 privileges->items[i],
                                 oracle_sql_object(work->arena, object->schema, object->name)));
    }
    return fit;
}

static const char *absent_line(Arena *arena, const char *what, const char *quoted,
                               const char *name) {
    bool lower = false;
    for (const char *at = name; *at != '\0'; at++)
        lower = lower || (*at >= 'a' && *at <= 'z');
    return arena_printf(arena, "%s %s%s", what, quoted,
                        lower ? " (names are as Oracle's dictionary has them, most often in upper "
                                "case)"
                              : "");
}

static bool has_name(Rows *rows, const char *name) {
    for (size_t i = 0; i < rows->row_count; i++)
        if (text_equal(oracle_rows_text(rows, i, 0), name))
            return true;
    return false;
}

typedef struct Kind {
    ObjectKind kind;
    const char *types; // SQL
    const StringList *names;
    bool all;
} Kind;

static const char *names_condition(Arena *arena, const Kind *kind) {
    if (kind->all)
        return "SECONDARY = 'N' AND OBJECT_NAME NOT LIKE 'BIN$%' AND OBJECT_NAME NOT LIKE 'MLOG$%'"
               " AND OBJECT_NAME NOT LIKE 'RUPD$%' AND OBJECT_NAME NOT LIKE 'ISEQ$$%'";
    StringList literals = {0};
    for (size_t i = 0; i < kind->names->count; i++)
        string_list_add(arena, &literals, oracle_sql_literal(arena, kind->names->items[i]));
    return arena_printf(arena, "OBJECT_NAME IN (%s)", string_list_join(arena, &literals, ", "));
}

static Status resolve_kind(Resolving *work, const AccessItem *item, const Kind *kind,
                           Error *reterr) {
    Arena *arena = work->arena;
    StringList privileges = access_item_privileges(arena, TARGET_ORACLE, item, kind->kind);
    if ((!kind->all && kind->names->count == 0) || privileges.count == 0)
        return STATUS_OK;
    Rows *rows;
    TRY(oracle_read(work->operation, "reading objects",
                    arena_printf(arena,
                                 "SELECT OBJECT_NAME, MIN(OBJECT_TYPE) FROM SYS.DBA_OBJECTS WHERE"
                                 " OWNER = %s AND OBJECT_TYPE IN (%s) AND %s GROUP BY OBJECT_NAME"
                                 " ORDER BY OBJECT_NAME",
                                 oracle_sql_literal(arena, item->schema), kind->types,
                                 names_condition(arena, kind)),
                    &rows, reterr));
    for (size_t i = 0; i < rows->row_count; i++) {
        const OracleObject object = {item->schema, oracle_rows_text(rows, i, 0)};
        const char *type = oracle_rows_text(rows, i, 1);
        if (object.name == NULL || type == NULL)
            continue;
        StringList fit = fitting(work, &privileges, type, &object, !kind->all);
        if (fit.count > 0)
            add_grant(work, &object, &fit);
    }
    for (size_t i = 0; !kind->all && i < kind->names->count; i++)
        if (!has_name(rows, kind->names->items[i]))
            add_new(arena, &work->found->absent,
                    absent_line(arena, object_kind_one(kind->kind),
                                oracle_sql_object(arena, item->schema, kind->names->items[i]),
                                kind->names->items[i]));
    return STATUS_OK;
}

// Of what came with the server, tables and views that are named may be read. Its code runs with the
// rights of users that may do anything.
static bool reads_named_tables(const Resolving *work, const AccessItem *item) {
    StringList privileges = access_item_privileges(work->arena, TARGET_ORACLE, item, OBJECT_TABLES);
    bool reads = item->tables.count > 0 && !item->all_tables && !item->all_sequences &&
                 !item->all_functions && item->functions.count == 0 && item->sequences.count == 0;
    for (size_t i = 0; reads && i < privileges.count; i++)
        reads =
            strcmp(privileges.items[i], "SELECT") == 0 || strcmp(privileges.items[i], "READ") == 0;
    return reads;
}

// The table of marks must not be in anybody's hands. False: it is refused or absent.
static Status judge_schema(Resolving *work, const AccessItem *item, bool *ret_fits, Error *reterr) {
    Arena *arena = work->arena;
    const char *quoted = oracle_sql_identifier(arena, item->schema);
    *ret_fits = false;
    if (text_equal(item->schema, work->operation->session->admin)) {
        add_new(arena, &work->found->refused,
                arena_printf(arena, "schema %s, which is the connector's own and has its marks",
                             quoted));
        return STATUS_OK;
    }
    Rows *rows;
    TRY(oracle_read(work->operation, "looking up a schema",
                    arena_printf(arena,
                                 "SELECT COUNT(*), MAX(ORACLE_MAINTAINED) FROM SYS.DBA_USERS"
                                 " WHERE USERNAME = %s",
                                 oracle_sql_literal(arena, item->schema)),
                    &rows, reterr));
    bool is_there = oracle_rows_int(rows, 0, 0) > 0;
    bool is_the_servers = text_equal(oracle_rows_text(rows, 0, 1), "Y");
    if (!is_there)
        add_new(arena, &work->found->absent, absent_line(arena, "schema", quoted, item->schema));
    else if (is_the_servers && !reads_named_tables(work, item))
        add_new(arena, &work->found->refused,
                arena_printf(arena,
                             "more of schema %s, which came with Oracle, than to read tables and "
                             "views that are named",
                             quoted));
    else
        *ret_fits = true;
    return STATUS_OK;
}

static Status resolve_schema(Resolving *work, const AccessItem *item, Error *reterr) {
    bool fits;
    TRY(judge_schema(work, item, &fits, reterr));
    if (!fits)
        return STATUS_OK;
    TRY(read_handed(work, item->schema, reterr));
    const Kind kinds[] = {
        {OBJECT_TABLES, "'TABLE', 'VIEW', 'MATERIALIZED VIEW'", &item->tables, item->all_tables},
        {OBJECT_SEQUENCES, "'SEQUENCE'", &item->sequences, item->all_sequences},
        {OBJECT_FUNCTIONS, "'FUNCTION', 'PROCEDURE', 'PACKAGE'", &item->functions,
         item->all_functions},
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        TRY(resolve_kind(work, item, &kinds[i], reterr));
    return STATUS_OK;
}

// ---- Roles --------------------------------------------------------------------------------------

static Status resolve_role(Resolving *work, const char *role, Error *reterr) {
    Arena *arena = work->arena;
    const char *name = oracle_sql_literal(arena, role);
    const char *held =
        arena_printf(arena,
                     "(SELECT %s FROM SYS.DUAL UNION SELECT GRANTED_ROLE FROM SYS.DBA_ROLE_PRIVS"
                     " START WITH GRANTEE = %s CONNECT BY NOCYCLE PRIOR GRANTED_ROLE = GRANTEE)",
                     name, name);
    Rows *rows;
    TRY(oracle_read(
        work->operation, "judging a role",
        arena_printf(arena,
                     "SELECT (SELECT COUNT(*) FROM SYS.DBA_ROLES WHERE ROLE = %s),"
                     " (SELECT MIN(p.PRIVILEGE || ' of ' || p.GRANTEE) FROM SYS.DBA_SYS_PRIVS p"
                     " WHERE p.GRANTEE IN %s AND %s),"
                     " (SELECT MIN(p.GRANTED_ROLE || ' WITH ADMIN OPTION of ' || p.GRANTEE) FROM"
                     " SYS.DBA_ROLE_PRIVS p WHERE p.GRANTEE IN %s AND p.ADMIN_OPTION = 'YES'),"
                     " (SELECT COUNT(*) FROM SYS.USER_ROLE_PRIVS WHERE GRANTED_ROLE = %s AND"
                     " ADMIN_OPTION = 'YES') FROM SYS.DUAL",
                     name, held, ORACLE_POWERFUL, held, name),
        &rows, reterr));
    const char *quoted = oracle_sql_identifier(arena, role);
    const char *reason = oracle_rows_text(rows, 0, 1) != NULL ? oracle_rows_text(rows, 0, 1)
                                                              : oracle_rows_text(rows, 0, 2);
    if (oracle_rows_int(rows, 0, 0) == 0)
        add_new(arena, &work->found->absent, absent_line(arena, "role", quoted, role));
    else if (reason != NULL)
        add_new(arena, &work->found->refused,
                arena_printf(arena, "role %s because of %s", quoted, reason));
    else
        add_new(arena, &work->found->roles, role);
    if (oracle_rows_int(rows, 0, 3) == 0 && !work->any_role)
        add_new(arena, &work->found->lacking,
                arena_printf(arena, "%s WITH ADMIN OPTION",
                             oracle_sql_grant_role(arena, role, work->operation->session->admin)));
    return STATUS_OK;
}

// ---- All ----------------------------------------------------------------------------------------

static int compare_grants(const void *a, const void *b) {
    const OracleGrant *one = a, *other = b;
    int order = strcmp(one->object.schema, other->object.schema);
    return order != 0 ? order : strcmp(one->object.name, other->object.name);
}

static void merge(Resolving *work) {
    OracleResolution *found = work->found;
    if (found->grant_count == 0)
        return;
    qsort(found->grants, found->grant_count, sizeof(OracleGrant), compare_grants);
    size_t kept = 0;
    for (size_t i = 1; i < found->grant_count; i++) {
        if (compare_grants(&found->grants[kept], &found->grants[i]) != 0) {
            found->grants[++kept] = found->grants[i];
            continue;
        }
        StringList both = {0};
        for (size_t p = 0; p < found->grants[kept].privileges.count; p++)
            string_list_add(work->arena, &both, found->grants[kept].privileges.items[p]);
        for (size_t p = 0; p < found->grants[i].privileges.count; p++)
            add_new(work->arena, &both, found->grants[i].privileges.items[p]);
        found->grants[kept].privileges = both;
    }
    found->grant_count = kept + 1;
}

Status oracle_resolve(Operation *operation, const AccessItems *access,
                      OracleResolution *ret_resolution, Error *reterr) {
    OracleResolution found = {0};
    Resolving work = {.operation = operation, .arena = operation->arena, .found = &found};
    TRY(read_admin(&work, reterr));
    for (size_t i = 0; i < access->count; i++) {
        const AccessItem *item = &access->items[i];
        if (item->role != NULL)
            TRY(resolve_role(&work, item->role, reterr));
        else if (item->schema != NULL)
            TRY(resolve_schema(&work, item, reterr));
    }
    merge(&work);
    *ret_resolution = found;
    return STATUS_OK;
}

Status oracle_resolution_require(Operation *operation, const OracleResolution *resolution,
                                 Error *reterr) {
    Evidence *evidence = &operation->evidence;
    Arena *arena = operation->arena;
    if (resolution->absent.count > 0)
        return evidence_fail(evidence, FAILURE_NOT_FOUND, reterr, "object_not_found",
                             "the plan names what is not there: %s",
                             string_list_join(arena, &resolution->absent, ", "));
    if (resolution->refused.count > 0)
        return evidence_fail(evidence, FAILURE_REFUSED, reterr, "role_refused",
                             "nobody is given %s",
                             string_list_join(arena, &resolution->refused, "; "));
    if (resolution->lacking.count > 0)
        return evidence_fail(evidence, FAILURE_DENIED, reterr, "grant_option_missing",
                             "admin account \"%s\" may not hand on what the plan gives; as its "
                             "owner: %s",
                             operation->session->admin,
                             string_list_join(arena, &resolution->lacking, "; "));
    return STATUS_OK;
}
