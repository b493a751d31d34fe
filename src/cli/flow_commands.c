#include "base/id.h"
#include "cli/grants.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/remote.h"
#include "cli/session.h"
#include "domain/target_kind.h"
#include "wire/api_messages.h"

#include <string.h>

// ---- flows ------------------------------------------------------------------------------------

static Status list_flows(Cli *cli, bool all, RemoteList *ret_list, Error *reterr) {
    return remote_list(cli, all ? "/v1/flows?all=true" : "/v1/flows", 0, ret_list, reterr);
}

static Status print_flows(Cli *cli, const json_t *items, Error *reterr) {
    static const char *const TITLES[] = {"FLOW", "TARGET", "FOR", "DECIDED BY", "ACCESS", NULL};
    CLEANUP(table_freep) Table *table = table_new(cli, TITLES);
    for (size_t i = 0; i < json_array_size(items); i++) {
        FlowView flow;
        TRY(remote_parse(cli->arena, &FLOW_VIEW_SHAPE, json_array_get(items, i), &flow, reterr));
        const char *duration =
            arena_printf(cli->arena, "%s, at most %s", duration_text(cli->arena, flow.default_s),
                         duration_text(cli->arena, flow.max_s));
        const char *cells[] = {flow.name, flow.target, duration,
                               string_list_join(cli->arena, &flow.approval, ", then "),
                               string_list_join(cli->arena, &flow.access, "; ")};
        table_row(table, cells);
        if (!flow.may_request)
            table_colour(table, 0, COLOUR_FAINT);
    }
    table_print(table, "No flow lets you ask for access; an administrator declares flows with: "
                       "daypass apply");
    return STATUS_OK;
}

static Status fetch_flow(Cli *cli, const char *name, FlowView *ret_flow, json_t **ret_value,
                         Error *reterr) {
    RemoteCall call = {.target = remote_path(cli->arena, "/v1/flows/", name, NULL)};
    return remote_read(cli, &call, &FLOW_VIEW_SHAPE, ret_flow, ret_value, reterr);
}

static void print_flow(Cli *cli, const FlowView *flow) {
    say(cli, "flow         %s", or_dash(flow->name));
    if (flow->description != NULL)
        say(cli, "             %s", flow->description);
    say(cli, "integration  %s", or_dash(flow->integration));
    say(cli, "target       %s", or_dash(flow->target));
    for (size_t i = 0; i < flow->access.count; i++)
        say(cli, "%s %s", i == 0 ? "access      " : "            ", flow->access.items[i]);
    say(cli, "for          %s, at most %s", duration_text(cli->arena, flow->default_s),
        duration_text(cli->arena, flow->max_s));
    for (size_t i = 0; i < flow->approval.count; i++)
        say(cli, "%s %s", i == 0 ? "decided by  " : "then        ", flow->approval.items[i]);
    say(cli, "reason       %s", flow->reason_required ? "required" : "optional");
    say(cli, "%s",
        flow->may_request
            ? arena_printf(cli->arena, "Ask for it with: daypass request %s", flow->name)
            : "You may not ask for it.");
}

Status command_flows(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *name = invocation_argument(invocation, "FLOW");
    if (name != NULL) {
        FlowView flow;
        json_t *value;
        TRY(fetch_flow(cli, name, &flow, &value, reterr));
        if (cli->json)
            say_json(cli, value);
        else
            print_flow(cli, &flow);
        return STATUS_OK;
    }
    RemoteList list;
    TRY(list_flows(cli, invocation_switch(invocation, "all"), &list, reterr));
    if (!cli->json)
        return print_flows(cli, list.items, reterr);
    say_json_list(cli, list.items);
    return STATUS_OK;
}

// ---- request ----------------------------------------------------------------------------------

static const char ASK_INSTEAD[] = "name the flow: daypass request FLOW --for DURATION --reason "
                                  "WHY; daypass flows lists them";

typedef struct FlowChoice {
    const json_t *items;
    const char *name;
} FlowChoice;

static Status take_flow(Cli *cli, const char *answer, void *context, Error *reterr) {
    FlowChoice *choice = context;
    size_t count = json_array_size(choice->items);
    for (size_t i = 0; i < count; i++) {
        const char *name =
            json_string_value(json_object_get(json_array_get(choice->items, i), "name"));
        const char *number = arena_printf(cli->arena, "%zu", i + 1);
        if (text_equal(answer, number) || text_equal(answer, name)) {
            choice->name = name;
            return STATUS_OK;
        }
    }
    return error_set(reterr, STATUS_INVALID, "no_flow",
                     "that is none of the flows: expected a number from 1 to %zu, or a name",
                     count);
}

static Status choose_flow(Cli *cli, const char **ret_name, Error *reterr) {
    if (!cli->in_terminal)
        return error_set(reterr, STATUS_INVALID, USAGE_CODE, "which flow? %s", ASK_INSTEAD);
    RemoteList list;
    TRY(list_flows(cli, false, &list, reterr));
    FlowChoice choice = {.items = list.items};
    size_t count = json_array_size(list.items);
    if (count == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "no_flow", "no flow lets you ask for access");
    for (size_t i = 0; i < count; i++) {
        FlowView flow;
        TRY(remote_parse(cli->arena, &FLOW_VIEW_SHAPE, json_array_get(list.items, i), &flow,
                         reterr));
        note(cli, "%3zu  %s: %s, on %s", i + 1, flow.name,
             string_list_join(cli->arena, &flow.access, "; "), or_dash(flow.target));
    }
    TRY(prompt_checked(cli, "Which flow (number or name)", count == 1 ? "1" : NULL, ASK_INSTEAD,
                       take_flow, &choice, reterr));
    *ret_name = choice.name;
    return STATUS_OK;
}

typedef struct FormAnswer {
    GrantRequest *form;
    const FlowView *flow;
} FormAnswer;

static Status take_duration(Cli *cli, const char *answer, void *context, Error *reterr) {
    const FormAnswer *into = context;
    int64_t duration_s;
    TRY(duration_parse(answer, &duration_s, reterr));
    if (into->flow->max_s > 0 && duration_s > into->flow->max_s)
        return error_set(reterr, STATUS_INVALID, "duration_too_long",
                         "that is too long; expected at most %s",
                         duration_text(cli->arena, into->flow->max_s));
    into->form->duration_s = duration_s;
    return STATUS_OK;
}

static Status take_reason(Cli *cli, const char *answer, void *context, Error *reterr) {
    const FormAnswer *into = context;
    if (answer[0] == '\0' && into->flow->reason_required)
        return error_set(reterr, STATUS_INVALID, "reason_required",
                         "this flow wants a reason; those who decide read it");
    into->form->reason = answer[0] != '\0' ? answer : NULL;
    return STATUS_OK;
}

// Asks for what the command line left out, when somebody is there to ask.
static Status complete_form(Cli *cli, const Invocation *invocation, GrantRequest *form,
                            Error *reterr) {
    form->flow = invocation_argument(invocation, "FLOW");
    form->reason = invocation_option(invocation, "reason");
    TRY(invocation_duration(invocation, "for", &form->duration_s, reterr));
    bool ask = form->flow == NULL;
    if (ask)
        TRY(choose_flow(cli, &form->flow, reterr));
    if (!cli->in_terminal || (!ask && form->reason != NULL))
        return STATUS_OK;
    FlowView flow;
    TRY(fetch_flow(cli, form->flow, &flow, NULL, reterr));
    FormAnswer into = {form, &flow};
    const char *how_long = arena_printf(cli->arena, "For how long (at most %s)",
                                        duration_text(cli->arena, flow.max_s));
    if (ask && form->duration_s == 0)
        TRY(prompt_checked(cli, how_long, duration_text(cli->arena, flow.default_s), ASK_INSTEAD,
                           take_duration, &into, reterr));
    if (form->reason == NULL && (ask || flow.reason_required))
        TRY(prompt_checked(cli, flow.reason_required ? "Why" : "Why (may be empty)", NULL,
                           ASK_INSTEAD, take_reason, &into, reterr));
    return STATUS_OK;
}

static bool nothing_is_delivered(const GrantView *grant) {
    int kind;
    return grant->kind != NULL && enum_find(&TARGET_KINDS, grant->kind, &kind) &&
           target_facts((TargetKind)kind)->no_credential;
}

// The key is on disk before the request leaves, so that what may come back can always be opened. It
// goes only when the server's answer says that there is no request.
static Status send_request(Cli *cli, GrantRequest *form, GrantView *ret_grant, json_t **ret_value,
                           Error *reterr) {
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    form->public_key = seal_key_public_text(cli->arena, key);
    TRY(key_store_add(cli->arena, key, reterr));
    RemoteCall call = {.method = "POST",
                       .target = "/v1/grants",
                       .body_shape = &GRANT_REQUEST_SHAPE,
                       .body = form,
                       .idempotency_key = id_new(cli->arena, "idk")};
    Status status = remote_read(cli, &call, &GRANT_VIEW_SHAPE, ret_grant, ret_value, reterr);
    bool refused = status != STATUS_OK && status != STATUS_UNAVAILABLE && status != STATUS_INTERNAL;
    if (refused || (status == STATUS_OK && nothing_is_delivered(ret_grant)))
        key_store_remove(cli->arena, form->public_key);
    return status;
}

Status command_request(Cli *cli, const Invocation *invocation, Error *reterr) {
    int64_t timeout_s;
    TRY(invocation_duration(invocation, "timeout", &timeout_s, reterr));
    GrantRequest form = {0};
    TRY(complete_form(cli, invocation, &form, reterr));
    GrantView grant;
    json_t *value;
    TRY(send_request(cli, &form, &grant, &value, reterr));
    if (!invocation_switch(invocation, "wait")) {
        grant_tell(cli, &grant, value);
        return STATUS_OK;
    }
    TRY(grant_wait(cli, GOAL_ACTIVE, timeout_s, &grant, &value, reterr));
    TRY(grant_goal_status(&grant, GOAL_ACTIVE, reterr));
    grant_tell(cli, &grant, value);
    return STATUS_OK;
}
