#include "driver/sqlserver/discover.h"

#include <string.h>

enum { LISTED_AT_MOST = 10000 };

// Schemas of the server's own fixed roles hold nothing.
#define USER_SCHEMAS                                                                               \
    " s.schema_id < 16384 AND s.name NOT IN (N'sys', N'INFORMATION_SCHEMA', N'guest')"

static Status read_list(Operation *operation, const char *doing, const char *columns,
                        StringList *ret_list, bool *ret_cut, Error *reterr) {
    Rows rows;
    const char *sql =
        arena_printf(operation->arena, "SELECT TOP (%d) %s", LISTED_AT_MOST + 1, columns);
    TRY(mssql_read(operation, doing, sql, &rows, reterr));
    *ret_cut |= rows.row_count > LISTED_AT_MOST;
    for (size_t i = 0; i < rows.row_count && i < LISTED_AT_MOST; i++)
        string_list_add(operation->arena, ret_list, rows_text(&rows, i, 0));
    return STATUS_OK;
}

static Status read_tables(Operation *operation, Discovery *discovery, Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT TOP (%d) s.name, o.name, CASE o.type WHEN 'V' THEN N'view' ELSE N'table' END"
        " FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id"
        " WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 AND" USER_SCHEMAS " ORDER BY 1, 2",
        LISTED_AT_MOST + 1);
    Rows rows;
    TRY(mssql_read(operation, "listing tables", sql, &rows, reterr));
    discovery->cut |= rows.row_count > LISTED_AT_MOST;
    discovery->tables.items =
        arena_alloc(operation->arena, (rows.row_count + 1) * sizeof(FoundTable));
    for (size_t i = 0; i < rows.row_count && i < LISTED_AT_MOST; i++)
        discovery->tables.items[discovery->tables.count++] =
            (FoundTable){.schema = rows_text(&rows, i, 0),
                         .name = rows_text(&rows, i, 1),
                         .kind = rows_text(&rows, i, 2)};
    return STATUS_OK;
}

Status mssql_discover(Operation *operation, Discovery *ret_discovery, Error *reterr) {
    Discovery found = {.server_version =
                           arena_strdup(operation->arena, operation->session->version_text)};
    TRY(read_list(operation, "listing schemas",
                  "s.name FROM sys.schemas AS s WHERE" USER_SCHEMAS " ORDER BY s.name",
                  &found.schemas, &found.cut, reterr));
    TRY(read_tables(operation, &found, reterr));
    TRY(read_list(operation, "listing sequences",
                  "s.name + N'.' + o.name FROM sys.objects AS o JOIN sys.schemas AS s"
                  " ON s.schema_id = o.schema_id WHERE o.type = 'SO' AND" USER_SCHEMAS
                  " ORDER BY 1",
                  &found.sequences, &found.cut, reterr));
    TRY(read_list(operation, "listing functions",
                  "s.name + N'.' + o.name FROM sys.objects AS o JOIN sys.schemas AS s"
                  " ON s.schema_id = o.schema_id WHERE o.type IN ('P', 'PC', 'X', 'FN', 'FS',"
                  " 'AF', 'IF', 'TF', 'FT') AND o.is_ms_shipped = 0 AND" USER_SCHEMAS " ORDER BY 1",
                  &found.functions, &found.cut, reterr));
    TRY(read_list(operation, "listing roles",
                  "r.name FROM sys.database_principals AS r WHERE r.type = 'R'"
                  " AND r.name NOT IN (N'public', N'db_owner', N'db_securityadmin',"
                  " N'db_accessadmin', N'db_ddladmin', N'db_backupoperator')"
                  " AND NOT EXISTS (SELECT 1 FROM sys.schemas AS s"
                  "  WHERE s.principal_id = r.principal_id AND r.is_fixed_role = 0)"
                  " ORDER BY r.name",
                  &found.roles, &found.cut, reterr));
    *ret_discovery = found;
    return STATUS_OK;
}
