#include "driver/postgresql/discover.h"

#include <string.h>

#include "driver/postgresql/role.h"

enum { LISTED_AT_MOST = 10000, TEXT_MAX_BYTES = 1024 };

#define USER_SCHEMA " NOT starts_with(n.nspname::text, 'pg_') AND n.nspname <> 'information_schema'"

// A database of encoding SQL_ASCII may have names that are no text for anybody else, and a function
// more arguments than anybody would name. They are left out.
static const char *clean_text(Rows *rows, int row, int column) {
    const char *text = pg_rows_text(rows, row, column);
    bool fits = text != NULL && strlen(text) <= TEXT_MAX_BYTES && text_is_utf8(text, strlen(text));
    return fits ? text : NULL;
}

static Status read_list(Operation *operation, const char *doing, const char *sql,
                        StringList *ret_list, bool *ret_cut, Error *reterr) {
    Rows *rows;
    const char *limited = arena_printf(operation->arena, "%s LIMIT %d", sql, LISTED_AT_MOST + 1);
    TRY(pg_operation_read(operation, &(Query){.doing = doing, .sql = limited}, &rows, reterr));
    *ret_cut |= pg_rows_count(rows) > LISTED_AT_MOST;
    for (int i = 0; i < pg_rows_count(rows) && i < LISTED_AT_MOST; i++)
        if (clean_text(rows, i, 0) != NULL)
            string_list_add(operation->arena, ret_list, clean_text(rows, i, 0));
    return STATUS_OK;
}

static Status read_tables(Operation *operation, Discovery *discovery, Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT n.nspname, c.relname, CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view'"
        " WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'"
        " ELSE 'partitioned table' END"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND" USER_SCHEMA " ORDER BY 1, 2 LIMIT %d",
        LISTED_AT_MOST + 1);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "listing tables", .sql = sql}, &rows,
                          reterr));
    discovery->cut |= pg_rows_count(rows) > LISTED_AT_MOST;
    discovery->tables.items =
        arena_alloc(operation->arena, (size_t)pg_rows_count(rows) * sizeof(FoundTable));
    for (int i = 0; i < pg_rows_count(rows) && i < LISTED_AT_MOST; i++) {
        if (clean_text(rows, i, 0) == NULL || clean_text(rows, i, 1) == NULL)
            continue;
        discovery->tables.items[discovery->tables.count++] =
            (FoundTable){.schema = pg_rows_text(rows, i, 0),
                         .name = pg_rows_text(rows, i, 1),
                         .kind = pg_rows_text(rows, i, 2)};
    }
    return STATUS_OK;
}

Status pg_discover(Operation *operation, Discovery *ret_discovery, Error *reterr) {
    Discovery found = {.server_version =
                           arena_strdup(operation->arena, operation->session->version_text)};
    TRY(read_list(operation, "listing schemas",
                  "SELECT n.nspname FROM pg_namespace n WHERE" USER_SCHEMA " ORDER BY 1",
                  &found.schemas, &found.cut, reterr));
    TRY(read_tables(operation, &found, reterr));
    TRY(read_list(operation, "listing sequences",
                  "SELECT n.nspname || '.' || c.relname FROM pg_class c"
                  " JOIN pg_namespace n ON n.oid = c.relnamespace"
                  " WHERE c.relkind = 'S' AND" USER_SCHEMA " ORDER BY 1",
                  &found.sequences, &found.cut, reterr));
    TRY(read_list(operation, "listing functions",
                  "SELECT n.nspname || '.' || p.proname || '(' || oidvectortypes(p.proargtypes)"
                  " || ')' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
                  " WHERE" USER_SCHEMA " ORDER BY 1",
                  &found.functions, &found.cut, reterr));
    TRY(pg_role_list_grantable(operation, LISTED_AT_MOST, &found.roles, reterr));
    *ret_discovery = found;
    return STATUS_OK;
}
