#include "oracle_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "driver/oracle/statement.h"

enum { SERVER_NOW_S = 1700000000, VALUES_MAX = 512 };
static const char ADMIN[] = "DAYPASS_ADMIN";

// ---- Answers ------------------------------------------------------------------------------------

static ScriptedAnswer rows_of(OracleScene *scene, size_t columns, size_t rows,
                              const char *const *values) {
    return (ScriptedAnswer){
        .values =
            rows == 0 ? NULL : arena_copy(scene->arena, values, rows * columns * sizeof values[0]),
        .row_count = rows,
        .column_count = columns};
}

static ScriptedAnswer one(OracleScene *scene, const char *value) {
    return rows_of(scene, 1, 1, &value);
}

static ScriptedAnswer number(OracleScene *scene, int64_t value) {
    return one(scene, arena_printf(scene->arena, "%lld", (long long)value));
}

static ScriptedAnswer refusal(OracleScene *scene, int native) {
    ScriptedRecord *record = arena_alloc(scene->arena, sizeof *record);
    *record = (ScriptedRecord){
        "HY000", native, arena_printf(scene->arena, "[Oracle][ODBC][Ora]ORA-%05d: hush", native)};
    return (ScriptedAnswer){.fails = true, .records = record, .record_count = 1};
}

static const char *time_text(OracleScene *scene, int64_t at_ms) {
    char text[TIMESTAMP_SIZE];
    return at_ms == 0 ? NULL : arena_strdup(scene->arena, timestamp_format(at_ms, text));
}

static bool begins(const char *sql, const char *with) {
    return strncmp(sql, with, strlen(with)) == 0;
}

// "TIMESTAMP '2026-05-04 10:00:00.000 +00:00'" after `mark`
static int64_t moment_after(const char *sql, const char *mark) {
    char text[TIMESTAMP_SIZE];
    const char *at = strstr(sql, mark);
    if (at == NULL || (at = strstr(at, "TIMESTAMP '")) == NULL)
        return 0;
    at += strlen("TIMESTAMP '");
    snprintf(text, sizeof text, "%.10sT%.12sZ", at, at + 11);
    int64_t at_ms = 0;
    return timestamp_parse(text, &at_ms, NULL) == STATUS_OK ? at_ms : 0;
}

// ---- The account --------------------------------------------------------------------------------

static const char *status_of(const OracleScene *scene) {
    if (scene->status != NULL)
        return scene->status;
    return scene->locked ? "LOCKED" : "OPEN";
}

static bool row_is_of_user(const OracleScene *scene) {
    if (!scene->row || !scene->user)
        return false;
    if (scene->row_user_id != 0)
        return scene->row_user_id == scene->user_id;
    return scene->without_password && scene->locked && !scene->row_is_old;
}

static ScriptedAnswer account(OracleScene *scene) {
    Arena *arena = scene->arena;
    const char *values[] = {
        scene->user ? arena_printf(arena, "%lld", (long long)scene->user_id) : NULL,
        scene->user ? status_of(scene) : NULL,
        scene->row ? "1" : "0",
        row_is_of_user(scene) ? "1" : "0",
        scene->row ? scene->mark : NULL,
        scene->job ? "1" : "0",
        scene->job && scene->job_enabled ? time_text(scene, scene->job_ends_at) : NULL,
        time_text(scene, scene->now_at),
    };
    return rows_of(scene, COUNT_OF(values), 1, values);
}

static ScriptedAnswer marked(OracleScene *scene) {
    const char *values[] = {
        SCENE_USER,
        scene->mark,
        status_of(scene),
        arena_printf(scene->arena, "%lld", (long long)scene->user_id),
        scene->job && scene->job_enabled ? time_text(scene, scene->job_ends_at) : NULL,
        arena_printf(scene->arena, "%d", scene->sessions),
        time_text(scene, scene->now_at),
        scene->profile ? "10" : "UNLIMITED",
    };
    return rows_of(scene, COUNT_OF(values), row_is_of_user(scene) ? 1 : 0, values);
}

static ScriptedAnswer sessions(OracleScene *scene) {
    const char *values[4 * SCENE_SESSIONS_MAX];
    for (int i = 0; i < scene->sessions; i++) {
        values[4 * i] = arena_printf(scene->arena, "%d", 100 + i);
        values[4 * i + 1] = "7";
        values[4 * i + 2] = "1";
        values[4 * i + 3] = "INACTIVE";
    }
    return rows_of(scene, 4, (size_t)scene->sessions, values);
}

static ScriptedAnswer owned(OracleScene *scene) {
    const char *values[3 * SCENE_OBJECTS_MAX];
    for (size_t i = 0; i < scene->owned_count; i++) {
        values[3 * i] = scene->owned_type != NULL ? scene->owned_type : "TABLE";
        values[3 * i + 1] = scene->owned[i];
        values[3 * i + 2] = arena_printf(scene->arena, "%zu", scene->owned_count);
    }
    return rows_of(scene, 3, scene->owned_count, values);
}

// Of what was granted: each "GRANT p, q ON "APP"."ORDERS" TO …".
static ScriptedAnswer held_objects(OracleScene *scene, bool for_state) {
    const char *values[VALUES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < scene->grants.count; i++) {
        char schema[128], name[128];
        const char *words = scene->grants.items[i] + strlen("GRANT ");
        const char *on = strstr(words, " ON ");
        if (on == NULL || sscanf(on, " ON \"%100[^\"]\".\"%100[^\"]\"", schema, name) != 2)
            continue;
        const char *said = arena_printf(scene->arena, "%.*s", (int)(on - words), words);
        const char *const state_row[] = {SCENE_USER, said, "table",
                                         arena_strdup(scene->arena, schema),
                                         arena_strdup(scene->arena, name)};
        const char *const revoke_row[] = {state_row[3], state_row[4], state_row[1]};
        size_t columns = for_state ? COUNT_OF(state_row) : COUNT_OF(revoke_row);
        memcpy(values + count * columns, for_state ? state_row : revoke_row,
               columns * sizeof values[0]);
        count++;
    }
    return rows_of(scene, for_state ? 5 : 3, count, values);
}

static ScriptedAnswer held_rights(OracleScene *scene, bool for_state) {
    const char *values[VALUES_MAX];
    size_t count = 0, columns = for_state ? 3 : 2;
    for (size_t i = 0; i < scene->grants.count; i++) {
        const char *grant = scene->grants.items[i];
        bool is_role = begins(grant, "GRANT \"");
        if (strstr(grant, " ON ") != NULL || (for_state && !is_role))
            continue;
        char name[128] = "";
        (void)sscanf(grant, is_role ? "GRANT \"%100[^\"]\"" : "GRANT %100[A-Z ] TO", name);
        if (!is_role)
            snprintf(name, sizeof name, "CREATE SESSION");
        const char *const row[] = {SCENE_USER, is_role ? "ROLE" : "SYSTEM",
                                   arena_strdup(scene->arena, name)};
        memcpy(values + count * columns, for_state ? row : row + 1, columns * sizeof values[0]);
        count++;
    }
    return rows_of(scene, columns, count, values);
}

// ---- Changes ------------------------------------------------------------------------------------

static ScriptedAnswer create_user(OracleScene *scene) {
    if (scene->user)
        return refusal(scene, 1920);
    scene->user = scene->locked = scene->without_password = true;
    scene->user_id++;
    scene->login_right = false;
    scene->grants.count = 0;
    return (ScriptedAnswer){0};
}

static ScriptedAnswer kill_session(OracleScene *scene) {
    scene->kills++;
    if (scene->kills < scene->kills_needed)
        return refusal(scene, 31);
    if (scene->sessions == 0)
        return refusal(scene, 30);
    scene->sessions--;
    return (ScriptedAnswer){0};
}

static ScriptedAnswer drop_user(OracleScene *scene) {
    if (!scene->user)
        return refusal(scene, 1918);
    if (scene->sessions > 0)
        return refusal(scene, 1940);
    if (scene->owned_count > 0)
        return refusal(scene, 1922);
    scene->user = false;
    return (ScriptedAnswer){0};
}

static ScriptedAnswer take_back(OracleScene *scene, const char *sql) {
    if (scene->lets_one_in) {
        scene->lets_one_in = false;
        scene->sessions++;
    }
    if (begins(sql, "REVOKE CREATE SESSION"))
        scene->login_right = false;
    return (ScriptedAnswer){0};
}

static ScriptedAnswer set_job(OracleScene *scene, const char *sql, bool creates) {
    if (creates && scene->job)
        return refusal(scene, 27477);
    if (!creates && !scene->job)
        return refusal(scene, 27475);
    scene->job = scene->job_enabled = true;
    scene->job_ends_at = moment_after(sql, creates ? "start_date => " : "'start_date', ");
    return (ScriptedAnswer){0};
}

static ScriptedAnswer write_mark(OracleScene *scene, const char *mark, bool is_new) {
    if (!scene->marks_table)
        return refusal(scene, 942);
    scene->mark = arena_strdup(scene->arena, mark);
    if (is_new) {
        scene->row = true;
        scene->row_is_old = false;
        scene->row_user_id = 0;
    }
    return (ScriptedAnswer){0};
}

static ScriptedAnswer grant(OracleScene *scene, const char *sql) {
    if (!scene->user)
        return refusal(scene, 1917);
    scene->login_right |= begins(sql, "GRANT CREATE SESSION");
    string_list_add(scene->arena, &scene->grants, sql);
    return (ScriptedAnswer){0};
}

static ScriptedAnswer set_password(OracleScene *scene, const char *sql, const char *password) {
    if (!scene->user)
        return refusal(scene, 1918);
    snprintf(scene->password, sizeof scene->password, "%s", password);
    scene->without_password = false;
    if (strstr(sql, "ACCOUNT UNLOCK") != NULL)
        scene->locked = false;
    return (ScriptedAnswer){0};
}

// What comes in a block that looks at the server's clock first.
static const char *without_guard(Arena *arena, const char *sql) {
    const char *at = strstr(sql, "END IF; ");
    if (!begins(sql, "BEGIN IF SYSTIMESTAMP >= ") || at == NULL)
        return sql;
    at += strlen("END IF; ");
    if (begins(at, "EXECUTE IMMEDIATE '")) {
        char *inner = arena_strdup(arena, at + strlen("EXECUTE IMMEDIATE '"));
        *strstr(inner, "'; END;") = '\0';
        return inner;
    }
    return at;
}

static ScriptedAnswer change(OracleScene *scene, const char *sql, const char *parameter,
                             bool *ret_known) {
    *ret_known = true;
    if (begins(sql, "ALTER SESSION SET DDL_LOCK_TIMEOUT = ") ||
        begins(sql, "BEGIN SYS.DBMS_SESSION.SLEEP("))
        return (ScriptedAnswer){0};
    if (begins(sql, "CREATE TABLE \"DAYPASS_ADMIN\".\"DAYPASS_ACCOUNTS\" (")) {
        scene->marks_table = true;
        return (ScriptedAnswer){0};
    }
    if (begins(sql, "CREATE PROFILE \"DAYPASS_SESSIONS_10\"")) {
        scene->profile = true;
        return (ScriptedAnswer){0};
    }
    if (begins(sql, "CREATE USER \"" SCENE_USER "\" NO AUTHENTICATION "))
        return create_user(scene);
    if (begins(sql, "GRANT "))
        return grant(scene, sql);
    if (begins(sql, "REVOKE "))
        return take_back(scene, sql);
    if (begins(sql,
               "DECLARE chosen VARCHAR2(30) := ?; BEGIN EXECUTE IMMEDIATE 'ALTER USER \"" SCENE_USER
               "\" IDENTIFIED BY \"' || chosen || "))
        return set_password(scene, sql, parameter);
    if (begins(sql, "ALTER USER \"" SCENE_USER "\" ACCOUNT LOCK")) {
        if (!scene->user)
            return refusal(scene, 1918);
        scene->locked = true;
        return (ScriptedAnswer){0};
    }
    if (begins(sql, "DROP USER \"" SCENE_USER "\""))
        return drop_user(scene);
    if (begins(sql, "ALTER SYSTEM KILL SESSION '") || begins(sql, "BEGIN RDSADMIN.RDSADMIN_UTIL")) {
        scene->kills_of_process += strstr(sql, "PROCESS") != NULL;
        return kill_session(scene);
    }
    if (strstr(sql, "DBMS_SCHEDULER.DROP_JOB(job_name => '\"DAYPASS_ADMIN\".") != NULL) {
        if (!scene->job)
            return refusal(scene, 27475);
        scene->job = false;
        return (ScriptedAnswer){0};
    }
    if (strstr(sql, "DBMS_SCHEDULER.CREATE_JOB(") != NULL)
        return set_job(scene, sql, true);
    if (strstr(sql, "'start_date', ") != NULL)
        return set_job(scene, sql, false);
    if (begins(sql, "DELETE FROM ") && strstr(sql, "; INSERT INTO ") != NULL)
        return write_mark(scene, parameter, true);
    if (begins(sql, "UPDATE ") && strstr(sql, " SET MARK = ? ") != NULL)
        return write_mark(scene, parameter, false);
    if (begins(sql, "UPDATE ") && strstr(sql, " SET USER_ID = (") != NULL) {
        scene->row_user_id = scene->user_id;
        return (ScriptedAnswer){0};
    }
    if (begins(sql, "DELETE FROM ")) {
        scene->row = false;
        return (ScriptedAnswer){.affected = 1};
    }
    *ret_known = false;
    return (ScriptedAnswer){0};
}

// ---- Questions ----------------------------------------------------------------------------------

static ScriptedAnswer objects(OracleScene *scene, const char *sql) {
    static const char *const TABLES[] = {"CUSTOMERS", "VIEW", "ORDERS", "TABLE"};
    if (strstr(sql, "('SEQUENCE')") != NULL || strstr(sql, "'FUNCTION'") != NULL)
        return rows_of(scene, 2, 0, NULL);
    if (strstr(sql, "OBJECT_NAME IN (") == NULL)
        return rows_of(scene, 2, 2, TABLES);
    const char *values[4];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(TABLES); i += 2)
        if (strstr(sql, arena_printf(scene->arena, "'%s'", TABLES[i])) != NULL) {
            values[2 * count] = TABLES[i];
            values[2 * count++ + 1] = TABLES[i + 1];
        }
    return rows_of(scene, 2, count, values);
}

static ScriptedAnswer schema(OracleScene *scene, const char *sql) {
    bool is_sys = strstr(sql, "'SYS'") != NULL;
    const char *values[] = {is_sys || strstr(sql, "'APP'") != NULL ? "1" : "0", is_sys ? "Y" : "N"};
    return rows_of(scene, 2, 1, values);
}

static ScriptedAnswer server(OracleScene *scene) {
    const char *values[] = {ADMIN, scene->container, scene->role, scene->version,
                            scene->hosted ? "1" : "0"};
    return rows_of(scene, COUNT_OF(values), 1, values);
}

static ScriptedAnswer handed_on(OracleScene *scene) {
    static const char *const VALUES[] = {"ORDERS", "SELECT",    "ORDERS",
                                         "INSERT", "CUSTOMERS", "SELECT"};
    return rows_of(scene, 2, 3, VALUES);
}

static ScriptedAnswer system_privileges(OracleScene *scene) {
    static const char *const HELD[] = {"CREATE USER",    "ALTER USER",   "DROP USER",
                                       "CREATE JOB",     "ALTER SYSTEM", "CREATE PROFILE",
                                       "CREATE SESSION", "CREATE TABLE"};
    const char *values[3 * COUNT_OF(HELD)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(HELD); i++) {
        bool lacks = false;
        for (size_t l = 0; l < scene->lacking_count; l++)
            lacks |= strcmp(scene->lacking[l].begins, HELD[i]) == 0;
        if (lacks)
            continue;
        values[3 * count] = "DIRECT";
        values[3 * count + 1] = HELD[i];
        values[3 * count++ + 2] = strcmp(HELD[i], "CREATE SESSION") == 0 ? "YES" : "NO";
    }
    return rows_of(scene, 3, count, values);
}

static ScriptedAnswer about_roles(OracleScene *scene) {
    const char *values[] = {scene->no_role ? "0" : "1", scene->reason_against_role, NULL,
                            scene->no_admin_option ? "0" : "1"};
    return rows_of(scene, 4, 1, values);
}

static ScriptedAnswer facts(OracleScene *scene, const char *sql, bool *ret_known) {
    static const char *const PARAMETERS[] = {
        "job_queue_processes", "0", "resource_limit", "FALSE", "SCHEDULER_DISABLED", "TRUE"};
    static const char *const TABLE[] = {"APP", "ORDERS", "table"};
    *ret_known = true;
    if (begins(sql, "SELECT 'DIRECT', PRIVILEGE"))
        return system_privileges(scene);
    if (begins(sql, "SELECT COUNT(*) FROM SYS.ALL_PROCEDURES "))
        return number(scene, scene->no_procedure ? 0 : 1);
    if (begins(sql, "SELECT COUNT(*) FROM SYS.") && strstr(sql, "ROWNUM <= 1") != NULL)
        return number(scene, 1);
    if (begins(sql, "SELECT (SELECT COUNT(*) FROM SYS.USER_TABLES"))
        return rows_of(scene, 3, 1,
                       (const char *const[]){scene->marks_table ? "1" : "0",
                                             scene->no_quota ? "0" : "1", "DATA"});
    if (begins(sql, "SELECT NAME, VALUE FROM SYS.V_$PARAMETER"))
        return rows_of(scene, 2, scene->runs_jobs ? 0 : 3, PARAMETERS);
    if (begins(sql, "SELECT USERNAME FROM SYS.DBA_USERS WHERE ORACLE_MAINTAINED = 'N'"))
        return one(scene, "APP");
    if (begins(sql, "SELECT o.OWNER, o.OBJECT_NAME, LOWER("))
        return rows_of(scene, 3, 1, TABLE);
    if (begins(sql, "SELECT o.OWNER || '.' || o.OBJECT_NAME"))
        return one(scene, strstr(sql, "'SEQUENCE'") != NULL ? "APP.SEQ" : "APP.PKG");
    if (begins(sql, "SELECT r.ROLE FROM SYS.DBA_ROLES"))
        return one(scene, "REPORTING");
    if (begins(sql, "SELECT NVL(s.PROGRAM"))
        return rows_of(scene, 1, 0, NULL);
    if (begins(sql, "SELECT u.USERNAME, u.ACCOUNT_STATUS,")) {
        static const char *const OTHERS[] = {
            "APP", "OPEN", "0", "0", "TEMP_OLD", "OPEN", "0", "2", "LOST_ONE", "LOCKED", "1", "0"};
        return rows_of(scene, 4, 3, OTHERS);
    }
    *ret_known = false;
    return (ScriptedAnswer){0};
}

static ScriptedAnswer question(OracleScene *scene, const char *sql, bool *ret_known) {
    *ret_known = true;
    if (begins(sql, "SELECT SYS_CONTEXT("))
        return server(scene);
    if (begins(sql, "SELECT TO_CHAR(SYS_EXTRACT_UTC(SYSTIMESTAMP)"))
        return one(scene, time_text(scene, scene->now_at));
    if (begins(sql, "SELECT PRIVILEGE FROM SYS.SESSION_PRIVS"))
        return rows_of(scene, 1, scene->any_object ? 1 : 0,
                       (const char *const[]){"GRANT ANY OBJECT PRIVILEGE"});
    if (begins(sql, "SELECT COUNT(*) FROM SYS.USER_TABLES"))
        return number(scene, scene->marks_table);
    if (begins(sql, "SELECT COUNT(*) FROM SYS.DBA_PROFILES"))
        return number(scene, scene->profile);
    if (begins(sql, "SELECT COUNT(*), MAX(ORACLE_MAINTAINED) FROM SYS.DBA_USERS"))
        return schema(scene, sql);
    if (begins(sql, "SELECT TABLE_NAME, PRIVILEGE FROM SYS.USER_TAB_PRIVS"))
        return handed_on(scene);
    if (begins(sql, "SELECT OBJECT_NAME, MIN(OBJECT_TYPE)"))
        return objects(scene, sql);
    if (begins(sql, "SELECT (SELECT COUNT(*) FROM SYS.DBA_ROLES"))
        return about_roles(scene);
    if (begins(sql, "SELECT u.USER_ID, u.ACCOUNT_STATUS,"))
        return account(scene);
    if (begins(sql, "SELECT u.USERNAME, m.MARK,"))
        return marked(scene);
    if (begins(sql, "SELECT GRANTEE, 'ROLE',"))
        return held_rights(scene, true);
    if (begins(sql, "SELECT GRANTEE, LISTAGG("))
        return held_objects(scene, true);
    if (begins(sql, "SELECT 'ROLE', GRANTED_ROLE"))
        return held_rights(scene, false);
    if (begins(sql, "SELECT OWNER, TABLE_NAME, PRIVILEGE"))
        return held_objects(scene, false);
    if (begins(sql, "SELECT s.SID, s.SERIAL#"))
        return sessions(scene);
    if (begins(sql, "SELECT OBJECT_TYPE, OBJECT_NAME, COUNT(*) OVER ()"))
        return owned(scene);
    return facts(scene, sql, ret_known);
}

// ---- Serving ------------------------------------------------------------------------------------

static void on_connect(void *context, int connection, const char *connection_string,
                       ScriptedAnswer *answer) {
    OracleScene *scene = context;
    (void)connection;
    string_list_add(scene->arena, &scene->connection_strings, connection_string);
    *answer = scene->connecting;
}

static int refused_with(const OracleScene *scene, const char *plain) {
    for (size_t i = 0; i < scene->lacking_count; i++)
        if (begins(plain, scene->lacking[i].begins))
            return scene->lacking[i].native;
    return 0;
}

static ScriptedAnswer carry_out(OracleScene *scene, const ScriptedStatement *statement) {
    const char *plain = without_guard(scene->arena, statement->sql);
    if (plain != statement->sql &&
        moment_after(statement->sql, "BEGIN IF SYSTIMESTAMP >= ") <= scene->now_at)
        return refusal(scene, ORACLE_TOO_LATE);
    int native = refused_with(scene, plain);
    if (native != 0)
        return refusal(scene, native);
    bool known;
    const char *parameter = statement->parameter_count > 0 ? statement->parameters[0] : NULL;
    ScriptedAnswer answer = change(scene, plain, parameter, &known);
    if (!known)
        answer = question(scene, plain, &known);
    if (known)
        return answer;
    scene->unknown = arena_strdup(scene->arena, statement->sql);
    return refusal(scene, 900);
}

static void on_statement(void *context, const ScriptedStatement *statement,
                         ScriptedAnswer *answer) {
    OracleScene *scene = context;
    bool troubled = scene->counting && ++scene->count == scene->trouble_at;
    string_list_add(scene->arena, &scene->statements, statement->sql);
    if (scene->before_each != NULL)
        scene->before_each(scene, statement->sql);
    if (troubled && scene->trouble == TROUBLE_REFUSES) {
        *answer = refusal(scene, scene->trouble_native);
        return;
    }
    if (troubled && scene->trouble == TROUBLE_CUT_BEFORE) {
        *answer = (ScriptedAnswer){.drops = true};
        return;
    }
    *answer = carry_out(scene, statement);
    if (troubled && scene->trouble == TROUBLE_CUT_AFTER)
        *answer = (ScriptedAnswer){.drops = true};
}

int oracle_scene_install(void **state) {
    (void)state;
    odbc_scene_install("Oracle 21 ODBC driver");
    return 0;
}

int oracle_scene_setup(void **state) {
    OracleScene *scene = mem_alloc(sizeof *scene);
    *scene = (OracleScene){.arena = arena_new(),
                           .clock = manual_clock_at(1),
                           .now_at = (int64_t)SERVER_NOW_S * SECOND_MS,
                           .container = "PDB1",
                           .role = "PRIMARY",
                           .version = "19.0.0.0.0",
                           .any_object = true,
                           .runs_jobs = true,
                           .user_id = 100};
    odbc_scene_serve(&(ScriptedServer){
        .context = scene, .on_connect = on_connect, .on_statement = on_statement});
    *state = scene;
    return 0;
}

int oracle_scene_teardown(void **state) {
    OracleScene *scene = *state;
    odbc_scene_serve(NULL);
    const char *unknown = scene->unknown == NULL ? NULL : mem_printf("%s", scene->unknown);
    arena_free(scene->arena);
    mem_free(scene);
    if (unknown != NULL)
        fail_msg("a statement that no Oracle of this test knows: %s", unknown);
    return 0;
}

// ---- For tests ----------------------------------------------------------------------------------

const char *scene_changes(OracleScene *scene) {
    StringList changes = {0};
    for (size_t i = 0; i < scene->statements.count; i++) {
        const char *plain = without_guard(scene->arena, scene->statements.items[i]);
        if (!begins(plain, "SELECT ") && !begins(plain, "BEGIN SYS.DBMS_SESSION.SLEEP("))
            string_list_add(scene->arena, &changes, plain);
    }
    return string_list_join(scene->arena, &changes, "\n");
}
