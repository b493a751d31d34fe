#include "driver/aws/connector_policy.h"

#include <string.h>

#include "aws/arn.h"
#include "base/json.h"

enum { ACTIONS_MOST = 6 };

// "arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION" stands for a session of a role, which IAM knows
// by the role; and the session's ARN does not say the role's path. False: it is none.
static bool add_role_of_session(Arena *arena, const char *pattern, StringList *roles) {
    const char *sts = strstr(pattern, ":sts:");
    const char *assumed = strstr(pattern, ":assumed-role/");
    if (sts == NULL || assumed == NULL)
        return false;
    const char *account = sts + strlen(":sts:");
    const char *name = assumed + strlen(":assumed-role/");
    const char *role = arena_printf(arena, "%.*s:iam:%.*s:role/", (int)(sts - pattern), pattern,
                                    (int)(assumed - account), account);
    int length = (int)strcspn(name, "/");
    string_list_add(arena, roles, arena_printf(arena, "%s%.*s", role, length, name));
    if (name[0] != '*') // which would stand for a path, too
        string_list_add(arena, roles, arena_printf(arena, "%s*/%.*s", role, length, name));
    return true;
}

// One that goes over users and roles, such as "arn:aws:iam::123456789012:*/engineers/*".
static void add_of_both(Arena *arena, const char *pattern, const char *kind, StringList *patterns) {
    Arn arn;
    if (arn_parse(arena, pattern, &arn, NULL) == STATUS_OK && arn.resource[0] == '*') {
        arn.resource =
            arena_printf(arena, "%s%s", kind, text_equal(arn.resource, "*") ? "/*" : arn.resource);
        string_list_add(arena, patterns, arn_build(arena, &arn));
    } else if (text_equal(pattern, "*")) {
        string_list_add(arena, patterns, pattern);
    }
}

StringList aws_identity_patterns(Arena *arena, const char *partition, const AwsAddress *address,
                                 const ResourceCeiling *ceiling, bool roles) {
    StringList patterns = {0};
    const char *kind = roles ? "role" : "user";
    const char *form = arena_printf(arena, ":%s/", kind);
    for (size_t i = 0; i < ceiling->identities.count; i++) {
        const char *pattern = ceiling->identities.items[i];
        StringList of_session = {0};
        if (add_role_of_session(arena, pattern, &of_session)) {
            for (size_t r = 0; roles && r < of_session.count; r++)
                string_list_add(arena, &patterns, of_session.items[r]);
        } else if (strstr(pattern, form) != NULL) {
            string_list_add(arena, &patterns, pattern);
        } else {
            add_of_both(arena, pattern, kind, &patterns);
        }
    }
    if (ceiling->identities.count == 0)
        string_list_add(
            arena, &patterns,
            arena_printf(arena, "arn:%s:iam::%s:%s/*", partition, address->account, kind));
    return patterns;
}

static json_t *statement_add(json_t *statements, const char *sid, const char *const *actions,
                             const StringList *resources) {
    json_t *statement = json_object();
    json_t *action_list = json_array();
    json_t *resource_list = json_array();
    for (size_t i = 0; i < ACTIONS_MOST && actions[i] != NULL; i++)
        json_array_append_new(action_list, json_string(actions[i]));
    for (size_t i = 0; i < resources->count; i++)
        json_array_append_new(resource_list, json_string(resources->items[i]));
    json_object_set_new(statement, "Sid", json_string(sid));
    json_object_set_new(statement, "Effect", json_string("Allow"));
    json_object_set_new(statement, "Action", action_list);
    json_object_set_new(statement, "Resource", resource_list);
    json_array_append_new(statements, statement);
    return statement;
}

// Putting is only on whom the boundary holds; taking away is on everybody.
static void put_add(json_t *statements, const char *sid, const char *action,
                    const StringList *resources, const char *boundary) {
    const char *const actions[] = {action, NULL};
    json_t *statement = statement_add(statements, sid, actions, resources);
    if (boundary != NULL)
        json_object_set_new(statement, "Condition",
                            json_pack("{s:{s:s}}", "StringEquals", AWS_BOUNDARY_KEY, boundary));
}

static json_t *document_new(Arena *arena, json_t **ret_statements) {
    json_t *root = json_keep(arena, json_object());
    *ret_statements = json_array();
    json_object_set_new(root, "Version", json_string("2012-10-17"));
    json_object_set_new(root, "Statement", *ret_statements);
    return root;
}

static StringList one(Arena *arena, const char *text) {
    StringList list = {0};
    string_list_add(arena, &list, text);
    return list;
}

const char *aws_own_principal(Arena *arena, const AwsAddress *address, const char *own_arn) {
    ArnPrincipal own;
    if (arn_principal_parse(arena, own_arn, &own, NULL) != STATUS_OK ||
        own.kind != ARN_PRINCIPAL_ROLE_SESSION)
        return own_arn;
    return address->role != NULL ? address->role
                                 : arena_printf(arena, "arn:%s:iam::%s:role/%s", own.partition,
                                                own.account, own.name);
}

const char *aws_connector_policy(Arena *arena, const char *partition, const AwsAddress *address,
                                 const ResourceCeiling *ceiling, const char *own_arn) {
    static const char *const ON_USERS[] = {"iam:GetUser", "iam:ListUserPolicies",
                                           "iam:GetUserPolicy", "iam:DeleteUserPolicy", NULL};
    static const char *const ON_ROLES[] = {"iam:GetRole", "iam:ListRolePolicies",
                                           "iam:GetRolePolicy", "iam:DeleteRolePolicy", NULL};
    static const char *const TO_SWEEP[] = {"iam:GetAccountAuthorizationDetails", NULL};
    static const char *const TO_FIND[] = {"rds:DescribeDBInstances", "rds:DescribeDBClusters",
                                          "rds:DescribeDBProxies",   "rds:ListTagsForResource",
                                          "ec2:DescribeInstances",   "ssm:DescribeSessions"};
    static const char *const TO_CHECK[] = {"iam:SimulatePrincipalPolicy", NULL};
    static const char *const TO_END[] = {"ssm:TerminateSession", NULL};
    json_t *statements;
    json_t *root = document_new(arena, &statements);
    const StringList users = aws_identity_patterns(arena, partition, address, ceiling, false);
    const StringList roles = aws_identity_patterns(arena, partition, address, ceiling, true);
    const StringList all = one(arena, "*");
    const StringList own = one(arena, aws_own_principal(arena, address, own_arn));
    const StringList sessions =
        one(arena, arena_printf(arena, "arn:%s:ssm:%s:%s:session/*", partition, address->region,
                                address->account));
    if (users.count > 0) {
        statement_add(statements, "GrantsOnUsers", ON_USERS, &users);
        put_add(statements, "PutOnUsers", "iam:PutUserPolicy", &users, ceiling->boundary);
    }
    if (roles.count > 0) {
        statement_add(statements, "GrantsOnRoles", ON_ROLES, &roles);
        put_add(statements, "PutOnRoles", "iam:PutRolePolicy", &roles, ceiling->boundary);
    }
    statement_add(statements, "Sweep", TO_SWEEP, &all);
    statement_add(statements, "Find", TO_FIND, &all);
    statement_add(statements, "EndSessions", TO_END, &sessions);
    statement_add(statements, "Check", TO_CHECK, &own);
    return json_text_indented(arena, root);
}

const char *aws_assuming_policy(Arena *arena, const char *role) {
    static const char *const TO_ASSUME[] = {"sts:AssumeRole", "sts:SetSourceIdentity", NULL};
    json_t *statements;
    json_t *root = document_new(arena, &statements);
    const StringList roles = one(arena, role);
    statement_add(statements, "Assume", TO_ASSUME, &roles);
    return json_text_indented(arena, root);
}
