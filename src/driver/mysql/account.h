// What the server says of accounts, and where their marks are: MySQL keeps one with the account
// (ATTRIBUTE), MariaDB has nowhere to, so that a table of Daypass's own has them.
#pragma once

#include "driver/account_mark.h"
#include "driver/mysql/operation.h"

typedef struct Account {
    MyName name;
    bool can_login; // not locked, and no role
    bool is_role;
    const char *mark_text; // NULL: none
    bool marked;           // a mark of this version
    AccountMark mark;
    int64_t connection_limit; // -1: none
    bool needs_tls;
    int64_t event_at; // the event that locks it; 0: none that would
} Account;
typedef struct Accounts {
    Account *items;
    size_t count;
    int64_t now_at; // the server's clock
} Accounts;

// All of that name, whatever their host; NULL: all that have a mark. In the order of their names.
MUST_USE Status my_accounts_read(Operation *operation, const char *user, Accounts *ret_accounts,
                                 Error *reterr);
// Of that name, the one with this plan's mark. `ret_strangers`: how many have it not.
const Account *my_accounts_own(const Accounts *accounts, const Plan *plan, size_t *ret_strangers);

// Daypass's own schema, and on MariaDB its table of marks, are there.
MUST_USE Status my_own_schema_ensure(Operation *operation, Error *reterr);

// MySQL's ATTRIBUTE. NULL for MariaDB.
const char *my_mark_attribute(Operation *operation, const AccountMark *mark);
// MariaDB, before the account is made: notes whose it will be, and by its verifier which one, so
// that no other of that name is ever taken for it. Does nothing on MySQL.
MUST_USE Status my_mark_announce(Operation *operation, MyName name, const AccountMark *mark,
                                 const Secret *verifier, Error *reterr);
// And when it has been made.
MUST_USE Status my_mark_confirm(Operation *operation, MyName name, Error *reterr);
// Of an account that is there. For my_operation_commit_before.
char *my_mark_change_sql(Operation *operation, MyName name, const AccountMark *mark);
// Of one that is gone. MySQL's went with it.
MUST_USE Status my_mark_remove(Operation *operation, const char *user, Error *reterr);
