#include "driver/oracle/accounts.h"

#include <fnmatch.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { LEFTOVERS_MAX = 1000, LINE_MAX_BYTES = 300, UNLIMITED = -1 };

static const char *account_text(Arena *arena, const char *text) {
    const char *shown = text_printable(arena, text);
    return arena_copy(arena, shown, text_cut(shown, strlen(shown), LINE_MAX_BYTES));
}

static void add_line(Arena *arena, StringList *list, const char *line) {
    if (list->count < ACCOUNT_STATE_LINES_MAX)
        string_list_add(arena, list, account_text(arena, line));
}

// ---- With a mark --------------------------------------------------------------------------------

// SESSIONS_PER_USER of the account's profile, or of DEFAULT where that says so.
#define SESSIONS_LIMIT                                                                             \
    "(SELECT CASE p.LIMIT WHEN 'DEFAULT' THEN d.LIMIT ELSE p.LIMIT END FROM SYS.DBA_PROFILES p"    \
    " JOIN SYS.DBA_PROFILES d ON d.PROFILE = 'DEFAULT' AND d.RESOURCE_NAME = p.RESOURCE_NAME"      \
    " WHERE p.PROFILE = u.PROFILE AND p.RESOURCE_NAME = 'SESSIONS_PER_USER')"

static const char *marked_sql(Arena *arena, const char *marks, const char *only) {
    const char *condition =
        only == NULL ? ""
                     : arena_printf(arena, " WHERE u.USERNAME = %s",
                                    oracle_sql_literal(arena, oracle_account_user(arena, only)));
    return arena_printf(
        arena,
        "SELECT u.USERNAME, m.MARK, u.ACCOUNT_STATUS, u.USER_ID, " ORACLE_JOB_END ","
        " (SELECT COUNT(*) FROM SYS.GV_$SESSION s WHERE s.USER# = u.USER_ID),"
        " " ORACLE_TIME_OF "SYSTIMESTAMP" ORACLE_TIME_END ", " SESSIONS_LIMIT
        " FROM SYS.DBA_USERS u JOIN %s m ON"
        " m.ACCOUNT = u.USERNAME AND " ORACLE_MARK_IS_OF_USER
        " LEFT JOIN SYS.USER_SCHEDULER_JOBS j ON j.JOB_NAME = 'DAYPASS_' || u.USERNAME%s",
        marks, condition);
}

static AccountState *read_state(Operation *operation, Rows *rows, size_t row,
                                const AccountMark *mark) {
    Arena *arena = operation->arena;
    const char *limit = oracle_rows_text(rows, row, 7);
    bool limited = limit != NULL && limit[0] >= '0' && limit[0] <= '9';
    AccountState *state = arena_alloc(arena, sizeof *state);
    *state = (AccountState){
        .key = oracle_rows_text(rows, row, 3),
        .expires_at = oracle_rows_time(rows, row, 4),
        .mark_expires_at = mark->expires,
        .can_login = oracle_status_can_login(oracle_rows_text(rows, row, 2)),
        .connection_limit = limited ? oracle_rows_int(rows, row, 7) : UNLIMITED,
        .database = account_text(arena, operation->session->target.database),
    };
    return state;
}

// Where nothing makes the server lock it, the mark says when it should; where somebody put that
// off, the mark holds.
static FoundAccount read_account(Operation *operation, Rows *rows, size_t row,
                                 const AccountMark *mark) {
    AccountState *state = read_state(operation, rows, row, mark);
    int64_t expires_at = state->expires_at;
    if (expires_at == 0 || mark->expires < expires_at)
        expires_at = mark->expires;
    return (FoundAccount){
        .account = oracle_account_shown(operation->arena, oracle_rows_text(rows, row, 0)),
        .deployment = mark->deployment,
        .grant_id = mark->grant,
        .connector = mark->connector,
        .custodian = mark->custodian,
        .database = mark->database,
        .expires_at = expires_at,
        .expired = expires_at <= oracle_rows_time(rows, row, 6),
        .can_login = state->can_login,
        .sessions = oracle_rows_int(rows, row, 5),
        .state = state,
    };
}

static int compare_found(const void *a, const void *b) {
    const FoundAccount *one = a, *other = b;
    return strcmp(one->account, other->account);
}

// Of an account in the list, which is in order.
static AccountState *state_of(const FoundAccounts *accounts, Arena *arena, const char *user) {
    const FoundAccount key = {.account = oracle_account_shown(arena, user)};
    const FoundAccount *found =
        accounts->count == 0
            ? NULL
            : bsearch(&key, accounts->items, accounts->count, sizeof key, compare_found);
    return found == NULL ? NULL : (AccountState *)(uintptr_t)found->state;
}

// ---- What they hold -----------------------------------------------------------------------------

static const char *grantee_condition(Arena *arena, const char *marks, const char *only) {
    return only != NULL ? arena_printf(arena, "= %s",
                                       oracle_sql_literal(arena, oracle_account_user(arena, only)))
                        : arena_printf(arena, "IN (SELECT m.ACCOUNT FROM %s m)", marks);
}

// CREATE SESSION is every account's own.
static Status fill_roles(Operation *operation, const char *who, const FoundAccounts *accounts,
                         Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql =
        arena_printf(arena,
                     "SELECT GRANTEE, 'ROLE', GRANTED_ROLE || CASE ADMIN_OPTION WHEN 'YES' THEN"
                     " ' with ADMIN OPTION' END FROM SYS.DBA_ROLE_PRIVS WHERE GRANTEE %s UNION ALL"
                     " SELECT GRANTEE, 'SYSTEM', PRIVILEGE || CASE ADMIN_OPTION WHEN 'YES' THEN"
                     " ' with ADMIN OPTION' END FROM SYS.DBA_SYS_PRIVS WHERE GRANTEE %s AND"
                     " (PRIVILEGE <> 'CREATE SESSION' OR ADMIN_OPTION = 'YES') ORDER BY 1, 2, 3",
                     who, who);
    Rows *rows;
    TRY(oracle_read(operation, "reading what accounts hold", sql, &rows, reterr));
    for (size_t i = 0; i < rows->row_count; i++) {
        AccountState *state = state_of(accounts, arena, oracle_rows_text(rows, i, 0));
        if (state == NULL)
            continue;
        bool is_role = text_equal(oracle_rows_text(rows, i, 1), "ROLE");
        add_line(arena, is_role ? &state->roles : &state->attributes, oracle_rows_text(rows, i, 2));
    }
    return STATUS_OK;
}

static const char *hash(Arena *arena, const Buffer *lines) {
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, (const unsigned char *)buffer_text(lines), lines->length);
    return hex_encode(arena, digest, sizeof digest);
}

// One row an object, in an order of its own that depends on no language.
static Status fill_privileges(Operation *operation, const char *who, const FoundAccounts *accounts,
                              Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql = arena_printf(
        arena,
        "SELECT GRANTEE, LISTAGG(PRIVILEGE || CASE GRANTABLE WHEN 'YES' THEN"
        " ' WITH GRANT OPTION' END, ', ') WITHIN GROUP (ORDER BY PRIVILEGE),"
        " LOWER(TYPE), OWNER, TABLE_NAME FROM SYS.DBA_TAB_PRIVS WHERE GRANTEE %s"
        " GROUP BY GRANTEE, TYPE, OWNER, TABLE_NAME ORDER BY NLSSORT(GRANTEE, 'NLS_SORT=BINARY'),"
        " NLSSORT(OWNER, 'NLS_SORT=BINARY'), NLSSORT(TABLE_NAME, 'NLS_SORT=BINARY'), TYPE",
        who);
    Rows *rows;
    TRY(oracle_read(operation, "reading what accounts hold", sql, &rows, reterr));
    for (size_t i = 0; i < rows->row_count;) {
        const char *user = oracle_rows_text(rows, i, 0);
        AccountState *state = state_of(accounts, arena, user);
        CLEANUP(buffer_done) Buffer lines = {0};
        for (; i < rows->row_count && text_equal(user, oracle_rows_text(rows, i, 0)); i++) {
            const char *line = arena_printf(
                arena, "%s on %s %s.%s", oracle_rows_text(rows, i, 1), oracle_rows_text(rows, i, 2),
                oracle_rows_text(rows, i, 3), oracle_rows_text(rows, i, 4));
            buffer_addf(&lines, "%s\n", line);
            if (state == NULL)
                continue;
            state->privilege_count++;
            add_line(arena, &state->privileges, line);
        }
        if (state != NULL)
            state->privilege_hash = hash(arena, &lines);
    }
    return STATUS_OK;
}

static Status list_marked(Operation *operation, const char *only, FoundAccounts *ret_accounts,
                          Error *reterr) {
    Arena *arena = operation->arena;
    const char *marks;
    Rows *rows;
    TRY(oracle_marks_source(operation, &marks, reterr));
    TRY(oracle_read(operation, "listing accounts", marked_sql(arena, marks, only), &rows, reterr));
    FoundAccounts accounts = {.items =
                                  arena_alloc(arena, (rows->row_count + 1) * sizeof(FoundAccount))};
    for (size_t i = 0; i < rows->row_count; i++) {
        AccountMark mark;
        const char *name = oracle_rows_text(rows, i, 0);
        if (name != NULL && oracle_rows_text(rows, i, 2) != NULL &&
            account_mark_parse(arena, oracle_rows_text(rows, i, 1), &mark))
            accounts.items[accounts.count++] = read_account(operation, rows, i, &mark);
    }
    qsort(accounts.items, accounts.count, sizeof(FoundAccount), compare_found);
    if (accounts.count > 0) {
        const char *who = grantee_condition(arena, marks, only);
        TRY(fill_roles(operation, who, &accounts, reterr));
        TRY(fill_privileges(operation, who, &accounts, reterr));
    }
    *ret_accounts = accounts;
    return STATUS_OK;
}

Status oracle_account_state_read(Operation *operation, const char *account,
                                 AccountState **ret_state, Error *reterr) {
    FoundAccounts found;
    TRY(list_marked(operation, account, &found, reterr));
    *ret_state = found.count > 0 ? (AccountState *)(uintptr_t)found.items[0].state : NULL;
    return STATUS_OK;
}

// ---- Without one --------------------------------------------------------------------------------

static const char *why_leftover(Arena *arena, const char *shown, bool has_job,
                                const StringList *patterns) {
    if (has_job)
        return "a job of Daypass's would lock it, and it has no mark";
    for (size_t i = 0; i < patterns->count; i++)
        if (fnmatch(patterns->items[i], shown, 0) == 0)
            return account_text(arena,
                                arena_printf(arena, "its name is like %.60s", patterns->items[i]));
    return NULL;
}

static Status list_leftovers(Operation *operation, const StringList *patterns,
                             FoundAccounts *ret_accounts, Error *reterr) {
    Arena *arena = operation->arena;
    const char *marks;
    Rows *rows;
    TRY(oracle_marks_source(operation, &marks, reterr));
    TRY(oracle_read(
        operation, "listing leftovers",
        arena_printf(arena,
                     "SELECT u.USERNAME, u.ACCOUNT_STATUS,"
                     " CASE WHEN j.JOB_NAME IS NULL THEN 0 ELSE 1 END,"
                     " (SELECT COUNT(*) FROM SYS.GV_$SESSION s WHERE s.USER# = u.USER_ID)"
                     " FROM SYS.DBA_USERS u LEFT JOIN SYS.USER_SCHEDULER_JOBS j ON"
                     " j.JOB_NAME = 'DAYPASS_' || u.USERNAME WHERE u.ORACLE_MAINTAINED = 'N' AND"
                     " u.COMMON = 'NO' AND u.USERNAME <> USER AND NOT EXISTS (SELECT 1 FROM %s m"
                     " WHERE m.ACCOUNT = u.USERNAME AND " ORACLE_MARK_IS_OF_USER
                     " AND m.MARK LIKE 'daypass {%%') ORDER BY 1",
                     marks),
        &rows, reterr));
    FoundAccounts accounts = {.items =
                                  arena_alloc(arena, (rows->row_count + 1) * sizeof(FoundAccount))};
    for (size_t i = 0; i < rows->row_count && accounts.count < LEFTOVERS_MAX; i++) {
        const char *name = oracle_rows_text(rows, i, 0);
        const char *status = oracle_rows_text(rows, i, 1);
        if (name == NULL || status == NULL || !text_is_printable(name))
            continue;
        const char *shown = oracle_account_shown(arena, name);
        const char *why = why_leftover(arena, shown, oracle_rows_int(rows, i, 2) != 0, patterns);
        if (why != NULL)
            accounts.items[accounts.count++] =
                (FoundAccount){.account = shown,
                               .leftover = why,
                               .can_login = oracle_status_can_login(status),
                               .sessions = oracle_rows_int(rows, i, 3)};
    }
    *ret_accounts = accounts;
    return STATUS_OK;
}

Status oracle_accounts_list(Operation *operation, const AccountQuery *query,
                            FoundAccounts *ret_accounts, Error *reterr) {
    FoundAccounts marked = {0}, others = {0};
    TRY(list_marked(operation, query->account, &marked, reterr));
    if (query->leftovers != NULL)
        TRY(list_leftovers(operation, query->leftovers, &others, reterr));
    FoundAccounts all = {.items = arena_alloc(operation->arena, (marked.count + others.count + 1) *
                                                                    sizeof(FoundAccount))};
    for (size_t i = 0; i < marked.count; i++)
        all.items[all.count++] = marked.items[i];
    for (size_t i = 0; i < others.count; i++)
        all.items[all.count++] = others.items[i];
    *ret_accounts = all;
    return STATUS_OK;
}

// ---- Holding to the mark ------------------------------------------------------------------------

Status oracle_account_restrain(Operation *operation, const Plan *plan, Error *reterr) {
    OracleAccount account;
    AccountMark mark;
    Outcome *outcome = operation->evidence.outcome;
    TRY(oracle_plan_check(operation, plan, reterr));
    TRY(oracle_account_read(operation, plan->account, &account, reterr));
    if (!account.present)
        return STATUS_OK;
    TRY(oracle_account_check_mark(operation, plan, &account, &mark, reterr));
    if (account.job_ends_at == 0 || account.job_ends_at > mark.expires)
        TRY(oracle_account_set_end(operation, &account, mark.expires, false, reterr));
    outcome->account_present = true;
    outcome->target_expires_at = mark.expires;
    outcome->target_now_at = account.now_at;
    return STATUS_OK;
}
