#include "driver_hands_mysql.h"

#include <string.h>

#include "driver/mysql/statement.h"
#include "driver_world_mysql.h"

bool my_has_table(World *world, const char *name) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    return my_number(world, arena_printf(arena,
                                         "SELECT COUNT(*) FROM information_schema.TABLES WHERE"
                                         " TABLE_SCHEMA = '%s' AND TABLE_NAME = %s",
                                         world->schema, my_sql_literal(arena, name))) == 1;
}

static bool has_account_where(World *world, const char *account, const char *condition) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    return my_number(world,
                     arena_printf(arena, "SELECT COUNT(*) FROM mysql.user WHERE User = %s AND %s",
                                  my_sql_literal(arena, account), condition)) == 1;
}

bool my_has_account(World *world, const char *account) {
    return has_account_where(world, account, "TRUE");
}

bool my_has_no_end(World *world, const char *account) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    return has_account_where(
        world, account,
        arena_printf(arena,
                     "NOT EXISTS (SELECT 1 FROM information_schema.EVENTS WHERE EVENT_SCHEMA ="
                     " 'daypass' AND EVENT_NAME = %s)",
                     my_sql_literal(arena, account)));
}

bool my_holds_verifier(World *world, const char *account) {
    return has_account_where(world, account,
                             is_mariadb(world) ? "authentication_string REGEXP '^[*][0-9A-F]{40}$'"
                                               : "authentication_string LIKE '$A$%'");
}

// Text before the account's name, and after it.
static void run_with(World *world, const char *before, const char *account, const char *after) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    my_run(world,
           arena_printf(arena, "%s %s@`%%` %s", before, my_sql_identifier(arena, account), after));
}

void my_stranger_make(World *world, const char *account, const char *password) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    run_with(world, "CREATE USER", account,
             password == NULL
                 ? ""
                 : arena_printf(arena, "IDENTIFIED BY %s", my_sql_literal(arena, password)));
}

static bool has_marks(World *world) {
    return is_mariadb(world) && my_number(world, "SELECT COUNT(*) FROM information_schema.TABLES"
                                                 " WHERE TABLE_SCHEMA = 'daypass' AND TABLE_NAME"
                                                 " = 'accounts'") == 1;
}

void my_stranger_remove(World *world, const char *account) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    run_with(world, "DROP USER", account, "");
    my_run(world, arena_printf(arena, "DROP EVENT IF EXISTS daypass.%s",
                               my_sql_identifier(arena, account)));
    if (has_marks(world))
        my_run(world, arena_printf(arena, "DELETE FROM daypass.accounts WHERE user = %s",
                                   my_sql_literal(arena, account)));
}

void my_alter(World *world, const char *account, Alteration alteration, bool undo) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *verb = undo ? "REVOKE" : "GRANT";
    const char *way = undo ? "FROM" : "TO";
    switch (alteration) {
    case ALTERATION_ROLE:
        run_with(world, arena_printf(arena, "%s %s %s", verb, world->role, way), account, "");
        break;
    case ALTERATION_PRIVILEGE:
        run_with(world, arena_printf(arena, "%s SELECT ON %s.secrets %s", verb, world->schema, way),
                 account, "");
        break;
    case ALTERATION_POWER:
        run_with(world, arena_printf(arena, "%s CREATE USER ON *.* %s", verb, way), account, "");
        break;
    case ALTERATION_LOCK:
        run_with(world, "ALTER USER", account, undo ? "ACCOUNT UNLOCK" : "ACCOUNT LOCK");
        break;
    case ALTERATION_COUNT:
        break;
    }
}

// "never" removes the event. Whoever does this has no more rights than the admin, who could not
// move an event that a SYSTEM_USER of MySQL defined.
void my_set_end(World *world, const char *account, const char *end) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *name = my_sql_identifier(arena, account);
    if (strcmp(end, "never") == 0) {
        my_run(world, arena_printf(arena, "DROP EVENT IF EXISTS daypass.%s", name));
        return;
    }
    my_run(world, "CREATE DATABASE IF NOT EXISTS daypass");
    my_run(world,
           arena_printf(arena,
                        "DROP EVENT IF EXISTS daypass.%s; CREATE DEFINER = %s EVENT daypass.%s ON"
                        " SCHEDULE AT '%s' ON COMPLETION PRESERVE DO ALTER USER IF EXISTS %s@`%%`"
                        " ACCOUNT LOCK",
                        name, world->login.user, name, end, name));
}

void my_set_mark(World *world, const char *account, const char *mark) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *user = my_sql_literal(arena, account);
    if (!is_mariadb(world)) {
        run_with(world, "ALTER USER", account, "ATTRIBUTE '{\"daypass\": null}'");
        run_with(world, "ALTER USER", account,
                 arena_printf(arena, "ATTRIBUTE '{\"daypass\": %s}'", mark));
        return;
    }
    my_run(world,
           arena_printf(arena,
                        "REPLACE INTO daypass.accounts (user, host, mark, proof, made) VALUES"
                        " (%s, '%%', %s, '', TRUE)",
                        user, my_sql_literal(arena, mark)));
}

void my_table_make(World *world, const char *name) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    my_run(world, arena_printf(arena, "CREATE TABLE %s (i int)", my_table_of(world, arena, name)));
}

void my_table_remove(World *world, const char *name) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    my_run(world, arena_printf(arena, "DROP TABLE %s", my_table_of(world, arena, name)));
}

// The account's event is what acts, a moment after its time; where nobody turned the scheduler on
// it is turned on for that, as the documents ask its owner to. The server's clock is waited for by
// the server.
void my_await_end(World *world, const char *account) {
    enum { ROUNDS = 200 };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *name = my_sql_literal(arena, account);
    const char *scheduler = my_text(world, "SELECT @@event_scheduler");
    my_run(world, "SET GLOBAL event_scheduler = ON");
    my_run(world, arena_printf(arena,
                               "SELECT SLEEP(GREATEST(0, TIMESTAMPDIFF(MICROSECOND, NOW(6),"
                               " EXECUTE_AT) / 1000000)) FROM information_schema.EVENTS WHERE"
                               " EVENT_SCHEMA = 'daypass' AND EVENT_NAME = %s",
                               name));
    const char *done = arena_printf(arena,
                                    "SELECT SLEEP(0.05) + COUNT(*) FROM information_schema.EVENTS"
                                    " WHERE EVENT_SCHEMA = 'daypass' AND EVENT_NAME = %s AND"
                                    " LAST_EXECUTED IS NOT NULL AND STATUS = 'DISABLED'",
                                    name);
    for (int i = 0; i < ROUNDS && my_number(world, done) == 0; i++) {
    }
    my_run(world, arena_printf(arena, "SET GLOBAL event_scheduler = %s", scheduler));
}
