// Access flows, as those see them who ask or decide.
#include "api/call.h"
#include "api/handlers.h"
#include "api/queries.h"
#include "api/view.h"

static bool may_request(const Configuration *configuration, const Flow *flow,
                        const Principal *principal) {
    return principal->role != ROLE_AUDITOR &&
           subjects_include(configuration, flow->requesters, principal->name);
}

static bool may_decide(const Configuration *configuration, const Flow *flow,
                       const Principal *principal) {
    for (size_t i = 0; i < flow->approval.count; i++) {
        const ApprovalStep *step = &flow->approval.items[i];
        const Subjects *subjects = step->any_of != NULL ? step->any_of : step->all_of;
        if (subjects != NULL && subjects_include(configuration, subjects, principal->name))
            return true;
    }
    return false;
}

static FlowView flow_view(Call *call, const Configuration *configuration, const Flow *flow) {
    const Integration *integration = configuration_integration(configuration, flow->integration);
    int64_t default_s = 0;
    // The default of a flow that was accepted is always allowed.
    if (flow_duration(flow, 0, &default_s, NULL) != STATUS_OK)
        default_s = flow->duration->max_s;
    FlowView view = {
        .name = flow->name,
        .description = flow->description,
        .integration = flow->integration,
        .access = access_lines(call->arena, &flow->access),
        .default_s = default_s,
        .max_s = flow->duration->max_s,
        .approval = approval_lines(call->arena, &flow->approval),
        .reason_required = flow->reason == REASON_REQUIRED,
        .may_request = may_request(configuration, flow, &call->caller.principal),
    };
    if (integration != NULL) {
        const TargetAddress target = integration_target(integration);
        view.target = target_text(call->arena, &target);
    }
    return view;
}

static Status view_flow(Call *call, const char *name, json_t **ret_value, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    const FlowView view = flow_view(call, configuration, configuration_flow(configuration, name));
    *ret_value = shape_write(call->arena, &FLOW_VIEW_SHAPE, &view);
    return STATUS_OK;
}

Status flow_list(Call *call, Error *reterr) {
    const FlowQuery *query = call->query;
    const Principal *principal = &call->caller.principal;
    if (query->all && !call_reviews(call))
        return error_set(reterr, STATUS_FORBIDDEN, "role_missing",
                         "all flows are for auditors and administrators; without all=true you get "
                         "yours");
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    StringList names = {0};
    for (size_t i = 0; i < configuration->flows.count; i++) {
        const Flow *flow = &configuration->flows.items[i];
        if (query->all || may_request(configuration, flow, principal) ||
            may_decide(configuration, flow, principal))
            string_list_add(call->arena, &names, flow->name);
    }
    return call_reply_named(call, &names, query->cursor, query->limit, view_flow, reterr);
}

Status flow_show(Call *call, Error *reterr) {
    const Principal *principal = &call->caller.principal;
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    const Flow *flow = configuration_flow(configuration, call_parameter(call, "name"));
    if (flow == NULL || !(call_reviews(call) || may_request(configuration, flow, principal) ||
                          may_decide(configuration, flow, principal)))
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_flow",
                         "you have no flow of that name; \"daypass flows\" lists yours");
    const FlowView view = flow_view(call, configuration, flow);
    return call_reply(call, &view);
}
