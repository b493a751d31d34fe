// One account as the dictionary, the table of marks and the scheduler have it.
//
// Oracle keeps no comment on a user, so the mark is a row in a table of the connector's own
// (DAYPASS_ACCOUNTS), written before the user is made and deleted after it is gone. The row notes
// the user's number; a user of that name with another number is somebody else's. Until the number
// is noted, only a user that is as Daypass makes it (without any password, locked, not older than
// the row) is taken for it.
#pragma once

#include "driver/account_mark.h"
#include "driver/oracle/operation.h"

typedef struct OracleAccount {
    const char *user; // as the dictionary has it
    bool present;
    int64_t user_id;
    const char *status; // "OPEN", "LOCKED", "EXPIRED(GRACE)", "LOCKED(TIMED)", …
    bool locked;        // by somebody, or its end
    bool locked_timed;  // by wrong passwords, for a while
    bool has_row;       // in the table of marks
    bool is_marked;     // and that row is this user's
    const char *mark;
    int64_t job_ends_at; // when the server locks it; 0: it does not
    bool has_job;
    int64_t now_at;
} OracleAccount;

// Makes the table of marks where it is not there yet.
MUST_USE Status oracle_marks_ensure(Operation *operation, Error *reterr);
MUST_USE Status oracle_account_read(Operation *operation, const char *account,
                                    OracleAccount *ret_account, Error *reterr);
// FAILURE_CONFLICT with an obstacle, unless the user is this plan's.
MUST_USE Status oracle_account_check_mark(Operation *operation, const Plan *plan,
                                          const OracleAccount *account, AccountMark *ret_mark,
                                          Error *reterr);
// Whether the server runs jobs at all: without, it locks nothing by itself. Says so in a warning,
// also where the admin cannot see it; then it is taken for one that does not.
MUST_USE Status oracle_jobs_run(Operation *operation, bool *ret_run, Error *reterr);
// SQL: the settings it depends on, and RESOURCE_LIMIT: name, value.
#define ORACLE_SETTINGS                                                                            \
    "SELECT NAME, VALUE FROM SYS.V_$PARAMETER WHERE NAME IN"                                       \
    " ('job_queue_processes', 'resource_limit') UNION ALL SELECT ATTRIBUTE_NAME, VALUE FROM"       \
    " SYS.ALL_SCHEDULER_GLOBAL_ATTRIBUTE WHERE ATTRIBUTE_NAME = 'SCHEDULER_DISABLED'"
// Lets the server lock the account at that moment of its clock, and not before.
MUST_USE Status oracle_account_set_end(Operation *operation, const OracleAccount *account,
                                       int64_t ends_at, bool in_time, Error *reterr);
// The plan names an account, a grant and this session's database.
MUST_USE Status oracle_plan_check(Operation *operation, const Plan *plan, Error *reterr);

// The table of marks as something to select from, also where it is not there.
MUST_USE Status oracle_marks_source(Operation *operation, const char **ret_source, Error *reterr);
// SQL: whether row m of the table of marks is of user u in DBA_USERS.
#define ORACLE_MARK_IS_OF_USER                                                                     \
    "(m.USER_ID = u.USER_ID OR (m.USER_ID IS NULL AND u.AUTHENTICATION_TYPE = 'NONE'"              \
    " AND u.ACCOUNT_STATUS = 'LOCKED' AND u.CREATED >= m.WRITTEN))"
// SQL: when job j in USER_SCHEDULER_JOBS locks its account; null: it does not.
#define ORACLE_JOB_END                                                                             \
    "CASE WHEN j.ENABLED = 'TRUE' THEN " ORACLE_TIME_OF "j.START_DATE" ORACLE_TIME_END " END"
// Whether somebody with the password can log in, now or by waiting.
bool oracle_status_can_login(const char *status);
