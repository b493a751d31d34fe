#include "driver/sqlserver/statement.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/buffer.h"

enum { SID_HASH_BYTES = 12, HASH_VERSION = 0x0200 };

const char TSQL_SID_PREFIX[] = "0x44415950"; // "DAYP"

typedef struct ClassRow {
    const char *word; // before ::
    const char *shown;
    bool in_schema;
} ClassRow;
static const ClassRow CLASSES[] = {
    [TSQL_OBJECT] = {"OBJECT", "object", true},
    [TSQL_SCHEMA] = {"SCHEMA", "schema", false},
    [TSQL_ROLE] = {"ROLE", "role", false},
    [TSQL_TYPE] = {"TYPE", "type", true},
    [TSQL_DATABASE] = {"DATABASE", "database", false},
    [TSQL_USER] = {"USER", "user", false},
};
_Static_assert(COUNT_OF(CLASSES) == TSQL_CLASS_COUNT_, "a row for each class");

// Characters outside the first plane count twice, as the server counts them.
static size_t count_units(const char *name) {
    size_t units = 0;
    for (; *name != '\0'; name++)
        if (((unsigned char)*name & 0xC0) != 0x80)
            units += (unsigned char)*name >= 0xF0 ? 2 : 1;
    return units;
}

Status tsql_name_check(const char *what, const char *name, Error *reterr) {
    if (name == NULL || name[0] == '\0')
        return error_set(reterr, STATUS_INVALID, "bad_name",
                         "the name of a %s is empty; expected 1 to %d characters", what,
                         TSQL_NAME_MAX);
    if (!text_is_utf8(name, strlen(name)))
        return error_set(reterr, STATUS_INVALID, "bad_name", "the name of a %s is not UTF-8", what);
    if (count_units(name) > TSQL_NAME_MAX)
        return error_set(reterr, STATUS_INVALID, "bad_name",
                         "the name of a %s has %zu characters; SQL Server takes at most %d", what,
                         count_units(name), TSQL_NAME_MAX);
    return STATUS_OK;
}

static void add_closed_by(Buffer *sql, const char *open, const char *text, char close) {
    buffer_add(sql, open);
    for (; *text != '\0'; text++) {
        if (*text == close)
            buffer_add_bytes(sql, text, 1);
        buffer_add_bytes(sql, text, 1);
    }
    buffer_add_bytes(sql, &close, 1);
}

static void add_name(Buffer *sql, const char *name) {
    assert(name != NULL && name[0] != '\0');
    add_closed_by(sql, "[", name, ']');
}

static char *finish(Arena *arena, const Buffer *sql) {
    return arena_strdup(arena, buffer_text(sql));
}

const char *tsql_name(Arena *arena, const char *name) {
    CLEANUP(buffer_done) Buffer sql = {0};
    add_name(&sql, name);
    return finish(arena, &sql);
}

const char *tsql_text(Arena *arena, const char *text) {
    CLEANUP(buffer_done) Buffer sql = {0};
    add_closed_by(&sql, "N'", text, '\'');
    return finish(arena, &sql);
}

const char *tsql_texts(Arena *arena, const StringList *list) {
    CLEANUP(buffer_done) Buffer sql = {0};
    for (size_t i = 0; i < list->count; i++) {
        buffer_add(&sql, i == 0 ? "" : ", ");
        add_closed_by(&sql, "N'", list->items[i], '\'');
    }
    return finish(arena, &sql);
}

const char *tsql_names(Arena *arena, const StringList *list) {
    CLEANUP(buffer_done) Buffer sql = {0};
    for (size_t i = 0; i < list->count; i++) {
        buffer_add(&sql, i == 0 ? "" : ", ");
        add_name(&sql, list->items[i]);
    }
    return finish(arena, &sql);
}

const char *tsql_in_database(Arena *arena, const char *database, const char *statement) {
    return arena_printf(arena, "USE %s; %s", tsql_name(arena, database), statement);
}

const char *tsql_sid(Arena *arena, const char *deployment, const char *grant_id) {
    unsigned char hash[crypto_generichash_BYTES];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    // With their ends, so that no two pairs read the same.
    crypto_generichash_update(&state, (const unsigned char *)deployment, strlen(deployment) + 1);
    crypto_generichash_update(&state, (const unsigned char *)grant_id, strlen(grant_id) + 1);
    crypto_generichash_final(&state, hash, sizeof hash);
    char *sid =
        arena_printf(arena, "%s%s", TSQL_SID_PREFIX, hex_encode(arena, hash, SID_HASH_BYTES));
    for (char *at = sid + 2; *at != '\0'; at++)
        if (*at >= 'a')
            *at = (char)(*at - 'a' + 'A'); // as the server shows it
    return sid;
}

Secret *tsql_password_hash(const Secret *password, const unsigned char salt[TSQL_SALT_BYTES]) {
    unsigned char hash[crypto_hash_sha512_BYTES];
    crypto_hash_sha512_state state;
    crypto_hash_sha512_init(&state);
    const char *text = secret_text(password);
    for (size_t i = 0, length = secret_length(password); i < length;) {
        uint32_t character = 0;
        size_t size = text_decode(text + i, length - i, &character);
        assert(size > 0 && character < 0x10000); // our own passwords are letters and digits
        i += size;
        unsigned char unit[2] = {(unsigned char)(character & 0xFF),
                                 (unsigned char)(character >> 8)};
        crypto_hash_sha512_update(&state, unit, sizeof unit);
        sodium_memzero(unit, sizeof unit);
    }
    crypto_hash_sha512_update(&state, salt, TSQL_SALT_BYTES);
    crypto_hash_sha512_final(&state, hash);
    unsigned char stored[2 + TSQL_SALT_BYTES + sizeof hash] = {HASH_VERSION >> 8,
                                                               HASH_VERSION & 0xFF};
    memcpy(stored + 2, salt, TSQL_SALT_BYTES);
    memcpy(stored + 2 + TSQL_SALT_BYTES, hash, sizeof hash);
    char shown[2 + 2 * sizeof stored + 1] = "0x";
    sodium_bin2hex(shown + 2, sizeof shown - 2, stored, sizeof stored);
    Secret *secret = secret_new(shown, strlen(shown));
    sodium_memzero(shown, sizeof shown);
    sodium_memzero(stored, sizeof stored);
    sodium_memzero(hash, sizeof hash);
    sodium_memzero(&state, sizeof state);
    return secret;
}

// ---- Logins and users ---------------------------------------------------------------------------

static void add_password(Buffer *sql, TsqlPassword password) {
    buffer_add(sql, " WITH PASSWORD = ");
    if (password.value == NULL)
        buffer_add(sql, "'(elided)'");
    else if (password.hashed)
        buffer_add(sql, secret_text(password.value));
    else
        add_closed_by(sql, "N'", secret_text(password.value), '\'');
    if (password.hashed)
        buffer_add(sql, " HASHED");
}

char *tsql_create_login(Arena *arena, const char *login, const char *sid, const char *database,
                        TsqlPassword password) {
    CLEANUP(buffer_done) Buffer sql = {.wipe = true};
    buffer_add(&sql, "CREATE LOGIN ");
    add_name(&sql, login);
    add_password(&sql, password);
    buffer_addf(&sql, ", SID = %s, DEFAULT_DATABASE = ", sid);
    add_name(&sql, database);
    if (password.hashed)
        buffer_add(&sql, ", CHECK_EXPIRATION = OFF, CHECK_POLICY = OFF");
    return finish(arena, &sql);
}

char *tsql_set_password(Arena *arena, const char *login, TsqlPassword password) {
    CLEANUP(buffer_done) Buffer sql = {.wipe = true};
    buffer_add(&sql, "ALTER LOGIN ");
    add_name(&sql, login);
    add_password(&sql, password);
    return finish(arena, &sql);
}

const char *tsql_disable_login(Arena *arena, const char *login) {
    return arena_printf(arena, "ALTER LOGIN %s DISABLE", tsql_name(arena, login));
}

const char *tsql_drop_login(Arena *arena, const char *login) {
    return arena_printf(arena, "DROP LOGIN %s", tsql_name(arena, login));
}

const char *tsql_create_user(Arena *arena, const char *user, const char *login) {
    return arena_printf(arena, "CREATE USER %s FOR LOGIN %s", tsql_name(arena, user),
                        tsql_name(arena, login));
}

const char *tsql_drop_user(Arena *arena, const char *user) {
    return arena_printf(arena, "DROP USER %s", tsql_name(arena, user));
}

static const char *set_mark(Arena *arena, const char *procedure, const char *user,
                            const char *mark) {
    return arena_printf(arena,
                        "EXEC sys.%s @name = N'daypass', @value = %s, @level0type = N'USER', "
                        "@level0name = %s",
                        procedure, tsql_text(arena, mark), tsql_text(arena, user));
}

const char *tsql_add_mark(Arena *arena, const char *user, const char *mark) {
    return set_mark(arena, "sp_addextendedproperty", user, mark);
}

const char *tsql_set_mark(Arena *arena, const char *user, const char *mark) {
    return set_mark(arena, "sp_updateextendedproperty", user, mark);
}

const char *tsql_add_member(Arena *arena, const char *role, const char *member) {
    return arena_printf(arena, "ALTER ROLE %s ADD MEMBER %s", tsql_name(arena, role),
                        tsql_name(arena, member));
}

const char *tsql_drop_member(Arena *arena, const char *role, const char *member) {
    return arena_printf(arena, "ALTER ROLE %s DROP MEMBER %s", tsql_name(arena, role),
                        tsql_name(arena, member));
}

// ---- Privileges ---------------------------------------------------------------------------------

static const char *path_of(Arena *arena, const TsqlSecurable *securable) {
    if (!CLASSES[securable->class].in_schema)
        return tsql_name(arena, securable->name);
    return arena_printf(arena, "%s.%s", tsql_name(arena, securable->schema),
                        tsql_name(arena, securable->name));
}

const char *tsql_securable(Arena *arena, const TsqlSecurable *securable) {
    return arena_printf(arena, "%s::%s", CLASSES[securable->class].word, path_of(arena, securable));
}

const char *tsql_securable_describe(Arena *arena, const TsqlSecurable *securable) {
    return arena_printf(arena, "%s %s", CLASSES[securable->class].shown, path_of(arena, securable));
}

// Of the database itself nothing is said: it is the current one.
static const char *on(Arena *arena, const TsqlSecurable *securable) {
    return securable->class == TSQL_DATABASE
               ? ""
               : arena_printf(arena, " ON %s", tsql_securable(arena, securable));
}

const char *tsql_grant(Arena *arena, const StringList *privileges, const StringList *columns,
                       const TsqlSecurable *securable, const char *user, bool grant_option) {
    CLEANUP(buffer_done) Buffer sql = {0};
    buffer_add(&sql, "GRANT ");
    for (size_t i = 0; i < privileges->count; i++) {
        buffer_addf(&sql, "%s%s", i == 0 ? "" : ", ", privileges->items[i]);
        if (columns->count > 0)
            buffer_addf(&sql, " (%s)", tsql_names(arena, columns));
    }
    buffer_addf(&sql, "%s TO %s%s", on(arena, securable), tsql_name(arena, user),
                grant_option ? " WITH GRANT OPTION" : "");
    return finish(arena, &sql);
}

const char *tsql_revoke(Arena *arena, const char *privilege, const char *column,
                        const TsqlSecurable *securable, const char *user, const char *grantor) {
    CLEANUP(buffer_done) Buffer sql = {0};
    buffer_addf(&sql, "REVOKE %s", privilege);
    if (column != NULL)
        buffer_addf(&sql, " (%s)", tsql_name(arena, column));
    buffer_addf(&sql, "%s FROM %s CASCADE", on(arena, securable), tsql_name(arena, user));
    if (grantor != NULL)
        buffer_addf(&sql, " AS %s", tsql_name(arena, grantor));
    return finish(arena, &sql);
}

const char *tsql_set_owner(Arena *arena, const TsqlSecurable *securable, const char *owner) {
    return arena_printf(arena, "ALTER AUTHORIZATION ON %s TO %s", tsql_securable(arena, securable),
                        tsql_name(arena, owner));
}
