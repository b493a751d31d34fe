// Accounts on targets that no grant explains.
#include "api/call.h"
#include "api/handlers.h"
#include "api/queries.h"
#include "api/view.h"

// Of an AWS account nobody asks for the port.
static const char *target_name(Arena *arena, const Orphan *orphan) {
    return orphan->target_kind == TARGET_AWS
               ? arena_printf(arena, "account %s", orphan->host)
               : arena_printf(arena, "%s:%lld", orphan->host, (long long)orphan->port);
}

static OrphanView orphan_view(Call *call, const Configuration *configuration,
                              const Orphan *orphan) {
    const Integration *integration = orphan_integration(configuration, orphan);
    return (OrphanView){
        .id = orphan->id,
        .version = orphan->version,
        .kind = enum_name(&ORPHAN_KINDS, orphan->kind),
        .state = enum_name(&ORPHAN_STATES, orphan->state),
        .account = orphan->account,
        .integration = integration != NULL ? integration->name : NULL,
        .connector = orphan->connector,
        .target = target_name(call->arena, orphan),
        .why = orphan_describe(call->arena, orphan),
        .deployment = orphan->deployment,
        .grant_id = orphan->grant_id,
        .custodian = orphan->custodian,
        .expires_at = orphan->expires_at,
        .can_login = orphan->can_login,
        .sessions = orphan->sessions,
        .found_at = orphan->found_at,
        .requested_by = orphan->requested_by,
        .failures = orphan->failures,
        .trouble = orphan->trouble,
        .removable = orphan_check_removable(orphan, NULL) == STATUS_OK,
    };
}

static Status reply_orphan(Call *call, const Orphan *orphan, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    OrphanView view = orphan_view(call, configuration, orphan);
    view.obstacles = orphan->obstacles;
    view.inspected_at = orphan->inspected_at;
    view.inspection = orphan->inspection;
    return call_reply(call, &view);
}

Status orphan_list(Call *call, Error *reterr) {
    const OrphanQuery *query = call->query;
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    OrphanFilter filter = {
        .account = query->account,
        .kind = query->kind,
        .after_id = query->cursor,
        .limit = query->limit,
    };
    if (query->integration != NULL) {
        const Integration *integration =
            configuration_integration(configuration, query->integration);
        if (integration == NULL)
            return error_set(reterr, STATUS_NOT_FOUND, "unknown_integration",
                             "there is no integration of that name");
        filter.connector = integration->connector;
        filter.admin_secret = integration->admin_secret;
    }
    Orphans orphans = {0};
    TRY(store_list_orphans(call->api->options.store, call->arena, &filter, &orphans, reterr));
    json_t *items = json_keep(call->arena, json_array());
    for (size_t i = 0; i < orphans.count; i++) {
        const OrphanView view = orphan_view(call, configuration, &orphans.items[i]);
        json_array_append(items, shape_write(call->arena, &ORPHAN_VIEW_SHAPE, &view));
    }
    bool more = (int64_t)orphans.count == query->limit;
    return call_reply_list(call, items, more ? orphans.items[orphans.count - 1].id : NULL);
}

Status orphan_show(Call *call, Error *reterr) {
    const GrantWaitQuery *query = call->query;
    uint64_t sequence = call_sequence(call);
    Orphan orphan = {0};
    TRY(store_orphan(call->api->options.store, call->arena, call_parameter(call, "id"), &orphan,
                     reterr));
    if (query->wait_s > 0 && query->version == orphan.version) {
        const char *key = arena_printf(call->arena, "grant:%s", orphan.id);
        bool waits = false;
        TRY(call_wait(call, key, query->wait_s * SECOND_MS, sequence, &waits, reterr));
        if (waits)
            return STATUS_OK;
    }
    return reply_orphan(call, &orphan, reterr);
}

Status orphan_inspect(Call *call, Error *reterr) {
    Orphan orphan = {0};
    TRY(store_inspect_orphan(call->api->options.store, call->arena, &call->caller.actor,
                             call_parameter(call, "id"), &orphan, reterr));
    return reply_orphan(call, &orphan, reterr);
}

Status orphan_remove(Call *call, Error *reterr) {
    const OrphanRemovalRequest *body = call->body;
    Orphan orphan = {0};
    TRY(store_remove_orphan(call->api->options.store, call->arena, &call->caller.actor,
                            call_parameter(call, "id"), body->grant_id, body->deployment, &orphan,
                            reterr));
    return reply_orphan(call, &orphan, reterr);
}
