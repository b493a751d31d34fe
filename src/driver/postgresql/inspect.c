#include "driver/postgresql/inspect.h"

#include <string.h>

#include "driver/postgresql/account_state.h"
#include "driver/postgresql/accounts.h"
#include "driver/account_mark.h"
#include "driver/postgresql/role.h"

static void add(Arena *arena, StringList *list, const char *line) {
    if (list->count < INSPECTION_LINES_MAX)
        string_list_add(arena, list, pg_account_text(arena, line));
}

// Where they come from the server tells only those who may read all its statistics.
static Status read_sessions(Operation *operation, const Role *role, AccountInspection *inspection,
                            Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql = arena_printf(
        arena,
        "SELECT concat(coalesce(nullif(application_name, ''), 'a program without a name'),"
        " ' from ' || host(client_addr), ' in database ' || datname, ' since ' ||"
        " to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'))"
        " FROM pg_stat_activity WHERE usesysid = %lld ORDER BY backend_start, pid",
        (long long)role->oid);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading sessions", .sql = sql}, &rows,
                          reterr));
    inspection->session_count = pg_rows_count(rows);
    for (int i = 0; i < pg_rows_count(rows); i++)
        add(arena, &inspection->sessions, pg_rows_text(rows, i, 0));
    return STATUS_OK;
}

// In the session's database, with what belongs to the whole server; as pg_hand_over sees it.
static Status read_owned(Operation *operation, const Role *role, bool whole_server,
                         AccountInspection *inspection, Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql = arena_printf(
        arena,
        "SELECT pg_describe_object(classid, objid, 0) FROM pg_shdepend"
        " WHERE refclassid = 'pg_authid'::regclass AND refobjid = %lld AND deptype = 'o'"
        " AND classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)"
        " AND dbid IN (%s%lld) ORDER BY 1 LIMIT %d",
        (long long)role->oid, whole_server ? "0, " : "",
        (long long)operation->session->database_oid, INSPECTION_LINES_MAX);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading what the account owns", .sql = sql},
                          &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++)
        add(arena, &inspection->owned,
            arena_printf(arena, "%s: %s", operation->session->target.database,
                         pg_rows_text(rows, i, 0) != NULL ? pg_rows_text(rows, i, 0) : "object"));
    return STATUS_OK;
}

static Status read_owned_beside(Operation *operation, const Role *role, const char *database,
                                const char *count, AccountInspection *inspection, Error *reterr) {
    CLEANUP(pg_session_closep) DriverSession *beside = NULL;
    Error error = {0};
    FailureClass failure;
    if (pg_session_open_beside(operation->session, database, &beside, &failure, &error) !=
        STATUS_OK) {
        add(operation->arena, &inspection->obstacles,
            arena_printf(operation->arena,
                         "%s objects in database %s, where the admin account cannot look: %s",
                         count, database, error.message));
        return STATUS_OK;
    }
    Operation there = *operation;
    there.session = beside;
    Status status = read_owned(&there, role, false, inspection, reterr);
    operation->evidence.failure = there.evidence.failure;
    return status;
}

static Status read_all_owned(Operation *operation, const Role *role, AccountInspection *inspection,
                             Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT d.datname, count(*), d.oid = %lld FROM pg_shdepend s"
        " JOIN pg_database d ON d.oid = CASE s.dbid WHEN 0 THEN %lld ELSE s.dbid END"
        " WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %lld AND s.deptype = 'o'"
        " AND s.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)"
        " GROUP BY d.datname, d.oid ORDER BY 1",
        (long long)operation->session->database_oid, (long long)operation->session->database_oid,
        (long long)role->oid);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading what the account owns", .sql = sql},
                          &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        inspection->owned_count += pg_rows_int(rows, i, 1);
        if (pg_rows_bool(rows, i, 2))
            TRY(read_owned(operation, role, true, inspection, reterr));
        else
            TRY(read_owned_beside(operation, role, pg_rows_text(rows, i, 0),
                                  pg_rows_text(rows, i, 1), inspection, reterr));
    }
    return STATUS_OK;
}

// Who would get what it owns, or why nobody would.
static Status judge_custodian(Operation *operation, const Plan *plan, AccountInspection *inspection,
                              Error *reterr) {
    if (inspection->owned_count == 0)
        return STATUS_OK;
    if (plan->custodian == NULL) {
        add(operation->arena, &inspection->obstacles,
            "it owns objects, and no custodian may receive them");
        return STATUS_OK;
    }
    const char *reason;
    TRY(pg_role_refusal(operation, plan->custodian, &reason, reterr));
    if (reason == NULL)
        inspection->custodian = plan->custodian;
    else
        add(operation->arena, &inspection->obstacles,
            arena_printf(operation->arena,
                         "custodian %s may not receive what it owns because of %s", plan->custodian,
                         reason));
    return STATUS_OK;
}

static Status read_state(Operation *operation, const Plan *plan, AccountInspection *inspection,
                         Error *reterr) {
    const AccountState *state = NULL;
    TRY(pg_account_state_read(operation, plan->account, &state, reterr));
    if (state == NULL)
        return STATUS_OK;
    inspection->roles = state->roles;
    inspection->privilege_count = state->privilege_count;
    inspection->privileges = state->privileges;
    for (size_t i = 0; i < state->attributes.count; i++)
        add(operation->arena, &inspection->obstacles,
            arena_printf(operation->arena,
                         "it has %s: the admin account may be unable to change it",
                         state->attributes.items[i]));
    return STATUS_OK;
}

Status pg_account_inspect(Operation *operation, const Plan *plan, AccountInspection *ret_inspection,
                          Error *reterr) {
    AccountInspection inspection = {.account = plan->account};
    Role role;
    AccountMark mark;
    TRY(pg_role_read(operation, plan->account, &inspection.present, &role, reterr));
    if (inspection.present) {
        inspection.can_login = role.can_login;
        inspection.expires_at = role.expires_at;
        inspection.marked = account_mark_parse(operation->arena, role.comment, &mark) &&
                            account_mark_is(&mark, plan);
    }
    if (inspection.marked) {
        TRY(read_sessions(operation, &role, &inspection, reterr));
        TRY(read_all_owned(operation, &role, &inspection, reterr));
        TRY(judge_custodian(operation, plan, &inspection, reterr));
        TRY(read_state(operation, plan, &inspection, reterr));
    }
    *ret_inspection = inspection;
    return STATUS_OK;
}
