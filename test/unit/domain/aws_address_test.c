#include "domain/plan.h"

#include "shop.h"

#define ROLE "arn:aws:iam::123456789012:role/daypass"

static Status read_address(Arena *arena, const char *json, AwsAddress *ret_address, Error *reterr) {
    return shape_parse(arena, &AWS_ADDRESS_SHAPE, json, strlen(json), ret_address, reterr);
}

static AwsAddress address_of(Arena *arena, const char *json) {
    AwsAddress address;
    Error error = {0};
    expect_ok(read_address(arena, json, &address, &error), &error);
    return address;
}

static void is_refused(const char *member, const char *value) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *json = json_keep(
        arena, json_pack("{s:s, s:s}", "account", "123456789012", "region", "eu-central-1"));
    json_object_set_new(json, member, json_string(value));
    AwsAddress address;
    Error error = {0};
    Status status = shape_read(arena, &AWS_ADDRESS_SHAPE, json, &address, &error);
    if (status == STATUS_OK)
        fail_msg("%s %s was taken", member, value);
    assert_string_equal(error.pointer, arena_printf(arena, "/%s", member));
}

static void an_account_has_twelve_digits(void **state) {
    static const char *const BAD[] = {
        "", "12345678901", "1234567890123", "12345678901a", "0x3456789012", "-23456789012"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        is_refused("account", BAD[i]);
        assert_int_equal(aws_account_check(BAD[i], NULL), STATUS_INVALID);
    }
    assert_int_equal(aws_account_check("012345678901", NULL), STATUS_OK);
}

// It becomes a part of host names.
static void a_region_is_nothing_but_one(void **state) {
    static const char *const BAD[] = {"",
                                      "eu",
                                      "eu central-1",
                                      "EU-central-1",
                                      "eu-central-1.evil.example/",
                                      "-eu-1",
                                      "1-eu-1",
                                      "eu-central-",
                                      "eu-central",
                                      "eu1",
                                      "a-23456789012345678901234567890123"};
    static const char *const GOOD[] = {"eu-central-1", "us-gov-west-1", "cn-north-1",
                                       "us-iso-east-1"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++)
        is_refused("region", BAD[i]);
    for (size_t i = 0; i < COUNT_OF(GOOD); i++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        address_of(arena, arena_printf(arena, "{\"account\": \"123456789012\", \"region\": \"%s\"}",
                                       GOOD[i]));
    }
}

static void a_role_is_the_arn_of_one(void **state) {
    static const char *const BAD[] = {"",
                                      "daypass",
                                      "arn:aws:iam::123456789012:user/daypass",
                                      "arn:aws:sts::123456789012:assumed-role/daypass/x",
                                      "arn:aws:iam::123456789012:role/",
                                      "arn:aws:iam::12345:role/daypass"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++)
        is_refused("role", BAD[i]);
}

static void an_external_id_is_what_aws_takes(void **state) {
    static const char *const BAD[] = {"", "x", "two words", "quoted\"", "umlaut\xC3\xA4"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++)
        is_refused("external_id", BAD[i]);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    address_of(arena, "{\"account\": \"123456789012\", \"region\": \"eu-central-1\","
                      " \"external_id\": \"acme/prod_1+=,.@:-\"}");
}

static void an_endpoint_is_a_url(void **state) {
    static const char *const BAD[] = {
        "",        "iam.example.com", "ftp://iam.example.com", "https://",
        "http://", "https://a b",     "https://a\nb"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        json_t *json =
            json_keep(arena, json_pack("{s:s, s:s, s:{s:s}}", "account", "123456789012", "region",
                                       "eu-central-1", "endpoints", "iam", BAD[i]));
        AwsAddress address;
        Error error = {0};
        assert_int_equal(shape_read(arena, &AWS_ADDRESS_SHAPE, json, &address, &error),
                         STATUS_INVALID);
        assert_string_equal(error.pointer, "/endpoints/iam");
    }
}

#define ENDPOINTS(n)                                                                               \
    "{\"iam\": \"https://iam" n "\", \"sts\": \"https://sts\", \"rds\": \"https://rds\", "         \
    "\"ec2\": \"https://ec2\", \"ssm\": \"https://ssm\"}"
static const char WHOLE[] =
    "{\"account\": \"123456789012\", \"region\": \"eu-central-1\", \"role\": \"" ROLE "\","
    " \"external_id\": \"acme\", \"endpoints\": " ENDPOINTS("") "}";

static void what_is_not_asked_for_is_as_allowed(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AwsAddress allowed = address_of(arena, WHOLE);
    AwsAddress wanted = {.account = "123456789012", .region = "eu-central-1"};
    assert_true(aws_address_within(&wanted, &allowed));
    assert_true(aws_address_within(&allowed, &allowed));
    assert_true(aws_address_within(&wanted, &wanted));
    assert_false(aws_address_within(&allowed, &wanted));
}

static void nothing_else_may_be_asked_for(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const AwsAddress allowed = address_of(arena, WHOLE);
    AwsAddress wanted = allowed;
    wanted.account = "123456789013";
    assert_false(aws_address_within(&wanted, &allowed));
    wanted = allowed;
    wanted.region = "eu-central-2";
    assert_false(aws_address_within(&wanted, &allowed));
    wanted = allowed;
    wanted.role = ROLE "2";
    assert_false(aws_address_within(&wanted, &allowed));
    wanted = allowed;
    wanted.external_id = "other";
    assert_false(aws_address_within(&wanted, &allowed));
    static const size_t MEMBERS[] = {offsetof(AwsEndpoints, iam), offsetof(AwsEndpoints, sts),
                                     offsetof(AwsEndpoints, rds), offsetof(AwsEndpoints, ec2),
                                     offsetof(AwsEndpoints, ssm)};
    for (size_t i = 0; i < COUNT_OF(MEMBERS); i++) {
        AwsEndpoints endpoints = *allowed.endpoints;
        wanted = allowed;
        wanted.endpoints = &endpoints;
        assert_true(aws_address_within(&wanted, &allowed));
        static const char *const EVIL = "https://evil.example";
        memcpy((char *)&endpoints + MEMBERS[i], &EVIL, sizeof(EVIL));
        assert_false(aws_address_within(&wanted, &allowed));
    }
}

static TargetAddress target_of(const AwsAddress *aws) {
    return (TargetAddress){.kind = TARGET_AWS, .tls = TLS_VERIFY_FULL, .aws = aws};
}

static void a_target_is_named_by_its_account_and_region(void **state) {
    const AwsAddress aws = {.account = "123456789012", .region = "eu-central-1", .role = ROLE};
    TargetAddress target = target_of(&aws);
    Error error = {0};
    expect_ok(target_address_complete(&target, &error), &error);
    assert_string_equal(target.host, "123456789012");
    assert_string_equal(target.database, "eu-central-1");
    target.port = 443; // as a plan has it
    expect_ok(target_address_complete(&target, &error), &error);
}

static void target_is_refused(TargetAddress target, const char *code, const char *pointer) {
    Error error = {0};
    expect_fault(target_address_complete(&target, &error), &error, STATUS_INVALID, code);
    assert_string_equal(error.pointer, pointer);
}

static void a_target_is_addressed_by_nothing_else(void **state) {
    const AwsAddress aws = {.account = "123456789012", .region = "eu-central-1"};
    TargetAddress target = target_of(NULL);
    target_is_refused(target, "missing_field", "/aws");
    target = target_of(&aws);
    target.host = "db.internal";
    target_is_refused(target, "bad_value", "/host");
    target = target_of(&aws);
    target.database = "shop";
    target_is_refused(target, "bad_value", "/database");
    target = target_of(&aws);
    target.port = 5432;
    target_is_refused(target, "bad_value", "/port");
    target = target_of(&aws);
    target.tls = TLS_REQUIRE;
    target_is_refused(target, "bad_value", "/tls");
    const AwsAddress elsewhere = {
        .account = "999999999999", .region = "eu-central-1", .role = ROLE};
    target_is_refused(target_of(&elsewhere), "bad_value", "/aws/role");
    target = (TargetAddress){.kind = TARGET_REDIS, .host = "db", .aws = &aws};
    target_is_refused(target, "bad_value", "/aws");
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(an_account_has_twelve_digits),
        cmocka_unit_test(a_region_is_nothing_but_one),
        cmocka_unit_test(a_role_is_the_arn_of_one),
        cmocka_unit_test(an_external_id_is_what_aws_takes),
        cmocka_unit_test(an_endpoint_is_a_url),
        cmocka_unit_test(what_is_not_asked_for_is_as_allowed),
        cmocka_unit_test(nothing_else_may_be_asked_for),
        cmocka_unit_test(a_target_is_named_by_its_account_and_region),
        cmocka_unit_test(a_target_is_addressed_by_nothing_else),
    };
    return RUN_CASES(cases);
}
