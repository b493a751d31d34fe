// What keeps two operations on one account apart, and a change from happening past its deadline.
//
// A rule of an account cannot be changed on condition: MULTI and WATCH know keys alone. So there is
// a key for each account that is being changed, "daypass:fence:" and its name. Who wants to change
// an account sets the key, to end half way to the deadline by the server's own count, watches it,
// looks at the account, and changes it in a transaction. The server refuses that transaction when
// the key has ended or was touched. Who removes an account deletes the key before looking, and
// again after locking the account: what was looked at before is never acted upon after.
#pragma once

#include "driver/redis/operation.h"

typedef struct Fence {
    const char *key;
    int64_t deadline_ms;
    int64_t half_ms; // of the time that was left
} Fence;

// "deadline_passed" where it has. From here until redis_fence_apply or _lower the session watches.
MUST_USE Status redis_fence_raise(Operation *operation, const char *account, int64_t deadline_ms,
                                  Fence *ret_fence, Error *reterr);

// What is there in the moment after the change, read together with it, so that nothing is left that
// could fail once it is done.
typedef struct AfterFence {
    Reply *accounts; // of ACL LIST
    int64_t now_at;  // the server's clock
} AfterFence;
// The command, before the deadline or not at all. "target_busy" where somebody else changed the
// account meanwhile: nothing was done then.
MUST_USE Status redis_fence_apply(Operation *operation, const Fence *fence, const char *doing,
                                  const char *const *words, AfterFence *ret_after, Error *reterr);
MUST_USE Status redis_fence_lower(Operation *operation, Error *reterr);
// Makes whoever has raised it fail. An admin who may not is told so in a warning.
MUST_USE Status redis_fence_break(Operation *operation, const char *account, Error *reterr);
