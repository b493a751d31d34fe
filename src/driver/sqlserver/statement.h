// T-SQL for SQL Server, built from typed values: names as [name], text as N'text'. Nothing here
// talks to a server. Text given back lives in the arena.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

// sysname: the server refuses what is longer.
enum { TSQL_NAME_MAX = 128 };

// "bad_name": empty, more than TSQL_NAME_MAX characters (UTF-16), or not UTF-8.
MUST_USE Status tsql_name_check(const char *what, const char *name, Error *reterr);

// [name], with ] doubled; always. As QUOTENAME does it.
const char *tsql_name(Arena *arena, const char *name);
// N'text', with ' doubled. Nothing else is special in one, but a backslash before a line break.
const char *tsql_text(Arena *arena, const char *text);
// N'a', N'b'
const char *tsql_texts(Arena *arena, const StringList *list);
// [a], [b]
const char *tsql_names(Arena *arena, const StringList *list);
// USE [database]; statement
const char *tsql_in_database(Arena *arena, const char *database, const char *statement);

// A login's SID: what makes it this grant's, and no other's. 0x and 32 hex digits, of which the
// first eight are the same for every account of Daypass.
extern const char TSQL_SID_PREFIX[]; // "0x44415950"
const char *tsql_sid(Arena *arena, const char *deployment, const char *grant_id);

// What a password is stored as, and may be given as: 0x0200, four bytes of salt, and SHA-512 of the
// UTF-16 text and the salt. Hexadecimal. https://hashcat.net/wiki/doku.php?id=example_hashes (1731)
enum { TSQL_SALT_BYTES = 4 };
Secret *tsql_password_hash(const Secret *password, const unsigned char salt[TSQL_SALT_BYTES]);

typedef struct TsqlPassword {
    const Secret *value; // NULL: what evidence shows
    bool hashed;         // of the form above; CHECK_POLICY cannot be on then
} TsqlPassword;
char *tsql_create_login(Arena *arena, const char *login, const char *sid, const char *database,
                        TsqlPassword password);
char *tsql_set_password(Arena *arena, const char *login, TsqlPassword password);
const char *tsql_disable_login(Arena *arena, const char *login);
const char *tsql_drop_login(Arena *arena, const char *login);

// In the current database.
const char *tsql_create_user(Arena *arena, const char *user, const char *login);
const char *tsql_drop_user(Arena *arena, const char *user);
const char *tsql_add_mark(Arena *arena, const char *user, const char *mark);
const char *tsql_set_mark(Arena *arena, const char *user, const char *mark);
const char *tsql_add_member(Arena *arena, const char *role, const char *member);
const char *tsql_drop_member(Arena *arena, const char *role, const char *member);

// What privileges are on, or owned: in the current database.
typedef enum TsqlClass {
    TSQL_OBJECT, // table, view, procedure, function, sequence
    TSQL_SCHEMA,
    TSQL_ROLE,
    TSQL_TYPE,
    TSQL_DATABASE, // the current one: no ON
    TSQL_USER,
    TSQL_CLASS_COUNT_,
} TsqlClass;
typedef struct TsqlSecurable {
    int class; // TsqlClass
    const char *schema;
    const char *name;
} TsqlSecurable;
// OBJECT::[schema].[name]
const char *tsql_securable(Arena *arena, const TsqlSecurable *securable);
// object [schema].[name]
const char *tsql_securable_describe(Arena *arena, const TsqlSecurable *securable);

// GRANT SELECT ([a], [b]), UPDATE ([a], [b]) ON OBJECT::[s].[t] TO [user]
const char *tsql_grant(Arena *arena, const StringList *privileges, const StringList *columns,
                       const TsqlSecurable *securable, const char *user, bool grant_option);
// One privilege, with what the user made of its grant option. `grantor`: NULL, or as whom it was
// given.
const char *tsql_revoke(Arena *arena, const char *privilege, const char *column,
                        const TsqlSecurable *securable, const char *user, const char *grantor);
const char *tsql_set_owner(Arena *arena, const TsqlSecurable *securable, const char *owner);
