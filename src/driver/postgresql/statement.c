#include "driver/postgresql/statement.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

typedef struct PrivilegeRow {
    uint32_t bit;
    const char *word;
} PrivilegeRow;

// In the order GRANT statements are usually written.
static const PrivilegeRow PRIVILEGE_ROWS[] = {
    {SQL_SELECT, "SELECT"},       {SQL_INSERT, "INSERT"},      {SQL_UPDATE, "UPDATE"},
    {SQL_DELETE, "DELETE"},       {SQL_TRUNCATE, "TRUNCATE"},  {SQL_REFERENCES, "REFERENCES"},
    {SQL_TRIGGER, "TRIGGER"},     {SQL_MAINTAIN, "MAINTAIN"},  {SQL_USAGE, "USAGE"},
    {SQL_CREATE, "CREATE"},       {SQL_EXECUTE, "EXECUTE"},    {SQL_CONNECT, "CONNECT"},
    {SQL_TEMPORARY, "TEMPORARY"}, {SQL_ALL, "ALL PRIVILEGES"},
};

// How an object of a kind is named.
typedef enum NameForm {
    FORM_IN_SCHEMA, // "schema"."name", and a routine's (arguments)
    FORM_SCHEMA,    // "schema"
    FORM_NAME,      // "name"
    FORM_PATH,      // "part"."part", of a name with dots in it
    FORM_NUMBER,    // 16401
    FORM_FUTURE,    // not by a name of its own
} NameForm;

typedef struct KindRow {
    const char *word;  // in GRANT … ON
    const char *shown; // in messages
    NameForm form;
} KindRow;

static const KindRow KINDS[] = {
    [SQL_DATABASE] = {"DATABASE", "database", FORM_NAME},
    [SQL_SCHEMA] = {"SCHEMA", "schema", FORM_SCHEMA},
    [SQL_TABLE] = {"TABLE", "table", FORM_IN_SCHEMA},
    [SQL_SEQUENCE] = {"SEQUENCE", "sequence", FORM_IN_SCHEMA},
    [SQL_ROUTINE] = {"ROUTINE", "function", FORM_IN_SCHEMA},
    [SQL_TYPE] = {"TYPE", "type", FORM_IN_SCHEMA},
    [SQL_FUTURE_TABLES] = {"TABLES", "future tables", FORM_FUTURE},
    [SQL_FUTURE_SEQUENCES] = {"SEQUENCES", "future sequences", FORM_FUTURE},
    [SQL_FUTURE_ROUTINES] = {"ROUTINES", "future functions", FORM_FUTURE},
    [SQL_FUTURE_TYPES] = {"TYPES", "future types", FORM_FUTURE},
    [SQL_FUTURE_SCHEMAS] = {"SCHEMAS", "future schemas", FORM_FUTURE},
    [SQL_FUTURE_LARGE_OBJECTS] = {"LARGE OBJECTS", "future large objects", FORM_FUTURE},
    [SQL_LANGUAGE] = {"LANGUAGE", "language", FORM_NAME},
    [SQL_WRAPPER] = {"FOREIGN DATA WRAPPER", "foreign-data wrapper", FORM_NAME},
    [SQL_SERVER] = {"FOREIGN SERVER", "foreign server", FORM_NAME},
    [SQL_LARGE_OBJECT] = {"LARGE OBJECT", "large object", FORM_NUMBER},
    [SQL_TABLESPACE] = {"TABLESPACE", "tablespace", FORM_NAME},
    [SQL_PARAMETER] = {"PARAMETER", "parameter", FORM_PATH},
};
_Static_assert(COUNT_OF(KINDS) == SQL_OBJECT_KIND_COUNT_, "a row for each kind");

Status pg_sql_name_check(const char *what, const char *name, Error *reterr) {
    if (name == NULL || name[0] == '\0')
        return error_set(reterr, STATUS_INVALID, "bad_name",
                         "the name of a %s is empty; expected 1 to %d bytes", what, SQL_NAME_MAX);
    size_t length = strlen(name);
    if (length > SQL_NAME_MAX)
        return error_set(reterr, STATUS_INVALID, "bad_name",
                         "the name of a %s has %zu bytes; PostgreSQL keeps only %d", what, length,
                         SQL_NAME_MAX);
    if (!text_is_utf8(name, length))
        return error_set(reterr, STATUS_INVALID, "bad_name", "the name of a %s is not UTF-8", what);
    return STATUS_OK;
}

static void add_in_quotes(Buffer *sql, char byte, char quote) {
    if (byte == quote)
        buffer_add_bytes(sql, &byte, 1);
    buffer_add_bytes(sql, &byte, 1);
}

static void add_quoted(Buffer *sql, const char *text, char quote) {
    buffer_add_bytes(sql, &quote, 1);
    for (; *text != '\0'; text++)
        add_in_quotes(sql, *text, quote);
    buffer_add_bytes(sql, &quote, 1);
}

static void add_identifier(Buffer *sql, const char *name) {
    assert(name != NULL && name[0] != '\0');
    add_quoted(sql, name, '"');
}

static void add_literal(Buffer *sql, const char *text) {
    if (strchr(text, '\\') == NULL) {
        add_quoted(sql, text, '\'');
        return;
    }
    buffer_add(sql, "E'");
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            buffer_add_bytes(sql, text, 1);
        buffer_add_bytes(sql, text, 1);
    }
    buffer_add(sql, "'");
}

static char *finish(Arena *arena, const Buffer *sql) {
    return arena_strdup(arena, buffer_text(sql));
}

const char *pg_sql_identifier(Arena *arena, const char *name) {
    CLEANUP(buffer_done) Buffer sql = {0};
    add_identifier(&sql, name);
    return finish(arena, &sql);
}

const char *pg_sql_literal(Arena *arena, const char *text) {
    CLEANUP(buffer_done) Buffer sql = {0};
    add_literal(&sql, text);
    return finish(arena, &sql);
}

// What stands between quotes, with line breaks and backslashes escaped.
static void add_escaped(Buffer *sql, const char *from, const char *to, bool is_name) {
    for (; from < to; from++) {
        if (*from == '\n')
            buffer_add(sql, is_name ? "\\000A" : "\\n");
        else if (*from == '\r')
            buffer_add(sql, is_name ? "\\000D" : "\\r");
        else if (*from == '\\' && is_name)
            buffer_add(sql, "\\\\"); // a text with one in it is E'…', and has it doubled
        else
            buffer_add_bytes(sql, from, 1);
    }
}

// The last quote of the name or text that begins at `from`; the end of all where there is none.
static const char *quoted_end(const char *from, bool escapes) {
    const char *at = from + 1;
    while (*at != '\0' && (*at != *from || at[1] == *from))
        at += (*at == *from || (escapes && *at == '\\' && at[1] != '\0')) ? 2 : 1;
    return at;
}

static const char *add_quoted_line(Buffer *sql, const char *from, bool escapes) {
    bool is_name = *from == '"';
    const char *to = quoted_end(from, escapes);
    const char *quote = is_name ? "\"" : "'";
    bool breaks = strcspn(from, "\n\r") < (size_t)(to - from);
    if (breaks && is_name)
        buffer_add(sql, "U&");
    if (breaks && !is_name && !escapes)
        buffer_add(sql, "E");
    buffer_add(sql, quote);
    if (breaks)
        add_escaped(sql, from + 1, to, is_name);
    else
        buffer_add_bytes(sql, from + 1, (size_t)(to - from - 1));
    if (*to == '\0')
        return to;
    buffer_add(sql, quote);
    return to + 1;
}

const char *pg_sql_one_line(Arena *arena, const char *sql) {
    CLEANUP(buffer_done) Buffer line = {0};
    bool escapes = false;
    while (*sql != '\0' && strncmp(sql, "-- ", 3) != 0) {
        if (*sql == '"' || *sql == '\'') {
            sql = add_quoted_line(&line, sql, escapes);
            escapes = false;
        } else {
            escapes = strncmp(sql, "E'", 2) == 0;
            buffer_add_bytes(&line, sql++, 1);
        }
    }
    buffer_add(&line, sql); // a remark is on this line already
    return finish(arena, &line);
}

const char *pg_sql_remark(Arena *arena, const char *text) {
    char *remark = arena_printf(arena, "-- %s", text);
    for (char *at = remark; *at != '\0'; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
    return remark;
}

const char *pg_sql_in_database(Arena *arena, const char *statement, const char *database,
                               const char *more) {
    const char *where =
        arena_printf(arena, "in database %s%s%s", pg_sql_identifier(arena, database),
                     more == NULL ? "" : ", ", more == NULL ? "" : more);
    return arena_printf(arena, "%s %s", statement, pg_sql_remark(arena, where));
}

const char *pg_sql_array(Arena *arena, const StringList *list) {
    CLEANUP(buffer_done) Buffer value = {0};
    buffer_add(&value, "{");
    for (size_t i = 0; i < list->count; i++) {
        buffer_add(&value, i == 0 ? "\"" : ",\"");
        for (const char *at = list->items[i]; *at != '\0'; at++) {
            if (*at == '"' || *at == '\\')
                buffer_add(&value, "\\");
            buffer_add_bytes(&value, at, 1);
        }
        buffer_add(&value, "\"");
    }
    buffer_add(&value, "}");
    return finish(arena, &value);
}

uint32_t pg_sql_privilege(const char *word) {
    for (size_t i = 0; i < COUNT_OF(PRIVILEGE_ROWS); i++)
        if (strcmp(PRIVILEGE_ROWS[i].word, word) == 0)
            return PRIVILEGE_ROWS[i].bit;
    return SQL_OTHER;
}

uint32_t pg_sql_privileges(const StringList *words) {
    uint32_t privileges = 0;
    for (size_t i = 0; i < words->count; i++)
        privileges |= pg_sql_privilege(words->items[i]);
    return privileges;
}

static void add_privileges(Buffer *sql, uint32_t privileges) {
    const char *separator = "";
    for (size_t i = 0; i < COUNT_OF(PRIVILEGE_ROWS); i++) {
        if ((privileges & PRIVILEGE_ROWS[i].bit) == 0)
            continue;
        buffer_addf(sql, "%s%s", separator, PRIVILEGE_ROWS[i].word);
        separator = ", ";
    }
}

const char *pg_sql_privileges_format(Arena *arena, uint32_t privileges) {
    CLEANUP(buffer_done) Buffer sql = {0};
    add_privileges(&sql, privileges);
    return finish(arena, &sql);
}

bool pg_sql_object_is_future(const SqlObject *object) {
    return KINDS[object->kind].form == FORM_FUTURE;
}

// a.b is "a"."b"
static void add_path(Buffer *sql, const char *path) {
    buffer_add(sql, "\"");
    for (; *path != '\0'; path++) {
        if (*path == '.')
            buffer_add(sql, "\".\"");
        else
            add_in_quotes(sql, *path, '"');
    }
    buffer_add(sql, "\"");
}

static void add_object(Buffer *sql, const SqlObject *object) {
    NameForm form = KINDS[object->kind].form;
    assert(form != FORM_FUTURE);
    if (form == FORM_IN_SCHEMA || form == FORM_SCHEMA)
        add_identifier(sql, object->schema);
    if (form == FORM_IN_SCHEMA)
        buffer_add(sql, ".");
    if (form == FORM_IN_SCHEMA || form == FORM_NAME)
        add_identifier(sql, object->name);
    if (form == FORM_PATH)
        add_path(sql, object->name);
    if (form == FORM_NUMBER)
        buffer_addf(sql, "%lld", strtoll(object->name, NULL, 10));
    if (object->kind == SQL_ROUTINE)
        buffer_addf(sql, "(%s)", object->arguments);
}

const char *pg_sql_object_name(Arena *arena, const SqlObject *object) {
    CLEANUP(buffer_done) Buffer sql = {0};
    add_object(&sql, object);
    return finish(arena, &sql);
}

const char *pg_sql_object_describe(Arena *arena, const SqlObject *object) {
    CLEANUP(buffer_done) Buffer text = {0};
    buffer_addf(&text, "%s ", KINDS[object->kind].shown);
    if (!pg_sql_object_is_future(object)) {
        add_object(&text, object);
        return finish(arena, &text);
    }
    buffer_add(&text, "of ");
    add_identifier(&text, object->owner);
    if (object->schema != NULL) {
        buffer_add(&text, " in schema ");
        add_identifier(&text, object->schema);
    }
    return finish(arena, &text);
}

static int compare_texts(const char *a, const char *b) {
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b);
}

int pg_sql_object_compare(const SqlObject *a, const SqlObject *b) {
    int order = a->kind - b->kind;
    if (order == 0)
        order = compare_texts(a->owner, b->owner);
    if (order == 0)
        order = compare_texts(a->schema, b->schema);
    if (order == 0)
        order = compare_texts(a->name, b->name);
    if (order == 0)
        order = compare_texts(a->arguments, b->arguments);
    return order;
}

static void add_grantee(Buffer *sql, const char *grantee) {
    if (grantee == NULL)
        buffer_add(sql, "PUBLIC");
    else
        add_identifier(sql, grantee);
}

static void add_objects(Buffer *sql, const SqlObject *objects, size_t count) {
    const KindRow *kind = &KINDS[objects[0].kind];
    buffer_addf(sql, " ON %s", kind->word);
    for (size_t i = 0; i < count && kind->form != FORM_FUTURE; i++) {
        assert(objects[i].kind == objects[0].kind);
        buffer_add(sql, i == 0 ? " " : ", ");
        add_object(sql, &objects[i]);
    }
}

// Statements on default privileges say first whose and where.
static void add_future(Buffer *sql, const SqlObject *objects, size_t count) {
    if (!pg_sql_object_is_future(&objects[0]))
        return;
    assert(count == 1);
    buffer_add(sql, "ALTER DEFAULT PRIVILEGES FOR ROLE ");
    add_identifier(sql, objects[0].owner);
    if (objects[0].schema != NULL) {
        buffer_add(sql, " IN SCHEMA ");
        add_identifier(sql, objects[0].schema);
    }
    buffer_add(sql, " ");
}

const char *pg_sql_grant(Arena *arena, uint32_t privileges, const SqlObject *objects, size_t count,
                         const char *grantee, bool grant_option) {
    assert(count > 0 && privileges != 0 && (privileges & SQL_OTHER) == 0);
    CLEANUP(buffer_done) Buffer sql = {0};
    add_future(&sql, objects, count);
    buffer_add(&sql, "GRANT ");
    add_privileges(&sql, privileges);
    add_objects(&sql, objects, count);
    buffer_add(&sql, " TO ");
    add_grantee(&sql, grantee);
    if (grant_option)
        buffer_add(&sql, " WITH GRANT OPTION");
    return finish(arena, &sql);
}

const char *pg_sql_revoke(Arena *arena, uint32_t privileges, const SqlObject *objects, size_t count,
                          const char *grantee) {
    assert(count > 0 && privileges != 0);
    CLEANUP(buffer_done) Buffer sql = {0};
    add_future(&sql, objects, count);
    buffer_add(&sql, "REVOKE ");
    add_privileges(&sql, (privileges & (SQL_OTHER | SQL_ALL)) != 0 ? SQL_ALL : privileges);
    add_objects(&sql, objects, count);
    buffer_add(&sql, " FROM ");
    add_grantee(&sql, grantee);
    buffer_add(&sql, " CASCADE");
    return finish(arena, &sql);
}

static void add_password(Buffer *sql, const char *verifier) {
    buffer_add(sql, " PASSWORD ");
    add_literal(sql, verifier == NULL ? "(elided)" : verifier);
}

static void add_expiry(Buffer *sql, int64_t expires_at) {
    char text[TIMESTAMP_SIZE];
    buffer_add(sql, " VALID UNTIL ");
    add_literal(sql, timestamp_format(expires_at, text));
}

char *pg_sql_create_account(Arena *arena, const SqlAccount *account, const char *verifier) {
    CLEANUP(buffer_done) Buffer sql = {.wipe = true};
    buffer_add(&sql, "CREATE ROLE ");
    add_identifier(&sql, account->name);
    buffer_add(&sql,
               " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT");
    buffer_addf(&sql, " CONNECTION LIMIT %lld",
                account->connection_limit > 0 ? (long long)account->connection_limit : -1LL);
    add_expiry(&sql, account->expires_at);
    add_password(&sql, verifier);
    return finish(arena, &sql);
}

char *pg_sql_set_password(Arena *arena, const char *account, const char *verifier) {
    CLEANUP(buffer_done) Buffer sql = {.wipe = true};
    buffer_add(&sql, "ALTER ROLE ");
    add_identifier(&sql, account);
    add_password(&sql, verifier);
    return finish(arena, &sql);
}

const char *pg_sql_set_expiry(Arena *arena, const char *account, int64_t expires_at) {
    CLEANUP(buffer_done) Buffer sql = {0};
    buffer_add(&sql, "ALTER ROLE ");
    add_identifier(&sql, account);
    add_expiry(&sql, expires_at);
    return finish(arena, &sql);
}

// All fixed statements on one or two roles, or things named as they are.
static const char *role_statement(Arena *arena, const char *before, const char *first,
                                  const char *between, const char *second, const char *after) {
    CLEANUP(buffer_done) Buffer sql = {0};
    buffer_add(&sql, before);
    add_identifier(&sql, first);
    buffer_add(&sql, between);
    if (second != NULL)
        add_identifier(&sql, second);
    buffer_add(&sql, after);
    return finish(arena, &sql);
}

const char *pg_sql_lock_account(Arena *arena, const char *account) {
    return role_statement(arena, "ALTER ROLE ", account, " NOLOGIN CONNECTION LIMIT 0", NULL, "");
}

const char *pg_sql_create_shared_role(Arena *arena, const char *role) {
    return role_statement(arena, "CREATE ROLE ", role,
                          " NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION "
                          "NOBYPASSRLS INHERIT",
                          NULL, "");
}

const char *pg_sql_restrain_shared_role(Arena *arena, const char *role) {
    return role_statement(arena, "ALTER ROLE ", role, " NOLOGIN INHERIT", NULL, "");
}

const char *pg_sql_comment_role(Arena *arena, const char *role, const char *comment) {
    return role_statement(arena, "COMMENT ON ROLE ", role, " IS ", NULL,
                          pg_sql_literal(arena, comment));
}

const char *pg_sql_grant_role(Arena *arena, const char *role, const char *member,
                              int server_version) {
    return role_statement(arena, "GRANT ", role, " TO ", member,
                          server_version >= 160000 ? " WITH INHERIT TRUE, SET FALSE, ADMIN FALSE"
                                                   : "");
}

const char *pg_sql_revoke_role(Arena *arena, const char *role, const char *member) {
    return role_statement(arena, "REVOKE ", role, " FROM ", member, "");
}

const char *pg_sql_drop_role(Arena *arena, const char *role) {
    return role_statement(arena, "DROP ROLE ", role, "", NULL, "");
}

const char *pg_sql_set_role(Arena *arena, const char *role) {
    return role_statement(arena, "SET LOCAL ROLE ", role, "", NULL, "");
}

const char *pg_sql_reassign_owned(Arena *arena, const char *from, const char *to) {
    return role_statement(arena, "REASSIGN OWNED BY ", from, " TO ", to, "");
}

const char *pg_sql_set_schema_owner(Arena *arena, const char *schema, const char *owner) {
    return role_statement(arena, "ALTER SCHEMA ", schema, " OWNER TO ", owner, "");
}

const char *pg_sql_set_table_owner(Arena *arena, const SqlObject *table, const char *owner) {
    CLEANUP(buffer_done) Buffer sql = {0};
    buffer_add(&sql, "ALTER TABLE ");
    add_object(&sql, table);
    buffer_add(&sql, " OWNER TO ");
    add_identifier(&sql, owner);
    return finish(arena, &sql);
}

const char *pg_sql_revoke_role_of(Arena *arena, const char *role, const char *member,
                                  const char *grantor, int server_version) {
    if (server_version < 160000)
        return pg_sql_revoke_role(arena, role, member);
    return arena_printf(arena, "%s GRANTED BY %s", pg_sql_revoke_role(arena, role, member),
                        pg_sql_identifier(arena, grantor));
}

static void add_policy(Buffer *sql, const char *verb, const char *policy, const SqlObject *table) {
    buffer_addf(sql, "%s POLICY ", verb);
    add_identifier(sql, policy);
    buffer_add(sql, " ON ");
    add_object(sql, table);
}

const char *pg_sql_set_policy_roles(Arena *arena, const char *policy, const SqlObject *table,
                                    const StringList *roles) {
    assert(roles->count > 0);
    CLEANUP(buffer_done) Buffer sql = {0};
    add_policy(&sql, "ALTER", policy, table);
    for (size_t i = 0; i < roles->count; i++) {
        buffer_add(&sql, i == 0 ? " TO " : ", ");
        add_identifier(&sql, roles->items[i]);
    }
    return finish(arena, &sql);
}

const char *pg_sql_drop_policy(Arena *arena, const char *policy, const SqlObject *table) {
    CLEANUP(buffer_done) Buffer sql = {0};
    add_policy(&sql, "DROP", policy, table);
    return finish(arena, &sql);
}

const char *pg_sql_drop_user_mapping(Arena *arena, const char *role, const char *server) {
    return role_statement(arena, "DROP USER MAPPING FOR ", role, " SERVER ", server, "");
}
