#include "driver/postgresql/accounts.h"

#include <fnmatch.h>
#include <string.h>

#include "driver/postgresql/account_state.h"
#include "driver/account_mark.h"
#include "driver/postgresql/revoke.h"
#include "driver/postgresql/role.h"
#include "driver/postgresql/statement.h"

enum { LEFTOVERS_MAX = 1000 };

// Teleport's automatic users are members of this role, whatever they are called.
static const char TELEPORT_ROLE[] = "teleport-auto-user";

// All that is read of the accounts is of one moment.
static Status begin_reading(Operation *operation, Error *reterr) {
    Rows *rows;
    return pg_operation_read(
        operation,
        &(Query){.doing = "beginning to read accounts",
                 .sql = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"},
        &rows, reterr);
}

static Status end_reading(Operation *operation, Error *reterr) {
    Rows *rows;
    return pg_operation_read(
        operation, &(Query){.doing = "ending to read accounts", .sql = "COMMIT"}, &rows, reterr);
}

// ---- With a mark --------------------------------------------------------------------------------

static StringList read_attributes(Arena *arena, Rows *rows, int row, int column) {
    static const char *const NAMES[] = {"SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION",
                                        "BYPASSRLS"};
    StringList attributes = {0};
    for (int i = 0; i < (int)COUNT_OF(NAMES); i++)
        if (pg_rows_bool(rows, row, column + i))
            string_list_add(arena, &attributes, NAMES[i]);
    return attributes;
}

static AccountState *read_state(Arena *arena, Rows *rows, int row, const AccountMark *mark) {
    AccountState *state = arena_alloc(arena, sizeof(*state));
    *state = (AccountState){
        .key = pg_rows_text(rows, row, 6),
        .expires_at = pg_rows_int(rows, row, 3),
        .mark_expires_at = mark->expires,
        .can_login = pg_rows_bool(rows, row, 2),
        .connection_limit = pg_rows_int(rows, row, 7),
        .attributes = read_attributes(arena, rows, row, 8),
    };
    return state;
}

// The role's own end counts; the mark's stands in where somebody took it away, and holds where
// somebody put it off. Expired is said by the server, whose clock decides about logins too.
static FoundAccount read_account(Arena *arena, Rows *rows, int row, const AccountMark *mark) {
    AccountState *state = read_state(arena, rows, row, mark);
    int64_t expires_at = state->expires_at;
    if (expires_at == 0 || mark->expires < expires_at)
        expires_at = mark->expires;
    return (FoundAccount){
        .account = pg_rows_text(rows, row, 0),
        .deployment = mark->deployment,
        .grant_id = mark->grant,
        .connector = mark->connector,
        .custodian = mark->custodian,
        .database = mark->database,
        .expires_at = expires_at,
        .expired = expires_at <= pg_rows_int(rows, row, 5),
        .can_login = state->can_login,
        .sessions = pg_rows_int(rows, row, 4),
        .state = state,
    };
}

static Status list_marked(Operation *operation, const char *only, FoundAccounts *ret_accounts,
                          Error *reterr) {
    static const char SQL[] =
        "SELECT r.rolname, shobj_description(r.oid, 'pg_authid'), r.rolcanlogin,"
        " " PG_ROLE_END ","
        " (SELECT count(*) FROM pg_stat_activity a WHERE "
        "a.usesysid = r.oid),"
        " floor(extract(epoch FROM now()) * 1000)::bigint, "
        "r.oid, r.rolconnlimit,"
        " r.rolsuper, r.rolcreaterole, r.rolcreatedb, "
        "r.rolreplication, r.rolbypassrls"
        " FROM pg_roles r WHERE " PG_MARKED_ACCOUNTS " ORDER BY r.rolname COLLATE \"C\"";
    Rows *rows;
    TRY(pg_operation_read(
        operation,
        &(Query){
            .doing = "listing accounts", .sql = SQL, .parameters = &only, .parameter_count = 1},
        &rows, reterr));
    Arena *arena = operation->arena;
    size_t most = (size_t)pg_rows_count(rows);
    FoundAccounts accounts = {.items = arena_alloc(arena, (most + 1) * sizeof(FoundAccount))};
    const char **names = arena_alloc(arena, (most + 1) * sizeof(*names));
    AccountState **states = arena_alloc(arena, (most + 1) * sizeof(AccountState *));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        AccountMark mark;
        const char *name = pg_rows_text(rows, i, 0);
        if (!account_mark_parse(arena, pg_rows_text(rows, i, 1), &mark) ||
            !text_is_utf8(name, strlen(name)))
            continue;
        FoundAccount found = read_account(arena, rows, i, &mark);
        names[accounts.count] = name;
        states[accounts.count] = (AccountState *)(uintptr_t)found.state;
        accounts.items[accounts.count++] = found;
    }
    *ret_accounts = accounts;
    return pg_account_states_fill(operation, only, names, states, accounts.count, reterr);
}

Status pg_account_state_read(Operation *operation, const char *account,
                             const AccountState **ret_state, Error *reterr) {
    FoundAccounts found;
    TRY(list_marked(operation, account, &found, reterr));
    *ret_state = found.count > 0 ? found.items[0].state : NULL;
    return STATUS_OK;
}

// ---- Without one --------------------------------------------------------------------------------

// Patterns have * for anything; all else in them stands for itself.
static const char *like_array(Arena *arena, const StringList *patterns) {
    StringList likes = {0};
    for (size_t i = 0; i < patterns->count; i++) {
        const char *pattern = patterns->items[i];
        char *like = arena_alloc(arena, 2 * strlen(pattern) + 1);
        size_t length = 0;
        for (; *pattern != '\0'; pattern++) {
            if (*pattern == '%' || *pattern == '_' || *pattern == '\\')
                like[length++] = '\\';
            like[length++] = *pattern == '*' ? '%' : *pattern;
        }
        string_list_add(arena, &likes, like);
    }
    return pg_sql_array(arena, &likes);
}

static const char *why_leftover(Arena *arena, const char *name, const char *comment,
                                const StringList *patterns) {
    if (comment != NULL && text_starts_with(comment, "daypass {"))
        return "its comment begins like a mark of Daypass and is none";
    for (size_t i = 0; i < patterns->count; i++)
        if (fnmatch(patterns->items[i], name, 0) == 0)
            return pg_account_text(
                arena, arena_printf(arena, "its name is like %.60s", patterns->items[i]));
    return arena_printf(arena, "a member of %s", TELEPORT_ROLE);
}

static Status list_leftovers(Operation *operation, const StringList *patterns,
                             FoundAccounts *ret_accounts, Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql = arena_printf(
        arena,
        "SELECT r.rolname, shobj_description(r.oid, 'pg_authid'), r.rolcanlogin,"
        " " PG_ROLE_END ","
        " (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid),"
        " floor(extract(epoch FROM now()) * 1000)::bigint"
        " FROM pg_roles r WHERE r.rolname <> current_user AND (r.rolname LIKE ANY ($1::text[])"
        "  OR shobj_description(r.oid, 'pg_authid') LIKE 'daypass {%%'"
        "  OR EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid"
        "   WHERE m.member = r.oid AND g.rolname = '%s'))"
        " ORDER BY coalesce(shobj_description(r.oid, 'pg_authid') LIKE 'daypass {%%', false),"
        "  r.rolname COLLATE \"C\" LIMIT %d",
        TELEPORT_ROLE, LEFTOVERS_MAX);
    const char *likes = like_array(arena, patterns);
    Rows *rows;
    TRY(pg_operation_read(
        operation,
        &(Query){
            .doing = "listing leftovers", .sql = sql, .parameters = &likes, .parameter_count = 1},
        &rows, reterr));
    FoundAccounts accounts = {
        .items = arena_alloc(arena, ((size_t)pg_rows_count(rows) + 1) * sizeof(FoundAccount))};
    for (int i = 0; i < pg_rows_count(rows); i++) {
        AccountMark mark;
        const char *name = pg_rows_text(rows, i, 0);
        const char *comment = pg_rows_text(rows, i, 1);
        if (account_mark_parse(arena, comment, &mark) || !text_is_printable(name))
            continue;
        int64_t expires_at = pg_rows_int(rows, i, 3);
        accounts.items[accounts.count++] = (FoundAccount){
            .account = name,
            .leftover = why_leftover(arena, name, comment, patterns),
            .expires_at = expires_at,
            .expired = expires_at != 0 && expires_at <= pg_rows_int(rows, i, 5),
            .can_login = pg_rows_bool(rows, i, 2),
            .sessions = pg_rows_int(rows, i, 4),
        };
    }
    *ret_accounts = accounts;
    return STATUS_OK;
}

Status pg_accounts_list(Operation *operation, const AccountQuery *query,
                        FoundAccounts *ret_accounts, Error *reterr) {
    FoundAccounts marked = {0}, others = {0};
    TRY(begin_reading(operation, reterr));
    TRY(list_marked(operation, query->account, &marked, reterr));
    if (query->leftovers != NULL)
        TRY(list_leftovers(operation, query->leftovers, &others, reterr));
    TRY(end_reading(operation, reterr));
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

Status pg_account_restrain(Operation *operation, const Plan *plan, Error *reterr) {
    bool found;
    Role role;
    AccountMark mark;
    operation->evidence.outcome->account = plan->account;
    TRY(pg_operation_begin(operation, reterr));
    TRY(pg_operation_lock_account(operation, plan->account, reterr));
    TRY(pg_role_read(operation, plan->account, &found, &role, reterr));
    if (found) {
        TRY(pg_account_check_mark(operation, plan, &role, &mark, reterr));
        if (role.expires_at == 0 || role.expires_at > mark.expires)
            TRY(pg_operation_change(
                operation, "setting the account's end back",
                pg_sql_set_expiry(operation->arena, plan->account, mark.expires), reterr));
        operation->evidence.outcome->account_present = true;
        operation->evidence.outcome->target_expires_at = mark.expires;
        operation->evidence.outcome->target_now_at = role.now_at;
    }
    return pg_operation_commit(operation, reterr);
}
