// The audit trail.
#include "api/call.h"
#include "api/handlers.h"
#include "api/queries.h"

#include "wire/api_messages.h"

Status audit_list(Call *call, Error *reterr) {
    const AuditQuery *query = call->query;
    const AuditFilter filter = {
        .after_sequence = query->cursor,
        .since_at = query->since,
        .until_at = query->until,
        .person = query->person,
        .grant = query->grant,
        .integration = query->integration,
        .flow = query->flow,
        .event = query->event,
        .limit = query->limit,
    };
    AuditEvents events = {0};
    TRY(store_list_audit(call->api->options.store, call->arena, &filter, &events, reterr));
    json_t *items = json_keep(call->arena, json_array());
    for (size_t i = 0; i < events.count; i++)
        json_array_append(items, shape_write(call->arena, &AUDIT_EVENT_SHAPE, &events.items[i]));
    const char *next = NULL;
    if ((int64_t)events.count == query->limit)
        next =
            arena_printf(call->arena, "%lld", (long long)events.items[events.count - 1].sequence);
    return call_reply_list(call, items, next);
}

Status audit_show_head(Call *call, Error *reterr) {
    AuditEvent head = {0};
    TRY(store_audit_head(call->api->options.store, call->arena, &head, reterr));
    return call_reply(
        call, &(AuditHeadReply){
                  .sequence = head.sequence,
                  .hash = head.hash,
                  .signature = head.signature,
                  .public_key = signing_key_public_text(call->arena, call->api->options.audit_key),
              });
}
