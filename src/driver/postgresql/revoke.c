#include "driver/postgresql/revoke.h"

#include <string.h>

#include "base/fault_point.h"
#include "driver/postgresql/account_sessions.h"
#include "driver/postgresql/acl.h"
#include "driver/postgresql/grant.h"
#include "driver/postgresql/hand_over.h"
#include "driver/postgresql/leftovers.h"
#include "driver/postgresql/own_settings.h"
#include "driver/postgresql/shared_role.h"
#include "driver/postgresql/shared_role_mark.h"

Status pg_account_check_mark(Operation *operation, const Plan *plan, const Role *role,
                             AccountMark *ret_mark, Error *reterr) {
    if (account_mark_parse(operation->arena, role->comment, ret_mark) &&
        account_mark_is(ret_mark, plan))
        return STATUS_OK;
    pg_operation_add_obstacle(
        operation,
        arena_printf(operation->arena,
                     "role \"%s\" is there, but not as the account of grant %s: its comment does "
                     "not say so",
                     plan->account, plan->grant_id),
        arena_printf(operation->arena, "ALTER ROLE %s NOLOGIN; -- then rename or drop it",
                     pg_sql_identifier(operation->arena, plan->account)));
    return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_taken",
                         "role \"%s\" is there, but not as the account of this grant; it was not "
                         "touched",
                         plan->account);
}

// An account that somebody made an administrator is out of reach of one who is not superuser.
static void add_lock_obstacle(Operation *operation, const Role *role) {
    Arena *arena = operation->arena;
    const char *name = pg_sql_identifier(arena, role->name);
    pg_operation_add_obstacle(
        operation,
        arena_printf(arena, "admin account \"%s\" may not change role \"%s\"%s",
                     operation->session->admin, role->name,
                     role->privileged ? ", which was given attributes of an administrator" : ""),
        role->privileged ? arena_printf(arena,
                                        "ALTER ROLE %s NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB "
                                        "NOREPLICATION NOBYPASSRLS;",
                                        name)
                         : arena_printf(arena, "GRANT %s TO %s WITH ADMIN OPTION;", name,
                                        pg_sql_identifier(arena, operation->session->admin)));
}

// New logins end here. The lock on the name waits for a grant that is just committing.
static Status lock_account(Operation *operation, const Plan *plan, bool *ret_found, Role *ret_role,
                           Error *reterr) {
    TRY(pg_operation_begin(operation, reterr));
    TRY(pg_operation_lock_account(operation, plan->account, reterr));
    TRY(pg_role_read(operation, plan->account, ret_found, ret_role, reterr));
    if (*ret_found) {
        AccountMark mark;
        TRY(pg_account_check_mark(operation, plan, ret_role, &mark, reterr));
        Status status =
            pg_operation_change(operation, "locking the account",
                                pg_sql_lock_account(operation->arena, plan->account), reterr);
        if (status != STATUS_OK && operation->evidence.failure == FAILURE_DENIED)
            add_lock_obstacle(operation, ret_role);
        TRY(status);
    }
    FAULT_POINT("revoke.before_lock");
    return pg_operation_commit(operation, reterr);
}

// The account that the admin may not lock is at least without sessions for the moment, and after
// its VALID UNTIL for good. One that is not this plan's has been refused before, and is let be.
static void end_sessions_of_unlocked(Operation *operation, const Role *role) {
    if (role == NULL || operation->evidence.failure != FAILURE_DENIED)
        return;
    pg_operation_rollback(operation);
    Status status = pg_account_sessions_end(operation, role->oid, NULL);
    (void)status;
    operation->evidence.failure = FAILURE_DENIED;
}

static bool is_lost(const Operation *operation) {
    return PQstatus(operation->session->connection) != CONNECTION_OK;
}

// Those it gave to others: the server would keep them, or the account because of them.
static Status revoke_given_memberships(Operation *operation, const Role *role, Error *reterr) {
    Rows *rows;
    TRY(pg_role_given_memberships(operation, role->oid, &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        Status status =
            pg_operation_change(operation, "taking a membership back that the account gave",
                                pg_sql_revoke_role_of(operation->arena, pg_rows_text(rows, i, 0),
                                                      pg_rows_text(rows, i, 1), role->name,
                                                      operation->session->version),
                                reterr);
        if (status != STATUS_OK && is_lost(operation))
            return status;
    }
    return STATUS_OK;
}

// Cuts off what is still running at its next statement. DROP ROLE removes what stays, so that what
// fails here is no reason to stop (PostgreSQL 16 has an internal error, XX000, for one whom it
// calls an admin of a role but finds no grantor for).
static Status revoke_memberships(Operation *operation, const Role *role, Error *reterr) {
    TRY(revoke_given_memberships(operation, role, reterr));
    StringList roles;
    TRY(pg_role_memberships(operation, role->oid, &roles, reterr));
    for (size_t i = 0; i < roles.count; i++) {
        Status status = pg_operation_change(
            operation, "taking a membership back",
            pg_sql_revoke_role(operation->arena, roles.items[i], role->name), reterr);
        if (status != STATUS_OK && is_lost(operation))
            return status;
    }
    return STATUS_OK;
}

static Status clean_database(Operation *operation, const Role *role, const char *custodian,
                             Error *reterr) {
    size_t obstacles = operation->evidence.outcome->obstacles.count;
    TRY(pg_own_mappings_remove(operation, role, reterr));
    TRY(pg_hand_over(operation, role, custodian, reterr));
    TRY(pg_acl_revoke(operation, role->oid, role->name, reterr));
    if (operation->evidence.outcome->obstacles.count == obstacles)
        TRY(pg_leftovers_find(operation, role, reterr));
    return STATUS_OK;
}

// A database, and why the admin may not be able to look into it.
typedef struct Place {
    const char *database;
    bool accepts; // connections, of anybody
    bool is_half_dropped;
    bool may_connect; // the admin
} Place;

static void add_place_obstacle(Operation *operation, const Role *role, const Place *place) {
    Arena *arena = operation->arena;
    const char *name = pg_sql_identifier(arena, place->database);
    const char *why = "which did not let the admin account in";
    const char *repair = pg_sql_remark(
        arena, arena_printf(arena, "in pg_hba.conf: let \"%s\" into database %s as into \"%s\"",
                            operation->session->admin, name, operation->session->target.database));
    if (place->is_half_dropped) {
        why = "which somebody began to drop";
        repair = arena_printf(arena, "DROP DATABASE %s;", name);
    } else if (!place->accepts) {
        why = "which accepts no connections";
        repair = arena_printf(arena, "ALTER DATABASE %s ALLOW_CONNECTIONS true;", name);
    } else if (!place->may_connect) {
        why = "where the admin account cannot connect";
        repair = arena_printf(arena, "GRANT CONNECT ON DATABASE %s TO %s;", name,
                              pg_sql_identifier(arena, operation->session->admin));
    }
    pg_operation_add_obstacle(
        operation,
        arena_printf(arena, "account \"%s\" owns or holds something in database %s, %s", role->name,
                     name, why),
        repair);
}

static Status clean_beside(Operation *operation, const Role *role, const char *custodian,
                           const Place *place, Error *reterr) {
    if (place->is_half_dropped || !place->accepts || !place->may_connect) {
        add_place_obstacle(operation, role, place);
        return STATUS_OK;
    }
    CLEANUP(pg_session_closep) DriverSession *beside = NULL;
    Error error = {0};
    Status status = pg_session_open_beside(operation->session, place->database, &beside,
                                           &operation->evidence.failure, &error);
    if (status != STATUS_OK && operation->evidence.failure == FAILURE_NOT_FOUND)
        return STATUS_OK; // dropped meanwhile, with all that was in it
    if (status != STATUS_OK && operation->evidence.failure == FAILURE_DENIED) {
        add_place_obstacle(operation, role, place);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    Operation there = *operation;
    there.session = beside;
    status = clean_database(&there, role, custodian, reterr);
    operation->evidence.failure = there.evidence.failure;
    return status;
}

// Every database that the server knows to mention the role. What belongs to the whole server
// (databases, tablespaces) is handled with the session's own.
static Status clean_databases(Operation *operation, const Role *role, const char *custodian,
                              Error *reterr) {
    const char *sql =
        arena_printf(operation->arena,
                     "SELECT DISTINCT d.datname, d.datallowconn, d.datconnlimit = -2,"
                     " has_database_privilege(d.oid, 'CONNECT') FROM pg_shdepend s"
                     " JOIN pg_database d ON d.oid = CASE s.dbid WHEN 0 THEN %lld ELSE s.dbid END"
                     " WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %lld ORDER BY 1",
                     (long long)operation->session->database_oid, (long long)role->oid);
    Rows *rows;
    TRY(pg_operation_read(operation,
                          &(Query){.doing = "reading what hangs on the account", .sql = sql}, &rows,
                          reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        Place place = {.database = pg_rows_text(rows, i, 0),
                       .accepts = pg_rows_bool(rows, i, 1),
                       .is_half_dropped = pg_rows_bool(rows, i, 2),
                       .may_connect = pg_rows_bool(rows, i, 3)};
        if (strcmp(place.database, operation->session->target.database) == 0)
            TRY(clean_database(operation, role, custodian, reterr));
        else
            TRY(clean_beside(operation, role, custodian, &place, reterr));
    }
    return STATUS_OK;
}

static Status blocked(Operation *operation, const Role *role, Error *reterr) {
    const Obstacles *obstacles = &operation->evidence.outcome->obstacles;
    return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_in_use",
                         "account \"%s\" is locked and has no sessions, but cannot be removed: %s",
                         role->name,
                         obstacles->count > 0 ? obstacles->items[0].what : "something is left");
}

static Status drop_account(Operation *operation, const Role *role, Error *reterr) {
    Status status = pg_operation_change(operation, "removing the account",
                                        pg_sql_drop_role(operation->arena, role->name), reterr);
    if (status == STATUS_OK || operation->evidence.failure == FAILURE_NOT_FOUND) {
        operation->evidence.outcome->account_present = false;
        return STATUS_OK;
    }
    if (operation->evidence.failure != FAILURE_CONFLICT)
        return status;
    TRY(pg_leftovers_find(operation, role, reterr));
    return blocked(operation, role, reterr);
}

// Everything but the role itself. What is in the way is in the outcome's obstacles afterwards.
static Status clear_account(Operation *operation, const Role *role, const char *custodian,
                            Error *reterr) {
    TRY(revoke_memberships(operation, role, reterr));
    FAULT_POINT("revoke.memberships_taken");
    TRY(pg_account_sessions_end(operation, role->oid, reterr));
    FAULT_POINT("revoke.sessions_ended");
    TRY(pg_leftovers_find_prepared(operation, role, reterr));
    TRY(pg_leftovers_find_memberships(operation, role, reterr));
    TRY(clean_databases(operation, role, custodian, reterr));
    // A login that was let in just before the lock shows itself by now.
    return pg_account_sessions_end(operation, role->oid, reterr);
}

Status pg_account_remove(Operation *operation, const Plan *plan, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    bool found = false;
    Role role;
    outcome->account_present = true;
    Status status = lock_account(operation, plan, &found, &role, reterr);
    if (status != STATUS_OK) {
        end_sessions_of_unlocked(operation, found ? &role : NULL);
        return status;
    }
    outcome->login_refused = true;
    outcome->account_present = found;
    if (!found)
        return STATUS_OK;
    outcome->account_key = arena_printf(operation->arena, "%lld", (long long)role.oid);
    outcome->target_expires_at = role.expires_at;
    FAULT_POINT("revoke.locked");
    TRY(clear_account(operation, &role, plan->custodian, reterr));
    if (outcome->obstacles.count > 0)
        return blocked(operation, &role, reterr);
    FAULT_POINT("revoke.before_drop");
    TRY(drop_account(operation, &role, reterr));
    FAULT_POINT("revoke.dropped");
    return pg_account_sessions_end(operation, role.oid, reterr);
}

static Status hand_over_beside(Operation *operation, const Role *role, const char *custodian,
                               const char *database, Error *reterr) {
    CLEANUP(pg_session_closep) DriverSession *beside = NULL;
    Error error = {0};
    if (pg_session_open_beside(operation->session, database, &beside, &operation->evidence.failure,
                               &error) != STATUS_OK) {
        evidence_warn(&operation->evidence,
                      "shared role \"%s\" owns objects in database \"%s\", which cannot be "
                      "looked at: %s",
                      role->name, database, error.message);
        return STATUS_OK;
    }
    Operation there = *operation;
    there.session = beside;
    Status status = pg_hand_over(&there, role, custodian, reterr);
    operation->evidence.failure = there.evidence.failure;
    return status;
}

// Before PostgreSQL 16 a member may SET ROLE to the shared role and make things as it: a view that
// is its own would read with its privileges for ever. Nothing is ever its own, so all of it goes to
// the custodian, whichever member made it.
static Status clean_shared_roles(Operation *operation, const Plan *plan, Error *reterr) {
    const char *sql = arena_printf(
        operation->arena,
        "SELECT DISTINCT r.oid, r.rolname, shobj_description(r.oid, 'pg_authid'), d.datname,"
        " d.oid = %lld"
        " FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid JOIN pg_database d ON d.oid = "
        "s.dbid"
        " WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o' AND NOT r.rolcanlogin"
        " AND shobj_description(r.oid, 'pg_authid') LIKE 'daypass-role {%%' ORDER BY 1, 4",
        (long long)operation->session->database_oid);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading what shared roles own", .sql = sql},
                          &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        SharedRoleMark mark;
        if (!pg_shared_role_mark_parse(operation->arena, pg_rows_text(rows, i, 2), &mark) ||
            !text_equal(mark.deployment, plan->deployment))
            continue;
        Role role = {.oid = pg_rows_int(rows, i, 0), .name = pg_rows_text(rows, i, 1)};
        if (pg_rows_bool(rows, i, 4))
            TRY(pg_hand_over(operation, &role, plan->custodian, reterr));
        else
            TRY(hand_over_beside(operation, &role, plan->custodian, pg_rows_text(rows, i, 3),
                                 reterr));
    }
    return STATUS_OK;
}

Status pg_account_revoke(Operation *operation, const Plan *plan, Error *reterr) {
    TRY(pg_plan_check(operation, plan, reterr));
    TRY(pg_account_remove(operation, plan, reterr));
    TRY(clean_shared_roles(operation, plan, reterr));
    static const char SQL[] = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,"
                              " EXISTS (SELECT FROM pg_roles WHERE rolname = $1)";
    Rows *rows;
    TRY(pg_operation_read(operation,
                          &(Query){.doing = "reading the account again",
                                   .sql = SQL,
                                   .parameters = &plan->account,
                                   .parameter_count = 1},
                          &rows, reterr));
    operation->evidence.outcome->target_now_at = pg_rows_int(rows, 0, 0);
    operation->evidence.outcome->account_present = pg_rows_bool(rows, 0, 1);
    TRY(pg_account_sessions_warn_of_orphans(operation, reterr));
    FAULT_POINT("revoke.seen_gone");
    if (plan->privilege_mode == PRIVILEGE_SHARED_ROLE)
        pg_shared_role_sweep(operation, plan);
    return STATUS_OK;
}
