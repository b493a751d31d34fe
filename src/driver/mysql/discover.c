#include "driver/mysql/discover.h"

#include <string.h>

enum { LISTED_AT_MOST = 10000, TEXT_MAX_BYTES = 1024 };

#define NOT_OF_SERVER                                                                              \
    " NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys', '" MY_OWN_SCHEMA "')"

static const char *clean_text(const Rows *rows, size_t row, size_t column) {
    const char *text = my_rows_text(rows, row, column);
    bool fits = text != NULL && strlen(text) <= TEXT_MAX_BYTES && text_is_utf8(text, strlen(text));
    return fits ? text : NULL;
}

static Status read_list(Operation *operation, const char *doing, const char *sql,
                        StringList *ret_list, bool *ret_cut, Error *reterr) {
    Rows rows;
    const char *limited = arena_printf(operation->arena, "%s LIMIT %d", sql, LISTED_AT_MOST + 1);
    TRY(my_operation_read(operation, doing, limited, &rows, reterr));
    *ret_cut |= rows.count > LISTED_AT_MOST;
    for (size_t i = 0; i < rows.count && i < LISTED_AT_MOST; i++)
        if (clean_text(&rows, i, 0) != NULL)
            string_list_add(operation->arena, ret_list, clean_text(&rows, i, 0));
    return STATUS_OK;
}

static Status read_tables(Operation *operation, Discovery *discovery, Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT TABLE_SCHEMA, TABLE_NAME, IF(TABLE_TYPE = 'VIEW', 'view', 'table')"
        " FROM information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE', 'VIEW',"
        " 'SYSTEM VERSIONED') AND TABLE_SCHEMA" NOT_OF_SERVER " ORDER BY 1, 2 LIMIT %d",
        LISTED_AT_MOST + 1);
    Rows rows;
    TRY(my_operation_read(operation, "listing tables", sql, &rows, reterr));
    discovery->cut |= rows.count > LISTED_AT_MOST;
    discovery->tables.items = arena_alloc(operation->arena, (rows.count + 1) * sizeof(FoundTable));
    for (size_t i = 0; i < rows.count && i < LISTED_AT_MOST; i++) {
        if (clean_text(&rows, i, 0) == NULL || clean_text(&rows, i, 1) == NULL)
            continue;
        discovery->tables.items[discovery->tables.count++] =
            (FoundTable){.schema = my_rows_text(&rows, i, 0),
                         .name = my_rows_text(&rows, i, 1),
                         .kind = my_rows_text(&rows, i, 2)};
    }
    return STATUS_OK;
}

// MySQL has no list of roles: any account can be one. Those that cannot log in, and have no
// password that they could with, are taken for one.
static const char *roles_sql(const Operation *operation) {
    return operation->session->mariadb
               ? "SELECT g.User FROM mysql.global_priv g WHERE g.Host = ''"
                 " AND JSON_VALUE(g.Priv, '$.is_role') IN ('1', 'true') AND NOT EXISTS (SELECT 1"
                 " FROM information_schema.USER_PRIVILEGES p"
                 "  WHERE p.GRANTEE = CONCAT('''', g.User, '''@''''')"
                 "  AND p.PRIVILEGE_TYPE <> 'USAGE') ORDER BY 1"
               : "SELECT u.User FROM mysql.user u WHERE u.Host = '%' AND u.account_locked = 'Y'"
                 " AND u.authentication_string = '' AND JSON_EXTRACT(u.User_attributes,"
                 "  '$.metadata.daypass') IS NULL AND NOT EXISTS (SELECT 1"
                 " FROM information_schema.USER_PRIVILEGES p"
                 "  WHERE p.GRANTEE = CONCAT('''', u.User, '''@''%''')"
                 "  AND p.PRIVILEGE_TYPE <> 'USAGE') ORDER BY 1";
}

Status my_discover(Operation *operation, Discovery *ret_discovery, Error *reterr) {
    Discovery found = {.server_version =
                           arena_strdup(operation->arena, operation->session->version_text)};
    TRY(read_list(
        operation, "listing schemas",
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME" NOT_OF_SERVER
        " ORDER BY 1",
        &found.schemas, &found.cut, reterr));
    TRY(read_tables(operation, &found, reterr));
    if (operation->session->mariadb)
        TRY(read_list(operation, "listing sequences",
                      "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES"
                      " WHERE TABLE_TYPE = 'SEQUENCE' AND TABLE_SCHEMA" NOT_OF_SERVER " ORDER BY 1",
                      &found.sequences, &found.cut, reterr));
    TRY(read_list(operation, "listing functions",
                  "SELECT DISTINCT CONCAT(ROUTINE_SCHEMA, '.', ROUTINE_NAME)"
                  " FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA" NOT_OF_SERVER
                  " ORDER BY 1",
                  &found.functions, &found.cut, reterr));
    TRY(read_list(operation, "listing roles", roles_sql(operation), &found.roles, &found.cut,
                  reterr));
    *ret_discovery = found;
    return STATUS_OK;
}
