// An account as the server lists it: one line of ACL LIST, which is what ACL SETUSER would take.
#pragma once

#include "driver/account_mark.h"
#include "driver/redis/operation.h"

typedef struct Account {
    const char *name;
    bool on;
    bool marked;      // it carries a mark of Daypass
    AccountMark mark; // then
    const char *key;  // likewise: tells it from others of its name
    bool spoilt_mark; // it carries what begins like one and is none
    int passwords;
    StringList attributes; // beyond what an account of Daypass has: "nopass", "2 passwords"
    StringList channels;   // as rules, without the mark: "&news"
    StringList keys;       // likewise: "~cache:*"
    const char *commands;  // "-@all +@read -scan"
    StringList selectors;  // "(~a:* -@all +get)"
} Account;

typedef struct Accounts {
    Account *items;
    size_t count;
} Accounts;

// False: it is no line of ACL LIST.
bool redis_account_parse(Arena *arena, const char *line, Account *ret_account);

// All of the server, in the order of their names.
MUST_USE Status redis_accounts_read(Operation *operation, Accounts *ret_accounts, Error *reterr);
// In an answer to ACL LIST. NULL: there is none of that name.
const Account *redis_account_find(Arena *arena, Reply *list, const char *name);
MUST_USE Status redis_account_read(Operation *operation, const char *name,
                                   const Account **ret_account, Error *reterr);
// FAILURE_CONFLICT "account_taken" for one that is not this plan's.
MUST_USE Status redis_account_check_mark(Operation *operation, const Plan *plan,
                                         const Account *account, Error *reterr);
const AccountState *redis_account_state(Operation *operation, const Account *account);
