// Revocations that are overdue. Auditors and administrators see everybody's, others their own.
#include "api/call.h"
#include "api/handlers.h"
#include "api/queries.h"

#include "wire/api_messages.h"

static OverdueView overdue_view(const Revocation *revocation) {
    return (OverdueView){
        .grant = revocation->grant_id,
        .state = revocation->state,
        .account = revocation->account,
        .requester = revocation->requester,
        .flow = revocation->flow,
        .integration = revocation->integration,
        .connector = revocation->connector,
        .since = revocation->since_at,
        .attempts = revocation->attempts,
        .failures = revocation->failures,
        .trouble = revocation->trouble,
        .waits_for = enum_name(&REVOCATION_WAITS, revocation->waits_for),
        .next_attempt_at = revocation->next_attempt_at,
    };
}

Status overdue_list(Call *call, Error *reterr) {
    const OverdueQuery *query = call->query;
    const OverdueFilter filter = {
        .requester = call_reviews(call) ? NULL : call->caller.principal.name,
        .older_than_ms = query->older_than_s * SECOND_MS,
        .after_id = query->cursor,
        .limit = query->limit,
    };
    Revocations overdue = {0};
    TRY(store_list_overdue(call->api->options.store, call->arena, &filter, &overdue, reterr));
    json_t *items = json_keep(call->arena, json_array());
    for (size_t i = 0; i < overdue.count; i++) {
        const OverdueView view = overdue_view(&overdue.items[i]);
        json_array_append(items, shape_write(call->arena, &OVERDUE_VIEW_SHAPE, &view));
    }
    bool may_have_more = (int64_t)overdue.count == query->limit;
    return call_reply_list(call, items,
                           may_have_more ? overdue.items[overdue.count - 1].action_id : NULL);
}
