#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/secret_output.h"
#include "wire/api_messages.h"

// ---- connectors -------------------------------------------------------------------------------

static void add_instance(Cli *cli, Table *table, const ConnectorView *connector,
                         const InstanceView *instance, bool is_first) {
    const char *seen = time_relative(cli->arena, instance->last_seen_at, clock_now_ms(cli->clock));
    // Tenths of a second, rounded here so that no "-0.0" appears.
    long long tenths =
        (instance->clock_difference_ms + (instance->clock_difference_ms < 0 ? -50 : 50)) / 100;
    const char *difference =
        tenths == 0 ? "0 s" : arena_printf(cli->arena, "%+.1f s", (double)tenths / 10);
    const char *cells[] = {
        is_first ? connector->name : "",
        instance->health,
        arena_printf(cli->arena, "%s on %s", or_dash(instance->id), or_dash(instance->host)),
        instance->version,
        instance->last_seen_at != 0 ? seen : "never",
        difference,
        is_first ? string_list_join(cli->arena, &connector->integrations, ", ") : "",
    };
    table_row(table, cells);
    table_colour(table, 1, state_colour(instance->health));
}

static Status print_connectors(Cli *cli, const json_t *items, Error *reterr) {
    static const char *const TITLES[] = {"CONNECTOR", "HEALTH", "INSTANCE", "VERSION",
                                         "SEEN",      "CLOCK",  "SERVES",   NULL};
    CLEANUP(table_freep) Table *table = table_new(cli, TITLES);
    for (size_t i = 0; i < json_array_size(items); i++) {
        ConnectorView connector;
        TRY(remote_parse(cli->arena, &CONNECTOR_VIEW_SHAPE, json_array_get(items, i), &connector,
                         reterr));
        for (size_t j = 0; j < connector.instances.count; j++)
            add_instance(cli, table, &connector, &connector.instances.items[j], j == 0);
        if (connector.instances.count > 0)
            continue;
        const char *cells[] = {connector.name,
                               connector.health,
                               "not enrolled",
                               NULL,
                               NULL,
                               NULL,
                               string_list_join(cli->arena, &connector.integrations, ", ")};
        table_row(table, cells);
        table_colour(table, 1, state_colour(connector.health));
    }
    table_print(table, "No connectors; make one with: daypass connector create NAME");
    return STATUS_OK;
}

Status command_connectors(Cli *cli, const Invocation *invocation, Error *reterr) {
    RemoteList list;
    TRY(remote_list(cli, "/v1/connectors", 0, &list, reterr));
    if (!cli->json)
        return print_connectors(cli, list.items, reterr);
    say_json_list(cli, list.items);
    return STATUS_OK;
}

// ---- connector … ------------------------------------------------------------------------------

Status command_connector_create(Cli *cli, const Invocation *invocation, Error *reterr) {
    ConnectorRequest body = {.name = invocation_argument(invocation, "NAME")};
    RemoteCall call = {.method = "POST",
                       .target = "/v1/connectors",
                       .body_shape = &CONNECTOR_REQUEST_SHAPE,
                       .body = &body};
    JoinTokenReply reply;
    json_t *value;
    TRY(remote_read(cli, &call, &JOIN_TOKEN_REPLY_SHAPE, &reply, &value, reterr));
    const char *path = invocation_option(invocation, "out");
    if (cli->json && path == NULL) {
        say_json(cli, value);
        return STATUS_OK;
    }
    TRY(secret_put(cli, path, reply.join_token, reterr));
    note(cli,
         "This join token works once, until %s. On the connector's host, put it into a private "
         "file and run: daypass-connector enroll --join-token-file FILE",
         time_text(cli, reply.expires_at));
    return STATUS_OK;
}

static Status delete_thing(Cli *cli, const char *target, const char *what, Error *reterr) {
    RemoteCall call = {.method = "DELETE", .target = target};
    TRY(remote_call(cli, &call, NULL, reterr));
    if (cli->json)
        say_json(cli, json_keep(cli->arena, json_pack("{s:s}", "removed", what)));
    else
        say(cli, "Removed %s", what);
    return STATUS_OK;
}

Status command_connector_remove(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *name = invocation_argument(invocation, "NAME");
    return delete_thing(cli, remote_path(cli->arena, "/v1/connectors/", name, NULL), name, reterr);
}

Status command_connector_remove_instance(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *instance = invocation_argument(invocation, "INSTANCE");
    const char *connector = remote_path(cli->arena, "/v1/connectors/",
                                        invocation_argument(invocation, "NAME"), "/instances/");
    return delete_thing(cli, remote_path(cli->arena, connector, instance, NULL), instance, reterr);
}
