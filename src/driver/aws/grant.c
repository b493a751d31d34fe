#include "driver/aws/grant.h"

#include "base/fault_point.h"
#include "domain/aws_identity.h"
#include "driver/aws/boundary.h"
#include "driver/aws/ceiling.h"
#include "driver/aws/policy.h"
#include "driver/aws/resolve.h"
#include "driver/aws/subject.h"

Status aws_plan_check(Operation *operation, const Plan *plan, AwsAccountName *ret_name,
                      Error *reterr) {
    const AwsAddress *address = &operation->session->address;
    operation->evidence.failure = FAILURE_FATAL;
    if (plan->grant_id == NULL || plan->deployment == NULL || plan->connector == NULL)
        return error_set(reterr, STATUS_INVALID, "bad_plan",
                         "the plan names no grant, deployment or connector");
    if (!aws_account_name_parse(operation->arena, plan->account, ret_name) ||
        !text_equal(ret_name->grant, plan->grant_id))
        return error_set(reterr, STATUS_INVALID, "bad_plan",
                         "the plan's account is none of AWS; expected user/NAME/%s or role/NAME/%s",
                         plan->grant_id, plan->grant_id);
    if (plan->target == NULL || plan->target->aws == NULL ||
        !text_equal(plan->target->aws->account, address->account) ||
        !text_equal(plan->target->aws->region, address->region))
        return error_set(reterr, STATUS_INVALID, "bad_plan",
                         "the plan is for another AWS account or region; the session is in "
                         "account %s, region %s",
                         address->account, address->region);
    operation->evidence.failure = FAILURE_NONE;
    if (operation->evidence.outcome != NULL)
        operation->evidence.outcome->account = plan->account;
    return STATUS_OK;
}

Status aws_refuse_strangers(Operation *operation, const Plan *plan, Error *reterr) {
    evidence_obstacle(&operation->evidence,
                      arena_printf(operation->arena,
                                   "%s has a policy of grant %s by another installation",
                                   plan->account, plan->grant_id),
                      "aws iam list-user-policies or list-role-policies; then delete it there");
    return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_taken",
                         "%s has a policy of this grant's name that another installation of "
                         "Daypass made; it was not touched",
                         plan->account);
}

// ---- Whom it is given to ------------------------------------------------------------------------

static Status read_identity(Operation *operation, const Plan *plan, const AwsAccountName *name,
                            AwsIdentity *ret_identity, Error *reterr) {
    Error error = {0};
    if (plan->identity == NULL ||
        aws_identity_parse(operation->arena, plan->identity, ret_identity, &error) != STATUS_OK ||
        !text_equal(ret_identity->name, name->name) ||
        (ret_identity->kind == AWS_USER) == name->is_role ||
        !text_equal(ret_identity->account, operation->session->address.account))
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "bad_plan",
                             "the plan's identity is not that of its account %s", plan->account);
    return STATUS_OK;
}

// Before AWS is asked for somebody whom the connector may not even be allowed to see.
static Status check_identity(Operation *operation, const Plan *plan, Error *reterr) {
    Status status = aws_ceiling_check_identity(operation->session->ceiling, plan->identity, reterr);
    if (status != STATUS_OK)
        operation->evidence.failure = FAILURE_REFUSED;
    return status;
}

static Status find_subject(Operation *operation, const Plan *plan, const AwsAccountName *name,
                           const AwsIdentity *identity, const Subject **ret_subject,
                           Error *reterr) {
    TRY(aws_subject_read(operation, name, ret_subject, reterr));
    const Subject *subject = *ret_subject;
    if (subject == NULL)
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "identity_not_found",
                             "there is no IAM %s in account %s; make it, or correct the "
                             "requester's aws_identities",
                             aws_subject_words(operation->arena, name),
                             operation->session->address.account);
    if (identity->kind != AWS_ROLE_SESSION && !text_equal(subject->arn, plan->identity))
        return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "identity_differs",
                             "the plan is for %s, and %s is %s; correct the requester's "
                             "aws_identities",
                             plan->identity, aws_subject_words(operation->arena, name),
                             subject->arn);
    Status status = aws_ceiling_check_subject(operation->session->ceiling, subject, plan->identity,
                                              operation->session->own_arn, reterr);
    if (status != STATUS_OK)
        operation->evidence.failure = FAILURE_REFUSED;
    return status;
}

// ---- The policy ---------------------------------------------------------------------------------

// Everything that is known before something is changed.
typedef struct Giving {
    const GrantOrder *order;
    bool extends;
    AwsAccountName name;
    AwsIdentity identity;
    const Subject *subject;
    Resolved resolved;
    GrantPolicies before; // of this grant
    AccountMark mark;
    const char *policy;
    const char *document;
} Giving;

// What remains is counted after AWS has told its time, so that the end is never later than the one
// that was decided.
static Status decide_end(Operation *operation, Giving *giving, Error *reterr) {
    const DriverSession *session = operation->session;
    int64_t remaining_ms = giving->order->ends_ms - clock_monotonic_ms(session->clock);
    if (remaining_ms < SECOND_MS)
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "no_time_left",
                             "the access is over before it could be given");
    int64_t expires_at = aws_session_now(session) + remaining_ms;
    expires_at -= expires_at % SECOND_MS;
    giving->mark = account_mark_of(giving->order->plan, expires_at);
    giving->policy = aws_policy_name_format(operation->arena, &giving->mark);
    if (giving->policy == NULL)
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "bad_plan",
                             "names of the grant, the deployment and the connector make no name of "
                             "a policy");
    return STATUS_OK;
}

static Status write_document(Operation *operation, Giving *giving, Error *reterr) {
    const PolicyOrder order = {
        .partition = operation->session->partition,
        .is_role = giving->name.is_role,
        .user_id = giving->identity.session != NULL
                       ? arena_printf(operation->arena, "%s:%s", giving->subject->id,
                                      giving->identity.session)
                       : NULL,
        .expires_at = giving->mark.expires,
        .items = &giving->resolved.items,
    };
    Status status = aws_policy_build(operation->arena, &order, &giving->document, reterr);
    if (status != STATUS_OK)
        operation->evidence.failure = FAILURE_CONFLICT;
    return status;
}

// What had a tag then is what has it for longer.
static Status keep_what_was_given(Operation *operation, Giving *giving, Error *reterr) {
    const char *who = aws_subject_words(operation->arena, &giving->name);
    StringList had = {0};
    TRY(aws_policies_read(operation, &giving->name, &giving->before, reterr));
    if (giving->before.count == 0)
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "account_not_found",
                             "the policy of this grant is gone from IAM %s", who);
    for (size_t i = 0; i < giving->before.count; i++) {
        const PolicyFacts facts =
            aws_policy_read(operation->arena, giving->before.items[i].document);
        for (size_t r = 0; r < facts.resources.count; r++)
            string_list_add(operation->arena, &had, facts.resources.items[r]);
    }
    aws_resolved_keep(operation->arena, &giving->resolved, &had);
    if (giving->resolved.items.count == 0)
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "resource_not_found",
                             "nothing of what this grant is on has its tag any more");
    return STATUS_OK;
}

static Status prepare(Operation *operation, Giving *giving, Error *reterr) {
    const GrantOrder *order = giving->order;
    const Plan *plan = order->plan;
    TRY(aws_plan_check(operation, plan, &giving->name, reterr));
    TRY(aws_operation_check_deadline(operation, order->deadline_ms, reterr));
    TRY(read_identity(operation, plan, &giving->name, &giving->identity, reterr));
    TRY(check_identity(operation, plan, reterr));
    TRY(find_subject(operation, plan, &giving->name, &giving->identity, &giving->subject, reterr));
    TRY(aws_resolve(operation, &plan->access, &giving->resolved, reterr));
    Status status =
        aws_ceiling_check_items(operation->session->ceiling, &giving->resolved.items, reterr);
    if (status != STATUS_OK) {
        operation->evidence.failure = FAILURE_REFUSED;
        return status;
    }
    TRY(aws_policies_of_grant(operation, &giving->name, plan, &giving->before, reterr));
    if (giving->before.strangers)
        return aws_refuse_strangers(operation, plan, reterr);
    if (giving->extends)
        TRY(keep_what_was_given(operation, giving, reterr));
    TRY(decide_end(operation, giving, reterr));
    return write_document(operation, giving, reterr);
}

// Of the same grant, under another end.
static Status delete_others(Operation *operation, const Giving *giving, Error *reterr) {
    for (size_t i = 0; i < giving->before.count; i++)
        if (!text_equal(giving->before.items[i].name, giving->policy))
            TRY(aws_policy_delete(operation, &giving->name, giving->before.items[i].name, reterr));
    return STATUS_OK;
}

static bool has_others(const Giving *giving) {
    for (size_t i = 0; i < giving->before.count; i++)
        if (!text_equal(giving->before.items[i].name, giving->policy))
            return true;
    return false;
}

// Where an identity has no room for the old and the new one together, the old one goes first.
static Status put(Operation *operation, const Giving *giving, Error *reterr) {
    Error error = {0};
    int64_t deadline_ms = giving->order->deadline_ms;
    Status status = aws_policy_put(operation, &giving->name, giving->policy, giving->document,
                                   deadline_ms, &error);
    if (status != STATUS_OK && text_equal(error.code, "policies_full") && has_others(giving)) {
        operation->evidence.failure = FAILURE_NONE;
        TRY(delete_others(operation, giving, reterr));
        return aws_policy_put(operation, &giving->name, giving->policy, giving->document,
                              deadline_ms, reterr);
    }
    if (status == STATUS_NOT_FOUND)
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "identity_not_found",
                             "IAM %s was deleted while it was given access",
                             aws_subject_words(operation->arena, &giving->name));
    if (status != STATUS_OK && reterr != NULL)
        *reterr = error;
    return status;
}

static void note_given(Operation *operation, const Giving *giving) {
    Outcome *outcome = operation->evidence.outcome;
    const PolicyFacts facts = aws_policy_read(operation->arena, giving->document);
    outcome->state = aws_policy_state(operation->arena, giving->subject->id, &giving->mark, &facts);
    outcome->account_key = outcome->state->key;
    outcome->account_present = true;
    outcome->login_refused = false;
    outcome->target_now_at = aws_session_now(operation->session);
    outcome->target_expires_at = giving->mark.expires;
    outcome->end_enforced = aws_policy_ends_itself(&giving->resolved.items);
    outcome->resources = giving->resolved.resources;
    if (facts.rds)
        evidence_warn(&operation->evidence,
                      "AWS ends access to databases only when the policy is removed: it has no end "
                      "that holds by itself");
}

Status aws_grant(Operation *operation, const GrantOrder *order, Error *reterr) {
    Giving giving = {.order = order};
    TRY(prepare(operation, &giving, reterr));
    FAULT_POINT("grant.before_commit");
    TRY(put(operation, &giving, reterr));
    FAULT_POINT("grant.committed");
    TRY(delete_others(operation, &giving, reterr));
    FAULT_POINT("grant.again");
    note_given(operation, &giving);
    aws_boundary_warn(operation, giving.subject, &giving.resolved.items);
    return STATUS_OK;
}

Status aws_extend(Operation *operation, const GrantOrder *order, Error *reterr) {
    Giving giving = {.order = order, .extends = true};
    TRY(prepare(operation, &giving, reterr));
    FAULT_POINT("extend.before_commit");
    TRY(put(operation, &giving, reterr));
    FAULT_POINT("extend.committed");
    TRY(delete_others(operation, &giving, reterr));
    note_given(operation, &giving);
    return STATUS_OK;
}

Status aws_reset(Operation *operation, const GrantOrder *order, Error *reterr) {
    (void)order;
    return evidence_fail(&operation->evidence, FAILURE_UNSUPPORTED, reterr, "no_credential",
                         "a grant on AWS has no credential to make anew: people use their own AWS "
                         "identity");
}
