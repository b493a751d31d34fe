#include "driver/postgresql/hand_over.h"

#include <string.h>

#include "base/fault_point.h"
#include "driver/postgresql/statement.h"

enum { LISTED_AT_MOST = 1000, NAMED_AT_MOST = 5, MEMBERSHIP_OPTIONS_SINCE = 160000 };

// Default privileges and user mappings have an owner too, but are settings of the account and not
// something others could own.
static const char OWNED_SQL[] =
    "SELECT pg_describe_object(classid, objid, 0), p.prosecdef FROM pg_shdepend s"
    " LEFT JOIN pg_proc p ON s.classid = 'pg_proc'::regclass AND p.oid = s.objid"
    " WHERE refclassid = 'pg_authid'::regclass AND refobjid = %lld AND deptype = 'o'"
    " AND dbid IN (0, %lld)"
    " AND classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)"
    " ORDER BY 1 LIMIT %d";

typedef struct Owned {
    StringList objects;          // "table shop.orders", as the server describes them
    StringList definer_routines; // those that run with their owner's rights
} Owned;

static Status read_owned(Operation *operation, const Role *account, Owned *ret_owned,
                         Error *reterr) {
    const char *sql = arena_printf(operation->arena, OWNED_SQL, (long long)account->oid,
                                   (long long)operation->session->database_oid, LISTED_AT_MOST);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading what the account owns", .sql = sql},
                          &rows, reterr));
    Owned owned = {0};
    for (int i = 0; i < pg_rows_count(rows); i++) {
        const char *object = pg_rows_text(rows, i, 0);
        string_list_add(operation->arena, &owned.objects, object == NULL ? "object" : object);
        if (pg_rows_bool(rows, i, 1))
            string_list_add(operation->arena, &owned.definer_routines, object);
    }
    *ret_owned = owned;
    return STATUS_OK;
}

static const char *few(Arena *arena, const StringList *list) {
    StringList shown = *list;
    if (shown.count > NAMED_AT_MOST)
        shown.count = NAMED_AT_MOST;
    return arena_printf(arena, "%s%s", string_list_join(arena, &shown, ", "),
                        shown.count < list->count ? ", and more" : "");
}

static void add_owned_obstacle(Operation *operation, const Role *account, const Owned *owned,
                               const char *custodian, const char *why) {
    Arena *arena = operation->arena;
    const char *database = operation->session->target.database;
    const char *to = custodian == NULL ? "new_owner" : pg_sql_identifier(arena, custodian);
    pg_operation_add_obstacle(
        operation,
        arena_printf(arena, "account \"%s\" owns objects in database \"%s\" (%s), and %s",
                     account->name, database, few(arena, &owned->objects), why),
        arena_printf(arena, "REASSIGN OWNED BY %s TO %s; -- in database %s%s",
                     pg_sql_identifier(arena, account->name), to,
                     pg_sql_identifier(arena, database),
                     custodian == NULL ? ", with the role that shall own them for new_owner" : ""));
}

// Schemas where the custodian could not own anything. The server asks that only of an admin who
// is not superuser.
static Status read_closed_schemas(Operation *operation, const Role *account, const char *custodian,
                                  StringList *ret_schemas, Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT DISTINCT n.nspname FROM pg_shdepend s"
        " LEFT JOIN pg_class c ON s.classid = 'pg_class'::regclass AND c.oid = s.objid"
        " LEFT JOIN pg_proc p ON s.classid = 'pg_proc'::regclass AND p.oid = s.objid"
        " LEFT JOIN pg_type t ON s.classid = 'pg_type'::regclass AND t.oid = s.objid"
        " JOIN pg_namespace n ON n.oid = coalesce(c.relnamespace, p.pronamespace, t.typnamespace)"
        " WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %lld AND s.deptype = 'o'"
        " AND s.dbid = %lld AND NOT has_schema_privilege($1::name, n.oid, 'CREATE') ORDER BY 1",
        (long long)account->oid, (long long)operation->session->database_oid);
    Rows *rows;
    TRY(pg_operation_read(operation,
                          &(Query){.doing = "reading the custodian's rights",
                                   .sql = sql,
                                   .parameters = &custodian,
                                   .parameter_count = 1},
                          &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++)
        string_list_add(operation->arena, ret_schemas, pg_rows_text(rows, i, 0));
    return STATUS_OK;
}

// Whether the custodian can take the objects; what speaks against it becomes an obstacle.
static Status check_custodian(Operation *operation, const Role *account, const char *custodian,
                              const Owned *owned, bool *ret_fit, Error *reterr) {
    Arena *arena = operation->arena;
    *ret_fit = false;
    if (custodian == NULL) {
        add_owned_obstacle(operation, account, owned, NULL, "the integration names no custodian");
        return STATUS_OK;
    }
    bool found;
    Role role;
    TRY(pg_role_read(operation, custodian, &found, &role, reterr));
    if (!found) {
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena, "custodian \"%s\" is not a role of the server", custodian),
            arena_printf(arena, "CREATE ROLE %s NOLOGIN;", pg_sql_identifier(arena, custodian)));
        return STATUS_OK;
    }
    const char *reason;
    TRY(pg_role_refusal(operation, custodian, &reason, reterr));
    if (reason != NULL) {
        add_owned_obstacle(operation, account, owned, NULL,
                           arena_printf(arena,
                                        "custodian \"%s\" may not be given what users made (their "
                                        "triggers and functions would run with its rights) because "
                                        "of %s",
                                        custodian, reason));
        return STATUS_OK;
    }
    if (operation->session->superuser) {
        *ret_fit = true;
        return STATUS_OK;
    }
    bool can_assume;
    StringList closed = {0};
    TRY(pg_role_can_assume(operation, custodian, &can_assume, reterr));
    TRY(read_closed_schemas(operation, account, custodian, &closed, reterr));
    if (!can_assume)
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena, "the admin account is not a member of custodian \"%s\"", custodian),
            arena_printf(arena, "GRANT %s TO %s;", pg_sql_identifier(arena, custodian),
                         pg_sql_identifier(arena, operation->session->admin)));
    for (size_t i = 0; i < closed.count; i++)
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena, "custodian \"%s\" may not own objects in schema \"%s\"", custodian,
                         closed.items[i]),
            arena_printf(arena, "GRANT CREATE ON SCHEMA %s TO %s; -- in database %s",
                         pg_sql_identifier(arena, closed.items[i]),
                         pg_sql_identifier(arena, custodian),
                         pg_sql_identifier(arena, operation->session->target.database)));
    *ret_fit = can_assume && closed.count == 0;
    return STATUS_OK;
}

// An admin who is not superuser acts on the account's objects as its member, for this transaction.
static Status become_member(Operation *operation, const Role *account, Error *reterr) {
    const DriverSession *session = operation->session;
    if (session->superuser)
        return STATUS_OK;
    return pg_operation_change(operation, "acting for the account",
                               arena_printf(operation->arena, "GRANT %s TO %s%s",
                                            pg_sql_identifier(operation->arena, account->name),
                                            pg_sql_identifier(operation->arena, session->admin),
                                            session->version >= MEMBERSHIP_OPTIONS_SINCE
                                                ? " WITH INHERIT TRUE, SET TRUE"
                                                : ""),
                               reterr);
}

static Status end_membership(Operation *operation, const Role *account, Error *reterr) {
    const DriverSession *session = operation->session;
    if (session->superuser)
        return STATUS_OK;
    const char *admin = pg_sql_identifier(operation->arena, session->admin);
    return pg_operation_change(
        operation, "ceasing to act for the account",
        arena_printf(operation->arena, "REVOKE %s FROM %s%s%s",
                     pg_sql_identifier(operation->arena, account->name), admin,
                     session->version >= MEMBERSHIP_OPTIONS_SINCE ? " GRANTED BY " : "",
                     session->version >= MEMBERSHIP_OPTIONS_SINCE ? admin : ""),
        reterr);
}

// Default privileges that the account set for itself. Each entry goes back to what is built in:
// within a schema that is nothing, else the owner's own rights and PUBLIC's.
static Status clear_default_entry(Operation *operation, const SqlObject *future,
                                  const char *grantee, bool grantee_is_public, Error *reterr) {
    return pg_operation_change(
        operation, "clearing default privileges",
        pg_sql_revoke(operation->arena, SQL_ALL, future, 1, grantee_is_public ? NULL : grantee),
        reterr);
}

static Status restore_built_in(Operation *operation, const SqlObject *future, Error *reterr) {
    Arena *arena = operation->arena;
    TRY(pg_operation_change(operation, "clearing default privileges",
                            pg_sql_grant(arena, SQL_ALL, future, 1, future->owner, false), reterr));
    if (future->kind == SQL_FUTURE_ROUTINES)
        return pg_operation_change(operation, "clearing default privileges",
                                   pg_sql_grant(arena, SQL_EXECUTE, future, 1, NULL, false),
                                   reterr);
    if (future->kind == SQL_FUTURE_TYPES)
        return pg_operation_change(operation, "clearing default privileges",
                                   pg_sql_grant(arena, SQL_USAGE, future, 1, NULL, false), reterr);
    return STATUS_OK;
}

static Status clear_defaults(Operation *operation, const Role *account, Rows *entries,
                             Error *reterr) {
    for (int i = 0; i < pg_rows_count(entries); i++) {
        SqlObject future = {.kind = (int)pg_rows_int(entries, i, 0),
                            .owner = account->name,
                            .schema = pg_rows_text(entries, i, 1)};
        if (pg_rows_text(entries, i, 2) != NULL)
            TRY(clear_default_entry(operation, &future, pg_rows_text(entries, i, 3),
                                    pg_rows_int(entries, i, 2) == 0, reterr));
        bool last = i + 1 == pg_rows_count(entries) ||
                    pg_rows_int(entries, i + 1, 4) != pg_rows_int(entries, i, 4);
        if (last && future.schema == NULL)
            TRY(restore_built_in(operation, &future, reterr));
    }
    return STATUS_OK;
}

static Status read_defaults(Operation *operation, const Role *account, Rows **ret_entries,
                            Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT CASE d.defaclobjtype WHEN 'r' THEN %d WHEN 'S' THEN %d WHEN 'f' THEN %d"
        "  WHEN 'T' THEN %d ELSE %d END, n.nspname, x.grantee::bigint,"
        "  pg_get_userbyid(x.grantee), d.oid"
        " FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace"
        " LEFT JOIN LATERAL (SELECT DISTINCT grantee FROM aclexplode(d.defaclacl)) x ON true"
        " WHERE d.defaclrole = %lld ORDER BY d.oid, x.grantee",
        SQL_FUTURE_TABLES, SQL_FUTURE_SEQUENCES, SQL_FUTURE_ROUTINES, SQL_FUTURE_TYPES,
        SQL_FUTURE_SCHEMAS, (long long)account->oid);
    return pg_operation_read(operation, &(Query){.doing = "reading default privileges", .sql = sql},
                             ret_entries, reterr);
}

static Status reassign(Operation *operation, const Role *account, const char *custodian,
                       const Owned *owned, Rows *defaults, Error *reterr) {
    TRY(pg_operation_begin(operation, reterr));
    TRY(pg_operation_lock_privileges(operation, true, reterr));
    TRY(become_member(operation, account, reterr));
    TRY(clear_defaults(operation, account, defaults, reterr));
    if (owned->objects.count > 0) {
        TRY(pg_operation_change(operation, "handing objects over",
                                pg_sql_reassign_owned(operation->arena, account->name, custodian),
                                reterr));
        Owned left;
        TRY(read_owned(operation, account, &left, reterr));
        if (left.objects.count > 0)
            return pg_operation_fail(operation, FAILURE_CONFLICT, reterr, "objects_left",
                                     "%s stayed with the account",
                                     few(operation->arena, &left.objects));
    }
    TRY(end_membership(operation, account, reterr));
    FAULT_POINT("hand_over.before_commit");
    return pg_operation_commit(operation, reterr);
}

static void report(Operation *operation, const char *custodian, const Owned *owned) {
    const char *database = operation->session->target.database;
    for (size_t i = 0; i < owned->objects.count; i++)
        pg_operation_add_handed_over(operation,
                                     arena_printf(operation->arena, "%s: %s to %s", database,
                                                  owned->objects.items[i], custodian));
    if (owned->objects.count == LISTED_AT_MOST)
        pg_operation_warn(operation, "more than %d objects were handed over in database %s",
                          LISTED_AT_MOST, database);
    for (size_t i = 0; i < owned->definer_routines.count; i++)
        pg_operation_warn(operation,
                          "%s in database %s runs with the rights of %s from now on: look "
                          "at it",
                          owned->definer_routines.items[i], database, custodian);
}

Status pg_hand_over(Operation *operation, const Role *account, const char *custodian,
                    Error *reterr) {
    Owned owned;
    Rows *defaults;
    TRY(read_owned(operation, account, &owned, reterr));
    TRY(read_defaults(operation, account, &defaults, reterr));
    if (owned.objects.count > 0) {
        bool fit;
        TRY(check_custodian(operation, account, custodian, &owned, &fit, reterr));
        if (!fit)
            return STATUS_OK;
    } else if (pg_rows_count(defaults) == 0) {
        return STATUS_OK;
    }
    Error error = {0};
    Status status = reassign(operation, account, custodian, &owned, defaults, &error);
    if (status == STATUS_OK) {
        FAULT_POINT("hand_over.committed");
        report(operation, custodian, &owned);
        return STATUS_OK;
    }
    pg_operation_rollback(operation);
    if (operation->failure == FAILURE_RETRY) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    add_owned_obstacle(
        operation, account, &owned, custodian,
        arena_printf(operation->arena, "they cannot be handed over: %s", error.message));
    return STATUS_OK;
}
