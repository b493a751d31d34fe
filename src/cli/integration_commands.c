#include "base/text.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "domain/target_report.h"
#include "wire/api_messages.h"

static Status print_integrations(Cli *cli, const json_t *items, Error *reterr) {
    static const char *const TITLES[] = {"INTEGRATION", "HEALTH", "TARGET",  "CONNECTOR",
                                         "CHECKED",     "FLOWS",  "MESSAGE", NULL};
    CLEANUP(table_freep) Table *table = table_new(cli, TITLES);
    for (size_t i = 0; i < json_array_size(items); i++) {
        IntegrationView view;
        TRY(remote_parse(cli->arena, &INTEGRATION_VIEW_SHAPE, json_array_get(items, i), &view,
                         reterr));
        const char *checked = view.checked_at == 0 ? "never"
                                                   : time_relative(cli->arena, view.checked_at,
                                                                   clock_now_ms(cli->clock));
        const char *cells[] = {view.name,   view.health,
                               view.target, view.connector,
                               checked,     string_list_join(cli->arena, &view.flows, ", "),
                               view.message};
        table_row(table, cells);
        table_colour(table, 1, state_colour(view.health));
    }
    table_print(table, "No integrations; declare them with: daypass apply -f FILE");
    return STATUS_OK;
}

static Status print_checks(Cli *cli, const IntegrationView *view, Error *reterr) {
    if (json_array_size(view->checks) == 0)
        return STATUS_OK;
    say(cli, "\nLast check");
    for (size_t i = 0; i < json_array_size(view->checks); i++) {
        CheckItem item;
        TRY(remote_parse(cli->arena, &CHECK_ITEM_SHAPE, json_array_get(view->checks, i), &item,
                         reterr));
        const char *result = enum_name(&CHECK_RESULTS, item.result);
        say_coloured(cli, item.result == CHECK_OK ? COLOUR_NONE : state_colour(result),
                     "  %-8s %s: %s", result, or_dash(item.name), or_dash(item.found));
        if (item.repair != NULL && item.result == CHECK_OK) // nothing to repair; a whole policy
            say(cli, "           details: daypass integrations %s --json", or_dash(view->name));
        else if (item.repair != NULL)
            say(cli, "           to repair: %s", item.repair);
    }
    return STATUS_OK;
}

static Status print_integration(Cli *cli, const IntegrationView *view, Error *reterr) {
    say(cli, "integration  %s (%s)", or_dash(view->name), or_dash(view->kind));
    say(cli, "target       %s", or_dash(view->target));
    say(cli, "connector    %s", or_dash(view->connector));
    say_coloured(cli, state_colour(view->health), "health       %s%s%s", or_dash(view->health),
                 view->message != NULL ? ": " : "", view->message != NULL ? view->message : "");
    say(cli, "checked      %s", time_text(cli, view->checked_at));
    say(cli, "flows        %s", or_dash(string_list_join(cli->arena, &view->flows, ", ")));
    return print_checks(cli, view, reterr);
}

Status command_integrations(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *name = invocation_argument(invocation, "NAME");
    if (name == NULL) {
        RemoteList list;
        TRY(remote_list(cli, "/v1/integrations", 0, &list, reterr));
        if (!cli->json)
            return print_integrations(cli, list.items, reterr);
        say_json_list(cli, list.items);
        return STATUS_OK;
    }
    IntegrationView view;
    json_t *value;
    RemoteCall call = {.target = remote_path(cli->arena, "/v1/integrations/", name, NULL)};
    TRY(remote_read(cli, &call, &INTEGRATION_VIEW_SHAPE, &view, &value, reterr));
    if (!cli->json)
        return print_integration(cli, &view, reterr);
    say_json(cli, value);
    return STATUS_OK;
}

Status command_integrations_check(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *name = invocation_argument(invocation, "NAME");
    CheckRequest body = {.discover = invocation_switch(invocation, "discover")};
    RemoteCall call = {.method = "POST",
                       .target = remote_path(cli->arena, "/v1/integrations/", name, "/check"),
                       .body_shape = &CHECK_REQUEST_SHAPE,
                       .body = &body};
    json_t *value = NULL;
    TRY(remote_call(cli, &call, &value, reterr));
    if (cli->json)
        say_json(cli, value != NULL ? value : json_keep(cli->arena, json_object()));
    else
        say(cli, "Asked the connector to check %s; see: daypass integrations %s", name, name);
    return STATUS_OK;
}

static void print_resources(Cli *cli, const AwsResources *resources) {
    static const char *const TITLES[] = {"KIND",   "ID",  "NAME", "ENDPOINT",
                                         "ENGINE", "IAM", "TAGS", NULL};
    CLEANUP(table_freep) Table *table = table_new(cli, TITLES);
    for (size_t i = 0; i < resources->count; i++) {
        const AwsResource *found = &resources->items[i];
        bool database = !text_equal(found->kind, "instance");
        const char *endpoint =
            found->host == NULL
                ? NULL
                : arena_printf(cli->arena, "%s:%lld", found->host, (long long)found->port);
        const char *cells[] = {found->kind,
                               found->id,
                               found->identifier,
                               endpoint,
                               found->engine,
                               !database                   ? NULL
                               : found->iam_authentication ? "on"
                                                           : "off",
                               string_list_join(cli->arena, &found->tags, ", ")};
        table_row(table, cells);
        if (database && !found->iam_authentication)
            table_colour(table, 5, COLOUR_ATTENTION);
    }
    table_print(table, "No databases or instances.");
}

static void print_objects(Cli *cli, const Discovery *discovery) {
    static const char *const TITLES[] = {"SCHEMA", "NAME", "KIND", NULL};
    CLEANUP(table_freep) Table *table = table_new(cli, TITLES);
    for (size_t i = 0; i < discovery->tables.count; i++) {
        const FoundTable *found = &discovery->tables.items[i];
        const char *cells[] = {found->schema, found->name, found->kind};
        table_row(table, cells);
    }
    say(cli, "server     %s", or_dash(discovery->server_version));
    say(cli, "schemas    %s", or_dash(string_list_join(cli->arena, &discovery->schemas, ", ")));
    say(cli, "roles      %s", or_dash(string_list_join(cli->arena, &discovery->roles, ", ")));
    say(cli, "sequences  %s", or_dash(string_list_join(cli->arena, &discovery->sequences, ", ")));
    say(cli, "functions  %s", or_dash(string_list_join(cli->arena, &discovery->functions, ", ")));
    say(cli, "%s", "");
    table_print(table, "No tables.");
}

static void print_discovery(Cli *cli, const Discovery *discovery) {
    // "AWS IAM": an account, though it may have neither databases nor instances.
    const char *version = discovery->server_version;
    if (discovery->resources.count > 0 || (version != NULL && text_starts_with(version, "AWS ")))
        print_resources(cli, &discovery->resources);
    else
        print_objects(cli, discovery);
    for (size_t i = 0; i < discovery->notes.count; i++)
        note(cli, "%s", discovery->notes.items[i]);
    if (discovery->cut)
        note(cli, "There are more than are kept.");
}

Status command_integrations_discover(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *name = invocation_argument(invocation, "NAME");
    RemoteCall call = {.target = remote_path(cli->arena, "/v1/integrations/", name, "/discovery")};
    Discovery discovery;
    json_t *value;
    TRY(remote_read(cli, &call, &DISCOVERY_SHAPE, &discovery, &value, reterr));
    if (cli->json)
        say_json(cli, value);
    else
        print_discovery(cli, &discovery);
    return STATUS_OK;
}
