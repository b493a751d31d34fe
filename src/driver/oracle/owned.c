#include "driver/oracle/owned.h"

#include <string.h>

// Parts of tables go with them.
Status oracle_owned_read(Operation *operation, const char *user, Rows **ret_rows, Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT OBJECT_TYPE, OBJECT_NAME, COUNT(*) OVER () FROM SYS.DBA_OBJECTS WHERE OWNER = %s"
        " AND OBJECT_TYPE NOT IN ('LOB') AND OBJECT_TYPE NOT LIKE '%%PARTITION'"
        " ORDER BY CASE OBJECT_TYPE WHEN 'TABLE' THEN 0 ELSE 1 END, OBJECT_TYPE, OBJECT_NAME"
        " FETCH FIRST %d ROWS ONLY",
        oracle_sql_literal(operation->arena, user), ORACLE_OWNED_NAMED);
    return oracle_read(operation, "reading what the account owns", sql, ret_rows, reterr);
}

static const char *repair(Arena *arena, const char *type, const char *user, const char *name,
                          const char *custodian) {
    const char *object = oracle_sql_object(arena, user, name);
    if (strcmp(type, "TABLE") == 0)
        return arena_printf(
            arena, "CREATE TABLE %s AS SELECT * FROM %s; DROP TABLE %s;",
            oracle_sql_object(arena, custodian != NULL ? custodian : "NEW_OWNER", name), object,
            object);
    if (strcmp(type, "JOB") == 0)
        return arena_printf(arena, "BEGIN DBMS_SCHEDULER.DROP_JOB(%s, TRUE); END;",
                            oracle_sql_literal(arena, object));
    return arena_printf(arena,
                        "DROP %s %s; -- to keep it, make it again in another schema first, from "
                        "DBMS_METADATA.GET_DDL",
                        type, object);
}

Status oracle_owned_find(Operation *operation, const char *user, const char *custodian,
                         Error *reterr) {
    Rows *rows;
    TRY(oracle_owned_read(operation, user, &rows, reterr));
    for (size_t i = 0; i < rows->row_count; i++) {
        const char *type = oracle_rows_text(rows, i, 0);
        const char *name = oracle_rows_text(rows, i, 1);
        if (type == NULL || name == NULL)
            continue;
        evidence_obstacle(&operation->evidence,
                          arena_printf(operation->arena,
                                       "account \"%s\" owns %s %s, and Oracle cannot hand it over",
                                       user, type, oracle_sql_identifier(operation->arena, name)),
                          repair(operation->arena, type, user, name, custodian));
    }
    int64_t more = oracle_rows_int(rows, 0, 2) - (int64_t)rows->row_count;
    if (more > 0)
        evidence_warn(&operation->evidence, "the account owns %lld more objects than are listed",
                      (long long)more);
    return STATUS_OK;
}
