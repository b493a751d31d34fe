#include "domain/aws_identity.h"

#include "shop.h"

#define ACCOUNT "123456789012"

static void is_read_as(const char *arn, AwsIdentity expected, const char *account_name) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AwsIdentity identity;
    Error error = {0};
    expect_ok(aws_identity_parse(arena, arn, &identity, &error), &error);
    assert_int_equal(identity.kind, expected.kind);
    assert_string_equal(identity.arn, arn);
    assert_string_equal(identity.partition, expected.partition);
    assert_string_equal(identity.account, ACCOUNT);
    assert_string_equal(identity.name, expected.name);
    assert_true(text_equal(identity.session, expected.session));
    assert_string_equal(aws_account_name(arena, &identity, "grt_1"), account_name);
    assert_int_equal(aws_identity_check(arn, NULL), STATUS_OK);
}

static void users_roles_and_sessions_are_identities(void **state) {
    is_read_as("arn:aws:iam::" ACCOUNT ":user/jane",
               (AwsIdentity){.kind = AWS_USER, .partition = "aws", .name = "jane"},
               "user/jane/grt_1");
    is_read_as("arn:aws-cn:iam::" ACCOUNT ":user/teams/data/jane@example.com",
               (AwsIdentity){.kind = AWS_USER, .partition = "aws-cn", .name = "jane@example.com"},
               "user/jane@example.com/grt_1");
    is_read_as("arn:aws-us-gov:iam::" ACCOUNT ":role/dev",
               (AwsIdentity){.kind = AWS_ROLE, .partition = "aws-us-gov", .name = "dev"},
               "role/dev/grt_1");
    is_read_as("arn:aws:sts::" ACCOUNT ":assumed-role/dev/jane@example.com",
               (AwsIdentity){.kind = AWS_ROLE_SESSION,
                             .partition = "aws",
                             .name = "dev",
                             .session = "jane@example.com"},
               "role/dev/grt_1");
}

static void anything_else_is_none(void **state) {
    static const char *const BAD[] = {
        "",
        "jane",
        "arn:",
        "arn:aws",
        "arn:aws:iam::" ACCOUNT,
        "arn:aws:iam::" ACCOUNT ":",
        "arn:aws:iam::" ACCOUNT ":root",
        "arn:aws:iam::" ACCOUNT ":user/",
        "arn:aws:iam::" ACCOUNT ":user/path/",
        "arn:aws:iam::" ACCOUNT ":group/dev",
        "arn:aws:iam::" ACCOUNT ":assumed-role/dev/jane",
        "arn:aws:sts::" ACCOUNT ":user/jane",
        "arn:aws:sts::" ACCOUNT ":assumed-role/dev",
        "arn:aws:sts::" ACCOUNT ":assumed-role/dev/",
        "arn:aws:sts::" ACCOUNT ":assumed-role//jane",
        "arn:aws:sts::" ACCOUNT ":assumed-role/dev/jane/more",
        "arn:aws:sts::" ACCOUNT ":federated-user/jane",
        "arn:aws:s3:::" ACCOUNT ":user/jane",
        "arn:aws:iam:eu-central-1:" ACCOUNT ":user/jane",
        "arn:aws:iam::12345:user/jane",
        "arn:aws:iam::*:user/jane",
        "arn:aws:iam:::user/jane",
        "arn:awsome:iam::" ACCOUNT ":user/jane",
        "arn:aws-CN:iam::" ACCOUNT ":user/jane",
        "arn:azure:iam::" ACCOUNT ":user/jane",
        "arn::iam::" ACCOUNT ":user/jane",
        "arn:aws:iam::" ACCOUNT ":user/*",
        "arn:aws:iam::" ACCOUNT ":user/jan?",
        "arn:aws:iam::" ACCOUNT ":user/te*ms/jane",
        "arn:aws:iam::" ACCOUNT ":user/${aws:username}",
        "arn:aws:iam::" ACCOUNT ":user/{nmae}",
        "arn:aws:iam::" ACCOUNT ":user/ja ne",
        "arn:aws:iam::" ACCOUNT ":user/te ams/jane",
        "arn:aws:iam::" ACCOUNT ":user/jane\"",
        "arn:aws:iam::" ACCOUNT ":user/ja\\ne",
        "arn:aws:iam::" ACCOUNT ":user/j\xC3\xA4ne",
        "arn:aws:iam::" ACCOUNT ":user/jane\n",
        "arn:aws:sts::" ACCOUNT ":assumed-role/dev/*",
        "arn:aws:sts::" ACCOUNT ":assumed-role/d*v/jane",
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        Error error = {0};
        if (aws_identity_check(BAD[i], &error) == STATUS_OK)
            fail_msg("taken: %s", BAD[i]);
        assert_string_equal(error.code, "bad_value");
    }
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char name[66];
    memset(name, 'x', sizeof(name));
    name[65] = '\0';
    const char *arn = arena_printf(arena, "arn:aws:iam::" ACCOUNT ":user/%s", name);
    assert_int_equal(aws_identity_check(arn, NULL), STATUS_INVALID);
    assert_int_equal(
        aws_identity_check(arena_printf(arena, "arn:aws:iam::" ACCOUNT ":user/%s", name + 1), NULL),
        STATUS_OK);
    char path[2100];
    memset(path, 'p', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    arn = arena_printf(arena, "arn:aws:iam::" ACCOUNT ":user/%s/jane", path);
    assert_int_equal(aws_identity_check(arn, NULL), STATUS_INVALID);
}

static void a_template_is_filled_in(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_string_equal(aws_identity_expand(arena, "a/{name}/{local}", "ann@example.com"),
                        "a/ann@example.com/ann");
    assert_string_equal(aws_identity_expand(arena, "{local}{local}", "bot"), "botbot");
    assert_string_equal(aws_identity_expand(arena, "{nmae}{", "ann"), "{nmae}{");
    assert_string_equal(aws_identity_expand(arena, "", "ann"), "");
    // What a name brings along is not filled in again.
    assert_string_equal(aws_identity_expand(arena, "{name}", "{local}"), "{local}");
}

static void a_template_makes_identities_of_names(void **state) {
    static const char *const GOOD[] = {"arn:aws:iam::" ACCOUNT ":user/{name}",
                                       "arn:aws:iam::" ACCOUNT ":user/staff/{local}",
                                       "arn:aws:iam::" ACCOUNT ":role/dev-{local}",
                                       "arn:aws:sts::" ACCOUNT ":assumed-role/dev/{name}"};
    static const char *const BAD[] = {"",
                                      "{name}",
                                      "arn:aws:iam::{name}:user/jane",
                                      "arn:aws:iam::" ACCOUNT ":{name}/jane",
                                      "arn:aws:iam::" ACCOUNT ":user/{nmae}",
                                      "arn:aws:iam::" ACCOUNT ":user/{name}*"};
    for (size_t i = 0; i < COUNT_OF(GOOD); i++)
        assert_int_equal(aws_identity_template_check(GOOD[i], NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(BAD); i++)
        assert_int_equal(aws_identity_template_check(BAD[i], NULL), STATUS_INVALID);
    Error error = {0};
    expect_fault(aws_identity_template_check("arn:aws:iam::" ACCOUNT ":user/jane", &error), &error,
                 STATUS_INVALID, "bad_value");
    assert_non_null(strstr(error.message, "everybody"));
}

static void somebody_has_one_identity_in_an_account(void **state) {
    const char *arns[] = {"arn:aws:iam::" ACCOUNT ":user/jane",
                          "arn:aws:iam::999999999999:role/dev", "not an ARN"};
    const StringList two = {.items = arns, .count = 2};
    const StringList odd = {.items = arns, .count = 3};
    assert_int_equal(aws_identities_check(&(StringList){0}, NULL), STATUS_OK);
    assert_int_equal(aws_identities_check(&two, NULL), STATUS_OK);
    assert_int_equal(aws_identities_check(&odd, NULL), STATUS_INVALID);
    assert_string_equal(aws_identity_of_account(&two, ACCOUNT), arns[0]);
    assert_string_equal(aws_identity_of_account(&two, "999999999999"), arns[1]);
    assert_null(aws_identity_of_account(&odd, "111111111111"));
    arns[2] = "arn:aws:sts::999999999999:assumed-role/dev/jane";
    Error error = {0};
    expect_fault(aws_identities_check(&odd, &error), &error, STATUS_INVALID, "duplicate");
    assert_string_equal(error.pointer, "/2");
    assert_non_null(strstr(error.message, "999999999999"));
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(users_roles_and_sessions_are_identities),
        cmocka_unit_test(anything_else_is_none),
        cmocka_unit_test(a_template_is_filled_in),
        cmocka_unit_test(a_template_makes_identities_of_names),
        cmocka_unit_test(somebody_has_one_identity_in_an_account),
    };
    return RUN_CASES(cases);
}
