#include "driver/mysql/statement.h"

#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/macros.h"

enum { BEYOND_NAMES = 0x10000 };

static const char ELIDED[] = "(elided)";

static const char *kept(Arena *arena, Buffer *text) {
    const char *copy = arena_strdup(arena, buffer_text(text));
    buffer_done(text);
    return copy;
}

static Status check(const char *what, const char *name, size_t most, Error *reterr) {
    if (name == NULL || name[0] == '\0')
        return error_set(reterr, STATUS_INVALID, "bad_name",
                         "the name of a %s is empty; expected 1 to %zu characters", what, most);
    size_t length = strlen(name);
    size_t characters = 0;
    for (size_t at = 0; at < length; characters++) {
        uint32_t character = 0;
        size_t size = text_decode(name + at, length - at, &character);
        if (size == 0)
            return error_set(reterr, STATUS_INVALID, "bad_name", "the name of a %s is not UTF-8",
                             what);
        if (character >= BEYOND_NAMES)
            return error_set(
                reterr, STATUS_INVALID, "bad_name",
                "the name of a %s has a character beyond U+FFFF, which no name of this "
                "server has",
                what);
        at += size;
    }
    if (characters > most)
        return error_set(reterr, STATUS_INVALID, "bad_name",
                         "the name of a %s has %zu characters; the server takes at most %zu", what,
                         characters, most);
    return STATUS_OK;
}

Status my_sql_name_check(const char *what, const char *name, Error *reterr) {
    return check(what, name, MY_NAME_MAX, reterr);
}

Status my_sql_account_check(const char *what, const char *name, Error *reterr) {
    return check(what, name, MY_ACCOUNT_MAX, reterr);
}

static void add_quoted(Buffer *text, const char *name, char quote) {
    buffer_addf(text, "%c", quote);
    for (; *name != '\0'; name++)
        buffer_addf(text, *name == quote ? "%c%c" : "%c", *name, quote);
    buffer_addf(text, "%c", quote);
}

static const char *quoted(Arena *arena, const char *name, char quote) {
    Buffer text = {0};
    add_quoted(&text, name, quote);
    return kept(arena, &text);
}

const char *my_sql_identifier(Arena *arena, const char *name) {
    return quoted(arena, name, '`');
}

const char *my_sql_literal(Arena *arena, const char *text) {
    return quoted(arena, text, '\'');
}

const char *my_sql_literals(Arena *arena, const StringList *list) {
    Buffer text = {0};
    buffer_add(&text, "(");
    for (size_t i = 0; i < list->count; i++) {
        buffer_add(&text, i > 0 ? ", " : "");
        add_quoted(&text, list->items[i], '\'');
    }
    buffer_add(&text, list->count == 0 ? "'')" : ")");
    return kept(arena, &text);
}

const char *my_sql_time(Arena *arena, int64_t at_ms) {
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts = {0};
    char text[32];
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return arena_printf(arena, "'%s'", text);
}

// ---- Accounts -----------------------------------------------------------------------------------

const char *my_sql_account(Arena *arena, MyName name) {
    return arena_printf(arena, "%s@%s", my_sql_identifier(arena, name.user),
                        my_sql_identifier(arena, name.host));
}

const char *my_account_describe(Arena *arena, MyName name) {
    return arena_printf(arena, "%s@%s", name.user, name.host);
}

// The two say the same in different words.
static void add_password(Buffer *text, const MyAccount *account, const char *verifier) {
    buffer_addf(text, account->mariadb ? " IDENTIFIED VIA %s USING " : " IDENTIFIED WITH %s AS ",
                account->plugin);
    add_quoted(text, verifier != NULL ? verifier : ELIDED, '\'');
}

static char *kept_secret(Arena *arena, Buffer *text) {
    char *copy = arena_strdup(arena, buffer_text(text));
    buffer_done(text);
    return copy;
}

char *my_sql_create_account(Arena *arena, const MyAccount *account, const char *verifier) {
    Buffer text = {.wipe = true};
    buffer_addf(&text, "CREATE USER %s", my_sql_account(arena, account->name));
    add_password(&text, account, verifier);
    buffer_add(&text, account->require_tls ? " REQUIRE SSL" : " REQUIRE NONE");
    if (account->connection_limit > 0)
        buffer_addf(&text, " WITH MAX_USER_CONNECTIONS %lld", (long long)account->connection_limit);
    // Otherwise the server's own rule might end the password, or ask for a new one.
    buffer_add(&text, " PASSWORD EXPIRE NEVER ACCOUNT LOCK");
    if (account->mark != NULL) {
        buffer_add(&text, " ATTRIBUTE ");
        add_quoted(&text, account->mark, '\'');
    }
    return kept_secret(arena, &text);
}

char *my_sql_set_password(Arena *arena, const MyAccount *account, const char *verifier) {
    Buffer text = {.wipe = true};
    buffer_addf(&text, "ALTER USER %s", my_sql_account(arena, account->name));
    add_password(&text, account, verifier);
    return kept_secret(arena, &text);
}

const char *my_sql_set_mark(Arena *arena, MyName name, const char *mark) {
    return arena_printf(arena, "ALTER USER %s ATTRIBUTE %s", my_sql_account(arena, name),
                        my_sql_literal(arena, mark));
}

const char *my_sql_lock_account(Arena *arena, MyName name) {
    return arena_printf(arena, "ALTER USER %s ACCOUNT LOCK", my_sql_account(arena, name));
}

const char *my_sql_unlock_account(Arena *arena, MyName name) {
    return arena_printf(arena, "ALTER USER %s ACCOUNT UNLOCK", my_sql_account(arena, name));
}

const char *my_sql_drop_account(Arena *arena, MyName name) {
    return arena_printf(arena, "DROP USER %s", my_sql_account(arena, name));
}

// ---- Privileges ---------------------------------------------------------------------------------

static const char *const OBJECT_WORDS[] = {
    [MY_SERVER] = "",
    [MY_SCHEMA] = "",
    [MY_TABLE] = "TABLE ",
    [MY_FUNCTION] = "FUNCTION ",
    [MY_PROCEDURE] = "PROCEDURE ",
};
static const char *const OBJECT_NAMES[] = {
    [MY_SERVER] = "the server", [MY_SCHEMA] = "schema",       [MY_TABLE] = "table",
    [MY_FUNCTION] = "function", [MY_PROCEDURE] = "procedure",
};

// As the server matches schemas with LIKE.
static const char *escaped(Arena *arena, const char *schema) {
    Buffer text = {0};
    for (; *schema != '\0'; schema++)
        buffer_addf(&text, strchr("_%\\", *schema) != NULL ? "\\%c" : "%c", *schema);
    return kept(arena, &text);
}

static const char *object_name(Arena *arena, const MyGrant *grant, bool patterns_are_names) {
    if (grant->kind == MY_SERVER)
        return "*.*";
    if (grant->kind == MY_SCHEMA)
        return arena_printf(arena, "%s.*",
                            my_sql_identifier(arena, patterns_are_names
                                                         ? grant->schema
                                                         : escaped(arena, grant->schema)));
    return arena_printf(arena, "%s.%s", my_sql_identifier(arena, grant->schema),
                        my_sql_identifier(arena, grant->name));
}

static const char *columns_of(Arena *arena, const MyGrant *grant) {
    StringList names = {0};
    for (size_t i = 0; i < grant->columns.count; i++)
        string_list_add(arena, &names, my_sql_identifier(arena, grant->columns.items[i]));
    return arena_printf(arena, " (%s)", string_list_join(arena, &names, ", "));
}

// "SELECT (`a`, `b`), UPDATE (`a`, `b`)"
static const char *words_of(Arena *arena, const MyGrant *grant) {
    if (grant->columns.count == 0)
        return string_list_join(arena, &grant->words, ", ");
    const char *columns = columns_of(arena, grant);
    StringList words = {0};
    for (size_t i = 0; i < grant->words.count; i++)
        string_list_add(arena, &words, arena_printf(arena, "%s%s", grant->words.items[i], columns));
    return string_list_join(arena, &words, ", ");
}

const char *my_sql_grant(Arena *arena, const MyGrant *grant, const char *grantee,
                         bool patterns_are_names, bool grant_option) {
    return arena_printf(arena, "GRANT %s ON %s%s TO %s%s", words_of(arena, grant),
                        OBJECT_WORDS[grant->kind], object_name(arena, grant, patterns_are_names),
                        grantee, grant_option ? " WITH GRANT OPTION" : "");
}

const char *my_grant_describe(Arena *arena, const MyGrant *grant) {
    const char *words = words_of(arena, grant);
    if (grant->kind == MY_SERVER)
        return arena_printf(arena, "%s on %s", words, OBJECT_NAMES[MY_SERVER]);
    const char *schema = my_sql_identifier(arena, grant->schema);
    return grant->kind == MY_SCHEMA
               ? arena_printf(arena, "%s on schema %s", words, schema)
               : arena_printf(arena, "%s on %s %s.%s", words, OBJECT_NAMES[grant->kind], schema,
                              my_sql_identifier(arena, grant->name));
}

const char *my_sql_grant_role(Arena *arena, const char *role, const char *grantee) {
    return arena_printf(arena, "GRANT %s TO %s", role, grantee);
}

// ---- Events -------------------------------------------------------------------------------------

const char *my_sql_event_name(Arena *arena, const char *user) {
    return arena_printf(arena, "%s.%s", my_sql_identifier(arena, MY_OWN_SCHEMA),
                        my_sql_identifier(arena, user));
}

const char *my_sql_event_body(Arena *arena, MyName name) {
    return arena_printf(arena, "ALTER USER IF EXISTS %s ACCOUNT LOCK", my_sql_account(arena, name));
}

// PRESERVE: its end can be read when it has come.
const char *my_sql_create_event(Arena *arena, MyName name, int64_t at_ms) {
    return arena_printf(arena,
                        "CREATE EVENT %s ON SCHEDULE AT %s ON COMPLETION PRESERVE ENABLE DO %s",
                        my_sql_event_name(arena, name.user), my_sql_time(arena, at_ms),
                        my_sql_event_body(arena, name));
}

const char *my_sql_move_event(Arena *arena, MyName name, int64_t at_ms) {
    return arena_printf(arena,
                        "ALTER EVENT %s ON SCHEDULE AT %s ON COMPLETION PRESERVE ENABLE DO %s",
                        my_sql_event_name(arena, name.user), my_sql_time(arena, at_ms),
                        my_sql_event_body(arena, name));
}

const char *my_sql_drop_event(Arena *arena, const char *user) {
    return arena_printf(arena, "DROP EVENT IF EXISTS %s", my_sql_event_name(arena, user));
}
