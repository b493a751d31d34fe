#include "domain/access_item.h"
#include "domain/aws_resource.h"

#include "shop.h"

static Status item_read(Arena *arena, const char *json, AccessItem *ret_item, Error *reterr) {
    TRY(shape_parse(arena, &ACCESS_ITEM_SHAPE, json, strlen(json), ret_item, reterr));
    return access_item_check(TARGET_AWS, ret_item, reterr);
}

static void reads_as(const char *json, const char *described) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AccessItem item;
    Error error = {0};
    expect_ok(item_read(arena, json, &item, &error), &error);
    assert_string_equal(access_item_describe(arena, &item), described);
    const char *text = shape_format(arena, &ACCESS_ITEM_SHAPE, &item);
    AccessItem again;
    expect_ok(item_read(arena, text, &again, &error), &error);
    assert_string_equal(shape_format(arena, &ACCESS_ITEM_SHAPE, &again), text);
}

static void is_refused(const char *json, const char *code, const char *pointer) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AccessItem item;
    Error error = {0};
    Status status = item_read(arena, json, &item, &error);
    if (status == STATUS_OK)
        fail_msg("taken: %s", json);
    expect_fault(status, &error, STATUS_INVALID, code);
    assert_string_equal(error.pointer, pointer);
}

static void every_form_says_what_it_gives(void **state) {
    reads_as(
        "{\"rds_connect\": {\"resource\": \"db-ABCDEFGHIJKL01234\", \"users\": [\"app_read\"]}}",
        "connect to database db-ABCDEFGHIJKL01234 as app_read");
    reads_as("{\"rds_connect\": {\"resource\": \"cluster-AB\", \"users\": [\"a\", \"b\"]}}",
             "connect to database cluster-AB as a, b");
    reads_as("{\"rds_connect\": {\"resource\": \"prx-AB\", \"users\": [\"*\"]}}",
             "connect to database prx-AB as any user");
    reads_as("{\"rds_connect\": {\"resource\": \"*\", \"users\": [\"app_read\"]}}",
             "connect to any database as app_read");
    reads_as("{\"rds_connect\": {\"identifier\": \"orders-db\", \"users\": [\"app_read\"],"
             " \"end_sessions\": \"orders-pg\"}}",
             "connect to database orders-db as app_read");
    reads_as("{\"rds_connect\": {\"tag\": \"team=data\", \"users\": [\"app_read\"]}}",
             "connect to databases with tag team=data as app_read");
    reads_as("{\"ssm_session\": {\"instances\": [\"i-0abc\", \"mi-0def\"]}}",
             "sessions on i-0abc, mi-0def");
    reads_as("{\"ssm_session\": {\"tag\": \"role=web\", \"documents\": [\"AWS-StartSSHSession\"]}}",
             "sessions on instances with tag role=web with AWS-StartSSHSession");
    reads_as("{\"ssm_session\": {\"instances\": [\"i-0abc\"],"
             " \"documents\": [\"SSM-SessionManagerRunShell\"]}}",
             "sessions on i-0abc with SSM-SessionManagerRunShell");
    reads_as("{\"allow\": {\"actions\": [\"s3:GetObject\", \"sqs:SendMessage\"],"
             " \"resources\": [\"arn:aws:s3:::logs/*\", \"*\"]}}",
             "s3:GetObject, sqs:SendMessage on arn:aws:s3:::logs/*, *");
}

static void one_thing_is_given_by_an_item(void **state) {
    static const char RDS[] = "\"rds_connect\": {\"resource\": \"*\", \"users\": [\"u\"]}";
    static const char SSM[] = "\"ssm_session\": {\"instances\": [\"i-1\"]}";
    static const char ALLOW[] = "\"allow\": {\"actions\": [\"s3:Get\"], \"resources\": [\"*\"]}";
    const char *const others[] = {SSM,
                                  ALLOW,
                                  "\"schema\": \"app\"",
                                  "\"database\": \"shop\"",
                                  "\"role\": \"reporting\"",
                                  "\"tables\": [\"t\"]",
                                  "\"future_tables\": true",
                                  "\"columns\": [\"c\"]",
                                  "\"privileges\": [\"SELECT\"]",
                                  "\"preset\": \"read-only\"",
                                  "\"keys\": [\"k\"]",
                                  "\"commands\": [\"get\"]"};
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(others); i++)
        is_refused(arena_printf(arena, "{%s, %s}", RDS, others[i]), "bad_access_item", "");
    is_refused("{}", "bad_access_item", "");
    is_refused("{\"schema\": \"app\"}", "bad_access_item", "");
}

static void other_kinds_know_nothing_of_it(void **state) {
    static const char *const ITEMS[] = {
        "{\"rds_connect\": {\"resource\": \"*\", \"users\": [\"u\"]}}",
        "{\"ssm_session\": {\"instances\": [\"i-1\"]}, \"role\": \"r\"}",
        "{\"allow\": {\"actions\": [\"s3:Get\"], \"resources\": [\"*\"]}, \"keys\": [\"k\"]}"};
    for (int kind = 0; kind < TARGET_AWS; kind++)
        for (size_t i = 0; i < COUNT_OF(ITEMS); i++) {
            CLEANUP(arena_freep) Arena *arena = arena_new();
            AccessItem item;
            Error error = {0};
            expect_ok(
                shape_parse(arena, &ACCESS_ITEM_SHAPE, ITEMS[i], strlen(ITEMS[i]), &item, &error),
                &error);
            expect_fault(access_item_check((TargetKind)kind, &item, &error), &error, STATUS_INVALID,
                         "bad_access_item");
            assert_non_null(strstr(error.message, target_facts((TargetKind)kind)->title));
        }
}

static void databases_are_named_in_one_way(void **state) {
    is_refused("{\"rds_connect\": {\"users\": [\"u\"]}}", "bad_access_item", "");
    is_refused("{\"rds_connect\": {\"resource\": \"*\", \"tag\": \"a=b\", \"users\": [\"u\"]}}",
               "bad_access_item", "");
    is_refused("{\"rds_connect\": {\"identifier\": \"x\", \"tag\": \"a=b\", \"users\": [\"u\"]}}",
               "bad_access_item", "");
    is_refused("{\"rds_connect\": {\"resource\": \"*\"}}", "missing_field", "/rds_connect/users");
    is_refused("{\"rds_connect\": {\"resource\": \"*\", \"users\": []}}", "bad_value",
               "/rds_connect/users");
    is_refused("{\"rds_connect\": {\"resource\": \"*\", \"users\": [\"u\", \"*\"],"
               " \"end_sessions\": \"shop\"}}",
               "bad_access_item", "");
    is_refused("{\"ssm_session\": {}}", "bad_access_item", "");
    is_refused("{\"ssm_session\": {\"instances\": [\"i-1\"], \"tag\": \"a=b\"}}", "bad_access_item",
               "");
}

// Puts one hostile string into a list or a member, and finds it refused at its place.
static void part_is_refused(const char *format, const char *part, const char *pointer) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *quoted = json_text(arena, json_keep(arena, json_string(part)));
    is_refused(arena_printf(arena, "%s%s}}", format, quoted), "bad_value", pointer);
}

static void list_part_is_refused(const char *start, const char *part, const char *pointer) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *quoted = json_text(arena, json_keep(arena, json_string(part)));
    is_refused(arena_printf(arena, "%s[%s]}}", start, quoted), "bad_value", pointer);
}

// What would mean something else in a policy than it says here.
static void nothing_in_it_means_more_in_a_policy(void **state) {
    static const char *const IDS[] = {"",         "db",     "db-",   "cluster-",
                                      "prx",      "db-*",   "db-A?", "db-${aws:username}",
                                      "db-A/app", "db-A\"", "i-1",   "**"};
    for (size_t i = 0; i < COUNT_OF(IDS); i++)
        part_is_refused("{\"rds_connect\": {\"users\": [\"u\"], \"resource\": ", IDS[i],
                        "/rds_connect/resource");
    static const char *const NAMES[] = {"", "a b", "*", "a*", "a/b", "a:b", "a\"b", "$a", "a\\b"};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        part_is_refused("{\"rds_connect\": {\"users\": [\"u\"], \"identifier\": ", NAMES[i],
                        "/rds_connect/identifier");
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const char ANY[] = "{\"rds_connect\": {\"users\": [\"u\"], \"identifier\": \"*\"}}";
    AccessItem item;
    Error error = {0};
    assert_int_equal(shape_parse(arena, &ACCESS_ITEM_SHAPE, ANY, strlen(ANY), &item, &error),
                     STATUS_INVALID);
    assert_non_null(strstr(error.message, "any database is resource: \"*\""));
    static const char *const TAGS[] = {"", "a", "=b", "a=", "a=*", "a?=b", "a=b\n"};
    for (size_t i = 0; i < COUNT_OF(TAGS); i++) {
        part_is_refused("{\"rds_connect\": {\"users\": [\"u\"], \"tag\": ", TAGS[i],
                        "/rds_connect/tag");
        part_is_refused("{\"ssm_session\": {\"tag\": ", TAGS[i], "/ssm_session/tag");
    }
    static const char *const USERS[] = {"",    "**",     "app*", "?",    "a?",  "$a",
                                        "a/b", "a\"b",   "a'b",  "a\\b", "a b", "${aws:username}",
                                        "\n",  "\u202Ea"};
    for (size_t i = 0; i < COUNT_OF(USERS); i++)
        list_part_is_refused("{\"rds_connect\": {\"resource\": \"*\", \"users\": ", USERS[i],
                             "/rds_connect/users/0");
    static const char *const INSTANCES[] = {"",      "*",    "i",     "i-", "i-*",
                                            "web-1", "mi-?", "i-1/2", "i-$"};
    for (size_t i = 0; i < COUNT_OF(INSTANCES); i++)
        list_part_is_refused("{\"ssm_session\": {\"instances\": ", INSTANCES[i],
                             "/ssm_session/instances/0");
    static const char *const DOCUMENTS[] = {"", "*", "SSM-*", "a/b", "a b", "$a", "a\"b", "a:b"};
    for (size_t i = 0; i < COUNT_OF(DOCUMENTS); i++)
        list_part_is_refused("{\"ssm_session\": {\"tag\": \"a=b\", \"documents\": ", DOCUMENTS[i],
                             "/ssm_session/documents/0");
    static const char *const ACTIONS[] = {"",          "*",       "s3",     "s3:",    "s3:*",
                                          "s3:Get*",   ":Get",    "s*:Get", "s3:G?t", "s3:Get:Ob",
                                          "s3:Get-Ob", "s3: Get", "s3:G\"", "s3:$G",  "s3:Get\\Ob"};
    for (size_t i = 0; i < COUNT_OF(ACTIONS); i++)
        list_part_is_refused("{\"allow\": {\"resources\": [\"*\"], \"actions\": ", ACTIONS[i],
                             "/allow/actions/0");
    static const char *const ARNS[] = {"",
                                       "s3",
                                       "**",
                                       "arn:aws:s3:::a b",
                                       "arn:aws:s3:::\"",
                                       "arn:aws:s3:::\\",
                                       "arn:aws:s3:::${aws:username}",
                                       "arn:aws:s3:::a\n"};
    for (size_t i = 0; i < COUNT_OF(ARNS); i++)
        list_part_is_refused("{\"allow\": {\"actions\": [\"s3:Get\"], \"resources\": ", ARNS[i],
                             "/allow/resources/0");
    is_refused("{\"rds_connect\": {\"resource\": \"*\", \"users\": [\"u\"],"
               " \"end_sessions\": \"Not a name\"}}",
               "bad_value", "/rds_connect/end_sessions");
}

static void resources_come_back_as_they_were_written(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *user = "app_read", *document = "SSM-SessionManagerRunShell", *tag = "team=data";
    const AwsResource resource = {.kind = "rds instance",
                                  .id = "db-AB",
                                  .identifier = "orders-db",
                                  .host = "orders-db.x.eu-central-1.rds.amazonaws.com",
                                  .port = 5432,
                                  .engine = "postgresql",
                                  .database = "orders",
                                  .region = "eu-central-1",
                                  .iam_authentication = true,
                                  .tags = {&tag, 1},
                                  .users = {&user, 1},
                                  .documents = {&document, 1}};
    const char *text = shape_format(arena, &AWS_RESOURCE_SHAPE, &resource);
    AwsResource again;
    Error error = {0};
    expect_ok(shape_parse(arena, &AWS_RESOURCE_SHAPE, text, strlen(text), &again, &error), &error);
    assert_string_equal(shape_format(arena, &AWS_RESOURCE_SHAPE, &again), text);
    assert_string_equal(again.users.items[0], "app_read");
    assert_true(again.iam_authentication);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(every_form_says_what_it_gives),
        cmocka_unit_test(one_thing_is_given_by_an_item),
        cmocka_unit_test(other_kinds_know_nothing_of_it),
        cmocka_unit_test(databases_are_named_in_one_way),
        cmocka_unit_test(nothing_in_it_means_more_in_a_policy),
        cmocka_unit_test(resources_come_back_as_they_were_written),
    };
    return RUN_CASES(cases);
}
