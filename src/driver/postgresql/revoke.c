#include "driver/postgresql/revoke.h"

#include <string.h>

#include "base/fault_point.h"
#include "driver/postgresql/acl.h"
#include "driver/postgresql/grant.h"
#include "driver/postgresql/hand_over.h"
#include "driver/postgresql/shared_role.h"

enum {
    // Sessions are ended by a signal each; a backend in a system call may take its time.
    WAIT_ROUNDS = 60,
    FIRST_WAIT_MS = 5,
    LONGEST_WAIT_MS = 250,
    NAMED_AT_MOST = 20,
};

Status pg_account_check_mark(Operation *operation, const Plan *plan, const Role *role,
                             AccountMark *ret_mark, Error *reterr) {
    if (pg_account_mark_parse(operation->arena, role->comment, ret_mark) &&
        pg_account_mark_is(ret_mark, plan))
        return STATUS_OK;
    pg_operation_add_obstacle(
        operation,
        arena_printf(operation->arena,
                     "role \"%s\" is there, but not as the account of grant %s: its comment does "
                     "not say so",
                     plan->account, plan->grant_id),
        arena_printf(operation->arena, "ALTER ROLE %s NOLOGIN; -- then rename or drop it",
                     pg_sql_identifier(operation->arena, plan->account)));
    return pg_operation_fail(
        operation, FAILURE_CONFLICT, reterr, "account_taken",
        "role \"%s\" is there, but not as the account of this grant; it was not "
        "touched",
        plan->account);
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
        if (status != STATUS_OK && operation->failure == FAILURE_DENIED)
            pg_operation_add_obstacle(
                operation,
                arena_printf(operation->arena, "admin account \"%s\" may not change role \"%s\"",
                             operation->session->admin, plan->account),
                arena_printf(operation->arena, "GRANT %s TO %s WITH ADMIN OPTION;",
                             pg_sql_identifier(operation->arena, plan->account),
                             pg_sql_identifier(operation->arena, operation->session->admin)));
        TRY(status);
    }
    FAULT_POINT("revoke.before_lock");
    return pg_operation_commit(operation, reterr);
}

// Cuts off what is still running at its next statement. DROP ROLE removes what stays.
static Status revoke_memberships(Operation *operation, const Role *role, Error *reterr) {
    StringList roles;
    TRY(pg_role_memberships(operation, role->oid, &roles, reterr));
    for (size_t i = 0; i < roles.count; i++) {
        Status status = pg_operation_change(
            operation, "taking a membership back",
            pg_sql_revoke_role(operation->arena, roles.items[i], role->name), reterr);
        if (status != STATUS_OK && operation->failure == FAILURE_RETRY)
            return status;
    }
    return STATUS_OK;
}

static Status read_sessions(Operation *operation, int64_t oid, Rows **ret_rows, Error *reterr) {
    const char *sql = arena_printf(operation->arena,
                                   "SELECT pid FROM pg_stat_activity WHERE usesysid = %lld"
                                   " AND pid <> pg_backend_pid()",
                                   (long long)oid);
    return pg_operation_read(operation, &(Query){.doing = "reading sessions", .sql = sql}, ret_rows,
                             reterr);
}

static int count_missing(Rows *before, Rows *now) {
    int missing = 0;
    for (int i = 0; before != NULL && i < pg_rows_count(before); i++) {
        bool found = false;
        for (int j = 0; j < pg_rows_count(now) && !found; j++)
            found = strcmp(pg_rows_text(before, i, 0), pg_rows_text(now, j, 0)) == 0;
        missing += !found;
    }
    return missing;
}

static Status terminate(Operation *operation, int64_t oid, Error *reterr) {
    const char *sql = arena_printf(operation->arena,
                                   "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                   " WHERE usesysid = %lld AND pid <> pg_backend_pid()",
                                   (long long)oid);
    Status status = pg_operation_change(operation, "ending sessions", sql, reterr);
    if (status != STATUS_OK && operation->failure == FAILURE_DENIED)
        pg_operation_add_obstacle(
            operation,
            arena_printf(operation->arena, "admin account \"%s\" may not end other sessions",
                         operation->session->admin),
            arena_printf(operation->arena, "GRANT pg_signal_backend TO %s;",
                         pg_sql_identifier(operation->arena, operation->session->admin)));
    return status;
}

// By the role's number, which finds sessions of a role that is gone, too. Looks again until none is
// left, because a signal is only a request.
static Status end_sessions(Operation *operation, int64_t oid, Error *reterr) {
    Rows *before = NULL;
    Rows *now = NULL;
    int wait_ms = FIRST_WAIT_MS;
    for (int round = 0; round < WAIT_ROUNDS; round++) {
        TRY(read_sessions(operation, oid, &now, reterr));
        operation->outcome->sessions_ended += count_missing(before, now);
        operation->outcome->sessions_left = pg_rows_count(now);
        if (pg_rows_count(now) == 0)
            return STATUS_OK;
        before = now;
        if (round == 0 || wait_ms == LONGEST_WAIT_MS)
            TRY(terminate(operation, oid, reterr));
        const char *sql = arena_printf(operation->arena, "SELECT pg_sleep(%d / 1000.0)", wait_ms);
        Rows *slept;
        TRY(pg_operation_read(operation,
                              &(Query){.doing = "waiting for sessions to end", .sql = sql}, &slept,
                              reterr));
        wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
    }
    return pg_operation_fail(operation, FAILURE_RETRY, reterr, "sessions_left",
                             "%d sessions of the account were told to end and still run",
                             pg_rows_count(now));
}

// They outlive sessions and hold what they made, unseen by everybody else.
static Status find_prepared(Operation *operation, const Role *role, Error *reterr) {
    static const char SQL[] = "SELECT gid, database FROM pg_prepared_xacts WHERE owner = $1";
    Rows *rows;
    TRY(pg_operation_read(operation,
                          &(Query){.doing = "reading prepared transactions",
                                   .sql = SQL,
                                   .parameters = &role->name,
                                   .parameter_count = 1},
                          &rows, reterr));
    Arena *arena = operation->arena;
    for (int i = 0; i < pg_rows_count(rows); i++) {
        const char *gid = pg_sql_literal(arena, pg_rows_text(rows, i, 0));
        const char *database = pg_sql_identifier(arena, pg_rows_text(rows, i, 1));
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena, "account \"%s\" left prepared transaction %s in database %s",
                         role->name, gid, database),
            arena_printf(arena, "ROLLBACK PREPARED %s; -- or COMMIT PREPARED, in database %s", gid,
                         database));
    }
    return STATUS_OK;
}

// Whatever is neither owned nor an access list we know: policies, user mappings, rare kinds.
static Status find_leftovers(Operation *operation, const Role *role, Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql = arena_printf(
        arena,
        "SELECT DISTINCT pg_describe_object(classid, objid, 0), deptype FROM pg_shdepend"
        " WHERE refclassid = 'pg_authid'::regclass AND refobjid = %lld AND dbid IN (0, %lld)"
        " ORDER BY 1 LIMIT %d",
        (long long)role->oid, (long long)operation->session->database_oid, NAMED_AT_MOST);
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "reading what is left", .sql = sql}, &rows,
                          reterr));
    const char *account = pg_sql_identifier(arena, role->name);
    for (int i = 0; i < pg_rows_count(rows); i++) {
        const char *object =
            pg_rows_text(rows, i, 0) == NULL ? "an object" : pg_rows_text(rows, i, 0);
        char kind = pg_rows_text(rows, i, 1)[0];
        const char *repair = kind == 'r'   ? "name another role in it, or drop it"
                             : kind == 'o' ? "give it another owner, or drop it"
                                           : "take the role's privileges on it";
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena, "%s in database \"%s\" mentions account %s", object,
                         operation->session->target.database, account),
            arena_printf(arena, "-- %s in database %s: %s", object,
                         pg_sql_identifier(arena, operation->session->target.database), repair));
    }
    return STATUS_OK;
}

static Status clean_database(Operation *operation, const Role *role, const char *custodian,
                             Error *reterr) {
    size_t obstacles = operation->outcome->obstacles.count;
    TRY(pg_hand_over(operation, role, custodian, reterr));
    TRY(pg_acl_revoke(operation, role->oid, role->name, reterr));
    if (operation->outcome->obstacles.count == obstacles)
        TRY(find_leftovers(operation, role, reterr));
    return STATUS_OK;
}

static Status clean_beside(Operation *operation, const Role *role, const char *custodian,
                           const char *database, bool connectable, Error *reterr) {
    Arena *arena = operation->arena;
    const char *name = pg_sql_identifier(arena, database);
    if (!connectable) {
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena,
                         "account \"%s\" owns or holds something in database %s, which "
                         "accepts no connections",
                         role->name, name),
            arena_printf(arena, "ALTER DATABASE %s ALLOW_CONNECTIONS true;", name));
        return STATUS_OK;
    }
    CLEANUP(pg_session_closep) DriverSession *beside = NULL;
    Status status =
        pg_session_open_beside(operation->session, database, &beside, &operation->failure, reterr);
    if (status != STATUS_OK && operation->failure == FAILURE_RETRY)
        return status;
    if (status != STATUS_OK) {
        pg_operation_add_obstacle(
            operation,
            arena_printf(arena,
                         "account \"%s\" owns or holds something in database %s, where the "
                         "admin account cannot connect",
                         role->name, name),
            arena_printf(arena, "GRANT CONNECT ON DATABASE %s TO %s;", name,
                         pg_sql_identifier(arena, operation->session->admin)));
        return STATUS_OK;
    }
    Operation there = *operation;
    there.session = beside;
    status = clean_database(&there, role, custodian, reterr);
    operation->failure = there.failure;
    return status;
}

// Every database that the server knows to mention the role. What belongs to the whole server
// (databases, tablespaces) is handled with the session's own.
static Status clean_databases(Operation *operation, const Role *role, const char *custodian,
                              Error *reterr) {
    const char *sql =
        arena_printf(operation->arena,
                     "SELECT DISTINCT d.datname, d.datallowconn FROM pg_shdepend s"
                     " JOIN pg_database d ON d.oid = CASE s.dbid WHEN 0 THEN %lld ELSE s.dbid END"
                     " WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %lld ORDER BY 1",
                     (long long)operation->session->database_oid, (long long)role->oid);
    Rows *rows;
    TRY(pg_operation_read(operation,
                          &(Query){.doing = "reading what hangs on the account", .sql = sql}, &rows,
                          reterr));
    for (int i = 0; i < pg_rows_count(rows); i++) {
        const char *database = pg_rows_text(rows, i, 0);
        if (strcmp(database, operation->session->target.database) == 0)
            TRY(clean_database(operation, role, custodian, reterr));
        else
            TRY(clean_beside(operation, role, custodian, database, pg_rows_bool(rows, i, 1),
                             reterr));
    }
    return STATUS_OK;
}

static Status blocked(Operation *operation, const Role *role, Error *reterr) {
    const Obstacles *obstacles = &operation->outcome->obstacles;
    return pg_operation_fail(
        operation, FAILURE_CONFLICT, reterr, "account_in_use",
        "account \"%s\" is locked and has no sessions, but cannot be removed: %s", role->name,
        obstacles->count > 0 ? obstacles->items[0].what : "something is left");
}

static Status drop_account(Operation *operation, const Role *role, Error *reterr) {
    Status status = pg_operation_change(operation, "removing the account",
                                        pg_sql_drop_role(operation->arena, role->name), reterr);
    if (status == STATUS_OK || operation->failure == FAILURE_NOT_FOUND) {
        operation->outcome->account_present = false;
        return STATUS_OK;
    }
    if (operation->failure != FAILURE_CONFLICT)
        return status;
    TRY(find_leftovers(operation, role, reterr));
    return blocked(operation, role, reterr);
}

Status pg_account_remove(Operation *operation, const Plan *plan, Error *reterr) {
    Outcome *outcome = operation->outcome;
    bool found;
    Role role;
    outcome->account_present = true;
    TRY(lock_account(operation, plan, &found, &role, reterr));
    outcome->login_refused = true;
    outcome->account_present = found;
    if (!found)
        return STATUS_OK;
    outcome->account_key = arena_printf(operation->arena, "%lld", (long long)role.oid);
    outcome->target_expires_at = role.expires_at;
    FAULT_POINT("revoke.locked");
    TRY(revoke_memberships(operation, &role, reterr));
    FAULT_POINT("revoke.memberships_taken");
    TRY(end_sessions(operation, role.oid, reterr));
    FAULT_POINT("revoke.sessions_ended");
    TRY(find_prepared(operation, &role, reterr));
    TRY(clean_databases(operation, &role, plan->custodian, reterr));
    if (outcome->obstacles.count > 0)
        return blocked(operation, &role, reterr);
    FAULT_POINT("revoke.before_drop");
    TRY(drop_account(operation, &role, reterr));
    FAULT_POINT("revoke.dropped");
    // A login that was let in just before the lock shows itself by now.
    return end_sessions(operation, role.oid, reterr);
}

// Sessions of a role that somebody dropped by hand are nobody's any more; we cannot know whose they
// were, so they are not ended but named.
static Status look_for_orphans(Operation *operation, Error *reterr) {
    static const char SQL[] =
        "SELECT a.usesysid, count(*) FROM pg_stat_activity a WHERE a.usesysid IS NOT NULL"
        " AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.usesysid)"
        " GROUP BY a.usesysid ORDER BY 1";
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "looking for orphaned sessions", .sql = SQL},
                          &rows, reterr));
    for (int i = 0; i < pg_rows_count(rows); i++)
        pg_operation_warn(operation,
                          "%s sessions of a role that was dropped still run: SELECT "
                          "pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = %s;",
                          pg_rows_text(rows, i, 1), pg_rows_text(rows, i, 0));
    return STATUS_OK;
}

static Status hand_over_beside(Operation *operation, const Role *role, const char *custodian,
                               const char *database, Error *reterr) {
    CLEANUP(pg_session_closep) DriverSession *beside = NULL;
    Error error = {0};
    if (pg_session_open_beside(operation->session, database, &beside, &operation->failure,
                               &error) != STATUS_OK) {
        pg_operation_warn(operation,
                          "shared role \"%s\" owns objects in database \"%s\", which cannot be "
                          "looked at: %s",
                          role->name, database, error.message);
        return STATUS_OK;
    }
    Operation there = *operation;
    there.session = beside;
    Status status = pg_hand_over(&there, role, custodian, reterr);
    operation->failure = there.failure;
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
    operation->outcome->target_now_at = pg_rows_int(rows, 0, 0);
    operation->outcome->account_present = pg_rows_bool(rows, 0, 1);
    TRY(look_for_orphans(operation, reterr));
    FAULT_POINT("revoke.seen_gone");
    if (plan->privilege_mode == PRIVILEGE_SHARED_ROLE)
        pg_shared_role_sweep(operation, plan);
    return STATUS_OK;
}
