#include "domain/configuration.h"
#include "domain/grant.h"

#include "shop.h"

#define ACCOUNT "123456789012"
#define ANN_USER "arn:aws:iam::" ACCOUNT ":user/ann"

static const char CLOUD_FLOW[] =
    "{\"name\": \"orders\", \"integration\": \"cloud\", \"requesters\": {\"principals\": "
    "[\"ann\"]},"
    " \"grants\": [{\"rds_connect\": {\"resource\": \"db-AB\", \"users\": [\"app_read\"]}}],"
    " \"duration\": {\"max\": \"4h\"}, \"approval\": [{\"auto\": true}]}";

// One AWS account; `ann` and `cloud`: further members of ann, who asks, and of the integration.
static const char *declaration(Arena *arena, const char *ann, const char *cloud) {
    return arena_printf(
        arena,
        "{\"principals\": [{\"name\": \"ann\"%s}, {\"name\": \"root\", \"role\": "
        "\"administrator\"}], \"integrations\": [{\"name\": \"cloud\", \"kind\": \"aws\","
        " \"connector\": \"main\", \"admin_secret\": \"cloud-admin\", \"aws\": {\"account\": "
        "\"" ACCOUNT "\", \"region\": \"eu-central-1\"}%s}], \"flows\": [%s]}",
        ann, cloud, CLOUD_FLOW);
}

static Configuration cloud(Arena *arena, const char *ann, const char *integration) {
    return configuration_of(arena, declaration(arena, ann, integration));
}

static Status draft(Arena *arena, const Configuration *configuration, Grant *ret_grant,
                    Error *reterr) {
    const RequestForm form = {.id = "grt_aaaabbbbccccdddd",
                              .requester = "ann",
                              .flow = "orders",
                              .deployment = "dep_1",
                              .now_ms = NOON_MS};
    return grant_draft(arena, configuration, &form, ret_grant, reterr);
}

static Grant drafted(Arena *arena, const Configuration *configuration) {
    Grant grant;
    Error error = {0};
    expect_ok(draft(arena, configuration, &grant, &error), &error);
    return grant;
}

static const char OF_ANN[] = ", \"aws_identities\": [\"arn:aws:iam::999999999999:user/a\", "
                             "\"" ANN_USER "\"]";
static const char TEMPLATE[] =
    ", \"identity\": \"arn:aws:sts::" ACCOUNT ":assumed-role/dev/{name}\"";

static void a_draft_says_to_whom_it_is_given(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = cloud(arena, OF_ANN, "");
    const Grant grant = drafted(arena, &configuration);
    assert_string_equal(grant.plan->identity, ANN_USER);
    assert_string_equal(grant.plan->account, "user/ann/grt_aaaabbbbccccdddd");
    assert_string_equal(grant.plan->target->host, ACCOUNT);
    assert_string_equal(grant.plan->target->database, "eu-central-1");
    assert_int_equal(grant.plan->target->port, 443);
    assert_string_equal(grant.plan->target->aws->account, ACCOUNT);
    assert_int_equal(grant.plan->privilege_mode, PRIVILEGE_DIRECT);
    const char *text = shape_format(arena, &PLAN_SHAPE, grant.plan);
    Plan again;
    Error error = {0};
    expect_ok(shape_parse(arena, &PLAN_SHAPE, text, strlen(text), &again, &error), &error);
    assert_string_equal(shape_format(arena, &PLAN_SHAPE, &again), text);
}

static void nothing_is_delivered(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = cloud(arena, OF_ANN, "");
    const Grant grant = drafted(arena, &configuration);
    Error error = {0};
    expect_fault(grant_delivery_check(&grant, &error), &error, STATUS_CONFLICT,
                 "nothing_delivered");
    const Configuration other = shop(arena);
    const Grant delivered = shop_request(arena, &other);
    assert_int_equal(grant_delivery_check(&delivered, NULL), STATUS_OK);
}

static void a_template_is_for_who_has_no_identity_of_the_account(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Configuration configuration = cloud(arena, OF_ANN, TEMPLATE);
    assert_string_equal(drafted(arena, &configuration).plan->identity, ANN_USER);
    configuration =
        cloud(arena, ", \"aws_identities\": [\"arn:aws:iam::999999999999:user/a\"]", TEMPLATE);
    const Grant grant = drafted(arena, &configuration);
    assert_string_equal(grant.plan->identity, "arn:aws:sts::" ACCOUNT ":assumed-role/dev/ann");
    assert_string_equal(grant.plan->account, "role/dev/grt_aaaabbbbccccdddd");
}

static void is_refused(const Configuration *configuration, const char *part) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Grant grant;
    Error error = {0};
    expect_fault(draft(arena, configuration, &grant, &error), &error, STATUS_CONFLICT,
                 "no_identity");
    if (strstr(error.message, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, error.message);
}

static void who_is_nobody_to_aws_gets_nothing(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Configuration configuration = cloud(arena, "", "");
    is_refused(&configuration, "aws_identities");
    configuration =
        cloud(arena, ", \"aws_identities\": [\"arn:aws:iam::999999999999:user/a\"]", "");
    is_refused(&configuration, ACCOUNT);
    // Neither of these gets through a declaration.
    configuration = cloud(arena, "", "");
    configuration.integrations.items[0].identity = "arn:aws:iam::" ACCOUNT ":user/{nmae}";
    is_refused(&configuration, "by its template (identity), which is no IAM identity");
    configuration.integrations.items[0].identity = "arn:aws:iam::999999999999:user/{name}";
    is_refused(&configuration, "by its template (identity), which is of another AWS account");
}

static void is_changed(const Grant *grant, const Configuration *now, const char *what) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Error error = {0};
    expect_fault(grant_check_current(arena, now, grant, &error), &error, STATUS_CONFLICT,
                 "flow_changed");
    assert_true(text_starts_with(error.message, what));
}

static void a_request_does_not_outlive_the_identity_it_was_for(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration before = cloud(arena, OF_ANN, "");
    const Grant grant = drafted(arena, &before);
    assert_int_equal(grant_check_current(arena, &before, &grant, NULL), STATUS_OK);
    Configuration now = cloud(arena, OF_ANN, TEMPLATE); // whose template is not for ann
    assert_int_equal(grant_check_current(arena, &now, &grant, NULL), STATUS_OK);
    static const char MOVED[] = "the requester's AWS identity was changed";
    now = cloud(arena, "", TEMPLATE);
    is_changed(&grant, &now, MOVED);
    now = cloud(arena, "", "");
    is_changed(&grant, &now, MOVED);
    now = cloud(arena, ", \"aws_identities\": [\"arn:aws:iam::" ACCOUNT ":role/ann\"]", "");
    is_changed(&grant, &now, MOVED);
    now = cloud(arena, OF_ANN, "");
    const AwsAddress elsewhere = {.account = ACCOUNT, .region = "eu-west-1"};
    now.integrations.items[0].aws = &elsewhere;
    is_changed(&grant, &now, "the integration was changed");
}

static void declaration_is_refused(const char *ann, const char *integration, const char *code,
                                   const char *pointer) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration none = {0};
    const Configuration declared = cloud(arena, ann, integration);
    Changes changes;
    Error error = {0};
    expect_fault(configuration_compare(arena, &none, &declared, false, &changes, &error), &error,
                 STATUS_INVALID, code);
    assert_string_equal(error.pointer, pointer);
}

static void what_means_nothing_on_aws_is_refused(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration none = {0};
    const Configuration declared =
        cloud(arena, OF_ANN,
              ", \"privilege_mode\": \"direct\", \"connection_limit\": 10,"
              " \"identity\": \"arn:aws:iam::" ACCOUNT ":user/{local}\"");
    Changes changes;
    Error error = {0};
    expect_ok(configuration_compare(arena, &none, &declared, false, &changes, &error), &error);
    static const char *const MEMBERS[][2] = {
        {", \"custodian\": \"keeper\"", "/custodian"},
        {", \"connection_limit\": 3", "/connection_limit"},
        {", \"account_prefix\": \"eu_\"", "/account_prefix"},
        {", \"privilege_mode\": \"shared-role\"", "/privilege_mode"},
        {", \"require_tls\": true", "/require_tls"},
        {", \"host\": \"db.internal\"", "/host"},
        {", \"database\": \"shop\"", "/database"},
        {", \"port\": 5432", "/port"},
        {", \"tls\": \"require\"", "/tls"},
        {", \"identity\": \"arn:aws:iam::999999999999:user/{name}\"", "/identity"},
    };
    for (size_t i = 0; i < COUNT_OF(MEMBERS); i++)
        declaration_is_refused("", MEMBERS[i][0], "bad_value",
                               arena_printf(arena, "/integrations/0%s", MEMBERS[i][1]));
    declaration_is_refused(", \"aws_identities\": [\"" ANN_USER "\", \"" ANN_USER "2\"]", "",
                           "duplicate", "/principals/0/aws_identities/1");
}

static void a_template_of_another_account_says_of_which(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration declared =
        cloud(arena, "", ", \"identity\": \"arn:aws:iam::999999999999:user/{name}\"");
    Error error = {0};
    assert_int_equal(integration_check(&declared.integrations.items[0], &error), STATUS_INVALID);
    assert_non_null(strstr(error.message, "of account " ACCOUNT));
    assert_non_null(strstr(error.message, "arn:aws:iam::999999999999:user/{name} is of another"));
}

static void an_account_host_means_nothing_either(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Configuration declared = cloud(arena, OF_ANN, "");
    declared.flows.items[0].account_host = "10.%";
    Error error = {0};
    expect_fault(flow_check_kind(&declared.flows.items[0], TARGET_AWS, &error), &error,
                 STATUS_INVALID, "bad_value");
    assert_string_equal(error.pointer, "/account_host");
}

static void other_kinds_have_no_identity(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Integration integration = shop(arena).integrations.items[0];
    Error error = {0};
    expect_ok(integration_check(&integration, &error), &error);
    integration.identity = "arn:aws:iam::" ACCOUNT ":user/{name}";
    expect_fault(integration_check(&integration, &error), &error, STATUS_INVALID, "bad_value");
    assert_string_equal(error.pointer, "/identity");
    integration.identity = NULL;
    const AwsAddress aws = {.account = ACCOUNT, .region = "eu-central-1"};
    integration.aws = &aws;
    Error other = {0};
    expect_fault(integration_check(&integration, &other), &other, STATUS_INVALID, "bad_value");
    assert_string_equal(other.pointer, "/aws");
}

// ---- Sessions that end with the access ----------------------------------------------------------

// The account's flow ends sessions of orders-db; `database`: what that is.
static Configuration with_database(Arena *arena, const char *kind, const char *connector) {
    Configuration configuration = cloud(arena, OF_ANN, "");
    const Configuration other = configuration_of(
        arena, arena_printf(arena,
                            "{\"integrations\": [{\"name\": \"orders-db\", \"kind\": \"%s\","
                            " \"connector\": \"%s\", \"host\": \"db\", \"database\": \"orders\","
                            " \"admin_secret\": \"orders-admin\"}]}",
                            kind, connector));
    Integration *both = arena_alloc(arena, 2 * sizeof(*both));
    both[0] = configuration.integrations.items[0];
    both[1] = other.integrations.items[0];
    configuration.integrations = (Integrations){both, 2};
    static const char *USERS[] = {"app_read"};
    static const SsmSession SSM = {.tag = "a=b"};
    static const RdsConnect WITHOUT = {.resource = "db-X", .users = {USERS, 1}};
    RdsConnect *item = arena_alloc(arena, sizeof(*item));
    *item = *configuration.flows.items[0].access.items[0].rds_connect;
    item->end_sessions = "orders-db";
    AccessItem *items = arena_alloc(arena, 3 * sizeof(*items));
    items[0] = (AccessItem){.ssm_session = &SSM};
    items[1] = (AccessItem){.rds_connect = &WITHOUT};
    items[2] = (AccessItem){.rds_connect = item};
    configuration.flows.items[0].access = (AccessItems){items, 3};
    return configuration;
}

static void a_plan_says_whose_sessions_end(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = with_database(arena, "postgresql", "main");
    const Grant grant = drafted(arena, &configuration);
    assert_int_equal(grant.plan->session_endings.count, 1);
    const SessionEnding *ending = &grant.plan->session_endings.items[0];
    assert_string_equal(ending->integration, "orders-db");
    assert_string_equal(ending->admin_secret, "orders-admin");
    assert_string_equal(ending->target->host, "db");
    assert_int_equal(ending->target->port, 5432);
    assert_string_equal(ending->users.items[0], "app_read");
    const char *text = shape_format(arena, &PLAN_SHAPE, grant.plan);
    Plan again;
    Error error = {0};
    expect_ok(shape_parse(arena, &PLAN_SHAPE, text, strlen(text), &again, &error), &error);
    assert_string_equal(shape_format(arena, &PLAN_SHAPE, &again), text);
    assert_int_equal(grant_check_current(arena, &configuration, &grant, NULL), STATUS_OK);
    Configuration now = with_database(arena, "postgresql", "main");
    now.integrations.items[1].host = "elsewhere";
    is_changed(&grant, &now, "the integration was changed");
    now.integrations.count = 1;
    is_changed(&grant, &now, "the integration was changed");
}

static Status compare(const Configuration *current, const Configuration *declared, bool prune,
                      Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Changes changes;
    return configuration_compare(arena, current, declared, prune, &changes, reterr);
}

static void only_what_the_same_connector_can_end_is_taken(void **state) {
    static const char POINTER[] = "/flows/0/grants/2/rds_connect/end_sessions";
    static const struct {
        const char *kind, *connector, *message;
    } BAD[] = {{"redis", "main", "Redis"},
               {"sqlserver", "main", "SQL Server"},
               {"postgresql", "other", "connector main"}};
    static const char *const GOOD[] = {"postgresql", "mysql", "mariadb"};
    const Configuration none = {0};
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        Configuration declared = with_database(arena, BAD[i].kind, BAD[i].connector);
        Error error = {0};
        expect_fault(compare(&none, &declared, false, &error), &error, STATUS_INVALID, "bad_value");
        assert_string_equal(error.pointer, POINTER);
        assert_non_null(strstr(error.message, BAD[i].message));
    }
    for (size_t i = 0; i < COUNT_OF(GOOD); i++) {
        Configuration declared = with_database(arena, GOOD[i], "main");
        Error error = {0};
        expect_ok(compare(&none, &declared, false, &error), &error);
    }
    Configuration missing = with_database(arena, "postgresql", "main");
    missing.integrations.count = 1;
    Error error = {0};
    expect_fault(compare(&none, &missing, false, &error), &error, STATUS_INVALID,
                 "unknown_integration");
    assert_string_equal(error.pointer, POINTER);
}

static void a_flow_does_not_lose_the_database_whose_sessions_it_ends(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration current = with_database(arena, "postgresql", "main");
    Configuration declared = {.integrations = {current.integrations.items, 1}};
    Error error = {0};
    expect_ok(compare(&current, &declared, false, &error), &error);
    expect_fault(compare(&current, &declared, true, &error), &error, STATUS_CONFLICT, "in_use");
    declared = with_database(arena, "postgresql", "other");
    declared.flows.count = 0;
    Error moved = {0};
    expect_fault(compare(&current, &declared, false, &moved), &moved, STATUS_CONFLICT, "in_use");
    assert_non_null(strstr(moved.message, "flow orders"));
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_draft_says_to_whom_it_is_given),
        cmocka_unit_test(nothing_is_delivered),
        cmocka_unit_test(a_template_is_for_who_has_no_identity_of_the_account),
        cmocka_unit_test(who_is_nobody_to_aws_gets_nothing),
        cmocka_unit_test(a_request_does_not_outlive_the_identity_it_was_for),
        cmocka_unit_test(what_means_nothing_on_aws_is_refused),
        cmocka_unit_test(an_account_host_means_nothing_either),
        cmocka_unit_test(a_template_of_another_account_says_of_which),
        cmocka_unit_test(other_kinds_have_no_identity),
        cmocka_unit_test(a_plan_says_whose_sessions_end),
        cmocka_unit_test(only_what_the_same_connector_can_end_is_taken),
        cmocka_unit_test(a_flow_does_not_lose_the_database_whose_sessions_it_ends),
    };
    return RUN_CASES(cases);
}
