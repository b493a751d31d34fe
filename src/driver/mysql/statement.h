// SQL text for MySQL and MariaDB, built from typed values: names in backticks, text as literals for
// sessions in mode NO_BACKSLASH_ESCAPES. Nothing here talks to a server. Text given back lives in
// the arena.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum { MY_NAME_MAX = 64, MY_ACCOUNT_MAX = 32, MY_HOST_MAX = 255 };

// Where Daypass keeps what it has to: the events that end accounts, and MariaDB's marks.
#define MY_OWN_SCHEMA "daypass"

// "bad_name": empty, longer than MY_NAME_MAX characters, not UTF-8, or with characters that names
// cannot have (beyond U+FFFF). `what` is "table", "role", …
MUST_USE Status my_sql_name_check(const char *what, const char *name, Error *reterr);
// The same for the name of an account, of MY_ACCOUNT_MAX characters.
MUST_USE Status my_sql_account_check(const char *what, const char *name, Error *reterr);

// `name`, with backticks inside doubled; always quoted.
const char *my_sql_identifier(Arena *arena, const char *name);
// 'text', with quotes inside doubled.
const char *my_sql_literal(Arena *arena, const char *text);
// ('a', 'b'); ('') for none, which no name is.
const char *my_sql_literals(Arena *arena, const StringList *list);
// 'Y-m-d H:i:s' in UTC, of whole seconds.
const char *my_sql_time(Arena *arena, int64_t at_ms);

typedef struct MyName {
    const char *user;
    const char *host;
} MyName;
// `user`@`host`
const char *my_sql_account(Arena *arena, MyName name);
// user@host, for people.
const char *my_account_describe(Arena *arena, MyName name);

typedef struct MyAccount {
    MyName name;
    const char *plugin; // "caching_sha2_password", …
    bool mariadb;
    bool require_tls;
    int64_t connection_limit; // 0: none
    const char *mark;         // JSON for ATTRIBUTE; NULL: kept elsewhere
} MyAccount;
// Locked. Verifiers: NULL for the form that evidence shows, '(elided)'.
char *my_sql_create_account(Arena *arena, const MyAccount *account, const char *verifier);
char *my_sql_set_password(Arena *arena, const MyAccount *account, const char *verifier);
const char *my_sql_set_mark(Arena *arena, MyName name, const char *mark); // MySQL
const char *my_sql_lock_account(Arena *arena, MyName name);
const char *my_sql_unlock_account(Arena *arena, MyName name);
const char *my_sql_drop_account(Arena *arena, MyName name);

typedef enum MyObjectKind {
    MY_SERVER,
    MY_SCHEMA,
    MY_TABLE,
    MY_FUNCTION,
    MY_PROCEDURE
} MyObjectKind;
typedef struct MyGrant {
    int kind;           // MyObjectKind
    const char *schema; // of all but MY_SERVER
    const char *name;   // of tables and routines
    StringList words;   // "SELECT", …
    StringList columns; // of a table: the words are on these alone
} MyGrant;
// The schema of a MY_SCHEMA is a pattern to the server, so that _ and % are escaped; unless
// `patterns_are_names`.
const char *my_sql_grant(Arena *arena, const MyGrant *grant, const char *grantee,
                         bool patterns_are_names, bool grant_option);
// "SELECT on table `s`.`t`"
const char *my_grant_describe(Arena *arena, const MyGrant *grant);
const char *my_sql_grant_role(Arena *arena, const char *role, const char *grantee);

// The event that locks an account at its end; of the account's name, in Daypass's own schema.
const char *my_sql_event_name(Arena *arena, const char *user);
const char *my_sql_event_body(Arena *arena, MyName name);
const char *my_sql_create_event(Arena *arena, MyName name, int64_t at_ms);
const char *my_sql_move_event(Arena *arena, MyName name, int64_t at_ms);
const char *my_sql_drop_event(Arena *arena, const char *user);
