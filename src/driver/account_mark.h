// The mark that Daypass leaves on every account it makes: how a connector finds its accounts again,
// and the reason it never touches anybody else's. Where it is kept is the engine's business.
#pragma once

#include "base/shape.h"
#include "domain/plan.h"

#include <stdbool.h>
#include <stdint.h>

// As text: 'daypass {"connector":…}'.
typedef struct AccountMark {
    int64_t v; // version of this form: 1
    const char *deployment;
    const char *grant;
    const char *connector;
    const char *custodian; // NULL: none
    const char *database;
    int64_t expires; // by the target's clock
} AccountMark;
extern const Shape ACCOUNT_MARK_SHAPE;

AccountMark account_mark_of(const Plan *plan, int64_t expires_at);
const char *account_mark_format(Arena *arena, const AccountMark *mark);
// False for a text that is none of ours: absent, malformed, of an unknown version.
bool account_mark_parse(Arena *arena, const char *text, AccountMark *ret_mark);
// Says that it is this plan's account and nobody else's.
bool account_mark_is(const AccountMark *mark, const Plan *plan);
