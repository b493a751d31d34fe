#include "driver/sqlserver/clear_user.h"

#include <string.h>

#include "driver/sqlserver/errors.h"
#include "driver/sqlserver/statement.h"

enum { OWNED_MAX = 1000, NAMED_AT_MOST = 20 };

typedef struct Clearing {
    Operation *operation;
    Arena *arena;
    const User *user;
    const char *custodian; // NULL: none that may have anything
    const char *why_none;
} Clearing;

static Status read_in(Clearing *clearing, const char *doing, const char *sql, Rows *ret_rows,
                      Error *reterr) {
    TRY(mssql_use(clearing->operation, clearing->user->database, reterr));
    return mssql_read(clearing->operation, doing, sql, ret_rows, reterr);
}

static void add_obstacle(Clearing *clearing, const char *what, const char *repair) {
    Arena *arena = clearing->arena;
    evidence_obstacle(&clearing->operation->evidence,
                      arena_printf(arena, "%s in database \"%s\"", what, clearing->user->database),
                      tsql_in_database(arena, clearing->user->database, repair));
}

// ---- What it owns -------------------------------------------------------------------------------

// Never somebody with power over the database: what the account made would run with it.
static Status find_custodian(Clearing *clearing, const char *custodian, Error *reterr) {
    Arena *arena = clearing->arena;
    clearing->why_none = "no custodian may receive it";
    if (custodian == NULL)
        return STATUS_OK;
    const char *sql = arena_printf(
        arena,
        "SELECT p.name, CASE WHEN p.name IN (N'dbo', N'db_owner', N'db_securityadmin',"
        " N'db_accessadmin', N'db_ddladmin') OR EXISTS (SELECT 1 FROM sys.database_role_members"
        " AS m JOIN sys.database_principals AS r ON r.principal_id = m.role_principal_id"
        " WHERE m.member_principal_id = p.principal_id AND r.is_fixed_role = 1"
        " AND r.name NOT IN (N'db_datareader', N'db_datawriter', N'db_denydatareader',"
        " N'db_denydatawriter')) THEN 1 ELSE 0 END"
        " FROM sys.database_principals AS p WHERE p.name = %s AND p.type IN ('R', 'S', 'U', 'G')",
        tsql_text(arena, custodian));
    Rows rows;
    TRY(read_in(clearing, "looking up the custodian", sql, &rows, reterr));
    if (rows.row_count == 0)
        clearing->why_none = arena_printf(arena, "custodian \"%s\" is not there", custodian);
    else if (rows_bool(&rows, 0, 1))
        clearing->why_none = arena_printf(
            arena, "custodian \"%s\" has power over the database, which it would lend", custodian);
    else
        clearing->custodian = custodian;
    return STATUS_OK;
}

static const char OWNED_SQL[] =
    "SELECT TOP (%d) w.class, w.schema_name, w.name FROM ("
    "SELECT 1 AS class, CONVERT(nvarchar(128), NULL) AS schema_name, s.name AS name FROM "
    "sys.schemas AS s"
    " WHERE s.principal_id = %lld"
    " UNION ALL SELECT 0, SCHEMA_NAME(o.schema_id), o.name FROM sys.objects AS o"
    " WHERE o.principal_id = %lld AND o.parent_object_id = 0"
    " UNION ALL SELECT 3, SCHEMA_NAME(t.schema_id), t.name FROM sys.types AS t"
    " WHERE t.principal_id = %lld"
    " UNION ALL SELECT 2, CONVERT(nvarchar(128), NULL), r.name FROM sys.database_principals AS r"
    " WHERE r.type = 'R' AND r.owning_principal_id = %lld) AS w ORDER BY w.class, 2, 3";
_Static_assert(TSQL_OBJECT == 0 && TSQL_SCHEMA == 1 && TSQL_ROLE == 2 && TSQL_TYPE == 3,
               "said in the query");

static Status hand_over_one(Clearing *clearing, const TsqlSecurable *owned, Error *reterr) {
    Arena *arena = clearing->arena;
    Operation *operation = clearing->operation;
    const char *shown = tsql_securable_describe(arena, owned);
    const char *to = clearing->custodian != NULL ? clearing->custodian : "dbo";
    const char *sql = tsql_set_owner(arena, owned, to);
    if (clearing->custodian == NULL) {
        add_obstacle(clearing,
                     arena_printf(arena, "account \"%s\" owns %s, and %s", clearing->user->name,
                                  shown, clearing->why_none),
                     arena_printf(arena, "%s;", sql));
        return STATUS_OK;
    }
    Error error = {0};
    Status status = mssql_change(operation, "handing objects over", sql, &error);
    if (status == STATUS_OK) {
        evidence_handed_over(&operation->evidence,
                             arena_printf(arena, "%s: %s to %s", clearing->user->database, shown,
                                          clearing->custodian));
        return STATUS_OK;
    }
    if (operation->evidence.failure == FAILURE_RETRY) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    add_obstacle(clearing,
                 arena_printf(arena, "account \"%s\" owns %s, which cannot be handed over: %s",
                              clearing->user->name, shown, error.message),
                 arena_printf(arena, "%s;", sql));
    return STATUS_OK;
}

static Status hand_over(Clearing *clearing, const char *custodian, Error *reterr) {
    long long id = (long long)clearing->user->id;
    const char *sql = arena_printf(clearing->arena, OWNED_SQL, OWNED_MAX, id, id, id, id);
    Rows rows;
    TRY(read_in(clearing, "reading what the account owns", sql, &rows, reterr));
    if (rows.row_count == 0)
        return STATUS_OK;
    TRY(find_custodian(clearing, custodian, reterr));
    for (size_t i = 0; i < rows.row_count; i++)
        TRY(hand_over_one(clearing,
                          &(TsqlSecurable){.class = (int)rows_int(&rows, i, 0),
                                           .schema = rows_text(&rows, i, 1),
                                           .name = rows_text(&rows, i, 2)},
                          reterr));
    return STATUS_OK;
}

// ---- What it holds, and what it gave ------------------------------------------------------------

// %s: a condition on the permissions g. What the admin account gave itself it takes back as itself.
static const char PERMISSIONS_SQL[] =
    "SELECT g.permission_name, CASE g.class WHEN 0 THEN 4 WHEN 1 THEN 0 WHEN 3 THEN 1"
    " WHEN 4 THEN CASE WHEN p.type = 'R' THEN 2 ELSE 5 END WHEN 6 THEN 3 ELSE -1 END,"
    " COALESCE(SCHEMA_NAME(o.schema_id), SCHEMA_NAME(t.schema_id)),"
    " COALESCE(o.name, s.name, t.name, p.name), c.name,"
    " NULLIF(USER_NAME(g.grantor_principal_id), USER_NAME()), USER_NAME(g.grantee_principal_id)"
    " FROM sys.database_permissions AS g"
    " LEFT JOIN sys.all_objects AS o ON g.class = 1 AND o.object_id = g.major_id"
    " LEFT JOIN sys.schemas AS s ON g.class = 3 AND s.schema_id = g.major_id"
    " LEFT JOIN sys.types AS t ON g.class = 6 AND t.user_type_id = g.major_id"
    " LEFT JOIN sys.database_principals AS p ON g.class = 4 AND p.principal_id = g.major_id"
    " LEFT JOIN sys.columns AS c ON g.class = 1 AND g.minor_id <> 0 AND c.object_id = g.major_id"
    " AND c.column_id = g.minor_id WHERE %s ORDER BY g.class, g.major_id, g.minor_id, 1";

// CONNECT belongs to the user itself. One that somebody else gave needs somebody else's word; DROP
// USER takes what stays.
static Status take_back_one(Clearing *clearing, const Rows *rows, size_t i, Error *reterr) {
    const char *privilege = rows_text(rows, i, 0);
    int64_t class = rows_int(rows, i, 1);
    const char *grantor = rows_text(rows, i, 5);
    const char *grantee = rows_text(rows, i, 6);
    const TsqlSecurable securable = {
        .class = (int)class, .schema = rows_text(rows, i, 2), .name = rows_text(rows, i, 3)};
    if (class < 0 || grantee == NULL || (class != TSQL_DATABASE && securable.name == NULL) ||
        (class == TSQL_DATABASE && strcmp(privilege, "CONNECT") == 0))
        return STATUS_OK;
    Error error = {0};
    Status status = mssql_change(clearing->operation, "taking a privilege back",
                                 tsql_revoke(clearing->arena, privilege, rows_text(rows, i, 4),
                                             &securable, grantee, grantor),
                                 &error);
    if (status == STATUS_OK || clearing->operation->evidence.failure != FAILURE_RETRY)
        return STATUS_OK;
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static Status take_back(Clearing *clearing, const char *which, Error *reterr) {
    Rows rows;
    const char *sql = arena_printf(
        clearing->arena, PERMISSIONS_SQL,
        arena_printf(clearing->arena, "g.%s = %lld", which, (long long)clearing->user->id));
    TRY(read_in(clearing, "reading what the account holds", sql, &rows, reterr));
    for (size_t i = 0; i < rows.row_count; i++)
        TRY(take_back_one(clearing, &rows, i, reterr));
    return STATUS_OK;
}

static Status leave_roles(Clearing *clearing, Error *reterr) {
    const char *sql = arena_printf(clearing->arena,
                                   "SELECT r.name FROM sys.database_role_members AS m"
                                   " JOIN sys.database_principals AS r"
                                   " ON r.principal_id = m.role_principal_id"
                                   " WHERE m.member_principal_id = %lld ORDER BY r.name",
                                   (long long)clearing->user->id);
    Rows rows;
    TRY(read_in(clearing, "reading memberships", sql, &rows, reterr));
    for (size_t i = 0; i < rows.row_count; i++) {
        Error error = {0};
        Status status = mssql_change(
            clearing->operation, "taking a membership back",
            tsql_drop_member(clearing->arena, rows_text(&rows, i, 0), clearing->user->name),
            &error);
        if (status != STATUS_OK && clearing->operation->evidence.failure == FAILURE_RETRY) {
            if (reterr != NULL)
                *reterr = error;
            return status;
        }
    }
    return STATUS_OK;
}

// ---- The user -----------------------------------------------------------------------------------

static Status find_modules(Clearing *clearing, Error *reterr) {
    Arena *arena = clearing->arena;
    const char *sql =
        arena_printf(arena,
                     "SELECT TOP (%d) SCHEMA_NAME(o.schema_id), o.name FROM sys.sql_modules AS m"
                     " JOIN sys.objects AS o ON o.object_id = m.object_id"
                     " WHERE m.execute_as_principal_id = %lld ORDER BY 1, 2",
                     NAMED_AT_MOST, (long long)clearing->user->id);
    Rows rows;
    TRY(read_in(clearing, "reading modules", sql, &rows, reterr));
    for (size_t i = 0; i < rows.row_count; i++) {
        const TsqlSecurable module = {
            .class = TSQL_OBJECT, .schema = rows_text(&rows, i, 0), .name = rows_text(&rows, i, 1)};
        const char *shown = tsql_securable_describe(arena, &module);
        add_obstacle(clearing,
                     arena_printf(arena, "%s runs as account \"%s\"", shown, clearing->user->name),
                     arena_printf(arena, "-- alter %s to run as its caller", shown));
    }
    return STATUS_OK;
}

// Somebody else may have removed it first, which the server does not tell from a right that lacks.
static Status is_still_there(Clearing *clearing, bool *ret_there, Error *reterr) {
    Rows rows;
    const char *sql =
        arena_printf(clearing->arena,
                     "SELECT 1 FROM sys.database_principals AS p WHERE p.sid = %s AND p.name = %s",
                     clearing->user->sid, tsql_text(clearing->arena, clearing->user->name));
    TRY(read_in(clearing, "looking up the user", sql, &rows, reterr));
    *ret_there = rows.row_count > 0;
    return STATUS_OK;
}

static Status drop_user(Clearing *clearing, Error *reterr) {
    Arena *arena = clearing->arena;
    Operation *operation = clearing->operation;
    const char *sql = tsql_drop_user(arena, clearing->user->name);
    Error error = {0};
    TRY(mssql_use(operation, clearing->user->database, reterr));
    size_t before = operation->evidence.outcome->obstacles.count;
    Status status = mssql_change(operation, "removing the user", sql, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    FailureClass failure = operation->evidence.failure;
    if (failure == FAILURE_RETRY) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    if (operation->session->native == ERROR_NOT_THERE_OR_DENIED) {
        bool is_there;
        TRY(is_still_there(clearing, &is_there, reterr));
        if (!is_there)
            return STATUS_OK;
    }
    TRY(find_modules(clearing, reterr));
    if (operation->evidence.outcome->obstacles.count == before)
        add_obstacle(clearing,
                     arena_printf(arena, "user \"%s\" cannot be removed: %s", clearing->user->name,
                                  error.message),
                     arena_printf(arena, "%s;", sql));
    return STATUS_OK;
}

Status mssql_user_clear(Operation *operation, const User *user, const char *custodian,
                        Error *reterr) {
    Clearing clearing = {.operation = operation, .arena = operation->arena, .user = user};
    size_t before = operation->evidence.outcome->obstacles.count;
    TRY(hand_over(&clearing, custodian, reterr));
    TRY(leave_roles(&clearing, reterr));
    TRY(take_back(&clearing, "grantor_principal_id", reterr));
    TRY(take_back(&clearing, "grantee_principal_id", reterr));
    if (operation->evidence.outcome->obstacles.count > before)
        return STATUS_OK;
    return drop_user(&clearing, reterr);
}
