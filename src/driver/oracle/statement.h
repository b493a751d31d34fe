// Text of the statements this driver says to Oracle. Pure: typed values in, SQL or PL/SQL out, each
// name quoted and each text a literal. Nothing here knows of a connection.
//
// Oracle turns a name without quotes into upper case. Names in flows are taken as the dictionary
// has them ("APP"."ORDERS"); an account is made in upper case, so that an engineer may write it
// without quotes in either case, and is shown in lower case, as plans write it.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdint.h>

enum {
    ORACLE_NAME_MAX = 128, // bytes
    // Of an account, whose job has a longer name.
    ORACLE_ACCOUNT_MAX = 120,
    // An error of our own from a block that came too late; RAISE_APPLICATION_ERROR has -20999 to
    // -20000.
    ORACLE_TOO_LATE = 20777,
    ORACLE_PASSWORD_MAX = 30,
};
#define ORACLE_MARKS "DAYPASS_ACCOUNTS" // the table of marks, in the connector's own schema

// "bad_name": longer than Oracle has them, a double quote (no name of Oracle's has one), a control
// character.
MUST_USE Status oracle_name_check(const char *what, const char *name, Error *reterr);
// "temp_john_a1b2c3" is the user TEMP_JOHN_A1B2C3, and back. What no plan could have named is shown
// as it is.
const char *oracle_account_user(Arena *arena, const char *account);
const char *oracle_account_shown(Arena *arena, const char *user);
// "bad_password": with a character that cannot be said, or too long.
MUST_USE Status oracle_password_check(const char *password, Error *reterr);

const char *oracle_sql_identifier(Arena *arena, const char *name);
const char *oracle_sql_object(Arena *arena, const char *schema, const char *name);
const char *oracle_sql_literal(Arena *arena, const char *text);
const char *oracle_sql_timestamp(Arena *arena, int64_t at_ms); // of the server's clock

// PL/SQL that carries out one statement, or calls, unless the server's clock has reached
// `until_at`. Each statement of Oracle's that defines something commits by itself.
const char *oracle_sql_guarded(Arena *arena, const char *statement, int64_t until_at);
const char *oracle_sql_guarded_calls(Arena *arena, const char *calls, int64_t until_at);

const char *oracle_sql_create_marks(Arena *arena, const char *admin);
// Calls with a parameter each: the mark's text.
const char *oracle_sql_write_mark(Arena *arena, const char *admin, const char *user);
const char *oracle_sql_change_mark(Arena *arena, const char *admin, const char *user);
// Once the user is there: notes the number that no other user will have.
const char *oracle_sql_mark_user(Arena *arena, const char *admin, const char *user);
const char *oracle_sql_delete_mark(Arena *arena, const char *admin, const char *user);

// Locked, and without any password. `sessions`: 0 for no limit.
const char *oracle_sql_create_user(Arena *arena, const char *user, int64_t sessions);
const char *oracle_sql_profile(Arena *arena, int64_t sessions); // its name, not quoted
const char *oracle_sql_create_profile(Arena *arena, int64_t sessions);
// Calls with a parameter: the password. `shown` has it elided.
const char *oracle_sql_set_password(Arena *arena, const char *user, bool unlocks);
const char *oracle_sql_set_password_shown(Arena *arena, const char *user, bool unlocks);
const char *oracle_sql_lock_user(Arena *arena, const char *user);
const char *oracle_sql_drop_user(Arena *arena, const char *user);

// The job of the connector's own that locks the account at its end, and again each minute.
const char *oracle_sql_job(Arena *arena, const char *user); // its name, not quoted
typedef struct OracleEnd {
    const char *admin;
    const char *user;
    int64_t user_id;
    int64_t ends_at;
} OracleEnd;
const char *oracle_sql_create_job(Arena *arena, const OracleEnd *end);
const char *oracle_sql_move_job(Arena *arena, const OracleEnd *end);
const char *oracle_sql_drop_job(Arena *arena, const char *admin, const char *user);

const char *oracle_sql_grant_system(Arena *arena, const char *privilege, const char *user);
const char *oracle_sql_grant_role(Arena *arena, const char *role, const char *user);
const char *oracle_sql_revoke_role(Arena *arena, const char *role, const char *user);
const char *oracle_sql_revoke_system(Arena *arena, const char *privilege, const char *user);
typedef struct OracleObject {
    const char *schema;
    const char *name;
} OracleObject;
// `privileges`: of the words in domain/target_kind.h, or the dictionary's own.
const char *oracle_sql_grant(Arena *arena, const StringList *privileges, const OracleObject *object,
                             const char *user);
const char *oracle_sql_revoke(Arena *arena, const StringList *privileges,
                              const OracleObject *object, const char *user);

typedef struct OracleSessionKey {
    int64_t sid;
    int64_t serial;
    int64_t instance;
} OracleSessionKey;
// `hosted`: by Amazon's procedure; `harder`: also the process, where the first did not help.
const char *oracle_sql_kill(Arena *arena, const OracleSessionKey *session, bool hosted,
                            bool harder);
const char *oracle_sql_sleep(Arena *arena, int wait_ms);
