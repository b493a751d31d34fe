// Requests and grants. Who may see one: its requester, who may decide it, administrators, auditors;
// for everybody else it is not there. Its credential is for its requester alone.
#include "api/call.h"
#include "api/handlers.h"
#include "api/queries.h"
#include "api/view.h"

#include "base/fault_point.h"
#include "base/id.h"
#include "domain/approval.h"
#include "wire/seal.h"

#include <string.h>

enum {
    IDEMPOTENCY_KEY_MAX_BYTES = 128,
    PAGES_MAX = 20, // of the store looked through for one page of an answer
    EVIDENCE_MAX = 500,
};

// ---- Finding and showing ------------------------------------------------------------------------

static Status unknown_grant(Error *reterr) {
    return error_set(reterr, STATUS_NOT_FOUND, "unknown_grant",
                     "there is no request of that id that you may see; \"daypass requests\" lists "
                     "yours");
}

static Status find_grant(Call *call, Grant *ret_grant, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    const char *id = call_parameter(call, "id");
    Error error = {0};
    Status status = store_grant(call->api->options.store, call->arena, id, ret_grant, &error);
    if (status == STATUS_NOT_FOUND)
        return unknown_grant(reterr);
    if (status != STATUS_OK) {
        *reterr = error;
        return status;
    }
    call->grant_id = ret_grant->id;
    if (!grant_visible_to(configuration, ret_grant, &call->caller.principal))
        return unknown_grant(reterr);
    return STATUS_OK;
}

static Status find_own_grant(Call *call, Grant *ret_grant, Error *reterr) {
    TRY(find_grant(call, ret_grant, reterr));
    if (!text_equal(ret_grant->requester, call->caller.principal.name))
        return error_set(reterr, STATUS_FORBIDDEN, "not_the_requester",
                         "only %s, who asked for it, may do this", ret_grant->requester);
    return STATUS_OK;
}

static Status reply_grant(Call *call, const Grant *grant, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    call->grant_id = grant->id;
    GrantView view = grant_view(call, configuration, grant);
    TRY(grant_view_add_revocation(call, &view, reterr));
    EvidenceList evidence = {0};
    TRY(store_grant_evidence(call->api->options.store, call->arena, grant->id, &evidence, reterr));
    json_t *items = json_keep(call->arena, json_array());
    size_t first = evidence.count > EVIDENCE_MAX ? evidence.count - EVIDENCE_MAX : 0;
    for (size_t i = first; i < evidence.count; i++)
        json_array_append(items, shape_write(call->arena, &EVIDENCE_SHAPE, &evidence.items[i]));
    view.evidence = items;
    return call_reply(call, &view);
}

Status grant_show(Call *call, Error *reterr) {
    const GrantWaitQuery *query = call->query;
    uint64_t sequence = call_sequence(call);
    Grant grant = {0};
    TRY(find_grant(call, &grant, reterr));
    if (query->wait_s > 0 && query->version == grant.version) {
        const char *key = arena_printf(call->arena, "grant:%s", grant.id);
        bool waits = false;
        TRY(call_wait(call, key, query->wait_s * SECOND_MS, sequence, &waits, reterr));
        if (waits)
            return STATUS_OK;
    }
    return reply_grant(call, &grant, reterr);
}

// ---- Listing ----------------------------------------------------------------------------------

static bool belongs(Call *call, const Configuration *configuration, GrantListView view,
                    const Grant *grant) {
    const Principal *principal = &call->caller.principal;
    switch (view) {
    case VIEW_MINE:
        return text_equal(grant->requester, principal->name);
    case VIEW_TO_DECIDE:
        return principal->role != ROLE_AUDITOR &&
               approval_check(call->arena, configuration, grant, principal->name, NULL) ==
                   STATUS_OK;
    case VIEW_ALL:
        break;
    }
    return grant_visible_to(configuration, grant, principal);
}

static GrantFilter filter_for(Call *call, const GrantQuery *query) {
    GrantFilter filter = {
        .requester = query->requester,
        .integration = query->integration,
        .flow = query->flow,
        .states = query->state,
        .after_id = query->cursor,
        .limit = query->limit,
    };
    if (query->view == VIEW_MINE && query->requester == NULL)
        filter.requester = call->caller.principal.name;
    // Only of a live one is there anything to decide.
    if (query->view == VIEW_TO_DECIDE)
        filter.live_only = true;
    return filter;
}

// The store pages over what it can search by; what is left over is chosen here. When few of many
// belong, a page may be short or empty and still have a next one.
Status grant_list(Call *call, Error *reterr) {
    const GrantQuery *query = call->query;
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    GrantFilter filter = filter_for(call, query);
    json_t *items = json_keep(call->arena, json_array());
    for (int page = 0; page < PAGES_MAX; page++) {
        Grants grants = {0};
        TRY(store_list_grants(call->api->options.store, call->arena, &filter, &grants, reterr));
        for (size_t i = 0; i < grants.count; i++) {
            const Grant *grant = &grants.items[i];
            filter.after_id = grant->id;
            if (!belongs(call, configuration, (GrantListView)query->view, grant))
                continue;
            GrantView view = grant_view(call, configuration, grant);
            if (grant->state == GRANT_REVOKING)
                TRY(grant_view_add_revocation(call, &view, reterr));
            json_array_append(items, shape_write(call->arena, &GRANT_VIEW_SHAPE, &view));
            if ((int64_t)json_array_size(items) == query->limit)
                return call_reply_list(call, items, filter.after_id);
        }
        if ((int64_t)grants.count < filter.limit)
            return call_reply_list(call, items, NULL);
    }
    return call_reply_list(call, items, filter.after_id);
}

// ---- Asking -----------------------------------------------------------------------------------

static Status key_check(const char *key, Error *reterr) {
    if (key == NULL)
        return STATUS_OK;
    if (key[0] != '\0' && strlen(key) <= IDEMPOTENCY_KEY_MAX_BYTES && text_is_printable(key))
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_idempotency_key",
                     "the header Idempotency-Key must be 1 to %d printable characters",
                     IDEMPOTENCY_KEY_MAX_BYTES);
}

static Status public_key_check(const char *key, Error *reterr) {
    Error error = {0};
    if (key == NULL)
        error_set(&error, STATUS_INVALID, "missing_field",
                  "public_key: is required, for the credential that this flow's access is used by");
    else if (seal_public_key_check(key, &error) == STATUS_OK)
        return STATUS_OK;
    *reterr = error;
    snprintf(reterr->pointer, sizeof(reterr->pointer), "/public_key");
    return error.status;
}

// Whether a flow's access is used by a credential that is made for it. One that nobody knows is
// refused by others.
static Status flow_delivers(Call *call, const char *name, bool *ret_delivers, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    const Flow *flow = configuration_flow(configuration, name);
    const Integration *integration =
        flow != NULL ? configuration_integration(configuration, flow->integration) : NULL;
    *ret_delivers =
        integration == NULL || !target_facts((TargetKind)integration->kind)->no_credential;
    return STATUS_OK;
}

Status grant_request(Call *call, Error *reterr) {
    const GrantRequest *body = call->body;
    const char *key = http_request_header(call->request, "Idempotency-Key");
    TRY(key_check(key, reterr));
    bool delivers = true;
    TRY(flow_delivers(call, body->flow, &delivers, reterr));
    if (delivers)
        TRY(public_key_check(body->public_key, reterr));
    const RequestForm form = {
        .id = id_new(call->arena, "req"),
        .requester = call->caller.principal.name,
        .flow = body->flow,
        .duration_s = body->duration_s,
        .reason = body->reason,
        .public_key = delivers ? body->public_key : NULL,
        .deployment = store_deployment(call->api->options.store),
        .address = http_request_peer(call->request),
        .now_ms = call_now_ms(call),
    };
    Grant grant = {0};
    TRY(store_request_grant(call->api->options.store, call->arena, &call->caller.actor, &form, key,
                            &grant, reterr));
    FAULT_POINT("request.stored");
    return reply_grant(call, &grant, reterr);
}

// ---- Deciding and ending ------------------------------------------------------------------------

static Status decide(Call *call, bool approved, Error *reterr) {
    const NoteRequest *body = call->body;
    Grant grant = {0};
    TRY(find_grant(call, &grant, reterr));
    TRY(store_decide_grant(call->api->options.store, call->arena, &call->caller.actor, grant.id,
                           approved, body->note, &grant, reterr));
    FAULT_POINT("decision.stored");
    return reply_grant(call, &grant, reterr);
}

Status grant_approve(Call *call, Error *reterr) {
    return decide(call, true, reterr);
}

Status grant_deny(Call *call, Error *reterr) {
    return decide(call, false, reterr);
}

Status grant_cancel(Call *call, Error *reterr) {
    const NoteRequest *body = call->body;
    Grant grant = {0};
    TRY(find_own_grant(call, &grant, reterr));
    TRY(store_cancel_grant(call->api->options.store, call->arena, &call->caller.actor, grant.id,
                           body->note, &grant, reterr));
    FAULT_POINT("cancellation.stored");
    return reply_grant(call, &grant, reterr);
}

Status grant_revoke(Call *call, Error *reterr) {
    const NoteRequest *body = call->body;
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    Grant grant = {0};
    TRY(find_grant(call, &grant, reterr));
    if (!grant_revocable_by(configuration, &grant, &call->caller.principal))
        return error_set(reterr, STATUS_FORBIDDEN, "not_allowed",
                         "the requester, the flow's approvers and administrators may revoke this");
    TRY(store_revoke_grant(call->api->options.store, call->arena, &call->caller.actor, grant.id,
                           body->note, &grant, reterr));
    FAULT_POINT("revocation.stored");
    return reply_grant(call, &grant, reterr);
}

Status grant_write_off(Call *call, Error *reterr) {
    const WriteOffRequest *body = call->body;
    Grant grant = {0};
    TRY(find_grant(call, &grant, reterr));
    TRY(store_write_off_grant(call->api->options.store, call->arena, &call->caller.actor, grant.id,
                              body->reason, &grant, reterr));
    return reply_grant(call, &grant, reterr);
}

// ---- While it lives -----------------------------------------------------------------------------

Status grant_extend(Call *call, Error *reterr) {
    const ExtendRequest *body = call->body;
    Grant grant = {0};
    TRY(find_own_grant(call, &grant, reterr));
    TRY(store_extend_grant(call->api->options.store, call->arena, &call->caller.actor, grant.id,
                           body->duration_s, body->reason, &grant, reterr));
    FAULT_POINT("extension.stored");
    return reply_grant(call, &grant, reterr);
}

Status grant_reset(Call *call, Error *reterr) {
    const ResetRequest *body = call->body;
    Grant grant = {0};
    TRY(find_own_grant(call, &grant, reterr));
    TRY(public_key_check(body->public_key, reterr));
    TRY(store_reset_grant(call->api->options.store, call->arena, &call->caller.actor, grant.id,
                          body->public_key, &grant, reterr));
    FAULT_POINT("reset.stored");
    return reply_grant(call, &grant, reterr);
}

Status grant_credentials(Call *call, Error *reterr) {
    Grant grant = {0};
    TRY(find_own_grant(call, &grant, reterr));
    TRY(grant_delivery_check(&grant, reterr));
    if (grant.state != GRANT_ACTIVE)
        return error_set(reterr, STATUS_CONFLICT, "wrong_state",
                         "%s is %s; it has credentials only while it is active", grant.id,
                         enum_name(&GRANT_STATES, grant.state));
    if (grant.sealed == NULL)
        return error_set(reterr, STATUS_CONFLICT, "no_credential",
                         "the connector has not delivered a credential for %s yet; try again, or "
                         "ask for a new password with \"daypass credentials --reset\"",
                         grant.id);
    const AuditNote note = {
        .event = "credentials.read",
        .grant = grant.id,
        .flow = grant.flow->name,
        .integration = grant.plan->integration,
        .person = grant.requester,
    };
    // Noted before it is given: what is not on record is not handed out.
    TRY(store_note(call->api->options.store, &call->caller.actor, &note, reterr));
    FAULT_POINT("credentials.noted");
    return call_reply(call, &(CredentialsReply){
                                .id = grant.id,
                                .sealed = grant.sealed,
                                .public_key = grant.public_key,
                                .expires_at = grant.expires_at,
                            });
}
