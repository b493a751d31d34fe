#include "driver/sqlserver/accounts.h"

#include <fnmatch.h>
#include <sodium.h>
#include <string.h>

#include "base/buffer.h"
#include "driver/sqlserver/account.h"
#include "driver/sqlserver/statement.h"

enum { LEFTOVERS_MAX = 1000, LINE_MAX_BYTES = 300 };

// ---- Logins -------------------------------------------------------------------------------------

// All that begin like ours, or one; with their sessions, and the server's own roles they are in.
static const char LOGINS_SQL[] =
    "SELECT p.name, CONVERT(varchar(100), p.sid, 1), p.principal_id, p.is_disabled,"
    " (SELECT COUNT(*) FROM sys.dm_exec_sessions AS s WHERE s.original_login_name = p.name),"
    " DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME()),"
    " (SELECT STRING_AGG(CONVERT(nvarchar(max), r.name), N', ') WITHIN GROUP (ORDER BY r.name)"
    "  FROM sys.server_role_members AS m JOIN sys.server_principals AS r"
    "  ON r.principal_id = m.role_principal_id WHERE m.member_principal_id = p.principal_id)"
    " FROM sys.server_principals AS p WHERE %s ORDER BY p.name COLLATE Latin1_General_BIN2";

static const char *which_logins(Arena *arena, const char *only) {
    const char *ours =
        arena_printf(arena, "p.type = 'S' AND SUBSTRING(p.sid, 1, 4) = %s", TSQL_SID_PREFIX);
    return only == NULL ? ours
                        : arena_printf(arena, "%s AND p.name = %s", ours, tsql_text(arena, only));
}

static const char *presentable(Arena *arena, const char *text) {
    const char *shown = text_printable(arena, text);
    return arena_copy(arena, shown, text_cut(shown, strlen(shown), LINE_MAX_BYTES));
}

static void add(Arena *arena, StringList *list, const char *line) {
    if (list->count < ACCOUNT_STATE_LINES_MAX)
        string_list_add(arena, list, presentable(arena, line));
}

// ---- What accounts hold -------------------------------------------------------------------------

// Of a user: whom it is a member of, and what it holds; from all databases, so that a membership
// or a right that somebody added elsewhere shows, too.
static Status read_held(Operation *operation, const User *user, AccountState *state,
                        crypto_generichash_state *hash, Error *reterr) {
    Arena *arena = operation->arena;
    const char *in = tsql_name(arena, user->database);
    long long id = (long long)user->id;
    const char *sql = arena_printf(
        arena,
        "SELECT 0, r.name COLLATE Latin1_General_BIN2, N'', N'' FROM %s.sys.database_role_members"
        " AS m JOIN %s.sys.database_principals AS r ON r.principal_id = m.role_principal_id"
        " WHERE m.member_principal_id = %lld"
        " UNION ALL SELECT 1, (g.permission_name COLLATE Latin1_General_BIN2)"
        "  + CASE g.state WHEN 'W' THEN N' WITH GRANT OPTION' WHEN 'D' THEN N' (denied)' ELSE N''"
        "  END, (CASE g.class WHEN 0 THEN N'database' WHEN 1 THEN N'object ' + COALESCE("
        "  OBJECT_SCHEMA_NAME(g.major_id, DB_ID(%s)) + N'.' + OBJECT_NAME(g.major_id, DB_ID(%s)),"
        "  CONVERT(nvarchar(20), g.major_id)) WHEN 3 THEN N'schema ' + COALESCE(s.name,"
        "  CONVERT(nvarchar(20), g.major_id)) ELSE CONVERT(nvarchar(60), g.class_desc) + N' '"
        "  + CONVERT(nvarchar(20), g.major_id) END) COLLATE Latin1_General_BIN2,"
        "  CONVERT(nvarchar(60), g.class) + N'/' + CONVERT(nvarchar(20), g.major_id) + N'/'"
        "  + CONVERT(nvarchar(20), g.minor_id)"
        " FROM %s.sys.database_permissions AS g LEFT JOIN %s.sys.schemas AS s"
        "  ON g.class = 3 AND s.schema_id = g.major_id"
        " WHERE g.grantee_principal_id = %lld AND NOT (g.class = 0 AND g.type = 'CO')"
        " ORDER BY 1, 3, 4, 2",
        in, in, id, tsql_text(arena, user->database), tsql_text(arena, user->database), in, in, id);
    Rows rows;
    TRY(mssql_read(operation, "reading what accounts hold", sql, &rows, reterr));
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *what = rows_text(&rows, i, 1);
        if (!rows_bool(&rows, i, 0)) {
            add(arena, &state->roles, arena_printf(arena, "%s: %s", user->database, what));
            continue;
        }
        const char *line =
            arena_printf(arena, "%s: %s on %s", user->database, what, rows_text(&rows, i, 2));
        const char *key = arena_printf(arena, "%s %s", line, rows_text(&rows, i, 3));
        crypto_generichash_update(hash, (const unsigned char *)key, strlen(key) + 1);
        state->privilege_count++;
        add(arena, &state->privileges, line);
    }
    return STATUS_OK;
}

static Status fill_state(Operation *operation, const Users *users, const char *sid,
                         AccountState *state, Error *reterr) {
    unsigned char digest[crypto_generichash_BYTES];
    crypto_generichash_state hash;
    crypto_generichash_init(&hash, NULL, 0, sizeof digest);
    for (size_t i = 0; i < users->count; i++)
        if (text_equal(users->items[i].sid, sid))
            TRY(read_held(operation, &users->items[i], state, &hash, reterr));
    crypto_generichash_final(&hash, digest, sizeof digest);
    if (state->privilege_count > 0)
        state->privilege_hash = hex_encode(operation->arena, digest, sizeof digest);
    state->database = arena_strdup(operation->arena, operation->session->target.database);
    return STATUS_OK;
}

// ---- Accounts -----------------------------------------------------------------------------------

static StringList server_roles(Arena *arena, const char *joined) {
    StringList roles = {0};
    if (joined != NULL)
        string_list_add(arena, &roles, presentable(arena, joined));
    return roles;
}

// The server knows no end: the mark's is the one that connectors hold the account to.
static FoundAccount account_of(Arena *arena, const Rows *rows, size_t i, const AccountMark *mark,
                               AccountState **ret_state) {
    AccountState *state = arena_alloc(arena, sizeof *state);
    bool can_login = !rows_bool(rows, i, 3);
    *state = (AccountState){.key = rows_text(rows, i, 2),
                            .expires_at = mark->expires,
                            .mark_expires_at = mark->expires,
                            .can_login = can_login,
                            .connection_limit = -1,
                            .attributes = server_roles(arena, rows_text(rows, i, 6))};
    *ret_state = state;
    return (FoundAccount){
        .account = rows_text(rows, i, 0),
        .deployment = mark->deployment,
        .grant_id = mark->grant,
        .connector = mark->connector,
        .custodian = mark->custodian,
        .database = mark->database,
        .expires_at = mark->expires,
        .expired = mark->expires <= rows_int(rows, i, 5),
        .can_login = can_login,
        .sessions = rows_int(rows, i, 4),
        .state = state,
    };
}

// A login under a SID that is not its mark's is one that somebody made to look like ours.
static bool mark_of(Arena *arena, const Users *users, const char *sid, AccountMark *ret_mark) {
    return mssql_users_mark(arena, users, sid, ret_mark) &&
           text_equal(tsql_sid(arena, ret_mark->deployment, ret_mark->grant), sid);
}

static FoundAccount *take_room(Arena *arena, FoundAccounts *accounts, size_t most) {
    if (accounts->items == NULL)
        accounts->items = arena_alloc(arena, (most + 1) * sizeof(FoundAccount));
    return &accounts->items[accounts->count++];
}

static Status list_marked(Operation *operation, const char *only, FoundAccounts *ret_marked,
                          FoundAccounts *ret_unmarked, Error *reterr) {
    Arena *arena = operation->arena;
    Rows rows;
    Databases databases;
    Users users = {0};
    TRY(mssql_read(operation, "listing accounts",
                   arena_printf(arena, LOGINS_SQL, which_logins(arena, only)), &rows, reterr));
    if (rows.row_count > 0) {
        TRY(mssql_databases_read(operation, &databases, reterr));
        const char *sid = only != NULL && rows.row_count == 1 ? rows_text(&rows, 0, 1) : NULL;
        TRY(mssql_users_read(operation, &databases, sid, &users, reterr));
    }
    for (size_t i = 0; i < rows.row_count; i++) {
        AccountMark mark;
        AccountState *state;
        const char *sid = rows_text(&rows, i, 1);
        if (mark_of(arena, &users, sid, &mark)) {
            *take_room(arena, ret_marked, rows.row_count) =
                account_of(arena, &rows, i, &mark, &state);
            TRY(fill_state(operation, &users, sid, state, reterr));
        } else {
            *take_room(arena, ret_unmarked, rows.row_count) = (FoundAccount){
                .account = rows_text(&rows, i, 0),
                .leftover = "its SID begins like those of Daypass, and it has no mark",
                .can_login = !rows_bool(&rows, i, 3),
                .sessions = rows_int(&rows, i, 4),
            };
        }
    }
    return STATUS_OK;
}

Status mssql_account_state_read(Operation *operation, const char *account,
                                const AccountState **ret_state, Error *reterr) {
    FoundAccounts marked = {0}, unmarked = {0};
    TRY(list_marked(operation, account, &marked, &unmarked, reterr));
    *ret_state = marked.count > 0 ? marked.items[0].state : NULL;
    return STATUS_OK;
}

// ---- Without a mark -----------------------------------------------------------------------------

// Patterns have * for anything; all else in them stands for itself.
static const char *like(Arena *arena, const char *pattern) {
    CLEANUP(buffer_done) Buffer text = {0};
    for (; *pattern != '\0'; pattern++)
        if (*pattern == '*')
            buffer_add(&text, "%");
        else if (strchr("%_[", *pattern) != NULL)
            buffer_addf(&text, "[%c]", *pattern);
        else
            buffer_add_bytes(&text, pattern, 1);
    return tsql_text(arena, buffer_text(&text));
}

static const char *why_leftover(Arena *arena, const char *name, const StringList *patterns) {
    for (size_t i = 0; i < patterns->count; i++)
        if (fnmatch(patterns->items[i], name, 0) == 0)
            return presentable(arena,
                               arena_printf(arena, "its name is like %.60s", patterns->items[i]));
    return "its name is like one of those asked for";
}

static Status list_leftovers(Operation *operation, const StringList *patterns,
                             FoundAccounts *ret_accounts, Error *reterr) {
    Arena *arena = operation->arena;
    CLEANUP(buffer_done) Buffer names = {0};
    for (size_t i = 0; i < patterns->count; i++)
        buffer_addf(&names, "%sp.name LIKE %s", i == 0 ? "" : " OR ",
                    like(arena, patterns->items[i]));
    if (patterns->count == 0)
        return STATUS_OK;
    const char *which = arena_printf(arena,
                                     "p.type = 'S' AND SUBSTRING(p.sid, 1, 4) <> %s AND p.name <> "
                                     "ORIGINAL_LOGIN() AND (%s)",
                                     TSQL_SID_PREFIX, buffer_text(&names));
    Rows rows;
    TRY(mssql_read(operation, "listing leftovers", arena_printf(arena, LOGINS_SQL, which), &rows,
                   reterr));
    for (size_t i = 0; i < rows.row_count && i < LEFTOVERS_MAX; i++) {
        const char *name = rows_text(&rows, i, 0);
        if (text_is_printable(name))
            *take_room(arena, ret_accounts, rows.row_count) =
                (FoundAccount){.account = name,
                               .leftover = why_leftover(arena, name, patterns),
                               .can_login = !rows_bool(&rows, i, 3),
                               .sessions = rows_int(&rows, i, 4)};
    }
    return STATUS_OK;
}

Status mssql_accounts_list(Operation *operation, const AccountQuery *query,
                           FoundAccounts *ret_accounts, Error *reterr) {
    FoundAccounts marked = {0}, unmarked = {0}, others = {0};
    TRY(list_marked(operation, query->account, &marked, &unmarked, reterr));
    if (query->leftovers != NULL)
        TRY(list_leftovers(operation, query->leftovers, &others, reterr));
    else
        unmarked.count = 0;
    const FoundAccounts *const parts[] = {&marked, &unmarked, &others};
    size_t count = marked.count + unmarked.count + others.count;
    FoundAccounts all = {.items = arena_alloc(operation->arena, (count + 1) * sizeof all.items[0])};
    for (size_t part = 0; part < COUNT_OF(parts); part++)
        for (size_t i = 0; i < parts[part]->count; i++)
            all.items[all.count++] = parts[part]->items[i];
    *ret_accounts = all;
    return STATUS_OK;
}

Status mssql_account_restrain(Operation *operation, const Plan *plan, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    bool found;
    Login login;
    const AccountState *state = NULL;
    outcome->account = plan->account;
    TRY(mssql_begin(operation, reterr));
    TRY(mssql_login_read(operation, plan, &found, &login, reterr));
    if (found) {
        TRY(mssql_account_state_read(operation, login.name, &state, reterr));
        outcome->account_present = true;
        outcome->target_now_at = login.now_at;
        outcome->target_expires_at = state == NULL ? 0 : state->mark_expires_at;
        if (state != NULL && state->mark_expires_at <= login.now_at && !login.disabled)
            TRY(mssql_change(operation, "disabling the login",
                             tsql_disable_login(operation->arena, login.name), reterr));
    }
    return mssql_commit(operation, reterr);
}
