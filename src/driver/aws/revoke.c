#include "driver/aws/revoke.h"

#include <string.h>

#include "base/fault_point.h"
#include "domain/aws_identity.h"
#include "driver/aws/grant.h"
#include "driver/aws/inventory.h"
#include "driver/aws/live_sessions.h"

// ---- Where it reaches ---------------------------------------------------------------------------

static void add_once(Arena *arena, StringList *list, const char *item) {
    if (!string_list_has(list, item))
        string_list_add(arena, list, item);
}

// "AROA…:jane": the session is what follows the id.
static void reach_of_policy(Arena *arena, const GrantPolicy *policy, GrantReach *reach) {
    const PolicyFacts facts = aws_policy_read(arena, policy->document);
    reach->rds |= facts.rds;
    for (size_t i = 0; i < facts.instances.count; i++)
        add_once(arena, &reach->instances, facts.instances.items[i]);
    const char *session = facts.user_id != NULL ? strchr(facts.user_id, ':') : NULL;
    if (session != NULL)
        reach->role_session = session + 1;
}

static Status reach_of_tag(Operation *operation, const char *tag, GrantReach *reach,
                           Error *reterr) {
    AwsResources found;
    TRY(aws_instances_read(operation, NULL, tag, &found, reterr));
    for (size_t i = 0; i < found.count; i++)
        add_once(operation->arena, &reach->instances, found.items[i].id);
    return STATUS_OK;
}

Status aws_reach_of(Operation *operation, const Plan *plan, const GrantPolicies *policies,
                    GrantReach *ret_reach, Error *reterr) {
    Arena *arena = operation->arena;
    GrantReach reach = {0};
    AwsIdentity identity;
    for (size_t i = 0; i < policies->count; i++)
        reach_of_policy(arena, &policies->items[i], &reach);
    if (plan->identity != NULL &&
        aws_identity_parse(arena, plan->identity, &identity, NULL) == STATUS_OK)
        reach.role_session = identity.session;
    for (size_t i = 0; i < plan->access.count; i++) {
        const RdsConnect *rds = plan->access.items[i].rds_connect;
        const SsmSession *ssm = plan->access.items[i].ssm_session;
        reach.rds |= rds != NULL;
        if (rds != NULL && rds->end_sessions != NULL)
            reach.ended_elsewhere = rds->end_sessions;
        for (size_t k = 0; ssm != NULL && k < ssm->instances.count; k++)
            add_once(arena, &reach.instances, ssm->instances.items[k]);
        // Which had the tag when access was given is in the policy; what is left is to ask again.
        if (ssm != NULL && ssm->tag != NULL && policies->count == 0)
            TRY(reach_of_tag(operation, ssm->tag, &reach, reterr));
    }
    *ret_reach = reach;
    return STATUS_OK;
}

// ---- Taking back --------------------------------------------------------------------------------

static Status delete_policies(Operation *operation, const AwsAccountName *name,
                              const GrantPolicies *policies, Error *reterr) {
    for (size_t i = 0; i < policies->count; i++)
        TRY(aws_policy_delete(operation, name, policies->items[i].name, reterr));
    return STATUS_OK;
}

static void note_before(Operation *operation, const GrantPolicies *policies) {
    Outcome *outcome = operation->evidence.outcome;
    outcome->account_present = policies->count > 0;
    for (size_t i = 0; i < policies->count; i++)
        if (policies->items[i].mark.expires > outcome->target_expires_at)
            outcome->target_expires_at = policies->items[i].mark.expires;
}

// A list that was read before a change had come everywhere may lack what is there.
static Status see_none(Operation *operation, const AwsAccountName *name, const Plan *plan,
                       Error *reterr) {
    GrantPolicies left;
    TRY(aws_policies_left(operation, name, plan, &left, reterr));
    TRY(delete_policies(operation, name, &left, reterr));
    if (left.strangers)
        return aws_refuse_strangers(operation, plan, reterr);
    return STATUS_OK;
}

static void warn_of_databases(Operation *operation, const GrantReach *reach) {
    if (!reach->rds)
        return;
    if (reach->ended_elsewhere != NULL)
        evidence_warn(&operation->evidence,
                      "sessions that are open on the databases are ended through integration %s",
                      reach->ended_elsewhere);
    else
        evidence_warn(&operation->evidence,
                      "a session that is open on a database lasts until it is closed: AWS ends "
                      "none, and a token made before may let in until it is 15 minutes old");
}

// Once the date of a policy has passed nobody opens another session by it, and which instances it
// was on is not known any more when it is gone. Whatever comes of this, the policy has to go; and
// at once, where it is on databases, too, whose access only that ends.
static void end_sessions_first(Operation *operation, const Plan *plan, const AwsAccountName *name,
                               const GrantPolicies *policies) {
    GrantReach reach;
    Error ignored = {0};
    if (policies->count == 0 ||
        operation->evidence.outcome->target_expires_at > aws_session_now(operation->session) ||
        aws_reach_of(operation, plan, policies, &reach, &ignored) != STATUS_OK || reach.rds)
        return;
    const SessionSearch search = {name, reach.role_session, &reach.instances};
    if (aws_sessions_end(operation, &search, &ignored) != STATUS_OK)
        operation->evidence.failure = FAILURE_NONE;
}

Status aws_revoke(Operation *operation, const Plan *plan, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    AwsAccountName name;
    GrantPolicies policies;
    GrantReach reach;
    TRY(aws_plan_check(operation, plan, &name, reterr));
    Status status = aws_policies_left(operation, &name, plan, &policies, reterr);
    if (status != STATUS_OK) {
        *outcome = (Outcome){0}; // nobody could look: nothing is said of it
        return status;
    }
    note_before(operation, &policies);
    TRY(aws_policies_read(operation, &name, &policies, reterr));
    end_sessions_first(operation, plan, &name, &policies);
    FAULT_POINT("revoke.before_drop");
    TRY(delete_policies(operation, &name, &policies, reterr));
    FAULT_POINT("revoke.dropped");
    TRY(see_none(operation, &name, plan, reterr));
    outcome->account_present = false;
    outcome->login_refused = true;
    FAULT_POINT("revoke.seen_gone");
    TRY(aws_reach_of(operation, plan, &policies, &reach, reterr));
    const SessionSearch search = {&name, reach.role_session, &reach.instances};
    TRY(aws_sessions_end(operation, &search, reterr));
    FAULT_POINT("revoke.sessions_ended");
    if (policies.count > 0) // else nobody had access by it that could last
        warn_of_databases(operation, &reach);
    outcome->target_now_at = aws_session_now(operation->session);
    return STATUS_OK;
}
