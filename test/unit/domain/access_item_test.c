#include "domain/access_item.h"

#include "shop.h"

static AccessItem item_of(Arena *arena, const char *json) {
    AccessItem item;
    Error error = {0};
    expect_ok(shape_parse(arena, &ACCESS_ITEM_SHAPE, json, strlen(json), &item, &error), &error);
    return item;
}

static void accepts_of(TargetKind kind, const char *json, const char *description) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const AccessItem item = item_of(arena, json);
    Error error = {0};
    expect_ok(access_item_check(kind, &item, &error), &error);
    assert_string_equal(access_item_describe(arena, &item), description);
}

static void accepts_and_describes(const char *json, const char *description) {
    accepts_of(TARGET_POSTGRESQL, json, description);
}

static void refuses_of(TargetKind kind, const char *json, const char *part_of_message) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const AccessItem item = item_of(arena, json);
    Error error = {0};
    expect_fault(access_item_check(kind, &item, &error), &error, STATUS_INVALID, "bad_access_item");
    if (strstr(error.message, part_of_message) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, part_of_message);
}

static void refuses(const char *json, const char *part_of_message) {
    refuses_of(TARGET_POSTGRESQL, json, part_of_message);
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

static bool list_has_word(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at++)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
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
            bool fits = access_item_check(TARGET_POSTGRESQL, &item, NULL) == STATUS_OK;
            assert_int_equal(fits, list_has_word(FITS[i][1], name));
        }
    }
}

static void privileges_are(const char *json, ObjectKind object, const char *expected) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const AccessItem item = item_of(arena, json);
    const StringList list = access_item_privileges(arena, TARGET_POSTGRESQL, &item, object);
    assert_string_equal(string_list_join(arena, &list, " "), expected);
}

static void privileges_are_sorted_and_without_duplicates(void **state) {
    privileges_are("{\"schema\": \"a\", \"tables\": [\"t\"],"
                   " \"privileges\": [\"UPDATE\", \"SELECT\", \"UPDATE\"]}",
                   OBJECT_TABLES, "SELECT UPDATE");
    privileges_are("{\"schema\": \"a\", \"tables\": [\"t\"], \"privileges\": [\"INSERT\"]}",
                   OBJECT_SEQUENCES, "");
    privileges_are("{\"schema\": \"a\", \"functions\": [\"f\"], \"privileges\": [\"EXECUTE\"]}",
                   OBJECT_FUNCTIONS, "EXECUTE");
    privileges_are("{\"schema\": \"a\", \"privileges\": [\"USAGE\", \"CREATE\"]}", OBJECT_SCHEMA,
                   "CREATE USAGE");
}

static void privileges_of_a_schema_need_an_item_without_objects(void **state) {
    privileges_are("{\"schema\": \"a\", \"sequences\": [\"s\"], \"privileges\": [\"USAGE\"]}",
                   OBJECT_SCHEMA, "");
    privileges_are("{\"role\": \"r\"}", OBJECT_SCHEMA, "");
    privileges_are("{\"role\": \"r\"}", OBJECT_TABLES, "");
}

static void presets_mean_privileges_per_kind(void **state) {
    static const char READ[] =
        "{\"schema\": \"a\", \"all_tables\": true, \"preset\": \"read-only\"}";
    static const char WRITE[] =
        "{\"schema\": \"a\", \"all_tables\": true, \"preset\": \"read-write\"}";
    privileges_are(READ, OBJECT_TABLES, "SELECT");
    privileges_are(READ, OBJECT_SEQUENCES, "SELECT");
    privileges_are(READ, OBJECT_FUNCTIONS, "");
    privileges_are(WRITE, OBJECT_TABLES, "DELETE INSERT SELECT UPDATE");
    privileges_are(WRITE, OBJECT_SEQUENCES, "SELECT USAGE");
    privileges_are(WRITE, OBJECT_FUNCTIONS, "");
}

static void identifiers_may_be_anything_printable(void **state) {
    char longest[513], longer[514];
    memset(longest, 'x', 512);
    longest[512] = '\0';
    memset(longer, 'x', 513);
    longer[513] = '\0';
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
    const char *const bad[] = {"", "f\\n", "\\u0007", longer};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const char *json = arena_printf(arena, "{\"functions\": [\"%s\"]}", bad[i]);
        AccessItem item;
        Error error = {0};
        expect_fault(shape_parse(arena, &ACCESS_ITEM_SHAPE, json, strlen(json), &item, &error),
                     &error, STATUS_INVALID, "bad_value");
        assert_string_equal(error.pointer, "/functions/0");
    }
}

static void refuses_name_of(TargetKind kind, const char *json, size_t length) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char name[200] = "";
    memset(name, 'n', length);
    const char *hole = strstr(json, "%s");
    const AccessItem item =
        item_of(arena, arena_printf(arena, "%.*s%s%s", (int)(hole - json), json, name, hole + 2));
    Error error = {0};
    expect_fault(access_item_check(kind, &item, &error), &error, STATUS_INVALID, "bad_value");
    assert_non_null(strstr(error.message, "too long"));
}

static void names_are_as_long_as_the_engine_has_them(void **state) {
    static const struct {
        TargetKind kind;
        size_t most;
        bool characters;
    } CASES[] = {{TARGET_POSTGRESQL, 63, false},
                 {TARGET_MYSQL, 64, true},
                 {TARGET_MARIADB, 64, true},
                 {TARGET_SQLSERVER, 128, true},
                 {TARGET_ORACLE, 128, false}};
    static const char *const FIELDS[] = {"{\"schema\": \"%s\", \"privileges\": [\"SELECT\"]}",
                                         "{\"role\": \"%s\"}",
                                         "{\"schema\": \"s\", \"tables\": [\"%s\"]}",
                                         "{\"schema\": \"s\", \"sequences\": [\"%s\"]}",
                                         "{\"schema\": \"s\", \"columns\": [\"%s\"]}",
                                         "{\"database\": \"%s\", \"role\": \"r\"}"};
    for (size_t i = 0; i < COUNT_OF(FIELDS); i++)
        refuses_name_of(TARGET_SQLSERVER, FIELDS[i], 129);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        char name[300] = "";
        const char *letter = CASES[i].characters ? "\xC3\xA4" : "a";
        for (size_t n = 0; n < CASES[i].most; n++)
            memcpy(name + n * strlen(letter), letter, strlen(letter) + 1);
        assert_int_equal(identifier_check_of(CASES[i].kind, "table", name, NULL), STATUS_OK);
        memcpy(name + strlen(name), letter, strlen(letter) + 1);
        Error error = {0};
        expect_fault(identifier_check_of(CASES[i].kind, "table", name, &error), &error,
                     STATUS_INVALID, "bad_value");
    }
}

static void other_engines_have_their_own_privileges(void **state) {
    accepts_of(TARGET_MYSQL,
               "{\"schema\": \"shop\", \"all_tables\": true, \"privileges\": [\"SHOW VIEW\"]}",
               "SHOW VIEW on all tables in shop");
    accepts_of(TARGET_MYSQL,
               "{\"schema\": \"shop\", \"privileges\": [\"CREATE TEMPORARY TABLES\"]}",
               "CREATE TEMPORARY TABLES on schema shop");
    refuses_of(TARGET_MYSQL,
               "{\"schema\": \"s\", \"tables\": [\"t\"],"
               " \"privileges\": [\"TRUNCATE\"]}",
               "TRUNCATE is no privilege of a table");
    refuses_of(TARGET_MYSQL,
               "{\"schema\": \"s\", \"sequences\": [\"t\"],"
               " \"privileges\": [\"SELECT\"]}",
               "MySQL has no sequences");
    accepts_of(TARGET_MARIADB,
               "{\"schema\": \"s\", \"sequences\": [\"t\"],"
               " \"preset\": \"read-write\"}",
               "read-write on sequence s.t");
    accepts_of(TARGET_SQLSERVER,
               "{\"database\": \"sales\", \"schema\": \"dbo\","
               " \"functions\": [\"f\"], \"privileges\": [\"EXECUTE\"]}",
               "EXECUTE on function sales.dbo.f");
    accepts_of(TARGET_SQLSERVER, "{\"database\": \"sales\", \"role\": \"readers\"}",
               "member of role readers in sales");
    refuses_of(TARGET_POSTGRESQL, "{\"database\": \"d\", \"role\": \"r\"}", "leave out database");
    refuses_of(TARGET_ORACLE,
               "{\"schema\": \"s\", \"all_tables\": true,"
               " \"future_tables\": true, \"preset\": \"read-only\"}",
               "yet to come");
    refuses_of(TARGET_ORACLE, "{\"schema\": \"s\", \"privileges\": [\"SELECT\"]}",
               "no privileges on a schema itself");
}

static void columns_belong_to_tables(void **state) {
    accepts_of(TARGET_MYSQL,
               "{\"schema\": \"s\", \"tables\": [\"t\"], \"columns\": [\"a\","
               " \"B\"], \"privileges\": [\"SELECT\", \"UPDATE\"]}",
               "SELECT, UPDATE of columns a, \"B\" on s.t");
    refuses_of(TARGET_MYSQL,
               "{\"schema\": \"s\", \"all_tables\": true, \"columns\": [\"a\"],"
               " \"privileges\": [\"SELECT\"]}",
               "tables by name");
    refuses_of(TARGET_MYSQL,
               "{\"schema\": \"s\", \"tables\": [\"t\"], \"columns\": [\"a\"],"
               " \"functions\": [\"f\"], \"privileges\": [\"SELECT\"]}",
               "nothing else");
    refuses_of(TARGET_MYSQL,
               "{\"schema\": \"s\", \"tables\": [\"t\"], \"columns\": [\"a\"],"
               " \"privileges\": [\"DELETE\"]}",
               "DELETE is no privilege of a column");
    refuses_of(TARGET_MYSQL,
               "{\"schema\": \"s\", \"tables\": [\"t\"], \"columns\": [\"a\"],"
               " \"preset\": \"read-only\"}",
               "privileges by name");
    refuses_of(TARGET_ORACLE,
               "{\"schema\": \"s\", \"tables\": [\"t\"], \"columns\": [\"a\"],"
               " \"privileges\": [\"UPDATE\"]}",
               "make a view");
    refuses_of(TARGET_MYSQL, "{\"role\": \"r\", \"columns\": [\"a\"]}", "alone");
    static const char *const BESIDE[] = {"\"sequences\": [\"s\"]", "\"all_sequences\": true",
                                         "\"functions\": [\"f\"]", "\"all_functions\": true"};
    for (size_t i = 0; i < COUNT_OF(BESIDE); i++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        refuses_of(TARGET_MARIADB,
                   arena_printf(arena,
                                "{\"schema\": \"s\", \"tables\": [\"t\"], \"columns\": "
                                "[\"a\"], %s, \"privileges\": [\"SELECT\"]}",
                                BESIDE[i]),
                   "nothing else");
    }
}

static void keys_are_used_by_commands(void **state) {
    accepts_of(TARGET_REDIS,
               "{\"keys\": [\"cache:*\"], \"commands\": [\"@read\","
               " \"-@blocking\", \"client|id\"]}",
               "@read, -@blocking, client|id on keys cache:*");
    accepts_of(TARGET_REDIS,
               "{\"keys\": [\"a:*\", \"b\"], \"channels\": [\"news\"],"
               " \"preset\": \"read-write\"}",
               "read-write on keys a:*, b; channels news");
    refuses_of(TARGET_REDIS, "{\"preset\": \"read-only\"}", "missing");
    refuses_of(TARGET_REDIS, "{\"keys\": [\"*\"]}", "either commands");
    refuses_of(TARGET_REDIS,
               "{\"keys\": [\"*\"], \"commands\": [\"get\"],"
               " \"preset\": \"read-only\"}",
               "either commands");
    refuses_of(TARGET_REDIS, "{\"keys\": [\"*\"], \"commands\": [\"-get\"]}", "expected one");
    accepts_of(TARGET_REDIS, "{\"channels\": [\"news\"], \"commands\": [\"subscribe\", \"saved\"]}",
               "subscribe, saved on channels news");
    static const char *const OF_SCHEMAS[] = {
        "\"schema\": \"s\"",           "\"database\": \"d\"",     "\"role\": \"r\"",
        "\"tables\": [\"t\"]",         "\"future_tables\": true", "\"columns\": [\"c\"]",
        "\"privileges\": [\"SELECT\"]"};
    for (size_t i = 0; i < COUNT_OF(OF_SCHEMAS); i++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        refuses_of(TARGET_REDIS,
                   arena_printf(arena, "{\"keys\": [\"*\"], %s, \"preset\": \"read-only\"}",
                                OF_SCHEMAS[i]),
                   "no schemas");
    }
    refuses_of(TARGET_REDIS, "{\"keys\": [\"cache:*\"], \"commands\": [\"get\", \"flushall\"]}",
               "flushall reaches every key");
    accepts_of(TARGET_REDIS, "{\"keys\": [\"*\"], \"commands\": [\"flushdb\"]}",
               "flushdb on keys *");
    static const char *const OUTLIVES[] = {"@all", "@admin", "acl", "acl|setuser", "config|set"};
    for (size_t i = 0; i < COUNT_OF(OUTLIVES); i++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        refuses_of(TARGET_REDIS,
                   arena_printf(arena, "{\"keys\": [\"*\"], \"commands\": [\"%s\"]}", OUTLIVES[i]),
                   "outlive its grant");
    }
    refuses("{\"keys\": [\"*\"], \"preset\": \"read-only\"}", "not for PostgreSQL");
    refuses("{\"channels\": [\"*\"]}", "not for PostgreSQL");
    refuses("{\"commands\": [\"get\"]}", "not for PostgreSQL");
}

static void refuses_patterns_and_commands_that_would_be_rules(void **state) {
    char longer[600] = "";
    memset(longer, 'x', 513);
    static const char *const BAD[] = {
        "{\"functions\": [\"a\\u0007\"]}", "{\"keys\": [\"a\\u0007\"]}",
        "{\"commands\": [\"\"]}",          "{\"keys\": [\"\"]}",
        "{\"keys\": [\"a allkeys\"]}",     "{\"channels\": [\"a b\"]}",
        "{\"commands\": [\"GET\"]}",       "{\"commands\": [\"get set\"]}",
        "{\"commands\": [\"-\"]}",         "{\"commands\": [\"+get\"]}",
        "{\"commands\": [\"--get\"]}"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        AccessItem item;
        Error error = {0};
        expect_fault(shape_parse(arena, &ACCESS_ITEM_SHAPE, BAD[i], strlen(BAD[i]), &item, &error),
                     &error, STATUS_INVALID, "bad_value");
    }
    static const char *const FIELDS[] = {"keys", "commands", "channels"};
    for (size_t i = 0; i < COUNT_OF(FIELDS); i++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        const char *json = arena_printf(arena, "{\"%s\": [\"%s\"]}", FIELDS[i], longer);
        AccessItem item;
        Error error = {0};
        expect_fault(shape_parse(arena, &ACCESS_ITEM_SHAPE, json, strlen(json), &item, &error),
                     &error, STATUS_INVALID, "bad_value");
    }
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
        cmocka_unit_test(names_are_as_long_as_the_engine_has_them),
        cmocka_unit_test(other_engines_have_their_own_privileges),
        cmocka_unit_test(columns_belong_to_tables),
        cmocka_unit_test(keys_are_used_by_commands),
        cmocka_unit_test(refuses_patterns_and_commands_that_would_be_rules),
    };
    return RUN_CASES(cases);
}
