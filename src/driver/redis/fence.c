#include "driver/redis/fence.h"

#include <sodium.h>

enum { NONCE_BYTES = 12 };

static const char *key_of(Arena *arena, const char *account) {
    return arena_printf(arena, "daypass:fence:%s", account);
}

// The server counts half of what remains from some moment before its answer reaches us. With that
// answer here in less than the other half, its count ends before the deadline does.
Status redis_fence_raise(Operation *operation, const char *account, int64_t deadline_ms,
                         Fence *ret_fence, Error *reterr) {
    Arena *arena = operation->arena;
    TRY(redis_operation_check_deadline(operation, deadline_ms, reterr));
    int64_t remaining_ms = deadline_ms - clock_monotonic_ms(operation->session->clock);
    Fence fence = {.key = key_of(arena, account), .deadline_ms = deadline_ms};
    fence.half_ms = remaining_ms / 2 > 0 ? remaining_ms / 2 : 1;
    if (fence.half_ms > INT32_MAX)
        fence.half_ms = INT32_MAX;
    unsigned char nonce[NONCE_BYTES];
    randombytes_buf(nonce, sizeof nonce);
    const char *milliseconds = arena_printf(arena, "%lld", (long long)fence.half_ms);
    Reply *reply;
    TRY(redis_operation_change(operation, "setting the deadline",
                               redis_words(operation->arena, "SET", fence.key,
                                           hex_encode(arena, nonce, sizeof nonce), "PX",
                                           milliseconds, NULL),
                               &reply, reterr));
    operation->session->watching = true;
    TRY(redis_operation_read(operation, "watching the deadline",
                             redis_words(operation->arena, "WATCH", fence.key, NULL), &reply,
                             reterr));
    // A key that had ended before it was watched would refuse nothing.
    TRY(redis_operation_read(operation, "reading the deadline",
                             redis_words(operation->arena, "PTTL", fence.key, NULL), &reply,
                             reterr));
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer <= 0 ||
        clock_monotonic_ms(operation->session->clock) >= deadline_ms - fence.half_ms)
        return evidence_deadline_passed(&operation->evidence, reterr);
    *ret_fence = fence;
    return STATUS_OK;
}

static Status refused_by_fence(Operation *operation, const Fence *fence, Error *reterr) {
    TRY(redis_operation_check_deadline(operation, fence->deadline_ms - fence->half_ms, reterr));
    return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "target_busy",
                         "somebody else changed the account at the same time, so nothing was "
                         "done");
}

// The place of each answer in that of EXEC.
enum { ANSWER_COMMAND, ANSWER_DEL, ANSWER_LIST, ANSWER_TIME, ANSWER_COUNT };

static Status judge_transaction(Operation *operation, const Command *command, Reply *reply,
                                AfterFence *ret_after, Error *reterr) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != ANSWER_COUNT)
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "target_failed",
                             "Redis answered a transaction with something else");
    Reply *answer = reply->element[ANSWER_COMMAND];
    if (answer->type == REDIS_REPLY_ERROR)
        return redis_session_refused(operation->session, command, answer->str,
                                     &operation->evidence.failure, reterr);
    redis_operation_record(operation, command->words, 0);
    ret_after->accounts = reply->element[ANSWER_LIST];
    ret_after->now_at = 0;
    (void)redis_time_of(reply->element[ANSWER_TIME], &ret_after->now_at);
    return STATUS_OK;
}

static void discard(Operation *operation) {
    FailureClass failure = operation->evidence.failure;
    Reply *reply;
    if (!operation->session->lost) {
        Status status =
            redis_operation_read(operation, "leaving a transaction",
                                 redis_words(operation->arena, "DISCARD", NULL), &reply, NULL);
        (void)status; // one that it cannot leave was left already
    }
    operation->session->watching = false;
    operation->evidence.failure = failure;
}

static Status run_transaction(Operation *operation, const Fence *fence, const Command *command,
                              Reply **ret_reply, Error *reterr) {
    const char *const *const all[] = {
        [ANSWER_COMMAND] = command->words,
        [ANSWER_DEL] = redis_words(operation->arena, "DEL", fence->key, NULL),
        [ANSWER_LIST] = redis_words(operation->arena, "ACL", "LIST", NULL),
        [ANSWER_TIME] = redis_words(operation->arena, "TIME", NULL),
    };
    Reply *reply;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        TRY(redis_operation_read(operation, command->doing, all[i], &reply, reterr));
    // Past half of the time the server would refuse; what it cannot know is how long its answer to
    // SET took to reach us.
    TRY(redis_operation_check_deadline(operation, fence->deadline_ms - fence->half_ms, reterr));
    return redis_operation_read(operation, command->doing,
                                redis_words(operation->arena, "EXEC", NULL), ret_reply, reterr);
}

Status redis_fence_apply(Operation *operation, const Fence *fence, const char *doing,
                         const char *const *words, AfterFence *ret_after, Error *reterr) {
    const Command command = {.doing = doing, .words = words};
    Reply *reply;
    TRY(redis_operation_read(operation, doing, redis_words(operation->arena, "MULTI", NULL), &reply,
                             reterr));
    Status status = run_transaction(operation, fence, &command, &reply, reterr);
    if (status != STATUS_OK) {
        discard(operation);
        return status;
    }
    operation->session->watching = false;
    if (reply->type == REDIS_REPLY_NIL)
        return refused_by_fence(operation, fence, reterr);
    return judge_transaction(operation, &command, reply, ret_after, reterr);
}

Status redis_fence_lower(Operation *operation, Error *reterr) {
    Reply *reply;
    operation->session->watching = false;
    return redis_operation_read(operation, "lifting the deadline",
                                redis_words(operation->arena, "UNWATCH", NULL), &reply, reterr);
}

Status redis_fence_break(Operation *operation, const char *account, Error *reterr) {
    Reply *reply;
    Error error = {0};
    Status status = redis_operation_change(
        operation, "stopping other changes of the account",
        redis_words(operation->arena, "DEL", key_of(operation->arena, account), NULL), &reply,
        &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (operation->evidence.failure == FAILURE_DENIED) {
        operation->evidence.failure = FAILURE_NONE;
        evidence_warn(&operation->evidence, "%s", error.message);
        return STATUS_OK;
    }
    if (reterr != NULL)
        *reterr = error;
    return status;
}
