// Integrations: health, and what there is to grant on them.
#include "api/call.h"
#include "api/handlers.h"
#include "api/queries.h"
#include "api/view.h"

static Status unknown_integration(Error *reterr) {
    return error_set(reterr, STATUS_NOT_FOUND, "unknown_integration",
                     "there is no integration of that name");
}

static Status find_integration(Call *call, const Integration **ret_integration, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    *ret_integration = configuration_integration(configuration, call_parameter(call, "name"));
    return *ret_integration != NULL ? STATUS_OK : unknown_integration(reterr);
}

// Zeroed where nothing was ever reported.
static Status find_report(Call *call, const char *name, IntegrationReport *ret_report,
                          Error *reterr) {
    Error error = {0};
    *ret_report = (IntegrationReport){0};
    Status status =
        store_integration_report(call->api->options.store, call->arena, name, ret_report, &error);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        return STATUS_OK;
    *reterr = error;
    return status;
}

static Status integration_view(Call *call, const char *name, bool with_checks,
                               IntegrationView *ret_view, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    const Integration *integration = configuration_integration(configuration, name);
    IntegrationReport report = {0};
    TRY(find_report(call, name, &report, reterr));
    const TargetAddress target = integration_target(integration);
    const char *missing = report.ok ? lasting_failure_text(call->arena, report.checks) : NULL;
    IntegrationView view = {
        .name = integration->name,
        .kind = enum_name(&TARGET_KINDS, integration->kind),
        .target = target_text(call->arena, &target),
        .connector = integration->connector,
        .health = report.checked_at == 0  ? "unknown"
                  : report.ok && !missing ? "ok"
                                          : "failed",
        .message = missing != NULL ? missing : report.message,
        .checked_at = report.checked_at,
        .checks = with_checks ? report.checks : NULL,
    };
    for (size_t i = 0; i < configuration->flows.count; i++) {
        if (text_equal(configuration->flows.items[i].integration, name))
            string_list_add(call->arena, &view.flows, configuration->flows.items[i].name);
    }
    *ret_view = view;
    return STATUS_OK;
}

static Status view_integration(Call *call, const char *name, json_t **ret_value, Error *reterr) {
    IntegrationView view = {0};
    TRY(integration_view(call, name, false, &view, reterr));
    *ret_value = shape_write(call->arena, &INTEGRATION_VIEW_SHAPE, &view);
    return STATUS_OK;
}

Status integration_list(Call *call, Error *reterr) {
    const PageQuery *query = call->query;
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    StringList names = {0};
    for (size_t i = 0; i < configuration->integrations.count; i++)
        string_list_add(call->arena, &names, configuration->integrations.items[i].name);
    return call_reply_named(call, &names, query->cursor, query->limit, view_integration, reterr);
}

Status integration_show(Call *call, Error *reterr) {
    const Integration *integration = NULL;
    TRY(find_integration(call, &integration, reterr));
    IntegrationView view = {0};
    TRY(integration_view(call, integration->name, true, &view, reterr));
    return call_reply(call, &view);
}

// Names of tables tell much; they are for those who choose among them.
static bool may_see_discovery(Call *call, const Configuration *configuration,
                              const Integration *integration) {
    if (call_reviews(call))
        return true;
    for (size_t i = 0; i < configuration->flows.count; i++) {
        const Flow *flow = &configuration->flows.items[i];
        if (text_equal(flow->integration, integration->name) &&
            subjects_include(configuration, flow->requesters, call->caller.principal.name))
            return true;
    }
    return false;
}

Status integration_show_discovery(Call *call, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    const Integration *integration =
        configuration_integration(configuration, call_parameter(call, "name"));
    if (integration == NULL || !may_see_discovery(call, configuration, integration))
        return unknown_integration(reterr);
    IntegrationReport report = {0};
    TRY(find_report(call, integration->name, &report, reterr));
    if (report.discovery == NULL)
        return error_set(reterr, STATUS_NOT_FOUND, "not_discovered",
                         "%s was not discovered yet; have its connector running, then \"daypass "
                         "integrations check %s --discover\"",
                         integration->name, integration->name);
    return call_reply_json(call, report.discovery);
}

Status integration_request_check(Call *call, Error *reterr) {
    const CheckRequest *body = call->body;
    Store *store = call->api->options.store;
    const Integration *integration = NULL;
    TRY(find_integration(call, &integration, reterr));
    TRY(store_queue_check(store, &call->caller.actor, integration->name, "check", reterr));
    if (body->discover)
        TRY(store_queue_check(store, &call->caller.actor, integration->name, "discover", reterr));
    IntegrationView view = {0};
    TRY(integration_view(call, integration->name, true, &view, reterr));
    return call_reply(call, &view);
}
