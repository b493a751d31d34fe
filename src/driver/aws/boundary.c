#include "driver/aws/boundary.h"

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
static const char ALLOWED[] = "PermissionsBoundaryDecisionDetail/AllowedByPermissionsBoundary";

static const char *action_of(const PolicyItem *item) {
    return item->kind == POLICY_RDS_CONNECT   ? "rds-db:connect"
           : item->kind == POLICY_SSM_SESSION ? "ssm:StartSession"
                                              : item->actions.items[0];
}

// False: nobody can say.
static bool ask(Operation *operation, const Subject *subject, const PolicyItem *item,
                bool *ret_allowed) {
    AwsRequest request = {.service = AWS_SERVICE_IAM, .action = "SimulatePrincipalPolicy"};
    AwsAnswer answer;
    Error ignored = {0};
    Arena *arena = operation->arena;
    aws_parameters_add(arena, &request.parameters, "PolicySourceArn", subject->arn);
    aws_parameters_add(arena, &request.parameters, "ActionNames.member.1", action_of(item));
    aws_parameters_add(arena, &request.parameters, "ResourceArns.member.1",
                       item->resources.items[0]);
    if (aws_operation_query(operation, &request, &answer, NULL, &ignored) != STATUS_OK) {
        operation->evidence.failure = FAILURE_NONE; // the access is given, whatever this says
        return false;
    }
    const XmlNode *result = xml_find(answer.result, "EvaluationResults/member");
    *ret_allowed = xml_bool(result, ALLOWED);
    return xml_find(result, ALLOWED) != NULL;
}

void aws_boundary_warn(Operation *operation, const Subject *subject, const PolicyItems *items) {
    if (subject->boundary == NULL)
        return;
    for (size_t i = 0; i < items->count; i++) {
        bool allowed = false;
        if (!ask(operation, subject, &items->items[i], &allowed)) {
            evidence_warn(&operation->evidence,
                          "%s has the permissions boundary %s: what that does not allow, this "
                          "grant does not give either",
                          subject->arn, subject->boundary);
            return;
        }
        if (!allowed)
            evidence_warn(&operation->evidence,
                          "the permissions boundary %s of %s does not allow %s on %s: this grant "
                          "does not give it",
                          subject->boundary, subject->arn, action_of(&items->items[i]),
                          items->items[i].resources.items[0]);
    }
}
