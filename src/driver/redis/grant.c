#include "driver/redis/grant.h"

#include <sodium.h>
#include <string.h>

#include "base/fault_point.h"
#include "driver/redis/account.h"
#include "driver/redis/fence.h"
#include "driver/redis/revoke.h"
#include "driver/redis/rule.h"

enum { ATTEMPTS = 3 };

Status redis_plan_check(Operation *operation, const Plan *plan, Error *reterr) {
    operation->evidence.failure = FAILURE_FATAL;
    TRY(identifier_check_of(TARGET_REDIS, "account", plan->account, reterr));
    if (plan->account[0] == '\0' || strpbrk(plan->account, " \t\r\n\v\f") != NULL ||
        strcmp(plan->account, "default") == 0)
        return error_set(reterr, STATUS_INVALID, "bad_plan",
                         "Redis can have no account of that name; expected one without spaces, "
                         "and not default");
    if (plan->grant_id == NULL || plan->deployment == NULL || plan->connector == NULL)
        return error_set(reterr, STATUS_INVALID, "bad_plan",
                         "the plan names no grant, deployment or connector");
    if (!text_equal(plan->target->database, operation->session->target.database))
        return error_set(reterr, STATUS_INVALID, "bad_plan",
                         "the plan is for database \"%s\", the session is in \"%s\"",
                         plan->target->database, operation->session->target.database);
    operation->evidence.failure = FAILURE_NONE;
    operation->evidence.outcome->account = plan->account;
    return STATUS_OK;
}

static Status check_order(Operation *operation, const GrantOrder *order, bool needs_password,
                          bool needs_time, Error *reterr) {
    TRY(redis_plan_check(operation, order->plan, reterr));
    bool has_time = order->ends_ms > clock_monotonic_ms(operation->session->clock);
    if ((needs_password && order->password == NULL) || (needs_time && !has_time))
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "bad_order",
                             "the order has no password or no time left");
    return redis_operation_check_deadline(operation, order->deadline_ms, reterr);
}

// What remains is counted after the server has told its time, so that the end it is given is never
// later than the one that was decided.
static Status read_end(Operation *operation, const GrantOrder *order, int64_t *ret_expires_at,
                       Error *reterr) {
    int64_t now_at;
    TRY(redis_operation_now(operation, &now_at, reterr));
    int64_t remaining_ms = order->ends_ms - clock_monotonic_ms(operation->session->clock);
    if (remaining_ms <= 0)
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "no_time_left",
                             "the access is over before it could be given");
    *ret_expires_at = now_at + remaining_ms;
    return STATUS_OK;
}

// As it was in the moment it was made or changed.
static void note_account(Operation *operation, const Plan *plan, const AfterFence *after) {
    Outcome *outcome = operation->evidence.outcome;
    const Account *account = redis_account_find(operation->arena, after->accounts, plan->account);
    outcome->target_now_at = after->now_at;
    outcome->account_present = account != NULL;
    outcome->login_refused = true;
    if (account == NULL)
        return;
    outcome->state = redis_account_state(operation, account);
    outcome->login_refused = !outcome->state->can_login;
    outcome->target_expires_at = account->mark.expires;
    outcome->account_key = account->key;
}

// A file that cannot be written is no reason to take back what works.
static void save(Operation *operation) {
    Error error = {0};
    bool saved;
    FailureClass failure = operation->evidence.failure;
    if (redis_operation_save(operation, &saved, &error) != STATUS_OK)
        evidence_warn(&operation->evidence, "the account is gone when the server restarts: %s",
                      error.message);
    else if (!saved)
        evidence_warn(&operation->evidence,
                      "the server has no aclfile: the account is gone when it restarts");
    operation->evidence.failure = failure;
}

static void warn_of_surroundings(Operation *operation, const Plan *plan) {
    if (plan->connection_limit > 0)
        evidence_warn(&operation->evidence, "Redis has no limit of connections for an account");
    if (operation->session->replicas > 0)
        evidence_warn(&operation->evidence,
                      "the server has replicas: they do not know the account, nor would one that "
                      "takes its place");
}

// ---- Grant --------------------------------------------------------------------------------------

// ACL CAT admin, as commands are written in a flow.
static Status read_admin_commands(Operation *operation, StringList *ret_commands, Error *reterr) {
    Reply *reply;
    TRY(redis_operation_read(operation, "reading the commands of administrators",
                             redis_words(operation->arena, "ACL", "CAT", "admin", NULL), &reply,
                             reterr));
    StringList commands = {0};
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        if (reply->element[i]->str != NULL)
            string_list_add(operation->arena, &commands, reply->element[i]->str);
    *ret_commands = commands;
    return STATUS_OK;
}

static Status rules_of_plan(Operation *operation, const Plan *plan, StringList *ret_rules,
                            Error *reterr) {
    StringList dangerous;
    TRY(read_admin_commands(operation, &dangerous, reterr));
    RuleContext context = {.version = operation->session->version,
                           .dangerous = &dangerous,
                           .database = operation->session->target.database};
    Status status = redis_rules_of(operation->arena, &context, &plan->access, ret_rules, reterr);
    if (status != STATUS_OK)
        operation->evidence.failure =
            status == STATUS_UNSUPPORTED ? FAILURE_UNSUPPORTED : FAILURE_FATAL;
    return status;
}

// One command makes the account whole: with its mark, its password and its rights.
static Status make_account(Operation *operation, const GrantOrder *order, const StringList *rules,
                           const Fence *fence, AfterFence *ret_after, Error *reterr) {
    static const char *const NOTHING[] = {"reset", "on", "resetkeys", "resetchannels"};
    Arena *arena = operation->arena;
    const Plan *plan = order->plan;
    int64_t expires_at = 0;
    TRY(read_end(operation, order, &expires_at, reterr));
    AccountMark mark = account_mark_of(plan, expires_at);
    StringList words = {0};
    string_list_add(arena, &words, "ACL");
    string_list_add(arena, &words, "SETUSER");
    string_list_add(arena, &words, plan->account);
    for (size_t i = 0; i < COUNT_OF(NOTHING); i++)
        string_list_add(arena, &words, NOTHING[i]);
    string_list_add(arena, &words, redis_rule_password(arena, order->password));
    string_list_add(
        arena, &words,
        redis_mark_rule(arena, redis_mark_key_new(arena), account_mark_format(arena, &mark)));
    for (size_t i = 0; i < rules->count; i++)
        string_list_add(arena, &words, rules->items[i]);
    FAULT_POINT("grant.before_commit");
    return redis_fence_apply(operation, fence, "creating the account",
                             redis_words_of(arena, &words), ret_after, reterr);
}

Status redis_account_grant(Operation *operation, const GrantOrder *order, Error *reterr) {
    TRY(check_order(operation, order, true, true, reterr));
    const Plan *plan = order->plan;
    StringList rules;
    TRY(rules_of_plan(operation, plan, &rules, reterr));
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        Fence fence;
        AfterFence after;
        const Account *account;
        TRY(redis_fence_raise(operation, plan->account, order->deadline_ms, &fence, reterr));
        TRY(redis_account_read(operation, plan->account, &account, reterr));
        if (account == NULL) {
            TRY(make_account(operation, order, &rules, &fence, &after, reterr));
            FAULT_POINT("grant.committed");
            note_account(operation, plan, &after);
            warn_of_surroundings(operation, plan);
            save(operation);
            return STATUS_OK;
        }
        TRY(redis_fence_lower(operation, reterr));
        TRY(redis_account_remove(operation, plan, reterr));
        FAULT_POINT("grant.again");
    }
    return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "target_busy",
                         "account \"%s\" appears again and again; somebody else is making it",
                         plan->account);
}

// ---- Changing -----------------------------------------------------------------------------------

// Raises the fence, and looks for an account that is this plan's and not locked.
static Status begin_on_account(Operation *operation, const GrantOrder *order, Fence *ret_fence,
                               const Account **ret_account, Error *reterr) {
    const Plan *plan = order->plan;
    TRY(redis_fence_raise(operation, plan->account, order->deadline_ms, ret_fence, reterr));
    TRY(redis_account_read(operation, plan->account, ret_account, reterr));
    if (*ret_account == NULL)
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "account_not_found",
                             "account \"%s\" is gone from the server", plan->account);
    operation->evidence.outcome->account_present = true;
    TRY(redis_account_check_mark(operation, plan, *ret_account, reterr));
    if (!(*ret_account)->on)
        return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_locked",
                             "account \"%s\" is locked: its access is being taken back",
                             plan->account);
    return STATUS_OK;
}

// A channel's pattern cannot be taken away alone.
Status redis_account_extend(Operation *operation, const GrantOrder *order, Error *reterr) {
    TRY(check_order(operation, order, false, true, reterr));
    Arena *arena = operation->arena;
    Fence fence;
    AfterFence after;
    const Account *account;
    TRY(begin_on_account(operation, order, &fence, &account, reterr));
    AccountMark mark = account->mark;
    TRY(read_end(operation, order, &mark.expires, reterr));
    StringList words = {0};
    string_list_add(arena, &words, "ACL");
    string_list_add(arena, &words, "SETUSER");
    string_list_add(arena, &words, order->plan->account);
    string_list_add(arena, &words, "resetchannels");
    string_list_add(arena, &words,
                    redis_mark_rule(arena, account->key, account_mark_format(arena, &mark)));
    for (size_t i = 0; i < account->channels.count; i++)
        string_list_add(arena, &words, account->channels.items[i]);
    FAULT_POINT("extend.before_commit");
    TRY(redis_fence_apply(operation, &fence, "setting the account's end",
                          redis_words_of(arena, &words), &after, reterr));
    FAULT_POINT("extend.committed");
    note_account(operation, order->plan, &after);
    save(operation);
    return STATUS_OK;
}

Status redis_account_reset(Operation *operation, const GrantOrder *order, Error *reterr) {
    TRY(check_order(operation, order, true, false, reterr));
    Fence fence;
    AfterFence after;
    const Account *account;
    TRY(begin_on_account(operation, order, &fence, &account, reterr));
    FAULT_POINT("reset.before_commit");
    TRY(redis_fence_apply(operation, &fence, "setting the account's password",
                          redis_words(operation->arena, "ACL", "SETUSER", order->plan->account,
                                      "resetpass",
                                      redis_rule_password(operation->arena, order->password), NULL),
                          &after, reterr));
    FAULT_POINT("reset.committed");
    note_account(operation, order->plan, &after);
    save(operation);
    return STATUS_OK;
}
