#include "aws/arn.h"

#include "aws/partition.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void takes_arns_apart_and_puts_them_together(void **state) {
    static const char *const ARNS[] = {
        "arn:aws:iam::123456789012:user/jane",
        "arn:aws-cn:rds-db:cn-north-1:123456789012:dbuser:db-ABC/app_read",
        "arn:aws:ssm:eu-central-1::document/AWS-StartSSHSession",
        "arn:aws:s3:::bucket/key with:colons",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < 3; i++) {
        Arn arn;
        assert_int_equal(arn_parse(arena, ARNS[i], &arn, NULL), STATUS_OK);
        assert_string_equal(arn_build(arena, &arn), ARNS[i]);
    }
    Arn arn;
    assert_int_equal(arn_parse(arena, ARNS[1], &arn, NULL), STATUS_OK);
    assert_string_equal(arn.partition, "aws-cn");
    assert_string_equal(arn.service, "rds-db");
    assert_string_equal(arn.region, "cn-north-1");
    assert_string_equal(arn.account, "123456789012");
    assert_string_equal(arn.resource, "dbuser:db-ABC/app_read");
    assert_int_equal(arn_parse(arena, ARNS[3], &arn, NULL), STATUS_INVALID); // a blank
}

static void refuses_what_is_no_arn(void **state) {
    static const char *const TEXTS[] = {
        "",         "arn",           "arn:aws:iam::123456789012",   "arn:aws:iam::123456789012:",
        "a:b:c::e", "arn::iam::1:x", "arn:aws:::123456789012:user", "arn:aws:iam::1:a\nb",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char long_text[ARN_MAX_BYTES + 64];
    memset(long_text, 'a', sizeof(long_text));
    memcpy(long_text, "arn:aws:iam::1:", 15);
    long_text[sizeof(long_text) - 1] = '\0';
    for (size_t i = 0; i <= COUNT_OF(TEXTS) + 1; i++) {
        const char *text = i < COUNT_OF(TEXTS) ? TEXTS[i] : i == COUNT_OF(TEXTS) ? long_text : NULL;
        Arn arn = {.service = "kept"};
        Error error = {0};
        assert_int_equal(arn_parse(arena, text, &arn, &error), STATUS_INVALID);
        assert_string_equal(error.code, "bad_arn");
        assert_string_equal(arn.service, "kept");
    }
}

static void patterns_cover_within_the_pieces_of_an_arn(void **state) {
    static const struct {
        const char *pattern, *arn;
        bool matches;
    } CASES[] = {
        {"*", "arn:aws:s3:::bucket", true},
        {"*", "no arn", false},
        {"arn:aws:s3:::bucket", "arn:aws:s3:::bucket", true},
        {"arn:aws:s3:::Bucket", "arn:aws:s3:::bucket", false},
        {"arn:*:s3:*:*:*", "arn:aws-cn:s3:::a:b", true},
        {"arn:aws:*", "arn:aws:s3:::bucket", false},
        {"arn:aws:iam::*:user/*", "arn:aws:iam::123456789012:user/a/b", true},
        {"arn:aws:iam::*:user/*", "arn:aws:iam::123456789012:role/a", false},
        {"arn:aws:iam::*", "arn:aws:iam::123456789012:user/a", false},
        {"arn:aws:iam::*:*r/a", "arn:aws:iam:eu:1:user/a", false},
        {"arn:aws:rds-db:*:1:dbuser:db-A/app_?", "arn:aws:rds-db:eu:1:dbuser:db-A/app_r", true},
        {"arn:aws:rds-db:*:1:dbuser:db-A/app_?", "arn:aws:rds-db:eu:1:dbuser:db-A/app_", false},
        {"arn:aws:rds-db:*:1:dbuser:db-A/app_?", "arn:aws:rds-db:eu:1:dbuser:db-A/app_rw", false},
        {"arn:aws:x:::a*b*c", "arn:aws:x:::a-b-b-c", true},
        {"arn:aws:x:::a*b*c", "arn:aws:x:::a-b-b-c-", false},
        {"arn:aws:x:::?", "arn:aws:x:::ü", true},
        {"arn:aws:x:::a", "arn:aws:x:::a*", false},
        {"", "arn:aws:x:::a", false},
        {"arn:aws:x:::", "arn:aws:x:::a", false},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        if (arn_matches(CASES[i].pattern, CASES[i].arn) != CASES[i].matches)
            fail_msg("%s and %s", CASES[i].pattern, CASES[i].arn);
    assert_true(arn_text_matches("s3:Get*", "s3:GetObject"));
    assert_false(arn_text_matches("s3:Get*", "s3:PutObject"));
}

// Many stars over a long text that does not match in the end.
static void patterns_take_no_long_time(void **state) {
    char pattern[ARN_MAX_BYTES], text[ARN_MAX_BYTES];
    memset(text, 'a', sizeof(text));
    memcpy(text, "arn:aws:x:::", 12);
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 12; i < sizeof(pattern); i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    memcpy(pattern, "arn:aws:x:::", 12);
    memcpy(pattern + sizeof(pattern) - 3, "*b", 3);
    assert_false(arn_matches(pattern, text));
}

static void knows_users_roles_and_sessions(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ArnPrincipal who;
    assert_int_equal(arn_principal_parse(
                         arena, "arn:aws:iam::123456789012:user/teams/dev/jane@x.com", &who, NULL),
                     STATUS_OK);
    assert_int_equal(who.kind, ARN_PRINCIPAL_USER);
    assert_string_equal(who.path, "/teams/dev/");
    assert_string_equal(who.name, "jane@x.com");
    assert_null(who.session);
    assert_int_equal(
        arn_principal_parse(arena, "arn:aws-cn:iam::123456789012:role/dev", &who, NULL), STATUS_OK);
    assert_int_equal(who.kind, ARN_PRINCIPAL_ROLE);
    assert_string_equal(who.partition, "aws-cn");
    assert_string_equal(who.path, "/");
    assert_int_equal(
        arn_principal_parse(arena, "arn:aws:sts::123456789012:assumed-role/dev/jane", &who, NULL),
        STATUS_OK);
    assert_int_equal(who.kind, ARN_PRINCIPAL_ROLE_SESSION);
    assert_string_equal(who.name, "dev");
    assert_string_equal(who.session, "jane");
    assert_null(who.path);
}

static void refuses_who_is_nobody_of_iam(void **state) {
    static const char *const TEXTS[] = {
        "arn:aws:iam::123456789012:root",
        "arn:aws:iam::123456789012:group/dev",
        "arn:aws:iam::12345678901:user/jane",
        "arn:aws:iam:eu-central-1:123456789012:user/jane",
        "arn:aws:iam::123456789012:user/",
        "arn:aws:iam::123456789012:user//jane",
        "arn:aws:iam::123456789012:user/*",
        "arn:aws:iam::123456789012:user/t*/jane",
        "arn:aws:iam::123456789012:assumed-role/dev/jane",
        "arn:aws:sts::123456789012:assumed-role/dev",
        "arn:aws:sts::123456789012:assumed-role/dev/j",
        "arn:aws:sts::123456789012:assumed-role/dev/jane/x",
        "arn:aws:sts::123456789012:user/jane",
        "jane",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        ArnPrincipal who;
        if (arn_principal_parse(arena, TEXTS[i], &who, NULL) == STATUS_OK)
            fail_msg("%s is taken", TEXTS[i]);
    }
}

static void knows_the_forms_of_accounts_regions_and_sessions(void **state) {
    assert_true(arn_is_account("123456789012"));
    assert_false(arn_is_account("12345678901a"));
    assert_false(arn_is_account("1234567890123"));
    assert_false(arn_is_account(NULL));
    static const char *const REGIONS[] = {"eu-central-1", "us-gov-west-1", "ap-southeast-12",
                                          "us-isob-east-1", "eusc-de-east-1"};
    static const char *const OTHERS[] = {
        "",      "eu",   "eu-central",    "eu-central-1/", "-eu-1",
        "eu--1", "eu-1", "eu-central-1a", "EU-west-1",     "eu-central-1.evil.example"};
    for (size_t i = 0; i < COUNT_OF(REGIONS); i++)
        if (!arn_is_region(REGIONS[i]))
            fail_msg("%s is refused", REGIONS[i]);
    for (size_t i = 0; i < COUNT_OF(OTHERS); i++)
        if (arn_is_region(OTHERS[i]))
            fail_msg("%s is taken", OTHERS[i]);
    assert_true(arn_is_session_name("daypass-grt_abc=,.@+"));
    assert_false(arn_is_session_name("a"));
    assert_false(arn_is_session_name("a b"));
}

static void each_partition_has_its_endpoints(void **state) {
    ServiceEndpoint endpoint;
    assert_int_equal(service_endpoint_find(AWS_SERVICE_IAM, "us-gov-east-1", &endpoint, NULL),
                     STATUS_OK);
    assert_string_equal(endpoint.url, "https://iam.us-gov.amazonaws.com");
    assert_string_equal(endpoint.signing_region, "us-gov-west-1");
    assert_int_equal(service_endpoint_find(AWS_SERVICE_RDS, "cn-northwest-1", &endpoint, NULL),
                     STATUS_OK);
    assert_string_equal(endpoint.url, "https://rds.cn-northwest-1.amazonaws.com.cn");
    assert_string_equal(endpoint.signing_region, "cn-northwest-1");
    Error error = {0};
    assert_int_equal(
        service_endpoint_find(AWS_SERVICE_STS, "evil.example/#-a-1", &endpoint, &error),
        STATUS_INVALID);
    assert_string_equal(error.code, "bad_region");
    for (size_t i = 0; i < aws_partition_count(); i++)
        assert_ptr_equal(aws_partition_find(aws_partition_at(i)->name), aws_partition_at(i));
    assert_null(aws_partition_find("aws-mars"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_arns_apart_and_puts_them_together),
        cmocka_unit_test(refuses_what_is_no_arn),
        cmocka_unit_test(patterns_cover_within_the_pieces_of_an_arn),
        cmocka_unit_test(patterns_take_no_long_time),
        cmocka_unit_test(knows_users_roles_and_sessions),
        cmocka_unit_test(refuses_who_is_nobody_of_iam),
        cmocka_unit_test(knows_the_forms_of_accounts_regions_and_sessions),
        cmocka_unit_test(each_partition_has_its_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
