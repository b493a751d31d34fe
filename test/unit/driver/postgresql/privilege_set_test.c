#include "driver/postgresql/privilege_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static SqlObject table(const char *name) {
    return (SqlObject){.kind = SQL_TABLE, .schema = "s", .name = name};
}

static void add(Arena *arena, PrivilegeSet *set, SqlObject object, uint32_t privileges) {
    pg_privilege_set_add(arena, set, &object, privileges);
}

static PrivilegeSet sample(Arena *arena) {
    PrivilegeSet set = {0};
    add(arena, &set, table("b"), SQL_SELECT);
    add(arena, &set, table("a"), SQL_SELECT | SQL_INSERT);
    add(arena, &set, (SqlObject){.kind = SQL_SCHEMA, .schema = "s"}, SQL_USAGE);
    add(arena, &set, table("b"), SQL_INSERT);
    add(arena, &set, table("c"), 0);
    pg_privilege_set_normalise(&set);
    return set;
}

static void normalising_sorts_and_merges(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    PrivilegeSet set = sample(arena);
    assert_int_equal(set.count, 3);
    assert_int_equal(set.items[0].object.kind, SQL_SCHEMA);
    assert_string_equal(set.items[1].object.name, "a");
    assert_string_equal(set.items[2].object.name, "b");
    assert_int_equal(set.items[2].privileges, SQL_SELECT | SQL_INSERT);
    PrivilegeSet empty = {0};
    pg_privilege_set_normalise(&empty);
    assert_int_equal(empty.count, 0);
}

static void minus_gives_what_is_more(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    PrivilegeSet wanted = sample(arena);
    PrivilegeSet held = {0};
    add(arena, &held, table("a"), SQL_SELECT | SQL_DELETE);
    add(arena, &held, table("z"), SQL_SELECT);
    pg_privilege_set_normalise(&held);
    PrivilegeSet missing = pg_privilege_set_minus(arena, &wanted, &held);
    assert_int_equal(missing.count, 3);
    assert_int_equal(missing.items[1].privileges, SQL_INSERT);
    PrivilegeSet extra = pg_privilege_set_minus(arena, &held, &wanted);
    assert_int_equal(extra.count, 2);
    assert_int_equal(extra.items[0].privileges, SQL_DELETE);
    assert_string_equal(extra.items[1].object.name, "z");
    assert_int_equal(pg_privilege_set_minus(arena, &wanted, &wanted).count, 0);
    assert_true(pg_privilege_set_equal(&wanted, &wanted));
    assert_false(pg_privilege_set_equal(&wanted, &held));
}

static const char *role_name(Arena *arena, const PrivilegeSet *set, const char *deployment,
                             const char *database) {
    const char *hash;
    return pg_privilege_set_role_name(arena, set, deployment, database, &hash);
}

static void role_names_differ_exactly_when_sets_do(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    PrivilegeSet set = sample(arena);
    const char *hash;
    const char *name = pg_privilege_set_role_name(arena, &set, "dep", "shop", &hash);
    assert_int_equal(strlen(name), strlen("daypass_") + 16);
    assert_int_equal(strlen(hash), 64);
    assert_memory_equal(name + strlen("daypass_"), hash, 16);
    // The same set, put together otherwise.
    PrivilegeSet same = {0};
    add(arena, &same, table("a"), SQL_INSERT | SQL_SELECT);
    add(arena, &same, (SqlObject){.kind = SQL_SCHEMA, .schema = "s"}, SQL_USAGE);
    add(arena, &same, table("b"), SQL_INSERT | SQL_SELECT);
    pg_privilege_set_normalise(&same);
    assert_string_equal(role_name(arena, &same, "dep", "shop"), name);
    assert_string_not_equal(role_name(arena, &set, "dep2", "shop"), name);
    assert_string_not_equal(role_name(arena, &set, "dep", "shop2"), name);
    same.items[1].privileges |= SQL_DELETE;
    assert_string_not_equal(role_name(arena, &same, "dep", "shop"), name);
}

// Texts that run into each other would let one set take another's role.
static void names_that_join_to_the_same_text_differ(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    static const SqlObject PAIRS[][2] = {
        {{.kind = SQL_TABLE, .schema = "ab", .name = "c"},
         {.kind = SQL_TABLE, .schema = "a", .name = "bc"}},
        {{.kind = SQL_TABLE, .schema = "s", .name = "t"},
         {.kind = SQL_SEQUENCE, .schema = "s", .name = "t"}},
        {{.kind = SQL_FUTURE_TABLES, .owner = "o", .schema = NULL},
         {.kind = SQL_FUTURE_TABLES, .owner = "o", .schema = "o"}},
        {{.kind = SQL_ROUTINE, .schema = "s", .name = "f", .arguments = ""},
         {.kind = SQL_ROUTINE, .schema = "s", .name = "f", .arguments = "integer"}},
    };
    for (size_t i = 0; i < COUNT_OF(PAIRS); i++) {
        PrivilegeSet a = {0};
        PrivilegeSet b = {0};
        add(arena, &a, PAIRS[i][0], SQL_SELECT);
        add(arena, &b, PAIRS[i][1], SQL_SELECT);
        assert_string_not_equal(role_name(arena, &a, "d", "d"), role_name(arena, &b, "d", "d"));
    }
    PrivilegeSet none = {0};
    assert_string_not_equal(role_name(arena, &none, "ab", "c"), role_name(arena, &none, "a", "bc"));
}

static void statements_group_objects_with_the_same_privileges(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    PrivilegeSet set = sample(arena);
    add(arena, &set, (SqlObject){.kind = SQL_FUTURE_TABLES, .owner = "o", .schema = "s"},
        SQL_SELECT);
    add(arena, &set, (SqlObject){.kind = SQL_FUTURE_TABLES, .owner = "p", .schema = "s"},
        SQL_SELECT);
    pg_privilege_set_normalise(&set);
    StringList grants = pg_privilege_set_grants(arena, &set, "x", false);
    assert_int_equal(grants.count, 4);
    assert_string_equal(grants.items[0], "GRANT USAGE ON SCHEMA \"s\" TO \"x\"");
    assert_string_equal(grants.items[1],
                        "GRANT SELECT, INSERT ON TABLE \"s\".\"a\", \"s\".\"b\" TO \"x\"");
    assert_string_equal(grants.items[2], "ALTER DEFAULT PRIVILEGES FOR ROLE \"o\" IN SCHEMA \"s\" "
                                         "GRANT SELECT ON TABLES TO \"x\"");
    StringList revokes = pg_privilege_set_revokes(arena, &set, "x");
    assert_int_equal(revokes.count, 4);
    assert_string_equal(
        revokes.items[1],
        "REVOKE SELECT, INSERT ON TABLE \"s\".\"a\", \"s\".\"b\" FROM \"x\" CASCADE");
    StringList with_option = pg_privilege_set_grants(arena, &set, "x", true);
    assert_non_null(strstr(with_option.items[0], "WITH GRANT OPTION"));
    PrivilegeSet empty = {0};
    assert_int_equal(pg_privilege_set_grants(arena, &empty, "x", false).count, 0);
}

static void many_objects_make_several_statements(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    PrivilegeSet set = {0};
    for (int i = 0; i < 250; i++)
        add(arena, &set, table(arena_printf(arena, "t%03d", i)), SQL_SELECT);
    pg_privilege_set_normalise(&set);
    StringList grants = pg_privilege_set_grants(arena, &set, "x", false);
    assert_int_equal(grants.count, 3);
    assert_non_null(strstr(grants.items[0], "\"t000\""));
    assert_non_null(strstr(grants.items[2], "\"t249\""));
}

static void description_names_a_handful(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    PrivilegeSet set = {0};
    for (int i = 0; i < 7; i++)
        add(arena, &set, table(arena_printf(arena, "t%d", i)), SQL_SELECT);
    const char *text = pg_privilege_set_describe(arena, &set);
    assert_non_null(strstr(text, "SELECT on table \"s\".\"t0\"; "));
    assert_non_null(strstr(text, "and 2 more"));
    assert_null(strstr(text, "t5"));
}

static void description_of_few_names_all(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    PrivilegeSet set = {0};
    assert_string_equal(pg_privilege_set_describe(arena, &set), "");
    add(arena, &set, (SqlObject){.kind = SQL_PARAMETER, .name = "work_mem"}, SQL_OTHER);
    add(arena, &set, table("t"), SQL_SELECT);
    assert_string_equal(pg_privilege_set_describe(arena, &set),
                        "privileges on parameter \"work_mem\"; SELECT on table \"s\".\"t\"");
}

static void objects_with_other_privileges_have_a_statement_of_their_own(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    PrivilegeSet set = {0};
    add(arena, &set, table("c"), SQL_INSERT);
    add(arena, &set, table("b"), SQL_SELECT);
    add(arena, &set, table("d"), SQL_SELECT);
    add(arena, &set, table("a"), SQL_INSERT);
    StringList grants = pg_privilege_set_grants(arena, &set, "x", false);
    assert_int_equal(grants.count, 2);
    assert_string_equal(grants.items[0], "GRANT SELECT ON TABLE \"s\".\"b\", \"s\".\"d\" TO \"x\"");
    assert_string_equal(grants.items[1], "GRANT INSERT ON TABLE \"s\".\"a\", \"s\".\"c\" TO \"x\"");
}

static void sets_are_equal_when_all_is(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    PrivilegeSet sets[4] = {{0}};
    add(arena, &sets[0], table("a"), SQL_SELECT);
    add(arena, &sets[1], table("a"), SQL_INSERT);
    add(arena, &sets[2], table("b"), SQL_SELECT);
    for (size_t i = 0; i < COUNT_OF(sets); i++)
        for (size_t j = 0; j < COUNT_OF(sets); j++)
            assert_int_equal(pg_privilege_set_equal(&sets[i], &sets[j]), i == j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalising_sorts_and_merges),
        cmocka_unit_test(minus_gives_what_is_more),
        cmocka_unit_test(role_names_differ_exactly_when_sets_do),
        cmocka_unit_test(names_that_join_to_the_same_text_differ),
        cmocka_unit_test(statements_group_objects_with_the_same_privileges),
        cmocka_unit_test(many_objects_make_several_statements),
        cmocka_unit_test(description_names_a_handful),
        cmocka_unit_test(description_of_few_names_all),
        cmocka_unit_test(objects_with_other_privileges_have_a_statement_of_their_own),
        cmocka_unit_test(sets_are_equal_when_all_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
