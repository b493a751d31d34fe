#include "driver/mysql/account.h"

#include <string.h>

#define MARKS "`" MY_OWN_SCHEMA "`.`accounts`"

enum { NO_SUCH_TABLE = 1146, NO_SUCH_SCHEMA = 1049 };

// ---- Reading ------------------------------------------------------------------------------------

static const char *condition(Operation *operation, const char *user, const char *column,
                             const char *marked) {
    return user == NULL ? marked
                        : arena_printf(operation->arena, "%s = %s", column,
                                       my_sql_literal(operation->arena, user));
}

// User, host, can log in, is a role, mark, connection limit, needs TLS, now.
#define NOW_MS "CAST(FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000) AS SIGNED)"

static const char *mysql_sql(Operation *operation, const char *user) {
    static const char MARK[] = "JSON_EXTRACT(u.User_attributes, '$.metadata.daypass')";
    return arena_printf(operation->arena,
                        "SELECT u.User, u.Host, u.account_locked <> 'Y', 0, CAST(%s AS CHAR),"
                        " u.max_user_connections, u.ssl_type <> '', " NOW_MS
                        " FROM mysql.user u WHERE %s ORDER BY CAST(u.User AS BINARY), u.Host",
                        MARK,
                        condition(operation, user, "u.User",
                                  arena_printf(operation->arena, "%s IS NOT NULL", MARK)));
}

// An account that was announced, and may be one that somebody else made meanwhile, is ours by its
// verifier alone.
static const char *mariadb_sql(Operation *operation, const char *user, bool with_marks) {
    return arena_printf(
        operation->arena,
        "SELECT g.User, g.Host, COALESCE(JSON_VALUE(g.Priv, '$.account_locked'), '0')"
        "  NOT IN ('1', 'true') AND COALESCE(JSON_VALUE(g.Priv, '$.is_role'), '0')"
        "  NOT IN ('1', 'true'),"
        " COALESCE(JSON_VALUE(g.Priv, '$.is_role'), '0') IN ('1', 'true'), %s,"
        " COALESCE(JSON_VALUE(g.Priv, '$.max_user_connections'), 0),"
        " COALESCE(JSON_VALUE(g.Priv, '$.ssl_type'), 0) > 0, " NOW_MS " FROM mysql.global_priv g%s"
        " WHERE %s ORDER BY CAST(g.User AS BINARY), g.Host",
        with_marks ? "CASE WHEN m.made OR m.proof = SHA2(JSON_VALUE(g.Priv,"
                     " '$.authentication_string'), 256) THEN m.mark END"
                   : "NULL",
        with_marks ? " LEFT JOIN " MARKS " m ON m.user = CONVERT(g.User USING utf8mb4)"
                     " COLLATE utf8mb4_bin"
                     " AND m.host = CONVERT(g.Host USING utf8mb4) COLLATE utf8mb4_bin"
                   : "",
        condition(operation, user, "g.User", with_marks ? "m.mark IS NOT NULL" : "FALSE"));
}

static Status read_rows(Operation *operation, const char *user, Rows *ret_rows, Error *reterr) {
    static const char DOING[] = "reading accounts";
    if (!operation->session->mariadb)
        return my_operation_read(operation, DOING, mysql_sql(operation, user), ret_rows, reterr);
    Error error = {0};
    Status status =
        my_operation_read(operation, DOING, mariadb_sql(operation, user, true), ret_rows, &error);
    unsigned number = operation->session->number;
    if (status != STATUS_OK && (number == NO_SUCH_TABLE || number == NO_SUCH_SCHEMA))
        return my_operation_read(operation, DOING, mariadb_sql(operation, user, false), ret_rows,
                                 reterr);
    if (status != STATUS_OK && reterr != NULL)
        *reterr = error;
    return status;
}

static void read_one(Arena *arena, const Rows *rows, size_t row, Account *account) {
    *account = (Account){
        .name = {my_rows_text(rows, row, 0), my_rows_text(rows, row, 1)},
        .can_login = my_rows_bool(rows, row, 2),
        .is_role = my_rows_bool(rows, row, 3),
        .mark_text = my_rows_text(rows, row, 4),
        .connection_limit = my_rows_int(rows, row, 5) > 0 ? my_rows_int(rows, row, 5) : -1,
        .needs_tls = my_rows_bool(rows, row, 6),
    };
    if (account->mark_text != NULL)
        account->marked = account_mark_parse(
            arena, arena_printf(arena, "daypass %s", account->mark_text), &account->mark);
}

// An event that does something else, or is off, ends nothing. One that has run ended the account
// then.
static void note_event(Arena *arena, const Rows *events, size_t row, int64_t now_at,
                       Accounts *accounts) {
    const char *name = my_rows_text(events, row, 0);
    const char *body = my_rows_text(events, row, 3);
    int64_t at = my_rows_int(events, row, 1);
    bool works = my_rows_bool(events, row, 2) || at <= now_at;
    for (size_t i = 0; i < accounts->count; i++) {
        Account *account = &accounts->items[i];
        if (works && text_equal(account->name.user, name) &&
            text_equal(my_sql_event_body(arena, account->name), body))
            account->event_at = at;
    }
}

static Status read_events(Operation *operation, const char *user, Accounts *accounts,
                          Error *reterr) {
    const char *only = user == NULL ? ""
                                    : arena_printf(operation->arena, " AND EVENT_NAME = %s",
                                                   my_sql_literal(operation->arena, user));
    const char *sql =
        arena_printf(operation->arena,
                     "SELECT EVENT_NAME, CAST(UNIX_TIMESTAMP(EXECUTE_AT) * 1000 AS SIGNED),"
                     " STATUS = 'ENABLED', EVENT_DEFINITION FROM information_schema.EVENTS"
                     " WHERE EVENT_SCHEMA = '" MY_OWN_SCHEMA "' AND EXECUTE_AT IS NOT NULL%s",
                     only);
    Rows events;
    TRY(my_operation_read(operation, "reading the ends of accounts", sql, &events, reterr));
    for (size_t i = 0; i < events.count; i++)
        note_event(operation->arena, &events, i, accounts->now_at, accounts);
    return STATUS_OK;
}

Status my_accounts_read(Operation *operation, const char *user, Accounts *ret_accounts,
                        Error *reterr) {
    Rows rows;
    TRY(read_rows(operation, user, &rows, reterr));
    Accounts accounts = {
        .items = arena_alloc(operation->arena, (rows.count + 1) * sizeof accounts.items[0]),
        .count = rows.count,
    };
    for (size_t i = 0; i < rows.count; i++) {
        read_one(operation->arena, &rows, i, &accounts.items[i]);
        accounts.now_at = my_rows_int(&rows, i, 7);
    }
    if (rows.count > 0)
        TRY(read_events(operation, user, &accounts, reterr));
    *ret_accounts = accounts;
    return STATUS_OK;
}

const Account *my_accounts_own(const Accounts *accounts, const Plan *plan, size_t *ret_strangers) {
    const Account *own = NULL;
    *ret_strangers = 0;
    for (size_t i = 0; i < accounts->count; i++) {
        const Account *account = &accounts->items[i];
        if (account->marked && account_mark_is(&account->mark, plan))
            own = account;
        else
            ++*ret_strangers;
    }
    return own;
}

// ---- Marks --------------------------------------------------------------------------------------

static const char *json_of(Operation *operation, const AccountMark *mark) {
    return account_mark_format(operation->arena, mark) + strlen("daypass ");
}

const char *my_mark_attribute(Operation *operation, const AccountMark *mark) {
    if (operation->session->mariadb)
        return NULL;
    return arena_printf(operation->arena, "{\"daypass\": %s}", json_of(operation, mark));
}

static Status exists(Operation *operation, const char *sql, bool *ret_exists, Error *reterr) {
    Rows rows;
    TRY(my_operation_read(operation, "looking for Daypass's own schema", sql, &rows, reterr));
    *ret_exists = rows.count > 0;
    return STATUS_OK;
}

Status my_own_schema_ensure(Operation *operation, Error *reterr) {
    bool there;
    TRY(exists(operation,
               "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '" MY_OWN_SCHEMA "'",
               &there, reterr));
    if (!there)
        TRY(my_operation_change(operation, "making Daypass's own schema",
                                "CREATE DATABASE IF NOT EXISTS `" MY_OWN_SCHEMA "`", reterr));
    if (!operation->session->mariadb)
        return STATUS_OK;
    TRY(exists(operation,
               "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '" MY_OWN_SCHEMA "'"
               " AND TABLE_NAME = 'accounts'",
               &there, reterr));
    if (there)
        return STATUS_OK;
    return my_operation_change(
        operation, "making the table of marks",
        "CREATE TABLE IF NOT EXISTS " MARKS " (user VARCHAR(128) NOT NULL, host VARCHAR(255)"
        " NOT NULL, mark TEXT NOT NULL, proof CHAR(64) NOT NULL, made BOOLEAN NOT NULL,"
        " PRIMARY KEY (user, host)) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        reterr);
}

static const char *where(Operation *operation, MyName name) {
    Arena *arena = operation->arena;
    return arena_printf(arena, "user = %s AND host = %s", my_sql_literal(arena, name.user),
                        my_sql_literal(arena, name.host));
}

static char *announcement(Arena *arena, MyName name, const char *mark, const char *verifier) {
    return arena_printf(arena,
                        "REPLACE INTO " MARKS " (user, host, mark, proof, made)"
                        " VALUES (%s, %s, %s, SHA2(%s, 256), FALSE)",
                        my_sql_literal(arena, name.user), my_sql_literal(arena, name.host),
                        my_sql_literal(arena, mark), my_sql_literal(arena, verifier));
}

Status my_mark_announce(Operation *operation, MyName name, const AccountMark *mark,
                        const Secret *verifier, Error *reterr) {
    if (!operation->session->mariadb)
        return STATUS_OK;
    const char *json = json_of(operation, mark);
    return my_operation_change_secret(
        operation, "announcing the account",
        announcement(operation->arena, name, json, secret_text(verifier)),
        announcement(operation->arena, name, json, "(elided)"), reterr);
}

Status my_mark_confirm(Operation *operation, MyName name, Error *reterr) {
    if (!operation->session->mariadb)
        return STATUS_OK;
    const char *sql = arena_printf(operation->arena, "UPDATE " MARKS " SET made = TRUE WHERE %s",
                                   where(operation, name));
    return my_operation_change(operation, "marking the account", sql, reterr);
}

char *my_mark_change_sql(Operation *operation, MyName name, const AccountMark *mark) {
    Arena *arena = operation->arena;
    if (operation->session->mariadb)
        return arena_printf(arena, "UPDATE " MARKS " SET mark = %s WHERE %s",
                            my_sql_literal(arena, json_of(operation, mark)),
                            where(operation, name));
    return arena_strdup(arena, my_sql_set_mark(arena, name, my_mark_attribute(operation, mark)));
}

Status my_mark_remove(Operation *operation, const char *user, Error *reterr) {
    if (!operation->session->mariadb)
        return STATUS_OK;
    const char *sql = arena_printf(operation->arena, "DELETE FROM " MARKS " WHERE user = %s",
                                   my_sql_literal(operation->arena, user));
    Error error = {0};
    Status status = my_operation_change(operation, "removing the account's mark", sql, &error);
    unsigned number = operation->session->number;
    if (status != STATUS_OK && (number == NO_SUCH_TABLE || number == NO_SUCH_SCHEMA))
        return STATUS_OK; // there never was one
    if (status != STATUS_OK && reterr != NULL)
        *reterr = error;
    return status;
}
