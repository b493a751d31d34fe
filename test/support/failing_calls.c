#include "support/failing_calls.h"

#include <stdatomic.h>

static atomic_long calls_left; // 0: nothing is armed
static _Atomic(const char *) failed;

void failing_calls_arm(size_t nth) {
    atomic_store(&failed, NULL);
    atomic_store(&calls_left, (long)nth);
}

const char *failing_calls_disarm(void) {
    atomic_store(&calls_left, 0);
    return atomic_exchange(&failed, NULL);
}

bool failing_call(const char *name) {
    if (atomic_load(&calls_left) <= 0 || atomic_fetch_sub(&calls_left, 1) != 1)
        return false;
    atomic_store(&failed, name);
    return true;
}
