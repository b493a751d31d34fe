#include "driver/sqlserver/account.h"

#include <string.h>

#include "base/buffer.h"
#include "driver/sqlserver/statement.h"

enum { DATABASES_AT_ONCE = 50, DATABASES_MAX = 20000 };

static Status taken(Operation *operation, const Plan *plan, const char *name, Error *reterr) {
    Arena *arena = operation->arena;
    evidence_obstacle(
        &operation->evidence,
        arena_printf(
            arena, "login \"%s\" is there, but not as the account of grant %s: its SID is another",
            name, plan->grant_id),
        arena_printf(arena, "%s; -- then rename or drop it", tsql_disable_login(arena, name)));
    return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_taken",
                         "login \"%s\" is there, but not as the account of this grant; it was not "
                         "touched",
                         name);
}

Status mssql_login_read(Operation *operation, const Plan *plan, bool *ret_found, Login *ret_login,
                        Error *reterr) {
    Arena *arena = operation->arena;
    const char *sid = tsql_sid(arena, plan->deployment, plan->grant_id);
    const char *sql = arena_printf(
        arena,
        "SELECT p.name, CONVERT(varchar(100), p.sid, 1), p.principal_id, p.is_disabled,"
        " DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME())"
        " FROM sys.server_principals AS p WHERE p.sid = %s OR p.name = %s",
        sid, tsql_text(arena, plan->account));
    Rows rows;
    TRY(mssql_read(operation, "looking up the login", sql, &rows, reterr));
    *ret_found = false;
    for (size_t i = 0; i < rows.row_count; i++)
        if (text_equal(rows_text(&rows, i, 1), sid)) {
            *ret_found = true;
            *ret_login = (Login){.name = rows_text(&rows, i, 0),
                                 .sid = sid,
                                 .key = rows_text(&rows, i, 2),
                                 .disabled = rows_bool(&rows, i, 3),
                                 .now_at = rows_int(&rows, i, 4)};
        }
    if (!*ret_found && rows.row_count > 0)
        return taken(operation, plan, plan->account, reterr);
    return STATUS_OK;
}

Status mssql_databases_read(Operation *operation, Databases *ret_databases, Error *reterr) {
    const char *sql =
        arena_printf(operation->arena,
                     "SELECT TOP (%d) d.name, d.state_desc,"
                     " CASE WHEN d.state = 0 THEN COALESCE(HAS_DBACCESS(d.name), 0) ELSE 0 END,"
                     " d.is_read_only, CASE WHEN d.database_id <= 4 THEN 1 ELSE 0 END"
                     " FROM sys.databases AS d ORDER BY d.name",
                     DATABASES_MAX);
    Rows rows;
    TRY(mssql_read(operation, "listing databases", sql, &rows, reterr));
    Databases databases = {
        .items = arena_alloc(operation->arena, (rows.row_count + 1) * sizeof(Database))};
    for (size_t i = 0; i < rows.row_count; i++)
        databases.items[databases.count++] = (Database){.name = rows_text(&rows, i, 0),
                                                        .state = rows_text(&rows, i, 1),
                                                        .is_open = rows_bool(&rows, i, 2),
                                                        .is_readonly = rows_bool(&rows, i, 3),
                                                        .is_system = rows_bool(&rows, i, 4)};
    *ret_databases = databases;
    return STATUS_OK;
}

// Databases may have collations of their own, in which names of two cannot stand in one column.
static void add_users_of(Buffer *sql, Arena *arena, const char *database, const char *sid) {
    const char *name = tsql_name(arena, database);
    buffer_addf(sql,
                "%sSELECT %s, u.name COLLATE Latin1_General_BIN2,"
                " CONVERT(varchar(100), u.sid, 1) COLLATE Latin1_General_BIN2, u.principal_id,"
                " CONVERT(nvarchar(3750), e.value) COLLATE Latin1_General_BIN2"
                " FROM %s.sys.database_principals AS u LEFT JOIN %s.sys.extended_properties AS e"
                " ON e.class = 4 AND e.major_id = u.principal_id AND e.name = N'daypass' WHERE ",
                sql->length == 0 ? "" : " UNION ALL ", tsql_text(arena, database), name, name);
    if (sid != NULL)
        buffer_addf(sql, "u.sid = %s", sid);
    else
        buffer_addf(sql, "u.type = 'S' AND SUBSTRING(u.sid, 1, 4) = %s", TSQL_SID_PREFIX);
}

static Status read_users_of(Operation *operation, const char *sql, Users *users, Error *reterr) {
    Rows rows;
    TRY(mssql_read(operation, "looking for users of the account", sql, &rows, reterr));
    User *items = arena_alloc(operation->arena, (users->count + rows.row_count + 1) * sizeof(User));
    if (users->count > 0)
        memcpy(items, users->items, users->count * sizeof(User));
    users->items = items;
    for (size_t i = 0; i < rows.row_count; i++)
        users->items[users->count++] = (User){.database = rows_text(&rows, i, 0),
                                              .name = rows_text(&rows, i, 1),
                                              .sid = rows_text(&rows, i, 2),
                                              .id = rows_int(&rows, i, 3),
                                              .mark = rows_text(&rows, i, 4)};
    return STATUS_OK;
}

Status mssql_users_read(Operation *operation, const Databases *databases, const char *sid,
                        Users *ret_users, Error *reterr) {
    Users users = {0};
    for (size_t at = 0; at < databases->count;) {
        CLEANUP(buffer_done) Buffer sql = {0};
        for (int taken_in = 0; at < databases->count && taken_in < DATABASES_AT_ONCE; at++)
            if (databases->items[at].is_open) {
                add_users_of(&sql, operation->arena, databases->items[at].name, sid);
                taken_in++;
            }
        if (sql.length > 0)
            TRY(read_users_of(operation, buffer_text(&sql), &users, reterr));
    }
    *ret_users = users;
    return STATUS_OK;
}

bool mssql_users_mark(Arena *arena, const Users *users, const char *sid, AccountMark *ret_mark) {
    for (size_t i = 0; i < users->count; i++)
        if (text_equal(users->items[i].sid, sid) &&
            account_mark_parse(arena, users->items[i].mark, ret_mark))
            return true;
    return false;
}

StringList mssql_plan_databases(Arena *arena, const Plan *plan) {
    StringList databases = {0};
    string_list_add(arena, &databases, plan->target->database);
    for (size_t i = 0; i < plan->access.count; i++) {
        const char *database = plan->access.items[i].database;
        if (database != NULL && !string_list_has(&databases, database))
            string_list_add(arena, &databases, database);
    }
    return databases;
}

bool mssql_plan_uses(Arena *arena, const Plan *plan, const char *database) {
    StringList databases = mssql_plan_databases(arena, plan);
    for (size_t i = 0; i < databases.count; i++)
        if (strcasecmp(databases.items[i], database) == 0)
            return true;
    return false;
}
