// What a plan's access means on this server now: the exact objects and privileges, and what of it
// is not there. Reads only; grant and check stand on the same answer.
#pragma once

#include "domain/plan.h"
#include "driver/mysql/operation.h"

typedef struct RefusedRole {
    const char *role;
    const char *reason;
} RefusedRole;

typedef struct Access {
    MyGrant *grants; // one object each
    size_t count;
    StringList roles;      // quoted, to be given
    StringList role_names; // the same as they are
    StringList absent;     // "table `s`.`t`"
    RefusedRole *refused;  // roles of the plan that nobody is given
    size_t refused_count;
    bool makes_things; // views, routines, triggers or events, whose definer the account would be
    size_t capacity;
} Access;

// Fails only where the server does, for a name that cannot be one, or for a schema of the server's.
MUST_USE Status my_access_read(Operation *operation, const AccessItems *items, Access *ret_access,
                               Error *reterr);
// FAILURE_NOT_FOUND or FAILURE_REFUSED, naming what; or STATUS_OK.
MUST_USE Status my_access_require(Operation *operation, const Access *access, Error *reterr);

// Why an account has too much power to be handed things, or a role to be handed on: a privilege on
// the whole server or on the server's own schemas. NULL: it has not.
MUST_USE Status my_power_of(Operation *operation, MyName name, const char **ret_power,
                            Error *reterr);

// What every account has beside its own: mandatory roles, privileges of PUBLIC. NULL: nothing.
MUST_USE Status my_everybody_has(Operation *operation, const char **ret_what, Error *reterr);
// Whether it has, by itself, a right to make things that have a definer.
MUST_USE Status my_makes_things(Operation *operation, MyName name, bool *ret_makes, Error *reterr);
// 'name'@'host' as information_schema has it, as a literal.
const char *my_grantee(Arena *arena, MyName name);
// An account or role, and the roles that it brings along: name, host, has any with ADMIN OPTION.
MUST_USE Status my_roles_brought(Operation *operation, MyName name, Rows *ret_rows, Error *reterr);
