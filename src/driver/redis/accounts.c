#include "driver/redis/accounts.h"

#include <fnmatch.h>
#include <string.h>

#include "driver/redis/account.h"
#include "driver/redis/clients.h"

enum { LEFTOVERS_MAX = 1000 };

static FoundAccount found_of(Operation *operation, const Account *account, int64_t now_at,
                             const char *clients) {
    const AccountState *state = redis_account_state(operation, account);
    const AccountMark *mark = &account->mark;
    return (FoundAccount){
        .account = account->name,
        .deployment = mark->deployment,
        .grant_id = mark->grant,
        .connector = mark->connector,
        .custodian = mark->custodian,
        .database = mark->database,
        .expires_at = mark->expires,
        .expired = mark->expires <= now_at,
        .can_login = state->can_login,
        .sessions = redis_clients_count(clients, account->name),
        .state = state,
    };
}

// NULL: it looks like anybody's.
static const char *why_leftover(Arena *arena, const Account *account, const StringList *patterns) {
    if (account->spoilt_mark)
        return "a channel of it begins like a mark of Daypass and is none";
    for (size_t i = 0; i < patterns->count; i++)
        if (fnmatch(patterns->items[i], account->name, 0) == 0)
            return arena_printf(arena, "its name is like %.60s", patterns->items[i]);
    return NULL;
}

static void add_leftovers(Operation *operation, const Accounts *all, const StringList *patterns,
                          const char *clients, FoundAccounts *accounts) {
    size_t count = 0;
    for (size_t i = 0; i < all->count && count < LEFTOVERS_MAX; i++) {
        const Account *account = &all->items[i];
        const char *why = account->marked || strcmp(account->name, operation->session->admin) == 0
                              ? NULL
                              : why_leftover(operation->arena, account, patterns);
        if (why == NULL || !text_is_printable(account->name) ||
            !text_is_utf8(account->name, strlen(account->name)))
            continue;
        count++;
        accounts->items[accounts->count++] = (FoundAccount){
            .account = account->name,
            .leftover = why,
            .can_login = redis_account_state(operation, account)->can_login,
            .sessions = redis_clients_count(clients, account->name),
        };
    }
}

Status redis_accounts_list(Operation *operation, const AccountQuery *query,
                           FoundAccounts *ret_accounts, Error *reterr) {
    Accounts all;
    const char *clients;
    int64_t now_at;
    TRY(redis_accounts_read(operation, &all, reterr));
    TRY(redis_clients_read(operation, &clients, reterr));
    TRY(redis_operation_now(operation, &now_at, reterr));
    FoundAccounts accounts = {
        .items = arena_alloc(operation->arena, (2 * all.count + 1) * sizeof(FoundAccount))};
    for (size_t i = 0; i < all.count; i++) {
        const Account *account = &all.items[i];
        if (account->marked && text_is_utf8(account->name, strlen(account->name)) &&
            (query->account == NULL || strcmp(query->account, account->name) == 0))
            accounts.items[accounts.count++] = found_of(operation, account, now_at, clients);
    }
    if (query->leftovers != NULL)
        add_leftovers(operation, &all, query->leftovers, clients, &accounts);
    *ret_accounts = accounts;
    return STATUS_OK;
}

Status redis_account_restrain(Operation *operation, const Plan *plan, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    const Account *account;
    outcome->account = plan->account;
    TRY(redis_account_read(operation, plan->account, &account, reterr));
    if (account == NULL)
        return STATUS_OK;
    TRY(redis_account_check_mark(operation, plan, account, reterr));
    outcome->account_present = true;
    outcome->target_expires_at = account->mark.expires;
    return redis_operation_now(operation, &outcome->target_now_at, reterr);
}

Status redis_account_inspect(Operation *operation, const Plan *plan,
                             AccountInspection *ret_inspection, Error *reterr) {
    AccountInspection inspection = {.account = plan->account};
    const Account *account;
    TRY(redis_account_read(operation, plan->account, &account, reterr));
    if (account != NULL) {
        inspection.present = true;
        inspection.can_login = redis_account_state(operation, account)->can_login;
        inspection.marked = account->marked && account_mark_is(&account->mark, plan);
    }
    if (inspection.marked) {
        const AccountState *state = redis_account_state(operation, account);
        const char *clients;
        TRY(redis_clients_read(operation, &clients, reterr));
        inspection.expires_at = account->mark.expires;
        inspection.session_count = redis_clients_count(clients, account->name);
        inspection.sessions =
            redis_clients_describe(operation->arena, clients, account->name, INSPECTION_LINES_MAX);
        inspection.privilege_count = state->privilege_count;
        inspection.privileges = state->privileges;
    }
    *ret_inspection = inspection;
    return STATUS_OK;
}
