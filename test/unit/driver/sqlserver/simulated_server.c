#include "simulated_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "simulated_reply.h"

typedef struct Pattern {
    const char *begins;
    const char *holds; // NULL: nothing
    void (*run)(Reply *reply, const char *sql);
} Pattern;

static void copy(char *into, size_t size, const char *text) {
    snprintf(into, size, "%s", text);
}

// ---- The state ----------------------------------------------------------------------------------

SimLogin *sim_login(Sim *sim, const char *name) {
    for (size_t i = 0; i < sim->now.login_count; i++)
        if (strcmp(sim->now.logins[i].name, name) == 0)
            return &sim->now.logins[i];
    return NULL;
}

SimDatabase *sim_database(Sim *sim, const char *name) {
    for (size_t i = 0; i < sim->now.database_count; i++)
        if (strcmp(sim->now.databases[i].name, name) == 0)
            return &sim->now.databases[i];
    return NULL;
}

SimUser *sim_user(Sim *sim, const char *database, const char *name) {
    SimDatabase *in = sim_database(sim, database);
    for (size_t i = 0; in != NULL && i < in->user_count; i++)
        if (strcmp(in->users[i].name, name) == 0)
            return &in->users[i];
    return NULL;
}

static SimUser *user_by_id(Sim *sim, const char *sql, const char *word) {
    SimDatabase *in = sim_database(sim, sim->current);
    const char *at = strstr(sql, word);
    long id = at == NULL ? -1 : strtol(at + strlen(word), NULL, 10);
    for (size_t i = 0; i < in->user_count; i++)
        if (in->users[i].id == id)
            return &in->users[i];
    return NULL;
}

void sim_add_session(Sim *sim, const char *login, int kills_needed) {
    SimSession *session = &sim->now.sessions[sim->now.session_count++];
    *session = (SimSession){.id = 50 + sim->next_id++, .kills_needed = kills_needed};
    copy(session->login, sizeof session->login, login);
}

static bool has_mark(const Sim *sim, const SimLogin *login) {
    for (size_t d = 0; d < sim->now.database_count; d++)
        for (size_t i = 0; i < sim->now.databases[d].user_count; i++) {
            const SimUser *user = &sim->now.databases[d].users[i];
            if (strcmp(user->sid, login->sid) == 0 && user->mark[0] != '\0')
                return true;
        }
    return false;
}

bool sim_has_unmarked_account(const Sim *sim) {
    for (size_t i = 0; i < sim->now.login_count; i++) {
        const SimLogin *login = &sim->now.logins[i];
        if (strncmp(login->sid, "0x44415950", 10) == 0 && !login->disabled && !has_mark(sim, login))
            return true;
    }
    return false;
}

static void roll_back(Sim *sim) {
    if (sim->in_transaction)
        sim->now = sim->before;
    sim->in_transaction = false;
}

// ---- Sessions and transactions ------------------------------------------------------------------

static void do_nothing(Reply *reply, const char *sql) {
    (void)reply, (void)sql;
}

static void read_server(Reply *reply, const char *sql) {
    (void)sql;
    reply_give(
        reply, 5,
        (const char *const[]){reply->sim->version, reply->sim->edition, "daypass_admin",
                              string_list_has(&reply->sim->lacking, "NOT sysadmin") ? "0" : "1",
                              "READ_WRITE"});
}

static void use(Reply *reply, const char *sql) {
    SimDatabase *database = sim_database(reply->sim, reply_name(reply, sql, "USE "));
    if (database == NULL)
        reply_fail(reply, "42S02", 911);
    else if (strcmp(database->state, "ONLINE") != 0)
        reply_fail(reply, "42000", 942);
    else if (!database->open)
        reply_fail(reply, "42000", 916);
    else
        reply->sim->current = database->name;
}

static void roll_back_and_use(Reply *reply, const char *sql) {
    roll_back(reply->sim);
    use(reply, strstr(sql, "USE "));
}

static void begin(Reply *reply, const char *sql) {
    (void)sql;
    reply->sim->before = reply->sim->now;
    reply->sim->in_transaction = true;
}

static void commit(Reply *reply, const char *sql) {
    Sim *sim = reply->sim;
    const char *until = strstr(sql, ">= ");
    if (until != NULL && sim->now_at + sim->late_by >= strtoll(until + 3, NULL, 10)) {
        roll_back(sim);
        reply_fail(reply, "42000", 51001);
        return;
    }
    sim->in_transaction = false;
}

static void read_now(Reply *reply, const char *sql) {
    (void)sql;
    reply_give(reply, 1, (const char *const[]){reply_number(reply, reply->sim->now_at)});
}

static void read_sessions(Reply *reply, const char *sql) {
    const char *login = reply_text(reply, sql, "original_login_name = ");
    bool details = reply_begins(sql, "SELECT CONCAT");
    reply_none(reply, 1);
    for (size_t i = 0; i < reply->sim->now.session_count; i++)
        if (strcmp(reply->sim->now.sessions[i].login, login) == 0)
            reply_give(reply, 1,
                       (const char *const[]){
                           details ? "sqlcmd from laptop in database shop"
                                   : reply_number(reply, reply->sim->now.sessions[i].id)});
}

static void kill_session(Reply *reply, const char *sql) {
    SimState *now = &reply->sim->now;
    long id = strtol(sql + strlen("KILL "), NULL, 10);
    for (size_t i = 0; i < now->session_count; i++) {
        SimSession *session = &now->sessions[i];
        if (session->id != id)
            continue;
        if (session->kills_needed > 0 && --session->kills_needed == 0)
            *session = now->sessions[--now->session_count];
        return;
    }
    reply_fail(reply, "42000", 6106);
}

// ---- Logins -------------------------------------------------------------------------------------

static int count_sessions(const Sim *sim, const char *login) {
    int count = 0;
    for (size_t i = 0; i < sim->now.session_count; i++)
        count += strcmp(sim->now.sessions[i].login, login) == 0;
    return count;
}

static void read_logins(Reply *reply, const char *sql) {
    Sim *sim = reply->sim;
    bool listing = strstr(sql, "STRING_AGG") != NULL;
    bool leftovers = strstr(sql, "<> 0x44415950") != NULL;
    const char *only = reply_text(reply, sql, "p.name = ");
    const char *sid = reply_word(reply, sql, "p.sid = ");
    reply_none(reply, listing ? 7 : 5);
    for (size_t i = 0; i < sim->now.login_count; i++) {
        const SimLogin *login = &sim->now.logins[i];
        bool ours = strncmp(login->sid, "0x44415950", 10) == 0;
        bool named = strcmp(login->name, only) == 0;
        const char *now = reply_number(reply, sim->now_at);
        const char *key = reply_number(reply, login->key);
        const char *off = login->disabled ? "1" : "0";
        if (listing && ours != leftovers && (only[0] == '\0' || named))
            reply_give(reply, 7,
                       (const char *const[]){login->name, login->sid, key, off,
                                             reply_number(reply, count_sessions(sim, login->name)),
                                             now, sim->server_roles});
        if (!listing && (named || strcmp(login->sid, sid) == 0))
            reply_give(reply, 5, (const char *const[]){login->name, login->sid, key, off, now});
    }
}

static void create_login(Reply *reply, const char *sql) {
    SimState *now = &reply->sim->now;
    const char *name = reply_name(reply, sql, "CREATE LOGIN ");
    const char *sid = reply_word(reply, sql, "SID = ");
    for (size_t i = 0; i < now->login_count; i++)
        if (strcmp(now->logins[i].name, name) == 0 || strcmp(now->logins[i].sid, sid) == 0) {
            reply_fail(reply, "42000", strcmp(now->logins[i].name, name) == 0 ? 15025 : 15433);
            return;
        }
    SimLogin *login = &now->logins[now->login_count++];
    *login = (SimLogin){.key = 260 + reply->sim->next_id++};
    copy(login->name, sizeof login->name, name);
    copy(login->sid, sizeof login->sid, sid);
    copy(login->password, sizeof login->password, strstr(sql, "PASSWORD = "));
}

static void alter_login(Reply *reply, const char *sql) {
    SimLogin *login = sim_login(reply->sim, reply_name(reply, sql, "ALTER LOGIN "));
    if (login == NULL)
        reply_fail(reply, "42000", 15151);
    else if (strstr(sql, "] DISABLE") != NULL)
        login->disabled = true;
    else
        copy(login->password, sizeof login->password, strstr(sql, "PASSWORD = "));
}

static void drop_login(Reply *reply, const char *sql) {
    Sim *sim = reply->sim;
    SimLogin *login = sim_login(sim, reply_name(reply, sql, "DROP LOGIN "));
    if (login == NULL) {
        reply_fail(reply, "42000", 15151);
    } else if (login->lingers > 0 || count_sessions(sim, login->name) > 0) {
        login->lingers--;
        reply_fail(reply, "42000", 15434);
    } else {
        *login = sim->now.logins[--sim->now.login_count];
    }
}

// ---- Databases and users ------------------------------------------------------------------------

static void read_databases(Reply *reply, const char *sql) {
    (void)sql;
    reply_none(reply, 5);
    for (size_t i = 0; i < reply->sim->now.database_count; i++) {
        const SimDatabase *database = &reply->sim->now.databases[i];
        bool online = strcmp(database->state, "ONLINE") == 0;
        reply_give(reply, 5,
                   (const char *const[]){database->name, database->state,
                                         online && database->open ? "1" : "0", "0",
                                         strcmp(database->name, "master") == 0 ? "1" : "0"});
    }
}

static void read_users(Reply *reply, const char *sql) {
    Sim *sim = reply->sim;
    const char *sid = reply_word(reply, sql, "u.sid = ");
    reply_none(reply, 5);
    for (const char *part = sql; part != NULL; part = strstr(part + 1, "SELECT N'")) {
        SimDatabase *in = sim_database(sim, reply_text(reply, part, "SELECT "));
        for (size_t i = 0; in != NULL && i < in->user_count; i++) {
            const SimUser *user = &in->users[i];
            if (sid[0] != '\0' ? strcmp(user->sid, sid) == 0
                               : strncmp(user->sid, "0x44415950", 10) == 0)
                reply_give(reply, 5,
                           (const char *const[]){in->name, user->name, user->sid,
                                                 reply_number(reply, user->id),
                                                 user->mark[0] == '\0' ? NULL : user->mark});
        }
    }
}

static void create_user(Reply *reply, const char *sql) {
    Sim *sim = reply->sim;
    SimDatabase *in = sim_database(sim, sim->current);
    const char *name = reply_name(reply, sql, "CREATE USER ");
    const SimLogin *login = sim_login(sim, reply_name(reply, sql, "FOR LOGIN "));
    if (login == NULL || sim_user(sim, sim->current, name) != NULL) {
        reply_fail(reply, "42000", login == NULL ? 15007 : 15023);
        return;
    }
    SimUser *user = &in->users[in->user_count++];
    *user = (SimUser){.id = 5 + sim->next_id++};
    copy(user->name, sizeof user->name, name);
    copy(user->sid, sizeof user->sid, login->sid);
}

static void set_mark(Reply *reply, const char *sql) {
    SimUser *user =
        sim_user(reply->sim, reply->sim->current, reply_text(reply, sql, "@level0name = "));
    bool adds = strstr(sql, "sp_add") != NULL;
    if (user == NULL || adds != (user->mark[0] == '\0'))
        reply_fail(reply, "42000", user == NULL ? 15135 : adds ? 15233 : 15217);
    else
        copy(user->mark, sizeof user->mark, reply_text(reply, sql, "@value = "));
}

static void drop_user(Reply *reply, const char *sql) {
    Sim *sim = reply->sim;
    SimDatabase *in = sim_database(sim, sim->current);
    SimUser *user = sim_user(sim, sim->current, reply_name(reply, sql, "DROP USER "));
    if (user == NULL)
        reply_fail(reply, "42000", 15151);
    else if (user->schema[0] != '\0')
        reply_fail(reply, "42000", 15138);
    else if (sim->insists && (user->grants.count > 0 || user->roles.count > 0))
        reply_fail(reply, "42000", 15284);
    else
        *user = in->users[--in->user_count];
}

// ---- Permissions --------------------------------------------------------------------------------

static void remove_item(StringList *list, const char *item) {
    StringList kept = {0};
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], item) != 0)
            list->items[kept.count++] = list->items[i];
    list->count = kept.count;
}

// Lists are shared between the state and what it was before, so each change makes a new one.
static StringList copied(Arena *arena, const StringList *list) {
    StringList made = {0};
    for (size_t i = 0; i < list->count; i++)
        string_list_add(arena, &made, list->items[i]);
    return made;
}

// "GRANT SELECT, UPDATE ON OBJECT::[s].[t] TO [u]" is kept privilege by privilege.
static void give_privileges(Reply *reply, const char *sql) {
    Arena *arena = reply->sim->arena;
    const char *on = strstr(sql, " ON ");
    const char *to = strstr(sql, " TO [");
    SimUser *user = sim_user(reply->sim, reply->sim->current, reply_name(reply, to, " TO "));
    if (user == NULL) {
        reply_fail(reply, "42000", 15151);
        return;
    }
    StringList grants = copied(arena, &user->grants);
    char *privileges = arena_printf(arena, "%.*s", (int)(on - sql) - 6, sql + strlen("GRANT "));
    for (char *word; (word = strsep(&privileges, ",")) != NULL;)
        string_list_add(arena, &grants,
                        arena_printf(arena, "%s%.*s", word + (*word == ' '), (int)(to - on), on));
    user->grants = grants;
}

static void take_back(Reply *reply, const char *sql) {
    Arena *arena = reply->sim->arena;
    const char *from = strstr(sql, " FROM [");
    SimUser *user = sim_user(reply->sim, reply->sim->current, reply_name(reply, from, " FROM "));
    if (user == NULL) {
        reply_fail(reply, "42000", 15151);
        return;
    }
    user->grants = copied(arena, &user->grants);
    remove_item(&user->grants, arena_printf(arena, "%.*s", (int)(from - sql) - 7, sql + 7));
}

static void alter_role(Reply *reply, const char *sql) {
    Arena *arena = reply->sim->arena;
    const char *role = reply_name(reply, sql, "ALTER ROLE ");
    SimUser *user = sim_user(reply->sim, reply->sim->current, reply_name(reply, sql, " MEMBER "));
    if (user == NULL) {
        reply_fail(reply, "42000", 15151);
        return;
    }
    user->roles = copied(arena, &user->roles);
    if (strstr(sql, "] ADD MEMBER") != NULL)
        string_list_add(arena, &user->roles, role);
    else
        remove_item(&user->roles, role);
}

static void read_permissions(Reply *reply, const char *sql) {
    reply_none(reply, 7);
    const SimUser *user = user_by_id(reply->sim, sql, "grantee_principal_id = ");
    for (size_t i = 0; user != NULL && i < user->grants.count; i++) {
        const char *line = user->grants.items[i];
        const char *on = strstr(line, " ON ");
        bool of_object = strstr(on, "OBJECT::") != NULL;
        const char *first = reply_name(reply, on, "::");
        reply_give(
            reply, 7,
            (const char *const[]){arena_printf(reply->sim->arena, "%.*s", (int)(on - line), line),
                                  of_object ? "0" : "1", of_object ? first : NULL,
                                  of_object ? reply_name(reply, strstr(on, "].["), "].") : first,
                                  NULL, NULL, user->name});
    }
}

static void read_memberships(Reply *reply, const char *sql) {
    const SimUser *user = user_by_id(reply->sim, sql, "member_principal_id = ");
    reply_none(reply, 1);
    for (size_t i = 0; user != NULL && i < user->roles.count; i++)
        reply_give(reply, 1, &user->roles.items[i]);
}

static void read_held(Reply *reply, const char *sql) {
    const SimDatabase *in = sim_database(reply->sim, reply_name(reply, sql, " FROM "));
    long id = strtol(strstr(sql, "member_principal_id = ") + 22, NULL, 10);
    reply_none(reply, 4);
    for (size_t u = 0; u < in->user_count; u++) {
        const SimUser *user = &in->users[u];
        for (size_t i = 0; user->id == id && i < user->roles.count; i++)
            reply_give(reply, 4, (const char *const[]){"0", user->roles.items[i], "", ""});
        for (size_t i = 0; user->id == id && i < user->grants.count; i++)
            reply_give(reply, 4,
                       (const char *const[]){"1", user->grants.items[i], "object", "1/1/0"});
    }
}

static void read_owned(Reply *reply, const char *sql) {
    const SimUser *user = user_by_id(reply->sim, sql, "s.principal_id = ");
    reply_none(reply, 3);
    if (user != NULL && user->schema[0] != '\0')
        reply_give(reply, 3, (const char *const[]){"1", NULL, user->schema});
}

static void inspect_owned(Reply *reply, const char *sql) {
    const SimDatabase *in = sim_database(reply->sim, reply_name(reply, sql, "FROM "));
    reply_none(reply, 1);
    for (size_t i = 0; i < in->user_count; i++)
        if (in->users[i].schema[0] != '\0')
            reply_give(reply, 1,
                       (const char *const[]){
                           arena_printf(reply->sim->arena, "schema %s", in->users[i].schema)});
}

static void set_owner(Reply *reply, const char *sql) {
    SimDatabase *in = sim_database(reply->sim, reply->sim->current);
    const char *schema = reply_name(reply, sql, "SCHEMA::");
    for (size_t i = 0; i < in->user_count; i++)
        if (strcmp(in->users[i].schema, schema) == 0)
            in->users[i].schema[0] = '\0';
}

// ---- What is there ------------------------------------------------------------------------------

static const char *may_give(const Sim *sim) {
    return string_list_has(&sim->lacking, "GRANT") ? "0" : "1";
}

static void read_schema(Reply *reply, const char *sql) {
    const char *name = reply_text(reply, sql, "WHERE s.name = ");
    reply_none(reply, 2);
    if (string_list_has(&reply->sim->schemas, name))
        reply_give(reply, 2, (const char *const[]){name, may_give(reply->sim)});
}

static char *find(const char *in, const char *what) {
    return (char *)(uintptr_t)strstr(in, what);
}

static void read_objects(Reply *reply, const char *sql) {
    Sim *sim = reply->sim;
    bool tables = strstr(sql, "IN ('U'") != NULL, sequences = strstr(sql, "IN ('SO'") != NULL;
    const StringList *all = tables ? &sim->tables : sequences ? &sim->sequences : &sim->procedures;
    const char *named = strstr(sql, " AND o.name IN (");
    reply_none(reply, 3);
    for (size_t i = 0; i < all->count; i++) {
        CLEANUP(buffer_done) Buffer text = {0};
        buffer_add(&text, "N'");
        for (const char *at = all->items[i]; *at != '\0'; at++)
            buffer_addf(&text, *at == '\'' ? "'%c" : "%c", *at);
        buffer_add(&text, "'");
        if (named == NULL || (sim->ignores_case ? strcasestr : find)(named, buffer_text(&text)))
            reply_give(reply, 3,
                       (const char *const[]){all->items[i],
                                             tables      ? "U"
                                             : sequences ? "SO"
                                                         : sim->procedure_type,
                                             may_give(sim)});
    }
}

static void read_role(Reply *reply, const char *sql) {
    reply_none(reply, 2);
    if (string_list_has(&reply->sim->roles, reply_text(reply, sql, "r.name = ")))
        reply_give(reply, 2, (const char *const[]){reply->sim->role_refusal, may_give(reply->sim)});
}

static void read_right(Reply *reply, const char *sql) {
    const char *right = reply_unquote(reply->sim->arena, sql, "NULL, NULL, '", '\'');
    reply_give(reply, 1,
               (const char *const[]){string_list_has(&reply->sim->lacking, right) ? "0" : "1"});
}

static void read_user_right(Reply *reply, const char *sql) {
    const StringList *lacking = &reply->sim->lacking;
    bool all = strstr(sql, "ALTER ANY USER") != NULL;
    reply_give(reply, all ? 3 : 1,
               (const char *const[]){"daypass_admin",
                                     string_list_has(lacking, "ALTER ANY USER") ? "0" : "1",
                                     string_list_has(lacking, "VIEW DEFINITION") ? "0" : "1"});
}

static void read_custodian(Reply *reply, const char *sql) {
    const char *name = reply_text(reply, sql, "WHERE p.name = ");
    bool there = reply->sim->custodian != NULL && strcmp(name, reply->sim->custodian) == 0;
    reply_none(reply, 2);
    if (there)
        reply_give(reply, 2, (const char *const[]){name, reply->sim->custodian_rules ? "1" : "0"});
}

static void read_modules(Reply *reply, const char *sql) {
    (void)sql;
    reply_none(reply, 2);
    if (reply->sim->has_module)
        reply_give(reply, 2, (const char *const[]){"app", "run]s"});
}

static void read_drawn(Reply *reply, const char *sql) {
    (void)sql;
    reply_none(reply, 3);
    if (reply->sim->draws)
        reply_give(reply, 3, (const char *const[]){"app", "ids", "1"});
}

static void read_owned_databases(Reply *reply, const char *sql) {
    (void)sql;
    reply_none(reply, 1);
    if (reply->sim->owned_database != NULL)
        reply_give(reply, 1, &reply->sim->owned_database);
}

static void read_user(Reply *reply, const char *sql) {
    reply_none(reply, 1);
    if (sim_user(reply->sim, reply->sim->current, reply_text(reply, sql, "p.name = ")) != NULL)
        reply_give(reply, 1, (const char *const[]){"1"});
}

static void discover(Reply *reply, const char *sql) {
    bool tables = strstr(sql, "SELECT TOP (10001) s.name, o.name") != NULL;
    reply_give(reply, tables ? 3 : 1, (const char *const[]){"app", "orders", "table"});
}

static const Pattern PATTERNS[] = {
    {"SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT", NULL, do_nothing},
    {"SELECT CONVERT(nvarchar(128), SERVERPROPERTY", NULL, read_server},
    {"IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; USE ", NULL, roll_back_and_use},
    {"USE [", NULL, use},
    {"BEGIN TRANSACTION; DECLARE", "sp_getapplock", begin},
    {"COMMIT TRANSACTION", NULL, commit},
    {"IF DATEDIFF_BIG", "COMMIT TRANSACTION", commit},
    {"SELECT DATEDIFF_BIG", NULL, read_now},
    {"SELECT s.session_id FROM sys.dm_exec_sessions", "<> @@SPID", read_sessions},
    {"SELECT CONCAT(COALESCE(NULLIF(s.program_name", NULL, read_sessions},
    {"KILL ", NULL, kill_session},
    {"WAITFOR DELAY", NULL, do_nothing},
    {"SELECT p.name, CONVERT(varchar(100), p.sid", NULL, read_logins},
    {"CREATE LOGIN [", NULL, create_login},
    {"ALTER LOGIN [", NULL, alter_login},
    {"DROP LOGIN [", NULL, drop_login},
    {"SELECT TOP (20000) d.name", NULL, read_databases},
    {"SELECT d.name FROM sys.databases", "owner_sid", read_owned_databases},
    {"SELECT N'schema '", NULL, inspect_owned},
    {"SELECT N'", "database_principals", read_users},
    {"CREATE USER [", NULL, create_user},
    {"DROP USER [", NULL, drop_user},
    {"EXEC sys.sp_", "extendedproperty", set_mark},
    {"GRANT ", NULL, give_privileges},
    {"REVOKE ", NULL, take_back},
    {"ALTER ROLE [", NULL, alter_role},
    {"ALTER AUTHORIZATION ON SCHEMA::", NULL, set_owner},
    {"SELECT g.permission_name, CASE g.class", NULL, read_permissions},
    {"SELECT r.name FROM sys.database_role_members", NULL, read_memberships},
    {"SELECT 0, r.name COLLATE", NULL, read_held},
    {"SELECT TOP (1000) w.class", NULL, read_owned},
    {"SELECT s.name, ", "FROM sys.schemas AS s WHERE s.name", read_schema},
    {"SELECT o.name, RTRIM(o.type)", NULL, read_objects},
    {"SELECT DISTINCT SCHEMA_NAME(q.schema_id)", NULL, read_drawn},
    {"WITH held(id)", NULL, read_role},
    {"SELECT COALESCE(HAS_PERMS_BY_NAME(NULL, NULL", NULL, read_right},
    {"SELECT USER_NAME()", NULL, read_user_right},
    {"SELECT p.name, CASE WHEN p.name IN (N'dbo'", NULL, read_custodian},
    {"SELECT 1 FROM sys.database_principals", "p.sid = ", read_user},
    {"SELECT 1 FROM sys.database_principals", NULL, read_custodian},
    {"SELECT TOP (20) SCHEMA_NAME(o.schema_id)", "execute_as", read_modules},
    {"SELECT TOP (10001)", NULL, discover},
};

// ---- Serving ------------------------------------------------------------------------------------

static void perform(Reply *reply, const char *sql) {
    for (size_t i = 0; i < COUNT_OF(PATTERNS); i++)
        if (reply_begins(sql, PATTERNS[i].begins) &&
            (PATTERNS[i].holds == NULL || strstr(sql, PATTERNS[i].holds) != NULL)) {
            PATTERNS[i].run(reply, sql);
            return;
        }
    if (reply->sim->complaint == NULL)
        reply->sim->complaint = arena_printf(reply->sim->arena, "unknown statement: %s", sql);
    reply_fail(reply, "42000", 102);
}

// As with XACT_ABORT, where an error ends the whole transaction; but a lock that was not had in
// time may leave it open.
static void end_by_error(Sim *sim, const ScriptedAnswer *answer) {
    bool is_open = answer->fails && answer->records[0].native == 1222;
    if (answer->drops || (answer->fails && !is_open))
        roll_back(sim);
}

static void on_statement(void *context, const ScriptedStatement *statement,
                         ScriptedAnswer *answer) {
    Sim *sim = context;
    Reply reply = {.sim = sim, .answer = answer};
    string_list_add(sim->arena, &sim->statements, statement->sql);
    sim->count++;
    bool strikes = sim->count == sim->fault.at;
    if (sim->refuses != 0 && reply_begins(statement->sql, sim->refused)) {
        if (sim->vanishes)
            perform(&reply, statement->sql);
        reply_fail(&reply, "42000", sim->refuses);
    } else if (!strikes || sim->fault.after)
        perform(&reply, statement->sql);
    if (strikes && sim->fault.native != 0)
        reply_fail(&reply, sim->fault.sqlstate, sim->fault.native);
    else if (strikes)
        *answer = (ScriptedAnswer){.drops = true};
    end_by_error(sim, answer);
}

static void on_connect(void *context, int connection, const char *connection_string,
                       ScriptedAnswer *answer) {
    Sim *sim = context;
    (void)connection;
    string_list_add(sim->arena, &sim->connection_strings, connection_string);
    if (sim->refuses_login != 0)
        reply_fail(&(Reply){.sim = sim, .answer = answer}, sim->login_sqlstate, sim->refuses_login);
    sim->current = "shop";
}

static void on_disconnect(void *context, int connection) {
    (void)connection;
    roll_back(context);
}

void sim_serve(Sim *sim) {
    odbc_scene_serve(&(ScriptedServer){.context = sim,
                                       .on_connect = on_connect,
                                       .on_statement = on_statement,
                                       .on_disconnect = on_disconnect});
}

static void add_all(Arena *arena, StringList *list, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        string_list_add(arena, list, names[i]);
}

void sim_init(Sim *sim, Arena *arena) {
    static const char *const TABLES[] = {"customers", "orders", "it's \"odd\"]["};
    static const char *const ROLES[] = {"reporting"};
    static const char *const SCHEMAS[] = {"app", "a]p'p\""};
    static const char *const SEQUENCES[] = {"ids"};
    static const char *const PROCEDURES[] = {"refresh"};
    *sim = (Sim){.arena = arena,
                 .now_at = 1800000000000,
                 .edition = "2",
                 .version = "16.0.4085.2",
                 .current = "shop",
                 .procedure_type = "P",
                 .custodian = "keeper"};
    static const char *const DATABASES[] = {"billing", "master", "shop"};
    for (size_t i = 0; i < COUNT_OF(DATABASES); i++)
        sim->now.databases[sim->now.database_count++] =
            (SimDatabase){.name = DATABASES[i], .state = "ONLINE", .open = true};
    add_all(arena, &sim->tables, TABLES, COUNT_OF(TABLES));
    add_all(arena, &sim->roles, ROLES, COUNT_OF(ROLES));
    add_all(arena, &sim->schemas, SCHEMAS, COUNT_OF(SCHEMAS));
    add_all(arena, &sim->sequences, SEQUENCES, COUNT_OF(SEQUENCES));
    add_all(arena, &sim->procedures, PROCEDURES, COUNT_OF(PROCEDURES));
}
