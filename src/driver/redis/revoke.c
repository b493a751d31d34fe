#include "driver/redis/revoke.h"

#include <string.h>

#include "base/fault_point.h"
#include "driver/redis/account.h"
#include "driver/redis/clients.h"
#include "driver/redis/fence.h"
#include "driver/redis/grant.h"
#include "driver/redis/rule.h"

// No login, no password, no rights: what runs meanwhile is refused too. The mark stays, so that an
// account that somebody removes at this moment, and that this command would make anew, is found.
static Status lock_account(Operation *operation, const Account *account, Error *reterr) {
    Arena *arena = operation->arena;
    Reply *reply;
    const char *mark =
        redis_mark_rule(arena, account->key, account_mark_format(arena, &account->mark));
    bool selectors = operation->session->version >= REDIS_SELECTORS_VERSION;
    const char *const words[] = {
        "ACL",       "SETUSER",       account->name, "off",   "resetpass",
        "resetkeys", "resetchannels", mark,          "-@all", selectors ? "clearselectors" : NULL,
        NULL};
    return redis_operation_change(operation, "locking the account", words, &reply, reterr);
}

static Status find_account(Operation *operation, const Plan *plan, const Account **ret_account,
                           Error *reterr) {
    TRY(redis_fence_break(operation, plan->account, reterr));
    TRY(redis_account_read(operation, plan->account, ret_account, reterr));
    return *ret_account == NULL ? STATUS_OK
                                : redis_account_check_mark(operation, plan, *ret_account, reterr);
}

// What is not in the file any more cannot come back from it. Also when the account is gone already:
// whoever removed it may not have come to this.
static Status save_removal(Operation *operation, Error *reterr) {
    bool saved;
    return redis_operation_save(operation, &saved, reterr);
}

Status redis_account_remove(Operation *operation, const Plan *plan, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    const Account *account;
    Reply *reply;
    outcome->account_present = true;
    TRY(find_account(operation, plan, &account, reterr));
    outcome->account_present = account != NULL;
    if (account != NULL) {
        outcome->account_key = account->key;
        outcome->target_expires_at = account->mark.expires;
        int64_t sessions = redis_clients_present(operation, plan->account);
        FAULT_POINT("revoke.before_lock");
        TRY(lock_account(operation, account, reterr));
        FAULT_POINT("revoke.locked");
        TRY(redis_fence_break(operation, plan->account, reterr));
        outcome->login_refused = true;
        TRY(redis_clients_end(operation, plan->account, sessions, reterr));
        FAULT_POINT("revoke.sessions_ended");
        FAULT_POINT("revoke.before_drop");
        TRY(redis_operation_change(
            operation, "removing the account",
            redis_words(operation->arena, "ACL", "DELUSER", plan->account, NULL), &reply, reterr));
        FAULT_POINT("revoke.dropped");
        outcome->account_present = false;
    }
    outcome->login_refused = true;
    return save_removal(operation, reterr);
}

Status redis_account_revoke(Operation *operation, const Plan *plan, Error *reterr) {
    const Account *account;
    TRY(redis_plan_check(operation, plan, reterr));
    TRY(redis_account_remove(operation, plan, reterr));
    TRY(redis_clients_end(operation, plan->account, 0, reterr));
    TRY(redis_account_read(operation, plan->account, &account, reterr));
    operation->evidence.outcome->account_present = account != NULL;
    operation->evidence.outcome->login_refused = account == NULL || !account->on;
    FAULT_POINT("revoke.seen_gone");
    return redis_operation_now(operation, &operation->evidence.outcome->target_now_at, reterr);
}
