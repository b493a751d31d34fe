#include "base/clock.h"
#include "domain/account_name.h"
#include "domain/aws_identity.h"
#include "domain/grant.h"
#include "domain/integration_plan.h"

#include <assert.h>
#include <string.h>

enum {
    REASON_MAX_BYTES = 1000,
    UNIQUE_LENGTH = 8, // of the account's name: 40 bits of the id
};

// The last characters of the id: random, and of [a-z0-9].
static const char *unique_part(const char *id) {
    size_t length = strlen(id);
    assert(length >= UNIQUE_LENGTH);
    return id + length - UNIQUE_LENGTH;
}

// Whom it is given to on AWS. What an administrator wrote down for somebody goes before the
// template. NULL: neither says.
static const char *identity_of(Arena *arena, const Configuration *configuration,
                               const Integration *integration, const char *requester) {
    if (integration->kind != TARGET_AWS)
        return NULL;
    const Principal *principal = configuration_principal(configuration, requester);
    assert(principal != NULL); // whoever may ask is one
    const char *own =
        aws_identity_of_account(&principal->aws_identities, integration->aws->account);
    return own == NULL && integration->identity != NULL
               ? aws_identity_expand(arena, integration->identity, requester)
               : own;
}

// Whose sessions end with the access, and on which databases. What is not there any more is left
// out, so that the plan is another one.
static SessionEndings session_endings(Arena *arena, const Configuration *configuration,
                                      const Flow *flow) {
    SessionEndings endings = {.items =
                                  arena_alloc(arena, flow->access.count * sizeof(SessionEnding))};
    for (size_t i = 0; i < flow->access.count; i++) {
        const RdsConnect *item = flow->access.items[i].rds_connect;
        const Integration *database =
            item != NULL && item->end_sessions != NULL
                ? configuration_integration(configuration, item->end_sessions)
                : NULL;
        if (database == NULL)
            continue;
        const Plan plan = integration_plan(arena, database);
        endings.items[endings.count++] = (SessionEnding){.integration = database->name,
                                                         .target = plan.target,
                                                         .admin_secret = plan.admin_secret,
                                                         .users = item->users};
    }
    return endings;
}

// What a request for this flow is given, as things are configured now.
static const Plan *plan_make(Arena *arena, const Configuration *configuration,
                             const Integration *integration, const Flow *flow,
                             const Plan *request) {
    Plan *plan = arena_alloc(arena, sizeof(*plan));
    *plan = integration_plan(arena, integration);
    plan->grant_id = request->grant_id;
    plan->deployment = request->deployment;
    plan->account = request->account;
    plan->identity = request->identity;
    plan->account_host = text_equal(flow->account_host, ACCOUNT_HOST_REQUESTER)
                             ? request->account_host
                             : flow->account_host;
    plan->duration_s = request->duration_s;
    plan->access = flow->access;
    plan->session_endings = session_endings(arena, configuration, flow);
    return plan;
}

static bool may_request(const Configuration *configuration, const Flow *flow,
                        const char *requester) {
    const Principal *principal = configuration_principal(configuration, requester);
    return principal != NULL && !principal->disabled &&
           subjects_include(configuration, flow->requesters, requester);
}

// A name that comes from outside, short and harmless enough for a message.
static const char *shown(Arena *arena, const char *name) {
    return text_printable(arena, arena_copy(arena, name, text_cut(name, strlen(name), 64)));
}

static bool is_blank(const char *text) {
    return text == NULL || text[strspn(text, " ")] == '\0';
}

static Status reason_check(const Flow *flow, const char *reason, Error *reterr) {
    if (flow->reason == REASON_REQUIRED && is_blank(reason))
        return error_set(reterr, STATUS_INVALID, "reason_missing",
                         "flow %s wants a reason; say why you need the access", flow->name);
    if (reason == NULL)
        return STATUS_OK;
    if (strlen(reason) > REASON_MAX_BYTES)
        return error_set(reterr, STATUS_INVALID, "reason_too_long",
                         "the reason is too long; expected at most %d bytes", REASON_MAX_BYTES);
    if (!text_is_printable(reason))
        return error_set(reterr, STATUS_INVALID, "bad_reason",
                         "the reason contains control characters; expected one line of text");
    return STATUS_OK;
}

// The name of what the grant makes on the target.
static Status account_choose(Arena *arena, const Integration *integration, const RequestForm *form,
                             const char *identity, const char **ret_account, Error *reterr) {
    if (integration->kind != TARGET_AWS) {
        *ret_account = account_name_build(arena, integration->account_prefix, form->requester,
                                          unique_part(form->id));
        return STATUS_OK;
    }
    AwsIdentity parsed;
    if (identity == NULL)
        return error_set(reterr, STATUS_CONFLICT, "no_identity",
                         "nothing says who you are in AWS account %s; an administrator has to add "
                         "the ARN of your IAM user or role to your aws_identities, or declare "
                         "identity for integration %s",
                         integration->aws->account, integration->name);
    Error error = {0};
    if (aws_identity_parse(arena, identity, &parsed, &error) != STATUS_OK)
        return error_set(reterr, STATUS_CONFLICT, "no_identity",
                         "integration %s makes %s of your name by its template (identity), which "
                         "is no IAM identity (%.200s); an administrator has to add the ARN of your "
                         "IAM user or role to your aws_identities, or change the template",
                         integration->name, shown(arena, identity), error.message);
    if (!text_equal(parsed.account, integration->aws->account))
        return error_set(reterr, STATUS_CONFLICT, "no_identity",
                         "integration %s makes %s of your name by its template (identity), which "
                         "is of another AWS account than %s; an administrator has to change the "
                         "template",
                         integration->name, shown(arena, identity), integration->aws->account);
    *ret_account = aws_account_name(arena, &parsed, form->id);
    return STATUS_OK;
}

Status grant_draft(Arena *arena, const Configuration *configuration, const RequestForm *form,
                   Grant *ret_grant, Error *reterr) {
    const Flow *flow = configuration_flow(configuration, form->flow);
    if (flow == NULL || !may_request(configuration, flow, form->requester))
        return error_set(reterr, STATUS_FORBIDDEN, "not_a_requester",
                         "there is no flow \"%s\" that you may ask for; \"daypass flows\" lists "
                         "yours",
                         shown(arena, form->flow));
    TRY(reason_check(flow, form->reason, reterr));
    int64_t duration_s;
    TRY(flow_duration(flow, form->duration_s, &duration_s, reterr));
    const Integration *integration = configuration_integration(configuration, flow->integration);
    if (integration == NULL)
        return error_set(reterr, STATUS_CONFLICT, "unknown_integration",
                         "flow %s names integration %s, which is not there; an administrator has "
                         "to declare it",
                         flow->name, flow->integration);
    const char *identity = identity_of(arena, configuration, integration, form->requester);
    const char *account;
    TRY(account_choose(arena, integration, form, identity, &account, reterr));
    const Plan request = {
        .grant_id = form->id,
        .deployment = form->deployment,
        .account = account,
        .identity = identity,
        .account_host = form->address,
        .duration_s = duration_s,
    };
    *ret_grant = (Grant){
        .id = form->id,
        .state = GRANT_PENDING,
        .requester = form->requester,
        .reason = is_blank(form->reason) ? NULL : form->reason,
        .requested_at = form->now_ms,
        .lapses_at = form->now_ms + flow->lapse_after_s * SECOND_MS,
        .duration_s = duration_s,
        .flow = flow,
        .plan = plan_make(arena, configuration, integration, flow, &request),
        .public_key = form->public_key,
    };
    return STATUS_OK;
}

static bool same(Arena *arena, const Shape *shape, const void *a, const void *b) {
    return json_equal(shape_write(arena, shape, a), shape_write(arena, shape, b));
}

// The description promises nothing: changing it changes no request.
static Flow flow_substance(const Flow *flow) {
    Flow substance = *flow;
    substance.description = NULL;
    return substance;
}

// A live grant goes on as it is: what cannot be had is more time of it.
static Status flow_changed(const Grant *grant, const char *what, Error *reterr) {
    const char *next = grant->state == GRANT_PENDING
                           ? "cancel it and ask again"
                           : "it keeps its end, and an extension that waits can only be denied; "
                             "ask for access anew";
    return error_set(reterr, STATUS_CONFLICT, "flow_changed", "%s since %s was asked for; %s", what,
                     grant->id, next);
}

Status grant_check_current(Arena *arena, const Configuration *configuration, const Grant *grant,
                           Error *reterr) {
    const Flow *flow = configuration_flow(configuration, grant->flow->name);
    if (flow == NULL)
        return flow_changed(grant, "the flow was deleted", reterr);
    const Flow before = flow_substance(grant->flow);
    const Flow now = flow_substance(flow);
    if (!same(arena, &FLOW_SHAPE, &before, &now))
        return flow_changed(grant, "the flow was changed", reterr);
    if (!may_request(configuration, flow, grant->requester))
        return flow_changed(grant, "the requester lost the right to this flow", reterr);
    const Integration *integration = configuration_integration(configuration, flow->integration);
    if (integration == NULL)
        return flow_changed(grant, "the integration was deleted", reterr);
    if (!same(arena, &PLAN_SHAPE, grant->plan,
              plan_make(arena, configuration, integration, flow, grant->plan)))
        return flow_changed(grant, "the integration was changed", reterr);
    if (!text_equal(identity_of(arena, configuration, integration, grant->requester),
                    grant->plan->identity))
        return flow_changed(grant, "the requester's AWS identity was changed", reterr);
    return STATUS_OK;
}

Status grant_extension_check(const Grant *grant, int64_t extension_s, Error *reterr) {
    char text[DURATION_SIZE];
    if (grant->state != GRANT_ACTIVE)
        return error_set(reterr, STATUS_CONFLICT, "wrong_state",
                         "%s is %s; to be extended it would have to be active", grant->id,
                         enum_name(&GRANT_STATES, grant->state));
    if (grant->flow->extension == EXTENSION_NEVER)
        return error_set(reterr, STATUS_FORBIDDEN, "extension_not_offered",
                         "flow %s does not extend access; ask for it again when it has ended",
                         grant->flow->name);
    if (grant->extension_state != EXTENSION_NONE)
        return error_set(reterr, STATUS_CONFLICT, "extension_pending",
                         "an extension of %s was asked for already; wait until it is decided",
                         grant->id);
    if (extension_s < 1)
        return error_set(reterr, STATUS_INVALID, "duration_too_short",
                         "expected to extend by at least 1s");
    int64_t so_far_s = (grant->expires_at - grant->granted_at) / SECOND_MS;
    int64_t max_s = grant->flow->duration->max_s;
    if (extension_s > max_s - so_far_s)
        return error_set(reterr, STATUS_INVALID, "duration_too_long",
                         "flow %s gives access for at most %s as a whole", grant->flow->name,
                         duration_format(max_s, text));
    return STATUS_OK;
}
