#include "driver/aws/check.h"

#include <string.h>

#include "base/buffer.h"
#include "driver/aws/check_flows.h"
#include "driver/aws/connector_policy.h"
#include "driver/aws/failure.h"
#include "driver/check_list.h"

enum { HTTPS_PORT = 443, HTTP_PORT = 80 };

// Asks for what is not there, so that nothing comes of it: AWS looks at rights first.
static const char NOBODY[] = "daypass-check-nobody";
static const char PROBE_POLICY[] = "daypass-check";
static const char PROBE_DOCUMENT[] =
    "{\"Statement\":[{\"Action\":\"rds-db:connect\",\"Effect\":\"Deny\",\"Resource\":\"*\"}],"
    "\"Version\":\"2012-10-17\"}";

typedef struct Right {
    AwsService service;
    const char *action;
    const char *name;  // of a parameter; NULL: none
    const char *value; // of it
    const char *what_for;
    bool optional;
} Right;

static const Right READING[] = {
    {AWS_SERVICE_IAM, "GetAccountAuthorizationDetails", "MaxItems", "1",
     "find policies that are past their end", false},
    {AWS_SERVICE_RDS, "DescribeDBInstances", "MaxRecords", "20", "find RDS instances", false},
    {AWS_SERVICE_RDS, "DescribeDBClusters", "MaxRecords", "20", "find RDS clusters", false},
    {AWS_SERVICE_RDS, "DescribeDBProxies", "MaxRecords", "20", "find RDS proxies", true},
    {AWS_SERVICE_EC2, "DescribeInstances", "MaxResults", "5", "find instances", false},
};

static const Right ON_USERS[] = {
    {AWS_SERVICE_IAM, "GetUser", NULL, NULL, "know users", false},
    {AWS_SERVICE_IAM, "ListUserPolicies", NULL, NULL, "find policies of users", false},
    {AWS_SERVICE_IAM, "GetUserPolicy", NULL, NULL, "read policies of users", false},
    {AWS_SERVICE_IAM, "PutUserPolicy", NULL, NULL, "give access to users", false},
    {AWS_SERVICE_IAM, "DeleteUserPolicy", NULL, NULL, "take access from users", false},
};
static const Right ON_ROLES[] = {
    {AWS_SERVICE_IAM, "GetRole", NULL, NULL, "know roles", false},
    {AWS_SERVICE_IAM, "ListRolePolicies", NULL, NULL, "find policies of roles", false},
    {AWS_SERVICE_IAM, "GetRolePolicy", NULL, NULL, "read policies of roles", false},
    {AWS_SERVICE_IAM, "PutRolePolicy", NULL, NULL, "give access to roles", false},
    {AWS_SERVICE_IAM, "DeleteRolePolicy", NULL, NULL, "take access from roles", false},
};

typedef struct Checking {
    CheckList *list;
    Operation *operation;
    const char *policy; // the connector's own, whole
    size_t lacking;
} Checking;

// ---- Rights -------------------------------------------------------------------------------------

// AWS refuses what is not allowed before it looks for what is named.
static void judge(Checking *checking, const Right *right, Status status, const Error *error) {
    FailureClass failure = checking->operation->evidence.failure;
    const char *service = enum_name(&AWS_SERVICE_NAMES, (int)right->service);
    checking->operation->evidence.failure = FAILURE_NONE;
    if (status == STATUS_OK || (failure != FAILURE_DENIED && failure != FAILURE_RETRY))
        return;
    Arena *arena = checking->list->arena;
    const char *name = arena_printf(arena, "rights: %s", right->what_for);
    bool denied = failure == FAILURE_DENIED;
    checking->lacking++;
    check_list_add(checking->list, right->optional || !denied ? CHECK_WARNING : CHECK_FAILED, name,
                   denied ? arena_printf(arena, "allow %s:%s in the connector's own IAM policy",
                                         service, right->action)
                          : "try again",
                   denied ? "the connector may not %s: %s"
                          : "whether the connector may %s is not "
                            "known: %s",
                   right->what_for, error->message);
}

static void try_query(Checking *checking, const Right *right, const AwsParameters *parameters) {
    const AwsRequest request = {
        .service = right->service, .action = right->action, .parameters = *parameters};
    AwsAnswer answer;
    Error error = {0};
    Status status = aws_operation_query(checking->operation, &request, &answer, NULL, &error);
    judge(checking, right, status, &error);
}

// Asked of a proxy that is not there: AWS asks for it once flows go by tags of proxies.
static void try_tags(Checking *checking) {
    static const Right TAGS = {
        AWS_SERVICE_RDS, "ListTagsForResource", NULL, NULL, "read tags of RDS proxies", true};
    Arena *arena = checking->list->arena;
    const DriverSession *session = checking->operation->session;
    AwsParameters parameters = {0};
    aws_parameters_add(arena, &parameters, "ResourceName",
                       arena_printf(arena, "arn:%s:rds:%s:%s:db-proxy:prx-00000000000000000",
                                    session->partition, session->address.region,
                                    session->address.account));
    try_query(checking, &TAGS, &parameters);
}

static void try_reading(Checking *checking) {
    for (size_t i = 0; i < COUNT_OF(READING); i++) {
        AwsParameters parameters = {0};
        aws_parameters_add(checking->list->arena, &parameters, READING[i].name, READING[i].value);
        try_query(checking, &READING[i], &parameters);
    }
    try_tags(checking);
}

// What the pattern would cover, were it there: "user/engineers/*", "user*".
static const char *example_of(Arena *arena, const char *pattern) {
    CLEANUP(buffer_done) Buffer text = {0};
    for (const char *at = pattern; *at != '\0'; at++) {
        bool path_next = at[0] == '*' && at[1] == '/';
        if (at[0] == '*' && !path_next)
            buffer_add(&text, NOBODY);
        else if (at[0] != '*' && at[0] != '?')
            buffer_add_bytes(&text, at, 1);
    }
    return arena_strdup(arena, buffer_text(&text));
}

static void lacks(Checking *checking, const Right *right, const char *why) {
    Arena *arena = checking->list->arena;
    checking->lacking++;
    check_list_add(
        checking->list, CHECK_FAILED, arena_printf(arena, "rights: %s", right->what_for),
        arena_printf(arena, "allow iam:%s in the connector's own IAM policy", right->action),
        "the connector may not %s: %s", right->what_for, why);
}

// Whom the ceiling allows has it, and the connector's policy may ask for it.
static void add_boundary(Arena *arena, const char *boundary, AwsParameters *parameters) {
    if (boundary == NULL)
        return;
    aws_parameters_add(arena, parameters, "ContextEntries.member.1.ContextKeyName",
                       AWS_BOUNDARY_KEY);
    aws_parameters_add(arena, parameters, "ContextEntries.member.1.ContextKeyType", "string");
    aws_parameters_add(arena, parameters, "ContextEntries.member.1.ContextKeyValues.member.1",
                       boundary);
}

// AWS is asked what it would say. False: it does not tell.
static bool simulate(Checking *checking, const Right *rights, size_t count, const char *pattern) {
    Arena *arena = checking->list->arena;
    const DriverSession *session = checking->operation->session;
    const char *resource = example_of(arena, pattern);
    AwsRequest request = {.service = AWS_SERVICE_IAM, .action = "SimulatePrincipalPolicy"};
    AwsAnswer answer;
    Error ignored = {0};
    aws_parameters_add(arena, &request.parameters, "PolicySourceArn",
                       aws_own_principal(arena, &session->address, session->own_arn));
    aws_parameters_add(arena, &request.parameters, "ResourceArns.member.1", resource);
    for (size_t i = 0; i < count; i++)
        aws_parameters_add(arena, &request.parameters,
                           arena_printf(arena, "ActionNames.member.%zu", i + 1),
                           arena_printf(arena, "iam:%s", rights[i].action));
    add_boundary(arena, session->ceiling->boundary, &request.parameters);
    Status status = aws_operation_query(checking->operation, &request, &answer, NULL, &ignored);
    checking->operation->evidence.failure = FAILURE_NONE;
    if (status != STATUS_OK)
        return false;
    for (const XmlNode *result = xml_find(answer.result, "EvaluationResults/member");
         result != NULL; result = xml_next(result))
        for (size_t i = 0; i < count; i++)
            if (text_equal(xml_text(result, "EvalActionName"),
                           arena_printf(arena, "iam:%s", rights[i].action)) &&
                !text_equal(xml_text(result, "EvalDecision"), "allowed"))
                lacks(checking, &rights[i],
                      arena_printf(arena, "AWS's simulation denies it on %s", pattern));
    return xml_find(answer.result, "EvaluationResults/member") != NULL;
}

// Somebody who is not there has no path and no boundary: only a pattern without one, and with room
// for a name, can be tried by what AWS answers.
static bool try_nobody(Checking *checking, const Right *rights, size_t count, bool roles,
                       const char *pattern) {
    Arena *arena = checking->list->arena;
    const char *slash = strchr(pattern, '/');
    bool bounded = checking->operation->session->ceiling->boundary != NULL;
    if (slash == NULL || !text_equal(slash, "/*") || bounded)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *action = rights[i].action;
        bool puts = text_starts_with(action, "Put");
        AwsParameters parameters = {0};
        aws_parameters_add(arena, &parameters, roles ? "RoleName" : "UserName", NOBODY);
        if (strstr(action, "Policy") != NULL)
            aws_parameters_add(arena, &parameters, "PolicyName", PROBE_POLICY);
        aws_parameters_add(arena, &parameters, "PolicyDocument", puts ? PROBE_DOCUMENT : NULL);
        try_query(checking, &rights[i], &parameters);
    }
    return true;
}

static void try_identities(Checking *checking, bool roles) {
    const DriverSession *session = checking->operation->session;
    const Right *rights = roles ? ON_ROLES : ON_USERS;
    const StringList patterns = aws_identity_patterns(checking->list->arena, session->partition,
                                                      &session->address, session->ceiling, roles);
    for (size_t i = 0; i < patterns.count; i++) {
        const char *pattern = patterns.items[i];
        if (simulate(checking, rights, COUNT_OF(ON_USERS), pattern) ||
            try_nobody(checking, rights, COUNT_OF(ON_USERS), roles, pattern))
            continue;
        checking->lacking++;
        check_list_add(checking->list, CHECK_WARNING,
                       arena_printf(checking->list->arena, "rights: %s",
                                    roles ? "policies of roles" : "policies of users"),
                       "allow iam:SimulatePrincipalPolicy on the connector's own identity",
                       "whether the connector may give and take access on %s is not known: it may "
                       "not ask AWS's simulation",
                       pattern);
    }
}

static void try_sessions(Checking *checking) {
    static const Right SEE = {
        AWS_SERVICE_SSM, "DescribeSessions", NULL, NULL, "see sessions of Session Manager", false};
    static const Right END = {
        AWS_SERVICE_SSM, "TerminateSession", NULL, NULL, "end sessions of Session Manager", false};
    Arena *arena = checking->list->arena;
    json_t *see = json_keep(arena, json_object());
    json_t *end = json_keep(arena, json_object());
    json_object_set_new(see, "State", json_string("Active"));
    json_object_set_new(see, "MaxResults", json_integer(1));
    json_object_set_new(end, "SessionId", json_string("daypass-check-00000000000000000"));
    const AwsJsonCall calls[] = {{.action = SEE.action, .body = see},
                                 {.action = END.action, .body = end}};
    const Right *const rights[] = {&SEE, &END};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        AwsAnswer answer;
        Error error = {0};
        Status status = aws_operation_json(checking->operation, &calls[i], &answer, NULL, &error);
        judge(checking, rights[i], status, &error);
    }
}

static void report_assuming(CheckList *list, const char *role) {
    check_list_add(list, CHECK_OK, "role", aws_assuming_policy(list->arena, role),
                   "%s is to be assumed; whoever assumes it needs:", role);
}

static void check_rights(Checking *checking) {
    try_reading(checking);
    try_identities(checking, false);
    try_identities(checking, true);
    try_sessions(checking);
    if (checking->lacking == 0)
        check_list_add(checking->list, CHECK_OK, "rights", checking->policy,
                       "everything the connector needs; the policy that is enough:");
    else
        check_list_add(checking->list, CHECK_WARNING, "policy", checking->policy,
                       "the connector's own IAM policy, least privilege:");
    const char *role = checking->operation->session->address.role;
    if (role != NULL)
        report_assuming(checking->list, role);
}

// ---- The way there ------------------------------------------------------------------------------

// Host and port of a URL, as far as they are needed to try the way there.
static const char *host_of(Arena *arena, const char *url, int64_t *ret_port) {
    const char *begin = strstr(url, "://");
    begin = begin != NULL ? begin + 3 : url;
    bool bracket = begin[0] == '[';
    const char *end = bracket ? begin + strcspn(begin, "]") : begin + strcspn(begin, ":/");
    const char *host = arena_printf(arena, "%.*s", (int)(end - begin - bracket), begin + bracket);
    end += bracket && *end == ']';
    *ret_port = *end == ':'                        ? strtoll(end + 1, NULL, 10)
                : text_starts_with(url, "http://") ? HTTP_PORT
                                                   : HTTPS_PORT;
    return host;
}

static bool check_route(CheckList *list, const DriverLogin *login) {
    const AwsAddress *address = login->target->aws;
    ServiceEndpoint endpoint;
    Error error = {0};
    if (service_endpoint_find(AWS_SERVICE_STS, address->region, &endpoint, &error) != STATUS_OK) {
        check_list_add(list, CHECK_FAILED, "region", "correct the integration's region", "%s",
                       error.message);
        return false;
    }
    const char *url = address->endpoints != NULL && address->endpoints->sts != NULL
                          ? address->endpoints->sts
                          : endpoint.url;
    TargetAddress way = {.kind = TARGET_AWS};
    way.host = host_of(list->arena, url, &way.port);
    DriverLogin there = *login;
    there.target = &way;
    return check_list_add_route(list, &there);
}

static void report_no_session(CheckList *list, const DriverLogin *login, const Error *error) {
    if (text_starts_with(error->code, "tls_")) {
        check_list_add(list, CHECK_FAILED, "tls",
                       "name in ca_file of the connector's configuration what signed the "
                       "endpoint's certificate",
                       "%s", error->message);
        return;
    }
    const char *repair = "try again when AWS answers";
    if (text_equal(error->code, "no_aws_profile"))
        repair = "correct profile in the connector's file";
    else if (text_equal(error->code, "no_aws_credentials"))
        repair = "give the connector AWS credentials: a role of its instance or container, or a "
                 "profile";
    else if (text_equal(error->code, "wrong_account"))
        repair = "name a role of the integration's account, or correct the account";
    else if (text_equal(error->code, "login_denied"))
        repair = "check the credentials; of a role also its trust policy, the external id, and "
                 "sts:SetSourceIdentity on both sides";
    check_list_add(list, CHECK_FAILED, "login", repair, "%s", error->message);
    if (login->target->aws->role != NULL)
        report_assuming(list, login->target->aws->role);
}

void aws_check(const DriverLogin *login, Arena *arena, const Plan *const *plans, size_t plan_count,
               CheckReport *ret_report) {
    CheckList list = check_list_new(arena);
    if (login->target->aws != NULL && check_route(&list, login)) {
        CLEANUP(aws_session_closep) DriverSession *session = NULL;
        FailureClass failure;
        Error error = {0};
        if (aws_session_open(login, &session, &failure, &error) != STATUS_OK) {
            report_no_session(&list, login, &error);
        } else {
            session->checks = true;
            Operation operation = {
                .session = session, .arena = arena, .evidence = {.arena = arena}};
            Checking checking = {
                .list = &list,
                .operation = &operation,
                .policy = aws_connector_policy(arena, session->partition, &session->address,
                                               session->ceiling, session->own_arn),
            };
            check_list_add(&list, CHECK_OK, "login", NULL, "as %s in account %s", session->own_arn,
                           session->address.account);
            check_rights(&checking);
            aws_check_flows(&list, &operation, plans, plan_count);
        }
    }
    *ret_report = list.report;
}
