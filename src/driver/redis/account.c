#include "driver/redis/account.h"

#include <sodium.h>
#include <string.h>

#include "base/buffer.h"
#include "driver/redis/rule.h"

enum { LINE_MAX_BYTES = 300, LINE_CUT_BYTES = 270 };

// ---- One line -----------------------------------------------------------------------------------

// The words of a line. After so many, a selector, from its parenthesis to the other, is one.
static StringList split_rules(Arena *arena, const char *line, size_t plain_words) {
    StringList rules = {0};
    for (const char *at = line; *at != '\0';) {
        at += strspn(at, " ");
        size_t length = strcspn(at, " ");
        if (at[0] == '(' && rules.count >= plain_words)
            while (at[length - 1] != ')' && at[length] != '\0')
                length += 1 + strcspn(at + length + 1, " ");
        if (length > 0)
            string_list_add(arena, &rules, arena_copy(arena, at, length));
        at += length;
    }
    return rules;
}

static int compare_words(const void *one, const void *other) {
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

// Redis 7.0 lists commands in the order of a table that is another after each start, so that those
// between two categories are sorted.
static const char *settled(Arena *arena, const StringList *words) {
    for (size_t begin = 0; begin < words->count;) {
        size_t end = begin;
        while (end < words->count && strchr("+-", words->items[end][0]) != NULL &&
               words->items[end][1] != '@')
            end++;
        if (end > begin)
            qsort((void *)(words->items + begin), end - begin, sizeof words->items[0],
                  compare_words);
        begin = end + 1;
    }
    return string_list_join(arena, words, " ");
}

static const char *settled_selector(Arena *arena, const char *rule) {
    size_t length = strlen(rule);
    if (length < 2 || rule[length - 1] != ')')
        return rule;
    StringList words = split_rules(arena, arena_copy(arena, rule + 1, length - 2), SIZE_MAX);
    return arena_printf(arena, "(%s)", settled(arena, &words));
}

static void take_channel(Arena *arena, Account *account, const char *rule) {
    const char *text;
    if (!account->marked && redis_mark_parse(arena, rule, &account->key, &text) &&
        account_mark_parse(arena, text, &account->mark)) {
        account->marked = true;
        return;
    }
    account->spoilt_mark |= text_starts_with(rule, "&daypass:");
    string_list_add(arena, &account->channels, rule);
}

static void take_rule(Arena *arena, Account *account, StringList *commands, const char *rule) {
    static const char *const USUAL[] = {"off", "sanitize-payload", "resetchannels", "resetkeys"};
    for (size_t i = 0; i < COUNT_OF(USUAL); i++)
        if (strcmp(rule, USUAL[i]) == 0)
            return;
    if (strcmp(rule, "on") == 0)
        account->on = true;
    else if (rule[0] == '#')
        account->passwords++;
    else if (rule[0] == '&')
        take_channel(arena, account, rule);
    else if (rule[0] == '~' || rule[0] == '%')
        string_list_add(arena, &account->keys, rule);
    else if (rule[0] == '+' || rule[0] == '-')
        string_list_add(arena, commands, rule);
    else if (rule[0] == '(')
        string_list_add(arena, &account->selectors, settled_selector(arena, rule));
    else
        string_list_add(arena, &account->attributes, rule);
}

bool redis_account_parse(Arena *arena, const char *line, Account *ret_account) {
    StringList rules = split_rules(arena, line, 2); // a name may begin like a selector
    if (rules.count < 2 || strcmp(rules.items[0], "user") != 0)
        return false;
    Account account = {.name = rules.items[1]};
    StringList commands = {0};
    for (size_t i = 2; i < rules.count; i++)
        take_rule(arena, &account, &commands, rules.items[i]);
    account.commands = settled(arena, &commands);
    if (account.passwords > 1)
        string_list_add(arena, &account.attributes,
                        arena_printf(arena, "%d passwords", account.passwords));
    *ret_account = account;
    return true;
}

// ---- On the server ------------------------------------------------------------------------------

static int compare_accounts(const void *one, const void *other) {
    return strcmp(((const Account *)one)->name, ((const Account *)other)->name);
}

// Of one name, or all for NULL.
static Accounts accounts_of(Arena *arena, Reply *list, const char *name) {
    size_t most = list->type == REDIS_REPLY_ARRAY ? list->elements : 0;
    Accounts accounts = {.items = arena_alloc(arena, (most + 1) * sizeof(Account))};
    const char *begin = name != NULL ? arena_printf(arena, "user %s ", name) : "";
    for (size_t i = 0; i < most; i++) {
        const char *line = list->element[i]->str;
        if (line != NULL && text_starts_with(line, begin) &&
            redis_account_parse(arena, line, &accounts.items[accounts.count]))
            accounts.count++;
    }
    return accounts;
}

const Account *redis_account_find(Arena *arena, Reply *list, const char *name) {
    Accounts accounts = accounts_of(arena, list, name);
    return accounts.count > 0 ? &accounts.items[0] : NULL;
}

static Status read_list(Operation *operation, Reply **ret_list, Error *reterr) {
    return redis_operation_read(operation, "listing accounts",
                                redis_words(operation->arena, "ACL", "LIST", NULL), ret_list,
                                reterr);
}

Status redis_accounts_read(Operation *operation, Accounts *ret_accounts, Error *reterr) {
    Reply *list;
    TRY(read_list(operation, &list, reterr));
    Accounts accounts = accounts_of(operation->arena, list, NULL);
    qsort(accounts.items, accounts.count, sizeof(Account), compare_accounts);
    *ret_accounts = accounts;
    return STATUS_OK;
}

Status redis_account_read(Operation *operation, const char *name, const Account **ret_account,
                          Error *reterr) {
    Reply *list;
    TRY(read_list(operation, &list, reterr));
    *ret_account = redis_account_find(operation->arena, list, name);
    return STATUS_OK;
}

Status redis_account_check_mark(Operation *operation, const Plan *plan, const Account *account,
                                Error *reterr) {
    if (account->marked && account_mark_is(&account->mark, plan))
        return STATUS_OK;
    evidence_obstacle(
        &operation->evidence,
        arena_printf(operation->arena,
                     "user \"%s\" is there, but not as the account of grant %s: it "
                     "has no such mark among its channels",
                     plan->account, plan->grant_id),
        arena_printf(operation->arena, "ACL SETUSER %s off; then remove it", plan->account));
    return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_taken",
                         "user \"%s\" is there, but not as the account of this grant; it was not "
                         "touched",
                         plan->account);
}

// ---- As the record keeps it ---------------------------------------------------------------------

static const char *hash_of(Arena *arena, const char *text) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
    return hex_encode(arena, hash, sizeof hash);
}

// Whole, or with something that tells it from others that begin alike: lines are compared.
static const char *line_of(Arena *arena, const char *text) {
    const char *shown = text_printable(arena, text);
    size_t length = strlen(shown);
    if (length <= LINE_MAX_BYTES && strcmp(shown, text) == 0)
        return shown;
    return arena_printf(arena, "%.*s … (%.16s)", (int)text_cut(shown, length, LINE_CUT_BYTES),
                        shown, hash_of(arena, text));
}

static StringList privileges_of(Arena *arena, const Account *account) {
    StringList lines = {0};
    for (size_t i = 0; i < account->keys.count; i++)
        string_list_add(arena, &lines, arena_printf(arena, "keys %s", account->keys.items[i]));
    for (size_t i = 0; i < account->channels.count; i++)
        string_list_add(arena, &lines,
                        arena_printf(arena, "channels %s", account->channels.items[i]));
    // One line, so that whatever is done to them shows itself as more.
    string_list_add(arena, &lines, arena_printf(arena, "commands %s", account->commands));
    for (size_t i = 0; i < account->selectors.count; i++)
        string_list_add(arena, &lines,
                        arena_printf(arena, "selector %s", account->selectors.items[i]));
    return lines;
}

const AccountState *redis_account_state(Operation *operation, const Account *account) {
    Arena *arena = operation->arena;
    StringList lines = privileges_of(arena, account);
    AccountState *state = arena_alloc(arena, sizeof *state);
    *state = (AccountState){
        .key = account->key,
        // The server has no end of its own: what holds is the mark's.
        .expires_at = account->mark.expires,
        .mark_expires_at = account->mark.expires,
        .can_login = account->on &&
                     (account->passwords > 0 || string_list_has(&account->attributes, "nopass")),
        .connection_limit = -1,
        .privilege_count = (int64_t)lines.count,
        .privilege_hash = hash_of(arena, string_list_join(arena, &lines, "\n")),
        .database = arena_strdup(arena, operation->session->target.database),
    };
    for (size_t i = 0; i < account->attributes.count && i < ACCOUNT_STATE_LINES_MAX; i++)
        string_list_add(arena, &state->attributes, line_of(arena, account->attributes.items[i]));
    for (size_t i = 0; i < lines.count && i < ACCOUNT_STATE_LINES_MAX; i++)
        string_list_add(arena, &state->privileges, line_of(arena, lines.items[i]));
    return state;
}
