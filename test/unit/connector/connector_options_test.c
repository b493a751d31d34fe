#include "connector/connector_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// Loads a file with this one secret: what is said of an AWS account and beside it.
static Status load(Arena *arena, const char *secret, ConnectorOptions *ret_options, Error *reterr) {
    char folder[] = "/tmp/daypass-unit-XXXXXX";
    assert_non_null(mkdtemp(folder));
    const char *path = arena_printf(arena, "%s/connector.yaml", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "control_plane: https://d.internal\nsecrets:\n  - name: cloud\n%s", secret);
    fclose(file);
    Status status = connector_options_load(arena, path, ret_options, reterr);
    unlink(path);
    rmdir(folder);
    return status;
}

#define AWS_WITH(more)                                                                             \
    "    target: {kind: aws, aws: {account: \"123456789012\", region: eu-central-1" more "}}\n"
#define DATABASE "    target: {kind: postgresql, host: db, database: shop}\n"

static void refused(const char *secret, const char *pointer, const char *message_part) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ConnectorOptions options;
    Error error = {0};
    if (load(arena, secret, &options, &error) == STATUS_OK)
        fail_msg("taken: %s", secret);
    assert_int_equal(error.status, STATUS_INVALID);
    assert_string_equal(error.pointer, pointer);
    if (!strstr(error.message, message_part))
        fail_msg("\"%s\" is not in \"%s\"", message_part, error.message);
}

static void an_account_has_no_source(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ConnectorOptions options;
    Error error = {0};
    if (load(arena,
             AWS_WITH(", role: \"arn:aws:iam::123456789012:role/daypass\", external_id: acme,"
                      " endpoints: {iam: \"https://iam.internal\", sts: \"http://127.0.0.1:9\"}"),
             &options, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    const SecretSource *secret = connector_options_secret(&options, "cloud");
    assert_null(secret->profile);
    assert_null(secret->user);
    assert_string_equal(secret->target->host, "123456789012");
    assert_string_equal(secret->target->database, "eu-central-1");
    assert_string_equal(secret->target->aws->external_id, "acme");
    if (load(arena, "    profile: prod\n" AWS_WITH(""), &options, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_string_equal(options.secrets.items[0].profile, "prod");
    assert_false(options.secrets.items[0].programs);
    if (load(arena, "    profile: prod\n    programs: true\n" AWS_WITH(""), &options, &error) !=
        STATUS_OK)
        fail_msg("%s", error.message);
    assert_true(options.secrets.items[0].programs);

    static const char *const SOURCES[] = {"    user: admin\n", "    file: /etc/secret\n",
                                          "    env: SECRET\n", "    command: [cat]\n",
                                          "    credential: cloud\n"};
    for (size_t i = 0; i < COUNT_OF(SOURCES); i++)
        refused(arena_printf(arena, "%s" AWS_WITH(""), SOURCES[i]), "/secrets/0", "neither user");
}

static void a_database_has_one_and_a_user(void **state) {
    refused("    user: admin\n    env: SECRET\n    profile: prod\n" DATABASE, "/secrets/0",
            "profile");
    refused("    user: admin\n    env: SECRET\n    programs: true\n" DATABASE, "/secrets/0",
            "programs");
    refused("    env: SECRET\n" DATABASE, "/secrets/0", "expected user");
    refused("    user: admin\n" DATABASE, "/secrets/0", "got none");
    refused("    user: admin\n    env: SECRET\n    file: /s\n" DATABASE, "/secrets/0",
            "exactly one");
    refused("    user: admin\n    env: SECRET\n    target: {kind: postgresql, database: shop}\n",
            "/secrets/0/target/host", "host");
    refused("    user: admin\n    env: SECRET\n    target: {kind: redis, host: db, aws: {account: "
            "\"123456789012\", region: eu-central-1}}\n",
            "/secrets/0/target/aws", "kind aws alone");
}

static void an_account_is_addressed_whole(void **state) {
    refused("    target: {kind: aws}\n", "/secrets/0/target/aws", "aws: {account");
    refused("    target: {kind: aws, aws: {account: \"123456789012\"}}\n",
            "/secrets/0/target/aws/region", "region");
    refused("    target: {kind: aws, host: db, aws: {account: \"123456789012\", region: eu-x-1}}\n",
            "/secrets/0/target/host", "no host");
    refused(
        AWS_WITH(", role: \"arn:aws:iam::999999999999:role/daypass\""),
        "/secrets/0/target/aws/role",
        "expected a role of account 123456789012 itself; arn:aws:iam::999999999999:role/daypass");
    // Nobody on the way is to read the credentials that it answers with.
    refused(AWS_WITH(", endpoints: {sts: \"http://sts.internal\"}"),
            "/secrets/0/target/aws/endpoints/sts", "https");
}

static void a_ceiling_that_would_never_match_is_refused(void **state) {
    static const struct {
        const char *line, *pointer;
    } CASES[] = {
        {"actions: [\"s3:*\"]", "/actions/0"},
        {"actions: [s3]", "/actions/0"},
        {"actions: []", "/actions"},
        {"resources: [db-AB]", "/resources/0"},
        {"resources: []", "/resources"},
        {"identities: [jane]", "/identities/0"},
        {"identities: [\"arn:aws:iam::123456789012:user/${aws:username}\"]", "/identities/0"},
        {"identity_tags: [daypass]", "/identity_tags/0"},
        {"boundary: daypass", "/boundary"},
        {"boundary: \"arn:aws:iam::123456789012:role/x\"", "/boundary"},
        {"boundary: \"arn:aws:iam::123456789012:policy/*\"", "/boundary"},
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        refused(arena_printf(arena, AWS_WITH("") "    ceiling: {%s}\n", CASES[i].line),
                arena_printf(arena, "/secrets/0/ceiling%s", CASES[i].pointer), "expected");
    ConnectorOptions options;
    Error error = {0};
    if (load(arena,
             AWS_WITH("") "    ceiling:\n"
                          "      actions: [s3:GetObject]\n"
                          "      resources: [\"arn:aws:rds-db:*:*:dbuser:*/app_*\"]\n"
                          "      identities: [\"arn:aws:iam::123456789012:user/staff/*\"]\n"
                          "      identity_tags: [daypass=yes]\n"
                          "      boundary: \"arn:aws:iam::123456789012:policy/daypass\"\n",
             &options, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    const ResourceCeiling *ceiling = &options.secrets.items[0].ceiling->aws;
    assert_string_equal(ceiling->actions.items[0], "s3:GetObject");
    assert_string_equal(ceiling->boundary, "arn:aws:iam::123456789012:policy/daypass");
    assert_int_equal(ceiling->identity_tags.count, 1);
}

// A copy, whatever may be written to in a checkout.
static void takes_the_example(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char text[8192], path[] = "/tmp/daypass-unit-XXXXXX";
    FILE *example = fopen(EXAMPLES_FOLDER "/aws-connector.yaml", "r");
    assert_non_null(example);
    size_t length = fread(text, 1, sizeof(text), example);
    fclose(example);
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, length), length);
    close(fd);
    ConnectorOptions options;
    Error error = {0};
    Status status = connector_options_load(arena, path, &options, &error);
    unlink(path);
    if (status != STATUS_OK)
        fail_msg("%s", error.message);
    assert_string_equal(options.secrets.items[0].target->aws->external_id, "acme-daypass");
    assert_string_equal(options.secrets.items[1].ceiling->end_sessions_of.items[0], "app_read");
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(an_account_has_no_source),
        cmocka_unit_test(a_database_has_one_and_a_user),
        cmocka_unit_test(an_account_is_addressed_whole),
        cmocka_unit_test(a_ceiling_that_would_never_match_is_refused),
        cmocka_unit_test(takes_the_example),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
