#include "driver/oracle/statement.h"

#include <ctype.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"

static const char PLAIN_UPPER[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$#";

Status oracle_name_check(const char *what, const char *name, Error *reterr) {
    size_t length = name == NULL ? 0 : strlen(name);
    if (length == 0 || length > ORACLE_NAME_MAX)
        return error_set(reterr, STATUS_INVALID, "bad_name",
                         "the %s's name has %zu bytes; Oracle has names of 1 to %d", what, length,
                         ORACLE_NAME_MAX);
    if (strchr(name, '"') != NULL || !text_is_utf8(name, length) || !text_is_printable(name))
        return error_set(reterr, STATUS_INVALID, "bad_name",
                         "the %s's name has a double quote or a control character, which no name "
                         "of Oracle's has",
                         what);
    return STATUS_OK;
}

const char *oracle_account_user(Arena *arena, const char *account) {
    char *user = arena_strdup(arena, account);
    for (char *at = user; *at != '\0'; at++)
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    return user;
}

const char *oracle_account_shown(Arena *arena, const char *user) {
    if (user[strspn(user, PLAIN_UPPER)] != '\0')
        return arena_strdup(arena, user);
    char *shown = arena_strdup(arena, user);
    for (char *at = shown; *at != '\0'; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    return shown;
}

// https://docs.oracle.com/en/database/oracle/oracle-database/19/dbseg/configuring-authentication.html
Status oracle_password_check(const char *password, Error *reterr) {
    size_t length = strlen(password);
    bool fits = length > 0 && length <= ORACLE_PASSWORD_MAX;
    for (size_t i = 0; fits && i < length; i++)
        fits = password[i] > ' ' && password[i] < 0x7F && password[i] != '"';
    if (fits)
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_password",
                     "the password is not one for Oracle: expected 1 to %d printable characters of "
                     "ASCII without blanks and double quotes",
                     ORACLE_PASSWORD_MAX);
}

// ---- Parts --------------------------------------------------------------------------------------

// No name has a double quote in it (oracle_name_check); one that has would end here and is doubled,
// which Oracle refuses.
const char *oracle_sql_identifier(Arena *arena, const char *name) {
    CLEANUP(buffer_done) Buffer text = {0};
    buffer_add(&text, "\"");
    for (; *name != '\0'; name++)
        buffer_addf(&text, *name == '"' ? "\"%c" : "%c", *name);
    buffer_add(&text, "\"");
    return arena_strdup(arena, buffer_text(&text));
}

const char *oracle_sql_object(Arena *arena, const char *schema, const char *name) {
    return arena_printf(arena, "%s.%s", oracle_sql_identifier(arena, schema),
                        oracle_sql_identifier(arena, name));
}

const char *oracle_sql_literal(Arena *arena, const char *text) {
    CLEANUP(buffer_done) Buffer literal = {0};
    buffer_add(&literal, "'");
    for (; *text != '\0'; text++)
        buffer_addf(&literal, *text == '\'' ? "'%c" : "%c", *text);
    buffer_add(&literal, "'");
    return arena_strdup(arena, buffer_text(&literal));
}

const char *oracle_sql_timestamp(Arena *arena, int64_t at_ms) {
    char text[TIMESTAMP_SIZE]; // 2026-05-04T10:00:00.000Z
    timestamp_format(at_ms, text);
    return arena_printf(arena, "TIMESTAMP '%.10s %.12s +00:00'", text,
                        text + strlen("2026-05-04T"));
}

// ---- Within time --------------------------------------------------------------------------------

const char *oracle_sql_guarded_calls(Arena *arena, const char *calls, int64_t until_at) {
    return arena_printf(arena,
                        "BEGIN IF SYSTIMESTAMP >= %s THEN RAISE_APPLICATION_ERROR(-%d, 'Daypass: "
                        "the deadline has passed'); END IF; %s END;",
                        oracle_sql_timestamp(arena, until_at), ORACLE_TOO_LATE, calls);
}

const char *oracle_sql_guarded(Arena *arena, const char *statement, int64_t until_at) {
    const char *call =
        arena_printf(arena, "EXECUTE IMMEDIATE %s;", oracle_sql_literal(arena, statement));
    return oracle_sql_guarded_calls(arena, call, until_at);
}

// ---- Marks --------------------------------------------------------------------------------------

static const char *marks(Arena *arena, const char *admin) {
    return oracle_sql_object(arena, admin, ORACLE_MARKS);
}

const char *oracle_sql_create_marks(Arena *arena, const char *admin) {
    return arena_printf(arena,
                        "CREATE TABLE %s (ACCOUNT VARCHAR2(128 BYTE) NOT NULL PRIMARY KEY,"
                        " MARK VARCHAR2(2000 BYTE) NOT NULL, WRITTEN DATE NOT NULL,"
                        " USER_ID NUMBER)",
                        marks(arena, admin));
}

const char *oracle_sql_write_mark(Arena *arena, const char *admin, const char *user) {
    const char *table = marks(arena, admin);
    const char *name = oracle_sql_literal(arena, user);
    return arena_printf(arena,
                        "DELETE FROM %s WHERE ACCOUNT = %s; INSERT INTO %s (ACCOUNT, MARK, WRITTEN)"
                        " VALUES (%s, ?, SYSDATE); COMMIT;",
                        table, name, table, name);
}

const char *oracle_sql_change_mark(Arena *arena, const char *admin, const char *user) {
    return arena_printf(arena, "UPDATE %s SET MARK = ? WHERE ACCOUNT = %s; COMMIT;",
                        marks(arena, admin), oracle_sql_literal(arena, user));
}

const char *oracle_sql_mark_user(Arena *arena, const char *admin, const char *user) {
    const char *name = oracle_sql_literal(arena, user);
    return arena_printf(arena,
                        "UPDATE %s SET USER_ID = (SELECT USER_ID FROM SYS.ALL_USERS WHERE"
                        " USERNAME = %s) WHERE ACCOUNT = %s; COMMIT;",
                        marks(arena, admin), name, name);
}

const char *oracle_sql_delete_mark(Arena *arena, const char *admin, const char *user) {
    return arena_printf(arena, "DELETE FROM %s WHERE ACCOUNT = %s", marks(arena, admin),
                        oracle_sql_literal(arena, user));
}

// ---- The user -----------------------------------------------------------------------------------

const char *oracle_sql_profile(Arena *arena, int64_t sessions) {
    return arena_printf(arena, "DAYPASS_SESSIONS_%lld", (long long)sessions);
}

// What it does not limit is as in the profile DEFAULT: the rules for passwords stay the server's.
const char *oracle_sql_create_profile(Arena *arena, int64_t sessions) {
    return arena_printf(arena, "CREATE PROFILE %s LIMIT SESSIONS_PER_USER %lld",
                        oracle_sql_identifier(arena, oracle_sql_profile(arena, sessions)),
                        (long long)sessions);
}

// No quota is given on any tablespace, and so none is had.
const char *oracle_sql_create_user(Arena *arena, const char *user, int64_t sessions) {
    const char *profile = sessions == 0
                              ? "DEFAULT"
                              : oracle_sql_identifier(arena, oracle_sql_profile(arena, sessions));
    return arena_printf(arena, "CREATE USER %s NO AUTHENTICATION PROFILE %s ACCOUNT LOCK",
                        oracle_sql_identifier(arena, user), profile);
}

static const char *alter_user(Arena *arena, const char *user) {
    return arena_printf(arena, "ALTER USER %s ", oracle_sql_identifier(arena, user));
}

// The password is no part of the text that the server keeps of this block, nor of its literals. The
// variable makes of it what EXECUTE IMMEDIATE takes: ODBC gives national characters.
const char *oracle_sql_set_password(Arena *arena, const char *user, bool unlocks) {
    const char *before = arena_printf(arena, "%sIDENTIFIED BY \"", alter_user(arena, user));
    return arena_printf(arena,
                        "DECLARE chosen VARCHAR2(%d) := ?; BEGIN EXECUTE IMMEDIATE %s || chosen ||"
                        " '\"%s'; END;",
                        ORACLE_PASSWORD_MAX, oracle_sql_literal(arena, before),
                        unlocks ? " ACCOUNT UNLOCK" : "");
}

const char *oracle_sql_set_password_shown(Arena *arena, const char *user, bool unlocks) {
    return arena_printf(arena, "%sIDENTIFIED BY '(elided)'%s", alter_user(arena, user),
                        unlocks ? " ACCOUNT UNLOCK" : "");
}

const char *oracle_sql_lock_user(Arena *arena, const char *user) {
    return arena_printf(arena, "%sACCOUNT LOCK", alter_user(arena, user));
}

// Never CASCADE: what it owns would go with it.
const char *oracle_sql_drop_user(Arena *arena, const char *user) {
    return arena_printf(arena, "DROP USER %s", oracle_sql_identifier(arena, user));
}

// ---- The end ------------------------------------------------------------------------------------

const char *oracle_sql_job(Arena *arena, const char *user) {
    return arena_printf(arena, "DAYPASS_%s", user);
}

static const char *job_name(Arena *arena, const char *admin, const char *user) {
    return oracle_sql_literal(arena, oracle_sql_object(arena, admin, oracle_sql_job(arena, user)));
}

// Of this user alone: another one of the same name has another number. Should the scheduler run it
// early, nothing happens.
static const char *job_action(Arena *arena, const OracleEnd *end) {
    return arena_printf(
        arena,
        "DECLARE hits NUMBER; BEGIN SELECT COUNT(*) INTO hits FROM SYS.ALL_USERS WHERE"
        " USERNAME = %s AND USER_ID = %lld AND SYSTIMESTAMP >= %s; IF hits > 0 THEN"
        " EXECUTE IMMEDIATE %s; END IF; END;",
        oracle_sql_literal(arena, end->user), (long long)end->user_id,
        oracle_sql_timestamp(arena, end->ends_at),
        oracle_sql_literal(arena, oracle_sql_lock_user(arena, end->user)));
}

// Each minute from then on, so that one run that failed, or somebody who unlocks the account, gives
// no more than that. An expression instead of the scheduler's calendar: its first run is the start.
const char *oracle_sql_create_job(Arena *arena, const OracleEnd *end) {
    const char *name = job_name(arena, end->admin, end->user);
    return arena_printf(
        arena,
        "SYS.DBMS_SCHEDULER.CREATE_JOB(job_name => %s, job_type => 'PLSQL_BLOCK',"
        " job_action => %s, start_date => %s,"
        " repeat_interval => 'SYSTIMESTAMP + INTERVAL ''1'' MINUTE', enabled => FALSE,"
        " auto_drop => FALSE, comments => 'Locks an account of Daypass at its end');"
        " SYS.DBMS_SCHEDULER.SET_ATTRIBUTE(%s, 'logging_level',"
        " SYS.DBMS_SCHEDULER.LOGGING_FAILED_RUNS); SYS.DBMS_SCHEDULER.ENABLE(%s);",
        name, oracle_sql_literal(arena, job_action(arena, end)),
        oracle_sql_timestamp(arena, end->ends_at), name, name);
}

const char *oracle_sql_move_job(Arena *arena, const OracleEnd *end) {
    const char *name = job_name(arena, end->admin, end->user);
    return arena_printf(arena,
                        "SYS.DBMS_SCHEDULER.SET_ATTRIBUTE(%s, 'job_action', %s);"
                        " SYS.DBMS_SCHEDULER.SET_ATTRIBUTE(%s, 'start_date', %s);"
                        " SYS.DBMS_SCHEDULER.ENABLE(%s);",
                        name, oracle_sql_literal(arena, job_action(arena, end)), name,
                        oracle_sql_timestamp(arena, end->ends_at), name);
}

const char *oracle_sql_drop_job(Arena *arena, const char *admin, const char *user) {
    return arena_printf(arena,
                        "BEGIN SYS.DBMS_SCHEDULER.DROP_JOB(job_name => %s, force => TRUE); END;",
                        job_name(arena, admin, user));
}

// ---- Privileges ---------------------------------------------------------------------------------

const char *oracle_sql_grant_system(Arena *arena, const char *privilege, const char *user) {
    return arena_printf(arena, "GRANT %s TO %s", privilege, oracle_sql_identifier(arena, user));
}

const char *oracle_sql_revoke_system(Arena *arena, const char *privilege, const char *user) {
    return arena_printf(arena, "REVOKE %s FROM %s", privilege, oracle_sql_identifier(arena, user));
}

const char *oracle_sql_grant_role(Arena *arena, const char *role, const char *user) {
    return oracle_sql_grant_system(arena, oracle_sql_identifier(arena, role), user);
}

const char *oracle_sql_revoke_role(Arena *arena, const char *role, const char *user) {
    return oracle_sql_revoke_system(arena, oracle_sql_identifier(arena, role), user);
}

const char *oracle_sql_grant(Arena *arena, const StringList *privileges, const OracleObject *object,
                             const char *user) {
    return arena_printf(arena, "GRANT %s ON %s TO %s", string_list_join(arena, privileges, ", "),
                        oracle_sql_object(arena, object->schema, object->name),
                        oracle_sql_identifier(arena, user));
}

const char *oracle_sql_revoke(Arena *arena, const StringList *privileges,
                              const OracleObject *object, const char *user) {
    return arena_printf(arena, "REVOKE %s ON %s FROM %s", string_list_join(arena, privileges, ", "),
                        oracle_sql_object(arena, object->schema, object->name),
                        oracle_sql_identifier(arena, user));
}

// ---- Sessions -----------------------------------------------------------------------------------

// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.Oracle.CommonDBATasks.KillingSession.html
const char *oracle_sql_kill(Arena *arena, const OracleSessionKey *session, bool hosted,
                            bool harder) {
    if (hosted)
        return arena_printf(arena,
                            "BEGIN RDSADMIN.RDSADMIN_UTIL.KILL(sid => %lld, serial => %lld,"
                            " method => '%s'); END;",
                            (long long)session->sid, (long long)session->serial,
                            harder ? "PROCESS" : "IMMEDIATE");
    return arena_printf(arena, "ALTER SYSTEM KILL SESSION '%lld,%lld,@%lld' IMMEDIATE",
                        (long long)session->sid, (long long)session->serial,
                        (long long)session->instance);
}

const char *oracle_sql_sleep(Arena *arena, int wait_ms) {
    return arena_printf(arena, "BEGIN SYS.DBMS_SESSION.SLEEP(%d.%03d); END;", wait_ms / SECOND_MS,
                        wait_ms % SECOND_MS);
}
