// SQL text for PostgreSQL, built from typed values: names quoted by the engine's rules, text as
// literals. Nothing here talks to a server. Text given back lives in the arena.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

// NAMEDATALEN - 1. The server cuts what is longer, silently, so we refuse it.
enum { SQL_NAME_MAX = 63 };

// "bad_name": empty, longer than SQL_NAME_MAX bytes, or not UTF-8. `what` is "table", "role", …
MUST_USE Status pg_sql_name_check(const char *what, const char *name, Error *reterr);

// "name", with quotes inside doubled; always quoted. The name has passed pg_sql_name_check or comes
// from the server's catalog.
const char *pg_sql_identifier(Arena *arena, const char *name);
// 'text'; as E'…' where it has a backslash, so that standard_conforming_strings does not matter.
const char *pg_sql_literal(Arena *arena, const char *text);
// The same statement on one line: line breaks in its names and texts are written as U&"\000A" and
// E'\n'. For people who read it between other lines, and paste it.
const char *pg_sql_one_line(Arena *arena, const char *sql);
// -- text, on one line whatever is in it: what follows a statement that somebody will run.
const char *pg_sql_remark(Arena *arena, const char *text);
// statement -- in database "name", and what more there is to say (NULL: nothing)
const char *pg_sql_in_database(Arena *arena, const char *statement, const char *database,
                               const char *more);
// {"a","b"}: the value of a text[] parameter.
const char *pg_sql_array(Arena *arena, const StringList *list);

// Privileges, as bits of a mask.
typedef enum SqlPrivilege {
    SQL_SELECT = 1u << 0,
    SQL_INSERT = 1u << 1,
    SQL_UPDATE = 1u << 2,
    SQL_DELETE = 1u << 3,
    SQL_TRUNCATE = 1u << 4,
    SQL_REFERENCES = 1u << 5,
    SQL_TRIGGER = 1u << 6,
    SQL_MAINTAIN = 1u << 7, // PostgreSQL 17
    SQL_USAGE = 1u << 8,
    SQL_CREATE = 1u << 9,
    SQL_EXECUTE = 1u << 10,
    SQL_CONNECT = 1u << 11,
    SQL_TEMPORARY = 1u << 12,
    SQL_OTHER = 1u << 13, // one that this driver does not know and never grants
    SQL_ALL = 1u << 14,   // ALL PRIVILEGES, whatever they are; alone
} SqlPrivilege;
// SQL_OTHER for a word that is none of them.
uint32_t pg_sql_privilege(const char *word);
uint32_t pg_sql_privileges(const StringList *words);
// "SELECT, INSERT"
const char *pg_sql_privileges_format(Arena *arena, uint32_t privileges);

typedef enum SqlObjectKind {
    SQL_DATABASE,
    SQL_SCHEMA,
    SQL_TABLE, // views, materialized views, partitioned and foreign tables too
    SQL_SEQUENCE,
    SQL_ROUTINE,
    SQL_TYPE,
    // Default privileges, on what `owner` makes in `schema` (NULL: anywhere) from now on.
    SQL_FUTURE_TABLES,
    SQL_FUTURE_SEQUENCES,
    SQL_FUTURE_ROUTINES,
    SQL_FUTURE_TYPES,
    SQL_FUTURE_SCHEMAS,
    SQL_FUTURE_LARGE_OBJECTS, // PostgreSQL 18
    // Never granted by this driver, but taken back.
    SQL_LANGUAGE,
    SQL_WRAPPER,
    SQL_SERVER,
    SQL_LARGE_OBJECT,
    SQL_TABLESPACE,
    SQL_PARAMETER, // PostgreSQL 15
    SQL_OBJECT_KIND_COUNT_,
} SqlObjectKind;

typedef struct SqlObject {
    int kind;              // SqlObjectKind
    const char *owner;     // SQL_FUTURE_…
    const char *schema;    // of tables, sequences, routines, types; of a schema its own name
    const char *name;      // of all but schemas and SQL_FUTURE_…; of a large object its number
    const char *arguments; // SQL_ROUTINE: types as the server writes them, quoted where needed
} SqlObject;
// TABLE "schema"."name", without a kind's word: "schema"."name"
const char *pg_sql_object_name(Arena *arena, const SqlObject *object);
const char *pg_sql_object_describe(Arena *arena, const SqlObject *object); // table "s"."t"
int pg_sql_object_compare(const SqlObject *a, const SqlObject *b);
bool pg_sql_object_is_future(const SqlObject *object); // one of SQL_FUTURE_…

// GRANT … ON TABLE a, b TO grantee (NULL: PUBLIC). Objects are of one kind; of SQL_FUTURE_… exactly
// one.
const char *pg_sql_grant(Arena *arena, uint32_t privileges, const SqlObject *objects, size_t count,
                         const char *grantee, bool grant_option);
// REVOKE … ON … FROM grantee (NULL: PUBLIC), and what the grantee handed on. The server acts as
// whichever of the admin's roles can revoke all the privileges named, so the same ones are to be
// named as in the grant; SQL_OTHER and SQL_ALL mean ALL PRIVILEGES.
const char *pg_sql_revoke(Arena *arena, uint32_t privileges, const SqlObject *objects, size_t count,
                          const char *grantee);

typedef struct SqlAccount {
    const char *name;
    int64_t expires_at;
    int64_t connection_limit; // 0: none
} SqlAccount;
// Password texts: a verifier, or NULL for the form that evidence shows, PASSWORD '(elided)'.
char *pg_sql_create_account(Arena *arena, const SqlAccount *account, const char *verifier);
char *pg_sql_set_password(Arena *arena, const char *account, const char *verifier);
const char *pg_sql_set_expiry(Arena *arena, const char *account, int64_t expires_at);
const char *pg_sql_lock_account(Arena *arena, const char *account);
const char *pg_sql_create_shared_role(Arena *arena, const char *role);
const char *pg_sql_restrain_shared_role(Arena *arena, const char *role);
const char *pg_sql_comment_role(Arena *arena, const char *role, const char *comment);
// INHERIT without SET and ADMIN, where the server can say so (16).
const char *pg_sql_grant_role(Arena *arena, const char *role, const char *member,
                              int server_version);
const char *pg_sql_revoke_role(Arena *arena, const char *role, const char *member);
const char *pg_sql_drop_role(Arena *arena, const char *role);
// Until the end of the transaction.
const char *pg_sql_set_role(Arena *arena, const char *role);
const char *pg_sql_reassign_owned(Arena *arena, const char *from, const char *to);
const char *pg_sql_set_schema_owner(Arena *arena, const char *schema, const char *owner);
// Also of views, sequences and foreign tables.
const char *pg_sql_set_table_owner(Arena *arena, const SqlObject *table, const char *owner);
// A membership that `grantor` gave, where the server can say so (16).
const char *pg_sql_revoke_role_of(Arena *arena, const char *role, const char *member,
                                  const char *grantor, int server_version);
const char *pg_sql_set_policy_roles(Arena *arena, const char *policy, const SqlObject *table,
                                    const StringList *roles);
const char *pg_sql_drop_policy(Arena *arena, const char *policy, const SqlObject *table);
const char *pg_sql_drop_user_mapping(Arena *arena, const char *role, const char *server);
