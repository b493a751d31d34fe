#include "connector/reachability.h"

#include "base/monitor.h"

// Short against the pauses after which the control plane hands out again what failed.
enum { NOT_TRIED_MS = 5000 };

typedef struct Entry {
    Error failure; // of the last try; STATUS_OK: it was reached
    int64_t tried_again_at;
    bool is_tried; // by somebody, at this moment
} Entry;

struct Reachability {
    const ConnectorOptions *options;
    Monitor monitor;
    Entry *entries;      // one a secret
    int64_t tried_count; // of these
};

Reachability *reachability_new(const ConnectorOptions *options) {
    Reachability *reachability = mem_alloc(sizeof(*reachability));
    reachability->options = options;
    reachability->entries = mem_alloc((options->secrets.count + 1) * sizeof(Entry));
    monitor_init(&reachability->monitor);
    return reachability;
}

Reachability *reachability_free(Reachability *reachability) {
    if (!reachability)
        return NULL;
    monitor_done(&reachability->monitor);
    mem_free(reachability->entries);
    return mem_free(reachability);
}

// However many are dead, half of the workers are for those that are not.
static int64_t tried_at_once(const ConnectorOptions *options) {
    return options->workers > 3 ? options->workers / 2 : 1;
}

static Entry *entry_of(Reachability *reachability, const SecretSource *secret) {
    return &reachability->entries[secret - reachability->options->secrets.items];
}

Status reachability_may_try(Reachability *reachability, const SecretSource *secret, int64_t now_ms,
                            Error *reterr) {
    if (!reachability)
        return STATUS_OK;
    monitor_lock(&reachability->monitor);
    Entry *entry = entry_of(reachability, secret);
    Status status = entry->failure.status;
    if (status != STATUS_OK && !entry->is_tried && now_ms >= entry->tried_again_at &&
        reachability->tried_count < tried_at_once(reachability->options)) {
        entry->is_tried = true;
        reachability->tried_count++;
        status = STATUS_OK;
    } else if (status != STATUS_OK) {
        *reterr = entry->failure;
    }
    monitor_unlock(&reachability->monitor);
    return status;
}

void reachability_note(Reachability *reachability, const SecretSource *secret, const Error *failure,
                       int64_t now_ms) {
    if (!reachability)
        return;
    monitor_lock(&reachability->monitor);
    Entry *entry = entry_of(reachability, secret);
    reachability->tried_count -= entry->is_tried;
    *entry = (Entry){
        .failure = failure ? *failure : (Error){0},
        .tried_again_at = now_ms + NOT_TRIED_MS,
    };
    monitor_unlock(&reachability->monitor);
}
