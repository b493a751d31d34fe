#include "driver/aws/accounts.h"

#include <stdlib.h>
#include <string.h>

#include "driver/aws/grant.h"
#include "driver/aws/live_sessions.h"
#include "driver/aws/policy.h"
#include "driver/aws/revoke.h"
#include "driver/aws/subject.h"

enum {
    FIRST_CAPACITY = 16,
    LEFTOVERS_MAX = 1000,
    PAGE_SIZE = 100,
    RESTRAINING_MS = 60 * SECOND_MS
};

// ---- Collecting ---------------------------------------------------------------------------------

typedef struct Listing {
    Operation *operation;
    const AccountQuery *query;
    FoundAccounts found;
    size_t capacity;
    size_t leftovers;
    GrantPolicy *policies; // of `found`, by place: of the latest end
} Listing;

static void add(Listing *listing, FoundAccount account, const GrantPolicy *policy) {
    Arena *arena = listing->operation->arena;
    FoundAccounts *found = &listing->found;
    if (found->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? FIRST_CAPACITY : listing->capacity * 2;
        FoundAccount *items = arena_alloc(arena, capacity * sizeof *items);
        GrantPolicy *policies = arena_alloc(arena, capacity * sizeof *policies);
        if (found->count > 0) {
            memcpy(items, found->items, found->count * sizeof *items);
            memcpy(policies, listing->policies, found->count * sizeof *policies);
        }
        found->items = items;
        listing->policies = policies;
        listing->capacity = capacity;
    }
    listing->policies[found->count] = policy != NULL ? *policy : (GrantPolicy){0};
    found->items[found->count++] = account;
}

// While an end is moved, a grant has two policies for a moment: the later one counts.
static bool replaces(Listing *listing, const char *account, const GrantPolicy *policy,
                     FoundAccount **ret_found, GrantPolicy **ret_policy) {
    for (size_t i = 0; i < listing->found.count; i++) {
        FoundAccount *found = &listing->found.items[i];
        if (!text_equal(found->account, account) ||
            !text_equal(found->deployment, policy->mark.deployment) ||
            !text_equal(found->connector, policy->mark.connector))
            continue;
        *ret_found = found;
        *ret_policy = &listing->policies[i];
        return true;
    }
    return false;
}

static FoundAccount account_of(Listing *listing, const Subject *subject, const char *account,
                               const GrantPolicy *policy) {
    Arena *arena = listing->operation->arena;
    const PolicyFacts facts = aws_policy_read(arena, policy->document);
    const AccountMark *mark = &policy->mark;
    const AccountState *state = aws_policy_state(arena, subject->id, mark, &facts);
    return (FoundAccount){
        .account = account,
        .deployment = mark->deployment,
        .grant_id = mark->grant,
        .connector = mark->connector,
        .database = mark->database,
        .expires_at = mark->expires,
        .expired = mark->expires <= aws_session_now(listing->operation->session),
        .can_login = state->can_login,
        .state = state,
    };
}

static void take_policy(Listing *listing, const Subject *subject, const char *name,
                        const char *document) {
    Arena *arena = listing->operation->arena;
    const AwsAccountName owner = {.is_role = subject->is_role, .name = subject->name};
    GrantPolicy policy = {.name = arena_strdup(arena, name), .document = document};
    if (!aws_policy_name_parse(arena, name, listing->operation->session->address.region,
                               &policy.mark)) {
        if (listing->query->leftovers != NULL && aws_policy_name_claims(name) &&
            text_is_printable(name) && listing->leftovers++ < LEFTOVERS_MAX)
            add(listing,
                (FoundAccount){
                    .account = arena_printf(arena, "%s/%s", aws_subject_words(arena, &owner), name),
                    .leftover = "the name of its policy begins like a mark of Daypass and is none",
                    .can_login = true,
                },
                NULL);
        return;
    }
    const char *account =
        arena_printf(arena, "%s/%s", aws_subject_words(arena, &owner), policy.mark.grant);
    if (listing->query->account != NULL && !text_equal(listing->query->account, account))
        return;
    FoundAccount *found;
    GrantPolicy *known;
    if (!replaces(listing, account, &policy, &found, &known)) {
        add(listing, account_of(listing, subject, account, &policy), &policy);
    } else if (known->mark.expires < policy.mark.expires) {
        *known = policy;
        *found = account_of(listing, subject, account, &policy);
    }
}

static int compare_accounts(const void *one, const void *other) {
    const FoundAccount *a = one;
    const FoundAccount *b = other;
    if ((a->leftover == NULL) != (b->leftover == NULL))
        return a->leftover == NULL ? -1 : 1;
    return strcmp(a->account, b->account);
}

// ---- All of them --------------------------------------------------------------------------------

static Status take_details(Listing *listing, const AwsAnswer *answer, bool is_role, Error *reterr) {
    Arena *arena = listing->operation->arena;
    for (const XmlNode *node =
             xml_find(answer->result, is_role ? "RoleDetailList/member" : "UserDetailList/member");
         node != NULL; node = xml_next(node)) {
        const Subject *subject = NULL;
        for (const XmlNode *policy =
                 xml_find(node, is_role ? "RolePolicyList/member" : "UserPolicyList/member");
             policy != NULL; policy = xml_next(policy)) {
            const char *name = xml_text(policy, "PolicyName");
            const char *text = xml_text(policy, "PolicyDocument");
            const char *document;
            if (name == NULL || text == NULL || !aws_policy_name_claims(name))
                continue;
            if (subject == NULL)
                subject = aws_subject_of(arena, is_role, node);
            if (subject == NULL)
                continue;
            TRY(aws_document_decode(arena, text, &document, reterr));
            take_policy(listing, subject, name, document);
        }
    }
    return STATUS_OK;
}

static Status take_page(void *context, const AwsAnswer *answer, Error *reterr) {
    TRY(take_details(context, answer, false, reterr));
    return take_details(context, answer, true, reterr);
}

static Status list_all(Listing *listing, Error *reterr) {
    Operation *operation = listing->operation;
    static const char *const KINDS[] = {"User", "Role"};
    AwsRequest request = {.service = AWS_SERVICE_IAM, .action = "GetAccountAuthorizationDetails"};
    aws_parameters_add_list(operation->arena, &request.parameters, "Filter.member", KINDS,
                            COUNT_OF(KINDS));
    aws_parameters_add(operation->arena, &request.parameters, "MaxItems",
                       arena_printf(operation->arena, "%d", PAGE_SIZE));
    return aws_operation_pages(operation, &request, take_page, listing, reterr);
}

// ---- One alone ----------------------------------------------------------------------------------

static Status list_one(Listing *listing, const AwsAccountName *name, Error *reterr) {
    Operation *operation = listing->operation;
    const Subject *subject;
    StringList names;
    bool gone;
    TRY(aws_subject_read(operation, name, &subject, reterr));
    if (subject == NULL)
        return STATUS_OK;
    TRY(aws_policies_names(operation, name, &names, &gone, reterr));
    for (size_t i = 0; i < names.count; i++) {
        const char *document;
        if (!aws_policy_name_claims(names.items[i]))
            continue;
        TRY(aws_policy_get(operation, name, names.items[i], &document, reterr));
        if (document != NULL)
            take_policy(listing, subject, names.items[i], document);
    }
    return STATUS_OK;
}

Status aws_accounts_list(Operation *operation, const AccountQuery *query,
                         FoundAccounts *ret_accounts, Error *reterr) {
    Listing listing = {.operation = operation, .query = query};
    AwsAccountName name;
    if (query->account == NULL)
        TRY(list_all(&listing, reterr));
    else if (aws_account_name_parse(operation->arena, query->account, &name))
        TRY(list_one(&listing, &name, reterr));
    if (listing.found.count > 0)
        qsort(listing.found.items, listing.found.count, sizeof(FoundAccount), compare_accounts);
    *ret_accounts = listing.found;
    return STATUS_OK;
}

// ---- One of them --------------------------------------------------------------------------------

// The plan's policies with their documents.
static Status read_policies(Operation *operation, const Plan *plan, AwsAccountName *ret_name,
                            GrantPolicies *ret_policies, Error *reterr) {
    TRY(aws_plan_check(operation, plan, ret_name, reterr));
    TRY(aws_policies_of_grant(operation, ret_name, plan, ret_policies, reterr));
    return aws_policies_read(operation, ret_name, ret_policies, reterr);
}

// What was changed by hand would be the connector's own word if it put it again, if only with
// another date: it is told, and stays as it is until the grant ends.
static Status restrain_policy(Operation *operation, const AwsAccountName *name,
                              const GrantPolicy *policy, Error *reterr) {
    int64_t deadline_ms = clock_monotonic_ms(operation->session->clock) + RESTRAINING_MS;
    if (!aws_policy_is_ours(operation->arena, policy->document,
                            &operation->session->ceiling->actions))
        return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "policy_changed",
                             "policy %s on %s is not as Daypass writes them: somebody changed it, "
                             "and it is not put again; revoke the grant",
                             policy->name, aws_subject_words(operation->arena, name));
    const char *document =
        aws_policy_restrained(operation->arena, policy->document, policy->mark.expires);
    if (aws_policy_equal(operation->arena, document, policy->document))
        return STATUS_OK;
    return aws_policy_put(operation, name, policy->name, document, deadline_ms, reterr);
}

Status aws_account_restrain(Operation *operation, const Plan *plan, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    AwsAccountName name;
    GrantPolicies policies;
    TRY(read_policies(operation, plan, &name, &policies, reterr));
    if (policies.strangers)
        return aws_refuse_strangers(operation, plan, reterr);
    for (size_t i = 0; i < policies.count; i++) {
        const GrantPolicy *policy = &policies.items[i];
        outcome->account_present = true;
        if (policy->mark.expires > outcome->target_expires_at)
            outcome->target_expires_at = policy->mark.expires;
        TRY(restrain_policy(operation, &name, policy, reterr));
    }
    outcome->target_now_at = aws_session_now(operation->session);
    return STATUS_OK;
}

static Status inspect_sessions(Operation *operation, const Plan *plan, const AwsAccountName *name,
                               const GrantPolicies *policies, AccountInspection *inspection,
                               Error *reterr) {
    GrantReach reach;
    LiveSessions live;
    TRY(aws_reach_of(operation, plan, policies, &reach, reterr));
    const SessionSearch search = {name, reach.role_session, &reach.instances};
    TRY(aws_sessions_find(operation, &search, &live, reterr));
    inspection->session_count = (int64_t)live.count;
    for (size_t i = 0; i < live.count && i < INSPECTION_LINES_MAX; i++)
        string_list_add(operation->arena, &inspection->sessions,
                        arena_printf(operation->arena, "%s on %s, since %s", live.items[i].id,
                                     live.items[i].instance,
                                     live.items[i].since != NULL ? live.items[i].since : "?"));
    return STATUS_OK;
}

// When AWS itself ends all of them; 0: never, as with access to databases.
static int64_t later_end(const AccountInspection *inspection, int64_t ends_at) {
    if (inspection->present && (inspection->expires_at == 0 || ends_at == 0))
        return 0;
    return ends_at > inspection->expires_at ? ends_at : inspection->expires_at;
}

static void inspect_policy(Operation *operation, const GrantPolicy *policy,
                           AccountInspection *inspection) {
    const PolicyFacts facts = aws_policy_read(operation->arena, policy->document);
    inspection->marked = true;
    inspection->can_login |= facts.allows;
    inspection->expires_at = later_end(inspection, facts.rds ? 0 : facts.ends_at);
    inspection->present = true;
    inspection->privilege_count += (int64_t)facts.lines.count;
    for (size_t i = 0; i < facts.lines.count; i++)
        if (inspection->privileges.count < INSPECTION_LINES_MAX)
            string_list_add(operation->arena, &inspection->privileges,
                            text_printable(operation->arena, facts.lines.items[i]));
}

// What has no mark of a grant is looked at all the same, by its name.
static Status inspect_leftover(Operation *operation, const AwsAccountName *name,
                               AccountInspection *inspection, Error *reterr) {
    GrantPolicy policy = {.name = name->grant};
    TRY(aws_policy_get(operation, name, policy.name, &policy.document, reterr));
    if (policy.document != NULL)
        inspect_policy(operation, &policy, inspection);
    inspection->marked = false;
    return STATUS_OK;
}

Status aws_account_inspect(Operation *operation, const Plan *plan,
                           AccountInspection *ret_inspection, Error *reterr) {
    AccountInspection inspection = {.account = plan->account};
    AwsAccountName name;
    GrantPolicies policies;
    if (aws_account_name_parse(operation->arena, plan->account, &name) &&
        !text_equal(name.grant, plan->grant_id)) {
        TRY(inspect_leftover(operation, &name, &inspection, reterr));
        *ret_inspection = inspection;
        return STATUS_OK;
    }
    TRY(read_policies(operation, plan, &name, &policies, reterr));
    inspection.present = policies.strangers;
    for (size_t i = 0; i < policies.count; i++)
        inspect_policy(operation, &policies.items[i], &inspection);
    if (policies.count > 0)
        TRY(inspect_sessions(operation, plan, &name, &policies, &inspection, reterr));
    *ret_inspection = inspection;
    return STATUS_OK;
}
