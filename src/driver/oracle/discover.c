#include "driver/oracle/discover.h"

#include <string.h>

#include "driver/oracle/resolve.h"

enum { LISTED_AT_MOST = 10000, TEXT_MAX_BYTES = 1024 };

// What came with the server is nobody's to grant here.
#define OBJECTS_OF_USERS                                                                           \
    " FROM SYS.DBA_OBJECTS o JOIN SYS.DBA_USERS u ON u.USERNAME = o.OWNER AND"                     \
    " u.ORACLE_MAINTAINED = 'N' WHERE o.SECONDARY = 'N' AND o.OBJECT_NAME NOT LIKE 'BIN$%%' AND"   \
    " o.OBJECT_NAME NOT LIKE 'ISEQ$$%%' AND o.OBJECT_TYPE IN "

static const char *clean_text(Rows *rows, size_t row, size_t column) {
    const char *text = oracle_rows_text(rows, row, column);
    return text != NULL && strlen(text) <= TEXT_MAX_BYTES ? text : NULL;
}

static Status read_limited(Operation *operation, const char *doing, const char *sql,
                           Rows **ret_rows, bool *ret_cut, size_t *ret_count, Error *reterr) {
    const char *limited =
        arena_printf(operation->arena, "%s FETCH FIRST %d ROWS ONLY", sql, LISTED_AT_MOST + 1);
    TRY(oracle_read(operation, doing, limited, ret_rows, reterr));
    *ret_cut |= (*ret_rows)->row_count > LISTED_AT_MOST;
    *ret_count = (*ret_rows)->row_count > LISTED_AT_MOST ? LISTED_AT_MOST : (*ret_rows)->row_count;
    return STATUS_OK;
}

static Status read_list(Operation *operation, const char *doing, const char *sql,
                        StringList *ret_list, bool *ret_cut, Error *reterr) {
    Rows *rows;
    size_t count;
    TRY(read_limited(operation, doing, sql, &rows, ret_cut, &count, reterr));
    for (size_t i = 0; i < count; i++)
        if (clean_text(rows, i, 0) != NULL)
            string_list_add(operation->arena, ret_list, clean_text(rows, i, 0));
    return STATUS_OK;
}

// A materialized view is a table to the dictionary, too.
static Status read_tables(Operation *operation, Discovery *discovery, Error *reterr) {
    const char *sql =
        arena_printf(operation->arena,
                     "SELECT o.OWNER, o.OBJECT_NAME, LOWER(MIN(o.OBJECT_TYPE))" OBJECTS_OF_USERS
                     "('TABLE', 'VIEW', 'MATERIALIZED VIEW')"
                     " GROUP BY o.OWNER, o.OBJECT_NAME ORDER BY 1, 2");
    Rows *rows;
    size_t count;
    TRY(read_limited(operation, "listing tables", sql, &rows, &discovery->cut, &count, reterr));
    discovery->tables.items = arena_alloc(operation->arena, (count + 1) * sizeof(FoundTable));
    for (size_t i = 0; i < count; i++)
        if (clean_text(rows, i, 0) != NULL && clean_text(rows, i, 1) != NULL)
            discovery->tables.items[discovery->tables.count++] =
                (FoundTable){.schema = clean_text(rows, i, 0),
                             .name = clean_text(rows, i, 1),
                             .kind = oracle_rows_text(rows, i, 2)};
    return STATUS_OK;
}

// Those that no rule refuses; of what a role leads to, too.
static const char ROLES_SQL[] =
    "SELECT r.ROLE FROM SYS.DBA_ROLES r WHERE r.ORACLE_MAINTAINED = 'N' AND r.ROLE NOT IN"
    " (SELECT p.GRANTEE FROM SYS.DBA_SYS_PRIVS p WHERE " ORACLE_POWERFUL
    " UNION SELECT a.GRANTEE FROM SYS.DBA_ROLE_PRIVS a WHERE a.ADMIN_OPTION = 'YES'"
    " UNION SELECT h.ROOT FROM (SELECT CONNECT_BY_ROOT GRANTEE AS ROOT, GRANTED_ROLE FROM"
    " SYS.DBA_ROLE_PRIVS CONNECT BY NOCYCLE PRIOR GRANTED_ROLE = GRANTEE) h JOIN"
    " SYS.DBA_SYS_PRIVS p ON p.GRANTEE = h.GRANTED_ROLE WHERE " ORACLE_POWERFUL ") ORDER BY 1";

Status oracle_discover(Operation *operation, Discovery *ret_discovery, Error *reterr) {
    Arena *arena = operation->arena;
    Discovery found = {.server_version = arena_strdup(arena, operation->session->version_text)};
    TRY(read_list(operation, "listing schemas",
                  "SELECT USERNAME FROM SYS.DBA_USERS WHERE ORACLE_MAINTAINED = 'N' ORDER BY 1",
                  &found.schemas, &found.cut, reterr));
    TRY(read_tables(operation, &found, reterr));
    TRY(read_list(operation, "listing sequences",
                  arena_printf(arena, "SELECT o.OWNER || '.' || o.OBJECT_NAME" OBJECTS_OF_USERS
                                      "('SEQUENCE') ORDER BY 1"),
                  &found.sequences, &found.cut, reterr));
    TRY(read_list(operation, "listing functions",
                  arena_printf(arena, "SELECT o.OWNER || '.' || o.OBJECT_NAME" OBJECTS_OF_USERS
                                      "('FUNCTION', 'PROCEDURE', 'PACKAGE') ORDER BY 1"),
                  &found.functions, &found.cut, reterr));
    TRY(read_list(operation, "listing roles", ROLES_SQL, &found.roles, &found.cut, reterr));
    *ret_discovery = found;
    return STATUS_OK;
}
