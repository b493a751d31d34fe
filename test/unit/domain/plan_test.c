#include "domain/plan.h"

#include "shop.h"

static void hosts_are_one_place(void **state) {
    static const char *const GOOD[] = {"db.internal", "127.0.0.1", "::1", "fe80::1%eth0",
                                       "/run/postgresql"};
    static const char *const BAD[] = {"", "-h", "a,b", "a b", "a;b", "h'", "h=1"};
    for (size_t i = 0; i < COUNT_OF(GOOD); i++)
        assert_int_equal(target_host_check(GOOD[i], NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(BAD); i++)
        assert_int_equal(target_host_check(BAD[i], NULL), STATUS_INVALID);
}

static void plans_come_back_as_they_were_written(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    const Grant grant = shop_request(arena, &configuration);
    const char *text = shape_format(arena, &PLAN_SHAPE, grant.plan);
    Plan again;
    Error error = {0};
    expect_ok(shape_parse(arena, &PLAN_SHAPE, text, strlen(text), &again, &error), &error);
    assert_string_equal(shape_format(arena, &PLAN_SHAPE, &again), text);
    assert_string_equal(again.target->host, "db.internal");
    assert_string_equal(again.access.items[0].tables.items[0], "orders");
}

static void every_kind_has_its_usual_port(void **state) {
    static const int64_t PORTS[] = {5432, 3306, 3306, 1433, 1521, 6379, 443};
    for (size_t kind = 0; kind < TARGET_KIND_COUNT_; kind++)
        assert_int_equal(target_default_port((TargetKind)kind), PORTS[kind]);
}

static void some_kinds_have_a_usual_database(void **state) {
    TargetAddress target = {.kind = TARGET_SQLSERVER, .host = "db"};
    assert_int_equal(target_address_complete(&target, NULL), STATUS_OK);
    assert_string_equal(target.database, "master");
    target = (TargetAddress){.kind = TARGET_REDIS, .host = "db", .database = "7"};
    assert_int_equal(target_address_complete(&target, NULL), STATUS_OK);
    assert_string_equal(target.database, "7");
    Error error = {0};
    target = (TargetAddress){.kind = TARGET_MYSQL, .host = "db"};
    expect_fault(target_address_complete(&target, &error), &error, STATUS_INVALID, "missing_field");
    assert_string_equal(error.pointer, "/database");
    assert_non_null(strstr(error.message, "MySQL"));
    target = (TargetAddress){.kind = TARGET_REDIS};
    expect_fault(target_address_complete(&target, &error), &error, STATUS_INVALID, "missing_field");
    assert_string_equal(error.pointer, "/host");
}

static void hosts_of_accounts_are_names_addresses_and_patterns(void **state) {
    static const char *const GOOD[] = {"%", "10.0.0.%", "db.example.com", "::1", "192.0.2.0/24"};
    static const char *const BAD[] = {"", "a b", "a'b", "a`b", "a\\b", "a@b", "a\"b"};
    for (size_t i = 0; i < COUNT_OF(GOOD); i++)
        assert_int_equal(account_host_check(GOOD[i], NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(BAD); i++)
        assert_int_equal(account_host_check(BAD[i], NULL), STATUS_INVALID);
    char longer[257] = "";
    memset(longer, 'h', 256);
    assert_int_equal(account_host_check(longer, NULL), STATUS_INVALID);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(hosts_are_one_place),
        cmocka_unit_test(plans_come_back_as_they_were_written),
        cmocka_unit_test(every_kind_has_its_usual_port),
        cmocka_unit_test(some_kinds_have_a_usual_database),
        cmocka_unit_test(hosts_of_accounts_are_names_addresses_and_patterns),
    };
    return RUN_CASES(cases);
}
