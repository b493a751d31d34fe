#include "driver/mysql/accounts.h"

#include <fnmatch.h>
#include <string.h>

#include "driver/mysql/account_sessions.h"
#include "driver/mysql/account_state.h"
#include "driver/mysql/revoke.h"

enum { LEFTOVERS_MAX = 1000 };

// ---- With a mark --------------------------------------------------------------------------------

// How many sessions each account has, by one look.
static Status read_session_counts(Operation *operation, Rows *ret_rows, Error *reterr) {
    return my_operation_read(operation, "reading sessions", "SHOW PROCESSLIST", ret_rows, reterr);
}

static int64_t sessions_of(const Rows *rows, const char *user) {
    int64_t count = 0;
    for (size_t i = 0; i < rows->count; i++)
        count += text_equal(my_rows_text(rows, i, 1), user);
    return count;
}

// The account's own end counts; the mark's stands in where somebody took it away, and holds where
// somebody put it off. Expired is said by the server, whose clock decides about the event too.
static FoundAccount found_account(const Account *account, const AccountState *state, int64_t now_at,
                                  int64_t sessions) {
    const AccountMark *mark = &account->mark;
    int64_t expires_at = account->event_at;
    if (expires_at == 0 || mark->expires < expires_at)
        expires_at = mark->expires;
    return (FoundAccount){
        .account = account->name.user,
        .deployment = mark->deployment,
        .grant_id = mark->grant,
        .connector = mark->connector,
        .custodian = mark->custodian,
        .database = mark->database,
        .expires_at = expires_at,
        .expired = expires_at <= now_at,
        .can_login = account->can_login,
        .sessions = sessions,
        .state = state,
    };
}

static Status list_marked(Operation *operation, const char *only, const Rows *sessions,
                          FoundAccounts *ret_accounts, Error *reterr) {
    Accounts accounts;
    AccountState *states;
    TRY(my_accounts_read(operation, only, &accounts, reterr));
    size_t count = 0;
    for (size_t i = 0; i < accounts.count; i++)
        if (accounts.items[i].marked)
            accounts.items[count++] = accounts.items[i];
    accounts.count = count;
    TRY(my_account_states_read(operation, &accounts, &states, reterr));
    FoundAccounts found = {.items =
                               arena_alloc(operation->arena, (count + 1) * sizeof(FoundAccount))};
    for (size_t i = 0; i < count; i++)
        found.items[found.count++] = found_account(
            &accounts.items[i], &states[i], accounts.now_at,
            sessions != NULL ? sessions_of(sessions, accounts.items[i].name.user) : 0);
    *ret_accounts = found;
    return STATUS_OK;
}

Status my_account_state_read(Operation *operation, const char *account,
                             const AccountState **ret_state, Error *reterr) {
    FoundAccounts found;
    TRY(list_marked(operation, account, NULL, &found, reterr));
    *ret_state = found.count > 0 ? found.items[0].state : NULL;
    return STATUS_OK;
}

// ---- Without one --------------------------------------------------------------------------------

static const char *why_leftover(Arena *arena, const Account *account, const StringList *patterns) {
    if (account->mark_text != NULL)
        return "its mark begins like one of Daypass and is none";
    for (size_t i = 0; i < patterns->count; i++)
        if (fnmatch(patterns->items[i], account->name.user, FNM_NOESCAPE) == 0)
            return my_account_text(
                arena, arena_printf(arena, "its name is like %.60s", patterns->items[i]));
    return NULL;
}

// Patterns have * for anything; all else in them stands for itself.
static const char *only_stars(Arena *arena, const char *pattern) {
    char *plain = arena_alloc(arena, 3 * strlen(pattern) + 1);
    size_t length = 0;
    for (; *pattern != '\0'; pattern++) {
        bool special = *pattern == '?' || *pattern == '[';
        if (special)
            plain[length++] = '[';
        plain[length++] = *pattern;
        if (special)
            plain[length++] = ']';
    }
    return plain;
}

static Status read_all(Operation *operation, Accounts *ret_accounts, Error *reterr) {
    Rows rows;
    TRY(my_operation_read(operation, "listing accounts",
                          "SELECT DISTINCT User FROM mysql.user WHERE User <> ''"
                          " ORDER BY User LIMIT 100000",
                          &rows, reterr));
    Accounts accounts = {
        .items = arena_alloc(operation->arena, (rows.count + 1) * sizeof accounts.items[0])};
    for (size_t i = 0; i < rows.count; i++)
        accounts.items[accounts.count++].name.user = my_rows_text(&rows, i, 0);
    *ret_accounts = accounts;
    return STATUS_OK;
}

static Status list_leftovers(Operation *operation, const StringList *asked, const Rows *sessions,
                             FoundAccounts *ret_accounts, Error *reterr) {
    Arena *arena = operation->arena;
    StringList patterns = {0};
    for (size_t i = 0; i < asked->count; i++)
        string_list_add(arena, &patterns, only_stars(arena, asked->items[i]));
    Accounts names, broken;
    TRY(read_all(operation, &names, reterr));
    TRY(my_accounts_read(operation, NULL, &broken, reterr));
    FoundAccounts found = {.items = arena_alloc(arena, (LEFTOVERS_MAX + 1) * sizeof(FoundAccount))};
    for (size_t i = 0; i < names.count && found.count < LEFTOVERS_MAX; i++) {
        const char *user = names.items[i].name.user;
        Accounts accounts = {0};
        bool liked = why_leftover(arena, &names.items[i], &patterns) != NULL;
        for (size_t b = 0; b < broken.count && !liked; b++)
            liked = !broken.items[b].marked && text_equal(broken.items[b].name.user, user);
        if (!liked || strcmp(user, operation->session->admin) == 0 || !text_is_printable(user))
            continue;
        TRY(my_accounts_read(operation, user, &accounts, reterr));
        for (size_t a = 0; a < accounts.count && found.count < LEFTOVERS_MAX; a++) {
            const Account *account = &accounts.items[a];
            if (account->marked || account->is_role)
                continue;
            found.items[found.count++] = (FoundAccount){
                .account = user,
                .leftover = why_leftover(arena, account, &patterns),
                .expires_at = account->event_at,
                .expired = account->event_at != 0 && account->event_at <= accounts.now_at,
                .can_login = account->can_login,
                .sessions = sessions_of(sessions, user),
            };
        }
    }
    *ret_accounts = found;
    return STATUS_OK;
}

Status my_accounts_list(Operation *operation, const AccountQuery *query,
                        FoundAccounts *ret_accounts, Error *reterr) {
    FoundAccounts marked = {0}, others = {0};
    Rows sessions;
    TRY(read_session_counts(operation, &sessions, reterr));
    TRY(list_marked(operation, query->account, &sessions, &marked, reterr));
    if (query->leftovers != NULL)
        TRY(list_leftovers(operation, query->leftovers, &sessions, &others, reterr));
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

Status my_account_set_end(Operation *operation, MyName name, int64_t at_ms, Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql = arena_printf(arena,
                                   "SELECT 1 FROM information_schema.EVENTS WHERE EVENT_SCHEMA ="
                                   " '" MY_OWN_SCHEMA "' AND EVENT_NAME = %s",
                                   my_sql_literal(arena, name.user));
    Rows rows;
    TRY(my_operation_read(operation, "looking for the account's end", sql, &rows, reterr));
    return my_operation_change(operation, "setting the account's end",
                               rows.count > 0 ? my_sql_move_event(arena, name, at_ms)
                                              : my_sql_create_event(arena, name, at_ms),
                               reterr);
}

Status my_account_restrain(Operation *operation, const Plan *plan, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    Accounts accounts;
    outcome->account = plan->account;
    TRY(my_operation_lock_account(operation, plan->account, reterr));
    TRY(my_accounts_read(operation, plan->account, &accounts, reterr));
    if (accounts.count == 0)
        return STATUS_OK;
    const Account *own;
    TRY(my_account_check_mark(operation, plan, &accounts, &own, reterr));
    outcome->account_present = true;
    outcome->target_now_at = accounts.now_at;
    outcome->target_expires_at = own->mark.expires;
    bool is_put_off = own->event_at == 0 || own->event_at > own->mark.expires;
    if (!is_put_off || own->mark.expires <= accounts.now_at)
        return STATUS_OK; // or it is over, and whoever takes it back comes now
    return my_account_set_end(operation, own->name, own->mark.expires, reterr);
}
