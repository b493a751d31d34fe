#include "driver/oracle/inspect.h"

#include "driver/oracle/accounts.h"
#include "driver/oracle/owned.h"

static void add(Arena *arena, StringList *list, const char *line) {
    if (list->count < INSPECTION_LINES_MAX && line != NULL)
        string_list_add(arena, list, text_printable(arena, line));
}

static Status read_sessions(Operation *operation, const OracleAccount *account,
                            AccountInspection *inspection, Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT NVL(s.PROGRAM, 'a program without a name') || ' from ' ||"
        " NVL(s.MACHINE, 'an unknown machine') || ', instance ' || s.INST_ID || ', since ' ||"
        " TO_CHAR(s.LOGON_TIME, 'YYYY-MM-DD HH24:MI:SS') FROM SYS.GV_$SESSION s"
        " WHERE s.USER# = %lld ORDER BY s.LOGON_TIME",
        (long long)account->user_id);
    Rows *rows;
    TRY(oracle_read(operation, "reading sessions", sql, &rows, reterr));
    inspection->session_count = (int64_t)rows->row_count;
    for (size_t i = 0; i < rows->row_count; i++)
        add(operation->arena, &inspection->sessions, oracle_rows_text(rows, i, 0));
    return STATUS_OK;
}

static Status read_owned(Operation *operation, const OracleAccount *account,
                         AccountInspection *inspection, Error *reterr) {
    Rows *rows;
    TRY(oracle_owned_read(operation, account->user, &rows, reterr));
    inspection->owned_count = oracle_rows_int(rows, 0, 2);
    for (size_t i = 0; i < rows->row_count; i++)
        add(operation->arena, &inspection->owned,
            arena_printf(operation->arena, "%s: %s %s", operation->session->container,
                         oracle_rows_text(rows, i, 0), oracle_rows_text(rows, i, 1)));
    if (rows->row_count > 0)
        add(operation->arena, &inspection->obstacles,
            "it owns objects, and Oracle cannot hand them over");
    return STATUS_OK;
}

static Status read_state(Operation *operation, const Plan *plan, AccountInspection *inspection,
                         Error *reterr) {
    AccountState *state = NULL;
    TRY(oracle_account_state_read(operation, plan->account, &state, reterr));
    if (state == NULL)
        return STATUS_OK;
    inspection->roles = state->roles;
    inspection->privilege_count = state->privilege_count;
    inspection->privileges = state->privileges;
    return STATUS_OK;
}

Status oracle_account_inspect(Operation *operation, const Plan *plan,
                              AccountInspection *ret_inspection, Error *reterr) {
    OracleAccount account;
    AccountMark mark;
    TRY(oracle_account_read(operation, plan->account, &account, reterr));
    AccountInspection inspection = {
        .account = plan->account,
        .present = account.present,
        .can_login = account.present && oracle_status_can_login(account.status),
        .expires_at = account.job_ends_at,
        .marked = account.is_marked && account_mark_parse(operation->arena, account.mark, &mark) &&
                  account_mark_is(&mark, plan),
    };
    if (inspection.marked) {
        TRY(read_sessions(operation, &account, &inspection, reterr));
        TRY(read_owned(operation, &account, &inspection, reterr));
        TRY(read_state(operation, plan, &inspection, reterr));
    }
    *ret_inspection = inspection;
    return STATUS_OK;
}
