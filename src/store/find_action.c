#include "store/store_internal.h"

typedef struct FindWork {
    const ConnectorInstance *instance;
    const char *id;
    StoredAction found;
} FindWork;

static Status find_action(Operation *operation, void *work_, Error *reterr) {
    FindWork *work = work_;
    ActionRow action;
    TRY(action_load(operation, work->id, &action, reterr));
    if (!text_equal(action.connector, work->instance->connector))
        return error_set(reterr, STATUS_FORBIDDEN, "not_yours",
                         "the action is another connector's");
    work->found = (StoredAction){
        .id = action.id,
        .kind = action.kind,
        .grant_id = action.grant_id,
        .orphan_id = action.orphan_id,
        .integration = action.integration,
        .connector = action.connector,
        .attempt = action.attempt,
        .deadline_at = action.deadline_at,
        .expires_at = action.expires_at,
        .seal_to = action.seal_to,
    };
    return STATUS_OK;
}

Status store_find_action(Store *store, Arena *arena, const ConnectorInstance *instance,
                         const char *id, StoredAction *ret_action, Error *reterr) {
    FindWork work = {.instance = instance, .id = id};
    TRY(store_read(store, arena, find_action, &work, reterr));
    *ret_action = work.found;
    return STATUS_OK;
}
