#include "driver/postgresql/custodian.h"

#include <string.h>

#include "driver/postgresql/statement.h"

void pg_custodian_add_obstacle(Operation *operation, const Role *account, const Owned *owned,
                               const char *custodian, const char *why) {
    Arena *arena = operation->arena;
    const char *database = operation->session->target.database;
    const char *to = custodian == NULL ? "new_owner" : pg_sql_identifier(arena, custodian);
    pg_operation_add_obstacle(
        operation,
        arena_printf(arena, "account \"%s\" owns objects in database \"%s\" (%s), and %s",
                     account->name, database, pg_owned_few(arena, owned), why),
        pg_sql_in_database(arena,
                           arena_printf(arena, "REASSIGN OWNED BY %s TO %s;",
                                        pg_sql_identifier(arena, account->name), to),
                           database,
                           custodian == NULL ? "with the role that shall own them for new_owner"
                                             : NULL));
}

// What the server asks of a new owner, or of who gives it the object, when the admin is not
// superuser: each line is a place, whose right is missing, and on what.
static const char LACKS_SQL[] =
    "WITH owned AS (SELECT classid, objid FROM pg_shdepend"
    "  WHERE refclassid = 'pg_authid'::regclass AND refobjid = %lld AND deptype = 'o'"
    "  AND dbid = %lld)"
    " SELECT DISTINCT 'CREATE', 'SCHEMA', n.nspname, true FROM owned o"
    "  JOIN pg_depend d ON d.classid = o.classid AND d.objid = o.objid"
    "   AND d.refclassid = 'pg_namespace'::regclass"
    "  JOIN pg_namespace n ON n.oid = d.refobjid"
    "  WHERE n.nspowner <> %lld AND NOT has_schema_privilege($1::name, n.oid, 'CREATE')"
    " UNION SELECT 'USAGE', 'FOREIGN DATA WRAPPER', w.fdwname, true FROM owned o"
    "  JOIN pg_foreign_server s ON o.classid = 'pg_foreign_server'::regclass AND s.oid = o.objid"
    "  JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw"
    "  WHERE NOT has_foreign_data_wrapper_privilege($1::name, w.oid, 'USAGE')"
    " UNION SELECT 'CREATE', 'DATABASE', current_database(), true FROM owned o"
    "  WHERE o.classid = 'pg_publication'::regclass"
    "  AND NOT has_database_privilege($1::name, current_database(), 'CREATE')"
    " UNION SELECT 'CREATE', 'DATABASE', current_database(), false FROM owned o"
    "  WHERE o.classid = ANY ('{pg_namespace,pg_subscription}'::regclass[])"
    "  AND NOT has_database_privilege(current_user, current_database(), 'CREATE')"
    " ORDER BY 4, 2, 3";

static Status find_lacks(Operation *operation, const Role *account, const char *custodian,
                         bool *ret_any, Error *reterr) {
    Arena *arena = operation->arena;
    const char *database = operation->session->target.database;
    const char *sql =
        arena_printf(arena, LACKS_SQL, (long long)account->oid,
                     (long long)operation->session->database_oid, (long long)account->oid);
    Rows *rows;
    TRY(pg_operation_read(operation,
                          &(Query){.doing = "reading the custodian's rights",
                                   .sql = sql,
                                   .parameters = &custodian,
                                   .parameter_count = 1},
                          &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        const char *right = pg_rows_text(rows, i, 0);
        const char *kind = pg_rows_text(rows, i, 1);
        const char *name = pg_sql_identifier(arena, pg_rows_text(rows, i, 2));
        bool of_custodian = pg_rows_bool(rows, i, 3);
        const char *who = of_custodian ? custodian : operation->session->admin;
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena,
                         "%s \"%s\" lacks %s on %s %s, without which what account \"%s\" owns "
                         "there cannot be handed over",
                         of_custodian ? "custodian" : "admin account", who, right, kind, name,
                         account->name),
            pg_sql_in_database(arena,
                               arena_printf(arena, "GRANT %s ON %s %s TO %s;", right, kind, name,
                                            pg_sql_identifier(arena, who)),
                               database, NULL));
    }
    *ret_any = pg_rows_count(rows) > 0;
    return STATUS_OK;
}

// The role is there and may be given what users made.
static Status check_role(Operation *operation, const Role *account, const char *custodian,
                         const Owned *owned, bool *ret_fit, Error *reterr) {
    Arena *arena = operation->arena;
    bool found;
    Role role;
    const char *reason;
    TRY(pg_role_read(operation, custodian, &found, &role, reterr));
    if (!found) {
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena, "custodian \"%s\" is not a role of the server", custodian),
            arena_printf(arena, "CREATE ROLE %s NOLOGIN;", pg_sql_identifier(arena, custodian)));
        return STATUS_OK;
    }
    TRY(pg_role_refusal(operation, custodian, &reason, reterr));
    *ret_fit = reason == NULL;
    if (reason != NULL)
        pg_custodian_add_obstacle(
            operation, account, owned, NULL,
            arena_printf(arena,
                         "custodian \"%s\" may not be given what users made (their triggers and "
                         "functions would run with its rights) because of %s",
                         custodian, reason));
    return STATUS_OK;
}

Status pg_custodian_check(Operation *operation, const Role *account, const char *custodian,
                          const Owned *owned, bool *ret_fit, Error *reterr) {
    Arena *arena = operation->arena;
    *ret_fit = false;
    if (custodian == NULL) {
        pg_custodian_add_obstacle(operation, account, owned, NULL,
                                  "the integration names no custodian");
        return STATUS_OK;
    }
    TRY(check_role(operation, account, custodian, owned, ret_fit, reterr));
    if (!*ret_fit || operation->session->superuser)
        return STATUS_OK;
    bool can_assume;
    bool lacks;
    TRY(pg_role_can_assume(operation, custodian, &can_assume, reterr));
    TRY(find_lacks(operation, account, custodian, &lacks, reterr));
    if (!can_assume)
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena, "the admin account is not a member of custodian \"%s\"", custodian),
            arena_printf(arena, "GRANT %s TO %s;", pg_sql_identifier(arena, custodian),
                         pg_sql_identifier(arena, operation->session->admin)));
    *ret_fit = can_assume && !lacks;
    return STATUS_OK;
}
