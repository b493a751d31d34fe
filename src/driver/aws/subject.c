#include "driver/aws/subject.h"

#include <string.h>

#include "driver/aws/policy.h"

enum {
    // Before a deadline that long nothing is begun that changes something: a request that is on its
    // way at the deadline would be carried out after it.
    CHANGE_MARGIN_MS = 2 * SECOND_MS,
    SEE_GONE_MS = 30 * SECOND_MS,
};

const char *aws_subject_words(Arena *arena, const AwsAccountName *name) {
    return arena_printf(arena, "%s/%s", name->is_role ? "role" : "user", name->name);
}

static AwsRequest request_of(Operation *operation, const AwsAccountName *name, const char *of_user,
                             const char *of_role) {
    AwsRequest request = {.service = AWS_SERVICE_IAM, .action = name->is_role ? of_role : of_user};
    aws_parameters_add(operation->arena, &request.parameters,
                       name->is_role ? "RoleName" : "UserName", name->name);
    return request;
}

// ---- Whether it is there ------------------------------------------------------------------------

typedef struct Search {
    Arena *arena;
    const AwsAccountName *name;
    bool found;
    StringList policies; // names of its inline ones
} Search;

static void take_subject(Search *search, const XmlNode *node) {
    bool is_role = search->name->is_role;
    if (!text_equal(xml_text(node, is_role ? "RoleName" : "UserName"), search->name->name))
        return;
    search->found = true;
    for (const XmlNode *policy =
             xml_find(node, is_role ? "RolePolicyList/member" : "UserPolicyList/member");
         policy != NULL; policy = xml_next(policy)) {
        const char *name = xml_text(policy, "PolicyName");
        if (name != NULL)
            string_list_add(search->arena, &search->policies, arena_strdup(search->arena, name));
    }
}

static Status look_for_name(void *context, const AwsAnswer *answer, Error *reterr) {
    (void)reterr;
    Search *search = context;
    bool is_role = search->name->is_role;
    for (const XmlNode *node =
             xml_find(answer->result, is_role ? "RoleDetailList/member" : "UserDetailList/member");
         node != NULL; node = xml_next(node))
        take_subject(search, node);
    return STATUS_OK;
}

// In the list of all. False where that cannot be known.
static bool look_in_list(Operation *operation, const AwsAccountName *name, Search *ret_search) {
    const char *kind = name->is_role ? "Role" : "User";
    Search search = {.arena = operation->arena, .name = name};
    AwsRequest request = {.service = AWS_SERVICE_IAM, .action = "GetAccountAuthorizationDetails"};
    FailureClass failure = operation->evidence.failure;
    aws_parameters_add_list(operation->arena, &request.parameters, "Filter.member", &kind, 1);
    Status status = aws_operation_pages(operation, &request, look_for_name, &search, NULL);
    operation->evidence.failure = failure;
    *ret_search = search;
    return status == STATUS_OK;
}

// AWS does not know the path of who is not there, so that a connector whose rights are on a path is
// denied where another is told. *ret_listed: what the list of all has instead.
static bool is_absent(Operation *operation, const AwsAccountName *name, Status status,
                      Search *ret_listed) {
    FailureClass failure = operation->evidence.failure;
    bool told = status == STATUS_NOT_FOUND && failure == FAILURE_NOT_FOUND;
    bool denied = status == STATUS_FORBIDDEN && failure == FAILURE_DENIED;
    *ret_listed = (Search){0};
    if (!told && (!denied || !look_in_list(operation, name, ret_listed) || ret_listed->found))
        return false;
    operation->evidence.failure = FAILURE_NONE;
    return true;
}

// ---- Who it is ----------------------------------------------------------------------------------

const Subject *aws_subject_of(Arena *arena, bool is_role, const XmlNode *node) {
    Subject *subject = arena_alloc(arena, sizeof *subject);
    *subject = (Subject){
        .is_role = is_role,
        .name = arena_strdup(arena, xml_text(node, is_role ? "RoleName" : "UserName")),
        .arn = arena_strdup(arena, xml_text(node, "Arn")),
        .id = arena_strdup(arena, xml_text(node, is_role ? "RoleId" : "UserId")),
        .boundary =
            arena_strdup(arena, xml_text(node, "PermissionsBoundary/PermissionsBoundaryArn")),
    };
    for (const XmlNode *tag = xml_find(node, "Tags/member"); tag != NULL; tag = xml_next(tag)) {
        const char *key = xml_text(tag, "Key");
        const char *value = xml_text(tag, "Value");
        if (key != NULL)
            string_list_add(arena, &subject->tags,
                            arena_printf(arena, "%s=%s", key, value != NULL ? value : ""));
    }
    return subject->name != NULL && subject->arn != NULL && subject->id != NULL ? subject : NULL;
}

Status aws_subject_read(Operation *operation, const AwsAccountName *name,
                        const Subject **ret_subject, Error *reterr) {
    AwsRequest request = request_of(operation, name, "GetUser", "GetRole");
    AwsAnswer answer;
    Search listed;
    Error error = {0};
    Status status = aws_operation_query(operation, &request, &answer, NULL, &error);
    if (is_absent(operation, name, status, &listed)) {
        *ret_subject = NULL;
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    *ret_subject = aws_subject_of(operation->arena, name->is_role,
                                  xml_find(answer.result, name->is_role ? "Role" : "User"));
    if (*ret_subject == NULL)
        return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "target_failed",
                             "iam %s was answered without name, ARN or id", request.action);
    return STATUS_OK;
}

// ---- Its policies -------------------------------------------------------------------------------

typedef struct NameList {
    Arena *arena;
    StringList names;
} NameList;

static Status take_names(void *context, const AwsAnswer *answer, Error *reterr) {
    (void)reterr;
    NameList *list = context;
    for (const XmlNode *name = xml_find(answer->result, "PolicyNames/member"); name != NULL;
         name = xml_next(name))
        string_list_add(list->arena, &list->names, name->text);
    return STATUS_OK;
}

// *ret_listed: of whom nothing else may be asked.
static Status read_names(Operation *operation, const AwsAccountName *name, StringList *ret_names,
                         bool *ret_gone, Search *ret_listed, Error *reterr) {
    AwsRequest request = request_of(operation, name, "ListUserPolicies", "ListRolePolicies");
    NameList list = {.arena = operation->arena};
    Error error = {0};
    Status status = aws_operation_pages(operation, &request, take_names, &list, &error);
    *ret_gone = is_absent(operation, name, status, ret_listed);
    if (*ret_gone) {
        list.names = (StringList){0};
        status = STATUS_OK;
    }
    if (status != STATUS_OK && reterr != NULL)
        *reterr = error;
    *ret_names = list.names;
    return status;
}

Status aws_policies_names(Operation *operation, const AwsAccountName *name, StringList *ret_names,
                          bool *ret_gone, Error *reterr) {
    Search listed;
    return read_names(operation, name, ret_names, ret_gone, &listed, reterr);
}

static GrantPolicies sort_out(Operation *operation, const Plan *plan, const StringList *names) {
    Arena *arena = operation->arena;
    GrantPolicies policies = {
        .items = arena_alloc(arena, (names->count + 1) * sizeof(GrantPolicy)),
    };
    for (size_t i = 0; i < names->count; i++) {
        GrantPolicy policy = {.name = names->items[i]};
        if (!aws_policy_name_parse(arena, policy.name, operation->session->address.region,
                                   &policy.mark) ||
            !text_equal(policy.mark.grant, plan->grant_id))
            continue;
        if (account_mark_is(&policy.mark, plan))
            policies.items[policies.count++] = policy;
        else
            policies.strangers = true;
    }
    return policies;
}

Status aws_policies_of_grant(Operation *operation, const AwsAccountName *name, const Plan *plan,
                             GrantPolicies *ret_policies, Error *reterr) {
    StringList names;
    bool gone;
    TRY(aws_policies_names(operation, name, &names, &gone, reterr));
    *ret_policies = sort_out(operation, plan, &names);
    ret_policies->subject_gone = gone;
    return STATUS_OK;
}

// Who may not be asked about is in the list of all, as the sweep reads it.
Status aws_policies_left(Operation *operation, const AwsAccountName *name, const Plan *plan,
                         GrantPolicies *ret_policies, Error *reterr) {
    StringList names;
    Search listed;
    bool gone;
    Error error = {0};
    Status status = read_names(operation, name, &names, &gone, &listed, &error);
    if (status != STATUS_OK && !listed.found) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    operation->evidence.failure = FAILURE_NONE;
    *ret_policies = sort_out(operation, plan, status == STATUS_OK ? &names : &listed.policies);
    ret_policies->subject_gone = gone;
    return STATUS_OK;
}

Status aws_policy_get(Operation *operation, const AwsAccountName *name, const char *policy,
                      const char **ret_document, Error *reterr) {
    AwsRequest request = request_of(operation, name, "GetUserPolicy", "GetRolePolicy");
    AwsAnswer answer;
    Error error = {0};
    *ret_document = NULL;
    aws_parameters_add(operation->arena, &request.parameters, "PolicyName", policy);
    Status status = aws_operation_query(operation, &request, &answer, NULL, &error);
    if (status == STATUS_NOT_FOUND && operation->evidence.failure == FAILURE_NOT_FOUND) {
        operation->evidence.failure = FAILURE_NONE;
        return STATUS_OK;
    }
    const char *text = status == STATUS_OK ? xml_text(answer.result, "PolicyDocument") : NULL;
    if (status == STATUS_OK && text != NULL)
        status = aws_document_decode(operation->arena, text, ret_document, &error);
    else if (status == STATUS_OK)
        status = error_set(&error, STATUS_UNAVAILABLE, "target_failed",
                           "iam %s was answered without a document", request.action);
    if (status != STATUS_OK) {
        if (operation->evidence.failure == FAILURE_NONE)
            operation->evidence.failure = FAILURE_RETRY;
        if (reterr != NULL)
            *reterr = error;
    }
    return status;
}

Status aws_policies_read(Operation *operation, const AwsAccountName *name, GrantPolicies *policies,
                         Error *reterr) {
    size_t kept = 0;
    for (size_t i = 0; i < policies->count; i++) {
        GrantPolicy policy = policies->items[i];
        TRY(aws_policy_get(operation, name, policy.name, &policy.document, reterr));
        if (policy.document != NULL)
            policies->items[kept++] = policy;
    }
    policies->count = kept;
    return STATUS_OK;
}

// ---- Changing -----------------------------------------------------------------------------------

// Until it is there as it was put, or `until_ms`.
static Status see_there(Operation *operation, const AwsAccountName *name, const char *policy,
                        const char *document, int64_t until_ms, bool *ret_there, Error *reterr) {
    *ret_there = false;
    for (int attempt = 0;;) {
        const char *found;
        TRY(aws_policy_get(operation, name, policy, &found, reterr));
        *ret_there = found != NULL && aws_policy_equal(operation->arena, found, document);
        if (*ret_there || !aws_operation_wait(operation, &attempt, until_ms))
            return STATUS_OK;
    }
}

Status aws_policy_put(Operation *operation, const AwsAccountName *name, const char *policy,
                      const char *document, int64_t deadline_ms, Error *reterr) {
    Arena *arena = operation->arena;
    AwsRequest request = request_of(operation, name, "PutUserPolicy", "PutRolePolicy");
    AwsAnswer answer;
    AwsFault fault = {0};
    Error error = {0};
    bool there;
    aws_parameters_add(arena, &request.parameters, "PolicyName", policy);
    aws_parameters_add(arena, &request.parameters, "PolicyDocument", document);
    request.deadline_ms = deadline_ms - CHANGE_MARGIN_MS;
    TRY(aws_operation_check_deadline(operation, request.deadline_ms, reterr));
    Status status = aws_operation_query(operation, &request, &answer, &fault, &error);
    FailureClass failure = operation->evidence.failure;
    if (status != STATUS_OK && !fault.sent) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    aws_operation_record(operation, "iam %s %s policy %s %s", request.action,
                         aws_subject_words(arena, name), policy, document);
    operation->evidence.failure = FAILURE_NONE;
    TRY(see_there(operation, name, policy, document, deadline_ms, &there, reterr));
    if (there)
        return STATUS_OK;
    if (status == STATUS_OK)
        return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "not_seen",
                             "policy %s was put on %s and cannot be read back so far", policy,
                             aws_subject_words(arena, name));
    operation->evidence.failure = failure;
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static Status see_gone(Operation *operation, const AwsAccountName *name, const char *policy,
                       bool *ret_gone, Error *reterr) {
    int64_t until_ms = clock_monotonic_ms(operation->session->clock) + SEE_GONE_MS;
    for (int attempt = 0;;) {
        const char *found;
        TRY(aws_policy_get(operation, name, policy, &found, reterr));
        *ret_gone = found == NULL;
        if (*ret_gone || !aws_operation_wait(operation, &attempt, until_ms))
            return STATUS_OK;
    }
}

Status aws_policy_delete(Operation *operation, const AwsAccountName *name, const char *policy,
                         Error *reterr) {
    AwsRequest request = request_of(operation, name, "DeleteUserPolicy", "DeleteRolePolicy");
    AwsAnswer answer;
    AwsFault fault = {0};
    Error error = {0};
    bool gone;
    aws_parameters_add(operation->arena, &request.parameters, "PolicyName", policy);
    Status status = aws_operation_query(operation, &request, &answer, &fault, &error);
    bool was_gone = status == STATUS_NOT_FOUND && operation->evidence.failure == FAILURE_NOT_FOUND;
    if (status != STATUS_OK && !was_gone && !fault.sent) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    FailureClass failure = operation->evidence.failure;
    operation->evidence.failure = FAILURE_NONE;
    if (!was_gone)
        aws_operation_record(operation, "iam %s %s policy %s", request.action,
                             aws_subject_words(operation->arena, name), policy);
    TRY(see_gone(operation, name, policy, &gone, reterr));
    if (gone)
        return STATUS_OK;
    if (status == STATUS_OK || was_gone)
        return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "not_gone",
                             "policy %s was deleted from %s and can still be read", policy,
                             aws_subject_words(operation->arena, name));
    operation->evidence.failure = failure;
    if (reterr != NULL)
        *reterr = error;
    return status;
}
