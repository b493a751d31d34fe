#include "driver_redis_fence.h"

#include "driver/redis/fence.h"

Status fenced_change(DriverSession *session, const FencedChange *change, FailureClass *ret_failure,
                     Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Operation operation = {.session = session, .arena = arena, .evidence = {.arena = arena}};
    int64_t now_ms = clock_monotonic_ms(session->clock);
    Fence fence;
    AfterFence after;
    Status status = redis_fence_raise(&operation, change->account, now_ms + change->raised_for_ms,
                                      &fence, reterr);
    if (status == STATUS_OK) {
        fence.deadline_ms = now_ms + change->applied_for_ms;
        change->between(change->context);
        status = redis_fence_apply(
            &operation, &fence, "making an account",
            redis_words(arena, "ACL", "SETUSER", change->account, "on", "nopass", NULL), &after,
            reterr);
    }
    *ret_failure = operation.evidence.failure;
    redis_operation_settle(&operation);
    return status;
}
