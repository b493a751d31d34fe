#include "driver/postgresql/hand_over.h"

#include "base/fault_point.h"
#include "driver/postgresql/custodian.h"
#include "driver/postgresql/leftovers.h"
#include "driver/postgresql/own_settings.h"
#include "driver/postgresql/statement.h"

enum {
    // REASSIGN OWNED locks everything at once; the server's room for locks is some thousands.
    TABLES_AT_ONCE = 100,
    DEFINERS_NAMED = 20,
};

// What is to be handed over in one database, and to whom.
typedef struct HandOver {
    const Role *account;
    const char *custodian;
    Owned owned;
    StringList settings; // statements that clear the account's own default privileges
    StringList policies; // statements that put the custodian in the account's place
} HandOver;

// What is in a schema can be handed over to its owner.
static Status hand_schemas_over(Operation *operation, const HandOver *work, Error *reterr) {
    StringList schemas = {0};
    TRY(pg_owned_schemas(operation, work->account, &schemas, reterr));
    if (schemas.count == 0)
        return STATUS_OK;
    TRY(pg_operation_begin(operation, reterr));
    TRY(pg_operation_lock_privileges(operation, true, reterr));
    TRY(pg_membership_begin(operation, work->account, reterr));
    for (size_t i = 0; i < schemas.count; i++)
        TRY(pg_operation_change(
            operation, "handing objects over",
            pg_sql_set_schema_owner(operation->arena, schemas.items[i], work->custodian), reterr));
    TRY(pg_membership_end(operation, work->account, reterr));
    return pg_operation_commit(operation, reterr);
}

// ---- By tables ----------------------------------------------------------------------------------

static Status hand_tables_over(Operation *operation, const HandOver *work, Rows *tables,
                               Error *reterr) {
    Arena *arena = operation->arena;
    TRY(pg_operation_begin(operation, reterr));
    TRY(pg_operation_lock_privileges(operation, true, reterr));
    TRY(pg_membership_begin(operation, work->account, reterr));
    for (int i = 0; i < pg_rows_count(tables); i++) {
        SqlObject table = {.kind = SQL_TABLE,
                           .schema = pg_rows_text(tables, i, 0),
                           .name = pg_rows_text(tables, i, 1)};
        TRY(pg_operation_change(operation, "handing objects over",
                                pg_sql_set_table_owner(arena, &table, work->custodian), reterr));
    }
    TRY(pg_membership_end(operation, work->account, reterr));
    return pg_operation_commit(operation, reterr);
}

// Each part is a transaction of its own, so that a repeat goes on where this one ended.
static Status hand_many_over(Operation *operation, const HandOver *work, Error *reterr) {
    Rows *tables;
    TRY(pg_owned_tables(operation, work->account, TABLES_AT_ONCE, &tables, reterr));
    while (pg_rows_count(tables) > 0) {
        TRY(hand_tables_over(operation, work, tables, reterr));
        TRY(pg_owned_tables(operation, work->account, TABLES_AT_ONCE, &tables, reterr));
    }
    return STATUS_OK;
}

// ---- The rest -----------------------------------------------------------------------------------

static Status reassign(Operation *operation, const HandOver *work, Error *reterr) {
    TRY(pg_operation_begin(operation, reterr));
    TRY(pg_operation_lock_privileges(operation, true, reterr));
    TRY(pg_membership_begin(operation, work->account, reterr));
    for (size_t i = 0; i < work->settings.count; i++)
        TRY(pg_operation_change(operation, "clearing default privileges", work->settings.items[i],
                                reterr));
    for (size_t i = 0; i < work->policies.count; i++)
        TRY(pg_operation_change(operation, "handing policies over", work->policies.items[i],
                                reterr));
    if (work->owned.count > 0) {
        TRY(pg_operation_change(
            operation, "handing objects over",
            pg_sql_reassign_owned(operation->arena, work->account->name, work->custodian), reterr));
        Owned left;
        TRY(pg_owned_read(operation, work->account, &left, reterr));
        if (left.count > 0)
            return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "objects_left",
                                 "%s stayed with the account",
                                 pg_owned_few(operation->arena, &left));
    }
    TRY(pg_membership_end(operation, work->account, reterr));
    FAULT_POINT("hand_over.before_commit");
    return STATUS_OK;
}

static void report_definers(Operation *operation, const HandOver *work) {
    const StringList *definers = &work->owned.definer_objects;
    const char *database = operation->session->target.database;
    for (size_t i = 0; i < definers->count && i < DEFINERS_NAMED; i++)
        evidence_warn(&operation->evidence,
                      "%s in database %s runs with the rights of %s from now on: look at it",
                      definers->items[i], database, work->custodian);
    if (definers->count > DEFINERS_NAMED)
        evidence_warn(&operation->evidence,
                      "more functions in database %s run with the rights of %s from now on "
                      "than are named here: look at all that it owns",
                      database, work->custodian);
}

static void report(Operation *operation, const HandOver *work) {
    const Owned *owned = &work->owned;
    const char *database = operation->session->target.database;
    for (size_t i = 0; i < owned->objects.count; i++)
        evidence_handed_over(&operation->evidence,
                             arena_printf(operation->arena, "%s: %s to %s", database,
                                          owned->objects.items[i], work->custodian));
    int64_t more = owned->count - (int64_t)owned->objects.count;
    if (more > 0)
        evidence_handed_over(&operation->evidence,
                             arena_printf(operation->arena, "%s: %lld more objects to %s", database,
                                          (long long)more, work->custodian));
    report_definers(operation, work);
}

// A commit whose answer is lost may have been made: it is in the evidence then, with that doubt.
static Status commit(Operation *operation, const HandOver *work, Error *reterr) {
    Status status = pg_operation_commit(operation, reterr);
    bool lost = status != STATUS_OK && PQstatus(operation->session->connection) != CONNECTION_OK;
    if (status == STATUS_OK || lost)
        report(operation, work);
    if (lost && work->owned.count > 0)
        evidence_warn(&operation->evidence,
                      "the connection was lost while handing over in database %s: what is "
                      "listed may be handed over by the next attempt only",
                      operation->session->target.database);
    return status;
}

static Status carry_out(Operation *operation, const HandOver *work, Error *reterr) {
    TRY(hand_schemas_over(operation, work, reterr));
    if (work->owned.count > TABLES_AT_ONCE)
        TRY(hand_many_over(operation, work, reterr));
    TRY(reassign(operation, work, reterr));
    return commit(operation, work, reterr);
}

// Only what is worth repeating is passed on; anything else is an obstacle.
static Status explain(Operation *operation, const HandOver *work, Status status, const Error *error,
                      Error *reterr) {
    bool locked = false;
    if (operation->evidence.failure == FAILURE_RETRY) {
        if (PQstatus(operation->session->connection) == CONNECTION_OK)
            TRY(pg_leftovers_find_locks(operation, work->account, &locked, reterr));
        operation->evidence.failure = FAILURE_RETRY;
        if (!locked && reterr != NULL)
            *reterr = *error;
        return locked ? STATUS_OK : status;
    }
    if (work->owned.count > 0)
        pg_custodian_add_obstacle(
            operation, work->account, &work->owned, work->custodian,
            arena_printf(operation->arena, "they cannot be handed over: %s", error->message));
    else
        pg_own_settings_add_obstacle(operation, work->account, &work->settings, error->message);
    return STATUS_OK;
}

Status pg_hand_over(Operation *operation, const Role *account, const char *custodian,
                    Error *reterr) {
    HandOver work = {.account = account, .custodian = custodian};
    TRY(pg_owned_read(operation, account, &work.owned, reterr));
    TRY(pg_own_settings_read(operation, account, &work.settings, reterr));
    if (work.owned.count > 0) {
        bool fit;
        TRY(pg_custodian_check(operation, account, custodian, &work.owned, &fit, reterr));
        if (!fit)
            return STATUS_OK;
        TRY(pg_own_policies_read(operation, account, custodian, &work.policies, reterr));
    } else if (work.settings.count == 0) {
        return STATUS_OK;
    }
    Error error = {0};
    Status status = carry_out(operation, &work, &error);
    FAULT_POINT("hand_over.committed");
    if (status == STATUS_OK)
        return STATUS_OK;
    pg_operation_rollback(operation);
    return explain(operation, &work, status, &error, reterr);
}
