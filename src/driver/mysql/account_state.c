#include "driver/mysql/account_state.h"

#include <sodium.h>
#include <string.h>

#include "base/crypto.h"

enum { LINE_MAX_BYTES = 300 };

const char *my_account_text(Arena *arena, const char *text) {
    const char *shown = text_printable(arena, text);
    return arena_copy(arena, shown, text_cut(shown, strlen(shown), LINE_MAX_BYTES));
}

// A state being gathered: the hash is over every line, in the server's order, of which the first
// few are kept.
typedef struct Gathered {
    crypto_hash_sha256_state hash;
    AccountState *state;
} Gathered;

typedef struct Gathering {
    Operation *operation;
    const Accounts *accounts;
    Gathered *items;
} Gathering;

static void add(Arena *arena, StringList *list, const char *line) {
    if (list->count < ACCOUNT_STATE_LINES_MAX)
        string_list_add(arena, list, my_account_text(arena, line));
}

static Gathered *find(Gathering *gathering, const char *user, const char *host) {
    for (size_t i = 0; i < gathering->accounts->count; i++) {
        const MyName *name = &gathering->accounts->items[i].name;
        if (text_equal(name->user, user) && text_equal(name->host, host))
            return &gathering->items[i];
    }
    return NULL;
}

// Of one account, or of all the marked ones: there may be others with privileges by the thousand.
static const char *of_these(Gathering *gathering, const char *column) {
    Arena *arena = gathering->operation->arena;
    StringList users = {0};
    for (size_t i = 0; i < gathering->accounts->count; i++)
        string_list_add(arena, &users, gathering->accounts->items[i].name.user);
    return arena_printf(arena, "%s IN %s", column, my_sql_literals(arena, &users));
}

// User, host, line.
typedef void Note(Arena *arena, Gathered *gathered, const char *line);

static Status gather(Gathering *gathering, const char *doing, const char *sql, Note *note,
                     Error *reterr) {
    Rows rows;
    TRY(my_operation_read(gathering->operation, doing, sql, &rows, reterr));
    for (size_t i = 0; i < rows.count; i++) {
        Gathered *gathered = find(gathering, my_rows_text(&rows, i, 0), my_rows_text(&rows, i, 1));
        const char *line = my_rows_text(&rows, i, 2);
        if (gathered != NULL && line != NULL)
            note(gathering->operation->arena, gathered, line);
    }
    return STATUS_OK;
}

static void note_privilege(Arena *arena, Gathered *gathered, const char *line) {
    crypto_hash_sha256_update(&gathered->hash, (const unsigned char *)line, strlen(line) + 1);
    gathered->state->privilege_count++;
    add(arena, &gathered->state->privileges, line);
}

static void note_role(Arena *arena, Gathered *gathered, const char *line) {
    add(arena, &gathered->state->roles, line);
}

static void note_member(Arena *arena, Gathered *gathered, const char *line) {
    add(arena, &gathered->state->members, line);
}

static void note_attribute(Arena *arena, Gathered *gathered, const char *line) {
    add(arena, &gathered->state->attributes, line);
}

// ---- Privileges ---------------------------------------------------------------------------------

// A line for each object, as the tables of privileges have them. Schemas come from the view,
// because mysql.db has a column for each privilege.
static Status gather_privileges(Gathering *gathering, Error *reterr) {
    Arena *arena = gathering->operation->arena;
    StringList grantees = {0};
    for (size_t i = 0; i < gathering->accounts->count; i++) {
        const MyName *name = &gathering->accounts->items[i].name;
        string_list_add(arena, &grantees, arena_printf(arena, "'%s'@'%s'", name->user, name->host));
    }
    const char *sql =
        arena_printf(arena,
                     "SELECT TRIM(BOTH '''' FROM SUBSTRING_INDEX(GRANTEE, '@', 1)),"
                     " TRIM(BOTH '''' FROM SUBSTRING_INDEX(GRANTEE, '@', -1)),"
                     " CONCAT(GROUP_CONCAT(PRIVILEGE_TYPE ORDER BY PRIVILEGE_TYPE SEPARATOR ', '),"
                     "  ' on schema ', REPLACE(TABLE_SCHEMA, CHAR(92), ''),"
                     "  IF(MAX(IS_GRANTABLE = 'YES'), ' WITH GRANT OPTION', ''))"
                     " FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE IN %s"
                     " GROUP BY GRANTEE, TABLE_SCHEMA ORDER BY 1, 2, 3",
                     my_sql_literals(arena, &grantees));
    TRY(gather(gathering, "reading what accounts hold", sql, note_privilege, reterr));
    sql = arena_printf(
        arena,
        "SELECT User, Host, CONCAT(REPLACE(UPPER(Table_priv), ',', ', '), IF(Table_priv <> '' AND"
        " Column_priv <> '', '; ', ''), IF(Column_priv <> '',"
        " CONCAT(REPLACE(UPPER(Column_priv), ',', ', '), ' of columns'), ''), ' on table ', Db, "
        "'.', Table_name)"
        " FROM mysql.tables_priv WHERE %s ORDER BY 1, 2, 3",
        of_these(gathering, "User"));
    TRY(gather(gathering, "reading what accounts hold", sql, note_privilege, reterr));
    sql = arena_printf(arena,
                       "SELECT User, Host, CONCAT(REPLACE(UPPER(Column_priv), ',', ', '), ' on "
                       "column ', Db, '.', Table_name,"
                       " '.', Column_name) FROM mysql.columns_priv WHERE %s ORDER BY 1, 2, 3",
                       of_these(gathering, "User"));
    TRY(gather(gathering, "reading what accounts hold", sql, note_privilege, reterr));
    sql = arena_printf(arena,
                       "SELECT User, Host, CONCAT(REPLACE(UPPER(Proc_priv), ',', ', '), ' on ', "
                       "LOWER(Routine_type), ' ', Db,"
                       " '.', Routine_name) FROM mysql.procs_priv WHERE %s ORDER BY 1, 2, 3",
                       of_these(gathering, "User"));
    return gather(gathering, "reading what accounts hold", sql, note_privilege, reterr);
}

static Status gather_roles(Gathering *gathering, Error *reterr) {
    Arena *arena = gathering->operation->arena;
    const char *sql =
        gathering->operation->session->mariadb
            ? arena_printf(arena,
                           "SELECT User, Host, CONCAT(Role, IF(Admin_option = 'Y',"
                           " ' with ADMIN OPTION', '')) FROM mysql.roles_mapping"
                           " WHERE Host <> '' AND %s ORDER BY 1, 2, 3",
                           of_these(gathering, "User"))
            : arena_printf(arena,
                           "SELECT TO_USER, TO_HOST, CONCAT(FROM_USER, IF(FROM_HOST = '%%', '',"
                           " CONCAT('@', FROM_HOST)), IF(WITH_ADMIN_OPTION = 'Y',"
                           " ' with ADMIN OPTION', '')) FROM mysql.role_edges WHERE %s"
                           " ORDER BY 1, 2, 3",
                           of_these(gathering, "TO_USER"));
    return gather(gathering, "reading memberships", sql, note_role, reterr);
}

// On MySQL any account can be given to others, as a role.
static Status gather_members(Gathering *gathering, Error *reterr) {
    if (gathering->operation->session->mariadb)
        return STATUS_OK;
    const char *sql = arena_printf(gathering->operation->arena,
                                   "SELECT FROM_USER, FROM_HOST, CONCAT(TO_USER, '@', TO_HOST)"
                                   " FROM mysql.role_edges WHERE %s ORDER BY 1, 2, 3",
                                   of_these(gathering, "FROM_USER"));
    return gather(gathering, "reading members", sql, note_member, reterr);
}

// On the whole server an account of Daypass has nothing.
static Status gather_attributes(Gathering *gathering, Error *reterr) {
    Arena *arena = gathering->operation->arena;
    StringList grantees = {0};
    for (size_t i = 0; i < gathering->accounts->count; i++) {
        const MyName *name = &gathering->accounts->items[i].name;
        string_list_add(arena, &grantees, arena_printf(arena, "'%s'@'%s'", name->user, name->host));
    }
    const char *sql =
        arena_printf(arena,
                     "SELECT TRIM(BOTH '''' FROM SUBSTRING_INDEX(GRANTEE, '@', 1)),"
                     " TRIM(BOTH '''' FROM SUBSTRING_INDEX(GRANTEE, '@', -1)), PRIVILEGE_TYPE"
                     " FROM information_schema.USER_PRIVILEGES WHERE GRANTEE IN %s"
                     " AND PRIVILEGE_TYPE <> 'USAGE' ORDER BY 1, 2, 3",
                     my_sql_literals(arena, &grantees));
    return gather(gathering, "reading what accounts may on the whole server", sql, note_attribute,
                  reterr);
}

Status my_account_states_read(Operation *operation, const Accounts *accounts,
                              AccountState **ret_states, Error *reterr) {
    Arena *arena = operation->arena;
    crypto_start();
    AccountState *states = arena_alloc(arena, (accounts->count + 1) * sizeof states[0]);
    Gathering gathering = {
        .operation = operation,
        .accounts = accounts,
        .items = arena_alloc(arena, (accounts->count + 1) * sizeof gathering.items[0])};
    for (size_t i = 0; i < accounts->count; i++) {
        const Account *account = &accounts->items[i];
        states[i] = (AccountState){
            .key = my_account_describe(arena, account->name),
            .expires_at = account->event_at,
            .mark_expires_at = account->marked ? account->mark.expires : 0,
            .can_login = account->can_login,
            .connection_limit = account->connection_limit,
            .database = my_account_text(arena, operation->session->target.database),
        };
        gathering.items[i].state = &states[i];
        crypto_hash_sha256_init(&gathering.items[i].hash);
        if (account->needs_tls)
            add(arena, &states[i].attributes, "REQUIRE SSL");
    }
    *ret_states = states;
    if (accounts->count == 0)
        return STATUS_OK;
    TRY(gather_roles(&gathering, reterr));
    TRY(gather_members(&gathering, reterr));
    TRY(gather_attributes(&gathering, reterr));
    TRY(gather_privileges(&gathering, reterr));
    for (size_t i = 0; i < accounts->count; i++) {
        unsigned char hash[crypto_hash_sha256_BYTES];
        crypto_hash_sha256_final(&gathering.items[i].hash, hash);
        states[i].privilege_hash = hex_encode(arena, hash, sizeof hash);
    }
    return STATUS_OK;
}
