#include "api/view.h"

#include "domain/approval.h"

enum {
    WAITING_MAX = 100, // names shown of those who may decide
};

typedef struct Look {
    Call *call;
    const Configuration *configuration;
    const Grant *grant;
    bool is_requester;
    bool takes_part; // may change something at all
    int64_t now_ms;
} Look;

static Look look_at(Call *call, const Configuration *configuration, const Grant *grant) {
    const Principal *principal = &call->caller.principal;
    return (Look){
        .call = call,
        .configuration = configuration,
        .grant = grant,
        .is_requester = text_equal(grant->requester, principal->name),
        .takes_part = principal->role != ROLE_AUDITOR && !principal->disabled,
        .now_ms = call_now_ms(call),
    };
}

static bool may_decide(const Look *look) {
    return approval_check(look->call->arena, look->configuration, look->grant,
                          look->call->caller.principal.name, NULL) == STATUS_OK;
}

static bool may_cancel(const Look *look) {
    return look->is_requester && grant_event_allowed(look->grant, GRANT_EVENT_CANCEL, look->now_ms);
}

static bool may_revoke(const Look *look) {
    return grant_revocable_by(look->configuration, look->grant, &look->call->caller.principal) &&
           grant_event_allowed(look->grant, GRANT_EVENT_REVOKE, look->now_ms);
}

static bool may_extend(const Look *look) {
    return look->is_requester && grant_extension_check(look->grant, 1, NULL) == STATUS_OK;
}

static bool delivers(const Look *look) {
    return grant_delivery_check(look->grant, NULL) == STATUS_OK;
}

static bool may_reset(const Look *look) {
    return look->is_requester && delivers(look) &&
           grant_event_allowed(look->grant, GRANT_EVENT_RESET, look->now_ms);
}

static bool may_connect(const Look *look) {
    return look->is_requester && look->grant->state == GRANT_ACTIVE && !delivers(look);
}

static bool may_see_credentials(const Look *look) {
    return look->is_requester && look->grant->state == GRANT_ACTIVE && look->grant->sealed != NULL;
}

static const struct {
    const char *what;
    TokenScope scope;
    bool (*may)(const Look *look);
} PERMITTED[] = {
    {"approve", SCOPE_DECIDE, may_decide}, {"deny", SCOPE_DECIDE, may_decide},
    {"cancel", SCOPE_REQUEST, may_cancel}, {"revoke", SCOPE_REQUEST, may_revoke},
    {"extend", SCOPE_REQUEST, may_extend}, {"credentials", SCOPE_REQUEST, may_see_credentials},
    {"reset", SCOPE_REQUEST, may_reset},   {"connect", SCOPE_REQUEST, may_connect},
};

StringList grant_permitted(Call *call, const Configuration *configuration, const Grant *grant) {
    const Look look = look_at(call, configuration, grant);
    StringList permitted = {0};
    for (size_t i = 0; look.takes_part && i < COUNT_OF(PERMITTED); i++) {
        if (call_has_scope(call, PERMITTED[i].scope) && PERMITTED[i].may(&look))
            string_list_add(call->arena, &permitted, PERMITTED[i].what);
    }
    return permitted;
}

static void add_progress(Call *call, const Configuration *configuration, const Grant *grant,
                         GrantView *view) {
    bool waits = grant->state == GRANT_PENDING ||
                 (grant->state == GRANT_ACTIVE && grant->extension_state == EXTENSION_PENDING);
    if (!waits)
        return;
    const ApprovalProgress progress = approval_progress(call->arena, configuration, grant);
    if (progress.result != APPROVAL_WAITING)
        return;
    view->needs = arena_strdup(call->arena, progress.needs);
    for (size_t i = 0; i < progress.waiting.count && i < WAITING_MAX; i++)
        string_list_add(call->arena, &view->waiting, progress.waiting.items[i]);
}

static const json_t *drift_of(Call *call, const Grant *grant) {
    if (grant->drift.count == 0)
        return NULL;
    json_t *drift = json_keep(call->arena, json_array());
    for (size_t i = 0; i < grant->drift.count; i++)
        json_array_append(drift, shape_write(call->arena, &DRIFT_SHAPE, &grant->drift.items[i]));
    return drift;
}

static const json_t *decisions_of(Call *call, const Grant *grant) {
    json_t *decisions = json_keep(call->arena, json_array());
    for (size_t i = 0; i < grant->decisions.count; i++)
        json_array_append(decisions,
                          shape_write(call->arena, &DECISION_SHAPE, &grant->decisions.items[i]));
    return decisions;
}

GrantView grant_view(Call *call, const Configuration *configuration, const Grant *grant) {
    const Plan *plan = grant->plan;
    bool has_extension = grant->extension_state != EXTENSION_NONE;
    GrantView view = {
        .id = grant->id,
        .version = grant->version,
        .state = enum_name(&GRANT_STATES, grant->state),
        .cause = grant->cause != CAUSE_NONE ? enum_name(&GRANT_CAUSES, grant->cause) : NULL,
        .requester = grant->requester,
        .flow = grant->flow->name,
        .integration = plan->integration,
        .target = target_text(call->arena, plan->target),
        .kind = enum_name(&TARGET_KINDS, plan->target->kind),
        .access = access_lines(call->arena, &plan->access),
        .reason = grant->reason,
        .duration_s = grant->duration_s,
        .requested_at = grant->requested_at,
        .lapses_at = grant->lapses_at,
        .approved_at = grant->approved_at,
        .granted_at = grant->granted_at,
        .expires_at = grant->expires_at,
        .ended_at = grant->ended_at,
        .ended_by = grant->ended_by,
        .note = grant->note,
        .account = plan->account,
        .identity = plan->identity,
        .public_key = grant->public_key,
        .extension_s = has_extension ? grant->extension_s : 0,
        .extension_state =
            has_extension ? enum_name(&EXTENSION_STATES, grant->extension_state) : NULL,
        .extension_reason = grant->extension_reason,
        .trouble = grant->trouble,
        .drifted = grant->drifted,
        .widened = grant->drifted && drifts_widen(&grant->drift),
        .drifted_at = grant->drifted_at,
        .drift = drift_of(call, grant),
        .may = grant_permitted(call, configuration, grant),
        .decisions = decisions_of(call, grant),
    };
    add_progress(call, configuration, grant, &view);
    return view;
}

Status grant_view_add_revocation(Call *call, GrantView *view, Error *reterr) {
    Revocation revocation = {0};
    bool found = false;
    TRY(store_find_revocation(call->api->options.store, call->arena, view->id, &revocation, &found,
                              reterr));
    if (!found)
        return STATUS_OK;
    view->overdue = revocation.overdue;
    view->overdue_since = revocation.overdue ? revocation.since_at : 0;
    if (revocation.waits_for == REVOCATION_WAITS_FOR_PAUSE)
        view->next_attempt_at = revocation.next_attempt_at;
    return STATUS_OK;
}
