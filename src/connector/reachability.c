#include "connector/reachability.h"

#include "base/monitor.h"

// Short against the pauses after which the control plane hands out again what failed.
enum { NOT_TRIED_MS = 5000 };

struct Reachability {
    const ConnectorOptions *options;
    Monitor monitor;
    int64_t *tried_again_at; // one a secret; 0: whenever
};

Reachability *reachability_new(const ConnectorOptions *options) {
    Reachability *reachability = mem_alloc(sizeof(*reachability));
    reachability->options = options;
    reachability->tried_again_at = mem_alloc((options->secrets.count + 1) * sizeof(int64_t));
    monitor_init(&reachability->monitor);
    return reachability;
}

Reachability *reachability_free(Reachability *reachability) {
    if (!reachability)
        return NULL;
    monitor_done(&reachability->monitor);
    mem_free(reachability->tried_again_at);
    return mem_free(reachability);
}

static int64_t *entry_of(Reachability *reachability, const SecretSource *secret) {
    return &reachability->tried_again_at[secret - reachability->options->secrets.items];
}

bool reachability_may_try(Reachability *reachability, const SecretSource *secret, int64_t now_ms) {
    if (!reachability)
        return true;
    monitor_lock(&reachability->monitor);
    bool may_try = now_ms >= *entry_of(reachability, secret);
    monitor_unlock(&reachability->monitor);
    return may_try;
}

void reachability_note(Reachability *reachability, const SecretSource *secret, bool reached,
                       int64_t now_ms) {
    if (!reachability)
        return;
    monitor_lock(&reachability->monitor);
    *entry_of(reachability, secret) = reached ? 0 : now_ms + NOT_TRIED_MS;
    monitor_unlock(&reachability->monitor);
}
