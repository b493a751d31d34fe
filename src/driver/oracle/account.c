#include "driver/oracle/account.h"

#include <string.h>

#include "driver/oracle/errors.h"

static Status has_marks(Operation *operation, bool *ret_has, Error *reterr) {
    Rows *rows;
    TRY(oracle_read(operation, "looking for the table of marks",
                    "SELECT COUNT(*) FROM SYS.USER_TABLES WHERE TABLE_NAME = '" ORACLE_MARKS "'",
                    &rows, reterr));
    *ret_has = oracle_rows_int(rows, 0, 0) > 0;
    return STATUS_OK;
}

Status oracle_marks_ensure(Operation *operation, Error *reterr) {
    bool has;
    TRY(has_marks(operation, &has, reterr));
    if (has)
        return STATUS_OK;
    Error error = {0};
    Status status =
        oracle_change(operation, "making the table of marks",
                      oracle_sql_create_marks(operation->arena, operation->session->admin), &error);
    if (status == STATUS_OK || oracle_failed_with(operation, ORA_NAME_USED))
        return STATUS_OK; // somebody made it meanwhile
    if (reterr != NULL)
        *reterr = error;
    return status;
}

Status oracle_marks_source(Operation *operation, const char **ret_source, Error *reterr) {
    bool has;
    TRY(has_marks(operation, &has, reterr));
    *ret_source =
        has ? oracle_sql_object(operation->arena, operation->session->admin, ORACLE_MARKS)
            : "(SELECT CAST(NULL AS VARCHAR2(128)) AS ACCOUNT, CAST(NULL AS VARCHAR2(128)) AS MARK,"
              " CAST(NULL AS DATE) AS WRITTEN, CAST(NULL AS NUMBER) AS USER_ID FROM SYS.DUAL"
              " WHERE 1 = 0)";
    return STATUS_OK;
}

// A lock for wrong passwords ends by itself, and who has an expired password may set another.
static bool is_locked(const char *status) {
    return strstr(status, "LOCKED") != NULL && strstr(status, "LOCKED(TIMED)") == NULL;
}

bool oracle_status_can_login(const char *status) {
    return !is_locked(status);
}

Status oracle_account_read(Operation *operation, const char *account, OracleAccount *ret_account,
                           Error *reterr) {
    Arena *arena = operation->arena;
    const char *user = oracle_account_user(arena, account);
    const char *marks;
    TRY(oracle_marks_source(operation, &marks, reterr));
    const char *sql = arena_printf(
        arena,
        "SELECT u.USER_ID, u.ACCOUNT_STATUS, CASE WHEN m.ACCOUNT IS NULL THEN 0 ELSE 1 END,"
        " CASE WHEN " ORACLE_MARK_IS_OF_USER " THEN 1 ELSE 0 END, m.MARK,"
        " CASE WHEN j.JOB_NAME IS NULL THEN 0 ELSE 1 END, " ORACLE_JOB_END ","
        " " ORACLE_TIME_OF "SYSTIMESTAMP" ORACLE_TIME_END
        " FROM (SELECT %s AS NAME FROM SYS.DUAL) n"
        " LEFT JOIN SYS.DBA_USERS u ON u.USERNAME = n.NAME"
        " LEFT JOIN %s m ON m.ACCOUNT = n.NAME"
        " LEFT JOIN SYS.USER_SCHEDULER_JOBS j ON j.JOB_NAME = %s",
        oracle_sql_literal(arena, user), marks,
        oracle_sql_literal(arena, oracle_sql_job(arena, user)));
    Rows *rows;
    TRY(oracle_read(operation, "looking up the account", sql, &rows, reterr));
    const char *status = oracle_rows_text(rows, 0, 1);
    bool present = oracle_rows_text(rows, 0, 0) != NULL && status != NULL;
    *ret_account = (OracleAccount){
        .user = user,
        .present = present,
        .user_id = oracle_rows_int(rows, 0, 0),
        .status = present ? status : "",
        .locked = present && is_locked(status),
        .locked_timed = present && strstr(status, "LOCKED(TIMED)") != NULL,
        .has_row = oracle_rows_int(rows, 0, 2) != 0,
        .is_marked = present && oracle_rows_int(rows, 0, 3) != 0,
        .mark = oracle_rows_text(rows, 0, 4),
        .has_job = oracle_rows_int(rows, 0, 5) != 0,
        .job_ends_at = oracle_rows_time(rows, 0, 6),
        .now_at = oracle_rows_time(rows, 0, 7),
    };
    return STATUS_OK;
}

// A row without a user is a half-made or half-removed account: whose, says the row alone.
static bool is_of_plan(Operation *operation, const Plan *plan, const OracleAccount *account,
                       AccountMark *ret_mark) {
    bool is_its_row = account->present ? account->is_marked : account->has_row;
    return is_its_row && account_mark_parse(operation->arena, account->mark, ret_mark) &&
           account_mark_is(ret_mark, plan);
}

Status oracle_account_check_mark(Operation *operation, const Plan *plan,
                                 const OracleAccount *account, AccountMark *ret_mark,
                                 Error *reterr) {
    if (is_of_plan(operation, plan, account, ret_mark))
        return STATUS_OK;
    Arena *arena = operation->arena;
    const char *repair =
        account->present
            ? arena_printf(arena, "%s; -- then drop it, when it is nobody's",
                           oracle_sql_lock_user(arena, account->user))
            : arena_printf(arena, "%s; COMMIT;",
                           oracle_sql_delete_mark(arena, operation->session->admin, account->user));
    evidence_obstacle(&operation->evidence,
                      arena_printf(arena,
                                   "user \"%s\" is there, but not as the account of grant %s: "
                                   "table %s.%s does not say so",
                                   account->user, plan->grant_id, operation->session->admin,
                                   ORACLE_MARKS),
                      repair);
    return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_taken",
                         "user \"%s\" is there, but not as the account of this grant; it was not "
                         "touched",
                         account->user);
}

Status oracle_jobs_run(Operation *operation, bool *ret_run, Error *reterr) {
    Rows *rows;
    Error error = {0};
    Status status = oracle_read(operation, "reading settings", ORACLE_SETTINGS, &rows, &error);
    if (status != STATUS_OK && oracle_is_lost(operation)) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    *ret_run = status == STATUS_OK;
    for (size_t i = 0; *ret_run && i < rows->row_count; i++) {
        const char *name = oracle_rows_text(rows, i, 0);
        const char *value = oracle_rows_text(rows, i, 1);
        if ((text_equal(name, "job_queue_processes") && text_equal(value, "0")) ||
            (text_equal(name, "SCHEDULER_DISABLED") && text_equal(value, "TRUE")))
            *ret_run = false;
    }
    if (!*ret_run)
        evidence_warn(&operation->evidence, "%s; daypass-connector check has the repair",
                      status == STATUS_OK
                          ? "the server runs no jobs, so it does not lock the account at its end"
                          : "whether the server runs jobs, and so locks the account at its end, "
                            "cannot be seen");
    return STATUS_OK;
}

Status oracle_account_set_end(Operation *operation, const OracleAccount *account, int64_t ends_at,
                              bool in_time, Error *reterr) {
    const OracleEnd end = {.admin = operation->session->admin,
                           .user = account->user,
                           .user_id = account->user_id,
                           .ends_at = ends_at};
    const char *calls = account->has_job ? oracle_sql_move_job(operation->arena, &end)
                                         : oracle_sql_create_job(operation->arena, &end);
    const char *doing = "setting the account's end";
    if (in_time)
        return oracle_call_in_time(operation, doing, calls, calls, NULL, reterr);
    return oracle_change(operation, doing, arena_printf(operation->arena, "BEGIN %s END;", calls),
                         reterr);
}

Status oracle_plan_check(Operation *operation, const Plan *plan, Error *reterr) {
    operation->evidence.failure = FAILURE_FATAL;
    TRY(oracle_name_check("account", plan->account, reterr));
    if (strlen(plan->account) > ORACLE_ACCOUNT_MAX)
        return error_set(reterr, STATUS_INVALID, "bad_name",
                         "the account's name has more than %d bytes", ORACLE_ACCOUNT_MAX);
    if (plan->grant_id == NULL || plan->deployment == NULL || plan->connector == NULL)
        return error_set(reterr, STATUS_INVALID, "bad_plan",
                         "the plan names no grant, deployment or connector");
    if (!text_equal(plan->target->database, operation->session->target.database))
        return error_set(reterr, STATUS_INVALID, "bad_plan",
                         "the plan is for service \"%s\", the session is in \"%s\"",
                         plan->target->database, operation->session->target.database);
    operation->evidence.failure = FAILURE_NONE;
    operation->evidence.outcome->account = plan->account;
    return STATUS_OK;
}
