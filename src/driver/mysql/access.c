#include "driver/mysql/access.h"

#include <string.h>

#include "driver/mysql/account.h"

enum { NAMED_AT_MOST = 5 };

typedef struct Reader {
    Operation *operation;
    Arena *arena;
    Access *access;
} Reader;

static void add_grant(Reader *reader, MyGrant grant) {
    Access *access = reader->access;
    if (grant.words.count == 0)
        return;
    if (access->count == access->capacity) {
        access->capacity = access->capacity == 0 ? 16 : access->capacity * 2;
        MyGrant *more = arena_alloc(reader->arena, access->capacity * sizeof more[0]);
        if (access->count > 0)
            memcpy(more, access->grants, access->count * sizeof more[0]);
        access->grants = more;
    }
    access->grants[access->count++] = grant;
    static const char *const MAKING[] = {"CREATE VIEW", "TRIGGER", "EVENT", "CREATE ROUTINE",
                                         "ALTER ROUTINE"};
    for (size_t i = 0; i < COUNT_OF(MAKING); i++)
        access->makes_things |= string_list_has(&grant.words, MAKING[i]);
}

static void add_absent(Reader *reader, const char *what, const char *schema, const char *name) {
    const char *shown = schema == NULL ? arena_printf(reader->arena, "%s %s", what,
                                                      my_sql_identifier(reader->arena, name))
                                       : arena_printf(reader->arena, "%s %s.%s", what,
                                                      my_sql_identifier(reader->arena, schema),
                                                      my_sql_identifier(reader->arena, name));
    string_list_add(reader->arena, &reader->access->absent, shown);
}

static Status bad_name(Reader *reader, const char *what, const char *name, Error *reterr) {
    Status status = my_sql_name_check(what, name, reterr);
    if (status != STATUS_OK)
        reader->operation->evidence.failure = FAILURE_FATAL;
    return status;
}

static Status bad_names(Reader *reader, const char *what, const StringList *names, Error *reterr) {
    for (size_t i = 0; i < names->count; i++)
        TRY(bad_name(reader, what, names->items[i], reterr));
    return STATUS_OK;
}

// The server's catalog compares more loosely than the server.
static bool same_name(const Reader *reader, const char *a, const char *b) {
    return reader->operation->session->own.names_fold ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

// ---- Schemas ------------------------------------------------------------------------------------

static bool is_of_server(const char *schema) {
    static const char *const NAMES[] = {
        "mysql", "information_schema", "performance_schema", "sys", "innodb", "tmp", MY_OWN_SCHEMA};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        if (strcasecmp(schema, NAMES[i]) == 0)
            return true;
    return false;
}

// The name as the server has it.
static Status find_schema(Reader *reader, const char *schema, const char **ret_name,
                          Error *reterr) {
    TRY(bad_name(reader, "schema", schema, reterr));
    if (is_of_server(schema))
        return evidence_fail(&reader->operation->evidence, FAILURE_REFUSED, reterr, "system_schema",
                             "schema \"%s\" belongs to the server or to Daypass; nothing in it can "
                             "be granted",
                             schema);
    const char *sql = arena_printf(
        reader->arena, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s",
        my_sql_literal(reader->arena, schema));
    Rows rows;
    TRY(my_operation_read(reader->operation, "looking up a schema", sql, &rows, reterr));
    *ret_name = NULL;
    for (size_t i = 0; i < rows.count; i++)
        if (same_name(reader, my_rows_text(&rows, i, 0), schema))
            *ret_name = my_rows_text(&rows, i, 0);
    if (*ret_name == NULL)
        add_absent(reader, "schema", NULL, schema);
    return STATUS_OK;
}

// ---- Tables and sequences -----------------------------------------------------------------------

typedef struct TableQuery {
    const char *what; // "table", "sequence"
    const char *types;
    const char *schema; // as the server has it
    const StringList *names;
    bool all;
    const StringList *columns; // NULL: none
    StringList words;
} TableQuery;

static Status check_columns(Reader *reader, const TableQuery *query, const char *table,
                            Error *reterr) {
    const char *sql = arena_printf(reader->arena,
                                   "SELECT COLUMN_NAME FROM information_schema.COLUMNS"
                                   " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
                                   my_sql_literal(reader->arena, query->schema),
                                   my_sql_literal(reader->arena, table));
    Rows rows;
    TRY(my_operation_read(reader->operation, "reading columns", sql, &rows, reterr));
    for (size_t c = 0; c < query->columns->count; c++) {
        bool found = false;
        for (size_t i = 0; i < rows.count && !found; i++)
            found = strcasecmp(my_rows_text(&rows, i, 0), query->columns->items[c]) == 0;
        if (!found)
            add_absent(reader, "column", table, query->columns->items[c]);
    }
    return STATUS_OK;
}

static Status add_table(Reader *reader, const TableQuery *query, const char *name, Error *reterr) {
    MyGrant grant = {
        .kind = MY_TABLE, .schema = query->schema, .name = name, .words = query->words};
    if (query->columns != NULL && query->columns->count > 0) {
        grant.columns = *query->columns;
        TRY(check_columns(reader, query, name, reterr));
    }
    add_grant(reader, grant);
    return STATUS_OK;
}

static Status read_tables(Reader *reader, const TableQuery *query, Error *reterr) {
    if (!query->all && query->names->count == 0)
        return STATUS_OK;
    TRY(bad_names(reader, query->what, query->names, reterr));
    const char *only = query->all ? ""
                                  : arena_printf(reader->arena, " AND TABLE_NAME IN %s",
                                                 my_sql_literals(reader->arena, query->names));
    const char *sql =
        arena_printf(reader->arena,
                     "SELECT TABLE_NAME FROM information_schema.TABLES"
                     " WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN (%s)%s"
                     " ORDER BY TABLE_NAME",
                     my_sql_literal(reader->arena, query->schema), query->types, only);
    Rows rows;
    TRY(my_operation_read(reader->operation, "looking up tables", sql, &rows, reterr));
    for (size_t i = 0; query->all && i < rows.count; i++)
        TRY(add_table(reader, query, my_rows_text(&rows, i, 0), reterr));
    for (size_t n = 0; n < query->names->count; n++) {
        const char *found = NULL;
        for (size_t i = 0; i < rows.count && found == NULL; i++)
            if (same_name(reader, my_rows_text(&rows, i, 0), query->names->items[n]))
                found = my_rows_text(&rows, i, 0);
        if (found == NULL)
            add_absent(reader, query->what, query->schema, query->names->items[n]);
        else
            TRY(add_table(reader, query, found, reterr));
    }
    return STATUS_OK;
}

// A name in backticks at the beginning of the text, which moves on behind it. NULL: there is none.
static const char *read_quoted(Arena *arena, const char **text) {
    const char *at = *text;
    if (*at++ != '`')
        return NULL;
    char *name = arena_alloc(arena, strlen(at) + 1);
    for (size_t length = 0; *at != '\0'; at++) {
        if (*at == '`' && *++at != '`') {
            *text = at;
            return name;
        }
        name[length++] = *at;
    }
    return NULL;
}

// What a default names may be a text that somebody wrote: only what is a sequence is given.
static Status add_sequence(Reader *reader, const char *schema, const char *name,
                           const StringList *words, Error *reterr) {
    const char *sql =
        arena_printf(reader->arena,
                     "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
                     " AND TABLE_NAME = %s AND TABLE_TYPE = 'SEQUENCE'",
                     my_sql_literal(reader->arena, schema), my_sql_literal(reader->arena, name));
    Rows rows;
    TRY(my_operation_read(reader->operation, "looking up a sequence", sql, &rows, reterr));
    if (rows.count > 0)
        add_grant(reader,
                  (MyGrant){.kind = MY_TABLE, .schema = schema, .name = name, .words = *words});
    return STATUS_OK;
}

// "nextval(`schema`.`name`)", as MariaDB shows the defaults of columns.
static Status add_drawn(Reader *reader, const char *expression, const StringList *words,
                        Error *reterr) {
    static const char NEXT[] = "nextval(";
    for (const char *at = expression; (at = strstr(at, NEXT)) != NULL;) {
        at += strlen(NEXT);
        const char *schema = read_quoted(reader->arena, &at);
        if (schema == NULL || *at != '.' || is_of_server(schema))
            continue;
        at++;
        const char *name = read_quoted(reader->arena, &at);
        if (name != NULL)
            TRY(add_sequence(reader, schema, name, words, reterr));
    }
    return STATUS_OK;
}

// Whoever adds a row draws from these.
static Status read_drawn_sequences(Reader *reader, const AccessItem *item, const char *schema,
                                   Error *reterr) {
    bool adds_rows =
        item->preset == PRESET_READ_WRITE && (item->all_tables || item->tables.count > 0);
    if (!adds_rows || !reader->operation->session->mariadb)
        return STATUS_OK;
    StringList words =
        access_item_privileges(reader->arena, TARGET_MARIADB, item, OBJECT_SEQUENCES);
    const char *only = item->all_tables
                           ? ""
                           : arena_printf(reader->arena, " AND TABLE_NAME IN %s",
                                          my_sql_literals(reader->arena, &item->tables));
    const char *sql =
        arena_printf(reader->arena,
                     "SELECT DISTINCT COLUMN_DEFAULT FROM information_schema.COLUMNS"
                     " WHERE TABLE_SCHEMA = %s AND COLUMN_DEFAULT LIKE '%%nextval(%%'%s"
                     " ORDER BY COLUMN_DEFAULT",
                     my_sql_literal(reader->arena, schema), only);
    Rows rows;
    TRY(my_operation_read(reader->operation, "reading what tables draw from", sql, &rows, reterr));
    for (size_t i = 0; i < rows.count; i++)
        TRY(add_drawn(reader, my_rows_text(&rows, i, 0), &words, reterr));
    return STATUS_OK;
}

// ---- Routines -----------------------------------------------------------------------------------

// There are no overloads: a name is a function, a procedure, or one of each.
static Status read_routines(Reader *reader, const AccessItem *item, const char *schema,
                            const StringList *words, Error *reterr) {
    if (!item->all_functions && item->functions.count == 0)
        return STATUS_OK;
    TRY(bad_names(reader, "function", &item->functions, reterr));
    const char *sql = arena_printf(reader->arena,
                                   "SELECT ROUTINE_NAME, ROUTINE_TYPE = 'FUNCTION'"
                                   " FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s"
                                   " AND ROUTINE_TYPE IN ('FUNCTION', 'PROCEDURE')"
                                   " ORDER BY ROUTINE_TYPE, ROUTINE_NAME",
                                   my_sql_literal(reader->arena, schema));
    Rows rows;
    TRY(my_operation_read(reader->operation, "looking up functions", sql, &rows, reterr));
    for (size_t n = 0; n < item->functions.count; n++) {
        bool found = false;
        for (size_t i = 0; i < rows.count; i++)
            found |= strcasecmp(my_rows_text(&rows, i, 0), item->functions.items[n]) == 0;
        if (!found)
            add_absent(reader, "function", schema, item->functions.items[n]);
    }
    for (size_t i = 0; i < rows.count; i++) {
        const char *name = my_rows_text(&rows, i, 0);
        bool wanted = item->all_functions;
        for (size_t n = 0; n < item->functions.count; n++)
            wanted |= strcasecmp(name, item->functions.items[n]) == 0;
        if (wanted)
            add_grant(reader,
                      (MyGrant){.kind = my_rows_bool(&rows, i, 1) ? MY_FUNCTION : MY_PROCEDURE,
                                .schema = schema,
                                .name = name,
                                .words = *words});
    }
    return STATUS_OK;
}

// ---- Roles --------------------------------------------------------------------------------------

// MariaDB's view leaves roles out.
static const char *server_power_sql(Operation *operation, MyName name, const char *grantee) {
    Arena *arena = operation->arena;
    if (operation->session->mariadb)
        return arena_printf(arena,
                            "SELECT 'privileges on the whole server' FROM mysql.global_priv"
                            " WHERE User = %s AND Host = %s"
                            " AND COALESCE(JSON_VALUE(Priv, '$.access'), 0) <> 0",
                            my_sql_literal(arena, name.user), my_sql_literal(arena, name.host));
    return arena_printf(arena,
                        "SELECT CONCAT(PRIVILEGE_TYPE, ' on the whole server')"
                        " FROM information_schema.USER_PRIVILEGES"
                        " WHERE GRANTEE = %s AND PRIVILEGE_TYPE <> 'USAGE'",
                        grantee);
}

const char *my_grantee(Arena *arena, MyName name) {
    return my_sql_literal(arena, arena_printf(arena, "'%s'@'%s'", name.user, name.host));
}

Status my_power_of(Operation *operation, MyName name, const char **ret_power, Error *reterr) {
    Arena *arena = operation->arena;
    const char *grantee = my_grantee(arena, name);
    const char *sql =
        arena_printf(arena,
                     "%s UNION ALL SELECT CONCAT(PRIVILEGE_TYPE, ' on schema ', TABLE_SCHEMA)"
                     " FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = %s"
                     " AND ('mysql' LIKE TABLE_SCHEMA OR '" MY_OWN_SCHEMA "' LIKE TABLE_SCHEMA)"
                     " UNION ALL SELECT CONCAT(PRIVILEGE_TYPE, ' on schema ', TABLE_SCHEMA)"
                     " FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = %s"
                     " AND TABLE_SCHEMA IN ('mysql', '" MY_OWN_SCHEMA "') LIMIT 1",
                     server_power_sql(operation, name, grantee), grantee, grantee);
    Rows rows;
    TRY(my_operation_read(operation, "judging an account", sql, &rows, reterr));
    *ret_power = rows.count > 0 ? my_rows_text(&rows, 0, 0) : NULL;
    return STATUS_OK;
}

Status my_makes_things(Operation *operation, MyName name, bool *ret_makes, Error *reterr) {
    static const char WORDS[] =
        "('CREATE VIEW', 'TRIGGER', 'EVENT', 'CREATE ROUTINE', 'ALTER ROUTINE')";
    Arena *arena = operation->arena;
    const char *grantee = my_grantee(arena, name);
    const char *sql = arena_printf(
        arena,
        "%s UNION ALL SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = %s"
        " AND PRIVILEGE_TYPE IN %s"
        " UNION ALL SELECT 1 FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = %s"
        " AND PRIVILEGE_TYPE IN %s LIMIT 1",
        server_power_sql(operation, name, grantee), grantee, WORDS, grantee, WORDS);
    Rows rows;
    TRY(my_operation_read(operation, "reading what an account could make", sql, &rows, reterr));
    *ret_makes = rows.count > 0;
    return STATUS_OK;
}

// The roles it brings along, itself first.
Status my_roles_brought(Operation *operation, MyName name, Rows *ret_rows, Error *reterr) {
    Arena *arena = operation->arena;
    const char *start =
        arena_printf(arena,
                     "WITH RECURSIVE held(r, h) AS (SELECT CAST(%s AS CHAR(128)),"
                     " CAST(%s AS CHAR(255)) UNION ",
                     my_sql_literal(arena, name.user), my_sql_literal(arena, name.host));
    const char *sql =
        operation->session->mariadb
            ? arena_printf(arena,
                           "%sSELECT m.Role, '' FROM held JOIN mysql.roles_mapping m"
                           " ON m.User = r AND m.Host = h)"
                           " SELECT r, h, (SELECT COUNT(*) FROM mysql.roles_mapping a WHERE"
                           "  a.User = r AND a.Host = h AND a.Admin_option = 'Y') FROM held",
                           start)
            : arena_printf(arena,
                           "%sSELECT e.FROM_USER, e.FROM_HOST FROM held"
                           " JOIN mysql.role_edges e ON e.TO_USER = r AND e.TO_HOST = h)"
                           " SELECT r, h, (SELECT COUNT(*) FROM mysql.role_edges a WHERE"
                           "  a.TO_USER = r AND a.TO_HOST = h AND a.WITH_ADMIN_OPTION = 'Y')"
                           " FROM held",
                           start);
    return my_operation_read(operation, "reading what a role brings along", sql, ret_rows, reterr);
}

static Status judge_brought(Reader *reader, MyName role, const char **ret_reason, Error *reterr) {
    Rows rows;
    TRY(my_roles_brought(reader->operation, role, &rows, reterr));
    for (size_t i = 0; i < rows.count && *ret_reason == NULL; i++) {
        MyName held = {my_rows_text(&rows, i, 0), my_rows_text(&rows, i, 1)};
        TRY(my_power_of(reader->operation, held, ret_reason, reterr));
        bool makes;
        TRY(my_makes_things(reader->operation, held, &makes, reterr));
        reader->access->makes_things |= makes;
        if (*ret_reason == NULL && my_rows_bool(&rows, i, 2))
            *ret_reason = arena_printf(reader->arena, "ADMIN OPTION held by %s", held.user);
    }
    return STATUS_OK;
}

// On MySQL any account may be given as a role; one that can log in is somebody's own.
static Status judge_role(Reader *reader, const Account *role, const char **ret_reason,
                         Error *reterr) {
    *ret_reason = NULL;
    if (role->mark_text != NULL)
        *ret_reason = "being an account of Daypass itself";
    else if (role->can_login)
        *ret_reason = "being an account that can log in";
    return *ret_reason != NULL ? STATUS_OK : judge_brought(reader, role->name, ret_reason, reterr);
}

// "name", or on MySQL "name@host" where its host is not %.
static Status read_role(Reader *reader, const char *role, Error *reterr) {
    Access *access = reader->access;
    TRY(bad_name(reader, "role", role, reterr));
    Accounts found;
    TRY(my_accounts_read(reader->operation, role, &found, reterr));
    const Account *account = NULL;
    bool mariadb = reader->operation->session->mariadb;
    for (size_t i = 0; i < found.count; i++)
        if (mariadb ? found.items[i].is_role : strcmp(found.items[i].name.host, "%") == 0)
            account = &found.items[i];
    if (account == NULL) {
        add_absent(reader, "role", NULL, role);
        return STATUS_OK;
    }
    const char *reason;
    TRY(judge_role(reader, account, &reason, reterr));
    if (reason != NULL) {
        access->refused[access->refused_count++] = (RefusedRole){.role = role, .reason = reason};
        return STATUS_OK;
    }
    const char *quoted = mariadb ? my_sql_identifier(reader->arena, role)
                                 : my_sql_account(reader->arena, account->name);
    if (string_list_has(&access->roles, quoted))
        return STATUS_OK;
    string_list_add(reader->arena, &access->roles, quoted);
    string_list_add(reader->arena, &access->role_names, role);
    return STATUS_OK;
}

// ---- All of it ----------------------------------------------------------------------------------

static Status read_item(Reader *reader, const AccessItem *item, Error *reterr) {
    if (item->role != NULL)
        return read_role(reader, item->role, reterr);
    Arena *arena = reader->arena;
    TargetKind kind = reader->operation->session->mariadb ? TARGET_MARIADB : TARGET_MYSQL;
    const char *schema = NULL;
    TRY(find_schema(reader, item->schema, &schema, reterr));
    if (schema == NULL)
        return STATUS_OK;
    TRY(bad_names(reader, "column", &item->columns, reterr));
    StringList on_schema = access_item_privileges(arena, kind, item, OBJECT_SCHEMA);
    StringList on_tables = access_item_privileges(arena, kind, item, OBJECT_TABLES);
    StringList on_functions = access_item_privileges(arena, kind, item, OBJECT_FUNCTIONS);
    add_grant(reader, (MyGrant){.kind = MY_SCHEMA, .schema = schema, .words = on_schema});
    if (item->future_tables)
        add_grant(reader, (MyGrant){.kind = MY_SCHEMA, .schema = schema, .words = on_tables});
    else
        TRY(read_tables(reader,
                        &(TableQuery){.what = "table",
                                      .types = "'BASE TABLE', 'VIEW', 'SYSTEM VERSIONED'",
                                      .schema = schema,
                                      .names = &item->tables,
                                      .all = item->all_tables,
                                      .columns = &item->columns,
                                      .words = on_tables},
                        reterr));
    TRY(read_tables(
        reader,
        &(TableQuery){.what = "sequence",
                      .types = "'SEQUENCE'",
                      .schema = schema,
                      .names = &item->sequences,
                      .all = item->all_sequences,
                      .words = access_item_privileges(arena, kind, item, OBJECT_SEQUENCES)},
        reterr));
    TRY(read_drawn_sequences(reader, item, schema, reterr));
    return read_routines(reader, item, schema, &on_functions, reterr);
}

Status my_access_read(Operation *operation, const AccessItems *items, Access *ret_access,
                      Error *reterr) {
    Access access = {0};
    access.refused = arena_alloc(operation->arena, (items->count + 1) * sizeof access.refused[0]);
    Reader reader = {.operation = operation, .arena = operation->arena, .access = &access};
    for (size_t i = 0; i < items->count; i++)
        TRY(read_item(&reader, &items->items[i], reterr));
    *ret_access = access;
    return STATUS_OK;
}

Status my_access_require(Operation *operation, const Access *access, Error *reterr) {
    if (access->absent.count > 0) {
        StringList shown = access->absent;
        if (shown.count > NAMED_AT_MOST)
            shown.count = NAMED_AT_MOST;
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "object_not_found",
                             "the server has no %s%s, or the admin account may not see it",
                             string_list_join(operation->arena, &shown, ", no "),
                             shown.count < access->absent.count ? ", and more" : "");
    }
    if (access->refused_count > 0)
        return evidence_fail(&operation->evidence, FAILURE_REFUSED, reterr, "role_refused",
                             "nobody is given role \"%s\" because of %s", access->refused[0].role,
                             access->refused[0].reason);
    return STATUS_OK;
}

// The name of nobody is everybody's in mysql.db: schema test, in old installations.
Status my_everybody_has(Operation *operation, const char **ret_what, Error *reterr) {
    static const char OF_MYSQL[] = "SELECT CONCAT('the mandatory roles ', NULLIF(@@mandatory_roles,"
                                   " ''))";
    static const char OF_MARIADB[] =
        "SELECT CONCAT('privileges on ', GROUP_CONCAT(p ORDER BY p SEPARATOR ', ')) FROM"
        " (SELECT Db AS p FROM mysql.db WHERE User IN ('', 'PUBLIC')"
        " UNION SELECT CONCAT(Db, '.', Table_name) FROM mysql.tables_priv"
        " WHERE User IN ('', 'PUBLIC')) x";
    Rows rows;
    TRY(my_operation_read(operation, "reading what everybody has",
                          operation->session->mariadb ? OF_MARIADB : OF_MYSQL, &rows, reterr));
    *ret_what = rows.count > 0 ? my_rows_text(&rows, 0, 0) : NULL;
    return STATUS_OK;
}
