#include "api/change.h"

#include "base/log.h"

enum { MAX_RACES = 5 };

// A check that cannot be queued can be asked for by hand: what was applied stays applied.
static void queue_checks(Call *call, const Changes *changes) {
    static const char *const KINDS[] = {"check", "discover"};
    for (size_t i = 0; i < changes->count; i++) {
        const Change *change = &changes->items[i];
        if (!text_equal(change->type, "integration") || change->kind == CHANGE_DELETE)
            continue;
        for (size_t kind = 0; kind < COUNT_OF(KINDS); kind++) {
            Error error = {0};
            if (store_queue_check(call->api->options.store, &call->caller.actor, change->name,
                                  KINDS[kind], &error) != STATUS_OK)
                log_event(LOG_WARNING, "check.not_queued", "integration", change->name, "kind",
                          KINDS[kind], "code", error.code, "message", error.message, "detail",
                          error.detail, NULL);
        }
    }
}

static Status try_apply(Call *call, const Configuration *declared, ChangeOptions options,
                        AppliedChange *ret_applied, Error *reterr) {
    Store *store = call->api->options.store;
    Configuration *current = arena_alloc(call->arena, sizeof(*current));
    TRY(store_configuration(store, call->arena, current, reterr));
    AppliedChange applied = {.version = current->version, .before = current};
    TRY(configuration_compare(call->arena, current, declared, options.prune, &applied.changes,
                              reterr));
    if (applied.changes.count > 0 && !options.dry_run) {
        TRY(store_apply(store, &call->caller.actor, current->version, &applied.changes,
                        &applied.version, reterr));
        applied.applied = true;
    }
    *ret_applied = applied;
    return STATUS_OK;
}

Status change_apply(Call *call, const Configuration *declared, ChangeOptions options,
                    AppliedChange *ret_applied, Error *reterr) {
    Error error = {0};
    Status status = STATUS_OK;
    // Somebody else's change in between only means comparing again.
    for (int race = 0; race < MAX_RACES; race++) {
        status = try_apply(call, declared, options, ret_applied, &error);
        if (status == STATUS_OK || !text_equal(error.code, "configuration_changed"))
            break;
    }
    if (status != STATUS_OK) {
        *reterr = error;
        return status;
    }
    if (ret_applied->applied)
        queue_checks(call, &ret_applied->changes);
    return STATUS_OK;
}
