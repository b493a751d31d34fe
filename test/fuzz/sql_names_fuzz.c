// Any bytes as names and texts of a statement: reading the statement back as PostgreSQL's scanner
// does must give the same names, and nothing beside them.
#include "fuzz/target.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "driver/postgresql/statement.h"

enum { INPUT_MAX = 512 };

// Reads "…" or '…' at *at with doubled quotes inside, E'…' with backslashes too.
static char *read_quoted(Arena *arena, const char **at, char quote, bool escapes) {
    const char *from = *at;
    char *text = arena_alloc(arena, strlen(from) + 1);
    size_t length = 0;
    assert(*from == quote);
    from++;
    for (;;) {
        assert(*from != '\0');
        if (*from == quote && from[1] != quote)
            break;
        if (*from == quote || (escapes && *from == '\\'))
            from++;
        text[length++] = *from++;
    }
    *at = from + 1;
    return text;
}

static void expect(const char **at, const char *text) {
    assert(strncmp(*at, text, strlen(text)) == 0);
    *at += strlen(text);
}

static void expect_identifier(Arena *arena, const char **at, const char *name) {
    const char *read = read_quoted(arena, at, '"', false);
    assert(strcmp(read, name) == 0);
}

static void check_literal(Arena *arena, const char *text) {
    const char *sql = pg_sql_literal(arena, text);
    bool escapes = *sql == 'E';
    // Without E a backslash would depend on a setting of the session.
    assert(escapes == (strchr(text, '\\') != NULL));
    sql += escapes;
    const char *read = read_quoted(arena, &sql, '\'', escapes);
    assert(strcmp(read, text) == 0);
    assert(*sql == '\0');
}

static void check_grant(Arena *arena, const char *name) {
    SqlObject table = {.kind = SQL_TABLE, .schema = name, .name = name};
    const char *sql = pg_sql_grant(arena, SQL_SELECT, &table, 1, name, false);
    expect(&sql, "GRANT SELECT ON TABLE ");
    expect_identifier(arena, &sql, name);
    expect(&sql, ".");
    expect_identifier(arena, &sql, name);
    expect(&sql, " TO ");
    expect_identifier(arena, &sql, name);
    assert(*sql == '\0');
}

static void check_comment(Arena *arena, const char *name) {
    const char *sql = pg_sql_comment_role(arena, name, name);
    expect(&sql, "COMMENT ON ROLE ");
    expect_identifier(arena, &sql, name);
    expect(&sql, " IS ");
    assert(strcmp(sql, pg_sql_literal(arena, name)) == 0);
}

static void check_array(Arena *arena, const char *text) {
    StringList list = {0};
    string_list_add(arena, &list, text);
    const char *sql = pg_sql_array(arena, &list);
    expect(&sql, "{");
    assert(*sql == '"');
    size_t length = 0;
    for (sql++; *sql != '"'; sql++, length++) {
        sql += *sql == '\\';
        assert(*sql == text[length]);
    }
    assert(text[length] == '\0');
    assert(strcmp(sql, "\"}") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > INPUT_MAX)
        return 0;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *text = arena_copy(arena, data, size); // up to the first NUL, if there is one
    check_literal(arena, text);
    check_array(arena, text);
    Error error = {0};
    if (pg_sql_name_check("table", text, &error) != STATUS_OK) {
        assert(text[0] == '\0' || strlen(text) > SQL_NAME_MAX || !text_is_utf8(text, strlen(text)));
        return 0;
    }
    check_grant(arena, text);
    check_comment(arena, text);
    return 0;
}
