#include "domain/plan.h"

#include "shop.h"

static AccessItem item_of(Arena *arena, const char *json) {
    AccessItem item;
    Error error = {0};
    expect_ok(shape_parse(arena, &ACCESS_ITEM_SHAPE, json, strlen(json), &item, &error), &error);
    return item;
}

static void accepts_and_describes(const char *json, const char *description) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const AccessItem item = item_of(arena, json);
    Error error = {0};
    expect_ok(access_item_check(&item, &error), &error);
    assert_string_equal(access_item_describe(arena, &item), description);
}

static void refuses(const char *json, const char *part_of_message) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const AccessItem item = item_of(arena, json);
    Error error = {0};
    expect_fault(access_item_check(&item, &error), &error, STATUS_INVALID, "bad_access_item");
    if (strstr(error.message, part_of_message) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, part_of_message);
}

static void takes_privileges_on_objects(void **state) {
    accepts_and_describes("{\"schema\": \"app\", \"tables\": [\"orders\", \"customers\"],"
                          " \"privileges\": [\"SELECT\", \"INSERT\"]}",
                          "SELECT, INSERT on app.orders, app.customers");
    accepts_and_describes("{\"schema\": \"app\", \"all_tables\": true, \"preset\": \"read-only\"}",
                          "read-only on all tables in app");
    accepts_and_describes("{\"schema\": \"app\", \"all_tables\": true, \"future_tables\": true,"
                          " \"all_sequences\": true, \"preset\": \"read-write\"}",
                          "read-write on all tables in app (also those made during the grant), "
                          "all sequences in app");
    accepts_and_describes("{\"schema\": \"app\", \"sequences\": [\"ids\"], \"privileges\":"
                          " [\"USAGE\"]}",
                          "USAGE on sequence app.ids");
    accepts_and_describes("{\"schema\": \"app\", \"functions\": [\"total(integer, text)\"],"
                          " \"privileges\": [\"EXECUTE\"]}",
                          "EXECUTE on function app.total(integer, text)");
    accepts_and_describes("{\"schema\": \"app\", \"all_functions\": true,"
                          " \"privileges\": [\"EXECUTE\"]}",
                          "EXECUTE on all functions in app");
    accepts_and_describes("{\"schema\": \"app\", \"tables\": [\"t\"], \"sequences\": [\"s\"],"
                          " \"privileges\": [\"SELECT\"]}",
                          "SELECT on app.t, sequence app.s");
}

static void takes_the_schema_itself_and_roles(void **state) {
    accepts_and_describes("{\"schema\": \"app\", \"privileges\": [\"USAGE\", \"CREATE\"]}",
                          "USAGE, CREATE on schema app");
    accepts_and_describes("{\"role\": \"reporting\"}", "member of role reporting");
}

static void quotes_weird_names_when_it_describes_them(void **state) {
    accepts_and_describes("{\"schema\": \"My App\", \"tables\": [\"weird\\\"; DROP TABLE x; --\","
                          " \"1st\"], \"privileges\": [\"SELECT\"]}",
                          "SELECT on \"My App\".\"weird\"\"; DROP TABLE x; --\", "
                          "\"My App\".\"1st\"");
    accepts_and_describes("{\"role\": \"Big\"}", "member of role \"Big\"");
    accepts_and_describes("{\"schema\": \"S\", \"privileges\": [\"USAGE\"]}",
                          "USAGE on schema \"S\"");
}

static void a_role_stands_alone(void **state) {
    refuses("{\"role\": \"r\", \"schema\": \"app\"}", "alone");
    refuses("{\"role\": \"r\", \"tables\": [\"t\"]}", "alone");
    refuses("{\"role\": \"r\", \"all_functions\": true}", "alone");
    refuses("{\"role\": \"r\", \"future_tables\": true}", "alone");
    refuses("{\"role\": \"r\", \"privileges\": [\"SELECT\"]}", "alone");
    refuses("{\"role\": \"r\", \"preset\": \"read-only\"}", "alone");
}

static void refuses_combinations_without_meaning(void **state) {
    refuses("{}", "schema is missing");
    refuses("{\"tables\": [\"t\"], \"privileges\": [\"SELECT\"]}", "schema is missing");
    refuses("{\"schema\": \"a\", \"tables\": [\"t\"], \"all_tables\": true,"
            " \"preset\": \"read-only\"}",
            "exclude each other");
    refuses("{\"schema\": \"a\", \"sequences\": [\"t\"], \"all_sequences\": true,"
            " \"preset\": \"read-only\"}",
            "sequences and all_sequences exclude");
    refuses("{\"schema\": \"a\", \"tables\": [\"t\"], \"future_tables\": true,"
            " \"preset\": \"read-only\"}",
            "future_tables needs all_tables");
    refuses("{\"schema\": \"a\", \"tables\": [\"t\"], \"privileges\": [\"SELECT\"],"
            " \"preset\": \"read-only\"}",
            "privileges and preset exclude");
    refuses("{\"schema\": \"a\", \"preset\": \"read-only\"}", "needs objects");
    refuses("{\"schema\": \"a\", \"functions\": [\"f\"], \"preset\": \"read-only\"}",
            "does not cover functions");
    refuses("{\"schema\": \"a\", \"tables\": [\"t\"], \"all_functions\": true,"
            " \"preset\": \"read-write\"}",
            "does not cover functions");
}

static void refuses_privileges_that_do_not_fit_the_objects(void **state) {
    refuses("{\"schema\": \"a\", \"tables\": [\"t\"]}", "privileges are missing");
    refuses("{\"schema\": \"a\"}", "privileges are missing");
    refuses("{\"schema\": \"a\", \"tables\": [\"t\"], \"privileges\": [\"EXECUTE\"]}",
            "EXECUTE is no privilege of a table; expected SELECT");
    refuses("{\"schema\": \"a\", \"tables\": [\"t\"], \"privileges\": [\"SELECT\", \"CREATE\"]}",
            "CREATE is no privilege of a table");
    refuses("{\"schema\": \"a\", \"sequences\": [\"t\"], \"privileges\": [\"INSERT\"]}",
            "INSERT is no privilege of a sequence");
    refuses("{\"schema\": \"a\", \"all_functions\": true, \"privileges\": [\"SELECT\"]}",
            "SELECT is no privilege of a function");
    refuses("{\"schema\": \"a\", \"tables\": [\"t\"], \"functions\": [\"f\"],"
            " \"privileges\": [\"SELECT\", \"EXECUTE\"]}",
            "an entry of their own");
    refuses("{\"schema\": \"a\", \"tables\": [\"t\"], \"sequences\": [\"s\"],"
            " \"privileges\": [\"SELECT\", \"INSERT\"]}",
            "INSERT is no privilege of a sequence");
    refuses("{\"schema\": \"a\", \"privileges\": [\"SELECT\"]}", "is no privilege of a schema");
}

static void every_privilege_fits_the_kinds_the_servers_know(void **state) {
    static const char *const FITS[][2] = {
        {"\"tables\": [\"t\"]", "SELECT INSERT UPDATE DELETE TRUNCATE REFERENCES TRIGGER MAINTAIN"},
        {"\"sequences\": [\"t\"]", "USAGE SELECT UPDATE"},
        {"\"functions\": [\"t\"]", "EXECUTE"},
        {"\"tables\": []", "USAGE CREATE"},
    };
    for (size_t i = 0; i < COUNT_OF(FITS); i++) {
        for (size_t p = 0; p < PRIVILEGES.count; p++) {
            CLEANUP(arena_freep) Arena *arena = arena_new();
            const char *name = PRIVILEGES.names[p];
            const AccessItem item = item_of(
                arena, arena_printf(arena, "{\"schema\": \"a\", %s, \"privileges\": [\"%s\"]}",
                                    FITS[i][0], name));
            bool fits = access_item_check(&item, NULL) == STATUS_OK;
            assert_int_equal(fits, strstr(FITS[i][1], name) != NULL);
        }
    }
}

static void privileges_are(const char *json, const char *kind, const char *expected) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const AccessItem item = item_of(arena, json);
    const StringList list = access_item_privileges(arena, &item, kind);
    assert_string_equal(string_list_join(arena, &list, " "), expected);
}

static void privileges_are_sorted_and_without_duplicates(void **state) {
    privileges_are("{\"schema\": \"a\", \"tables\": [\"t\"],"
                   " \"privileges\": [\"UPDATE\", \"SELECT\", \"UPDATE\"]}",
                   "tables", "SELECT UPDATE");
    privileges_are("{\"schema\": \"a\", \"tables\": [\"t\"], \"privileges\": [\"INSERT\"]}",
                   "sequences", "");
    privileges_are("{\"schema\": \"a\", \"functions\": [\"f\"], \"privileges\": [\"EXECUTE\"]}",
                   "functions", "EXECUTE");
    privileges_are("{\"schema\": \"a\", \"privileges\": [\"USAGE\", \"CREATE\"]}", "schema",
                   "CREATE USAGE");
}

static void privileges_of_a_schema_need_an_item_without_objects(void **state) {
    privileges_are("{\"schema\": \"a\", \"sequences\": [\"s\"], \"privileges\": [\"USAGE\"]}",
                   "schema", "");
    privileges_are("{\"role\": \"r\"}", "schema", "");
    privileges_are("{\"role\": \"r\"}", "tables", "");
}

static void presets_mean_privileges_per_kind(void **state) {
    static const char READ[] =
        "{\"schema\": \"a\", \"all_tables\": true, \"preset\": \"read-only\"}";
    static const char WRITE[] =
        "{\"schema\": \"a\", \"all_tables\": true, \"preset\": \"read-write\"}";
    privileges_are(READ, "tables", "SELECT");
    privileges_are(READ, "sequences", "SELECT");
    privileges_are(READ, "functions", "");
    privileges_are(WRITE, "tables", "DELETE INSERT SELECT UPDATE");
    privileges_are(WRITE, "sequences", "SELECT USAGE");
    privileges_are(WRITE, "functions", "");
}

static void identifiers_may_be_anything_printable(void **state) {
    char longest[64], longer[65];
    memset(longest, 'x', 63);
    longest[63] = '\0';
    memset(longer, 'x', 64);
    longer[64] = '\0';
    const char *const good[] = {"a", " ", "weird\"; DROP TABLE x; --", "\xC3\xA4", "'", longest};
    const char *const bad[] = {"", "a\nb", "\x7F", "\xE2\x80\xAE", longer};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_int_equal(identifier_check(good[i], NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(identifier_check(bad[i], NULL), STATUS_INVALID);
}

static void refuses_functions_that_no_server_has(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char longer[514];
    memset(longer, 'x', 513);
    longer[513] = '\0';
    const char *const bad[] = {"", "f\\n", longer};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const char *json = arena_printf(arena, "{\"functions\": [\"%s\"]}", bad[i]);
        AccessItem item;
        Error error = {0};
        expect_fault(shape_parse(arena, &ACCESS_ITEM_SHAPE, json, strlen(json), &item, &error),
                     &error, STATUS_INVALID, "bad_value");
        assert_string_equal(error.pointer, "/functions/0");
    }
}

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
    assert_int_equal(target_default_port(TARGET_POSTGRESQL), 5432);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(takes_privileges_on_objects),
        cmocka_unit_test(takes_the_schema_itself_and_roles),
        cmocka_unit_test(quotes_weird_names_when_it_describes_them),
        cmocka_unit_test(a_role_stands_alone),
        cmocka_unit_test(refuses_combinations_without_meaning),
        cmocka_unit_test(refuses_privileges_that_do_not_fit_the_objects),
        cmocka_unit_test(every_privilege_fits_the_kinds_the_servers_know),
        cmocka_unit_test(privileges_are_sorted_and_without_duplicates),
        cmocka_unit_test(privileges_of_a_schema_need_an_item_without_objects),
        cmocka_unit_test(presets_mean_privileges_per_kind),
        cmocka_unit_test(identifiers_may_be_anything_printable),
        cmocka_unit_test(refuses_functions_that_no_server_has),
        cmocka_unit_test(hosts_are_one_place),
        cmocka_unit_test(plans_come_back_as_they_were_written),
        cmocka_unit_test(every_kind_has_its_usual_port),
    };
    return RUN_CASES(cases);
}
