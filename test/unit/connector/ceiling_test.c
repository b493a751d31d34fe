#include "connector/ceiling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const TargetAddress SHOP = {
    .kind = TARGET_POSTGRESQL, .host = "db.internal", .port = 5432, .database = "shop"};
static const char *TABLES[] = {"customers_table"};
static const char *SELECTED[] = {"SELECT"};

typedef struct Case {
    ConnectorOptions options;
    SecretSource secret;
    Ceiling ceiling;
    AccessItem item;
    Plan plan;
    int64_t duration_s;
} Case;

// A plan that reads one table for an hour, and a secret without limits of its own.
static Case case_make(void) {
    return (Case){
        .secret = {.name = "shop", .user = "daypass_admin", .target = &SHOP},
        .ceiling = {.max_duration_s = 8 * 3600},
        .item = {.schema = "schema_app", .tables = {TABLES, 1}, .privileges = {SELECTED, 1}},
        .plan = {.account = "temp_a_b", .target = &SHOP, .admin_secret = "shop"},
        .duration_s = 3600,
    };
}

static Status judge(Case *given, Error *error) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    given->plan.access = (AccessItems){&given->item, 1};
    given->secret.ceiling = &given->ceiling;
    return ceiling_check(arena, &given->options, &given->secret, &given->plan, given->duration_s,
                         error);
}

static void refused(Case *given, const char *message_part) {
    Error error = {0};
    assert_int_equal(judge(given, &error), STATUS_FORBIDDEN);
    assert_string_equal(error.code, "above_ceiling");
    if (!strstr(error.message, message_part))
        fail_msg("\"%s\" is not in \"%s\"", message_part, error.message);
}

static void accepted(Case *given) {
    Error error = {0};
    if (judge(given, &error) != STATUS_OK)
        fail_msg("refused: %s", error.message);
}

static void allows_what_is_not_limited(void **state) {
    Case given = case_make();
    accepted(&given);
    given.item = (AccessItem){.role = "reporting"};
    accepted(&given);
}

static void refuses_another_host_port_or_kind(void **state) {
    Case given = case_make();
    TargetAddress other = SHOP;
    given.plan.target = &other;
    other.host = "evil.example.com";
    refused(&given, "db.internal");
    other = SHOP;
    other.port = 5433;
    refused(&given, "5433");
    other = SHOP;
    other.host = "DB.INTERNAL";
    accepted(&given);
    other.port = 0; // the usual one, which is 5432
    accepted(&given);
}

static void refuses_weaker_tls_than_the_secret_wants(void **state) {
    Case given = case_make();
    TargetAddress other = SHOP;
    given.plan.target = &other;
    other.tls = TLS_DISABLE;
    refused(&given, "tls");
    other.tls = TLS_REQUIRE;
    refused(&given, "tls");
}

static void refuses_databases_schemas_and_privileges_that_are_not_listed(void **state) {
    static const char *OTHERS[] = {"other"};
    static const char *INSERTED[] = {"INSERT"};
    Case given = case_make();
    given.ceiling.databases = (StringList){OTHERS, 1};
    refused(&given, "database shop");
    given = case_make();
    given.ceiling.schemas = (StringList){OTHERS, 1};
    refused(&given, "schema schema_app");
    given = case_make();
    given.ceiling.privileges = (StringList){INSERTED, 1};
    refused(&given, "privilege SELECT");
}

static void refuses_names_of_accounts_that_begin_otherwise(void **state) {
    static const char *PREFIXES[] = {"eu_", "temp_"};
    Case given = case_make();
    given.ceiling.account_prefixes = (StringList){PREFIXES, 2};
    accepted(&given);
    given.plan.account = "postgres_a_b";
    refused(&given, "account postgres_a_b");
    given.plan.account = "my_temp_a_b";
    refused(&given, "account_prefixes");
    given.plan.account = "temp";
    refused(&given, "account temp");
    given.plan.account = NULL; // of a check: what flows may ask for
    accepted(&given);
}

static void counts_the_privileges_of_a_preset(void **state) {
    Case given = case_make();
    given.ceiling.privileges = (StringList){SELECTED, 1};
    given.item.privileges = (StringList){0};
    given.item.preset = PRESET_READ_WRITE;
    refused(&given, "privilege");
    given.item.preset = PRESET_READ_ONLY;
    accepted(&given);
}

static void refuses_roles_that_are_not_listed(void **state) {
    static const char *ROLES_ALLOWED[] = {"reporting"};
    Case given = case_make();
    given.item = (AccessItem){.role = "postgres"};
    given.ceiling.roles = (StringList){ROLES_ALLOWED, 1};
    refused(&given, "role postgres");
    given.item.role = "reporting";
    accepted(&given);
}

static void refuses_any_role_where_schemas_are_limited_and_roles_are_not_named(void **state) {
    static const char *SCHEMAS[] = {"schema_app"};
    Case given = case_make();
    given.item = (AccessItem){.role = "reporting"};
    given.ceiling.schemas = (StringList){SCHEMAS, 1};
    refused(&given, "names no roles");
}

static void refuses_custodians_that_are_not_named(void **state) {
    static const char *SCHEMAS[] = {"schema_app"};
    static const char *KEEPERS[] = {"keeper"};
    Case given = case_make();
    given.plan.custodian = "app_owner";
    accepted(&given);
    given.ceiling.schemas = (StringList){SCHEMAS, 1};
    refused(&given, "custodian app_owner");
    given.ceiling.custodians = (StringList){KEEPERS, 1};
    refused(&given, "custodian app_owner");
    given.ceiling.schemas = (StringList){0};
    refused(&given, "custodian app_owner");
    given.plan.custodian = "keeper";
    accepted(&given);
    given.plan.custodian = NULL;
    accepted(&given);
}

static void refuses_longer_access(void **state) {
    Case given = case_make();
    given.duration_s = 8 * 3600;
    accepted(&given);
    given.duration_s++;
    refused(&given, "8h");
}

static void falls_back_to_the_general_ceiling_and_then_to_a_day(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Case given = case_make();
    given.plan.access = (AccessItems){&given.item, 1};
    Error error = {0};
    assert_int_equal(
        ceiling_check(arena, &given.options, &given.secret, &given.plan, 86401, &error),
        STATUS_FORBIDDEN);
    assert_int_equal(
        ceiling_check(arena, &given.options, &given.secret, &given.plan, 86400, &error), STATUS_OK);
    given.options.ceiling = &given.ceiling;
    assert_int_equal(
        ceiling_check(arena, &given.options, &given.secret, &given.plan, 86400, &error),
        STATUS_FORBIDDEN);
}

static const AwsAddress ACCOUNT = {.account = "123456789012", .region = "eu-central-1"};
static const TargetAddress CLOUD = {.kind = TARGET_AWS,
                                    .host = "123456789012",
                                    .port = 443,
                                    .database = "eu-central-1",
                                    .aws = &ACCOUNT};

// What limits databases limits no account of AWS, whose names are of another kind.
static void leaves_accounts_of_aws_to_what_is_said_of_them(void **state) {
    static const char *OTHERS[] = {"other"};
    RdsConnect connect = {.resource = "*", .users = {OTHERS, 1}};
    Case given = case_make();
    given.secret.target = given.plan.target = &CLOUD;
    given.plan.account = "user/jane/grt_1";
    given.item = (AccessItem){.rds_connect = &connect};
    given.ceiling.databases = (StringList){OTHERS, 1};
    given.ceiling.schemas = (StringList){OTHERS, 1};
    given.ceiling.account_prefixes = (StringList){OTHERS, 1};
    accepted(&given);
    assert_ptr_equal(ceiling_resources(&given.options, &given.secret), &given.ceiling.aws);
    given.duration_s = 9 * 3600;
    refused(&given, "8h");
}

static void refuses_actions_that_are_not_named(void **state) {
    static const char *WANTED[] = {"s3:GetObject", "s3:ListBucket"};
    static const char *ALLOWED[] = {"s3:GetObject", "s3:PutObject"};
    static const char *ANY[] = {"*"};
    AwsAllow allow = {.actions = {WANTED, 2}, .resources = {ANY, 1}};
    Case given = case_make();
    given.secret.target = given.plan.target = &CLOUD;
    given.item = (AccessItem){.allow = &allow};
    refused(&given, "s3:GetObject"); // an absent list is none, not any
    given.ceiling.aws.actions = (StringList){ALLOWED, 2};
    refused(&given, "s3:ListBucket");
    allow.actions.count = 1;
    accepted(&given);
    ALLOWED[0] = "S3:getobject";
    refused(&given, "s3:GetObject");
}

// "roles: []" reads as none, and a list without items allows any.
static void refuses_a_list_without_items_in_the_file(void **state) {
    static const char *const LISTS[] = {"databases", "schemas", "privileges", "roles",
                                        "custodians"};
    for (size_t i = 0; i < COUNT_OF(LISTS); i++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        ConnectorOptions options;
        Error error = {0};
        const char *text = arena_printf(
            arena, "{\"control_plane\": \"https://d.internal\", \"ceiling\": {\"%s\": []}}",
            LISTS[i]);
        assert_int_equal(
            shape_parse(arena, &CONNECTOR_OPTIONS_SHAPE, text, strlen(text), &options, &error),
            STATUS_INVALID);
        assert_string_equal(error.pointer, arena_printf(arena, "/ceiling/%s", LISTS[i]));
    }
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(allows_what_is_not_limited),
        cmocka_unit_test(refuses_another_host_port_or_kind),
        cmocka_unit_test(refuses_weaker_tls_than_the_secret_wants),
        cmocka_unit_test(refuses_databases_schemas_and_privileges_that_are_not_listed),
        cmocka_unit_test(refuses_names_of_accounts_that_begin_otherwise),
        cmocka_unit_test(counts_the_privileges_of_a_preset),
        cmocka_unit_test(refuses_roles_that_are_not_listed),
        cmocka_unit_test(refuses_any_role_where_schemas_are_limited_and_roles_are_not_named),
        cmocka_unit_test(refuses_custodians_that_are_not_named),
        cmocka_unit_test(leaves_accounts_of_aws_to_what_is_said_of_them),
        cmocka_unit_test(refuses_actions_that_are_not_named),
        cmocka_unit_test(refuses_a_list_without_items_in_the_file),
        cmocka_unit_test(refuses_longer_access),
        cmocka_unit_test(falls_back_to_the_general_ceiling_and_then_to_a_day),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
