#include "driver/postgresql/shared_role.h"

#include <string.h>

#include "base/fault_point.h"
#include "driver/postgresql/acl.h"
#include "driver/postgresql/shared_role_mark.h"
#include "driver/postgresql/role.h"
#include "driver/postgresql/shared_role_excess.h"

enum {
    SWEPT_AT_MOST = 5,
    // A flow that is used now and then keeps its role for so long after it was made.
    UNUSED_KEPT_MS = 3600 * SECOND_MS,
};

// How a shared role differs from what it shall be.
typedef struct Difference {
    PrivilegeSet excess;  // objects with too much, and all that is held on them
    PrivilegeSet missing; // to be granted after that
    StringList memberships;
    bool attributes;  // LOGIN, NOINHERIT
    Obstacles beyond; // what cannot be mended
} Difference;

static bool is_none(const Difference *difference) {
    return difference->excess.count == 0 && difference->missing.count == 0 &&
           difference->memberships.count == 0 && !difference->attributes &&
           difference->beyond.count == 0;
}

static uint32_t privileges_on(const PrivilegeSet *set, const SqlObject *object) {
    for (size_t i = 0; i < set->count; i++)
        if (pg_sql_object_compare(&set->items[i].object, object) == 0)
            return set->items[i].privileges;
    return 0;
}

static Status compare(Operation *operation, const Plan *plan, const Role *role,
                      const PrivilegeSet *wanted, Difference *ret_difference, Error *reterr) {
    Arena *arena = operation->arena;
    Difference difference = {.attributes = role->can_login || !role->inherits};
    TRY(pg_role_memberships(operation, role->oid, &difference.memberships, reterr));
    // What acl_read does not see: other databases, other kinds of objects, ownership, policies.
    TRY(pg_shared_role_excess(operation, role, plan->custodian, &difference.beyond, reterr));
    AclEntries entries;
    TRY(pg_acl_read(operation, role->oid, &entries, reterr));
    PrivilegeSet held = pg_acl_privileges(arena, &entries);
    PrivilegeSet extra = pg_privilege_set_minus(arena, &held, wanted);
    for (size_t i = 0; i < entries.count; i++)
        if (entries.items[i].grantable || entries.items[i].of_columns)
            pg_privilege_set_add(arena, &extra, &entries.items[i].object,
                                 entries.items[i].privileges);
    pg_privilege_set_normalise(&extra);
    for (size_t i = 0; i < extra.count; i++)
        pg_privilege_set_add(arena, &difference.excess, &extra.items[i].object,
                             privileges_on(&held, &extra.items[i].object));
    difference.missing = pg_privilege_set_minus(arena, wanted, &held);
    *ret_difference = difference;
    return STATUS_OK;
}

// Objects with too much lose everything and get back what the set has of them.
static void regrant_excess(Arena *arena, const PrivilegeSet *wanted, Difference *difference) {
    for (size_t i = 0; i < difference->excess.count; i++) {
        const SqlObject *object = &difference->excess.items[i].object;
        pg_privilege_set_add(arena, &difference->missing, object, privileges_on(wanted, object));
    }
    pg_privilege_set_normalise(&difference->missing);
}

static Status mend(Operation *operation, const char *name, const PrivilegeSet *wanted,
                   Difference *difference, Error *reterr) {
    Arena *arena = operation->arena;
    if (difference->attributes)
        TRY(pg_operation_change(operation, "restraining a shared role",
                                pg_sql_restrain_shared_role(arena, name), reterr));
    for (size_t i = 0; i < difference->memberships.count; i++)
        TRY(pg_operation_change(operation, "taking a membership from a shared role",
                                pg_sql_revoke_role(arena, difference->memberships.items[i], name),
                                reterr));
    StringList revokes = pg_privilege_set_revokes(arena, &difference->excess, name);
    for (size_t i = 0; i < revokes.count; i++)
        TRY(pg_operation_change(operation, "taking privileges from a shared role", revokes.items[i],
                                reterr));
    regrant_excess(arena, wanted, difference);
    StringList grants = pg_privilege_set_grants(arena, &difference->missing, name, false);
    return pg_operation_change_all(operation, "giving a shared role its privileges", &grants,
                                   reterr);
}

static Status beyond_mending(Operation *operation, const Obstacles *beyond, Error *reterr) {
    for (size_t i = 0; i < beyond->count; i++)
        pg_operation_add_obstacle(operation, beyond->items[i].what, beyond->items[i].repair);
    return evidence_fail(
        &operation->evidence, FAILURE_CONFLICT, reterr, "shared_role_altered",
        "%s, so nobody is made a member of it. Let the database's administrator run: %s",
        beyond->items[0].what, beyond->items[0].repair);
}

// Privileges that came from somebody whom the admin may not act for.
static Status altered(Operation *operation, const char *name, const Difference *difference,
                      Error *reterr) {
    if (difference->beyond.count > 0)
        return beyond_mending(operation, &difference->beyond, reterr);
    Arena *arena = operation->arena;
    StringList revokes = pg_privilege_set_revokes(arena, &difference->excess, name);
    for (size_t i = 0; i < revokes.count; i++)
        pg_operation_add_obstacle(
            operation, arena_printf(arena, "shared role \"%s\" has more than its plan", name),
            pg_sql_in_database(arena, arena_printf(arena, "%s;", revokes.items[i]),
                               operation->session->target.database, "as the role that gave it"));
    return evidence_fail(
        &operation->evidence, FAILURE_CONFLICT, reterr, "shared_role_altered",
        "shared role \"%s\" differs from its plan (too much: %s), and the admin account cannot "
        "mend it; let whoever gave that take it back",
        name, pg_privilege_set_describe(arena, &difference->excess));
}

static Status create(Operation *operation, const Plan *plan, const char *name, const char *hash,
                     int64_t now_at, Error *reterr) {
    SharedRoleMark mark = {.deployment = plan->deployment,
                           .database = operation->session->target.database,
                           .privileges = hash,
                           .made = now_at};
    TRY(pg_operation_change(operation, "creating a shared role",
                            pg_sql_create_shared_role(operation->arena, name), reterr));
    return pg_operation_change(
        operation, "marking a shared role",
        pg_sql_comment_role(operation->arena, name,
                            pg_shared_role_mark_format(operation->arena, &mark)),
        reterr);
}

// A role of that name which is not the one of this set is never used.
static Status check_mark(Operation *operation, const Plan *plan, const Role *role, const char *hash,
                         Error *reterr) {
    SharedRoleMark mark;
    if (pg_shared_role_mark_parse(operation->arena, role->comment, &mark) &&
        text_equal(mark.deployment, plan->deployment) &&
        text_equal(mark.database, operation->session->target.database) &&
        text_equal(mark.privileges, hash))
        return STATUS_OK;
    return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "shared_role_taken",
                         "role \"%s\" is there but does not carry the mark of this shared role; "
                         "rename or drop it",
                         role->name);
}

Status pg_shared_role_ensure(Operation *operation, const Plan *plan, const PrivilegeSet *wanted,
                             int64_t now_at, bool exclusive, const char **ret_role, Error *reterr) {
    const char *hash;
    const char *name = pg_privilege_set_role_name(operation->arena, wanted, plan->deployment,
                                                  operation->session->target.database, &hash);
    bool found;
    Role role;
    Difference difference;
    TRY(pg_role_read(operation, name, &found, &role, reterr));
    if (found) {
        TRY(check_mark(operation, plan, &role, hash, reterr));
        TRY(compare(operation, plan, &role, wanted, &difference, reterr));
        if (is_none(&difference)) {
            *ret_role = name;
            return STATUS_OK;
        }
        if (difference.beyond.count > 0)
            return beyond_mending(operation, &difference.beyond, reterr);
    }
    if (!exclusive) {
        *ret_role = NULL;
        return STATUS_OK;
    }
    if (!found) {
        TRY(create(operation, plan, name, hash, now_at, reterr));
        FAULT_POINT("shared_role.created");
        difference = (Difference){.missing = *wanted};
    }
    TRY(mend(operation, name, wanted, &difference, reterr));
    FAULT_POINT("shared_role.filled");
    TRY(pg_role_read(operation, name, &found, &role, reterr));
    TRY(compare(operation, plan, &role, wanted, &difference, reterr));
    if (!found || !is_none(&difference))
        return altered(operation, name, &difference, reterr);
    *ret_role = name;
    return STATUS_OK;
}

static Status remove_role(Operation *operation, int64_t oid, const char *name) {
    AclEntries entries;
    TRY(pg_acl_read(operation, oid, &entries, NULL));
    PrivilegeSet held = pg_acl_privileges(operation->arena, &entries);
    StringList revokes = pg_privilege_set_revokes(operation->arena, &held, name);
    TRY(pg_operation_change_all(operation, "emptying a shared role", &revokes, NULL));
    return pg_operation_change(operation, "removing a shared role",
                               pg_sql_drop_role(operation->arena, name), NULL);
}

// Under the exclusive lock nobody can be about to become a member.
static Status sweep(Operation *operation, const Plan *plan) {
    static const char SQL[] =
        "SELECT r.oid, r.rolname, shobj_description(r.oid, 'pg_authid'),"
        " floor(extract(epoch FROM now()) * 1000)::bigint"
        " FROM pg_roles r WHERE r.rolname LIKE 'daypass\\_%' AND NOT r.rolcanlogin"
        " AND shobj_description(r.oid, 'pg_authid') LIKE 'daypass-role {%'"
        " AND NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member"
        "  WHERE m.roleid = r.oid AND u.rolname <> current_user)";
    Rows *rows;
    TRY(pg_operation_read(
        operation, &(Query){.doing = "looking for unused shared roles", .sql = SQL}, &rows, NULL));
    int swept = 0;
    for (int i = 0; i < pg_rows_count(rows) && swept < SWEPT_AT_MOST; i++) {
        SharedRoleMark mark;
        if (!pg_shared_role_mark_parse(operation->arena, pg_rows_text(rows, i, 2), &mark) ||
            !text_equal(mark.deployment, plan->deployment) ||
            !text_equal(mark.database, operation->session->target.database) ||
            mark.made > pg_rows_int(rows, i, 3) - UNUSED_KEPT_MS)
            continue;
        // One that cannot be removed keeps no other from it.
        TRY(pg_operation_change(operation, "looking at an unused shared role", "SAVEPOINT unused",
                                NULL));
        if (remove_role(operation, pg_rows_int(rows, i, 0), pg_rows_text(rows, i, 1)) != STATUS_OK)
            TRY(pg_operation_change(operation, "leaving an unused shared role",
                                    "ROLLBACK TO SAVEPOINT unused", NULL));
        swept++;
    }
    return STATUS_OK;
}

void pg_shared_role_sweep(Operation *operation, const Plan *plan) {
    FailureClass failure = operation->evidence.failure;
    bool locked = false;
    if (pg_operation_begin(operation, NULL) == STATUS_OK &&
        pg_operation_try_lock_privileges(operation, &locked, NULL) == STATUS_OK && locked &&
        sweep(operation, plan) == STATUS_OK && pg_operation_commit(operation, NULL) == STATUS_OK) {
        operation->evidence.failure = failure;
        return;
    }
    pg_operation_rollback(operation);
    operation->evidence.failure = failure;
}
