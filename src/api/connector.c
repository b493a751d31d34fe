// Connectors, as administrators and auditors see them.
#include "api/call.h"
#include "api/handlers.h"
#include "api/queries.h"
#include "api/view.h"

#include "base/id.h"
#include "domain/principal.h"

enum { JOIN_TOKEN_S = 3600 };

static ConnectorView connector_view(Call *call, const Configuration *configuration,
                                    const Connector *connector) {
    int64_t now_ms = call_now_ms(call);
    size_t count = connector->instances.count;
    ConnectorView view = {
        .name = connector->name,
        .health = enum_name(&HEALTHS, (int)connector_health(connector, now_ms)),
        .created_at = connector->created_at,
        .instances = {.items = arena_alloc(call->arena, (count + 1) * sizeof(InstanceView)),
                      .count = count},
    };
    for (size_t i = 0; i < count; i++) {
        const ConnectorInstance *instance = &connector->instances.items[i];
        view.instances.items[i] = (InstanceView){
            .id = instance->id,
            .host = instance->host,
            .version = instance->version,
            .health = enum_name(&HEALTHS, (int)instance_health(instance, now_ms)),
            .enrolled_at = instance->enrolled_at,
            .last_seen_at = instance->last_seen_at,
            .clock_difference_ms = instance->clock_difference_ms,
        };
    }
    for (size_t i = 0; i < configuration->integrations.count; i++) {
        const Integration *integration = &configuration->integrations.items[i];
        if (text_equal(integration->connector, connector->name))
            string_list_add(call->arena, &view.integrations, integration->name);
    }
    return view;
}

// By name: the store gives them in one list.
static Status view_connector(Call *call, const char *name, json_t **ret_value, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    Connectors connectors = {0};
    TRY(store_list_connectors(call->api->options.store, call->arena, &connectors, reterr));
    for (size_t i = 0; i < connectors.count; i++) {
        if (!text_equal(connectors.items[i].name, name))
            continue;
        const ConnectorView view = connector_view(call, configuration, &connectors.items[i]);
        *ret_value = shape_write(call->arena, &CONNECTOR_VIEW_SHAPE, &view);
        return STATUS_OK;
    }
    return error_set(reterr, STATUS_NOT_FOUND, "unknown_connector",
                     "there is no connector of that name");
}

Status connector_list(Call *call, Error *reterr) {
    const PageQuery *query = call->query;
    Connectors connectors = {0};
    TRY(store_list_connectors(call->api->options.store, call->arena, &connectors, reterr));
    StringList names = {0};
    for (size_t i = 0; i < connectors.count; i++)
        string_list_add(call->arena, &names, connectors.items[i].name);
    return call_reply_named(call, &names, query->cursor, query->limit, view_connector, reterr);
}

Status connector_create(Call *call, Error *reterr) {
    const ConnectorRequest *body = call->body;
    Error error = {0};
    if (object_name_check(body->name, &error) != STATUS_OK) {
        error_set(reterr, STATUS_INVALID, "bad_value", "name: %s", error.message);
        snprintf(reterr->pointer, sizeof(reterr->pointer), "/name");
        return STATUS_INVALID;
    }
    int64_t now_ms = call_now_ms(call);
    const char *text = token_new(call->arena, "dpj");
    const Token token = {
        .id = id_new(call->arena, "tok"),
        .hash = token_hash(call->arena, text),
        .kind = TOKEN_JOIN,
        .subject = body->name,
        .label = "join token",
        .created_at = now_ms,
        .expires_at = now_ms + (int64_t)JOIN_TOKEN_S * SECOND_MS,
    };
    TRY(store_add_connector(call->api->options.store, &call->caller.actor, body->name, &token,
                            reterr));
    return call_reply(call, &(JoinTokenReply){.connector = body->name,
                                              .join_token = text,
                                              .expires_at = token.expires_at});
}

Status connector_remove(Call *call, Error *reterr) {
    TRY(store_remove_connector(call->api->options.store, &call->caller.actor,
                               call_parameter(call, "name"), reterr));
    return call_reply_nothing(call);
}

Status connector_remove_instance(Call *call, Error *reterr) {
    Store *store = call->api->options.store;
    const char *id = call_parameter(call, "id");
    ConnectorInstance instance = {0};
    TRY(store_find_instance(store, call->arena, id, &instance, reterr));
    if (!text_equal(instance.connector, call_parameter(call, "name")))
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_instance",
                         "this connector has no instance of that id");
    TRY(store_remove_instance(store, &call->caller.actor, id, reterr));
    return call_reply_nothing(call);
}
