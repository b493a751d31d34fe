#include "driver/sqlserver/inspect.h"

#include <string.h>

#include "driver/sqlserver/account.h"
#include "driver/sqlserver/accounts.h"
#include "driver/sqlserver/statement.h"

static void add(Arena *arena, StringList *list, const char *line) {
    if (list->count < INSPECTION_LINES_MAX)
        string_list_add(arena, list, text_printable(arena, line));
}

static Status read_sessions(Operation *operation, const Login *login, AccountInspection *inspection,
                            Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql = arena_printf(
        arena,
        "SELECT CONCAT(COALESCE(NULLIF(s.program_name, N''), N'a program without a name'),"
        " N' from ' + s.host_name, N' in database ' + DB_NAME(s.database_id), N' since ',"
        " CONVERT(nvarchar(19), s.login_time, 126)) FROM sys.dm_exec_sessions AS s"
        " WHERE s.original_login_name = %s ORDER BY s.login_time, s.session_id",
        tsql_text(arena, login->name));
    Rows rows;
    TRY(mssql_read(operation, "reading sessions", sql, &rows, reterr));
    inspection->session_count = (int64_t)rows.row_count;
    for (size_t i = 0; i < rows.row_count; i++)
        add(arena, &inspection->sessions, rows_text(&rows, i, 0));
    return STATUS_OK;
}

static Status read_owned(Operation *operation, const Users *users, AccountInspection *inspection,
                         Error *reterr) {
    Arena *arena = operation->arena;
    for (size_t i = 0; i < users->count; i++) {
        const char *in = tsql_name(arena, users->items[i].database);
        long long id = (long long)users->items[i].id;
        const char *sql = arena_printf(
            arena,
            "SELECT N'schema ' + s.name COLLATE Latin1_General_BIN2 FROM %s.sys.schemas AS s"
            " WHERE s.principal_id = %lld"
            " UNION ALL SELECT N'object ' + o.name COLLATE Latin1_General_BIN2"
            " FROM %s.sys.objects AS o WHERE o.principal_id = %lld"
            " UNION ALL SELECT N'role ' + r.name COLLATE Latin1_General_BIN2"
            " FROM %s.sys.database_principals AS r WHERE r.owning_principal_id = %lld ORDER BY 1",
            in, id, in, id, in, id);
        Rows rows;
        TRY(mssql_read(operation, "reading what the account owns", sql, &rows, reterr));
        inspection->owned_count += (int64_t)rows.row_count;
        for (size_t row = 0; row < rows.row_count; row++)
            add(arena, &inspection->owned,
                arena_printf(arena, "%s: %s", users->items[i].database, rows_text(&rows, row, 0)));
    }
    return STATUS_OK;
}

static Status inspect_login(Operation *operation, const Plan *plan, const Login *login,
                            AccountInspection *inspection, Error *reterr) {
    Arena *arena = operation->arena;
    Databases databases;
    Users users;
    const AccountState *state = NULL;
    TRY(read_sessions(operation, login, inspection, reterr));
    TRY(mssql_databases_read(operation, &databases, reterr));
    TRY(mssql_users_read(operation, &databases, login->sid, &users, reterr));
    TRY(read_owned(operation, &users, inspection, reterr));
    if (inspection->owned_count > 0) {
        inspection->custodian = plan->custodian;
        if (plan->custodian == NULL)
            add(arena, &inspection->obstacles,
                "it owns objects, and no custodian may receive them");
    }
    for (size_t i = 0; i < databases.count; i++)
        if (!databases.items[i].is_open && mssql_plan_uses(arena, plan, databases.items[i].name))
            add(arena, &inspection->obstacles,
                arena_printf(arena, "database \"%s\" is not open to the admin account",
                             databases.items[i].name));
    TRY(mssql_account_state_read(operation, login->name, &state, reterr));
    if (state == NULL)
        return STATUS_OK;
    inspection->expires_at = state->mark_expires_at;
    inspection->roles = state->roles;
    inspection->privilege_count = state->privilege_count;
    inspection->privileges = state->privileges;
    for (size_t i = 0; i < state->attributes.count; i++)
        add(arena, &inspection->obstacles,
            arena_printf(arena,
                         "it is in the server's roles %s: the admin account may be unable to "
                         "change it",
                         state->attributes.items[i]));
    return STATUS_OK;
}

Status mssql_account_inspect(Operation *operation, const Plan *plan,
                             AccountInspection *ret_inspection, Error *reterr) {
    AccountInspection inspection = {.account = plan->account};
    Login login;
    bool found = false;
    Error error = {0};
    Status status = mssql_login_read(operation, plan, &found, &login, &error);
    if (status != STATUS_OK && strcmp(error.code, "account_taken") == 0) {
        inspection.present = true; // as somebody else's
    } else if (status != STATUS_OK) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    if (found) {
        inspection.present = inspection.marked = true;
        inspection.can_login = !login.disabled;
        TRY(inspect_login(operation, plan, &login, &inspection, reterr));
    }
    *ret_inspection = inspection;
    return STATUS_OK;
}
