// Daypass's marks: comments on roles that say what the role is for. The account's mark is how a
// connector finds its accounts again, and the reason it never touches anybody else's.
#pragma once

#include "base/shape.h"
#include "domain/plan.h"

#include <stdbool.h>
#include <stdint.h>

// 'daypass {"connector":…}' on an account.
typedef struct AccountMark {
    int64_t v; // version of this form: 1
    const char *deployment;
    const char *grant;
    const char *connector;
    const char *custodian; // NULL: none
    const char *database;
    int64_t expires; // by the target's clock
} AccountMark;
extern const Shape PG_ACCOUNT_MARK_SHAPE;

AccountMark pg_account_mark_of(const Plan *plan, int64_t expires_at);
const char *pg_account_mark_format(Arena *arena, const AccountMark *mark);
// False for a comment that is none of ours: absent, malformed, of an unknown version.
bool pg_account_mark_parse(Arena *arena, const char *comment, AccountMark *ret_mark);
// Says that it is this plan's account and nobody else's.
bool pg_account_mark_is(const AccountMark *mark, const Plan *plan);

// 'daypass-role {…}' on a shared role.
typedef struct SharedRoleMark {
    int64_t v;
    const char *deployment;
    const char *database;
    const char *privileges; // hash of the whole set, 64 hex digits
    int64_t made;           // by the target's clock
} SharedRoleMark;
extern const Shape PG_SHARED_ROLE_MARK_SHAPE;

const char *pg_shared_role_mark_format(Arena *arena, const SharedRoleMark *mark);
bool pg_shared_role_mark_parse(Arena *arena, const char *comment, SharedRoleMark *ret_mark);
