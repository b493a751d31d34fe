#include "driver/postgresql/account_state.h"

#include <string.h>

enum {
    LINE_MAX_BYTES = 300,
    // Above this the names of what accounts hold are not read: access lists are long then, and
    // each is gone through for each account.
    DEPENDENCIES_MAX = 5000,
};

const char *pg_account_text(Arena *arena, const char *text) {
    const char *shown = text_printable(arena, text);
    return arena_copy(arena, shown, text_cut(shown, strlen(shown), LINE_MAX_BYTES));
}

// The accounts, and what is read of them, come in the order of the accounts' names.
typedef struct Walk {
    const char *const *names;
    AccountState **states;
    size_t count;
    size_t at;
} Walk;

static AccountState *walk_to(Walk *walk, const char *name) {
    while (walk->at < walk->count && strcmp(walk->names[walk->at], name) < 0)
        walk->at++;
    bool found = walk->at < walk->count && strcmp(walk->names[walk->at], name) == 0;
    return found ? walk->states[walk->at] : NULL;
}

static void add(Arena *arena, StringList *list, const char *line) {
    if (list->count < ACCOUNT_STATE_LINES_MAX)
        string_list_add(arena, list, pg_account_text(arena, line));
}

static Status read_for(Operation *operation, const char *doing, const char *sql, const char *only,
                       Rows **ret_rows, Error *reterr) {
    return pg_operation_read(
        operation, &(Query){.doing = doing, .sql = sql, .parameters = &only, .parameter_count = 1},
        ret_rows, reterr);
}

static Status read_roles(Operation *operation, const char *only, Walk walk, Error *reterr) {
    static const char SQL[] =
        "SELECT r.rolname, g.rolname || CASE WHEN bool_or(m.admin_option)"
        "  THEN ' with ADMIN OPTION' ELSE '' END"
        " FROM pg_roles r JOIN pg_auth_members m ON m.member = r.oid"
        " JOIN pg_roles g ON g.oid = m.roleid WHERE " PG_MARKED_ACCOUNTS
        " GROUP BY r.rolname, g.rolname ORDER BY r.rolname COLLATE \"C\", g.rolname COLLATE \"C\"";
    Rows *rows;
    TRY(read_for(operation, "reading memberships", SQL, only, &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        AccountState *state = walk_to(&walk, pg_rows_text(rows, i, 0));
        if (state != NULL)
            add(operation->arena, &state->roles, pg_rows_text(rows, i, 1));
    }
    return STATUS_OK;
}

// The admin itself is one since PostgreSQL 16, as whoever makes a role is.
static Status read_members(Operation *operation, const char *only, Walk walk, Error *reterr) {
    static const char SQL[] = "SELECT DISTINCT r.rolname COLLATE \"C\", u.rolname COLLATE \"C\""
                              " FROM pg_roles r JOIN pg_auth_members m ON m.roleid = r.oid"
                              " JOIN pg_roles u ON u.oid = m.member WHERE u.rolname <> current_user"
                              " AND " PG_MARKED_ACCOUNTS " ORDER BY 1, 2";
    Rows *rows;
    TRY(read_for(operation, "reading members", SQL, only, &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        AccountState *state = walk_to(&walk, pg_rows_text(rows, i, 0));
        if (state != NULL)
            add(operation->arena, &state->members, pg_rows_text(rows, i, 1));
    }
    return STATUS_OK;
}

// The server notes for each role what has it in an access list, in every database. That needs no
// look into the others; which privileges these are, it does not say. Not md5: a server in FIPS mode
// has none.
static Status count_privileges(Operation *operation, const char *only, Walk walk,
                               int64_t *ret_dependencies, Error *reterr) {
    static const char SQL[] =
        "SELECT r.rolname COLLATE \"C\", count(*), encode(sha256(convert_to(string_agg("
        "  concat_ws('/', s.dbid, s.classid, s.objid, s.objsubid), ','"
        "  ORDER BY s.dbid, s.classid, s.objid, s.objsubid), 'UTF8')), 'hex')"
        " FROM pg_roles r JOIN pg_shdepend s ON s.refclassid = 'pg_authid'::regclass"
        "  AND s.refobjid = r.oid AND s.deptype = 'a'"
        " WHERE " PG_MARKED_ACCOUNTS " GROUP BY 1 ORDER BY 1";
    Rows *rows;
    TRY(read_for(operation, "reading what accounts hold", SQL, only, &rows, reterr));
    *ret_dependencies = 0;
    for (int i = 0; i < pg_rows_count(rows); i++) {
        *ret_dependencies += pg_rows_int(rows, i, 1);
        AccountState *state = walk_to(&walk, pg_rows_text(rows, i, 0));
        if (state == NULL)
            continue;
        state->privilege_count = pg_rows_int(rows, i, 1);
        state->privilege_hash = pg_rows_text(rows, i, 2);
    }
    return STATUS_OK;
}

static Status name_privileges(Operation *operation, const char *only, Walk walk, Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT name, line FROM (SELECT r.rolname COLLATE \"C\" AS name,"
        "  coalesce(x.words, 'privileges') || ' on '"
        "  || coalesce(pg_describe_object(s.classid, s.objid, s.objsubid), 'an object') AS line,"
        "  row_number() OVER (PARTITION BY r.oid ORDER BY s.classid, s.objid, s.objsubid) AS nth"
        " FROM pg_roles r JOIN pg_shdepend s ON s.refclassid = 'pg_authid'::regclass"
        "  AND s.refobjid = r.oid AND s.deptype = 'a' AND s.dbid IN (0, %lld)"
        " LEFT JOIN LATERAL (SELECT string_agg(e.privilege_type || CASE WHEN e.is_grantable"
        "   THEN ' WITH GRANT OPTION' ELSE '' END, ', ' ORDER BY e.privilege_type) AS words"
        "  FROM aclexplode(CASE s.classid"
        "   WHEN 'pg_class'::regclass THEN (SELECT relacl FROM pg_class WHERE oid = s.objid)"
        "   WHEN 'pg_proc'::regclass THEN (SELECT proacl FROM pg_proc WHERE oid = s.objid)"
        "   WHEN 'pg_namespace'::regclass"
        "    THEN (SELECT nspacl FROM pg_namespace WHERE oid = s.objid)"
        "   WHEN 'pg_database'::regclass"
        "    THEN (SELECT datacl FROM pg_database WHERE oid = s.objid) END) e"
        "  WHERE e.grantee = r.oid) x ON true"
        " WHERE %s) all_lines WHERE nth <= %d ORDER BY name, nth",
        (long long)operation->session->database_oid, PG_MARKED_ACCOUNTS, ACCOUNT_STATE_LINES_MAX);
    Rows *rows;
    TRY(read_for(operation, "reading what accounts hold", sql, only, &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        AccountState *state = walk_to(&walk, pg_rows_text(rows, i, 0));
        if (state != NULL)
            add(operation->arena, &state->privileges, pg_rows_text(rows, i, 1));
    }
    return STATUS_OK;
}

Status pg_account_states_fill(Operation *operation, const char *only, const char *const *names,
                              AccountState **states, size_t count, Error *reterr) {
    Walk walk = {.names = names, .states = states, .count = count};
    int64_t dependencies;
    TRY(read_roles(operation, only, walk, reterr));
    TRY(read_members(operation, only, walk, reterr));
    TRY(count_privileges(operation, only, walk, &dependencies, reterr));
    for (size_t i = 0; i < count; i++)
        states[i]->database =
            pg_account_text(operation->arena, operation->session->target.database);
    if (dependencies > 0 && dependencies <= DEPENDENCIES_MAX)
        TRY(name_privileges(operation, only, walk, reterr));
    return STATUS_OK;
}
